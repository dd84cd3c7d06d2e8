package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"holdfast/internal/drift"
)

// Moves says where the source has moved the objects of a state: by moved
// blocks that have not been applied yet, and by the one move that needs no
// block. The rules are Terraform's: statements are executed in the order in
// which they build on each other, over the whole state, and nothing is moved
// onto something else.
type Moves struct {
	to map[string]drift.Address // by the address in the state
}

// Follow says where the source has the object that the state has at addr;
// addr itself when it was not moved.
func (m *Moves) Follow(addr drift.Address) drift.Address {
	if to, ok := m.to[addr.String()]; ok {
		return to
	}
	return addr
}

// Moves executes the moves of the source for a state that has the given
// addresses. It evaluates no expression. It fails where Terraform refuses the
// moved blocks: they form a cycle, contradict each other, or move something
// that is still declared.
func (e *Evaluator) Moves(state []drift.Address) (*Moves, error) {
	statements, err := collectMoves(nil, e.tree.Root)
	if err != nil {
		return nil, err
	}
	x := &mover{root: e.tree.Root, modules: map[string]*movedModule{}}
	for _, addr := range state {
		o := &movedObject{was: addr, at: addr}
		x.objects = append(x.objects, o)
		x.put(o)
	}
	statements = append(statements, x.implied(statements)...)
	if statements, err = inOrder(statements); err != nil {
		return nil, err
	}
	for _, s := range statements {
		if err := x.execute(s); err != nil {
			return nil, err
		}
	}
	return x.result(), nil
}

// statement is one move.
type statement struct {
	module   []string // names of the calls that lead to the module it stands in
	from, to endpoint
	whole    bool // no end has a key: all instances of the resource or call move
	implied  bool
	rng      hcl.Range
}

// endpoint is one end of a move, relative to the module that it stands in.
type endpoint struct {
	module   drift.ModuleAddress // of the resource; or the moved module itself
	resource *drift.Address      // nil for a module
}

func (p endpoint) String() string {
	if p.resource != nil {
		return p.resource.String()
	}
	return p.module.String()
}

// key is the instance key that the endpoint ends with.
func (p endpoint) key() drift.Key {
	if p.resource != nil {
		return p.resource.Key
	}
	return p.module[len(p.module)-1].Key
}

func endpointOf(t hcl.Traversal) (endpoint, bool) {
	if module, ok := drift.ModuleOf(t); ok {
		return endpoint{module: module}, true
	}
	addr, err := drift.AddressOf(t)
	if err != nil {
		return endpoint{}, false
	}
	return endpoint{module: addr.Module, resource: &addr}, true
}

func collectMoves(into []statement, m *Module) ([]statement, error) {
	for _, moved := range m.Moved {
		from, ok := endpointOf(moved.From)
		to, ok2 := endpointOf(moved.To)
		switch {
		case !ok || !ok2 || (from.resource == nil) != (to.resource == nil):
			return nil, fmt.Errorf("%s: moved: both ends must be resources, or both modules", place(moved.Range))
		case from.String() == to.String():
			return nil, fmt.Errorf("%s: moved: both ends are %s", place(moved.Range), from)
		}
		into = append(into, statement{
			module: pathNames(m.Path), from: from, to: to, rng: moved.Range,
			whole: from.key() == drift.NoKey && to.key() == drift.NoKey,
		})
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(m.Calls)) {
		if child := m.Calls[name].Module; child != nil {
			if into, err = collectMoves(into, child); err != nil {
				return nil, err
			}
		}
	}
	return into, nil
}

