package attribution

import (
	"slices"
	"strings"

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

// action is the name of an event, taken apart.
type action struct {
	verb string
	noun []string
}

// otherActions are events whose names do not follow the pattern of a verb and
// what it acts on.
var otherActions = map[string]action{
	"ScheduleKeyDeletion":           {"delete", []string{"key"}},
	"Unsubscribe":                   {"delete", []string{"subscription"}},
	"UpdateContinuousBackups":       {"update", []string{"table"}},
	"UpdateTimeToLive":              {"update", []string{"table", "time", "to", "live"}},
	"PutSecretValue":                {"put", []string{"secret", "value"}},
	"DeleteRetentionPolicy":         {"delete", []string{"retention"}},
	"PutRetentionPolicy":            {"put", []string{"retention"}},
	"AssociateKmsKey":               {"put", []string{"log", "group", "kms", "key"}},
	"DisassociateKmsKey":            {"remove", []string{"log", "group", "kms", "key"}},
	"PutPublicAccessBlock":          {"put", []string{"bucket", "public", "access", "block"}},
	"DeletePublicAccessBlock":       {"delete", []string{"bucket", "public", "access", "block"}},
	"PutFunctionConcurrency":        {"put", []string{"function", "reserved", "concurrent", "execution"}},
	"DeleteFunctionConcurrency":     {"delete", []string{"function", "reserved", "concurrent", "execution"}},
	"SuspendProcesses":              {"put", []string{"auto", "scaling", "group", "suspended", "process"}},
	"ResumeProcesses":               {"put", []string{"auto", "scaling", "group", "suspended", "process"}},
	"UpdateAssumeRolePolicy":        {"update", []string{"role", "assume", "policy"}},
	"PutImageTagMutability":         {"put", []string{"repository"}},
	"PutImageScanningConfiguration": {"put", []string{"repository"}},
}

func parseAction(event string) action {
	if a, ok := otherActions[event]; ok {
		return a
	}
	w := words(event)
	if len(w) == 0 {
		return action{}
	}
	return action{w[0], w[1:]}
}

// deleting are the verbs that end an object, removing those that take something
// away from one.
var (
	deleting = map[string]bool{"delete": true, "terminate": true, "remove": true, "release": true, "deregister": true, "destroy": true}
	parting  = map[string]bool{"detach": true, "disassociate": true, "deregister": true, "revoke": true, "remove": true}
	removing = map[string]bool{"delete": true, "remove": true, "untag": true, "revoke": true, "detach": true, "disassociate": true}
	making   = map[string]bool{"create": true, "run": true, "register": true, "put": true, "allocate": true, "attach": true, "associate": true, "authorize": true}
	// wholly are the verbs that replace all of what they set.
	wholly = map[string]bool{"put": true, "update": true, "modify": true, "set": true}
)

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

// isNoun reports whether an action is of the very thing that the type is.
func (t *Target) isNoun(a action) bool {
	for _, form := range t.noun.forms {
		if join(form) == join(a.noun) || join(telling(form)) == join(telling(a.noun)) {
			return true
		}
		if last := form[len(form)-1]; parting[a.verb] || making[a.verb] {
			if (last == "attachment" || last == "association" || last == "membership") && join(form[:len(form)-1]) == join(a.noun) {
				return true
			}
			if last == "rule" && len(a.noun) > 1 && slices.Equal(form[:len(form)-1], a.noun[:len(a.noun)-1]) && strings.HasSuffix(a.noun[len(a.noun)-1], "gress") {
				return true // Revoke and Authorize SecurityGroupIngress
			}
		}
	}
	return false
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
