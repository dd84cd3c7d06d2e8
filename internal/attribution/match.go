package attribution

import (
	"slices"

	"holdfast/internal/drift"
)

// The rules that give a confidence, as docs/attribution.md calls them.
const (
	ruleValue   = "value"   // the event sets the attribute to what is live
	ruleDeleted = "deleted" // the event deletes the object
	ruleParent  = "parent"  // the event deletes what the object belongs to
	ruleNamed   = "named"   // the event sets the attribute, to what can't be compared
	ruleAction  = "action"  // the name of the action tells the attribute
)

// claim is what an event has to say of one changed attribute, or of the deletion
// (attribute -1).
type claim struct {
	attribute int
	rule      string
	outcome   outcome // differs: it set something else than what is live
}

// claims says what an event has to do with a target; nil: nothing. about says
// whether the event is of the target's object at all.
func (t *Target) claims(r *Record) (list []claim, about bool) {
	if r.Source != t.noun.source {
		return nil, false
	}
	all := append(nodes(r.Request.Value, false), nodes(r.Response.Value, true)...)
	a := parseAction(r.Event())
	if t.Finding.Kind == drift.Deleted {
		return t.deletion(r, a, all)
	}
	id := t.identify(r, all)
	if !id.yes {
		return nil, false
	}
	rest := slices.Clone(all[:0:0])
	for at, n := range all {
		if !id.used[at] {
			rest = append(rest, n)
		}
	}
	for at := range t.attributes {
		if c, ok := t.claim(at, a, rest); ok {
			list = append(list, c)
		}
	}
	return list, true
}

// claim holds an event against one changed attribute.
func (t *Target) claim(at int, a action, list []node) (claim, bool) {
	attr := t.attributes[at]
	live, known := decode(t.Finding.Changes[at].Actual)
	known = known && !t.Finding.Changes[at].Sensitive
	if attr.has {
		return t.keyClaim(at, a, list, live, known)
	}
	best, found, strong := unknown, false, false
	for _, n := range list {
		o, how := t.sets(at, a, n, live, known)
		if how == notNamed {
			continue
		}
		if !found || o == same || o == differs && best == unknown {
			best = o
		}
		found, strong = true, strong || how == fullyNamed
	}
	if found && t.fits(a, attr, strong && best == same) {
		return claim{at, ruleOf(best, ruleNamed), best}, true
	}
	if o, ok := t.byAction(at, a, list, live, known); ok {
		return claim{at, ruleOf(o, ruleAction), o}, true
	}
	return claim{}, false
}

// telltale reports whether a value is one that two attributes hardly share.
func telltale(value any) bool {
	s, ok := text(value)
	return ok && len(s) > 2 && s != "true" && s != "false"
}

// sets says whether a parameter sets the attribute, and to what is live.
func (t *Target) sets(at int, a action, n node, live any, known bool) (outcome, naming) {
	attr := t.attributes[at]
	how := t.named(attr, n, a)
	if how == notNamed || n.response && !t.computed(attr, n, a, live, known) {
		return unknown, notNamed
	}
	if !known {
		if how == byLeaf {
			how = notNamed
		}
		return unknown, how
	}
	o := compare(live, n.value)
	if before, ok := decode(t.Finding.Changes[at].Expected); ok && removing[a.verb] && isEmpty(live) && compare(before, n.value) == same {
		o = same // what was taken away
	}
	if how == byLeaf && (o != same || !telltale(live)) {
		return unknown, notNamed
	}
	if _, isList := live.([]any); isList && o == unknown {
		return t.part(at, a, n, live)
	}
	return o, how
}

func ruleOf(o outcome, other string) string {
	if o == same {
		return ruleValue
	}
	return other
}

// naming says how well a parameter's name is that of an attribute.
type naming int

const (
	notNamed naming = iota
	byLeaf          // the last name alone, without what it is inside of
	looselyNamed
	fullyNamed
)

// named compares the name of a parameter with that of an attribute, each with
// what it is inside of. A word may also be in the action's name or the type's.
func (t *Target) named(attr attribute, n node, a action) naming {
	main := t.noun.main()
	parents := n.all[:len(n.all)-len(n.last)]
	extra := missing(parents, attr.all, a.noun, main, t.noun.forms[len(t.noun.forms)-1])
	equal := join(n.leaf) == join(attr.leaf) || join(n.last) == join(attr.last)
	switch {
	case len(n.names) == 1 && join(n.leaf) == join(attr.leaf) && len(attr.all) > len(attr.last) && !within(attr.all, n.all, a.noun, main):
		return byLeaf
	case !within(attr.all, n.all, a.noun, main):
		return notNamed
	case equal && extra == 0:
		return fullyNamed
	case missing(attr.all, n.last) == len(attr.all): // no word of it in the name itself
		return notNamed
	case len(n.last) == 1 && extra > 0 || extra > 2:
		return notNamed
	case missing(n.last, attr.all, a.noun, main) > min(1, len(attr.all)-1):
		return notNamed
	}
	return looselyNamed
}

// computed reports whether a value of an answer explains an attribute that no
// request sets, such as a hash: the action must be about it.
func (t *Target) computed(attr attribute, n node, a action, live any, known bool) bool {
	rest := slices.DeleteFunc(slices.Clone(a.noun), func(w string) bool { return slices.Contains(t.noun.main(), w) || noise[w] })
	return known && compare(live, n.value) == same && !isEmpty(live) && missing(rest, attr.all) < len(rest)
}
