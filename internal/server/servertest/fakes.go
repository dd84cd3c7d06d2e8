package servertest

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/server"
	"holdfast/internal/store"
)

// Rounds plays the queue: what is asked for is recorded, and nothing checks it.
type Rounds struct{ store *store.Store }

// Ask implements server.Rounds.
func (r *Rounds) Ask(ctx context.Context, source string, stacks []string, actor string) (run string, err error) {
	err = r.store.InTransaction(ctx, "asking for a check", func(tx *sql.Tx) error {
		run, err = r.store.BeginRound(ctx, tx, store.Round{Source: source, Actor: actor, Trigger: "person", Tool: drift.Tool{Name: "holdfast"}, At: time.Now()})
		if err != nil {
			return err
		}
		for i, id := range stacks {
			one, _, err := r.store.FleetStack(ctx, id)
			if err != nil {
				return err
			}
			err = r.store.PlanStack(ctx, tx, store.RunStack{Run: run, Stack: one.Stack, Source: source, State: store.StackQueued, Job: time.Now().UnixNano() + int64(i)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return run, err
}

// Cancel implements server.Rounds.
func (r *Rounds) Cancel(ctx context.Context, run string) (cancelled bool, err error) {
	err = r.store.InTransaction(ctx, "cancelling a run", func(tx *sql.Tx) error {
		_, cancelled, err = r.store.CancelRun(ctx, tx, run, time.Now())
		return err
	})
	return cancelled, err
}

// Depth implements server.Rounds.
func (*Rounds) Depth(context.Context) (map[[2]string]int, error) { return nil, nil }

// Requests plays what carries out what people ask for: it is recorded, and nothing
// is done.
type Requests struct {
	store   *store.Store
	sources []server.Source

	mu    sync.Mutex
	waits []server.WaiveAsk
	fail  error
}

// Waived are the waivers that were asked for.
func (r *Requests) Waived() []server.WaiveAsk {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]server.WaiveAsk{}, r.waits...)
}

// Fail lets everything fail from now on; nil ends that.
func (r *Requests) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *Requests) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fail
}

// Waive implements server.Requests.
func (r *Requests) Waive(_ context.Context, ask server.WaiveAsk) (server.WaiveDone, error) {
	if err := r.failure(); err != nil {
		return server.WaiveDone{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = append(r.waits, ask)
	return server.WaiveDone{ID: "W-" + ask.Episode.ID()}, nil
}

// Ask implements server.Requests.
func (r *Requests) Ask(ctx context.Context, q store.Request) (asked store.Request, err error) {
	if err := r.failure(); err != nil {
		return q, err
	}
	q.State = store.RequestApproved
	for _, s := range r.sources {
		if s.Name == q.Source && s.Approval {
			q.State = store.RequestWaiting
		}
	}
	err = r.store.InTransaction(ctx, "asking", func(tx *sql.Tx) error {
		asked, err = r.store.AddRequest(ctx, tx, q)
		return err
	})
	return asked, err
}

// Decide implements server.Requests.
func (r *Requests) Decide(ctx context.Context, id string, approve bool, actor string) (store.Request, error) {
	q, ok, err := r.store.Request(ctx, id)
	if err != nil || !ok {
		return q, fmt.Errorf("%w: request %s, %w", server.ErrNotThere, id, err)
	}
	if approve && q.AskedBy == actor {
		return q, fmt.Errorf("%w: who asks for a change doesn't approve it", server.ErrForbidden)
	}
	q.State, q.DecidedBy, q.DecidedAt = store.RequestRejected, actor, time.Now()
	if approve {
		q.State = store.RequestApproved
	}
	err = r.store.InTransaction(ctx, "deciding", func(tx *sql.Tx) error {
		ok, err := r.store.UpdateRequest(ctx, tx, store.RequestWaiting, q)
		if err == nil && !ok {
			err = fmt.Errorf("%w: it was decided already", server.ErrConflict)
		}
		return err
	})
	return q, err
}
