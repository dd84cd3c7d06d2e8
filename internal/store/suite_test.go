package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// at is so many days after the first.
func at(days int) time.Time { return day.AddDate(0, 0, days) }

func TestRuns(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		if _, ok, err := s.LastRun(t.Context()); ok || err != nil {
			t.Errorf("a new history has a last run: %v, %v", ok, err)
		}
		stacks := []drift.Stack{stackWith(finding("a.b", "1")), named("live/us")}
		check(t, s, at(0), stacks...)
		interrupted, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: at(1), Trigger: "schedule", Tool: drift.Tool{Name: "holdfast", Version: "2"}})
		if err != nil {
			t.Fatal(err)
		}
		last, ok, err := s.LastRun(t.Context())
		want := drift.RunRecord{
			ID: last.ID, Tool: drift.Tool{Name: "holdfast", Version: "1"}, StartedAt: at(0), FinishedAt: at(0).Add(time.Minute),
			Summary: drift.Summarize(stacks), Trigger: "command",
		}
		if diff := cmp.Diff(want, last); diff != "" || !ok || err != nil {
			t.Error(ok, err, diff)
		}
		runs, err := s.Runs(t.Context(), 10)
		if err != nil || len(runs) != 2 || runs[0].ID != interrupted.ID() || !runs[0].FinishedAt.IsZero() || runs[1].ID != last.ID {
			t.Errorf("%+v, %v", runs, err)
		}
		if runs, err := s.Runs(t.Context(), 1); err != nil || len(runs) != 1 {
			t.Errorf("%+v, %v", runs, err)
		}
		if !strings.HasPrefix(last.ID, "20240301T060000.000Z-") || last.ID >= interrupted.ID() {
			t.Errorf("ids %s and %s", last.ID, interrupted.ID())
		}
		named, err := s.Begin(t.Context(), drift.RunRecord{ID: "mine"})
		if err != nil || named.ID() != "mine" {
			t.Errorf("%v, %v", named, err)
		}
	})
}

// TestStacks: the latest result counts, whatever the order in which results come,
// and one of a part is not that of the whole.
func TestStacks(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		check(t, s, at(2), stackWith(finding("a.b", "new")))
		check(t, s, at(1), stackWith(finding("a.b", "old")))
		part := stackWith()
		part.Resources.Skipped = 19
		check(t, s, at(3), part, named("live/us"))
		stacks := all(t, s.Stacks(t.Context()))
		want := []drift.Stack{stackWith(finding("a.b", "new")), named("live/us")}
		if want[0].ID > want[1].ID {
			want[0], want[1] = want[1], want[0]
		}
		if diff := cmp.Diff(want, stacks); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSaveTime: findings were seen when the check of their stack began.
func TestSaveTime(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		run, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: at(0)})
		if err != nil {
			t.Fatal(err)
		}
		slow, quick := stackWith(finding("a.b", "1")), named("live/us", finding("a.b", "1"))
		slow.DurationMS = time.Hour.Milliseconds()
		for _, st := range []drift.Stack{slow, quick} {
			if err := run.Save(t.Context(), st, nil); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range all(t, s.Episodes(t.Context(), store.Filter{})) {
			if past := e.FirstSeen.Sub(at(0)); past < 0 || past > time.Minute || e.Stack.ID == slow.ID && past != 0 {
				t.Errorf("%s was seen %s after the run began", e.Stack, past)
			}
		}
	})
}

