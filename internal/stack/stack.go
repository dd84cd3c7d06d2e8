// Package stack knows which stacks there are: a stack is a root module with a
// workspace and a set of variables.
package stack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Stack is one root module, workspace and set of variables.
type Stack struct {
	Path      string // as the user named it, for results and messages
	Dir       string // absolute
	DataDir   string // .terraform, or what TF_DATA_DIR names; absolute
	Workspace string
	Backend   string // "local", or the type of backend that init recorded
	// BackendKnown says that terraform init recorded the backend. Where it did
	// not, the source must not declare one.
	BackendKnown bool
	// BackendConfig are the backend's settings, as JSON decodes them.
	BackendConfig map[string]any
	StatePath     string // absolute; "" where the backend is not the local one
	// StateNamed says that the user named the state: then the backend is local
	// whatever the source and terraform init say.
	StateNamed bool
	Env        []string
}

// Options choose among the stacks of a root module.
type Options struct {
	Workspace string // "" for the selected one
	State     string // a state file to use instead of the backend's
	Env       []string
}

// Open looks at the root module in a folder. It reads what terraform init and
// terraform workspace recorded, and changes nothing.
func Open(path string, o Options) (Stack, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return Stack{}, err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Stack{}, fmt.Errorf("%s does not exist", path)
	case err != nil:
		return Stack{}, fmt.Errorf("opening the root module: %w", err)
	case !info.IsDir():
		return Stack{}, fmt.Errorf("%s is no folder; name the folder of a root module", path)
	}
	s := Stack{Path: path, Dir: dir, Env: o.Env, DataDir: filepath.Join(dir, ".terraform")}
	if data := Getenv(o.Env, "TF_DATA_DIR"); data != "" {
		s.DataDir = data
		if !filepath.IsAbs(data) {
			s.DataDir = filepath.Join(dir, data)
		}
	}
	if s.Workspace, err = s.workspace(o); err != nil {
		return Stack{}, err
	}
	if err := s.findState(o); err != nil {
		return Stack{}, err
	}
	return s, nil
}

// Getenv looks a variable up in an environment; the last entry counts.
func Getenv(env []string, name string) string {
	value := ""
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// workspace is the one asked for, or the one of TF_WORKSPACE, or the one that
// terraform workspace selected.
func (s Stack) workspace(o Options) (string, error) {
	ws := cmp.Or(o.Workspace, Getenv(o.Env, "TF_WORKSPACE"))
	if ws == "" {
		src, err := os.ReadFile(filepath.Join(s.DataDir, "environment"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("reading the selected workspace: %w", err)
		}
		ws = cmp.Or(strings.TrimSpace(string(src)), "default")
	}
	// Terraform's own rule; it also keeps the name from leading elsewhere.
	if url.PathEscape(ws) != ws || ws == "." || ws == ".." {
		return "", fmt.Errorf("%q is no name of a workspace; terraform workspace list shows them", ws)
	}
	return ws, nil
}

// backendRecord is what terraform init leaves in DATADIR/terraform.tfstate.
type backendRecord struct {
	Backend *backend `json:"backend"`
}

type backend struct {
	Type   string         `json:"type"`
	Config map[string]any `json:"config"`
}

// config is a setting of the backend, or what it is when it isn't set.
func (b *backend) config(name, otherwise string) string {
	s, _ := b.Config[name].(string)
	return cmp.Or(s, otherwise)
}

func (s *Stack) findState(o Options) error {
	s.Backend = "local"
	if s.StateNamed = o.State != ""; s.StateNamed {
		var err error
		s.StatePath, err = filepath.Abs(o.State)
		return err
	}
	record, err := s.readBackend()
	if err != nil {
		return err
	}
	file, workspaces := "terraform.tfstate", "terraform.tfstate.d"
	if b := record.Backend; b != nil {
		s.Backend, s.BackendConfig, s.BackendKnown = b.Type, b.Config, true
		if b.Type == "local" {
			file = b.config("path", file)
			workspaces = b.config("workspace_dir", workspaces)
		}
	}
	switch {
	case s.Backend != "local":
	case s.Workspace == "default":
		s.StatePath = s.abs(file)
	default:
		s.StatePath = filepath.Join(s.abs(workspaces), s.Workspace, "terraform.tfstate")
	}
	return nil
}

func (s Stack) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.Dir, path)
}

func (s Stack) readBackend() (backendRecord, error) {
	path := filepath.Join(s.DataDir, "terraform.tfstate")
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return backendRecord{}, nil
	}
	if err != nil {
		return backendRecord{}, fmt.Errorf("reading the backend's record: %w", err)
	}
	var record backendRecord
	err = json.Unmarshal(src, &record)
	if err == nil && record.Backend != nil && record.Backend.Type == "" {
		err = errors.New("it names no type of backend")
	}
	if err != nil {
		return backendRecord{}, fmt.Errorf("%s is damaged: %w; run terraform init", path, err)
	}
	return record, nil
}
