package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// pages gives all of a list, page by page.
func pages[T any](t *testing.T, read func(after string) (store.Page[T], error)) []T {
	t.Helper()
	var items []T
	for after := ""; ; {
		p, err := read(after)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, p.Items...)
		if p.Next == "" {
			return items
		}
		if after = p.Next; len(items) > 1000 {
			t.Fatal("the list has no end")
		}
	}
}

// TestFleet: lists of stacks agree with what was found, in every order and however
// long their pages are.
func TestFleet(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		for i := range 7 {
			st := named(fmt.Sprintf("live/%d_x", i), slices.Repeat([]drift.Finding{}, 0)...)
			for n := range i % 3 {
				st.Findings = append(st.Findings, finding(fmt.Sprintf("a.b%d", n), "1"))
			}
			st.Settle(false)
			check(t, s, at(i), st)
		}
		var refs []drift.StackRef
		for i := range 6 { // the last has gone
			refs = append(refs, named(fmt.Sprintf("live/%d_x", i)).Ref())
		}
		refs = append(refs, named("new/never").Ref())
		note := func(source string, refs []drift.StackRef) {
			t.Helper()
			if err := s.InTransaction(t.Context(), "noting", func(tx *sql.Tx) error { return s.NoteStacks(t.Context(), tx, source, refs, at(9)) }); err != nil {
				t.Fatal(err)
			}
		}
		note("infra", append(slices.Clone(refs), named("live/6_x").Ref()))
		note("infra", refs)
		names := func(f store.FleetFilter) (paths []string) {
			t.Helper()
			for _, one := range pages(t, func(after string) (store.Page[store.FleetStack], error) {
				f.After, f.Limit = after, 2
				return s.Fleet(t.Context(), f)
			}) {
				paths = append(paths, strings.TrimSuffix(strings.TrimPrefix(one.Stack.Path, "live/"), "_x"))
			}
			return paths
		}
		for name, c := range map[string]struct {
			filter store.FleetFilter
			want   string
		}{
			"path":    {store.FleetFilter{}, "0 1 2 3 4 5 new/never"},
			"gone":    {store.FleetFilter{Gone: true}, "0 1 2 3 4 5 6 new/never"},
			"drift":   {store.FleetFilter{Sort: "drift", Status: []drift.Status{drift.StatusDrifted}}, ""},
			"oldest":  {store.FleetFilter{Sort: "oldest", Status: []drift.Status{drift.StatusDrifted}}, "1 2 4 5"},
			"checked": {store.FleetFilter{Sort: "checked"}, "new/never 0 1 2 3 4 5"},
			"stale":   {store.FleetFilter{Before: at(3)}, "0 1 2 new/never"},
			"text":    {store.FleetFilter{Query: "LIVE/3"}, "3"},
			"literal": {store.FleetFilter{Query: "_x"}, "0 1 2 3 4 5"},
			"percent": {store.FleetFilter{Query: "%"}, ""},
			"source":  {store.FleetFilter{Sources: []string{"other"}}, ""},
			"clean":   {store.FleetFilter{Status: []drift.Status{drift.StatusClean}}, "0 3"},
		} {
			got := names(c.filter)
			if name == "drift" {
				if len(got) != 4 || !slices.Contains(got[:2], "2") || !slices.Contains(got[:2], "5") {
					t.Errorf("%s: %v", name, got)
				}
				continue
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v, want %s", name, got, c.want)
			}
		}
		h, err := s.Health(t.Context(), at(3), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := store.Health{
			Stacks: map[drift.Status]int{drift.StatusClean: 2, drift.StatusDrifted: 4, "": 1}, Open: 6, OldestOpen: at(1), Stale: 4,
			ByCause: map[string]int{"": 6}, BySeverity: map[drift.Severity]int{"": 6},
		}
		if diff := cmp.Diff(want, h); diff != "" {
			t.Error(diff)
		}
		for _, f := range []store.FleetFilter{{Sort: "size"}, {Limit: 501}, {Limit: -1}, {After: "x"}, {After: "eyJpIjoiIn0"}} {
			if _, err := s.Fleet(t.Context(), f); !errors.Is(err, store.ErrBadPage) {
				t.Errorf("%+v: %v", f, err)
			}
		}
	})
}