// TestCauses: causes come after what they explain, and to that run's alone.
func TestCauses(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		if k, err := s.Known(t.Context(), stackWith().ID); !k.Whole.IsZero() || len(k.Episodes) > 0 || k.Last.ID != "" || err != nil {
			t.Errorf("a new history knows %+v, %v", k, err)
		}
		f, other := finding("a.b", "1"), finding("a.c", "1")
		run, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: at(0)})
		if err != nil {
			t.Fatal(err)
		}
		if err := run.SaveAt(t.Context(), stackWith(f, other), nil, at(0)); err != nil {
			t.Fatal(err)
		}
		k, err := s.Known(t.Context(), stackWith().ID)
		if !k.Whole.Equal(at(0)) || len(k.Episodes) != 2 || len(k.Last.Findings) != 2 || err != nil {
			t.Errorf("it knows %+v, %v", k, err)
		}
		cause := &drift.Cause{Class: drift.CauseCLI, Summary: "changed by user bob", Since: at(-1)}
		explain := func() {
			t.Helper()
			if err := run.Explain(t.Context(), stackWith().Ref(), map[string]*drift.Cause{f.ID: cause}); err != nil {
				t.Fatal(err)
			}
		}
		explain()
		explained := f
		explained.Cause = cause
		if diff := cmp.Diff([]drift.Stack{stackWith(explained, other)}, all(t, s.Stacks(t.Context()))); diff != "" {
			t.Error(diff)
		}
		for _, e := range all(t, s.Episodes(t.Context(), store.Filter{})) {
			if (e.Finding.Cause != nil) != (e.Finding.ID == f.ID) || e.Seen != 1 {
				t.Errorf("%+v", e)
			}
		}
		check(t, s, at(1), stackWith(f))
		explain() // late
		for _, e := range all(t, s.Episodes(t.Context(), store.Filter{Open: true})) {
			if e.Finding.Cause != nil {
				t.Errorf("a later run's finding has the cause of an earlier one: %+v", e)
			}
		}
		if diff := cmp.Diff([]drift.Stack{stackWith(f)}, all(t, s.Stacks(t.Context()))); diff != "" {
			t.Error(diff)
		}
		if events := all(t, s.Events(t.Context(), store.Filter{})); len(events) != 3 {
			t.Errorf("%d events: %v", len(events), kinds(events))
		}
	})
}

func TestFilters(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		gone, stays, other := finding("aws_x.gone[0]", "1"), finding(`module.a.aws_x.y["k"]`, "1"), finding("aws_x.other", "1")
		waived := finding("aws_x.gone10", "1")
		waived.Status = drift.Waived
		check(t, s, at(0), stackWith(gone, stays), named("live/us", other))
		check(t, s, at(10), stackWith(stays, waived), named("live/us", other))
		eu := stackWith().ID
		for _, c := range []struct {
			name   string
			filter store.Filter
			want   string // addresses of episodes
			events int
		}{
			{"all", store.Filter{}, "aws_x.gone[0] aws_x.gone10 aws_x.other " + stays.Address, 6},
			{"a stack", store.Filter{StackID: eu}, "aws_x.gone[0] aws_x.gone10 " + stays.Address, 5},
			{"an instance", store.Filter{Address: "aws_x.gone[0]"}, "aws_x.gone[0]", 2},
			{"a resource", store.Filter{Address: "aws_x.gone"}, "aws_x.gone[0]", 2},
			{"a module", store.Filter{Address: "module.a"}, stays.Address, 1},
			{"an address with a quote", store.Filter{Address: `aws_x.'; DROP TABLE runs`}, "", 0},
			{"a finding", store.Filter{Finding: gone.ID}, "aws_x.gone[0]", 2},
			{"the start of one", store.Filter{Finding: stays.ID[:6]}, stays.Address, 1},
			{"a second episode", store.Filter{Finding: gone.ID + "-2"}, "", 2},
			{"open", store.Filter{Open: true}, "aws_x.gone10 aws_x.other " + stays.Address, 6},
			{"resolved or waived", store.Filter{Lives: []drift.Life{drift.LifeResolved, drift.LifeWaived}}, "aws_x.gone[0] aws_x.gone10", 6},
			{"since", store.Filter{Since: at(11)}, "aws_x.gone10 aws_x.other " + stays.Address, 0},
			{"since the end", store.Filter{Since: at(10), Lives: []drift.Life{drift.LifeResolved}}, "aws_x.gone[0]", 3},
			{"until", store.Filter{Until: at(10)}, "aws_x.gone[0] aws_x.other " + stays.Address, 3},
			{"all at once", store.Filter{StackID: eu, Address: "aws_x.gone", Finding: gone.ID, Lives: []drift.Life{drift.LifeResolved}, Since: at(1), Until: at(11)}, "aws_x.gone[0]", 1},
		} {
			got := map[string]bool{}
			for _, e := range all(t, s.Episodes(t.Context(), c.filter)) {
				got[e.Finding.Address] = true
			}
			want := map[string]bool{}
			for address := range strings.FieldsSeq(c.want) {
				want[address] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			if events := all(t, s.Events(t.Context(), c.filter)); len(events) != c.events {
				t.Errorf("%s: %d events, want %d: %v", c.name, len(events), c.events, kinds(events))
			}
		}
	})
}

