package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"holdfast/internal/config/funcs"
	"holdfast/internal/drift"
)

// Values gives the evaluator what the source can't tell: the objects that were
// last applied.
type Values interface {
	// Instances gives the objects of a resource in one module instance, by
	// instance key, as values of the resource type's schema, sensitive parts
	// marked. Empty: there is none.
	Instances(module drift.ModuleAddress, mode, typeName, name string) map[drift.Key]cty.Value
}

// Inputs are what a root module is evaluated with.
type Inputs struct {
	Workspace string
	Variables map[string]Assigned // see RootVariables
	Values    Values
	// KeepMarks puts every mark of what an expression refers to on its value,
	// but for those that hide secrets: they follow the language's own rules,
	// which lose one here and there (the key of an index, a count).
	KeepMarks bool
}

// Evaluator evaluates expressions of a module tree, lazily: nothing that isn't
// asked for is looked at, because nearly every configuration has something
// that can't be known here. It is safe for concurrent use.
type Evaluator struct {
	tree   *Tree
	inputs Inputs
	funcs  map[string]function.Function

	mu     sync.Mutex
	root   *scope
	shapes shapes
	left   int // of maxTotal
	most   int // maxExpression
	chain  int // references that are being followed
}

// NewEvaluator makes an evaluator of a tree.
func NewEvaluator(tree *Tree, in Inputs) *Evaluator {
	e := &Evaluator{tree: tree, inputs: in, funcs: funcs.All(funcs.Options{WorkDir: tree.Root.Dir}), shapes: newShapes(), left: maxTotal, most: maxExpression}
	e.root = newScope(e, tree.Root, nil)
	return e
}

// scope is one module instance under evaluation.
type scope struct {
	eval   *Evaluator
	module *Module
	addr   drift.ModuleAddress
	parent *scope
	call   *Call
	each   repetition // of the call that made this instance

	children   map[drift.ModuleStep]*scope
	cache      map[string]result
	busy       map[string]bool
	expansions map[hcl.Expression]expanded
}

type result struct {
	value    cty.Value
	problems []Problem
}

func newScope(e *Evaluator, m *Module, parent *scope) *scope {
	return &scope{
		eval: e, module: m, parent: parent, children: map[drift.ModuleStep]*scope{},
		cache: map[string]result{}, busy: map[string]bool{}, expansions: map[hcl.Expression]expanded{},
	}
}

// child is the scope of an instance of a called module; nil when the module
// isn't known.
func (s *scope) child(step drift.ModuleStep) *scope {
	if c := s.children[step]; c != nil {
		return c
	}
	call := s.module.Calls[step.Name]
	if call == nil || call.Module == nil {
		return nil
	}
	c := newScope(s.eval, call.Module, s)
	c.addr, c.call = s.addr.Child(step.Name, step.Key), call
	c.each = repetition{key: step.Key, count: call.Count, forEach: call.ForEach}
	s.children[step] = c
	return c
}

// at is the scope of a module instance; nil when the source has no such module.
func (e *Evaluator) at(addr drift.ModuleAddress) *scope {
	s := e.root
	for _, step := range addr {
		if s = s.child(step); s == nil {
			return nil
		}
	}
	return s
}

// repetition is what each.key, each.value and count.index mean in a block.
type repetition struct {
	key            drift.Key
	count, forEach hcl.Expression
}

// locals are extra names in an expression: the iterators of dynamic blocks.
type locals map[string]cty.Value

// memo evaluates something once. An evaluation that needs itself is unknown.
func (s *scope) memo(name string, r hcl.Range, f func() (cty.Value, []Problem)) (cty.Value, []Problem) {
	if done, ok := s.cache[name]; ok {
		return done.value, done.problems
	}
	if s.busy[name] {
		return cty.DynamicVal, []Problem{{Range: r, Reason: name + " refers to itself"}}
	}
	s.busy[name] = true
	v, problems := safely(r, f)
	delete(s.busy, name)
	s.cache[name] = result{v, problems}
	return v, problems
}

// safely evaluates something that the libraries below may not be able to deal
// with. What panics is unknown, and hidden: what it depends on can't be told.
func safely(r hcl.Range, f func() (cty.Value, []Problem)) (v cty.Value, problems []Problem) {
	defer func() {
		if recover() != nil {
			v, problems = cty.DynamicVal.Mark(funcs.Sensitive), []Problem{{Range: r, Reason: "it can't be evaluated, by a mistake of Holdfast's; please report it"}}
		}
	}()
	return f()
}

