package edit_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"pgregory.net/rapid"

	"holdfast/internal/drift"
	"holdfast/internal/resolve/edit"
)

// nasty are the parts that the texts of the tests are made of.
var nasty = []string{
	"a", "B", "0", " ", "\t", "\n", "\r\n", "\"", "\\", "${", "%{", "}", "$", "%", "$$", "%%", "$${", "%%{", "#", "//", "/*",
	"EOT", "<<EOT", "é", "日本", "😀", "\u2028", "\u200b", "\x00", "{\"a\":1}", "[]", "'", "true", "12", "null", ",", "=",
}

func text() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(nasty), 0, 8).Draw(t, "parts"), "")
	})
}

// anyValue generates what an argument may be.
func anyValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 5
		if depth == 0 {
			kinds = 3
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return text().Draw(t, "text")
		case 1:
			return rapid.SampledFrom([]any{0, 1, -7, 2.5, 1e21, 12345678901234}).Draw(t, "number")
		case 2:
			return rapid.Bool().Draw(t, "bool")
		case 3:
			return rapid.SliceOfN(anyValue(depth-1), 1, 4).Draw(t, "list")
		}
		return rapid.MapOfN(text(), anyValue(depth-1), 1, 4).Draw(t, "map")
	})
}

func valueOf(t rapid.TB, v any) (cty.Value, []byte) {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	ty, err := ctyjson.ImpliedType(raw)
	if err != nil {
		t.Skip("JSON that cty doesn't take")
	}
	val, err := ctyjson.Unmarshal(raw, ty)
	if err != nil {
		t.Fatal(err)
	}
	return val, raw
}

// program is source with comments everywhere, and one argument that is edited.
func program(t *rapid.T, old cty.Value) (source string, address string) {
	literal := string(hclwrite.TokensForValue(old).Bytes())
	if s := old; s.Type() == cty.String && strings.HasSuffix(s.AsString(), "\n") && rapid.Bool().Draw(t, "heredoc") {
		body := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s.AsString())
		if !strings.Contains(body, "EOT\n") {
			literal = "<<EOT\n" + body + "EOT"
		}
	}
	neighbour := "# top\nresource \"thing\" \"z\" { # z\n  name = \"z\" // z\n  tags = { a = 1 } /* z */\n}\n\n"
	address = "thing.a"
	switch rapid.IntRange(0, 4).Draw(t, "shape") {
	case 0:
		source = fmt.Sprintf("resource \"thing\" \"a\" { # a\n  # before\n  name = %s\n  # after\n  size = 1\n}\n", literal)
	case 1:
		source = fmt.Sprintf("variable \"v\" { # v\n  default = %s\n}\n\nresource \"thing\" \"a\" {\n  name = var.v # by reference\n}\n", literal)
	case 2:
		source = fmt.Sprintf("locals { # l\n  v = {\n    # before\n    a = %s\n    b = \"b\" # b\n  }\n}\n\nresource \"thing\" \"a\" {\n  name = local.v.a\n}\n\nresource \"thing\" \"b\" {\n  name = local.v.b\n}\n", literal)
	case 3:
		source = fmt.Sprintf("resource \"thing\" \"a\" {\n  for_each = {\n    x = %s\n    y = 1 # y\n  }\n  name = each.value # e\n}\n", literal)
		address = `thing.a["x"]`
	case 4:
		source = fmt.Sprintf("variable \"v\" {\n  default = [\n    # before\n    %s,\n    \"second\", # second\n  ]\n}\n\nresource \"thing\" \"a\" {\n  count = 2\n  name  = var.v[count.index]\n}\n", literal)
		address = "thing.a[0]"
	}
	return string(hclwrite.Format([]byte(neighbour + source))), address
}

// TestEditsAreTrue holds any edit of a literal to what accept promises: the file
// parses, says what is live, differs in that alone, keeps its comments, and stays
// formatted.
func TestEditsAreTrue(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		old, _ := valueOf(t, anyValue(2).Draw(t, "old"))
		want, raw := valueOf(t, anyValue(2).Draw(t, "live"))
		source, address := program(t, old)
		if !parses(source) {
			t.Skip("a value that the generator can't write there")
		}
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		mustRapid(t, os.MkdirAll(dir, 0o755))
		mustRapid(t, os.WriteFile(filepath.Join(dir, "main.tf"), []byte(source), 0o644))
		got, err := edit.Plan(edit.Input{Dir: dir, DataDir: filepath.Join(dir, ".terraform"), Findings: []drift.Finding{
			{Address: address, Kind: drift.Modified, Changes: []drift.Change{{Path: "name", Actual: raw}}},
		}})
		mustRapid(t, err)
		if len(got.Refusals) > 0 {
			t.Fatalf("refused: %s\n%s", reasons(got), source)
		}
		if len(got.Files) == 0 {
			return
		}
		after := string(got.Files[0].After)
		before := arguments(t, source)
		now := arguments(t, after)
		for name, v := range before {
			if v != now[name] && !strings.Contains(v, "EDITED") && name != edited(source) {
				t.Errorf("%s was %s and is %s", name, v, now[name])
			}
		}
		says(t, after, address, want)
		if a, b := comments(source), comments(after); a != b {
			t.Errorf("the comments were\n%s\nand are\n%s", a, b)
		}
		if !formatted([]byte(after)) {
			t.Errorf("not formatted:\n%s", after)
		}
	})
}