func TestBaselines(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		id := stackWith().ID
		if _, ok, err := s.Baseline(t.Context(), id); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		b := drift.Baseline{
			Stack: stackWith().Ref(), At: at(0), Run: "run", Lineage: "lineage", Serial: 7,
			Resources: []drift.BaselineResource{{Address: "aws_x.y", Type: "aws_x", Name: "y", Facts: []drift.Fact{{Label: "Hash key", Value: "userId"}}}},
		}
		save := func(b drift.Baseline, by, reason string) {
			t.Helper()
			if err := s.SaveBaseline(t.Context(), b, by, reason); err != nil {
				t.Fatal(err)
			}
		}
		save(b, "", "")
		second := b
		second.At, second.Serial = at(1), 8
		save(second, "", "") // the first stays
		got, ok, err := s.Baseline(t.Context(), id)
		if diff := cmp.Diff(b, got); !ok || err != nil || diff != "" {
			t.Error(ok, err, diff)
		}
		save(second, "kim", "released")
		if got := all(t, s.Baselines(t.Context())); len(got) != 1 || got[0].Serial != 8 {
			t.Errorf("%+v", got)
		}
		events := all(t, s.Events(t.Context(), store.Filter{}))
		if len(events) != 2 || events[0].Detail != "Baseline established: 1 resource" || events[1].Detail != "Baseline renewed: 1 resource" ||
			events[1].Actor != "kim" || events[1].Reason != "released" || events[0].Stack != b.Stack || events[0].Kind != drift.EventBaseline {
			t.Errorf("%+v", events)
		}
	})
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		a, b, c := finding("aws_x.a", "1"), finding("aws_x.b", "1"), finding("aws_x.c", "1")
		check(t, s, at(0), stackWith(a, b))
		end := func(kind drift.EventKind, f drift.Finding, when time.Time) {
			t.Helper()
			err := s.End(t.Context(), store.Outcome{Kind: kind, Stack: stackWith().Ref(), Finding: f, At: when, Reason: "why", Ticket: "T-1", Actor: "kim"})
			if err != nil {
				t.Fatal(err)
			}
		}
		end(drift.EventAttempted, a, at(1))
		end(drift.EventAccepted, a, at(1))
		check(t, s, at(2), stackWith()) // b is gone, as the revert at the same time says
		end(drift.EventReverted, b, at(2))
		end(drift.EventReverted, c, at(3)) // the history never had it
		check(t, s, at(4), stackWith(a))
		got := map[string]string{}
		for _, e := range all(t, s.Episodes(t.Context(), store.Filter{})) {
			got[e.Finding.Address+fmt.Sprint(e.Number)] = fmt.Sprint(e.Life, " ", e.Reason, e.Ticket, e.Actor)
		}
		want := map[string]string{"aws_x.a1": "accepted whyT-1kim", "aws_x.a2": "open ", "aws_x.b1": "reverted whyT-1kim", "aws_x.c1": "reverted whyT-1kim"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		wantKinds := []drift.EventKind{"found", "found", "attempted", "accepted", "resolved", "reverted", "reverted", "reopened"}
		if diff := cmp.Diff(wantKinds, kinds(all(t, s.Events(t.Context(), store.Filter{})))); diff != "" {
			t.Error(diff)
		}
		trend, err := s.Trend(t.Context(), at(-1), 2)
		if err != nil || trend[1].Open != 1 {
			t.Errorf("%+v, %v", trend, err)
		}
		if err := s.End(t.Context(), store.Outcome{Kind: drift.EventFound}); err == nil {
			t.Error("found is no outcome")
		}
	})
}

