package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"holdfast/internal/drift"
)

const placed = `
variable "size" {}
locals { sizes = { a = 1, b = 2 } }
resource "thing" "x" {
  for_each = local.sizes
  size     = each.value + var.size
}
module "m" {
  source   = "./m"
  for_each = { one = "1" }
  text     = each.value
}
-- m/main.tf --
variable "text" {}
resource "thing" "y" { text = "${var.text}!" }
-- terraform.tfvars --
size = 10
`

func argument(t *testing.T, body hcl.Body, name string) hcl.Expression {
	t.Helper()
	content, _, _ := body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: name}}})
	if content.Attributes[name] == nil {
		t.Fatalf("there is no %s", name)
	}
	return content.Attributes[name].Expr
}

func TestValueInItsPlace(t *testing.T) {
	t.Parallel()
	e := evaluator(t, placed, setup{})
	x := e.tree.Root.Resources["thing.x"]
	size := argument(t, x.Body, "size")
	for key, want := range map[string]string{"a": "11", "b": "12"} {
		v, problems := e.Value(Place{Key: drift.StringKey(key), ForEach: x.ForEach}, size)
		equal(t, key, show(v)+texts(problems), want)
	}
	keys, decided := e.Keys(nil, nil, x.ForEach)
	equal(t, "keys", keys, `[["a"] ["b"]]`)
	equal(t, "decided", decided, true)

	inner := drift.ModuleAddress{{Name: "m", Key: drift.StringKey("one")}}
	y := e.tree.Root.Calls["m"].Module.Resources["thing.y"]
	v, _ := e.Value(Place{Module: inner}, argument(t, y.Body, "text"))
	equal(t, "in a module", show(v), `"1!"`)
	gone := drift.ModuleAddress{{Name: "gone"}}
	v, problems := e.Value(Place{Module: gone}, argument(t, y.Body, "text"))
	equal(t, "no such module", show(v), "?")
	contains(t, "no such module", texts(problems), "not at hand")
	if _, decided := e.Keys(gone, nil, nil); decided {
		t.Error("the instances in a module that isn't there are decided")
	}
}

// TestOverlay reads what is not in the files, also where a link leads to them.
func TestOverlay(t *testing.T) {
	t.Parallel()
	dir := unpack(t, placed)
	physical, err := filepath.EvalSymlinks(dir)
	must(t, err)
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	for _, from := range []string{dir, link} {
		over := Overlay{
			filepath.Join(physical, "main.tf"):          []byte("variable \"size\" {}\nlocals { n = var.size }\n"),
			filepath.Join(physical, "terraform.tfvars"): []byte("size = 5\n"),
		}
		tree, err := over.Load(from, filepath.Join(from, ".terraform"))
		must(t, err)
		vars, err := over.RootVariables(from, nil, nil)
		must(t, err)
		e := NewEvaluator(tree, Inputs{Variables: vars, Values: objects{}})
		v, problems := e.evaluate(t, "local.n")
		equal(t, "local.n", show(v)+texts(problems), "5")
		equal(t, "calls", len(tree.Root.Calls), 0)
		equal(t, "files", len(tree.Root.Files()), 1)
		equal(t, "assigned in", filepath.Base(vars["size"].From()), "terraform.tfvars")
		if vars["size"].Expr() == nil {
			t.Error("a value of a file has no expression")
		}
	}
}
