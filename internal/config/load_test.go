package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		archive string
		want    string // resources, by module, and missing calls
	}{
		"both syntaxes, and what is no source": {`
-- a.tf --
resource "x" "a" {}
-- b.tf.json --
{"resource": {"x": {"b": {}, "c": [{}]}}, "//": "a comment"}
-- .hidden.tf --
resource "x" "hidden" {}
-- #auto#.tf --
resource "x" "autosaved" {}
-- backup.tf~ --
resource "x" "backup" {}
-- a.tftest.hcl --
run "x" {}
-- dir.tf/a.tf --
resource "x" "below" {}
`, "x.a x.autosaved x.b x.c"},
		"modules inside modules, and the same one twice": {`
module "a" { source = "./m" }
module "b" { source = "./m" }
-- m/main.tf --
resource "x" "m" {}
module "inner" { source = "../other/deep" }
-- other/deep/main.tf --
data "y" "d" {}
`, "a:x.m a.inner:data.y.d b:x.m b.inner:data.y.d"},
		"symbolic links": {`
-- main.tf --
-> shared/main.tf
-- shared/main.tf --
resource "x" "linked" {}
module "m" { source = "./link" }
-- link --
-> real
-- real/main.tf --
module "n" { source = "../beside" }
-- beside/main.tf --
resource "x" "beside" {}
`, "x.linked m.n:x.beside"},
		"installed modules": {`
module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.0.0"
}
module "gone" { source = "git::https://example.com/gone.git" }
module "local" { source = "./not-there" }
-- .terraform/modules/modules.json --
{"Modules": [
  {"Key": "", "Source": "", "Dir": "."},
  {"Key": "vpc", "Source": "registry.terraform.io/terraform-aws-modules/vpc/aws", "Version": "5.0.0", "Dir": ".terraform/modules/vpc"},
  {"Key": "gone", "Source": "git::https://example.com/gone.git", "Dir": ".terraform/modules/gone"},
  {"Key": "vpc.sub", "Source": "./sub", "Dir": ".terraform/modules/vpc/sub"}
]}
-- .terraform/modules/vpc/main.tf --
module "sub" { source = "./sub" }
-- .terraform/modules/vpc/sub/main.tf --
resource "x" "sub" {}
`, "vpc.sub:x.sub missing:gone missing:local"},
		"a source that is an expression, as OpenTofu allows": {`
module "m" { source = "${path.module}/m" }
-- .terraform/modules/modules.json --
{"Modules": [{"Key": "m", "Dir": "m"}]}
-- m/main.tf --
resource "x" "m" {}
`, "m:x.m"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			equal(t, "tree", summary(load(t, test.archive)), test.want)
		})
	}
}

