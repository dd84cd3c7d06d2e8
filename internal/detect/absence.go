package detect

import (
	"context"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/state"
)

// identities are the data sources that say as whom, or where, a provider is
// working, with the attribute that says it. A state that holds one tells
// whether a provider looks at the right account today.
var identities = map[string]string{
	"aws_caller_identity":   "account_id",
	"aws_region":            "name",
	"azurerm_client_config": "subscription_id",
	"google_client_config":  "project",
}

// manyGone is how many objects, and all of them, must be gone before that looks
// like the wrong account rather than like deletions.
const manyGone = 3

// guardAbsence keeps a check with the wrong credentials or region from
// reporting that everything was deleted.
func (p *pass) guardAbsence(ctx context.Context) {
	for pc, l := range p.leases {
		gone := map[string]bool{}
		for _, s := range p.subjects {
			if s.lease == l && s.deleted {
				gone[s.addr.String()] = true
			}
		}
		if l.lease == nil || len(gone) < manyGone || p.found[pc] || p.sameIdentity(ctx, pc, l) {
			continue
		}
		p.doubtGone(pc, gone)
	}
}

// doubtGone makes deletions possible only, and says why.
func (p *pass) doubtGone(pc drift.ProviderConfig, gone map[string]bool) {
	message := fmt.Sprintf("all %d objects of %s are gone: that looks like the wrong account, region or credentials, so their deletion is only possible; check the provider's configuration and environment", len(gone), pc)
	p.out.Errors = append(p.out.Errors, drift.Error{Code: "everything_gone", Message: message})
	for i, f := range p.out.Findings {
		if gone[f.Address] {
			p.out.Findings[i].Certainty, p.out.Findings[i].Doubt = drift.Possible, message
		}
	}
}

// sameIdentity reports whether the provider works as, and where, the state
// says: every identity that the state recorded through this configuration is
// the same today, and there is one.
func (p *pass) sameIdentity(ctx context.Context, pc drift.ProviderConfig, l *leased) bool {
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.ResourceTimeout)
	defer cancel()
	same := false
	for _, inst := range p.state.Instances {
		attribute, ok := identities[inst.Address.Type]
		if !ok || inst.Address.Mode != drift.Data || inst.Provider != pc {
			continue
		}
		if !p.unchanged(ctx, l, inst, attribute) {
			return false
		}
		same = true
	}
	return same
}

func (p *pass) unchanged(ctx context.Context, l *leased, inst state.Instance, attribute string) bool {
	sch, err := l.lease.Schemas.Data(inst.Address.Type)
	if err != nil || sch == nil {
		return false
	}
	recorded, err := p.index.typed(inst, sch) //nolint:contextcheck // data sources are decoded here, without a call
	if err != nil {
		return false
	}
	ty := sch.Block.ImpliedType()
	request, err := provider.Encode(sch.Block.Empty(), ty)
	if err != nil {
		return false
	}
	answer, err := l.lease.Client.ReadData(ctx, inst.Address.Type, request, provider.Dynamic{})
	if err != nil {
		return false
	}
	today, err := answer.Decode(ty)
	if err != nil {
		return false
	}
	was, is := drift.ValueAt(recorded, cty.GetAttrPath(attribute)), drift.ValueAt(today, cty.GetAttrPath(attribute))
	return !was.IsNull() && is.IsWhollyKnown() && was.RawEquals(is)
}

var _ config.Values = (*index)(nil)
