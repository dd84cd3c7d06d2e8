package verdict_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"holdfast/internal/drift/schema"
)

// Random schemas, and values that conform to them, for the property tests. Names
// and values come from small pools, so that values often share parts.

// randomDepth is how deep blocks and objects are nested at most.
const randomDepth = 3

// inOrder ranges over a map in the order of its keys: what is drawn must depend
// on nothing else.
func inOrder[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// randomBlock draws a block with every kind of attribute, nested attribute and
// nested block; unless sets is true, none of them a set of objects.
func randomBlock(t *rapid.T, sets bool) *schema.Block { return maker{t, sets}.block(randomDepth, true) }

// maker draws schemas and values.
type maker struct {
	t    *rapid.T
	sets bool
}

func (m maker) number(least, most int) int { return rapid.IntRange(least, most).Draw(m.t, "n") }

func (m maker) once(in int) bool { return m.number(1, in) == in }

// nesting draws a mode; groups are for blocks alone.
func (m maker) nesting(groups bool) schema.Nesting {
	modes := []schema.Nesting{schema.Single, schema.List, schema.Map}
	if m.sets {
		modes = append(modes, schema.Set)
	}
	if groups {
		modes = append(modes, schema.Group)
	}
	return rapid.SampledFrom(modes).Draw(m.t, "nesting")
}

// block draws a block; dynamic and write-only attributes have no place in sets.
func (m maker) block(depth int, special bool) *schema.Block {
	b := &schema.Block{Attributes: m.attributes(depth, special), Blocks: map[string]*schema.NestedBlock{}}
	if depth == 0 {
		return b
	}
	for i := range m.number(0, 2) {
		nesting := m.nesting(true)
		inner := m.block(depth-1, special && nesting != schema.Set)
		b.Blocks[fmt.Sprintf("b%d", i)] = &schema.NestedBlock{
			Block: schema.Block{Attributes: inner.Attributes, Blocks: inner.Blocks}, Nesting: nesting,
		}
	}
	return b
}

func (m maker) attributes(depth int, special bool) map[string]*schema.Attribute {
	attrs := map[string]*schema.Attribute{}
	for i := range m.number(0, 3) {
		attrs[fmt.Sprintf("a%d", i)] = m.attribute(depth, special)
	}
	return attrs
}

func (m maker) attribute(depth int, special bool) *schema.Attribute {
	a := &schema.Attribute{Sensitive: m.once(8)}
	switch m.number(0, 5) {
	case 0:
		a.Required = true
	case 1:
		a.Computed = true
	case 2, 3:
		a.Optional, a.Computed = true, true
	default:
		a.Optional = true
		a.WriteOnly = special && m.once(4)
	}
	if depth > 0 && m.once(3) {
		a.Nested = &schema.Object{Nesting: m.nesting(false), Attributes: m.attributes(depth-1, false)}
		return a
	}
	types := []cty.Type{
		cty.String, cty.Number, cty.Bool, cty.List(cty.String), cty.Set(cty.String), cty.Map(cty.String),
		cty.List(cty.Object(map[string]cty.Type{"x": cty.String, "y": cty.List(cty.Number)})),
		cty.Set(cty.Object(map[string]cty.Type{"x": cty.String})),
	}
	if special {
		types = append(types, cty.DynamicPseudoType)
	}
	a.Type = rapid.SampledFrom(types).Draw(m.t, "type")
	return a
}

// randomObject draws an object as a provider gives it: wholly known, nothing in
// write-only attributes, and no null where a collection of blocks belongs.
func randomObject(t *rapid.T, b *schema.Block) cty.Value { return maker{t: t}.object(b, false) }

// randomRaw draws an object as the legacy SDK gives it: with nulls instead of empty
// collections of blocks, at any depth.
func randomRaw(t *rapid.T, b *schema.Block) cty.Value { return maker{t: t}.object(b, true) }

func (m maker) object(b *schema.Block, raw bool) cty.Value {
	vals := m.values(b.Attributes)
	for name, nested := range inOrder(b.Blocks) {
		vals[name] = m.nested(nested, raw)
	}
	return cty.ObjectVal(vals)
}

func (m maker) values(attrs map[string]*schema.Attribute) map[string]cty.Value {
	vals := map[string]cty.Value{}
	for name, attr := range inOrder(attrs) {
		switch {
		case attr.WriteOnly || (!attr.Required && m.once(3)):
			vals[name] = cty.NullVal(attr.ImpliedType())
		case attr.Nested == nil:
			vals[name] = m.value(attr.Type)
		default:
			one := func() cty.Value { return cty.ObjectVal(m.values(attr.Nested.Attributes)) }
			vals[name] = m.elements(attr.Nested.Nesting, attr.ImpliedType(), one)
		}
	}
	return vals
}

func (m maker) nested(n *schema.NestedBlock, raw bool) cty.Value {
	none := n.None()
	switch {
	case raw && m.once(3):
		return cty.NullVal(none.Type())
	case n.Nesting == schema.Single && m.once(3):
		return none
	}
	return m.elements(n.Nesting, none.Type(), func() cty.Value { return m.object(&n.Block, raw) })
}

func (m maker) elements(n schema.Nesting, ty cty.Type, one func() cty.Value) cty.Value {
	switch n {
	case schema.Single, schema.Group:
		return one()
	case schema.Map:
		elems := map[string]cty.Value{}
		for range m.number(0, 2) {
			elems[rapid.SampledFrom([]string{"k", "l", "two words"}).Draw(m.t, "key")] = one()
		}
		return schema.Named(ty, elems)
	}
	var elems []cty.Value
	for range m.number(0, 3) {
		elems = append(elems, one())
	}
	return schema.Collect(ty, elems)
}

func (m maker) value(ty cty.Type) cty.Value {
	switch {
	case ty == cty.DynamicPseudoType:
		return m.value(rapid.SampledFrom([]cty.Type{
			cty.String, cty.List(cty.String), cty.Tuple([]cty.Type{cty.String, cty.Number}), cty.EmptyObject,
			cty.Object(map[string]cty.Type{"x": cty.String}), cty.Map(cty.String),
		}).Draw(m.t, "dynamic"))
	case ty == cty.String:
		return cty.StringVal(rapid.SampledFrom([]string{"", "a", "b", "\u00e9\"${"}).Draw(m.t, "s"))
	case ty == cty.Number:
		return cty.MustParseNumberVal(rapid.SampledFrom([]string{"0", "-1", "0.1", "1e40"}).Draw(m.t, "number"))
	case ty == cty.Bool:
		return cty.BoolVal(rapid.Bool().Draw(m.t, "bool"))
	case ty.IsTupleType():
		var elems []cty.Value
		for _, inner := range ty.TupleElementTypes() {
			elems = append(elems, m.value(inner))
		}
		return cty.TupleVal(elems)
	case ty.IsObjectType():
		vals := map[string]cty.Value{}
		for name, inner := range inOrder(ty.AttributeTypes()) {
			vals[name] = m.value(inner)
		}
		return cty.ObjectVal(vals)
	case ty.IsMapType():
		return m.elements(schema.Map, ty, func() cty.Value { return m.value(ty.ElementType()) })
	}
	return m.elements(schema.List, ty, func() cty.Value { return m.value(ty.ElementType()) })
}

// randomSource gives a configuration, a value of the implied type, the shape in which
// package config evaluates it: repeated blocks as tuples and objects. With holes
// some parts of it are unknown.
func randomSource(t *rapid.T, b *schema.Block, config cty.Value, holes bool) cty.Value {
	return maker{t: t}.source(b, config, holes)
}

func (m maker) source(b *schema.Block, config cty.Value, holes bool) cty.Value {
	vals := config.AsValueMap()
	if vals == nil {
		vals = map[string]cty.Value{}
	}
	for name, attr := range inOrder(b.Attributes) {
		if holes && m.once(5) {
			vals[name] = cty.UnknownVal(attr.ImpliedType())
		}
	}
	for name, nested := range inOrder(b.Blocks) {
		vals[name] = m.sourceOf(nested, vals[name], holes)
	}
	return cty.ObjectVal(vals)
}

func (m maker) sourceOf(n *schema.NestedBlock, v cty.Value, holes bool) cty.Value {
	switch {
	case holes && m.once(6):
		return cty.DynamicVal
	case v.IsNull():
		return v
	case n.Nesting == schema.Single || n.Nesting == schema.Group:
		return m.source(&n.Block, v, holes)
	case n.Nesting == schema.Map:
		elems := v.AsValueMap()
		for name, elem := range inOrder(elems) {
			elems[name] = m.source(&n.Block, elem, holes)
		}
		return cty.ObjectVal(elems)
	}
	elems := v.AsValueSlice()
	for i, elem := range elems {
		elems[i] = m.source(&n.Block, elem, holes)
	}
	return cty.TupleVal(elems)
}