func summary(tree *Tree) string {
	var parts []string
	var walk func(m *Module)
	walk = func(m *Module) {
		for _, name := range slices.Sorted(maps.Keys(m.Resources)) {
			parts = append(parts, strings.TrimPrefix(m.Path+":"+name, ":"))
		}
		for _, name := range slices.Sorted(maps.Keys(m.Calls)) {
			if child := m.Calls[name].Module; child != nil {
				walk(child)
			}
		}
	}
	walk(tree.Root)
	for _, call := range tree.Missing {
		parts = append(parts, "missing:"+call.Name)
	}
	return strings.Join(parts, " ")
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	block := func(n int, s string) string { return strings.Repeat(s, n) }
	tests := map[string]struct{ archive, want string }{
		"syntax": {`
-- main.tf --
resource "x" "y" {}
-- other.tf --
locals {
  a = [1, 2
}
`, "other.tf:3,1: Missing item separator"},
		"JSON syntax":            {"-- x.tf.json --\n{\"a\": }", "x.tf.json:1,"},
		"no source":              {"-- readme.md --\n", "no Terraform source"},
		"duplicate resource":     {"resource \"x\" \"y\" {}\nresource \"x\" \"y\" {}", "main.tf:2,1: Duplicate resource: x.y was declared at"},
		"duplicate data source":  {"data \"x\" \"y\" {}\ndata \"x\" \"y\" {}", "main.tf:2,1: Duplicate resource: data.x.y"},
		"duplicate variable":     {"variable \"x\" {}\nvariable \"x\" {}", "main.tf:2,1: Duplicate variable"},
		"duplicate output":       {"output \"x\" { value = 1 }\noutput \"x\" { value = 1 }", "main.tf:2,1: Duplicate output"},
		"duplicate local value":  {"locals { a = 1 }\nlocals { a = 2 }", "main.tf:2,10: Duplicate local value"},
		"duplicate module call":  {"module \"m\" { source = \"./m\" }\nmodule \"m\" { source = \"./m\" }", "main.tf:2,1: Duplicate module call"},
		"duplicate provider":     {"provider \"x\" {}\nprovider \"x\" {}", "main.tf:2,1: Duplicate provider configuration"},
		"labels":                 {`resource "x" {}`, "main.tf:1,"},
		"argument twice":         {"locals {\n a = 1\n a = 2\n}", "main.tf:3,2: Attribute redefined"},
		"a link to nowhere":      {"-- main.tf --\nlocals {}\n-- gone.tf --\n-> nowhere\n", "gone.tf"},
		"type":                   {`variable "x" { type = strng }`, "main.tf:1,23: Invalid type specification"},
		"a flag that is no flag": {`variable "x" { sensitive = "maybe" }`, "main.tf:1,"},
		"provider source":        {`terraform { required_providers { x = { source = "a/b/c/d" } } }`, "main.tf:1,"},
		"moved without an end":   {"moved { from = x.y }", "main.tf:1,"},
		"ignore_changes":         {`resource "x" "y" { lifecycle { ignore_changes = [1 + 2] } }`, "main.tf:1,"},
		"a damaged manifest":     {"locals {}\n-- .terraform/modules/modules.json --\n{\"Modules\": 5}", "modules.json is damaged"},
		"a module that calls itself": {`
module "m" { source = "./m" }
-- m/main.tf --
module "again" { source = "../m" }
`, "module m: module m.again: "},
		"two modules that call each other": {`
module "a" { source = "./a" }
-- a/main.tf --
module "b" { source = "../b" }
-- b/main.tf --
module "a" { source = "../a" }
`, "the module calls itself"},
		"an empty module":      {"module \"m\" { source = \"./m\" }\n-- m/readme.md --\n", "module m: "},
		"an error in a module": {"module \"m\" { source = \"./m\" }\n-- m/x.tf --\n{", "x.tf:1,1: "},
		"brackets":             {"locals { a = " + block(2000, "[") + block(2000, "]") + " }", "main.tf:1: nested more than 1000 deep"},
		"parentheses":          {"locals { a = " + block(20_000, "(") + "1" + block(20_000, ")") + " }", "nested more than 1000 deep"},
		"operators":            {"locals { a = 1" + block(20_000, " + 1") + " }", "nested more than 1000 deep"},
		"negations":            {"locals { a = " + block(20_000, "!") + "true }", "nested more than 1000 deep"},
		"conditions":           {"locals { a = " + block(20_000, "true ? 1 : ") + "1 }", "nested more than 1000 deep"},
		"indexes":              {"locals { a = local.b" + block(20_000, "[local.c]") + " }", "nested more than 1000 deep"},
		"splats":               {"locals { a = local.b" + block(20_000, ".*.c") + " }", "nested more than 1000 deep"},
		"templates":            {"locals { a = " + block(2000, `"${`) + "1" + block(2000, `}"`) + " }", "nested more than 1000 deep"},
		"directives":           {"locals { a = \"" + block(2000, `%{ if true }`) + block(2000, `%{ endif }`) + "\" }", "nested more than 1000 deep"},
		"blocks":               {block(2000, "a {\n") + block(2000, "}\n"), "nested more than 1000 deep"},
		"JSON brackets":        {"-- x.tf.json --\n{\"locals\": {\"a\": " + block(2000, "[") + block(2000, "]") + "}}", "x.tf.json:1: nested more than 1000 deep"},
		"JSON templates":       {"-- x.tf.json --\n{\"locals\": {\"a\": \"${" + block(2000, "(") + "1" + block(2000, ")") + "}\"}}", "nested more than 1000 deep"},
		"JSON types":           {"-- x.tf.json --\n{\"variable\": {\"a\": {\"type\": \"" + block(2000, "list(") + "any" + block(2000, ")") + "\"}}}", "nested more than 1000 deep"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(unpack(t, test.archive), "nowhere")
			if name == "a damaged manifest" {
				dir := unpack(t, test.archive)
				_, err = Load(dir, filepath.Join(dir, ".terraform"))
			}
			if err == nil {
				t.Fatal("no error")
			}
			contains(t, "error", err.Error(), test.want)
		})
	}
}

