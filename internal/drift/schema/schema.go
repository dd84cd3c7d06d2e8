// Package schema holds what a provider says of its objects: Terraform's
// schema, as plain data, with the functions over it that need nothing else.
package schema

import (
	"sync"

	"github.com/zclconf/go-cty/cty"
)

// Nesting says how often a nested block or attribute may occur and how its
// occurrences are told apart. The numbers are those of the plugin protocol.
type Nesting int32

// The nesting modes of the plugin protocol.
const (
	Single Nesting = 1
	List   Nesting = 2
	Set    Nesting = 3
	Map    Nesting = 4
	Group  Nesting = 5 // like Single, but never null
)

// Schema is the schema of one resource type, data source or provider.
type Schema struct {
	Version int64
	Block   *Block
}

// Block is the content of a block: its attributes and the blocks inside it.
type Block struct {
	Attributes map[string]*Attribute
	Blocks     map[string]*NestedBlock

	once sync.Once
	ty   cty.Type
}

// NestedBlock is a block type inside another block.
type NestedBlock struct {
	Block
	Nesting Nesting
}

// Attribute is one argument or exported value.
type Attribute struct {
	Type      cty.Type // without Nested
	Nested    *Object  // protocol 6: an object with a schema of its own, else nil
	Required  bool
	Optional  bool
	Computed  bool
	Sensitive bool
	WriteOnly bool
}

// Object is the schema of a nested attribute.
type Object struct {
	Attributes map[string]*Attribute
	Nesting    Nesting
}

// ReadOnly reports whether the source can never set the attribute.
func (a *Attribute) ReadOnly() bool { return !a.Required && !a.Optional }

// Settable is the optional+computed kind: the source may set it, and where it
// doesn't the provider decides.
func (a *Attribute) Settable() bool { return a.Optional && a.Computed }

// ImpliedType is the type of the attribute's value.
func (a *Attribute) ImpliedType() cty.Type {
	if a.Nested == nil {
		return a.Type
	}
	elem := cty.Object(attributeTypes(a.Nested.Attributes))
	switch a.Nested.Nesting {
	case List:
		return cty.List(elem)
	case Set:
		return cty.Set(elem)
	case Map:
		return cty.Map(elem)
	default:
		return elem
	}
}

// ImpliedType is the object type that values of the block conform to, as the
// plugin protocol encodes them. It is computed once.
func (b *Block) ImpliedType() cty.Type {
	b.once.Do(func() {
		types := attributeTypes(b.Attributes)
		for name, nested := range b.Blocks {
			types[name] = nested.collectionType()
		}
		b.ty = cty.Object(types)
	})
	return b.ty
}

func attributeTypes(attrs map[string]*Attribute) map[string]cty.Type {
	types := make(map[string]cty.Type, len(attrs))
	for name, attr := range attrs {
		types[name] = attr.ImpliedType()
	}
	return types
}

// collectionType is the type of all occurrences together. Lists and maps of
// blocks whose types may differ travel as tuples and objects, which only a
// dynamic type can describe.
func (n *NestedBlock) collectionType() cty.Type {
	elem := n.ImpliedType()
	switch {
	case n.Nesting == Single || n.Nesting == Group:
		return elem
	case n.Nesting == Set:
		return cty.Set(elem)
	case elem.HasDynamicTypes():
		return cty.DynamicPseudoType
	case n.Nesting == Map:
		return cty.Map(elem)
	}
	return cty.List(elem)
}

// Empty is the value of a block with nothing in it: attributes null,
// collections of blocks empty.
func (b *Block) Empty() cty.Value {
	vals := make(map[string]cty.Value, len(b.Attributes)+len(b.Blocks))
	for name, attr := range b.Attributes {
		vals[name] = cty.NullVal(attr.ImpliedType())
	}
	for name, nested := range b.Blocks {
		vals[name] = nested.None()
	}
	return cty.ObjectVal(vals)
}

// None is the value of a block type that does not occur.
func (n *NestedBlock) None() cty.Value {
	elem := n.ImpliedType()
	switch {
	case n.Nesting == Single:
		return cty.NullVal(elem)
	case n.Nesting == Group:
		return n.Empty()
	case n.Nesting == Set:
		return cty.SetValEmpty(elem)
	case n.Nesting == Map && elem.HasDynamicTypes():
		return cty.EmptyObjectVal
	case n.Nesting == Map:
		return cty.MapValEmpty(elem)
	case elem.HasDynamicTypes():
		return cty.EmptyTupleVal
	}
	return cty.ListValEmpty(elem)
}

