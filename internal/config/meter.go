package config

import (
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Limits on what is evaluated, in units of a value or 16 bytes of text. A few
// lines of source can ask for more than any machine has; what is over a limit
// is unknown, and said.
const (
	maxValue      = 2 << 20  // of one value
	maxExpression = 2 << 20  // of the loops of one expression
	maxTotal      = 32 << 20 // of everything that one evaluator is asked for
	maxValueDepth = 1000     // values inside values
	maxInstances  = 100_000  // count
	maxChain      = 2000     // references to references
)

// meter counts what the loops of an expression make.
type meter struct {
	left  int
	total *int // left for the evaluator
}

// spend takes n from what is left; false when that is too much.
func (m *meter) spend(n int) bool {
	m.left -= n
	*m.total -= n
	return m.left >= 0 && *m.total >= 0
}

func (m *meter) exceeded() bool { return m.left < 0 || *m.total < 0 }

var meterType = cty.Capsule("meter", reflect.TypeFor[meter]())

// meterName is where an evaluation context has its meter; no name of HCL's.
const meterName = "(meter)"

func meterOf(ctx *hcl.EvalContext) *meter {
	for ; ctx != nil; ctx = ctx.Parent() {
		if v, ok := ctx.Variables[meterName]; ok {
			m, _ := v.EncapsulatedValue().(*meter)
			return m
		}
	}
	return nil
}

// metered is an expression inside a loop. It is unknown once the meter of its
// context has run out. It wraps parentheses, for HCL looks at what is inside
// the node that it wraps and not at that node.
type metered struct{ *hclsyntax.ParenthesesExpr }

func (e metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	m := meterOf(ctx)
	if m == nil {
		return e.ParenthesesExpr.Value(ctx)
	}
	if !m.spend(1) {
		return cty.DynamicVal, nil
	}
	v, diags := e.ParenthesesExpr.Value(ctx)
	if n, fits := size(v, m.left); !m.spend(n) || !fits {
		return cty.DynamicVal, diags
	}
	return v, diags
}

// settled is a collection that is about to be iterated over. A set with unknown
// elements is unknown as a whole: they may be equal to others, and come before
// them, so that neither the number nor the order of its elements is certain.
type settled struct{ *hclsyntax.ParenthesesExpr }

func (e settled) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := e.ParenthesesExpr.Value(ctx)
	return settle(v), diags
}

func settle(v cty.Value) cty.Value {
	plain, marks := v.Unmark()
	if plain.Type().IsSetType() && plain.IsKnown() && !plain.IsNull() && !plain.Length().IsKnown() {
		return cty.DynamicVal.WithMarks(marks)
	}
	return v
}

// prepare puts a meter into every for expression below a node, and settles the
// collections that are iterated over.
func prepare(node hclsyntax.Node) {
	_ = hclsyntax.VisitAll(node, func(node hclsyntax.Node) hcl.Diagnostics {
		switch node := node.(type) {
		case *hclsyntax.ForExpr:
			node.KeyExpr, node.ValExpr, node.CondExpr = withMeter(node.KeyExpr), withMeter(node.ValExpr), withMeter(node.CondExpr)
			node.CollExpr = settled{inParentheses(node.CollExpr)}
		case *hclsyntax.SplatExpr:
			node.Source = settled{inParentheses(node.Source)}
		case *hclsyntax.FunctionCallExpr:
			if last := len(node.Args) - 1; node.ExpandFinal && last >= 0 {
				node.Args[last] = settled{inParentheses(node.Args[last])}
			}
		}
		return nil
	})
}

func withMeter(expr hclsyntax.Expression) hclsyntax.Expression {
	if expr == nil {
		return nil
	}
	return metered{inParentheses(expr)}
}

func inParentheses(expr hclsyntax.Expression) *hclsyntax.ParenthesesExpr {
	return &hclsyntax.ParenthesesExpr{Expression: expr, SrcRange: expr.Range()}
}

// size is how large a value is, counted up to a limit, and whether it is
// within that limit and not too deep.
func size(v cty.Value, limit int) (int, bool) {
	n := 0
	fits := grow(v, limit, 0, &n)
	return n, fits
}

func grow(v cty.Value, limit, depth int, n *int) bool {
	v, _ = v.Unmark()
	*n++
	switch {
	case *n > limit || depth > maxValueDepth:
		return false
	case !v.IsKnown() || v.IsNull():
		return true
	case v.Type() == cty.String:
		*n += len(v.AsString()) / 16
		return *n <= limit
	case !v.CanIterateElements():
		return true
	}
	for it := v.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		if !grow(elem, limit, depth+1, n) {
			return false
		}
	}
	return true
}
