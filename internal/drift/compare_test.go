package drift_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"holdfast/internal/drift"
)

type obj = map[string]cty.Value

func s(v string) cty.Value { return cty.StringVal(v) }

func n(v int64) cty.Value { return cty.NumberIntVal(v) }

func list(vs ...cty.Value) cty.Value { return cty.ListVal(vs) }

func set(vs ...cty.Value) cty.Value { return cty.SetVal(vs) }

func tuple(vs ...cty.Value) cty.Value { return cty.TupleVal(vs) }

func object(vs obj) cty.Value { return cty.ObjectVal(vs) }

var (
	nothing   = cty.NullVal(cty.DynamicPseudoType)
	emptyList = cty.ListValEmpty(cty.String)
	emptySet  = cty.SetValEmpty(cty.String)
	emptyMap  = cty.MapValEmpty(cty.String)
)

func format(paths []cty.Path) []string {
	out := []string{}
	for _, path := range paths {
		out = append(out, drift.FormatPath(path))
	}
	return out
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		a, b cty.Value
		want []string
	}{
		{"nulls of different types", cty.NullVal(cty.String), cty.NullVal(cty.Number), nil},
		{"null and empty collections", object(obj{"l": cty.NullVal(cty.List(cty.String)), "m": nothing, "s": emptySet, "t": cty.EmptyTupleVal}), object(obj{"l": emptyList, "m": emptyMap, "s": nothing, "t": emptyList}), nil},
		{"null and an empty string", object(obj{"a": cty.NullVal(cty.String)}), object(obj{"a": s("")}), []string{"a"}},
		{"null and zero", object(obj{"a": cty.NullVal(cty.Number)}), object(obj{"a": n(0)}), []string{"a"}},
		{"null and false", object(obj{"a": cty.NullVal(cty.Bool)}), object(obj{"a": cty.False}), []string{"a"}},
		{"null and an object of nulls", object(obj{"a": nothing}), object(obj{"a": object(obj{"x": nothing})}), []string{"a"}},
		{"null and an object without attributes", object(obj{"a": nothing}), object(obj{"a": cty.EmptyObjectVal}), []string{"a"}},
		{"an empty map and an object without attributes", object(obj{"a": emptyMap}), object(obj{"a": cty.EmptyObjectVal}), []string{"a"}},
		{"a nested object, attribute by attribute", object(obj{"a": object(obj{"x": s("1"), "y": s("1"), "z": s("1")})}), object(obj{"a": object(obj{"x": s("1"), "y": s("2"), "z": s("3")})}), []string{"a.y", "a.z"}},

		{"a map, key by key", object(obj{"m": cty.MapVal(obj{"a": s("1"), "b": s("1"), "d": s("1")})}), object(obj{"m": cty.MapVal(obj{"a": s("1"), "b": s("2"), "c": s("1")})}), []string{`m["b"]`, `m["c"]`, `m["d"]`}},
		{"a map and none", object(obj{"m": cty.NullVal(cty.Map(cty.String))}), object(obj{"m": cty.MapVal(obj{"a": s("1"), "b": s("1")})}), []string{`m["a"]`, `m["b"]`}},
		{"a key with null and no such key", object(obj{"m": cty.MapVal(obj{"a": cty.NullVal(cty.String)})}), object(obj{"m": emptyMap}), []string{`m["a"]`}},
		{"a key with an empty list and no such key", object(obj{"m": cty.MapVal(obj{"a": emptyList})}), object(obj{"m": cty.NullVal(cty.Map(cty.List(cty.String)))}), []string{`m["a"]`}},
		{"a key with null and with an empty list", object(obj{"m": cty.MapVal(obj{"a": emptyList})}), object(obj{"m": cty.MapVal(obj{"a": cty.NullVal(cty.List(cty.String))})}), nil},
		{"a key with a list, and none: one path", object(obj{"m": cty.MapVal(obj{"a": list(s("1"), s("2"))})}), object(obj{"m": emptyMap}), []string{`m["a"]`}},

		{"a list, element by element", list(s("a"), s("b"), s("c")), list(s("a"), s("x"), s("y")), []string{"[1]", "[2]"}},
		{"a shorter list", list(s("a"), s("b"), s("c")), list(s("a")), []string{"[1]", "[2]"}},
		{"a longer list", cty.NullVal(cty.List(cty.String)), list(s("a")), []string{"[0]"}},
		{"a list shifted by one", list(s("a"), s("b")), list(s("b")), []string{"[0]", "[1]"}},
		{"a list that lost a null", list(s("a"), cty.NullVal(cty.String)), list(s("a")), []string{"[1]"}},
		{"a list of one null, and none", list(cty.NullVal(cty.String)), emptyList, []string{"[0]"}},
		{"a list that lost an empty list", list(emptyList, emptyList), list(emptyList), []string{"[1]"}},
		{"blocks without attributes, counted", list(cty.EmptyObjectVal, cty.EmptyObjectVal), list(cty.EmptyObjectVal), []string{"[1]"}},
		{"lists in lists", list(list(s("a")), list(s("b"))), list(list(s("a")), list(s("b"), s("c"))), []string{"[1][1]"}},
		{"objects in lists", list(object(obj{"x": s("1"), "y": s("1")})), list(object(obj{"x": s("1"), "y": s("2")})), []string{"[0].y"}},

		{"a set is a leaf", object(obj{"s": set(s("a"), s("b"))}), object(obj{"s": set(s("b"))}), []string{"s"}},
		{"sets of objects that differ in what is nothing", set(object(obj{"x": s("1"), "l": emptyList})), set(object(obj{"x": s("1"), "l": cty.NullVal(cty.List(cty.String))})), nil},
		{"sets of objects that differ deep down", object(obj{"s": set(object(obj{"x": list(object(obj{"y": n(1)}))}))}), object(obj{"s": set(object(obj{"x": list(object(obj{"y": n(2)}))}))}), []string{"s"}},
		{"sets of sets", set(set(s("a"), s("b")), set(s("c"))), set(set(s("c")), set(s("b"), s("a"))), nil},
		{"a set and a list are not the same", set(s("a")), list(s("a")), []string{""}},
		{"a set with a null in it, and none", object(obj{"s": set(cty.NullVal(cty.String))}), object(obj{"s": emptySet}), []string{"s"}},

		{"a tuple and a list", tuple(s("a"), s("b")), list(s("a"), s("b")), nil},
		{"a tuple and a list, one element apart", tuple(s("a"), s("b")), list(s("a"), s("c")), []string{"[1]"}},
		{"an object and a map", object(obj{"o": object(obj{"a": s("1")})}), object(obj{"o": cty.MapVal(obj{"a": s("1")})}), nil},
		{"an object and a map, as a whole", object(obj{"o": object(obj{"a": s("1")})}), object(obj{"o": cty.MapVal(obj{"a": s("2")})}), []string{"o"}},
		{"objects with different attributes", object(obj{"a": s("1"), "b": nothing}), object(obj{"a": s("1")}), []string{"b"}},
		{"a number and its digits", n(1), s("1"), []string{""}},
		{"true and its name", cty.True, s("true"), []string{""}},
		{"values of different shapes", object(obj{"a": list(s("1"))}), object(obj{"a": s("1")}), []string{"a"}},

		{"the same number, however it is written", cty.MustParseNumberVal("1.0"), cty.NumberFloatVal(1), nil},
		{"numbers that a float64 can't tell apart", cty.MustParseNumberVal("9007199254740993"), cty.MustParseNumberVal("9007199254740992"), []string{""}},
		{"numbers of very different precision", cty.MustParseNumberVal("0.1"), cty.NumberFloatVal(0.1), []string{""}},
		{"no negative zero", cty.MustParseNumberVal("-0"), n(0), nil},
		{"infinities", cty.PositiveInfinity, cty.NegativeInfinity, []string{""}},

		{"both unknown", cty.UnknownVal(cty.String), cty.DynamicVal, nil},
		{"unknown and null", object(obj{"a": cty.UnknownVal(cty.String)}), object(obj{"a": nothing}), []string{"a"}},
		{"unknown and an empty list", object(obj{"a": cty.UnknownVal(cty.List(cty.String))}), object(obj{"a": emptyList}), []string{"a"}},
		{"unknown inside a list", list(s("a"), cty.UnknownVal(cty.String)), list(s("a"), s("b")), []string{"[1]"}},
		{"unknown inside a set", set(s("a"), cty.UnknownVal(cty.String)), set(s("a"), s("b")), []string{""}},
		{"an unknown set", object(obj{"a": cty.UnknownVal(cty.Set(cty.String))}), object(obj{"a": set(s("a"))}), []string{"a"}},
		{"an unknown tuple", object(obj{"a": cty.UnknownVal(cty.Tuple([]cty.Type{cty.String}))}), object(obj{"a": tuple(s("a"))}), []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, pair := range [][2]cty.Value{{c.a, c.b}, {c.b, c.a}} {
				if got := format(drift.Diff(pair[0], pair[1])); !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q, for %#v and %#v", got, c.want, pair[0], pair[1])
				}
				if drift.Equal(pair[0], pair[1]) != (len(c.want) == 0) {
					t.Errorf("Equal disagrees for %#v and %#v", pair[0], pair[1])
				}
			}
		})
	}
}

