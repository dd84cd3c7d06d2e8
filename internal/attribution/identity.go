package attribution

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"holdfast/internal/drift"
)

// maxIdentifier is how long an identifying value may be; ARNs may be long.
const maxIdentifier = 1024

// plainNames are attributes that name an object by themselves.
var plainNames = []string{"id", "arn", "name", "url", "identifier", "bucket", "key_id", "rule", "cluster"}

// Identifiers picks the attributes of an object that can tell which one it is in
// a record. Leave out what is sensitive: a policy document or a secret is no name,
// and what is picked is searched for in logs.
func Identifiers(resourceType string, attributes map[string]any) []drift.Identifier {
	arn, _ := attributes["arn"].(string)
	n := nounOf(resourceType, arn)
	var out []drift.Identifier
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		out = append(out, inner(name, attributes[name])...)
		value, ok := attributes[name].(string)
		if !ok || value == "" || len(value) > maxIdentifier || strings.ContainsAny(value, "{}\n") || accountID.MatchString(value) {
			continue
		}
		if slices.Contains(manyNames[resourceType], name) {
			out = append(out, drift.Identifier{Name: name, Value: value})
			continue
		}
		if w := words(name); !strings.HasSuffix(name, "_prefix") && (names(name, w, n) || inside(attributes, value)) {
			out = append(out, drift.Identifier{Name: name, Value: value})
		}
	}
	return out
}

// inner picks the ids of objects that a block stands for: the volume of a
// root_block_device.
func inner(block string, value any) []drift.Identifier {
	list, _ := value.([]any)
	var out []drift.Identifier
	for at, item := range list {
		fields, _ := item.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if id, ok := fields[name].(string); ok && strings.HasSuffix(name, "_id") && unique.MatchString(id) {
				out = append(out, drift.Identifier{Name: fmt.Sprintf("%s[%d].%s", block, at, name), Value: id})
			}
		}
	}
	return out
}

// manyNames are types whose objects have no name or id that requests use, but
// are told by several attributes together.
var manyNames = map[string][]string{
	"aws_route":                        {"route_table_id", "destination_cidr_block"},
	"aws_volume_attachment":            {"volume_id"},
	"aws_internet_gateway_attachment":  {"internet_gateway_id", "vpc_id"},
	"aws_route53_record":               {"zone_id", "name", "type"},
	"aws_iam_user_group_membership":    {"user"},
	"aws_cloudwatch_event_target":      {"rule", "target_id"},
	"aws_cloudwatch_log_metric_filter": {"log_group_name", "name"},
	"aws_lambda_permission":            {"function_name", "statement_id"},
	"aws_iam_role_policy":              {"role", "name"},
	"aws_iam_user_policy":              {"user", "name"},
	"aws_iam_group_policy":             {"group", "name"},
}

// accountID matches the number of an account, which names no object.
var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// names reports whether an attribute identifies: by its name, or because it says
// what an object of this type belongs to, as role does in aws_iam_role_policy.
func names(name string, w []string, n noun) bool {
	if slices.Contains(plainNames, name) {
		return true
	}
	rest, named := stem(w)
	return named || runOf(rest, n.main())
}

// inside reports whether a value is a part of the object's own id or ARN that is
// not its name: the cluster in service/main/web. What an object may be changed to
// use, such as a role, is no such part.
func inside(attributes map[string]any, value string) bool {
	for _, name := range []string{"arn", "id"} {
		if own, ok := attributes[name].(string); ok && partOf(own, value) {
			return true
		}
	}
	return false
}

func partOf(own, value string) bool {
	for _, separator := range []string{"-", "_", "/", ":", ",", "|"} {
		if value != "" && strings.HasPrefix(own, value+separator) {
			return true
		}
	}
	part := lastPart(value)
	parts := strings.FieldsFunc(first(arnPart(own, 5), own), func(r rune) bool { return r == '/' || r == ':' })
	return part != "" && value != own && len(parts) > 2 && slices.Contains(parts[1:len(parts)-1], part)
}

// runOf reports whether words stand in a row somewhere in others.
func runOf(run, list []string) bool {
	for i := range list {
		if hasPrefix(list[i:], run) {
			return true
		}
	}
	return false
}

