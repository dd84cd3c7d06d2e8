//go:build linux

package cli_test

import (
	"bytes"
	"encoding/json"
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

// Ctrl-C while a provider waits for the cloud, for an hour: the program ends at
// once, says so, and leaves no process behind.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	stack, proxy := slowStack(t, time.Hour)
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
	if took := time.Since(began); took > 30*time.Second {
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

// Ctrl-C at any moment: the exit code says what was decided, a file is whole or
// not there, and no process is left.
func TestInterruptAtAnyMoment(t *testing.T) {
	t.Parallel()
	const moments = 20
	stack, _ := slowStack(t, 300*time.Millisecond)
	began := time.Now()
	whole, out := startCheck(t, stack, t.TempDir())
	if err := whole.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(began) // on this machine, as busy as it is
	cache, codes := t.TempDir(), map[int]int{}
	for n := range moments {
		dir := t.TempDir()
		file := filepath.Join(dir, "result.json")
		cmd, out := startCheck(t, stack, cache, "-o", "json="+file)
		moment := time.NewTimer(took * time.Duration(n) / moments)
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		select {
		case <-moment.C:
		case <-ended: // the first one had no schema in its cache, and took longer
		}
		family := descendants(cmd.Process.Pid)
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended by itself
		<-ended
		codes[cmd.ProcessState.ExitCode()]++
		src, err := os.ReadFile(file)
		whole := json.Valid(src)
		switch cmd.ProcessState.ExitCode() {
		case drift.ExitClean:
			if err != nil || !whole {
				t.Errorf("%d: it ended with 0 and left %q, %v", n, src, err)
			}
		case drift.ExitIncomplete, -1: // -1: the signal came before the program could take it
			if err == nil && !whole {
				t.Errorf("%d: half a file: %q", n, src)
			}
		default:
			t.Errorf("%d: exit code %d: %s", n, cmd.ProcessState.ExitCode(), out)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".holdfast-*")); len(left) > 0 {
			t.Errorf("%d: left behind %v", n, left)
		}
		eventually(t, "the end of every process", func() bool { return !slices.ContainsFunc(family, running) })
	}
	if codes[drift.ExitIncomplete] == 0 {
		t.Errorf("it was never interrupted: %v", codes)
	}
}

// A provider that is killed while it reads is an error on what it served.
func TestProviderIsKilled(t *testing.T) {
	t.Parallel()
	stack, proxy := slowStack(t, time.Hour)
	cmd, out := start(t, stack)
	eventually(t, "a request of the provider", func() bool { return len(proxy.Requests()) > 0 })
	for _, pid := range descendants(cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != drift.ExitIncomplete || !strings.Contains(out.String(), "provider_crashed") && !strings.Contains(out.String(), "crashed") {
		t.Errorf("ended with %v: %s", err, out)
	}
}

// Killed outright, it can't clean up; the kernel ends its providers then.
func TestKilled(t *testing.T) {
	t.Parallel()
	stack, proxy := slowStack(t, time.Hour)
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
func slowStack(t *testing.T, delay time.Duration) (*lab.Stack, *lab.Proxy) {
	t.Helper()
	s := forked(t, logGroup)
	proxy, err := lab.NewProxy(s.Emulator.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	proxy.On(lab.Match("logs", ""), lab.Fault{Delay: delay})
	return s.With(proxy), proxy
}

func start(t *testing.T, stack *lab.Stack) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	return startCheck(t, stack, theBed.Cache())
}

func startCheck(t *testing.T, stack *lab.Stack, cache string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	path, err := exec.LookPath("holdfast")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append([]string{"check"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = stack.Dir, &out, &out
	cmd.Env = append(stack.Env(), "HOLDFAST_CACHE_DIR="+cache)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// eventually waits for a condition, checking it often, for five minutes: a provider
// takes its time to start on a busy machine.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(5 * time.Minute)
	for !holds() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("waited in vain for %s", what)
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
