package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// recorder writes a run into the history while it goes on, beside it: a slow or
// broken history costs no check its time or its result.
type recorder struct {
	place   place
	base    string
	run     drift.RunRecord
	covers  func(address string) bool
	results chan drift.Stack
	done    sync.WaitGroup

	// Of the goroutine that writes, until done.
	store *store.Store
	saved *store.Run
	lost  int   // results that were not saved
	err   error // the first
	// What is unsound about a state beside the one of the last check, by stack.
	unsound map[string][]drift.Integrity
}

// record begins a recorder for so many stacks; nil where nothing is to be
// recorded.
func record(ctx context.Context, o CheckOptions, found *fleet, run drift.Run) (*recorder, error) {
	if o.NoHistory {
		return nil, nil //nolint:nilnil // a nil recorder records nothing
	}
	at, err := historyPlace(o.Store, found.settings)
	if err != nil {
		return nil, err
	}
	base, err := baseFolder(found.settings)
	if err != nil {
		return nil, err
	}
	r := &recorder{
		place: at, base: base, covers: o.Selection.Has,
		run:     drift.RunRecord{Tool: run.Tool, StartedAt: run.StartedAt, Trigger: cmp.Or(o.Trigger, "command")},
		results: make(chan drift.Stack, len(found.candidates)), unsound: map[string][]drift.Integrity{},
	}
	r.done.Go(func() { r.write(ctx) })
	return r, nil
}

// save hands a result on. It never waits.
func (r *recorder) save(ctx context.Context, s stack.Stack, result drift.Stack) {
	if r == nil || ctx.Err() != nil {
		return // what was interrupted says nothing of the stack
	}
	result.Path = historyPath(s, r.base)
	r.results <- result
}

// write saves results as they come.
func (r *recorder) write(ctx context.Context) {
	r.store, r.err = openForWriting(ctx, r.place)
	if r.err == nil {
		r.saved, r.err = r.store.Begin(ctx, r.run)
	}
	for result := range r.results {
		if r.saved == nil || ctx.Err() != nil {
			r.lost++
			continue
		}
		if err := r.add(ctx, result); err != nil {
			r.lost++
			r.err = cmp.Or(r.err, err)
		}
	}
}

// add saves a result, with what comes of comparing it with the last one.
func (r *recorder) add(ctx context.Context, result drift.Stack) error {
	before, _, err := r.store.Stack(ctx, result.ID)
	if err != nil {
		return err
	}
	if faults := drift.CompareStates(before, result); len(faults) > 0 {
		r.unsound[result.ID] = faults
		result.Integrity = slices.Concat(faults, result.Integrity)
	}
	return r.saved.Save(ctx, result, r.covers)
}

// end waits until all is written, adds to the run what the history knows, and
// finishes it there, unless something is missing. It says what is.
func (r *recorder) end(ctx context.Context, run *drift.Run, decided bool) error {
	if r == nil {
		return nil
	}
	close(r.results)
	r.done.Wait()
	for i := range run.Stacks {
		if s := &run.Stacks[i]; len(r.unsound[s.ID]) > 0 {
			s.Integrity = slices.Concat(r.unsound[s.ID], s.Integrity)
		}
	}
	if r.saved != nil && r.err == nil && decided && ctx.Err() == nil {
		r.err = r.saved.Finish(ctx, run.FinishedAt, run.Summary)
	}
	if r.store != nil {
		r.err = errors.Join(r.err, r.store.Close())
	}
	switch {
	case ctx.Err() != nil || r.err == nil:
		return nil //nolint:nilerr // who interrupts knows that the rest is missing
	case r.lost > 0:
		return fmt.Errorf("%d of %d results are not in the history: %w", r.lost, len(run.Stacks), r.err)
	}
	return r.err
}
