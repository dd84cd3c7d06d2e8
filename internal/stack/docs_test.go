package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The examples of the documentation are right, for both readers.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]int{"configuration.md": 1, "attribution.md": 2, "sources.md": 1, "alerts-sns.md": 1, "alerts-webhook.md": 1, "alerts-email.md": 1, "severity.md": 1, "alerts.md": 1} {
		src, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(src), "```yaml\n")[1:]
		if len(parts) < want {
			t.Errorf("%s has %d examples", page, len(parts))
		}
		for _, part := range parts[:min(want, len(parts))] {
			example, _, _ := strings.Cut(part, "```")
			if !strings.HasPrefix(example, "version:") {
				example = "version: 1\n" + example
			}
			if _, err := read(t, example); err != nil {
				t.Error(err)
			}
			if err := compiled(t).Validate(asJSON(t, example)); err != nil {
				t.Error(err)
			}
		}
	}
}
