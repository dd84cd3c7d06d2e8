// Package pull reads states through the program itself, terraform state pull or
// tofu state pull: those of backends that Holdfast doesn't know, and those that
// OpenTofu has encrypted.
//
// The command is meant to read, and yet its backend may write: most make an
// empty state, under a lock, for a workspace that has none, and Consul's locks
// every workspace but the default one. So nothing is pulled before terraform
// workspace list has shown the workspace, and not where that doesn't help: see
// refuse.
// https://developer.hashicorp.com/terraform/cli/commands/state/pull
package pull

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/internal/state"
)

// patience is how long one command may take.
const patience = 2 * time.Minute

// Backend is a root module's initialised folder, and the program to ask.
type Backend struct {
	settings state.Settings
	tofu     bool // only that will do
	patience time.Duration
}

// New makes a backend that runs HOLDFAST_TERRAFORM, terraform or tofu: the first
// of them that there is. The folder must be initialised.
func New(s state.Settings) (state.Backend, error) {
	return &Backend{settings: s, patience: patience}, nil
}

// String names the backend.
func (b *Backend) String() string { return "state pull in " + b.settings.Dir }

// State gives the source of a workspace's state.
func (b *Backend) State(workspace string) state.Source { return &source{b, workspace} }

// Workspaces lists those that the backend has.
func (b *Backend) Workspaces(ctx context.Context) ([]string, error) {
	names, err := b.workspaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the workspaces in %s: %w", b.settings.Dir, err)
	}
	return names, nil
}

func (b *Backend) workspaces(ctx context.Context) ([]string, error) {
	// In the default workspace: another that is selected need not exist.
	out, err := b.run(ctx, "default", "workspace", "list")
	if err != nil {
		return nil, err
	}
	names := []string{}
	for line := range strings.Lines(string(out)) {
		// The selected one is marked with a star. What else is said is not indented.
		name, ok := strings.CutPrefix(strings.Replace(line, "*", " ", 1), "  ")
		if name = strings.TrimSpace(name); ok && name != "" && !strings.ContainsAny(name, " \t") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// source is the state of one workspace.
type source struct {
	b         *Backend
	workspace string
}

// String gives the folder, and the workspace unless it is the default one.
func (s *source) String() string {
	if s.workspace == "default" {
		return s.b.String()
	}
	return s.b.String() + " (workspace " + s.workspace + ")"
}

// Read pulls the state.
func (s *source) Read(ctx context.Context) ([]byte, error) {
	body, err := s.read(ctx)
	switch {
	case errors.Is(err, state.ErrNone):
		return nil, fmt.Errorf("%w at %s", state.ErrNone, s)
	case err != nil:
		return nil, fmt.Errorf("reading the state by %s: %w", s, err)
	}
	return body, nil
}

func (s *source) read(ctx context.Context) ([]byte, error) {
	record, err := s.b.record()
	if err != nil {
		return nil, err
	}
	names, err := s.b.workspaces(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, s.workspace) {
		return nil, state.ErrNone
	}
	if err := refuse(record, s.workspace, names); err != nil {
		return nil, err
	}
	body, err := s.b.run(ctx, s.workspace, "state", "pull")
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, state.ErrNone
	}
	return body, nil
}

// Lock can't tell: the program doesn't show a lock without trying to take it.
func (s *source) Lock(ctx context.Context) (*state.Lock, error) { return nil, ctx.Err() }

// backendRecord is what terraform init recorded of the backend.
type backendRecord struct {
	Type   string         `json:"type"`
	Config map[string]any `json:"config"`
}

// record reads the backend's record in the data folder.
func (b *Backend) record() (backendRecord, error) {
	data := cmp.Or(b.settings.Path(b.settings.Getenv("TF_DATA_DIR")), filepath.Join(b.settings.Dir, ".terraform"))
	src, err := os.ReadFile(filepath.Join(data, "terraform.tfstate"))
	if errors.Is(err, os.ErrNotExist) {
		return backendRecord{Type: "local"}, nil
	}
	if err != nil {
		return backendRecord{}, fmt.Errorf("reading the backend's record: %w; make %s readable", err, data)
	}
	var file struct {
		Backend backendRecord `json:"backend"`
	}
	if err := json.Unmarshal(src, &file); err != nil || file.Backend.Type == "" {
		return backendRecord{}, fmt.Errorf("the backend's record in %s is damaged; run terraform init", data)
	}
	return file.Backend, nil
}

// creates are the backends that make an empty state for the default workspace
// too. They list it whether or not it is there.
var creates = []string{"kubernetes", "gcs", "azurerm"}

// refuse says where a pull would or might write.
func refuse(record backendRecord, workspace string, names []string) error {
	if locks, set := record.Config["lock"].(bool); record.Type == "consul" && workspace != "default" && (!set || locks) {
		return errors.New("terraform state pull would take its lock, as the backend consul does in every workspace but the default one; pull it yourself when nobody applies, and use --state FILE")
	}
	// terraform init made the state of the workspace that was selected then. With
	// others beside it, that may not have been the default one.
	if slices.Contains(creates, record.Type) && workspace == "default" && len(names) > 1 {
		return fmt.Errorf("terraform state pull would make an empty state if there is none yet, as the backend %s does; choose one of the other workspaces with --workspace, or pull it yourself and use --state FILE", record.Type)
	}
	return nil
}
