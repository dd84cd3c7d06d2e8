package funcs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// try gives the first expression that succeeds.
//
// It is unknown if an expression before it might have succeeded where the
// configuration was applied: because it has unknown parts, or because it failed
// for a reason that is ours alone (see [ErrLimit]).
var try = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args) == 0 {
			return cty.NilVal, bad(noArg, "it takes at least one expression", "")
		}
		failed := make(cty.ValueMarks) // of what decided that an expression failed
		var why []string
		for _, arg := range args {
			closure := customdecode.ExpressionClosureFromVal(arg)
			v, marks, diags := attempt(closure)
			if !diags.HasErrors() {
				return v.WithMarks(failed), nil
			}
			for m := range without(marks, Sensitive, Ephemeral) {
				failed[m] = struct{}{}
			}
			why = append(why, reasons(diags, hasSecret(marks))...)
		}
		return cty.NilVal, bad(noArg, "no expression succeeded", "%s", strings.Join(why, "; "))
	},
})

// can says whether the expression succeeds. As in Terraform, that is no secret
// even if the value is: only the marks that are not ours stay on the answer.
var can = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "expression", Type: customdecode.ExpressionClosureType}},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks, diags := attempt(customdecode.ExpressionClosureFromVal(args[0]))
		answer := cty.BoolVal(!diags.HasErrors())
		if !diags.HasErrors() && !v.IsWhollyKnown() {
			answer = cty.UnknownVal(cty.Bool).RefineNotNull()
		}
		return answer.WithMarks(without(marks, Sensitive, Ephemeral)), nil
	},
})

// attempt evaluates an expression. The value is wholly known, or it is unknown
// as a whole: a part that is still unknown can yet make the expression fail. The
// marks are those of the value, or of what the failed expression refers to.
func attempt(closure *customdecode.ExpressionClosure) (cty.Value, cty.ValueMarks, hcl.Diagnostics) {
	expr, ctx := closure.Expression, closure.EvalContext
	v, diags := closure.Value()
	if diags.HasErrors() {
		marks := referenceMarks(expr, ctx)
		if isOurLimit(diags) || refersToNothing(expr, ctx) {
			return cty.DynamicVal.WithMarks(marks), marks, nil
		}
		return cty.NilVal, marks, diags
	}
	marks := marksOf([]cty.Value{v})
	if !v.IsWhollyKnown() {
		v = cty.DynamicVal.WithMarks(marks)
	}
	return v, marks, nil
}

// isOurLimit finds an error that Terraform need not have had.
func isOurLimit(diags hcl.Diagnostics) bool {
	for _, diag := range diags {
		if unknown, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](diag); ok &&
			strings.HasPrefix(unknown.CalledFunctionNamespace(), "provider::") {
			return true
		}
		if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag); ok &&
			errors.Is(call.FunctionCallError(), ErrLimit) {
			return true
		}
	}
	return false
}

// refersToNothing says whether the expression names something that the context
// lacks. Terraform checks names beforehand, so that its try never sees this: it
// means that the evaluator could not provide it.
func refersToNothing(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, traversal := range expr.Variables() {
		if _, ok := variable(ctx, traversal.RootName()); !ok {
			return true
		}
	}
	return false
}

// referenceMarks is every mark on the way to, and in, what the expression
// refers to.
func referenceMarks(expr hcl.Expression, ctx *hcl.EvalContext) cty.ValueMarks {
	var seen []cty.Value
	for _, traversal := range expr.Variables() {
		v, ok := variable(ctx, traversal.RootName())
		for _, step := range traversal[1:] {
			if !ok {
				break
			}
			marks := v.Marks()
			seen = append(seen, cty.DynamicVal.WithMarks(marks))
			next, diags := step.TraversalStep(v)
			if diags.HasErrors() {
				ok = false
				break
			}
			v = next
		}
		if ok {
			seen = append(seen, v)
		}
	}
	return marksOf(seen)
}

// variable finds a name in a context or those around it.
func variable(ctx *hcl.EvalContext, name string) (cty.Value, bool) {
	for ; ctx != nil; ctx = ctx.Parent() {
		if v, ok := ctx.Variables[name]; ok {
			return v, true
		}
	}
	return cty.NilVal, false
}

// reasons is a line for each error; without its detail, which may quote values,
// if something that the expression refers to is secret.
func reasons(diags hcl.Diagnostics, secret bool) []string {
	var out []string
	for _, diag := range diags {
		if diag.Severity != hcl.DiagError {
			continue
		}
		line := diag.Summary
		if !secret {
			line = fmt.Sprintf("%s: %s", line, diag.Detail)
		}
		if diag.Subject != nil {
			line = fmt.Sprintf("%s (at %s)", line, diag.Subject)
		}
		out = append(out, line)
	}
	return out
}
