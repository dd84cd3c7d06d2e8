package attribution

import (
	"slices"
)

// leftovers are words of actions that tell nothing of what they act on.
var leftovers = []string{"version", "state", "status", "metadata", "policy", "resource", "to", "from", "or"}

// fits reports whether an action can be one on the type's objects that concerns
// the attribute. exact: the value is live, and the name is the attribute's.
func (t *Target) fits(a action, attr attribute, exact bool) bool {
	if attr.isTag() && (a.verb == "tag" || a.verb == "untag" || slices.Contains(a.noun, "tag")) {
		return t.fitsTags(a)
	}
	for _, form := range t.noun.forms {
		if join(form) == join(a.noun) || hasPrefix(form, telling(a.noun)) {
			return true
		}
		if hasPrefix(a.noun, form) {
			rest := slices.DeleteFunc(slices.Clone(a.noun[len(form):]), func(w string) bool { return noise[w] })
			if exact || within(rest, attr.all, attr.top, leftovers) {
				return true
			}
		}
	}
	return len(a.noun) > 0 && slices.Contains(attr.all, a.noun[0])
}

func (a attribute) isTag() bool { return len(a.top) > 0 && a.top[0] == "tag" }

// fitsTags is for actions on tags: of anything, or of the type's objects.
func (t *Target) fitsTags(a action) bool {
	rest := slices.DeleteFunc(slices.Clone(a.noun), func(w string) bool { return w == "tag" || noise[w] || slices.Contains(leftovers, w) })
	return len(rest) == 0 || slices.ContainsFunc(t.noun.forms, func(f []string) bool { return hasPrefix(f, rest) || join(f) == join(rest) })
}

// byAction is for actions that tell the attribute by their own name:
// EnableKeyRotation, AuthorizeSecurityGroupIngress.
func (t *Target) byAction(at int, a action, list []node, live any, known bool) (outcome, bool) {
	attr := t.attributes[at]
	said := slices.Clone(a.noun)
	switches := a.verb == "enabled" || a.verb == "disable"
	if switches {
		said = append(said, "enabled")
	}
	rest := slices.DeleteFunc(slices.Clone(attr.all), func(w string) bool { return slices.Contains(t.noun.main(), w) || w == "is" })
	left := slices.DeleteFunc(slices.Clone(a.noun), func(w string) bool {
		return slices.Contains(attr.all, w) || slices.Contains(t.noun.main(), w) || slices.Contains(leftovers, w) || noise[w]
	})
	if len(rest) == 0 || len(left) > 0 || !within(rest, said) || !t.fits(a, attr, false) {
		return unknown, false
	}
	if !known {
		return unknown, true
	}
	if switches {
		return compare(live, a.verb == "enabled"), true
	}
	if _, isList := live.([]any); isList {
		return t.element(at, a, list, live)
	}
	if removing[a.verb] {
		return sameIf(isEmpty(live) || isZero(live)), true
	}
	return unknown, true
}

func isZero(value any) bool {
	s, ok := text(value)
	return ok && (s == "0" || s == "-1" || s == "false")
}
