package drift_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/internal/drift"
)

var monday = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// seenAs is a finding of the one address that most of these tests are about.
func seenAs(edit ...func(*drift.Finding)) drift.Finding {
	f := drift.Finding{
		ID: "0123456789ab", Revision: "r1", Address: "aws_x.y[0]", Kind: drift.Modified, Certainty: drift.Certain, Status: drift.Open,
		Changes: []drift.Change{{Path: "size", Expected: json.RawMessage("1"), Actual: json.RawMessage("2")}},
	}
	for _, e := range edit {
		e(&f)
	}
	return f
}

func waived(f *drift.Finding) {
	f.Status, f.Waiver = drift.Waived, &drift.FindingWaiver{ID: "w", State: drift.WaiverActive, Reason: "move", Ticket: "T-1", Owner: "kim", Until: "2027-01-31"}
}
func ignored(f *drift.Finding)    { f.Status, f.IgnoreReason = drift.Ignored, "autoscaling" }
func revised(f *drift.Finding)    { f.Revision = "r2" }
func uncertain(f *drift.Finding)  { f.Certainty = drift.Possible }
func nowDeleted(f *drift.Finding) { f.ID, f.Kind, f.Changes = "ba9876543210", drift.Deleted, nil }

// lookAt is a look at a stack, n days later.
func lookAt(n int, stack drift.Stack) drift.Look {
	stack.ID, stack.Path, stack.Workspace = "stack", "live", "default"
	stack.Settle(stack.Status == drift.StatusError)
	return drift.Look{Run: fmt.Sprintf("run-%d", n), At: monday.AddDate(0, 0, n), Stack: stack}
}

func with(findings ...drift.Finding) drift.Stack { return drift.Stack{Findings: findings} }

// follow applies looks one after the other, as a store does.
func follow(looks ...drift.Look) (episodes []drift.Episode, events []drift.Event, open int) {
	var known []drift.Episode
	var whole time.Time
	for _, l := range looks {
		if l.Whole.IsZero() {
			l.Whole = whole
		}
		if l.Stack.WholeLook() && l.At.After(whole) {
			whole = l.At
		}
		for _, turn := range l.Follow(latest(known)) {
			at := slices.IndexFunc(known, func(e drift.Episode) bool { return e.ID() == turn.Episode.ID() })
			if at < 0 {
				known = append(known, turn.Episode)
			} else {
				known[at] = turn.Episode
			}
			events = append(events, turn.Events...)
			open += turn.Delta
		}
	}
	return known, events, open
}

func latest(known []drift.Episode) []drift.Episode {
	var list []drift.Episode
	for _, e := range known {
		if !slices.ContainsFunc(known, func(o drift.Episode) bool { return o.Finding.ID == e.Finding.ID && o.Number > e.Number }) {
			list = append(list, e)
		}
	}
	return list
}

