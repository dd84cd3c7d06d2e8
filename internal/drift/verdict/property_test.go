package verdict_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
)

// Whether schemas have sets of objects in them. Some laws hold without alone:
// elements that differ in computed values are one element of a configuration.
const withSets, withoutSets = true, false

// property checks a law for random schemas.
func property(t *testing.T, sets bool, law func(t *rapid.T, b *schema.Block)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) { law(t, randomBlock(t, sets)) })
}

func conforms(t *rapid.T, b *schema.Block, v cty.Value) {
	t.Helper()
	if errs := v.Type().TestConformance(b.ImpliedType()); len(errs) > 0 {
		t.Fatalf("%#v does not conform to the schema: %v", v, errs)
	}
}

func same(t *rapid.T, got, want cty.Value) {
	t.Helper()
	if !got.RawEquals(want) {
		t.Fatalf("differs at %v\ngot  %#v\nwant %#v", formatPaths(drift.Diff(got, want)), got, want)
	}
}

// setting makes the configuration that sets all of a value that can be set.
func setting(b *schema.Block, v cty.Value) cty.Value {
	config, _ := verdict.Rebuild(b, v, v, cty.DynamicVal)
	return config
}

func TestRebuildConforms(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		applied, live := randomObject(t, b), randomObject(t, b)
		source := randomSource(t, b, setting(b, randomObject(t, b)), true)
		config, _ := verdict.Rebuild(b, applied, live, source)
		conforms(t, b, config)
		if !config.IsWhollyKnown() {
			t.Fatalf("unknown values in %#v", config)
		}
	})
}

// What was rebuilt from the source that says the same is that configuration.
func TestRebuildFromItself(t *testing.T) {
	t.Parallel()
	property(t, withoutSets, func(t *rapid.T, b *schema.Block) {
		applied, live := randomObject(t, b), randomObject(t, b)
		config := setting(b, applied)
		again, doubts := verdict.Rebuild(b, applied, live, randomSource(t, b, config, false))
		same(t, again, config)
		if len(doubts) > 0 {
			t.Fatalf("doubts: %v", formatPaths(doubts))
		}
	})
}

// A source that sets nothing leaves only what nobody but a configuration can
// have set.
func TestRebuildFromNothing(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		applied := randomObject(t, b)
		config, _ := verdict.Rebuild(b, applied, applied, b.Empty())
		for name, attr := range b.Attributes {
			got, was := config.GetAttr(name), applied.GetAttr(name)
			if attr.Computed && !got.IsNull() {
				t.Fatalf("%s is computed and not set, but is %#v", name, got)
			}
			if !attr.Computed && attr.Nested == nil && !drift.Equal(got, was) {
				t.Fatalf("%s was %#v, and is %#v", name, was, got)
			}
		}
		for name, nested := range b.Blocks {
			if got := config.GetAttr(name); nested.Nesting != schema.Group && !got.RawEquals(nested.None()) {
				t.Fatalf("block %s is not in the source, but is %#v", name, got)
			}
		}
	})
}

func TestConformIsTheWayBack(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		config := setting(b, randomObject(t, b))
		got, ok := verdict.Conform(b, randomSource(t, b, config, false))
		if !ok {
			t.Fatal("a known source was refused")
		}
		conforms(t, b, got)
		same(t, got, config)
		source := randomSource(t, b, config, true)
		if _, ok := verdict.Conform(b, source); ok != source.IsWhollyKnown() {
			t.Fatalf("%v for %#v", ok, source)
		}
	})
}

func TestProposeConforms(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		prior, config := randomObject(t, b), setting(b, randomObject(t, b))
		conforms(t, b, verdict.Propose(b, prior, config))
		conforms(t, b, verdict.Propose(b, cty.NullVal(b.ImpliedType()), config))
		raw := randomRaw(t, b)
		conforms(t, b, verdict.Propose(b, raw, config))
	})
}

// A configuration that says what is there proposes no change.
func TestProposeNoChange(t *testing.T) {
	t.Parallel()
	property(t, withoutSets, func(t *rapid.T, b *schema.Block) {
		prior := randomObject(t, b)
		config := setting(b, prior)
		proposed := verdict.Propose(b, prior, config)
		same(t, proposed, prior)
		same(t, verdict.Propose(b, proposed, config), proposed)
	})
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		raw := randomRaw(t, b)
		got := b.Normalize(raw)
		conforms(t, b, got)
		same(t, b.Normalize(got), got)
		if noNullBlocks(b, got) != "" {
			t.Fatalf("%s is null in %#v", noNullBlocks(b, got), got)
		}
		object := randomObject(t, b)
		same(t, b.Normalize(object), object)
	})
}

// What an empty block decodes to conforms to the type it implies, and is normal.
func TestEmpty(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		conforms(t, b, b.Empty())
		same(t, b.Normalize(b.Empty()), b.Empty())
	})
}

