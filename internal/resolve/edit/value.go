package edit

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"holdfast/internal/drift"
)

// absent is the wish that something is not there.
var absent = cty.NilVal

// step is one step into a value: a name, an index, or an element of a set.
type step struct {
	name  string // of an element of a set too, where it is the key of an instance
	index int
	elem  cty.Value // of a set
	kind  stepKind
}

type stepKind byte

const (
	byName stepKind = iota
	byIndex
	byElem
)

func (s step) String() string {
	switch s.kind {
	case byIndex:
		return fmt.Sprintf("[%d]", s.index)
	case byElem:
		return "[...]"
	}
	return drift.StringKey(s.name).String()
}

// stepTo makes a step of a key; not ok where it is neither name nor index.
func stepTo(key cty.Value) (step, bool) {
	k, ok := drift.KeyFrom(key)
	if n, isInt := k.Int(); isInt {
		return step{index: n, kind: byIndex}, ok
	}
	name, _ := k.Str()
	return step{name: name}, ok
}

// parsePath reads a path in Terraform's notation.
func parsePath(path string) ([]step, error) {
	traversal, diags := hclsyntax.ParseTraversalAbs([]byte(path), "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%s can't be found in the source", path)
	}
	return stepsOf(traversal)
}

// stepsOf are the steps of a traversal, the root included where it has one.
func stepsOf(traversal hcl.Traversal) ([]step, error) {
	var steps []step
	for _, t := range traversal {
		switch t := t.(type) {
		case hcl.TraverseRoot:
			steps = append(steps, step{name: t.Name})
		case hcl.TraverseAttr:
			steps = append(steps, step{name: t.Name})
		case hcl.TraverseIndex:
			s, ok := stepTo(t.Key)
			if !ok {
				return nil, fmt.Errorf("an index is neither name nor number")
			}
			steps = append(steps, s)
		default:
			return nil, fmt.Errorf("a splat goes to several values")
		}
	}
	return steps, nil
}

// wanted decodes what a change says is live; absent for null.
func wanted(raw json.RawMessage) (cty.Value, error) {
	if len(raw) == 0 {
		return absent, nil
	}
	v, ok := documentValue(raw)
	switch {
	case !ok:
		return absent, errors.New("what is live can't be read")
	case v.IsNull():
		return absent, nil
	}
	return v, nil
}

// valueAt is what stands at steps in a value; absent where they lead nowhere.
func valueAt(v cty.Value, steps []step) cty.Value {
	for _, s := range steps {
		if v == absent || v.IsNull() {
			return absent
		}
		if !v.IsKnown() {
			return v
		}
		v = into(v, s)
	}
	return v
}

func into(v cty.Value, s step) cty.Value {
	ty := v.Type()
	switch {
	case s.kind == byName && isMapping(v):
		if elem, ok := v.AsValueMap()[s.name]; ok {
			return elem
		}
	case s.kind == byName && ty.IsSetType():
		return into(v, step{kind: byElem, elem: cty.StringVal(s.name)})
	case s.kind == byIndex && isOrdered(v) && s.index < v.LengthInt():
		return v.Index(cty.NumberIntVal(int64(s.index)))
	case s.kind == byElem && v.CanIterateElements():
		for _, elem := range v.AsValueSlice() {
			if agree(elem, s.elem) {
				return elem
			}
		}
	}
	return absent
}

// nothing reports whether a value counts as not being there.
func nothing(v cty.Value) bool { return v == absent || drift.IsEmpty(v) }

// agree reports whether two values are the same for a resource: types don't
// count, nor does what a null attribute leaves out, nor the layout of a JSON
// document in a string. What is unknown agrees with nothing.
func agree(a, b cty.Value) bool {
	switch {
	case nothing(a) || nothing(b):
		return nothing(a) && nothing(b)
	case !a.IsKnown() || !b.IsKnown():
		return false
	case isMapping(a) && isMapping(b):
		return agreeMappings(a.AsValueMap(), b.AsValueMap())
	case isOrdered(a) && isOrdered(b):
		return slices.EqualFunc(a.AsValueSlice(), b.AsValueSlice(), agree)
	case isList(a) && isList(b):
		return agreeSets(a.AsValueSlice(), b.AsValueSlice(), agree)
	}
	return a.Type().IsPrimitiveType() && b.Type().IsPrimitiveType() && agreePrimitives(a, b)
}

func isMapping(v cty.Value) bool { return v.Type().IsObjectType() || v.Type().IsMapType() }

func agreePrimitives(a, b cty.Value) bool {
	if a.Type() == cty.Number || b.Type() == cty.Number {
		x, err := convert.Convert(a, cty.Number)
		y, err2 := convert.Convert(b, cty.Number)
		return err == nil && err2 == nil && x.Equals(y).True()
	}
	x, err := convert.Convert(a, cty.String)
	y, err2 := convert.Convert(b, cty.String)
	if err != nil || err2 != nil {
		return false
	}
	if x.AsString() == y.AsString() {
		return true
	}
	doc, ok := document(x.AsString())
	other, ok2 := document(y.AsString())
	return ok && ok2 && drift.Canonical(doc) == drift.Canonical(other)
}

func agreeMappings(a, b map[string]cty.Value) bool {
	for name, v := range a {
		if !agree(v, b[name]) { // absent where b lacks it
			return false
		}
	}
	for name, v := range b {
		if _, ok := a[name]; !ok && !nothing(v) {
			return false
		}
	}
	return true
}

// agreeSets pairs the elements of two sets.
func agreeSets(a, b []cty.Value, same func(a, b cty.Value) bool) bool {
	if len(a) != len(b) {
		return false
	}
	left := append([]cty.Value(nil), b...)
	for _, v := range a {
		i := 0
		for i < len(left) && !same(v, left[i]) {
			i++
		}
		if i == len(left) {
			return false
		}
		left = append(left[:i], left[i+1:]...)
	}
	return true
}

// document decodes a JSON object or list in a string.
func document(s string) (cty.Value, bool) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "{") && !strings.HasPrefix(s, "[") {
		return absent, false
	}
	return documentValue([]byte(s))
}
