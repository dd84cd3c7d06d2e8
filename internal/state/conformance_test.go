package state_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/state"
	"holdfast/internal/state/statetest"
)

// files is the folder of a root module with a local backend.
type files struct{ dir string }

func (f files) path(workspace string) string {
	if workspace == "default" {
		return filepath.Join(f.dir, "states", "main.tfstate")
	}
	return filepath.Join(f.dir, "spaces", workspace, "terraform.tfstate")
}

func (f files) put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f files) lock(workspace string) string {
	dir, name := filepath.Split(f.path(workspace))
	return filepath.Join(dir, "."+name+".lock.info")
}

func (f files) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		src, err := os.ReadFile(path)
		all[path] = info.ModTime().String() + info.Mode().String() + string(src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLocalConformance(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		f := files{dir: t.TempDir()}
		return statetest.Rig{
			Open: func(t *testing.T, _ string) state.Backend {
				backend, err := state.NewLocal(state.Settings{
					Config: map[string]any{"path": "states/main.tfstate", "workspace_dir": "spaces"}, Dir: f.dir,
				})
				if err != nil {
					t.Fatal(err)
				}
				return backend
			},
			Put:        func(t *testing.T, workspace string, content []byte) { f.put(t, f.path(workspace), content) },
			Workspaces: statetest.Names,
			Page:       1000,
			Clutter: func(t *testing.T) {
				f.put(t, filepath.Join(f.dir, "spaces", "clutter"), nil)
				f.put(t, filepath.Join(f.dir, "spaces", "none", "terraform.tfstate.backup"), nil)
			},
			Locks: &statetest.Locks{
				Put: func(t *testing.T, workspace string, lock state.Lock) {
					info, err := json.Marshal(lock)
					if err != nil {
						t.Fatal(err)
					}
					f.put(t, f.lock(workspace), info)
				},
				Damage: func(t *testing.T, workspace string) {
					f.put(t, f.lock(workspace), []byte(`{"ID":"1c9","Operation":"OperationTypePl`))
				},
			},
			Snapshot: f.snapshot,
		}
	})
}

// Terraform records null for what is not set.
func TestLocalBackendDefaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "x.tfstate")
	for _, c := range []struct {
		config         map[string]any
		standard, prod string
	}{
		{nil, filepath.Join(dir, "terraform.tfstate"), filepath.Join(dir, "terraform.tfstate.d", "prod", "terraform.tfstate")},
		{
			map[string]any{"path": nil, "workspace_dir": nil},
			filepath.Join(dir, "terraform.tfstate"), filepath.Join(dir, "terraform.tfstate.d", "prod", "terraform.tfstate"),
		},
		{map[string]any{"path": outside, "workspace_dir": "ws"}, outside, filepath.Join(dir, "ws", "prod", "terraform.tfstate")},
	} {
		b, err := state.NewLocal(state.Settings{Config: c.config, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if b.State("default").String() != c.standard || b.State("prod").String() != c.prod {
			t.Errorf("%v: %s, %s", c.config, b.State("default"), b.State("prod"))
		}
	}
	for _, name := range []string{"path", "workspace_dir"} {
		if _, err := state.NewLocal(state.Settings{Config: map[string]any{name: []any{}}}); err == nil {
			t.Errorf("a list for %s is taken", name)
		}
	}
}
