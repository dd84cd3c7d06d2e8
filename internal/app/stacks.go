package app

import (
	"context"
	"errors"

	"holdfast/internal/stack"
)

// findStacks reads the settings and finds the stacks to check. An error is one
// of usage or of the settings; what is wrong with one stack is in its candidate.
func findStacks(ctx context.Context, o CheckOptions) (*stack.Settings, []stack.Candidate, error) {
	settings, err := settingsOf(o)
	if err != nil {
		return nil, nil, err
	}
	if o.State != "" && len(o.Paths) > 1 {
		return nil, nil, errors.New("--state names the state of one stack; name one path with it")
	}
	candidates, err := stack.Find(ctx, stack.Query{
		Paths: o.Paths, Settings: settings, Include: o.Include, Exclude: o.Exclude,
		Workspace: o.Workspace, State: o.State, Env: o.Env,
	})
	if err != nil {
		return nil, nil, err
	}
	if o.State != "" && len(candidates) > 1 {
		return nil, nil, errors.New("--state names the state of one stack, and the settings make several of this path; say which with --workspace")
	}
	return settings, candidates, nil
}

func settingsOf(o CheckOptions) (*stack.Settings, error) {
	if o.Config != "" {
		return stack.ReadSettings(o.Config)
	}
	return stack.FindSettings(".")
}
