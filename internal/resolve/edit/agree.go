package edit

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

// decode evaluates the members of a block. What isn't written is null.
func (e *editor) decode(at site, body hcl.Body, b *schema.Block) map[string]cty.Value {
	out := map[string]cty.Value{}
	for name, attr := range b.Attributes {
		out[name] = cty.NullVal(attr.ImpliedType())
		if written := attributeOf(body, name); written != nil {
			out[name], _ = e.value(at, written.Expr)
		}
	}
	for name, nested := range b.Blocks {
		blocks, err := e.blocksOf(at, body, name)
		if err != nil {
			out[name] = cty.DynamicVal
			continue
		}
		out[name] = e.decodeAll(blocks, &nested.Block)
	}
	return out
}

// decodeAll evaluates the members of all blocks of a type.
func (e *editor) decodeAll(blocks []block, b *schema.Block) cty.Value {
	elems := make([]cty.Value, len(blocks))
	for i, one := range blocks {
		elems[i] = cty.ObjectVal(e.decode(one.at, one.body, b))
	}
	return cty.TupleVal(elems)
}

// blockAgrees reports whether a block of the source makes what is live: what the
// source leaves to the provider, or to its zero, may be anything of the kind.
func blockAgrees(b *schema.Block, have, live cty.Value) bool {
	if nothing(have) || nothing(live) || !isMapping(have) || !isMapping(live) {
		return nothing(have) && nothing(live)
	}
	h, l := have.AsValueMap(), live.AsValueMap()
	for name := range b.Attributes {
		if !memberAgrees(b, name, h[name], l[name]) {
			return false
		}
	}
	for name := range b.Blocks {
		if !memberAgrees(b, name, h[name], l[name]) {
			return false
		}
	}
	return true
}

func memberAgrees(b *schema.Block, name string, have, live cty.Value) bool {
	if nested := b.Blocks[name]; nested != nil {
		return blocksAgree(nested, have, live)
	}
	attr := b.Attributes[name]
	switch {
	case attr == nil || attr.ReadOnly():
		return true
	case nothing(have) && (attr.Computed || live == absent || unset(live)):
		return true
	case attr.ImpliedType().IsSetType() && have != absent && live != absent && isList(have) && isList(live):
		return agreeSets(have.AsValueSlice(), live.AsValueSlice(), agree)
	}
	return agree(have, live)
}

func blocksAgree(n *schema.NestedBlock, have, live cty.Value) bool {
	elems := func(v cty.Value) []cty.Value {
		switch {
		case nothing(v) || !v.IsKnown():
			return nil
		case isMapping(v) && n.Nesting != schema.Map:
			return []cty.Value{v}
		}
		return v.AsValueSlice()
	}
	if have != absent && !have.IsKnown() {
		return false
	}
	equal := func(a, b cty.Value) bool { return blockAgrees(&n.Block, a, b) }
	h, l := elems(have), elems(live)
	if n.Nesting == schema.Set {
		return agreeSets(h, l, equal)
	}
	return slices.EqualFunc(h, l, equal)
}
