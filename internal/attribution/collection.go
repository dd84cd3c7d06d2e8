package attribution

import (
	"slices"
)

// part is for an event that gives elements of a collection: one of them must be
// what has changed.
func (t *Target) part(at int, a action, n node, live any) (outcome, naming) {
	before, ok := decode(t.Finding.Changes[at].Expected)
	if !ok {
		return unknown, looselyNamed
	}
	changed := without(elements(live), elements(before))
	if removing[a.verb] {
		changed = without(elements(before), elements(live))
	}
	given := elementsOf(n.value)
	for _, part := range given {
		if slices.ContainsFunc(changed, func(e map[string]bool) bool { return covers(e, part) }) {
			return same, fullyNamed
		}
	}
	if len(given) == 0 {
		return unknown, looselyNamed
	}
	return unknown, notNamed
}

// elementsOf are the elements of a list, or of a map as keys and values. Of what
// has a key and a value, nothing else counts.
func elementsOf(value any) []map[string]bool {
	var out []map[string]bool
	switch v := unwrap(value).(type) {
	case map[string]any:
		whole := map[string]bool{}
		if scalars(v, whole); len(whole) > 0 && slices.ContainsFunc(sortedKeys(v), func(key string) bool { return !isScalar(v[key]) }) {
			out = append(out, whole)
		}
		for key, inner := range v {
			set := map[string]bool{key: true}
			scalars(inner, set)
			out = append(out, set)
		}
	case []any:
		for _, item := range v {
			set := map[string]bool{}
			if m, isMap := item.(map[string]any); isMap {
				if path, inner, ok := asPair(m, false); ok {
					set[path[0]] = true
					scalars(inner, set)
					out = append(out, set)
					continue
				}
			}
			scalars(item, set)
			out = append(out, set)
		}
	}
	return out
}

// element is for actions that add something to a collection, or take something
// out of it: it must be there now and not before, or the other way round.
func (t *Target) element(at int, a action, list []node, live any) (outcome, bool) {
	before, ok := decode(t.Finding.Changes[at].Expected)
	if !ok {
		return unknown, true
	}
	part := map[string]bool{}
	for _, n := range list {
		if !n.response && isScalar(n.value) && !n.atTop(t.noun.main()) {
			scalars(n.value, part)
		}
	}
	now, then := elements(live), elements(before)
	changed := without(now, then)
	if removing[a.verb] {
		changed = without(then, now)
	}
	if len(part) == 0 {
		return unknown, true
	}
	if slices.ContainsFunc(changed, func(e map[string]bool) bool { return covers(e, part) }) {
		return same, true
	}
	return unknown, false // of another element
}

// keyClaim is for one element of a map, such as a tag.
func (t *Target) keyClaim(at int, a action, list []node, live any, known bool) (claim, bool) {
	attr := t.attributes[at]
	if !t.fits(a, attr, true) {
		return claim{}, false
	}
	var fallback *claim
	for _, n := range list {
		if n.response {
			continue
		}
		if o, ok := keyOutcome(attr, n, a, live, known); ok {
			return claim{at, ruleOf(o, ruleNamed), o}, true
		}
		withheld := (isEmpty(n.value) || hidden(n.value)) && hasPrefix(attr.all, n.all)
		if fallback == nil && (withheld || sameWords(attr.all, n.all) && n.isMap()) {
			fallback = t.wholeMap(at, a, n, live, known)
		}
	}
	if fallback != nil {
		return *fallback, true
	}
	return claim{}, false
}

// keyOutcome finds the element by its key: set, or in a list of keys to remove.
func keyOutcome(attr attribute, n node, a action, live any, known bool) (outcome, bool) {
	last := len(n.names) - 1
	if n.names[last] == attr.key && last > 0 {
		if sameWords(attr.all, plainWords(n.names[:last])) {
			if !known {
				return unknown, true
			}
			return compare(live, n.value), true
		}
	}
	if removing[a.verb] && slices.Contains(n.last, "key") {
		if keys, ok := texts(n.value); ok && slices.Contains(keys, attr.key) {
			return sameIf(known && isEmpty(live)), true
		}
	}
	return unknown, false
}

// wholeMap is for an action that replaces all of a map, in which the element is
// not, or whose content is withheld.
func (t *Target) wholeMap(at int, a action, n node, live any, known bool) *claim {
	if isEmpty(n.value) || hidden(n.value) {
		return &claim{at, ruleNamed, unknown}
	}
	if !wholly[a.verb] {
		return nil
	}
	if known && !isEmpty(live) {
		return &claim{at, ruleNamed, differs}
	}
	return &claim{at, ruleNamed, unknown}
}

// isMap is for values that are a map, or stand for one, or are withheld.
func (n node) isMap() bool {
	switch v := n.value.(type) {
	case map[string]any, []any:
		return true
	case string:
		return hidden(v)
	}
	return n.value == nil
}

func sameWords(a, b []string) bool { return len(a) > 0 && within(a, b) && within(b, a) }
