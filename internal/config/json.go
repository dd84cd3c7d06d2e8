package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// native turns an expression of the JSON syntax into one of the native syntax,
// which is metered like any other. HCL itself would parse every string in it
// each time it looks at it, and can't have a marked value as a key.
func native(expr hcl.Expression) (hclsyntax.Expression, hcl.Diagnostics) {
	if already, ok := expr.(hclsyntax.Expression); ok {
		return already, nil
	}
	if elems, diags := hcl.ExprList(expr); !diags.HasErrors() {
		return nativeTuple(elems, expr.Range())
	}
	if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		return nativeObject(pairs, expr.Range())
	}
	v, diags := expr.Value(nil) // of a string its text, as it stands
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: expr.Range()}, diags
	}
	start := expr.Range().Start
	start.Byte++ // the quote
	start.Column++
	parsed, diags := hclsyntax.ParseTemplate([]byte(v.AsString()), expr.Range().Filename, start)
	if diags.HasErrors() {
		return nil, diags
	}
	prepare(parsed)
	return parsed, nil
}

func nativeTuple(elems []hcl.Expression, r hcl.Range) (hclsyntax.Expression, hcl.Diagnostics) {
	out := &hclsyntax.TupleConsExpr{SrcRange: r, OpenRange: r}
	for _, elem := range elems {
		inner, diags := native(elem)
		if diags.HasErrors() {
			return nil, diags
		}
		out.Exprs = append(out.Exprs, inner)
	}
	return out, nil
}

func nativeObject(pairs []hcl.KeyValuePair, r hcl.Range) (hclsyntax.Expression, hcl.Diagnostics) {
	out := &hclsyntax.ObjectConsExpr{SrcRange: r, OpenRange: r}
	for _, pair := range pairs {
		key, diags := native(pair.Key)
		if diags.HasErrors() {
			return nil, diags
		}
		value, diags := native(pair.Value)
		if diags.HasErrors() {
			return nil, diags
		}
		out.Items = append(out.Items, hclsyntax.ObjectConsItem{KeyExpr: key, ValueExpr: value})
	}
	return out, nil
}
