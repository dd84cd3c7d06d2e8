//go:build linux

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/store"
)

// TestHistoryOfChecks changes a real stack by hand, checks it, puts it back and
// checks it again: the history tells all of it, and what each run printed.
func TestHistoryOfChecks(t *testing.T) {
	t.Parallel()
	stack := forked(t, logGroup)
	env := append(stack.Env(), "HOLDFAST_CACHE_DIR="+theBed.Cache(), "HOLDFAST_TERRAFORM="+lab.Need(t).Terraform)
	retention := func(days int) {
		t.Helper()
		change := lab.Call{Service: "logs", Method: "put_retention_policy", Params: map[string]any{"logGroupName": "/holdfast/interrupt", "retentionInDays": days}}
		if _, err := stack.Call(t.Context(), stack.Emulator, change); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want int, args ...string) drift.Run {
		t.Helper()
		out, code := holdfast(t, stack.Dir, env, append([]string{"check", "--format", "json"}, args...)...)
		var run drift.Run
		if err := json.Unmarshal(out, &run); err != nil || code != want {
			t.Fatalf("exit code %d, %v: %s", code, err, out)
		}
		return run
	}
	retention(30)
	first := check(drift.ExitDrift)
	check(drift.ExitDrift)
	check(drift.ExitClean, "--exclude", "aws_cloudwatch_log_group.this") // it says nothing of what it left out
	if _, code := holdfast(t, stack.Dir, env, "verify"); code != drift.ExitClean {
		t.Errorf("verify ended with %d", code)
	}
	retention(7)
	last := check(drift.ExitClean)

	s, err := store.Open(t.Context(), filepath.Join(stack.Dir, ".holdfast", "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runs, err := s.Runs(t.Context(), 10)
	if err != nil || len(runs) != 4 { // verify recorded none
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for i, run := range map[int]drift.Run{0: last, 3: first} {
		if runs[i].Summary != run.Summary || runs[i].StartedAt.Sub(run.StartedAt).Abs() > time.Millisecond || runs[i].FinishedAt.Sub(run.FinishedAt).Abs() > time.Millisecond || runs[i].Trigger != "command" {
			t.Errorf("run %d is %+v, and printed %+v", i, runs[i], run.Summary)
		}
	}
	var episodes []drift.Episode
	for e, err := range s.Episodes(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		episodes = append(episodes, e)
	}
	found := first.Stacks[0].Findings[0]
	if len(episodes) != 1 {
		t.Fatalf("%+v", episodes)
	}
	if e := episodes[0]; e.Finding.ID != found.ID || e.Life != drift.LifeResolved || e.Seen != 2 || e.FirstRun != runs[3].ID || e.LastRun != runs[2].ID ||
		e.Stack.ID != first.Stacks[0].ID || !strings.Contains(e.ChangeType(), "retention_in_days") {
		t.Errorf("%+v", e)
	}
}

// TestInterruptedHistory: a run that is interrupted is in the history, and not as
// finished.
func TestInterruptedHistory(t *testing.T) {
	t.Parallel()
	stack, proxy := slowStack(t, time.Hour)
	cmd, out := start(t, stack)
	eventually(t, "a request of the provider", func() bool { return len(proxy.Requests()) > 0 })
	s, err := store.Open(t.Context(), filepath.Join(stack.Dir, ".holdfast", "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begun := func() []drift.RunRecord {
		runs, err := s.Runs(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	eventually(t, "the run in the history", func() bool { return len(begun()) == 1 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, ok, err := s.LastRun(t.Context()); ok || err != nil || !begun()[0].FinishedAt.IsZero() {
		t.Errorf("it is finished: %+v, %v", begun(), err)
	}
	for st, err := range s.Stacks(t.Context()) {
		t.Errorf("what was not decided has a result: %+v, %v", st, err)
	}
	if strings.Contains(out.String(), "warning") {
		t.Errorf("it said: %s", out)
	}
}

// holdfast runs the program in a folder, and gives what it printed and its exit
// code.
func holdfast(t *testing.T, dir string, env []string, args ...string) ([]byte, int) {
	t.Helper()
	path, err := exec.LookPath("holdfast")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &errs
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(exit, err)
	}
	if errs.Len() > 0 {
		t.Logf("holdfast %s: %s", strings.Join(args, " "), errs.String())
	}
	return out.Bytes(), cmd.ProcessState.ExitCode()
}