// value evaluates an expression. What it needs and can't be had is unknown in
// it, with the reason among the problems; problems that did not matter (the
// result is known all the same) are dropped.
//
// One thing is not seen: of which type an unknown value will be. Where the
// other side of a conditional is unknown, or another element of a list,
// Terraform may turn a number into text because the other is text; here it
// stays a number. An argument is converted to its own type anyway.
func (s *scope) value(expr hcl.Expression, rep repetition, extra locals) (cty.Value, []Problem) {
	if s.eval.chain >= maxChain {
		return cty.DynamicVal, []Problem{s.problem(expr, fmt.Sprintf("it ends a chain of more than %d references", maxChain))}
	}
	s.eval.chain++
	defer func() { s.eval.chain-- }()
	return safely(expr.Range(), func() (cty.Value, []Problem) {
		parsed, diags := native(expr)
		if diags.HasErrors() {
			return cty.DynamicVal, s.problems(expr, diags, false)
		}
		m := &meter{left: s.eval.most, total: &s.eval.left}
		ctx := &hcl.EvalContext{Functions: s.eval.funcs, Variables: map[string]cty.Value{meterName: cty.CapsuleVal(meterType, m)}}
		refs := parsed.Variables()
		problems := s.fill(ctx, refs, rep, extra)
		v, diags := parsed.Value(ctx)
		n, fits := size(v, maxValue)
		m.spend(n)
		switch {
		case !fits || m.exceeded():
			return cty.DynamicVal.Mark(funcs.Sensitive), addProblems(problems, s.problem(expr, "it is larger than what Holdfast evaluates"))
		case diags.HasErrors():
			v, problems = cty.DynamicVal, addProblems(problems, s.problems(expr, diags, isSecret(referenceMarks(parsed, ctx)))...)
		case v.IsWhollyKnown():
			return s.keepMarks(v, parsed, ctx), nil
		case len(problems) == 0:
			problems = []Problem{s.problem(expr, "its value is known only after an apply")}
		}
		return s.keepMarks(inheritMarks(v, parsed, ctx, markUnknown), parsed, ctx), problems
	})
}

// fill puts the values that the traversals need into ctx.
func (s *scope) fill(ctx *hcl.EvalContext, refs []hcl.Traversal, rep repetition, extra locals) []Problem {
	var problems []Problem
	roots, outputs := tree{}, wantedOutputs(refs)
	for _, t := range refs {
		name := t.RootName()
		if v, ok := extra[name]; ok {
			ctx.Variables[name] = v
			continue
		}
		path, v, more := s.reference(t, rep, outputs)
		problems = addProblems(problems, s.located(t, more)...)
		roots.put(path, v)
	}
	for name, node := range roots {
		ctx.Variables[name] = node.value()
	}
	return problems
}

// tree collects values by path, to build the nested objects that HCL wants.
type tree map[string]*node

type node struct {
	leaf     *cty.Value
	children tree
}

func (t tree) put(path []string, v cty.Value) {
	n := t[path[0]]
	if n == nil {
		n = &node{children: tree{}}
		t[path[0]] = n
	}
	if len(path) == 1 {
		n.leaf = &v
		return
	}
	n.children.put(path[1:], v)
}

func (n *node) value() cty.Value {
	if n.leaf != nil {
		return *n.leaf
	}
	vals := map[string]cty.Value{}
	for name, child := range n.children {
		vals[name] = child.value()
	}
	return cty.ObjectVal(vals)
}

// reference resolves what a traversal starts with: the path that is to be
// bound in the evaluation context, and its value.
func (s *scope) reference(t hcl.Traversal, rep repetition, outputs map[string][]string) ([]string, cty.Value, []Problem) {
	root, name := t.RootName(), traversalName(t, 1)
	path := []string{root, name}
	if name == "" {
		return []string{root}, cty.DynamicVal, []Problem{{Reason: "it refers to nothing"}}
	}
	switch root {
	case "var":
		v, problems := s.variable(name)
		return path, v, problems
	case "local":
		v, problems := s.local(name)
		return path, v, problems
	case "path":
		v, problems := s.pathValue(name)
		return path, v, problems
	case "terraform", "tofu":
		return s.terraformValue(path)
	case "each", "count":
		v, problems := s.repeated(rep, root, name)
		return path, v, problems
	case "module":
		return s.moduleReference(t, name, outputs[name])
	case "self", "ephemeral":
		return []string{root}, cty.DynamicVal, []Problem{{Reason: root + " values exist only during an apply"}}
	case "data":
		return s.resourceReference(drift.Data, path, name, traversalName(t, 2))
	case "resource":
		return s.resourceReference(drift.Managed, path, name, traversalName(t, 2))
	}
	v, problems := s.resource(drift.Managed, root, name)
	return path, v, problems
}

