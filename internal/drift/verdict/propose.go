package verdict

import (
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

// Propose merges a configuration over a prior value, as Terraform core does
// before it asks a provider for a plan: what the configuration sets, and the
// prior value of every computed attribute that it leaves unset. Nested blocks
// are paired by position, by key, or, in a set, with the prior element that
// the configuration could have made. Both values conform to b; prior is wholly
// known.
func Propose(b *schema.Block, prior, config cty.Value) cty.Value {
	if config.IsNull() || !config.IsKnown() {
		return prior
	}
	if prior.IsNull() {
		prior = b.Empty()
	}
	vals := proposeAttributes(b.Attributes, prior, config)
	for name, nested := range b.Blocks {
		vals[name] = proposeNested(nested, prior.GetAttr(name), config.GetAttr(name))
	}
	return cty.ObjectVal(vals)
}

func proposeAttributes(attrs map[string]*schema.Attribute, prior, config cty.Value) map[string]cty.Value {
	vals := make(map[string]cty.Value, len(attrs))
	for name, attr := range attrs {
		vals[name] = proposeAttribute(attr, get(prior, name), config.GetAttr(name))
	}
	return vals
}

func proposeAttribute(a *schema.Attribute, prior, config cty.Value) cty.Value {
	switch {
	case a.Computed && config.IsNull():
		if prior.IsNull() || (a.Optional && onceConfigured(a.Nested, prior)) {
			return cty.NullVal(a.ImpliedType())
		}
		return prior
	case a.Nested == nil || config.IsNull() || !config.IsKnown():
		return config
	}
	return proposeElements(a.Nested.Nesting, prior, config, objectPairing(a.Nested))
}

// onceConfigured reports whether a nested value holds something that no
// provider can have computed: then the configuration once set it, and leaving
// it unset takes it away.
func onceConfigured(o *schema.Object, v cty.Value) bool {
	if o == nil || v.IsNull() {
		return false
	}
	for _, elem := range occurrences(o.Nesting, v) {
		for name, inner := range o.Attributes {
			have := get(elem, name)
			if !have.IsNull() && (!inner.Computed || onceConfigured(inner.Nested, have)) {
				return true
			}
		}
	}
	return false
}

func occurrences(n schema.Nesting, v cty.Value) []cty.Value {
	switch {
	case v.IsNull():
		return nil
	case n == schema.Single || n == schema.Group:
		return []cty.Value{v}
	case n == schema.Map:
		var out []cty.Value
		for _, elem := range v.AsValueMap() {
			out = append(out, elem)
		}
		return out
	}
	return v.AsValueSlice()
}

func proposeNested(n *schema.NestedBlock, prior, config cty.Value) cty.Value {
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	return proposeElements(n.Nesting, prior, config, blockPairing(&n.Block))
}

// pairing is how the occurrences of one block type or nested attribute are
// merged, and found again among the elements of a set.
type pairing struct {
	merge func(prior, config cty.Value) cty.Value
	fits  func(prior, config cty.Value) bool
}

func blockPairing(b *schema.Block) pairing {
	return pairing{
		merge: func(prior, config cty.Value) cty.Value { return Propose(b, prior, config) },
		fits:  func(prior, config cty.Value) bool { return couldBecomeBlock(b, prior, config) },
	}
}

func objectPairing(o *schema.Object) pairing {
	return pairing{
		merge: func(prior, config cty.Value) cty.Value {
			if config.IsNull() || !config.IsKnown() {
				return config
			}
			return cty.ObjectVal(proposeAttributes(o.Attributes, prior, config))
		},
		fits: func(prior, config cty.Value) bool { return couldBecomeObject(o.Attributes, prior, config) },
	}
}

// proposeElements pairs the occurrences in config with prior ones and merges
// each pair; an occurrence with no partner is merged over null.
func proposeElements(n schema.Nesting, prior, config cty.Value, p pairing) cty.Value {
	switch n {
	case schema.Single, schema.Group:
		return p.merge(prior, config)
	case schema.Map:
		out := config.AsValueMap()
		for name, elem := range out {
			partner, _ := elementOf(prior, cty.StringVal(name))
			out[name] = p.merge(partner, elem)
		}
		return schema.Named(config.Type(), out)
	}
	out := config.AsValueSlice()
	left := occurrences(n, prior)
	for i, elem := range out {
		partner := cty.NullVal(cty.DynamicPseudoType)
		switch {
		case n == schema.Set:
			partner, left = takeFitting(left, elem, p.fits)
		case i < len(left):
			partner = left[i]
		}
		out[i] = p.merge(partner, elem)
	}
	return schema.Collect(config.Type(), out)
}

// takeFitting takes the first candidate that fits, or null.
func takeFitting(candidates []cty.Value, config cty.Value, fits func(prior, config cty.Value) bool) (cty.Value, []cty.Value) {
	for i, candidate := range candidates {
		if fits(candidate, config) {
			return candidate, append(candidates[:i:i], candidates[i+1:]...)
		}
	}
	return cty.NullVal(cty.DynamicPseudoType), candidates
}
