package schema_test

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

func attrs(types map[string]cty.Type) map[string]*schema.Attribute {
	out := map[string]*schema.Attribute{}
	for name, ty := range types {
		out[name] = &schema.Attribute{Type: ty, Optional: true}
	}
	return out
}

func nested(n schema.Nesting, blocks map[string]*schema.NestedBlock) *schema.NestedBlock {
	return &schema.NestedBlock{Nesting: n, Block: schema.Block{Blocks: blocks}}
}

func blocks(plain, dynamic schema.Nesting) *schema.Block {
	return &schema.Block{Blocks: map[string]*schema.NestedBlock{
		"plain":   {Nesting: plain, Block: schema.Block{Attributes: attrs(map[string]cty.Type{"x": cty.String})}},
		"dynamic": {Nesting: dynamic, Block: schema.Block{Attributes: attrs(map[string]cty.Type{"x": cty.DynamicPseudoType})}},
	}}
}

func TestImpliedType(t *testing.T) {
	t.Parallel()
	plain := cty.Object(map[string]cty.Type{"x": cty.String})
	dynamic := cty.Object(map[string]cty.Type{"x": cty.DynamicPseudoType})
	for _, c := range []struct {
		nesting                  schema.Nesting
		plain, dynamic           cty.Type // of blocks
		attribute                cty.Type // of a nested attribute
		noPlain, noDynamic       cty.Value
		plainNull, dynamicNormal cty.Value
	}{
		{schema.Single, plain, dynamic, plain, cty.NullVal(plain), cty.NullVal(dynamic), cty.NullVal(plain), cty.NullVal(dynamic)},
		{
			schema.Group, plain, dynamic, plain,
			cty.ObjectVal(map[string]cty.Value{"x": cty.NullVal(cty.String)}), cty.ObjectVal(map[string]cty.Value{"x": cty.NullVal(cty.DynamicPseudoType)}),
			cty.NullVal(plain), cty.NullVal(dynamic),
		},
		{schema.List, cty.List(plain), cty.DynamicPseudoType, cty.List(plain), cty.ListValEmpty(plain), cty.EmptyTupleVal, cty.NullVal(cty.List(plain)), cty.NullVal(cty.DynamicPseudoType)},
		{schema.Set, cty.Set(plain), cty.Set(dynamic), cty.Set(plain), cty.SetValEmpty(plain), cty.SetValEmpty(dynamic), cty.NullVal(cty.Set(plain)), cty.NullVal(cty.Set(dynamic))},
		{schema.Map, cty.Map(plain), cty.DynamicPseudoType, cty.Map(plain), cty.MapValEmpty(plain), cty.EmptyObjectVal, cty.NullVal(cty.Map(plain)), cty.NullVal(cty.DynamicPseudoType)},
	} {
		b := blocks(c.nesting, c.nesting)
		if got, want := b.ImpliedType(), cty.Object(map[string]cty.Type{"plain": c.plain, "dynamic": c.dynamic}); !got.Equals(want) {
			t.Errorf("nesting %d: %#v, want %#v", c.nesting, got, want)
		}
		empty := cty.ObjectVal(map[string]cty.Value{"plain": c.noPlain, "dynamic": c.noDynamic})
		if got := b.Empty(); !got.RawEquals(empty) {
			t.Errorf("nesting %d: empty is %#v, want %#v", c.nesting, got, empty)
		}
		legacy := cty.ObjectVal(map[string]cty.Value{"plain": c.plainNull, "dynamic": c.dynamicNormal})
		if got := b.Normalize(legacy); !got.RawEquals(empty) {
			t.Errorf("nesting %d: normalised to %#v, want %#v", c.nesting, got, empty)
		}
		if c.nesting == schema.Group {
			continue // no mode of attributes
		}
		attr := &schema.Attribute{Nested: &schema.Object{Nesting: c.nesting, Attributes: attrs(map[string]cty.Type{"x": cty.String})}}
		if got := attr.ImpliedType(); !got.Equals(c.attribute) {
			t.Errorf("nesting %d: attribute %#v, want %#v", c.nesting, got, c.attribute)
		}
	}
}

