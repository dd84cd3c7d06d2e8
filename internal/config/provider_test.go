package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// cloud is the schema of a provider.
func cloud() *schema.Block {
	role := leaf(schema.List)
	role.Attributes = map[string]*schema.Attribute{"arn": attribute(cty.String)}
	return &schema.Block{
		Attributes: map[string]*schema.Attribute{"region": attribute(cty.String), "token": attribute(cty.String)},
		Blocks:     map[string]*schema.NestedBlock{"role": role},
	}
}

const providerArchive = `
terraform {
  required_providers {
    cloud = { source = "acme/cloud" }
    other = "~> 1.0"
  }
}
provider "cloud" {
  region  = var.region
  version = "~> 1.0"
  role { arn = local.arn }
}
provider "cloud" {
  alias  = "west"
  region = "west"
  token  = data.cloud_token.t.value
}
provider "cloud" {
  alias    = "by"
  for_each = { a = "region-a" }
  region   = each.value
}
provider "other" { region = var.unknown }
data "cloud_token" "t" {}
variable "region" { default = "east" }
variable "unknown" {}
locals { arn = "arn:${terraform.workspace}" }
module "plain" { source = "./m" }
module "handed" {
  source    = "./m"
  providers = { cloud = cloud.west, cloud.second = cloud }
}
module "handed_one_of_many" {
  source    = "./m"
  for_each  = { a = 1 }
  providers = { cloud = cloud.by[each.key] }
}
module "own" { source = "./own" }
module "renamed" {
  source    = "./renamed"
  providers = { nimbus = cloud.west }
}
-- m/main.tf --
terraform {
  required_providers {
    cloud = {
      source                = "acme/cloud"
      configuration_aliases = [cloud.second]
    }
  }
}
module "inner" {
  source    = "../inner"
  providers = { cloud = cloud.second, cloud.deep = cloud }
}
module "inherits" { source = "../inner" }
-- inner/main.tf --
terraform {
  required_providers { cloud = { source = "acme/cloud" } }
}
-- own/main.tf --
terraform {
  required_providers { cloud = { source = "registry.terraform.io/acme/cloud" } }
}
provider "cloud" { region = "own-${path.module}" }
-- renamed/main.tf.json --
{"terraform": {"required_providers": {"nimbus": {"source": "acme/cloud"}}}}
`

func TestProviderConfig(t *testing.T) {
	t.Parallel()
	e := evaluator(t, providerArchive, setup{workspace: "prod", state: map[string]string{"data.cloud_token.t": `{ value = sensitive("t") }`}})
	const acme, west = "registry.terraform.io/acme/cloud", `region="west" token=!"t"`
	const east = `region="east" role=[{arn="arn:prod"}]`
	tests := map[string]struct {
		config drift.ProviderConfig
		want   string
	}{
		"root":                        {drift.ProviderConfig{Provider: acme}, east},
		"alias":                       {drift.ProviderConfig{Provider: acme, Alias: "west"}, west},
		"for_each":                    {drift.ProviderConfig{Provider: acme, Alias: "by", Key: drift.StringKey("a")}, `region="region-a"`},
		"for_each, no such key":       {drift.ProviderConfig{Provider: acme, Alias: "by", Key: drift.StringKey("z")}, `region=?`},
		"no such alias":               {drift.ProviderConfig{Provider: acme, Alias: "gone"}, ErrNoProviderBlock.Error()},
		"nothing written":             {drift.ProviderConfig{Provider: "registry.terraform.io/hashicorp/aws"}, `role=[]`},
		"unknown":                     {drift.ProviderConfig{Provider: "registry.terraform.io/hashicorp/other"}, `region=?`},
		"inherited":                   {drift.ProviderConfig{Module: "module.plain", Provider: acme}, east},
		"inherited twice":             {drift.ProviderConfig{Module: "module.plain.module.inherits", Provider: acme}, east},
		"an alias is not inherited":   {drift.ProviderConfig{Module: "module.plain", Provider: acme, Alias: "west"}, ErrNoProviderBlock.Error()},
		"handed":                      {drift.ProviderConfig{Module: "module.handed", Provider: acme}, west},
		"handed under another alias":  {drift.ProviderConfig{Module: "module.handed", Provider: acme, Alias: "second"}, east},
		"handed through two levels":   {drift.ProviderConfig{Module: "module.handed.module.inner", Provider: acme}, east},
		"handed through two, alias":   {drift.ProviderConfig{Module: "module.handed.module.inner", Provider: acme, Alias: "deep"}, west},
		"handed, then inherited":      {drift.ProviderConfig{Module: "module.handed.module.inherits", Provider: acme}, west},
		"handed by a value":           {drift.ProviderConfig{Module: `module.handed_one_of_many["a"]`, Provider: acme}, "which provider module handed_one_of_many is handed depends on a value"},
		"its own":                     {drift.ProviderConfig{Module: "module.own", Provider: acme}, `region="own-own"`},
		"under another name":          {drift.ProviderConfig{Module: "module.renamed", Provider: acme}, west},
		"of a module that is gone":    {drift.ProviderConfig{Module: "module.gone", Provider: acme}, ErrNoProviderBlock.Error()},
		"of a module that is unclear": {drift.ProviderConfig{Module: "module.[", Provider: acme}, "is not an address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, problems, err := e.ProviderConfig(test.config, cloud())
			if err != nil {
				contains(t, "error", err.Error(), test.want)
				return
			}
			equal(t, "configuration", set(v), test.want)
			if v.IsWhollyKnown() != (len(problems) == 0) {
				t.Errorf("problems: %q", texts(problems))
			}
		})
	}
	if _, _, err := e.ProviderConfig(drift.ProviderConfig{Module: "module.gone", Provider: acme}, cloud()); !errors.Is(err, ErrNoProviderBlock) {
		t.Errorf("got %v", err)
	}
}

