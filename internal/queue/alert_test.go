package queue_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"holdfast/internal/store"
)

// teller notes how often it is called, and by how many at once.
type teller struct {
	mu                sync.Mutex
	calls, now, atOne int
}

func (t *teller) Tell(context.Context) error {
	t.mu.Lock()
	t.calls++
	n := t.calls
	t.now++
	t.atOne = max(t.atOne, t.now)
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.now--
		t.mu.Unlock()
	}()
	switch n {
	case 1:
		return errors.New("no channel answers")
	case 2:
		panic("a fault")
	}
	return nil
}

func (t *teller) called() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls
}

// TestTell: people are told again and again, whatever became of it before, by one
// process at a time of those that can.
func TestTell(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		start(t, s, newWork(s, 0), quick()) // it can't, and may be the one whose clock ticks
		one := &teller{}
		for range 2 {
			o := quick()
			o.Teller = one
			start(t, s, newWork(s, 0), o)
		}
		until(t, "it is called five times", func() bool { return one.called() >= 5 })
		one.mu.Lock()
		defer one.mu.Unlock()
		if one.atOne != 1 {
			t.Errorf("%d processes told people at once", one.atOne)
		}
	})
}
