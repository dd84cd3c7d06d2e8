package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// Place is where in a module tree an expression is evaluated.
type Place struct {
	Module drift.ModuleAddress
	// Key is that of the instance of the block that the expression is in, and
	// Count and ForEach are what repeats the block; none where nothing does.
	Key            drift.Key
	Count, ForEach hcl.Expression
	// Iterators are the values of dynamic blocks around it, by name.
	Iterators map[string]cty.Value
}

// Value evaluates an expression of the source in a place. The problems say what
// in it can't be evaluated.
func (e *Evaluator) Value(at Place, expr hcl.Expression) (cty.Value, []Problem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.at(at.Module)
	if s == nil {
		return cty.DynamicVal, []Problem{{Range: expr.Range(), Reason: "its module is not at hand"}}
	}
	return s.value(expr, repetition{key: at.Key, count: at.Count, forEach: at.ForEach}, at.Iterators)
}

// Keys lists the keys of the instances that count or for_each of a block in a
// module make, in order; not decided where they can't be evaluated.
func (e *Evaluator) Keys(module drift.ModuleAddress, count, forEach hcl.Expression) (keys []drift.Key, decided bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.at(module)
	if s == nil {
		return nil, false
	}
	exp, _ := s.expansion(count, forEach)
	return exp.keys(), exp.kind != undecided
}
