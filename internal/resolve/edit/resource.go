package edit

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// find is the block of a resource and the site inside it, for one instance.
func (s *source) find(addr drift.Address) (*config.Resource, site, error) {
	inner, ok := s.site(addr.Module)
	if !ok {
		return nil, site{}, &refused{reason: "its module can't be found in the source"}
	}
	r := inner.module.Resources[addr.Resource()]
	if r == nil {
		return nil, site{}, &refused{reason: "the source has no such resource"}
	}
	if existence, _ := s.eval.Exists(addr); existence != config.Exists {
		return nil, site{}, refuse(r.Range, "whether the source has this instance can't be told")
	}
	return r, inner.repeated(addr.Key, r.Count, r.ForEach), nil
}

// assignChange changes the source of a resource so that it says what is wanted at
// a path.
func (e *editor) assignChange(addr drift.Address, path []step, want cty.Value) error {
	r, at, err := e.find(addr)
	if err != nil {
		return err
	}
	return e.assignIn(at, r.Body, e.schema(addr), r.Range, path, want)
}

func (s *source) schema(addr drift.Address) *schema.Block {
	if s.in.Schema == nil {
		return nil
	}
	return s.in.Schema(addr)
}

// block is one nested block: written as such, or one that a dynamic block makes.
type block struct {
	body    hcl.Body
	at      site
	label   string
	written *hcl.Block
	of      *iteration // of a dynamic block
}

// assignIn goes one step into a block.
func (e *editor) assignIn(at site, body hcl.Body, b *schema.Block, r hcl.Range, path []step, want cty.Value) error {
	name, rest := path[0].name, path[1:]
	if attr := attributeOf(body, name); attr != nil {
		return e.assignAttribute(at, attr, b, path, want)
	}
	nested := nestedSchema(b, name)
	blocks, err := e.blocksOf(at, body, name)
	if err != nil {
		return err
	}
	if len(blocks) > 0 || nested != nil && b.Attributes[name] == nil {
		return e.assignBlocks(body, nested, r, name, blocks, rest, want)
	}
	return e.addArgument(body, b, r, path, want)
}

// nestedSchema is that of a block type, or of an attribute that may be written
// as blocks; nil where it isn't known.
func nestedSchema(b *schema.Block, name string) *schema.NestedBlock {
	if b == nil {
		return nil
	}
	if nested := b.Blocks[name]; nested != nil {
		return nested
	}
	attr := b.Attributes[name]
	if attr == nil || attr.Nested != nil || !attr.Type.IsListType() && !attr.Type.IsSetType() || !attr.Type.ElementType().IsObjectType() {
		return nil
	}
	nested := &schema.NestedBlock{Nesting: schema.List, Block: schema.Block{Attributes: map[string]*schema.Attribute{}}}
	if attr.Type.IsSetType() {
		nested.Nesting = schema.Set
	}
	for name, ty := range attr.Type.ElementType().AttributeTypes() {
		nested.Attributes[name] = &schema.Attribute{Type: ty, Optional: true}
	}
	return nested
}

func (e *editor) assignAttribute(at site, attr *hcl.Attribute, b *schema.Block, path []step, want cty.Value) error {
	e.sets = isSet(b, path)
	if _, sensitive := e.value(at, attr.Expr); sensitive {
		return refuse(attr.Range, "a sensitive value takes part in it")
	}
	if len(path) > 1 || want != absent {
		return e.assign(at, attr.Expr, path[1:], want)
	}
	if e.says(at, attr.Expr, nil, want) {
		return nil
	}
	if _, native := attr.Expr.(hclsyntax.Expression); !native {
		return refuse(attr.Range, "it is written in the JSON syntax, where nothing is added or taken out")
	}
	if constant(attr.Expr) {
		return e.removeLines(attr.Range, false)
	}
	return e.assign(at, attr.Expr, nil, want)
}

// constant reports whether an expression refers to nothing.
func constant(expr hcl.Expression) bool { return len(expr.Variables()) == 0 }

