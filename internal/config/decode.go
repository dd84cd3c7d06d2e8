package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"holdfast/internal/drift/schema"
)

// decoder evaluates the body of a block against a schema. Its result has the
// attributes and block types of the schema, in this shape:
//
//	attribute           a value of its type, null where it isn't set; what
//	                    can't be evaluated in it is unknown
//	single block        an object, or null
//	list or set blocks  a tuple of objects, in the order of the source
//	map blocks          an object of objects
//	any of these        unknown where a dynamic block can't be expanded
//
// Sets stay tuples so that one unknown or sensitive element does not hide the
// others. Marks are kept, each on what carries it; what decides how many blocks
// there are marks all of them.
type decoder struct {
	scope    *scope
	rep      repetition
	problems []Problem
}

func (d *decoder) eval(expr hcl.Expression, extra locals) cty.Value {
	v, problems := d.scope.value(expr, d.rep, extra)
	d.add(problems...)
	return v
}

func (d *decoder) block(body hcl.Body, b *schema.Block, extra locals) cty.Value {
	content, diags := body.Content(d.scope.eval.shapes.body(b))
	for _, diag := range diags {
		if diag.Severity == hcl.DiagError && diag.Subject != nil {
			d.add(Problem{Range: *diag.Subject, Reason: reasonOf(diag)})
		}
	}
	vals := make(map[string]cty.Value, len(b.Attributes)+len(b.Blocks))
	for name, attr := range b.Attributes {
		vals[name] = d.attribute(name, attr, content, extra)
	}
	for name, nested := range b.Blocks {
		vals[name] = d.nested(name, nested, content.Blocks, extra)
	}
	return cty.ObjectVal(vals)
}

// add records problems. A block has more arguments than one value has reasons.
func (d *decoder) add(problems ...Problem) {
	for _, p := range problems {
		if len(d.problems) < 16*maxProblems && !slices.Contains(d.problems, p) {
			d.problems = append(slices.Clip(d.problems), p)
		}
	}
}

// shapes keeps what is derived from the schemas of one evaluator.
type shapes struct {
	bodies  map[*schema.Block]*hcl.BodySchema
	objects map[*schema.Attribute]*schema.NestedBlock
}

func newShapes() shapes {
	return shapes{map[*schema.Block]*hcl.BodySchema{}, map[*schema.Attribute]*schema.NestedBlock{}}
}

// body asks HCL for what a schema has, by name. An attribute that is a list or
// set of objects may also be written as blocks.
func (k shapes) body(b *schema.Block) *hcl.BodySchema {
	if s := k.bodies[b]; s != nil {
		return s
	}
	s := &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "dynamic", LabelNames: []string{"type"}}}}
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: name})
		if k.object(b.Attributes[name]) != nil {
			s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Blocks)) {
		header := hcl.BlockHeaderSchema{Type: name}
		if b.Blocks[name].Nesting == schema.Map {
			header.LabelNames = []string{"key"}
		}
		s.Blocks = append(s.Blocks, header)
	}
	k.bodies[b] = s
	return s
}

// object gives the block that an attribute of objects looks like when it is
// written as blocks: every attribute optional. Nil for any other attribute.
func (k shapes) object(a *schema.Attribute) *schema.NestedBlock {
	if a.Nested != nil || (!a.Type.IsListType() && !a.Type.IsSetType()) || !a.Type.ElementType().IsObjectType() {
		return nil
	}
	nested := k.objects[a]
	if nested == nil {
		nested = &schema.NestedBlock{Nesting: schema.List, Block: schema.Block{Attributes: map[string]*schema.Attribute{}}}
		for name, ty := range a.Type.ElementType().AttributeTypes() {
			nested.Attributes[name] = &schema.Attribute{Type: ty, Optional: true}
		}
		k.objects[a] = nested
	}
	return nested
}

func (d *decoder) attribute(name string, a *schema.Attribute, content *hcl.BodyContent, extra locals) cty.Value {
	ty := a.ImpliedType()
	attr := content.Attributes[name]
	if attr == nil {
		return d.asBlocks(name, a, content.Blocks, extra)
	}
	v, problems := safely(attr.Range, func() (cty.Value, []Problem) {
		v := d.eval(attr.Expr, extra)
		return d.fit(v, ty, attr)
	})
	d.add(problems...)
	return v
}

// fit converts a value to the type of an attribute.
func (d *decoder) fit(v cty.Value, ty cty.Type, attr *hcl.Attribute) (cty.Value, []Problem) {
	converted, err := convert.Convert(v, withOptionals(ty))
	if err != nil {
		_, marks := v.UnmarkDeep()
		reason := fmt.Sprintf("it does not fit %s: %s", attr.Name, pathError(err, isSecret(marks)))
		return cty.UnknownVal(ty).WithMarks(marks), []Problem{d.scope.problem(attr.Expr, reason)}
	}
	if !converted.IsKnown() {
		return cty.UnknownVal(ty).WithMarks(converted.Marks()), nil
	}
	return converted, nil
}

// withOptionals lets the source leave out attributes of objects, as Terraform
// does for attributes written as blocks and for nested attributes.
func withOptionals(ty cty.Type) cty.Type {
	switch {
	case ty.IsObjectType():
		attrs, names := map[string]cty.Type{}, []string{}
		for name, inner := range ty.AttributeTypes() {
			attrs[name] = withOptionals(inner)
			names = append(names, name)
		}
		return cty.ObjectWithOptionalAttrs(attrs, names)
	case ty.IsListType():
		return cty.List(withOptionals(ty.ElementType()))
	case ty.IsSetType():
		return cty.Set(withOptionals(ty.ElementType()))
	case ty.IsMapType():
		return cty.Map(withOptionals(ty.ElementType()))
	}
	return ty
}