func TestProviderSource(t *testing.T) {
	t.Parallel()
	e := evaluator(t, providerArchive, setup{})
	for name, want := range map[string]string{
		"cloud": "registry.terraform.io/acme/cloud", "other": "registry.terraform.io/hashicorp/other", "aws": "registry.terraform.io/hashicorp/aws",
	} {
		equal(t, name, e.tree.Root.ProviderSource(name), want)
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
terraform {
  required_providers { cloud = { source = "acme/cloud" } }
  provider_meta "cloud" {
    region = "meta"
    token  = sensitive("t")
  }
}
module "m" { source = "./m" }
-- m/main.tf --
terraform {
  provider_meta "cloud" { region = var.unknown }
}
variable "unknown" {}
`, setup{})
	const acme = "registry.terraform.io/acme/cloud"
	equal(t, "root", set(e.Meta(nil, acme, cloud())), `region="meta" role=[] token="t"`)
	equal(t, "another provider", show(e.Meta(nil, "registry.terraform.io/hashicorp/cloud", cloud())), "null")
	equal(t, "unknown", show(e.Meta(drift.ModuleAddress{{Name: "m"}}, "registry.terraform.io/hashicorp/cloud", cloud())), "null")
	equal(t, "no such module", show(e.Meta(drift.ModuleAddress{{Name: "gone"}}, acme, cloud())), "null")
}

func TestBackend(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`backend "s3" { bucket = "b" }`: "s3", `cloud {}`: "cloud", ``: "",
	} {
		tree := load(t, "terraform {\n"+body+"\n}")
		got := ""
		if tree.Root.Backend != nil {
			got = tree.Root.Backend.Type
		}
		equal(t, body, got, want)
	}
}

func TestPendingImports(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
import {
  to = x.plain
  id = "1"
}
import {
  to = x.taken
  id = "1"
}
import {
  to = module.m["k"].x.r[0]
  id = "1"
}
import {
  for_each = { a = "1", b = "2" }
  to       = x.each[each.key]
  id       = each.value
}
import {
  for_each = toset(["p", "q"])
  to       = module.m[each.key].x.r[local.zero]
  id       = each.value
}
import {
  to = x.unknown[var.unknown]
  id = "1"
}
import {
  for_each = var.unknown
  to       = x.unknown[each.key]
  id       = "1"
}
locals { zero = 0 }
variable "unknown" {}
`, setup{})
	inState := []string{"x.taken", `x.each["a"]`, `module.m["p"].x.r[0]`}
	taken := func(addr string) bool { return slices.Contains(inState, addr) }
	equal(t, "addresses", strings.Join(e.PendingImports(taken), " "),
		`x.plain module.m["k"].x.r[0] x.each["b"] module.m["q"].x.r[0] x.unknown[var.unknown] x.unknown[each.key]`)
	equal(t, "without values", len(e.tree.PendingImports(taken)), 6)
}

