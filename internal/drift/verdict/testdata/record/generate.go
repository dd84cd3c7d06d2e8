package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift/schema"
)

// generator makes up schemas and values. Values come from a small pool, so that
// elements of a configuration and of a prior value often match.
type generator struct{ *rand.Rand }

func (g generator) chance(p float64) bool { return g.Float64() < p }

func (g generator) trial(name string) *trial {
	t := &trial{typeName: name, block: g.block(3, place{special: true, nested: true})}
	t.config = g.configBlock(t.block)
	switch {
	case g.chance(0.05):
		t.prior = cty.NullVal(t.block.ImpliedType())
	case g.chance(0.15):
		t.prior = g.priorBlock(t.block, g.configBlock(t.block))
	default:
		t.prior = g.priorBlock(t.block, t.config)
	}
	if g.chance(0.5) {
		t.ignore = g.ignores(t)
	}
	return t
}

// place says what core allows where: write-only and dynamic attributes nowhere
// in collections; and nested attributes not in collections of blocks, where
// Terraform 1.11 panics when elements leave out different ones.
type place struct{ special, nested bool }

func (p place) in(n schema.Nesting) place {
	if n == schema.Single || n == schema.Group {
		return p
	}
	return place{special: p.special && n == schema.List}
}

func (g generator) block(depth int, at place) *schema.Block {
	b := &schema.Block{Attributes: g.attributes(depth, at), Blocks: map[string]*schema.NestedBlock{}}
	if depth == 0 {
		return b
	}
	for i := range g.IntN(3) {
		nesting := schema.Nesting(1 + g.IntN(5))
		inner := g.block(depth-1, at.in(nesting))
		b.Blocks[fmt.Sprintf("b%d", i)] = &schema.NestedBlock{
			Block: schema.Block{Attributes: inner.Attributes, Blocks: inner.Blocks}, Nesting: nesting,
		}
	}
	return b
}

func (g generator) attributes(depth int, at place) map[string]*schema.Attribute {
	attrs := map[string]*schema.Attribute{}
	for i := range 1 + g.IntN(3) {
		attrs[fmt.Sprintf("a%d", i)] = g.attribute(depth, at)
	}
	return attrs
}

func (g generator) attribute(depth int, at place) *schema.Attribute {
	a := &schema.Attribute{}
	switch n := g.IntN(10); {
	case n < 3:
		a.Optional, a.Computed = true, true
	case n < 5:
		a.Computed = true
	case n < 6:
		a.Required = true
	case n < 7 && at.special:
		a.Optional, a.WriteOnly = true, true
	default:
		a.Optional = true
	}
	if depth > 0 && at.nested && g.chance(0.35) {
		nesting := schema.Nesting(1 + g.IntN(4))
		inner := place{special: at.special && nesting == schema.Single && !a.Computed, nested: true}
		a.Nested = &schema.Object{Nesting: nesting, Attributes: g.attributes(depth-1, inner)}
		return a
	}
	types := []cty.Type{
		cty.String, cty.String, cty.Number, cty.Bool, cty.List(cty.String), cty.Set(cty.String), cty.Map(cty.String),
		cty.List(cty.Object(map[string]cty.Type{"x": cty.String, "y": cty.Number})),
	}
	if at.special && !a.WriteOnly {
		types = append(types, cty.DynamicPseudoType)
	}
	a.Type = types[g.IntN(len(types))]
	return a
}

// configBlock makes a configuration.
func (g generator) configBlock(b *schema.Block) cty.Value {
	vals := map[string]cty.Value{}
	for name, attr := range b.Attributes {
		vals[name] = g.configAttribute(attr)
	}
	for name, nested := range b.Blocks {
		count := g.IntN(3)
		switch {
		case nested.Nesting == schema.Group:
			vals[name] = nested.Empty()
			if count > 0 || required(&nested.Block) {
				vals[name] = g.configBlock(&nested.Block)
			}
		case nested.Nesting == schema.Single:
			vals[name] = nested.None()
			if count > 0 {
				vals[name] = g.configBlock(&nested.Block)
			}
		default:
			vals[name] = collect(nested.Nesting, nested.None().Type(), count, func() cty.Value { return g.configBlock(&nested.Block) })
		}
	}
	return cty.ObjectVal(vals)
}

// required reports whether a block that is not written would be refused.
func required(b *schema.Block) bool {
	for _, attr := range b.Attributes {
		if attr.Required {
			return true
		}
	}
	for _, nested := range b.Blocks {
		if nested.Nesting == schema.Group && required(&nested.Block) {
			return true
		}
	}
	return false
}

var keys = []string{"k", "l", "m"}

func collect(n schema.Nesting, ty cty.Type, count int, one func() cty.Value) cty.Value {
	if n == schema.Map {
		elems := map[string]cty.Value{}
		for _, key := range keys[:count] {
			elems[key] = one()
		}
		return schema.Named(ty, elems)
	}
	var elems []cty.Value
	for range count {
		elems = append(elems, one())
	}
	return schema.Collect(ty, elems)
}

