package detect

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/attribution"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/state"
)

// awsProvider is the one whose objects CloudTrail tells of, without its host.
const awsProvider = "/hashicorp/aws"

// object says what a finding's object is called; nothing for other clouds than
// AWS, whose logs nobody reads. An object that does not tell its account or
// region is where all others of its provider configuration are.
func (p *pass) object(inst state.Instance) drift.Object {
	if !strings.HasSuffix(inst.Provider.Provider, awsProvider) {
		return drift.Object{}
	}
	attributes := visible(inst, p.knownBlock(inst), p.redact.ofStack())
	own := arnOf(attributes)
	region, _ := attributes["region"].(string)
	o := drift.Object{
		Identifiers: attribution.Identifiers(inst.Address.Type, attributes),
		Region:      cmp.Or(region, own.region), Account: own.account,
	}
	if o.Region == "" || o.Account == "" {
		others := p.neighbours(inst.Provider)
		o.Region, o.Account = cmp.Or(o.Region, others.region), cmp.Or(o.Account, others.account)
	}
	return o
}

// visible are the attributes of an object at its top, without those in which the
// state or the schema calls something sensitive, or in which a secret is. block is
// nil where it is not known.
func visible(inst state.Instance, block *schema.Block, secrets []string) map[string]any {
	attributes := map[string]any{}
	if inst.Attributes == nil {
		for name, value := range inst.Flat {
			attributes[name] = value
		}
	} else if json.Unmarshal(inst.Attributes, &attributes) != nil {
		return nil
	}
	for _, path := range inst.Sensitive {
		if len(path) == 0 {
			return nil
		}
		if step, ok := path[0].(cty.GetAttrStep); ok {
			delete(attributes, step.Name)
		}
	}
	if block != nil {
		for name := range attributes {
			if block.SensitiveAt(cty.GetAttrPath(name)) {
				delete(attributes, name)
			}
		}
	}
	for name, value := range attributes {
		text, _ := value.(string)
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				delete(attributes, name)
			}
		}
	}
	return attributes
}

// place is where an ARN says that an object is.
type place struct{ region, account string }

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// arnOf reads it from the object's own ARN. One of what it leads to, as an
// aws_cloudwatch_event_target has, may be of another account.
func arnOf(attributes map[string]any) place {
	text := func(name string) string {
		value, _ := attributes[name].(string)
		return value
	}
	for _, arn := range []string{state.OwnARN(text("arn"), text("id"), text("identifier")), text("id")} {
		parts := strings.SplitN(arn, ":", 6)
		if len(parts) == 6 && parts[0] == "arn" && accountID.MatchString(parts[4]) {
			return place{parts[3], parts[4]}
		}
	}
	return place{}
}

// neighbours are the region and the account that the ARNs of a provider
// configuration's objects agree on; "" where they don't, or tell none.
func (p *pass) neighbours(pc drift.ProviderConfig) place {
	p.placesOnce.Do(p.findPlaces)
	return p.places[pc]
}

// findPlaces looks through the state for what its ARNs agree on.
func (p *pass) findPlaces() {
	p.places = map[drift.ProviderConfig]place{}
	regions, accounts := agreement{}, agreement{}
	for _, inst := range p.state.Instances {
		if inst.Address.Mode != drift.Managed || !strings.HasSuffix(inst.Provider.Provider, awsProvider) {
			continue
		}
		var own struct {
			ARN        any `json:"arn"`
			ID         any `json:"id"`
			Identifier any `json:"identifier"`
			Region     any `json:"region"`
		}
		if json.Unmarshal(inst.Attributes, &own) != nil {
			continue
		}
		at := arnOf(map[string]any{"arn": own.ARN, "id": own.ID, "identifier": own.Identifier})
		accounts.add(inst.Provider, at.account)
		if own.Region == nil {
			regions.add(inst.Provider, at.region) // else it may be elsewhere than its provider
		}
	}
	for pc := range accounts {
		p.places[pc] = place{regions[pc], accounts[pc]}
	}
}

// agreement is what all say of whom something is known; "" once two differ.
type agreement map[drift.ProviderConfig]string

func (a agreement) add(pc drift.ProviderConfig, value string) {
	if value == "" {
		return
	}
	if before, ok := a[pc]; ok && before != value {
		value = ""
	}
	a[pc] = value
}
