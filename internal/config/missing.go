package config

import (
	"maps"
	"slices"
	"strings"

	"holdfast/internal/drift"
)

// Missing lists the instances of managed resources that the source has and the
// state doesn't, as far as count and for_each can be evaluated: what the next
// apply would create.
func (e *Evaluator) Missing(has func(address string) bool) []drift.Address {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.root.missing(has)
}

func (s *scope) missing(has func(address string) bool) []drift.Address {
	var out []drift.Address
	for _, name := range slices.Sorted(maps.Keys(s.module.Resources)) {
		r := s.module.Resources[name]
		if r.Mode != drift.Managed {
			continue
		}
		exp, _ := s.expansion(r.Count, r.ForEach)
		for _, key := range exp.keys() {
			addr := drift.Address{Module: s.addr, Mode: r.Mode, Type: r.Type, Name: r.Name, Key: key}
			if !has(addr.String()) {
				out = append(out, addr)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.module.Calls)) {
		call := s.module.Calls[name]
		exp, _ := s.expansion(call.Count, call.ForEach)
		for _, key := range exp.keys() {
			if child := s.child(drift.ModuleStep{Name: name, Key: key}); child != nil {
				out = append(out, child.missing(has)...)
			}
		}
	}
	return out
}

// keys lists the instance keys, in order; none where they can't be decided.
func (e expansion) keys() []drift.Key {
	var keys []drift.Key
	switch e.kind {
	case single:
		return []drift.Key{drift.NoKey}
	case counted:
		for i := range e.count {
			keys = append(keys, drift.IntKey(i))
		}
	case eached:
		for _, name := range slices.Sorted(maps.Keys(e.elems)) {
			keys = append(keys, drift.StringKey(name))
		}
	}
	return keys
}

// Declares reports whether the source has a resource, by its address without
// instance keys, whether or not it has instances. What can't be seen may be there.
func (t *Tree) Declares(addr drift.Address) bool {
	if t.unseen {
		return true
	}
	m := t.Root
	for _, step := range addr.Module {
		call := m.Calls[step.Name]
		if call == nil {
			return false
		}
		if call.Module == nil {
			return true
		}
		m = call.Module
	}
	return m.Resources[addr.Resource()] != nil
}

// MayUse reports whether the source may need a provider, by its complete source
// address. What can't be seen may need any.
func (t *Tree) MayUse(provider string) bool {
	return t.unseen || len(t.Missing) > 0 || t.Root.uses(provider)
}

func (m *Module) uses(provider string) bool {
	names := slices.Collect(maps.Keys(m.Required))
	for _, block := range m.Providers {
		names = append(names, block.Name)
	}
	for _, r := range m.Resources {
		name, _, _ := strings.Cut(r.Provider, ".")
		if name == "" {
			name, _, _ = strings.Cut(r.Type, "_")
		}
		names = append(names, name)
	}
	for _, name := range names {
		if drift.SameProvider(m.ProviderSource(name), provider) {
			return true
		}
	}
	for _, call := range m.Calls {
		if call.Module != nil && call.Module.uses(provider) {
			return true
		}
	}
	return false
}
