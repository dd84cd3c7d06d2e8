package drift

import (
	"fmt"
	"slices"
	"strings"
)

// Pattern matches addresses of resource instances and paths of attributes. In a
// name * stands for any characters: it never crosses a dot or a bracket. [*] is
// any index; every other index, a quoted one too, is itself.
type Pattern string

// Check refuses what can't be taken apart.
func (p Pattern) Check() error {
	parts, ok := partsOf(string(p))
	if !ok {
		return fmt.Errorf("%q is no pattern of an address or attribute; write it as aws_instance.*, tags[\"owner\"] or ebs[*].size", string(p))
	}
	if slices.Contains(parts, ".") {
		return fmt.Errorf("%q has an empty name between its dots", string(p))
	}
	return nil
}

// Match reports whether the pattern is that of the whole text.
func (p Pattern) Match(text string) bool {
	return p.matches(text, func(pattern, text int) bool { return pattern == text })
}

// Covers reports whether the pattern is that of the text, or of something that
// it is a part of: tags covers tags["owner"].
func (p Pattern) Covers(text string) bool {
	return p.matches(text, func(pattern, text int) bool { return pattern <= text })
}

func (p Pattern) matches(text string, long func(pattern, text int) bool) bool {
	pattern, ok := partsOf(string(p))
	parts, ok2 := partsOf(text)
	if !ok || !ok2 || !long(len(pattern), len(parts)) {
		return false
	}
	for i, part := range pattern {
		if !matchPart(part, parts[i]) {
			return false
		}
	}
	return true
}

func matchPart(pattern, text string) bool {
	if pattern[0] != text[0] {
		return false
	}
	if pattern[0] == '[' {
		return pattern == "[*]" || pattern == text
	}
	return matchStars(pattern, text)
}

// partsOf takes an address or path apart: names, each with a dot before it, and
// indexes in their brackets. It is not ok where a bracket or a quote is open.
func partsOf(s string) (parts []string, ok bool) {
	if s == "" || s[0] == '.' {
		return nil, false
	}
	for s = "." + s; s != ""; {
		end := len(s)
		if s[0] == '[' {
			end = indexEnd(s)
		} else if i := strings.IndexAny(s[1:], ".["); i >= 0 {
			end = i + 1
		}
		if end <= 0 || s[0] != '[' && s[0] != '.' {
			return nil, false
		}
		parts, s = append(parts, s[:end]), s[end:]
	}
	return parts, true
}

// indexEnd is where the index at the start of s ends, after its bracket; 0 where
// it doesn't. A bracket in quotes doesn't end it, nor does an escaped quote.
func indexEnd(s string) int {
	quoted := false
	for i := 1; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			return i + 1
		}
	}
	return 0
}

// matchStars matches text against a pattern in which * stands for any
// characters.
func matchStars(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[last])
}
