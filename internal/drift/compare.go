package drift

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// IsEmpty reports whether v counts as nothing when values are compared: null,
// or a collection of no elements. An empty string, zero and false are values,
// and so is an object without attributes: a block may be there and hold
// nothing.
func IsEmpty(v cty.Value) bool {
	if v.IsNull() {
		return true
	}
	ty := v.Type()
	return v.IsKnown() && (ty.IsCollectionType() || ty.IsTupleType()) && v.LengthInt() == 0
}

// Diff lists the paths at which a and b differ, sorted and without repeats.
// Objects and maps are descended into by name, lists by index; a set is a
// leaf, and so is everything else. An element or key that only one side has is
// one path, whatever it holds. Types don't count: a tuple may equal a list and an
// object a map. An unknown value is equal to another unknown value alone.
// Neither value may carry marks.
func Diff(a, b cty.Value) []cty.Path {
	d := differ{}
	d.walk(nil, a, b)
	return d.paths
}

// Equal reports whether a and b are the same after normalising, that is whether
// Diff finds nothing.
func Equal(a, b cty.Value) bool {
	return Canonical(a) == Canonical(b)
}

// differ collects the paths of Diff. The path that it walks along is one and the
// same slice, so add copies it.
type differ struct{ paths []cty.Path }

func (d *differ) add(path cty.Path) { d.paths = append(d.paths, path.Copy()) }

func (d *differ) walk(path cty.Path, a, b cty.Value) {
	if IsEmpty(a) && IsEmpty(b) {
		return
	}
	if !a.IsKnown() || !b.IsKnown() {
		if a.IsKnown() || b.IsKnown() {
			d.add(path)
		}
		return
	}
	switch shapeOf(a, b) {
	case objectShape:
		if a.IsNull() || b.IsNull() {
			d.add(path) // a whole nested object came or went
			return
		}
		d.members(path, a, b, func(name string) cty.PathStep { return cty.GetAttrStep{Name: name} })
	case mapShape:
		d.members(path, a, b, func(name string) cty.PathStep { return cty.IndexStep{Key: cty.StringVal(name)} })
	case listShape:
		d.elements(path, a, b)
	default:
		if !Equal(a, b) {
			d.add(path)
		}
	}
}

func (d *differ) members(path cty.Path, a, b cty.Value, step func(name string) cty.PathStep) {
	as, bs := membersOf(a), membersOf(b)
	names := slices.AppendSeq(make([]string, 0, len(as)+len(bs)), maps.Keys(as))
	names = slices.AppendSeq(names, maps.Keys(bs))
	slices.Sort(names)
	depth := len(path)
	for _, name := range slices.Compact(names) {
		path = append(path[:depth], step(name))
		va, inA := as[name]
		vb, inB := bs[name]
		if inA && inB {
			d.walk(path, va, vb)
		} else {
			d.add(path)
		}
	}
}

func (d *differ) elements(path cty.Path, a, b cty.Value) {
	as, bs := elementsOf(a), elementsOf(b)
	depth := len(path)
	for i := range max(len(as), len(bs)) {
		path = append(path[:depth], cty.IndexStep{Key: cty.NumberIntVal(int64(i))})
		if i < len(as) && i < len(bs) {
			d.walk(path, as[i], bs[i])
		} else {
			d.add(path)
		}
	}
}

func membersOf(v cty.Value) map[string]cty.Value {
	if v.IsNull() {
		return nil
	}
	return v.AsValueMap()
}

func elementsOf(v cty.Value) []cty.Value {
	if v.IsNull() {
		return nil
	}
	return v.AsValueSlice()
}

type shape byte

const (
	leafShape shape = iota
	objectShape
	mapShape
	listShape
)

// shapeOf says how two values can be walked together. Where only one of them
// is there, its shape decides.
func shapeOf(a, b cty.Value) shape {
	sa, sb := shapeOfOne(a), shapeOfOne(b)
	switch {
	case sa == sb:
		return sa
	case a.IsNull():
		return sb
	case b.IsNull():
		return sa
	}
	return leafShape
}

func shapeOfOne(v cty.Value) shape {
	ty := v.Type()
	switch {
	case ty.IsObjectType():
		return objectShape
	case ty.IsMapType():
		return mapShape
	case ty.IsListType(), ty.IsTupleType():
		return listShape
	}
	return leafShape
}

// Canonical renders v so that two values are equal exactly if their renderings
// are. Every nothing looks the same (see IsEmpty), so do all unknown values,
// and types are left out.
func Canonical(v cty.Value) string { return string(appendCanonical(nil, v)) }

