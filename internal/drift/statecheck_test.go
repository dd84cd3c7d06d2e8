package drift_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
)

func TestStateCheck(t *testing.T) {
	t.Parallel()
	fault := func(code string) drift.Integrity { return drift.Unsound(code, "", "m") }
	for _, c := range []struct {
		name   string
		stack  drift.Stack
		status drift.StateStatus
		code   int
	}{
		{"sound", drift.Stack{}, drift.StateSound, 0},
		{"a warning", drift.Stack{Integrity: []drift.Integrity{fault(drift.FaultTainted), fault(drift.FaultDependency)}}, drift.StateSound, 0},
		{"a fault", drift.Stack{Integrity: []drift.Integrity{fault(drift.FaultTainted), fault(drift.FaultShared)}}, drift.StateUnsound, 1},
		{"not read", drift.Stack{Errors: []drift.Error{{Code: "no_state"}}}, drift.StateErrored, 1},
		{"no state at all", drift.Stack{Integrity: []drift.Integrity{fault(drift.FaultUnreadable)}, Errors: []drift.Error{{Code: "state_unreadable"}}}, drift.StateUnsound, 1},
	} {
		var check drift.StateCheck
		check.Fill([]drift.Stack{{}, c.stack})
		if got := check.Stacks[1]; got.Status != c.status || got.Integrity == nil || got.Errors == nil || check.ExitCode() != c.code {
			t.Errorf("%s: exit code %d, %+v", c.name, check.ExitCode(), got)
		}
	}
	var check drift.StateCheck
	check.Fill([]drift.Stack{
		{Integrity: []drift.Integrity{fault(drift.FaultTainted), fault(drift.FaultDependency)}},
		{Integrity: []drift.Integrity{fault(drift.FaultSerial), fault(drift.FaultEmptied), fault(drift.FaultTainted)}},
		{Errors: []drift.Error{{Code: "no_state"}}},
	})
	want := drift.StateSummary{Stacks: 3, Sound: 1, Unsound: 1, Errored: 1, Errors: 2, Warnings: 2, Infos: 1}
	if diff := cmp.Diff(want, check.Summary); diff != "" {
		t.Error(diff)
	}
}
