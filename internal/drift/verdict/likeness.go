package verdict

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// pair finds for each element of a set the one of the source that it was made
// of; -1 where there is none. An element of the source takes one that has all it
// says, if there is one, and else the likest of those that are left; who says
// most chooses first.
func pair(applied, source []cty.Value) []int {
	m := matching{applied: traitsOf(applied), source: traitsOf(source)}
	m.partners = slices.Repeat([]int{-1}, len(applied))
	m.taken = make([]bool, len(source))
	order := make([]int, len(source))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(m.source[b]) - len(m.source[a]) })
	for _, j := range order {
		m.take(j, len(m.source[j]))
	}
	for _, j := range order {
		m.take(j, 0)
	}
	return m.partners
}

type matching struct {
	applied, source []traits
	partners        []int
	taken           []bool
}

// take gives source element j the likest applied one that is free and shares at
// least so many traits with it.
func (m *matching) take(j, least int) {
	best := -1
	for i := range m.applied {
		if m.taken[j] || m.partners[i] >= 0 {
			continue
		}
		if n := shared(m.source[j], m.applied[i]); n >= least && (best < 0 || n > least) {
			best, least = i, n
		}
	}
	if best >= 0 {
		m.partners[best], m.taken[j] = j, true
	}
}

// traits are the values inside a set element, each with the place it stands at;
// places in lists and sets are not told apart.
type traits map[string]bool

func traitsOf(elems []cty.Value) []traits {
	out := make([]traits, len(elems))
	for i, elem := range elems {
		out[i] = traits{}
		out[i].add("", elem)
	}
	return out
}

func (t traits) add(place string, v cty.Value) {
	if !v.IsKnown() || drift.IsEmpty(v) {
		return
	}
	switch ty := v.Type(); {
	case ty.IsObjectType(), ty.IsMapType():
		for name, elem := range v.AsValueMap() {
			t.add(place+"."+name, elem)
		}
	case v.CanIterateElements():
		for _, elem := range v.AsValueSlice() {
			t.add(place+"[]", elem)
		}
	default:
		t[place+"="+drift.Canonical(v)] = true
	}
}

func shared(a, b traits) int {
	n := 0
	for trait := range a {
		if b[trait] {
			n++
		}
	}
	return n
}