func appendCanonical(out []byte, v cty.Value) []byte {
	if !v.IsKnown() {
		return append(out, '?')
	}
	if IsEmpty(v) {
		return append(out, '0')
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return appendText(append(out, '"'), v.AsString())
	case ty == cty.Number:
		return append(appendNumber(append(out, 'n'), v.AsBigFloat()), ';')
	case ty == cty.Bool && v.True():
		return append(out, 't')
	case ty == cty.Bool:
		return append(out, 'f')
	case ty.IsObjectType(), ty.IsMapType():
		return appendMembers(out, v.AsValueMap())
	case ty.IsSetType():
		return appendSet(out, v.AsValueSlice())
	case ty.IsListType(), ty.IsTupleType():
		out = append(out, '[')
		for _, elem := range v.AsValueSlice() {
			out = appendCanonical(out, elem)
		}
		return append(out, ']')
	}
	return appendText(append(out, '!'), v.GoString())
}

// appendText writes a string in a form that ends by itself.
func appendText(out []byte, s string) []byte {
	return append(append(strconv.AppendInt(out, int64(len(s)), 10), ':'), s...)
}

// appendNumber writes a number exactly, whatever precision it is held in.
func appendNumber(out []byte, n *big.Float) []byte {
	if n.Sign() == 0 {
		return append(out, '0') // no negative zero
	}
	return n.Append(out, 'p', 0)
}

func appendMembers(out []byte, members map[string]cty.Value) []byte {
	out = append(out, '{')
	for _, name := range slices.Sorted(maps.Keys(members)) {
		out = appendCanonical(appendText(out, name), members[name])
	}
	return append(out, '}')
}

func appendSet(out []byte, elems []cty.Value) []byte {
	rendered := make([]string, len(elems))
	for i, elem := range elems {
		rendered[i] = Canonical(elem)
	}
	slices.Sort(rendered)
	out = append(out, '(')
	for _, elem := range slices.Compact(rendered) {
		out = append(out, elem...)
	}
	return append(out, ')')
}

// Related reports whether one path is the other, an ancestor of it or a
// descendant.
func Related(a, b cty.Path) bool {
	n := min(len(a), len(b))
	return a[:n].Equals(b[:n])
}

// FormatPath renders a path in Terraform's notation: ttl[0].enabled,
// tags["owner"].
func FormatPath(path cty.Path) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case cty.GetAttrStep:
			writeAttr(&b, step.Name)
		case cty.IndexStep:
			if key, ok := KeyFrom(step.Key); ok {
				b.WriteString(key.String())
			} else {
				b.WriteString("[...]")
			}
		}
	}
	return b.String()
}

// writeAttr writes an attribute's name. That of a dynamically typed object may
// be no identifier.
func writeAttr(b *strings.Builder, name string) {
	if !hclsyntax.ValidIdentifier(name) {
		b.WriteString(StringKey(name).String())
		return
	}
	if b.Len() > 0 {
		b.WriteByte('.')
	}
	b.WriteString(name)
}

// ValueAt returns what stands at path in v: a null of unknown type where the
// path leads nowhere, for instance to a block that is gone, and an unknown value
// where it leads into one. A path into a set gives the set.
func ValueAt(v cty.Value, path cty.Path) cty.Value {
	for _, step := range path {
		if v.IsNull() || !v.IsKnown() || v.Type().IsSetType() {
			break
		}
		v = at(v, step)
	}
	if v.IsNull() {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	return v
}

func at(v cty.Value, step cty.PathStep) cty.Value {
	null := cty.NullVal(cty.DynamicPseudoType)
	ty := v.Type()
	switch step := step.(type) {
	case cty.GetAttrStep:
		if ty.IsObjectType() && ty.HasAttribute(step.Name) {
			return v.GetAttr(step.Name)
		}
	case cty.IndexStep:
		key, _ := KeyFrom(step.Key)
		name, isName := key.Str()
		i, isInt := key.Int()
		switch {
		case isName && ty.IsObjectType() && ty.HasAttribute(name):
			return v.GetAttr(name)
		case isName && ty.IsMapType():
			if elem, ok := v.AsValueMap()[name]; ok {
				return elem
			}
		case isInt && shapeOfOne(v) == listShape && i < v.LengthInt():
			return v.Index(cty.NumberIntVal(int64(i)))
		}
	}
	return null
}
