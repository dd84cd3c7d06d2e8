package funcs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// fuzzVariables are what random expressions refer to.
var fuzzVariables = map[string]cty.Value{
	"s":  cty.StringVal("a,b"),
	"n":  cty.NumberIntVal(2),
	"b":  cty.True,
	"l":  cty.ListVal([]cty.Value{cty.StringVal("x"), cty.StringVal("y")}),
	"t":  cty.TupleVal([]cty.Value{cty.StringVal("x"), cty.NumberIntVal(1), cty.EmptyTupleVal}),
	"m":  cty.MapVal(map[string]cty.Value{"a": cty.StringVal("x"), "k": cty.StringVal("y")}),
	"o":  cty.ObjectVal(map[string]cty.Value{"a": cty.NumberIntVal(1), "name": cty.StringVal("x")}),
	"z":  cty.NullVal(cty.String),
	"se": cty.SetVal([]cty.Value{cty.StringVal("x"), cty.StringVal("y")}),
}

var fuzzLeaves = append(slices.Clone(sortedKeys(fuzzVariables)),
	`""`, `"x"`, `"a"`, `"1"`, `"%s %d"`, `"[a-z]+"`, `"/x(.)/"`, `"10.0.0.0/8"`, `"fd00::/64"`, `"2017-11-22T00:00:00Z"`, `"1h"`,
	`"hello.txt"`, `"greeting.tmpl"`, `"sub"`, `"**"`, `"*.txt"`, `"UTF-8"`, `"eA=="`, `"{\"a\":[1]}"`, `"a,b\n1,2"`, `"é👾"`,
	`0`, `1`, `-1`, `2.5`, `10`, `true`, `false`, `null`, `[]`, `{}`, `["b", "a", "b"]`, `[1, 2]`, `[[1], ["a"]]`, `{ a = 1, b = "x" }`, `[null]`)

// writer makes an expression of bytes: each byte decides one choice.
type writer struct {
	choices []byte
	names   []string
}

func (w *writer) pick(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	c := w.choices[0]
	w.choices = w.choices[1:]
	return int(c) % n
}

func (w *writer) expr(depth int) string {
	kind := w.pick(8)
	switch {
	case depth == 0 || kind < 2 || len(w.choices) == 0:
		return fuzzLeaves[w.pick(len(fuzzLeaves))]
	case kind == 2:
		return fmt.Sprintf("[%s, %s]", w.expr(depth-1), w.expr(depth-1))
	case kind == 3:
		return fmt.Sprintf("{ a = %s, k = %s }", w.expr(depth-1), w.expr(depth-1))
	}
	name := w.names[(w.pick(256)<<8|w.pick(256))%len(w.names)]
	if strings.HasSuffix(name, "setproduct") {
		depth = 1 // a product of products has no bounds
	}
	args := make([]string, w.pick(4))
	for i := range args {
		args[i] = w.expr(depth - 1)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// FuzzExpressions evaluates random expressions of all functions. None panics;
// and with one variable unknown, of a known type, what the result says holds
// for the result with that variable known. (Not so coalescelist, which asks for
// lists only once it knows: can(coalescelist([1], true)).)
func FuzzExpressions(f *testing.F) {
	for _, seed := range []string{"", "\x04\x00\x01\x02", "\x07\x00\x55\x03\x01\x02\x03\x04\x05\x06\x07\x08", strings.Repeat("\x06\x00\x2a\x03\x05\x01", 12)} {
		f.Add([]byte(seed))
	}
	s := newStage(f)
	names := sortedKeys(s.ctx.Functions)
	f.Fuzz(func(t *testing.T, choices []byte) {
		w := &writer{choices: choices, names: names}
		src := w.expr(4)
		expr, diags := hclsyntax.ParseExpression([]byte(src), "fuzz", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatalf("%s: %s", src, diags)
		}
		evaluate := func(vars map[string]cty.Value) (cty.Value, hcl.Diagnostics) {
			ctx := s.ctx.NewChild()
			ctx.Variables = vars
			v, diags := expr.Value(ctx)
			noPanic(t, src, diags)
			return v, diags
		}
		full, diags := evaluate(fuzzVariables)
		if diags.HasErrors() || strings.Contains(src, "coalescelist") {
			return
		}
		for name, v := range fuzzVariables {
			vars := maps.Clone(fuzzVariables)
			vars[name] = cty.UnknownVal(v.Type())
			partial, diags := evaluate(vars)
			if !diags.HasErrors() && !holds(partial, full) {
				t.Errorf("%s: with %s unknown it gives %#v, else %#v", src, name, partial, full)
			}
		}
	})
}

// fromLibrary are the functions that are cty's own. Some of them panic, for
// Terraform too: indent(-1, "a"), merge(null, 2).
var fromLibrary = strings.Fields(`abs ceil chomp chunklist coalescelist compact concat contains csvdecode distinct
	element flatten floor format formatdate formatlist indent join jsondecode jsonencode keys log lower max merge
	min parseint pow range regex regexall reverse setintersection setproduct setsubtract setunion signum slice sort
	split strrev substr timeadd title trim trimprefix trimspace trimsuffix upper values yamldecode yamlencode zipmap`)

// noPanic fails if a function of ours panicked: cty turns that into an error.
func noPanic(t *testing.T, src string, diags hcl.Diagnostics) {
	t.Helper()
	for _, diag := range diags {
		call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag)
		if !ok || call.FunctionCallError() == nil {
			continue
		}
		name := strings.TrimPrefix(call.CalledFunctionName(), CoreNamespace)
		if strings.Contains(call.FunctionCallError().Error(), panicReason) && !slices.Contains(fromLibrary, name) {
			t.Errorf("%s: %s panics", src, name)
		}
	}
}
