package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// everything gives all alerts to one channel, at once.
func everything(now time.Time) func([]drift.Alert) []store.Delivery {
	return func(alerts []drift.Alert) []store.Delivery {
		return []store.Delivery{{Channel: "chat", Due: now, Alerts: ids(alerts)}}
	}
}

func ids(alerts []drift.Alert) (list []string) {
	for _, a := range alerts {
		list = append(list, a.ID)
	}
	return list
}

// channels are those of most tests.
var channels = []string{"chat", "digest"}

func route(t *testing.T, s *store.Store, now time.Time, plan func([]drift.Alert) []store.Delivery) int {
	t.Helper()
	n, err := s.Route(t.Context(), store.Routing{Now: now, Abandoned: now.Add(-time.Hour), Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func claim(t *testing.T, s *store.Store, now time.Time) store.AlertMessage {
	t.Helper()
	m, err := s.Claim(t.Context(), channels, now, now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func nothingDue(t *testing.T, s *store.Store, now time.Time) {
	t.Helper()
	if m, err := s.Claim(t.Context(), channels, now, now.Add(time.Minute)); !errors.Is(err, store.ErrNothingDue) {
		t.Errorf("%+v, %v", m, err)
	}
}

func messagesCounted(t *testing.T, s *store.Store, want map[[2]string]int) {
	t.Helper()
	got, err := s.MessageCounts(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func alertKinds(alerts []drift.Alert) (list []drift.AlertKind) {
	for _, a := range alerts {
		list = append(list, a.Kind)
	}
	return list
}

// TestAlertsOfARun: what a run has to tell is kept with it, waits for its end, has the
// causes that come later, and is decided on once.
func TestAlertsOfARun(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		s.KeepAlerts()
		f := finding("a.b", "1")
		f.Severity = drift.SeverityHigh
		st := stackWith(f)
		run, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: at(0)})
		if err != nil {
			t.Fatal(err)
		}
		if err := run.SaveAt(t.Context(), st, nil, at(0)); err != nil {
			t.Fatal(err)
		}
		now := at(0).Add(time.Minute)
		if n := route(t, s, now, everything(now)); n != 0 {
			t.Errorf("%d alerts of a run under way", n)
		}
		cause := &drift.Cause{Class: drift.CauseConsole, Summary: "changed by user alice"}
		if err := run.Explain(t.Context(), st.Ref(), map[string]*drift.Cause{f.ID: cause}); err != nil {
			t.Fatal(err)
		}
		if err := run.Finish(t.Context(), now, drift.Summarize([]drift.Stack{st})); err != nil {
			t.Fatal(err)
		}
		if n := route(t, s, now, everything(now)); n != 1 {
			t.Errorf("%d alerts", n)
		}
		if n := route(t, s, now, everything(now)); n != 0 {
			t.Errorf("%d alerts a second time", n)
		}
		m := claim(t, s, now)
		if m.Channel != "chat" || m.Attempts != 1 || len(m.Alerts) != 1 {
			t.Fatalf("%+v", m)
		}
		a := m.Alerts[0]
		if a.Kind != drift.AlertNew || a.Run != run.ID() || a.Severity != drift.SeverityHigh || a.Cause() != drift.CauseConsole || a.Episode != f.ID {
			t.Errorf("%+v", a)
		}
		if diff := cmp.Diff(f.Changes, a.Finding.Changes); diff != "" {
			t.Error(diff)
		}
		check(t, s, at(1), st)
		check(t, s, at(2), stackWith())
		later := at(2).Add(time.Hour)
		route(t, s, later, everything(later))
		if err := s.Done(t.Context(), m.ID, now); err != nil {
			t.Fatal(err)
		}
		if got := alertKinds(claim(t, s, later).Alerts); !cmp.Equal(got, []drift.AlertKind{drift.AlertResolved, drift.AlertClean}) && !cmp.Equal(got, []drift.AlertKind{drift.AlertClean, drift.AlertResolved}) {
			t.Error(got)
		}
	})
}

// TestAlertsKept: nothing is kept where nobody is to be told; what a command left
// behind that was killed is told later; an outcome is told.
func TestAlertsKept(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		f := finding("a.b", "1")
		check(t, s, at(0), stackWith(f))
		if n := route(t, s, at(1), everything(at(1))); n != 0 {
			t.Errorf("%d alerts that nobody wanted", n)
		}
		s.KeepAlerts()
		killed, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: at(1)})
		if err != nil {
			t.Fatal(err)
		}
		other := finding("c.d", "1")
		if err := killed.SaveAt(t.Context(), stackWith(f, other), nil, at(1)); err != nil {
			t.Fatal(err)
		}
		if n := route(t, s, at(1), everything(at(1))); n != 0 {
			t.Errorf("%d alerts of a run that may be under way", n)
		}
		if n := route(t, s, at(1).Add(2*time.Hour), everything(at(1))); n != 1 {
			t.Errorf("%d alerts of a run that was killed", n)
		}
		if err := s.End(t.Context(), store.Outcome{Kind: drift.EventReverted, Stack: stackWith().Ref(), Finding: f, At: at(2), Actor: "kim"}); err != nil {
			t.Fatal(err)
		}
		if err := s.End(t.Context(), store.Outcome{Kind: drift.EventAttempted, Stack: stackWith().Ref(), Finding: other, At: at(2), Actor: "kim"}); err != nil {
			t.Fatal(err)
		}
		var got []drift.Alert
		route(t, s, at(2), func(alerts []drift.Alert) []store.Delivery { got = alerts; return nil })
		if len(got) != 1 || got[0].Kind != drift.AlertResolved || got[0].Detail != "modified: memory_size, environment[0].variables; reverted to the code by kim" {
			t.Errorf("%+v", got)
		}
	})
}

