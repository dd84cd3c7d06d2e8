package attribution

import (
	"encoding/json"
	"slices"
	"strings"
)

// node is a value inside a request or an answer.
type node struct {
	names    []string // from the top
	all      []string // their telling words
	leaf     []string // all words of the last name
	last     []string // the telling ones
	value    any
	response bool
}

// maxDepth is how deep parameters are looked into, and maxNodes how many values
// of a record: a record is somebody else's, and may be of any form.
const (
	maxDepth = 12
	maxNodes = 4000
)

// nodes lists the values of a request or an answer, at all depths. Elements of
// lists have the path of their list. Lists of pairs, such as {key, value}, also
// count as the map that they stand for.
func nodes(value any, response bool) []node {
	f := flattener{response: response}
	f.add(value, nil)
	return f.out
}

type flattener struct {
	response bool
	out      []node
}

func (f *flattener) add(value any, names []string) {
	if len(names) > maxDepth || len(f.out) > maxNodes {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		if path, pair, ok := asPair(v, len(names) == 0); ok {
			f.node(append(slices.Clone(names), path...), pair)
		}
		for _, name := range sortedKeys(v) {
			below := append(slices.Clone(names), name)
			f.node(below, v[name])
			f.add(v[name], below)
		}
	case []any:
		for _, item := range v {
			if !isScalar(item) {
				f.add(item, names)
			}
		}
	}
}

func (f *flattener) node(names []string, value any) {
	n := node{names: names, value: value, response: f.response, leaf: words(names[len(names)-1]), all: allWords(names)}
	n.last = telling(n.leaf)
	f.out = append(f.out, n)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// pairs are names of fields that hold a name and its value.
var pairs = [][2]string{
	{"key", "value"},
	{"tagkey", "tagvalue"},
	{"attributename", "attributevalue"},
	{"parametername", "parametervalue"},
	{"attribute", "value"},
	{"name", "value"},
}

// asPair takes {key: "owner", value: "x"} for owner = "x", and a patch operation
// {op, path: "/description", value} for what it sets.
func asPair(m map[string]any, top bool) (path []string, value any, ok bool) {
	fields := make(map[string]any, len(m))
	for name, value := range m {
		fields[strings.ToLower(name)] = value
	}
	if pointer, isText := fields["path"].(string); isText && fields["op"] != nil && strings.HasPrefix(pointer, "/") {
		parts := strings.Split(pointer[1:], "/")
		for i, part := range parts {
			parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		}
		return parts, fields["value"], true
	}
	for _, p := range pairs {
		name, isText := fields[p[0]].(string)
		value, has := fields[p[1]]
		if !isText || !has || name == "" {
			continue
		}
		// At the top, name and value may be parameters of their own, as in
		// ssm PutParameter.
		if top && (p[0] == "name" || p[0] == "key") {
			continue
		}
		return []string{name}, value, true
	}
	return nil, nil, false
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// text is a scalar as text; ok is false for anything else, and null.
func text(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// texts are the scalars of a list, or a scalar by itself. Lists in requests to
// EC2 are {items: [...]}.
func texts(value any) ([]string, bool) {
	value = unwrap(value)
	if one, ok := text(value); ok {
		return []string{one}, true
	}
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(list))
	for _, item := range list {
		if m, isMap := item.(map[string]any); isMap && len(m) == 1 {
			for _, inner := range m {
				item = inner
			}
		}
		one, ok := text(item)
		if !ok {
			return nil, false
		}
		out = append(out, one)
	}
	return out, true
}

// unwrap takes {value: x} and {items: [...]} for what is in it.
func unwrap(value any) any {
	for {
		m, ok := value.(map[string]any)
		if !ok || len(m) != 1 {
			return value
		}
		for name, inner := range m {
			switch strings.ToLower(name) {
			case "value", "items", "quantity", "member":
				value = inner
			default:
				return m
			}
		}
	}
}

// hidden reports whether CloudTrail, or the service, withholds a value.
func hidden(value any) bool {
	s, ok := value.(string)
	if !ok {
		return false
	}
	return strings.Contains(s, "HIDDEN_DUE_TO_SECURITY_REASONS") || strings.Contains(s, "ensitiveDataRemoved") ||
		s != "" && strings.Trim(s, "*") == "" || strings.EqualFold(s, "redacted")
}
