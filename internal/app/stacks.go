package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"holdfast/internal/detect"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// fleet is what a run is about.
type fleet struct {
	settings   *stack.Settings
	candidates []stack.Candidate
	sources    *sources
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
	candidates, err := stack.Find(ctx, stack.Query{
		Paths: o.Paths, Settings: settings, Include: o.Include, Exclude: o.Exclude,
		Workspace: o.Workspace, State: o.State, Env: o.Env, Workspaces: workspaces(sources.backend),
	})
	if err != nil {
		return nil, err
	}
	if o.State != "" && len(candidates) > 1 {
		return nil, errors.New("--state names the state of one stack, and the settings make several of this path; say which with --workspace")
	}
	for i := range candidates {
		s := &candidates[i].Stack
		s.Engine = cmp.Or(o.Engine, s.Engine, string(detect.Auto))
	}
	return &fleet{settings, candidates, sources}, nil
}

func settingsOf(o CheckOptions) (*stack.Settings, error) {
	if o.Config != "" {
		return stack.ReadSettings(o.Config)
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