// TestPages: the other lists, page by page.
func TestPages(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		for i := range 5 {
			f := finding(fmt.Sprintf("a.b%d", i), "1")
			if i == 3 {
				f.Kind = drift.Deleted
			}
			f.Severity = []drift.Severity{"", drift.SeverityLow, drift.SeverityMedium, drift.SeverityHigh, drift.SeverityHigh}[i]
			if i == 4 {
				f.Cause = &drift.Cause{Class: drift.CauseConsole, Summary: "changed by user alice"}
			}
			check(t, s, at(i), named(fmt.Sprintf("live/%d", i%2), f))
		}
		addresses := func(f store.FindingFilter) (list []string) {
			t.Helper()
			for _, e := range pages(t, func(after string) (store.Page[drift.Episode], error) {
				f.After, f.Limit = after, 2
				return s.Findings(t.Context(), f)
			}) {
				list = append(list, e.Finding.Address)
			}
			return list
		}
		for name, c := range map[string]struct {
			filter store.FindingFilter
			want   string
		}{
			"all":    {store.FindingFilter{}, "a.b0 a.b1 a.b2 a.b3 a.b4"},
			"newest": {store.FindingFilter{Newest: true}, "a.b4 a.b3 a.b2 a.b1 a.b0"},
			"open":   {store.FindingFilter{Filter: store.Filter{Open: true}}, "a.b3 a.b4"},
			"kind":   {store.FindingFilter{Kinds: []drift.Kind{drift.Deleted}}, "a.b3"},
			"high":   {store.FindingFilter{Severities: []drift.Severity{drift.SeverityHigh}}, "a.b3 a.b4"},
			"two":    {store.FindingFilter{Severities: []drift.Severity{drift.SeverityLow, drift.SeverityMedium}}, "a.b1 a.b2"},
			"worst":  {store.FindingFilter{Worst: true}, "a.b3 a.b4 a.b2 a.b1 a.b0"},
			"of one": {store.FindingFilter{Worst: true, Filter: store.Filter{Open: true}, Causes: []string{string(drift.CauseConsole)}}, "a.b4"},
			"cause":  {store.FindingFilter{Causes: []string{string(drift.CauseConsole)}}, "a.b4"},
			"text":   {store.FindingFilter{Query: "B2"}, "a.b2"},
			"stack":  {store.FindingFilter{Query: "live/1"}, "a.b1 a.b3"},
			"source": {store.FindingFilter{Sources: []string{"infra"}, Query: "a", Causes: []string{"x"}}, ""},
		} {
			if got := strings.Join(addresses(c.filter), " "); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		}
		if _, err := s.Findings(t.Context(), store.FindingFilter{Worst: true, Newest: true}); !errors.Is(err, store.ErrBadPage) {
			t.Errorf("two orders: %v", err)
		}
		if h, err := s.Health(t.Context(), at(0), nil); err != nil || h.BySeverity[drift.SeverityHigh] != 2 || len(h.BySeverity) != 1 {
			t.Errorf("%+v, %v", h.BySeverity, err)
		}
		events := pages(t, func(after string) (store.Page[drift.Event], error) {
			return s.EventsPage(t.Context(), store.EventFilter{After: after, Limit: 3})
		})
		if !slices.IsSortedFunc(events, func(a, b drift.Event) int { return strings.Compare(b.ID, a.ID) }) || len(events) != 8 {
			t.Errorf("%d events", len(events))
		}
		resolved := pages(t, func(after string) (store.Page[drift.Event], error) {
			return s.EventsPage(t.Context(), store.EventFilter{After: after, Limit: 2, Kinds: []drift.EventKind{drift.EventResolved}})
		})
		several := pages(t, func(after string) (store.Page[drift.Event], error) {
			return s.EventsPage(t.Context(), store.EventFilter{After: after, Kinds: []drift.EventKind{drift.EventResolved, drift.EventFound, drift.EventWaived}})
		})
		if len(several) != 8 {
			t.Errorf("%d of several kinds", len(several))
		}
		if called, err := s.EpisodesCalled(t.Context(), finding("a.b1", "1").ID); err != nil || len(called) != 1 || called[0].Finding.Address != "a.b1" {
			t.Errorf("%v, %v", called, err)
		}
		if len(resolved) != 3 {
			t.Errorf("%d resolved", len(resolved))
		}
		runs := pages(t, func(after string) (store.Page[store.RunInfo], error) {
			return s.RunsPage(t.Context(), store.RunFilter{After: after, Limit: 2})
		})
		if len(runs) != 5 || !runs[0].StartedAt.Equal(at(4)) || !runs[4].StartedAt.Equal(at(0)) {
			t.Errorf("%+v", runs)
		}
	})
}

// TestCountingReadsIndexes: how long a list of findings is, is told by an index, and
// those that are open come from one in each of their orders.
func TestCountingReadsIndexes(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "history.db"))
	for query, want := range map[string]string{
		"SELECT COUNT(*) FROM episodes WHERE ended = 0 AND severity IN ('high') AND kind IN ('deleted')":                                    "COVERING INDEX episodes_open",
		"SELECT COUNT(*) FROM episodes WHERE severity IN ('high') AND find LIKE '%a%'":                                                      "COVERING INDEX",
		"SELECT cause, severity, COUNT(*) FROM episodes WHERE ended = 0 AND life = 'open' GROUP BY cause, severity":                         "COVERING INDEX episodes_open",
		"SELECT episode FROM episodes WHERE ended = 0 ORDER BY " + store.BySeverity + ", first_seen, stack_id, finding_id, number LIMIT 51": "INDEX episodes_worst",
	} {
		plan := queryPlan(t, s, query)
		if !strings.Contains(plan, want) || strings.Contains(plan, "FOR ORDER BY") {
			t.Errorf("%s: %s", query, plan)
		}
	}
}

