package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
)

// assignReference follows a reference to where its value is written.
func (e *editor) assignReference(at site, expr *hclsyntax.ScopeTraversalExpr, path []step, want cty.Value) error {
	root := expr.Traversal.RootName()
	if it, ok := at.iterations[root]; ok {
		return e.assignIterator(expr, it, path, want)
	}
	steps, err := stepsOf(expr.Traversal)
	if err != nil {
		return refuse(expr.SrcRange, "%s", err)
	}
	if len(steps) < 2 {
		return refuse(expr.SrcRange, "it refers to %s", root)
	}
	name := steps[1].name
	path = append(slices.Clone(steps[2:]), path...)
	switch root {
	case "local":
		if local := at.module.Locals[name]; local != nil {
			return e.assign(at.top(), local, path, want)
		}
	case "var":
		return e.assignVariable(at, expr, name, path, want)
	case "each":
		if name == "value" && at.ForEach != nil {
			key, _ := at.Key.Str()
			return e.assign(at.top(), at.ForEach, append([]step{{name: key}}, path...), want)
		}
		return refuse(expr.SrcRange, "it depends on each.%s, which names the instance", name)
	case "count":
		return refuse(expr.SrcRange, "it depends on count.index")
	case "module":
		return e.assignOutput(at, expr, name, path, want)
	case "path", "terraform", "tofu":
		return refuse(expr.SrcRange, "it depends on %s.%s", root, name)
	}
	from := sourceName(steps)
	for name, r := range at.module.Resources {
		if from == name || strings.HasPrefix(from, name+".") {
			return refuse(expr.SrcRange, "it takes its value from %s, at %s", from, e.place(r.Range))
		}
	}
	return refuse(expr.SrcRange, "it takes its value from %s", from)
}

