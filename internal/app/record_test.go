package app

import (
	"testing"
	"time"

	"holdfast/internal/drift"
)

// TestLookedAt: a stack was looked at when its check began, not when its result is
// written at last.
func TestLookedAt(t *testing.T) {
	t.Parallel()
	started := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	r := &recorder{began: time.Now().Add(-time.Hour), run: drift.RunRecord{StartedAt: started}}
	for _, c := range []struct{ came, took, want time.Duration }{
		{time.Minute, 10 * time.Second, 50 * time.Second},
		{time.Second, 2 * time.Second, 0}, // a clock that was set back
	} {
		result := looked{drift.Stack{DurationMS: c.took.Milliseconds()}, r.began.Add(c.came)}
		if got := r.lookedAt(result).Sub(started); got != c.want {
			t.Errorf("%s after the run began, want %s", got, c.want)
		}
	}
}