func mustRapid(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func parses(source string) bool {
	_, diags := hclsyntax.ParseConfig([]byte(source), "main.tf", hcl.InitialPos)
	return !diags.HasErrors()
}

// edited is the argument that an edit of a program changes.
func edited(source string) string {
	switch {
	case strings.Contains(source, "variable"):
		return "variable v default"
	case strings.Contains(source, "locals"):
		return "locals v"
	case strings.Contains(source, "for_each"):
		return "resource thing a for_each"
	}
	return "resource thing a name"
}

// arguments are the sources of all arguments of a program, by block and name.
func arguments(t *rapid.T, source string) map[string]string {
	f, diags := hclsyntax.ParseConfig([]byte(source), "main.tf", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s\n%s", diags, source)
	}
	out := map[string]string{}
	for _, block := range f.Body.(*hclsyntax.Body).Blocks {
		for name, attr := range block.Body.Attributes {
			key := strings.Join(append(append([]string{block.Type}, block.Labels...), name), " ")
			out[key] = string(attr.Expr.Range().SliceBytes([]byte(source)))
		}
	}
	return out
}

// says checks that the edited literal is what is live, with HCL's own evaluator.
func says(t *rapid.T, source, address string, want cty.Value) {
	f, _ := hclsyntax.ParseConfig([]byte(source), "main.tf", hcl.InitialPos)
	name := strings.Split(edited(source), " ")
	for _, block := range f.Body.(*hclsyntax.Body).Blocks {
		if block.Type != name[0] || len(block.Labels) > 1 && block.Labels[1] != "a" {
			continue
		}
		v, diags := block.Body.Attributes[name[len(name)-1]].Expr.Value(nil)
		if diags.HasErrors() {
			t.Fatalf("%s\n%s", diags, source)
		}
		switch {
		case name[0] == "locals":
			v = v.GetAttr("a")
		case name[len(name)-1] == "for_each":
			v = v.GetAttr("x")
		case address == "thing.a[0]":
			v = v.Index(cty.Zero)
		}
		if !alike(v, want) {
			t.Errorf("it says %#v, want %#v\n%s", v, want, source)
		}
	}
}

// alike compares values as a resource takes them: numbers may be text, and the
// layout of JSON is free.
func alike(a, b cty.Value) bool {
	if drift.Canonical(a) == drift.Canonical(b) {
		return true
	}
	if a.IsNull() || b.IsNull() {
		return false
	}
	if a.Type().IsPrimitiveType() && b.Type().IsPrimitiveType() {
		x, y := plainText(a), plainText(b)
		if x == y {
			return true
		}
		var p, q any
		return json.Unmarshal([]byte(x), &p) == nil && json.Unmarshal([]byte(y), &q) == nil && fmt.Sprint(p) == fmt.Sprint(q)
	}
	if !a.CanIterateElements() || !b.CanIterateElements() || a.LengthInt() != b.LengthInt() {
		return false
	}
	if a.Type().IsObjectType() != b.Type().IsObjectType() {
		return false
	}
	if a.Type().IsObjectType() {
		bs := b.AsValueMap()
		for name, v := range a.AsValueMap() {
			if w, ok := bs[name]; !ok || !alike(v, w) {
				return false
			}
		}
		return true
	}
	bs := b.AsValueSlice()
	for i, v := range a.AsValueSlice() {
		if !alike(v, bs[i]) {
			return false
		}
	}
	return true
}

func plainText(v cty.Value) string {
	switch v.Type() {
	case cty.String:
		return v.AsString()
	case cty.Number:
		return v.AsBigFloat().Text('f', -1)
	}
	return fmt.Sprint(v.True())
}

func comments(source string) string {
	tokens, _ := hclsyntax.LexConfig([]byte(source), "main.tf", hcl.InitialPos)
	var out []string
	for _, token := range tokens {
		if token.Type == hclsyntax.TokenComment {
			out = append(out, strings.TrimSpace(string(token.Bytes)))
		}
	}
	return strings.Join(out, "\n")
}
