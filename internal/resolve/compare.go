package resolve

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/terraform"
)

// values are those of one instance in a plan.
type values struct {
	schema                 *schema.Block
	applied, live, planned cty.Value // live is null for what was deleted
	hidden                 []cty.Path
}

// compare holds the planned values of a finding against what was last applied, and
// refuses every difference. It gives the paths that would change beyond the drift,
// and those that the code leaves to the provider.
func (g *gate) compare(c *terraform.ResourceChange, f drift.Finding) (beyond, unsaid []string) {
	v, err := g.read(c)
	if err != nil {
		g.refuse(c.Address, "", fmt.Sprintf("what the plan would do can't be compared: %v", err), "run terraform plan to see it")
		return nil, nil
	}
	x := &comparison{gate: g, values: v, change: c, finding: f}
	if f.Kind == drift.Deleted {
		x.creation()
	} else {
		x.update()
	}
	return x.beyond, x.unsaid
}

// read decodes the values of a change. Without a drift entry nothing has changed
// since the last apply, as far as Terraform knows.
func (g *gate) read(c *terraform.ResourceChange) (v values, err error) {
	s, err := g.schemas(c.Provider, c.Type)
	switch {
	case err != nil:
		return v, err
	case s == nil:
		return v, fmt.Errorf("provider %s has no resource type %s", c.Provider, c.Type)
	}
	v.schema = s.Block
	decode := func(raw []byte, unknown any) cty.Value {
		out := cty.NullVal(v.schema.ImpliedType())
		if err == nil && len(raw) > 0 {
			out, err = terraform.Value(v.schema, raw, unknown)
		}
		return out
	}
	v.live = decode(c.Change.Before, nil)
	v.planned = decode(c.Change.After, c.Change.AfterUnknown)
	v.applied = v.live
	masks := []any{c.Change.BeforeSensitive, c.Change.AfterSensitive}
	if d := g.drifted[c.Address]; d != nil {
		v.applied = decode(d.Change.Before, nil)
		masks = append(masks, d.Change.BeforeSensitive, d.Change.AfterSensitive)
	}
	for _, mask := range masks {
		v.hidden = append(v.hidden, terraform.Masked(mask, v.schema.ImpliedType(), nil)...)
	}
	return v, err
}

// shown is a path as it may be shown: the keys inside what is sensitive as a whole
// are part of the secret.
func (v values) shown(path cty.Path) string {
	for i := 1; i < len(path); i++ {
		above := path[:i]
		sensitive := slices.ContainsFunc(v.hidden, func(h cty.Path) bool { return len(h) <= len(above) && drift.Related(above, h) })
		if sensitive || v.schema.Hides(above) {
			return drift.FormatPath(above)
		}
	}
	return drift.FormatPath(path)
}

// comparison is one instance at the gate.
type comparison struct {
	*gate
	values
	change  *terraform.ResourceChange
	finding drift.Finding
	beyond  []string
	unsaid  []string
}

const otherCode = "apply the code first, or take the change out of it"

// objection refuses a path that would become something else than was applied.
func (x *comparison) objection(path cty.Path, why, next string) {
	shown := x.shown(path)
	if slices.Contains(x.beyond, shown) {
		return
	}
	x.beyond = append(x.beyond, shown)
	x.unless(x.allowed.allows(x.change.Address), "--allow", x.change.Address, shown, why, next)
}

func (x *comparison) creation() {
	if x.applied.IsNull() {
		x.refuse(x.change.Address, "", "the plan does not know it as deleted", "run holdfast check")
		return
	}
	for _, path := range drift.Diff(x.applied, x.planned) {
		x.differs(path)
	}
}

// differs is about a path at which the planned value is not the one last applied.
func (x *comparison) differs(path cty.Path) {
	applied, planned := drift.ValueAt(x.applied, path), drift.ValueAt(x.planned, path)
	switch {
	case terraform.SameDocument(applied, planned) || sameButZeros(applied, planned):
	case !planned.IsWhollyKnown():
		if x.source.mayBeUnknown(x.change, path, x.schema) {
			x.objection(path, "what it would become is not known before the apply", "revert first what it depends on")
		}
	case x.finding.Kind == drift.Deleted && drift.IsEmpty(planned) && !x.source.sets(x.change, path):
		x.unsaid = append(x.unsaid, x.shown(path))
	default:
		x.objection(path, "the code says another value than was last applied", otherCode)
	}
}

// sameButZeros reports whether two values differ only as the legacy SDK can't tell
// them apart.
func sameButZeros(a, b cty.Value) bool {
	return drift.Equal(a, b) || drift.Equal(withoutZeros(a), withoutZeros(b))
}

// withoutZeros makes null of what the legacy SDK can't tell from it: an empty
// string, zero and false. A state has them where a plan from nothing has null.
func withoutZeros(v cty.Value) cty.Value {
	out, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		ty := v.Type()
		if v.IsNull() || !v.IsKnown() || !ty.IsPrimitiveType() {
			return v, nil
		}
		if v.RawEquals(cty.StringVal("")) || v.RawEquals(cty.Zero) || v.RawEquals(cty.False) {
			return cty.NullVal(ty), nil
		}
		return v, nil
	})
	if err != nil {
		return v
	}
	return out
}

// update accepts that drifted paths become what was last applied, and that what
// the provider computes is not known yet.
func (x *comparison) update() {
	var back []cty.Path // drifted, and changed by the plan
	for _, path := range drift.Diff(x.live, x.planned) {
		planned := drift.ValueAt(x.planned, path)
		known := planned.IsWhollyKnown()
		switch {
		case !x.isDrifted(path) && sameButZeros(drift.ValueAt(x.live, path), planned):
		case x.isDrifted(path):
			back = append(back, path)
			if !known {
				x.objection(path, "what it would become is not known before the apply", "revert first what it depends on")
			}
		case known || x.source.mayBeUnknown(x.change, path, x.schema):
			x.objection(path, "the plan would change it too: it has not drifted, the code says something else", otherCode)
		}
	}
	left := back
	for _, path := range drift.Diff(x.applied, x.planned) {
		touched := slices.ContainsFunc(back, func(b cty.Path) bool { return drift.Related(b, path) })
		planned := drift.ValueAt(x.planned, path)
		switch {
		case !touched && !x.isDrifted(path) || !planned.IsWhollyKnown() || sameButZeros(drift.ValueAt(x.applied, path), planned):
		case drift.Equal(drift.ValueAt(x.live, path), planned):
			left = append(left, path)
			x.refuse(x.change.Address, x.shown(path), leaves, "run holdfast check: the code may have changed")
		default:
			x.differs(path)
		}
	}
	for _, c := range x.finding.Changes {
		if !slices.ContainsFunc(left, func(b cty.Path) bool { return drift.RelatedPaths(drift.FormatPath(b), c.Path) }) {
			x.refuse(x.change.Address, c.Path, leaves, "run holdfast check: the code may have changed")
		}
	}
}

const leaves = "the plan would leave it as it is"

func (x *comparison) isDrifted(path cty.Path) bool {
	name := drift.FormatPath(path)
	return slices.ContainsFunc(x.finding.Changes, func(c drift.Change) bool { return drift.RelatedPaths(name, c.Path) })
}
