package edit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// claim is what may become of one resource instance.
type claim struct {
	finding drift.Finding
	addr    drift.Address
	wishes  []wish
}

// wish is one change of a finding: what the source has to say at a path.
type wish struct {
	change drift.Change
	path   []step
	want   cty.Value
	follow bool // it follows from another change, and is not written anywhere
}

// claims by address.
type claims map[string]*claim

// prove checks that what the tree says after an edit differs from what it said
// before in nothing but what is claimed, and there says what is claimed.
func (s *source) prove(before, after snapshot, allowed claims) error {
	for _, id := range sortedSubjects(before, after) {
		was, is := before[id], after[id]
		c := allowed[id.name]
		switch {
		case id.kind == "output":
			if was != absent && was.True() && is != absent && is.False() {
				return &refused{reason: "output " + id.name + " could not be evaluated any more"}
			}
		case is == absent && id.kind == "resource" && c != nil && c.finding.Kind == drift.Deleted:
		case was == absent || is == absent:
			return &refused{reason: "it would also change which objects there are: " + id.name}
		default:
			if err := s.proveBody(id, was, is, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortedSubjects(before, after snapshot) []subject {
	var ids []subject
	for id := range before {
		ids = append(ids, id)
	}
	for id := range after {
		if _, ok := before[id]; !ok {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b subject) int {
		return strings.Compare(a.kind+"|"+a.name+"|"+a.file, b.kind+"|"+b.name+"|"+b.file)
	})
	return ids
}

func (s *source) proveBody(id subject, was, is cty.Value, c *claim) error {
	for _, path := range leaves(nil, was, is) {
		if c != nil && id.kind == "resource" && slices.ContainsFunc(c.wishes, func(w wish) bool { return !w.follow && covers(w.path, path) }) {
			continue
		}
		what := id.name
		if id.kind == "provider" {
			what = "provider " + what
		}
		return &refused{reason: fmt.Sprintf("it would also change %s of %s", top(path), what)}
	}
	return nil
}

// top is the argument or block that a path is in. Keys below it may be secret.
func top(path []step) string {
	if len(path) == 0 {
		return "the configuration"
	}
	return path[0].name
}

// covers reports whether a path of the source is at or below an accepted one.
// Blocks have an index in the source even where there may be one only.
func covers(accepted, path []step) bool {
	for len(accepted) > 0 {
		switch {
		case len(path) == 0:
			return false
		case accepted[0].kind == path[0].kind && accepted[0].name == path[0].name && accepted[0].index == path[0].index:
			accepted, path = accepted[1:], path[1:]
		case accepted[0].kind == byName && path[0].kind == byIndex && path[0].index == 0:
			path = path[1:]
		default:
			return false
		}
	}
	return true
}

// leaves are the paths at which two values differ, as deep as either goes.
func leaves(path []step, a, b cty.Value) [][]step {
	here := append(slices.Clone(path), step{})[:len(path)]
	na, nb := a == absent || a.IsNull(), b == absent || b.IsNull()
	switch {
	case na && nb:
		return nil
	case (na || isMapping(a)) && (nb || isMapping(b)):
		return members(here, a, b)
	case (na || isOrdered(a)) && (nb || isOrdered(b)):
		return elements(here, a, b)
	case !na && !nb && drift.Canonical(a) == drift.Canonical(b):
		return nil
	}
	return [][]step{here}
}

func isOrdered(v cty.Value) bool { return v.Type().IsTupleType() || v.Type().IsListType() }

func members(path []step, a, b cty.Value) (out [][]step) {
	as, bs := map[string]cty.Value{}, map[string]cty.Value{}
	if a != absent && !a.IsNull() {
		as = a.AsValueMap()
	}
	if b != absent && !b.IsNull() {
		bs = b.AsValueMap()
	}
	names := append(sortedKeys(as), sortedKeys(bs)...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		out = append(out, leaves(append(slices.Clone(path), step{name: name}), as[name], bs[name])...)
	}
	return out
}

func elements(path []step, a, b cty.Value) (out [][]step) {
	var as, bs []cty.Value
	if a != absent && !a.IsNull() {
		as = a.AsValueSlice()
	}
	if b != absent && !b.IsNull() {
		bs = b.AsValueSlice()
	}
	for i := range max(len(as), len(bs)) {
		var x, y cty.Value
		if i < len(as) {
			x = as[i]
		}
		if i < len(bs) {
			y = bs[i]
		}
		here := append(slices.Clone(path), step{index: i, kind: byIndex})
		more := leaves(here, x, y)
		if len(more) == 0 && (x == absent || y == absent) { // an element that is nothing
			more = [][]step{here}
		}
		out = append(out, more...)
	}
	return out
}

// fulfilled checks that the source says what is live, for one finding.
func (s *source) fulfilled(c *claim) error {
	if c.finding.Kind == drift.Deleted {
		return s.gone(c)
	}
	r, at, err := s.find(c.addr)
	if err != nil {
		return err
	}
	b := s.schema(c.addr)
	e := editor{source: s}
	for _, w := range c.wishes {
		if w.follow {
			continue
		}
		if !e.holds(at, r.Body, b, w.path, w.want) {
			return &refused{reason: "no edit makes the source say it: " + w.change.Path, at: r.Range}
		}
	}
	return nil
}

// holds reports whether the source of a resource says want at a path.
func (e *editor) holds(at site, body hcl.Body, b *schema.Block, path []step, want cty.Value) bool {
	name, rest := path[0].name, path[1:]
	if attr := attributeOf(body, name); attr != nil {
		return e.argumentHolds(at, attr, b, path, want)
	}
	n := nestedSchema(b, name)
	blocks, err := e.blocksOf(at, body, name)
	switch {
	case err != nil:
		return false
	case len(rest) == 0 && len(blocks) == 0 && want == absent:
		return true
	case len(rest) == 0:
		return n != nil && blocksAgree(n, e.decodeAll(blocks, &n.Block), want)
	}
	i, rest := pick(n, blocks, rest)
	switch {
	case i >= len(blocks):
		return want == absent
	case len(rest) > 0:
		return e.holds(blocks[i].at, blocks[i].body, blockOf(n), rest, want)
	}
	return n != nil && want != absent && blockAgrees(&n.Block, cty.ObjectVal(e.decode(blocks[i].at, blocks[i].body, &n.Block)), want)
}

func (e *editor) argumentHolds(at site, attr *hcl.Attribute, b *schema.Block, path []step, want cty.Value) bool {
	v, _ := e.value(at, attr.Expr)
	got := valueAt(v, path[1:])
	if isSet(b, path) && got != absent && want != absent && isList(got) && isList(want) {
		return agreeSets(got.AsValueSlice(), want.AsValueSlice(), agree)
	}
	return (got == absent || got.IsWhollyKnown()) && agree(got, want)
}

// isSet reports whether a path is that of a whole argument that is a set.
func isSet(b *schema.Block, path []step) bool {
	return b != nil && len(path) == 1 && b.Attributes[path[0].name] != nil && b.Attributes[path[0].name].ImpliedType().IsSetType()
}
