package detect

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/state"
)

// home is the region that an object names as its own, in its ARN; "" where it
// names none: it is global, or of another cloud. One with an argument region is
// looked for there, wherever the provider works (version 6 of the AWS provider),
// and so proves nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func home(inst state.Instance) string {
	var own map[string]json.RawMessage
	if json.Unmarshal(inst.Attributes, &own) != nil || text(own["region"]) != "" {
		return ""
	}
	for _, name := range []string{"arn", "id"} {
		if parts := strings.SplitN(text(own[name]), ":", 6); len(parts) == 6 && parts[0] == "arn" {
			return parts[3]
		}
	}
	return ""
}

// homes counts the regions that objects name as their own.
func homes(subjects []*subject) map[string]int {
	count := map[string]int{}
	for _, s := range subjects {
		if region := home(s.inst); region != "" {
			count[region]++
		}
	}
	return count
}

// vouched reports whether something was found through a provider configuration
// that shows that it looks where the objects that are gone were: what is global is
// found from every region. named are the regions that those name.
func (p *pass) vouched(pc drift.ProviderConfig, named map[string]int) bool {
	return slices.ContainsFunc(p.subjects, func(s *subject) bool {
		return s.seen && s.inst.Provider == pc && (len(named) == 0 || named[home(s.inst)] > 0)
	})
}

// guardRegion keeps a provider that works in another region than its objects
// from reporting that they were deleted: each names its own in its ARN. done
// means that all there is to doubt is doubted; sure, that the region is right.
func (p *pass) guardRegion(ctx context.Context, pc drift.ProviderConfig, l *leased, gone []*subject) (done, sure bool) {
	named := homes(gone)
	if len(named) == 0 {
		return false, false
	}
	today := p.regionOf(ctx, l)
	if today == "" {
		return false, false
	}
	away := slices.DeleteFunc(slices.Clone(gone), func(s *subject) bool {
		region := home(s.inst)
		return region == today || region == "" && named[today] > 0
	})
	if len(away) == 0 {
		return false, true
	}
	delete(named, today)
	p.doubtDeletions("wrong_region", addressesOf(away), fmt.Sprintf(
		"objects that are gone were made in %s, as their ARNs say, and %s works in %s: so the deletion of %d objects is only possible; check the region in the provider's configuration, or AWS_REGION",
		strings.Join(slices.Sorted(maps.Keys(named)), " and "), pc, today, len(away)))
	return true, false
}

// regionOf is where a provider of AWS works; "" for any other.
func (p *pass) regionOf(ctx context.Context, l *leased) string {
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.ResourceTimeout)
	defer cancel()
	today, err := readIdentity(ctx, l, "aws_region")
	if err != nil {
		return ""
	}
	region := drift.ValueAt(today, cty.GetAttrPath("name"))
	if !isText(region) {
		return ""
	}
	return region.AsString()
}

func addressesOf(subjects []*subject) map[string]bool {
	addresses := map[string]bool{}
	for _, s := range subjects {
		addresses[s.addr.String()] = true
	}
	return addresses
}
