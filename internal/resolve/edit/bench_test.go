package edit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/resolve/edit"
)

// BenchmarkPlan edits 20 of 1,000 resources.
func BenchmarkPlan(b *testing.B) {
	dir := b.TempDir()
	var source, accepted strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&source, "resource \"thing\" \"r%d\" {\n  name = \"n%d\"\n  size = %d\n  tags = {\n    Name = \"n\"\n  }\n}\n\n", i, i, i)
		if i%50 == 0 {
			fmt.Fprintf(&accepted, "thing.r%d | name | \"new\"\nthing.r%d | tags[\"Owner\"] | \"me\"\n", i, i)
		}
	}
	must(b, os.WriteFile(filepath.Join(dir, "main.tf"), []byte(strings.TrimSuffix(source.String(), "\n")), 0o644))
	for b.Loop() {
		r, err := edit.Plan(input(dir, accepted.String(), b, bed{}))
		must(b, err)
		if len(r.Edited) != 20 || len(r.Refusals) > 0 {
			b.Fatal(reasons(r))
		}
	}
}
