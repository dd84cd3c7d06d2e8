package verdict

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// Rebuild gives the configuration that was last applied: the values of
// applied, without what only the provider sets. A read-only attribute is null;
// one that is optional and computed, and a nested block, stay only where the
// source produces them, because a provider may have filled them in by itself
// and the schema of the legacy SDK doesn't say so of blocks. A nested attribute
// that the source sets keeps every element: in those a provider adds none.
//
// Where the source can't be evaluated it is taken to set what is applied; the
// paths where that mattered are the doubts, and a finding on one of them is no
// more than possible.
func Rebuild(b *schema.Block, applied, live, source cty.Value) (config cty.Value, doubts []cty.Path) {
	r := &rebuilder{}
	return r.block(nil, b, trio{applied, live, source}), r.doubts
}

type rebuilder struct{ doubts []cty.Path }

// trio is what is known of one place: the applied value, the live one and what
// the source says.
type trio struct{ applied, live, source cty.Value }

func (t trio) get(name string) trio {
	return trio{get(t.applied, name), get(t.live, name), get(t.source, name)}
}

func (r *rebuilder) doubt(path cty.Path) { r.doubts = append(r.doubts, path.Copy()) }

func (r *rebuilder) block(path cty.Path, b *schema.Block, t trio) cty.Value {
	vals := make(map[string]cty.Value, len(b.Attributes)+len(b.Blocks))
	for name, attr := range b.Attributes {
		vals[name] = r.attribute(into(path, name), attr, t.get(name))
	}
	for name, nested := range b.Blocks {
		vals[name] = r.nested(into(path, name), nested, t.get(name))
	}
	return cty.ObjectVal(vals)
}

func (r *rebuilder) attribute(path cty.Path, a *schema.Attribute, t trio) cty.Value {
	null := cty.NullVal(a.ImpliedType())
	switch {
	case a.ReadOnly():
		return null
	case a.WriteOnly, t.applied.IsNull() && t.live.IsNull():
		// Never stored, so neither side can tell: only the source can.
		if t.source.IsNull() || !t.source.IsWhollyKnown() {
			return null
		}
		return t.source
	case drift.IsEmpty(t.applied) && drift.IsEmpty(t.source):
		return typed(t.source, null) // nothing was set, in the source's form of nothing
	case t.applied.IsNull():
		return null
	case a.Settable() && !t.source.IsKnown():
		r.doubt(path)
	case a.Settable() && t.source.IsNull():
		return null
	}
	if a.Nested == nil {
		return t.applied
	}
	e := elements{r, a.Nested.Nesting, true, func(p cty.Path, t trio) cty.Value { return r.object(p, a.Nested, t) }}
	return e.rebuild(path, t)
}

// typed gives a null its type.
func typed(v, null cty.Value) cty.Value {
	if v.IsNull() {
		return null
	}
	return v
}

func (r *rebuilder) object(path cty.Path, o *schema.Object, t trio) cty.Value {
	if t.applied.IsNull() {
		return t.applied
	}
	vals := make(map[string]cty.Value, len(o.Attributes))
	for name, attr := range o.Attributes {
		vals[name] = r.attribute(into(path, name), attr, t.get(name))
	}
	return cty.ObjectVal(vals)
}

func (r *rebuilder) nested(path cty.Path, n *schema.NestedBlock, t trio) cty.Value {
	switch {
	case drift.IsEmpty(t.applied), drift.IsEmpty(t.source):
		return n.None()
	case !t.source.IsKnown() && n.Nesting != schema.Group: // a group is always there
		r.doubt(path)
	}
	e := elements{r, n.Nesting, false, func(p cty.Path, t trio) cty.Value { return r.block(p, &n.Block, t) }}
	return e.rebuild(path, t)
}

// elements rebuilds the occurrences of one block type or nested attribute.
type elements struct {
	*rebuilder
	nesting schema.Nesting
	// all keeps also what the source does not produce; what that sets is unknown.
	all bool
	one func(cty.Path, trio) cty.Value
}

