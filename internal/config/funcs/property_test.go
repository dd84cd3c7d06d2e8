package funcs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/ctymarks"
)

// samples are arguments for each function such that the result depends on every
// one of them. An argument that begins with "=" stands as it is in the call; the
// others are evaluated first, and passed by name.
var samples = map[string][]string{
	"abs": {`-1`}, "abspath": {`"x"`}, "alltrue": {`[true]`}, "anytrue": {`[false]`},
	"base64decode": {`"aGk="`}, "base64encode": {`"x"`}, "base64gunzip": {`"H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA"`},
	"base64gzip": {`"x"`}, "base64sha256": {`"x"`}, "base64sha512": {`"x"`}, "basename": {`"a/b"`},
	"bcrypt": {`"x"`, `4`}, "can": {`"x"`}, "ceil": {`1.5`}, "chomp": {`"x\n"`}, "chunklist": {`["a", "b"]`, `1`},
	"cidrcontains": {`"10.0.0.0/8"`, `"10.0.0.1"`}, "cidrhost": {`"10.0.0.0/8"`, `1`}, "cidrnetmask": {`"10.0.0.0/8"`},
	"cidrsubnet": {`"10.0.0.0/8"`, `8`, `1`}, "cidrsubnets": {`"10.0.0.0/8"`, `8`, `8`},
	"coalesce": {`""`, `"b"`}, "coalescelist": {`tolist([])`, `tolist(["a"])`}, "compact": {`["a", ""]`},
	"concat": {`tolist(["a"])`, `tolist(["b"])`}, "contains": {`["a", "b"]`, `"b"`}, "convert": {`["1"]`, `=list(number)`},
	"csvdecode": {`"a\n1"`}, "dirname": {`"a/b"`}, "distinct": {`["a", "a"]`}, "element": {`tolist(["a", "b"])`, `1`},
	"endswith": {`"ab"`, `"b"`}, "ephemeralasnull": {`"x"`}, "file": {`"hello.txt"`}, "filebase64": {`"hello.txt"`},
	"filebase64sha256": {`"hello.txt"`}, "filebase64sha512": {`"hello.txt"`}, "fileexists": {`"hello.txt"`},
	"filemd5": {`"hello.txt"`}, "fileset": {`"sub"`, `"*"`}, "filesha1": {`"hello.txt"`}, "filesha256": {`"hello.txt"`},
	"filesha512": {`"hello.txt"`}, "flatten": {`[["a"], ["b"]]`}, "floor": {`1.5`}, "format": {`"%s"`, `"x"`},
	"formatdate": {`"YYYY"`, `"2018-01-02T23:12:01Z"`}, "formatlist": {`"%s"`, `["x", "y"]`}, "indent": {`2`, `"a\nb"`},
	"index": {`["a", "b"]`, `"b"`}, "issensitive": {`"x"`}, "join": {`","`, `["a", "b"]`}, "jsondecode": {`"[1]"`},
	"jsonencode": {`{ a = 1 }`}, "keys": {`tomap({ a = 1 })`}, "length": {`tolist(["a"])`}, "log": {`16`, `2`},
	"lookup": {`{ a = "x" }`, `"b"`, `"d"`}, "lower": {`"X"`}, "matchkeys": {`["a", "b"]`, `["1", "2"]`, `["2"]`},
	"max": {`1`, `2`}, "md5": {`"x"`}, "merge": {`tomap({ a = "1" })`, `tomap({ b = "2" })`}, "min": {`1`, `2`},
	"nonsensitive": {`"x"`}, "one": {`["a"]`}, "parseint": {`"10"`, `2`}, "pathexpand": {`"~/x"`}, "pow": {`2`, `3`},
	"range": {`1`, `5`, `2`}, "regex": {`"a+"`, `"baa"`}, "regexall": {`"a"`, `"baa"`}, "replace": {`"abc"`, `"b"`, `"x"`},
	"reverse": {`["a", "b"]`}, "rsadecrypt": {`filebase64("cipher.bin")`, `file("key.pem")`}, "sensitive": {`"x"`},
	"setintersection": {`["a", "b"]`, `["b"]`}, "setproduct": {`["a", "b"]`, `["c"]`}, "setsubtract": {`["a", "b"]`, `["b"]`},
	"setunion": {`["a"]`, `["b"]`}, "sha1": {`"x"`}, "sha256": {`"x"`}, "sha512": {`"x"`}, "signum": {`-2`},
	"slice": {`tolist(["a", "b", "c"])`, `1`, `2`}, "sort": {`["b", "a"]`}, "split": {`","`, `"a,b"`},
	"startswith": {`"ab"`, `"a"`}, "strcontains": {`"ab"`, `"b"`}, "strrev": {`"ab"`}, "substr": {`"abc"`, `1`, `1`},
	"sum": {`[1, 2]`}, "templatefile": {`"greeting.tmpl"`, `{ name = "x" }`}, "templatestring": {`"Hi $${name}"`, `{ name = "x" }`},
	"textdecodebase64": {`"eA=="`, `"UTF-8"`}, "textencodebase64": {`"x"`, `"UTF-8"`}, "timeadd": {`"2017-11-22T00:00:00Z"`, `"1h"`},
	"timecmp": {`"2017-11-22T00:00:00Z"`, `"2018-11-22T00:00:00Z"`}, "title": {`"a b"`}, "tobool": {`"true"`},
	"tolist": {`["a", "b"]`}, "tomap": {`{ a = "x" }`}, "tonumber": {`"1"`}, "toset": {`["a", "b"]`}, "tostring": {`1`},
	"transpose": {`{ a = ["x", "y"] }`}, "trim": {`"xax"`, `"x"`}, "trimprefix": {`"xa"`, `"x"`}, "trimspace": {`" a "`},
	"trimsuffix": {`"ax"`, `"x"`}, "try": {`"x"`}, "upper": {`"x"`}, "urldecode": {`"a+b"`}, "urlencode": {`"a b"`},
	"uuidv5": {`"dns"`, `"x"`}, "values": {`{ a = "x", b = 2 }`}, "yamldecode": {`"a: 1"`}, "yamlencode": {`{ a = 1 }`},
	"zipmap": {`["a", "b"]`, `["x", "y"]`},
}