func pathNames(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// mover is the state during the moves.
type mover struct {
	root    *Module
	objects []*movedObject
	modules map[string]*movedModule // by address; only those that have objects
}

type movedModule struct {
	addr      drift.ModuleAddress
	resources map[string]map[drift.Key]*movedObject // by TYPE.NAME
}

type movedObject struct{ was, at drift.Address }

func (x *mover) put(o *movedObject) {
	name, resource := o.at.Module.String(), o.at.Resource()
	m := x.modules[name]
	if m == nil {
		m = &movedModule{addr: o.at.Module, resources: map[string]map[drift.Key]*movedObject{}}
		x.modules[name] = m
	}
	if m.resources[resource] == nil {
		m.resources[resource] = map[drift.Key]*movedObject{}
	}
	m.resources[resource][o.at.Key] = o
}

func (x *mover) take(o *movedObject) {
	name, resource := o.at.Module.String(), o.at.Resource()
	m := x.modules[name]
	delete(m.resources[resource], o.at.Key)
	if len(m.resources[resource]) == 0 {
		delete(m.resources, resource)
	}
	if len(m.resources) == 0 {
		delete(x.modules, name)
	}
}

func (x *mover) move(o *movedObject, to drift.Address) {
	x.take(o)
	o.at = to
	x.put(o)
}

// at gives the instances of a resource.
func (x *mover) at(module drift.ModuleAddress, resource string) map[drift.Key]*movedObject {
	if m := x.modules[module.String()]; m != nil {
		return m.resources[resource]
	}
	return nil
}

func (x *mover) result() *Moves {
	m := &Moves{to: map[string]drift.Address{}}
	for _, o := range x.objects {
		if was := o.was.String(); was != o.at.String() {
			m.to[was] = o.at
		}
	}
	return m
}

// implied makes the statements for resources that count was added to or taken
// from: between no key and key 0. A resource that a moved block names is left
// to that block, and adding count to a module call implies nothing.
func (x *mover) implied(explicit []statement) []statement {
	var out []statement
	for _, name := range slices.Sorted(maps.Keys(x.modules)) {
		m := x.modules[name]
		source := x.root.at(m.addr)
		if source == nil {
			continue
		}
		for _, resource := range slices.Sorted(maps.Keys(m.resources)) {
			r := source.Resources[resource]
			if r == nil || r.ForEach != nil {
				continue
			}
			from, to := drift.IntKey(0), drift.NoKey
			if r.Count != nil {
				from, to = to, from
			}
			o := m.resources[resource][from]
			if o == nil || slices.ContainsFunc(explicit, func(s statement) bool { return s.names(o.at) }) {
				continue
			}
			source, target := o.at, o.at
			target.Key = to
			out = append(out, statement{
				from: endpoint{source.Module, &source}, to: endpoint{target.Module, &target}, implied: true, rng: r.Range,
			})
		}
	}
	return out
}

// at is the module that the source has at an address, whatever its keys.
func (m *Module) at(addr drift.ModuleAddress) *Module {
	for _, step := range addr {
		call := m.Calls[step.Name]
		if call == nil || call.Module == nil {
			return nil
		}
		m = call.Module
	}
	return m
}

// names reports whether either end is the resource at addr or one of its
// instances.
func (s statement) names(addr drift.Address) bool {
	for _, end := range []endpoint{s.from, s.to} {
		if end.resource != nil && end.resource.Resource() == addr.Resource() && s.pattern(end).selects(addr.Module) {
			return true
		}
	}
	return false
}

func (x *mover) execute(s statement) error {
	for _, name := range x.concerned(s) {
		m := x.modules[name]
		if m == nil || !s.standsAbove(m.addr) {
			continue
		}
		prefix, rest := m.addr[:len(s.module)], m.addr[len(s.module):]
		var err error
		if s.from.resource == nil {
			err = x.executeModule(s, m, prefix, rest)
		} else if rest.Equal(s.from.module) {
			err = x.executeResource(s, m, prefix)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// concerned lists the module instances that a statement may be about: a
// resource that the root module moves is in one alone.
func (x *mover) concerned(s statement) []string {
	if s.from.resource != nil && len(s.module) == 0 {
		return []string{s.from.module.String()}
	}
	return slices.Sorted(maps.Keys(x.modules))
}

func (s statement) standsAbove(addr drift.ModuleAddress) bool {
	if len(addr) < len(s.module) {
		return false
	}
	for i, name := range s.module {
		if addr[i].Name != name {
			return false
		}
	}
	return true
}

func (x *mover) executeModule(s statement, m *movedModule, prefix, rest drift.ModuleAddress) error {
	moved, ok := s.moveModule(rest)
	if !ok {
		return nil
	}
	if err := x.refuse(s, prefix); err != nil {
		return err
	}
	target := join(prefix, moved)
	if x.modules[target.String()] != nil {
		return nil // taken
	}
	for _, instances := range m.resources {
		for _, o := range instances {
			to := o.at
			to.Module = target
			x.move(o, to)
		}
	}
	return nil
}

// moveModule replaces the start of a module address.
func (s statement) moveModule(addr drift.ModuleAddress) (drift.ModuleAddress, bool) {
	from, to := s.from.module, s.to.module
	last := len(from) - 1
	if len(addr) < len(from) || !addr[:last].Equal(from[:last]) || addr[last].Name != from[last].Name {
		return nil, false
	}
	if !s.whole && addr[last].Key != from[last].Key {
		return nil, false
	}
	moved := join(to, addr[len(from):])
	if s.whole {
		moved[len(to)-1].Key = addr[last].Key
	}
	return moved, true
}

func (x *mover) executeResource(s statement, m *movedModule, prefix drift.ModuleAddress) error {
	from, to := s.from.resource, s.to.resource
	target := drift.Address{Module: join(prefix, to.Module), Mode: to.Mode, Type: to.Type, Name: to.Name, Key: to.Key}
	moving := maps.Clone(m.resources[from.Resource()])
	if !s.whole {
		maps.DeleteFunc(moving, func(k drift.Key, _ *movedObject) bool { return k != from.Key })
	}
	if len(moving) == 0 {
		return nil
	}
	if err := x.refuse(s, prefix); err != nil {
		return err
	}
	there := x.at(target.Module, target.Resource())
	if there[target.Key] != nil || (s.whole && len(there) > 0) {
		return nil // taken
	}
	for key, o := range moving {
		if s.whole {
			target.Key = key
		}
		x.move(o, target)
	}
	return nil
}

func join(a, b drift.ModuleAddress) drift.ModuleAddress {
	return append(append(make(drift.ModuleAddress, 0, len(a)+len(b)), a...), b...)
}

// refuse complains of a move of something that the source still declares, as
// far as that can be seen without evaluating count or for_each.
func (x *mover) refuse(s statement, prefix drift.ModuleAddress) error {
	if s.implied {
		return nil
	}
	m, count, forEach := x.root.at(join(prefix, s.from.module)), hcl.Expression(nil), hcl.Expression(nil)
	if s.from.resource != nil {
		if m == nil || m.Resources[s.from.resource.Resource()] == nil {
			return nil
		}
		r := m.Resources[s.from.resource.Resource()]
		count, forEach = r.Count, r.ForEach
	} else {
		last := len(s.from.module) - 1
		if m = x.root.at(join(prefix, s.from.module[:last])); m == nil || m.Calls[s.from.module[last].Name] == nil {
			return nil
		}
		call := m.Calls[s.from.module[last].Name]
		count, forEach = call.Count, call.ForEach
	}
	single := count == nil && forEach == nil
	if s.whole || (single && s.from.key() == drift.NoKey) {
		return fmt.Errorf("%s: moved: %s is still declared", place(s.rng), s.from)
	}
	return nil
}

// RemovedBy finds the removed block that covers an address, if any.
func (t *Tree) RemovedBy(addr drift.Address) (Removed, bool) {
	return t.Root.removedBy(addr, addr.Module)
}

func (m *Module) removedBy(addr drift.Address, rest drift.ModuleAddress) (Removed, bool) {
	for _, r := range m.Removed {
		from, ok := endpointOf(r.From)
		switch {
		case !ok:
		case from.resource == nil && len(rest) >= len(from.module) && rest[:len(from.module)].Path() == from.module.Path():
			return r, true
		case from.resource != nil && rest.Path() == from.module.Path() && from.resource.Resource() == addr.Resource():
			return r, true
		}
	}
	if len(rest) > 0 {
		if call := m.Calls[rest[0].Name]; call != nil && call.Module != nil {
			return call.Module.removedBy(addr, rest[1:])
		}
	}
	return Removed{}, false
}
