package config

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/drift"
)

func addresses(t testing.TB, list ...string) []drift.Address {
	t.Helper()
	var out []drift.Address
	for _, s := range list {
		out = append(out, address(t, s))
	}
	return out
}

// What moved blocks do is compared with Terraform in TestTerraformMoves. Here
// is what needs no comparison.
func TestMoves(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
moved {
  from = x.old
  to   = x.new
}
moved {
  from = x.new
  to   = y.newest
}
resource "x" "counted" { count = 1 }
data "x" "counted" { count = 1 }
resource "x" "single" {}
module "gone" { source = "a/b/c" }
`, setup{})
	moves, err := e.Moves(addresses(t, `x.old["a"]`, "x.counted", "data.x.counted", "x.single[0]", "x.single[1]", "module.gone.x.old", "module.nowhere.x.y"))
	must(t, err)
	for from, to := range map[string]string{
		`x.old["a"]`: `y.newest["a"]`, "x.counted": "x.counted[0]", "data.x.counted": "data.x.counted[0]", "x.single[0]": "x.single", "x.single[1]": "x.single[1]",
		"module.gone.x.old": "module.gone.x.old", "module.nowhere.x.y": "module.nowhere.x.y",
	} {
		equal(t, from, moves.Follow(address(t, from)), to)
	}
	equal(t, "not in the state", moves.Follow(address(t, "x.old")), "x.old")
}

func TestMoveErrors(t *testing.T) {
	t.Parallel()
	for moved, want := range map[string]string{
		"x.a to x.a":                                 "main.tf:1: moved: both ends are x.a",
		"module.a to x.a":                            "main.tf:1: moved: both ends must be resources, or both modules",
		"x.a to x.a.b.c":                             "main.tf:1: moved: both ends must be resources, or both modules",
		"local to x.a":                               "both ends must be",
		"x.a to x.b, x.b to x.a":                     "moved blocks form a cycle, so nothing has a final place: ",
		"x.a to x.b, x.b to x.c, x.c to x.a":         "form a cycle",
		"x.a to x.b, x.a to x.c":                     "main.tf:5: moved: x.a moves to x.c, but at ",
		"x.a to x.c, x.b to x.c":                     "main.tf:5: moved: x.b moves to x.c, but at ",
		"x.kept to x.b":                              "main.tf:1: moved: x.kept is still declared",
		"x.kept to x.b[0]":                           "main.tf:1: moved: x.kept is still declared",
		"module.kept to module.other":                "main.tf:1: moved: module.kept is still declared",
		"module.kept.x.in to x.out":                  "main.tf:1: moved: module.kept.x.in is still declared",
		"module.a to module.b, module.b to module.a": "form a cycle",
	} {
		var b strings.Builder
		for pair := range strings.SplitSeq(moved, ", ") {
			from, to, _ := strings.Cut(pair, " to ")
			fmt.Fprintf(&b, "moved {\n  from = %s\n  to   = %s\n}\n", from, to)
		}
		b.WriteString("resource \"x\" \"kept\" {}\nmodule \"kept\" { source = \"./m\" }\n-- m/main.tf --\nresource \"x\" \"in\" {}\n")
		e := evaluator(t, b.String(), setup{})
		_, err := e.Moves(addresses(t, "x.kept", "module.kept.x.in"))
		contains(t, moved, fmt.Sprint(err), want)
	}
}

// Thousands of moves over thousands of objects.
func TestManyMoves(t *testing.T) {
	t.Parallel()
	const n = 1000
	var b strings.Builder
	var state []drift.Address
	for i := range n {
		fmt.Fprintf(&b, "moved {\n  from = x.a%d\n  to = module.m[\"k%d\"].x.b\n}\n", i, i)
		fmt.Fprintf(&b, "moved {\n  from = x.c%d\n  to = x.c%d\n}\n", i+1, i)
		state = append(state, drift.Address{Mode: drift.Managed, Type: "x", Name: fmt.Sprintf("a%d", i)})
	}
	state = append(state, address(t, fmt.Sprintf("x.c%d", n)))
	e := evaluator(t, b.String(), setup{})
	moves, err := e.Moves(state)
	must(t, err)
	equal(t, "first", moves.Follow(state[0]), `module.m["k0"].x.b`)
	equal(t, "last", moves.Follow(state[n-1]), fmt.Sprintf(`module.m["k%d"].x.b`, n-1))
	equal(t, "chain", moves.Follow(state[n]), "x.c0")
}
