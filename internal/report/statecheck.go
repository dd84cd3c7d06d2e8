package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"holdfast/internal/drift"
)

// States writes what is unsound about states for people: a line a stack, and one
// for each fault, with the code by which docs/integrity.md has it.
func States(w io.Writer, check drift.StateCheck, o TableOptions) error {
	t := &table{out: bufio.NewWriter(w), o: o}
	for _, s := range check.Stacks {
		t.checkedState(s)
	}
	sum := check.Summary
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{sum.Sound, "sound"}, {sum.Unsound, "unsound"}, {sum.Errored, "not checked"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	line := count(sum.Stacks, "state") + ": " + strings.Join(parts, ", ")
	for i, part := range []string{count(sum.Errors, "error"), count(sum.Warnings, "warning"), count(sum.Infos, "note")} {
		switch n := []int{sum.Errors, sum.Warnings, sum.Infos}[i]; {
		case n > 0 && !strings.Contains(line, ";"):
			line += "; " + part
		case n > 0:
			line += ", " + part
		}
	}
	t.line("%s", line)
	return t.out.Flush()
}

// severityStyles are the colours of faults.
var severityStyles = map[drift.Severity]lipgloss.Style{drift.SeverityError: red, drift.SeverityWarning: yellow, drift.SeverityInfo: faint}

func (t *table) checkedState(s drift.CheckedState) {
	status := t.paint(red, string(s.Status))
	if s.Status == drift.StateSound {
		status = t.paint(green, string(s.Status))
	}
	about := ""
	if s.State.Lineage != "" {
		about = fmt.Sprintf("serial %d, Terraform %s, %s", s.State.Serial, OneLine(s.State.TerraformVersion), count(s.State.Instances, "resource"))
	}
	if source := s.State.Source; strings.Contains(source, "://") && source != s.Path {
		about += ", " + OneLine(source)
	}
	line := t.paint(bold, OneLine(s.String())) + "  " + status
	if about != "" {
		line += "  " + t.paint(faint, about)
	}
	t.line("%s", line)
	for _, severity := range []drift.Severity{drift.SeverityError, drift.SeverityWarning, drift.SeverityInfo} {
		for _, f := range s.Integrity {
			if f.Severity == severity {
				t.note(fmt.Sprintf("%-7s", severity), severityStyles[severity], f.Address, f.Message+" ["+f.Code+"]")
			}
		}
	}
	for _, e := range s.Errors {
		told := slices.ContainsFunc(s.Integrity, func(f drift.Integrity) bool { return f.Code == e.Code })
		if !told {
			t.note(fmt.Sprintf("%-7s", "error"), red, e.Address, e.Message+" ["+e.Code+"]")
		}
	}
	if len(s.Integrity)+len(s.Errors) > 0 {
		t.line("")
	}
}
