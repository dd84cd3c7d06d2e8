package verdict_test

import (
	"encoding/json"
	"testing"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// The named cases are about a thing, a resource type with one of everything.
// Inside each block and nested attribute, set is optional, either optional and
// computed, made read-only.

func optional(ty cty.Type) *schema.Attribute { return &schema.Attribute{Type: ty, Optional: true} }

func either(ty cty.Type) *schema.Attribute {
	return &schema.Attribute{Type: ty, Optional: true, Computed: true}
}

func made(ty cty.Type) *schema.Attribute { return &schema.Attribute{Type: ty, Computed: true} }

func inside() map[string]*schema.Attribute {
	return map[string]*schema.Attribute{"set": optional(cty.String), "either": either(cty.String), "made": made(cty.String)}
}

func nested(n schema.Nesting) *schema.Attribute {
	return &schema.Attribute{Optional: true, Nested: &schema.Object{Nesting: n, Attributes: inside()}}
}

func block(n schema.Nesting, blocks map[string]*schema.NestedBlock) *schema.NestedBlock {
	return &schema.NestedBlock{Nesting: n, Block: schema.Block{Attributes: inside(), Blocks: blocks}}
}

func thing() *schema.Block {
	secret := optional(cty.String)
	secret.WriteOnly = true
	computedObject := nested(schema.Single)
	computedObject.Computed = true
	return &schema.Block{
		Attributes: map[string]*schema.Attribute{
			"name":    {Type: cty.String, Required: true},
			"size":    optional(cty.Number),
			"tags":    optional(cty.Map(cty.String)),
			"list":    optional(cty.List(cty.String)),
			"group":   either(cty.Set(cty.String)),
			"zone":    either(cty.String),
			"arn":     made(cty.String),
			"secret":  secret,
			"any":     optional(cty.DynamicPseudoType),
			"object":  nested(schema.Single),
			"guessed": computedObject,
			"objects": nested(schema.List),
			"bag":     nested(schema.Set),
			"named":   nested(schema.Map),
		},
		Blocks: map[string]*schema.NestedBlock{
			"one":   block(schema.Single, nil),
			"many":  block(schema.List, map[string]*schema.NestedBlock{"deep": block(schema.List, nil)}),
			"pool":  block(schema.Set, map[string]*schema.NestedBlock{"deep": block(schema.Set, nil)}),
			"keyed": block(schema.Map, nil),
			"fixed": block(schema.Group, nil),
		},
	}
}

// reader reads values of a schema from JSON in which what is nothing is left
// out, and "?" is unknown.
type reader struct {
	*testing.T
	source bool // in the shape of an evaluated source
}

// object reads a thing.
func object(t *testing.T, src string) cty.Value {
	t.Helper()
	return reader{t, false}.read(thing(), src)
}

// source reads a thing's source.
func source(t *testing.T, src string) cty.Value {
	t.Helper()
	if src == `"?"` {
		return cty.DynamicVal
	}
	return reader{t, true}.read(thing(), src)
}

func (r reader) read(b *schema.Block, src string) cty.Value {
	r.Helper()
	var raw map[string]any
	if err := json.Unmarshal([]byte(src), &raw); err != nil {
		r.Fatalf("%v in %s", err, src)
	}
	return r.block(b, raw)
}

func (r reader) block(b *schema.Block, raw map[string]any) cty.Value {
	r.Helper()
	vals := r.attributes(b.Attributes, raw)
	for name := range raw {
		if b.Attributes[name] == nil && b.Blocks[name] == nil {
			r.Fatalf("no %s in the schema", name)
		}
	}
	for name, n := range b.Blocks {
		one := func(raw any) cty.Value { return r.block(&n.Block, raw.(map[string]any)) }
		switch v := raw[name]; {
		case v == "?":
			vals[name] = cty.DynamicVal
		case v != nil:
			vals[name] = r.elements(n.Nesting, n.None().Type(), v, one)
		case r.source && (n.Nesting == schema.List || n.Nesting == schema.Set):
			vals[name] = cty.EmptyTupleVal
		case r.source && n.Nesting == schema.Map:
			vals[name] = cty.EmptyObjectVal
		default:
			vals[name] = n.None()
		}
	}
	return cty.ObjectVal(vals)
}

func (r reader) attributes(attrs map[string]*schema.Attribute, raw map[string]any) map[string]cty.Value {
	r.Helper()
	vals := map[string]cty.Value{}
	for name, attr := range attrs {
		one := func(raw any) cty.Value {
			return cty.ObjectVal(r.attributes(attr.Nested.Attributes, raw.(map[string]any)))
		}
		switch v := raw[name]; {
		case v == "?":
			vals[name] = cty.UnknownVal(attr.ImpliedType())
		case v == nil:
			vals[name] = cty.NullVal(attr.ImpliedType())
		case attr.Nested != nil:
			vals[name] = reader{r.T, false}.elements(attr.Nested.Nesting, attr.ImpliedType(), v, one)
		default:
			vals[name] = r.leaf(attr.Type, v)
		}
	}
	return vals
}

func (r reader) leaf(ty cty.Type, v any) cty.Value {
	r.Helper()
	src, err := json.Marshal(v)
	if err != nil {
		r.Fatal(err)
	}
	if ty == cty.DynamicPseudoType {
		if ty, err = ctyjson.ImpliedType(src); err != nil {
			r.Fatal(err)
		}
	}
	value, err := ctyjson.Unmarshal(src, ty)
	if err != nil {
		r.Fatal(err)
	}
	return value
}

func (r reader) elements(n schema.Nesting, ty cty.Type, raw any, one func(any) cty.Value) cty.Value {
	r.Helper()
	switch n {
	case schema.Single, schema.Group:
		return one(raw)
	case schema.Map:
		elems := map[string]cty.Value{}
		for name, elem := range raw.(map[string]any) {
			elems[name] = one(elem)
		}
		if r.source {
			return cty.ObjectVal(elems)
		}
		return schema.Named(ty, elems)
	}
	var elems []cty.Value
	for _, elem := range raw.([]any) {
		elems = append(elems, one(elem))
	}
	if r.source {
		return cty.TupleVal(elems)
	}
	return schema.Collect(ty, elems)
}

func mustEqual(t *testing.T, got, want cty.Value) {
	t.Helper()
	if got.RawEquals(want) {
		return
	}
	differing := drift.Diff(got, want)
	t.Errorf("differs at %v", formatPaths(differing))
	for _, path := range differing {
		t.Errorf("%s:\ngot  %#v\nwant %#v", drift.FormatPath(path), drift.ValueAt(got, path), drift.ValueAt(want, path))
	}
	if len(differing) == 0 {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}
