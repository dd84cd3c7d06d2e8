package detect

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
	"holdfast/internal/terraform"
)

// inPlan is what a plan says of one resource instance; either may be missing.
type inPlan struct {
	drift  *terraform.ResourceChange
	change *terraform.ResourceChange
}

func (e inPlan) isNothing() bool { return e.drift == nil && e.change == nil }

// address is where the source has the instance, moves followed.
func (e inPlan) address() string {
	if e.change != nil {
		return e.change.Address
	}
	return e.drift.Address
}

// byStateAddress sorts a plan's entries. Data sources are left out, and so are
// deposed objects, which the direct engine doesn't check either.
func byStateAddress(plan *terraform.Plan) map[string]inPlan {
	all := map[string]inPlan{}
	for i, d := range plan.Drift {
		if d.Mode == drift.Managed && d.Deposed == "" {
			e := all[d.StateAddress()]
			e.drift = &plan.Drift[i]
			all[d.StateAddress()] = e
		}
	}
	for i, c := range plan.Changes {
		if c.Mode == drift.Managed && c.Deposed == "" {
			e := all[c.StateAddress()]
			e.change = &plan.Changes[i]
			all[c.StateAddress()] = e
		}
	}
	return all
}

// judgeAll gives every instance of the state its verdict, by what the plan says.
func (p *pass) judgeAll(plan *terraform.Plan) {
	entries := byStateAddress(plan)
	configured := plan.Configured()
	for _, s := range p.subjects {
		at := s.inst.Address.String()
		e := entries[at]
		delete(entries, at)
		p.judgeOne(s, e, configured)
	}
	p.drifted = nil // nothing of it can be read again here
	for _, e := range entries {
		p.out.Pending = append(p.out.Pending, e.absent()...)
	}
	if plan.Complete != nil && !*plan.Complete {
		p.out.Errors = append(p.out.Errors, drift.Error{Code: "plan_deferred", Message: "Terraform put off a part of the plan, which was therefore not checked; run terraform plan to see which"})
	}
}

func (p *pass) judgeOne(s *subject, e inPlan, configured map[string]map[string]bool) {
	if e.isNothing() {
		// Never clean because it was not looked at.
		p.unsupported(s, "terraform plan says nothing of it")
		return
	}
	if addr, err := drift.ParseAddress(e.address()); err == nil {
		s.addr = addr
	}
	j := &judgement{pass: p, subject: s, inPlan: e, configured: configured[s.addr.Declaration()]}
	out, err := j.bounded()
	if err != nil {
		p.fail(s.addr, codeOf(err), err)
		return
	}
	p.record(s, out)
}

// unsupported records that a resource can't be checked.
func (p *pass) unsupported(s *subject, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Resources.Unsupported++
	p.out.Errors = append(p.out.Errors, drift.Error{Address: s.addr.String(), Code: "unsupported", Message: why})
}

// absent is what a plan wants of something that the state does not have.
func (e inPlan) absent() []drift.Pending {
	if e.change == nil || e.change.Change.Is("no-op") && !e.change.Change.Imports() {
		return nil
	}
	action := "create"
	if e.change.Change.Imports() {
		action = "import"
	}
	return []drift.Pending{{Address: e.change.Address, Actions: []string{action}, Paths: []string{}}}
}

// judgement is one instance on its way to a verdict by a plan.
type judgement struct {
	pass    *pass
	subject *subject
	inPlan
	configured map[string]bool // arguments that the source writes

	schema                 *schema.Schema
	applied, live, planned cty.Value // planned: cty.NilVal where nothing is to be
	evaluated              cty.Value // the source, as far as we can evaluate it; cty.NilVal until asked for
}

// bounded keeps a value that no schema allows from taking the run down.
func (j *judgement) bounded() (out outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a value of %s in the plan could not be handled; please report this: %v", j.subject.addr.Type, r)
		}
	}()
	return j.outcome()
}

// outcome follows the rule: drift is where both the resource_drift and the
// resource_changes entry differ, and what is gone in resource_drift. All else in
// resource_changes is pending.
func (j *judgement) outcome() (outcome, error) {
	out := outcome{pending: j.existence()}
	if j.drift != nil && j.drift.Change.Gone() || j.drift == nil && j.change.Change.New() {
		out.finding = j.pass.finding(j.subject, drift.Deleted)
		return out, nil
	}
	out.seen = j.change == nil || !j.change.Change.Is("forget") // what is forgotten isn't read
	if j.drift == nil && (j.change.Change.Is("no-op") || j.change.Change.Gone()) {
		return out, nil
	}
	if err := j.decode(); err != nil {
		return out, err
	}
	changed, wanted := drift.Diff(j.applied, j.live), j.wanted()
	var drifted []cty.Path
	for _, path := range changed {
		if verdict.Touches(path, wanted) && !verdict.SameInWhole(path, j.applied, j.live) {
			drifted = append(drifted, path)
		} else {
			out.observed = append(out.observed, path)
		}
	}
	if len(drifted) > 0 {
		out.finding = j.pass.finding(j.subject, drift.Modified)
		if err := j.describe(out.finding, drifted); err != nil {
			return out, err
		}
	}
	out.pending = append(out.pending, j.pending(drifted, wanted)...)
	return out, nil
}

// existence is what the plan wants of the instance's very existence.
func (j *judgement) existence() []drift.Pending {
	pending := func(action string) []drift.Pending {
		return []drift.Pending{{Address: j.address(), Actions: []string{action}, Paths: []string{}}}
	}
	switch {
	case j.change == nil: // gone, and the code has let go of it too
		return pending("delete")
	case j.change.Change.Is("delete"), j.change.Change.Is("forget"):
		return pending(j.change.Change.Actions[0])
	case j.change.Address != j.change.StateAddress():
		return pending("move")
	}
	return nil
}

