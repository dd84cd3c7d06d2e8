package statetest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"holdfast/internal/state"
)

// everything asks a backend all that it can be asked, and gives the errors.
func everything(ctx context.Context, backend state.Backend, workspace string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		source := backend.State(workspace)
		_, err := source.Read(ctx)
		if !yield("reading", err) {
			return
		}
		_, err = source.Lock(ctx)
		if !yield("the lock", err) {
			return
		}
		_, err = backend.Workspaces(ctx)
		yield("the workspaces", err)
	}
}

// asks is everything that a backend asks its server: a backend without locks or
// workspaces answers those by itself.
func (b *bench) asks(what string) bool {
	switch what {
	case "the lock":
		return b.Locks != nil
	case "the workspaces":
		return len(b.Workspaces) > 0
	}
	return true
}

// failing sees that every question ends with a clear error within the patience.
func (b *bench) failing(t *testing.T, backend state.Backend) {
	t.Helper()
	source := backend.State("default").String()
	began := time.Now()
	for what, err := range everything(t.Context(), backend, "default") {
		if !b.asks(what) {
			continue
		}
		name := source
		if what == "the workspaces" {
			name = "" // they are of the backend, not of one state
		}
		b.failure(t, what, name, err)
		if errors.Is(err, state.ErrNone) {
			t.Errorf("%s: no answer is taken for no state: %v", what, err)
		}
		if took := time.Since(began); took > patience {
			t.Errorf("%s: it took %v", what, took)
		}
		began = time.Now()
	}
}

func refused(t *testing.T, b *bench) {
	b.put(t, "default", []byte("{}"))
	b.open(t)
	b.failing(t, b.Open(t, nobody))
}

func denied(t *testing.T, b *bench) {
	b.put(t, "default", []byte("{}"))
	backend := b.open(t)
	b.front.set(deny)
	b.failing(t, backend)
}

func outOfOrder(t *testing.T, b *bench) {
	b.put(t, "default", []byte("{}"))
	backend := b.open(t)
	b.front.set(fail)
	b.failing(t, backend)
}

// brokenOff sees that half a state is never taken for a whole one.
func brokenOff(t *testing.T, b *bench) {
	b.put(t, "default", random(1<<20))
	source := b.open(t).State("default")
	b.front.set(cut)
	got, err := source.Read(t.Context())
	b.failure(t, "reading", source.String(), err)
	if errors.Is(err, state.ErrNone) || got != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// cancelledDuring ends the context when the server has the request, and when it
// has begun to answer.
func cancelledDuring(t *testing.T, b *bench) {
	b.put(t, "default", random(1<<20))
	backend := b.open(t)
	for _, m := range []mode{hang, stall} {
		b.front.set(m)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := backend.State("default").Read(ctx)
			done <- err
		}()
		select {
		case <-b.front.arrived:
		case err := <-done:
			t.Errorf("it ended by itself: %v", err)
			done <- err
		}
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		case <-time.After(patience):
			t.Fatal("it goes on")
		}
	}
}
