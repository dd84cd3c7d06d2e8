package resolve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"holdfast/internal/stack"
	"holdfast/internal/terraform/program"
)

// Init prepares a stack's data folder, as terraform init does: its backend as the
// stack has it, its modules, and its providers, which the lock file has to vouch
// for. plugins is a folder of providers that many stacks share; one process at a
// time may use it. Neither the source nor the state is changed.
func Init(ctx context.Context, s stack.Stack, binary, plugins string) (err error) {
	for _, dir := range []string{s.DataDir, plugins} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("preparing terraform init: %w", err)
		}
	}
	args := []string{"init", "-input=false", "-no-color", "-reconfigure", "-lockfile=readonly"}
	if len(s.BackendConfig) > 0 {
		file, err := backendFile(s)
		if err != nil {
			return fmt.Errorf("preparing terraform init: %w", err)
		}
		defer func() { err = errors.Join(err, os.Remove(file)) }()
		args = append(args, "-backend-config="+file)
	}
	// The user's own cache of providers counts, if there is one.
	env := slices.Concat([]string{"TF_PLUGIN_CACHE_DIR=" + plugins}, program.Environment(s.Env, s.DataDir, ""))
	_, err = program.Command{Binary: binary, Args: args, Dir: s.Dir, Env: env, Grace: planGrace}.Run(ctx)
	return err
}

// backendFile is the backend's configuration in a file that its user alone can read.
func backendFile(s stack.Stack) (string, error) {
	src, err := json.Marshal(s.BackendConfig)
	if err != nil {
		return "", err
	}
	file := filepath.Join(s.DataDir, "backend.json")
	return file, os.WriteFile(file, src, 0o600)
}