// decode reads the values by the provider's schema.
func (j *judgement) decode() error {
	s := j.subject
	typeName := s.addr.Type
	if s.inst.Provider.Provider == drift.BuiltinProvider {
		j.schema = terraformData
	} else {
		schemas, err := j.pass.schemas(s.inst.Provider.Provider)
		if err != nil {
			return err
		}
		if j.schema, err = schemas.Resource(typeName); err != nil {
			return err
		}
	}
	if j.schema == nil {
		return fmt.Errorf("provider %s has no resource type %s; is the right version installed?", s.inst.Provider.Provider, typeName)
	}
	var err error
	read := func(raw []byte, unknown any) cty.Value {
		if err != nil || len(raw) == 0 {
			return cty.NilVal
		}
		var v cty.Value
		v, err = terraform.Value(j.schema.Block, raw, unknown)
		return v
	}
	if j.change != nil {
		j.live = read(j.change.Change.Before, nil)
		if !j.change.Change.Gone() {
			j.planned = read(j.change.Change.After, j.change.Change.AfterUnknown)
		}
	}
	j.applied = j.live
	if j.drift != nil {
		j.applied, j.live = read(j.drift.Change.Before, nil), read(j.drift.Change.After, nil)
	}
	if err != nil {
		return fmt.Errorf("the plan's values of it can't be read: %w", err)
	}
	return nil
}

// wanted lists where the plan would change what is live. What is unknown until
// the apply counts only where the source sets something.
func (j *judgement) wanted() []cty.Path {
	if j.planned == cty.NilVal {
		return nil
	}
	var paths []cty.Path
	for _, path := range drift.Diff(j.live, j.planned) {
		if drift.ValueAt(j.planned, path).IsWhollyKnown() || j.sets(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// sets reports whether the source sets what is at path: it writes it, and not a
// null, as far as we can evaluate that.
func (j *judgement) sets(path cty.Path) bool {
	step, ok := path[0].(cty.GetAttrStep)
	if !ok || !j.configured[step.Name] {
		return false
	}
	return !drift.IsEmpty(drift.ValueAt(j.source(), path))
}

// source is what the source evaluates to, with the applied values of other
// resources.
func (j *judgement) source() cty.Value {
	if j.evaluated == cty.NilVal {
		j.evaluated, _ = j.pass.eval.Source(j.subject.addr, j.schema.Block).Value.UnmarkDeep()
	}
	return j.evaluated
}

// follows reports whether the plan changes what is at path only because another
// resource will change: it is not known before the apply, and with that resource
// as it was applied the source says what is live.
func (j *judgement) follows(path cty.Path) bool {
	if drift.ValueAt(j.planned, path).IsWhollyKnown() {
		return false
	}
	said, is := drift.ValueAt(j.source(), path), drift.ValueAt(j.live, path)
	return verdict.Says(said, is) || terraform.SameDocument(said, is)
}

// describe fills in a finding, as the direct engine does.
func (j *judgement) describe(f *drift.Finding, drifted []cty.Path) error {
	r := &reading{pass: j.pass, subject: j.subject, schema: j.schema, applied: j.applied, live: j.live}
	for _, entry := range []*terraform.ResourceChange{j.drift, j.change} {
		if entry == nil {
			continue
		}
		for _, mask := range []any{entry.Change.BeforeSensitive, entry.Change.AfterSensitive} {
			for _, path := range terraform.Masked(mask, j.schema.Block.ImpliedType(), nil) {
				r.marks = append(r.marks, cty.PathValueMarks{Path: path, Marks: cty.NewValueMarks(config.Sensitive)})
			}
		}
	}
	return r.describe(f, drifted, nil, j.replacing())
}

// replacing are the paths for which the plan replaces the resource.
func (j *judgement) replacing() []cty.Path {
	var paths []cty.Path
	if j.change == nil {
		return nil
	}
	for _, steps := range j.change.Change.ReplacePaths {
		paths = append(paths, terraform.Path(steps, j.schema.Block.ImpliedType()))
	}
	return paths
}

// replaces reports whether the plan makes a new object.
func (j *judgement) replaces() bool { return j.change.Change.Is("delete", "create") }

// pending is what the plan would change beyond the drift.
func (j *judgement) pending(drifted, wanted []cty.Path) []drift.Pending {
	if j.change == nil || j.planned == cty.NilVal {
		return nil
	}
	addr := j.subject.addr.String()
	if j.subject.inst.Tainted {
		return []drift.Pending{{Address: addr, Actions: replaced(), Paths: []string{}}}
	}
	// Planned from nothing, or only because something is unknown, a provider has
	// ideas about what the source doesn't set. That is nobody's code.
	loose := j.replaces() || len(drifted) == 0 && slices.ContainsFunc(wanted, j.follows)
	pending := drift.Pending{Address: addr, Actions: []string{"update"}}
	for _, path := range wanted {
		if slices.ContainsFunc(drifted, path.Equals) || j.follows(path) || loose && !j.sets(path) {
			continue
		}
		pending.Paths = append(pending.Paths, drift.FormatPath(path))
		if verdict.Touches(path, j.replacing()) {
			pending.Actions = replaced()
		}
	}
	if len(pending.Paths) == 0 {
		return nil
	}
	return []drift.Pending{pending}
}
