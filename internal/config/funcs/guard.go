package funcs

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// ErrLimit is in the chain of a call's error if the call failed because of what
// this package can't or won't do, where Terraform may well have succeeded.
var ErrLimit = errors.New("beyond what Holdfast evaluates")

// CallError is the error of every function. HCL puts the function's name and
// the position of the call before it.
type CallError struct {
	// Parameter is the name of the parameter at fault, or empty.
	Parameter string
	// Reason never holds a sensitive value.
	Reason string
	// Limit: see [ErrLimit].
	Limit bool
}

func (e *CallError) Error() string {
	if e.Parameter == "" {
		return e.Reason
	}
	return fmt.Sprintf("argument %q: %s", e.Parameter, e.Reason)
}

// Unwrap gives [ErrLimit] or nothing.
func (e *CallError) Unwrap() error {
	if e.Limit {
		return ErrLimit
	}
	return nil
}

// fault is how the functions of this package fail: cause holds nothing of any
// argument's value and is always shown; detail may, and is shown only if no
// argument is sensitive.
type fault struct {
	arg           int // index of the argument, or noArg
	cause, detail string
	limit         bool
}

const noArg = -1

func (f *fault) Error() string {
	if f.detail == "" {
		return f.cause
	}
	return f.cause + ": " + f.detail
}

// bad is a fault of one argument, whose detail is made as by fmt.Sprintf.
func bad(arg int, cause, detail string, a ...any) error {
	return &fault{arg: arg, cause: cause, detail: fmt.Sprintf(detail, a...)}
}

// beyond is a fault that is this package's limit.
func beyond(arg int, cause, detail string, a ...any) error {
	return &fault{arg: arg, cause: cause, detail: fmt.Sprintf(detail, a...), limit: true}
}

// guard gives f the manners that all functions of the table share: an unknown
// result carries every mark of the arguments, and errors are [CallError].
func guard(f function.Function) function.Function { return wrap(f, true) }

// guardKeepingMarks is guard for the functions whose business is marks.
func guardKeepingMarks(f function.Function) function.Function { return wrap(f, false) }

// wrap hands all arguments to f as they are. Its own return type is always
// dynamic, so that nothing is computed twice: cty asks a function's type before
// its value, and some (templatefile) can only know the one by the other.
func wrap(f function.Function, marksOnUnknown bool) function.Function {
	params, varParam := f.Params(), f.VarParam()
	for i := range params {
		params[i] = permissive(params[i])
	}
	if varParam != nil {
		*varParam = permissive(*varParam)
	}
	return function.New(&function.Spec{
		Description: f.Description(),
		Params:      params,
		VarParam:    varParam,
		Type:        function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			result, err := f.Call(args)
			if err != nil {
				return cty.DynamicVal, explain(err, f, args)
			}
			if marksOnUnknown && !result.IsKnown() {
				result = result.WithMarks(marksOf(args))
			}
			return result, nil
		},
	})
}

func permissive(p function.Parameter) function.Parameter {
	p.AllowNull, p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true, true
	return p
}

// marksOf is every mark in the arguments, at any depth.
func marksOf(args []cty.Value) cty.ValueMarks {
	all := make(cty.ValueMarks)
	for _, arg := range args {
		_, marks := arg.UnmarkDeep()
		for m := range marks {
			all[m] = struct{}{}
		}
	}
	return all
}

const panicReason = "the function can't deal with these arguments"

const withheld = "it is not acceptable (the reason could repeat a sensitive value, so it is not shown)"

// errors of cty's that say nothing of a value.
var harmless = map[string]bool{"argument must not be null": true}

// explain makes the error of a call out of what f failed with.
func explain(err error, f function.Function, args []cty.Value) error {
	if done, ok := errors.AsType[*CallError](err); ok {
		return done
	}
	secret := hasSecret(marksOf(args))
	out := &CallError{}

	var own *fault
	var arg function.ArgError
	var panicked function.PanicError
	switch {
	case errors.As(err, &own):
		out.Parameter, out.Limit = parameterName(f, own.arg), own.limit
		out.Reason = own.Error()
		if secret {
			out.Reason = own.cause
		}
		return out
	case errors.As(err, &panicked):
		if _, notANumber := panicked.Value.(big.ErrNaN); notANumber {
			out.Reason = "the result is not a number"
			return out
		}
		out.Limit = true
		out.Reason = panicReason
		return out
	case errors.As(err, &arg):
		out.Parameter = parameterName(f, arg.Index)
	case len(f.Params()) == 1 && f.VarParam() == nil:
		out.Parameter = f.Params()[0].Name
	}
	out.Reason = err.Error()
	if secret && !harmless[out.Reason] {
		out.Reason = withheld
	}
	return out
}

// parameterName is empty where there is no such parameter.
func parameterName(f function.Function, i int) string {
	params := f.Params()
	switch {
	case i < 0:
		return ""
	case i < len(params):
		return params[i].Name
	case f.VarParam() != nil:
		return f.VarParam().Name
	}
	return ""
}

// hasSecret says whether something so marked must stay out of messages.
func hasSecret(marks cty.ValueMarks) bool {
	_, sensitive := marks[Sensitive]
	_, ephemeral := marks[Ephemeral]
	return sensitive || ephemeral
}