// withoutSample are the functions that take nothing, or nothing any more.
var withoutSample = []string{"list", "map", "plantimestamp", "timestamp", "uuid"}

// property is a mark that means nothing to this package.
type property struct{ name string }

// provenance is a mark of the kind that cty carries more carefully.
type provenance struct {
	ctymarks.ProvenanceMark
	name string
}

// call is a sample as an expression and the values of its variables.
type call struct {
	name, src string
	vars      map[string]cty.Value
}

func (s *stage) call(t *testing.T, name string) call {
	t.Helper()
	c := call{name: name, vars: map[string]cty.Value{}}
	var args []string
	for i, src := range samples[name] {
		if literal, ok := strings.CutPrefix(src, "="); ok {
			args = append(args, literal)
			continue
		}
		v, diags := s.eval(t, src, nil)
		if diags.HasErrors() {
			t.Fatalf("%s: %s", src, diags)
		}
		variable := fmt.Sprintf("a%d", i)
		c.vars[variable] = v
		args = append(args, variable)
	}
	c.src = name + "(" + strings.Join(args, ", ") + ")"
	return c
}

// with is the variables with one replaced.
func (c call) with(variable string, v cty.Value) map[string]cty.Value {
	vars := maps.Clone(c.vars)
	vars[variable] = v
	return vars
}

func forEverySample(t *testing.T, check func(t *testing.T, s *stage, c call, variable string)) {
	t.Parallel()
	s := newStage(t)
	for name := range All(Options{}) {
		if _, ok := samples[name]; !ok && !strings.HasPrefix(name, CoreNamespace) && !slices.Contains(withoutSample, name) {
			t.Errorf("no sample of %s", name)
		}
	}
	for _, name := range sortedKeys(samples) {
		c := s.call(t, name)
		for _, variable := range sortedKeys(c.vars) {
			t.Run(name+"/"+variable, func(t *testing.T) { check(t, s, c, variable) })
		}
	}
}