// TestIntents remembers what was begun until its outcome is there, whichever that
// is, and of one finding the last beginning.
func TestIntents(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		a, b := finding("aws_x.a", "1"), finding("aws_x.b", "1")
		intend := func(actor string, when time.Time, findings ...drift.Finding) {
			t.Helper()
			var list []store.Outcome
			for _, f := range findings {
				list = append(list, store.Outcome{Kind: drift.EventReverted, Stack: stackWith().Ref(), Finding: f, At: when, Reason: "why", Ticket: "T-1", Actor: actor})
			}
			if err := s.Intend(t.Context(), list); err != nil {
				t.Fatal(err)
			}
		}
		check(t, s, at(0), stackWith(a, b))
		intend("kim", at(1), a, b)
		intend("ada", at(2), b)
		want := []store.Outcome{
			{Kind: drift.EventReverted, Stack: stackWith().Ref(), Finding: a, At: at(1), Reason: "why", Ticket: "T-1", Actor: "kim"},
			{Kind: drift.EventReverted, Stack: stackWith().Ref(), Finding: b, At: at(2), Reason: "why", Ticket: "T-1", Actor: "ada"},
		}
		byFinding := func(list []store.Outcome) []store.Outcome {
			return slices.SortedFunc(slices.Values(list), func(a, b store.Outcome) int { return strings.Compare(a.Finding.Address, b.Finding.Address) })
		}
		if diff := cmp.Diff(want, byFinding(all(t, s.Intents(t.Context())))); diff != "" {
			t.Error(diff)
		}
		if events := all(t, s.Events(t.Context(), store.Filter{})); len(events) != 2 {
			t.Errorf("to intend is no event: %+v", events)
		}
		for n, o := range want {
			if n == 1 {
				o.Kind = drift.EventAttempted
			}
			if err := s.End(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if left := all(t, s.Intents(t.Context())); len(left) != 1-n {
				t.Errorf("%+v", left)
			}
		}
		// Somebody else's check may have told of it first.
		if err := s.End(t.Context(), want[0]); err != nil {
			t.Fatal(err)
		}
		if episodes := all(t, s.Episodes(t.Context(), store.Filter{Address: "aws_x.a"})); len(episodes) != 1 || episodes[0].Life != drift.LifeReverted {
			t.Errorf("%+v", episodes)
		}
	})
}

func TestTrend(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		// Days before now, so that the points are on days too.
		now := time.Now().UTC().Truncate(time.Second)
		ago := func(days int) time.Time { return now.AddDate(0, 0, -days).Add(-time.Hour) }
		a, b := finding("aws_x.a", "1"), finding("aws_x.b", "1")
		waived := b
		waived.Status = drift.Waived
		check(t, s, ago(6), stackWith(a))
		check(t, s, ago(5), stackWith(a, b))
		check(t, s, ago(4), stackWith(a, waived))
		check(t, s, ago(3), stackWith(waived))
		check(t, s, ago(2), stackWith())
		check(t, s, ago(1), stackWith(a, b))
		trend, err := s.Trend(t.Context(), now.AddDate(0, 0, -7), 8)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, p := range trend {
			got = append(got, p.Open)
		}
		if diff := cmp.Diff([]int{0, 1, 2, 1, 0, 0, 2, 2}, got); diff != "" {
			t.Error(diff)
		}
		if !trend[0].At.Equal(now.AddDate(0, 0, -7)) || time.Since(trend[7].At) > time.Minute {
			t.Errorf("%+v", trend)
		}
		if trend, err := s.Trend(t.Context(), ago(2), 1); err != nil || len(trend) != 1 || trend[0].Open != 0 {
			t.Errorf("%+v, %v", trend, err)
		}
	})
}