func (g generator) configAttribute(a *schema.Attribute) cty.Value {
	if a.ReadOnly() || (!a.Required && g.chance(0.4)) {
		return cty.NullVal(a.ImpliedType())
	}
	if a.Nested == nil {
		return g.value(a.Type)
	}
	one := func() cty.Value {
		vals := map[string]cty.Value{}
		for name, attr := range a.Nested.Attributes {
			vals[name] = g.configAttribute(attr)
		}
		return cty.ObjectVal(vals)
	}
	if a.Nested.Nesting == schema.Single {
		return one()
	}
	return collect(a.Nested.Nesting, a.ImpliedType(), g.IntN(3), one)
}

func (g generator) value(ty cty.Type) cty.Value {
	switch {
	case ty == cty.DynamicPseudoType:
		return g.value([]cty.Type{cty.String, cty.Number, cty.EmptyTuple, cty.Object(map[string]cty.Type{"x": cty.String})}[g.IntN(4)])
	case ty == cty.String:
		return cty.StringVal([]string{"", "a", "b", "c"}[g.IntN(4)])
	case ty == cty.Number:
		return cty.NumberFloatVal([]float64{0, 1, 2.5}[g.IntN(3)])
	case ty == cty.Bool:
		return cty.BoolVal(g.chance(0.5))
	case ty.IsTupleType():
		return cty.TupleVal([]cty.Value{g.value(cty.String), g.value(cty.Number)}[:g.IntN(3)])
	case ty.IsObjectType():
		vals := map[string]cty.Value{}
		for name, inner := range ty.AttributeTypes() {
			vals[name] = g.value(inner)
		}
		return cty.ObjectVal(vals)
	case ty.IsMapType():
		return collect(schema.Map, ty, g.IntN(4), func() cty.Value { return g.value(ty.ElementType()) })
	}
	return collect(schema.List, ty, g.IntN(3), func() cty.Value { return g.value(ty.ElementType()) })
}

// priorBlock makes what may have become of a configuration: filled in by the
// provider, and changed by hand.
func (g generator) priorBlock(b *schema.Block, config cty.Value) cty.Value {
	vals := map[string]cty.Value{}
	for name, attr := range b.Attributes {
		vals[name] = g.priorAttribute(attr, config.GetAttr(name))
	}
	for name, nested := range b.Blocks {
		v := config.GetAttr(name)
		again := func(v cty.Value) cty.Value { return g.priorBlock(&nested.Block, v) }
		fresh := func() cty.Value { return g.priorBlock(&nested.Block, g.configBlock(&nested.Block)) }
		vals[name] = g.priorElements(nested.Nesting, v, nested.Nesting == schema.Group, again, fresh)
	}
	return cty.ObjectVal(vals)
}

func (g generator) priorAttribute(a *schema.Attribute, config cty.Value) cty.Value {
	settable := *a
	settable.Optional = true
	switch {
	case a.WriteOnly:
		return cty.NullVal(a.ImpliedType())
	case config.IsNull() && (a.Computed || g.chance(0.1)):
		config = g.configAttribute(&settable)
	case g.chance(0.1):
		config = g.configAttribute(&settable)
	}
	if a.Nested == nil || config.IsNull() {
		return config
	}
	again := func(v cty.Value) cty.Value {
		vals := map[string]cty.Value{}
		for name, attr := range a.Nested.Attributes {
			vals[name] = g.priorAttribute(attr, v.GetAttr(name))
		}
		return cty.ObjectVal(vals)
	}
	fresh := func() cty.Value {
		vals := map[string]cty.Value{}
		for name, attr := range a.Nested.Attributes {
			vals[name] = g.priorAttribute(attr, g.configAttribute(attr))
		}
		return cty.ObjectVal(vals)
	}
	return g.priorElements(a.Nested.Nesting, config, false, again, fresh)
}

// priorElements keeps most elements, and now and then loses or adds one.
func (g generator) priorElements(n schema.Nesting, v cty.Value, always bool, again func(cty.Value) cty.Value, fresh func() cty.Value) cty.Value {
	switch {
	case n == schema.Single || n == schema.Group:
		switch {
		case !always && g.chance(0.1):
			return cty.NullVal(v.Type())
		case v.IsNull():
			return v
		}
		return again(v)
	case g.chance(0.04):
		return cty.NullVal(v.Type())
	case n == schema.Map:
		elems := map[string]cty.Value{}
		for name, elem := range v.AsValueMap() {
			if !g.chance(0.15) {
				elems[name] = again(elem)
			}
		}
		if g.chance(0.15) {
			elems["n"] = fresh()
		}
		return schema.Named(v.Type(), elems)
	}
	var elems []cty.Value
	for _, elem := range v.AsValueSlice() {
		if !g.chance(0.15) {
			elems = append(elems, again(elem))
		}
	}
	if g.chance(0.15) {
		elems = append(elems, fresh())
	}
	return schema.Collect(v.Type(), elems)
}

