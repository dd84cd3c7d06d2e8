package attribution

import (
	"slices"
	"strings"
	"unicode"
)

// words splits a name into its words, in lower case and in the singular:
// memorySize, MemorySizes and memory_size are all memory, size.
func words(name string) []string {
	var out []string
	runes := []rune(name)
	start := 0
	cut := func(end int) {
		if end > start {
			out = append(out, canonical(strings.ToLower(string(runes[start:end])))...)
		}
		start = end
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			cut(i)
			start = i + 1
		case i == 0 || !unicode.IsUpper(r):
		case unicode.IsLower(runes[i-1]) && i == 1:
			// CloudTrail writes dBInstance and vPCId: no end of a word.
		case !unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			cut(i)
		}
	}
	cut(len(runes))
	return out
}

// firstWord is the verb of an action's name.
func firstWord(name string) string {
	if w := words(name); len(w) > 0 {
		return w[0]
	}
	return ""
}

// synonyms are words that providers and services write differently.
var synonyms = map[string][]string{
	"ids": {"id"}, "ttl": {"time", "to", "live"}, "max": {"maximum"}, "min": {"minimum"}, "enable": {"enabled"}, "identifier": {"id"},
	"tagging": {"tag"}, "num": {"number"}, "username": {"user", "name"}, "acl": {"acl"}, "autoscaling": {"auto", "scaling"},
	"desc": {"description"}, "env": {"environment"}, "kmsmaster": {"kms", "master"},
}

func canonical(word string) []string {
	word = singular(word)
	if s, ok := synonyms[word]; ok {
		return s
	}
	return []string{word}
}

func singular(w string) string {
	switch {
	case len(w) < 4 || strings.HasSuffix(w, "ss") || strings.HasSuffix(w, "us") || strings.HasSuffix(w, "is"):
		return w
	case strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "sses"):
		return w[:len(w)-2]
	}
	return strings.TrimSuffix(w, "s")
}

// noise are words that one side has and the other has not: containers and units.
var noise = map[string]bool{
	"specification": true, "configuration": true, "config": true, "setting": true, "attribute": true, "item": true, "member": true,
	"set": true, "value": true, "list": true, "input": true, "document": true, "request": true, "second": true, "minute": true,
	"day": true, "in": true, "unit": true, "period": true, "byte": true, "all": true, "update": true, "option": true, "definition": true,
	"patch": true, "operation": true, "change": true, "batch": true,
}

// telling leaves the noise out, unless there is nothing else.
func telling(list []string) []string {
	out := slices.DeleteFunc(slices.Clone(list), func(w string) bool { return noise[w] })
	if len(out) == 0 {
		return list
	}
	return out
}

// allWords are the telling words of a path. Noise counts in its last name alone.
func allWords(names []string) []string {
	var out []string
	for i, name := range names {
		w := telling(words(name))
		if i < len(names)-1 {
			w = slices.DeleteFunc(w, func(w string) bool { return noise[w] })
		}
		out = append(out, w...)
	}
	return out
}

// plainWords are the words of a path without noise, unless there is nothing else.
func plainWords(names []string) []string {
	out := slices.DeleteFunc(allWords(names), func(w string) bool { return noise[w] })
	if len(out) == 0 {
		return allWords(names)
	}
	return out
}

func join(list []string) string { return strings.Join(list, "") }

// within reports whether all words of a list are among others.
func within(list []string, others ...[]string) bool {
	return missing(list, others...) == 0
}

// missing counts the words that are nowhere in others.
func missing(list []string, others ...[]string) int {
	n := 0
	for _, w := range list {
		if !slices.ContainsFunc(others, func(o []string) bool { return slices.Contains(o, w) }) {
			n++
		}
	}
	return n
}

// hasPrefix and hasSuffix compare whole words.
func hasPrefix(list, prefix []string) bool {
	return len(prefix) > 0 && len(prefix) <= len(list) && slices.Equal(list[:len(prefix)], prefix)
}

func hasSuffix(list, suffix []string) bool {
	return len(suffix) > 0 && len(suffix) <= len(list) && slices.Equal(list[len(list)-len(suffix):], suffix)
}

// identitySuffixes end the names of what names an object.
var identitySuffixes = []string{"name", "id", "arn", "url"}

// stem is a name without the word that says that it names something:
// functionName is function. named says whether there was such a word.
func stem(name []string) (rest []string, named bool) {
	if n := len(name); n > 0 && slices.Contains(identitySuffixes, name[n-1]) {
		return name[:n-1], true
	}
	return name, false
}

// attribute is a changed path, taken apart.
type attribute struct {
	path string   // as in the finding
	all  []string // the words of all names in it, telling ones
	leaf []string // all words of the last name
	last []string // the telling ones of them
	top  []string // words of the first name
	key  string   // of the map element that it ends in
	has  bool     // it ends in one
}

// parsePath takes a path in Terraform's notation apart: ttl[0].enabled,
// tags["a.b"]. Indexes say nothing.
func parsePath(path string) attribute {
	a := attribute{path: path}
	var names []string
	for rest := path; rest != ""; {
		switch rest[0] {
		case '.':
			rest = rest[1:]
		case '[':
			key, after := bracket(rest)
			a.key, a.has = key, strings.HasPrefix(rest, `["`)
			rest = after
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			names = append(names, rest[:end])
			a.key, a.has = "", false
			rest = rest[end:]
		}
	}
	if len(names) > 0 {
		a.top, a.leaf = words(names[0]), words(names[len(names)-1])
		a.last, a.all = telling(a.leaf), allWords(names)
	}
	return a
}

// bracket takes an index or a quoted key off the start.
func bracket(text string) (key, rest string) {
	if !strings.HasPrefix(text, `["`) {
		if end := strings.IndexByte(text, ']'); end >= 0 {
			return text[1:end], text[end+1:]
		}
		return text[1:], ""
	}
	var b strings.Builder
	for i := 2; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == '"':
			return b.String(), strings.TrimPrefix(text[i+1:], "]")
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}
