package edit

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// assignObject changes one item of an object, or all that differ.
func (e *editor) assignObject(at site, expr *hclsyntax.ObjectConsExpr, path []step, want cty.Value) error {
	items, err := e.items(at, expr)
	if err != nil {
		return err
	}
	if len(path) > 0 {
		if path[0].kind != byName {
			return refuse(expr.SrcRange, "it is no list")
		}
		return e.assignItem(at, expr, items, path[0].name, path[1:], want)
	}
	if want == absent || !isMapping(want) || want.IsNull() {
		if len(expr.Variables()) > 0 {
			return refuse(expr.SrcRange, "it is put together from parts")
		}
		return e.replace(expr.SrcRange, literalText(want, indentAt(e.contents(expr.SrcRange), expr.SrcRange.Start.Byte), lineBreak(e.contents(expr.SrcRange))))
	}
	values := want.AsValueMap()
	for _, item := range items {
		v, ok := values[item.name]
		if !ok {
			v = absent
		}
		delete(values, item.name)
		if err := e.assignItem(at, expr, items, item.name, nil, v); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(values) {
		if err := e.assignItem(at, expr, items, name, nil, values[name]); err != nil {
			return err
		}
	}
	return nil
}

type objectItem struct {
	hclsyntax.ObjectConsItem
	name string
}

func (e *editor) items(at site, expr *hclsyntax.ObjectConsExpr) ([]objectItem, error) {
	var items []objectItem
	for _, item := range expr.Items {
		key, _ := e.value(at, item.KeyExpr)
		s, ok := stepTo(key)
		if !ok || s.kind == byIndex {
			if s.name = textName(key); s.name == "" {
				return nil, refuse(item.KeyExpr.Range(), "a key of the map can't be evaluated")
			}
		}
		items = append(items, objectItem{item, s.name})
	}
	return items, nil
}

func textName(v cty.Value) string {
	if v = textOf(v); isText(v) {
		return v.AsString()
	}
	return ""
}

func (e *editor) assignItem(at site, expr *hclsyntax.ObjectConsExpr, items []objectItem, name string, path []step, want cty.Value) error {
	i := slices.IndexFunc(items, func(item objectItem) bool { return item.name == name })
	if e.done {
		return nil
	}
	c := e.objectContainer(expr)
	switch {
	case i >= 0 && len(path) == 0 && want == absent:
		return e.restructure(expr.SrcRange, c.remove(i))
	case i >= 0:
		return e.assign(at, items[i].ValueExpr, path, want)
	case want == absent:
		return nil
	}
	want, ok := nested(path, want)
	if !ok {
		return refuse(expr.SrcRange, "there is nothing at that place yet")
	}
	assign, quoted := " = ", false
	if n := len(expr.Items); n > 0 {
		last := expr.Items[n-1]
		quoted = c.src[last.KeyExpr.Range().Start.Byte] == '"'
		between := c.src[last.KeyExpr.Range().End.Byte:last.ValueExpr.Range().Start.Byte]
		if slices.Contains(between, ':') {
			assign = " : "
			if between[0] == ':' {
				assign = ": "
			}
		}
	}
	return e.restructure(expr.SrcRange, c.append(func(indent string) string {
		return keyText(name, quoted) + assign + literalText(want, indent, lineBreak(c.src))
	}))
}

func (e *editor) objectContainer(expr *hclsyntax.ObjectConsExpr) container {
	c := container{src: e.contents(expr.SrcRange), open: expr.SrcRange.Start.Byte, close: expr.SrcRange.End.Byte - 1}
	for _, item := range expr.Items {
		c.items = append(c.items, span{item.KeyExpr.Range().Start.Byte, item.ValueExpr.Range().End.Byte})
	}
	return c
}

func (e *editor) assignTuple(at site, expr *hclsyntax.TupleConsExpr, path []step, want cty.Value) error {
	c := container{src: e.contents(expr.SrcRange), open: expr.SrcRange.Start.Byte, close: expr.SrcRange.End.Byte - 1, commas: true}
	values := make([]cty.Value, len(expr.Exprs))
	for i, elem := range expr.Exprs {
		values[i], _ = e.value(at, elem)
		c.items = append(c.items, span{elem.Range().Start.Byte, elem.Range().End.Byte})
	}
	if len(path) > 0 {
		return e.assignElement(at, expr, c, values, path, want)
	}
	if want == absent || !isList(want) {
		if len(expr.Variables()) > 0 {
			return refuse(expr.SrcRange, "it is put together from parts")
		}
		return e.replace(expr.SrcRange, literalText(want, indentAt(c.src, c.open), lineBreak(c.src)))
	}
	if slices.ContainsFunc(values, func(v cty.Value) bool { return !v.IsWhollyKnown() }) {
		return refuse(expr.SrcRange, "an element of the list can't be evaluated")
	}
	compare := align
	if e.sets {
		compare = alignSet
		e.sets = false // inside its elements
		defer func() { e.sets = true }()
	}
	plan, before := compare(values, want.AsValueSlice(), agree), len(e.splices)
	for _, op := range plan.replace {
		if err := e.assign(at, expr.Exprs[op.i], nil, op.want); err != nil {
			return err
		}
	}
	switch {
	case e.done || len(e.splices) > before:
		e.done = true // the rest is found when this is read anew
	case plan.then.kind == removeItem:
		return e.restructure(expr.SrcRange, c.remove(plan.then.i))
	case plan.then.kind == addItem:
		return e.restructure(expr.SrcRange, c.insert(plan.then.i, func(indent string) string { return literalText(plan.then.want, indent, lineBreak(c.src)) }))
	}
	return nil
}

// assignElement changes one element of a list, or of a set that is written as
// one.
func (e *editor) assignElement(at site, expr *hclsyntax.TupleConsExpr, c container, values []cty.Value, path []step, want cty.Value) error {
	i := path[0].index
	switch path[0].kind {
	case byElem:
		i = slices.IndexFunc(values, func(v cty.Value) bool { return agree(v, path[0].elem) })
	case byName:
		return refuse(expr.SrcRange, "it is a list, and the element is named")
	}
	switch {
	case i < 0 || i > len(values):
		return refuse(expr.SrcRange, "the element is not in the list")
	case i == len(values) && want == absent:
		return nil
	case i == len(values):
		want, ok := nested(path[1:], want)
		if !ok {
			return refuse(expr.SrcRange, "there is nothing at that place yet")
		}
		return e.restructure(expr.SrcRange, c.append(func(indent string) string { return literalText(want, indent, lineBreak(c.src)) }))
	case len(path) == 1 && want == absent:
		return e.restructure(expr.SrcRange, c.remove(i))
	case path[0].kind == byElem && path[0].name != "":
		return refuse(expr.SrcRange, "it is the key of the instance")
	}
	return e.assign(at, expr.Exprs[i], path[1:], want)
}
