package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// LocalBackend keeps states in files, as Terraform's local backend does.
// https://developer.hashicorp.com/terraform/language/backend/local
type LocalBackend struct {
	path       string // of the default workspace's state
	workspaces string // the folder with a folder for each other workspace
}

// NewLocal makes the local backend. path and workspace_dir are its settings.
func NewLocal(s Settings) (*LocalBackend, error) {
	path, err := s.Text("path")
	if err != nil {
		return nil, err
	}
	dir, err := s.Text("workspace_dir")
	if err != nil {
		return nil, err
	}
	return &LocalBackend{
		path:       s.Path(cmp.Or(path, "terraform.tfstate")),
		workspaces: s.Path(cmp.Or(dir, "terraform.tfstate.d")),
	}, nil
}

// State gives the source of a workspace's state.
func (b *LocalBackend) State(workspace string) Source {
	if workspace == "default" {
		return Local{Path: b.path}
	}
	return Local{Path: filepath.Join(b.workspaces, workspace, "terraform.tfstate")}
}

// Workspaces lists those that have a state file.
func (b *LocalBackend) Workspaces(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(b.workspaces)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the workspaces: %w; make %s readable", err, b.workspaces)
	}
	names := []string{"default"}
	for _, entry := range entries {
		_, err := os.Stat(filepath.Join(b.workspaces, entry.Name(), "terraform.tfstate"))
		if err == nil && entry.Name() != "default" {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}
