package attribution

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// outcome of holding what an event sets against what is live.
type outcome int

const (
	unknown outcome = iota // it can't be told
	same
	differs
)

// decode reads a value of a finding; ok is false where there is none, as of what
// is sensitive.
func decode(raw json.RawMessage) (value any, ok bool) {
	if len(raw) == 0 {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return nil, false
	}
	return value, true
}

// compare holds a live value against that of an event.
func compare(live, event any) outcome {
	event = unwrap(event)
	if hidden(event) {
		return unknown
	}
	if isEmpty(live) || isEmpty(event) {
		return sameIf(isEmpty(live) && isEmpty(event))
	}
	a, okA := text(live)
	if m, isMap := event.(map[string]any); isMap && len(m) == 1 && okA && !looksLikeJSON(a) {
		for _, inner := range m {
			event = inner // as in a matcher, which has an httpCode alone
		}
	}
	b, okB := text(event)
	if okA && okB {
		return compareText(a, b)
	}
	if okA || okB {
		return compareDocuments(live, event)
	}
	return compareCollections(live, event)
}

func sameIf(equal bool) outcome {
	if equal {
		return same
	}
	return differs
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// hash matches what some providers keep in place of a text.
var hash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// states are words that stand for true and false.
var states = map[string]bool{
	"true": true, "enabled": true, "enable": true, "active": true, "on": true,
	"false": false, "disabled": false, "disable": false, "suspended": false, "inactive": false, "off": false, "passthrough": false,
}

func compareText(live, event string) outcome {
	if hash.MatchString(live) && !hash.MatchString(event) {
		return unknown // the state keeps a hash of it
	}
	if live == event || strings.EqualFold(live, event) {
		return same
	}
	if a, err := strconv.ParseFloat(live, 64); err == nil {
		if b, err := strconv.ParseFloat(event, 64); err == nil {
			return sameIf(a == b)
		}
	}
	a, okA := states[strings.ToLower(live)]
	b, okB := states[strings.ToLower(event)]
	if okA && okB {
		return sameIf(a == b)
	}
	if looksLikeJSON(live) && looksLikeJSON(event) {
		return compareDocuments(live, event)
	}
	if strings.HasPrefix(live, "arn:") != strings.HasPrefix(event, "arn:") {
		if sameARN(event, live) {
			return same
		}
		return unknown // an alias, for example
	}
	return differs
}

func looksLikeJSON(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")
}

// compareDocuments compares where at least one side is JSON in a string, such as
// a policy. A list of one and what is in it are the same, as in policies.
func compareDocuments(live, event any) outcome {
	a, okA := document(live)
	b, okB := document(event)
	if !okA || !okB {
		return unknown
	}
	return sameIf(canonicalText(a) == canonicalText(b))
}

func document(value any) (any, bool) {
	s, isText := value.(string)
	if !isText {
		return value, true
	}
	if !looksLikeJSON(s) {
		return nil, false
	}
	return decode(json.RawMessage(s))
}

// compareCollections compares lists and maps: equal, or not to be told. Names of
// fields may differ in case.
func compareCollections(live, event any) outcome {
	a, okA := texts(live)
	b, okB := texts(event)
	if okA && okB {
		slices.Sort(a)
		slices.Sort(b)
		if slices.Equal(a, b) {
			return same
		}
		for _, v := range b {
			if !slices.Contains(a, v) {
				return differs
			}
		}
		return unknown // a part of it
	}
	if canonicalText(live) == canonicalText(event) {
		return same
	}
	return unknown
}

// canonicalText writes JSON in one way for all that policies allow: order of
// lists, lists of one.
func canonicalText(value any) string {
	switch v := value.(type) {
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, key := range sortedKeys(v) {
			parts = append(parts, strings.ToLower(key)+":"+canonicalText(v[key]))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		if len(v) == 1 {
			return canonicalText(v[0])
		}
		parts := make([]string, 0, len(v))
		for _, item := range v {
			parts = append(parts, canonicalText(item))
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, ",") + "]"
	}
	s, _ := text(value)
	return strconv.Quote(s)
}

// elements are the parts of a collection, each as the set of its scalars.
func elements(value any) []map[string]bool {
	list, ok := value.([]any)
	if !ok {
		return nil
	}
	out := make([]map[string]bool, 0, len(list))
	for _, item := range list {
		set := map[string]bool{}
		scalars(item, set)
		out = append(out, set)
	}
	return out
}

func scalars(value any, into map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			scalars(inner, into)
		}
	case []any:
		for _, inner := range v {
			scalars(inner, into)
		}
	default:
		if s, ok := text(value); ok && s != "" {
			into[s] = true
		}
	}
}

// without leaves out the elements that another collection has too.
func without(list, other []map[string]bool) []map[string]bool {
	return slices.DeleteFunc(slices.Clone(list), func(e map[string]bool) bool {
		return slices.ContainsFunc(other, func(o map[string]bool) bool { return covers(o, e) && covers(e, o) })
	})
}

func covers(set, part map[string]bool) bool {
	for s := range part {
		if !set[s] {
			return false
		}
	}
	return true
}
