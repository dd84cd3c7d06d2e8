package drift_test

import (
	"strings"
	"testing"

	"holdfast/internal/drift"
)

func TestCompareStates(t *testing.T) {
	t.Parallel()
	stack := func(lineage string, serial uint64, resources int) drift.Stack {
		return drift.Stack{State: drift.State{Lineage: lineage, Serial: serial}, Resources: drift.Counts{Checked: resources - resources/2, Skipped: resources / 2}}
	}
	for _, c := range []struct {
		name        string
		before, now drift.Stack
		want        string
	}{
		{"the same", stack("a", 3, 20), stack("a", 3, 20), ""},
		{"applied since", stack("a", 3, 20), stack("a", 5, 25), ""},
		{"the first check", drift.Stack{}, stack("a", 3, 20), ""},
		{"not checked now", stack("a", 3, 20), drift.Stack{}, ""},
		{"another lineage", stack("a", 3, 20), stack("b", 1, 0), "lineage_changed error"},
		{"an older state", stack("a", 3, 20), stack("a", 2, 20), "serial_back error"},
		{"emptied", stack("a", 3, 1), stack("a", 4, 0), "state_emptied error"},
		{"an older and empty one", stack("a", 3, 20), stack("a", 2, 0), "serial_back error, state_emptied error"},
		{"shrunk", stack("a", 3, 20), stack("a", 4, 6), "state_shrunk warning"},
		{"a third stays", stack("a", 3, 21), stack("a", 4, 7), ""},
		{"few are gone", stack("a", 3, 12), stack("a", 4, 3), ""},
	} {
		var got []string
		for _, f := range drift.CompareStates(c.before, c.now) {
			got = append(got, f.Code+" "+string(f.Severity))
			if !strings.Contains(f.Message, "restore") {
				t.Errorf("%s says no way out: %s", f.Code, f.Message)
			}
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}
