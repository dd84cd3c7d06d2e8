package verdict_test

import (
	"slices"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/verdict"
)

func TestDrifted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                           string
		applied, live, config, planned string
		drifted, observed              []string
	}{
		{
			name:    "nothing changed, whatever a plan would do",
			applied: `{"size":1}`, live: `{"size":1}`, config: `{"size":2}`, planned: `{"size":2}`,
		},
		{
			name:    "changed, and the code puts it back",
			applied: `{"name":"n","size":1}`, live: `{"name":"n","size":2}`, config: `{"name":"n","size":1}`, planned: `{"name":"n","size":1}`,
			drifted: []string{"size"},
		},
		{
			name:    "changed, and a plan keeps it",
			applied: `{"zone":"a","arn":"1"}`, live: `{"zone":"b","arn":"2"}`, config: `{}`, planned: `{"zone":"b","arn":"2"}`,
			observed: []string{"arn", "zone"},
		},
		{
			name:    "changed, but the provider takes it for the same",
			applied: `{"name":"{\"a\":1}"}`, live: `{"name":"{ \"a\": 1 }"}`, config: `{"name":"{\"a\":1}"}`, planned: `{"name":"{ \"a\": 1 }"}`,
			observed: []string{"name"},
		},
		{
			name:    "code that is not applied yet is not drift",
			applied: `{"name":"n","zone":"a"}`, live: `{"name":"n","zone":"b"}`, config: `{"name":"n"}`, planned: `{"name":"n","zone":"b","size":5}`,
			observed: []string{"zone"},
		},
		{
			name:    "null or empty makes no difference",
			applied: `{"list":[],"tags":{}}`, live: `{}`, config: `{"list":["x"]}`, planned: `{"list":["x"]}`,
		},
		{
			name:    "keys of a map, each for itself",
			applied: `{"tags":{"a":"1","b":"1","c":"1"}}`, live: `{"tags":{"a":"2","b":"2","d":"1"}}`,
			config: `{"tags":{"a":"1","c":"1"}}`, planned: `{"tags":{"a":"1","b":"2","c":"1"}}`,
			drifted: []string{`tags["a"]`, `tags["c"]`, `tags["d"]`}, observed: []string{`tags["b"]`},
		},
		{
			name:    "a list that got shorter",
			applied: `{"list":["a","b"]}`, live: `{"list":["a"]}`, config: `{"list":["a","b"]}`, planned: `{"list":["a","b"]}`,
			drifted: []string{"list[1]"},
		},
		{
			name:    "a set, as a whole",
			applied: `{"group":["a","b"]}`, live: `{"group":["a"]}`, config: `{"group":["a","b"]}`, planned: `{"group":["a","b"]}`,
			drifted: []string{"group"},
		},
		{
			name:    "what will be known later counts where the configuration sets it",
			applied: `{"zone":"a","size":1}`, live: `{"zone":"b","size":2}`, config: `{"zone":"a","size":1}`, planned: `{"zone":"?","size":"?"}`,
			drifted: []string{"size", "zone"},
		},
		{
			name:    "what will be known later does not count where only the provider sets it",
			applied: `{"zone":"a","arn":"1","guessed":{"made":"1"}}`, live: `{"zone":"b","arn":"2","guessed":{"made":"2"}}`, config: `{}`,
			planned:  `{"zone":"?","arn":"?","guessed":"?"}`,
			observed: []string{"arn", "guessed.made", "zone"},
		},
		{
			name:    "nor do blocks that will be known later and are not configured",
			applied: `{"many":[{"made":"1"}]}`, live: `{"many":[{"made":"2"}]}`, config: `{}`, planned: `{"many":"?"}`,
			observed: []string{"many[0].made"},
		},
		{
			name:    "blocks that will be known later and are configured",
			applied: `{"many":[{"set":"1"}]}`, live: `{"many":[{"set":"2"}]}`, config: `{"many":[{"set":"1"}]}`, planned: `{"many":"?"}`,
			drifted: []string{"many[0].set"},
		},
		{
			name:    "inside a block",
			applied: `{"many":[{"set":"1","deep":[{"set":"1"}]}]}`, live: `{"many":[{"set":"1","deep":[{"set":"2"}]}]}`,
			config: `{"many":[{"set":"1","deep":[{"set":"1"}]}]}`, planned: `{"many":[{"set":"1","deep":[{"set":"1"}]}]}`,
			drifted: []string{"many[0].deep[0].set"},
		},
		{
			name:    "changed inside a block that a plan takes away as a whole",
			applied: `{"many":[{"set":"1"}]}`, live: `{"many":[{"set":"2"}]}`, config: `{}`, planned: `{}`,
			drifted: []string{"many[0].set"},
		},
		{
			name:    "a block that is gone",
			applied: `{"one":{"set":"1"},"many":[{"set":"1"}]}`, live: `{}`, config: `{"one":{"set":"1"},"many":[{"set":"1"}]}`,
			planned: `{"one":{"set":"1"},"many":[{"set":"1"}]}`,
			drifted: []string{"many[0]", "one"},
		},
		{
			name:    "a block that somebody added",
			applied: `{}`, live: `{"one":{},"pool":[{"set":"1"}],"keyed":{"k":{"set":"1"}}}`, config: `{}`, planned: `{}`,
			drifted: []string{`keyed["k"]`, "one", "pool"},
		},
		{
			name:    "elsewhere in the block that changed",
			applied: `{"one":{"set":"1","made":"1"}}`, live: `{"one":{"set":"1","made":"2"}}`, config: `{"one":{"set":"1"}}`,
			planned:  `{"one":{"set":"other","made":"2"}}`,
			observed: []string{"one.made"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			drifted, observed := verdict.Drifted(object(t, c.applied), object(t, c.live), object(t, c.config), object(t, c.planned))
			if got := formatPaths(drifted); !slices.Equal(got, c.drifted) {
				t.Errorf("drifted %q, want %q", got, c.drifted)
			}
			if got := formatPaths(observed); !slices.Equal(got, c.observed) {
				t.Errorf("observed %q, want %q", got, c.observed)
			}
		})
	}
}