// unique matches ids that no two objects share: i-0123456789abcdef0, a UUID.
var unique = regexp.MustCompile(`^([a-z]+-)+[0-9a-f]{8,}$|^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// own reports whether an identifier names the object itself, rather than what it
// belongs to. id is the value of its id.
func (n noun) own(i drift.Identifier, id string) bool {
	if i.Name == "arn" && !n.ofService(i.Value) {
		return false // of what a target or a subscription leads to
	}
	if i.Name == "arn" || i.Name == "id" || i.Value == id {
		return true
	}
	rest, named := stem(words(i.Name))
	if len(rest) == 0 {
		return true
	}
	return hasSuffix(n.main(), rest) && (named || len(rest) == len(n.main()))
}

// sameObject compares what a record has with an identifier's value. Names may be
// written as ARNs, URLs, or with a qualifier: app:live.
func sameObject(value string, i drift.Identifier) bool {
	if value == i.Value {
		return true
	}
	if strings.HasPrefix(i.Value, "arn:") || strings.HasPrefix(value, "arn:") {
		return sameARN(value, i.Value)
	}
	return lastPart(value) == i.Value || lastPart(i.Value) == value || strings.HasPrefix(value, i.Value+":") ||
		strings.TrimSuffix(value, ".") == i.Value // names in DNS
}

// sameARN compares where one side at least is an ARN.
func sameARN(a, b string) bool {
	a, b = strings.TrimSuffix(a, ":*"), strings.TrimSuffix(b, ":*")
	if strings.HasPrefix(a, "arn:") && strings.HasPrefix(b, "arn:") {
		return a == b || strings.HasPrefix(a, b+":") // with a qualifier
	}
	if strings.HasPrefix(a, "arn:") {
		a, b = b, a
	}
	resource := arnPart(b, 5)
	if strings.HasPrefix(a, "/") && strings.HasSuffix(resource, a) {
		return true // a path: /aws/lambda/app
	}
	return a != "" && (resource == a || strings.HasSuffix(resource, "/"+a) || strings.HasSuffix(resource, ":"+a))
}

// lastPart is what stands after the last slash of a URL or ARN.
func lastPart(value string) string {
	if strings.HasPrefix(value, "http") || strings.HasPrefix(value, "arn:") {
		return value[strings.LastIndexAny(value, "/:")+1:]
	}
	return value
}

// containers are words of names around parameters that say nothing of their own.
// Lists of settings and attributes are none: what has a name in them is no object.
var containers = []string{"set", "item", "member", "list", "input", "request", "resource", "criteria", "record", "change", "batch"}

func isContainer(name string) bool { return within(words(name), containers) }

// atTop reports whether a value stands at the top of a request, or in containers
// alone: resourcesSet.items.resourceId, updateStageInput.stageName. A list called
// as the type is one too: targets.id.
func (n node) atTop(main []string) bool {
	for _, name := range n.names[:len(n.names)-1] {
		w := words(name)
		if slices.Contains(w, "tag") {
			return false
		}
		if slices.Equal(w, main) {
			continue
		}
		if !isContainer(name) && !strings.HasSuffix(name, "Input") && !strings.HasSuffix(name, "Request") && !strings.HasSuffix(name, "Set") {
			return false
		}
	}
	return true
}

// place says how a parameter and an identifier belong together, by their names.
func (n noun) sameName(param node, i drift.Identifier) bool {
	name := words(i.Name)
	if slices.Equal(param.leaf, name) {
		return true
	}
	rest, named := stem(param.leaf)
	own, ownNamed := stem(name)
	if named && ownNamed && len(own) > 0 && hasSuffix(rest, own) {
		return true // hostedZoneId is zone_id
	}
	if slices.Equal(rest, own) && (named || ownNamed) {
		return len(rest) > 0 || isPlain(param.leaf) && isPlain(name)
	}
	return n.sameByType(param.leaf, name)
}

// sameByType is for names of which one says less: the type says the rest.
func (n noun) sameByType(param, name []string) bool {
	rest, named := stem(param)
	own, ownNamed := stem(name)
	if len(own) > 0 {
		return isPlain(param) && ownNamed && hasSuffix(n.main(), own) // ids, of targets
	}
	// name, id, arn: the parameter's name must be that of the type.
	return slices.ContainsFunc(n.forms, func(f []string) bool { return named && hasSuffix(f, rest) || join(f) == join(rest) })
}

// isPlain is for names that are a suffix alone.
func isPlain(w []string) bool { return len(w) == 1 && slices.Contains(identitySuffixes, w[0]) }

// identified is what a record says about which object it is of.
type identified struct {
	yes  bool
	used map[int]bool // positions of the nodes that name it, which say nothing of attributes
}

// identify tells whether a record is of the target's object. A parameter that
// should name the object, or what it belongs to, and names another decides
// against it, whatever else is in the record.
func (t *Target) identify(r *Record, list []node) identified {
	out := identified{used: map[int]bool{}}
	if !t.inPlace(r) {
		return out
	}
	out.yes = t.arn != "" && slices.ContainsFunc(r.Resources, func(x Resource) bool { return x.ARN == t.arn || x.Name == t.arn })
	belongs := map[string]bool{}
	for at := range list {
		match := t.compareParam(list[at])
		if match.other {
			return identified{}
		}
		out.used[at] = match.own || match.reference != ""
		out.yes = out.yes || match.own
		belongs[match.reference] = true
	}
	if many := manyNames[t.Finding.Type] != nil; many && len(t.references) > 0 || !out.yes && len(t.references) >= 2 {
		out.yes = !slices.ContainsFunc(t.references, func(name string) bool { return !belongs[name] })
	}
	return out
}

// inPlace compares account and region, where both sides are known.
func (t *Target) inPlace(r *Record) bool {
	if account := r.Account(); t.Account != "" && account != "" && account != t.Account {
		return false
	}
	return t.Region == "" || r.Region == "" || global[r.Source] || r.Region == t.Region
}

// paramMatch is what a parameter says: it names the object, something it belongs
// to, or another object.
type paramMatch struct {
	own       bool
	reference string // name of the identifier
	other     bool
}

func (t *Target) compareParam(param node) paramMatch {
	var m paramMatch
	values, ok := texts(param.value)
	if !ok || slices.ContainsFunc(values, func(v string) bool { return hidden(v) }) {
		return m
	}
	decides := false
	top := !param.response && param.atTop(t.noun.main())
	rest, _ := stem(param.leaf)
	generic := len(rest) == 1 && rest[0] == "resource"
	for _, i := range t.identifiers {
		named := t.isNamed(param, i, top, generic)
		equal := slices.ContainsFunc(values, func(v string) bool { return t.same(v, i) })
		if equal {
			m.note(i, named, named || i.unique && !param.isReference())
		}
		decides = decides || named && !i.changed
	}
	names := m.own || m.reference != ""
	m.other = decides && !names && !generic && len(values) > 0 && t.decides(param)
	return m
}

// note writes down that a parameter has the value of an identifier.
func (m *paramMatch) note(i identifier, named, identifies bool) {
	switch {
	case i.own && identifies:
		m.own = true
	case named && !i.changed:
		m.reference = i.Name
	}
}

// isNamed reports whether a parameter is where the identifier would stand.
func (t *Target) isNamed(param node, i identifier, top, generic bool) bool {
	if generic && i.own && !param.response {
		return true
	}
	return top && t.noun.sameName(param, i.Identifier)
}

// isReference is for values of parameters that say what another object uses, so
// that an id in them says nothing: those inside lists of rules and the like.
func (n node) isReference() bool { return len(n.names) > 6 }

// decides reports whether a parameter says which object a request is about. It
// does by a name that ends as names do, or by the noun of the type.
func (t *Target) decides(param node) bool {
	rest, named := stem(param.leaf)
	return named || runOf(rest, t.noun.main()) || slices.ContainsFunc(t.identifiers, func(i identifier) bool {
		return i.parent && slices.Equal(words(i.Name), param.leaf)
	})
}

// ofService reports whether an ARN is of the service that the type is of.
func (n noun) ofService(arn string) bool {
	service := arnPart(arn, 2)
	return service == "" || n.source == first(sourcesOfARN[service], service)+".amazonaws.com"
}

// same compares a value with an identifier. A qualifier, app:3, is of a version of
// the object: that is no deletion of it, nor another version of what is itself one.
func (t *Target) same(value string, i identifier) bool {
	if !sameObject(value, i.Identifier) {
		return false
	}
	qualified := value != i.Value && (strings.HasPrefix(value, i.Value+":") || t.arn != "" && strings.HasPrefix(value, t.arn+":"))
	return !qualified || t.Finding.Kind != drift.Deleted && (t.arn == "" || lastPart(t.arn) == lastPart(i.Value))
}