// TestUnknownArgument: each argument unknown makes the result unknown, whatever
// is known of its type, and a mark on it stays.
func TestUnknownArgument(t *testing.T) {
	mark := property{"p"}
	forEverySample(t, func(t *testing.T, s *stage, c call, variable string) {
		argType := c.vars[variable].Type()
		whole, diags := s.eval(t, c.src, c.vars)
		if diags.HasErrors() {
			t.Fatal(messages(diags))
		}
		for _, unknown := range []cty.Value{
			cty.DynamicVal, cty.UnknownVal(argType), cty.UnknownVal(argType).RefineNotNull(),
		} {
			v, diags := s.eval(t, c.src, c.with(variable, unknown))
			if diags.HasErrors() {
				t.Errorf("%#v: %s", unknown, messages(diags))
			} else if v.IsWhollyKnown() || !holds(v, whole) {
				t.Errorf("%#v gives %#v; known, it gives %#v", unknown, v, whole)
			}
			v, diags = s.eval(t, c.src, c.with(variable, unknown.Mark(mark)))
			if diags.HasErrors() {
				t.Errorf("%#v, marked: %s", unknown, messages(diags))
			} else if !v.HasMarkDeep(mark) {
				t.Errorf("%#v, marked, gives unmarked %#v", unknown, v)
			}
		}
	})
}

// TestMarkedArgument: marks of any kind on an argument, or inside it, are on the
// result or inside it, even while another argument is unknown.
func TestMarkedArgument(t *testing.T) {
	forEverySample(t, func(t *testing.T, s *stage, c call, variable string) {
		for _, m := range []any{Sensitive, Ephemeral, property{"p"}, provenance{name: "q"}} {
			if drops(c.name, m) {
				continue
			}
			check := func(what string, vars map[string]cty.Value) {
				t.Helper()
				v, diags := s.eval(t, c.src, vars)
				if diags.HasErrors() {
					t.Errorf("%s %#v: %s", what, m, messages(diags))
				} else if !v.HasMarkDeep(m) {
					t.Errorf("%s %#v: the result %#v lacks it", what, m, v)
				}
			}
			marked := c.vars[variable].Mark(m)
			check("marked", c.with(variable, marked))
			if inside := markLeaves(t, c.vars[variable], m); inside.HasMarkDeep(m) && !dropsInside[c.name] {
				check("marked inside", c.with(variable, inside))
			}
			for other := range c.vars {
				if other != variable {
					vars := c.with(variable, marked)
					vars[other] = cty.DynamicVal
					check("beside an unknown, marked", vars)
				}
			}
		}
	})
}

// drops says which function takes which mark off, as it should.
func drops(function string, m any) bool {
	switch function {
	case "nonsensitive":
		return m == Sensitive
	case "ephemeralasnull":
		return m == Ephemeral
	case "issensitive", "can":
		return m == Sensitive || m == Ephemeral
	}
	return false
}

// dropsInside: what is inside the argument is not in the result.
var dropsInside = map[string]bool{
	"length": true, "keys": true, // the values don't matter
	"lookup": true, "element": true, "slice": true, // those not chosen don't
	"issensitive": true,
}

func markLeaves(t *testing.T, v cty.Value, m any) cty.Value {
	t.Helper()
	marked, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if v.Type().IsPrimitiveType() {
			return v.Mark(m), nil
		}
		return v, nil
	})
	must(t, err)
	return marked
}

// TestPartlyUnknown: with one part of an argument unknown, what the result says
// is true of the result with that part known.
func TestPartlyUnknown(t *testing.T) {
	forEverySample(t, func(t *testing.T, s *stage, c call, variable string) {
		whole, diags := s.eval(t, c.src, c.vars)
		if diags.HasErrors() {
			t.Fatal(messages(diags))
		}
		for _, path := range leaves(t, c.vars[variable]) {
			for _, typed := range []bool{true, false} {
				part := withUnknown(t, c.vars[variable], path, typed)
				if part == cty.NilVal {
					continue
				}
				v, diags := s.eval(t, c.src, c.with(variable, part))
				if diags.HasErrors() {
					t.Errorf("%#v: %s", part, messages(diags))
				} else if !holds(v, whole) {
					t.Errorf("%#v gives %#v, but known it gives %#v", part, v, whole)
				}
			}
		}
	})
}

// leaves are the paths of all primitive values in lists, maps, tuples and objects.
func leaves(t *testing.T, v cty.Value) []cty.Path {
	t.Helper()
	var out []cty.Path
	must(t, cty.Walk(v, func(p cty.Path, v cty.Value) (bool, error) {
		if v.Type().IsPrimitiveType() && len(p) > 0 {
			out = append(out, p.Copy())
		}
		return !v.Type().IsSetType(), nil
	}))
	return out
}

