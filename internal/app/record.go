package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

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
	began   time.Time // by the clock that never jumps
	results chan looked
	done    sync.WaitGroup

	// Of the goroutine that writes, until done.
	store   *store.Store
	shared  bool   // the store is others' too
	joins   string // the run that this is a part of, which others begin and finish
	by      string // who begins it; "" for nobody in particular
	saved   *store.Run
	lost    int                        // results that were not saved
	err     error                      // the first
	begun   map[string][]store.Outcome // what has no outcome yet, by stack
	settled []Settled
	cutOff  string
	// What is unsound about a state beside the one that is remembered, by stack.
	unsound map[string][]drift.Integrity
	// What was known of stacks with findings before this run, by stack.
	known map[string]known
	// When each stack was looked at, by stack: as saved first.
	looks map[string]time.Time
}

// looked is a result, and when it came.
type looked struct {
	drift.Stack
	at time.Time
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
		cutOff: o.cutOff, store: o.history, shared: o.history != nil, joins: o.run, by: o.by,
		run:   drift.RunRecord{Tool: run.Tool, StartedAt: run.StartedAt, Trigger: cmp.Or(o.Trigger, "command")},
		began: time.Now(), results: make(chan looked, len(found.candidates)),
		unsound: map[string][]drift.Integrity{}, known: map[string]known{}, looks: map[string]time.Time{},
	}
	r.done.Go(func() { r.write(ctx) })
	return r, nil
}

// save hands a result on. It never waits.
func (r *recorder) save(ctx context.Context, s stack.Stack, result drift.Stack) {
	if r == nil || ctx.Err() != nil {
		return // what was interrupted says nothing of the stack
	}
	r.results <- looked{r.placed(s, result), time.Now()}
}

// placed gives a result with paths as the history has them, from wherever the stack
// was checked: a server's folders are nobody else's.
func (r *recorder) placed(s stack.Stack, result drift.Stack) drift.Stack {
	result.Path = historyPath(s, r.base)
	result.Findings = slices.Clone(result.Findings)
	for i, f := range result.Findings {
		if f.Source == nil {
			continue
		}
		if inside, err := filepath.Rel(filepath.FromSlash(s.Path), filepath.FromSlash(f.Source.File)); err == nil {
			result.Findings[i].Source = &drift.Position{File: path.Join(result.Path, filepath.ToSlash(inside)), Line: f.Source.Line}
		}
	}
	return result
}

// write saves results as they come.
func (r *recorder) write(ctx context.Context) {
	r.err = r.begin(ctx)
	if r.err == nil {
		r.begun, r.err = begun(ctx, r.store)
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

// begin opens the history, and begins the run there or takes a part in it.
func (r *recorder) begin(ctx context.Context) (err error) {
	if !r.shared {
		if r.store, err = openForWriting(ctx, r.place); err != nil {
			return err
		}
	}
	if r.joins != "" {
		r.saved, err = r.store.Resume(ctx, r.joins)
		return err
	}
	r.saved, err = r.store.Begin(ctx, r.run)
	if err == nil && r.by != "" {
		err = r.saved.By(ctx, r.by)
	}
	return err
}

// add saves a result, with what comes of holding its state against the one that
// is remembered.
func (r *recorder) add(ctx context.Context, result looked) error {
	before, err := r.store.StateMark(ctx, result.ID)
	if err != nil {
		return err
	}
	began := result.at.Add(-time.Duration(result.DurationMS) * time.Millisecond)
	faults, mark := before.Follow(result.Mark(), began, result.at)
	if len(faults) > 0 {
		r.unsound[result.ID] = faults
		unsound(&result.Stack, faults)
	}
	if mark != before {
		if err := r.store.SaveStateMark(ctx, result.ID, mark); err != nil {
			return err
		}
	}
	if err := r.settle(ctx, result.Stack); err != nil {
		return err
	}
	if len(result.Findings) > 0 {
		before, err := r.store.Known(ctx, result.ID)
		if err != nil {
			return err
		}
		r.known[result.ID] = newKnown(before)
		result.Findings = r.known[result.ID].carry(result.Findings)
	}
	r.looks[result.ID] = r.lookedAt(result)
	return r.saved.SaveAt(ctx, result.Stack, r.covers, r.looks[result.ID])
}

// lookedAt is when the check of a stack began, however long its result has waited
// to be written: what changed meanwhile came after it.
func (r *recorder) lookedAt(result looked) time.Time {
	since := result.at.Sub(r.began) - time.Duration(result.DurationMS)*time.Millisecond
	return r.run.StartedAt.Add(max(since, 0))
}

// unsound adds faults of a stack's state to its result.
func unsound(s *drift.Stack, faults []drift.Integrity) {
	s.Integrity = slices.Concat(faults, s.Integrity)
	drift.ExplainByState(s)
}

// wait waits until all results are written, and adds to the run what comes of
// holding their states against those that are remembered.
func (r *recorder) wait(run *drift.Run) {
	if r == nil {
		return
	}
	close(r.results)
	r.done.Wait()
	for i := range run.Stacks {
		if s := &run.Stacks[i]; len(r.unsound[s.ID]) > 0 {
			unsound(s, r.unsound[s.ID])
		}
	}
}

// again saves a result once more: the run as a whole has told more of it.
func (r *recorder) again(ctx context.Context, s stack.Stack, result drift.Stack) {
	if r == nil || r.saved == nil || ctx.Err() != nil {
		return
	}
	at, ok := r.looks[result.ID]
	if !ok {
		return // it was not saved the first time
	}
	result = r.placed(s, result)
	result.Findings = r.known[result.ID].carry(result.Findings)
	r.err = cmp.Or(r.err, r.saved.SaveAt(ctx, result, r.covers, at))
}

// before is what was known of a stack before this run.
func (r *recorder) before(stackID string) known {
	if r == nil {
		return known{}
	}
	return r.known[stackID]
}

// explain adds causes to what is written.
func (r *recorder) explain(ctx context.Context, run *drift.Run) {
	if r == nil || r.saved == nil {
		return
	}
	for _, s := range run.Stacks {
		if len(s.Findings) == 0 || ctx.Err() != nil {
			continue
		}
		causes := map[string]*drift.Cause{}
		for _, f := range s.Findings {
			causes[f.ID] = f.Cause
		}
		if err := r.saved.Explain(ctx, s.Ref(), causes); err != nil {
			r.err = cmp.Or(r.err, err)
		}
	}
}

// end finishes the run in the history, after wait, unless something is missing.
// It says what is.
func (r *recorder) end(ctx context.Context, run *drift.Run, decided bool) error {
	if r == nil {
		return nil
	}
	if r.saved != nil && r.joins == "" && r.err == nil && decided && ctx.Err() == nil {
		r.err = r.saved.Finish(ctx, run.FinishedAt, run.Summary)
	}
	if r.store != nil && !r.shared {
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
