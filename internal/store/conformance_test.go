package store_test

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// day is when the tests begin; histories are made of runs on days after it.
var day = time.Date(2024, 3, 1, 6, 0, 0, 0, time.UTC)

// databases are those of the conformance suite: each gives the place of a new,
// empty history.
var databases = map[string]func(t *testing.T) string{
	"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "new", "history.db") },
}

// stopServer ends what the tests have started.
var stopServer = func() error { return nil }

func TestMain(m *testing.M) {
	if work := os.Getenv(workEnv); work != "" {
		os.Exit(child(work))
	}
	code := m.Run()
	if err := stopServer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onEach runs a test on every database.
func onEach(t *testing.T, test func(t *testing.T, where string)) {
	t.Helper()
	for name, place := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place(t))
		})
	}
}

func open(t *testing.T, where string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLife is a finding's whole life, through one history.
func TestLife(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		f := finding("aws_lambda_function.app", "r1")
		first := check(t, s, day, stackWith(f))
		check(t, s, day.AddDate(0, 0, 1), stackWith(f))
		f.Revision = "r2"
		check(t, s, day.AddDate(0, 0, 2), stackWith(f))
		check(t, s, day.AddDate(0, 0, 3), stackWith())
		last := check(t, s, day.AddDate(0, 0, 4), stackWith(f))

		episodes := all(t, s.Episodes(t.Context(), store.Filter{}))
		want := []drift.Episode{
			{
				Number: 1, Stack: stackWith().Ref(), Finding: f, Life: drift.LifeResolved, FirstSeen: day, LastSeen: day.AddDate(0, 0, 2), Revised: day.AddDate(0, 0, 2),
				FirstRun: first, LastRun: episodes[0].LastRun, Seen: 3, Ended: day.AddDate(0, 0, 3),
			},
			{
				Number: 2, Stack: stackWith().Ref(), Finding: f, Life: drift.LifeOpen, FirstSeen: day.AddDate(0, 0, 4),
				LastSeen: day.AddDate(0, 0, 4), Revised: day.AddDate(0, 0, 4), FirstRun: last, LastRun: last, Seen: 1,
			},
		}
		if diff := cmp.Diff(want, episodes); diff != "" {
			t.Error(diff)
		}
		if got := kinds(all(t, s.Events(t.Context(), store.Filter{}))); !cmp.Equal(got, []drift.EventKind{
			drift.EventFound, drift.EventChanged, drift.EventResolved, drift.EventReopened,
		}) {
			t.Error(got)
		}
	})
}

// finding is one that a check would give.
func finding(address, revision string) drift.Finding {
	return drift.Finding{
		ID: drift.FindingID("lineage", address, drift.Modified), Revision: revision, Address: address, Type: "aws_lambda_function",
		Provider: "registry.terraform.io/hashicorp/aws", Kind: drift.Modified, Certainty: drift.Certain, Status: drift.Open,
		Changes: []drift.Change{
			{Path: "memory_size", Expected: []byte("128"), Actual: []byte("512")},
			{Path: "environment[0].variables", Sensitive: true},
		},
	}
}

// stackWith is the result of a stack with these findings.
func stackWith(findings ...drift.Finding) drift.Stack {
	return named("live/eu", findings...)
}

func named(path string, findings ...drift.Finding) drift.Stack {
	s := drift.Stack{
		ID: drift.StackID(path, "default"), Path: path, Workspace: "default", Engine: "direct", Findings: findings,
		Resources: drift.Counts{Checked: 20, Clean: 20 - len(findings), Drifted: len(findings)},
		State:     drift.State{Source: "terraform.tfstate", Lineage: "lineage", Serial: 7},
	}
	s.Settle(false)
	return s
}

// check records a run over stacks, and gives its id.
func check(t *testing.T, s *store.Store, at time.Time, stacks ...drift.Stack) string {
	t.Helper()
	run, err := s.Begin(t.Context(), drift.RunRecord{Tool: drift.Tool{Name: "holdfast", Version: "1"}, StartedAt: at, Trigger: "command"})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range stacks {
		if err := run.SaveAt(t.Context(), st, nil, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := run.Finish(t.Context(), at.Add(time.Minute), drift.Summarize(stacks)); err != nil {
		t.Fatal(err)
	}
	return run.ID()
}

func all[T any](t *testing.T, values iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for v, err := range values {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

func kinds(events []drift.Event) []drift.EventKind {
	var list []drift.EventKind
	for _, e := range events {
		list = append(list, e.Kind)
	}
	return list
}
