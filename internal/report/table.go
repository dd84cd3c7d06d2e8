package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
)

// TableOptions choose how much the table says, and how.
type TableOptions struct {
	Verbose bool // also what does not count: observed attributes
	Color   bool
	Width   int // columns; 0 means 100
}

// Table writes a run for people.
func Table(w io.Writer, run drift.Run, o TableOptions) error {
	if o.Width == 0 {
		o.Width = 100
	}
	t := &table{out: bufio.NewWriter(w), o: o}
	for _, s := range run.Stacks {
		t.stack(s)
	}
	t.summary(run.Summary)
	return t.out.Flush()
}

type table struct {
	out *bufio.Writer
	o   TableOptions
}

// The colours are the terminal's own, so that they suit its background.
var (
	red    = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green).Bold(true)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow).Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	bold   = lipgloss.NewStyle().Bold(true)
)

func (t *table) paint(style lipgloss.Style, s string) string {
	if !t.o.Color {
		return s
	}
	return style.Render(s)
}

func (t *table) line(format string, args ...any) {
	fmt.Fprintf(t.out, format+"\n", args...)
}

func (t *table) stack(s drift.Stack) {
	name := s.Path
	if s.Workspace != "default" {
		name += " (" + s.Workspace + ")"
	}
	if s.Name != "" {
		name += " [" + s.Name + "]"
	}
	total := s.Resources.Checked + s.Resources.Unsupported + s.Resources.Errored
	t.line("%s  %s  %s", t.paint(bold, OneLine(name)), t.status(s.Status),
		t.paint(faint, fmt.Sprintf("%s in %.1f s", count(total, "resource"), float64(s.DurationMS)/1000)))
	if s.EngineReason != "" {
		t.note(".", faint, "", "checked by terraform plan, because "+s.EngineReason)
	}
	for _, f := range s.Findings {
		t.finding(f)
	}
	for _, a := range s.Adopted {
		t.note("=", yellow, a.Address, "already in the code: "+strings.Join(a.Paths, ", "))
	}
	for _, p := range s.Pending {
		t.note("*", yellow, p.Address, "code not applied yet: "+strings.Join(p.Actions, ", "))
	}
	for _, fault := range s.Integrity {
		t.note("!", yellow, fault.Address, fault.Message)
	}
	for _, e := range s.Errors {
		t.note("!", red, e.Address, e.Message)
	}
	if t.o.Verbose {
		for _, o := range s.Observed {
			t.note(".", faint, o.Address, "changed, but nothing would be put back: "+strings.Join(o.Paths, ", "))
		}
	}
	if len(s.Findings)+len(s.Adopted)+len(s.Pending)+len(s.Integrity)+len(s.Errors) > 0 {
		t.line("")
	}
}

func (t *table) status(s drift.Status) string {
	switch s {
	case drift.StatusClean:
		return t.paint(green, string(s))
	case drift.StatusIncomplete:
		return t.paint(yellow, string(s))
	}
	return t.paint(red, string(s))
}

// note writes one line about an address, or about the whole stack.
func (t *table) note(sign string, style lipgloss.Style, address, text string) {
	if address != "" {
		text = address + ": " + text
	}
	t.line("  %s %s", t.paint(style, sign), OneLine(text))
}

func (t *table) finding(f drift.Finding) {
	sign := t.paint(yellow, "~")
	what := ""
	if f.Kind == drift.Deleted {
		sign, what = t.paint(red, "-"), "  deleted"
	}
	if f.Status != drift.Open {
		what += "  " + string(f.Status)
	}
	if f.IgnoreReason != "" {
		what += ": " + OneLine(f.IgnoreReason)
	}
	if f.Certainty == drift.Possible {
		what += "  possible"
	}
	if f.Waiver != nil && f.Waiver.State == drift.WaiverActive {
		what += fmt.Sprintf(" by %s until %s: %s", OneLine(f.Waiver.ID), f.Waiver.Until, OneLine(f.Waiver.Reason))
	}
	t.line("  %s %s%s  %s", sign, t.paint(bold, OneLine(f.Address)), what, t.paint(faint, f.ID))
	width := 0
	for _, c := range f.Changes {
		width = max(width, utf8.RuneCountInString(c.Path))
	}
	for _, c := range f.Changes {
		t.change(c, min(width, 40))
	}
	if f.Waiver != nil && f.Waiver.State == drift.WaiverEnded {
		t.line("      %s", t.paint(yellow, fmt.Sprintf("its waiver %s (%s) ended on %s", OneLine(f.Waiver.ID), OneLine(f.Waiver.Owner), f.Waiver.Until)))
	}
	if f.Doubt != "" {
		t.line("      %s", t.paint(yellow, OneLine(f.Doubt)))
	}
}

