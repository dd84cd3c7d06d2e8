package app

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// folder is a backend of state files in a folder.
type folder struct {
	dir   string
	names []string
	err   error
}

func (f folder) State(workspace string) state.Source {
	return state.Local{Path: filepath.Join(f.dir, workspace)}
}

func (f folder) Workspaces(context.Context) ([]string, error) { return f.names, f.err }

// The default workspace counts only if it has a state: a backend lists it
// whether or not it does.
func TestWorkspaces(t *testing.T) {
	t.Parallel()
	with, without := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(with, "default"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(without, "odd", "default"), 0o700); err != nil {
		t.Fatal(err)
	}
	denied := errors.New("denied")
	for _, c := range []struct {
		name    string
		backend folder
		open    error
		want    []string
		fails   bool
	}{
		{"a default one with a state", folder{with, []string{"a", "default"}, nil}, nil, []string{"a", "default"}, false},
		{"one without", folder{without, []string{"a", "default"}, nil}, nil, []string{"a"}, false},
		{"nothing at all", folder{without, []string{"default"}, nil}, nil, []string{}, false},
		{"none is listed", folder{without, []string{"a"}, nil}, nil, []string{"a"}, false},
		{"a state that can't be read", folder{filepath.Join(without, "odd"), []string{"default"}, nil}, nil, nil, true},
		{"no listing", folder{with, nil, denied}, nil, nil, true},
		{"no backend", folder{}, denied, nil, true},
	} {
		list := workspaces(func(stack.Stack) (state.Backend, error) { return c.backend, c.open })
		got, err := list(t.Context(), stack.Stack{})
		if (err != nil) != c.fails || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

// All workspaces of a stack in S3 are found as terraform init left it, and, with
// nothing initialised, by the backend's configuration in the settings: that gives
// the very same states.
func TestAllWorkspacesInS3(t *testing.T) {
	t.Parallel()
	s := newInS3(t, "use_lockfile=true")
	settings := filepath.Join(filepath.Dir(s.Dir), stack.SettingsFile)
	write := func(text string) {
		if err := os.WriteFile(settings, []byte("version: 1\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	states := func() map[string]string {
		found, err := findStacks(t.Context(), CheckOptions{Config: settings, Paths: []string{s.Dir}, Env: s.Env()})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, c := range found.candidates {
			if c.Err != nil {
				t.Fatal(c.Err)
			}
			source, err := found.sources.source(c.Stack)
			if err != nil {
				t.Fatal(err)
			}
			content, err := source.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got[c.Stack.Workspace] = source.String() + string(content)
		}
		return got
	}
	write("defaults: {workspaces: all}\n")
	initialised := states()
	if err := os.RemoveAll(filepath.Join(s.Dir, ".terraform")); err != nil {
		t.Fatal(err)
	}
	write("defaults:\n  workspaces: all\n  backend_config: [bucket=states, region=us-east-1, use_lockfile=true]\n")
	if fresh := states(); len(initialised) != 2 || initialised["default"] == "" || initialised["prod"] == "" || !maps.Equal(fresh, initialised) {
		t.Errorf("initialised %v, not initialised %v", slices.Sorted(maps.Keys(initialised)), slices.Sorted(maps.Keys(fresh)))
	}
}
