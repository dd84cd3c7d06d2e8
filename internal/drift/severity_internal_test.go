package drift

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The table of docs/severity.md is what Grade does.
func TestSeverityPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "severity.md"))
	if err != nil {
		t.Fatal(err)
	}
	code := func(names ...string) string { return "`" + strings.Join(names, "`, `") + "`" }
	var want strings.Builder
	for _, g := range severityGroups {
		var paths []string
		for _, a := range g.attributes {
			paths = append(paths, string(a))
		}
		except := ""
		if len(g.except) > 0 {
			except = "; not in " + code(g.except...)
		}
		fmt.Fprintf(&want, "| %s | %s | %s%s |\n", g.what, code(g.types...), code(paths...), except)
	}
	if !strings.Contains(string(page), "|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("docs/severity.md must have exactly this table:\n%s", want.String())
	}
	var told []string
	for _, p := range tagsAlone {
		told = append(told, string(p))
	}
	if !strings.Contains(strings.ReplaceAll(string(page), "\n", " "), code(told...)) {
		t.Errorf("docs/severity.md must name what is low: %s", code(told...))
	}
}

// Every pattern of the table can match something.
func TestSeverityPatterns(t *testing.T) {
	t.Parallel()
	for _, g := range severityGroups {
		for _, p := range g.attributes {
			if err := p.Check(); err != nil {
				t.Error(err)
			}
		}
		for _, typ := range g.except {
			if (severityGroup{types: g.types}).has(&Finding{Type: typ}) {
				t.Errorf("%s is excepted and named", typ)
			}
		}
	}
}