func TestLoadNoModule(t *testing.T) {
	t.Parallel()
	if _, err := Load(t.TempDir(), ""); !errors.Is(err, ErrNoModule) {
		t.Errorf("got %v, want %v", err, ErrNoModule)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "nowhere"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

// What is long but not deep is fine.
func TestLongSource(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("locals {\n")
	for i := range 600 {
		fmt.Fprintf(&b, "  a%d = { b = [1 + 2, -3, true ? 1 : 2], c = \"%%{ if true }x%%{ endif }${1 * 2}\" }\n", i)
	}
	fmt.Fprintf(&b, "  list = [%s]\n", strings.Repeat("1 + 1, [2], {a = 1}, ", 1200))
	fmt.Fprintf(&b, "  text = \"%s\"\n", strings.Repeat("${1 + 2}%{ for x in [1] }${x}%{ endfor }", 1200))
	b.WriteString("}\n")
	e := evaluator(t, b.String(), setup{})
	v, problems := e.evaluate(t, "length(local.list) + length(local.text)")
	equal(t, "value", show(v)+texts(problems), 3600+2400)
}

// A root module that is reached through a link: "../" is beside the folder
// that the link leads to, as for a process that runs in it.
func TestLinkedRoot(t *testing.T) {
	t.Parallel()
	dir := unpack(t, `
-- real/root/main.tf --
module "m" { source = "../m" }
output "cwd" { value = path.cwd }
-- real/m/main.tf --
output "where" { value = path.module }
-- links/root --
-> ../real/root
`)
	root := filepath.Join(dir, "links", "root")
	tree, err := Load(root, "")
	must(t, err)
	e := NewEvaluator(tree, Inputs{Values: objects{}})
	v, problems := e.evaluate(t, "[module.m.where, path.cwd, path.root]")
	equal(t, "value", show(v)+texts(problems), fmt.Sprintf("[%q %q %q]", "../m", root, "."))
}

// TF_DATA_DIR may be anywhere.
func TestDataDirElsewhere(t *testing.T) {
	t.Parallel()
	dir := unpack(t, `
-- root/main.tf --
module "m" { source = "example/m/x" }
`)
	data := filepath.Join(dir, "data")
	write(t, dir, fmt.Sprintf(`
-- data/modules/modules.json --
{"Modules": [{"Key": "m", "Dir": %q}]}
-- data/modules/m/main.tf --
output "where" { value = path.module }
module "inner" { source = "./inner" }
-- data/modules/m/inner/main.tf --
output "where" { value = path.module }
`, filepath.Join(data, "modules", "m")))
	tree, err := Load(filepath.Join(dir, "root"), data)
	must(t, err)
	v, _ := NewEvaluator(tree, Inputs{Values: objects{}}).evaluate(t, "module.m.where")
	equal(t, "path.module", show(v), fmt.Sprintf("%q", filepath.Join(data, "modules", "m")))
	equal(t, "inner", tree.Root.Calls["m"].Module.Calls["inner"].Module.Rel, filepath.Join(data, "modules", "m", "inner"))
}

// Two calls of each module by the one above: far too many modules, quickly.
func TestModuleExplosion(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "-- m%d/main.tf --\nmodule \"a\" { source = \"../m%d\" }\nmodule \"b\" { source = \"../m%d\" }\n", i, i+1, i+1)
	}
	b.WriteString("-- m40/main.tf --\nlocals {}\n")
	_, err := Load(filepath.Join(unpack(t, b.String()), "m0"), "")
	contains(t, "error", fmt.Sprint(err), "there are more than 20000 module calls")
}

func TestQuote(t *testing.T) {
	t.Parallel()
	e := evaluator(t, "locals {\n  a = join(\n    \"-\",\n\n\t[nope.x.y])\n  long = [\""+strings.Repeat("x", 100)+"\", nope.x.y]\n}", setup{})
	_, problems := e.evaluate(t, "local.a")
	contains(t, "reference", texts(problems), "main.tf:5: `nope.x.y`: no nope.x is declared")
	equal(t, "quote", e.tree.Root.Quote(e.tree.Root.Locals["a"].Range()), `join( "-", [nope.x.y])`)
	equal(t, "long", e.tree.Root.Quote(e.tree.Root.Locals["long"].Range()), `["`+strings.Repeat("x", 58)+"...")
}

func TestLoadTofu(t *testing.T) {
	t.Parallel()
	dir := unpack(t, `
locals { a = "tf" }
-- main.tofu --
locals { a = "tofu" }
-- other.tf --
locals { b = "tf" }
-- extra.tofu.json --
{"locals": {"c": "tofu"}}
-- x_override.tofu --
locals { b = "tofu" }
-- only/main.tofu --
locals { a = "only" }
`)
	for _, c := range []struct {
		name string
		load func(dir, dataDir string) (*Tree, error)
		dir  string
		want map[string]string
	}{
		{"Terraform", Load, "", map[string]string{"a": "tf", "b": "tf"}},
		{"OpenTofu", LoadTofu, "", map[string]string{"a": "tofu", "b": "tofu", "c": "tofu"}},
		{"nothing else", Load, "only", map[string]string{"a": "only"}},
	} {
		tree, err := c.load(filepath.Join(dir, c.dir), "")
		must(t, err)
		equal(t, c.name, len(tree.Root.Locals), len(c.want))
		for name, want := range c.want {
			v, _ := NewEvaluator(tree, Inputs{Values: objects{}}).evaluate(t, "local."+name)
			equal(t, c.name+": "+name, v.AsString(), want)
		}
	}
}
