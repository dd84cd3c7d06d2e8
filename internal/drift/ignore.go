package drift

import (
	"strings"
	"time"
)

// IgnoreRule is standing noise that somebody knows of: findings that match it
// stay visible and don't count. All that it names must match.
type IgnoreRule struct {
	Address string // with * for any characters; "" for all
	Type    string // of resources, with * for any characters; "" for all
	// Attributes are paths, with * for any characters, that cover what is
	// below them too. A finding matches if all its changes do. Without any, it
	// matches whatever changed, a deletion too.
	Attributes []string
	Reason     string
	Until      time.Time // the last day, in UTC; zero for no end
}

// ApplyIgnores marks a stack's open findings that a rule covers as ignored, and
// settles the stack anew. now decides which rules have ended.
func ApplyIgnores(s *Stack, rules []IgnoreRule, now time.Time) {
	ignored := false
	for i := range s.Findings {
		f := &s.Findings[i]
		for _, rule := range rules {
			if f.Status == Open && !rule.ended(now) && rule.matches(f) {
				f.Status, f.IgnoreReason, ignored = Ignored, rule.Reason, true
			}
		}
	}
	if ignored {
		s.Settle(s.Status == StatusError)
	}
}

func (r IgnoreRule) ended(now time.Time) bool {
	return !r.Until.IsZero() && !now.UTC().Before(r.Until.UTC().AddDate(0, 0, 1))
}

func (r IgnoreRule) matches(f *Finding) bool {
	if r.Address == "" && r.Type == "" {
		return false // a rule for everything is a mistake
	}
	if r.Address != "" && !matchStars(r.Address, f.Address) || r.Type != "" && !matchStars(r.Type, f.Type) {
		return false
	}
	if len(r.Attributes) == 0 {
		return true
	}
	for _, c := range f.Changes {
		if !r.covers(c.Path) {
			return false
		}
	}
	return len(f.Changes) > 0
}

func (r IgnoreRule) covers(path string) bool {
	for _, pattern := range r.Attributes {
		if matchStars(pattern, path) || matchStars(pattern+".*", path) || matchStars(pattern+"[*", path) {
			return true
		}
	}
	return false
}

// matchStars matches text against a pattern in which * stands for any
// characters. Addresses hold brackets and dots, so nothing else is special.
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
