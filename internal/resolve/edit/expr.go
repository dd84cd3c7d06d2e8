package edit

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// editor collects what is to be changed in the source in one go. After something
// was added or taken out the source is read anew, so that is the last of it.
type editor struct {
	*source
	splices []splice
	done    bool
	depth   int
	sets    bool // lists are written where a set is wanted: order does not matter
}

// replace puts text in the place of a range of the source.
func (e *editor) replace(r hcl.Range, text string) error {
	return e.splice(r, []change{{r.Start.Byte, r.End.Byte, text}})
}

// splice makes changes in the file of a range.
func (e *editor) splice(r hcl.Range, changes []change) error {
	path, _, err := e.text(r.Filename)
	if err != nil {
		return err
	}
	if err := e.editable(path); err != nil {
		return refuse(r, "%s", err)
	}
	for _, c := range changes {
		e.splices = append(e.splices, splice{path, c.start, c.end, c.text})
	}
	return nil
}

// restructure makes changes after which the source is to be read anew.
func (e *editor) restructure(r hcl.Range, changes []change) error {
	e.done = true
	return e.splice(r, changes)
}

// contents is the file that a range is in.
func (e *editor) contents(r hcl.Range) []byte {
	_, content, err := e.text(r.Filename)
	if err != nil || !r.CanSliceBytes(content) {
		return nil
	}
	return content
}

// assign changes the source so that an expression says want at path; absent
// takes it out.
func (e *editor) assign(at site, expr hcl.Expression, path []step, want cty.Value) error {
	const most = 100
	if e.depth++; e.depth > most {
		return refuse(expr.Range(), "it refers to itself")
	}
	defer func() { e.depth-- }()
	if e.done || e.says(at, expr, path, want) {
		return nil
	}
	if e.contents(expr.Range()) == nil {
		return refuse(expr.Range(), "its place in the source can't be found")
	}
	if native, ok := expr.(hclsyntax.Expression); ok {
		return e.assignNative(at, native, path, want)
	}
	return e.assignJSON(at, expr, path, want)
}

func (e *editor) assignNative(at site, expr hclsyntax.Expression, path []step, want cty.Value) error {
	switch x := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return e.assign(at, x.Expression, path, want)
	case *hclsyntax.TemplateWrapExpr:
		return e.assign(at, x.Wrapped, path, want)
	case *hclsyntax.ObjectConsExpr:
		return e.assignObject(at, x, path, want)
	case *hclsyntax.TupleConsExpr:
		return e.assignTuple(at, x, path, want)
	case *hclsyntax.LiteralValueExpr, *hclsyntax.UnaryOpExpr:
		return e.assignLiteral(at, expr, path, want)
	case *hclsyntax.TemplateExpr:
		return e.assignTemplate(at, x, path, want)
	case *hclsyntax.ScopeTraversalExpr:
		return e.assignReference(at, x, path, want)
	case *hclsyntax.IndexExpr:
		return e.assignIndexed(at, x, path, want)
	case *hclsyntax.RelativeTraversalExpr:
		steps, err := stepsOf(x.Traversal)
		if err != nil {
			return refuse(x.SrcRange, "%s", err)
		}
		return e.assign(at, x.Source, append(steps, path...), want)
	case *hclsyntax.FunctionCallExpr:
		return e.assignCall(at, x, path, want)
	case *hclsyntax.ConditionalExpr:
		return refuse(x.SrcRange, "it depends on a condition")
	}
	return refuse(expr.Range(), "it is computed")
}

// says reports whether an expression is known and says want already. That a
// literal is laid out otherwise does not matter.
func (e *editor) says(at site, expr hcl.Expression, path []step, want cty.Value) bool {
	v, _ := e.value(at, expr)
	v = valueAt(v, path)
	if v != absent && !v.IsWhollyKnown() {
		return false
	}
	if e.sets && v != absent && want != absent && isList(v) && isList(want) {
		return agreeSets(v.AsValueSlice(), want.AsValueSlice(), agree)
	}
	if nothing(v) && nothing(want) && want != absent && v == absent {
		return false // an empty collection is to be written
	}
	return agree(v, want)
}

func isList(v cty.Value) bool {
	return v.IsKnown() && !v.IsNull() && (v.Type().IsTupleType() || v.Type().IsListType() || v.Type().IsSetType())
}

func (e *editor) assignLiteral(at site, expr hclsyntax.Expression, path []step, want cty.Value) error {
	if len(path) > 0 {
		return e.nest(at, expr, path, want)
	}
	old, _ := e.value(at, expr)
	if len(expr.Variables()) > 0 || !old.IsWhollyKnown() {
		return refuse(expr.Range(), "it is computed")
	}
	text, ok := replaceText(e.contents(expr.Range()), expr, want, old)
	if !ok {
		return refuse(expr.Range(), "the value can't be written as a literal")
	}
	return e.replace(expr.Range(), text)
}

