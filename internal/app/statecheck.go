package app

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/state"
	"holdfast/internal/store"
)

// CheckStates looks at the states of stacks alone, and records nothing. It finds
// all that Check finds about them, but what only a provider or a plan knows. An
// error is one of usage: what goes wrong with one state is in the result.
func CheckStates(ctx context.Context, o CheckOptions) (drift.StateCheck, error) {
	result := drift.StateCheck{SchemaVersion: drift.SchemaVersion, Tool: Tool(), StartedAt: time.Now().UTC()}
	found, err := findStacks(ctx, o)
	if err != nil {
		return result, err
	}
	checker, end, err := newChecker(ctx, o, found)
	if err != nil {
		return result, err
	}
	defer end()
	stacks := eachStack(found.candidates, func(stacks []stack.Stack, emit func(int, drift.Stack)) { checker.CheckStates(ctx, stacks, emit) }, func(stack.Stack, drift.Stack) {})
	if err := compareStates(ctx, o, stacks); err != nil && o.Warn != nil {
		o.Warn(err)
	}
	for i, faults := range found.shared(stacks) {
		unsound(&stacks[i], faults)
	}
	result.FinishedAt = time.Now().UTC()
	result.Fill(stacks)
	return result, nil
}

// compareStates holds states against those that the history remembers. Without a
// history there are none.
func compareStates(ctx context.Context, o CheckOptions, stacks []drift.Stack) (err error) {
	if o.NoHistory {
		return nil
	}
	history, err := OpenHistory(ctx, HistoryOptions{Config: o.Config, Store: o.Store})
	if errors.Is(err, ErrNoHistory) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, history.Close()) }()
	now := time.Now()
	for i := range stacks {
		before, err := history.StateMark(ctx, stacks[i].ID)
		if err != nil {
			return err
		}
		if faults, _ := before.Follow(stacks[i].Mark(), now, now); len(faults) > 0 {
			unsound(&stacks[i], faults)
		}
	}
	return nil
}

// opened implements detect.Options.Opened: it remembers what two stacks must not
// both have.
func (f *fleet) opened(s stack.Stack, source string, st *state.State) {
	if len(f.candidates) > 1 || f.alone {
		f.overlap.Add(f.ref(s), source, st)
	}
	if f.alone {
		h := store.Holding{Stack: f.ref(s), Place: source, Lineage: st.Lineage}
		for _, one := range state.Holds(source, st) {
			h.Things = append(h.Things, store.Thing(one))
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.holds = append(f.holds, h)
	}
}

// remember records what stacks that are checked one by one have that no other may
// have, and adds what others have of it. What was interrupted says nothing.
func (f *fleet) remember(ctx context.Context, s *store.Store, began time.Time) error {
	for _, h := range f.holds {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // who interrupts knows that it is missing
		}
		others, err := s.Hold(ctx, h, began, time.Now())
		if err != nil {
			return err
		}
		for _, other := range others {
			var held []state.Held
			for _, thing := range other.Things {
				held = append(held, state.Held(thing))
			}
			f.overlap.AddHeld(other.Stack, other.Place, other.Lineage, held)
		}
	}
	return nil
}

// shared gives the faults of stacks that have something in common, by their
// places in the list.
func (f *fleet) shared(stacks []drift.Stack) map[int][]drift.Integrity {
	faults, places := f.overlap.Faults(), map[int][]drift.Integrity{}
	for i, s := range stacks {
		if len(faults[s.ID]) > 0 {
			places[i] = faults[s.ID]
		}
	}
	return places
}
