// Package verdict decides whether a resource has drifted, from three values
// and the provider's answer. It is pure: the calls to the provider are the
// caller's (package detect). docs/verdict.md explains the idea.
//
// The values, all of the schema's implied type, unmarked and normalised:
//
//	applied  what the state says was last applied
//	live     what the provider reads now
//	source   what the source evaluates to today; unknown where it can't be
//	         evaluated, and repeated blocks as tuples (see package config)
package verdict

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// Drifted lists the paths where live differs from applied and a plan would
// change live: what somebody changed and the code would put back. The rest of
// what differs from applied is observed.
func Drifted(applied, live, config, planned cty.Value) (drifted, observed []cty.Path) {
	wanted := Wanted(live, config, planned)
	for _, path := range drift.Diff(applied, live) {
		if Touches(path, wanted) && !SameInWhole(path, applied, live) {
			drifted = append(drifted, path)
		} else {
			observed = append(observed, path)
		}
	}
	return drifted, observed
}

// wholes name, for a map of which a resource shows only its own part, the
// attribute beside it that shows all of it. The other part comes from the
// provider's configuration: default_tags of AWS, default_labels of Google.
var wholes = map[string]string{"tags": "tags_all", "labels": "effective_labels", "annotations": "effective_annotations"}

// SameInWhole reports whether what is at path differs only because the provider's
// configuration was changed since the last apply: an element of such a map whose
// counterpart in the whole, which is what the real object has, is the same in
// applied and live; or a set that is the same without such maps.
func SameInWhole(path cty.Path, applied, live cty.Value) bool {
	if before, now := drift.ValueAt(applied, path), drift.ValueAt(live, path); before.Type().IsSetType() && now.Type().IsSetType() {
		return drift.Equal(withoutParts(before), withoutParts(now))
	}
	last := len(path) - 1
	if last < 1 {
		return false
	}
	own, _ := path[last-1].(cty.GetAttrStep)
	whole, ok := wholes[own.Name]
	if !ok {
		return false
	}
	at := path.Copy()
	at[last-1] = cty.GetAttrStep{Name: whole}
	before, now := drift.ValueAt(applied, at), drift.ValueAt(live, at)
	return !before.IsNull() && drift.Equal(before, now)
}

// withoutParts empties every map inside v that shows a part of what another one
// beside it shows as a whole.
func withoutParts(v cty.Value) cty.Value {
	out, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if v.IsNull() || !v.Type().IsObjectType() {
			return v, nil
		}
		vals := v.AsValueMap()
		for part, whole := range wholes {
			if all, ok := vals[whole]; ok && !all.IsNull() && vals[part] != cty.NilVal {
				vals[part] = cty.NullVal(vals[part].Type())
			}
		}
		if len(vals) == 0 {
			return v, nil
		}
		return cty.ObjectVal(vals), nil
	})
	if err != nil {
		return v
	}
	return out
}

// Adopted splits drifted paths: those which the source already says as they
// are live; those which it does not set and a plan of it would keep, so that
// they are only observed; and the rest. What the source does not set but goes
// along with something adopted (tags_all with tags) is adopted too. planned is
// the plan of the source itself against live; cty.NilVal where the source can't
// be evaluated as a whole, and then the values are compared as they stand.
func Adopted(paths []cty.Path, live, source, planned cty.Value) (adopted, observed, rest []cty.Path) {
	var wanted []cty.Path
	if planned != cty.NilVal {
		wanted = Wanted(live, source, planned)
	}
	for _, path := range paths {
		is, written := drift.ValueAt(live, path), drift.ValueAt(source, path)
		kept := !Touches(path, wanted)
		if planned == cty.NilVal {
			kept = Says(written, is)
		}
		switch {
		case !kept:
			rest = append(rest, path)
		case drift.IsEmpty(written) && !drift.IsEmpty(is):
			observed = append(observed, path)
		default:
			adopted = append(adopted, path)
		}
	}
	if len(adopted) > 0 {
		return append(adopted, observed...), nil, rest
	}
	return nil, observed, rest
}

// Says reports whether a part of the source says what is live. What is a set
// there is a tuple in the source.
func Says(source, live cty.Value) bool {
	if !source.IsWhollyKnown() {
		return false
	}
	if converted, err := convert.Convert(source, live.Type()); err == nil {
		source = converted
	}
	return drift.Equal(source, live)
}

// Wanted lists where a plan would change live: planned is the provider's answer
// to config. A planned value that is still unknown counts only where config
// sets one.
func Wanted(live, config, planned cty.Value) []cty.Path {
	var paths []cty.Path
	for _, path := range drift.Diff(live, planned) {
		known := drift.ValueAt(planned, path).IsWhollyKnown()
		if known || !drift.IsEmpty(drift.ValueAt(config, path)) {
			paths = append(paths, path)
		}
	}
	return paths
}

// Touches reports whether one of the others is path, an ancestor of it or a
// descendant.
func Touches(path cty.Path, others []cty.Path) bool {
	for _, other := range others {
		if drift.Related(path, other) {
			return true
		}
	}
	return false
}

// Conform turns an evaluated source into a value of the block's implied type;
// false where something in it is unknown.
func Conform(b *schema.Block, source cty.Value) (cty.Value, bool) {
	if !source.IsWhollyKnown() || source.IsNull() {
		return cty.NilVal, false
	}
	return conform(b, source), true
}

func conform(b *schema.Block, v cty.Value) cty.Value {
	vals := v.AsValueMap()
	for name, nested := range b.Blocks {
		vals[name] = conformNested(nested, vals[name])
	}
	return cty.ObjectVal(vals)
}

func conformNested(n *schema.NestedBlock, v cty.Value) cty.Value {
	none := n.None()
	if v.IsNull() {
		return none
	}
	switch n.Nesting {
	case schema.Single, schema.Group:
		return conform(&n.Block, v)
	case schema.Map:
		elems := v.AsValueMap()
		for name := range elems {
			elems[name] = conform(&n.Block, elems[name])
		}
		return schema.Named(none.Type(), elems)
	}
	elems := v.AsValueSlice()
	for i := range elems {
		elems[i] = conform(&n.Block, elems[i])
	}
	return schema.Collect(none.Type(), elems)
}
