package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// pass is one look at one stack.
type pass struct {
	checker *Checker
	stack   stack.Stack
	options []config.VarOption // what its root variables are given
	source  state.Source
	raw     []byte // the state file, as it was read
	held    held   // the state's lock, as it was read beside it
	state   *state.State
	tree    *config.Tree
	where   provider.Where
	redact  *redactor

	index          *index
	eval           *config.Evaluator // of resources
	providerEval   *config.Evaluator // of provider blocks: trusts less (see providerValues)
	providerInputs config.Inputs
	subjects       []*subject
	leases         map[drift.ProviderConfig]*leased
	holder         provider.Holder
	settled        atomic.Bool // nothing more will be leased
	schemaCache    sync.Map    // by provider source

	placesOnce sync.Once
	places     map[drift.ProviderConfig]place // see neighbours

	mu      sync.Mutex
	out     drift.Stack
	drifted []drifted
}

// subject is a managed resource instance under check.
type subject struct {
	inst  state.Instance
	addr  drift.Address // where the source has it, moves followed
	lease *leased

	seen    bool // it was found
	deleted bool
}

// leased is a provider configuration in use, or why it can't be.
type leased struct {
	config drift.ProviderConfig
	lease  *provider.Lease
	err    error

	unknown bool        // err is that its configuration can't be evaluated
	stale   []string    // err is that it depends on these data sources
	ready   atomic.Bool // lease and err are settled, and there is a lease
}

// place follows moves that are not applied yet and builds the index by the
// addresses that the source uses.
func (p *pass) place() error {
	var taken []drift.Address
	for _, inst := range p.state.Instances {
		if inst.Deposed == "" {
			taken = append(taken, inst.Address)
		}
	}
	moves, err := p.eval.Moves(taken)
	if err != nil {
		return wrapped("source_unreadable", err)
	}
	for _, inst := range p.state.Instances {
		if inst.Deposed != "" {
			continue
		}
		addr := moves.Follow(inst.Address)
		switch {
		case inst.Address.Mode != drift.Managed:
		case p.checker.options.Selection.Has(addr.String()):
			p.subjects = append(p.subjects, &subject{inst: inst, addr: addr})
		default:
			p.out.Resources.Skipped++
		}
		p.index.add(addr, inst)
	}
	p.out.Integrity = p.state.Integrity(p.code())
	p.out.State = drift.State{
		Source: p.source.String(), Lineage: p.state.Lineage, Serial: p.state.Serial, TerraformVersion: p.state.TerraformVersion,
		Instances: len(p.subjects) + p.out.Resources.Skipped,
	}
	return nil
}

// lease gets every provider configuration that the state uses, side by side.
func (p *pass) lease(ctx context.Context) {
	for _, s := range p.subjects {
		if s.inst.Provider.Provider == drift.BuiltinProvider {
			continue
		}
		l := p.leases[s.inst.Provider]
		if l == nil {
			l = &leased{config: s.inst.Provider}
			p.leases[s.inst.Provider] = l
		}
		s.lease = l
	}
	// A configuration may depend on objects that only another provider can
	// decode, or on data sources that it has to read: in as many rounds as it
	// takes.
	for waiting := slices.Collect(maps.Values(p.leases)); len(waiting) > 0; {
		p.acquireAll(ctx, waiting)
		before := len(waiting)
		waiting = slices.DeleteFunc(waiting, func(l *leased) bool { return l.err == nil || (!l.unknown && len(l.stale) == 0) })
		owners := p.owners(waiting)
		if more := p.refresh(ctx, waiting); !more && len(owners) == 0 && len(waiting) == before {
			break
		}
		waiting = append(waiting, owners...)
		p.providerEval = config.NewEvaluator(p.tree, p.providerInputs)
	}
	p.settled.Store(true)
}

func (p *pass) acquireAll(ctx context.Context, list []*leased) {
	var wg sync.WaitGroup
	for _, l := range list {
		wg.Go(func() { p.acquire(ctx, l) })
	}
	wg.Wait()
	for _, l := range list {
		l.ready.Store(l.err == nil)
	}
}

