// Package stack knows which stacks there are: a stack is a root module with a
// workspace and a set of variables.
package stack

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Stack is one root module, workspace and set of variables.
type Stack struct {
	Path      string // as the user named it, for results and messages
	Dir       string // absolute
	DataDir   string // .terraform, or what TF_DATA_DIR names; absolute
	Workspace string
	Backend   string // "local", or the type of backend that init recorded
	// BackendKnown says that the backend is what terraform init recorded, or
	// what the source and the settings make of it.
	BackendKnown bool
	// BackendConfig are the backend's settings, as JSON decodes them.
	BackendConfig map[string]any
	StatePath     string // absolute; "" where the backend is not the local one
	// StateNamed says that the user named the state: then the backend is local
	// whatever the source and terraform init say.
	StateNamed bool
	// StateURL is where the state is that the user named, if it is no local file.
	StateURL string
	// NoSource says that only the state is at hand: what the code says is unknown.
	NoSource bool
	Env      []string // the program's, and what the settings add

	// Name tells stacks of one root module and workspace apart; "" for one.
	Name string
	// Key is the path that the stack's id is made of: relative to the settings'
	// folder, so that it is the same wherever the program runs; "" means Path.
	Key      string
	Tofu     bool          // the source is meant for OpenTofu
	VarFiles []string      // absolute; later ones go before earlier ones
	Engine   string        // auto, direct or plan; "" means what the run says
	Timeout  time.Duration // for the whole stack; 0 means none of its own
	// ProviderOverrides are arguments that go before those of provider blocks,
	// by the configuration's name: aws, or aws.east for an alias.
	ProviderOverrides map[string]map[string]any
}

// ID is the same for the same stack tomorrow.
func (s Stack) ID() string { return drift.NamedStackID(cmp.Or(s.Key, s.Path), s.Workspace, s.Name) }

// Options choose among the stacks of a root module.
type Options struct {
	Workspace string // "" for the selected one
	State     string // a state file to use instead of the backend's
	Env       []string
	// BackendConfig goes before the backend block's arguments, as with
	// -backend-config: NAME=VALUE, or a file.
	BackendConfig []string

	module *module // the source, where discovery has read it
}

// Open looks at the root module in a folder. It reads what terraform init and
// terraform workspace recorded, and changes nothing.
func Open(path string, o Options) (Stack, error) {
	dir, err := folderOf(path)
	if err != nil {
		return Stack{}, err
	}
	s, err := prepare(path, dir, o)
	if err != nil {
		return Stack{}, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Stack{}, fmt.Errorf("reading the root module: %w", err)
	}
	_, s.Tofu = sourceNames(dir, entries)
	if err := s.findState(o); err != nil {
		return Stack{}, err
	}
	return s, nil
}

// prepare is Open up to the workspace, from which other settings may follow.
func prepare(path, dir string, o Options) (Stack, error) {
	s := Stack{Path: path, Dir: dir, Env: o.Env, DataDir: filepath.Join(dir, ".terraform")}
	if data := Getenv(o.Env, "TF_DATA_DIR"); data != "" {
		s.DataDir = data
		if !filepath.IsAbs(data) {
			s.DataDir = filepath.Join(dir, data)
		}
	}
	var err error
	s.Workspace, err = s.workspace(o)
	return s, err
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
		src, err := readLimited(filepath.Join(s.DataDir, "environment"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("reading the selected workspace: %w", err)
		}
		ws = cmp.Or(strings.TrimSpace(string(src)), "default")
	}
	if !isWorkspace(ws) {
		return "", fmt.Errorf("%q is no name of a workspace; terraform workspace list shows them", ws)
	}
	return ws, nil
}

// isWorkspace is Terraform's own rule; it also keeps a name from leading
// elsewhere.
func isWorkspace(name string) bool {
	return name != "" && url.PathEscape(name) == name && name != "." && name != ".."
}
