package funcs

import (
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

var conversionFunctions = map[string]function.Function{
	"convert":  convertTo,
	"tobool":   to(cty.Bool),
	"tolist":   to(cty.List(cty.DynamicPseudoType)),
	"tomap":    to(cty.Map(cty.DynamicPseudoType)),
	"tonumber": to(cty.Number),
	"toset":    to(cty.Set(cty.DynamicPseudoType)),
	"tostring": to(cty.String),
}

// to converts to a type, or to a kind of collection whose element type is the
// one that the elements have in common. Null stays null.
func to(want cty.Type) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anything("v")},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := convert.Convert(args[0], want)
			if err == nil {
				return v, nil
			}
			cause := "a " + args[0].Type().FriendlyName() + " can't be converted to " + want.FriendlyNameForConstraint()
			switch {
			case convert.GetConversionUnsafe(args[0].Type(), want) == nil:
				cause += ", whatever its value"
			case want == cty.Bool:
				cause += ` unless it is "true" or "false"`
			case want == cty.Number:
				cause += " unless it is a number in decimal notation"
			}
			return cty.NilVal, bad(0, cause, "%s", err)
		},
	})
}

// convertTo is convert(value, TYPE), with TYPE as in a variable's declaration,
// optional attributes and their defaults included.
var convertTo = function.New(&function.Spec{
	Params: []function.Parameter{
		anything("value"),
		{Name: "type", Type: customdecode.ExpressionClosureType},
	},
	Type: function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		closure := customdecode.ExpressionClosureFromVal(args[1])
		want, defaults, diags := typeexpr.TypeConstraintWithDefaults(closure.Expression)
		if diags.HasErrors() {
			return cty.NilVal, bad(1, "it is not a type", "%s", diags)
		}
		v := args[0]
		if defaults != nil && !v.IsNull() {
			v = defaults.Apply(v)
		}
		v, err := convert.Convert(v, want)
		if err != nil {
			return cty.NilVal, bad(0, "it can't be converted to that type", "%s", err)
		}
		return v, nil
	},
})