// Normalize replaces null collections of blocks by empty ones, at any depth:
// the legacy SDK writes null where the protocol wants an empty collection, and
// Terraform core mends it the same way before it compares or sends a value.
func (b *Block) Normalize(v cty.Value) cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return v
	}
	vals := v.AsValueMap()
	for name, nested := range b.Blocks {
		vals[name] = nested.normalize(vals[name])
	}
	return cty.ObjectVal(vals)
}

func (n *NestedBlock) normalize(v cty.Value) cty.Value {
	if !v.IsKnown() || (v.IsNull() && n.Nesting == Single) {
		return v
	}
	if v.IsNull() {
		return n.None()
	}
	return n.mapElements(v, n.Normalize)
}

// mapElements applies f to each occurrence in v, a known value of this block
// type that is not null, and rebuilds the collection. f must keep the type.
func (n *NestedBlock) mapElements(v cty.Value, f func(elem cty.Value) cty.Value) cty.Value {
	switch n.Nesting {
	case Single, Group:
		return f(v)
	case Map:
		elems := v.AsValueMap()
		for name, elem := range elems {
			elems[name] = f(elem)
		}
		return Named(v.Type(), elems)
	default:
		elems := v.AsValueSlice()
		for i, elem := range elems {
			elems[i] = f(elem)
		}
		return Collect(v.Type(), elems)
	}
}

// Collect builds a list, set or tuple value of the given type from elements.
func Collect(ty cty.Type, elems []cty.Value) cty.Value {
	switch {
	case !ty.IsListType() && !ty.IsSetType():
		return cty.TupleVal(elems)
	case len(elems) == 0 && ty.IsSetType():
		return cty.SetValEmpty(ty.ElementType())
	case len(elems) == 0:
		return cty.ListValEmpty(ty.ElementType())
	case ty.IsSetType():
		return cty.SetVal(elems)
	}
	return cty.ListVal(elems)
}

// Named builds a map or object value of the given type from elements.
func Named(ty cty.Type, elems map[string]cty.Value) cty.Value {
	switch {
	case !ty.IsMapType():
		return cty.ObjectVal(elems)
	case len(elems) == 0:
		return cty.MapValEmpty(ty.ElementType())
	}
	return cty.MapVal(elems)
}

// SensitiveAt reports whether the schema hides what stands at path, or
// anything inside it: a value is shown whole or not at all.
func (b *Block) SensitiveAt(path cty.Path) bool {
	return b.sensitive(attrNames(path))
}

// Hides reports whether the schema hides what stands at path as a whole: it is,
// or is inside, an attribute that is sensitive itself.
func (b *Block) Hides(path cty.Path) bool {
	return hides(b, attrNames(path))
}

func hides(b *Block, names []string) bool {
	if len(names) == 0 {
		return false
	}
	if attr, ok := b.Attributes[names[0]]; ok {
		return attr.hides(names[1:])
	}
	if nested, ok := b.Blocks[names[0]]; ok {
		return hides(&nested.Block, names[1:])
	}
	return hides(b, names[1:]) // the key of a map of blocks
}

func (a *Attribute) hides(names []string) bool {
	if a.Sensitive || a.WriteOnly {
		return true
	}
	if a.Nested == nil || len(names) == 0 {
		return false
	}
	inner, ok := a.Nested.Attributes[names[0]]
	return ok && inner.hides(names[1:])
}

// attrNames drops the indexes of a path: sensitivity does not depend on them.
func attrNames(path cty.Path) []string {
	var names []string
	for _, step := range path {
		if attr, ok := step.(cty.GetAttrStep); ok {
			names = append(names, attr.Name)
		}
	}
	return names
}

func (b *Block) sensitive(names []string) bool {
	if len(names) > 0 {
		if attr, ok := b.Attributes[names[0]]; ok {
			return attr.sensitive(names[1:])
		}
		if nested, ok := b.Blocks[names[0]]; ok {
			return nested.sensitive(names[1:])
		}
		// The key of a map of blocks, where that travels as an object.
		return b.sensitive(names[1:])
	}
	for _, attr := range b.Attributes {
		if attr.sensitive(nil) {
			return true
		}
	}
	for _, nested := range b.Blocks {
		if nested.sensitive(nil) {
			return true
		}
	}
	return false
}

func (a *Attribute) sensitive(names []string) bool {
	if a.Sensitive || a.WriteOnly {
		return true
	}
	if a.Nested == nil {
		return false
	}
	if len(names) > 0 {
		inner, ok := a.Nested.Attributes[names[0]]
		return ok && inner.sensitive(names[1:])
	}
	for _, inner := range a.Nested.Attributes {
		if inner.sensitive(nil) {
			return true
		}
	}
	return false
}
