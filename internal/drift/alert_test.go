package drift_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
)

// tell applies looks one after the other, and gives what each tells.
func tell(looks ...drift.Look) (kinds []string, all []drift.Alert) {
	var known []drift.Episode
	var before drift.Standing
	for _, l := range looks {
		turns := l.Follow(latest(known))
		for _, turn := range turns {
			known = append(slices.DeleteFunc(known, func(e drift.Episode) bool { return e.ID() == turn.Episode.ID() }), turn.Episode)
		}
		var alerts []drift.Alert
		alerts, before = l.Alerts(before, turns)
		all = append(slices.DeleteFunc(all, func(a drift.Alert) bool { return a.Run == l.Run && a.Kind.OfLook() }), alerts...)
	}
	for _, a := range all {
		kinds = append(kinds, string(a.Kind))
	}
	return kinds, all
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	failed := drift.Stack{Status: drift.StatusError, Errors: []drift.Error{{Code: "state_unreadable", Message: "no such bucket"}}}
	unsound := func(code string) drift.Stack {
		st := with()
		st.Integrity = []drift.Integrity{drift.Unsound(code, "", "")}
		st.Integrity[0].Message = "it is unsound"
		return st
	}
	part := lookAt(1, with())
	part.Stack.Resources.Skipped = 3
	part.Covers = drift.Selection{Targets: []string{"aws_x.z"}}.Has
	ending := func(f *drift.Finding) { waived(f); f.Waiver.Until = "2026-03-10" }
	again := lookAt(0, with(seenAs()))
	for _, c := range []struct {
		name  string
		looks []drift.Look
		want  string
	}{
		{"clean from the start", []drift.Look{lookAt(0, with()), lookAt(1, with())}, ""},
		{"new, once", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs()))}, "new"},
		{"saved twice in a run", []drift.Look{again, again}, "new"},
		{"changed", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(revised))), lookAt(2, with(seenAs(revised)))}, "new changed"},
		{"there and back", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(revised))), lookAt(2, with(seenAs())), lookAt(3, with(seenAs(revised)))}, "new changed changed changed"},
		{"gone", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with())}, "new resolved clean"},
		{"gone, another is there", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(nowDeleted)))}, "new new resolved"},
		{"back", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with()), lookAt(2, with(seenAs()))}, "new resolved clean reopened"},
		{"announced in advance", []drift.Look{lookAt(0, with(seenAs(waived))), lookAt(1, with(seenAs(waived, revised))), lookAt(2, with())}, ""},
		{"waived later", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, with(seenAs(waived)))}, "new clean"},
		{"its waiver ends soon", []drift.Look{lookAt(0, with(seenAs(ending))), lookAt(1, with(seenAs(ending)))}, "waiver_ending waiver_ending"},
		{"its waiver has ended", []drift.Look{lookAt(0, with(seenAs(waived))), lookAt(1, with(seenAs(revised)))}, "waiver_ended"},
		{"ignored", []drift.Look{lookAt(0, with(seenAs(ignored)))}, ""},
		{"a fault of the state", []drift.Look{lookAt(0, with()), lookAt(1, unsound(drift.FaultTwoStacks)), lookAt(2, unsound(drift.FaultTwoStacks)), lookAt(3, with()), lookAt(4, unsound(drift.FaultTwoStacks))}, "integrity clean integrity"},
		{"a fault that is known late in a run", []drift.Look{lookAt(0, with()), lookAt(0, unsound(drift.FaultTwoStacks)), lookAt(1, with()), lookAt(1, unsound(drift.FaultTwoStacks)), lookAt(2, with()), lookAt(2, with())}, "integrity clean"},
		{"not checkable", []drift.Look{lookAt(0, with()), lookAt(1, failed), lookAt(2, failed), lookAt(3, with())}, "not_checkable not_checkable clean"},
		{"drifted and then not checkable", []drift.Look{lookAt(0, with(seenAs())), lookAt(1, failed), lookAt(2, with(seenAs()))}, "new not_checkable"},
		{"a part says nothing of all", []drift.Look{lookAt(0, with(seenAs())), part}, "new"},
		{"an older look says nothing of now", []drift.Look{lookAt(2, with()), lookAt(1, failed)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kinds, alerts := tell(c.looks...)
			if got := strings.Join(kinds, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			seen := map[string]bool{}
			for _, a := range alerts {
				if seen[a.ID] && a.Kind != drift.AlertWaiverEnding { // the outbox keeps the first
					t.Errorf("two are %s: %s %s", a.ID, a.Kind, a.Detail)
				}
				seen[a.ID] = true
				if a.Severity.Rank() == 0 || a.Severity != a.Severity.OfFinding() || a.Detail == "" || a.At.IsZero() || a.Stack.ID == "" {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

// Whoever notices the same thing makes the same id of it; other things have others.
func TestAlertIDs(t *testing.T) {
	t.Parallel()
	_, one := tell(lookAt(0, with(seenAs())))
	other := lookAt(3, with(seenAs()))
	_, two := tell(other)
	if one[0].ID != two[0].ID {
		t.Errorf("%s and %s are of the same finding", one[0].ID, two[0].ID)
	}
	ref := drift.StackRef{ID: "stack", Path: "live"}
	late := drift.Overdue(ref, monday, monday.AddDate(0, 0, 8))
	if later := drift.Overdue(ref, monday, monday.AddDate(0, 0, 9)); later.ID != late.ID {
		t.Error("an overdue stack is told twice")
	}
	if again := drift.Overdue(ref, monday.Add(time.Hour), monday.AddDate(0, 0, 9)); again.ID == late.ID {
		t.Error("a stack that is overdue again is not told")
	}
}
