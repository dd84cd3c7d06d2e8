//go:build unix

package cli_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/provider/providertest"
)

// regional is the source of a provider block per region, as OpenTofu has them,
// with an object in each: a world of its own is what a region is to the test
// provider.
// https://opentofu.org/docs/language/providers/configuration/#for_each-multiple-instances-of-a-provider-configuration
const regional = `variable "regions" {
  type    = map(string)
  default = %s
}
provider "test" {
  alias    = "by_region"
  for_each = %s
  dir      = each.value
  region   = each.key
}
`

const eachRegion = `resource "test_simple" "this" {
  for_each = var.regions
  provider = test.by_region[each.key]
  name     = "n"
  note     = "code"
}
`

const eachModule = `module "net" {
  for_each  = var.regions
  source    = "./net"
  providers = { test = test.by_region[each.key] }
}
`

const inModule = `terraform {
  required_providers {
    test = { source = %q }
  }
}
resource "test_simple" "this" {
  name = "n"
  note = "code"
}
`

// regions makes a stack with an object of the id "this" in each of two worlds,
// and gives the worlds.
func (r *repository) regions(t *testing.T, forEach, code, module string) map[string]*providertest.World {
	t.Helper()
	worlds, dirs := map[string]*providertest.World{}, map[string]string{}
	for _, name := range []string{"eu", "us"} {
		worlds[name] = &providertest.World{Dir: filepath.Join(r.base, name), Record: r.world.Record}
		dirs[name] = worlds[name].Dir
		worlds[name].Put(t, "test_simple", "this", map[string]any{"name": "n", "note": "code"})
	}
	text, err := json.Marshal(dirs)
	must(t, err)
	r.stack(t, "odd", fmt.Sprintf(regional, text, forEach)+code)
	must(t, renamed(r, "odd/main.tf", "odd/main.tofu"))
	r.file(t, "odd/net/main.tofu", fmt.Sprintf(inModule, r.pkg.Source))
	r.file(t, "odd/terraform.tfstate", regionalState(t, r.pkg.Source, module))
	return worlds
}

// regionalState is a state as OpenTofu writes it: the provider is in the
// instance's instance_provider where it depends on a key.
func regionalState(t *testing.T, source, module string) string {
	t.Helper()
	var resources []any
	entry := func(module string, instances ...any) {
		resources = append(resources, map[string]any{"module": module, "mode": "managed", "type": "test_simple", "name": "this", "instances": instances})
	}
	instance := func(region string, key any) any {
		return map[string]any{
			"index_key": key, "schema_version": 0, "attributes": providertest.StateOf(t, "test_simple", "this", map[string]any{"name": "n", "note": "code"}),
			"instance_provider": fmt.Sprintf(`provider[%q].by_region[%q]`, source, region),
		}
	}
	if module == "" {
		entry("", instance("eu", "eu"), instance("us", "us"))
	} else {
		entry(module+`["eu"]`, instance("eu", nil))
		entry(module+`["us"]`, instance("us", nil))
	}
	src, err := json.Marshal(map[string]any{"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "regions", "resources": resources})
	must(t, err)
	return string(src)
}

// TestProviderPerRegion checks a stack with a provider block per region: each
// object is looked for in its own. What can't be told is never clean.
func TestProviderPerRegion(t *testing.T) {
	t.Parallel()
	rig := newOddRig(t)
	t.Run("group", func(t *testing.T) {
		for _, c := range []struct{ name, code, module, drifted string }{
			{"resources", eachRegion, "", `test_simple.this["us"]`},
			{"modules", eachModule, "module.net", `module.net["us"].test_simple.this`},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				r := rig.repository(t)
				worlds := r.regions(t, "var.regions", c.code, c.module)
				got := r.check(t)
				r.expect(t, got, one(isClean, ""), drift.StatusClean)
				if n := got.stack(t, "odd"); n.Resources.Checked != 2 || len(n.Pending) > 0 {
					t.Errorf("%+v, pending %+v", n.Resources, n.Pending)
				}
				worlds["us"].Edit(t, "test_simple", "this", func(attrs map[string]any) { attrs["note"] = "by hand" })
				s := r.check(t).stack(t, "odd")
				if s.Status != drift.StatusDrifted || len(s.Findings) != 1 || s.Findings[0].Address != c.drifted || s.Findings[0].Certainty != drift.Certain {
					t.Errorf("%s, %+v, %+v", s.Status, s.Findings, s.Errors)
				}
				r.world.AssertReadOnly(t)
			})
		}
		for name, forEach := range map[string]string{
			"regions that are not known":    `var.regions_of_ci`,
			"a region that left the source": `{ for k, v in var.regions : k => v if k != "us" }`,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := rig.repository(t)
				r.regions(t, forEach, eachRegion+"variable \"regions_of_ci\" {}\n", "")
				got := r.check(t)
				r.expect(t, got, one(got.stack(t, "odd").Status, "terraform_missing", "the plan engine had to check this stack", "by_region"), drift.StatusClean)
				s := got.stack(t, "odd")
				if s.Status == drift.StatusClean || !slices.ContainsFunc(s.Errors, func(e drift.Error) bool { return e.Address == `test_simple.this["us"]` }) {
					t.Errorf("%s, %+v", s.Status, s.Errors)
				}
			})
		}
	})
}
