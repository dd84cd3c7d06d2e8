package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"holdfast/internal/drift"
)

type expansionKind byte

const (
	single expansionKind = iota
	counted
	eached
	undecided // count or for_each can't be evaluated
)

// expansion says which instances a resource or a module call has.
type expansion struct {
	kind  expansionKind
	count int
	elems map[string]cty.Value // each.value by each.key
	marks cty.ValueMarks       // of what decides it, with Inputs.KeepMarks
}

// expanded is an expansion that was evaluated, and what was in its way.
type expanded struct {
	expansion
	problems []Problem
}

// expansion evaluates count or for_each, each expression once.
func (s *scope) expansion(count, forEach hcl.Expression) (expansion, []Problem) {
	expr := count
	if expr == nil {
		expr = forEach
	}
	if expr == nil {
		return expansion{kind: single}, nil
	}
	if done, ok := s.expansions[expr]; ok {
		return done.expansion, done.problems
	}
	s.expansions[expr] = expanded{expansion{kind: undecided}, []Problem{s.problem(expr, "it refers to itself")}}
	v, problems := s.value(expr, repetition{}, nil)
	exp, reason := expandEach(v)
	if count != nil {
		exp, reason = expandCount(v)
	}
	if s.eval.inputs.KeepMarks {
		marks := cty.ValueMarks{}
		gather(v, marks)
		exp.marks = openMarks(marks)
	}
	switch {
	case exp.kind != undecided:
		problems = nil // of unknown elements; the instances are certain
	case len(problems) == 0:
		problems = []Problem{s.problem(expr, reason)}
	}
	s.expansions[expr] = expanded{exp, problems}
	return exp, problems
}

func expandCount(v cty.Value) (expansion, string) {
	v, _ = v.Unmark()
	v, err := convert.Convert(v, cty.Number)
	if err == nil {
		if key, ok := drift.KeyFrom(v); ok {
			n, _ := key.Int()
			if n > maxInstances {
				return expansion{kind: undecided}, fmt.Sprintf("count is more than %d", maxInstances)
			}
			return expansion{kind: counted, count: n}, ""
		}
	}
	return expansion{kind: undecided}, "count is no whole number"
}

func expandEach(v cty.Value) (expansion, string) {
	elems, ok := eachOf(v)
	if !ok {
		return expansion{kind: undecided}, "for_each is no map and no set of strings"
	}
	return expansion{kind: eached, elems: elems}, ""
}

// eachOf gives each.value by each.key.
func eachOf(v cty.Value) (map[string]cty.Value, bool) {
	v, marks := v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil, false
	}
	elems := map[string]cty.Value{}
	ty := v.Type()
	switch {
	case ty.IsMapType(), ty.IsObjectType():
		for key, elem := range v.AsValueMap() {
			elems[key] = elem.WithMarks(marks)
		}
		return elems, true
	case ty.IsSetType() && (ty.ElementType() == cty.String || v.LengthInt() == 0):
		for _, elem := range v.AsValueSlice() {
			if !elem.IsKnown() || elem.IsNull() {
				return nil, false
			}
			elems[elem.AsString()] = elem.WithMarks(marks)
		}
		return elems, true
	}
	return nil, false
}

// has reports whether an instance with that key exists; the second result is
// false when that can't be decided.
func (e expansion) has(k drift.Key) (exists, decided bool) {
	n, isInt := k.Int()
	name, isStr := k.Str()
	switch e.kind {
	case undecided:
		return false, false
	case counted:
		return isInt && n < e.count, true
	case eached:
		_, ok := e.elems[name]
		return isStr && ok, true
	}
	return k == drift.NoKey, true
}

// collect builds the value that expressions see from the instances.
func (e expansion) collect(one func(drift.Key) cty.Value) cty.Value {
	switch e.kind {
	case single:
		return one(drift.NoKey)
	case counted:
		vals := make([]cty.Value, e.count)
		for i := range vals {
			vals[i] = one(drift.IntKey(i))
		}
		return cty.TupleVal(vals).WithMarks(e.marks)
	case eached:
		vals := map[string]cty.Value{}
		for _, key := range slices.Sorted(maps.Keys(e.elems)) {
			vals[key] = one(drift.StringKey(key))
		}
		return cty.ObjectVal(vals).WithMarks(e.marks)
	}
	return cty.DynamicVal.WithMarks(e.marks)
}

// repeated is the value of each.key, each.value or count.index. The key is the
// instance's own, so it is known even where for_each can't be evaluated.
func (s *scope) repeated(rep repetition, root, name string) (cty.Value, []Problem) {
	if rep.count == nil && rep.forEach == nil {
		return cty.DynamicVal, []Problem{{Reason: root + "." + name + " is used where nothing repeats"}}
	}
	switch {
	case root == "count" && name == "index", root == "each" && name == "key":
		return rep.key.Value(), nil
	case root == "each" && name == "value" && rep.forEach != nil:
		exp, problems := s.expansion(nil, rep.forEach)
		key, _ := rep.key.Str()
		if v, ok := exp.elems[key]; ok {
			return v, nil
		}
		if exp.kind == eached {
			problems = []Problem{{Reason: "for_each has no element " + key}}
		}
		return cty.DynamicVal, problems
	}
	return cty.DynamicVal, []Problem{{Reason: root + "." + name + " does not exist"}}
}
