package verdict_test

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/verdict"
)

func TestIgnore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		ignored        []string
		prior, v, want string
	}{
		{
			name: "an attribute", ignored: []string{"size"},
			prior: `{"name":"a","size":1}`, v: `{"name":"b","size":2}`, want: `{"name":"b","size":1}`,
		},
		{
			name: "an attribute that prior doesn't have", ignored: []string{"size"},
			prior: `{}`, v: `{"size":2}`, want: `{}`,
		},
		{
			name: "a whole map", ignored: []string{"tags"},
			prior: `{"tags":{"a":"1"}}`, v: `{"tags":{"b":"2"}}`, want: `{"tags":{"a":"1"}}`,
		},
		{
			name: "a key of a map, changed", ignored: []string{`tags["a"]`},
			prior: `{"tags":{"a":"1","b":"1"}}`, v: `{"tags":{"a":"2","b":"2"}}`, want: `{"tags":{"a":"1","b":"2"}}`,
		},
		{
			name: "a key of a map, added by hand", ignored: []string{`tags["a"]`},
			prior: `{"tags":{"a":"1"}}`, v: `{"tags":{"b":"2"}}`, want: `{"tags":{"a":"1","b":"2"}}`,
		},
		{
			name: "a key of a map, removed by hand", ignored: []string{`tags["a"]`},
			prior: `{"tags":{"b":"1"}}`, v: `{"tags":{"a":"2","b":"2"}}`, want: `{"tags":{"b":"2"}}`,
		},
		{
			name: "the last key of a map, removed by hand", ignored: []string{`tags["a"]`},
			prior: `{}`, v: `{"tags":{"a":"2"}}`, want: `{"tags":{}}`,
		},
		{
			name: "a key of a map that is not configured", ignored: []string{`tags["a"]`},
			prior: `{"tags":{"a":"1","b":"1"}}`, v: `{}`, want: `{"tags":{"a":"1"}}`,
		},
		{
			name: "a key of a map that is nowhere", ignored: []string{`tags["a"]`},
			prior: `{"tags":{"b":"1"}}`, v: `{}`, want: `{}`,
		},
		{
			name: "several keys, one after the other", ignored: []string{`tags["a"]`, `tags["b"]`},
			prior: `{"tags":{"a":"1","b":"1","c":"1"}}`, v: `{"tags":{"c":"2"}}`, want: `{"tags":{"a":"1","b":"1","c":"2"}}`,
		},
		{
			name: "an element of a list", ignored: []string{"list[1]"},
			prior: `{"list":["a","b"]}`, v: `{"list":["x","y"]}`, want: `{"list":["x","b"]}`,
		},
		{
			name: "an element that one of them doesn't have", ignored: []string{"list[1]", "list[5]"},
			prior: `{"list":["a","b"]}`, v: `{"list":["x"]}`, want: `{"list":["x"]}`,
		},
		{
			name: "a set", ignored: []string{"group"},
			prior: `{"group":["a"]}`, v: `{"group":["b","c"]}`, want: `{"group":["a"]}`,
		},
		{
			name: "an attribute of a block", ignored: []string{"one.set", "many[0].set", "many[1].deep[0].set", "fixed.set"},
			prior: `{"one":{"set":"1"},"many":[{"set":"1"},{"deep":[{"set":"1"}]}],"fixed":{"set":"1"}}`,
			v:     `{"one":{"set":"2","either":"2"},"many":[{"set":"2","either":"2"},{"set":"2","deep":[{"set":"2"}]}],"fixed":{"set":"2","made":"2"}}`,
			want:  `{"one":{"set":"1","either":"2"},"many":[{"set":"1","either":"2"},{"set":"2","deep":[{"set":"1"}]}],"fixed":{"set":"1","made":"2"}}`,
		},
		{
			name: "an attribute of a block that is not there", ignored: []string{"one.set", "many[0].set"},
			prior: `{"one":{"set":"1"}}`, v: `{"many":[{"set":"2"}]}`, want: `{"many":[{"set":"2"}]}`,
		},
		{
			name: "all blocks of a type", ignored: []string{"many", "pool", "one"},
			prior: `{"many":[{"set":"1"}]}`, v: `{"many":[{"set":"2"},{"set":"3"}],"pool":[{"set":"4"}],"one":{"set":"5"}}`,
			want: `{"many":[{"set":"1"}]}`,
		},
		{
			name: "inside a map of blocks", ignored: []string{`keyed["k"].set`, `keyed["new"].set`, `keyed["gone"].set`},
			prior: `{"keyed":{"k":{"set":"1"},"gone":{"set":"1"}}}`, v: `{"keyed":{"k":{"set":"2","either":"2"},"new":{"set":"2"}}}`,
			want: `{"keyed":{"k":{"set":"1","either":"2"},"new":{"set":"2"}}}`,
		},
		{
			name: "inside nested attributes", ignored: []string{"object.set", "objects[0].set", `named["k"].set`, `named["l"]`},
			prior: `{"object":{"set":"1"},"objects":[{"set":"1"}],"named":{"k":{"set":"1"},"l":{"set":"1"}}}`,
			v:     `{"object":{"set":"2"},"objects":[{"set":"2","made":"2"}],"named":{"k":{"set":"2","made":"2"}}}`,
			want:  `{"object":{"set":"1"},"objects":[{"set":"1","made":"2"}],"named":{"k":{"set":"1","made":"2"},"l":{"set":"1"}}}`,
		},
		{
			name: "a key of what is no map takes the whole", ignored: []string{`any["k"]`},
			prior: `{"any":{"k":1,"l":1}}`, v: `{"any":{"k":2,"l":2}}`, want: `{"any":{"k":1,"l":1}}`,
		},
		{
			name: "inside a dynamic value", ignored: []string{"any.k"},
			prior: `{"any":{"k":1,"l":1}}`, v: `{"any":{"k":"two","l":2}}`, want: `{"any":{"k":1,"l":2}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ignore := verdict.Ignore{Paths: paths(t, c.ignored...)}
			mustEqual(t, ignore.Apply(object(t, c.prior), object(t, c.v)), object(t, c.want))
		})
	}
}

// The values that a provider plans may be unknown.
func TestIgnoreUnknown(t *testing.T) {
	t.Parallel()
	object := func(v cty.Value) cty.Value { return cty.ObjectVal(map[string]cty.Value{"a": v}) }
	labels := cty.MapVal(map[string]cty.Value{"k": cty.StringVal("prior")})
	for _, c := range []struct {
		name           string
		ignored        string
		prior, v, want cty.Value
	}{
		{"an unknown value", "a", cty.StringVal("prior"), cty.UnknownVal(cty.String), cty.StringVal("prior")},
		{"an unknown key", `a["k"]`, labels, cty.MapVal(map[string]cty.Value{"k": cty.UnknownVal(cty.String)}), labels},
		{"a key of an unknown map", `a["k"]`, labels, cty.UnknownVal(cty.Map(cty.String)), cty.UnknownVal(cty.Map(cty.String))},
		{"an unknown map, which core leaves alone", "a", labels, cty.UnknownVal(cty.Map(cty.String)), cty.UnknownVal(cty.Map(cty.String))},
		{"an element of an unknown list", "a[0]", cty.ListVal([]cty.Value{cty.StringVal("prior")}), cty.UnknownVal(cty.List(cty.String)), cty.UnknownVal(cty.List(cty.String))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := verdict.Ignore{Paths: paths(t, c.ignored)}.Apply(object(c.prior), object(c.v))
			mustEqual(t, got, object(c.want))
		})
	}
}

func TestIgnoreAll(t *testing.T) {
	t.Parallel()
	prior, v := object(t, `{"name":"a","arn":"x"}`), object(t, `{"name":"b"}`)
	mustEqual(t, verdict.Ignore{All: true}.Apply(prior, v), prior)
	mustEqual(t, verdict.Ignore{All: true, Paths: paths(t, "size")}.Apply(prior, v), prior)
}
