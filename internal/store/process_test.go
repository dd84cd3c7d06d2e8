package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// work is what a child process is to do with a history. This program is its own
// child, so that processes are real.
type work struct {
	Where string
	First int // number of the first look
	Step  int // to the next
	Looks int // 0 for no end
	Same  bool
	Gate  bool // wait for the end of the standard input first
}

// workEnv tells a child its work.
const workEnv = "HOLDFAST_STORE_TEST_CHILD"

// child saves stacks and prints the run and the path of each, once it has been
// told that it is saved.
func child(text string) int {
	var w work
	err := json.Unmarshal([]byte(text), &w)
	if err == nil {
		err = w.do(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w work) do(ctx context.Context) error {
	if w.Gate {
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			return err
		}
	}
	s, err := store.Open(ctx, w.Where)
	if err != nil {
		return err
	}
	for n := 0; w.Looks == 0 || n < w.Looks; n++ {
		at := day.Add(time.Duration(w.First+n*w.Step) * time.Minute)
		run, err := s.Begin(ctx, drift.RunRecord{StartedAt: at, Trigger: "command"})
		if err != nil {
			return err
		}
		stacks := w.stacks(w.First + n*w.Step)
		for _, st := range stacks {
			if err := run.SaveAt(ctx, st, nil, at); err != nil {
				return err
			}
			fmt.Println("saved", run.ID(), st.Path)
		}
		if err := run.Finish(ctx, at, drift.Summarize(stacks)); err != nil {
			return err
		}
		fmt.Println("finished", run.ID(), "-")
	}
	return s.Close()
}

// stacks of the nth look: either stacks of their own, or the same few with
// findings that come and go.
func (w work) stacks(n int) []drift.Stack {
	var list []drift.Stack
	for i := range 3 {
		path := fmt.Sprintf("live/%d-%d", n, i)
		if w.Same {
			path = fmt.Sprintf("live/%d", i)
		}
		var findings []drift.Finding
		for j := range 4 {
			if (n+j)%3 > 0 {
				findings = append(findings, finding(fmt.Sprintf("aws_x.y[%d]", j), fmt.Sprint("r", n%5)))
			}
		}
		list = append(list, named(path, findings...))
	}
	return list
}

// command is a child that was not started yet, and what it will say of errors.
func command(t *testing.T, w work) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), workEnv+"="+string(text))
	var errs strings.Builder
	cmd.Stderr = &errs
	return cmd, &errs
}

// start starts a child.
func start(t *testing.T, w work) (*exec.Cmd, *bufio.Scanner, *strings.Builder) {
	t.Helper()
	cmd, errs := command(t, w)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out), errs
}

// TestTwoProcesses lets processes open a new history at once, and write results
// of the same stacks into it, each with looks from other times.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		const processes, looks = 3, 25
		wait := make(chan error, processes)
		for i := range processes {
			cmd, out, errs := start(t, work{Where: where, First: i, Step: processes, Looks: looks, Same: true})
			go func() {
				lines := 0
				for out.Scan() {
					lines++
				}
				err := cmd.Wait()
				if err == nil && lines != looks*4 {
					err = fmt.Errorf("it printed %d lines", lines)
				}
				if err != nil {
					err = fmt.Errorf("%w: %s", err, errs)
				}
				wait <- err
			}()
		}
		for range processes {
			if err := <-wait; err != nil {
				t.Error(err)
			}
		}
		s := open(t, where)
		consistent(t, s, where)
		runs, err := s.Runs(t.Context(), 1000)
		if err != nil || len(runs) != processes*looks {
			t.Errorf("%d runs, %v", len(runs), err)
		}
		// Whoever was last, what the latest look saw holds.
		last := work{Same: true}.stacks(processes*looks - 1)
		for _, st := range last {
			for _, e := range all(t, s.Episodes(t.Context(), store.Filter{StackID: st.ID, Open: true})) {
				if !has(st.Findings, e.Finding.ID) {
					t.Errorf("%s of %s is open, and the latest look did not see it", e.ID(), st.Path)
				}
			}
		}
	})
}

func has(findings []drift.Finding, id string) bool {
	for _, f := range findings {
		if f.ID == id {
			return true
		}
	}
	return false
}

