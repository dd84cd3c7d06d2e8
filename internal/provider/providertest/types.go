package providertest

import (
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// objectType is a resource type or data source: its schema and what the
// provider does of its own accord. Attributes are named at the top level only.
type objectType struct {
	schema   *tfprotov6.Schema
	identity *tfprotov6.ResourceIdentitySchema

	replace  []string       // a change of these replaces the object
	fold     []string       // of these, upper and lower case are the same in a plan
	keep     []string       // blocks that stay when the configuration has none
	defaults map[string]any // of optional and computed attributes, at creation
	legacy   bool

	// live fills in what the provider computes at each read.
	live func(id string, attrs map[string]any, meta string)
	// upgrade turns attributes of an older schema version into today's.
	upgrade func(version int64, attrs map[string]any)
}

type flags int

const (
	required flags = 1 << iota
	optional
	computed
	sensitive
	writeOnly
)

func attribute(name string, typ tftypes.Type, f flags) *tfprotov6.SchemaAttribute {
	return &tfprotov6.SchemaAttribute{
		Name: name, Type: typ, Required: f&required != 0, Optional: f&optional != 0, Computed: f&computed != 0,
		Sensitive: f&sensitive != 0, WriteOnly: f&writeOnly != 0,
	}
}

func str(name string, f flags) *tfprotov6.SchemaAttribute { return attribute(name, tftypes.String, f) }

func num(name string, f flags) *tfprotov6.SchemaAttribute { return attribute(name, tftypes.Number, f) }

func nestedAttribute(name string, n tfprotov6.SchemaObjectNestingMode, f flags, attrs ...*tfprotov6.SchemaAttribute) *tfprotov6.SchemaAttribute {
	a := attribute(name, nil, f)
	a.NestedType = &tfprotov6.SchemaObject{Nesting: n, Attributes: attrs}
	return a
}

func nestedBlock(name string, n tfprotov6.SchemaNestedBlockNestingMode, attrs []*tfprotov6.SchemaAttribute, blocks ...*tfprotov6.SchemaNestedBlock) *tfprotov6.SchemaNestedBlock {
	return &tfprotov6.SchemaNestedBlock{TypeName: name, Nesting: n, Block: &tfprotov6.SchemaBlock{Attributes: attrs, BlockTypes: blocks}}
}

type attributes = []*tfprotov6.SchemaAttribute

// managed is the schema of a resource type: id is one of its attributes.
func managed(version int64, attrs attributes, blocks ...*tfprotov6.SchemaNestedBlock) *tfprotov6.Schema {
	return &tfprotov6.Schema{Version: version, Block: &tfprotov6.SchemaBlock{
		Version: version, Attributes: append(attributes{str("id", computed)}, attrs...), BlockTypes: blocks,
	}}
}

var (
	stringMap = tftypes.Map{ElementType: tftypes.String}
	stringSet = tftypes.Set{ElementType: tftypes.String}
	pairs     = tftypes.Set{ElementType: tftypes.Object{AttributeTypes: map[string]tftypes.Type{"key": tftypes.String, "value": tftypes.String}}}
	openPair  = tftypes.Object{AttributeTypes: map[string]tftypes.Type{"key": tftypes.String, "value": tftypes.DynamicPseudoType}}
)

const (
	settable = optional | computed

	single = tfprotov6.SchemaNestedBlockNestingModeSingle
	list   = tfprotov6.SchemaNestedBlockNestingModeList
	set    = tfprotov6.SchemaNestedBlockNestingModeSet
	mapped = tfprotov6.SchemaNestedBlockNestingModeMap
	group  = tfprotov6.SchemaNestedBlockNestingModeGroup
)

// providerSchema is of the provider's own configuration.
var providerSchema = &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{
	Attributes: attributes{
		str("dir", optional), str("region", optional), str("token", optional|sensitive), str("file", optional),
		attribute("behave", stringMap, optional),
	},
	BlockTypes: []*tfprotov6.SchemaNestedBlock{nestedBlock("assume", single, attributes{str("role", optional), str("key", optional|sensitive)})},
}}

var metaSchema = &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{Attributes: attributes{str("module_name", optional)}}}

