package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"pgregory.net/rapid"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// counted is what a stack's row must say of its findings.
type counted struct {
	Open, Waived int
	Oldest       time.Time
}

// agrees holds the rows of the fleet against the episodes.
func agrees(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	want := map[string]counted{}
	for e, err := range s.Episodes(ctx, store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		c := want[e.Stack.ID]
		switch e.Life {
		case drift.LifeOpen:
			c.Open++
			if c.Oldest.IsZero() || e.FirstSeen.Before(c.Oldest) {
				c.Oldest = e.FirstSeen
			}
		case drift.LifeWaived:
			c.Waived++
		case drift.LifeAccepted, drift.LifeResolved, drift.LifeReverted:
		}
		want[e.Stack.ID] = c
	}
	list, err := s.Fleet(ctx, store.FleetFilter{Gone: true, Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Items {
		if diff := cmp.Diff(want[one.Stack.ID], counted{one.Open, one.Waived, one.OldestOpen}); diff != "" {
			t.Errorf("%s: %s", one.Stack, diff)
		}
		delete(want, one.Stack.ID)
	}
	for id, left := range want {
		if left.Open+left.Waived > 0 {
			t.Errorf("stack %s is in no list, and has %+v", id, left)
		}
	}
}

// TestFleetAgrees: whatever is seen and done, in whatever order it is told, the
// lists agree with the findings.
func TestFleetAgrees(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		serial := 0
		rapid.Check(t, func(r *rapid.T) {
			serial++
			path := fmt.Sprintf("live/%d", serial%40)
			for range rapid.IntRange(1, 8).Draw(r, "steps") {
				act(t, r, s, path)
			}
		})
		agrees(t, s)
	})
}

// act is a look at a stack, or an outcome that somebody brought about.
func act(t *testing.T, r *rapid.T, s *store.Store, path string) {
	t.Helper()
	when := at(rapid.IntRange(0, 9).Draw(r, "day"))
	var findings []drift.Finding
	for i := range 3 {
		f := finding(fmt.Sprintf("a.b%d", i), rapid.SampledFrom([]string{"1", "2"}).Draw(r, "revision"))
		f.ID = drift.FindingID(path, f.Address, f.Kind)
		f.Status = rapid.SampledFrom([]drift.FindingStatus{drift.Open, drift.Open, drift.Waived, drift.Ignored}).Draw(r, "status")
		if rapid.Bool().Draw(r, "there") {
			findings = append(findings, f)
		}
	}
	st := named(path, findings...)
	if rapid.IntRange(0, 4).Draw(r, "trouble") == 0 {
		st.Errors = []drift.Error{{Address: "a.b1", Code: "read", Message: "no"}}
		st.Settle(rapid.Bool().Draw(r, "fatal"))
	}
	if len(findings) > 0 && rapid.IntRange(0, 2).Draw(r, "outcome") == 0 {
		kind := rapid.SampledFrom([]drift.EventKind{drift.EventAccepted, drift.EventReverted, drift.EventProposed}).Draw(r, "kind")
		if err := s.End(t.Context(), store.Outcome{Kind: kind, Stack: st.Ref(), Finding: findings[0], At: when}); err != nil {
			t.Fatal(err)
		}
		return
	}
	var covers func(string) bool
	if rapid.IntRange(0, 3).Draw(r, "part") == 0 {
		covers = func(address string) bool { return address == "a.b0" }
		st.Resources.Skipped = 19
	}
	run, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: when})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.SaveAt(t.Context(), st, covers, when); err != nil {
		t.Fatal(err)
	}
}

// TestOlderHistory: one of before there were lists gets them when it is opened, all
// of it, and no more than once.
func TestOlderHistory(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		before := open(t, where)
		f := finding("a.b", "1")
		f.Cause = &drift.Cause{Class: drift.CauseConsole, Summary: "alice"}
		for i, findings := range [][]drift.Finding{{f}, {}, {f}} { // two episodes
			check(t, before, at(i), named("live/0", findings...), named("live/1"))
		}
		want := lists(t, before)
		downTo(t, where, 3)
		s := open(t, where)
		if diff := cmp.Diff(want, lists(t, s)); diff != "" {
			t.Error(diff)
		}
		agrees(t, s)
		if diff := cmp.Diff(want, lists(t, open(t, where))); diff != "" {
			t.Error(diff)
		}
	})
}

// lists are what pages show of a history.
func lists(t *testing.T, s *store.Store) (all struct {
	Fleet    []store.FleetStack
	Findings []drift.Episode
	Events   []drift.Event
	Health   store.Health
}) {
	t.Helper()
	fleet, err := s.Fleet(t.Context(), store.FleetFilter{})
	if err != nil {
		t.Fatal(err)
	}
	findings, err := s.Findings(t.Context(), store.FindingFilter{Kinds: []drift.Kind{drift.Modified}, Causes: []string{string(drift.CauseConsole)}})
	if err != nil || len(findings.Items) != 2 || len(fleet.Items) != 2 {
		t.Fatal(len(fleet.Items), len(findings.Items), err)
	}
	events, err := s.EventsPage(t.Context(), store.EventFilter{Kinds: []drift.EventKind{drift.EventFound, drift.EventReopened}})
	if err != nil || len(events.Items) != 2 {
		t.Fatal(len(events.Items), err)
	}
	all.Fleet, all.Findings, all.Events = fleet.Items, findings.Items, events.Items
	if all.Health, err = s.Health(t.Context(), at(0), nil); err != nil {
		t.Fatal(err)
	}
	return all
}

// downTo takes a history back to an older version of its tables.
func downTo(t *testing.T, where string, version int64) {
	t.Helper()
	driver, dialect := "sqlite", goose.DialectSQLite3
	if store.IsURL(where) {
		driver, dialect = "pgx", goose.DialectPostgres
	}
	db, err := sql.Open(driver, where)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(dialect, db, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}
