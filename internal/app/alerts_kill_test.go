package app_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// tellerEnv tells a child of this program which run it is; its current folder has the
// settings.
const tellerEnv = "HOLDFAST_APP_TEST_TELLER"

// killedRuns is how many runs TestKilledWhileTelling has.
const killedRuns = 200

// tellerChild records run n and tells of it.
func tellerChild(n string) int {
	number, err := strconv.Atoi(n)
	if err == nil {
		err = app.TellAfter(context.Background(), app.CheckOptions{Config: "holdfast.yaml", Warn: func(error) {}}, stacksOfRun(number), func() { fmt.Println("begun") })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// stacksOfRun is what run n finds: findings come, change and go from run to run.
func stacksOfRun(n int) []drift.Stack {
	var stacks []drift.Stack
	for s := range 3 {
		st := drift.Stack{ID: drift.StackID(fmt.Sprint("live/", s), "default"), Path: fmt.Sprint("live/", s), Workspace: "default", Engine: "direct"}
		for f := range 4 {
			if (n+s)>>f&1 == 0 {
				continue
			}
			address := fmt.Sprintf("aws_x.y[%d]", f)
			st.Findings = append(st.Findings, drift.Finding{
				ID: drift.FindingID(st.Path, address, drift.Modified), Revision: fmt.Sprint("r", n/16), Address: address, Type: "aws_x", Kind: drift.Modified,
				Severity: drift.SeverityMedium, Certainty: drift.Certain, Status: drift.Open, Changes: []drift.Change{{Path: "size", Actual: []byte("1")}},
			})
		}
		st.Settle(false)
		stacks = append(stacks, st)
	}
	return stacks
}

// TestKilledWhileTelling kills 200 runs at any point of them, with SIGKILL. Whatever
// the history has recorded is told in the end, with the same id however often.
func TestKilledWhileTelling(t *testing.T) {
	t.Parallel()
	dir, h := t.TempDir(), newHook(t)
	h.kills = true
	must(t, os.WriteFile(filepath.Join(dir, "holdfast.yaml"), fmt.Appendf(nil, "version: 1\nstore: history.db\nalerts: [{name: hook, webhook: {url: %q}}]\n", h.URL), 0o600))
	self, err := os.Executable()
	must(t, err)
	// run ends a run so long after it has begun its work; not at all for 0.
	run := func(n int, after time.Duration) (took time.Duration, killed bool) {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), tellerEnv+"="+strconv.Itoa(n)), &stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		_, _ = bufio.NewReader(out).ReadString('\n') // it fails where the child does, which Wait tells
		began := time.Now()
		if after > 0 {
			timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
			defer timer.Stop()
		}
		err = cmd.Wait()
		exit, ended := errors.AsType[*exec.ExitError](err)
		if err != nil && (!ended || exit.Exited()) {
			t.Fatalf("run %d: %v\n%s", n, err, &stderr)
		}
		return time.Since(began), err != nil
	}
	run(0, 0)
	usual, _ := run(1, 0)
	random, killed := rand.New(rand.NewPCG(1, 2)), 0
	for n := range killedRuns {
		took, dead := run(n+2, time.Duration(random.Int64N(int64(2*usual)))+1)
		if dead {
			killed++
		} else {
			usual = (usual + took) / 2 // the machine is busy at times
		}
	}
	last := killedRuns + 2
	run(last, 0)
	t.Logf("%d of %d runs were killed; one takes %s", killed, killedRuns, usual.Round(time.Millisecond))
	if killed < killedRuns/4 {
		t.Errorf("only %d of %d runs were killed", killed, killedRuns)
	}

	s, err := store.Open(t.Context(), filepath.Join(dir, "history.db"))
	must(t, err)
	defer func() { must(t, s.Close()) }()
	if left, err := s.Messages(t.Context(), true, 10); err != nil || len(left) > 0 {
		t.Errorf("%+v are not sent, %v", left, err)
	}
	var heard []string // ids, each once
	times, message := map[string]int{}, map[string]string{}
	for _, m := range h.taken() {
		for _, a := range m.Alerts {
			if times[a.ID]++; times[a.ID] == 1 {
				heard = append(heard, a.ID)
			}
			if message[a.ID] != "" && message[a.ID] != m.ID {
				t.Errorf("alert %s came in message %s and in %s", a.ID, message[a.ID], m.ID)
			}
			message[a.ID] = m.ID
		}
	}
	want := recordedAlerts(t, s)
	slices.Sort(heard)
	for _, id := range want {
		if times[id] == 0 {
			t.Errorf("alert %s was recorded and never told", id)
		}
	}
	if len(heard) < len(want) || len(want) < 100 {
		t.Errorf("%d alerts were told, %d recorded of findings", len(heard), len(want))
	}
	twice := 0
	for _, n := range times {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d alerts, %d of them told more than once", len(heard), twice)
}

// recordedAlerts are the ids of the alerts that the history's events are.
func recordedAlerts(t *testing.T, s *store.Store) []string {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), "SELECT id FROM alerts")
	must(t, err)
	defer func() { must(t, errors.Join(rows.Err(), rows.Close())) }()
	var ids []string
	for rows.Next() {
		var id string
		must(t, rows.Scan(&id))
		ids = append(ids, id)
	}
	events := 0
	for e, err := range s.Events(t.Context(), store.Filter{}) {
		must(t, err)
		if slices.Contains([]drift.EventKind{drift.EventFound, drift.EventChanged, drift.EventResolved, drift.EventReopened}, e.Kind) {
			events++
		}
	}
	if len(ids) < events {
		t.Errorf("the history has %d events and %d alerts", events, len(ids))
	}
	return ids
}