// TestMessages: held ones take more, others wait behind one that failed, and a claim
// ends by itself.
func TestMessages(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		s.KeepAlerts()
		now := at(10)
		send := func(f drift.Finding, channel string, held bool, due time.Time) {
			t.Helper()
			check(t, s, now, named("live/"+f.Address, f))
			route(t, s, now.Add(time.Minute), func(alerts []drift.Alert) []store.Delivery {
				return []store.Delivery{{Channel: channel, Due: due, Held: held, Alerts: ids(alerts)}}
			})
			now = now.Add(2 * time.Minute)
		}
		digest := now.Add(24 * time.Hour)
		send(finding("held.one", "1"), "digest", true, digest)
		send(finding("held.two", "1"), "digest", true, digest)
		send(finding("chat.one", "1"), "chat", false, now)
		send(finding("chat.two", "1"), "chat", false, now)
		one := claim(t, s, now)
		if one.Channel != "chat" || one.Alerts[0].Finding.Address != "chat.one" {
			t.Errorf("%+v", one)
		}
		nothingDue(t, s, now) // the second waits for the first
		if m, err := s.Claim(t.Context(), []string{"digest"}, digest, digest); err != nil || m.Channel != "digest" {
			t.Errorf("%+v, %v", m, err)
		} else if err := s.Failed(t.Context(), m.ID, "", digest); err != nil {
			t.Fatal(err)
		}
		if err := s.Failed(t.Context(), one.ID, "no answer", now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		nothingDue(t, s, now.Add(time.Minute))
		unsent, err := s.Messages(t.Context(), true, 10)
		if err != nil || len(unsent) != 3 || unsent[1].Error != "no answer" || unsent[1].Attempts != 1 || unsent[2].Count != 2 {
			t.Errorf("%+v, %v", unsent, err)
		}
		messagesCounted(t, s, map[[2]string]int{{"chat", "failing"}: 1, {"chat", "waiting"}: 1, {"digest", "waiting"}: 1})
		if err := s.Hurry(t.Context(), "chat", now.Add(2*time.Minute)); err != nil {
			t.Error(err)
		}
		now = now.Add(2 * time.Minute)
		if again := claim(t, s, now); again.ID != one.ID || again.Attempts != 2 {
			t.Errorf("%+v", again)
		}
		now = now.Add(2 * time.Minute) // who has claimed it is dead
		if again := claim(t, s, now); again.ID != one.ID || again.Attempts != 3 {
			t.Errorf("%+v", again)
		}
		if err := s.Drop(t.Context(), one.ID, "too old", now); err != nil {
			t.Fatal(err)
		}
		two := claim(t, s, now)
		if err := s.Done(t.Context(), two.ID, now); err != nil || two.Alerts[0].Finding.Address != "chat.two" {
			t.Errorf("%+v, %v", two, err)
		}
		nothingDue(t, s, now)
		messagesCounted(t, s, map[[2]string]int{{"chat", "given_up"}: 1, {"digest", "waiting"}: 1})
		if m := claim(t, s, digest); m.Channel != "digest" || m.Count != 2 {
			t.Errorf("%+v", m)
		}
		if _, err := s.Prune(t.Context(), digest.AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		if left, err := s.Messages(t.Context(), false, 10); err != nil || len(left) != 1 || left[0].Channel != "digest" || left[0].Count != 2 {
			t.Errorf("%+v, %v", left, err)
		}
	})
}

