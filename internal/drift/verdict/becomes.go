package verdict

import (
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

// The functions here tell whether a prior set element may be what became of an
// element of the configuration: the same wherever the configuration sets
// something, and filled in only where a provider may fill in. They follow
// Terraform core to the letter, its odd corners included, because a set element
// that core can't pair is planned anew: what prior lacks never contradicts, a
// set must be the same as a whole, and a nested attribute that the
// configuration leaves out must not be there.

func couldBecomeBlock(b *schema.Block, prior, config cty.Value) bool {
	return couldBecome(prior, config, func() bool {
		for name, attr := range b.Attributes {
			if !couldBecomeAttribute(attr, prior.GetAttr(name), get(config, name)) {
				return false
			}
		}
		for name, nested := range b.Blocks {
			fits := func(prior, config cty.Value) bool { return couldBecomeBlock(&nested.Block, prior, config) }
			if !couldBecomeElements(nested.Nesting, prior.GetAttr(name), get(config, name), fits) {
				return false
			}
		}
		return true
	})
}

func couldBecomeObject(attrs map[string]*schema.Attribute, prior, config cty.Value) bool {
	return couldBecome(prior, config, func() bool {
		for name, attr := range attrs {
			if !couldBecomeAttribute(attr, prior.GetAttr(name), get(config, name)) {
				return false
			}
		}
		return true
	})
}

// couldBecome decides what can be decided without a look inside.
func couldBecome(prior, config cty.Value, inside func() bool) bool {
	switch {
	case prior.IsNull() || config.RawEquals(prior):
		return true
	case config.IsNull():
		return prior.LengthInt() == 0
	}
	return inside()
}

func couldBecomeAttribute(a *schema.Attribute, prior, config cty.Value) bool {
	switch {
	case config.RawEquals(prior):
		return true
	case config.Type().IsSetType():
		return false
	case a.Nested == nil:
		return a.Computed && config.IsNull()
	}
	return couldBecomeElements(a.Nested.Nesting, prior, config, func(prior, config cty.Value) bool {
		return couldBecomeObject(a.Nested.Attributes, prior, config)
	})
}

func couldBecomeElements(n schema.Nesting, prior, config cty.Value, fits func(prior, config cty.Value) bool) bool {
	switch {
	case config.RawEquals(prior):
		return true
	case config.Type().IsSetType():
		return false
	case n == schema.Single || n == schema.Group:
		return fits(prior, config)
	case prior.IsNull():
		return true
	}
	for it := prior.ElementIterator(); it.Next(); {
		key, have := it.Element()
		want, there := elementOf(config, key)
		if !there || !fits(have, want) {
			return false
		}
	}
	return true
}
