package detect

import (
	"context"
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
	"holdfast/internal/provider"
)

var errNotDecoded = errors.New("it can't be decoded without its provider")

// outcome is what became of one subject.
type outcome struct {
	finding  *drift.Finding
	observed []cty.Path
	adopted  []cty.Path
	pending  []drift.Pending
	refused  error            // why what is pending can't be told
	seen     bool             // an object was found
	live     provider.Dynamic // as it was read; to be read again before a finding is reported
}

// check gives one subject its verdict and records it.
func (p *pass) check(ctx context.Context, s *subject) {
	out, err := p.patiently(ctx, s)
	p.checker.counters.resources.Add(1)
	var unsupported *unsupportedError
	switch {
	case errors.As(err, &unsupported):
		p.mu.Lock()
		defer p.mu.Unlock()
		p.out.Resources.Unsupported++
		p.out.Errors = append(p.out.Errors, drift.Error{Address: s.addr.String(), Code: "unsupported", Message: err.Error()})
	case err != nil:
		p.fail(s.addr, codeOf(err), err)
	default:
		p.record(s, out)
	}
}

// patiently gives the verdict in a place of the limiter that the caller holds. A
// resource whose API throttles is tried again, later and with fewer beside it.
func (p *pass) patiently(ctx context.Context, s *subject) (outcome, error) {
	limit := p.checker.limit
	for n := 1; ; n++ {
		out, err := p.bounded(ctx, s)
		switch {
		case !isThrottled(err) && !isThrottled(out.refused):
			limit.answered()
			return out, err
		case n == patience:
			return out, err
		}
		limit.throttled()
		limit.release()
		goOn := pause(ctx, n)
		if limit.acquire(context.WithoutCancel(ctx)) != nil || !goOn {
			return out, err
		}
	}
}

// bounded runs the verdict within its time, and keeps a mistake of ours, or a
// value that no schema allows, from taking the run down.
func (p *pass) bounded(ctx context.Context, s *subject) (out outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.ResourceTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a value of %s could not be handled; please report this: %v", s.addr.Type, r)
		}
	}()
	return p.verdict(ctx, s)
}

type unsupportedError struct{ reason string }

func (e *unsupportedError) Error() string { return e.reason }

func (p *pass) record(s *subject, out outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Resources.Checked++
	p.out.Pending = append(p.out.Pending, out.pending...)
	if out.refused != nil {
		p.out.Errors = append(p.out.Errors, drift.Error{Address: s.addr.String(), Code: "plan_refused", Message: p.redact.clean(out.refused.Error())})
	}
	if len(out.observed) > 0 {
		p.out.Observed = append(p.out.Observed, named(s.addr, out.observed))
	}
	if len(out.adopted) > 0 {
		p.out.Adopted = append(p.out.Adopted, named(s.addr, out.adopted))
	}
	s.deleted = out.finding != nil && out.finding.Kind == drift.Deleted
	s.seen = out.seen
	if out.finding == nil {
		p.out.Resources.Clean++
		return
	}
	p.out.Resources.Drifted++
	p.out.Findings = append(p.out.Findings, *out.finding)
	p.drifted = append(p.drifted, drifted{s, out.live})
}

func named(addr drift.Address, paths []cty.Path) drift.Paths {
	out := drift.Paths{Address: addr.String()}
	for _, path := range paths {
		out.Paths = append(out.Paths, drift.FormatPath(path))
	}
	return out
}

// verdict follows design section 2, step by step.
func (p *pass) verdict(ctx context.Context, s *subject) (outcome, error) {
	out := outcome{pending: p.unapplied(s)}
	if s.addr.Type != s.inst.Address.Type {
		return out, &unsupportedError{fmt.Sprintf("the source moves it here from %s, a resource of another type; apply the move, then check again", s.inst.Address)}
	}
	if p.forgotten(s) {
		return out, nil // the code has let go of it: what becomes of it is nobody's drift
	}
	if s.lease == nil {
		return p.verdictBuiltin(s, out)
	}
	r, err := p.prepare(s)
	if err != nil {
		return out, err
	}
	applied, live, err := r.read(ctx)
	if err != nil {
		return out, err
	}
	out.live = live.State
	if live.State.IsNil() {
		out.finding = p.finding(s, drift.Deleted)
		return out, nil
	}
	out.seen = true
	if err := r.decode(applied, live); err != nil {
		return out, err
	}
	out.observed = drift.Diff(r.applied, r.live)
	r.source = p.eval.Source(s.addr, r.schema.Block)
	if r.source.Existence == config.Absent {
		out.observed = r.cutAll(out.observed)
		return out, nil
	}
	r.value, r.marks = r.source.Value.UnmarkDeepWithPaths()
	if err := r.judge(ctx, live, &out); err != nil {
		r.pass.redact.addAll(r.secrets()) // the provider may quote one
		return out, err
	}
	out.observed, out.adopted = r.cutAll(out.observed), r.cutAll(out.adopted)
	out.pending = append(out.pending, r.pending(out.finding)...)
	return out, nil
}

