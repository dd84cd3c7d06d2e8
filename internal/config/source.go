package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
)

// Existence says whether the source has a resource instance.
type Existence byte

// The three answers.
const (
	Exists  Existence = iota
	Absent            // an orphan, if the state has it
	Unclear           // count or for_each can't be evaluated, or a module isn't installed
)

// Source is what the source says of one resource instance.
type Source struct {
	Existence Existence
	// Value is the evaluated block (see decoder for its shape), with marks;
	// unknown where the source isn't at hand.
	Value    cty.Value
	Ignore   verdict.Ignore
	Problems []Problem
	Range    hcl.Range // of the block's header
}

// Exists says whether the source has an instance at addr, without evaluating
// its arguments.
func (e *Evaluator) Exists(addr drift.Address) (Existence, []Problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.exists(addr)
}

func (e *Evaluator) exists(addr drift.Address) (Existence, []Problem) {
	if e.tree.unseen {
		return Unclear, []Problem{{Reason: "the source is not at hand"}}
	}
	s := e.root
	for _, step := range addr.Module {
		call := s.module.Calls[step.Name]
		if call == nil {
			return Absent, nil
		}
		exp, problems := s.expansion(call.Count, call.ForEach)
		if exists, decided := exp.has(step.Key); decided && !exists {
			return Absent, nil
		} else if !decided {
			return Unclear, problems
		}
		if call.Module == nil {
			return Unclear, []Problem{{Range: call.Range, Reason: fmt.Sprintf("module %s is not installed; run terraform init", step.Name)}}
		}
		s = s.child(step)
	}
	r := s.module.Resources[addr.Resource()]
	if r == nil {
		return Absent, nil
	}
	exp, problems := s.expansion(r.Count, r.ForEach)
	exists, decided := exp.has(addr.Key)
	switch {
	case !decided:
		return Unclear, problems
	case !exists:
		return Absent, nil
	}
	return Exists, nil
}

// Source evaluates the block of a resource instance against its schema.
func (e *Evaluator) Source(addr drift.Address, b *schema.Block) Source {
	e.mu.Lock()
	defer e.mu.Unlock()
	existence, problems := e.exists(addr)
	src := Source{Existence: existence, Value: cty.DynamicVal, Problems: problems}
	s := e.at(addr.Module)
	if existence == Absent || s == nil {
		return src
	}
	r := s.module.Resources[addr.Resource()]
	if r == nil {
		return src
	}
	d := &decoder{scope: s, rep: repetition{key: addr.Key, count: r.Count, forEach: r.ForEach}, problems: problems}
	src.Value, src.Problems = d.block(r.Body, b, nil), inSourceOrder(d.problems)
	src.Ignore = verdict.Ignore{All: r.IgnoreAll, Paths: r.Ignore}
	src.Range = r.Range
	return src
}

// ProviderSource resolves a provider's local name in a module.
func (m *Module) ProviderSource(name string) string {
	if source := m.Required[name]; source != "" {
		return source
	}
	source, err := drift.ProviderSource(name)
	if err != nil {
		return name
	}
	return source
}

// ErrNoProviderBlock says that the source has no block for a provider
// configuration that the state uses.
var ErrNoProviderBlock = errors.New("the source has no such provider block")

// ProviderConfig evaluates the configuration that a state entry names. A
// configuration without an alias need not be written, in a module that is
// there: it is empty then. The problems say what in it can't be evaluated.
func (e *Evaluator) ProviderConfig(pc drift.ProviderConfig, b *schema.Block) (cty.Value, []Problem, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	module, err := drift.ParseModule(pc.Module)
	if err != nil {
		return cty.NilVal, nil, err
	}
	if e.tree.unseen {
		if pc.Alias != "" || pc.Module != "" {
			return cty.NilVal, nil, fmt.Errorf("%s: its configuration is in the source, which is not at hand; check where that is", pc)
		}
		return b.Empty(), nil, nil // what it needs is in the environment
	}
	s := e.at(module)
	if s == nil {
		return cty.NilVal, nil, fmt.Errorf("%s: %w", pc, ErrNoProviderBlock)
	}
	s, block, err := s.provider(pc)
	if err != nil {
		return cty.NilVal, nil, fmt.Errorf("%s: %w", pc, err)
	}
	if block == nil {
		return b.Empty(), nil, nil
	}
	d := &decoder{scope: s, rep: repetition{key: pc.Key, forEach: block.ForEach}}
	v := d.block(block.Body, b, nil)
	return v, inSourceOrder(d.problems), nil
}

// provider finds the block that configures a provider in this module: its own,
// or one of a module further out, which a module that once had its own block is
// handed now. None at all, where there is no alias, is an empty configuration.
func (s *scope) provider(pc drift.ProviderConfig) (*scope, *ProviderBlock, error) {
	for {
		if block := s.module.providerBlock(pc); block != nil {
			return s, block, nil
		}
		if s.parent == nil {
			if pc.Alias == "" {
				return s, nil, nil
			}
			return nil, nil, ErrNoProviderBlock
		}
		outer, handed := s.call.Providers[providerKey(s.localName(pc), pc.Alias)]
		switch {
		case handed && outer == "":
			return nil, nil, fmt.Errorf("%s: which provider module %s is handed depends on a value", place(s.call.Range), s.call.Name)
		case handed:
			_, pc.Alias, _ = strings.Cut(outer, ".")
		case pc.Alias != "":
			return nil, nil, ErrNoProviderBlock // aliases are never inherited
		}
		s = s.parent
	}
}