func TestDiffPathsAreSortedByPosition(t *testing.T) {
	t.Parallel()
	var a []cty.Value
	for range 12 {
		a = append(a, s("x"))
	}
	got := format(drift.Diff(list(a...), list(s("x"))))
	want := []string{"[1]", "[2]", "[3]", "[4]", "[5]", "[6]", "[7]", "[8]", "[9]", "[10]", "[11]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestIsEmpty(t *testing.T) {
	t.Parallel()
	for _, v := range []cty.Value{nothing, cty.NullVal(cty.Set(cty.String)), emptyList, emptySet, emptyMap, cty.EmptyTupleVal} {
		if !drift.IsEmpty(v) {
			t.Errorf("%#v is nothing", v)
		}
	}
	for _, v := range []cty.Value{
		s(""), n(0), cty.False, cty.EmptyObjectVal, list(nothing), set(nothing), cty.DynamicVal,
		cty.UnknownVal(cty.List(cty.String)), cty.UnknownVal(cty.EmptyTuple),
	} {
		if drift.IsEmpty(v) {
			t.Errorf("%#v is something", v)
		}
	}
}

func TestValueAt(t *testing.T) {
	t.Parallel()
	v := object(obj{
		"o": object(obj{"x": s("1")}), "m": cty.MapVal(obj{"k": s("2"), "n": cty.NullVal(cty.String)}), "l": list(s("3")),
		"t": tuple(n(4), object(obj{"y": s("5")})), "s": set(s("6")), "u": cty.UnknownVal(cty.Map(cty.String)), "z": cty.NullVal(cty.List(cty.String)),
	})
	str, num := s, n
	for _, c := range []struct {
		path cty.Path
		want cty.Value
	}{
		{nil, v},
		{cty.GetAttrPath("o").GetAttr("x"), s("1")},
		{cty.GetAttrPath("o").Index(str("x")), s("1")},
		{cty.GetAttrPath("m").Index(str("k")), s("2")},
		{cty.GetAttrPath("l").Index(num(0)), s("3")},
		{cty.GetAttrPath("t").Index(num(1)).GetAttr("y"), s("5")},
		{cty.GetAttrPath("s").Index(str("6")), set(s("6"))},
		{cty.GetAttrPath("u").Index(str("k")), cty.UnknownVal(cty.Map(cty.String))},
		{cty.GetAttrPath("m").Index(str("n")), nothing},
		{cty.GetAttrPath("z"), nothing},
		{cty.GetAttrPath("z").Index(num(0)).GetAttr("x"), nothing},
		{cty.GetAttrPath("o").GetAttr("none"), nothing},
		{cty.GetAttrPath("o").Index(str("none")), nothing},
		{cty.GetAttrPath("o").GetAttr("x").GetAttr("none"), nothing},
		{cty.GetAttrPath("m").Index(str("none")), nothing},
		{cty.GetAttrPath("m").GetAttr("k"), nothing},
		{cty.GetAttrPath("l").Index(num(1)), nothing},
		{cty.GetAttrPath("l").Index(str("0")), nothing},
		{cty.GetAttrPath("l").Index(cty.NumberFloatVal(0.5)), nothing},
		{cty.GetAttrPath("l").Index(cty.DynamicVal), nothing},
		{cty.GetAttrPath("m").Index(num(0)), nothing},
	} {
		if got := drift.ValueAt(v, c.path); !got.RawEquals(c.want) {
			t.Errorf("%s: got %#v, want %#v", drift.FormatPath(c.path), got, c.want)
		}
	}
}

func TestFormatPath(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path cty.Path
		want string
	}{
		{nil, ""},
		{cty.GetAttrPath("memory_size"), "memory_size"},
		{cty.GetAttrPath("ttl").IndexInt(0).GetAttr("enabled"), "ttl[0].enabled"},
		{cty.GetAttrPath("tags").IndexString("owner"), `tags["owner"]`},
		{cty.GetAttrPath("tags").IndexString("a \"b\"\n${c}"), `tags["a \"b\"\n$${c}"]`},
		{cty.GetAttrPath("labels").GetAttr("app.kubernetes.io/name"), `labels["app.kubernetes.io/name"]`},
		{cty.GetAttrPath("two words"), `["two words"]`},
		{cty.IndexIntPath(3), "[3]"},
		{cty.GetAttrPath("set").Index(cty.EmptyObjectVal), "set[...]"},
		{cty.GetAttrPath("list").Index(cty.UnknownVal(cty.Number)), "list[...]"},
	} {
		if got := drift.FormatPath(c.path); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestRelated(t *testing.T) {
	t.Parallel()
	a := cty.GetAttrPath("a")
	for _, c := range []struct {
		a, b cty.Path
		want bool
	}{
		{a, a, true},
		{a, a.IndexInt(0), true},
		{a, a.IndexInt(0).GetAttr("x"), true},
		{nil, a, true},
		{a, cty.GetAttrPath("b"), false},
		{a, cty.GetAttrPath("ab"), false},
		{a.IndexInt(0), a.IndexInt(1), false},
		{a.IndexInt(0), a.IndexString("0"), false},
		{a.IndexInt(0).GetAttr("x"), a.IndexInt(0).GetAttr("y"), false},
	} {
		if drift.Related(c.a, c.b) != c.want || drift.Related(c.b, c.a) != c.want {
			t.Errorf("%s and %s: not %v", drift.FormatPath(c.a), drift.FormatPath(c.b), c.want)
		}
	}
}

// values draws values of every shape, small ones, so that many are equal.
func values() *rapid.Generator[cty.Value] {
	return rapid.Custom(func(t *rapid.T) cty.Value { return drawValue(t, rapid.IntRange(0, 3).Draw(t, "depth")) })
}

func drawValue(t *rapid.T, depth int) cty.Value {
	leaves := []cty.Value{
		nothing, cty.NullVal(cty.String), s(""), s("a"), n(0), n(1), cty.MustParseNumberVal("1e-30"), cty.True, cty.False,
		emptyList, emptySet, emptyMap, cty.EmptyTupleVal, cty.EmptyObjectVal, cty.DynamicVal, cty.UnknownVal(cty.List(cty.String)),
	}
	if depth == 0 {
		return rapid.SampledFrom(leaves).Draw(t, "leaf")
	}
	elems := []cty.Value{}
	for range rapid.IntRange(0, 3).Draw(t, "length") {
		elems = append(elems, drawValue(t, depth-1))
	}
	members := obj{}
	for i, elem := range elems {
		members[string(rune('a'+i))] = elem
	}
	alike := len(elems) > 0 && !slices.ContainsFunc(elems, func(v cty.Value) bool { return !v.Type().Equals(elems[0].Type()) })
	switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
	case kind == 0 && alike:
		return cty.ListVal(elems)
	case kind == 1 && alike:
		return cty.SetVal(elems)
	case kind == 2 && alike:
		return cty.MapVal(members)
	case kind == 3:
		return cty.ObjectVal(members)
	}
	return cty.TupleVal(elems)
}

func TestDiffLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := values().Draw(t, "a"), values().Draw(t, "b"), values().Draw(t, "c")
		if diff := drift.Diff(a, a); len(diff) > 0 {
			t.Fatalf("%#v differs from itself at %v", a, format(diff))
		}
		there, back := drift.Diff(a, b), drift.Diff(b, a)
		if !slices.Equal(format(there), format(back)) {
			t.Fatalf("%v one way and %v the other", format(there), format(back))
		}
		if drift.Equal(a, b) != (len(there) == 0) {
			t.Fatalf("Equal says %v, Diff finds %v", drift.Equal(a, b), format(there))
		}
		if drift.Equal(a, b) && drift.Equal(b, c) && !drift.Equal(a, c) {
			t.Fatalf("%#v = %#v = %#v, but not the first and the last", a, b, c)
		}
		checkPaths(t, a, b, there)
	})
}

