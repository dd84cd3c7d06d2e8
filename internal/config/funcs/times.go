package funcs

import (
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var timeFunctions = map[string]function.Function{
	"formatdate":    stdlib.FormatDateFunc,
	"plantimestamp": unrepeatable(nil, nil),
	"timeadd":       stdlib.TimeAddFunc,
	"timecmp":       timeCmp,
	"timestamp":     unrepeatable(nil, nil),
}

// timeCmp is -1, 0 or 1 as the first time is before, at or after the second.
var timeCmp = define(cty.Number, texts("timestamp_a", "timestamp_b"), func(args []cty.Value) (cty.Value, error) {
	var t [2]time.Time
	for i := range t {
		var err error
		if t[i], err = time.Parse(time.RFC3339, args[i].AsString()); err != nil {
			return cty.NilVal, bad(i, "it must be a time as in RFC 3339, such as 2006-01-02T15:04:05Z", "%q given", args[i].AsString())
		}
	}
	return cty.NumberIntVal(int64(t[0].Compare(t[1]))), nil
})

// unrepeatable stands for a function that gives another string every time: what
// was applied can't be had again, so the result is unknown.
func unrepeatable(params []function.Parameter, rest *function.Parameter) function.Function {
	return function.New(&function.Spec{
		Params:       params,
		VarParam:     rest,
		Type:         function.StaticReturnType(cty.String),
		RefineResult: notNull,
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			return cty.UnknownVal(cty.String), nil
		},
	})
}
