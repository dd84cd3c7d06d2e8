package stack_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/stack"
)

// files are the files of a root module: path and content.
type files map[string]string

// root makes a root module in a folder of its own.
func root(t *testing.T, content files) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWorkspace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		files            files
		options          stack.Options
		workspace, state string // the state's path in the root module
	}{
		{name: "none chosen", workspace: "default", state: "terraform.tfstate"},
		{
			name: "selected", files: files{".terraform/environment": "blue"},
			workspace: "blue", state: "terraform.tfstate.d/blue/terraform.tfstate",
		},
		{
			name: "selected, with a line end", files: files{".terraform/environment": "blue\n"},
			workspace: "blue", state: "terraform.tfstate.d/blue/terraform.tfstate",
		},
		{
			name: "an empty selection", files: files{".terraform/environment": "\n"},
			workspace: "default", state: "terraform.tfstate",
		},
		{
			name: "TF_WORKSPACE goes before the selected one", files: files{".terraform/environment": "blue"},
			options:   stack.Options{Env: []string{"TF_WORKSPACE=green"}},
			workspace: "green", state: "terraform.tfstate.d/green/terraform.tfstate",
		},
		{
			name: "an empty TF_WORKSPACE says nothing", files: files{".terraform/environment": "blue"},
			options:   stack.Options{Env: []string{"TF_WORKSPACE="}},
			workspace: "blue", state: "terraform.tfstate.d/blue/terraform.tfstate",
		},
		{
			name: "the option goes before all", files: files{".terraform/environment": "blue"},
			options:   stack.Options{Workspace: "red", Env: []string{"TF_WORKSPACE=green"}},
			workspace: "red", state: "terraform.tfstate.d/red/terraform.tfstate",
		},
		{
			name: "the default one, by option", files: files{".terraform/environment": "blue"},
			options:   stack.Options{Workspace: "default"},
			workspace: "default", state: "terraform.tfstate",
		},
		{
			name: "odd but allowed", options: stack.Options{Workspace: "env-1_x.y:z@q"},
			workspace: "env-1_x.y:z@q", state: "terraform.tfstate.d/env-1_x.y:z@q/terraform.tfstate",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := root(t, c.files)
			s, err := stack.Open(dir, c.options)
			if err != nil {
				t.Fatal(err)
			}
			if s.Workspace != c.workspace || s.StatePath != filepath.Join(dir, filepath.FromSlash(c.state)) || s.Backend != "local" {
				t.Errorf("workspace %s, state %s, backend %s", s.Workspace, s.StatePath, s.Backend)
			}
			if s.Dir != dir || s.Path != dir || s.DataDir != filepath.Join(dir, ".terraform") {
				t.Errorf("dir %s, path %s, data %s", s.Dir, s.Path, s.DataDir)
			}
		})
	}
}

func TestWorkspaceRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"..", ".", "../other", "a/b", "a b", "a%2fb", "a\x00b", "ü"} {
		_, err := stack.Open(root(t, nil), stack.Options{Workspace: name})
		if err == nil || !strings.Contains(err.Error(), "workspace") {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := stack.Open(root(t, files{".terraform/environment": name}), stack.Options{}); err == nil {
			t.Errorf("%q was selected", name)
		}
	}
	if _, err := stack.Open(root(t, files{".terraform/environment/x": ""}), stack.Options{}); err == nil {
		t.Error("the selection is a folder, and nobody minds")
	}
}

func TestDataDir(t *testing.T) {
	t.Parallel()
	elsewhere := root(t, files{"environment": "blue", "terraform.tfstate": `{"backend":{"type":"local","config":{"workspace_dir":"ws"}}}`})
	for _, c := range []struct {
		name, variable string
		files          files
	}{
		{name: "absolute", variable: elsewhere},
		{
			name: "relative to the root module", variable: "data/tf",
			files: files{"data/tf/environment": "blue", "data/tf/terraform.tfstate": `{"backend":{"type":"local","config":{"workspace_dir":"ws"}}}`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			content := files{".terraform/environment": "red"}
			maps.Copy(content, c.files)
			dir := root(t, content)
			s, err := stack.Open(dir, stack.Options{Env: []string{"TF_DATA_DIR=" + c.variable}})
			if err != nil {
				t.Fatal(err)
			}
			if !filepath.IsAbs(s.DataDir) || s.Workspace != "blue" || s.StatePath != filepath.Join(dir, "ws", "blue", "terraform.tfstate") {
				t.Errorf("data %s, workspace %s, state %s", s.DataDir, s.Workspace, s.StatePath)
			}
		})
	}
}

