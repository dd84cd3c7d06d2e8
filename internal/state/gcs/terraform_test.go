package gcs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lab"
	"holdfast/internal/state"
)

// module's second resource is made when somebody lets it, by a file.
const module = `
terraform {
  backend "gcs" {
    bucket = "states"
    prefix = "team/net"
  }
}

variable "wait" {
  type    = string
  default = ""
}

resource "terraform_data" "a" {
  input = terraform.workspace
}

resource "terraform_data" "slow" {
  count = var.wait == "" ? 0 : 1

  provisioner "local-exec" {
    command = "touch ${var.wait}.began; while [ ! -e ${var.wait} ]; do sleep 0.05; done"
  }
}
`

// TestTerraform reads what real Terraform has written: states in two workspaces,
// and the lock of an apply under way.
func TestTerraform(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	bucket, dir := newBucket(t), t.TempDir()
	save(t, dir, "main.tf", module)
	env := []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=" + save(t, dir, "none.tfrc", ""),
		"GOOGLE_OAUTH_ACCESS_TOKEN=" + canary, "GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT=" + bucket.server.URL() + "/storage/v1/b",
	}
	run := func(ctx context.Context, args ...string) error {
		cmd := exec.CommandContext(ctx, tools.Terraform, args...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("terraform %s: %w\n%s", args, err, out)
		}
		return nil
	}
	for _, args := range []string{"init", "apply -auto-approve", "workspace new prod", "apply -auto-approve"} {
		if err := run(t.Context(), strings.Fields(args)...); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, map[string]any{"bucket": "states", "prefix": "team/net"}, env...)
	if got, err := b.Workspaces(t.Context()); err != nil || !slices.Equal(got, []string{"default", "prod"}) {
		t.Errorf("workspaces %q, %v", got, err)
	}
	for _, workspace := range []string{"default", "prod"} {
		raw, err := b.State(workspace).Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := state.Decode(raw); err != nil || !strings.Contains(string(raw), `"value": "`+workspace+`"`) {
			t.Errorf("%s: %v\n%s", workspace, err, raw)
		}
		if lock, err := b.State(workspace).Lock(t.Context()); lock != nil || err != nil {
			t.Errorf("%s: the lock is %+v, %v", workspace, lock, err)
		}
	}
	held(t, b, dir, run)
}

// held looks at the lock while an apply holds it.
func held(t *testing.T, b state.Backend, dir string, run func(context.Context, ...string) error) {
	t.Helper()
	gate := filepath.Join(dir, "gate")
	done := make(chan error, 1)
	go func() { done <- run(t.Context(), "apply", "-auto-approve", "-var=wait="+gate) }()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(5*time.Minute)
	defer tick.Stop()
	for {
		if _, err := os.Stat(gate + ".began"); err == nil {
			break
		}
		select {
		case err := <-done:
			t.Fatal(err)
		case <-end:
			t.Fatal("terraform has not begun to apply")
		case <-tick.C:
		}
	}
	lock, err := b.State("prod").Lock(t.Context())
	if err != nil || lock == nil || lock.Operation != "OperationTypeApply" || lock.Who == "" || time.Since(lock.Created) > time.Hour || !lock.Changes() {
		t.Errorf("the lock is %+v, %v", lock, err)
	}
	if lock, err := b.State("default").Lock(t.Context()); lock != nil || err != nil {
		t.Errorf("the other workspace's lock is %+v, %v", lock, err)
	}
	save(t, dir, "gate", "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if lock, err := b.State("prod").Lock(t.Context()); lock != nil || err != nil {
		t.Errorf("afterwards the lock is %+v, %v", lock, err)
	}
	if _, err := b.State("none").Read(t.Context()); !errors.Is(err, state.ErrNone) {
		t.Errorf("a workspace that isn't there: %v", err)
	}
}