// resourceTypes are the resource types of a protocol.
func resourceTypes(protocol int) map[string]*objectType {
	types := map[string]*objectType{
		"test_simple": simple(), "test_blocks": blocks(), "test_sets": sets(), "test_dynamic": dynamic(),
		"test_secret": secret(), "test_volatile": volatile(), "test_upgraded": upgraded(),
		"test_identified": identified(), "test_tagged": tagged(), "test_legacy": legacy(), "test_meta": meta(),
	}
	if protocol == 6 {
		types["test_nested"] = nested()
	}
	return types
}

func simple() *objectType {
	return &objectType{
		schema: managed(0, attributes{
			str("name", required), str("note", optional), num("size", optional), attribute("enabled", tftypes.Bool, optional),
			attribute("tags", stringMap, optional), attribute("zones", stringSet, optional),
			attribute("ports", tftypes.List{ElementType: tftypes.Number}, optional),
			str("label", optional), str("color", settable), str("secret", optional|sensitive), str("arn", computed),
		}),
		replace: []string{"name"}, fold: []string{"label"}, defaults: map[string]any{"color": "blue"},
		live: func(_ string, attrs map[string]any, _ string) {
			name, _ := attrs["name"].(string)
			attrs["arn"] = "arn:test:" + name
		},
	}
}

// tagged is like a resource of AWS: tags_all is tags and more.
func tagged() *objectType {
	return &objectType{
		schema: managed(0, attributes{str("name", optional), attribute("tags", stringMap, optional), attribute("tags_all", stringMap, settable)}),
		live:   func(_ string, attrs map[string]any, _ string) { attrs["tags_all"] = attrs["tags"] },
	}
}

func blocks() *objectType {
	plain := attributes{str("name", optional), str("mode", settable)}
	return &objectType{schema: managed(0, attributes{str("title", optional)},
		nestedBlock("one", single, plain),
		nestedBlock("step", list, append(attributes{num("number", computed)}, plain...), nestedBlock("option", list, plain)),
		nestedBlock("rule", set, plain),
		nestedBlock("part", mapped, plain),
		nestedBlock("base", group, plain),
	), live: func(_ string, attrs map[string]any, _ string) {
		steps, _ := attrs["step"].([]any)
		for i, step := range steps {
			if s, ok := step.(map[string]any); ok {
				s["number"] = i + 1
			}
		}
	}}
}

func nested() *objectType {
	inner := func(more ...*tfprotov6.SchemaAttribute) attributes {
		return append(attributes{str("name", optional), str("mode", settable), str("secret", optional|sensitive)}, more...)
	}
	return &objectType{schema: managed(0, attributes{
		nestedAttribute("one", tfprotov6.SchemaObjectNestingModeSingle, optional, inner(str("pin", optional|writeOnly))...),
		nestedAttribute("list", tfprotov6.SchemaObjectNestingModeList, optional, inner()...),
		nestedAttribute("set", tfprotov6.SchemaObjectNestingModeSet, optional, str("name", optional), str("secret", optional|sensitive)),
		nestedAttribute("map", tfprotov6.SchemaObjectNestingModeMap, optional, inner()...),
		num("all", computed),
	}), live: func(_ string, attrs map[string]any, _ string) {
		l, _ := attrs["list"].([]any)
		s, _ := attrs["set"].([]any)
		m, _ := attrs["map"].(map[string]any)
		attrs["all"] = len(l) + len(s) + len(m)
	}}
}

func sets() *objectType {
	return &objectType{schema: managed(0, attributes{attribute("pairs", pairs, optional), attribute("found", pairs, computed)},
		nestedBlock("rule", set, attributes{str("name", required), num("port", settable)}),
	)}
}

func dynamic() *objectType {
	return &objectType{schema: managed(0, attributes{
		attribute("value", tftypes.DynamicPseudoType, optional), attribute("pair", openPair, optional),
	}, nestedBlock("wrap", single, attributes{attribute("value", tftypes.DynamicPseudoType, optional)}))}
}

func secret() *objectType {
	return &objectType{schema: managed(0, attributes{
		str("user", optional), str("password", optional|sensitive), str("token_wo", optional|writeOnly), num("token_wo_version", optional),
	})}
}

func volatile() *objectType {
	return &objectType{
		schema: managed(0, attributes{str("name", optional), str("read_at", computed)}),
		live: func(_ string, attrs map[string]any, _ string) {
			attrs["read_at"] = time.Now().UTC().Format(time.RFC3339Nano)
		},
	}
}

