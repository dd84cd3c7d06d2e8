package resolve

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast/internal/drift"
	"holdfast/internal/terraform"
)

// Gate holds a plan against the findings that it is to revert, and gives what the
// plan would do, and every reason not to do it. Allowed is an update that puts
// the drifted paths of a finding back to what was last applied and changes nothing
// else, and the creation of what was deleted as it was last applied. It does no
// input or output but for schemas.
func Gate(plan *terraform.Plan, findings []drift.Finding, allowed Allowed, schemas Schemas) ([]drift.Step, []drift.Refusal) {
	g := newGate(plan, findings, allowed, schemas)
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Mode == drift.Managed {
			g.change(c)
		}
	}
	g.outputs()
	if len(plan.Deferred) > 0 { // a plan with targets never calls itself complete
		g.refuse("", "", "Terraform put off a part of the plan", "run terraform plan to see which")
	}
	for _, f := range findings {
		if !g.touched[f.Address] {
			g.refuse(f.Address, "", "the plan does nothing about it", "run holdfast check: the drift may be gone, or the code may have changed")
		}
	}
	return g.steps, g.refused
}

type gate struct {
	plan    *terraform.Plan
	want    map[string]drift.Finding             // by address
	drifted map[string]*terraform.ResourceChange // the plan's own drift, by address
	allowed Allowed
	schemas Schemas
	source  sourceOf

	touched map[string]bool // findings that the plan would do something about
	steps   []drift.Step
	refused []drift.Refusal
}

func newGate(plan *terraform.Plan, findings []drift.Finding, allowed Allowed, schemas Schemas) *gate {
	g := &gate{
		plan: plan, allowed: allowed, schemas: schemas, source: newSourceOf(plan, findings),
		want: map[string]drift.Finding{}, drifted: map[string]*terraform.ResourceChange{}, touched: map[string]bool{},
	}
	for _, f := range findings {
		g.want[f.Address] = f
	}
	for i, d := range plan.Drift {
		if d.Mode == drift.Managed && d.Deposed == "" {
			g.drifted[d.Address] = &plan.Drift[i]
		}
	}
	return g
}

func (g *gate) refuse(address, path, why, next string) {
	g.refused = append(g.refused, drift.Refusal{Address: address, Path: path, Why: why, Next: next})
}

// unless refuses what can be allowed by name.
func (g *gate) unless(allowed bool, flag, address, path, why, next string) {
	if allowed {
		return
	}
	option := flag + " " + quoted(address) + " allows it"
	if next != "" {
		option = next + ", or " + option
	}
	g.refuse(address, path, why, option)
}

// quoted is an address as one word of a shell's command line.
func quoted(address string) string {
	if strings.ContainsAny(address, `["]`) {
		return "'" + address + "'"
	}
	return address
}

// actionOf names what a change is, for people.
func actionOf(c *terraform.ResourceChange) string {
	switch {
	case c.Change.Imports():
		return "import"
	case c.Change.Is("delete", "create"):
		return "replace"
	case len(c.Change.Actions) != 1:
		return strings.Join(c.Change.Actions, ", ")
	case c.Change.Is("no-op") && c.StateAddress() != c.Address:
		return "move"
	}
	return c.Change.Actions[0]
}

func (g *gate) change(c *terraform.ResourceChange) {
	action := actionOf(c)
	if action == "no-op" {
		return
	}
	f, wanted := g.want[c.Address]
	wanted = wanted && c.Deposed == ""
	step := drift.Step{Address: c.Address, Action: action}
	if wanted {
		g.touched[c.Address] = true
		step.Changes = f.Changes
	}
	switch {
	case c.Deposed != "":
		g.refuse(c.Address, "", "the plan would destroy an old object of it that a failed replacement has left", "run terraform apply for that first")
	case c.StateAddress() != c.Address:
		g.refuse(c.Address, "", "the plan would move it from "+c.StateAddress()+" in the state", "run terraform apply for that first")
	case action == "replace":
		g.unless(g.allowed.replaces(c.Address), "--allow-replace", c.Address, "", "the plan would replace it: destroy it and make a new one", "")
	case action != "update" && action != "create":
		g.refuse(c.Address, "", "the plan would "+action+" it, which a revert never does", "run terraform plan to see why")
	case !wanted:
		g.unless(g.allowed.allows(c.Address), "--allow", c.Address, "", "the plan would "+action+" it too, because the findings depend on it", g.drawnIn(c))
	case (action == "create") != (f.Kind == drift.Deleted):
		g.refuse(c.Address, "", "the finding says "+string(f.Kind)+", and the plan would "+action+" it: it has changed again", "run holdfast check")
	default:
		step.Beyond, step.Unsaid = g.compare(c, f)
	}
	g.steps = append(g.steps, step)
}

// drawnIn says what to do about another resource that the plan would change.
func (g *gate) drawnIn(c *terraform.ResourceChange) string {
	if g.drifted[c.Address] != nil {
		return "it has drifted as well: revert it too"
	}
	return "apply its code first"
}

// outputs refuses changes of outputs: the state is not only about resources.
func (g *gate) outputs() {
	for _, name := range slices.Sorted(maps.Keys(g.plan.Outputs)) {
		o := g.plan.Outputs[name]
		if o.Is("no-op") || len(o.Actions) == 0 {
			continue
		}
		address := "output." + name
		g.steps = append(g.steps, drift.Step{Address: address, Action: strings.Join(o.Actions, ", ")})
		g.unless(g.allowed.allows(address), "--allow", address, "", fmt.Sprintf("the plan would %s this output", strings.Join(o.Actions, ", ")), "")
	}
}
