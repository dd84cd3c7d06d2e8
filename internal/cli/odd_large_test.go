//go:build unix

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/provider/providertest"
)

// A state of 100 MB: what it takes to check it, in memory, is bounded by its
// size.
const (
	largeState   = 100 << 20
	largeObjects = 400
	largeMemory  = 1200 << 20 // of the program itself
)

// TestLargeState checks a stack with a state of 100 MB, with one of its objects
// changed, between two healthy ones.
func TestLargeState(t *testing.T) {
	t.Parallel()
	rig := newOddRig(t)
	r := rig.repository(t)
	note := strings.Repeat("0123456789abcdef", largeState/largeObjects/16)
	var objects []providertest.Resource
	for i := range largeObjects {
		objects = append(objects, providertest.Resource{
			Type: "test_simple", Name: "this", Key: i, ID: fmt.Sprint("large-", i), Attributes: map[string]any{"name": "n", "note": note},
		})
	}
	r.stack(t, "odd", fmt.Sprintf("resource \"test_simple\" \"this\" {\n  count = %d\n  name  = \"n\"\n  note  = file(\"note.txt\")\n}\n", largeObjects), objects...)
	r.file(t, "odd/note.txt", note)
	if info, err := os.Stat(filepath.Join(r.dir, "odd", "terraform.tfstate")); err != nil || info.Size() < largeState {
		t.Fatalf("the state is not that large: %v, %v", info, err)
	}
	r.world.Edit(t, "test_simple", "large-7", func(attrs map[string]any) { attrs["note"] = "by hand" })
	got := r.check(t)
	r.expect(t, got, one(drift.StatusDrifted, ""), drift.StatusClean)
	s := got.stack(t, "odd")
	if len(s.Findings) != 1 || s.Findings[0].Address != "test_simple.this[7]" || s.Resources.Checked != largeObjects || s.Resources.Clean != largeObjects-1 {
		t.Errorf("%+v, %d findings", s.Resources, len(s.Findings))
	}
	if runtime.GOOS != "linux" {
		return // elsewhere it is not counted in kilobytes
	}
	peak := got.usage.Maxrss << 10
	t.Logf("%d MB at the peak, %d ms", peak>>20, s.DurationMS)
	if peak > largeMemory {
		t.Errorf("it took %d MB, more than %d", peak>>20, largeMemory>>20)
	}
}
