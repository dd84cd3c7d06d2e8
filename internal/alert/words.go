package alert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"holdfast/internal/drift"
)

// tidy makes text from the outside one line without controls, and without characters
// that turn the direction of writing, which would let it look like what it is not.
// What is taken out leaves a mark.
func tidy(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == 0x2028 || r == 0x2029:
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar))))
}

// clip keeps at most so many characters, the last of them "…" where some are gone.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// counted is 1 finding, 2 findings.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// more says what is left out: and 3 more stacks.
func more(n int, what string) string {
	return "and " + strings.Replace(counted(n, what), " ", " more ", 1)
}

// mostPaths is how many changes of a finding are named.
const mostPaths = 5

// shownValue is a value of a finding as people read it: JSON on one line, shortened.
func shownValue(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "?"
	}
	return clip(tidy(b.String()), mostShownValue)
}

// who is who or what made a finding, on one line; "" where nobody knows.
func who(f drift.Finding) string {
	if f.Cause == nil || f.Cause.Rule == drift.NotAsked {
		return ""
	}
	return clip(tidy(f.Cause.Summary), 200)
}

// whatChanged tells a finding in words: modified: memory_size, tags. Values are not in it.
func whatChanged(f drift.Finding) string {
	text := string(f.Kind)
	if f.Certainty == drift.Possible {
		text += " (possible)"
	}
	if f.Kind != drift.Modified || len(f.Changes) == 0 {
		return text
	}
	var paths []string
	for i, c := range f.Changes {
		if i == mostPaths {
			paths = append(paths, fmt.Sprintf("and %d more", len(f.Changes)-i))
			break
		}
		paths = append(paths, clip(tidy(c.Path), mostShownValue))
	}
	return text + ": " + strings.Join(paths, ", ")
}

// about is what more there is to say about an alert, on one line and without values.
func about(a drift.Alert) string {
	var parts []string
	switch {
	case a.Finding != nil && a.Kind != drift.AlertResolved:
		parts = append(parts, whatChanged(*a.Finding))
	case a.Fault != nil:
		parts = append(parts, tidy(a.Fault.Message))
	}
	parts = append(parts, facts(a)...)
	if a.Detail != "" {
		parts = append(parts, tidy(a.Detail))
	}
	return clip(strings.Join(parts, "; "), mostFact)
}

// byStack groups a message's alerts by the stack that they are about.
func byStack(m Message) map[string][]drift.Alert {
	groups := map[string][]drift.Alert{}
	for _, a := range m.Alerts {
		groups[a.Stack.ID] = append(groups[a.Stack.ID], a)
	}
	return groups
}

// stands gives how each stack is that a message is about, once. A stack of which only
// alerts are known has no status.
func stands(m Message) []Standing {
	var list []Standing
	seen := map[string]bool{}
	for _, s := range m.Standing {
		if !seen[s.Stack.ID] {
			seen[s.Stack.ID] = true
			list = append(list, s)
		}
	}
	for _, a := range m.Alerts {
		if !seen[a.Stack.ID] {
			seen[a.Stack.ID] = true
			list = append(list, Standing{Stack: a.Stack})
		}
	}
	return list
}

// needsSomebody reports whether there is something to do about a stack: it has
// findings that count or an unsound state, or an alert says what only people can mend
// and no later check has shown otherwise.
func (s Standing) needsSomebody(alerts []drift.Alert) bool {
	if len(s.Open) > 0 || s.Status == drift.StatusDrifted {
		return true
	}
	for _, fault := range s.Integrity {
		if fault.Severity == drift.SeverityError {
			return true
		}
	}
	for _, a := range alerts {
		switch a.Kind {
		case drift.AlertNotCheckable:
			if s.Status != drift.StatusClean {
				return true
			}
		case drift.AlertOverdue, drift.AlertWaiverEnding, drift.AlertIntegrity:
			if !s.CheckedAt.After(a.At) {
				return true
			}
		case drift.AlertResolved, drift.AlertClean:
		default:
			if s.Status == "" {
				return true
			}
		}
	}
	return false
}

// clean reports whether nothing is left to do about a stack, for certain.
func (s Standing) clean(alerts []drift.Alert) bool {
	return s.Status == drift.StatusClean && !s.needsSomebody(alerts)
}

// worst is the worst severity of what is open about a stack, in the words of findings.
func (s Standing) worst() drift.Severity {
	var worst drift.Severity
	for _, e := range s.Open {
		worst = drift.Worse(worst, e.Finding.Severity)
	}
	for _, fault := range s.Integrity {
		worst = drift.Worse(worst, fault.Severity)
	}
	return worst.OfFinding()
}

// summary is how a stack is, in some words: 3 open findings, 1 fault of the state.
func (s Standing) summary() string {
	var parts []string
	if n := len(s.Open); n > 0 {
		parts = append(parts, counted(n, "open finding"))
	}
	if n := len(s.Integrity); n > 0 {
		parts = append(parts, counted(n, "fault")+" of the state")
	}
	if n := len(s.Errors); n > 0 {
		parts = append(parts, counted(n, "thing")+" not checked")
	}
	if n := s.Waived; n > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", n))
	}
	if len(parts) == 0 {
		return string(s.Status)
	}
	return strings.Join(parts, ", ")
}

// joined puts a colon between what is there.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": ")
}