func TestRemovedBy(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
removed { from = x.destroyed }
removed {
  from = x.forgotten
  lifecycle { destroy = false }
}
removed {
  from = module.gone
  lifecycle { destroy = false }
}
removed { from = module.m.x.inside }
module "m" {
  source   = "./m"
  for_each = toset(["k"])
}
-- m/main.tf --
removed { from = x.by_itself }
removed { from = module.gone.x.r }
`, setup{})
	for addr, want := range map[string]string{
		"x.destroyed[0]": "destroy", `x.forgotten["k"]`: "forget", `module.gone["k"].module.inner.x.r`: "forget", "x.other": "",
		`module.m["k"].x.inside`: "destroy", `module.m["k"].x.by_itself[1]`: "destroy", `module.m["k"].module.gone.x.r`: "destroy",
		"x.inside": "", `module.m["k"].x.forgotten`: "", "data.x.destroyed": "",
	} {
		got := ""
		if removed, ok := e.tree.RemovedBy(address(t, addr)); ok {
			got = map[bool]string{true: "destroy", false: "forget"}[removed.Destroy]
		}
		equal(t, addr, got, want)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	e := evaluator(t, providerArchive+`
-- resources.tf --
resource "cloud_thing" "r" { count = 3 }
`, setup{state: map[string]string{"data.cloud_token.t": `{ value = 1 }`}})
	moves, err := e.Moves([]drift.Address{address(t, "cloud_thing.r")})
	must(t, err)
	done := make(chan error)
	for i := range 8 {
		go func() {
			addr := drift.Address{Mode: drift.Managed, Type: "cloud_thing", Name: "r", Key: drift.IntKey(i % 4)}
			src := e.Source(addr, thing())
			if want := map[bool]Existence{true: Exists, false: Absent}[i%4 < 3]; src.Existence != want {
				done <- fmt.Errorf("%s: %v", addr, src.Existence)
				return
			}
			e.SensitiveVariables()
			e.Meta(nil, "x", cloud())
			moves.Follow(addr)
			e.tree.PendingImports(func(string) bool { return false })
			_, _, err := e.ProviderConfig(drift.ProviderConfig{Module: "module.handed.module.inner", Provider: "registry.terraform.io/acme/cloud"}, cloud())
			done <- err
		}()
	}
	for range 8 {
		must(t, <-done)
	}
}

// What OpenTofu's states call registry.opentofu.org/x/y is x/y of the source.
func TestProviderConfigOfOpenTofu(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
terraform {
  required_providers {
    cloud = { source = "acme/cloud" }
  }
}
provider "cloud" { region = "east" }
provider "cloud" {
  alias  = "west"
  region = "west"
}
module "m" {
  source    = "./m"
  providers = { cloud = cloud.west }
}
-- m/main.tf --
terraform {
  required_providers {
    cloud = { source = "acme/cloud" }
  }
}
`, setup{})
	for want, pc := range map[string]drift.ProviderConfig{
		"east":            {Provider: "registry.opentofu.org/acme/cloud"},
		"west":            {Provider: "registry.opentofu.org/acme/cloud", Alias: "west"},
		"west, in module": {Provider: "registry.opentofu.org/acme/cloud", Module: "module.m"},
	} {
		v, problems, err := e.ProviderConfig(pc, cloud())
		must(t, err)
		region, _, _ := strings.Cut(want, ",")
		equal(t, want, v.GetAttr("region").AsString(), region)
		equal(t, want, texts(problems), "")
	}
}

type mark string

// With KeepMarks, no way from a value to a configuration loses its mark, and a
// neighbour does not catch it.
func TestKeepMarks(t *testing.T) {
	t.Parallel()
	tree := load(t, `
terraform {
  required_providers {
    cloud = { source = "acme/cloud" }
  }
}
data "cloud_id" "me" {}
locals {
  regions = { "111" = "east", "222" = "west" }
  both    = { stale = data.cloud_id.me.account, fresh = "east" }
}
module "counted" {
  source = "./m"
  count  = data.cloud_id.me.account == "111" ? 1 : 0
}
module "each" {
  source   = "./m"
  for_each = toset(data.cloud_id.me.account == "111" ? ["a"] : [])
}
provider "cloud" {
  alias  = "index"
  region = local.regions[data.cloud_id.me.account]
}
provider "cloud" {
  alias  = "count"
  region = one(module.counted[*].region)
}
provider "cloud" {
  alias  = "for_each"
  region = join(",", [for k, m in module.each : m.region])
}
provider "cloud" {
  alias = "dynamic"
  dynamic "role" {
    for_each = data.cloud_id.me.account == "111" ? ["a"] : []
    content { arn = role.value }
  }
}
provider "cloud" {
  alias  = "neighbour"
  region = local.both.fresh
}
-- m/main.tf --
output "region" { value = "east" }
`)
	values := objects{"data.cloud_id.me": cty.ObjectVal(map[string]cty.Value{"account": cty.StringVal("111").Mark(mark("stale"))})}
	e := NewEvaluator(tree, Inputs{Workspace: "default", Values: values, KeepMarks: true})
	for alias, want := range map[string]bool{"index": true, "count": true, "for_each": true, "dynamic": true, "neighbour": false} {
		v, _, err := e.ProviderConfig(drift.ProviderConfig{Provider: "registry.terraform.io/acme/cloud", Alias: alias}, cloud())
		must(t, err)
		_, marks := v.UnmarkDeep()
		_, got := marks[mark("stale")]
		equal(t, alias, got, want)
	}
}
