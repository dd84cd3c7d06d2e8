package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// ShowOptions choose how one finding is shown.
type ShowOptions struct {
	Color bool
	Width int  // columns; 0 means 100
	Full  bool // long values too
}

// foldedLines is what is shown of a long value unless all of it is asked for.
const foldedLines = 24

// Show writes all that is known of one finding for people: the diff, since when,
// who, why it counts, and the ways out. earlier are the finding's episodes before
// this one.
func Show(w io.Writer, e drift.Episode, earlier []drift.Episode, o ShowOptions) error {
	if o.Width == 0 {
		o.Width = 100
	}
	s := &shown{table{out: bufio.NewWriter(w), o: TableOptions{Color: o.Color, Width: o.Width}}, o.Full}
	s.head(e)
	for _, c := range e.Finding.Changes {
		s.change(c)
	}
	s.line("")
	for _, f := range showFacts(e, earlier) {
		s.fact(f)
	}
	s.evidence(asked(e.Finding))
	if !e.Life.Over() {
		s.waysOut(e)
	}
	return s.out.Flush()
}

type shown struct {
	table
	full bool
}

func (s *shown) head(e drift.Episode) {
	f := e.Finding
	kind := s.paint(yellow, string(f.Kind))
	if f.Kind == drift.Deleted {
		kind = s.paint(red, string(f.Kind))
	}
	s.line("%s  %s  %s  %s", s.paint(bold, OneLine(f.Address)), kind, e.Life, s.paint(faint, OneLine(f.ID)))
	where := "in " + OneLine(e.Stack.String())
	if f.Source != nil {
		where += ", declared at " + place(f.Source)
	}
	s.line("%s\n", s.paint(faint, where))
	if f.Kind == drift.Deleted {
		s.line("  %s the object is gone", s.paint(red, "-"))
	}
}

// change shows an attribute: short values on a line, longer ones line by line.
func (s *shown) change(c drift.Change) {
	v := viewOf(c)
	switch {
	case v.Sensitive:
		s.line("  %s  (sensitive)%s", v.Path, s.replaces(c))
		return
	case !v.Document && !v.Parts[0].Long():
		s.line("  %s  %s -> %s%s", v.Path, s.paint(red, v.Parts[0].From), s.paint(green, v.Parts[0].To), s.replaces(c))
		return
	}
	s.line("  %s%s", v.Path, s.replaces(c))
	for _, part := range v.Parts {
		switch {
		case !part.Long():
			s.line("    %s  %s -> %s", part.Path, s.paint(red, part.From), s.paint(green, part.To))
			continue
		case part.Path != "":
			s.line("    %s", part.Path)
		}
		s.lines(part.Lines)
	}
}

// lines shows a long value, folded unless all of it is wanted.
func (s *shown) lines(lines []LineView) {
	left := 0
	if len(lines) > foldedLines && !s.full {
		left = len(lines) - foldedLines
		lines = lines[:foldedLines]
	}
	for _, l := range lines {
		text := l.Text
		if !s.full {
			text = s.fit(text, 6)
		}
		switch l.Sign {
		case "-":
			s.line("    %s", s.paint(red, "- "+text))
		case "+":
			s.line("    %s", s.paint(green, "+ "+text))
		case ".":
			s.line("    %s", s.paint(faint, "... "+text))
		default:
			s.line("      %s", text)
		}
	}
	if left > 0 {
		s.line("    %s", s.paint(faint, fmt.Sprintf("... %s; --full shows them", count(left, "more line"))))
	}
}

func (s *shown) fact(f Fact) {
	if f.Text != "" {
		s.line("%s  %s", s.paint(bold, fmt.Sprintf("%-9s", f.Label)), OneLine(f.Text))
	}
}

// evidence says what makes a cause believable, and what else happened to the
// object.
func (s *shown) evidence(c *drift.Cause) {
	if c == nil {
		return
	}
	gaps, candidates := maxGaps, maxCandidates
	if s.full {
		gaps, candidates = len(c.Gaps), len(c.Candidates)
	}
	s.line("\n%s", s.paint(bold, "Evidence"))
	for _, f := range causeFacts(c, gaps) {
		s.line("  %s  %s", s.paint(faint, fmt.Sprintf("%-15s", f.Label)), f.Text)
	}
	list, left := timeline(c, candidates)
	if len(list)+left == 0 {
		return
	}
	s.line("\n%s", s.paint(bold, "Events on it, newest first, in UTC"))
	for _, v := range list {
		sign := " "
		if v.This {
			sign = s.paint(red, "*")
		}
		s.line("  %s %s  %s  %s", sign, v.At, v.What, v.Who)
		s.line("      %s", s.paint(faint, v.Note))
	}
	if left > 0 {
		more := fmt.Sprintf("and %d older", left)
		if left > c.Omitted {
			more += "; --full shows more"
		}
		s.line("    %s", s.paint(faint, more))
	}
}

