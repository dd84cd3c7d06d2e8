package detect

import (
	"context"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/verdict"
	"holdfast/internal/provider"
	"holdfast/internal/state"
)

// A provider's configuration may depend on a data source that says who ran
// Terraform, or that gives out something which ends. What the state holds of it
// is an earlier run's, so it is read again, through the configured provider that
// it belongs to. Reading a data source changes nothing.

// staleError says that a configuration depends on values of the state that must
// not be trusted. addresses are the data sources to read again; where there are
// none, nothing helps.
type staleError struct {
	config    drift.ProviderConfig
	path      cty.Path
	what      string
	addresses []string
}

func (e *staleError) Error() string {
	return fmt.Sprintf("%s: its %s depends on %s; whether that still holds can't be told, so nothing was guessed", e.config, drift.FormatPath(e.path), e.what)
}

// staleness finds what must not be trusted in a configuration; nil if nothing.
func staleness(pc drift.ProviderConfig, marks []cty.PathValueMarks) *staleError {
	var found *staleError
	for _, at := range marks {
		for mark := range at.Marks {
			stale, ok := mark.(untrusted)
			switch {
			case !ok:
				continue
			case stale.data == "":
				return &staleError{config: pc, path: at.Path, what: stale.what}
			case found == nil:
				found = &staleError{config: pc, path: at.Path, what: stale.what}
			}
			if !slices.Contains(found.addresses, stale.data) {
				found.addresses = append(found.addresses, stale.data)
			}
		}
	}
	return found
}

// refresh reads the data sources again that configurations wait for. It reports
// whether there is one more than before.
func (p *pass) refresh(ctx context.Context, waiting []*leased) bool {
	more := false
	for _, l := range waiting {
		for _, addr := range l.stale {
			if _, done := p.index.fresh[addr]; done {
				continue
			}
			inst, owner := p.ownerOf(addr)
			if owner == nil || !owner.ready.Load() {
				continue
			}
			v, err := p.readAgain(ctx, owner, inst)
			if err != nil {
				l.err, l.stale = fmt.Errorf("%w; reading it again failed: %w", l.err, err), nil
				break
			}
			p.index.fresh[addr] = v
			more = true
		}
	}
	return more
}

// owners are the provider configurations that only data sources use which others
// wait for. They are leased like the rest.
func (p *pass) owners(waiting []*leased) []*leased {
	var more []*leased
	for _, l := range waiting {
		for _, addr := range l.stale {
			inst, owner := p.ownerOf(addr)
			if inst.Address.Type == "" || owner != nil {
				continue
			}
			owner = &leased{config: inst.Provider}
			p.leases[inst.Provider] = owner
			more = append(more, owner)
		}
	}
	return more
}

// ownerOf gives a data source of the state and the provider configuration that
// it belongs to.
func (p *pass) ownerOf(addr string) (state.Instance, *leased) {
	i := slices.IndexFunc(p.state.Instances, func(inst state.Instance) bool { return inst.Address.String() == addr })
	if i < 0 {
		return state.Instance{}, nil
	}
	return p.state.Instances[i], p.leases[p.state.Instances[i].Provider]
}

// readAgain reads a data source as the source has it.
func (p *pass) readAgain(ctx context.Context, owner *leased, inst state.Instance) (cty.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.ResourceTimeout)
	defer cancel()
	sch, err := owner.lease.Schemas.Data(inst.Address.Type)
	if err != nil {
		return cty.NilVal, err
	}
	if sch == nil {
		return cty.NilVal, fmt.Errorf("its provider has no data source %s", inst.Address.Type)
	}
	src := p.providerEval.Source(inst.Address, sch.Block)
	if src.Existence != config.Exists {
		return cty.NilVal, fmt.Errorf("%s is not in the source", inst.Address)
	}
	v, marks := src.Value.UnmarkDeepWithPaths()
	if stale := staleness(inst.Provider, marks); stale != nil {
		return cty.NilVal, fmt.Errorf("its %s depends on %s", drift.FormatPath(stale.path), stale.what)
	}
	conformed, ok := verdict.Conform(sch.Block, v)
	if !ok {
		return cty.NilVal, fmt.Errorf("%s can't be evaluated: %s", inst.Address, reasons(src.Problems))
	}
	ty := sch.Block.ImpliedType()
	request, err := provider.Encode(conformed, ty)
	if err != nil {
		return cty.NilVal, err
	}
	answer, err := owner.lease.Client.ReadData(ctx, inst.Address.Type, request, provider.Dynamic{})
	if err != nil {
		return cty.NilVal, err
	}
	now, err := answer.Decode(ty)
	if err != nil {
		return cty.NilVal, err
	}
	now = sch.Block.Normalize(now)
	p.redact.addSensitive(sch.Block, now, inst.Sensitive)
	return markSensitive(now, sch.Block, inst, nil), nil
}
