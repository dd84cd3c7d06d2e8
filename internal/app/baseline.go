package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/drift/baseline"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// baselines records the baseline of each stack that is checked for the first
// time. A nil one records none.
type baselines struct {
	ctx   context.Context // of the run, for the checker's hooks
	place place
	base  string

	open   sync.Once
	store  *store.Store
	shared bool // the store is others' too

	mu  sync.Mutex
	err error // the first thing that went wrong
}

// newBaselines makes the hooks of a run; nil where nothing is to be recorded.
func newBaselines(ctx context.Context, o CheckOptions, found *fleet) (*baselines, error) {
	if o.NoHistory {
		return nil, nil //nolint:nilnil // a nil one records nothing
	}
	at, err := historyPlace(o.Store, found.settings)
	if err != nil {
		return nil, err
	}
	base, err := baseFolder(found.settings)
	return &baselines{ctx: ctx, place: at, base: base, store: o.history, shared: o.history != nil}, err
}

// history opens the history when it is first needed; nil if that failed.
func (b *baselines) history() *store.Store {
	b.open.Do(func() {
		if b.shared {
			return
		}
		s, err := openForWriting(b.ctx, b.place)
		if err != nil {
			b.failed(err)
			return
		}
		b.store = s
	})
	return b.store
}

func (b *baselines) failed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

// wanted implements detect.Options.Baseline.
func (b *baselines) wanted(s stack.Stack) bool {
	if b == nil || b.history() == nil {
		return false
	}
	_, has, err := b.store.Baseline(b.ctx, s.ID())
	if err != nil {
		b.failed(err)
	}
	return err == nil && !has
}

// save implements detect.Options.Baselined.
func (b *baselines) save(s stack.Stack, one drift.Baseline) {
	one.Stack.Path = historyPath(s, b.base)
	if err := b.store.SaveBaseline(b.ctx, one, "", ""); err != nil {
		b.failed(err)
	}
}

// end says what could not be recorded.
func (b *baselines) end() error {
	if b == nil {
		return nil
	}
	if b.store != nil && !b.shared {
		b.failed(b.store.Close())
	}
	if b.ctx.Err() == nil {
		return b.err
	}
	return nil // who interrupts knows that the rest is missing
}

// BaselineOptions choose baselines.
type BaselineOptions struct {
	HistoryOptions
	Paths []string // folders with stacks in or below them; none means all
}

// Baselines gives the recorded baselines, by the stacks' names.
func Baselines(ctx context.Context, o BaselineOptions) (list []drift.Baseline, err error) {
	within, err := pathsWithin(o.Config, o.Paths)
	if err != nil {
		return nil, err
	}
	s, err := OpenHistory(ctx, o.HistoryOptions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	list = []drift.Baseline{}
	for b, err := range s.Baselines(ctx) {
		if err != nil {
			return nil, err
		}
		if within(b.Stack.Path) {
			list = append(list, b)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no stack%s has a baseline yet; holdfast check records it when it checks one for the first time", below(o.Paths))
	}
	sortByStack(list, func(b drift.Baseline) drift.StackRef { return b.Stack })
	return list, nil
}

func below(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	return " in or below " + strings.Join(paths, ", ")
}

// RenewedBaseline is a baseline that was made anew.
type RenewedBaseline struct {
	Baseline    drift.Baseline        `json:"baseline"`
	Differences []baseline.Difference `json:"differences"`
	First       bool                  `json:"first"`           // there was none before
	Error       string                `json:"error,omitempty"` // why there is none now
}

// RenewOptions say why baselines are made anew, and by whom.
type RenewOptions struct {
	CheckOptions
	By, Reason string
	DryRun     bool // compare and record nothing
}

// RenewBaselines makes the baselines of stacks anew from their states, as they
// were last applied, and records them. What goes wrong with one stack is in its
// result.
func RenewBaselines(ctx context.Context, o RenewOptions) (list []RenewedBaseline, err error) {
	found, err := findStacks(ctx, o.CheckOptions)
	if err != nil {
		return nil, err
	}
	hooks, err := newBaselines(ctx, o.CheckOptions, found)
	if err != nil {
		return nil, err
	}
	if hooks == nil {
		return nil, errors.New("a baseline is a part of the history, which is turned off")
	}
	checker, stop, err := newChecker(ctx, o.CheckOptions, found)
	if err != nil {
		return nil, err
	}
	defer stop()
	if hooks.history() == nil {
		return nil, hooks.end()
	}
	defer func() { err = errors.Join(err, hooks.end()) }()
	for _, c := range found.candidates {
		var made drift.Baseline
		failed := c.Err
		if failed == nil {
			made, failed = checker.Baseline(ctx, c.Stack)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		made.Stack = drift.StackRef{ID: c.Stack.ID(), Path: historyPath(c.Stack, hooks.base), Workspace: c.Stack.Workspace, Name: c.Stack.Name}
		if failed != nil {
			list = append(list, RenewedBaseline{Baseline: made, Error: failed.Error()})
			continue
		}
		one, err := hooks.renew(made, o)
		if err != nil {
			return list, err
		}
		list = append(list, one)
	}
	return list, nil
}

// renew compares a baseline with the recorded one, and takes its place.
func (b *baselines) renew(made drift.Baseline, o RenewOptions) (RenewedBaseline, error) {
	old, has, err := b.store.Baseline(b.ctx, made.Stack.ID)
	if err != nil {
		return RenewedBaseline{}, err
	}
	one := RenewedBaseline{Baseline: made, First: !has, Differences: []baseline.Difference{}}
	if has {
		one.Differences = baseline.Compare(old.Resources, made.Resources)
	}
	if o.DryRun {
		return one, nil
	}
	if err := b.store.SaveBaseline(b.ctx, made, o.By, o.Reason); err != nil {
		return one, err
	}
	// Whoever renews a baseline says that the state is the right one.
	return one, b.store.SaveStateMark(b.ctx, made.Stack.ID, drift.StateMark{
		At: time.Now().UTC(), Lineage: made.Lineage, Serial: made.Serial, Instances: len(made.Resources),
	})
}
