package report

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"strings"

	"holdfast/internal/drift"
)

// stepSummary is how many bytes of details are written: GitHub refuses a step
// summary of more than 1 MiB, and nobody reads that much.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
const stepSummary = 900_000

// statusSigns go before the words of a status.
var statusSigns = map[drift.Status]string{
	drift.StatusClean: "✅", drift.StatusDrifted: "❌", drift.StatusIncomplete: "⚠️", drift.StatusError: "⛔",
}

// Markdown writes a run in GitHub's Markdown, for a step summary or a comment:
// the numbers, a table of the stacks, then each stack that isn't clean. What
// comes from the outside stands in code alone, where it can't be Markdown, HTML
// or the mention of somebody.
func Markdown(w io.Writer, run drift.Run, o Options) error {
	m := &markdown{out: bufio.NewWriter(w), history: o.History}
	t := totalOf(run)
	title := headline(t)
	if o.Environment != "" {
		title += ": " + codeSpan(o.Environment)
	}
	m.line("## %s\n", title)
	m.numbers(t)
	m.stacks(run.Stacks)
	for _, s := range run.Stacks {
		if len(s.Findings)+len(s.Adopted)+len(s.Pending)+len(s.Integrity)+len(s.Errors) > 0 || s.EngineReason != "" {
			m.stack(s)
		}
	}
	if m.left > 0 {
		m.line("The details of %s more are in the other formats: this one ends here.\n", count(m.left, "finding"))
	}
	m.line("<sub>Checked by Holdfast %s, %s.</sub>", codeSpan(run.Tool.Version), run.FinishedAt.UTC().Format("2006-01-02 15:04 MST"))
	return m.out.Flush()
}

type markdown struct {
	out     *bufio.Writer
	history map[string]drift.Episode
	written int // bytes of details
	left    int // findings without details
}

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m.out, format+"\n", args...) }

func (m *markdown) numbers(t total) {
	m.line("| Stacks | Clean | Drifted | Incomplete | Error | Resources | Findings | Waived | Ignored | Pending | Not checked |")
	m.line("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	m.line("| %d | %d | %d | %d | %d | %d | **%d** | %d | %d | %d | %d |\n",
		t.Stacks, t.Clean, t.Drifted, t.Incomplete, t.Errored, t.Resources, t.Findings, t.Waived, t.Ignored, t.Pending, t.Errors)
}

// stacks is the table of the stacks. Where there are many, those that are clean
// are counted only: they are in the numbers.
func (m *markdown) stacks(stacks []drift.Stack) {
	const many = 30
	var rows []drift.Stack
	for _, s := range stacks {
		if len(stacks) <= many || s.Status != drift.StatusClean {
			rows = append(rows, s)
		}
	}
	if len(rows) == 0 {
		return
	}
	m.line("| Stack | Status | Findings | Pending | Not checked | Resources |")
	m.line("|---|---|--:|--:|--:|--:|")
	for _, s := range rows {
		m.line("| %s | %s %s | %d | %d | %d | %d |", cellCode(stackName(s)), statusSigns[s.Status], s.Status, open(s), len(s.Pending), len(s.Errors), resources(s))
	}
	m.line("")
}

func (m *markdown) stack(s drift.Stack) {
	m.line("### %s %s\n", statusSigns[s.Status], codeSpan(stackName(s)))
	if s.EngineReason != "" {
		m.line("Checked by a plan, because %s\n", codeSpan(s.EngineReason))
	}
	for _, f := range drift.WorstFirst(s.Findings) {
		if m.written > stepSummary {
			m.left++
			continue
		}
		m.finding(f)
	}
	list := func(title string, n int, item func(i int) (address, text string)) {
		if n == 0 {
			return
		}
		m.line("**%s**\n", title)
		for i := range n {
			address, text := item(i)
			switch {
			case address == "":
				m.line("- %s", codeSpan(text))
			case text == "":
				m.line("- %s", codeSpan(address))
			default:
				m.line("- %s: %s", codeSpan(address), codeSpan(text))
			}
		}
		m.line("")
	}
	list("Not checked", len(s.Errors), func(i int) (string, string) { return s.Errors[i].Address, s.Errors[i].Message })
	list("State", len(s.Integrity), func(i int) (string, string) { return s.Integrity[i].Address, s.Integrity[i].Message })
	list("Pending: code not applied yet", len(s.Pending), func(i int) (string, string) {
		return s.Pending[i].Address, strings.Join(append([]string{strings.Join(s.Pending[i].Actions, ", ")}, s.Pending[i].Paths...), " ")
	})
	list("Adopted: already in the code", len(s.Adopted), func(i int) (string, string) {
		return s.Adopted[i].Address, strings.Join(s.Adopted[i].Paths, ", ")
	})
}

