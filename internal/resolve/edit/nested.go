package edit

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

// pick says which of the nested blocks of a type a path goes on in, if it exists
// or not, and how it goes on. Where there can be one only, it has no index.
func pick(n *schema.NestedBlock, blocks []block, path []step) (i int, rest []step) {
	switch {
	case path[0].kind == byIndex:
		return path[0].index, path[1:]
	case n != nil && n.Nesting == schema.Map || len(blocks) > 0 && blocks[0].label != "":
		i = slices.IndexFunc(blocks, func(b block) bool { return b.label == path[0].name })
		if i < 0 {
			i = len(blocks)
		}
		return i, path[1:]
	}
	return 0, path
}

// single reports whether there can be one block of a type only, without an index.
func single(n *schema.NestedBlock) bool {
	return n != nil && (n.Nesting == schema.Single || n.Nesting == schema.Group)
}

func blockOf(n *schema.NestedBlock) *schema.Block {
	if n == nil {
		return nil
	}
	return &n.Block
}

// assignBlocks changes one of the nested blocks of a type, or all that differ.
func (e *editor) assignBlocks(body hcl.Body, n *schema.NestedBlock, r hcl.Range, name string, blocks []block, path []step, want cty.Value) error {
	i, rest := 0, path
	switch {
	case len(path) > 0:
		i, rest = pick(n, blocks, path)
	case !single(n) && (want != absent || len(blocks) != 1):
		return e.assignAll(body, n, r, name, blocks, want)
	}
	switch {
	case len(rest) > 0 && i < len(blocks):
		return e.assignIn(blocks[i].at, blocks[i].body, blockOf(n), blocks[i].written.DefRange, rest, want)
	case len(rest) > 0 && want != absent:
		return refuse(r, "the source has no such %s block", name)
	case want != absent:
		return e.assignWhole(body, n, name, blocks, i, want)
	case i < len(blocks):
		return e.removeBlock(blocks[i])
	}
	return nil
}

// assignWhole changes all that differs in block i, or adds it.
func (e *editor) assignWhole(body hcl.Body, n *schema.NestedBlock, name string, blocks []block, i int, want cty.Value) error {
	if n == nil {
		return refuse(body.MissingItemRange(), "the schema of %s blocks isn't known", name)
	}
	if !isMapping(want) {
		return refuse(body.MissingItemRange(), "%s is no block", name)
	}
	if i >= len(blocks) {
		native := nativeBody(body)
		if native == nil {
			return refuse(body.MissingItemRange(), "the block is not written in one file of the native syntax")
		}
		if n.Nesting == schema.Map {
			return refuse(native.SrcRange, "a block with a label is not added")
		}
		return e.addBlock(native, name, n, want)
	}
	return e.assignMembers(blocks[i], &n.Block, want)
}

// assignMembers changes what differs between a block and what it should be.
func (e *editor) assignMembers(one block, b *schema.Block, want cty.Value) error {
	have := e.decode(one.at, one.body, b)
	members := want.AsValueMap()
	for _, name := range append(sortedKeys(b.Attributes), sortedKeys(b.Blocks)...) {
		v, ok := members[name]
		if !ok || v.IsNull() {
			v = absent
		}
		if e.done || memberAgrees(b, name, have[name], v) {
			continue
		}
		if err := e.assignIn(one.at, one.body, b, one.written.DefRange, []step{{name: name}}, v); err != nil {
			return err
		}
	}
	return nil
}

// assignAll makes the blocks of a type those that are wanted.
func (e *editor) assignAll(body hcl.Body, n *schema.NestedBlock, r hcl.Range, name string, blocks []block, want cty.Value) error {
	if want == absent && len(blocks) == 0 {
		return nil
	}
	if n == nil {
		return refuse(r, "the schema of %s blocks isn't known", name)
	}
	var wants []cty.Value
	if want != absent {
		if !isList(want) {
			return refuse(r, "%s is no list of blocks", name)
		}
		wants = want.AsValueSlice()
	}
	have := e.decodeAll(blocks, &n.Block).AsValueSlice()
	equal := func(a, b cty.Value) bool { return blockAgrees(&n.Block, a, b) }
	plan := align(have, wants, equal)
	if n.Nesting == schema.Set {
		plan = alignSet(have, wants, equal)
		plan.replace = closest(&n.Block, have, wants, equal)
	}
	before := len(e.splices)
	for _, op := range plan.replace {
		if err := e.assignMembers(blocks[op.i], &n.Block, op.want); err != nil {
			return err
		}
	}
	switch op := plan.then; {
	case e.done || len(e.splices) > before:
		e.done = true // the rest is found when this is read anew
	case op.kind == removeItem:
		return e.removeBlock(blocks[op.i])
	case op.kind == addItem && op.i < len(blocks):
		return refuse(r, "a block would have to go between others")
	case op.kind == addItem:
		return e.assignWhole(body, n, name, blocks, len(blocks), op.want)
	}
	return nil
}

// closest pairs the two elements of sets that are most alike among those that
// only one of them has.
func closest(b *schema.Block, have, want []cty.Value, equal func(a, b cty.Value) bool) []itemOp {
	var best []itemOp
	most := -1
	spare, left := apart(have, want, equal)
	for _, i := range spare {
		for _, w := range left {
			alike := 0
			for name := range b.ImpliedType().AttributeTypes() {
				if memberAgrees(b, name, have[i].GetAttr(name), valueAt(w, []step{{name: name}})) {
					alike++
				}
			}
			if alike > most {
				best, most = []itemOp{{replaceItem, i, w}}, alike
			}
		}
	}
	return best
}

func (e *editor) removeBlock(one block) error {
	if one.of != nil {
		return e.assign(one.of.at, one.of.forEach, []step{one.of.step}, absent)
	}
	native, ok := one.body.(*hclsyntax.Body)
	if !ok {
		return refuse(one.written.DefRange, "it is written in the JSON syntax, where nothing is added or taken out")
	}
	r := one.written.DefRange
	_, closing := brackets(native, e.contents(r))
	r.End.Byte = closing + 1
	return e.removeLines(r, true)
}
