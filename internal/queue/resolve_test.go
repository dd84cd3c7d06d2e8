package queue_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// resolver carries out requests, and notes which.
type resolver struct {
	*work
	mu    sync.Mutex
	calls map[string]int
}

func (r *resolver) Resolve(_ context.Context, request string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls[request]++
	switch {
	case request == "locked":
		return errors.New("somebody holds the state's lock")
	case request == "broken" && r.calls[request] == 1:
		panic("a fault")
	}
	return nil
}

// TestResolve: a request is carried out once, with the transaction that asks for it,
// by a worker that can; what fails is tried again.
func TestResolve(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		start(t, s, newWork(s, 0), quick()) // one that can't
		r := &resolver{work: newWork(s, 0), calls: map[string]int{}}
		q := start(t, s, r, quick())
		undone := errors.New("undone")
		for request, want := range map[string]error{"fine": nil, "locked": nil, "broken": nil, "undone": undone} {
			err := s.InTransaction(t.Context(), "asking", func(tx *sql.Tx) error {
				return errors.Join(q.Resolve(t.Context(), tx, request), want)
			})
			if !errors.Is(err, want) {
				t.Fatal(err)
			}
		}
		until(t, "all requests are done", func() bool {
			depth, err := q.Depth(t.Context())
			return err == nil && len(depth) == 0
		})
		r.mu.Lock()
		defer r.mu.Unlock()
		if diff := cmp.Diff(map[string]int{"fine": 1, "locked": 3, "broken": 2}, r.calls); diff != "" {
			t.Error(diff)
		}
	})
}

// TestDepth counts what waits and what runs, but not the clock's own jobs.
func TestDepth(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 6)
		free := make(chan struct{})
		w.check = waiting(free)
		q := start(t, s, w, quick())
		run := ask(t, q, queue.Ask{Source: "infra"})
		want := map[[2]string]int{{"check", "running"}: 4, {"check", "available"}: 2}
		until(t, "four checks run and two wait", func() bool {
			depth, err := q.Depth(t.Context())
			return err == nil && cmp.Equal(want, depth)
		})
		close(free)
		ended(t, s, run)
	})
}