// judge asks the provider for the verdict on what is observed so far: all that
// differs from applied.
func (r *reading) judge(ctx context.Context, live provider.Object, out *outcome) error {
	err := r.planSource(ctx, live)
	var refused *provider.DiagnosticsError
	switch {
	case errors.As(err, &refused):
		out.refused = fmt.Errorf("what the source says today is refused by the provider, so what is pending can't be told: %w", err)
		r.pass.redact.addAll(r.secrets())
	case err != nil:
		return err
	}
	if len(out.observed) == 0 || r.keeps(out.observed) {
		return nil
	}
	return r.decide(ctx, live, out)
}

// keeps reports whether what differs from applied can only be observed, whatever
// a plan of what was last applied would say: a plan of today's source keeps all
// of live, and sets none of it.
func (r *reading) keeps(changed []cty.Path) bool {
	if r.wanted == cty.NilVal || !r.wantsNothing && len(verdict.Wanted(r.live, r.wantedConfig, r.wanted)) > 0 {
		return false
	}
	for _, path := range changed {
		written := drift.ValueAt(r.wantedConfig, path)
		if !drift.IsEmpty(written) || drift.IsEmpty(drift.ValueAt(r.live, path)) {
			return false
		}
	}
	return true
}

// unapplied is what the source wants of the instance's very existence.
func (p *pass) unapplied(s *subject) []drift.Pending {
	pending := func(addr drift.Address, action string) []drift.Pending {
		return []drift.Pending{{Address: addr.String(), Actions: []string{action}, Paths: []string{}}}
	}
	existence, _ := p.eval.Exists(s.addr)
	switch {
	case existence == config.Absent:
		if removed, ok := p.tree.RemovedBy(s.addr); ok && !removed.Destroy {
			return pending(s.addr, "forget")
		}
		return pending(s.addr, "delete")
	case s.addr.String() != s.inst.Address.String():
		return pending(s.addr, "move")
	}
	return nil
}

// forgotten reports whether a removed block only takes the instance out of the
// state. Terraform doesn't look at such an object any more.
func (p *pass) forgotten(s *subject) bool {
	if existence, _ := p.eval.Exists(s.addr); existence != config.Absent {
		return false
	}
	removed, ok := p.tree.RemovedBy(s.addr)
	return ok && !removed.Destroy
}

// reading is one resource instance on its way to a verdict.
type reading struct {
	pass    *pass
	subject *subject
	client  *provider.Client
	schema  *schema.Schema
	ty      cty.Type
	meta    provider.Dynamic

	applied, live cty.Value
	source        config.Source
	marks         []cty.PathValueMarks // of the source
	value         cty.Value            // of the source, unmarked

	// What an apply of the source would make of live; cty.NilVal where the
	// source can't be evaluated whole, or the provider refuses it.
	wanted        cty.Value
	wantedConfig  cty.Value
	wantedReplace []cty.Path
	wantsNothing  bool // wanted is live, to the byte

	asked *planning // the last question
}

func (p *pass) prepare(s *subject) (*reading, error) {
	lease := s.lease.lease
	sch, err := lease.Schemas.Resource(s.addr.Type)
	switch {
	case err != nil:
		return nil, err
	case sch == nil:
		return nil, &unsupportedError{fmt.Sprintf("provider %s has no resource type %s; is the right version installed?", s.inst.Provider.Provider, s.addr.Type)}
	case s.inst.SchemaVersion > sch.Version:
		return nil, &unsupportedError{fmt.Sprintf("the state holds it in schema version %d, newer than version %d of provider %s; upgrade the provider", s.inst.SchemaVersion, sch.Version, s.inst.Provider.Provider)}
	}
	r := &reading{pass: p, subject: s, client: lease.Client, schema: sch, ty: sch.Block.ImpliedType()}
	r.meta, err = p.meta(s, lease.Schemas)
	return r, err
}

