package funcs

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// markFunctions keep, add and drop marks themselves.
var markFunctions = map[string]function.Function{
	"can":             can,
	"ephemeralasnull": ephemeralAsNull,
	"issensitive":     isSensitive,
	"nonsensitive":    nonsensitive,
	"sensitive":       sensitive,
	"try":             try,
}

// ofMarks makes a function of one argument that is passed as it is.
func ofMarks(impl func(v cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anything("value")},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return impl(args[0]) },
	})
}

var sensitive = ofMarks(func(v cty.Value) (cty.Value, error) {
	return v.Mark(Sensitive), nil
})

// nonsensitive takes the mark off the value itself, not off what is inside it.
var nonsensitive = ofMarks(func(v cty.Value) (cty.Value, error) {
	v, marks := v.Unmark()
	return v.WithMarks(without(marks, Sensitive)), nil
})

// isSensitive asks of the value itself, not of what is inside it. An unknown
// value may turn out sensitive. The answer is no secret, so it isn't marked as
// one; other marks stay.
var isSensitive = ofMarks(func(v cty.Value) (cty.Value, error) {
	answer := cty.BoolVal(v.HasMark(Sensitive))
	if !v.IsKnown() && !v.HasMark(Sensitive) {
		answer = cty.UnknownVal(cty.Bool).RefineNotNull()
	}
	return answer.WithMarks(without(v.Marks(), Sensitive, Ephemeral)), nil
})

// ephemeralAsNull replaces what is marked ephemeral, at any depth.
var ephemeralAsNull = ofMarks(func(v cty.Value) (cty.Value, error) {
	return cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if !v.HasMark(Ephemeral) {
			return v, nil
		}
		rest := without(v.Marks(), Ephemeral)
		if !v.IsKnown() { // of what type the null will be is not known either
			return cty.UnknownVal(v.Type()).WithMarks(rest), nil
		}
		return cty.NullVal(v.Type()).WithMarks(rest), nil
	})
})

// without is a copy of marks that lacks some.
func without(marks cty.ValueMarks, drop ...mark) cty.ValueMarks {
	rest := make(cty.ValueMarks)
	for m := range marks {
		rest[m] = struct{}{}
	}
	for _, m := range drop {
		delete(rest, m)
	}
	return rest
}