// withUnknown makes the value at path unknown, of its type or of any. It gives
// NilVal where a value of any type can't be.
func withUnknown(t *testing.T, v cty.Value, path cty.Path, typed bool) cty.Value {
	t.Helper()
	if !typed && !v.Type().IsTupleType() && !v.Type().IsObjectType() {
		return cty.NilVal
	}
	out, err := cty.Transform(v, func(p cty.Path, v cty.Value) (cty.Value, error) {
		switch {
		case !p.Equals(path):
			return v, nil
		case typed:
			return cty.UnknownVal(v.Type()), nil
		}
		return cty.DynamicVal, nil
	})
	must(t, err)
	return out
}

// holds says whether everything known in partial is so in full. Types may differ
// as conversion makes them: while one element is of unknown type, cty takes the
// others' for the type of all.
func holds(partial, full cty.Value) bool {
	partial, _ = partial.UnmarkDeep()
	full, _ = full.UnmarkDeep()
	sameType := partial.Type().Equals(full.Type())
	switch {
	case !full.IsKnown(): // uuid() and the like
		return true
	case !partial.IsKnown():
		return !sameType || inRange(partial, full)
	case partial.IsNull() || full.IsNull():
		return partial.IsNull() && full.IsNull()
	case partial.Type().IsPrimitiveType():
		a, errA := convert.Convert(partial, cty.String)
		b, errB := convert.Convert(full, cty.String)
		return errA == nil && errB == nil && a.RawEquals(b)
	case partial.Type().IsSetType():
		return !sameType || inRange(partial.Length(), full.Length())
	case !full.CanIterateElements() || partial.LengthInt() != full.LengthInt():
		return false
	}
	parts, wholes := partial.AsValueSlice(), full.AsValueSlice()
	for i := range parts {
		if !holds(parts[i], wholes[i]) {
			return false
		}
	}
	return true
}

// inRange says whether an unknown value may turn out as v.
func inRange(unknown, v cty.Value) bool {
	if unknown.IsKnown() || !v.IsKnown() {
		return !v.IsKnown() || unknown.RawEquals(v)
	}
	if v.Type() == cty.Number && !v.IsNull() && v.AsBigFloat().IsInf() {
		return true // cty takes no range to include it
	}
	included := unknown.Range().Includes(v)
	return !included.IsKnown() || included.True()
}

// TestNoErrorTellsASecret puts a sensitive value where it doesn't fit, in every
// place of every function.
func TestNoErrorTellsASecret(t *testing.T) {
	const secret, number = "Xyzzy-Plugh %", 987654321.25
	text, n := cty.StringVal(secret).Mark(Sensitive), cty.NumberFloatVal(number).Mark(Sensitive)
	forEverySample(t, func(t *testing.T, s *stage, c call, variable string) {
		for _, v := range []cty.Value{
			text, n, cty.TupleVal([]cty.Value{text}), cty.TupleVal([]cty.Value{n}), cty.ListVal([]cty.Value{text, text}),
			cty.ObjectVal(map[string]cty.Value{"a": text, "name": text}),
			cty.MapVal(map[string]cty.Value{secret: cty.StringVal(secret)}).Mark(Sensitive),
			cty.StringVal("{\"" + secret + "\": " + secret).Mark(Ephemeral),
			cty.StringVal(secret + "," + secret + "\n1").Mark(Sensitive),
			cty.StringVal("${" + secret + "}").Mark(Sensitive), cty.StringVal("/(" + secret + "/").Mark(Sensitive),
			cty.StringVal("(" + secret).Mark(Sensitive), cty.StringVal("%" + secret).Mark(Sensitive),
			cty.StringVal("[!" + secret).Mark(Sensitive), cty.StringVal("~" + secret).Mark(Sensitive),
		} {
			for _, src := range []string{c.src, "try(" + c.src + ")", "tonumber(" + c.src + ")", "{}[" + c.src + "]"} {
				_, diags := s.eval(t, src, c.with(variable, v))
				for _, part := range []string{"Xyzzy", "Plugh", "987654321"} {
					if diags.HasErrors() && strings.Contains(messages(diags), part) {
						t.Errorf("%s with %#v: %s", src, v, messages(diags))
					}
				}
			}
		}
	})
}