func sourceName(steps []step) string {
	names := []string{}
	for _, s := range steps[:min(len(steps), 3)] {
		if s.kind == byName {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ".")
}

// assignIterator follows the iterator of a dynamic block to what it goes over.
func (e *editor) assignIterator(expr *hclsyntax.ScopeTraversalExpr, it iteration, path []step, want cty.Value) error {
	steps, err := stepsOf(expr.Traversal)
	if err != nil || len(steps) < 2 || steps[1].name != "value" {
		return refuse(expr.SrcRange, "it depends on the key of a dynamic block")
	}
	full := append([]step{it.step}, steps[2:]...)
	return e.assign(it.at, it.forEach, append(full, path...), want)
}

func (e *editor) assignVariable(at site, expr *hclsyntax.ScopeTraversalExpr, name string, path []step, want cty.Value) error {
	v := at.module.Variables[name]
	if v == nil {
		return refuse(expr.SrcRange, "variable %s is not declared", name)
	}
	if v.Sensitive || v.Ephemeral {
		return refuse(expr.SrcRange, "variable %s is sensitive", name)
	}
	if len(at.Module) == 0 {
		if a, ok := e.vars[name]; ok {
			return e.assignRoot(at, v, a, path, want)
		}
		return e.assignDefault(at, v, path, want)
	}
	outer, call, ok := e.caller(at)
	if !ok {
		return refuse(expr.SrcRange, "the call of its module can't be found")
	}
	attr := attributeOf(call.Body, name)
	if attr != nil {
		if given, _ := e.value(outer, attr.Expr); !given.IsNull() || v.Nullable {
			return e.assign(outer, attr.Expr, path, want)
		}
	}
	if attr == nil && v.Default != nil && !e.ownDefault(at, call) {
		return e.giveArgument(at, call, v, path, want)
	}
	return e.assignDefault(at, v, path, want)
}

// assignRoot changes the value that a root variable is given.
func (e *editor) assignRoot(at site, v *config.Variable, a config.Assigned, path []step, want cty.Value) error {
	expr := a.Expr()
	if expr == nil {
		from := "the environment (TF_VAR_" + v.Name + ")"
		if a.From() != "the environment" {
			from = a.From()
		}
		return &refused{reason: fmt.Sprintf("variable %s gets its value from %s", v.Name, from), at: v.Range, byHand: "change the value there"}
	}
	if given, _ := e.value(at.top(), expr); given.IsNull() && !v.Nullable {
		return e.assignDefault(at, v, path, want)
	}
	return e.assign(at.top(), expr, path, want)
}

func (e *editor) assignDefault(at site, v *config.Variable, path []step, want cty.Value) error {
	if v.Default == nil {
		return refuse(v.Range, "variable %s has no value in the source", v.Name)
	}
	return e.assign(at.top(), v.Default, path, want)
}

// ownDefault reports whether the default of a module's variable can be changed
// for one call: the module is ours and called once.
func (e *editor) ownDefault(at site, call *config.Call) bool {
	dir, err := physical(at.module.Dir)
	return err == nil && e.editable(dir) == nil && e.calls(e.tree.Root, call.Module.Dir) == 1
}

func (e *editor) calls(m *config.Module, dir string) int {
	n := 0
	for _, call := range m.Calls {
		if call.Module == nil {
			continue
		}
		if call.Module.Dir == dir {
			n++
		}
		n += e.calls(call.Module, dir)
	}
	return n
}

// giveArgument adds an argument to a module call that leaves a default in place.
func (e *editor) giveArgument(at site, call *config.Call, v *config.Variable, path []step, want cty.Value) error {
	body := nativeBody(call.Body)
	if body == nil {
		return refuse(call.Range, "the call of the module can't be added to")
	}
	old, _ := e.value(at, v.Default)
	full, ok := put(old, path, want)
	if !ok {
		return refuse(call.Range, "the default of variable %s can't be changed in part", v.Name)
	}
	return e.addAttribute(body, v.Name, full)
}

// put is a value with another one at path in it; absent takes it out.
func put(v cty.Value, path []step, want cty.Value) (cty.Value, bool) {
	if len(path) == 0 {
		return want, true
	}
	s := path[0]
	switch {
	case v.IsNull() || !v.IsKnown():
		return absent, false
	case s.kind == byName && isMapping(v):
		elems := v.AsValueMap()
		if elems == nil {
			elems = map[string]cty.Value{}
		}
		old, has := elems[s.name]
		if !has {
			old = cty.NullVal(cty.DynamicPseudoType)
		}
		inner, ok := put(old, path[1:], want)
		if inner == absent {
			delete(elems, s.name)
		} else {
			elems[s.name] = inner
		}
		return cty.ObjectVal(elems), ok
	case s.kind == byIndex && isList(v) && s.index < v.LengthInt():
		elems := v.AsValueSlice()
		inner, ok := put(elems[s.index], path[1:], want)
		if inner == absent {
			return cty.TupleVal(slices.Delete(elems, s.index, s.index+1)), ok
		}
		elems[s.index] = inner
		return cty.TupleVal(elems), ok
	}
	return absent, false
}

// assignOutput follows module.NAME.OUTPUT into the module.
func (e *editor) assignOutput(at site, expr *hclsyntax.ScopeTraversalExpr, name string, path []step, want cty.Value) error {
	key := drift.NoKey
	if len(path) > 0 && len(expr.Traversal) > 2 {
		if index, ok := expr.Traversal[2].(hcl.TraverseIndex); ok {
			key, _ = drift.KeyFrom(index.Key)
			path = path[1:]
		}
	}
	inner, ok := e.site(at.Module.Child(name, key))
	if !ok || len(path) == 0 || path[0].kind != byName {
		return refuse(expr.SrcRange, "it takes its value from module.%s", name)
	}
	out := inner.module.Outputs[path[0].name]
	if out == nil || out.Value == nil || out.Sensitive {
		return refuse(expr.SrcRange, "it takes its value from module.%s", name)
	}
	return e.assign(inner, out.Value, path[1:], want)
}

// assignCall changes what a function is given, where it is clear how.
func (e *editor) assignCall(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	name := strings.TrimPrefix(expr.Name, "core::")
	if follow := e.follower(name); follow != nil && !expr.ExpandFinal && len(expr.Args) > 0 {
		return follow(at, expr, path, want)
	}
	if slices.Contains(readers, name) {
		return &refused{reason: "it is the content of a file, read by " + name + "()", at: expr.Range(), byHand: "change that file"}
	}
	return refuseCall(expr)
}

func refuseCall(expr *hclsyntax.FunctionCallExpr) error {
	return refuse(expr.Range(), "it is computed by %s()", strings.TrimPrefix(expr.Name, "core::"))
}

var readers = []string{"file", "templatefile", "filebase64", "filesha256", "filebase64sha256", "filemd5"}

// follower goes on into what a function is given; nil where that can't be done.
func (e *editor) follower(name string) func(site, *hclsyntax.FunctionCallExpr, []step, cty.Value) error {
	switch name {
	case "jsonencode":
		return e.assignEncoded
	case "toset":
		return e.assignSet
	case "tolist", "tomap", "tostring", "tonumber", "tobool", "nonsensitive":
		return e.assignSame
	case "length":
		return e.assignLength
	case "merge":
		return e.assignMerged
	case "concat":
		return e.assignConcat
	case "element":
		return e.assignChosen
	case "lookup":
		return e.assignLookedUp
	}
	return nil
}

// assignSame changes what a conversion is given, for it passes that on.
func (e *editor) assignSame(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	return e.assign(at, expr.Args[0], path, want)
}

// assignEncoded changes what jsonencode() is given.
func (e *editor) assignEncoded(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	if !isText(want) || len(path) > 0 {
		return refuseCall(expr)
	}
	doc, ok := document(want.AsString())
	if !ok {
		return refuseCall(expr)
	}
	return e.assign(at, expr.Args[0], nil, doc)
}

// assignSet changes an element of what toset() is given. A name is one of an
// instance that for_each makes of it.
func (e *editor) assignSet(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	was := e.sets
	e.sets = true
	defer func() { e.sets = was }()
	if len(path) > 0 && path[0].kind == byName {
		path = append([]step{{name: path[0].name, elem: cty.StringVal(path[0].name), kind: byElem}}, path[1:]...)
	}
	return e.assign(at, expr.Args[0], path, want)
}

// assignLookedUp changes the element that lookup() finds, or its default.
func (e *editor) assignLookedUp(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	if len(expr.Args) < 2 {
		return refuseCall(expr)
	}
	key, _ := e.value(at, expr.Args[1])
	m, _ := e.value(at, expr.Args[0])
	if !isText(key) || !m.IsKnown() {
		return refuse(expr.Range(), "what lookup() finds can't be evaluated")
	}
	found := []step{{name: key.AsString()}}
	if valueAt(m, found) != absent || len(expr.Args) < 3 {
		return e.assign(at, expr.Args[0], append(found, path...), want)
	}
	return e.assign(at, expr.Args[2], path, want)
}

// assignMerged changes the argument of merge() that gives a key its value.
func (e *editor) assignMerged(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	values := make([]cty.Value, len(expr.Args))
	for i, arg := range expr.Args {
		values[i], _ = e.value(at, arg)
		if !values[i].IsKnown() {
			return refuse(arg.Range(), "not all that merge() is given can be evaluated")
		}
	}
	if len(path) > 0 {
		return e.assignMergedKey(at, expr, values, path, want)
	}
	if want == absent || !isMapping(want) {
		return refuseCall(expr)
	}
	merged, _ := e.value(at, expr)
	wants := want.AsValueMap()
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(sortedKeys(merged.AsValueMap()), sortedKeys(wants)...)))) {
		v, ok := wants[name]
		if !ok {
			v = absent
		}
		if e.done || ok && agree(valueAt(merged, []step{{name: name}}), v) {
			continue
		}
		if err := e.assignMergedKey(at, expr, values, []step{{name: name}}, v); err != nil {
			return err
		}
	}
	return nil
}

