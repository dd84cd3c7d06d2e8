package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The example of the documentation is right, for both readers.
func TestDocumentedExample(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(src), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the documentation has no example")
	}
	if _, err := read(t, example); err != nil {
		t.Error(err)
	}
	if err := compiled(t).Validate(asJSON(t, example)); err != nil {
		t.Error(err)
	}
}
