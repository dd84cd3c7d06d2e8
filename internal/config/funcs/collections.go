package funcs

import (
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var collectionFunctions = map[string]function.Function{
	"alltrue":         allTrue,
	"anytrue":         anyTrue,
	"chunklist":       stdlib.ChunklistFunc,
	"coalesce":        coalesce,
	"coalescelist":    stdlib.CoalesceListFunc,
	"compact":         stdlib.CompactFunc,
	"concat":          stdlib.ConcatFunc,
	"contains":        stdlib.ContainsFunc,
	"distinct":        stdlib.DistinctFunc,
	"element":         stdlib.ElementFunc,
	"flatten":         stdlib.FlattenFunc,
	"index":           index,
	"keys":            stdlib.KeysFunc,
	"length":          length,
	"list":            removed("list", "tolist([ ... ])"),
	"lookup":          lookup,
	"map":             removed("map", "tomap({ ... })"),
	"matchkeys":       matchKeys,
	"merge":           stdlib.MergeFunc,
	"one":             one,
	"range":           stdlib.RangeFunc,
	"reverse":         reverse,
	"setintersection": stdlib.SetIntersectionFunc,
	"setproduct":      stdlib.SetProductFunc,
	"setsubtract":     stdlib.SetSubtractFunc,
	"setunion":        stdlib.SetUnionFunc,
	"slice":           stdlib.SliceFunc,
	"sort":            stdlib.SortFunc,
	"transpose":       transpose,
	"values":          stdlib.ValuesFunc,
	"zipmap":          stdlib.ZipmapFunc,
}

// length counts elements, attributes or, in a string, what readers take for
// characters. Elements may be unknown or marked: they don't count.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{
		Name: "value", Type: cty.DynamicPseudoType,
		AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	}},
	Type:         function.StaticReturnType(cty.Number),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		t := v.Type()
		switch {
		case t == cty.DynamicPseudoType:
			return cty.UnknownVal(cty.Number).WithMarks(marks), nil
		case t == cty.String:
			n, err := stdlib.Strlen(v)
			return n.WithMarks(marks), err
		case t.IsTupleType():
			return cty.NumberIntVal(int64(len(t.TupleElementTypes()))).WithMarks(marks), nil
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))).WithMarks(marks), nil
		case t.IsCollectionType():
			return v.Length().WithMarks(marks), nil
		}
		return cty.NilVal, bad(0, "it must be a string, a collection or an object", "%s given", t.FriendlyName())
	},
})

// truths are the elements of a list of bool, sorted by what they say.
type truths struct{ yes, no, null, unknown int }

func count(list cty.Value) truths {
	var n truths
	for _, v := range list.Elements() {
		switch {
		case !v.IsKnown():
			n.unknown++
		case v.IsNull():
			n.null++
		case v.True():
			n.yes++
		default:
			n.no++
		}
	}
	return n
}

var boolList = []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}}

// allTrue takes null for false.
var allTrue = define(cty.Bool, boolList, func(args []cty.Value) (cty.Value, error) {
	n := count(args[0])
	if n.no+n.null == 0 && n.unknown > 0 {
		return cty.UnknownVal(cty.Bool), nil
	}
	return cty.BoolVal(n.no+n.null == 0), nil
})

var anyTrue = define(cty.Bool, boolList, func(args []cty.Value) (cty.Value, error) {
	n := count(args[0])
	if n.yes == 0 && n.unknown > 0 {
		return cty.UnknownVal(cty.Bool), nil
	}
	return cty.BoolVal(n.yes > 0), nil
})

// coalesce gives the first argument that is neither null nor the empty string,
// in the type that all have in common.
var coalesce = function.New(&function.Spec{
	VarParam: &function.Parameter{
		Name: "vals", Type: cty.DynamicPseudoType,
		AllowUnknown: true, AllowDynamicType: true, AllowNull: true,
	},
	Type:         function.StaticReturnType(cty.DynamicPseudoType),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		common, sure := commonType(args)
		switch {
		case common == cty.NilType:
			return cty.NilVal, bad(noArg, "the arguments have no common type", "")
		case !sure:
			return cty.DynamicVal, nil
		}
		for i, arg := range args {
			if arg.IsKnown() && arg.IsNull() {
				continue
			}
			v, err := convert.Convert(arg, common)
			switch {
			case err != nil:
				return cty.NilVal, bad(i, "it can't be converted to the common type of the arguments", "%s", err)
			case !v.IsKnown():
				return cty.UnknownVal(common), nil
			case common == cty.String && v.AsString() == "":
				continue
			}
			return v, nil
		}
		return cty.NilVal, bad(noArg, "every argument is null or an empty string", "")
	},
})

