package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Plan is what a verdict needs of `terraform show -json PLAN`. Values stay as
// they were written: their types are the provider's to say.
// https://developer.hashicorp.com/terraform/internals/json-format
type Plan struct {
	FormatVersion    string           `json:"format_version"`
	TerraformVersion string           `json:"terraform_version"`
	Errored          bool             `json:"errored"`
	Complete         *bool            `json:"complete"` // false: parts were put off, or left out by a target
	Drift            []ResourceChange `json:"resource_drift"`
	Changes          []ResourceChange `json:"resource_changes"`
	// Outputs are the root module's, with those that stay as they are.
	Outputs  map[string]Change `json:"output_changes"`
	Deferred []json.RawMessage `json:"deferred_changes"` // what was put off

	Prior         priorState    `json:"prior_state"`
	Configuration configuration `json:"configuration"`
}

// ResourceChange is one entry of a plan.
type ResourceChange struct {
	Address         string `json:"address"`
	PreviousAddress string `json:"previous_address"` // before a move; else ""
	Mode            string `json:"mode"`             // managed or data
	Type            string `json:"type"`
	Provider        string `json:"provider_name"`
	Deposed         string `json:"deposed"`
	ActionReason    string `json:"action_reason"`
	Change          Change `json:"change"`
}

// StateAddress is where the state has the instance.
func (r ResourceChange) StateAddress() string {
	if r.PreviousAddress != "" {
		return r.PreviousAddress
	}
	return r.Address
}

// Change is what happens to an instance. The masks mirror the shape of the
// values, with true at what is unknown or sensitive.
type Change struct {
	Actions         []string        `json:"actions"`
	Before          json.RawMessage `json:"before"`
	After           json.RawMessage `json:"after"`
	AfterUnknown    any             `json:"after_unknown"`
	BeforeSensitive any             `json:"before_sensitive"`
	AfterSensitive  any             `json:"after_sensitive"`
	ReplacePaths    [][]any         `json:"replace_paths"`
	Importing       json.RawMessage `json:"importing"`
}

// Gone reports whether there is no object after the change.
func (c Change) Gone() bool { return null(c.After) }

// New reports whether there was no object before the change.
func (c Change) New() bool { return null(c.Before) }

// Imports reports whether the change takes an object into the state.
func (c Change) Imports() bool { return !null(c.Importing) }

// Is reports whether the change is made of exactly these actions, in any order.
func (c Change) Is(actions ...string) bool {
	have := slices.Sorted(slices.Values(c.Actions))
	return slices.Equal(have, slices.Sorted(slices.Values(actions)))
}

func null(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// priorState is the state after the refresh.
type priorState struct {
	Values struct {
		Root stateModule `json:"root_module"`
	} `json:"values"`
}

type stateModule struct {
	Resources []stateResource `json:"resources"`
	Children  []stateModule   `json:"child_modules"`
}

type stateResource struct {
	Address string                     `json:"address"`
	Values  map[string]json.RawMessage `json:"values"`
}

// Refreshed gives the attributes of a data source or resource as the plan read
// them; nil where it has none of that address.
func (p *Plan) Refreshed(address string) map[string]json.RawMessage {
	return p.Prior.Values.Root.find(address)
}

func (m stateModule) find(address string) map[string]json.RawMessage {
	for _, r := range m.Resources {
		if r.Address == address {
			return r.Values
		}
	}
	for _, child := range m.Children {
		if found := child.find(address); found != nil {
			return found
		}
	}
	return nil
}

type configuration struct {
	Root configModule `json:"root_module"`
}

type configModule struct {
	Resources []struct {
		Address     string                     `json:"address"`
		Expressions map[string]json.RawMessage `json:"expressions"`
	} `json:"resources"`
	Calls map[string]struct {
		Module configModule `json:"module"`
	} `json:"module_calls"`
}

// Refers lists what the source's expressions for arguments and blocks refer to,
// such as aws_sqs_queue.this, var.name or each.value: by resource address without
// instance keys, and by argument.
func (p *Plan) Refers() map[string]map[string][]string {
	all := map[string]map[string][]string{}
	p.Configuration.Root.walk("", func(address string, expressions map[string]json.RawMessage) {
		all[address] = map[string][]string{}
		for name, expr := range expressions {
			all[address][name] = references(expr)
		}
	})
	return all
}

// references collects the lists called references, at any depth: those of a
// nested block are inside it.
func references(raw json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var out []string
		for _, inner := range list {
			out = append(out, references(inner)...)
		}
		return out
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	var out []string
	for name, inner := range members {
		var names []string
		if name == "references" && json.Unmarshal(inner, &names) == nil {
			out = append(out, names...)
		} else if name != "constant_value" {
			out = append(out, references(inner)...)
		}
	}
	return out
}

// Configured lists the arguments and blocks that the source writes, by resource
// address without instance keys. One that it sets to null in so many words is
// not among them.
func (p *Plan) Configured() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	p.Configuration.Root.walk("", func(address string, expressions map[string]json.RawMessage) {
		set := map[string]bool{}
		for name, expr := range expressions {
			if string(bytes.TrimSpace(expr)) != "{}" {
				set[name] = true
			}
		}
		all[address] = set
	})
	return all
}

// walk visits the resources of a module and those called from it.
func (m configModule) walk(prefix string, visit func(address string, expressions map[string]json.RawMessage)) {
	for _, r := range m.Resources {
		visit(prefix+r.Address, r.Expressions)
	}
	for name, call := range m.Calls {
		call.Module.walk(prefix+"module."+name+".", visit)
	}
}

// DecodePlan reads the JSON document of a plan. One that Terraform could not
// finish is an error: nothing follows from it.
func DecodePlan(src []byte) (*Plan, error) {
	p := &Plan{}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("the plan can't be read: %w", err)
	}
	switch major, _, _ := strings.Cut(p.FormatVersion, "."); {
	case p.FormatVersion == "":
		return nil, fmt.Errorf("the plan can't be read: it names no format version")
	case major != "0" && major != "1":
		return nil, fmt.Errorf("the plan has format version %s, newer than this Holdfast; upgrade Holdfast", p.FormatVersion)
	case p.Errored:
		return nil, fmt.Errorf("the plan was not finished; run terraform plan to see why")
	}
	return p, nil
}