func (e elements) rebuild(path cty.Path, t trio) cty.Value {
	switch e.nesting {
	case schema.Single, schema.Group:
		return e.one(path, t)
	case schema.Set:
		return e.bySimilarity(path, t)
	case schema.Map:
		out := map[string]cty.Value{}
		for name := range t.applied.AsValueMap() {
			if v, ok := e.at(path, t, cty.StringVal(name)); ok {
				out[name] = v
			}
		}
		return schema.Named(t.applied.Type(), out)
	}
	var out []cty.Value
	for i := range t.applied.LengthInt() {
		if v, ok := e.at(path, t, cty.NumberIntVal(int64(i))); ok {
			out = append(out, v)
		}
	}
	return schema.Collect(t.applied.Type(), out)
}

// at rebuilds the occurrence that key names; false where it is to be left out.
func (e elements) at(path cty.Path, t trio, key cty.Value) (cty.Value, bool) {
	applied, _ := elementOf(t.applied, key)
	live, _ := elementOf(t.live, key)
	source, produced := elementOf(t.source, key)
	switch {
	case !produced && !e.all:
		return cty.NilVal, false
	case !produced:
		source = cty.DynamicVal
	}
	return e.one(append(path.Copy(), cty.IndexStep{Key: key}), trio{applied, live, source}), true
}

// bySimilarity pairs the elements of a set with those of the source that they
// are most like.
func (e elements) bySimilarity(path cty.Path, t trio) cty.Value {
	applied := t.applied.AsValueSlice()
	live := common(t.live)
	if !t.source.IsKnown() {
		for i := range applied {
			applied[i] = e.one(path, trio{applied[i], live, cty.DynamicVal})
		}
		return schema.Collect(t.applied.Type(), applied)
	}
	var source []cty.Value
	if !t.source.IsNull() {
		source = t.source.AsValueSlice()
	}
	partners := pair(applied, source)
	// Which applied element an element of the source has become can't be told
	// while something in it is unknown: any that is left over may be it.
	unsure := len(source) < len(applied) && slices.ContainsFunc(source, func(elem cty.Value) bool { return !elem.IsWhollyKnown() })
	if unsure && !e.all {
		e.doubt(path)
	}
	var out []cty.Value
	for i, elem := range applied {
		switch j := partners[i]; {
		case j >= 0:
			out = append(out, e.one(path, trio{elem, live, source[j]}))
		case e.all, unsure:
			out = append(out, e.one(path, trio{elem, live, cty.DynamicVal}))
		}
	}
	return schema.Collect(t.applied.Type(), out)
}

// common stands for the elements of a set, which can't be told apart: null
// where all of them are, unknown elsewhere.
func common(set cty.Value) cty.Value {
	if !set.IsKnown() || set.IsNull() || !set.Type().ElementType().IsObjectType() {
		return set
	}
	vals := map[string]cty.Value{}
	for name := range set.Type().ElementType().AttributeTypes() {
		vals[name] = cty.NullVal(cty.DynamicPseudoType)
		for _, elem := range set.AsValueSlice() {
			if !get(elem, name).IsNull() {
				vals[name] = cty.DynamicVal
			}
		}
	}
	return cty.ObjectVal(vals)
}

// elementOf finds the occurrence that key names; false if there is none. An
// unknown collection may hold anything.
func elementOf(v, key cty.Value) (cty.Value, bool) {
	null := cty.NullVal(cty.DynamicPseudoType)
	switch {
	case !v.IsKnown():
		return cty.DynamicVal, true
	case v.IsNull():
		return null, false
	case key.Type() == cty.String:
		if elem, ok := v.AsValueMap()[key.AsString()]; ok {
			return elem, true
		}
		return null, false
	}
	if i, ok := drift.KeyFrom(key); ok {
		if i, ok := i.Int(); ok && i < v.LengthInt() {
			return v.Index(key), true
		}
	}
	return null, false
}

// get is the member name of v; unknown in an unknown v, null in a null one.
func get(v cty.Value, name string) cty.Value {
	switch {
	case !v.IsKnown():
		return cty.DynamicVal
	case v.IsNull(), !v.Type().IsObjectType(), !v.Type().HasAttribute(name):
		return cty.NullVal(cty.DynamicPseudoType)
	}
	return v.GetAttr(name)
}

func into(path cty.Path, name string) cty.Path {
	return append(path.Copy(), cty.GetAttrStep{Name: name})
}
