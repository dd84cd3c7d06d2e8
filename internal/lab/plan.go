package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Plan is what a test needs of `terraform show -json PLAN`. Numbers in values
// are json.Number.
// https://developer.hashicorp.com/terraform/internals/json-format
type Plan struct {
	TerraformVersion string           `json:"terraform_version"`
	Errored          bool             `json:"errored"`
	Drift            []ResourceChange `json:"resource_drift"`
	Changes          []ResourceChange `json:"resource_changes"`
	Raw              []byte           `json:"-"` // the whole document
}

// ResourceChange is one entry of a plan.
type ResourceChange struct {
	Address         string `json:"address"`
	PreviousAddress string `json:"previous_address"`
	Deposed         string `json:"deposed"`
	Mode            string `json:"mode"` // "managed" or "data"
	Type            string `json:"type"`
	Provider        string `json:"provider_name"`
	ActionReason    string `json:"action_reason"`
	Change          Change `json:"change"`
}

// Change is what happens to an instance. The last three mirror the shape of the
// values, with true at what is unknown or sensitive.
type Change struct {
	Actions         []string       `json:"actions"`
	Before          map[string]any `json:"before"` // nil: does not exist
	After           map[string]any `json:"after"`  // nil: will not exist
	AfterUnknown    any            `json:"after_unknown"`
	BeforeSensitive any            `json:"before_sensitive"`
	AfterSensitive  any            `json:"after_sensitive"`
	ReplacePaths    [][]any        `json:"replace_paths"`
}

// Pending lists the changes that do something to a managed resource.
func (p *Plan) Pending() []ResourceChange {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c ResourceChange) bool {
		return c.Mode != "managed" || slices.Equal(c.Change.Actions, []string{"no-op"})
	})
}

// Find returns the entry of an address, or nil.
func Find(changes []ResourceChange, address string) *ResourceChange {
	i := slices.IndexFunc(changes, func(c ResourceChange) bool { return c.Address == address })
	if i < 0 {
		return nil
	}
	return &changes[i]
}

// Plan plans without a lock, with args added (such as -refresh-only), and reads
// the plan. It writes nothing to the stack; several may run at once.
func (s *Stack) Plan(ctx context.Context, args ...string) (*Plan, error) {
	dir, err := os.MkdirTemp(s.side, "plan-")
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", s.Dir, err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "plan")
	plan := append([]string{"plan", "-lock=false", "-input=false", "-no-color", "-out=" + file}, args...)
	if _, err := s.Run(ctx, plan...); err != nil {
		return nil, err
	}
	data, err := s.Run(ctx, "show", "-json", file)
	if err != nil {
		return nil, err
	}
	return decodePlan(data)
}

func decodePlan(data []byte) (*Plan, error) {
	plan := &Plan{Raw: data}
	if err := decodeNumbers(data, plan); err != nil {
		return nil, fmt.Errorf("decode the plan: %w", err)
	}
	return plan, nil
}