// TestMessagesOnce: of many that look for something to send, one gets each message.
func TestMessagesOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s, other := open(t, where), open(t, where)
		s.KeepAlerts()
		const messages = 20
		now := at(1)
		var channels []string
		for n := range messages {
			channels = append(channels, fmt.Sprint("live/", n))
			check(t, s, at(0), named(fmt.Sprint("live/", n), finding(fmt.Sprint("a.b", n), "1")))
		}
		var group sync.WaitGroup
		for _, s := range []*store.Store{s, other, s, other} {
			group.Go(func() {
				plan := func(alerts []drift.Alert) (list []store.Delivery) {
					for _, a := range alerts {
						list = append(list, store.Delivery{Channel: a.Stack.Path, Due: now, Alerts: []string{a.ID}})
					}
					return list
				}
				if _, err := s.Route(t.Context(), store.Routing{Now: now, Abandoned: now, Plan: plan}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		var mu sync.Mutex
		times := map[string]int{}
		for _, s := range []*store.Store{s, other, s, other} {
			group.Go(func() {
				for {
					m, err := s.Claim(t.Context(), channels, now, now.Add(time.Minute))
					if errors.Is(err, store.ErrNothingDue) {
						if left, err := s.Messages(t.Context(), true, 100); err != nil || len(left) == 0 || !left[0].SentAt.IsZero() {
							return
						}
						mu.Lock()
						all := len(times)
						mu.Unlock()
						if all == messages {
							return
						}
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					times[m.Alerts[0].ID]++
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if len(times) != messages {
			t.Errorf("%d messages, want %d", len(times), messages)
		}
		for id, n := range times {
			if n != 1 {
				t.Errorf("%s was given out %d times", id, n)
			}
		}
	})
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		s.KeepAlerts()
		check(t, s, at(0), stackWith(), named("command/only"))
		err := s.InTransaction(t.Context(), "noting", func(tx *sql.Tx) error {
			return s.NoteStacks(t.Context(), tx, "infra", []drift.StackRef{stackWith().Ref()}, at(0))
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.NoteOverdue(t.Context(), at(-1), at(0)); err != nil {
				t.Fatal(err)
			}
		}
		if n := route(t, s, at(3), everything(at(3))); n != 0 {
			t.Errorf("%d alerts", n)
		}
		for range 2 {
			if err := s.NoteOverdue(t.Context(), at(1), at(8)); err != nil {
				t.Fatal(err)
			}
		}
		if n := route(t, s, at(8), everything(at(8))); n != 1 {
			t.Errorf("%d alerts", n)
		}
		if m := claim(t, s, at(8)); m.Alerts[0].Kind != drift.AlertOverdue || m.Alerts[0].Stack != stackWith().Ref() {
			t.Errorf("%+v", m)
		}
	})
}

// TestAlertsOfALookSavedAgain: a fault that stands, and that a run knows of only when
// it saves a look again, is told once, and nothing is clean meanwhile. Alerts of other
// stacks are others'.
func TestAlertsOfALookSavedAgain(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		s.KeepAlerts()
		shared := stackWith()
		shared.Integrity = []drift.Integrity{drift.Unsound(drift.FaultTwoStacks, "", "the stack live/us has the very same state")}
		var got []drift.AlertKind
		for n := range 4 {
			looks := []drift.Stack{stackWith(), shared}
			if n == 3 {
				looks = []drift.Stack{stackWith(), stackWith()}
			}
			check(t, s, at(n), append(looks, named("other", finding("a.b", "1")))...)
			now := at(n).Add(time.Hour)
			_, err := s.Route(t.Context(), store.Routing{Now: now, Stacks: []string{stackWith().ID, "another"}, Plan: func(alerts []drift.Alert) []store.Delivery {
				got = append(got, alertKinds(alerts)...)
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]drift.AlertKind{drift.AlertIntegrity, drift.AlertClean}, got); diff != "" {
			t.Error(diff)
		}
		if n := route(t, s, at(4), everything(at(4))); n != 1 {
			t.Errorf("%d alerts of the other stack", n)
		}
		if n, err := s.Route(t.Context(), store.Routing{Now: at(4), Stacks: []string{}, Plan: everything(at(4))}); n != 0 || err != nil {
			t.Errorf("%d alerts of no stack, %v", n, err)
		}
	})
}
