package cli

import (
	"strings"
	"testing"

	"holdfast/internal/drift"
)

func TestOneFinding(t *testing.T) {
	t.Parallel()
	seen := func(id, address, stack string, life drift.Life) drift.Episode {
		return drift.Episode{Finding: drift.Finding{ID: id, Address: address, Kind: drift.Modified}, Stack: drift.StackRef{ID: stack, Path: stack}, Life: life}
	}
	old, now := seen("aa11", "x.y", "s1", drift.LifeResolved), seen("aa11", "x.y", "s1", drift.LifeOpen)
	gone := seen("aa22", "x.y", "s1", drift.LifeReverted)
	inside, elsewhere := seen("aa33", "x.y[0]", "s1", drift.LifeOpen), seen("aa11", "x.y", "s2", drift.LifeOpen)
	for name, c := range map[string]struct {
		ask      string
		episodes []drift.Episode
		want     string // ids, or the error's beginning
	}{
		"none":                   {"zz", nil, "there is no finding zz in the history"},
		"one":                    {"aa", []drift.Episode{now}, "aa11"},
		"two episodes of one":    {"aa", []drift.Episode{old, now}, "aa11 aa11"},
		"what is open first":     {"aa", []drift.Episode{gone, now}, "aa11"},
		"what is over, alone":    {"aa", []drift.Episode{gone}, "aa22"},
		"the very address first": {"x.y", []drift.Episode{inside, now}, "aa11"},
		"one in two stacks":      {"aa11", []drift.Episode{now, elsewhere}, "aa11 may be any of these; name one by its id, or with --stack:\n  aa11  x.y  modified, open, in s1\n  aa11  x.y  modified, open, in s2"},
		"two open ones":          {"x", []drift.Episode{now, inside}, "x may be any of these"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := oneFinding(c.ask, c.episodes)
			var ids []string
			for _, e := range got {
				ids = append(ids, e.Finding.ID)
			}
			text := strings.Join(ids, " ")
			if err != nil {
				text = err.Error()
			}
			if !strings.HasPrefix(text, c.want) || len(ids) > 0 && text != c.want {
				t.Errorf("%s, want %s", text, c.want)
			}
		})
	}
}