// nest writes a map with one key where null is.
func (e *editor) nest(at site, expr hclsyntax.Expression, path []step, want cty.Value) error {
	old, _ := e.value(at, expr)
	if !old.IsNull() || want == absent {
		return refuse(expr.Range(), "nothing in it can be changed on its own")
	}
	v, ok := nested(path, want)
	if !ok {
		return refuse(expr.Range(), "there is nothing at that place yet")
	}
	return e.assignLiteral(at, expr, nil, v)
}

// nested is a value that has nothing but want, at path.
func nested(path []step, want cty.Value) (cty.Value, bool) {
	for _, s := range slices.Backward(path) {
		switch {
		case s.kind == byName:
			want = cty.ObjectVal(map[string]cty.Value{s.name: want})
		case s.kind == byIndex && s.index == 0:
			want = cty.TupleVal([]cty.Value{want})
		default:
			return absent, false
		}
	}
	return want, true
}

func (e *editor) assignTemplate(at site, expr *hclsyntax.TemplateExpr, path []step, want cty.Value) error {
	if expr.IsStringLiteral() || len(expr.Variables()) == 0 && allLiteral(expr) {
		return e.assignLiteral(at, expr, path, want)
	}
	if len(path) > 0 || want == absent {
		return refuse(expr.SrcRange, "it is put together from parts")
	}
	parts := make([]string, len(expr.Parts))
	for i, part := range expr.Parts {
		v, _ := e.value(at, part)
		text := textOf(v)
		if !isText(text) {
			return refuse(part.Range(), "it is put together from parts that can't all be evaluated")
		}
		parts[i] = text.AsString()
	}
	goal := textOf(want)
	if !isText(goal) {
		return refuse(expr.SrcRange, "it is text, and what is live is not")
	}
	changes, ok := templateChanges(e.contents(expr.SrcRange), expr, parts, e.laidOut(parts, goal.AsString()))
	if !ok {
		return refuse(expr.SrcRange, "it is put together from parts, and what differs is not in the text between them")
	}
	return e.splice(expr.SrcRange, changes)
}

// laidOut gives a JSON document the layout of the text that it is to replace.
func (e *editor) laidOut(parts []string, want string) string {
	if doc, ok := document(want); ok {
		if text, ok := editDocument(strings.Join(parts, ""), doc); ok {
			return text
		}
	}
	return want
}

func textOf(v cty.Value) cty.Value {
	if v == absent || v.IsNull() || !v.IsKnown() || !v.Type().IsPrimitiveType() {
		return absent
	}
	return inKindOf(cty.StringVal(""), v)
}

func allLiteral(expr *hclsyntax.TemplateExpr) bool {
	return !slices.ContainsFunc(expr.Parts, func(part hclsyntax.Expression) bool {
		_, ok := part.(*hclsyntax.LiteralValueExpr)
		return !ok
	})
}

func (e *editor) assignIndexed(at site, expr *hclsyntax.IndexExpr, path []step, want cty.Value) error {
	key, _ := e.value(at, expr.Key)
	s, ok := stepTo(key)
	if !ok {
		return refuse(expr.Key.Range(), "which element it is can't be evaluated")
	}
	return e.assign(at, expr.Collection, append([]step{s}, path...), want)
}

// assignJSON changes a plain value in a file of the JSON syntax.
func (e *editor) assignJSON(at site, expr hcl.Expression, path []step, want cty.Value) error {
	r := expr.Range()
	if len(path) > 0 {
		member := e.memberJSON(at, expr, path[0])
		if member == nil || len(path) == 1 && want == absent {
			return refuse(r, "it is written in the JSON syntax, where nothing is added or taken out")
		}
		return e.assign(at, member, path[1:], want)
	}
	old, _ := e.value(at, expr)
	plain := func(v cty.Value) bool { return v != absent && v.IsKnown() && !v.IsNull() && v.Type().IsPrimitiveType() }
	if !plain(want) || !plain(old) || !constant(expr) {
		return refuse(r, "it is written in the JSON syntax, where only plain values are edited")
	}
	text := inKindOf(old, want)
	if isText(text) {
		text = cty.StringVal(escapeTemplate(text.AsString()))
	}
	return e.replace(r, jsonText(text, "", false))
}

// memberJSON is a member of an object or a list in the JSON syntax.
func (e *editor) memberJSON(at site, expr hcl.Expression, s step) hcl.Expression {
	if elems, diags := hcl.ExprList(expr); !diags.HasErrors() && s.kind == byIndex && s.index < len(elems) {
		return elems[s.index]
	}
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() || s.kind != byName {
		return nil
	}
	for _, pair := range pairs {
		if key, _ := e.value(at, pair.Key); isText(key) && key.AsString() == s.name {
			return pair.Value
		}
	}
	return nil
}
