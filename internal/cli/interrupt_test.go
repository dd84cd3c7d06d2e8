//go:build linux

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

// Ctrl-C while a provider waits for the cloud: the program ends within two
// seconds, says so, and leaves no process behind.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	stack, proxy := slowStack(t)
	cmd, out := start(t, stack)
	eventually(t, "a request of the provider", func() bool { return len(proxy.Requests()) > 0 })
	family := descendants(cmd.Process.Pid)
	if len(family) == 0 {
		t.Fatal("no provider process was seen")
	}
	began := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s to end", took)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != drift.ExitIncomplete {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(out.String(), "interrupted") || strings.Contains(out.String(), "clean\n") {
		t.Errorf("it said: %s", out)
	}
	for _, pid := range family {
		if running(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
}

// Killed outright, it can't clean up; the kernel ends its providers then.
func TestKilled(t *testing.T) {
	t.Parallel()
	stack, proxy := slowStack(t)
	cmd, _ := start(t, stack)
	eventually(t, "a request of the provider", func() bool { return len(proxy.Requests()) > 0 })
	family := descendants(cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the end of every provider", func() bool {
		if slices.ContainsFunc(family, running) {
			return false
		}
		return len(family) > 0
	})
}

// slowStack is an applied stack whose cloud has become slow.
func slowStack(t *testing.T) (*lab.Stack, *lab.Proxy) {
	t.Helper()
	tools := lab.Need(t)
	emulator, err := lab.Start(t.Context(), tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.Close() })
	stack, err := lab.NewStack(t.Context(), tools, emulator, filepath.Join("testdata", "stack"), filepath.Join(t.TempDir(), "stack"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy, err := lab.NewProxy(emulator.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	proxy.On(lab.Match("logs", ""), lab.Fault{Delay: time.Hour})
	return stack.With(proxy), proxy
}

func start(t *testing.T, stack *lab.Stack) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	path, err := exec.LookPath("holdfast")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "check")
	cmd.Dir, cmd.Stdout, cmd.Stderr = stack.Dir, &out, &out
	cmd.Env = append(stack.Env(), "HOLDFAST_CACHE_DIR="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// eventually waits for a condition, checking it often, for a minute.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(time.Minute)
	for !holds() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// descendants lists the processes that a process has started, and theirs.
func descendants(pid int) []int {
	var all []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		src, _ := os.ReadFile(task)
		for field := range strings.FieldsSeq(string(src)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}

// running reports whether a process lives; one that has ended and was not
// collected yet does not.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	src, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(src), ") ")
	return !strings.HasPrefix(rest, "Z")
}
