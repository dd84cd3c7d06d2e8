package verdict_test

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/verdict"
)

// The rules by name; TestTerraform proves them on what Terraform really did.
func TestPropose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, prior, config, want string }{
		{
			name:  "what the configuration sets",
			prior: `{"name":"old","size":1,"zone":"a"}`, config: `{"name":"new","size":2,"zone":"b"}`,
			want: `{"name":"new","size":2,"zone":"b"}`,
		},
		{
			name:  "what it doesn't set is taken away, unless it is computed",
			prior: `{"size":1,"zone":"a","arn":"x","tags":{"k":"v"}}`, config: `{}`,
			want: `{"zone":"a","arn":"x"}`,
		},
		{
			name:  "a write-only value is proposed, for the provider to drop",
			prior: `{}`, config: `{"secret":"s"}`,
			want: `{"secret":"s"}`,
		},
		{
			name:  "a single block comes and goes",
			prior: `{"one":{"set":"1","made":"m"}}`, config: `{"fixed":{"set":"f"}}`,
			want: `{"fixed":{"set":"f"}}`,
		},
		{
			name:  "in a block, computed values stay",
			prior: `{"one":{"set":"1","either":"e","made":"m"},"fixed":{"made":"m"}}`, config: `{"one":{"set":"2"}}`,
			want: `{"one":{"set":"2","either":"e","made":"m"},"fixed":{"made":"m"}}`,
		},
		{
			name:   "blocks by position, and one more",
			prior:  `{"many":[{"set":"1","made":"m1","deep":[{"made":"d"}]}]}`,
			config: `{"many":[{"set":"2","deep":[{"set":"x"},{"set":"y"}]},{"set":"3"}]}`,
			want:   `{"many":[{"set":"2","made":"m1","deep":[{"set":"x","made":"d"},{"set":"y"}]},{"set":"3"}]}`,
		},
		{
			name:   "fewer blocks",
			prior:  `{"many":[{"set":"1","made":"m1"},{"set":"2","made":"m2"}]}`,
			config: `{"many":[{"set":"2"}]}`,
			want:   `{"many":[{"set":"2","made":"m1"}]}`,
		},
		{
			name:   "blocks by key",
			prior:  `{"keyed":{"a":{"made":"m"},"gone":{"made":"m"}}}`,
			config: `{"keyed":{"a":{"set":"1"},"new":{"set":"2"}}}`,
			want:   `{"keyed":{"a":{"set":"1","made":"m"},"new":{"set":"2"}}}`,
		},
		{
			name:   "set elements with the prior one that they could have become",
			prior:  `{"pool":[{"set":"a","made":"1"},{"set":"b","either":"e","made":"2"}]}`,
			config: `{"pool":[{"set":"b"},{"set":"c"}]}`,
			want:   `{"pool":[{"set":"b","either":"e","made":"2"},{"set":"c"}]}`,
		},
		{
			name:   "a set element that says otherwise is a new one",
			prior:  `{"pool":[{"set":"b","either":"e","made":"2"}]}`,
			config: `{"pool":[{"set":"b","either":"other"}]}`,
			want:   `{"pool":[{"set":"b","either":"other"}]}`,
		},
		{
			name:   "each prior element is used once",
			prior:  `{"pool":[{"set":"a","either":"x","made":"1"}]}`,
			config: `{"pool":[{"set":"a"},{"set":"a","either":"y"}]}`,
			want:   `{"pool":[{"set":"a","either":"x","made":"1"},{"set":"a","either":"y"}]}`,
		},
		{
			name:   "a set inside a set element must be the same as a whole",
			prior:  `{"pool":[{"set":"a","made":"1","deep":[{"set":"d","made":"2"}]}]}`,
			config: `{"pool":[{"set":"a","deep":[{"set":"d"}]}]}`,
			want:   `{"pool":[{"set":"a","deep":[{"set":"d"}]}]}`,
		},
		{
			name:   "nested attributes like blocks",
			prior:  `{"object":{"made":"m"},"objects":[{"made":"m"}],"named":{"k":{"made":"m"}},"bag":[{"set":"1","made":"m"}]}`,
			config: `{"object":{"set":"1"},"objects":[{"set":"1"},{"set":"2"}],"named":{"k":{"set":"1"},"l":{"set":"2"}},"bag":[{"set":"1"},{"set":"2"}]}`,
			want:   `{"object":{"set":"1","made":"m"},"objects":[{"set":"1","made":"m"},{"set":"2"}],"named":{"k":{"set":"1","made":"m"},"l":{"set":"2"}},"bag":[{"set":"1","made":"m"},{"set":"2"}]}`,
		},
		{
			name:  "a computed object stays while nobody can have set anything in it",
			prior: `{"guessed":{"either":"e","made":"m"}}`, config: `{}`,
			want: `{"guessed":{"either":"e","made":"m"}}`,
		},
		{
			name:  "a computed object goes once a configuration must have set part of it",
			prior: `{"guessed":{"set":"1","made":"m"}}`, config: `{}`,
			want: `{}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mustEqual(t, verdict.Propose(thing(), object(t, c.prior), object(t, c.config)), object(t, c.want))
		})
	}
}

func TestProposeFromNothing(t *testing.T) {
	t.Parallel()
	null := cty.NullVal(thing().ImpliedType())
	config := object(t, `{"name":"n","one":{"set":"1"},"many":[{"set":"1"}],"pool":[{"set":"1"}],"objects":[{"set":"1"}]}`)
	mustEqual(t, verdict.Propose(thing(), null, config), config)
	mustEqual(t, verdict.Propose(thing(), null, null), null)
	mustEqual(t, verdict.Propose(thing(), config, null), config)
}