// checkPaths: no path twice, none inside another, and what is at each differs,
// except where one side doesn't have the place at all.
func checkPaths(t *rapid.T, a, b cty.Value, paths []cty.Path) {
	t.Helper()
	for i, path := range paths {
		for _, other := range paths[:i] {
			if drift.Related(path, other) {
				t.Fatalf("%s and %s", drift.FormatPath(path), drift.FormatPath(other))
			}
		}
		va, vb := drift.ValueAt(a, path), drift.ValueAt(b, path)
		if drift.Equal(va, vb) && !drift.IsEmpty(va) {
			t.Fatalf("at %s both are %#v", drift.FormatPath(path), va)
		}
	}
}

// Equal values are equal in any disguise of type.
func TestEqualDisguised(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := values().Draw(t, "v")
		if disguised := disguise(t, v); !drift.Equal(v, disguised) || len(drift.Diff(v, disguised)) > 0 {
			t.Fatalf("%#v and %#v", v, disguised)
		}
	})
}

func disguise(t *rapid.T, v cty.Value) cty.Value {
	ty := v.Type()
	switch {
	case drift.IsEmpty(v):
		return rapid.SampledFrom([]cty.Value{nothing, emptyList, emptyMap, cty.EmptyTupleVal}).Draw(t, "nothing")
	case !v.IsKnown():
		return cty.DynamicVal
	case ty.IsListType(), ty.IsTupleType():
		elems := v.AsValueSlice()
		for i, elem := range elems {
			elems[i] = disguise(t, elem)
		}
		return cty.TupleVal(elems)
	case ty.IsMapType(), ty.IsObjectType():
		members := obj{}
		for _, name := range slices.Sorted(maps.Keys(v.AsValueMap())) {
			members[name] = disguise(t, v.AsValueMap()[name])
		}
		return cty.ObjectVal(members)
	}
	return v
}

// policies is what large values look like in practice: many rules in a set, each
// with nested collections.
func policies(count int) cty.Value {
	var rules []cty.Value
	for i := range count {
		rules = append(rules, object(obj{
			"description": s(strings.Repeat("rule ", 20) + fmt.Sprint(i)), "from_port": n(int64(i)), "to_port": n(int64(i)),
			"cidr_blocks": list(s("10.0.0.0/8"), s("192.168.0.0/16")), "self": cty.False, "security_groups": emptySet,
		}))
	}
	return object(obj{"rules": cty.SetVal(rules), "name": s("sg")})
}

func BenchmarkDiffEqual(b *testing.B) {
	one, other := policies(500), policies(500)
	for b.Loop() {
		if len(drift.Diff(one, other)) > 0 {
			b.Fatal("they are the same")
		}
	}
}

func BenchmarkDiffWideObject(b *testing.B) {
	wide := obj{}
	for i := range 300 {
		wide[fmt.Sprint("a", i)] = cty.MapVal(obj{"k": s("v"), "l": s("w")})
	}
	one, other := object(wide), object(wide)
	for b.Loop() {
		if len(drift.Diff(one, other)) > 0 {
			b.Fatal("they are the same")
		}
	}
}
