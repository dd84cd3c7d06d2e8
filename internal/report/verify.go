package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"holdfast/internal/drift"
)

// VerificationJSON writes a verification for programs.
func VerificationJSON(w io.Writer, v drift.Verification) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Verification writes a verification for people: a line a stack, and each
// disagreement with both sides.
func Verification(w io.Writer, v drift.Verification, o TableOptions) error {
	if o.Width == 0 {
		o.Width = 100
	}
	t := &table{out: bufio.NewWriter(w), o: o}
	for _, s := range v.Stacks {
		t.verified(s)
	}
	verdict := t.paint(green, "full agreement")
	if !v.Agree {
		verdict = t.paint(red, "no full agreement")
	}
	t.line("%s: %s", count(len(v.Stacks), "stack"), verdict)
	return t.out.Flush()
}

func (t *table) verified(s drift.VerifiedStack) {
	name := s.Path
	if s.Workspace != "default" {
		name += " (" + s.Workspace + ")"
	}
	verdict := t.paint(green, "agree")
	if !s.Agree {
		verdict = t.paint(red, "differ")
	}
	t.line("%s  %s  %s", t.paint(bold, OneLine(name)), verdict, fmt.Sprintf("%d of %s", s.Agreeing, count(s.Resources, "resource")))
	t.line("  direct  %-10s  %-11s  %6.1f s", s.Direct.Status, count(s.Direct.Findings, "finding"), float64(s.Direct.DurationMS)/1000)
	ratio := ""
	if s.Ratio > 0 {
		ratio = fmt.Sprintf("  %.1f times as long", s.Ratio)
	}
	t.line("  plan    %-10s  %-11s  %6.1f s%s", s.Plan.Status, count(s.Plan.Findings, "finding"), float64(s.Plan.DurationMS)/1000, ratio)
	for _, d := range s.Disagreements {
		address := d.Address
		if address == "" {
			address = "the stack as a whole"
		}
		t.line("  %s %s", t.paint(red, "!"), t.paint(bold, OneLine(address)))
		t.opinion("direct", d.About, d.Direct)
		t.opinion("plan", d.About, d.Plan)
	}
	t.line("")
}

// opinion writes one side of a disagreement.
func (t *table) opinion(who, about string, o drift.Opinion) {
	const indent = 14
	text := o.Verdict
	if about == "pending" {
		text = "nothing pending"
		if len(o.Pending) > 0 {
			text = "pending " + strings.Join(o.Pending, "; ")
		}
	}
	if o.Message != "" {
		text += ": " + o.Message
	}
	t.line("      %-6s  %s", who, OneLine(text))
	if about == "pending" {
		return
	}
	width := 0
	for _, c := range o.Changes {
		width = max(width, utf8.RuneCountInString(c.Path))
	}
	for _, c := range o.Changes {
		if c.Sensitive {
			t.line("%*s%-*s  (sensitive)%s", indent, "", min(width, 40), OneLine(c.Path), t.replaces(c))
			continue
		}
		t.values(indent, min(width, 40), value{OneLine(c.Path), c.Expected, c.Actual}, t.replaces(c))
	}
}
