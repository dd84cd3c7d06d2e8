package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/state"
	"holdfast/internal/state/locate"
	"holdfast/internal/store"
)

// fleet is what a run is about.
type fleet struct {
	settings   *stack.Settings
	candidates []stack.Candidate
	sources    *sources
	waivers    []drift.Waiver
	waiversAt  string // their file, whether or not it exists
	base       string // the folder from which waivers and the history name stacks
	overlap    state.Overlap

	alone bool // its stacks are checked one by one: what others have is in the history
	mu    sync.Mutex
	holds []store.Holding // of stacks that are
}

// findStacks reads the settings and finds the stacks to check. An error is one
// of usage or of the settings; what is wrong with one stack is in its candidate.
func findStacks(ctx context.Context, o CheckOptions) (*fleet, error) {
	settings, err := settingsOf(o)
	if err != nil {
		return nil, err
	}
	if o.State != "" && len(o.Paths) > 1 {
		return nil, errors.New("--state names the state of one stack; name one path with it")
	}
	sources := newSources()
	find := findWithSource
	if o.State != "" && len(o.Paths) == 0 && (locate.IsRemote(o.State) || !hasSource(".")) {
		find = statesAlone
	}
	candidates, err := find(ctx, o, settings, sources)
	if err != nil {
		return nil, err
	}
	if err := identify(candidates, o, settings); err != nil {
		return nil, err
	}
	if o.only != nil {
		candidates = slices.DeleteFunc(candidates, func(c stack.Candidate) bool { return !o.only(c.Stack) })
	}
	for i := range candidates {
		s := &candidates[i].Stack
		s.Engine = cmp.Or(o.Engine, s.Engine, string(detect.Auto))
	}
	found := &fleet{settings: settings, candidates: candidates, sources: sources}
	if err := found.readWaivers(o); err != nil {
		return nil, err
	}
	return found, nil
}

func (f *fleet) readWaivers(o CheckOptions) (err error) {
	if f.base, err = baseFolder(f.settings); err != nil {
		return err
	}
	if f.waiversAt, err = f.settings.WaiversPath("."); err != nil {
		return err
	}
	f.waivers, err = stack.ReadWaivers(f.waiversAt, o.now())
	return err
}

// findWithSource finds the root modules, and the state of one if that is named.
func findWithSource(ctx context.Context, o CheckOptions, settings *stack.Settings, sources *sources) ([]stack.Candidate, error) {
	query := stack.Query{
		Paths: o.Paths, Settings: settings, Include: o.Include, Exclude: o.Exclude,
		Workspace: o.Workspace, State: o.State, Env: o.Env, Workspaces: workspaces(sources.backend),
	}
	if locate.IsRemote(o.State) {
		query.State = ""
	}
	candidates, err := stack.Find(ctx, query)
	if err != nil {
		return nil, err
	}
	if o.State != "" && len(candidates) > 1 {
		return nil, errors.New("--state names the state of one stack, and the settings make several of this path; say which with --workspace")
	}
	if !locate.IsRemote(o.State) || len(candidates) == 0 {
		return candidates, nil
	}
	found, err := sources.find(ctx, o.Env, o.State)
	switch {
	case err != nil:
		return nil, err
	case len(found) > 1:
		return nil, fmt.Errorf("--state names %d states, and the root module has one; name it, or leave the path out", len(found))
	}
	s := &candidates[0].Stack
	s.StateNamed, s.StatePath, s.StateURL = true, "", sources.name(found[0])
	return candidates, nil
}

// statesAlone makes a stack of every state that --state names, without source.
// Providers and their lock file are taken from the current folder.
func statesAlone(ctx context.Context, o CheckOptions, _ *stack.Settings, sources *sources) ([]stack.Candidate, error) {
	found, err := sources.find(ctx, o.Env, o.State)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	var candidates []stack.Candidate
	for _, source := range found {
		url := sources.name(source)
		candidates = append(candidates, stack.Candidate{Stack: stack.Stack{
			Path: url, Dir: dir, DataDir: filepath.Join(dir, ".terraform"), Workspace: "default", Backend: "local",
			StateNamed: true, StateURL: url, NoSource: true, Env: o.Env,
		}})
	}
	return candidates, nil
}

// hasSource reports whether a folder holds Terraform or OpenTofu files.
func hasSource(dir string) bool {
	for _, pattern := range []string{"*.tf", "*.tf.json", "*.tofu", "*.tofu.json"} {
		if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
			return true
		}
	}
	return false
}

func settingsOf(o CheckOptions) (*stack.Settings, error) {
	if o.Config != "" {
		return stack.ReadSettings(o.Config)
	}
	if o.Dir != "" {
		return &stack.Settings{Dir: o.Dir}, nil
	}
	return stack.FindSettings(".")
}

// workspaces makes the listing that `workspaces: all` asks for: those of a
// stack's backend that have a state. A backend always lists the default one;
// where there are others, it counts only if its state exists.
func workspaces(open func(stack.Stack) (state.Backend, error)) func(context.Context, stack.Stack) ([]string, error) {
	return func(ctx context.Context, s stack.Stack) ([]string, error) {
		backend, err := open(s)
		if err != nil {
			return nil, err
		}
		names, err := backend.Workspaces(ctx)
		if err != nil || !slices.Contains(names, "default") {
			return names, err
		}
		_, err = backend.State("default").Read(ctx)
		switch {
		case errors.Is(err, state.ErrNone):
			return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "default" }), nil
		case err != nil:
			return nil, fmt.Errorf("looking for the state of the default workspace: %w", err)
		}
		return names, nil
	}
}