// knownSchemas are a provider's schemas, or why they can't be had: a provider
// that hangs costs its time once, not once for each of its objects.
type knownSchemas struct {
	*provider.Schemas
	err error
}

// schemas gives a provider's schemas, running or not.
func (p *pass) schemas(source string) (*provider.Schemas, error) {
	if s, ok := p.schemaCache.Load(source); ok {
		return s.(*knownSchemas).Schemas, s.(*knownSchemas).err
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.checker.options.ResourceTimeout)
	defer cancel()
	s, err := p.checker.providers.Schemas(ctx, p.request(source, nil))
	p.schemaCache.Store(source, &knownSchemas{s, err})
	return s, err
}

func (p *pass) acquire(ctx context.Context, l *leased) {
	l.unknown, l.stale = false, nil
	defer func() {
		if r := recover(); r != nil {
			l.err = fmt.Errorf("configuration of %s: it can't be evaluated, by a mistake of Holdfast's; please report it: %v", l.config, r)
		}
	}()
	l.lease, l.err = p.checker.providers.Acquire(ctx, p.request(l.config.Provider, func(own *schema.Schema) (cty.Value, error) {
		v, err := p.configuration(l.config, own.Block)
		return v, unevaluated(err)
	}))
	switch {
	case l.err == nil:
		p.schemaCache.LoadOrStore(l.config.Provider, &knownSchemas{Schemas: l.lease.Schemas})
	case errors.Is(l.err, context.DeadlineExceeded), errors.Is(l.err, provider.ErrNotInstalled), errors.Is(l.err, provider.ErrUntrusted):
		p.schemaCache.LoadOrStore(l.config.Provider, &knownSchemas{err: l.err})
	}
}

func (p *pass) request(source string, configure func(*schema.Schema) (cty.Value, error)) provider.Request {
	return provider.Request{
		Source: source, Where: p.where, Env: p.providerEnv(), TerraformVersion: terraformVersion, Configure: configure,
		Holder: &p.holder, Timeout: p.checker.options.ResourceTimeout,
	}
}

// terraformVersion is what providers are told: one for all stacks, so that
// they can share a process, and recent enough for every provider to accept.
const terraformVersion = "1.11.4"

// providerEnv is the environment of a provider's process. Whoever reads the
// cloud's audit log can tell our reads by the user agent.
func (p *pass) providerEnv() []string {
	agent := strings.TrimSpace(stack.Getenv(p.stack.Env, "TF_APPEND_USER_AGENT") + " holdfast")
	env := slices.DeleteFunc(slices.Clone(p.stack.Env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "ARM_") && strings.Contains(name, "REGISTRATION") // see noWrites
	})
	return append(env, "TF_APPEND_USER_AGENT="+agent)
}

// noWrites sets what keeps a provider from writing while it is configured, by
// the names of its arguments. azurerm and azapi would register resource
// providers with the subscription: which argument stops that depends on the
// version, and 4.x refuses both at once. vault would make a child token; without
// it, it reads with the user's own.
// https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs
// https://registry.terraform.io/providers/hashicorp/vault/latest/docs
func noWrites(b *schema.Block, v cty.Value) cty.Value {
	set := map[string]cty.Value{"skip_provider_registration": cty.True, "skip_child_token": cty.True}
	if b.Attributes["resource_provider_registrations"] != nil {
		set["resource_provider_registrations"] = cty.StringVal("none")
		set["resource_providers_to_register"] = cty.NullVal(cty.DynamicPseudoType)
		set["skip_provider_registration"] = cty.False
	}
	vals := v.AsValueMap()
	for name, value := range set {
		attr := b.Attributes[name]
		if attr == nil {
			continue
		}
		if value, err := convert.Convert(value, attr.Type); err == nil {
			vals[name] = value
		}
	}
	return cty.ObjectVal(vals)
}

