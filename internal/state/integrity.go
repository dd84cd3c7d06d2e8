package state

import (
	"bytes"
	"encoding/json"
	"strings"

	"holdfast/internal/drift"
)

// Code is what Integrity asks the source. The zero value is a source that is not
// at hand.
type Code struct {
	// Declares reports whether it has a resource, by the address without
	// instance keys.
	Declares func(place string) bool
	// Uses reports whether it, or the lock file, names a provider, by the complete
	// source address.
	Uses func(provider string) bool
	// Versions are its constraints on the version of Terraform.
	Versions []string
}

// Integrity lists what about the state itself a reader of a result must know:
// objects that are marked to be replaced or destroyed, entries that can't all be
// right, and what is missing in them. A sound state has none. docs/integrity.md
// says what each means, and the way out.
func (s *State) Integrity(code Code) []drift.Integrity {
	c := integrity{code: code, addresses: map[string]bool{}, objects: map[object]*Instance{}, providers: map[string]bool{}}
	for _, inst := range s.Instances {
		c.addresses[placeOf(inst.Address)] = true
	}
	c.writer(s.TerraformVersion)
	seen := map[string]bool{}
	for i := range s.Instances {
		inst := &s.Instances[i]
		c.provider(inst)
		if inst.Address.Mode != drift.Managed {
			continue
		}
		addr := inst.Address.String()
		if inst.Deposed != "" {
			c.add(drift.FaultDeposed, addr, "an older object (deposed %s) is still to be destroyed; the next apply does it", inst.Deposed)
			continue
		}
		if seen[addr] {
			c.add(drift.FaultDuplicate, addr, "the state holds this instance twice; restore a state from before it was damaged")
		} else if inst.Tainted {
			c.add(drift.FaultTainted, addr, "the object is tainted: the next apply replaces it")
		}
		c.dependencies(inst)
		c.identity(inst, seen[addr])
		seen[addr] = true
	}
	return c.faults
}

// integrity collects the faults of one state.
type integrity struct {
	code      Code
	faults    []drift.Integrity
	addresses map[string]bool // of all resources
	objects   map[object]*Instance
	providers map[string]bool // that were looked for
}

func (c *integrity) add(code, addr, format string, args ...any) {
	c.faults = append(c.faults, drift.Unsound(code, addr, format, args...))
}

// writer looks whether a Terraform wrote the state that the source doesn't admit
// yet.
func (c *integrity) writer(version string) {
	for _, constraint := range c.code.Versions {
		if newerThan(version, constraint) {
			c.faults = append(c.faults, NewerTerraform(version, "the source asks for "+constraint+" (required_version)"))
			return
		}
	}
}

// provider looks for providers that nothing but the state knows, each once.
func (c *integrity) provider(inst *Instance) {
	source := inst.Provider.Provider
	if c.code.Uses == nil || source == drift.BuiltinProvider || c.providers[source] {
		return
	}
	c.providers[source] = true
	if c.code.Uses(source) {
		return
	}
	c.add(drift.FaultNoSuchProvider, inst.Address.String(),
		"it is an object of provider %s, which neither the source nor the lock file names; run terraform init, or, if the provider has another address now, terraform state replace-provider", source)
}

// dependencies looks for what an instance depends on. One that is in the source
// and not in the state may have no instances.
func (c *integrity) dependencies(inst *Instance) {
	if c.code.Declares == nil {
		return
	}
	for _, on := range inst.Dependencies {
		if place := withoutKeys(on); !c.addresses[place] && !c.code.Declares(place) {
			c.add(drift.FaultDependency, inst.Address.String(),
				"it depends on %s, which is neither in the state nor in the source; a plan and apply, or terraform apply -refresh-only, writes its dependencies anew", on)
		}
	}
}

// placeOf is an address without any instance keys: the resource's place in the
// source. Dependencies are written so, from Terraform 0.13 on.
func placeOf(a drift.Address) string {
	parts := []string{}
	for _, step := range a.Module {
		parts = append(parts, "module."+step.Name)
	}
	a.Module, a.Key = nil, drift.NoKey
	return strings.Join(append(parts, a.String()), ".")
}

func withoutKeys(address string) string {
	parsed, err := drift.ParseAddress(address)
	if err != nil {
		return address
	}
	return placeOf(parsed)
}

// object is what two addresses can't both manage.
type object struct {
	provider      drift.ProviderConfig
	kind, id, arn string
}

// named are the attributes by which real objects are told apart.
type named struct {
	ID         json.RawMessage `json:"id"`
	ARN        json.RawMessage `json:"arn"`
	Identifier json.RawMessage `json:"identifier"`
}

// names reads them, once; false where there is no id in the state at all.
func (inst *Instance) names() (named, bool) {
	if inst.named == nil {
		inst.named = &named{}
		if inst.Attributes != nil && json.Unmarshal(inst.Attributes, inst.named) != nil {
			*inst.named = named{}
		}
	}
	return *inst.named, len(inst.named.ID) > 0
}

// identity looks for objects without an id, and for one object at two addresses:
// of the same type and provider configuration, with the same id, and with the same
// ARN or the same in all attributes. An id alone is not enough: that of an
// aws_lambda_permission is only unique for its function.
func (c *integrity) identity(inst *Instance, duplicate bool) {
	n, ok := inst.names()
	if !ok {
		return
	}
	addr := inst.Address.String()
	if id := string(n.ID); id == "null" || id == `""` {
		c.add(drift.FaultNoID, addr, "the state holds no id of it, so it can't be found; take it out with terraform state rm and import it again")
		return
	}
	o := object{kind: inst.Address.Type, id: string(n.ID), provider: inst.Provider}
	if arn := string(n.ARN); strings.HasPrefix(arn, `"arn:`) {
		o.arn = arn
	}
	before, ok := c.objects[o]
	c.objects[o] = inst
	if !ok || duplicate || o.arn == "" && !bytes.Equal(before.Attributes, inst.Attributes) {
		return
	}
	other := before.Address.String()
	c.add(drift.FaultShared, addr, "it is the same object as %s; take one of the two out of the code, and out of the state with terraform state rm", other)
	c.faults[len(c.faults)-1].Related = other
}
