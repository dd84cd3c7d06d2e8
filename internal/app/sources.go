package app

import (
	"fmt"

	"holdfast/internal/stack"
	"holdfast/internal/state"
	"holdfast/internal/state/http"
	"holdfast/internal/state/locate"
	"holdfast/internal/state/s3"
)

// sources opens the states of stacks. One is made for a whole run, so that
// stacks share connections and credentials. Safe for concurrent use.
type sources struct {
	buckets  s3.Pool
	backends map[string]func(state.Settings) (state.Backend, error)
	// other opens the state of a stack whose backend is not in the table.
	other func(stack.Stack) (state.Source, error)
}

// newSources makes the table of all backends that Holdfast reads by itself.
func newSources() *sources {
	s := &sources{other: unsupported}
	s.backends = map[string]func(state.Settings) (state.Backend, error){
		"local": backend(state.NewLocal),
		"s3":    backend(s.buckets.New),
		"http":  backend(http.New),
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
	if s.backends[st.Backend] == nil {
		return s.other(st)
	}
	b, err := s.backend(st)
	if err != nil {
		return nil, err
	}
	return b.State(st.Workspace), nil
}

// backend opens the backend of a stack, with the states of all its workspaces.
func (s *sources) backend(st stack.Stack) (state.Backend, error) {
	open := s.backends[st.Backend]
	if open == nil {
		return nil, fmt.Errorf("the workspaces of a backend %q can't be listed; name them", st.Backend)
	}
	return open(state.Settings{Config: st.BackendConfig, Dir: st.Dir, Env: st.Env})
}

// locator finds what --state names.
func (s *sources) locator(env []string) locate.Locator {
	return locate.Locator{Schemes: locate.Standard(&s.buckets), Env: env}
}

func unsupported(st stack.Stack) (state.Source, error) {
	return nil, fmt.Errorf("its state is in the backend %q, which this version can't read; pull it with `terraform state pull > FILE` and check with --state FILE", st.Backend)
}
