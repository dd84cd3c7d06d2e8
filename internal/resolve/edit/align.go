package edit

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// same reports whether two values are the same to the letter, but for the kind
// of their collections and what counts as nothing inside them.
func same(a, b cty.Value) bool {
	if a == absent || b == absent {
		return a == b
	}
	if a.IsNull() != b.IsNull() {
		return false
	}
	return drift.Canonical(a) == drift.Canonical(b)
}

// itemOp is something to do to a list so that it becomes another.
type itemOp struct {
	kind opKind
	i    int // the element to replace or remove, or how many are before the new one
	want cty.Value
}

type opKind byte

const (
	nothingToDo opKind = iota
	replaceItem
	removeItem
	addItem
)

// plan of a list: the elements to replace, and then one to remove or to add. What
// is more is found when the list is looked at anew.
type listPlan struct {
	replace []itemOp
	then    itemOp
}

// align compares a list with what it should be. Elements that stay are left
// where they are; the others are replaced one by one, the rest removed or added.
func align(have, want []cty.Value, equal func(a, b cty.Value) bool) (plan listPlan) {
	i, j := 0, 0
	for _, p := range append(common(have, want, equal), [2]int{len(have), len(want)}) {
		for ; i < p[0] && j < p[1]; i, j = i+1, j+1 {
			plan.replace = append(plan.replace, itemOp{replaceItem, i, want[j]})
		}
		switch {
		case plan.then.kind != nothingToDo:
		case i < p[0]:
			plan.then = itemOp{removeItem, i, absent}
		case j < p[1]:
			plan.then = itemOp{addItem, i, want[j]}
		}
		i, j = p[0]+1, p[1]+1
	}
	return plan
}

// alignSet does so for lists whose order does not matter.
func alignSet(have, want []cty.Value, equal func(a, b cty.Value) bool) (plan listPlan) {
	spare, left := apart(have, want, equal)
	for len(spare) > 0 && len(left) > 0 {
		plan.replace = append(plan.replace, itemOp{replaceItem, spare[0], left[0]})
		spare, left = spare[1:], left[1:]
	}
	switch {
	case len(spare) > 0:
		plan.then = itemOp{removeItem, spare[0], absent}
	case len(left) > 0:
		plan.then = itemOp{addItem, len(have), left[0]}
	}
	return plan
}

// apart says which elements of two sets only one of them has.
func apart(have, want []cty.Value, equal func(a, b cty.Value) bool) (spare []int, left []cty.Value) {
	left = slices.Clone(want)
	for i, v := range have {
		if j := slices.IndexFunc(left, func(w cty.Value) bool { return equal(v, w) }); j >= 0 {
			left = slices.Delete(left, j, j+1)
		} else {
			spare = append(spare, i)
		}
	}
	return spare, left
}

// common is a longest common subsequence, as pairs of indexes.
func common[T any](a, b []T, equal func(a, b T) bool) [][2]int {
	const most = 250_000
	if len(a)*len(b) > most {
		return nil
	}
	lengths := make([][]int, len(a)+1)
	for i := range lengths {
		lengths[i] = make([]int, len(b)+1)
	}
	match := make([][]bool, len(a))
	for i := len(a) - 1; i >= 0; i-- {
		match[i] = make([]bool, len(b))
		for j := len(b) - 1; j >= 0; j-- {
			match[i][j] = equal(a[i], b[j])
			if match[i][j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case match[i][j]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case lengths[i+1][j] >= lengths[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