// meta is the module's provider_meta for the provider.
func (p *pass) meta(s *subject, schemas *provider.Schemas) (provider.Dynamic, error) {
	sch, err := schemas.Meta()
	if err != nil || sch == nil {
		return provider.Dynamic{}, err
	}
	v := p.eval.Meta(s.addr.Module, s.inst.Provider.Provider, sch.Block)
	return provider.Encode(v, sch.Block.ImpliedType())
}

// read upgrades the stored object and reads the real one.
func (r *reading) read(ctx context.Context) (applied, live provider.Object, err error) {
	inst := r.subject.inst
	applied = provider.Object{Private: inst.Private}
	if applied.State, err = r.client.UpgradeState(ctx, inst.Address.Type, inst.SchemaVersion, rawState(inst)); err != nil {
		return applied, live, fmt.Errorf("upgrading its state: %w", err)
	}
	if applied.State.IsNil() {
		return applied, live, &provider.NonsenseError{What: "an upgraded state that is null"}
	}
	if inst.Identity != nil {
		if applied.Identity, err = r.client.UpgradeIdentity(ctx, inst.Address.Type, inst.IdentityVersion, inst.Identity); err != nil {
			return applied, live, fmt.Errorf("upgrading its identity: %w", err)
		}
	}
	if live, err = r.client.Read(ctx, inst.Address.Type, applied, r.meta); err != nil {
		return applied, live, fmt.Errorf("reading it: %w", err)
	}
	return applied, live, nil
}

func (r *reading) decode(applied, live provider.Object) error {
	a, err := applied.State.Decode(r.ty)
	if err != nil {
		return fmt.Errorf("upgrading its state: %w", err)
	}
	l := a
	if !live.State.Same(applied.State) {
		if l, err = live.State.Decode(r.ty); err != nil {
			return fmt.Errorf("reading it: %w", err)
		}
	}
	if !a.IsWhollyKnown() || !l.IsWhollyKnown() {
		return &provider.NonsenseError{What: "an object with unknown values in it"}
	}
	r.applied, r.live = r.schema.Block.Normalize(a), r.schema.Block.Normalize(l)
	return nil
}

// decide asks the provider what it would change back, and tells drift from
// what is only observed or adopted already.
func (r *reading) decide(ctx context.Context, live provider.Object, out *outcome) error {
	config, doubts := verdict.Rebuild(r.schema.Block, r.applied, r.live, r.value)
	config = r.source.Ignore.Apply(r.live, config)
	planned, replace, err := r.plan(ctx, live, config)
	if err != nil {
		return err
	}
	drifted, observed := verdict.Drifted(r.applied, r.live, config, planned)
	out.observed = observed
	if len(drifted) == 0 {
		return nil
	}
	out.adopted, observed, drifted = verdict.Adopted(drifted, r.live, r.evaluated(), r.wanted)
	out.observed = append(out.observed, observed...)
	if len(drifted) == 0 {
		return nil
	}
	out.finding = r.pass.finding(r.subject, drift.Modified)
	return r.describe(out.finding, drifted, doubts, replace)
}

// planning is a question to the provider and its answer.
type planning struct {
	proposed, config provider.Dynamic
	planned          cty.Value
	replace          []cty.Path
	kept             bool // planned is live, to the byte
}

// plan proposes a configuration over the live object and asks the provider. Most
// often the source is what was applied: the question is then asked once.
func (r *reading) plan(ctx context.Context, live provider.Object, config cty.Value) (cty.Value, []cty.Path, error) {
	q := planning{}
	var err error
	if q.proposed, err = provider.Encode(verdict.Propose(r.schema.Block, r.live, config), r.ty); err != nil {
		return cty.NilVal, nil, err
	}
	if q.config, err = provider.Encode(config, r.ty); err != nil {
		return cty.NilVal, nil, err
	}
	if last := r.asked; last != nil && last.proposed.Same(q.proposed) && last.config.Same(q.config) {
		return last.planned, last.replace, nil
	}
	if live.State, err = provider.Encode(r.live, r.ty); err != nil {
		return cty.NilVal, nil, err
	}
	if err := r.ask(ctx, live, &q); err != nil {
		return cty.NilVal, nil, err
	}
	r.asked = &q
	return q.planned, q.replace, nil
}

