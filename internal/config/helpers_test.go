package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files splits an archive into files: "-- NAME --" starts one; what comes
// before the first is main.tf.
func files(archive string) map[string]string {
	out := map[string]string{}
	name, start, offset := "main.tf", 0, 0
	finish := func() {
		content := archive[start:offset]
		if start > 0 {
			out[name] = content
		} else if strings.TrimSpace(content) != "" {
			out[name] = strings.TrimPrefix(content, "\n")
		}
	}
	for line := range strings.Lines(archive) {
		if inner, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(inner, " --") {
			finish()
			name, start = strings.TrimSuffix(inner, " --"), offset+len(line)
		}
		offset += len(line)
	}
	finish()
	return out
}

// unpack writes an archive into a folder of its own. A file whose content is
// "-> TARGET" is a symbolic link.
func unpack(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, archive)
	return dir
}

func write(t testing.TB, dir, archive string) {
	t.Helper()
	for name, content := range files(archive) {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			must(t, os.Symlink(strings.TrimSpace(target), path))
			continue
		}
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
}

func load(t testing.TB, archive string) *Tree {
	t.Helper()
	dir := unpack(t, archive)
	tree, err := Load(dir, filepath.Join(dir, ".terraform"))
	must(t, err)
	return tree
}

// objects are what was last applied, by address. They implement Values.
type objects map[string]cty.Value

func (o objects) Instances(module drift.ModuleAddress, mode, typeName, name string) map[drift.Key]cty.Value {
	out := map[drift.Key]cty.Value{}
	for s, v := range o {
		addr, err := drift.ParseAddress(s)
		if err == nil && addr.Module.Equal(module) && addr.Mode == mode && addr.Type == typeName && addr.Name == name {
			out[addr.Key] = v
		}
	}
	return out
}

// object makes a value from an expression, such as { id = "i-1" }.
func object(t testing.TB, expr string) cty.Value {
	t.Helper()
	parsed, diags := hclsyntax.ParseExpression([]byte(expr), "test", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	v, diags := parsed.Value(&hcl.EvalContext{Functions: NewEvaluator(&Tree{Root: newModule()}, Inputs{}).funcs})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return v
}

// setup is what an evaluator needs besides the source.
type setup struct {
	env       []string
	options   []VarOption
	state     map[string]string // expressions by address
	workspace string
}

func evaluator(t testing.TB, archive string, s setup) *Evaluator {
	t.Helper()
	tree := load(t, archive)
	vars, err := RootVariables(tree.Root.Dir, s.env, s.options)
	must(t, err)
	values := objects{}
	for addr, expr := range s.state {
		values[addr] = object(t, expr)
	}
	if s.workspace == "" {
		s.workspace = "default"
	}
	return NewEvaluator(tree, Inputs{Workspace: s.workspace, Variables: vars, Values: values})
}

// evaluate evaluates an expression in the root module.
func (e *Evaluator) evaluate(t testing.TB, expr string) (cty.Value, []Problem) {
	t.Helper()
	parsed, diags := hclsyntax.ParseExpression([]byte(expr), "expr", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", expr, diags)
	}
	prepare(parsed)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tree.Root.sources["expr"] = []byte(expr)
	return e.root.value(parsed, repetition{}, nil)
}

// show renders a value in one line: ? is unknown, !x is sensitive.
func show(v cty.Value) string {
	v, marks := v.Unmark()
	out := showUnmarked(v)
	if _, ok := marks[Sensitive]; ok {
		out = "!" + out
	}
	if len(marks) > 1 || (len(marks) == 1 && out[0] != '!') {
		out = "~" + out
	}
	return out
}

func showUnmarked(v cty.Value) string {
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return "?"
	case v.IsNull():
		return "null"
	case ty == cty.String:
		return strconv.Quote(v.AsString())
	case ty == cty.Number:
		return v.AsBigFloat().Text('f', -1)
	case ty == cty.Bool:
		return strconv.FormatBool(v.True())
	case ty.IsObjectType(), ty.IsMapType():
		elems := v.AsValueMap()
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(elems)) {
			parts = append(parts, name+"="+show(elems[name]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	var parts []string
	for it := v.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		parts = append(parts, show(elem))
	}
	if ty.IsSetType() {
		return "<" + strings.Join(parts, " ") + ">"
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// set renders the parts of an object that are not null.
func set(v cty.Value) string {
	if !v.IsKnown() || v.IsMarked() {
		return show(v)
	}
	var parts []string
	elems := v.AsValueMap()
	for _, name := range slices.Sorted(maps.Keys(elems)) {
		if elem, _ := elems[name].Unmark(); !elem.IsKnown() || !empty(elem) {
			parts = append(parts, name+"="+show(elems[name]))
		} else if elems[name].IsMarked() {
			parts = append(parts, name+"="+show(elems[name]))
		}
	}
	return strings.Join(parts, " ")
}

func empty(v cty.Value) bool {
	return v.IsNull() || (!v.Type().IsPrimitiveType() && v.CanIterateElements() && v.LengthInt() == 0 && (v.Type().IsTupleType() || v.Type().IsObjectType()))
}

func texts(problems []Problem) string {
	var out []string
	for _, p := range problems {
		p.Range.Filename = filepath.Base(p.Range.Filename)
		out = append(out, p.String())
	}
	return strings.Join(out, "\n")
}

func attribute(ty cty.Type) *schema.Attribute { return &schema.Attribute{Type: ty, Optional: true} }

// builtin is the schema of terraform_data.
var builtin = &schema.Block{Attributes: map[string]*schema.Attribute{
	"id":               {Type: cty.String, Computed: true},
	"input":            attribute(cty.DynamicPseudoType),
	"output":           {Type: cty.DynamicPseudoType, Computed: true},
	"triggers_replace": attribute(cty.DynamicPseudoType),
}}

func address(t testing.TB, s string) drift.Address {
	t.Helper()
	addr, err := drift.ParseAddress(s)
	must(t, err)
	return addr
}

func contains(t testing.TB, what, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("%s: got %q, which lacks %q", what, got, want)
	}
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s\n got  %s\n want %s", what, g, w)
	}
}
