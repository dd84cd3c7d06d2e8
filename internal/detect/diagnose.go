package detect

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"holdfast/internal/provider"
	"holdfast/internal/stack"
)

// Diagnosis is one thing that a check needs: whether it is there, and what to
// do where it isn't.
type Diagnosis struct {
	What    string
	OK      bool
	Message string
}

// Diagnose looks at all that a check of a stack needs, up to running and
// configuring its providers, and reads no resource.
func (c *Checker) Diagnose(ctx context.Context, s stack.Stack) []Diagnosis {
	p, err := c.open(ctx, s)
	if err != nil {
		return []Diagnosis{{What: "root module " + s.Path, Message: err.Error()}}
	}
	defer p.close()
	list := []Diagnosis{
		{"root module " + s.Path, true, "parsed; workspace " + s.Workspace},
		{"state " + p.source.String(), true, fmt.Sprintf("serial %d, Terraform %s, %d managed resources", p.state.Serial, p.state.TerraformVersion, len(p.subjects))},
	}
	for _, call := range p.tree.Missing {
		list = append(list, Diagnosis{"module " + call.Name, false, fmt.Sprintf("%s: %v", call.Range, call.Err)})
	}
	if lock, err := p.source.Lock(ctx); err != nil {
		list = append(list, Diagnosis{"state lock", false, err.Error()})
	} else if lock.Changes() {
		list = append(list, Diagnosis{"state lock", false, holder(lock)})
	}
	for _, fault := range p.out.Integrity {
		list = append(list, Diagnosis{"state entry " + fault.Address, false, fault.Message})
	}
	return append(list, p.diagnoseProviders(ctx)...)
}

func (p *pass) diagnoseProviders(ctx context.Context) []Diagnosis {
	var list []Diagnosis
	p.lease(ctx)
	seen := map[string]bool{}
	for pc := range p.leases {
		if seen[pc.Provider] {
			continue
		}
		seen[pc.Provider] = true
		d := Diagnosis{What: "provider " + pc.Provider}
		pkg, err := p.checker.providers.Installed(p.where, pc.Provider)
		if d.OK = err == nil; d.OK {
			d.Message = describePackage(pkg)
		} else {
			d.Message = err.Error()
		}
		list = append(list, d)
	}
	for pc, l := range p.leases {
		d := Diagnosis{What: "configuration " + pc.String(), OK: l.err == nil, Message: "evaluated, and accepted by the provider"}
		if l.err != nil {
			d.Message = p.redact.clean(l.err.Error())
		}
		list = append(list, d)
	}
	return sorted(list, func(a, b Diagnosis) int { return strings.Compare(b.What, a.What) })
}

func describePackage(pkg provider.Package) string {
	if pkg.Hash == "" {
		return "development override " + pkg.Binary
	}
	return fmt.Sprintf("version %s, matches %s (%s)", pkg.Version, provider.LockFile, filepath.Base(pkg.Binary))
}
