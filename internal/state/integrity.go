package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"holdfast/internal/drift"
)

// Integrity lists what about the state itself a reader of a result must know:
// objects that are marked to be replaced or destroyed, entries that can't all be
// right, and what is missing in them. A sound state has none. docs/integrity.md
// says what each means, and the way out. declared reports whether the source has
// a resource, by its address without instance keys; nil where there is no source
// to ask.
func (s *State) Integrity(declared func(place string) bool) []drift.Integrity {
	c := integrity{declared: declared, addresses: map[string]bool{}}
	for _, inst := range s.Instances {
		c.addresses[placeOf(inst.Address)] = true
	}
	seen := map[string]bool{}
	objects := map[object]Instance{}
	for _, inst := range s.Instances {
		if inst.Address.Mode != drift.Managed {
			continue
		}
		addr := inst.Address.String()
		if inst.Deposed != "" {
			c.add("deposed_object", drift.SeverityWarning, addr, "an older object (deposed %s) is still to be destroyed; the next apply does it", inst.Deposed)
			continue
		}
		if seen[addr] {
			c.add("duplicate_instance", drift.SeverityError, addr, "the state holds this instance twice; restore a state from before it was damaged")
		} else if inst.Tainted {
			c.add("tainted_object", drift.SeverityWarning, addr, "the object is tainted: the next apply replaces it")
		}
		c.dependencies(inst)
		c.identity(inst, objects, seen[addr])
		seen[addr] = true
	}
	return c.faults
}

// integrity collects the faults of one state.
type integrity struct {
	faults    []drift.Integrity
	addresses map[string]bool // of all resources
	declared  func(place string) bool
}

func (c *integrity) add(code string, severity drift.Severity, addr, format string, args ...any) {
	c.faults = append(c.faults, drift.Integrity{Code: code, Severity: severity, Address: addr, Message: fmt.Sprintf(format, args...)})
}

// dependencies looks for what an instance depends on. One that is in the source
// and not in the state may have no instances.
func (c *integrity) dependencies(inst Instance) {
	if c.declared == nil {
		return
	}
	for _, on := range inst.Dependencies {
		if place := withoutKeys(on); !c.addresses[place] && !c.declared(place) {
			c.add("dangling_dependency", drift.SeverityInfo, inst.Address.String(),
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
	ID  json.RawMessage `json:"id"`
	ARN json.RawMessage `json:"arn"`
}

// identity looks for objects without an id, and for one object at two addresses:
// of the same type and provider configuration, with the same id, and with the same
// ARN or the same in all attributes. An id alone is not enough: that of an aws_lambda_permission is only
// unique for its function.
func (c *integrity) identity(inst Instance, objects map[object]Instance, duplicate bool) {
	var n named
	if inst.Attributes == nil || json.Unmarshal(inst.Attributes, &n) != nil || len(n.ID) == 0 {
		return
	}
	addr := inst.Address.String()
	if id := string(n.ID); id == "null" || id == `""` {
		c.add("missing_id", drift.SeverityError, addr, "the state holds no id of it, so it can't be found; take it out with terraform state rm and import it again")
		return
	}
	o := object{kind: inst.Address.Type, id: string(n.ID), provider: inst.Provider}
	if arn := string(n.ARN); strings.HasPrefix(arn, `"arn:`) {
		o.arn = arn
	}
	before, ok := objects[o]
	objects[o] = inst
	if !ok || duplicate || o.arn == "" && !bytes.Equal(before.Attributes, inst.Attributes) {
		return
	}
	if before.Address.String() == addr {
		return
	}
	c.add("shared_object", drift.SeverityError, addr, "it is the same object as %s; take one of the two out of the code, and out of the state with terraform state rm", before.Address)
}
