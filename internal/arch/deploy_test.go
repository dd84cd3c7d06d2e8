package arch_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var update = flag.Bool("update", false, "write what is made from other files anew")

// TestModule holds the tables of deploy/terraform/README.md against its code.
func TestModule(t *testing.T) {
	t.Parallel()
	module := filepath.Join(root(t), "deploy", "terraform")
	readme := filepath.Join(module, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = " -update -->\n", "<!-- end -->"
	head, rest, _ := bytes.Cut(text, []byte(begin))
	tables, tail, ok := bytes.Cut(rest, []byte(end))
	if !ok {
		t.Fatal("README.md has no place for the tables")
	}
	want := "\n| variable | what | type | default |\n|---|---|---|---|\n" + rows(t, filepath.Join(module, "variables.tf"), variableRow) +
		"\n| output | what |\n|---|---|\n" + rows(t, filepath.Join(module, "outputs.tf"), outputRow) + "\n"
	if string(tables) == want {
		return
	}
	if !*update {
		t.Fatalf("the tables of README.md are not those of the code; run go test ./internal/arch -run Module -update\n%s", want)
	}
	whole := string(head) + begin + want + end + string(tail)
	if err := os.WriteFile(readme, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}

// block is one of a file of the module, with the source of each argument.
type block struct {
	kind, name string
	arguments  map[string]string
}

// rows makes a row of each block of a file.
func rows(t *testing.T, file string, row func(*testing.T, block) string) string {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, diags := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var out strings.Builder
	for _, b := range parsed.Body.(*hclsyntax.Body).Blocks {
		arguments := map[string]string{}
		for name, a := range b.Body.Attributes {
			arguments[name] = strings.Join(strings.Fields(string(a.Expr.Range().SliceBytes(src))), " ")
		}
		out.WriteString(row(t, block{b.Type, b.Labels[0], arguments}))
	}
	return out.String()
}

// describe is the description's text, without its quotes.
func describe(t *testing.T, b block) string {
	t.Helper()
	text := strings.TrimSuffix(strings.TrimPrefix(b.arguments["description"], `"`), `"`)
	if text == "" || !strings.HasSuffix(text, ".") {
		t.Errorf("%s %s: its description must be a sentence: %q", b.kind, b.name, text)
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, `\"`, `"`), "|", `\|`)
}

func variableRow(t *testing.T, b block) string {
	t.Helper()
	kind := b.arguments["type"]
	if kind == "" {
		t.Errorf("variable %s has no type", b.name)
	}
	if name, _, nested := strings.Cut(kind, "({"); nested {
		kind = name + ", see variables.tf"
	}
	preset := "`" + b.arguments["default"] + "`"
	if b.arguments["default"] == "" {
		preset = "none: it must be given"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", b.name, describe(t, b), kind, preset)
}

func outputRow(t *testing.T, b block) string {
	t.Helper()
	return fmt.Sprintf("| `%s` | %s |\n", b.name, describe(t, b))
}