func TestBackend(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside.tfstate")
	for _, c := range []struct {
		name, record   string
		options        stack.Options
		backend, state string
	}{
		{name: "none recorded", backend: "local", state: "terraform.tfstate"},
		{name: "of another workspace", record: `{"version":3,"backend":null}`, backend: "local", state: "terraform.tfstate"},
		{
			name: "local, with nothing set", record: `{"backend":{"type":"local","config":{"path":null,"workspace_dir":null},"hash":1}}`,
			backend: "local", state: "terraform.tfstate",
		},
		{name: "local, with a null configuration", record: `{"backend":{"type":"local","config":null}}`, backend: "local", state: "terraform.tfstate"},
		{
			name: "local, elsewhere", record: `{"backend":{"type":"local","config":{"path":"states/prod.tfstate"}}}`,
			backend: "local", state: "states/prod.tfstate",
		},
		{
			name: "local, an absolute path", record: `{"backend":{"type":"local","config":{"path":"` + filepath.ToSlash(outside) + `"}}}`,
			backend: "local", state: outside,
		},
		{
			name: "local, a workspace has its own file", record: `{"backend":{"type":"local","config":{"path":"states/prod.tfstate","workspace_dir":"ws"}}}`,
			options: stack.Options{Workspace: "blue"}, backend: "local", state: "ws/blue/terraform.tfstate",
		},
		{name: "remote", record: `{"backend":{"type":"s3","config":{"bucket":"b","path":"x","key":"k"}}}`, backend: "s3"},
		{name: "remote, in a workspace", record: `{"backend":{"type":"s3","config":{}}}`, options: stack.Options{Workspace: "blue"}, backend: "s3"},
		{name: "HCP Terraform", record: `{"backend":{"type":"cloud","config":{"organization":"o"}}}`, backend: "cloud"},
		{
			name: "a state by name goes before a remote one", record: `{"backend":{"type":"s3","config":{}}}`,
			options: stack.Options{State: outside}, backend: "local", state: outside,
		},
		{
			name: "a state by name needs no sound record", record: `{"backend":`,
			options: stack.Options{State: outside, Workspace: "blue"}, backend: "local", state: outside,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			content := files{}
			if c.record != "" {
				content[".terraform/terraform.tfstate"] = c.record
			}
			dir := root(t, content)
			s, err := stack.Open(dir, c.options)
			if err != nil {
				t.Fatal(err)
			}
			want := filepath.FromSlash(c.state)
			if want != "" && !filepath.IsAbs(want) {
				want = filepath.Join(dir, want)
			}
			if s.Backend != c.backend || s.StatePath != want || s.StateNamed != (c.options.State != "") {
				t.Errorf("backend %s, state %q, named %v, want %q", s.Backend, s.StatePath, s.StateNamed, want)
			}
		})
	}
}

func TestBackendDamaged(t *testing.T) {
	t.Parallel()
	for _, record := range []string{"", `{"backend":`, "[]", `{"backend":"s3"}`, `{"backend":{}}`, `{"backend":{"type":1}}`} {
		dir := root(t, files{".terraform/terraform.tfstate": record})
		_, err := stack.Open(dir, stack.Options{})
		if err == nil || !strings.Contains(err.Error(), "terraform init") || !strings.Contains(err.Error(), filepath.Join(dir, ".terraform")) {
			t.Errorf("%q: %v", record, err)
		}
	}
	if _, err := stack.Open(root(t, files{".terraform/terraform.tfstate/x": ""}), stack.Options{}); err == nil {
		t.Error("the record is a folder, and nobody minds")
	}
}

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	dir := root(t, files{"main.tf": ""})
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "does not exist",
		filepath.Join(dir, "main.tf"): "is no folder",
	} {
		_, err := stack.Open(path, stack.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Paths are taken as the user means them: from where the program runs.
func TestOpenRelative(t *testing.T) {
	dir := root(t, files{"live/prod/main.tf": "", "other.tfstate": ""})
	t.Chdir(dir)
	s, err := stack.Open("live/prod", stack.Options{State: "other.tfstate"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Path != "live/prod" || s.Dir != filepath.Join(dir, "live", "prod") || s.StatePath != filepath.Join(dir, "other.tfstate") {
		t.Errorf("path %s, dir %s, state %s", s.Path, s.Dir, s.StatePath)
	}
}

func TestGetenv(t *testing.T) {
	t.Parallel()
	env := []string{"A=1", "AB=2", "EMPTY=", "A=3=4", "NOTHING"}
	for name, want := range map[string]string{"A": "3=4", "AB": "2", "EMPTY": "", "NOTHING": "", "B": ""} {
		if got := stack.Getenv(env, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	s, err := stack.Open(root(t, nil), stack.Options{Env: env})
	if err != nil || len(s.Env) != len(env) {
		t.Errorf("the stack has %v, %v", s.Env, err)
	}
}
