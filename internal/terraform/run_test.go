//go:build unix

package terraform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script is a program of the test's own in place of Terraform.
func script(t *testing.T, body string) CLI {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "terraform")
	// While a file is being written, a child that another test starts holds it
	// open for a moment, and then it can't be run ("text file busy").
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return CLI{Binary: path, Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH")}}
}

// soon is when something that happens at once has happened on a busy machine.
const soon = 2 * time.Minute

// await waits until a file is there, and gives what is in it.
func await(t *testing.T, path string) string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(soon)
	for {
		if src, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(src), "\n") {
			return strings.TrimSpace(string(src))
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not appear", path)
		}
	}
}

// awaitGone waits until a process has ended.
func awaitGone(t *testing.T, pid string) {
	t.Helper()
	id, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(soon)
	for syscall.Kill(id, 0) == nil && !zombie(id) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("process %d is still there", id)
		}
	}
}

// zombie reports whether a process has ended and nobody has asked how.
func zombie(pid int) bool {
	src, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(src), ") Z ")
}

// TestInterrupt ends a command that ends when it is asked to: nothing is killed.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	c := script(t, `trap 'echo asked > asked; exit 1' INT
echo $$ > started
while :; do read line < /dev/null; done
`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Version(ctx)
		ended <- err
	}()
	pid := await(t, filepath.Join(c.Dir, "started"))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it was interrupted: %v", err)
	}
	await(t, filepath.Join(c.Dir, "asked"))
	awaitGone(t, pid)
}

// TestKill ends a command that does not listen, and its child.
func TestKill(t *testing.T) {
	t.Parallel()
	c := script(t, `trap '' INT
sleep 600 > /dev/null 2>&1 &
echo $! > child
echo $$ > started
wait
sleep 600
`)
	c.Grace = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Plan(ctx, PlanOptions{Out: filepath.Join(c.Dir, "plan")}) }()
	pid, child := await(t, filepath.Join(c.Dir, "started")), await(t, filepath.Join(c.Dir, "child"))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "terraform plan") {
		t.Errorf("it was interrupted: %v", err)
	}
	awaitGone(t, pid)
	awaitGone(t, child)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	c := script(t, "exec sleep 600\n")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Show(ctx, "plan")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("its time is over: %v", err)
	}
}

// TestFails keeps what a command said of its failure, and no secret.
func TestFails(t *testing.T) {
	t.Parallel()
	c := script(t, "echo 'Error: the token not-a-real-token is wrong' >&2\nexit 1\n")
	c.Redact = func(s string) string { return strings.ReplaceAll(s, "not-a-real-token", "(sensitive)") }
	_, err := c.StatePull(t.Context())
	if err == nil || err.Error() != "terraform state failed: Error: the token (sensitive) is wrong" {
		t.Error(err)
	}
	c.Binary += "-not"
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

func TestNoState(t *testing.T) {
	t.Parallel()
	if _, err := script(t, "exit 0\n").StatePull(t.Context()); !errors.Is(err, ErrNoState) {
		t.Error(err)
	}
	if _, err := script(t, "echo hello\n").Version(t.Context()); err == nil || !strings.Contains(err.Error(), "says no version") {
		t.Error(err)
	}
}
