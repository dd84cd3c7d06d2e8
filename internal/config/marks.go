package config

import (
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"holdfast/internal/config/funcs"
)

// Sensitive marks values that must not be shown. Whoever gives values to the
// evaluator marks them with it, and finds it on what depends on them.
const Sensitive = funcs.Sensitive

// marked marks a value as its declaration asks for.
func marked(v cty.Value, sensitive, ephemeral bool) cty.Value {
	if sensitive {
		v = v.Mark(funcs.Sensitive)
	}
	if ephemeral {
		v = v.Mark(funcs.Ephemeral)
	}
	return v
}

// isSecret reports whether what is so marked must stay out of messages.
func isSecret(marks cty.ValueMarks) bool {
	_, sensitive := marks[funcs.Sensitive]
	_, ephemeral := marks[funcs.Ephemeral]
	return sensitive || ephemeral
}

// keepMarks does for a value what Inputs.KeepMarks asks for.
func (s *scope) keepMarks(v cty.Value, expr hclsyntax.Expression, ctx *hcl.EvalContext) cty.Value {
	if !s.eval.inputs.KeepMarks {
		return v
	}
	return inheritMarks(v, expr, ctx, func(v cty.Value, marks cty.ValueMarks) cty.Value {
		return v.WithMarks(openMarks(marks))
	})
}

// openMarks leaves out the marks that hide secrets.
func openMarks(marks cty.ValueMarks) cty.ValueMarks {
	open := maps.Clone(marks)
	delete(open, funcs.Sensitive)
	delete(open, funcs.Ephemeral)
	return open
}

// inheritMarks hands each part of an expression's value to put, with all marks
// of what that part of the expression refers to. With markUnknown, what is
// unknown gets them: HCL and the functions drop them here and there, and once it
// is known it may be sensitive.
func inheritMarks(v cty.Value, expr hclsyntax.Expression, ctx *hcl.EvalContext, put func(cty.Value, cty.ValueMarks) cty.Value) cty.Value {
	v, own := v.Unmark()
	switch expr := expr.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		if v.IsKnown() { // it is a value that was marked when it was made
			return v.WithMarks(own)
		}
	case *hclsyntax.TupleConsExpr:
		if elems := valuesOf(v); len(elems) == len(expr.Exprs) && len(elems) > 0 && v.Type().IsTupleType() {
			for i := range elems {
				elems[i] = inheritMarks(elems[i], expr.Exprs[i], ctx, put)
			}
			return cty.TupleVal(elems).WithMarks(own)
		}
	case *hclsyntax.ObjectConsExpr:
		if v.IsKnown() && !v.IsNull() && v.Type().IsObjectType() {
			elems := v.AsValueMap()
			for _, item := range expr.Items {
				key, _ := item.KeyExpr.Value(ctx)
				key, _ = key.Unmark()
				if elem, ok := elems[keyText(key)]; ok {
					elems[keyText(key)] = inheritMarks(elem, item.ValueExpr, ctx, put)
				}
			}
			return cty.ObjectVal(elems).WithMarks(own)
		}
	}
	return put(v, referenceMarks(expr, ctx)).WithMarks(own)
}

func valuesOf(v cty.Value) []cty.Value {
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return nil
	}
	return v.AsValueSlice()
}

func keyText(key cty.Value) string {
	text, err := convert.Convert(key, cty.String)
	if err != nil || !text.IsKnown() || text.IsNull() {
		return ""
	}
	return text.AsString()
}

// referenceMarks is every mark on and in what an expression refers to.
func referenceMarks(expr hclsyntax.Expression, ctx *hcl.EvalContext) cty.ValueMarks {
	marks := cty.ValueMarks{}
	for _, t := range expr.Variables() {
		v, ok := ctx.Variables[t.RootName()]
		for _, step := range t[1:] {
			next, diags := step.TraversalStep(v)
			if !ok || diags.HasErrors() {
				break
			}
			v = next
		}
		if ok {
			gather(v, marks)
		}
	}
	return marks
}

func gather(v cty.Value, into cty.ValueMarks) {
	v, marks := v.Unmark()
	maps.Copy(into, marks)
	if v.IsKnown() && !v.IsNull() && v.CanIterateElements() {
		for it := v.ElementIterator(); it.Next(); {
			_, elem := it.Element()
			gather(elem, into)
		}
	}
}

func markUnknown(v cty.Value, marks cty.ValueMarks) cty.Value {
	if len(marks) == 0 {
		return v
	}
	out, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if !v.IsKnown() {
			v = v.WithMarks(marks)
		}
		return v, nil
	})
	if err != nil {
		return cty.DynamicVal.WithMarks(marks)
	}
	return out
}
