package resolve

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/terraform"
)

// sourceOf is what a plan says of the source: which arguments it writes, and what
// they refer to. By declarations, that is addresses without keys.
type sourceOf struct {
	writes  map[string]map[string]bool
	refers  map[string]map[string][]string
	changed map[string]bool // what the plan would change, or read during the apply
	created map[string]bool // of that, what is made again of the findings
}

func newSourceOf(plan *terraform.Plan, findings []drift.Finding) sourceOf {
	s := sourceOf{writes: plan.Configured(), refers: plan.Refers(), changed: map[string]bool{}, created: map[string]bool{}}
	for _, f := range findings {
		if f.Kind == drift.Deleted {
			s.created[declaration(f.Address)] = true
		}
	}
	for _, c := range plan.Changes {
		if !c.Change.Is("no-op") {
			s.changed[declaration(c.Address)] = true
		}
	}
	return s
}

func declaration(address string) string {
	addr, err := drift.ParseAddress(address)
	if err != nil {
		return address
	}
	return addr.Declaration()
}

// sets reports whether the source writes the argument or block that a path is in.
func (s sourceOf) sets(c *terraform.ResourceChange, path cty.Path) bool {
	step, ok := path[0].(cty.GetAttrStep)
	return ok && s.writes[declaration(c.Address)][step.Name]
}

// mayBeUnknown reports whether a value that is not known before the apply may be
// what the source says, and not just what the provider computes: an argument that
// the source writes, from something that the same plan would change. What is made
// again may follow others that are made again.
func (s sourceOf) mayBeUnknown(c *terraform.ResourceChange, path cty.Path, b *schema.Block) bool {
	if !s.sets(c, path) || readOnly(b, path) {
		return false
	}
	at, name := declaration(c.Address), path[0].(cty.GetAttrStep).Name
	return slices.ContainsFunc(s.refers[at][name], func(ref string) bool { return s.mayChange(at, ref) })
}

// mayChange reports whether what an expression refers to may be unknown. A module's
// own variable, a local value and the like may stand for anything.
func (s sourceOf) mayChange(from, ref string) bool {
	parts := strings.Split(from, ".")
	module := strings.Join(parts[:len(parts)-2], ".") // before the type and the name
	if module != "" {
		module += "."
	}
	kind, _, _ := strings.Cut(ref, ".")
	anything := false
	switch kind {
	case "count", "path", "terraform", "self":
		return false
	case "var":
		anything = module != "" // those of the root are known
	case "local", "module", "each":
		anything = true
	}
	for address := range s.changed {
		follows := s.created[from] && s.created[address]
		if address != from && !follows && (anything || drift.Covers(address, module+ref)) {
			return true
		}
	}
	return false
}

// readOnly reports whether no source can set what is at path.
func readOnly(b *schema.Block, path cty.Path) bool {
	for _, step := range path {
		attr, ok := step.(cty.GetAttrStep)
		if !ok {
			continue
		}
		if a := b.Attributes[attr.Name]; a != nil {
			return a.ReadOnly()
		}
		nested := b.Blocks[attr.Name]
		if nested == nil {
			return false
		}
		b = &nested.Block
	}
	return false
}
