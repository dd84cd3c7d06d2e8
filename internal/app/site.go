package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/queue"
	"holdfast/internal/server"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// site is what a server or a worker checks: sources with their stacks. It keeps
// providers and the history open from one check to the next. It does the queue's
// work.
type site struct {
	options   CheckOptions // of all checks
	sources   *openSources
	store     *store.Store
	providers *provider.Manager
	log       *slog.Logger
	tracing   *server.Tracing
	ask       func(context.Context, queue.Ask) (run string, err error) // for a round
	cache     string                                                   // a folder of this machine
	backups   string                                                   // where the states of before a revert are kept
}

// errGone is of a stack that its source doesn't have any more.
var errGone = errors.New("its source has no such stack any more; the next round leaves it out")

// Find implements queue.Work.
func (s *site) Find(ctx context.Context, source string) (commit string, refs []drift.StackRef, err error) {
	o, commit, release, err := s.open(ctx, source, "")
	if err != nil {
		return "", nil, err
	}
	defer release()
	found, err := findStacks(ctx, o)
	if err != nil {
		return "", nil, err
	}
	if len(found.candidates) == 0 {
		return "", nil, errors.New("there is no root module in it; name them with stacks: or include: in its holdfast.yaml")
	}
	for _, c := range found.candidates {
		refs = append(refs, found.ref(c.Stack))
	}
	return commit, refs, nil
}

// ref is how the history names a stack.
func (f *fleet) ref(s stack.Stack) drift.StackRef {
	return drift.StackRef{ID: s.ID(), Path: historyPath(s, f.base), Workspace: s.Workspace, Name: s.Name}
}

// Check implements queue.Work. What goes wrong with the stack is a result like any
// other; an error is that of a result which could not be had or saved.
func (s *site) Check(ctx context.Context, t queue.Task) (status drift.Status, err error) {
	ctx, end := s.tracing.Span(ctx, "check", "holdfast.stack", t.Stack.String(), "holdfast.source", t.Source, "holdfast.run", t.Run)
	defer func() { end(err) }()
	o, _, release, err := s.open(ctx, t.Source, t.Commit)
	if err != nil {
		return "", err
	}
	defer release()
	o.run = t.Run
	found, err := findOne(ctx, o, t.Stack)
	if err != nil {
		return "", err
	}
	run, settled, err := check(ctx, o, found)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", err
	}
	for _, one := range settled {
		s.log.InfoContext(ctx, one.String(), "stack", t.Stack.String(), "run", t.Run)
	}
	return run.Stacks[0].Status, nil
}

// findOne finds the stack that the history names so, of the source in a folder.
func findOne(ctx context.Context, o CheckOptions, ref drift.StackRef) (*fleet, error) {
	o.Paths, o.Workspace = []string{filepath.Join(o.Dir, filepath.FromSlash(ref.Path))}, ref.Workspace
	o.only = func(s stack.Stack) bool { return s.ID() == ref.ID }
	found, err := findStacks(ctx, o)
	if err != nil {
		return nil, err
	}
	if len(found.candidates) != 1 {
		return nil, queue.Final(errGone)
	}
	return found, nil
}

// Finish implements queue.Work: it sums up what the stacks of a run came to. Those
// that could not be checked are not what they were before.
func (s *site) Finish(ctx context.Context, id string) error {
	stacks, err := s.store.RunStacks(ctx, id)
	if err != nil {
		return err
	}
	run, err := s.store.Resume(ctx, id)
	if err != nil {
		return err
	}
	var results []drift.Stack
	for _, one := range stacks {
		result, err := s.outcome(ctx, run, one)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	if err := s.store.PruneAlerts(ctx, time.Now().Add(-keepsMessages)); err != nil {
		return err
	}
	return run.Finish(ctx, time.Now(), drift.Summarize(results))
}

// outcome is what a stack came to in a run.
func (s *site) outcome(ctx context.Context, run *store.Run, one store.RunStack) (drift.Stack, error) {
	if one.State != store.StackFailed {
		result, ok, err := s.store.Stack(ctx, one.Stack.ID)
		if ok || err != nil {
			return result, err
		}
	}
	why := cmp.Or(one.Error, "its check was cancelled")
	result := detect.Failed(stack.Stack{Path: one.Stack.Path, Workspace: one.Stack.Workspace, Name: one.Stack.Name}, "not_checked", errors.New(why))
	result.ID = one.Stack.ID
	return result, run.SaveAt(ctx, result, nil, cmp.Or(one.StartedAt, time.Now()))
}

// open gives the options of checks of a source, as it is at a commit. release lets
// its folder go.
func (s *site) open(ctx context.Context, source, commit string) (o CheckOptions, at string, release func(), err error) {
	o = s.options
	opened, err := s.sources.open(ctx, source, commit)
	if err != nil {
		return o, "", nil, err
	}
	o.Config, o.Dir, o.Paths = opened.config, opened.dir, []string{opened.dir}
	o.providers, o.history, o.scope = s.providers, s.store, s.scope(opened)
	return o, opened.commit, opened.release, nil
}

// scope goes before the keys of a source's stacks. A folder that is served alone
// has the history that commands there have.
func (s *site) scope(o openedSource) string {
	switch {
	case s.store.IsPostgres():
		return repository(o.dir) + "//"
	case len(s.sources.byName) > 1 || o.Git != "":
		return o.Name + "//"
	}
	return ""
}