func upgraded() *objectType {
	return &objectType{
		schema: managed(2, attributes{str("name", optional), attribute("tags", stringMap, optional)}),
		upgrade: func(version int64, attrs map[string]any) {
			if version < 2 {
				attrs["name"] = attrs["title"]
				delete(attrs, "title")
			}
		},
	}
}

func identified() *objectType {
	return &objectType{
		schema:  managed(0, attributes{str("bucket", required), str("region", computed), str("note", optional)}),
		replace: []string{"bucket"},
		identity: &tfprotov6.ResourceIdentitySchema{Version: 1, IdentityAttributes: []*tfprotov6.ResourceIdentitySchemaAttribute{
			{Name: "bucket", Type: tftypes.String, RequiredForImport: true},
			{Name: "region", Type: tftypes.String, OptionalForImport: true},
		}},
		live: func(_ string, attrs map[string]any, _ string) {
			if attrs["region"] == nil {
				attrs["region"] = "here"
			}
		},
	}
}

func legacy() *objectType {
	return &objectType{
		schema: managed(0, attributes{str("name", optional), str("note", optional), str("state", settable)},
			nestedBlock("setting", list, attributes{str("key", optional), str("value", optional)})),
		keep: []string{"setting"}, legacy: true,
		live: func(_ string, attrs map[string]any, _ string) {
			if attrs["note"] == nil {
				attrs["note"] = ""
			}
		},
	}
}

func meta() *objectType {
	return &objectType{
		schema: managed(0, attributes{str("name", optional), str("seen_by", computed)}),
		live:   func(_ string, attrs map[string]any, meta string) { attrs["seen_by"] = meta },
	}
}

// dataSources are the same in both protocols.
func dataSources() map[string]*objectType {
	of := func(attrs ...*tfprotov6.SchemaAttribute) *objectType {
		return &objectType{schema: &tfprotov6.Schema{Block: &tfprotov6.SchemaBlock{Attributes: attrs}}}
	}
	return map[string]*objectType{
		"test_process": of(
			num("pid", computed), str("dir", computed), attribute("args", tftypes.List{ElementType: tftypes.String}, computed),
			attribute("environment", stringMap, computed), attribute("stdin", tftypes.Bool, computed),
			str("terraform_version", computed), str("region", computed), num("configured", computed),
		),
		"test_lookup":         of(str("key", required), str("value", computed)),
		"test_identity":       of(str("account", computed)),
		"aws_caller_identity": of(str("account_id", computed), str("arn", computed), str("id", computed), str("user_id", computed)),
	}
}

// complete adds to an object, as its file or a state has it, what the schema
// knows and the object does not: null attributes, no blocks.
func complete(b *tfprotov6.SchemaBlock, attrs map[string]any, legacy bool) map[string]any {
	out := maps.Clone(attrs)
	if out == nil {
		out = map[string]any{}
	}
	for _, a := range b.Attributes {
		out[a.Name] = completeAttribute(a, out[a.Name])
	}
	for _, nested := range b.BlockTypes {
		inner := func(v any) any {
			object, _ := v.(map[string]any)
			return complete(nested.Block, object, legacy)
		}
		v := out[nested.TypeName]
		switch {
		case v == nil && nested.Nesting == group:
			out[nested.TypeName] = inner(nil)
		case v == nil && (nested.Nesting == single || legacy):
			out[nested.TypeName] = nil
		case v == nil && nested.Nesting == mapped:
			out[nested.TypeName] = map[string]any{}
		case v == nil:
			out[nested.TypeName] = []any{}
		case nested.Nesting == single || nested.Nesting == group:
			out[nested.TypeName] = inner(v)
		default:
			out[nested.TypeName] = each(v, inner)
		}
	}
	return out
}

func completeAttribute(a *tfprotov6.SchemaAttribute, v any) any {
	if v == nil || a.NestedType == nil {
		return v
	}
	inner := func(v any) any {
		object, _ := v.(map[string]any)
		return complete(&tfprotov6.SchemaBlock{Attributes: a.NestedType.Attributes}, object, false)
	}
	if a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle {
		return inner(v)
	}
	return each(v, inner)
}

// each applies f to the elements of a JSON array or object.
func each(v any, f func(any) any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, elem := range v {
			out[i] = f(elem)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, elem := range v {
			out[key] = f(elem)
		}
		return out
	}
	return v
}
