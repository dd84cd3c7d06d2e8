package attribution

import (
	"slices"
	"strings"
)

// deletion is for a finding whose object is gone.
func (t *Target) deletion(r *Record, a action, all []node) ([]claim, bool) {
	if parent, ok := t.parentOf(r, a, all); ok && !t.isNoun(a) {
		return []claim{{-1, ruleParent, unknown}}, parent
	}
	id := t.identify(r, all)
	if !id.yes {
		return nil, false
	}
	if ofVersion(all) {
		return nil, true
	}
	if t.emptied(a, all) {
		return []claim{{-1, ruleDeleted, same}}, true
	}
	switch {
	case (deleting[a.verb] || parting[a.verb]) && t.isNoun(a):
		return []claim{{-1, ruleDeleted, same}}, true
	case making[a.verb] && t.isNoun(a):
		return []claim{{-1, ruleDeleted, differs}}, true // made again later: something else ended it
	}
	return nil, true
}

// ofVersion reports whether a request is of one version of an object alone.
func ofVersion(all []node) bool {
	return slices.ContainsFunc(all, func(n node) bool {
		return !n.response && len(n.names) == 1 && n.names[0] == "qualifier" && !isEmpty(n.value)
	})
}

// emptied is for a resource that is only an attribute of another to its service:
// the policy of a queue is gone when it is set to nothing.
func (t *Target) emptied(a action, all []node) bool {
	if !wholly[a.verb] || len(a.noun) == 0 || !hasPrefix(telling(a.noun), t.noun.main()) {
		return false
	}
	name := words(strings.TrimPrefix(t.Finding.Type, "aws_"))
	return slices.ContainsFunc(all, func(n node) bool {
		return !n.response && isEmpty(n.value) && n.value != nil && hasSuffix(name, n.last) && len(name) > len(t.noun.main())+1
	})
}

// parentOf recognises the deletion of what the object belongs to: of a bucket,
// for its versioning.
func (t *Target) parentOf(r *Record, a action, all []node) (about, ok bool) {
	if !deleting[a.verb] || !t.inPlace(r) {
		return false, false
	}
	for _, i := range t.identifiers {
		rest, _ := stem(words(i.Name))
		if len(rest) == 0 || !slices.Equal(rest, a.noun) {
			continue
		}
		for _, n := range all {
			values, isText := texts(n.value)
			if isText && !n.response && n.atTop(t.noun.main()) && t.noun.sameName(n, i.Identifier) &&
				slices.ContainsFunc(values, func(v string) bool { return sameObject(v, i.Identifier) }) {
				return true, true
			}
		}
	}
	return false, false
}
