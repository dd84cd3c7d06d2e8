package funcs

import (
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var stringFunctions = map[string]function.Function{
	"chomp":       stdlib.ChompFunc,
	"endswith":    endsWith,
	"format":      stdlib.FormatFunc,
	"formatlist":  stdlib.FormatListFunc,
	"indent":      stdlib.IndentFunc,
	"join":        stdlib.JoinFunc,
	"lower":       stdlib.LowerFunc,
	"regex":       stdlib.RegexFunc,
	"regexall":    stdlib.RegexAllFunc,
	"replace":     replace,
	"split":       stdlib.SplitFunc,
	"startswith":  startsWith,
	"strcontains": strContains,
	"strrev":      stdlib.ReverseFunc,
	"substr":      stdlib.SubstrFunc,
	"title":       stdlib.TitleFunc,
	"trim":        stdlib.TrimFunc,
	"trimprefix":  stdlib.TrimPrefixFunc,
	"trimspace":   stdlib.TrimSpaceFunc,
	"trimsuffix":  stdlib.TrimSuffixFunc,
	"upper":       stdlib.UpperFunc,
}

var startsWith = define(cty.Bool, texts("str", "prefix"), func(args []cty.Value) (cty.Value, error) {
	return cty.BoolVal(strings.HasPrefix(args[0].AsString(), args[1].AsString())), nil
})

var endsWith = define(cty.Bool, texts("str", "suffix"), func(args []cty.Value) (cty.Value, error) {
	return cty.BoolVal(strings.HasSuffix(args[0].AsString(), args[1].AsString())), nil
})

var strContains = define(cty.Bool, texts("str", "substr"), func(args []cty.Value) (cty.Value, error) {
	return cty.BoolVal(strings.Contains(args[0].AsString(), args[1].AsString())), nil
})

// replace takes a substring between slashes for a regular expression, whose
// groups the replacement may name ($1, ${name}).
var replace = define(cty.String, texts("str", "substr", "replace"), func(args []cty.Value) (cty.Value, error) {
	text, old, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
	pattern, isPattern := betweenSlashes(old)
	if !isPattern {
		return cty.StringVal(strings.ReplaceAll(text, old, with)), nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return cty.NilVal, bad(1, "the text between the slashes is not a regular expression", "%s", err)
	}
	return cty.StringVal(re.ReplaceAllString(text, with)), nil
})

// betweenSlashes cuts "/x/" to "x"; a single slash has nothing between.
func betweenSlashes(s string) (string, bool) {
	if len(s) < 2 || s[0] != '/' || s[len(s)-1] != '/' {
		return "", false
	}
	return s[1 : len(s)-1], true
}
