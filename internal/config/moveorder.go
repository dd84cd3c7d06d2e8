package config

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/drift"
)

// inOrder sorts statements so that each comes after those that it builds on,
// otherwise as they are declared.
func inOrder(statements []statement) ([]statement, error) {
	if err := contradictions(statements); err != nil {
		return nil, err
	}
	before := dependencies(statements)
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(statements))
	var out []statement
	var path []int
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case done:
			return nil
		case open:
			return cycleError(statements, path[slices.Index(path, i):])
		}
		state[i], path = open, append(path, i)
		for _, j := range before[i] {
			if err := visit(j); err != nil {
				return err
			}
		}
		state[i], path = done, path[:len(path)-1]
		out = append(out, statements[i])
		return nil
	}
	for i := range statements {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func cycleError(statements []statement, cycle []int) error {
	var parts []string
	for _, i := range cycle {
		s := statements[i]
		parts = append(parts, fmt.Sprintf("%s: %s to %s", place(s.rng), s.from, s.to))
	}
	slices.Sort(parts)
	return fmt.Errorf("moved blocks form a cycle, so nothing has a final place: %s", strings.Join(parts, "; "))
}

// contradictions finds one address that moves to two places, or two that move
// to one.
func contradictions(statements []statement) error {
	from, to := map[string]statement{}, map[string]statement{}
	for _, s := range statements {
		if s.implied {
			continue
		}
		in := strings.Join(s.module, ".") + "|"
		if s.whole {
			in += "*|"
		}
		if other, ok := from[in+s.from.String()]; ok && other.to.String() != s.to.String() {
			return fmt.Errorf("%s: moved: %s moves to %s, but at %s to %s", place(s.rng), s.from, s.to, place(other.rng), other.to)
		}
		if other, ok := to[in+s.to.String()]; ok && other.from.String() != s.from.String() {
			return fmt.Errorf("%s: moved: %s moves to %s, but at %s %s moves there", place(s.rng), s.from, s.to, place(other.rng), other.from)
		}
		from[in+s.from.String()], to[in+s.to.String()] = s, s
	}
	return nil
}

// dependencies lists, for each statement, those that must come before it. Two
// statements about different resources have nothing to do with each other
// unless one of them moves a module.
func dependencies(statements []statement) [][]int {
	ends := make([]ends, len(statements))
	byResource := map[string][]int{}
	var modules []int
	for i, s := range statements {
		ends[i] = endsOf(s)
		if s.from.resource == nil {
			modules = append(modules, i)
			continue
		}
		byResource[ends[i].from.name] = append(byResource[ends[i].from.name], i)
		if ends[i].to.name != ends[i].from.name {
			byResource[ends[i].to.name] = append(byResource[ends[i].to.name], i)
		}
	}
	before := make([][]int, len(statements))
	for i, s := range statements {
		related := modules
		if s.from.resource == nil {
			related = nil
			for j := range statements {
				related = append(related, j)
			}
		} else {
			related = slices.Concat(related, byResource[ends[i].from.name], byResource[ends[i].to.name])
		}
		slices.Sort(related)
		for _, j := range slices.Compact(related) {
			if i != j && dependsOn(ends[i], ends[j]) {
				before[i] = append(before[i], j)
			}
		}
	}
	return before
}

// ends are both ends of a statement as patterns over the whole tree.
type ends struct {
	from, to pattern
	depth    int  // of the module that the statement stands in
	reindex  bool // a module keeps its name and changes its key
}

func endsOf(s statement) ends {
	e := ends{from: s.pattern(s.from), to: s.pattern(s.to), depth: len(s.module)}
	e.reindex = s.from.resource == nil && !s.whole && s.from.module.Path() == s.to.module.Path()
	return e
}

// pattern is what an end of a statement may match: a block in a module holds
// for all instances of that module.
type pattern struct {
	steps    []patternStep
	resource bool
	name     string // of the resource, with the module's path
	whole    bool   // all instances of the resource, or of the call
	key      drift.Key
}

type patternStep struct {
	name string
	any  bool
	key  drift.Key
}

func (s statement) pattern(end endpoint) pattern {
	p := pattern{whole: s.whole, resource: end.resource != nil}
	for _, name := range s.module {
		p.steps = append(p.steps, patternStep{name: name, any: true})
	}
	for i, step := range end.module {
		anyKey := s.whole && !p.resource && i == len(end.module)-1
		p.steps = append(p.steps, patternStep{name: step.Name, any: anyKey, key: step.Key})
	}
	if p.resource {
		names := make([]string, len(p.steps))
		for i, step := range p.steps {
			names[i] = step.name
		}
		p.name, p.key = strings.Join(names, ".")+"|"+end.resource.Resource(), end.resource.Key
	}
	return p
}

// selects reports whether the pattern's module part is that module.
func (p pattern) selects(addr drift.ModuleAddress) bool {
	if len(p.steps) != len(addr) {
		return false
	}
	for i, step := range p.steps {
		if step.name != addr[i].Name || (!step.any && step.key != addr[i].Key) {
			return false
		}
	}
	return true
}

// within reports whether the steps of p may lead to, or below, where those of
// o lead.
func (p pattern) within(o pattern) bool {
	if len(p.steps) < len(o.steps) {
		return false
	}
	for i, step := range o.steps {
		mine := p.steps[i]
		if mine.name != step.name || (!mine.any && !step.any && mine.key != step.key) {
			return false
		}
	}
	return true
}

// chains reports whether p may select the very thing that o does.
func (p pattern) chains(o pattern) bool {
	return len(p.steps) == len(o.steps) && p.within(o) && p.resource == o.resource && p.name == o.name &&
		(!p.resource || (p.whole == o.whole && p.key == o.key))
}

// nested reports whether p may select something inside what o selects.
func (p pattern) nested(o pattern) bool {
	if !p.within(o) {
		return false
	}
	if o.resource { // only a resource as a whole holds anything: its instances
		return p.resource && o.whole && !p.whole && p.name == o.name
	}
	return p.resource || len(p.steps) > len(o.steps)
}

// dependsOn reports whether b must be executed before a.
func dependsOn(a, b ends) bool {
	if a.from.chains(b.to) {
		return true
	}
	if !a.from.nested(b.to) && !a.to.nested(b.to) && !b.from.nested(a.from) && !b.to.nested(a.from) {
		return false
	}
	// A module that only changes its key holds the same nested statements
	// before and after: they depend on it, and not it on them.
	return a.depth >= b.depth || !a.reindex
}
