package detect

import (
	"context"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/baseline"
	"holdfast/internal/drift/schema"
	"holdfast/internal/stack"
)

// Baseline says what a stack has, by its state, as it was last applied. It asks
// no API, and takes a provider's process only where its schema isn't cached.
// An error names what could not be read.
func (c *Checker) Baseline(ctx context.Context, s stack.Stack) (b drift.Baseline, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its state could not be described, by a mistake of Holdfast's; please report it: %v", r)
		}
	}()
	p, err := c.open(ctx, s)
	if err != nil {
		return b, err
	}
	defer p.close()
	b, untold := p.baseline() //nolint:contextcheck // schemas are shared by stacks and loaded once
	if len(untold) > 0 {
		// Stored by another version of the provider: that has to upgrade it.
		p.lease(ctx)
		b, untold = p.baseline() //nolint:contextcheck // as above
	}
	if len(untold) > 0 {
		return b, fmt.Errorf("%s can't be decoded without its provider; holdfast doctor says what is missing", untold[0])
	}
	return b, nil
}

// offerBaseline hands on the baseline after the last pass, if one is wanted.
func (p *pass) offerBaseline(ctx context.Context, result drift.Stack, again bool) {
	o := p.checker.options
	checked := result.Resources.Checked > 0 || len(p.subjects) == 0 && result.Status == drift.StatusClean
	partial := len(o.Selection.Targets)+len(o.Selection.Excludes) > 0
	if o.Baseline == nil || o.Baselined == nil || again || !checked || partial || ctx.Err() != nil || !o.Baseline(p.stack) {
		return
	}
	b, _ := p.baseline() //nolint:contextcheck // schemas are shared by stacks and loaded once
	o.Baselined(p.stack, b)
}

// baseline describes every managed object of the state. untold are the addresses
// of those that can't be decoded here; they are listed, and nothing said of them.
func (p *pass) baseline() (b drift.Baseline, untold []string) {
	s := p.stack
	b = drift.Baseline{
		Stack: drift.StackRef{ID: s.ID(), Path: s.Path, Workspace: s.Workspace, Name: s.Name},
		At:    time.Now().UTC(), Lineage: p.state.Lineage, Serial: p.state.Serial,
	}
	var resources []baseline.Resource
	for _, s := range p.subjects {
		r := p.described(s)
		if r.Value == cty.NilVal {
			untold = append(untold, r.Address)
		}
		resources = append(resources, r)
	}
	b.Resources = baseline.Facts(resources)
	return b, untold
}

func (p *pass) described(s *subject) baseline.Resource {
	out := baseline.Resource{Address: s.addr.String(), Type: s.addr.Type}
	entry := p.index.resources[indexKey(s.addr.Module, s.addr.Resource())][s.addr.Key]
	sch := p.schemaOf(s)
	if entry == nil || sch == nil {
		return out
	}
	v, _ := p.index.valueOf(entry).UnmarkDeep()
	if !v.IsWhollyKnown() || v.IsNull() {
		return out
	}
	r := &reading{pass: p, subject: s, schema: sch, applied: v}
	r.value, r.marks = p.eval.Source(s.addr, sch.Block).Value.UnmarkDeepWithPaths()
	hidden := r.secrets()
	out.Value, out.Source = v, r.value
	out.Hidden = func(path cty.Path, v cty.Value) bool {
		return r.sensitive(path) || v != cty.NilVal && hidden.in(v)
	}
	return out
}

// schemaOf is the schema of a subject's type; nil where it can't be had.
func (p *pass) schemaOf(s *subject) *schema.Schema {
	if s.inst.Provider.Provider == drift.BuiltinProvider {
		return terraformData
	}
	schemas, err := p.schemas(s.inst.Provider.Provider)
	if err != nil {
		return nil
	}
	sch, err := schemas.Resource(s.addr.Type)
	if err != nil {
		return nil
	}
	return sch
}