// commonType is what all arguments convert to, or NilType. It is not sure while
// an argument's type is unknown, which could widen it; but nothing widens string.
func commonType(args []cty.Value) (common cty.Type, sure bool) {
	sure = true
	var types []cty.Type
	for _, v := range args {
		if v.Type().HasDynamicTypes() && !v.IsWhollyKnown() {
			sure = false
			continue
		}
		types = append(types, v.Type())
	}
	if len(types) == 0 {
		if sure { // there are no arguments
			return cty.NilType, true
		}
		return cty.DynamicPseudoType, false
	}
	common, _ = convert.UnifyUnsafe(types)
	return common, sure || common == cty.String
}

var listAndValue = []function.Parameter{
	{Name: "list", Type: cty.DynamicPseudoType},
	{Name: "value", Type: cty.DynamicPseudoType},
}

// index gives the position of the first element that equals value.
var index = define(cty.Number, listAndValue, func(args []cty.Value) (cty.Value, error) {
	list, wanted := args[0], args[1]
	if t := list.Type(); !t.IsListType() && !t.IsTupleType() {
		return cty.NilVal, bad(0, "it must be a list or a tuple", "%s given", t.FriendlyName())
	}
	for i, v := range list.Elements() {
		same := v.Equals(wanted)
		if !same.IsKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		if same.True() {
			return i, nil
		}
	}
	return cty.NilVal, bad(1, "the list has no such element", "")
})

// one gives the only element, or null if there is none.
var one = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, t := args[0], args[0].Type()
		wrong := bad(0, "it must be a list, set or tuple of no or one element", "%s given", t.FriendlyName())
		element := cty.DynamicPseudoType
		switch {
		case t.IsListType() || t.IsSetType():
			element = t.ElementType()
		case !t.IsTupleType():
			return cty.NilVal, wrong
		}
		n := v.Length()
		if !n.IsKnown() {
			return cty.UnknownVal(element), nil
		}
		switch v.LengthInt() {
		case 0:
			return cty.NullVal(element), nil
		case 1:
			return v.AsValueSlice()[0], nil
		}
		return cty.NilVal, wrong
	},
})

// reverse is cty's, except that a set with unknown elements, some of which may
// turn out to be the same one, has no known length.
var reverse = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType, AllowMarked: true}},
	Type:   function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if v, marks := args[0].Unmark(); v.Type().IsSetType() && !v.IsWhollyKnown() {
			return cty.UnknownVal(cty.List(v.Type().ElementType())).WithMarks(marks), nil
		}
		return stdlib.ReverseListFunc.Call(args)
	},
})

var mapOfLists = []function.Parameter{{Name: "values", Type: cty.Map(cty.List(cty.String))}}

// transpose makes keys of the strings in the lists, and lists of the keys.
var transpose = define(cty.Map(cty.List(cty.String)), mapOfLists, func(args []cty.Value) (cty.Value, error) {
	in := args[0]
	if !in.IsWhollyKnown() {
		return cty.UnknownVal(in.Type()), nil
	}
	byString := map[string][]string{}
	for key, list := range in.Elements() {
		if list.IsNull() {
			return cty.NilVal, bad(0, "a list in it is null", "%q", key.AsString())
		}
		for _, s := range list.Elements() {
			if s.IsNull() {
				return cty.NilVal, bad(0, "a string in it is null", "%q", key.AsString())
			}
			byString[s.AsString()] = append(byString[s.AsString()], key.AsString())
		}
	}
	if len(byString) == 0 {
		return cty.MapValEmpty(cty.List(cty.String)), nil
	}
	out := make(map[string]cty.Value, len(byString))
	for s, keys := range byString {
		slices.Sort(keys)
		out[s] = stringList(keys)
	}
	return cty.MapVal(out), nil
})

// stringList is a cty list of strings.
func stringList(in []string) cty.Value {
	if len(in) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	out := make([]cty.Value, len(in))
	for i, s := range in {
		out[i] = cty.StringVal(s)
	}
	return cty.ListVal(out)
}

// removed stands for a function that Terraform no longer has.
func removed(name, instead string) function.Function {
	rest := anything("vals")
	return function.New(&function.Spec{
		VarParam: &rest,
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.NilType, bad(noArg, "Terraform 0.15 removed "+name+"(); write "+instead+" instead", "")
		},
	})
}
