package terraform

import (
	"encoding/json"
	"slices"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// Value reads an object of a plan by its resource type's schema, with
// unknown values where the plan has none yet.
func Value(b *schema.Block, raw []byte, unknown any) (cty.Value, error) {
	ty, err := concrete(b.ImpliedType(), raw)
	if err != nil {
		return cty.NilVal, err
	}
	v, err := ctyjson.Unmarshal(raw, ty)
	if err != nil {
		return cty.NilVal, err
	}
	if v.IsNull() {
		return v, nil
	}
	return b.Normalize(withUnknown(v, unknown)), nil
}

// concrete fills in the parts of a type that are dynamic from what is there: a
// plan writes their values without their types.
func concrete(ty cty.Type, raw json.RawMessage) (cty.Type, error) {
	if !ty.HasDynamicTypes() {
		return ty, nil
	}
	if ty == cty.DynamicPseudoType || len(raw) == 0 || string(raw) == "null" {
		if len(raw) == 0 {
			raw = json.RawMessage("null")
		}
		return ctyjson.ImpliedType(raw)
	}
	if ty.IsObjectType() {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return ty, err
		}
		types := map[string]cty.Type{}
		for name, inner := range ty.AttributeTypes() {
			t, err := concrete(inner, members[name])
			if err != nil {
				return ty, err
			}
			types[name] = t
		}
		return cty.Object(types), nil
	}
	// A collection of things that may have different types.
	return ctyjson.ImpliedType(raw)
}

// withUnknown puts unknown values where a plan's mask says true. A set with
// anything unknown inside is unknown: its elements can't be told apart by their
// place.
func withUnknown(v cty.Value, mask any) cty.Value {
	if !anyTrue(mask) {
		return v
	}
	ty := v.Type()
	if yes, ok := mask.(bool); ok && yes || ty.IsSetType() {
		return cty.UnknownVal(ty)
	}
	if v.IsNull() {
		return v
	}
	switch m := mask.(type) {
	case map[string]any:
		if ty.IsObjectType() || ty.IsMapType() {
			return unknownMembers(v, m)
		}
	case []any:
		if ty.IsListType() || ty.IsTupleType() {
			vals := v.AsValueSlice()
			for i := range min(len(vals), len(m)) {
				vals[i] = withUnknown(vals[i], m[i])
			}
			return schema.Collect(ty, vals)
		}
	}
	return v
}

// unknownMembers is withUnknown for an object or a map, which may lack a member
// that is unknown.
func unknownMembers(v cty.Value, mask map[string]any) cty.Value {
	ty := v.Type()
	vals := v.AsValueMap()
	if vals == nil {
		vals = map[string]cty.Value{}
	}
	for name, inner := range mask {
		if elem, ok := vals[name]; ok {
			vals[name] = withUnknown(elem, inner)
		} else if anyTrue(inner) && ty.IsMapType() {
			vals[name] = cty.UnknownVal(ty.ElementType())
		}
	}
	return schema.Named(ty, vals)
}

func anyTrue(mask any) bool {
	switch m := mask.(type) {
	case bool:
		return m
	case map[string]any:
		for _, inner := range m {
			if anyTrue(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(m, anyTrue)
	}
	return false
}

// Masked lists the paths at which a plan's mask says true; one inside a set is
// the set's.
func Masked(mask any, ty cty.Type, at cty.Path) []cty.Path {
	if !anyTrue(mask) {
		return nil
	}
	if _, ok := mask.(bool); ok || ty.IsSetType() {
		return []cty.Path{at.Copy()}
	}
	var paths []cty.Path
	switch m := mask.(type) {
	case map[string]any:
		for name, inner := range m {
			step, next := stepInto(ty, name)
			paths = append(paths, Masked(inner, next, append(at.Copy(), step))...)
		}
	case []any:
		for i, inner := range m {
			next := cty.DynamicPseudoType
			if ty.IsListType() {
				next = ty.ElementType()
			}
			paths = append(paths, Masked(inner, next, append(at.Copy(), cty.IndexStep{Key: cty.NumberIntVal(int64(i))}))...)
		}
	}
	return paths
}

// stepInto is the step to a member by name, and the type that it leads to.
func stepInto(ty cty.Type, name string) (cty.PathStep, cty.Type) {
	switch {
	case ty.IsMapType():
		return cty.IndexStep{Key: cty.StringVal(name)}, ty.ElementType()
	case ty.IsObjectType() && ty.HasAttribute(name):
		return cty.GetAttrStep{Name: name}, ty.AttributeType(name)
	}
	return cty.GetAttrStep{Name: name}, cty.DynamicPseudoType
}

// Path reads a path as plans write one: names and numbers. It ends at a set.
func Path(steps []any, ty cty.Type) cty.Path {
	var path cty.Path
	for _, step := range steps {
		if ty.IsSetType() {
			break
		}
		switch s := step.(type) {
		case string:
			var next cty.PathStep
			next, ty = stepInto(ty, s)
			path = append(path, next)
		case json.Number:
			i, err := s.Int64()
			if err != nil {
				return path
			}
			path = append(path, cty.IndexStep{Key: cty.NumberIntVal(i)})
			if ty.IsListType() {
				ty = ty.ElementType()
			} else {
				ty = cty.DynamicPseudoType
			}
		default:
			return path
		}
	}
	return path
}

// SameDocument reports whether two strings hold the same JSON, however it is
// laid out.
func SameDocument(a, b cty.Value) bool {
	isText := func(v cty.Value) bool { return v.IsKnown() && !v.IsNull() && v.Type() == cty.String }
	if !isText(a) || !isText(b) {
		return false
	}
	document := func(v cty.Value) (cty.Value, error) {
		raw := []byte(v.AsString())
		ty, err := ctyjson.ImpliedType(raw)
		if err != nil {
			return cty.NilVal, err
		}
		return ctyjson.Unmarshal(raw, ty)
	}
	x, errX := document(a)
	y, errY := document(b)
	return errX == nil && errY == nil && drift.Equal(x, y)
}
