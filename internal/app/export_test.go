package app

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// Desk is a server's requests without its queue: tests carry out what is in it.
type Desk struct {
	requests
	Store  *store.Store
	Queued []string // ids of requests
	Asked  []queue.Ask
	Teller queue.Teller // nil where the settings have no alerts
	run    string       // the last round's
}

// NewDesk makes one, with the sources of the settings that o names.
func NewDesk(t *testing.T, o ServeOptions) *Desk {
	t.Helper()
	p, err := newProcess(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.close(t.Context()) })
	d := &Desk{Store: p.store}
	if d.Teller, err = p.teller(); err != nil {
		t.Fatal(err)
	}
	d.requests, p.site.ask = requests{p.site, deskJobs{d}}, deskJobs{d}.Ask
	return d
}

// Carry carries a request out, as a job of the queue does.
func (d *Desk) Carry(ctx context.Context, request string) error { return d.site.Resolve(ctx, request) }

// deskJobs takes the place of the queue.
type deskJobs struct{ d *Desk }

func (j deskJobs) Resolve(_ context.Context, _ *sql.Tx, request string) error {
	j.d.Queued = append(j.d.Queued, request)
	return nil
}

func (j deskJobs) Ask(_ context.Context, a queue.Ask) (string, error) {
	j.d.Asked = append(j.d.Asked, a)
	return "run", nil
}

// Round checks all stacks of a source, as a round does.
func (d *Desk) Round(t *testing.T, source string) {
	t.Helper()
	ctx := t.Context()
	commit, refs, err := d.site.Find(ctx, source)
	if err != nil {
		t.Fatal(err)
	}
	var run string
	err = d.Store.InTransaction(ctx, "a round", func(tx *sql.Tx) (err error) {
		now := d.site.options.now()
		if run, err = d.Store.BeginRound(ctx, tx, store.Round{Source: source, At: now}); err != nil {
			return err
		}
		return d.Store.NoteStacks(ctx, tx, source, refs, now)
	})
	if err != nil {
		t.Fatal(err)
	}
	d.run = run
	for _, ref := range refs {
		status, err := d.site.Check(ctx, queue.Task{Run: run, Source: source, Commit: commit, Stack: ref})
		if err != nil || status == drift.StatusError {
			t.Fatal(status, err)
		}
	}
}

// Finish sums up the last round.
func (d *Desk) Finish(ctx context.Context) error { return d.site.Finish(ctx, d.run) }

// Update takes a request from one state to another.
func (d *Desk) Update(ctx context.Context, from string, r store.Request) error {
	return d.Store.InTransaction(ctx, "a test", func(tx *sql.Tx) error {
		_, err := d.Store.UpdateRequest(ctx, tx, from, r)
		return err
	})
}

// Find finds the stacks of a source.
func (d *Desk) Find(ctx context.Context, source string) (string, []drift.StackRef, error) {
	return d.site.Find(ctx, source)
}

// TellAfter records a run over stacks and tells the settings' channels of it, as
// holdfast check --alert does. Leases hold for a moment alone: a test that kills whoever
// sends waits for none. Begun is called when the history is open.
func TellAfter(ctx context.Context, o CheckOptions, stacks []drift.Stack, begun func()) error {
	settings, err := settingsOf(o)
	if err != nil {
		return err
	}
	at, err := historyPlace(o.Store, settings)
	if err != nil {
		return err
	}
	first, err := openForWriting(ctx, at)
	if err != nil {
		return err
	}
	defer func() { _ = first.Close() }() // it wrote nothing but its tables
	return withTelling(ctx, o, settings, func(t *telling) error {
		t.lease = time.Millisecond
		begun()
		run, err := t.store.Begin(ctx, drift.RunRecord{})
		if err != nil {
			return err
		}
		began := time.Now()
		for _, st := range stacks {
			if err := run.Save(ctx, st, nil); err != nil {
				return err
			}
		}
		if err := run.Finish(ctx, time.Now(), drift.Summarize(stacks)); err != nil {
			return err
		}
		if err := t.route(ctx, began, nil); err != nil {
			return err
		}
		return t.insist(ctx)
	})
}
