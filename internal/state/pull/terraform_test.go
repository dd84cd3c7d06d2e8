//go:build unix

package pull

import (
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/lab"
	"holdfast/internal/state"
)

const module = `
terraform {
  backend "local" {
    path = "states/main.tfstate"
  }
}

resource "terraform_data" "a" {
  input = terraform.workspace
}
`

// TestTerraform runs the real program on a root module with a local backend, and
// sees that nothing is written into its folder: no state, no lock, no workspace.
func TestTerraform(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	dir, home := t.TempDir(), t.TempDir()
	env := []string{"HOME=" + home, "TF_CLI_CONFIG_FILE=" + filepath.Join(home, "none"), "CHECKPOINT_DISABLE=1"}
	write(t, filepath.Join(dir, "main.tf"), module)
	write(t, filepath.Join(home, "none"), "")
	for _, args := range []string{"init", "apply -auto-approve", "workspace new prod", "apply -auto-approve", "workspace new empty"} {
		cmd := exec.CommandContext(t.Context(), tools.Terraform, strings.Fields(args)...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("terraform %s: %v\n%s", args, err, out)
		}
	}
	before, homeBefore := snapshot(t, dir), snapshot(t, home)
	b := backend(t, dir, nil, append(env, "HOLDFAST_TERRAFORM="+tools.Terraform, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(dir, "log"), "TF_WORKSPACE=prod")...)
	if got, err := b.Workspaces(t.Context()); err != nil || !slices.Equal(got, []string{"default", "empty", "prod"}) {
		t.Errorf("workspaces: %q, %v", got, err)
	}
	for _, workspace := range []string{"default", "prod"} {
		raw, err := b.State(workspace).Read(t.Context())
		if err != nil {
			t.Errorf("%s: %v", workspace, err)
			continue
		}
		decoded, err := state.Decode(raw)
		if err != nil || !strings.Contains(string(raw), `"`+workspace+`"`) {
			t.Errorf("%s: %+v, %v\n%s", workspace, decoded, err, raw)
		}
	}
	// terraform state pull itself would make these.
	for _, workspace := range []string{"empty", "none"} {
		if got, err := b.State(workspace).Read(t.Context()); !errors.Is(err, state.ErrNone) {
			t.Errorf("%s: got %s, %v", workspace, got, err)
		}
	}
	if lock, err := b.State("prod").Lock(t.Context()); lock != nil || err != nil {
		t.Errorf("the lock is %+v, %v", lock, err)
	}
	same(t, before, snapshot(t, dir))
	if after := snapshot(t, home); !maps.Equal(homeBefore, after) {
		t.Errorf("the home folder has changed: %v", slices.Sorted(maps.Keys(after)))
	}
}

// TestPullWritesByItself shows what the guard is for: the program makes a
// workspace that it is asked to pull from.
func TestPullWritesByItself(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	dir := t.TempDir()
	env := []string{"HOME=" + dir, "CHECKPOINT_DISABLE=1", "HOLDFAST_TERRAFORM=" + tools.Terraform}
	write(t, filepath.Join(dir, "main.tf"), module)
	b := backend(t, dir, nil, env...)
	if _, err := b.run(t.Context(), "default", "init"); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	if _, err := b.run(t.Context(), "none", "state", "pull"); err != nil {
		t.Fatal(err)
	}
	if maps.Equal(before, snapshot(t, dir)) {
		t.Error("terraform state pull has written nothing: the guard may go")
	}
}

func TestNotInitialised(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.tf"), `terraform {
  backend "pg" {
    conn_str = "postgres://u:`+canary+`@127.0.0.1:1/x"
  }
}
`)
	before := snapshot(t, dir)
	_, err := backend(t, dir, map[string]any{"conn_str": "postgres://u:" + canary + "@127.0.0.1:1/x"},
		"HOME="+t.TempDir(), "HOLDFAST_TERRAFORM="+tools.Terraform).State("default").Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "terraform init") || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
	same(t, before, snapshot(t, dir))
}