func (t *table) change(c drift.Change, width int) {
	const indent = 6
	if c.Sensitive {
		t.line("%*s%-*s  (sensitive)%s", indent, "", width, OneLine(c.Path), t.replaces(c))
		return
	}
	parts := documentDiff(c)
	if parts == nil {
		t.values(indent, width, value{OneLine(c.Path), c.Expected, c.Actual}, t.replaces(c))
		return
	}
	t.line("%*s%s%s", indent, "", OneLine(c.Path), t.replaces(c))
	for _, part := range parts {
		t.values(indent+2, 0, part, "")
	}
}

func (t *table) replaces(c drift.Change) string {
	if !c.RequiresReplace {
		return ""
	}
	return "  " + t.paint(red, "putting it back replaces the resource")
}

// value is a path with its two values, as JSON.
type value struct {
	path           string
	expected, live json.RawMessage
}

// values shows a change on one line, or on three where that is too long.
func (t *table) values(indent, width int, v value, note string) {
	from, to := show(v.expected), show(v.live)
	if one := fmt.Sprintf("%-*s  %s -> %s", width, v.path, from, to); utf8.RuneCountInString(one)+indent <= t.o.Width {
		t.line("%*s%s%s", indent, "", one, note)
		return
	}
	t.line("%*s%s%s", indent, "", v.path, note)
	t.line("%*s%s %s", indent+2, "", t.paint(red, "-"), t.fit(from, indent+4))
	t.line("%*s%s %s", indent+2, "", t.paint(green, "+"), t.fit(to, indent+4))
}

// fit shortens a line to what is left of the width.
func (t *table) fit(s string, indent int) string {
	most := max(t.o.Width-indent, 20)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-3]) + "..."
}

// show renders a JSON value on one line; what is not there is "nothing".
func show(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return "nothing"
	}
	return OneLine(string(raw))
}

// documentDiff compares JSON documents inside strings, such as policies, part
// by part; nil when the change isn't one of two documents.
func documentDiff(c drift.Change) []value {
	before, ok := document(c.Expected)
	after, ok2 := document(c.Actual)
	if !ok || !ok2 {
		return nil
	}
	beforeType, err := ctyjson.ImpliedType(before)
	if err != nil {
		return nil
	}
	afterType, err := ctyjson.ImpliedType(after)
	if err != nil {
		return nil
	}
	a, err := ctyjson.Unmarshal(before, beforeType)
	if err != nil {
		return nil
	}
	b, err := ctyjson.Unmarshal(after, afterType)
	if err != nil {
		return nil
	}
	var parts []value
	for _, path := range drift.Diff(a, b) {
		from, to := drift.ValueAt(a, path), drift.ValueAt(b, path)
		fromJSON, _ := ctyjson.Marshal(from, from.Type())
		toJSON, _ := ctyjson.Marshal(to, to.Type())
		parts = append(parts, value{OneLine(drift.FormatPath(path)), fromJSON, toJSON})
	}
	return parts
}

// document is the JSON object or list that a JSON string holds.
func document(raw json.RawMessage) ([]byte, bool) {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil, false
	}
	s = strings.TrimSpace(s)
	return []byte(s), (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) && json.Valid([]byte(s))
}

func (t *table) summary(s drift.Summary) {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{s.Clean, "clean"}, {s.Drifted, "drifted"}, {s.Incomplete, "incomplete"}, {s.Errored, "not checked"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	t.line("%s: %s; %s in %s", count(s.Stacks, "stack"), strings.Join(parts, ", "), count(s.Findings, "finding"), count(s.Resources, "resource"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// OneLine keeps text from the outside on one line and away from the terminal's
// controls.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return utf8.RuneError
		}
		return r
	}, s)
}
