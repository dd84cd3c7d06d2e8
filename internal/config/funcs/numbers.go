package funcs

import (
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"github.com/zclconf/go-cty/cty/gocty"
)

var numberFunctions = map[string]function.Function{
	"abs":      stdlib.AbsoluteFunc,
	"ceil":     stdlib.CeilFunc,
	"floor":    stdlib.FloorFunc,
	"log":      stdlib.LogFunc,
	"max":      stdlib.MaxFunc,
	"min":      stdlib.MinFunc,
	"parseint": stdlib.ParseIntFunc,
	"pow":      stdlib.PowFunc,
	"signum":   stdlib.SignumFunc,
	"sum":      sum,
}

var listOfAny = []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}}

// sum adds the elements, which may be strings that are numbers.
var sum = define(cty.Number, listOfAny, func(args []cty.Value) (cty.Value, error) {
	in, t := args[0], args[0].Type()
	if !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
		return cty.NilVal, bad(0, "it must be a list, set or tuple of numbers", "%s given", t.FriendlyName())
	}
	if !in.IsWhollyKnown() {
		return cty.UnknownVal(cty.Number), nil
	}
	if in.LengthInt() == 0 {
		return cty.NilVal, bad(0, "it has no elements to add", "")
	}
	total := cty.Zero
	for _, v := range in.Elements() {
		n, err := convert.Convert(v, cty.Number)
		if err != nil || n.IsNull() {
			return cty.NilVal, bad(0, "an element of it is not a number", "")
		}
		total = total.Add(n)
	}
	return total, nil
})

// whole reads an argument that must be a whole number of any size.
func whole(args []cty.Value, i int) (*big.Int, error) {
	var n *big.Int
	if err := gocty.FromCtyValue(args[i], &n); err != nil {
		return nil, bad(i, "it must be a whole number", "")
	}
	return n, nil
}

// small reads an argument that must be a whole number fitting an int.
func small(args []cty.Value, i int) (int, error) {
	var n int
	if err := gocty.FromCtyValue(args[i], &n); err != nil {
		return 0, bad(i, "it must be a whole number of moderate size", "")
	}
	return n, nil
}
