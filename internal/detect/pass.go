package detect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zclconf/go-cty/cty"

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
	source  state.Source
	raw     []byte // the state file, as it was read
	state   *state.State
	tree    *config.Tree
	where   provider.Where
	redact  *redactor

	index        *index
	eval         *config.Evaluator // of resources
	providerEval *config.Evaluator // of provider blocks: trusts less (see providerValues)
	subjects     []*subject
	leases       map[drift.ProviderConfig]*leased
	leased       atomic.Bool // leases are settled
	schemaCache  sync.Map    // by provider source

	mu      sync.Mutex
	out     drift.Stack
	found   map[drift.ProviderConfig]bool // an object was found through it
	drifted []drifted
}

// subject is a managed resource instance under check.
type subject struct {
	inst  state.Instance
	addr  drift.Address // where the source has it, moves followed
	lease *leased

	deleted bool
}

// leased is a provider configuration in use, or why it can't be.
type leased struct {
	config drift.ProviderConfig
	lease  *provider.Lease
	err    error
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
		if inst.Address.Mode == drift.Managed {
			p.subjects = append(p.subjects, &subject{inst: inst, addr: addr})
		}
		p.index.add(addr, inst)
	}
	p.out.Integrity = p.state.Integrity()
	p.out.State = drift.State{
		Source: p.source.String(), Lineage: p.state.Lineage, Serial: p.state.Serial, TerraformVersion: p.state.TerraformVersion,
	}
	p.found = map[drift.ProviderConfig]bool{}
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
	var wg sync.WaitGroup
	for _, l := range p.leases {
		wg.Go(func() { p.acquire(ctx, l) })
	}
	wg.Wait()
	p.leased.Store(true)
}

// schemas gives a provider's schemas, running or not.
func (p *pass) schemas(source string) (*provider.Schemas, error) {
	if s, ok := p.schemaCache.Load(source); ok {
		return s.(*provider.Schemas), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.checker.options.ResourceTimeout)
	defer cancel()
	s, err := p.checker.providers.Schemas(ctx, p.request(source, nil))
	if err == nil {
		p.schemaCache.Store(source, s)
	}
	return s, err
}

func (p *pass) acquire(ctx context.Context, l *leased) {
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.ResourceTimeout)
	defer cancel()
	l.lease, l.err = p.checker.providers.Acquire(ctx, p.request(l.config.Provider, func(own *schema.Schema) (cty.Value, error) {
		v, err := p.configuration(l.config, own.Block)
		return v, unevaluated(err)
	}))
}

func (p *pass) request(source string, configure func(*schema.Schema) (cty.Value, error)) provider.Request {
	return provider.Request{
		Source: source, Where: p.where, Env: p.providerEnv(), TerraformVersion: terraformVersion, Configure: configure,
	}
}

// terraformVersion is what providers are told: one for all stacks, so that
// they can share a process, and recent enough for every provider to accept.
const terraformVersion = "1.11.4"

// noWrites are settings that keep a provider from writing while it is
// configured: azurerm would register resource providers with the subscription.
var noWrites = []string{"ARM_RESOURCE_PROVIDER_REGISTRATIONS=none", "ARM_SKIP_PROVIDER_REGISTRATION=true"}

// providerEnv is the environment of a provider's process. Whoever reads the
// cloud's audit log can tell our reads by the user agent.
func (p *pass) providerEnv() []string {
	agent := strings.TrimSpace(stack.Getenv(p.stack.Env, "TF_APPEND_USER_AGENT") + " holdfast")
	env := append([]string{}, p.stack.Env...)
	return append(append(env, noWrites...), "TF_APPEND_USER_AGENT="+agent)
}

// configuration evaluates a provider block. Nothing in it may be guessed.
func (p *pass) configuration(pc drift.ProviderConfig, b *schema.Block) (cty.Value, error) {
	v, problems, err := p.providerEval.ProviderConfig(pc, b)
	if err != nil {
		return cty.NilVal, fmt.Errorf("configuration of %s: %w", pc, err)
	}
	v, marks := v.UnmarkDeepWithPaths()
	for _, at := range marks {
		for mark := range at.Marks {
			if stale, ok := mark.(untrusted); ok {
				return cty.NilVal, fmt.Errorf("%s: its %s depends on %s; this version can't tell whether that still holds, so nothing was guessed", pc, drift.FormatPath(at.Path), stale.what)
			}
			if mark == config.Sensitive {
				p.redact.addValue(drift.ValueAt(v, at.Path))
			}
		}
	}
	for name, attr := range b.Attributes {
		if attr.Sensitive {
			p.redact.addValue(drift.ValueAt(v, cty.GetAttrPath(name)))
		}
	}
	conformed, ok := verdict.Conform(b, v)
	if !ok {
		return cty.NilVal, fmt.Errorf("%s: its configuration can't be evaluated: %s", pc, reasons(problems))
	}
	return conformed, nil
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
	rest := eachInSlot(ctx, p.checker.slots, ready, func(s *subject) { p.check(ctx, s) })
	for _, s := range rest {
		p.fail(s.addr, "interrupted", ctx.Err())
	}
	p.absent()
}

// eachInSlot calls do for the items of a list side by side, as many at a time
// as there are slots. It gives back the items that ctx ended before.
func eachInSlot[T any](ctx context.Context, slots chan struct{}, list []T, do func(T)) (rest []T) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i, item := range list {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return list[i:]
		}
		wg.Go(func() {
			defer func() { <-slots }()
			do(item)
		})
	}
	return nil
}

// absent lists what the source has and the state does not: to be imported, or
// created.
func (p *pass) absent() {
	imported := map[string]bool{}
	add := func(addr, action string) {
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
