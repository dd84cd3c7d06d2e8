package edit

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
)

// snapshot is all that a module tree says, evaluated: the configuration of every
// resource and data source instance and of every provider, what modules that
// can't be seen are given, and which outputs can be evaluated.
type snapshot map[subject]cty.Value

// subject names what a block configures. A block that an override file changes
// is several, one a file.
type subject struct{ kind, name, file string }

// recorder makes a snapshot.
type recorder struct {
	*source
	out snapshot
}

// record evaluates the whole tree for one stack.
func (s *source) record(set Setting) (snapshot, error) {
	own := *s
	var err error
	if own.eval, own.vars, err = s.evaluator(set); err != nil {
		return nil, err
	}
	r := &recorder{&own, snapshot{}}
	at, _ := s.site(nil)
	r.module(at)
	return r.out, nil
}

var topSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "resource", LabelNames: []string{"type", "name"}},
	{Type: "data", LabelNames: []string{"type", "name"}},
	{Type: "provider", LabelNames: []string{"name"}},
	{Type: "module", LabelNames: []string{"name"}},
}}

func (r *recorder) module(at site) {
	for _, file := range at.module.Files() {
		content, _, _ := file.Body.PartialContent(topSchema)
		for _, block := range content.Blocks {
			r.block(at, block, file.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(at.module.Outputs)) {
		if out := at.module.Outputs[name]; out.Value != nil {
			v, _ := r.eval.Value(at.Place, out.Value)
			r.out[subject{"output", modulePrefix(at) + name, ""}] = cty.BoolVal(v.IsWhollyKnown())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(at.module.Calls)) {
		call := at.module.Calls[name]
		keys, _ := r.eval.Keys(at.Module, call.Count, call.ForEach)
		for _, key := range keys {
			if inner, ok := r.site(at.Module.Child(name, key)); ok {
				r.module(inner)
			}
		}
	}
}

func modulePrefix(at site) string {
	if len(at.Module) == 0 {
		return ""
	}
	return at.Module.String() + "."
}

// own are the parts of a block that are Terraform's, and what an existing object
// does not come from.
var own = map[string]bool{
	"count": true, "for_each": true, "depends_on": true, "provider": true, "providers": true,
	"lifecycle": true, "connection": true, "provisioner": true, "alias": true,
}

func (r *recorder) block(at site, block *hcl.Block, file string) {
	switch block.Type {
	case "provider":
		id := subject{"provider", modulePrefix(at) + block.Labels[0], file}
		for r.out[id] != absent { // another alias
			id.name += "'"
		}
		r.out[id] = r.body(at, block.Body)
	case "module":
		call := at.module.Calls[block.Labels[0]]
		if call == nil || call.Module != nil {
			return
		}
		r.instances(at, block, file, "module", "module."+call.Name, call.Count, call.ForEach)
	default:
		name := block.Labels[0] + "." + block.Labels[1]
		if block.Type == "data" {
			name = "data." + name
		}
		if res := at.module.Resources[name]; res != nil {
			r.instances(at, block, file, "resource", name, res.Count, res.ForEach)
		}
	}
}

func (r *recorder) instances(at site, block *hcl.Block, file, kind, name string, count, forEach hcl.Expression) {
	keys, decided := r.eval.Keys(at.Module, count, forEach)
	if !decided {
		expr := forEach
		if count != nil {
			expr = count
		}
		at := at.repeated(drift.NoKey, count, forEach)
		r.out[subject{kind, modulePrefix(at) + name + "[?]", file}] = cty.TupleVal([]cty.Value{cty.StringVal(r.print(at, expr)), r.body(at, block.Body)})
		return
	}
	for _, key := range keys {
		r.out[subject{kind, modulePrefix(at) + name + key.String(), file}] = r.body(at.repeated(key, count, forEach), block.Body)
	}
}

// body evaluates all of a block, without its schema: arguments by name, nested
// blocks as tuples in the order of the source.
func (r *recorder) body(at site, body hcl.Body) cty.Value {
	out := map[string]cty.Value{}
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		attrs, _ := body.JustAttributes()
		for name, attr := range attrs {
			if !own[name] {
				out[name] = r.expr(at, attr.Expr)
			}
		}
		return cty.ObjectVal(out)
	}
	for name, attr := range native.Attributes {
		if !own[name] {
			out[name] = r.expr(at, attr.Expr)
		}
	}
	nested, labelled := map[string][]cty.Value{}, map[string]map[string]cty.Value{}
	for _, block := range native.Blocks {
		switch {
		case own[block.Type] && len(block.Labels) < 2:
		case block.Type == "dynamic" && len(block.Labels) == 1:
			nested[block.Labels[0]] = append(nested[block.Labels[0]], r.dynamic(at, block)...)
		case len(block.Labels) > 0:
			if labelled[block.Type] == nil {
				labelled[block.Type] = map[string]cty.Value{}
			}
			labelled[block.Type][strings.Join(block.Labels, " ")] = r.body(at, block.Body)
		default:
			nested[block.Type] = append(nested[block.Type], r.body(at, block.Body))
		}
	}
	for name, blocks := range labelled {
		out[name] = cty.ObjectVal(blocks)
	}
	for name, blocks := range nested {
		out[name] = cty.TupleVal(blocks)
	}
	return cty.ObjectVal(out)
}

func (r *recorder) dynamic(at site, block *hclsyntax.Block) []cty.Value {
	e := editor{source: r.source}
	blocks, err := e.expand(at, block.AsHCLBlock())
	if err != nil {
		return []cty.Value{r.body(at, block.Body)}
	}
	out := []cty.Value{}
	for _, one := range blocks {
		out = append(out, r.body(one.at, one.body))
	}
	return out
}

// expr evaluates an expression. What is unknown in it is told by all the source
// that it depends on, so that it is the same as long as that is.
func (r *recorder) expr(at site, expr hcl.Expression) cty.Value {
	v, _ := r.eval.Value(at.Place, expr)
	v, _ = v.UnmarkDeep()
	if v.IsWhollyKnown() {
		return v
	}
	switch expr := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		elems := make([]cty.Value, len(expr.Exprs))
		for i, elem := range expr.Exprs {
			elems[i] = r.expr(at, elem)
		}
		return cty.TupleVal(elems)
	case *hclsyntax.ObjectConsExpr:
		elems := map[string]cty.Value{}
		for _, item := range expr.Items {
			key, _ := r.eval.Value(at.Place, item.KeyExpr)
			key, _ = key.UnmarkDeep()
			name := textName(key)
			if name == "" {
				return cty.StringVal(r.print(at, expr))
			}
			elems[name] = r.expr(at, item.ValueExpr)
		}
		return cty.ObjectVal(elems)
	}
	return cty.StringVal(r.print(at, expr))
}

// print is a fingerprint of an expression and of all that it refers to.
func (r *recorder) print(at site, expr hcl.Expression) string {
	p := &printer{recorder: r, seen: map[string]bool{}}
	p.expr(at, expr)
	return fmt.Sprintf("\x00unknown %x", sha256.Sum256([]byte(p.b.String())))
}

type printer struct {
	*recorder
	b    strings.Builder
	seen map[string]bool
}

func (p *printer) expr(at site, expr hcl.Expression) {
	p.tokens(at, expr.Range())
	for _, t := range expr.Variables() {
		p.reference(at, t)
	}
}

// tokens writes the source of a range without its layout.
func (p *printer) tokens(at site, r hcl.Range) {
	src := p.contentOf(at.module, r.Filename)
	if !r.CanSliceBytes(src) {
		fmt.Fprintf(&p.b, "?%s", r)
		return
	}
	tokens, _ := hclsyntax.LexExpression(r.SliceBytes(src), "", hcl.InitialPos)
	for _, t := range tokens {
		if t.Type != hclsyntax.TokenNewline && t.Type != hclsyntax.TokenComment {
			fmt.Fprintf(&p.b, "%d%q", t.Type, t.Bytes)
		}
	}
}

func (s *source) contentOf(m *config.Module, name string) []byte {
	for _, f := range m.Files() {
		if f.Name == name {
			return f.Source
		}
	}
	_, content, _ := s.text(name)
	return content
}

func (p *printer) reference(at site, t hcl.Traversal) {
	steps, err := stepsOf(t[:min(len(t), 2)])
	if err != nil || len(steps) < 2 {
		return
	}
	root, name := steps[0].name, steps[1].name
	id := at.Module.String() + "|" + at.Key.String() + "|" + root + "." + name
	if it, ok := at.iterations[root]; ok {
		fmt.Fprintf(&p.b, "%s", it.step)
		p.expr(it.at, it.forEach)
		return
	}
	if p.seen[id] {
		return
	}
	p.seen[id] = true
	switch root {
	case "local":
		if local := at.module.Locals[name]; local != nil {
			p.expr(at.top(), local)
		}
	case "each", "count":
		fmt.Fprintf(&p.b, "%s", at.Key)
		for _, expr := range []hcl.Expression{at.ForEach, at.Count} {
			if expr != nil {
				p.expr(at.top(), expr)
			}
		}
	case "var":
		p.variable(at, name)
	case "module":
		p.output(at, name)
	}
}

func (p *printer) variable(at site, name string) {
	v := at.module.Variables[name]
	if v == nil {
		return
	}
	if v.Default != nil {
		p.expr(at.top(), v.Default)
	}
	outer, call, ok := p.caller(at)
	if !ok {
		if a, ok := p.vars[name]; ok && a.Expr() != nil {
			p.tokens(at, a.Expr().Range())
		}
		return
	}
	if attr := attributeOf(call.Body, name); attr != nil {
		p.expr(outer, attr.Expr)
	}
}

// output writes all outputs of a module: which are meant matters little.
func (p *printer) output(at site, name string) {
	call := at.module.Calls[name]
	if call == nil || call.Module == nil {
		return
	}
	keys, _ := p.eval.Keys(at.Module, call.Count, call.ForEach)
	for _, key := range keys {
		inner, ok := p.site(at.Module.Child(name, key))
		if !ok {
			continue
		}
		for _, out := range slices.Sorted(maps.Keys(inner.module.Outputs)) {
			if expr := inner.module.Outputs[out].Value; expr != nil {
				p.expr(inner, expr)
			}
		}
	}
}
