package app

import (
	"context"

	"holdfast/internal/stack"
	"holdfast/internal/state"
	"holdfast/internal/state/azurerm"
	"holdfast/internal/state/gcs"
	"holdfast/internal/state/hcp"
	"holdfast/internal/state/http"
	"holdfast/internal/state/locate"
	"holdfast/internal/state/pull"
	"holdfast/internal/state/s3"
)

// sources opens the states of stacks. One is made for a whole run, so that
// stacks share connections and credentials. Safe for concurrent use.
type sources struct {
	buckets  s3.Pool
	backends map[string]func(state.Settings) (state.Backend, error)
	named    map[string]state.Source // by the name of what --state found
}

// newSources makes the table of all backends that Holdfast reads by itself.
func newSources() *sources {
	s := &sources{named: map[string]state.Source{}}
	s.backends = map[string]func(state.Settings) (state.Backend, error){
		"local": backend(state.NewLocal),
		"s3":    backend(s.buckets.New),
		"http":  backend(http.New),

		"azurerm": azurerm.New,
		"gcs":     gcs.New,
		"remote":  hcp.NewRemote,
		"cloud":   hcp.NewCloud,
	}
	return s
}

// backend makes a constructor one of the table's.
func backend[B state.Backend](open func(state.Settings) (B, error)) func(state.Settings) (state.Backend, error) {
	return func(s state.Settings) (state.Backend, error) {
		b, err := open(s)
		if err != nil {
			return nil, err
		}
		return b, nil
	}
}

// source opens the state of a stack, for detect.
func (s *sources) source(st stack.Stack) (state.Source, error) {
	if st.StateURL != "" {
		return s.named[st.StateURL], nil
	}
	b, err := s.backend(st)
	if err != nil {
		return nil, err
	}
	// A state that was named need not be the one that the folder is initialised for.
	if s.backends[st.Backend] != nil && !st.StateNamed {
		b = pull.Decrypt(b, settings(st))
	}
	return b.State(st.Workspace), nil
}

// name keeps a source for the stack that it is the state of. It is called before
// stacks are checked.
func (s *sources) name(source state.Source) string {
	s.named[source.String()] = source
	return source.String()
}

// backend opens the backend of a stack, with the states of all its workspaces.
// What is not in the table is left to terraform itself.
func (s *sources) backend(st stack.Stack) (state.Backend, error) {
	open := s.backends[st.Backend]
	if open == nil {
		open = pull.New
	}
	return open(settings(st))
}

func settings(st stack.Stack) state.Settings {
	return state.Settings{Config: st.BackendConfig, Dir: st.Dir, Env: st.Env}
}

// locator finds what --state names.
func (s *sources) locator(env []string) locate.Locator {
	return locate.Locator{Schemes: locate.Standard(&s.buckets), Env: env}
}

// find finds it.
func (s *sources) find(ctx context.Context, env []string, where string) ([]state.Source, error) {
	return s.locator(env).Find(ctx, where) //nolint:contextcheck // to open a bucket reads files of settings; nothing is asked yet
}