func TestFollow(t *testing.T) {
	t.Parallel()
	failed := drift.Stack{Status: drift.StatusError, Errors: []drift.Error{{Code: "state_unreadable"}}}
	covers := func(look drift.Look, addresses ...string) drift.Look {
		look.Covers = drift.Selection{Targets: addresses}.Has
		return look
	}
	errorAt := func(address string) drift.Stack {
		return drift.Stack{Errors: []drift.Error{{Address: address, Code: "failed"}}}
	}
	unsound := func(code string) drift.Stack {
		st := with()
		st.Integrity = []drift.Integrity{drift.Unsound(code, "", "")}
		return st
	}
	late := lookAt(1, with(seenAs()))
	late.Whole = monday.AddDate(0, 0, 2)
	for _, c := range []struct {
		name   string
		looks  []drift.Look
		lives  []drift.Life // of all episodes
		events []drift.EventKind
		reason string // of the last episode
	}{
		{"found", []drift.Look{lookAt(0, with(seenAs()))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"seen again", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs()))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"changed", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(revised)))}, []drift.Life{"open"}, []drift.EventKind{"found", "changed"}, ""},
		{"gone", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with())}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, ""},
		{"back", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with()), lookAt(2, with(seenAs()))}, []drift.Life{"resolved", "open"}, []drift.EventKind{"found", "resolved", "reopened"}, ""},
		{"only possible now", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(uncertain)))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"possible from the start", []drift.Look{lookAt(0, with(seenAs(uncertain)))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},

		{"no evidence: the stack failed", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, failed)}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"no evidence: an error of the stack", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, errorAt(""))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"no evidence: another state", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, unsound(drift.FaultEmptied))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"another fault of the state", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, unsound(drift.FaultTwoStacks))}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, ""},
		{"no evidence: an error of the resource", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, errorAt("aws_x.y[0]"))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"no evidence: an error of all its instances", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, errorAt("aws_x.y"))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"an error of another", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, errorAt("aws_x.y[1]"))}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, ""},
		{"no evidence: not asked for", []drift.Look{lookAt(0, with(seenAs())), covers(lookAt(1, with()), "aws_x.z")}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"asked for", []drift.Look{lookAt(0, with(seenAs())), covers(lookAt(1, with()), "aws_x.y")}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, ""},

		{"waived from the start", []drift.Look{lookAt(0, with(seenAs(waived)))}, []drift.Life{"waived"}, []drift.EventKind{"found", "waived"}, ""},
		{"waived later", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(waived)))}, []drift.Life{"waived"}, []drift.EventKind{"found", "waived"}, ""},
		{"the waiver ends", []drift.Look{lookAt(0, with(seenAs(waived))), lookAt(1, with(seenAs(waived))), lookAt(2, with(seenAs()))}, []drift.Life{"open"}, []drift.EventKind{"found", "waived", "unwaived"}, ""},
		{"waived and gone", []drift.Look{lookAt(0, with(seenAs(waived))), lookAt(1, with())}, []drift.Life{"resolved"}, []drift.EventKind{"found", "waived", "resolved"}, ""},
		{"changed while waived", []drift.Look{lookAt(0, with(seenAs(waived))), lookAt(1, with(seenAs(waived, revised)))}, []drift.Life{"waived"}, []drift.EventKind{"found", "waived", "changed"}, ""},

		{"ignored from the start", []drift.Look{lookAt(0, with(seenAs(ignored)))}, nil, nil, ""},
		{"ignored later", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(ignored))), lookAt(2, with(seenAs(ignored)))}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, "ignored: autoscaling"},
		{"the rule ends", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(ignored))), lookAt(2, with(seenAs()))}, []drift.Life{"resolved", "open"}, []drift.EventKind{"found", "resolved", "reopened"}, ""},

		{"deleted instead", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(nowDeleted)))}, []drift.Life{"resolved", "open"}, []drift.EventKind{"found", "found", "resolved"}, ""},
		{"adopted", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, drift.Stack{Adopted: []drift.Paths{{Address: "aws_x.y[0]"}}})}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, "the code says now what is live"},
		{"pending", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, drift.Stack{Pending: []drift.Pending{{Address: "aws_x.y[0]"}}})}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, "its code has changed and is not applied yet"},

		{"an older look finds it gone", []drift.Look{lookAt(2, with(seenAs())), lookAt(1, with())}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"an older look sees what is gone", []drift.Look{lookAt(0, with(seenAs())), lookAt(2, with()), lookAt(1, with(seenAs()))}, []drift.Life{"resolved"}, []drift.EventKind{"found", "resolved"}, ""},
		{"an older look sees another revision", []drift.Look{lookAt(2, with(seenAs())), lookAt(1, with(seenAs(revised)))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"an older look sees what a later whole one did not", []drift.Look{late}, nil, nil, ""},
		{"the same look twice", []drift.Look{lookAt(0, with(seenAs())), lookAt(0, with(seenAs()))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
		{"the same finding twice in a look", []drift.Look{lookAt(0, with(seenAs(), seenAs()))}, []drift.Life{"open"}, []drift.EventKind{"found"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			episodes, events, open := follow(c.looks...)
			var lives []drift.Life
			counted := 0
			for _, e := range episodes {
				lives = append(lives, e.Life)
				if e.Life == drift.LifeOpen {
					counted++
				}
			}
			var kinds []drift.EventKind
			for _, e := range events {
				kinds = append(kinds, e.Kind)
			}
			if !slices.Equal(lives, c.lives) || !slices.Equal(kinds, c.events) {
				t.Errorf("lives %v, want %v; events %v, want %v", lives, c.lives, kinds, c.events)
			}
			if n := len(episodes); n > 0 && c.reason != "" && episodes[n-1].Reason != c.reason {
				t.Errorf("reason %q, want %q", episodes[n-1].Reason, c.reason)
			}
			if open != counted {
				t.Errorf("the deltas say %d open, the episodes %d", open, counted)
			}
		})
	}
}

func TestFollowCounts(t *testing.T) {
	t.Parallel()
	episodes, events, _ := follow(lookAt(0, with(seenAs())), lookAt(1, with(seenAs())), lookAt(1, with(seenAs())), lookAt(5, with(seenAs(waived))))
	e := episodes[0]
	if e.Seen != 3 || !e.FirstSeen.Equal(monday) || !e.LastSeen.Equal(monday.AddDate(0, 0, 5)) || e.FirstRun != "run-0" || e.LastRun != "run-5" {
		t.Errorf("%+v", e)
	}
	if w := events[len(events)-1]; w.Kind != drift.EventWaived || w.Reason != "move" || w.Ticket != "T-1" || w.Actor != "kim" || w.Detail != "modified: size" {
		t.Errorf("%+v", w)
	}
}

// TestWholeLook: a look says something of all resources only if none was left out
// and the state is the right one.
func TestWholeLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		stack drift.Stack
		want  bool
	}{
		{"clean", drift.Stack{Status: drift.StatusClean}, true},
		{"failed", drift.Stack{Status: drift.StatusError}, false},
		{"a part", drift.Stack{Resources: drift.Counts{Skipped: 1}}, false},
		{"an error", drift.Stack{Errors: []drift.Error{{}}}, false},
		{"an older state", drift.Stack{Integrity: []drift.Integrity{{Code: drift.FaultSerial}}}, false},
		{"a tainted object", drift.Stack{Integrity: []drift.Integrity{{Code: drift.FaultTainted}}}, true},
	} {
		if got := c.stack.WholeLook(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestRevised: since when a finding has been as it is, in each of its episodes.
func TestRevised(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return monday.AddDate(0, 0, n) }
	for _, c := range []struct {
		name  string
		looks []drift.Look
		want  time.Time
	}{
		{"from the start", []drift.Look{lookAt(0, with(seenAs())), lookAt(2, with(seenAs()))}, day(0)},
		{"changed", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(revised))), lookAt(2, with(seenAs(revised)))}, day(1)},
		{"back as it was", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with()), lookAt(2, with(seenAs()))}, day(2)},
	} {
		episodes, _, _ := follow(c.looks...)
		if got := episodes[len(episodes)-1].Revised; !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestFollowLaws makes looks at random, in any order, and holds what comes of
// them against what must always be true.
func TestFollowLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var looks []drift.Look
		for i := range rapid.IntRange(1, 12).Draw(t, "looks") {
			look := lookAt(rapid.IntRange(0, 6).Draw(t, "day"), drawStack(t))
			look.Run = fmt.Sprintf("run-%d", i)
			looks = append(looks, look)
		}
		episodes, events, open := follow(looks...)
		counted, ended := 0, map[string]time.Time{}
		for _, e := range episodes {
			if e.Life == drift.LifeOpen {
				counted++
			}
			if e.Life.Over() == e.Ended.IsZero() || e.LastSeen.Before(e.FirstSeen) || e.Seen < 1 {
				t.Fatalf("%+v", e)
			}
			if e.Number > 1 && !e.FirstSeen.After(ended[e.Finding.ID]) {
				t.Fatalf("episode %s begins at %s, before the last one ended", e.ID(), e.FirstSeen)
			}
			ended[e.Finding.ID] = e.Ended
			if e.Life.Over() && !proved(e, looks) {
				t.Fatalf("%s was ended at %s without evidence", e.ID(), e.Ended)
			}
			if !e.Life.Over() && goneAfter(e, looks) {
				t.Fatalf("%s is still there, and a later look at all of it did not see it", e.ID())
			}
		}
		if counted != open {
			t.Fatalf("%d are open, the deltas say %d", counted, open)
		}
		for _, e := range events {
			if e.Address == "" || e.Finding == "" || e.Episode < 1 || e.Run == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func drawStack(t *rapid.T) drift.Stack {
	s := drift.Stack{}
	for i := range 3 {
		f := seenAs(func(f *drift.Finding) {
			f.Address = fmt.Sprintf("aws_x.y[%d]", i)
			f.ID, f.Revision = fmt.Sprintf("finding-%d", i), rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "revision")
		})
		switch rapid.SampledFrom([]string{"there", "there", "gone", "gone", "waived", "ignored", "error"}).Draw(t, "what") {
		case "there":
			s.Findings = append(s.Findings, f)
		case "waived":
			waived(&f)
			s.Findings = append(s.Findings, f)
		case "ignored":
			ignored(&f)
			s.Findings = append(s.Findings, f)
		case "error":
			s.Errors = append(s.Errors, drift.Error{Address: f.Address, Code: "failed"})
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "failed") == 0 {
		return drift.Stack{Status: drift.StatusError, Errors: []drift.Error{{Code: "failed"}}}
	}
	return s
}

// says what a look says of an address: there, gone or nothing.
func says(l drift.Look, address string) string {
	for _, f := range l.Stack.Findings {
		if f.Address == address {
			if f.Status == drift.Ignored {
				return "gone"
			}
			return "there"
		}
	}
	for _, e := range l.Stack.Errors {
		if e.Address == "" || e.Address == address {
			return "nothing"
		}
	}
	return "gone"
}

func proved(e drift.Episode, looks []drift.Look) bool {
	return slices.ContainsFunc(looks, func(l drift.Look) bool { return l.At.Equal(e.Ended) && says(l, e.Finding.Address) == "gone" })
}

// goneAfter reports whether a look later than any that saw it shows it gone, and
// should have ended the episode: it came after the one that began it, or was a
// look at all of the stack.
func goneAfter(e drift.Episode, looks []drift.Look) bool {
	begun := firstOf(looks, e.FirstRun)
	for i, l := range looks {
		later := func(other drift.Look) bool {
			return says(other, e.Finding.Address) == "there" && !other.At.Before(l.At)
		}
		if says(l, e.Finding.Address) == "gone" && !slices.ContainsFunc(looks, later) && (i > begun || l.Stack.WholeLook()) {
			return true
		}
	}
	return false
}

func firstOf(looks []drift.Look, run string) int {
	return slices.IndexFunc(looks, func(l drift.Look) bool { return l.Run == run })
}

// A result that is saved twice, the second time with a cause, is one look with
// that cause.
func TestFollowCause(t *testing.T) {
	t.Parallel()
	look := drift.Look{Run: "r", At: monday, Stack: drift.Stack{Findings: []drift.Finding{seenAs()}}}
	first := look.Follow(nil)
	if len(first) != 1 {
		t.Fatalf("%+v", first)
	}
	if again := look.Follow([]drift.Episode{first[0].Episode}); len(again) > 0 {
		t.Errorf("the same look a second time: %+v", again)
	}
	look.Stack.Findings = []drift.Finding{seenAs(func(f *drift.Finding) { f.Cause = &drift.Cause{Class: drift.CauseState} })}
	again := look.Follow([]drift.Episode{first[0].Episode})
	if len(again) != 1 || len(again[0].Events) > 0 || again[0].Delta != 0 || again[0].Episode.Seen != 1 || again[0].Episode.Finding.Cause == nil {
		t.Errorf("with a cause: %+v", again)
	}
}
