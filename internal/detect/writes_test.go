package detect

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
)

// The arguments are those of azurerm 3.x and 4.x, azapi and vault.
func TestNoWrites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		attributes map[string]cty.Type
		source     map[string]cty.Value
		want       map[string]cty.Value
	}{
		{
			"azurerm 3", map[string]cty.Type{"skip_provider_registration": cty.Bool},
			map[string]cty.Value{"skip_provider_registration": cty.False},
			map[string]cty.Value{"skip_provider_registration": cty.True},
		},
		{
			"azurerm 4", map[string]cty.Type{
				"skip_provider_registration": cty.Bool, "resource_provider_registrations": cty.String, "resource_providers_to_register": cty.List(cty.String),
			},
			map[string]cty.Value{
				"skip_provider_registration": cty.True, "resource_provider_registrations": cty.StringVal("core"),
				"resource_providers_to_register": cty.ListVal([]cty.Value{cty.StringVal("Microsoft.Web")}),
			},
			map[string]cty.Value{
				"skip_provider_registration": cty.False, "resource_provider_registrations": cty.StringVal("none"),
				"resource_providers_to_register": cty.NullVal(cty.List(cty.String)),
			},
		},
		{
			"vault", map[string]cty.Type{"skip_child_token": cty.Bool, "address": cty.String},
			map[string]cty.Value{"skip_child_token": cty.NullVal(cty.Bool), "address": cty.StringVal("a")},
			map[string]cty.Value{"skip_child_token": cty.True, "address": cty.StringVal("a")},
		},
		{
			"another", map[string]cty.Type{"region": cty.String},
			map[string]cty.Value{"region": cty.StringVal("r")}, map[string]cty.Value{"region": cty.StringVal("r")},
		},
	} {
		b := &schema.Block{Attributes: map[string]*schema.Attribute{}}
		for name, ty := range c.attributes {
			b.Attributes[name] = &schema.Attribute{Type: ty, Optional: true}
		}
		if got := noWrites(b, cty.ObjectVal(c.source)); !got.RawEquals(cty.ObjectVal(c.want)) {
			t.Errorf("%s: %#v", c.name, got)
		}
	}
}

func TestPlanEnv(t *testing.T) {
	t.Parallel()
	const source = "registry.terraform.io/hashicorp/azurerm"
	for version, want := range map[string]string{"3.116.0": "ARM_SKIP_PROVIDER_REGISTRATION=true", "4.0.1": "ARM_RESOURCE_PROVIDER_REGISTRATIONS=none", "10.0.0": "ARM_RESOURCE_PROVIDER_REGISTRATIONS=none"} {
		p := &pass{
			stack: stack.Stack{Env: []string{"PATH=/bin", "ARM_RESOURCE_PROVIDER_REGISTRATIONS=core", "ARM_SKIP_PROVIDER_REGISTRATION=false"}},
			where: provider.Where{Lock: provider.Lock{source: {Version: version}}},
		}
		var found []string
		for _, entry := range p.planEnv() {
			if strings.HasPrefix(entry, "ARM_") {
				found = append(found, entry)
			}
		}
		if len(found) != 1 || found[0] != want {
			t.Errorf("%s: %v, want %s", version, found, want)
		}
	}
}
