package verdict_test

import (
	"slices"
	"testing"

	"holdfast/internal/drift/verdict"
)

func TestRebuild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                        string
		applied, live, source, want string
		doubts                      []string
	}{
		{
			name:    "attributes keep what was applied, whatever the source says today",
			applied: `{"name":"n","size":1,"tags":{"a":"1"},"list":["x"]}`,
			live:    `{"name":"m","size":2,"tags":{"a":"2"},"list":["y"]}`,
			source:  `{"name":"other","tags":{"b":"1"}}`,
			want:    `{"name":"n","size":1,"tags":{"a":"1"},"list":["x"]}`,
		},
		{
			name:    "an attribute that the source can't evaluate is certain all the same",
			applied: `{"name":"n","size":1}`, live: `{"name":"n","size":2}`, source: `{"name":"?","size":"?"}`,
			want: `{"name":"n","size":1}`,
		},
		{
			name:    "a read-only attribute is never configured",
			applied: `{"name":"n","arn":"arn:1"}`, live: `{"name":"n","arn":"arn:2"}`, source: `{"name":"n"}`,
			want: `{"name":"n"}`,
		},
		{
			name:    "optional and computed, set by the source",
			applied: `{"zone":"a"}`, live: `{"zone":"b"}`, source: `{"zone":"a"}`,
			want: `{"zone":"a"}`,
		},
		{
			name:    "optional and computed, set by the source to something else: not applied yet",
			applied: `{"zone":"a"}`, live: `{"zone":"b"}`, source: `{"zone":"c"}`,
			want: `{"zone":"a"}`,
		},
		{
			name:    "optional and computed, not set by the source",
			applied: `{"zone":"a"}`, live: `{"zone":"b"}`, source: `{}`,
			want: `{}`,
		},
		{
			name:    "optional and computed, where the source can't be evaluated",
			applied: `{"zone":"a"}`, live: `{"zone":"b"}`, source: `{"zone":"?"}`,
			want: `{"zone":"a"}`, doubts: []string{"zone"},
		},
		{
			name:    "nothing was applied, so nothing was set, and there is no doubt of it",
			applied: `{}`, live: `{"zone":"b"}`, source: `{"zone":"?"}`,
			want: `{}`,
		},
		{
			name:    "explicitly empty is not the same as not set",
			applied: `{}`, live: `{"group":["x"]}`, source: `{"group":[]}`,
			want: `{"group":[]}`,
		},
		{
			name:    "stored as empty, but not set",
			applied: `{"list":[],"tags":{},"group":[]}`, live: `{"list":["x"]}`, source: `{}`,
			want: `{}`,
		},
		{
			name:    "added to the code, not applied: the one that was applied had none",
			applied: `{}`, live: `{"size":2}`, source: `{"size":2}`,
			want: `{}`,
		},
		{
			name:    "removed from the code, not applied",
			applied: `{"size":1}`, live: `{"size":2}`, source: `{}`,
			want: `{"size":1}`,
		},
		{
			name:    "never stored: only the source can tell",
			applied: `{}`, live: `{}`, source: `{"size":7,"secret":"s"}`,
			want: `{"size":7,"secret":"s"}`,
		},
		{
			name:    "never stored, and the source can't be evaluated",
			applied: `{}`, live: `{}`, source: `{"size":"?","secret":"?"}`,
			want: `{}`,
		},
		{
			name:    "no source at all",
			applied: `{"name":"n","size":1,"zone":"a","arn":"x","many":[{"set":"1","either":"2","made":"3"}]}`,
			live:    `{"name":"n","size":2,"zone":"b","arn":"x","many":[{"set":"1","either":"2","made":"3"}]}`,
			source:  `"?"`,
			want:    `{"name":"n","size":1,"zone":"a","many":[{"set":"1","either":"2"}]}`,
			doubts:  []string{"many", "many[0].either", "zone"},
		},

		{
			name:    "a single block that the source has",
			applied: `{"one":{"set":"1","either":"2","made":"3"}}`, live: `{}`, source: `{"one":{"set":"9"}}`,
			want: `{"one":{"set":"1"}}`,
		},
		{
			name:    "a single block that the provider filled in",
			applied: `{"one":{"set":"1","either":"2","made":"3"}}`, live: `{"one":{"set":"8"}}`, source: `{}`,
			want: `{}`,
		},
		{
			name:    "a single block that somebody added",
			applied: `{}`, live: `{"one":{"set":"8"}}`, source: `{}`,
			want: `{}`,
		},
		{
			name:    "a block that is in the code and was not applied",
			applied: `{}`, live: `{}`, source: `{"one":{"set":"1"},"many":[{"set":"1"}],"pool":[{"set":"1"}],"keyed":{"k":{"set":"1"}}}`,
			want: `{}`,
		},
		{
			name:    "blocks by position; the provider added the last one",
			applied: `{"many":[{"set":"1","either":"e"},{"set":"2","either":"e"}]}`, live: `{}`,
			source: `{"many":[{"set":"1","either":"e"}]}`,
			want:   `{"many":[{"set":"1","either":"e"}]}`,
		},
		{
			name:    "blocks that a dynamic block with nothing to repeat doesn't produce",
			applied: `{"many":[{"set":"1"}],"pool":[{"set":"1"}],"keyed":{"k":{"set":"1"}}}`, live: `{}`,
			source: `{"many":[],"pool":[],"keyed":{}}`,
			want:   `{}`,
		},
		{
			name:    "a dynamic block that can't be expanded",
			applied: `{"many":[{"set":"1","either":"2","made":"3"}]}`, live: `{"many":[{"set":"5"}]}`, source: `{"many":"?"}`,
			want: `{"many":[{"set":"1","either":"2"}]}`, doubts: []string{"many", "many[0].either"},
		},
		{
			name:    "one that can't be expanded where nothing was applied",
			applied: `{}`, live: `{"many":[{"set":"5"}]}`, source: `{"many":"?"}`,
			want: `{}`,
		},
		{
			name:    "blocks in blocks",
			applied: `{"many":[{"set":"1","deep":[{"set":"d","either":"e","made":"m"},{"set":"filled in"}]}]}`, live: `{}`,
			source: `{"many":[{"set":"1","deep":[{"set":"d"}]}]}`,
			want:   `{"many":[{"set":"1","deep":[{"set":"d"}]}]}`,
		},
		{
			name:    "blocks in blocks, not in the source",
			applied: `{"many":[{"set":"1","deep":[{"set":"d"}]}],"pool":[{"set":"1","deep":[{"set":"d"}]}]}`, live: `{}`,
			source: `{"many":[{"set":"1"}],"pool":[{"set":"1"}]}`,
			want:   `{"many":[{"set":"1"}],"pool":[{"set":"1"}]}`,
		},
		{
			name:    "blocks by key",
			applied: `{"keyed":{"a":{"set":"1","either":"2","made":"3"},"b":{"set":"4"}}}`, live: `{}`,
			source: `{"keyed":{"a":{"set":"1","either":"2"},"c":{"set":"5"}}}`,
			want:   `{"keyed":{"a":{"set":"1","either":"2"}}}`,
		},
		{
			name:    "a group block is always there",
			applied: `{"fixed":{"set":"1","either":"2","made":"3"}}`, live: `{"fixed":{"set":"9"}}`, source: `{}`,
			want: `{"fixed":{"set":"1"}}`,
		},
		{
			name:    "elements of a set go with the source's that they are most like",
			applied: `{"pool":[{"set":"a","either":"1"},{"set":"b","either":"2"},{"set":"c","either":"3"}]}`, live: `{}`,
			source: `{"pool":[{"set":"c","either":"3"},{"set":"a"}]}`,
			want:   `{"pool":[{"set":"c","either":"3"},{"set":"a"}]}`,
		},
		{
			name:    "an element of a set whose source is new does not take another's place",
			applied: `{"pool":[{"set":"a","either":"x"},{"set":"b","either":"1"}]}`, live: `{}`,
			source: `{"pool":[{"set":"new","either":"1"},{"set":"b","either":"1"}]}`,
			want:   `{"pool":[{"set":"a","either":"x"},{"set":"b","either":"1"}]}`,
		},
		{
			name:    "sets in sets",
			applied: `{"pool":[{"set":"a","deep":[{"set":"1"},{"set":"2"}]},{"set":"a","deep":[{"set":"3","either":"e"}]}]}`, live: `{}`,
			source: `{"pool":[{"set":"a","deep":[{"set":"3"}]},{"set":"a","deep":[{"set":"2"},{"set":"1"}]}]}`,
			want:   `{"pool":[{"set":"a","deep":[{"set":"1"},{"set":"2"}]},{"set":"a","deep":[{"set":"3"}]}]}`,
		},
		{
			name:    "a set that can't be evaluated",
			applied: `{"pool":[{"set":"a","either":"1","made":"2"}]}`, live: `{}`, source: `{"pool":"?"}`,
			want: `{"pool":[{"set":"a","either":"1"}]}`, doubts: []string{"pool", "pool.either"},
		},
		{
			name:    "never stored, in a set",
			applied: `{"pool":[{"set":"a"}]}`, live: `{"pool":[{"set":"b"}]}`, source: `{"pool":[{"set":"a","either":"s"}]}`,
			want: `{"pool":[{"set":"a","either":"s"}]}`,
		},
		{
			name:    "stored in a set, since live has it",
			applied: `{"pool":[{"set":"a"}]}`, live: `{"pool":[{"set":"a","either":"x"}]}`, source: `{"pool":[{"set":"a","either":"s"}]}`,
			want: `{"pool":[{"set":"a"}]}`,
		},

		{
			name:    "a nested attribute",
			applied: `{"object":{"set":"1","either":"2","made":"3"}}`, live: `{}`, source: `{"object":{"set":"1"}}`,
			want: `{"object":{"set":"1"}}`,
		},
		{
			name:    "a nested attribute removed from the code, not applied",
			applied: `{"object":{"set":"1","made":"3"},"objects":[{"set":"1"}],"named":{"k":{"set":"1"}},"bag":[{"set":"1"}]}`,
			live:    `{}`, source: `{}`,
			want: `{"object":{"set":"1"},"objects":[{"set":"1"}],"named":{"k":{"set":"1"}},"bag":[{"set":"1"}]}`,
		},
		{
			name:    "a nested attribute that the provider may guess, and did",
			applied: `{"guessed":{"set":"1"}}`, live: `{"guessed":{"set":"2"}}`, source: `{}`,
			want: `{}`,
		},
		{
			name:    "a nested attribute that the provider may guess, but the source sets",
			applied: `{"guessed":{"set":"1","either":"2"}}`, live: `{}`, source: `{"guessed":{"set":"1"}}`,
			want: `{"guessed":{"set":"1"}}`,
		},
		{
			name:    "elements of a nested attribute are all somebody's, also those that left the code",
			applied: `{"objects":[{"set":"1","made":"m"},{"set":"2","either":"e"}],"named":{"a":{"set":"1"},"b":{"set":"2"}},"bag":[{"set":"1"},{"set":"2"}]}`,
			live:    `{}`,
			source:  `{"objects":[{"set":"1"}],"named":{"a":{"set":"1"}},"bag":[{"set":"1"}]}`,
			want:    `{"objects":[{"set":"1"},{"set":"2","either":"e"}],"named":{"a":{"set":"1"},"b":{"set":"2"}},"bag":[{"set":"1"},{"set":"2"}]}`,
			doubts:  []string{"objects[1].either"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config, doubts := verdict.Rebuild(thing(), object(t, c.applied), object(t, c.live), source(t, c.source))
			mustEqual(t, config, object(t, c.want))
			if got := sortedPaths(doubts); !slices.Equal(got, c.doubts) {
				t.Errorf("doubts %q, want %q", got, c.doubts)
			}
		})
	}
}