// TestRunStacks: how far a round is, and what others that wait for it see.
func TestRunStacks(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		ref := named("live/eu").Ref()
		var run, other string
		in := func(f func(*sql.Tx) error) {
			t.Helper()
			if err := s.InTransaction(t.Context(), "testing", f); err != nil {
				t.Fatal(err)
			}
		}
		in(func(tx *sql.Tx) (err error) {
			for _, id := range []*string{&run, &other} {
				if *id, err = s.BeginRound(t.Context(), tx, store.Round{Source: "infra", Whole: true, Actor: "kim", Trigger: "person", At: at(0)}); err != nil {
					return err
				}
			}
			return errors.Join(
				s.PlanStack(t.Context(), tx, store.RunStack{Run: run, Stack: ref, Source: "infra", State: store.StackQueued, Job: 7}),
				s.PlanStack(t.Context(), tx, store.RunStack{Run: other, Stack: ref, Source: "infra", State: store.StackJoined, Job: 7}))
		})
		set := func(state store.StackState) (runs []string) {
			in(func(tx *sql.Tx) (err error) {
				runs, err = s.SetStack(t.Context(), tx, 7, store.RunStack{State: state, Outcome: drift.StatusClean, Worker: "w", StartedAt: at(0), FinishedAt: at(1)})
				return err
			})
			return runs
		}
		state := func(run string) store.RunStack {
			list, err := s.RunStacks(t.Context(), run)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			return list[0]
		}
		if runs := set(store.StackRunning); len(runs) != 2 || state(run).State != store.StackRunning || state(other).State != store.StackJoined {
			t.Errorf("%v, %v, %v", runs, state(run), state(other))
		}
		if info, ok, err := s.Run(t.Context(), run); !ok || err != nil || info.Stacks != 1 || info.Ended != 0 || info.Actor != "kim" {
			t.Errorf("%+v, %v", info, err)
		}
		in(func(tx *sql.Tx) error {
			jobs, ok, err := s.CancelRun(t.Context(), tx, run, at(1))
			if len(jobs) != 0 || !ok {
				t.Errorf("%v, %v: the other run waits for it", jobs, ok)
			}
			return err
		})
		if runs := set(store.StackDone); len(runs) != 1 || runs[0] != other || state(other).State != store.StackDone || state(run).State != store.StackCancelled {
			t.Errorf("%v, %v, %v", runs, state(run), state(other))
		}
		if runs := set(store.StackDone); len(runs) != 0 {
			t.Errorf("%v", runs)
		}
		var known []drift.StackRef
		in(func(tx *sql.Tx) (err error) {
			known, err = s.KnownStacks(t.Context(), tx, "infra")
			return err
		})
		if len(known) != 1 || known[0] != ref {
			t.Errorf("%v", known)
		}
		for _, f := range []store.RunStackFilter{{}, {States: []store.StackState{store.StackDone}}, {Outcomes: []drift.Status{drift.StatusClean}}} {
			if p, err := s.RunStacksPage(t.Context(), other, f); err != nil || len(p.Items) != 1 || p.Total != 1 {
				t.Errorf("%+v: %+v, %v", f, p, err)
			}
		}
		counts, err := s.OutcomeCounts(t.Context(), other)
		if diff := cmp.Diff([]store.OutcomeCount{{State: store.StackDone, Outcome: drift.StatusClean, Stacks: 1}}, counts); diff != "" || err != nil {
			t.Error(diff, err)
		}
		saved, err := s.Resume(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if err := saved.Save(t.Context(), named("live/eu"), nil); err != nil {
			t.Error(err)
		}
		if _, err := s.Resume(t.Context(), "none"); err == nil {
			t.Error("took part in a run that isn't there")
		}
	})
}

// TestWorkers: who is silent for too long is not alive.
func TestWorkers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		if err := errors.Join(s.Beat(t.Context(), "a"), s.Beat(t.Context(), "b"), s.Leave(t.Context(), "b")); err != nil {
			t.Fatal(err)
		}
		if alive, err := s.Alive(t.Context(), time.Minute); err != nil || len(alive) != 1 || !alive["a"] {
			t.Errorf("%v, %v", alive, err)
		}
		if alive, err := s.Alive(t.Context(), -time.Minute); err != nil || len(alive) != 0 {
			t.Errorf("%v, %v", alive, err)
		}
	})
}

// queryPlan says how SQLite answers a query.
func queryPlan(t *testing.T, s *store.Store, query string) (plan string) {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan += detail + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
