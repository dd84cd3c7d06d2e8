package funcs

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// TestMarksStayWithTheirElements: where Terraform marks only what is secret.
func TestMarksStayWithTheirElements(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct {
		call      string
		sensitive bool // the result itself
		inside    bool // something in it
	}{
		{`merge({ a = secret }, { b = 1 })`, false, true},
		{`merge({ a = secret }, { b = 1 }).b`, false, false},
		{`merge(sensitive({ a = 1 }), { b = 1 })`, true, true},
		{`lookup({ a = secret, b = 1 }, "b", 0)`, false, false},
		{`lookup({ a = secret, b = 1 }, "a", 0)`, true, true},
		{`lookup({ b = 1 }, secret, 0)`, true, true},
		{`lookup({ b = 1 }, "c", secret)`, true, true},
		{`keys({ a = secret })`, false, false},
		{`values({ a = secret, b = 1 })`, false, true},
		{`values({ a = secret, b = 1 })[1]`, false, false},
		{`zipmap(["a", "b"], [secret, 1]).b`, false, false},
		{`concat([secret], [1])[1]`, false, false},
		{`flatten([[secret], [1]])[1]`, false, false},
		{`reverse([secret, 1])[0]`, false, false},
		{`reverse(sensitive([1]))`, true, true},
		{`element([secret, 1], 1)`, false, false},
		{`slice([secret, 1], 1, 2)`, false, false},
		{`tolist([secret, "x"])[1]`, false, false},
		{`toset([secret, "x"])`, true, true},
		{`length([secret])`, false, false},
		{`length(sensitive([1]))`, true, true},
		{`length(secret)`, true, true},
		{`jsonencode({ a = secret })`, true, true},
		{`coalesce("x", secret)`, true, true},
		{`convert({ a = secret, b = "1" }, map(string))["b"]`, false, false},
		{`nonsensitive([secret])`, false, true},
		{`file(sensitive("hello.txt"))`, true, true},
		{`templatefile("greeting.tmpl", { name = "x", other = secret })`, true, true},
		{`can(secret)`, false, false},
		{`try(secret, 1)`, true, true},
		{`try([1][2], secret)`, true, true},
		{`try(tonumber(secret), 1)`, false, false},
	} {
		v, diags := s.eval(t, c.call, exampleVariables)
		if diags.HasErrors() {
			t.Errorf("%s: %s", c.call, messages(diags))
		} else if v.HasMark(Sensitive) != c.sensitive || v.HasMarkDeep(Sensitive) != c.inside {
			t.Errorf("%s: %#v", c.call, v)
		}
	}
}

// TestTryKeepsWhatDecided: the fallback is taken because of the value that the
// failed expression refers to, so that value's foreign marks come along.
func TestTryKeepsWhatDecided(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	stale := property{"read long ago"}
	vars := map[string]cty.Value{
		"data": cty.ObjectVal(map[string]cty.Value{
			"a": cty.StringVal("x").Mark(stale), "b": cty.StringVal("y"),
			"c": cty.EmptyObjectVal.Mark(stale),
			"d": cty.UnknownVal(cty.String).Mark(stale),
		}),
	}
	for call, want := range map[string]bool{
		`try(tonumber(data.a), 1)`:       true,
		`try(tonumber(data.b), 1)`:       false,
		`try(data.c.none, 1)`:            true,
		`try(data.none, 1)`:              false,
		`try(tonumber(data["a"]), 1)`:    true,
		`try(data.d, 1)`:                 true,
		`try(provider::x::y(data.a), 1)`: true,
		`can(tonumber(data.a))`:          true,
		`can(tonumber(data.b))`:          false,
		`can(data.a)`:                    true,
		`can(data.d)`:                    true,
		`issensitive(data.a)`:            true,
		`nonsensitive(data.a)`:           true,
	} {
		v, diags := s.eval(t, call, vars)
		if diags.HasErrors() {
			t.Errorf("%s: %s", call, messages(diags))
		} else if v.HasMarkDeep(stale) != want {
			t.Errorf("%s: %#v", call, v)
		}
	}
}

// TestErrorsSaySo: the function, the argument and the reason, through HCL.
func TestErrorsSaySo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for call, want := range map[string]string{
		`file("none.txt")`:             `Call to function "file" failed: argument "path": no such file`,
		`upper(null)`:                  `Call to function "upper" failed: argument "str": argument must not be null.`,
		`sum(["x"])`:                   `Call to function "sum" failed: argument "list": an element of it is not a number.`,
		`cidrhost("10.0.0.0/8", 0.5)`:  `Call to function "cidrhost" failed: argument "hostnum": it must be a whole number.`,
		`cidrsubnets("10.0.0.0/8", 0)`: `Call to function "cidrsubnets" failed: argument "newbits": it must be`,
		`tonumber(secret)`:             `Call to function "tonumber" failed: argument "v": a string can't be converted to number unless it is a number in decimal notation.`,
		`jsondecode(secret)`:           `Call to function "jsondecode" failed: argument "str": ` + withheld + `.`,
		`upper(sensitive(null))`:       `argument must not be null`,
		`lookup({}, secret)`:           `Call to function "lookup" failed: argument "key": there is no such key, and no default is given.`,
		`try(tonumber(secret))`:        `no expression succeeded: Error in function call (at expression:`,
	} {
		_, diags := s.eval(t, call, exampleVariables)
		if !strings.Contains(messages(diags), want) {
			t.Errorf("%s: %s\nlacks %s", call, messages(diags), want)
		}
	}
}

// TestCallError: callers find it, and ErrLimit, through HCL's diagnostics.
func TestCallError(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for call, limit := range map[string]bool{`fileset(".", "[!a]")`: true, `file("none")`: false} {
		_, diags := s.eval(t, call, nil)
		extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diags[0])
		var err *CallError
		if !ok || !errors.As(extra.FunctionCallError(), &err) || err.Parameter == "" || err.Reason == "" {
			t.Fatalf("%s: %#v", call, diags[0])
		}
		if errors.Is(err, ErrLimit) != limit || err.Limit != limit {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// TestEphemeralAsNull keeps the type, and other marks.
func TestEphemeralAsNull(t *testing.T) {
	t.Parallel()
	f := All(Options{})["ephemeralasnull"]
	for _, c := range []struct{ in, want cty.Value }{
		{cty.StringVal("x").WithMarks(cty.NewValueMarks(Ephemeral, Sensitive)), cty.NullVal(cty.String).Mark(Sensitive)},
		{cty.UnknownVal(cty.String).RefineNotNull().Mark(Ephemeral), cty.UnknownVal(cty.String)},
		{cty.ListVal([]cty.Value{cty.StringVal("x").Mark(Ephemeral), cty.StringVal("y")}), cty.ListVal([]cty.Value{cty.NullVal(cty.String), cty.StringVal("y")})},
		{cty.SetVal([]cty.Value{cty.StringVal("x").Mark(Ephemeral)}), cty.NullVal(cty.Set(cty.String))},
		{cty.NullVal(cty.DynamicPseudoType), cty.NullVal(cty.DynamicPseudoType)},
	} {
		if got, err := f.Call([]cty.Value{c.in}); err != nil || !got.RawEquals(c.want) {
			t.Errorf("%#v: %#v, %v", c.in, got, err)
		}
	}
}