// finding writes one with its diff folded away.
func (m *markdown) finding(f drift.Finding) {
	var b bytes.Buffer
	state := kindWords(f)
	if f.Status != drift.Open {
		state += ", " + string(f.Status)
	}
	if f.Certainty == drift.Possible {
		state += ", possible"
	}
	// A line of HTML, as <summary> has to be: what comes from the outside is
	// escaped as such.
	fmt.Fprintf(&b, "<details><summary><code>%s</code> %s</summary>\n\n", html.EscapeString(OneLine(f.Address)), html.EscapeString(state))
	for _, fact := range m.facts(f) {
		fmt.Fprintf(&b, "- %s: %s\n", fact.Label, codeSpan(fact.Text))
	}
	fmt.Fprintf(&b, "\n%s\n</details>\n\n", fenced(diffText(f)))
	m.written += b.Len()
	_, _ = m.out.Write(b.Bytes()) // Flush tells
}

// Fact is something that is known, with what it is about.
type Fact struct{ Label, Text string }

// facts are what is known of a finding beside its diff.
func (m *markdown) facts(f drift.Finding) []Fact {
	facts := []Fact{{"Finding", f.ID}}
	add := func(label, text string) {
		if text != "" {
			facts = append(facts, Fact{label, text})
		}
	}
	add("Source", place(f.Source))
	if e, ok := m.history[f.ID]; ok {
		add("Since", e.FirstSeen.UTC().Format("2006-01-02 15:04 MST"))
	}
	add(causeLabel(f), causeText(f))
	facts = append(facts, causeNotes(asked(f))...)
	add(waiverLabel(f), waiverText(f))
	add("Doubt", f.Doubt)
	return facts
}

// place is a position as editors and compilers write it.
func place(p *drift.Position) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", OneLine(p.File), p.Line)
}

// diffText is a finding's diff as plain text: a line with the path, then what
// was expected and what is there.
func diffText(f drift.Finding) string {
	var b strings.Builder
	if f.Kind == drift.Deleted {
		b.WriteString("- the object is gone\n")
	}
	for _, c := range f.Changes {
		v := viewOf(c)
		note := ""
		if v.Replaces {
			note = "  (putting it back replaces the resource)"
		}
		if !v.Document || v.Replaces {
			b.WriteString("  " + v.Path + note + "\n")
		}
		if v.Sensitive {
			b.WriteString("! sensitive, not shown\n")
		}
		for _, part := range v.Parts {
			if part.Path != "" {
				b.WriteString("  " + v.Path + ": " + part.Path + "\n")
			}
			for _, l := range part.signed() {
				b.WriteString(l.Sign + " " + l.Text + "\n")
			}
		}
	}
	return b.String()
}

// signed is the part line by line, whether it is long or not.
func (p PartView) signed() []LineView {
	if !p.Long() {
		return []LineView{{"-", p.From}, {"+", p.To}}
	}
	lines := make([]LineView, 0, len(p.Lines))
	for _, l := range p.Lines {
		l.Text = shorten(l.Text, 400)
		l.Sign = strings.Replace(l.Sign, ".", " ...", 1)
		lines = append(lines, l)
	}
	return lines
}

// fenced is text in a block of code that it can't end.
func fenced(text string) string {
	fence := strings.Repeat("`", max(3, longestTicks(text)+1))
	return fence + "diff\n" + text + fence
}

// codeSpan is text on one line as code that it can't end.
// https://spec.commonmark.org/0.31.2/#code-spans
func codeSpan(s string) string {
	s = cmp.Or(strings.TrimSpace(OneLine(s)), "-")
	ticks := strings.Repeat("`", longestTicks(s)+1)
	if len(ticks) > 1 {
		return ticks + " " + s + " " + ticks
	}
	return ticks + s + ticks
}

// cellCode is code in a cell of a table. Markdown's programs disagree on a code
// span with a backslash and a bar in it, so that is written as HTML.
func cellCode(s string) string {
	if !strings.ContainsAny(s, `|\`) {
		return codeSpan(s)
	}
	var b strings.Builder
	for _, r := range OneLine(s) {
		if r < 0x80 && r != ' ' && !isPlain(r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return "<code>" + b.String() + "</code>"
}

func isPlain(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// longestTicks is the length of the longest run of backticks.
func longestTicks(s string) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
