package config

import (
	"path"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"

	"holdfast/internal/drift"
)

// Declared says where the source declares a resource: where its block begins, in
// a file named relative to the root module. Of a resource in a module that
// terraform init installed it is the call of that module, because no repository
// has the rest. It is not ok where the source has no such resource. Instances of
// a resource share its block, so keys don't count.
func (t *Tree) Declared(addr drift.Address) (drift.Position, bool) {
	if t.unseen {
		return drift.Position{}, false
	}
	m := t.Root
	var installed *drift.Position
	for _, step := range addr.Module {
		call := m.Calls[step.Name]
		if call == nil {
			return drift.Position{}, false
		}
		if installed == nil && !isLocal(call.Source) {
			at := m.position(call.Range)
			installed = &at
		}
		if call.Module == nil { // what it holds can't be seen
			return orNone(installed)
		}
		m = call.Module
	}
	r := m.Resources[addr.Resource()]
	if r == nil {
		return drift.Position{}, false
	}
	if installed != nil {
		return *installed, true
	}
	return m.position(r.Range), true
}

func orNone(at *drift.Position) (drift.Position, bool) {
	if at == nil {
		return drift.Position{}, false
	}
	return *at, true
}

func (m *Module) position(r hcl.Range) drift.Position {
	return drift.Position{File: path.Join(filepath.ToSlash(m.Rel), filepath.Base(r.Filename)), Line: r.Start.Line}
}
