package drift_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
)

func stateOf(lineage string, serial uint64, instances int) drift.StateMark {
	return drift.StateMark{Lineage: lineage, Serial: serial, Instances: instances}
}

// codesOf are the faults as words.
func codesOf(faults []drift.Integrity) string {
	var codes []string
	for _, f := range faults {
		codes = append(codes, f.Code+" "+string(f.Severity))
	}
	return strings.Join(codes, ", ")
}

func TestFollowState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		before, now drift.StateMark
		want        string
	}{
		{"the same", stateOf("a", 3, 20), stateOf("a", 3, 20), ""},
		{"applied since", stateOf("a", 3, 20), stateOf("a", 5, 25), ""},
		{"the first check", drift.StateMark{}, stateOf("a", 3, 20), ""},
		{"not read now", stateOf("a", 3, 20), drift.StateMark{}, ""},
		{"another lineage", stateOf("a", 3, 20), stateOf("b", 1, 0), "lineage_changed error"},
		{"an older state", stateOf("a", 3, 20), stateOf("a", 2, 20), "serial_back error"},
		{"emptied", stateOf("a", 3, 1), stateOf("a", 4, 0), "state_emptied error"},
		{"an older and empty one", stateOf("a", 3, 20), stateOf("a", 2, 0), "serial_back error, state_emptied error"},
		{"shrunk", stateOf("a", 3, 20), stateOf("a", 4, 6), "state_shrunk warning"},
		{"a third stays", stateOf("a", 3, 21), stateOf("a", 4, 7), ""},
		{"few are gone", stateOf("a", 3, 12), stateOf("a", 4, 3), ""},
	} {
		faults, _ := c.before.Follow(c.now, monday, monday)
		if got := codesOf(faults); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, f := range faults {
			if !strings.Contains(f.Message, "restore") {
				t.Errorf("%s says no way out: %s", f.Code, f.Message)
			}
		}
	}
}

// An error is told until it is mended, a warning once, and what could not be read
// makes nothing forgotten.
func TestFollowStates(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]struct {
		now  drift.StateMark
		want string
	}{
		"an older state until its serial has caught up": {
			{stateOf("a", 20, 9), ""}, {stateOf("a", 15, 9), "serial_back error"}, {stateOf("a", 15, 9), "serial_back error"},
			{stateOf("a", 19, 9), "serial_back error"}, {stateOf("a", 20, 9), ""}, {stateOf("a", 21, 9), ""},
		},
		"another state until the right one is back": {
			{stateOf("a", 20, 9), ""}, {stateOf("b", 1, 9), "lineage_changed error"}, {stateOf("b", 2, 9), "lineage_changed error"},
			{stateOf("a", 20, 9), ""},
		},
		"unreadable in between": {
			{stateOf("a", 20, 9), ""}, {drift.StateMark{}, ""}, {stateOf("a", 15, 9), "serial_back error"},
		},
		"empty until something is there": {
			{stateOf("a", 20, 9), ""}, {stateOf("a", 21, 0), "state_emptied error"}, {stateOf("a", 21, 0), "state_emptied error"},
			{stateOf("a", 22, 9), ""},
		},
		"shrunk, which is told once": {
			{stateOf("a", 20, 40), ""}, {stateOf("a", 21, 4), "state_shrunk warning"}, {stateOf("a", 21, 4), ""},
		},
	} {
		var mark drift.StateMark
		for i, step := range steps {
			at := monday.Add(time.Duration(i) * time.Hour)
			var faults []drift.Integrity
			faults, mark = mark.Follow(step.now, at, at.Add(time.Minute))
			if got := codesOf(faults); got != step.want {
				t.Errorf("%s: step %d: %q, want %q", name, i+1, got, step.want)
			}
		}
	}
}

// What is remembered keeps the time at which it was first seen, and a check that
// began before then says nothing.
func TestFollowStateTimes(t *testing.T) {
	t.Parallel()
	_, mark := (drift.StateMark{}).Follow(stateOf("a", 20, 9), monday, monday.Add(time.Minute))
	_, again := mark.Follow(stateOf("a", 20, 9), monday.Add(time.Hour), monday.Add(time.Hour))
	if diff := cmp.Diff(mark, again); diff != "" || !mark.At.Equal(monday.Add(time.Minute)) {
		t.Errorf("%v %s", mark.At, diff)
	}
	faults, kept := mark.Follow(stateOf("a", 19, 9), monday, monday.Add(time.Hour))
	if len(faults) > 0 || kept != mark {
		t.Errorf("a check that was slower than another one: %v, %+v", faults, kept)
	}
	faults, _ = mark.Follow(stateOf("a", 19, 9), monday.Add(time.Hour), monday.Add(time.Hour))
	if len(faults) != 1 || !strings.Contains(faults[0].Message, "was 20 at the check of 2026-03-02 06:01 UTC and is 19") {
		t.Errorf("%+v", faults)
	}
}

// A result of an earlier version counts its resources by their outcomes.
func TestMark(t *testing.T) {
	t.Parallel()
	s := drift.Stack{State: drift.State{Lineage: "a", Serial: 3}, Resources: drift.Counts{Checked: 4, Errored: 1, Unsupported: 1, Skipped: 2}}
	if diff := cmp.Diff(stateOf("a", 3, 8), s.Mark()); diff != "" {
		t.Error(diff)
	}
	// Nothing of it could be checked, but it is all there.
	s = drift.Stack{State: drift.State{Lineage: "a", Serial: 3, Instances: 8}}
	if diff := cmp.Diff(stateOf("a", 3, 8), s.Mark()); diff != "" {
		t.Error(diff)
	}
}