func TestNormalizeDeep(t *testing.T) {
	t.Parallel()
	inner := blocks(schema.List, schema.Single)
	b := &schema.Block{
		Attributes: attrs(map[string]cty.Type{"list": cty.List(cty.String)}),
		Blocks: map[string]*schema.NestedBlock{
			"set": nested(schema.Set, inner.Blocks),
			"map": nested(schema.Map, map[string]*schema.NestedBlock{"plain": inner.Blocks["plain"]}),
		},
	}
	ty := b.ImpliedType()
	plainList := ty.AttributeType("set").ElementType().AttributeType("plain")
	single := ty.AttributeType("set").ElementType().AttributeType("dynamic")
	elem := func(plain cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"plain": plain, "dynamic": cty.NullVal(single)})
	}
	value := func(list, plain cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{
			"list": list, "set": cty.SetVal([]cty.Value{elem(plain)}),
			"map": cty.MapVal(map[string]cty.Value{"k": cty.ObjectVal(map[string]cty.Value{"plain": plain})}),
		})
	}
	null := cty.NullVal(cty.List(cty.String)) // an attribute: it stays
	got := b.Normalize(value(null, cty.NullVal(plainList)))
	if want := value(null, cty.ListValEmpty(plainList.ElementType())); !got.RawEquals(want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	for _, v := range []cty.Value{cty.NullVal(ty), cty.UnknownVal(ty), value(null, cty.UnknownVal(plainList))} {
		if got := b.Normalize(v); !got.RawEquals(v) {
			t.Errorf("%#v became %#v", v, got)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		attr               schema.Attribute
		readOnly, settable bool
	}{
		{schema.Attribute{Required: true}, false, false},
		{schema.Attribute{Optional: true}, false, false},
		{schema.Attribute{Optional: true, Computed: true}, false, true},
		{schema.Attribute{Computed: true}, true, false},
		{schema.Attribute{}, true, false},
	} {
		if c.attr.ReadOnly() != c.readOnly || c.attr.Settable() != c.settable {
			t.Errorf("%+v: read-only %v, settable %v", c.attr, c.attr.ReadOnly(), c.attr.Settable())
		}
	}
}

func TestSensitiveAt(t *testing.T) {
	t.Parallel()
	secret := &schema.Attribute{Type: cty.String, Optional: true, Sensitive: true}
	plain := &schema.Attribute{Type: cty.Map(cty.String), Optional: true}
	inside := map[string]*schema.Attribute{"secret": secret, "plain": plain}
	b := &schema.Block{
		Attributes: map[string]*schema.Attribute{
			"secret": secret, "plain": plain,
			"write_only": {Type: cty.String, Optional: true, WriteOnly: true},
			"object":     {Optional: true, Nested: &schema.Object{Nesting: schema.List, Attributes: inside}},
			"harmless":   {Optional: true, Nested: &schema.Object{Nesting: schema.Single, Attributes: map[string]*schema.Attribute{"plain": plain}}},
			"hidden":     {Optional: true, Sensitive: true, Nested: &schema.Object{Nesting: schema.Single, Attributes: map[string]*schema.Attribute{"plain": plain}}},
		},
		Blocks: map[string]*schema.NestedBlock{
			"pool": {Nesting: schema.Set, Block: schema.Block{Attributes: inside}},
			"outer": {Nesting: schema.List, Block: schema.Block{Blocks: map[string]*schema.NestedBlock{
				"inner": {Nesting: schema.Single, Block: schema.Block{Attributes: inside}},
				"other": {Nesting: schema.Single, Block: schema.Block{Attributes: map[string]*schema.Attribute{"plain": plain}}},
			}}},
		},
	}
	path := cty.GetAttrPath
	for _, c := range []struct {
		path cty.Path
		want bool
	}{
		{path("secret"), true},
		{path("write_only"), true},
		{path("plain"), false},
		{path("plain").IndexString("secret"), false},
		{path("object"), true},
		{path("object").IndexInt(0), true},
		{path("object").IndexInt(0).GetAttr("plain"), false},
		{path("object").IndexInt(0).GetAttr("secret"), true},
		{path("harmless"), false},
		{path("hidden").GetAttr("plain"), true},
		{path("pool"), true},
		{path("outer").IndexInt(0), true},
		{path("outer").IndexInt(0).GetAttr("inner"), true},
		{path("outer").IndexInt(0).GetAttr("inner").GetAttr("plain"), false},
		{path("outer").IndexInt(0).GetAttr("inner").GetAttr("secret"), true},
		{path("outer").IndexInt(0).GetAttr("other"), false},
		// A map of blocks may travel as an object, its keys as attributes.
		{path("pool").GetAttr("some key"), true},
		{path("pool").GetAttr("some key").GetAttr("secret"), true},
		{path("pool").GetAttr("some key").GetAttr("plain"), false},
		{nil, true},
	} {
		if got := b.SensitiveAt(c.path); got != c.want {
			t.Errorf("%#v: %v", c.path, got)
		}
	}
}