// TestKill kills a process that saves results, at random points after the first.
// All that it was told is saved must be there.
func TestKill(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		const kills = 25
		saved := 0
		for n := range kills {
			cmd, out, _ := start(t, work{Where: where, First: n * 10_000, Step: 1})
			var lines [][]string
			for out.Scan() {
				if len(lines) == 0 {
					time.AfterFunc(time.Duration(rand.Int64N(int64(150*time.Millisecond))), func() { _ = cmd.Process.Kill() })
				}
				if fields := strings.Fields(out.Text()); len(fields) == 3 {
					lines = append(lines, fields)
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Fatal("it ended by itself")
			}
			saved += len(lines)
			there(t, where, lines)
		}
		if saved < kills {
			t.Errorf("only %d results were saved before the kills", saved)
		}
		t.Logf("%d kills, %d lines of what is saved", kills, saved)
	})
}

// there insists on what a killed process had printed.
func there(t *testing.T, where string, lines [][]string) {
	t.Helper()
	s := open(t, where)
	defer s.Close()
	consistent(t, s, where)
	stacks := map[string]drift.Stack{}
	for _, st := range all(t, s.Stacks(t.Context())) {
		stacks[st.Path] = st
	}
	episodes := map[string]string{} // path and finding to run
	for _, e := range all(t, s.Episodes(t.Context(), store.Filter{})) {
		episodes[e.Stack.Path+e.Finding.ID] = e.FirstRun
	}
	finished := map[string]bool{}
	runs, err := s.Runs(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		finished[run.ID] = !run.FinishedAt.IsZero()
	}
	for _, line := range lines {
		what, run, path := line[0], line[1], line[2]
		if what == "finished" {
			if !finished[run] {
				t.Errorf("run %s was finished, and is not", run)
			}
			continue
		}
		st, ok := stacks[path]
		if _, begun := finished[run]; !ok || !begun || len(st.Findings) == 0 {
			t.Errorf("%s of run %s was saved, and is not there", path, run)
		}
		for _, f := range st.Findings {
			if episodes[path+f.ID] != run {
				t.Errorf("%s of %s was saved by run %s, and is not there", f.ID, path, run)
			}
		}
	}
}

// consistent holds the parts of a history against each other.
func consistent(t *testing.T, s *store.Store, where string) {
	t.Helper()
	type key struct {
		stack, finding string
	}
	open := 0
	latest := map[key]drift.Episode{}
	for _, e := range all(t, s.Episodes(t.Context(), store.Filter{})) {
		k := key{e.Stack.ID, e.Finding.ID}
		before := latest[k]
		if e.Number != before.Number+1 || before.Number > 0 && (!before.Life.Over() || before.Ended.After(e.FirstSeen)) {
			t.Errorf("episode %d follows %+v", e.Number, before)
		}
		latest[k] = e
		if e.Life == drift.LifeOpen {
			open++
		}
	}
	began := map[key]int{}
	for _, e := range all(t, s.Events(t.Context(), store.Filter{})) {
		if e.Kind == drift.EventFound || e.Kind == drift.EventReopened {
			began[key{e.Stack.ID, e.Finding}]++
		}
	}
	for k, e := range latest {
		if began[k] != e.Number {
			t.Errorf("%v has %d episodes and began %d times", k, e.Number, began[k])
		}
	}
	trend, err := s.Trend(t.Context(), day.AddDate(-1, 0, 0), 2)
	if err != nil {
		t.Fatal(err)
	}
	if trend[0].Open != 0 || trend[1].Open != open {
		t.Errorf("the trend says %+v, %d are open", trend, open)
	}
	for _, st := range all(t, s.Stacks(t.Context())) {
		for _, f := range st.Findings {
			if latest[key{st.ID, f.ID}].Number == 0 {
				t.Errorf("%s of %s has a result and no episode", f.ID, st.Path)
			}
		}
	}
	if !store.IsURL(where) {
		sound(t, where)
	}
}

// sound has SQLite look for damage.
func sound(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer string
	if err := errors.Join(db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&answer)); err != nil || answer != "ok" {
		t.Errorf("integrity check: %s, %v", answer, err)
	}
}

// TestOpenAtOnce: several processes open a new history at the same time, and all
// of them can.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		const several = 8
		var children []*exec.Cmd
		var errs []*strings.Builder
		gate, open, err := os.Pipe() // nobody begins before all are there
		if err != nil {
			t.Fatal(err)
		}
		for range several {
			cmd, text := command(t, work{Where: where, Gate: true, Looks: 1})
			cmd.Stdin = gate
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			children, errs = append(children, cmd), append(errs, text)
		}
		gate.Close()
		open.Close()
		for i, cmd := range children {
			if err := cmd.Wait(); err != nil {
				t.Error(err, errs[i])
			}
		}
	})
}
