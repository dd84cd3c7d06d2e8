package edit

import (
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

// takeOut changes the source so that it has an instance no more.
func (e *editor) takeOut(addr drift.Address) error {
	if inner, ok := e.site(addr.Module); ok && inner.module.Resources[addr.Resource()] == nil {
		return nil // it went with another instance
	}
	if existence, _ := e.eval.Exists(addr); existence == config.Absent {
		return nil
	}
	r, at, err := e.find(addr)
	switch {
	case err != nil:
		return err
	case r.ForEach != nil:
		key, _ := addr.Key.Str()
		return e.assign(at.top(), r.ForEach, []step{{name: key}}, absent)
	case r.Count != nil:
		return e.countDown(at.top(), r, addr)
	}
	return e.takeOutBlock(at, r)
}

func (e *editor) countDown(at site, r *config.Resource, addr drift.Address) error {
	keys, _ := e.eval.Keys(at.Module, r.Count, nil)
	n, _ := addr.Key.Int()
	if n != len(keys)-1 {
		return refuse(r.Count.Range(), "only the last of the instances that count makes can be taken out")
	}
	return e.assign(at, r.Count, nil, cty.NumberIntVal(int64(n)))
}

// assignLength takes the last element out of a list, so that it is one shorter.
func (e *editor) assignLength(at site, expr *hclsyntax.FunctionCallExpr, path []step, want cty.Value) error {
	list, _ := e.value(at, expr.Args[0])
	if len(path) == 0 && want != absent && want.Type() == cty.Number && isList(list) && !list.Type().IsSetType() {
		n := list.LengthInt()
		if want.Equals(cty.NumberIntVal(int64(n - 1))).True() {
			return e.assign(at, expr.Args[0], []step{{index: n - 1, kind: byIndex}}, absent)
		}
	}
	return refuseCall(expr)
}

// takeOutBlock takes the block of a resource out, with the comment above it, or
// puts a removed block in its place.
func (e *editor) takeOutBlock(at site, r *config.Resource) error {
	written := writtenBlocks(at.module, r)
	if len(written) != 1 {
		return refuse(r.Range, "the resource is not written in one block of the native syntax")
	}
	whole := written[0].Range()
	whole.End = written[0].CloseBraceRange.End
	if refs := e.references(at.module, r, whole); len(refs) > 0 {
		return &refused{
			reason: "the source refers to it: " + strings.Join(refs, ", "), at: r.Range,
			byHand: fmt.Sprintf("take these references out, then the block of %s.%s", r.Type, r.Name),
		}
	}
	if !e.in.Forget {
		return e.removeLines(whole, true)
	}
	eol := lineBreak(e.contents(whole))
	text := fmt.Sprintf("removed {\n  from = %s.%s\n\n  lifecycle {\n    destroy = false\n  }\n}", r.Type, r.Name)
	return e.restructure(whole, []change{{whole.Start.Byte, whole.End.Byte, strings.ReplaceAll(text, "\n", eol)}})
}

// writtenBlocks are the blocks of a resource; none where one is in the JSON
// syntax.
func writtenBlocks(m *config.Module, r *config.Resource) []*hclsyntax.Block {
	var out []*hclsyntax.Block
	for _, file := range m.Files() {
		body, ok := file.Body.(*hclsyntax.Body)
		if !ok {
			continue
		}
		for _, block := range body.Blocks {
			if block.Type == "resource" && len(block.Labels) == 2 && block.Labels[0] == r.Type && block.Labels[1] == r.Name {
				out = append(out, block)
			}
		}
	}
	return out
}

// references lists the places that refer to a resource, in its own module and in
// those above it, but for its own block.
func (e *editor) references(of *config.Module, r *config.Resource, own hcl.Range) []string {
	var out []string
	seen := map[string]bool{}
	var visit func(m *config.Module)
	visit = func(m *config.Module) {
		below, inside := modulePath(m, of)
		for _, file := range m.Files() {
			if inside && !seen[file.Name] {
				seen[file.Name] = true
				out = append(out, e.referencesIn(file, below, r, own)...)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(m.Calls)) {
			if inner := m.Calls[name].Module; inner != nil {
				visit(inner)
			}
		}
	}
	visit(e.tree.Root)
	return out
}

// modulePath is the way from one module to one that it calls, over any number of
// calls.
func modulePath(from, to *config.Module) (below []string, ok bool) {
	if from.Path == to.Path {
		return nil, true
	}
	rest, ok := strings.CutPrefix(to.Path, from.Path)
	if !ok || from.Path != "" && !strings.HasPrefix(rest, ".") {
		return nil, false
	}
	return strings.Split(strings.TrimPrefix(rest, "."), "."), true
}

func (e *editor) referencesIn(file config.File, below []string, r *config.Resource, own hcl.Range) []string {
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		if strings.Contains(string(file.Source), r.Type+"."+r.Name) {
			return []string{e.name(file.Name)}
		}
		return nil
	}
	var out []string
	_ = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
		expr, ok := n.(*hclsyntax.ScopeTraversalExpr)
		inOwn := ok && file.Name == own.Filename && expr.SrcRange.Start.Byte >= own.Start.Byte && expr.SrcRange.End.Byte <= own.End.Byte
		if ok && !inOwn && names(expr.Traversal, below, r) {
			out = append(out, e.place(expr.SrcRange))
		}
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// names reports whether a traversal names a resource of a module below.
func names(t hcl.Traversal, below []string, r *config.Resource) bool {
	var got []string
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			got = append(got, step.Name)
		case hcl.TraverseAttr:
			got = append(got, step.Name)
		}
	}
	want := []string{}
	for _, name := range below {
		want = append(want, "module", name)
	}
	want = append(want, r.Type, r.Name)
	if len(got) > 0 && got[0] == "resource" {
		got = got[1:]
	}
	return len(got) >= len(want) && slices.Equal(got[:len(want)], want)
}

// gone checks that the source has an instance no more.
func (s *source) gone(c *claim) error {
	if existence, _ := s.eval.Exists(c.addr); existence != config.Absent {
		return &refused{reason: "no edit of the source leaves this instance out"}
	}
	return nil
}
