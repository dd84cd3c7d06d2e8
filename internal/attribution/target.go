package attribution

import (
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Target is a finding with what is known of its object. Make the identifiers with
// Identifiers.
type Target struct {
	Finding     *drift.Finding
	Identifiers []drift.Identifier
	Region      string    // "": taken from the ARN, if that has one
	Account     string    // likewise
	Since       time.Time // its object was as it should be then; zero: not known

	since       time.Time // the beginning of its window
	cut         bool      // which should be earlier
	noun        noun
	arn         string
	attributes  []attribute // of the changes, in their order
	identifiers []identifier
	references  []string // names of those that say what the object belongs to
}

// identifier is one with what follows from the type.
type identifier struct {
	drift.Identifier
	own     bool // names the object itself
	unique  bool // and no other object anywhere
	parent  bool // is a part of the object's ARN or id
	changed bool // is among what has drifted: the object may have been another
}

// prepare works out what is needed of each record.
func (t *Target) prepare() {
	t.arn = t.value("arn")
	t.noun = nounOf(t.Finding.Type, t.arn)
	if !t.noun.ofService(t.arn) || manyNames[t.Finding.Type] != nil {
		t.arn = "" // of what it leads to
	}
	if t.Region == "" {
		t.Region = arnPart(t.arn, 3)
	}
	if t.Account == "" {
		t.Account = arnPart(t.arn, 4)
	}
	for _, c := range t.Finding.Changes {
		t.attributes = append(t.attributes, parsePath(c.Path))
	}
	for _, i := range t.Identifiers {
		t.addIdentifier(i)
	}
}

// value is that of an identifier, or "".
func (t *Target) value(name string) string {
	for _, i := range t.Identifiers {
		if i.Name == name {
			return i.Value
		}
	}
	return ""
}

// changed reports whether a path is among what has drifted.
func (t *Target) changed(is func(path string) bool) bool {
	return slices.ContainsFunc(t.Finding.Changes, func(c drift.Change) bool { return is(c.Path) })
}

// addIdentifier takes up an identifier, with what follows from the type.
func (t *Target) addIdentifier(i drift.Identifier) {
	block, _, nested := strings.Cut(i.Name, ".")
	if nested && !t.changed(func(path string) bool { return strings.HasPrefix(path, block+".") }) {
		return // of a block that did not change
	}
	id := t.value("id")
	many := manyNames[t.Finding.Type]
	own := (nested || t.noun.own(i, id)) && many == nil
	t.identifiers = append(t.identifiers, identifier{
		Identifier: i, own: own, unique: own && isUnique(i.Value), parent: partOf(t.arn, i.Value) || partOf(id, i.Value),
		changed: t.changed(func(path string) bool { return path == i.Name }),
	})
	rest, _ := stem(words(i.Name))
	if slices.Contains(many, i.Name) || many == nil && !own && runOf(rest, t.noun.main()) {
		t.references = append(t.references, i.Name)
	}
}
func isUnique(value string) bool {
	return strings.HasPrefix(value, "arn:") || unique.MatchString(value) || strings.HasPrefix(value, "https://")
}

// keys are the strings that a record about the object must have one of: whole, or
// as the last part of an ARN, a URL or a qualified name.
func (t *Target) keys() []string {
	var out []string
	for _, i := range t.identifiers {
		if i.Value != "" {
			out = append(out, i.Value)
		}
	}
	return out
}