func (e *editor) assignMergedKey(at site, expr *hclsyntax.FunctionCallExpr, values []cty.Value, path []step, want cty.Value) error {
	for i, v := range slices.Backward(values) {
		if valueAt(v, path[:1]) != absent {
			return e.assign(at, expr.Args[i], path, want)
		}
	}
	if want == absent {
		return nil
	}
	for _, arg := range slices.Backward(expr.Args) {
		if object, ok := arg.(*hclsyntax.ObjectConsExpr); ok {
			return e.assign(at, object, path, want)
		}
	}
	return refuse(expr.Range(), "merge() is given no literal map that a key could be added to")
}

// assignConcat changes the argument of concat() that an element is in.
func (e *editor) assignConcat(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	if len(path) == 0 || path[0].kind != byIndex {
		return refuseCall(expr)
	}
	i := path[0].index
	for n, arg := range expr.Args {
		v, _ := e.value(at, arg)
		if !isList(v) {
			return refuse(arg.Range(), "not all that concat() is given can be evaluated")
		}
		if i < v.LengthInt() || n == len(expr.Args)-1 {
			return e.assign(at, arg, append([]step{{index: i, kind: byIndex}}, path[1:]...), want)
		}
		i -= v.LengthInt()
	}
	return nil
}

// assignChosen changes the element of a list that element() chooses.
func (e *editor) assignChosen(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	if len(expr.Args) == 2 {
		list, _ := e.value(at, expr.Args[0])
		key, _ := e.value(at, expr.Args[1])
		if s, ok := stepTo(key); ok && s.kind == byIndex && isList(list) && list.LengthInt() > 0 {
			s.index %= list.LengthInt()
			return e.assign(at, expr.Args[0], append([]step{s}, path...), want)
		}
	}
	return refuseCall(expr)
}
