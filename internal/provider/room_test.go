package provider

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"holdfast/internal/provider/providertest"
)

// asks acquires a provider in the background. The lease is given back when the
// test says so.
type asks struct {
	got     chan *Lease
	release chan struct{}
}

func (r *rig) asks(m *Manager, req Request) *asks {
	a := &asks{got: make(chan *Lease, 1), release: make(chan struct{})}
	go func() {
		lease, err := m.Acquire(r.Context(), req)
		if err != nil {
			close(a.got)
			return
		}
		a.got <- lease
		<-a.release
		lease.Release()
	}()
	return a
}

// waiting waits until nobody but those who have to wait for room is under way,
// and reports how many processes there are.
func (r *rig) waiting(m *Manager, a *asks) {
	r.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		m.mu.Lock()
		n := m.queued
		m.mu.Unlock()
		if n > 0 {
			break
		}
		if time.Now().After(deadline) {
			r.Fatal("nobody waits for room")
		}
		select {
		case <-a.got:
			r.Fatal("it was given a provider for which there was no room")
		case <-time.After(time.Millisecond):
		}
	}
}

// TestRoom limits the processes: who holds none waits until one is free, and the
// one that nobody uses ends for it.
func TestRoom(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"processes": {MaxProcesses: 1},
		"memory":    {MaxMemory: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, providertest.Six)
			m := r.manager(o)
			first := r.asks(m, r.request("here"))
			one := <-first.got
			shared := r.acquire(m, r.request("here")) // needs no room
			if shared.Client != one.Client {
				t.Error("there was no room for a second user of the same process")
			}
			shared.Release()

			second := r.asks(m, r.request("there"))
			r.waiting(m, second)
			close(first.release)
			two := <-second.got
			if two == nil {
				t.Fatal("it was given nothing when there was room")
			}
			if !one.Client.process.isDead() {
				t.Error("the process that nobody uses still runs")
			}
			if n := len(m.clients); n != 1 {
				t.Errorf("%d processes, with room for one", n)
			}
			close(second.release)
		})
	}
}

// TestRoomOfAHolder lets holders need two providers each, where there is room
// for one: whoever has one gets the other at once, or all would wait for ever.
func TestRoomOfAHolder(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	m := r.manager(Options{MaxProcesses: 1})
	var wg sync.WaitGroup
	for _, own := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			holder := &Holder{}
			var both sync.WaitGroup
			for _, region := range []string{own, "shared"} {
				both.Go(func() {
					req := r.request(region)
					req.Holder = holder
					lease, err := m.Acquire(t.Context(), req)
					if err != nil {
						t.Error(err)
						return
					}
					defer lease.Release()
				})
			}
			both.Wait()
			m.mu.Lock()
			defer m.mu.Unlock()
			if holder.leases != 0 {
				t.Errorf("it gave all back, and holds %d", holder.leases)
			}
		})
	}
	wg.Wait()
}

// TestRoomOfAHolderThatWaits waits for room, and for no more once the holder has
// another lease: the one that takes all the room is never given back.
func TestRoomOfAHolderThatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	m := r.manager(Options{MaxProcesses: 1})
	r.acquire(m, r.request("shared"))
	holder := &Holder{}
	of := func(region string) Request {
		req := r.request(region)
		req.Holder = holder
		return req
	}
	own := r.asks(m, of("own"))
	r.waiting(m, own)
	r.acquire(m, of("shared"))
	select {
	case lease := <-own.got:
		if lease == nil {
			t.Error("it was given nothing")
		}
	case <-time.After(2 * time.Minute):
		t.Error("it waits for room though its holder has a lease")
	}
	close(own.release)
}

// TestRoomWaitEnds gives up waiting; the time limit of a start is not the wait's.
func TestRoomWaitEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	m := r.manager(Options{MaxProcesses: 1})
	r.acquire(m, r.request("here"))
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 1)
	req := r.request("there")
	req.Timeout = time.Minute
	go func() {
		_, err := m.Acquire(ctx, req)
		errs <- err
	}()
	r.waiting(m, &asks{})
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("it says %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queued != 0 {
		t.Errorf("%d still wait", m.queued)
	}
}