// addArgument writes an argument that the source doesn't have yet.
func (e *editor) addArgument(body hcl.Body, b *schema.Block, r hcl.Range, path []step, want cty.Value) error {
	name := path[0].name
	if want == absent {
		return nil // the source says so
	}
	if b != nil && (b.Attributes[name] == nil || b.Attributes[name].ReadOnly()) {
		return refuse(r, "%s can't be set in the source", name)
	}
	list := want.Type().IsTupleType() && want.LengthInt() > 0 && isMapping(want.Index(cty.Zero))
	if b == nil && (list || len(path) > 1 && path[1].kind == byIndex) {
		return refuse(r, "%s may be an argument or a block, and the schema isn't known", name)
	}
	native := nativeBody(body)
	if native == nil {
		return refuse(r, "the block is not written in one file of the native syntax")
	}
	v, ok := nested(path[1:], want)
	if !ok {
		return refuse(r, "there is nothing at that place yet")
	}
	return e.addAttribute(native, name, v)
}

// attributeOf is an argument of a block; nil where it isn't written.
func attributeOf(body hcl.Body, name string) *hcl.Attribute {
	content, _, _ := body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: name}}})
	return content.Attributes[name]
}

// blocksOf lists the nested blocks of a type in a block.
func (e *editor) blocksOf(at site, body hcl.Body, name string) ([]block, error) {
	dynamic := hcl.BlockHeaderSchema{Type: "dynamic", LabelNames: []string{"type"}}
	content, _, _ := body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{dynamic, {Type: name}}})
	labelled, _, diags := body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: name, LabelNames: []string{"key"}}}})
	if !diags.HasErrors() && len(labelled.Blocks) > 0 {
		content.Blocks = append(content.Blocks.OfType("dynamic"), labelled.Blocks...)
	}
	return e.blocks(at, content.Blocks, name)
}

// blocks lists the nested blocks of a type in the order of the source.
func (e *editor) blocks(at site, found hcl.Blocks, name string) ([]block, error) {
	found = slices.Clone(found)
	slices.SortStableFunc(found, func(a, b *hcl.Block) int {
		if a.DefRange.Filename != b.DefRange.Filename {
			return 0
		}
		return a.DefRange.Start.Byte - b.DefRange.Start.Byte
	})
	var out []block
	for _, written := range found {
		switch {
		case written.Type == "dynamic" && written.Labels[0] == name:
			more, err := e.expand(at, written)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		case written.Type == name:
			one := block{body: written.Body, at: at, written: written}
			if len(written.Labels) == 1 {
				one.label = written.Labels[0]
			}
			out = append(out, one)
		}
	}
	return out, nil
}

var dynamicSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "for_each", Required: true}, {Name: "iterator"}, {Name: "labels"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
}

// expand lists the blocks that a dynamic block makes.
func (e *editor) expand(at site, written *hcl.Block) ([]block, error) {
	content, _, diags := written.Body.PartialContent(dynamicSchema)
	if diags.HasErrors() || len(content.Blocks) != 1 || content.Attributes["labels"] != nil {
		return nil, refuse(written.DefRange, "the dynamic block can't be expanded")
	}
	forEach := content.Attributes["for_each"].Expr
	v, _ := e.value(at, forEach)
	if !v.IsWhollyKnown() || v.IsNull() || !v.CanIterateElements() {
		return nil, refuse(written.DefRange, "for_each of the dynamic block can't be evaluated")
	}
	name := written.Labels[0]
	if attr := content.Attributes["iterator"]; attr != nil {
		name = hcl.ExprAsKeyword(attr.Expr)
	}
	var out []block
	for it := v.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		s, ok := stepTo(key)
		if v.Type().IsSetType() {
			key, s, ok = elem, step{kind: byElem, elem: elem}, true
		}
		if !ok {
			return nil, refuse(written.DefRange, "for_each of the dynamic block can't be evaluated")
		}
		of := iteration{at: at, forEach: forEach, step: s}
		inner := at
		inner.iterations = with(at.iterations, name, of)
		inner.Iterators = with(at.Iterators, name, cty.ObjectVal(map[string]cty.Value{"key": key, "value": elem}))
		out = append(out, block{body: content.Blocks[0].Body, at: inner, written: written, of: &of})
	}
	return out, nil
}

func with[V any](m map[string]V, name string, v V) map[string]V {
	out := map[string]V{name: v}
	for k, old := range m {
		if k != name {
			out[k] = old
		}
	}
	return out
}
