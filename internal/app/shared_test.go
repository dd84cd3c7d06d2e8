package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/drift"
)

// TestRoundsSeeWhatIsShared: a server checks stacks one by one, and still sees that two
// have the same state; it sees too that they no longer do.
func TestRoundsSeeWhatIsShared(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "  - name: folder\n    folder: FOLDER\n")
	faults := func() string {
		t.Helper()
		o.Round(t, "folder")
		var list []string
		for st, err := range o.Store.Stacks(t.Context()) {
			must(t, err)
			for _, f := range st.Integrity {
				if f.Severity == drift.SeverityError {
					list = append(list, st.Path+" "+f.Code)
				}
			}
		}
		return strings.Join(list, ", ")
	}
	if got := faults(); got != "" {
		t.Errorf("alone: %s", got)
	}
	must(t, os.CopyFS(filepath.Join(o.dir, "copy"), os.DirFS(filepath.Join(o.dir, "live"))))
	faults() // the first time somebody sees the second stack
	both := faults()
	for _, path := range []string{"live", "copy"} {
		if !strings.Contains(both, path+" "+drift.FaultTwoStacks) {
			t.Errorf("%s: %q", path, both)
		}
	}
	must(t, os.RemoveAll(filepath.Join(o.dir, "copy")))
	faults()
	if live, ok, err := o.Store.Stack(t.Context(), o.stackID(t, "live")); err != nil || !ok || len(live.Integrity) > 0 {
		t.Errorf("%+v, %v", live.Integrity, err)
	}
}

// stackID is the id of a stack of the only source.
func (o *office) stackID(t *testing.T, path string) string {
	t.Helper()
	for st, err := range o.Store.Stacks(t.Context()) {
		must(t, err)
		if st.Path == path {
			return st.ID
		}
	}
	t.Fatalf("there is no stack %s", path)
	return ""
}