// ask fills in the answer.
func (r *reading) ask(ctx context.Context, live provider.Object, q *planning) error {
	answer, err := r.client.Plan(ctx, r.subject.addr.Type, live, q.proposed, q.config, r.meta)
	if err != nil {
		return fmt.Errorf("planning it: %w", err)
	}
	q.replace = answer.RequiresReplace
	if answer.State.Same(live.State) {
		q.planned, q.kept = r.live, true
		return nil
	}
	planned, err := answer.State.Decode(r.ty)
	if err != nil {
		return fmt.Errorf("planning it: %w", err)
	}
	if planned.IsNull() {
		return &provider.NonsenseError{What: "a plan to delete what was to be kept"}
	}
	q.planned = r.schema.Block.Normalize(planned)
	if answer.Legacy {
		q.planned = r.source.Ignore.Apply(r.live, q.planned)
	}
	return nil
}

// planSource asks what an apply of today's source would make of live.
func (r *reading) planSource(ctx context.Context, live provider.Object) error {
	conformed, ok := verdict.Conform(r.schema.Block, r.value)
	if !ok {
		return nil
	}
	config := r.source.Ignore.Apply(r.live, conformed)
	planned, replace, err := r.plan(ctx, live, config)
	if err != nil {
		return err
	}
	r.wanted, r.wantedConfig, r.wantedReplace, r.wantsNothing = planned, config, replace, r.asked.kept
	return nil
}

// evaluated is the source as it compares with live.
func (r *reading) evaluated() cty.Value {
	if r.wanted != cty.NilVal {
		return r.wantedConfig
	}
	return r.value
}

// pending is what the source would change beyond the drift: code that was not
// applied yet, or drift that an apply of something else has written into the
// state.
func (r *reading) pending(f *drift.Finding) []drift.Pending {
	addr := r.subject.addr.String()
	switch {
	case r.subject.inst.Tainted:
		return []drift.Pending{{Address: addr, Actions: replaced(), Paths: []string{}}}
	case r.wanted == cty.NilVal || r.wantsNothing:
		return nil
	}
	drifted := map[string]bool{}
	if f != nil {
		for _, change := range f.Changes {
			drifted[change.Path] = true
		}
	}
	p := drift.Pending{Address: addr, Actions: []string{"update"}}
	for _, path := range r.cutAll(verdict.Wanted(r.live, r.wantedConfig, r.wanted)) {
		if drifted[drift.FormatPath(path)] {
			continue
		}
		p.Paths = append(p.Paths, drift.FormatPath(path))
		if verdict.Touches(path, r.wantedReplace) {
			p.Actions = replaced()
		}
	}
	if len(p.Paths) == 0 {
		return nil
	}
	return []drift.Pending{p}
}

// replaced are the actions of a replacement.
func replaced() []string { return []string{"delete", "create"} }

// describe fills in what changed and how certain that is.
func (r *reading) describe(f *drift.Finding, paths, doubts, replace []cty.Path) error {
	var raw []drift.RawChange
	secrets, doubtful := r.secrets(), 0
	for _, path := range r.cutAll(paths) {
		was, is := drift.ValueAt(r.applied, path), drift.ValueAt(r.live, path)
		actual, err := asJSON(is)
		if err != nil {
			return err
		}
		expected, err := asJSON(was)
		if err != nil {
			return err
		}
		change := drift.Change{
			Path: drift.FormatPath(path), Sensitive: r.sensitive(path) || secrets.in(was) || secrets.in(is), RequiresReplace: verdict.Touches(path, replace),
		}
		if !change.Sensitive {
			change.Expected, change.Actual = expected, actual
		}
		f.Changes = append(f.Changes, change)
		raw = append(raw, drift.RawChange{Path: change.Path, Actual: string(actual)})
		if !verdict.Touches(path, doubts) {
			continue
		}
		doubtful++
		if f.Doubt == "" {
			f.Doubt = fmt.Sprintf("whether the source sets %s can't be told: %s", change.Path, reasons(r.source.Problems))
		}
	}
	switch {
	case doubtful == len(f.Changes):
		f.Certainty = drift.Possible
	case r.source.Existence == config.Unclear:
		f.Certainty = drift.Possible
		f.Doubt = "whether the source still has it, and what it ignores, can't be told: " + reasons(r.source.Problems)
	}
	f.Revision = drift.Revision(revisionKey(r.pass.state.Lineage, r.subject.inst), f.Kind, raw)
	f.Doubt = r.pass.redact.clean(f.Doubt)
	return nil
}

func asJSON(v cty.Value) ([]byte, error) {
	if v.IsNull() {
		return []byte("null"), nil
	}
	return ctyjson.Marshal(v, v.Type())
}