// configuration evaluates a provider block. Nothing in it may be guessed.
func (p *pass) configuration(pc drift.ProviderConfig, b *schema.Block) (cty.Value, error) {
	v, problems, err := p.providerEval.ProviderConfig(pc, b)
	if err != nil {
		return cty.NilVal, fmt.Errorf("configuration of %s: %w", pc, err)
	}
	v, marks := v.UnmarkDeepWithPaths()
	if stale := staleness(pc, p.unsettled(pc, marks)); stale != nil {
		p.leases[pc].stale = stale.addresses
		return cty.NilVal, stale
	}
	for _, at := range marks {
		if _, ok := at.Marks[config.Sensitive]; ok {
			p.redact.addValue(drift.ValueAt(v, at.Path))
		}
	}
	if v, err = p.override(pc, b, v); err != nil {
		return cty.NilVal, err
	}
	p.redact.addSensitive(b, v, nil)
	conformed, ok := verdict.Conform(b, v)
	p.leases[pc].unknown = !ok
	if !ok {
		return cty.NilVal, fmt.Errorf("%s: its configuration can't be evaluated: %s", pc, reasons(problems))
	}
	return noWrites(b, conformed), nil
}

// reasons joins problems, each once.
func reasons(problems []config.Problem) string {
	seen := map[string]bool{}
	var out []string
	for _, problem := range problems {
		if s := problem.String(); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return "a value in it is not known"
	}
	return strings.Join(out, "; ")
}

func (p *pass) close() {
	for _, l := range p.leases {
		if l.lease != nil {
			l.lease.Release()
		}
	}
}

// checkAll checks every subject whose provider is there.
func (p *pass) checkAll(ctx context.Context) {
	var ready []*subject
	for _, s := range p.subjects {
		if s.lease != nil && s.lease.err != nil {
			p.fail(s.addr, codeOf(s.lease.err), s.lease.err)
		} else {
			ready = append(ready, s)
		}
	}
	rest := sideBySide(ctx, p.checker.limit, ready, func(s *subject) { p.check(ctx, s) })
	for _, s := range rest {
		p.fail(s.addr, "interrupted", ctx.Err())
	}
	p.absent()
}

// sideBySide calls do for the items of a list, as many at a time as the limiter
// allows. It gives back the items that ctx ended before.
func sideBySide[T any](ctx context.Context, limit *limiter, list []T, do func(T)) (rest []T) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i, item := range list {
		if limit.acquire(ctx) != nil {
			return list[i:]
		}
		wg.Go(func() {
			defer limit.release()
			do(item)
		})
	}
	return nil
}

// absent lists what the source has and the state does not: to be imported, or
// created; and the modules that can't be seen.
func (p *pass) absent() {
	for _, call := range p.tree.Missing {
		p.out.Errors = append(p.out.Errors, drift.Error{Code: "module_missing", Message: fmt.Sprintf(
			"what module %s (%s:%d) sets can't be seen: %v", call.Name, call.Range.Filename, call.Range.Start.Line, call.Err)})
	}
	imported := map[string]bool{}
	add := func(addr, action string) {
		if !p.checker.options.Selection.Has(addr) {
			return
		}
		p.out.Pending = append(p.out.Pending, drift.Pending{Address: addr, Actions: []string{action}, Paths: []string{}})
	}
	for _, addr := range p.eval.PendingImports(p.index.has) {
		imported[addr] = true
		add(addr, "import")
	}
	for _, addr := range p.eval.Missing(p.index.has) {
		if !imported[addr.String()] {
			add(addr.String(), "create")
		}
	}
}

// fail records that a resource was not checked, and why.
func (p *pass) fail(addr drift.Address, code string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Resources.Errored++
	p.out.Errors = append(p.out.Errors, drift.Error{Address: addr.String(), Code: code, Message: p.redact.clean(err.Error())})
}

// codeOf names the kind of an error for programs.
func codeOf(err error) string {
	var crash *provider.CrashError
	var timeout *provider.TimeoutError
	var nonsense *provider.NonsenseError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &crash):
		return "provider_crashed"
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &nonsense):
		return "provider_nonsense"
	case errors.Is(err, provider.ErrNotInstalled):
		return "provider_missing"
	case errors.Is(err, provider.ErrUntrusted):
		return "provider_untrusted"
	}
	return "failed"
}

// result is what the pass found.
func (p *pass) result() drift.Stack {
	complete(&p.out)
	checked := p.out.Resources.Checked
	p.out.Settle(len(p.subjects) > 0 && checked == 0)
	return p.out
}