// ignores makes up ignore_changes that fit the schema.
func (g generator) ignores(t *trial) []string {
	if g.chance(0.1) {
		return []string{"all"}
	}
	var out []string
	for name, attr := range t.block.Attributes {
		switch {
		case g.chance(0.5):
		case attr.Nested == nil && attr.Type.IsMapType():
			out = append(out, name+`["`+keys[g.IntN(3)]+`"]`)
		case attr.Nested == nil && attr.Type.IsListType():
			out = append(out, fmt.Sprintf("%s[%d]", name, g.IntN(2)))
		case attr.Nested != nil && attr.Nested.Nesting == schema.Single:
			out = append(out, name+".a0")
		case attr.Nested != nil && attr.Nested.Nesting == schema.Map:
			out = append(out, name+`["k"].a0`)
		default:
			out = append(out, name)
		}
	}
	for name, nested := range t.block.Blocks {
		switch {
		case g.chance(0.5):
		case nested.Nesting == schema.Single || nested.Nesting == schema.Group:
			out = append(out, name+".a0")
		case nested.Nesting == schema.List:
			out = append(out, name+"[0].a0")
		default:
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// renderBlock writes a configuration in Terraform's JSON syntax.
func renderBlock(b *schema.Block, v cty.Value) object {
	out := renderAttributes(b.Attributes, v)
	for name, nested := range b.Blocks {
		v := v.GetAttr(name)
		if v.IsNull() {
			continue
		}
		switch nested.Nesting {
		case schema.Single, schema.Group:
			if !v.RawEquals(nested.Empty()) {
				out[name] = renderBlock(&nested.Block, v)
			}
		case schema.Map:
			blocks := object{}
			for key, elem := range v.AsValueMap() {
				blocks[key] = renderBlock(&nested.Block, elem)
			}
			if len(blocks) > 0 {
				out[name] = blocks
			}
		default:
			blocks := []object{}
			for _, elem := range v.AsValueSlice() {
				blocks = append(blocks, renderBlock(&nested.Block, elem))
			}
			out[name] = blocks
		}
	}
	return out
}

func renderAttributes(attrs map[string]*schema.Attribute, v cty.Value) object {
	out := object{}
	for name, attr := range attrs {
		if v := v.GetAttr(name); !v.IsNull() {
			out[name] = renderAttribute(attr, v)
		}
	}
	return out
}

func renderAttribute(a *schema.Attribute, v cty.Value) any {
	switch {
	case a.Nested == nil:
		return ctyjson.SimpleJSONValue{Value: v}
	case a.Nested.Nesting == schema.Single:
		return renderAttributes(a.Nested.Attributes, v)
	case a.Nested.Nesting == schema.Map:
		out := object{}
		for key, elem := range v.AsValueMap() {
			out[key] = renderAttributes(a.Nested.Attributes, elem)
		}
		return out
	}
	out := []object{}
	for _, elem := range v.AsValueSlice() {
		out = append(out, renderAttributes(a.Nested.Attributes, elem))
	}
	return out
}

// blockJSON is a schema as the recorded cases hold it.
type blockJSON struct {
	Nesting    schema.Nesting       `json:"nesting,omitempty"`
	Attributes map[string]attrJSON  `json:"attributes,omitempty"`
	Blocks     map[string]blockJSON `json:"blocks,omitempty"`
}

type attrJSON struct {
	Type   json.RawMessage `json:"type,omitempty"`
	Nested *blockJSON      `json:"nested,omitempty"`
	Flags  string          `json:"flags"` // required, optional, computed, write-only
}

func describeBlock(b *schema.Block) blockJSON {
	out := blockJSON{Attributes: describeAttributes(b.Attributes), Blocks: map[string]blockJSON{}}
	for _, name := range slices.Sorted(maps.Keys(b.Blocks)) {
		inner := describeBlock(&b.Blocks[name].Block)
		inner.Nesting = b.Blocks[name].Nesting
		out.Blocks[name] = inner
	}
	return out
}

func describeAttributes(attrs map[string]*schema.Attribute) map[string]attrJSON {
	out := map[string]attrJSON{}
	for name, attr := range attrs {
		described := attrJSON{}
		for flag, set := range map[string]bool{"r": attr.Required, "o": attr.Optional, "c": attr.Computed, "w": attr.WriteOnly} {
			if set {
				described.Flags += flag
			}
		}
		described.Flags = string(slices.Sorted(slices.Values([]byte(described.Flags))))
		if attr.Nested != nil {
			described.Nested = &blockJSON{Nesting: attr.Nested.Nesting, Attributes: describeAttributes(attr.Nested.Attributes)}
		} else {
			described.Type, _ = ctyjson.MarshalType(attr.Type)
		}
		out[name] = described
	}
	return out
}
