package config

import (
	"fmt"
	"testing"
)

func TestDeclared(t *testing.T) {
	t.Parallel()
	tree := load(t, `
resource "x" "a" {}

resource "x" "b" { for_each = toset(["one"]) }
data "x" "b" {}
module "local" {
  source = "./modules/local"
}
module "far" {
  source = "a/b/c"
}
module "absent" { source = "a/b/absent" }
module "hole" { source = "./nowhere" }
-- b_override.tf --
resource "x" "b" { count = 1 }
-- modules/local/main.tf --
module "beside" { source = "../beside" }
-- modules/beside/other.tf --

resource "x" "deep" {}
-- modules/json/main.tf --
-- .terraform/modules/far/main.tf --
resource "x" "far" {}
module "inner" { source = "./inner" }
-- .terraform/modules/far/inner/main.tf --
resource "x" "inner" {}
-- .terraform/modules/modules.json --
{"Modules":[{"Key":"far","Source":"a/b/c","Dir":".terraform/modules/far"}]}
`)
	for addr, want := range map[string]string{
		"x.a":                                 "main.tf:1",
		`x.b["one"]`:                          "main.tf:3", // where it is declared, not where it is overridden
		"data.x.b":                            "main.tf:4",
		"module.local.module.beside.x.deep":   "modules/beside/other.tf:2",
		"module.local.module.beside.x.orphan": "",
		"module.far.x.far[3]":                 "main.tf:8",
		"module.far.module.inner.x.inner":     "main.tf:8",
		"module.far.x.orphan":                 "",
		"module.absent.x.anything":            "main.tf:11",
		"module.hole.x.a":                     "", // not that of the root module
		"module.gone.x.a":                     "",
		"x.orphan":                            "",
	} {
		at, ok := tree.Declared(address(t, addr))
		got := ""
		if ok {
			got = fmt.Sprintf("%s:%d", at.File, at.Line)
		}
		equal(t, addr, got, want)
	}
	if at, ok := Unseen(t.TempDir()).Declared(address(t, "x.a")); ok {
		t.Errorf("with no source at hand: %v", at)
	}
}