// TestPrune: whatever is pruned, findings, events, baselines and the last run stay.
func TestPrune(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		check(t, s, at(0), named("gone"), named("drifted", finding("a.b", "1")))
		check(t, s, at(1), stackWith(finding("a.b", "1")))
		check(t, s, at(2), stackWith())
		if err := s.SaveBaseline(t.Context(), drift.Baseline{Stack: stackWith().Ref(), At: at(0)}, "", ""); err != nil {
			t.Fatal(err)
		}
		episodes, events := all(t, s.Episodes(t.Context(), store.Filter{})), all(t, s.Events(t.Context(), store.Filter{}))
		if n, err := s.Prune(t.Context(), at(-1)); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := s.Prune(t.Context(), at(2)); n != 3 || err != nil { // two runs, and the result of "gone"
			t.Errorf("%d, %v", n, err)
		}
		if n, err := s.Prune(t.Context(), at(100)); n != 1 || err != nil { // the result of live/eu
			t.Errorf("%d, %v", n, err)
		}
		if last, ok, err := s.LastRun(t.Context()); !ok || err != nil || !last.StartedAt.Equal(at(2)) {
			t.Errorf("%+v, %v, %v", last, ok, err)
		}
		if diff := cmp.Diff(episodes, all(t, s.Episodes(t.Context(), store.Filter{}))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(events, all(t, s.Events(t.Context(), store.Filter{}))); diff != "" {
			t.Error(diff)
		}
		if stacks := all(t, s.Stacks(t.Context())); len(stacks) != 1 || stacks[0].Path != "drifted" {
			t.Errorf("%+v", stacks)
		}
		if _, ok, err := s.Baseline(t.Context(), stackWith().ID); !ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	})
}

// TestOddText: what clouds and people write comes back, as far as both databases
// can hold it.
func TestOddText(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		f := finding("aws_x.y[\"a'b\x00\xffß $1 ? %s\"]", "1")
		f.Changes = []drift.Change{{Path: "tags", Expected: json.RawMessage(`"\u0000<script>|` + "\xff" + `"`), Actual: json.RawMessage(`{"a": [1.50, 1e400]}`)}}
		check(t, s, at(0), stackWith(f))
		check(t, s, at(1), stackWith(f)) // known again
		episodes := all(t, s.Episodes(t.Context(), store.Filter{Address: f.Address}))
		if len(episodes) != 1 || episodes[0].Seen != 2 {
			t.Fatalf("%+v", episodes)
		}
		got := episodes[0].Finding
		if got.Address != "aws_x.y[\"a'b\x00\uFFFDß $1 ? %s\"]" || string(got.Changes[0].Actual) != `{"a":[1.50,1e400]}` {
			t.Errorf("%q, %s", got.Address, got.Changes[0].Actual)
		}
	})
}

// TestConcurrentSaves: one run saves from several goroutines while others read.
func TestConcurrentSaves(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		run, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: at(0)})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 10 {
					if err := run.SaveAt(t.Context(), named(fmt.Sprintf("live/%d-%d", i, j), finding("a.b", "1")), nil, at(0)); err != nil {
						t.Error(err)
					}
					for _, err := range s.Stacks(t.Context()) {
						if err != nil {
							t.Error(err)
						}
						break // a reader that stops early
					}
				}
			})
		}
		wg.Wait()
		if n := len(all(t, s.Stacks(t.Context()))); n != 80 {
			t.Errorf("%d stacks", n)
		}
		consistent(t, s, where)
	})
}

// TestStateMarks: what is remembered of a state is its own, whatever becomes of
// results; a history of an earlier version has it in the latest result.
func TestStateMarks(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		id := stackWith().ID
		mark := func() drift.StateMark {
			t.Helper()
			got, err := s.StateMark(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := mark(); got != (drift.StateMark{}) {
			t.Errorf("a new history remembers %+v", got)
		}
		result := stackWith()
		result.State, result.Resources = drift.State{Lineage: "l", Serial: 7}, drift.Counts{Checked: 3}
		check(t, s, at(0), result)
		if got := mark(); got != (drift.StateMark{Lineage: "l", Serial: 7, Instances: 3}) {
			t.Errorf("of a result: %+v", got)
		}
		for _, want := range []drift.StateMark{{At: at(1), Lineage: "l", Serial: 8, Instances: 3}, {At: at(2), Lineage: "l", Serial: 9, Instances: 4}} {
			if err := s.SaveStateMark(t.Context(), id, want); err != nil {
				t.Fatal(err)
			}
			unread := stackWith()
			unread.State, unread.Resources = drift.State{}, drift.Counts{}
			check(t, s, at(3), unread)
			if diff := cmp.Diff(want, mark()); diff != "" {
				t.Error(diff)
			}
		}
		if got, err := s.StateMark(t.Context(), named("live/us").ID); err != nil || got != (drift.StateMark{}) {
			t.Errorf("of another stack: %+v, %v", got, err)
		}
	})
}
