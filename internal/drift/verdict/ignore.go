package verdict

import (
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// Ignore is the ignore_changes of a resource.
type Ignore struct {
	All   bool
	Paths []cty.Path
}

// Apply puts the prior value back wherever changes are ignored, as Terraform
// core does to the configuration before a plan and, for providers on the
// legacy SDK, to the planned value after it. A path that ends in a map's key
// takes over that key alone: with its prior value, or its absence. A path that
// leads nowhere in one of the values has no effect.
//
// With All, that is the prior value as a whole, what is computed in it
// included: no configuration to send to a provider, but then there is nothing
// to ask it either.
func (ig Ignore) Apply(prior, v cty.Value) cty.Value {
	switch {
	case prior.IsNull() || v.IsNull():
		return v // nothing to keep
	case ig.All:
		return prior
	}
	for _, path := range ig.Paths {
		v = carry(prior, v, path)
	}
	return v
}

func carry(prior, v cty.Value, path cty.Path) cty.Value {
	if len(path) == 0 {
		if v.Type().IsMapType() && !v.IsKnown() {
			return v // core takes no part of a map that isn't known yet, nor the whole
		}
		return prior
	}
	switch step := path[0].(type) {
	case cty.GetAttrStep:
		return carryAttr(prior, v, step.Name, path[1:])
	case cty.IndexStep:
		key, _ := drift.KeyFrom(step.Key)
		if name, ok := key.Str(); ok {
			return carryKey(prior, v, name, path[1:])
		}
		if i, ok := key.Int(); ok {
			return carryIndex(prior, v, i, path[1:])
		}
	}
	return v
}

func carryAttr(prior, v cty.Value, name string, rest cty.Path) cty.Value {
	if !has(prior, name) || !has(v, name) {
		return v
	}
	vals := v.AsValueMap()
	vals[name] = carry(prior.GetAttr(name), vals[name], rest)
	return cty.ObjectVal(vals)
}

// has reports whether v is an object with that attribute.
func has(v cty.Value, name string) bool {
	return v.IsKnown() && !v.IsNull() && v.Type().IsObjectType() && v.Type().HasAttribute(name)
}

func carryKey(prior, v cty.Value, name string, rest cty.Path) cty.Value {
	switch {
	case !v.Type().IsMapType() && len(rest) == 0:
		return prior // only maps are taken apart by key
	case !v.Type().IsMapType() || !v.IsKnown() || !isMap(prior):
		return v
	}
	vals, from := members(v), members(prior)
	was, existed := from[name]
	is, exists := vals[name]
	switch {
	case len(rest) > 0 && (!existed || !exists):
		return v
	case len(rest) > 0:
		vals[name] = carry(was, is, rest)
	case existed:
		vals[name] = was
	default:
		delete(vals, name)
	}
	switch {
	case len(vals) > 0 && !cty.CanMapVal(vals):
		return cty.ObjectVal(vals)
	case len(vals) > 0:
		return cty.MapVal(vals)
	case v.IsNull():
		return v
	}
	return cty.MapValEmpty(v.Type().ElementType())
}

// isMap reports whether v can be taken apart by key; a null has no keys.
func isMap(v cty.Value) bool { return v.IsNull() || (v.IsKnown() && v.Type().IsMapType()) }

func members(v cty.Value) map[string]cty.Value {
	if v.IsNull() || v.LengthInt() == 0 {
		return map[string]cty.Value{}
	}
	return v.AsValueMap()
}

func carryIndex(prior, v cty.Value, i int, rest cty.Path) cty.Value {
	if !hasIndex(prior, i) || !hasIndex(v, i) {
		return v
	}
	vals := v.AsValueSlice()
	vals[i] = carry(prior.Index(cty.NumberIntVal(int64(i))), vals[i], rest)
	if v.Type().IsTupleType() || !cty.CanListVal(vals) {
		return cty.TupleVal(vals) // below a dynamic attribute elements may differ in type
	}
	return cty.ListVal(vals)
}

// hasIndex reports whether v is a list or tuple with that element.
func hasIndex(v cty.Value, i int) bool {
	ty := v.Type()
	return v.IsKnown() && !v.IsNull() && (ty.IsListType() || ty.IsTupleType()) && i < v.LengthInt()
}