func (s *scope) resourceReference(mode string, path []string, typeName, name string) ([]string, cty.Value, []Problem) {
	if name == "" {
		return path, cty.DynamicVal, []Problem{{Reason: "it refers to a whole resource type"}}
	}
	v, problems := s.resource(mode, typeName, name)
	return append(path, name), v, problems
}

func traversalName(t hcl.Traversal, i int) string {
	if i < len(t) {
		if step, ok := t[i].(hcl.TraverseAttr); ok {
			return step.Name
		}
	}
	return ""
}

func (s *scope) pathValue(name string) (cty.Value, []Problem) {
	switch name {
	case "module":
		return cty.StringVal(s.module.Rel), nil
	case "root":
		return cty.StringVal("."), nil
	case "cwd":
		return cty.StringVal(s.eval.tree.Root.Dir), nil
	}
	return cty.DynamicVal, []Problem{{Reason: "there is no such path"}}
}

func (s *scope) terraformValue(path []string) ([]string, cty.Value, []Problem) {
	if path[1] == "workspace" || path[1] == "env" {
		return path, cty.StringVal(s.eval.inputs.Workspace), nil
	}
	return path, cty.DynamicVal, []Problem{{Reason: path[0] + "." + path[1] + " is known to Terraform alone"}}
}

func (s *scope) local(name string) (cty.Value, []Problem) {
	expr := s.module.Locals[name]
	if expr == nil {
		return cty.DynamicVal, []Problem{{Reason: "no local value of that name is declared"}}
	}
	return s.memo("local."+name, expr.Range(), func() (cty.Value, []Problem) {
		return s.value(expr, repetition{}, nil)
	})
}

// resource is the value of a resource as expressions see it: an object, a
// tuple of them with count, an object of them with for_each.
func (s *scope) resource(mode, typeName, name string) (cty.Value, []Problem) {
	key := drift.Address{Mode: mode, Type: typeName, Name: name}.Resource()
	r := s.module.Resources[key]
	if r == nil {
		return cty.DynamicVal, []Problem{{Reason: "no " + key + " is declared"}}
	}
	return s.memo(key, r.Range, func() (cty.Value, []Problem) {
		have := s.eval.inputs.Values.Instances(s.addr, mode, typeName, name)
		exp, problems := s.expansion(r.Count, r.ForEach)
		v := exp.collect(func(k drift.Key) cty.Value {
			if obj, ok := have[k]; ok {
				return obj
			}
			problems = addProblems(problems, Problem{Reason: key + k.String() + " is not in the state yet"})
			return cty.DynamicVal
		})
		return v, problems
	})
}

// wantedOutputs says which outputs of each module the traversals look at; none
// where that can't be seen, and then it may be all of them. To evaluate others
// would find cycles where there are none.
func wantedOutputs(refs []hcl.Traversal) map[string][]string {
	wanted := map[string][]string{}
	for _, t := range refs {
		if t.RootName() != "module" {
			continue
		}
		name, output := traversalName(t, 1), outputName(t)
		outputs, seen := wanted[name]
		switch {
		case output == "", seen && outputs == nil:
			wanted[name] = nil
		case !slices.Contains(outputs, output):
			wanted[name] = append(outputs, output)
		}
	}
	return wanted
}

// outputName is the output in module.NAME.OUTPUT or module.NAME[KEY].OUTPUT.
func outputName(t hcl.Traversal) string {
	if len(t) > 3 {
		if _, ok := t[2].(hcl.TraverseIndex); ok {
			return traversalName(t, 3)
		}
	}
	return traversalName(t, 2)
}

