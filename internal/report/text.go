package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"holdfast/internal/drift"
)

// OneLine makes text from the outside harmless in every format: one line, valid
// UTF-8, no control of a terminal, and nothing that turns the direction of
// writing around, which would let text look like what it is not. What is taken
// out leaves a mark.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return harmless(r)
	}, s)
}

// Harmless is OneLine for text that may have several lines.
func Harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return harmless(r)
	}, s)
}

// harmless is the character itself, or one that stands for what must not be shown.
func harmless(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || turns(r) || r == 0xfffe || r == 0xffff {
		return utf8.RuneError
	}
	return r
}

// turns reports whether a character changes the direction of writing or ends a
// line for some programs.
func turns(r rune) bool {
	switch r {
	case 0x061c, 0x200e, 0x200f, 0x2028, 0x2029:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// count names a number of things: 1 stack, 2 stacks.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// nothing is how a value that isn't there is shown.
const nothing = "nothing"

func isNothing(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// show renders a JSON value on one line.
func show(raw json.RawMessage) string {
	if isNothing(raw) {
		return nothing
	}
	return OneLine(string(plain(raw)))
}

// plain is a JSON value without the escapes that encoders add for HTML.
func plain(raw json.RawMessage) []byte {
	if !bytes.Contains(raw, []byte(`\u00`)) {
		return raw
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil {
		return raw
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return raw
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// stackName is a stack as people are shown it.
func stackName(s drift.Stack) string { return OneLine(s.Ref().String()) }

// waiverText says why a finding doesn't count, or why it counts again; "" where
// there is nothing of the kind.
func waiverText(f drift.Finding) string {
	switch w := f.Waiver; {
	case f.Status == drift.Ignored:
		return OneLine(f.IgnoreReason)
	case w == nil:
		return ""
	case w.State == drift.WaiverEnded:
		return OneLine(fmt.Sprintf("%s ended on %s: %s, owner %s", w.ID, w.Until, w.Reason, w.Owner))
	default:
		text := fmt.Sprintf("%s until %s: %s, owner %s", w.ID, w.Until, w.Reason, w.Owner)
		if w.Ticket != "" {
			text += ", " + w.Ticket
		}
		if w.ApprovedBy != "" {
			text += ", approved by " + w.ApprovedBy
		}
		return OneLine(text)
	}
}

// waiverLabel names what waiverText tells.
func waiverLabel(f drift.Finding) string {
	if f.Status == drift.Ignored {
		return "Ignored"
	}
	return "Waiver"
}

// severityName is a finding's severity; "" where it has none, as in what older
// versions have saved.
func severityName(f drift.Finding) string {
	switch f.Severity {
	case drift.SeverityHigh, drift.SeverityMedium, drift.SeverityLow:
		return string(f.Severity)
	case drift.SeverityError, drift.SeverityWarning, drift.SeverityInfo: // of faults
	}
	return ""
}

// severityWord is the severity where it says something: medium is what most have.
func severityWord(f drift.Finding) string {
	if f.Severity == drift.SeverityMedium {
		return ""
	}
	return severityName(f)
}

// kindWords are how bad a finding is and of which kind: "high, modified".
func kindWords(f drift.Finding) string {
	if word := severityWord(f); word != "" {
		return word + ", " + string(f.Kind)
	}
	return string(f.Kind)
}

// total is what every format of a run tells: the same numbers.
type total struct {
	drift.Summary
	Ignored  int
	High     int // findings that count and are of high severity
	Affected int // stacks with a finding that counts
	Errors   int // things that were not checked, and why
	Faults   int // of the states' integrity
	Adopted  int
	Observed int
}

func totalOf(run drift.Run) total {
	t := total{Summary: drift.Summarize(run.Stacks)}
	for _, s := range run.Stacks {
		t.Errors += len(s.Errors)
		t.Faults += len(s.Integrity)
		t.Adopted += len(s.Adopted)
		t.Observed += len(s.Observed)
		if open(s) > 0 {
			t.Affected++
		}
		for _, f := range s.Findings {
			switch {
			case f.Status == drift.Ignored:
				t.Ignored++
			case f.Counts() && f.Severity == drift.SeverityHigh:
				t.High++
			}
		}
	}
	return t
}

// resources is how many resource instances of a stack were to be checked.
func resources(s drift.Stack) int {
	return s.Resources.Checked + s.Resources.Unsupported + s.Resources.Errored
}

// open is how many of a stack's findings count.
func open(s drift.Stack) int {
	n := 0
	for _, f := range s.Findings {
		if f.Counts() {
			n++
		}
	}
	return n
}

// headline says the most important thing of a run in one line.
func headline(t total) string {
	switch {
	case t.Findings > 0:
		where := count(t.Stacks, "stack")
		if t.Affected < t.Stacks {
			where = fmt.Sprintf("%d of %s", t.Affected, where)
		}
		text := fmt.Sprintf("%s in %s", count(t.Findings, "finding"), where)
		if t.High > 0 {
			text += fmt.Sprintf(", %d of high severity", t.High)
		}
		return text
	case t.Stacks == 0:
		return "No stack was checked"
	case t.Errors > 0 || t.Incomplete+t.Errored > 0:
		return "No drift found, but not everything could be checked"
	}
	return "No drift"
}
