// Package baseline says what of a stack's resources a person would write down:
// the facts of a baseline. What is notable of a common type is data, in
// notable.go; of any other type it is what the source sets.
package baseline

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
)

// Resource is a managed resource instance as it was last applied.
type Resource struct {
	Address string
	Type    string
	// Value is what was last applied, without marks; cty.NilVal where it can't be
	// decoded: then the resource is listed and nothing is said of it.
	Value cty.Value
	// Source is the evaluated block, without marks; cty.NilVal where it is not at
	// hand. It says which attributes the source sets, of a type that the table
	// doesn't have.
	Source cty.Value
	// Hidden reports whether what is at a path must not be shown.
	Hidden func(path cty.Path, v cty.Value) bool
}

// Limits of what is told of one resource: a baseline is for reading.
const (
	maxFacts = 25
	maxValue = 160 // characters
)

// Facts are the resources of a baseline, in the order of their addresses.
func Facts(resources []Resource) []drift.BaselineResource {
	all := &stack{resources: resources}
	out := make([]drift.BaselineResource, 0, len(resources))
	for i := range resources {
		out = append(out, all.describe(&resources[i]))
	}
	slices.SortStableFunc(out, func(a, b drift.BaselineResource) int { return strings.Compare(a.Address, b.Address) })
	return out
}

// stack is what resources are described in: some facts are about two of them.
type stack struct{ resources []Resource }

func (s *stack) describe(r *Resource) drift.BaselineResource {
	out := drift.BaselineResource{Address: r.Address, Type: r.Type, Facts: []drift.Fact{}}
	if r.Value == cty.NilVal || r.Value.IsNull() || !r.Value.IsKnown() || !r.Value.Type().IsObjectType() {
		return out
	}
	kind, known := notable[r.Type]
	out.Name = r.name(kind)
	if !known {
		out.Facts = r.written()
		return out
	}
	for _, f := range kind.facts {
		if value := r.say(f); value != "" {
			out.Facts = append(out.Facts, drift.Fact{Label: f.label, Value: value})
		}
	}
	if relate := related[r.Type]; relate != nil {
		relate(s, r, &out)
	}
	return out
}

// names are the attributes that name an object, the best first.
var names = []string{"name", "identifier", "bucket", "id"}

func (r *Resource) name(k Kind) string {
	for _, attribute := range append([]string{k.name}, names...) {
		if attribute == "" {
			continue
		}
		if name := r.text(attribute); name != "" {
			return name
		}
	}
	return ""
}

// say words a fact of the table; "" where there is nothing to say.
func (r *Resource) say(f fact) string {
	root, _, _ := strings.Cut(f.path, ".")
	path, v := r.at(f.path)
	if !r.Value.Type().HasAttribute(root) || r.Hidden(path, v) {
		return ""
	}
	words := f.say
	if words == "" {
		words = "{}"
	}
	if nothing(v) {
		words = f.otherwise
	}
	return oneLine(r.fill(words, v))
}

// fill replaces {} by a value and {attribute} by that of another attribute.
func (r *Resource) fill(words string, v cty.Value) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(words, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		attribute, after, _ := strings.Cut(rest, "}")
		if attribute == "" {
			b.WriteString(textOf(v))
		} else {
			b.WriteString(r.text(attribute))
		}
		words = after
	}
}

// nothing reports whether a value says that something isn't there or is off.
func nothing(v cty.Value) bool {
	switch {
	case v == cty.NilVal || !v.IsKnown() || drift.IsEmpty(v):
		return true
	case v.Type() == cty.Bool:
		return v.False()
	case v.Type() == cty.String:
		return v.AsString() == ""
	case v.Type() == cty.Number:
		return v.AsBigFloat().Sign() == 0 // such as a capacity that isn't provisioned
	}
	return false
}

// text is an attribute as text; "" where it is not there or hidden.
func (r *Resource) text(attribute string) string {
	path, v := r.at(attribute)
	if nothing(v) || r.Hidden(path, v) {
		return ""
	}
	return oneLine(textOf(v))
}

// at finds a.b.c, where a list, or a set of one, stands for its first element.
func (r *Resource) at(dotted string) (cty.Path, cty.Value) {
	var path cty.Path
	v := r.Value
	for name := range strings.SplitSeq(dotted, ".") {
		path, v = first(path, v)
		if v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute(name) {
			return path, cty.NilVal
		}
		path = append(path, cty.GetAttrStep{Name: name})
		v = v.GetAttr(name)
	}
	return path, v
}

func first(path cty.Path, v cty.Value) (cty.Path, cty.Value) {
	ty := v.Type()
	if v.IsNull() || !v.IsKnown() || !(ty.IsListType() || ty.IsSetType() || ty.IsTupleType()) || v.LengthInt() == 0 {
		return path, v
	}
	for it := v.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		return append(path, cty.IndexStep{Key: key}), elem
	}
	return path, v
}

// written lists what the source sets, as it was applied.
func (r *Resource) written() []drift.Fact {
	facts := []drift.Fact{}
	if r.Source == cty.NilVal || r.Source.IsNull() || !r.Source.IsKnown() || !r.Source.Type().IsObjectType() {
		return facts
	}
	attributes := make([]string, 0, len(r.Source.Type().AttributeTypes()))
	for name := range r.Source.Type().AttributeTypes() {
		attributes = append(attributes, name)
	}
	slices.Sort(attributes)
	for _, name := range attributes {
		if !r.Value.Type().HasAttribute(name) || drift.IsEmpty(r.Source.GetAttr(name)) {
			continue
		}
		v := r.Value.GetAttr(name)
		if drift.IsEmpty(v) || r.hides(name, v) {
			continue
		}
		if len(facts) == maxFacts {
			break
		}
		facts = append(facts, drift.Fact{Label: name, Value: oneLine(textOf(v))})
	}
	return facts
}

// hides reports whether anything in an attribute must not be shown. The whole
// of it is left out then.
func (r *Resource) hides(name string, v cty.Value) bool {
	hidden := false
	_ = cty.Walk(v, func(path cty.Path, inner cty.Value) (bool, error) {
		hidden = hidden || r.Hidden(append(cty.GetAttrPath(name), path...), inner)
		return !hidden, nil
	})
	return hidden
}

// textOf is a value for people.
func textOf(v cty.Value) string {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() {
		return ""
	}
	ty := v.Type()
	switch {
	case ty == cty.String:
		return v.AsString()
	case ty == cty.Number || ty == cty.Bool:
		raw, err := ctyjson.Marshal(v, ty)
		if err != nil {
			return ""
		}
		return string(raw)
	case (ty.IsListType() || ty.IsSetType()) && ty.ElementType().IsPrimitiveType():
		var elems []string
		for _, elem := range v.AsValueSlice() {
			elems = append(elems, textOf(elem))
		}
		return strings.Join(elems, ", ")
	}
	raw, err := json.Marshal(ctyjson.SimpleJSONValue{Value: v})
	if err != nil {
		return ""
	}
	return string(raw)
}

// oneLine keeps text from the outside on one line and short.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(s); len(runes) > maxValue {
		s = string(runes[:maxValue-3]) + "..."
	}
	return s
}
