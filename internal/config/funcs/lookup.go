package funcs

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// lookup gives the element or attribute of that key, else the default. Marks of
// the other elements stay behind.
var lookup = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "inputMap", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowMarked: true},
		{Name: "key", Type: cty.String, AllowUnknown: true, AllowMarked: true},
	},
	VarParam: &function.Parameter{
		Name: "default", Type: cty.DynamicPseudoType,
		AllowUnknown: true, AllowDynamicType: true, AllowNull: true, AllowMarked: true,
	},
	Type: function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args) > 3 {
			return cty.NilVal, bad(noArg, "it takes two or three arguments", "%d given", len(args))
		}
		from, fromMarks := args[0].Unmark()
		key, keyMarks := args[1].Unmark()
		v, err := lookupUnmarked(from, key, args[2:])
		if err != nil {
			return cty.NilVal, err
		}
		return v.WithMarks(fromMarks, keyMarks), nil
	},
})

func lookupUnmarked(from, key cty.Value, fallback []cty.Value) (cty.Value, error) {
	t := from.Type()
	if !t.IsMapType() && !t.IsObjectType() {
		return cty.NilVal, bad(0, "it must be a map or an object", "%s given", t.FriendlyName())
	}
	if t.IsMapType() && len(fallback) > 0 {
		converted, err := convert.Convert(fallback[0], t.ElementType())
		if err != nil {
			return cty.NilVal, bad(2, "it must have the type of the map's elements", "%s", err)
		}
		fallback = []cty.Value{converted}
	}
	if !key.IsKnown() || !from.IsKnown() {
		return lookupUnknown(t, key), nil
	}
	name := key.AsString()
	if t.IsObjectType() && t.HasAttribute(name) {
		return from.GetAttr(name), nil
	}
	if t.IsMapType() && from.HasIndex(key).True() {
		return from.Index(key), nil
	}
	if len(fallback) > 0 {
		return fallback[0], nil
	}
	return cty.NilVal, bad(1, "there is no such key, and no default is given", "%q", name)
}

// lookupUnknown is what can be said of the result while the key or the map is
// not known: at most its type.
func lookupUnknown(t cty.Type, key cty.Value) cty.Value {
	switch {
	case t.IsMapType():
		return cty.UnknownVal(t.ElementType())
	case key.IsKnown() && t.HasAttribute(key.AsString()):
		return cty.UnknownVal(t.AttributeType(key.AsString()))
	}
	return cty.DynamicVal
}

// matchKeys gives the values whose key, at the same position, is in searchset.
var matchKeys = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) {
		if t, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); t == cty.NilType {
			return cty.NilType, bad(2, "its elements must have the type of the keys", "")
		}
		return args[0].Type(), nil
	},
	RefineResult: notNull,
	Impl: func(args []cty.Value, result cty.Type) (cty.Value, error) {
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.NilVal, bad(1, "there must be as many keys as values", "%d and %d",
				args[1].LengthInt(), args[0].LengthInt())
		}
		common, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()})
		keys, err := convert.Convert(args[1], common)
		if err != nil {
			return cty.NilVal, bad(1, "its elements must have the type of the searchset", "%s", err)
		}
		wanted, err := convert.Convert(args[2], common)
		if err != nil {
			return cty.NilVal, bad(2, "its elements must have the type of the keys", "%s", err)
		}
		return selectByKey(args[0].AsValueSlice(), keys.AsValueSlice(), wanted.AsValueSlice(), result), nil
	},
})

// selectByKey is unknown as a whole as soon as one key can't be decided.
func selectByKey(values, keys, wanted []cty.Value, result cty.Type) cty.Value {
	var out []cty.Value
	for i, key := range keys {
		found := cty.False
		for _, w := range wanted {
			if found = found.Or(key.Equals(w)); found.IsKnown() && found.True() {
				break
			}
		}
		if !found.IsKnown() {
			return cty.UnknownVal(result)
		}
		if found.True() {
			out = append(out, values[i])
		}
	}
	if len(out) == 0 {
		return cty.ListValEmpty(result.ElementType())
	}
	return cty.ListVal(out)
}
