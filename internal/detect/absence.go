package detect

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/state"
)

// identity says how a data source tells as whom, or where, a provider works.
type identity struct {
	attribute string
	account   bool // it names the account, or what an object can't be without
	location  bool // it names the region; where an account has none, both
}

// identities are the data sources that a state may hold and that tell whether a
// provider looks at the right place today.
var identities = map[string]identity{
	"aws_caller_identity":   {"account_id", true, false},
	"aws_region":            {"name", false, true},
	"azurerm_client_config": {"subscription_id", true, true},
	"google_client_config":  {"project", true, true},
}

// manyGone is how many objects, and all of them, must be gone before that looks
// like the wrong account rather than like deletions.
const manyGone = 3

// guardAbsence keeps a check with the wrong credentials or region from
// reporting that everything was deleted.
func (p *pass) guardAbsence(ctx context.Context) {
	gone := p.gone()
	for pc, l := range p.leases {
		if l.lease == nil || len(gone[pc]) == 0 {
			continue
		}
		done, sure := p.guardRegion(ctx, pc, l, gone[pc])
		named := homes(gone[pc])
		if sure {
			named = nil // whatever was found vouches for the account
		}
		if done || len(gone[pc]) < manyGone || p.vouched(pc, named) || p.sameIdentity(ctx, pc, l) {
			continue
		}
		p.doubtGone(pc, addressesOf(gone[pc]))
	}
}

// gone are the objects that were not found, by provider configuration.
func (p *pass) gone() map[drift.ProviderConfig][]*subject {
	gone := map[drift.ProviderConfig][]*subject{}
	for _, s := range p.subjects {
		if s.deleted {
			gone[s.inst.Provider] = append(gone[s.inst.Provider], s)
		}
	}
	return gone
}

// doubtGone makes deletions possible only, and says why.
func (p *pass) doubtGone(pc drift.ProviderConfig, gone map[string]bool) {
	p.doubtDeletions("everything_gone", gone, fmt.Sprintf("%d objects of %s are gone, and nothing was found that shows that it looks in the right place: that looks like the wrong account, region or credentials, so their deletion is only possible; check the provider's configuration and environment", len(gone), pc))
}

// doubtDeletions makes the deletions of these addresses possible only.
func (p *pass) doubtDeletions(code string, gone map[string]bool, message string) {
	p.out.Errors = append(p.out.Errors, drift.Error{Code: code, Message: message})
	for i, f := range p.out.Findings {
		if gone[f.Address] {
			p.out.Findings[i].Certainty, p.out.Findings[i].Doubt = drift.Possible, message
		}
	}
}

// sameIdentity reports whether the provider works as, and where, the state
// says: the account that it recorded through this configuration is the same
// today, and so is the region. Where the state recorded no region, the objects
// that are gone must name today's.
func (p *pass) sameIdentity(ctx context.Context, pc drift.ProviderConfig, l *leased) bool {
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.ResourceTimeout)
	defer cancel()
	account, location := false, false
	for _, inst := range p.state.Instances {
		id, ok := identities[inst.Address.Type]
		if !ok || inst.Address.Mode != drift.Data || inst.Provider != pc {
			continue
		}
		if !p.unchanged(ctx, l, inst, id.attribute) {
			return false
		}
		account, location = account || id.account, location || id.location
	}
	return account && (location || p.sameRegion(ctx, l))
}

// sameRegion reports whether the ARN of an object that is gone names the region
// that the provider works in.
func (p *pass) sameRegion(ctx context.Context, l *leased) bool {
	region := p.regionOf(ctx, l)
	if region == "" {
		return false
	}
	named := []byte(":" + region + ":")
	return slices.ContainsFunc(p.subjects, func(s *subject) bool {
		return s.lease == l && s.deleted && bytes.Contains(s.inst.Attributes, named)
	})
}

// readIdentity reads a data source that has no arguments.
func readIdentity(ctx context.Context, l *leased, typeName string) (cty.Value, error) {
	sch, err := l.lease.Schemas.Data(typeName)
	if err != nil {
		return cty.NilVal, err
	}
	if sch == nil {
		return cty.NilVal, fmt.Errorf("the provider has no data source %s", typeName)
	}
	ty := sch.Block.ImpliedType()
	request, err := provider.Encode(sch.Block.Empty(), ty)
	if err != nil {
		return cty.NilVal, err
	}
	answer, err := l.lease.Client.ReadData(ctx, typeName, request, provider.Dynamic{})
	if err != nil {
		return cty.NilVal, err
	}
	return answer.Decode(ty)
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
	today, err := readIdentity(ctx, l, inst.Address.Type)
	if err != nil {
		return false
	}
	was, is := drift.ValueAt(recorded, cty.GetAttrPath(attribute)), drift.ValueAt(today, cty.GetAttrPath(attribute))
	return !was.IsNull() && is.IsWhollyKnown() && was.RawEquals(is)
}

var _ config.Values = (*index)(nil)