// A path is sensitive if anything below it is.
func TestSensitiveAbove(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		for _, path := range pathsOf(randomObject(t, b)) {
			for i := range path {
				if b.SensitiveAt(path) && !b.SensitiveAt(path[:i]) {
					t.Fatalf("%#v is sensitive, but not %#v", path, path[:i])
				}
			}
		}
	})
}

func noNullBlocks(b *schema.Block, v cty.Value) string {
	for name, nested := range b.Blocks {
		inner := v.GetAttr(name)
		if inner.IsNull() {
			if nested.Nesting != schema.Single {
				return name
			}
			continue
		}
		elems := []cty.Value{inner}
		if nested.Nesting != schema.Single && nested.Nesting != schema.Group {
			elems = nil
			for it := inner.ElementIterator(); it.Next(); {
				_, elem := it.Element()
				elems = append(elems, elem)
			}
		}
		for _, elem := range elems {
			if at := noNullBlocks(&nested.Block, elem); at != "" {
				return name + "." + at
			}
		}
	}
	return ""
}

// pathsOf lists every path in a value that ignore_changes may name.
func pathsOf(v cty.Value) []cty.Path {
	var out []cty.Path
	_ = cty.Walk(v, func(path cty.Path, v cty.Value) (bool, error) {
		if len(path) > 0 {
			out = append(out, path.Copy())
		}
		return !v.Type().IsSetType(), nil
	})
	slices.SortFunc(out, func(a, b cty.Path) int { return strings.Compare(drift.FormatPath(a), drift.FormatPath(b)) })
	return out
}

func TestIgnoreLaws(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		prior, v := randomObject(t, b), randomObject(t, b)
		same(t, verdict.Ignore{}.Apply(prior, v), v)
		same(t, verdict.Ignore{All: true}.Apply(prior, v), prior)
		candidates := append(pathsOf(prior), pathsOf(v)...)
		if len(candidates) == 0 {
			return
		}
		ignore := verdict.Ignore{Paths: rapid.SliceOfN(rapid.SampledFrom(candidates), 1, 4).Draw(t, "ignored")}
		got := ignore.Apply(prior, v)
		conforms(t, b, got)
		same(t, ignore.Apply(prior, got), got)
		same(t, ignore.Apply(prior, prior), prior)
		same(t, ignore.Apply(cty.NullVal(b.ImpliedType()), v), v)
		// Nothing changes but what is ignored, to the attribute.
		for _, path := range drift.Diff(v, got) {
			if !slices.ContainsFunc(ignore.Paths, func(p cty.Path) bool { return p[0] == path[0] }) {
				t.Fatalf("%s is not ignored, and changed", drift.FormatPath(path))
			}
		}
	})
}

func TestVerdictLaws(t *testing.T) {
	t.Parallel()
	property(t, withSets, func(t *rapid.T, b *schema.Block) {
		applied, live, planned := randomObject(t, b), randomObject(t, b), randomObject(t, b)
		config := setting(b, applied)
		if drifted, observed := verdict.Drifted(applied, applied, config, planned); len(drifted)+len(observed) > 0 {
			t.Fatalf("live is what was applied, but %v drifted and %v is observed", formatPaths(drifted), formatPaths(observed))
		}
		if drifted, _ := verdict.Drifted(applied, live, config, live); len(drifted) > 0 {
			t.Fatalf("a plan changes nothing, but %v drifted", formatPaths(drifted))
		}
		drifted, observed := verdict.Drifted(applied, live, config, planned)
		parted(t, drift.Diff(applied, live), drifted, observed)
		adopted, kept, rest := verdict.Adopted(drifted, live, config, planned)
		parted(t, drifted, append(adopted, kept...), rest)
		if _, _, rest := verdict.Adopted(drifted, live, config, live); len(rest) > 0 {
			t.Fatalf("a plan of the source changes nothing, but %v is left", formatPaths(rest))
		}
		source := randomSource(t, b, setting(b, live), false)
		if _, _, rest := verdict.Adopted(setOnly(b, drifted), live, source, cty.NilVal); len(rest) > 0 {
			t.Fatalf("the source says what is live, but %v is left", formatPaths(rest))
		}
	})
}

// setOnly keeps the paths to top-level attributes that a source can set whole.
func setOnly(b *schema.Block, list []cty.Path) []cty.Path {
	return slices.DeleteFunc(slices.Clone(list), func(path cty.Path) bool {
		attr := b.Attributes[path[0].(cty.GetAttrStep).Name]
		return attr == nil || attr.Nested != nil || attr.ReadOnly() || attr.WriteOnly
	})
}

// parted checks that two lists make up a third.
func parted(t *rapid.T, all, a, b []cty.Path) {
	t.Helper()
	got, want := append(formatPaths(a), formatPaths(b)...), formatPaths(all)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%v and %v are not %v", formatPaths(a), formatPaths(b), want)
	}
}