func (m *Module) providerBlock(pc drift.ProviderConfig) *ProviderBlock {
	for _, p := range m.Providers {
		if p.Alias == pc.Alias && drift.SameProvider(m.ProviderSource(p.Name), pc.Provider) {
			return p
		}
	}
	return nil
}

// localName is what the module calls a provider.
func (s *scope) localName(pc drift.ProviderConfig) string {
	for _, name := range slices.Sorted(maps.Keys(s.module.Required)) {
		if drift.SameProvider(s.module.Required[name], pc.Provider) {
			return name
		}
	}
	return pc.Provider[strings.LastIndex(pc.Provider, "/")+1:]
}

// Meta evaluates the provider_meta block of a module for a provider; null
// where there is none.
func (e *Evaluator) Meta(module drift.ModuleAddress, provider string, b *schema.Block) cty.Value {
	e.mu.Lock()
	defer e.mu.Unlock()
	null := cty.NullVal(b.ImpliedType())
	s := e.at(module)
	if s == nil {
		return null
	}
	for name, body := range s.module.Meta {
		if drift.SameProvider(s.module.ProviderSource(name), provider) {
			d := &decoder{scope: s}
			v, _ := d.block(body, b, nil).UnmarkDeep()
			if conformed, ok := verdict.Conform(b, v); ok {
				return conformed
			}
		}
	}
	return null
}

// inSourceOrder sorts problems by where they are.
func inSourceOrder(problems []Problem) []Problem {
	out := slices.Clone(problems)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Range.Filename, b.Range.Filename), cmp.Compare(a.Range.Start.Byte, b.Range.Start.Byte), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// PendingImports lists the addresses that import blocks name and that are not
// taken: the state doesn't have them. Where an address can't be evaluated, it
// is given as the source has it.
func (e *Evaluator) PendingImports(taken func(string) bool) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, imp := range e.tree.Root.Imports {
		for _, addr := range e.root.importTargets(imp) {
			if !taken(addr) {
				out = append(out, addr)
			}
		}
	}
	return out
}

// PendingImports is the same without evaluating anything: an address that
// depends on a value is given as the source has it, and counts as not taken.
func (t *Tree) PendingImports(taken func(string) bool) []string {
	var out []string
	for _, imp := range t.Root.Imports {
		addr := t.Root.Quote(imp.To.Range())
		if traversal, diags := hcl.AbsTraversalForExpr(imp.To); !diags.HasErrors() {
			if parsed, err := drift.AddressOf(traversal); err == nil {
				addr = parsed.String()
			}
		}
		if !taken(addr) {
			out = append(out, addr)
		}
	}
	return out
}

func (s *scope) importTargets(imp Import) []string {
	asWritten := []string{s.module.Quote(imp.To.Range())}
	if imp.ForEach == nil {
		if addr, ok := s.importTarget(imp, repetition{}); ok {
			return []string{addr}
		}
		return asWritten
	}
	exp, _ := s.expansion(nil, imp.ForEach)
	if exp.kind != eached {
		return asWritten
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(exp.elems)) {
		addr, ok := s.importTarget(imp, repetition{key: drift.StringKey(key), forEach: imp.ForEach})
		if !ok {
			return asWritten
		}
		out = append(out, addr)
	}
	return out
}

// importTarget evaluates the address in an import block, whose indexes may be
// any expressions.
func (s *scope) importTarget(imp Import, rep repetition) (string, bool) {
	traversal, ok := s.traversal(imp.To, rep)
	if !ok {
		return "", false
	}
	addr, err := drift.AddressOf(traversal)
	return addr.String(), err == nil
}

func (s *scope) traversal(expr hcl.Expression, rep repetition) (hcl.Traversal, bool) {
	if t, diags := hcl.AbsTraversalForExpr(expr); !diags.HasErrors() {
		return t, true
	}
	switch expr := expr.(type) {
	case *hclsyntax.IndexExpr:
		t, ok := s.traversal(expr.Collection, rep)
		key, _ := s.value(expr.Key, rep, nil)
		return append(slices.Clone(t), hcl.TraverseIndex{Key: key}), ok
	case *hclsyntax.RelativeTraversalExpr:
		t, ok := s.traversal(expr.Source, rep)
		return append(slices.Clone(t), expr.Traversal...), ok
	}
	return nil, false
}

// SensitiveVariables gives the values of the root variables that are declared
// sensitive or ephemeral, as far as they are known: what no message may repeat.
func (e *Evaluator) SensitiveVariables() []cty.Value {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []cty.Value
	for name, v := range e.tree.Root.Variables {
		if v.Sensitive || v.Ephemeral {
			value, _ := e.root.variable(name)
			out = append(out, value)
		}
	}
	return out
}