// moduleReference resolves module.NAME, with the outputs that are wanted.
func (s *scope) moduleReference(t hcl.Traversal, name string, outputs []string) ([]string, cty.Value, []Problem) {
	path := []string{"module", name}
	call := s.module.Calls[name]
	switch {
	case call == nil:
		return path, cty.DynamicVal, []Problem{{Reason: "no module of that name is called"}}
	case call.Module == nil:
		return path, cty.DynamicVal, []Problem{{Reason: "the module is not installed; run terraform init"}}
	}
	exp, problems := s.expansion(call.Count, call.ForEach)
	if output := traversalName(t, 2); exp.kind == single && output != "" {
		v, more := s.child(drift.ModuleStep{Name: name}).output(output)
		return append(path, output), v, addProblems(problems, more...)
	}
	if outputs == nil {
		outputs = slices.Collect(maps.Keys(call.Module.Outputs))
	}
	slices.Sort(outputs)
	v, problems := s.memo(fmt.Sprintf("module.%s%q", name, outputs), call.Range, func() (cty.Value, []Problem) {
		v := exp.collect(func(k drift.Key) cty.Value {
			child := s.child(drift.ModuleStep{Name: name, Key: k})
			vals := map[string]cty.Value{}
			for _, output := range outputs {
				v, more := child.output(output)
				vals[output], problems = v, addProblems(problems, more...)
			}
			return cty.ObjectVal(vals)
		})
		return v, problems
	})
	return path, v, problems
}

func (s *scope) output(name string) (cty.Value, []Problem) {
	out := s.module.Outputs[name]
	if out == nil || out.Value == nil {
		return cty.DynamicVal, []Problem{{Reason: "the module has no output " + name}}
	}
	return s.memo("output."+name, out.Value.Range(), func() (cty.Value, []Problem) {
		v, problems := s.value(out.Value, repetition{}, nil)
		return marked(v, out.Sensitive, out.Ephemeral), problems
	})
}

// variable is the value of an input variable: what the caller of the module,
// or whoever runs Terraform, assigned to it, or its default.
func (s *scope) variable(name string) (cty.Value, []Problem) {
	v := s.module.Variables[name]
	if v == nil {
		return cty.DynamicVal, []Problem{{Reason: "no variable of that name is declared"}}
	}
	return s.memo("var."+name, v.Range, func() (cty.Value, []Problem) {
		val, problems := s.assigned(v)
		val, problem := v.accept(val)
		switch {
		case problem == nil:
		case s.parent != nil && problem.Reason == noValue:
			problems = addProblems(problems, Problem{Range: s.call.Range, Reason: fmt.Sprintf("module %s is not given a value for variable %s", s.call.Name, name)})
		default:
			problems = addProblems(problems, *problem)
		}
		return marked(val, v.Sensitive, v.Ephemeral), problems
	})
}

// assigned is the raw value of a variable; cty.NilVal for none.
func (s *scope) assigned(v *Variable) (cty.Value, []Problem) {
	if s.parent == nil {
		a, ok := s.eval.inputs.Variables[v.Name]
		if !ok {
			return cty.NilVal, nil
		}
		val, err := a.value(v)
		if err != nil {
			return cty.DynamicVal, []Problem{{Expr: "var." + v.Name, Range: v.Range, Reason: err.Error()}}
		}
		return val, nil
	}
	content, _, _ := s.call.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: v.Name}}})
	attr := content.Attributes[v.Name]
	if attr == nil {
		return cty.NilVal, nil
	}
	return s.parent.value(attr.Expr, s.each, nil)
}

const noValue = "it has no value; give it one with --var or --var-file"

// accept applies a variable's default and type to an assigned value.
func (v *Variable) accept(val cty.Value) (cty.Value, *Problem) {
	ty := v.Type.WithoutOptionalAttributesDeep()
	if val == cty.NilVal || (val.IsNull() && !v.Nullable) {
		if v.Default == nil {
			return cty.UnknownVal(ty), &Problem{Expr: "var." + v.Name, Range: v.Range, Reason: noValue}
		}
		def, diags := v.Default.Value(nil)
		if diags.HasErrors() {
			return cty.UnknownVal(ty), &Problem{Expr: "var." + v.Name, Range: v.Default.Range(), Reason: diags[0].Summary}
		}
		val = def
	}
	if v.Defaults != nil && !val.IsNull() {
		val = v.Defaults.Apply(val)
	}
	converted, err := convert.Convert(val, v.Type)
	if err != nil {
		_, marks := val.UnmarkDeep()
		reason := "its value does not fit its type: " + pathError(err, v.Sensitive || v.Ephemeral || isSecret(marks))
		return cty.UnknownVal(ty).WithMarks(marks), &Problem{Expr: "var." + v.Name, Range: v.Range, Reason: reason}
	}
	return converted, nil
}

// pathError puts the place inside a value before a conversion error. Either
// may repeat what is secret.
func pathError(err error, secret bool) string {
	var pe cty.PathError
	switch {
	case secret:
		return withheld
	case errors.As(err, &pe) && len(pe.Path) > 0:
		return drift.FormatPath(pe.Path) + ": " + err.Error()
	}
	return err.Error()
}