func TestAdopted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		drifted               []string
		live, source, planned string // no plan where the source can't be evaluated as a whole
		adopted, observed     []string
	}{
		{
			name: "the source says what is live", drifted: []string{"size"},
			live: `{"size":2}`, source: `{"size":2}`, planned: `{"size":2}`,
			adopted: []string{"size"},
		},
		{
			name: "the provider takes for the same what the source says", drifted: []string{"name"},
			live: `{"name":"B"}`, source: `{"name":"b"}`, planned: `{"name":"B"}`,
			adopted: []string{"name"},
		},
		{
			name: "one of two", drifted: []string{"size", "name"},
			live: `{"size":2,"name":"live"}`, source: `{"size":2,"name":"n"}`, planned: `{"size":2,"name":"n"}`,
			adopted: []string{"size"},
		},
		{
			name: "the source says something new", drifted: []string{"size"},
			live: `{"size":2}`, source: `{"size":3}`, planned: `{"size":3}`,
		},
		{
			name: "the source no longer sets it, and it is gone", drifted: []string{"size", "many[0]"},
			live: `{}`, source: `{}`, planned: `{}`,
			adopted: []string{"size", "many[0]"},
		},
		{
			name: "the source no longer sets it, but it is there", drifted: []string{"size"},
			live: `{"size":2}`, source: `{}`, planned: `{}`,
		},
		{
			name: "the source does not set it, and a plan keeps it", drifted: []string{"size"},
			live: `{"size":2}`, source: `{}`, planned: `{"size":2}`,
			observed: []string{"size"},
		},
		{
			name: "not known before an apply, and set", drifted: []string{"size"},
			live: `{"size":2}`, source: `{"size":2}`, planned: `{"size":"?"}`,
		},
		{
			name: "without a plan, a value as it stands", drifted: []string{"size", "name", "zone"},
			live: `{"size":2,"name":"B","zone":"z"}`, source: `{"size":2,"name":"b","zone":"?"}`,
			adopted: []string{"size"},
		},
		{
			name: "without a plan, inside blocks", drifted: []string{"many[0].set", "many[1].set", "many[2].set", `keyed["k"].set`},
			live:    `{"many":[{"set":"1"},{"set":"2"},{"set":"3"}],"keyed":{"k":{"set":"1"}}}`,
			source:  `{"name":"?","many":[{"set":"1"},{"set":"?"}],"keyed":{"k":{"set":"1"}}}`,
			adopted: []string{"many[0].set", `keyed["k"].set`},
		},
		{
			name: "without a plan, a set of blocks in any order", drifted: []string{"pool"},
			live:    `{"pool":[{"set":"a","deep":[{"set":"1"},{"set":"2"}]},{"set":"b"}]}`,
			source:  `{"name":"?","pool":[{"set":"b"},{"set":"a","deep":[{"set":"2"},{"set":"1"}]}]}`,
			adopted: []string{"pool"},
		},
		{
			name: "without a plan, a set of blocks that is another one", drifted: []string{"pool"},
			live: `{"pool":[{"set":"a"}]}`, source: `{"name":"?","pool":[{"set":"b"}]}`,
		},
		{
			name: "without a plan, nothing and empty", drifted: []string{"list", "pool"},
			live: `{"list":[]}`, source: `{"name":"?"}`,
			adopted: []string{"list", "pool"},
		},
		{
			name: "without a plan, no source", drifted: []string{"size"},
			live: `{"size":2}`, source: `"?"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			live, src, planned := object(t, c.live), source(t, c.source), cty.NilVal
			if c.planned != "" {
				planned = object(t, c.planned)
				src, _ = verdict.Conform(thing(), src)
			}
			drifted := paths(t, c.drifted...)
			adopted, observed, rest := verdict.Adopted(drifted, live, src, planned)
			if got := formatPaths(adopted); !slices.Equal(got, c.adopted) {
				t.Errorf("adopted %q, want %q", got, c.adopted)
			}
			if got := formatPaths(observed); !slices.Equal(got, c.observed) {
				t.Errorf("observed %q, want %q", got, c.observed)
			}
			if len(adopted)+len(observed)+len(rest) != len(drifted) {
				t.Errorf("%q, %q and %q of %q", formatPaths(adopted), formatPaths(observed), formatPaths(rest), c.drifted)
			}
		})
	}
}

func TestConform(t *testing.T) {
	t.Parallel()
	full := `{"name":"n","tags":{"a":"1"},"one":{"set":"1"},"many":[{"set":"1","deep":[{"set":"2"}]}],
		"pool":[{"set":"2"},{"set":"1"}],"keyed":{"k":{"set":"1"}},"fixed":{"set":"1"},"objects":[{"set":"1"}]}`
	for _, src := range []string{`{}`, full} {
		got, ok := verdict.Conform(thing(), source(t, src))
		if !ok {
			t.Fatalf("refused %s", src)
		}
		mustEqual(t, got, object(t, src))
	}
	for _, src := range []string{
		`"?"`, `{"name":"?"}`, `{"many":"?"}`, `{"one":{"set":"?"}}`, `{"many":[{"set":"1"},{"deep":[{"set":"?"}]}]}`, `{"objects":"?"}`,
	} {
		if _, ok := verdict.Conform(thing(), source(t, src)); ok {
			t.Errorf("%s has an unknown value in it, and conforms", src)
		}
	}
	if _, ok := verdict.Conform(thing(), cty.NullVal(thing().ImpliedType())); ok {
		t.Error("null conforms")
	}
}

// From a change by hand to the verdict, with a provider that plans what is
// proposed: how the parts work together.
func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		applied, live, source string
		ignored               []string
		drifted, observed     []string
		adopted               []string
	}{
		{
			name:    "an attribute that the source sets",
			applied: `{"name":"n","zone":"a","arn":"1"}`, live: `{"name":"n","zone":"b","arn":"2"}`, source: `{"name":"n","zone":"a"}`,
			drifted: []string{"zone"}, observed: []string{"arn"},
		},
		{
			name:    "an attribute that the source leaves to the provider",
			applied: `{"name":"n","zone":"a"}`, live: `{"name":"n","zone":"b"}`, source: `{"name":"n"}`,
			observed: []string{"zone"},
		},
		{
			name:    "an attribute that was removed from the code, and changed by hand",
			applied: `{"size":1}`, live: `{"size":2}`, source: `{}`,
			drifted: []string{"size"},
		},
		{
			name:    "an attribute that was added to the code, and by hand",
			applied: `{}`, live: `{"size":2}`, source: `{"size":2}`,
			adopted: []string{"size"},
		},
		{
			name:    "an attribute that was changed in the code, and by hand to something else",
			applied: `{"size":1}`, live: `{"size":2}`, source: `{"size":3}`,
			drifted: []string{"size"},
		},
		{
			name:    "a block that was removed from the code, and changed by hand",
			applied: `{"one":{"set":"1"}}`, live: `{"one":{"set":"2"}}`, source: `{}`,
			drifted: []string{"one.set"},
		},
		{
			name:    "a block that was removed from the code, and by hand",
			applied: `{"name":"n","one":{"set":"1"}}`, live: `{"name":"n"}`, source: `{"name":"n"}`,
			observed: []string{"one"},
		},
		{
			name:    "a block that was added by hand",
			applied: `{"many":[{"set":"1"}]}`, live: `{"many":[{"set":"1"},{"set":"2"}]}`, source: `{"many":[{"set":"1"}]}`,
			drifted: []string{"many[1]"},
		},
		{
			name:    "a block that was added by hand, and to the code",
			applied: `{"many":[{"set":"1"}]}`, live: `{"many":[{"set":"1"},{"set":"2"}]}`, source: `{"many":[{"set":"1"},{"set":"2"}]}`,
			adopted: []string{"many[1]"},
		},
		{
			name:    "an element of a set that was removed by hand",
			applied: `{"pool":[{"set":"1","made":"m"},{"set":"2","made":"n"}]}`, live: `{"pool":[{"set":"1","made":"m"}]}`,
			source:  `{"pool":[{"set":"1"},{"set":"2"}]}`,
			drifted: []string{"pool"},
		},
		{
			name:    "only computed values of a set changed",
			applied: `{"pool":[{"set":"1","made":"m"}]}`, live: `{"pool":[{"set":"1","made":"new"}]}`, source: `{"pool":[{"set":"1"}]}`,
			observed: []string{"pool"},
		},
		{
			name:    "an element of a nested attribute, whose code was shortened",
			applied: `{"objects":[{"set":"1"},{"set":"2"}]}`, live: `{"objects":[{"set":"1"},{"set":"9"}]}`, source: `{"objects":[{"set":"1"}]}`,
			drifted: []string{"objects[1].set"},
		},
		{
			name:    "ignored",
			applied: `{"size":1,"tags":{"a":"1","b":"1"},"many":[{"set":"1"}]}`, live: `{"size":2,"tags":{"a":"2","b":"2","c":"1"},"many":[{"set":"2"}]}`,
			source:  `{"size":1,"tags":{"a":"1","b":"1"},"many":[{"set":"1"}]}`,
			ignored: []string{"size", `tags["a"]`, `tags["c"]`, "many[0].set"},
			drifted: []string{`tags["b"]`}, observed: []string{"many[0].set", "size", `tags["a"]`, `tags["c"]`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, applied, live, src := thing(), object(t, c.applied), object(t, c.live), source(t, c.source)
			ignore := verdict.Ignore{Paths: paths(t, c.ignored...)}
			config, doubts := verdict.Rebuild(b, applied, live, src)
			config = ignore.Apply(live, config)
			drifted, observed := verdict.Drifted(applied, live, config, verdict.Propose(b, live, config))
			conformed, _ := verdict.Conform(b, src)
			conformed = ignore.Apply(live, conformed)
			adopted, kept, drifted := verdict.Adopted(drifted, live, conformed, verdict.Propose(b, live, conformed))
			observed = append(observed, kept...)
			for what, pair := range map[string][2][]string{
				"drifted":  {formatPaths(drifted), c.drifted},
				"observed": {formatPaths(observed), c.observed},
				"adopted":  {formatPaths(adopted), c.adopted},
				"doubts":   {formatPaths(doubts), nil},
			} {
				if !slices.Equal(pair[0], pair[1]) {
					t.Errorf("%s %q, want %q", what, pair[0], pair[1])
				}
			}
		})
	}
}

// tagged is an object as the AWS provider has them: tags is the resource's own
// part of tags_all.
func tagged(tags, all string) cty.Value {
	part := func(s string) cty.Value {
		if s == "" {
			return cty.NullVal(cty.Map(cty.String))
		}
		return cty.MapVal(map[string]cty.Value{"by": cty.StringVal(s)})
	}
	return cty.ObjectVal(map[string]cty.Value{"size": cty.NumberIntVal(1), "tags": part(tags), "tags_all": part(all)})
}

func TestSameInWhole(t *testing.T) {
	t.Parallel()
	by := cty.GetAttrPath("tags").IndexString("by")
	inBlock := append(cty.GetAttrPath("disk").IndexInt(0), by...)
	disk := func(v cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"disk": cty.ListVal([]cty.Value{v})})
	}
	disks := func(v cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"disks": cty.SetVal([]cty.Value{v})})
	}
	for _, c := range []struct {
		name          string
		path          cty.Path
		applied, live cty.Value
		want          bool
	}{
		{"only shown as its own", by, tagged("", "x"), tagged("x", "x"), true},
		{"changed by hand", by, tagged("", "x"), tagged("y", "y"), false},
		{"added by hand", by, tagged("", ""), tagged("y", "y"), false},
		{"a whole that neither side has", by, tagged("", ""), tagged("y", ""), false},
		{"another attribute", cty.GetAttrPath("size"), tagged("", "x"), tagged("x", "x"), false},
		{"in a block", inBlock, disk(tagged("", "x")), disk(tagged("x", "x")), true},
		{"in a block, changed by hand", inBlock, disk(tagged("", "x")), disk(tagged("y", "y")), false},
		{"in a set", cty.GetAttrPath("disks"), disks(tagged("", "x")), disks(tagged("x", "x")), true},
		{"in a set, changed by hand", cty.GetAttrPath("disks"), disks(tagged("", "x")), disks(tagged("y", "y")), false},
		{"in a set that hides the whole", cty.GetAttrPath("disks"), disks(tagged("", "")), disks(tagged("y", "")), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := verdict.SameInWhole(c.path, c.applied, c.live); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
