package detect

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
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
