//go:build linux

package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

// Ctrl-C while terraform plan waits for the cloud: Terraform is asked to end,
// and it, its providers and the plan are gone when the program ends.
func TestInterruptedPlan(t *testing.T) {
	t.Parallel()
	stack, proxy := slowStack(t, time.Hour)
	path, err := exec.LookPath("holdfast")
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "check", "--engine", "plan")
	cmd.Dir, cmd.Stdout, cmd.Stderr = stack.Dir, &out, &out
	cmd.Env = append(stack.Env(), "HOLDFAST_CACHE_DIR="+theBed.Cache(), "HOLDFAST_TERRAFORM="+lab.Need(t).Terraform, "TMPDIR="+temp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a request of the plan", func() bool { return len(proxy.Requests()) > 0 })
	family := descendants(cmd.Process.Pid)
	if plans, _ := filepath.Glob(filepath.Join(temp, "holdfast-plan-*")); len(plans) != 1 {
		t.Errorf("folders of plans: %v", plans)
	}
	began := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s to end", took)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != drift.ExitIncomplete || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("ended with %v: %s", err, out.String())
	}
	for _, pid := range family {
		if running(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "holdfast-plan-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
