package detect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/state"
)

// finding starts a finding on a subject.
func (p *pass) finding(s *subject, kind drift.Kind) *drift.Finding {
	addr := s.addr.String()
	return &drift.Finding{
		ID: drift.FindingID(p.state.Lineage, addr, kind), Address: addr, Type: s.addr.Type,
		Provider: s.inst.Provider.Provider, Kind: kind, Changes: []drift.Change{},
		Certainty: drift.Certain, Status: drift.Open, Source: p.position(s.addr), Object: p.object(s.inst),
		Revision: drift.Revision(revisionKey(p.state.Lineage, s.inst), kind, nil),
	}
}

// position says where the source declares a resource, as the stack's path is
// shown; nil where it doesn't.
func (p *pass) position(addr drift.Address) *drift.Position {
	at, ok := p.tree.Declared(addr)
	if !ok {
		return nil
	}
	return &drift.Position{File: path.Join(filepath.ToSlash(p.stack.Path), at.File), Line: at.Line}
}

// revisionKey is made of what only the state holds, so that nobody can try out
// secrets against a revision without having the state, and with it the secret.
func revisionKey(lineage string, inst state.Instance) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s|%s|%s|%v", lineage, inst.Attributes, inst.Private, inst.Flat)
	return h.Sum(nil)
}

// drifted is a subject with a finding and the object that was read for it.
type drifted struct {
	subject *subject
	live    provider.Dynamic
}

// reread looks at every drifted resource once more. One that has changed again
// was caught in the middle of something: its verdict is given anew.
func (p *pass) reread(ctx context.Context) {
	sideBySide(ctx, p.checker.limit, slices.Clone(p.drifted), func(d drifted) {
		// A value that can't be handled is check's to tell.
		stable := false
		func() {
			defer func() { _ = recover() }()
			stable = p.stable(ctx, d)
		}()
		if !stable {
			p.forget(d.subject)
			p.check(ctx, d.subject)
		}
	})
}

func (p *pass) stable(ctx context.Context, d drifted) bool {
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.ResourceTimeout)
	defer cancel()
	r, err := p.prepare(d.subject)
	if err != nil {
		return false
	}
	_, live, err := r.read(ctx)
	if err != nil {
		return false
	}
	return live.State.Same(d.live) || (live.State.IsNil() && d.live.IsNil())
}

// forget takes a subject's result back.
func (p *pass) forget(s *subject) {
	addr := s.addr.String()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Resources.Checked--
	p.out.Resources.Drifted--
	p.out.Findings = without(p.out.Findings, func(f drift.Finding) bool { return f.Address == addr })
	p.out.Observed = without(p.out.Observed, func(o drift.Paths) bool { return o.Address == addr })
	p.out.Adopted = without(p.out.Adopted, func(a drift.Paths) bool { return a.Address == addr })
	p.out.Errors = without(p.out.Errors, func(e drift.Error) bool { return e.Address == addr })
	p.out.Pending = without(p.out.Pending, func(a drift.Pending) bool { return a.Address == addr })
}

func without[T any](list []T, drop func(T) bool) []T {
	var kept []T
	for _, item := range list {
		if !drop(item) {
			kept = append(kept, item)
		}
	}
	return kept
}
