package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"charm.land/lipgloss/v2"

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
	if !o.Verbose {
		t.missing(run.Stacks)
	}
	t.summary(totalOf(run))
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
	t.line("%s  %s  %s", t.paint(bold, stackName(s)), t.status(s.Status),
		t.paint(faint, fmt.Sprintf("%s in %.1f s", count(resources(s), "resource"), float64(s.DurationMS)/1000)))
	if s.EngineReason != "" {
		t.note(".", faint, "", "checked by terraform plan, because "+s.EngineReason)
	}
	shared := t.sharedUnknown(s.Findings)
	for _, f := range drift.WorstFirst(s.Findings) {
		t.finding(f)
		if text := causeText(f); shared[text] < 2 {
			t.cause(f)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(shared)) {
		if n := shared[text]; n > 1 {
			t.note("?", yellow, "", fmt.Sprintf("who changed %d of them is unknown: %s", n, strings.TrimPrefix(text, "unknown: ")))
		}
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
	what := t.severity(f)
	if f.Kind == drift.Deleted {
		sign, what = t.paint(red, "-"), what+"  deleted"
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
		what += fmt.Sprintf(" by %s until %s: %s", OneLine(f.Waiver.ID), OneLine(f.Waiver.Until), OneLine(f.Waiver.Reason))
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
		t.line("      %s", t.paint(yellow, fmt.Sprintf("its waiver %s (%s) ended on %s: %s", OneLine(f.Waiver.ID), OneLine(f.Waiver.Owner), OneLine(f.Waiver.Until), OneLine(f.Waiver.Reason))))
	}
	if f.Doubt != "" {
		t.line("      %s", t.paint(yellow, OneLine(f.Doubt)))
	}
}

// severity says how bad it is, where that says something.
func (t *table) severity(f drift.Finding) string {
	switch word := severityWord(f); {
	case word == "":
		return ""
	case f.Severity == drift.SeverityHigh:
		return "  " + t.paint(red, word)
	default:
		return "  " + t.paint(faint, word)
	}
}

// sharedUnknown counts the findings of a stack that have the same reason for not
// knowing who changed them, so that it is said once. With -v each says its own.
func (t *table) sharedUnknown(findings []drift.Finding) map[string]int {
	shared := map[string]int{}
	for _, f := range findings {
		if asked(f) != nil && !f.Cause.Known() && !t.o.Verbose {
			shared[causeText(f)]++
		}
	}
	return shared
}

// cause says on a line who changed it, and with -v what makes that believable.
func (t *table) cause(f drift.Finding) {
	if asked(f) == nil {
		return
	}
	t.line("      %s", causeLine(f))
	if !t.o.Verbose {
		return
	}
	for _, note := range causeNotes(f.Cause) {
		t.line("        %s", t.paint(faint, strings.ToLower(note.Label)+": "+note.Text))
	}
}

// missing says once what could not be read of the evidence, where it leaves
// findings without a cause.
func (t *table) missing(stacks []drift.Stack) {
	all := &drift.Cause{}
	for _, s := range stacks {
		for _, f := range s.Findings {
			if f.Cause != nil && !f.Cause.Known() {
				all.Gaps = append(all.Gaps, f.Cause.Gaps...)
			}
		}
	}
	slices.Sort(all.Gaps)
	all.Gaps = slices.Compact(all.Gaps)
	for _, gap := range gapTexts(all, maxGaps) {
		t.line("%s evidence not read: %s", t.paint(yellow, "?"), gap)
	}
	if len(all.Gaps) > 0 {
		t.line("")
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

// values shows a change on one line, or on three where that is too long.
func (t *table) values(indent, width int, v value, note string) {
	from, to := show(v.expected), show(v.live)
	if one := fmt.Sprintf("%-*s  %s -> %s", width, v.path, from, to); utf8.RuneCountInString(one)+indent <= t.o.Width {
		t.line("%*s%s%s", indent, "", one, note)
		return
	}
	from, to = apart(from, to)
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

func (t *table) summary(s total) {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{s.Clean, "clean"}, {s.Drifted, "drifted"}, {s.Incomplete, "incomplete"}, {s.Errored, "not checked"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	rest := []string{fmt.Sprintf("%s: %s; %s in %s", count(s.Stacks, "stack"), strings.Join(parts, ", "), count(s.Findings, "finding"), count(s.Resources, "resource"))}
	for _, p := range []struct {
		n    int
		what string
	}{{s.Waived, "waived"}, {s.Ignored, "ignored"}, {s.Pending, "pending"}} {
		if p.n > 0 {
			rest = append(rest, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if s.Errors > 0 {
		rest = append(rest, count(s.Errors, "error"))
	}
	t.line("%s", strings.Join(rest, ", "))
}
