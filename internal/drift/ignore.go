package drift

import "time"

// IgnoreRule is standing noise that somebody knows of: findings that match it
// stay visible and don't count. All that it names must match.
type IgnoreRule struct {
	Address Pattern // of resource instances; "" for all
	Type    string  // of resources, with * for any characters; "" for all
	// Attributes cover what is below them too. A finding matches if all its
	// changes do. Without any, it matches whatever changed, a deletion too.
	Attributes []Pattern
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
	if r.Address != "" && !r.Address.Match(f.Address) || r.Type != "" && !matchStars(r.Type, f.Type) {
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
		if pattern.Covers(path) {
			return true
		}
	}
	return false
}
