package cli_test

import (
	"path/filepath"
	"testing"

	"holdfast/internal/lab"
)

var theBed *lab.Bed

// logGroup is a module with a log group, /holdfast/interrupt, and nothing else.
var logGroup = filepath.Join("testdata", "stack")

// withBed runs tests with a bed.
type withBed struct{ *testing.M }

func (w withBed) Run() int {
	bed, err := lab.NewBed("holdfast-cli-")
	if err != nil {
		panic(err)
	}
	theBed = bed
	defer bed.Close()
	return w.M.Run()
}

// forked gives the test its own copy of a module as it was applied once, and of what
// it is applied to.
func forked(t *testing.T, source string) *lab.Applied {
	t.Helper()
	a, err := theBed.Applied(t, source).Fork(t.Context(), filepath.Join(t.TempDir(), "stack"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Emulator.Close() })
	return a
}