// showFacts are what is known beside the diff.
func showFacts(e drift.Episode, earlier []drift.Episode) []Fact {
	f := e.Finding
	since := moment(e.FirstSeen)
	if e.Seen > 1 {
		since += fmt.Sprintf(", seen in %d runs, last %s", e.Seen, moment(e.LastSeen))
	}
	facts := []Fact{{"Severity", severityName(f)}, {"Since", since}}
	if n := len(earlier); n > 0 {
		facts = append(facts, Fact{"Before", fmt.Sprintf("%s, last until %s", count(n, "time"), moment(earlier[n-1].LastSeen))})
	}
	certainty := string(f.Certainty)
	if f.Doubt != "" {
		certainty += ": " + f.Doubt
	}
	return append(facts, Fact{"Certainty", certainty}, Fact{"Why", why(e)}, Fact{causeLabel(f), whoText(f)}, Fact{waiverLabel(f), waiverText(f)}, Fact{"Ended", ending(e)})
}

// why says why a finding counts, or doesn't.
func why(e drift.Episode) string {
	f := e.Finding
	switch {
	case e.Life.Over():
		return "it does not count any more: the drift is gone"
	case f.Status == drift.Waived:
		return "it does not count: it is waived"
	case f.Status == drift.Ignored:
		return "it does not count: a rule in holdfast.yaml ignores it"
	case f.Kind == drift.Deleted:
		return "the state has the object and reality does not; applying the code would create it again"
	}
	text := fmt.Sprintf("%s differs from what was last applied, and applying the code would change it back", count(len(f.Changes), "attribute"))
	if len(f.Changes) != 1 {
		text = strings.Replace(strings.Replace(text, "differs", "differ", 1), "change it back", "change them back", 1)
	}
	for _, c := range f.Changes {
		if c.RequiresReplace {
			return text + ", by replacing the resource"
		}
	}
	return text
}

// ending says what became of drift that is over.
func ending(e drift.Episode) string {
	if e.Ended.IsZero() {
		return ""
	}
	text := string(e.Life) + ", " + moment(e.Ended)
	if e.Actor != "" {
		text += " by " + e.Actor
	}
	if e.Ticket != "" {
		text += " (" + e.Ticket + ")"
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") }

// waysOut says what can be done now, with the commands.
func (s *shown) waysOut(e drift.Episode) {
	f := e.Finding
	code := "the code"
	if f.Source != nil {
		code = place(f.Source)
	}
	s.line("\n%s", s.paint(bold, "Ways out"))
	s.line("  Put it back, and nothing else:")
	s.line("    %s", putBack(e)[0])
	command := acceptCommand(e)
	switch {
	case command != "":
		s.line("  Or take it into the code and the state, as it is:")
	case f.Kind == drift.Deleted:
		s.line("  Or let it be gone: take it out of %s, then", code)
	default:
		s.line("  Or keep it: write what is there now into %s, then", code)
	}
	s.line("    %s", cmp.Or(command, "terraform apply -refresh-only "+shellWord("-target="+f.Address)))
	if f.Status == drift.Open {
		s.line("  Or, where it is nothing but noise: a rule below ignore: in holdfast.yaml, with a reason and an end.")
	}
}

// shellWord is text as one word of a shell's command line.
func shellWord(s string) string {
	s = OneLine(s)
	plain := func(r rune) bool {
		return isPlain(r) || strings.ContainsRune("._-/:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Candidate is an episode on one line, to be chosen by its id.
func Candidate(e drift.Episode) string {
	return fmt.Sprintf("%s  %s  %s, %s, in %s", OneLine(e.Finding.ID), OneLine(e.Finding.Address), e.Finding.Kind, e.Life, OneLine(e.Stack.String()))
}