// asBlocks is an attribute of objects that the source writes as blocks, or
// doesn't write at all.
func (d *decoder) asBlocks(name string, a *schema.Attribute, blocks hcl.Blocks, extra locals) cty.Value {
	ty := a.ImpliedType()
	nested := d.scope.eval.shapes.object(a)
	if nested == nil {
		return cty.NullVal(ty)
	}
	v, marks := d.nested(name, nested, blocks, extra).Unmark()
	if v.IsKnown() && v.LengthInt() == 0 {
		return cty.NullVal(ty).WithMarks(marks)
	}
	converted, err := convert.Convert(v, withOptionals(ty))
	if err != nil {
		_, inner := v.UnmarkDeep()
		return cty.UnknownVal(ty).WithMarks(marks, inner)
	}
	return converted.WithMarks(marks)
}

// nested evaluates all blocks of one type.
func (d *decoder) nested(name string, n *schema.NestedBlock, blocks hcl.Blocks, extra locals) cty.Value {
	found := occurrences{named: map[string]cty.Value{}}
	for _, block := range blocks {
		switch {
		case block.Type == name:
			d.found(&found, n, block, block.Labels, d.block(block.Body, &n.Block, extra))
		case block.Type == "dynamic" && block.Labels[0] == name:
			d.dynamic(block, n, extra, &found)
		}
	}
	return d.together(n, found).WithMarks(found.marks)
}

func (d *decoder) together(n *schema.NestedBlock, found occurrences) cty.Value {
	if found.unknown {
		_, marks := cty.TupleVal(found.list).UnmarkDeep()
		return cty.DynamicVal.WithMarks(marks)
	}
	switch {
	case n.Nesting == schema.Map:
		return cty.ObjectVal(found.named)
	case n.Nesting != schema.Single && n.Nesting != schema.Group:
		return cty.TupleVal(found.list)
	case len(found.list) > 0:
		return found.list[0]
	case n.Nesting == schema.Group:
		return n.Empty()
	}
	return cty.NullVal(n.ImpliedType())
}

// found records a block. One that may not be there a second time makes all of
// its type unknown: Terraform would refuse them.
func (d *decoder) found(o *occurrences, n *schema.NestedBlock, block *hcl.Block, labels []string, v cty.Value) {
	label := ""
	if n.Nesting == schema.Map && len(labels) == 1 {
		label = labels[0]
	}
	_, twice := o.named[label]
	if twice && (n.Nesting == schema.Single || n.Nesting == schema.Group || n.Nesting == schema.Map) {
		d.add(Problem{Range: block.DefRange, Reason: "there may be no more than one such block"})
		o.unknown = true
	}
	o.list, o.named[label] = append(o.list, v), v
}

// occurrences collects the blocks of one type.
type occurrences struct {
	list    []cty.Value
	named   map[string]cty.Value // by label, where there is one
	marks   cty.ValueMarks       // of what decides how many there are
	unknown bool
}

// decides records that v decides how many blocks there are.
func (o *occurrences) decides(v cty.Value) (unmarked cty.Value) {
	v, marks := v.Unmark()
	if o.marks == nil {
		o.marks = cty.ValueMarks{}
	}
	maps.Copy(o.marks, marks)
	return v
}

var dynamicSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "for_each", Required: true}, {Name: "iterator"}, {Name: "labels"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
}

// dynamic expands a dynamic block.
func (d *decoder) dynamic(block *hcl.Block, n *schema.NestedBlock, extra locals, found *occurrences) {
	content, _, diags := block.Body.PartialContent(dynamicSchema)
	if diags.HasErrors() || len(content.Blocks) != 1 {
		d.add(Problem{Range: block.DefRange, Reason: "a dynamic block needs for_each and one content block"})
		found.unknown = true
		return
	}
	forEach := content.Attributes["for_each"].Expr
	v := settle(found.decides(d.eval(forEach, extra)))
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		if v.IsKnown() {
			d.add(d.scope.problem(forEach, "for_each of a dynamic block is no collection"))
		}
		found.unknown = true
		return
	}
	iterator := block.Labels[0]
	if attr := content.Attributes["iterator"]; attr != nil {
		iterator = hcl.ExprAsKeyword(attr.Expr)
	}
	for it := v.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		if v.Type().IsSetType() {
			key = elem
		}
		inner := maps.Clone(extra)
		if inner == nil {
			inner = locals{}
		}
		inner[iterator] = cty.ObjectVal(map[string]cty.Value{"key": key, "value": elem})
		labels, ok := d.labels(n, block, content.Attributes["labels"], inner, found)
		if !ok {
			found.unknown = true
			return
		}
		d.found(found, n, block, labels, d.block(content.Blocks[0].Body, &n.Block, inner))
	}
}

// labels evaluates the labels of a dynamic block: one in a map of blocks, else
// none.
func (d *decoder) labels(n *schema.NestedBlock, block *hcl.Block, attr *hcl.Attribute, extra locals, found *occurrences) ([]string, bool) {
	if attr == nil {
		if n.Nesting == schema.Map {
			d.add(Problem{Range: block.DefRange, Reason: "a dynamic block of this type needs labels"})
		}
		return nil, n.Nesting != schema.Map
	}
	v := found.decides(d.eval(attr.Expr, extra))
	if v.IsKnown() && !v.IsNull() && v.CanIterateElements() && v.LengthInt() == 1 {
		elem := found.decides(v.AsValueSlice()[0])
		if s, err := convert.Convert(elem, cty.String); err == nil && s.IsKnown() && !s.IsNull() {
			return []string{s.AsString()}, true
		}
	}
	d.add(d.scope.problem(attr.Expr, "the labels are not one known string"))
	return nil, false
}
