package alert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"holdfast/internal/drift"
)

// Limits of what is written, in bytes. GitHub takes 65,536 characters.
const (
	mostBody     = 60_000
	mostFolded   = 36_000
	mostFoldedID = 24_000
	mostTold     = 50 // alerts of a comment
)

const (
	asOfTime = "2006-01-02 15:04 MST"
	asOf     = "<sub>As of "
)

// sameMeaning compares bodies without the line that says when.
func sameMeaning(a, b string) bool { return timeless(a) == timeless(b) }

func timeless(body string) string {
	lines := strings.Split(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, asOf) })
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// stackTitle stays the same while the issue lives. People may change it.
func stackTitle(s Standing) string { return "Drift: " + clip(tidy(s.Stack.String()), 200) }

// stackBody says how a stack is, for the body of its issue.
func stackBody(s Standing, pages Links) string {
	b := &bodyText{}
	b.line("%s: **%s**. %s\n", codeSpan(s.Stack.String()), s.summary(), mdLink("The stack in Holdfast", s.Link))
	b.findings(s.Open, pages)
	if s.Waived > 0 {
		b.line("%s documented as justified in `waivers.yaml` and not listed here.\n", map[bool]string{true: "1 finding is", false: fmt.Sprintf("%d findings are", s.Waived)}[s.Waived == 1])
	}
	b.list("The state", len(s.Integrity), func(i int) string {
		fault := s.Integrity[i]
		return fmt.Sprintf("%s %s %s", fault.Severity, codeSpan(fault.Code), codeSpan(clip(strings.TrimPrefix(fault.Address+": ", ": ")+fault.Message, 400)))
	})
	b.list("Not checked", len(s.Errors), func(i int) string {
		e := s.Errors[i]
		return strings.TrimSpace(codeSpan(clip(e.Address, 200)) + " " + codeSpan(clip(e.Message, 400)))
	})
	if len(s.Open) > 0 {
		b.line("`holdfast show FINDING` tells all about one; `holdfast revert`, `accept` or `waive` end it.\n")
	}
	b.line(asOf+"%s. Holdfast keeps this text up to date and closes the issue when the stack is clean; what people have to say belongs into comments.</sub>", s.CheckedAt.UTC().Format(asOfTime))
	return b.String()
}

// bodyText is Markdown that ends before it is too long. What is left out is counted.
type bodyText struct{ strings.Builder }

func (b *bodyText) line(format string, args ...any) {
	_, _ = b.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n") // it never fails
}

func (b *bodyText) full() bool { return b.Len() > mostBody-6_000 }

func (b *bodyText) findings(open []drift.Episode, pages Links) {
	if len(open) == 0 {
		return
	}
	b.line("| Severity | Resource | What differs | Who or what | Since | Finding |")
	b.line("|---|---|---|---|---|---|")
	for i, e := range open {
		if b.full() {
			b.line("\nAnd %d more.", len(open)-i)
			break
		}
		f, id := e.Finding, codeCell(e.ID())
		if link := mdLink(id, pages.Finding(e.ID())); link != "" {
			id = link
		}
		b.line("| %s | %s | %s | %s | %s | %s |", f.Severity, codeCell(clip(f.Address, 200)), changesCell(f), codeCell(who(f)), e.FirstSeen.UTC().Format("2006-01-02"), id)
	}
	b.line("")
}

func (b *bodyText) list(title string, n int, item func(i int) string) {
	if n == 0 {
		return
	}
	b.line("**%s**\n", title)
	for i := range n {
		if b.full() {
			b.line("- and %d more", n-i)
			break
		}
		b.line("- %s", item(i))
	}
	b.line("")
}

// changesCell is what differs of a finding, a line for each path.
func changesCell(f drift.Finding) string {
	var lines []string
	if f.Kind == drift.Deleted {
		lines = append(lines, "the object is gone")
	}
	if f.Certainty == drift.Possible {
		lines = append(lines, "possible only")
	}
	for i, c := range f.Changes {
		if i == mostPaths {
			lines = append(lines, fmt.Sprintf("and %d more", len(f.Changes)-i))
			break
		}
		text := codeCell(clip(c.Path, mostShownValue)) + ": "
		if c.Sensitive {
			text += "sensitive, not shown"
		} else {
			text += codeCell(shownValue(c.Expected)) + " → " + codeCell(shownValue(c.Actual))
		}
		if c.RequiresReplace {
			text += " (putting it back replaces the resource)"
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "<br>")
}

// news is a comment about what has come: "" where nothing has.
func news(alerts []drift.Alert) string {
	for _, a := range alerts {
		if a.Kind != drift.AlertResolved && a.Kind != drift.AlertClean {
			return told(alerts)
		}
	}
	return ""
}

// told is what has happened to a stack, as a list; that it is clean is said otherwise.
func told(alerts []drift.Alert) string {
	alerts = slices.DeleteFunc(slices.Clone(alerts), func(a drift.Alert) bool { return a.Kind == drift.AlertClean })
	var b strings.Builder
	for i, a := range alerts {
		if i == mostTold {
			fmt.Fprintf(&b, "- and %d more\n", len(alerts)-i)
			break
		}
		fmt.Fprintf(&b, "- %s\n", toldLine(a))
	}
	return b.String()
}

func toldLine(a drift.Alert) string {
	head := Heading(a.Kind)
	if a.Severity != "" {
		head += ", " + string(a.Severity)
	}
	return joined(head, codeSpan(clip(address(a), 200)), codeSpan(about(a)))
}

// foldedStacks are those that the overview tells: each with its row of the table, as
// far as there is place. They are kept in the overview's body.
type foldedStacks struct {
	rows []foldedRow
	news []string // what to say about them
}

type foldedRow struct{ id, row string } // row is "" where there was no place

var (
	rowMarker  = regexp.MustCompile(`^\| <!-- holdfast:row=([A-Za-z0-9._:-]+) -->`)
	moreMarker = regexp.MustCompile(`^<!-- holdfast:more=([A-Za-z0-9._:,-]+) -->$`)
)

func (f *foldedStacks) parse(body string) {
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if found := rowMarker.FindStringSubmatch(line); found != nil {
			f.rows = append(f.rows, foldedRow{found[1], line})
		} else if found := moreMarker.FindStringSubmatch(line); found != nil {
			for id := range strings.SplitSeq(found[1], ",") {
				f.rows = append(f.rows, foldedRow{id: id})
			}
		}
	}
}

func (r *githubRound) fold(s Standing) {
	id := markerWord(s.Stack.ID)
	row := fmt.Sprintf("| <!-- holdfast:row=%s --> %s | %s | %s | %s |", id, codeCell(clip(s.Stack.String(), 200)), s.worst(), s.summary(), mdLink("open", s.Link))
	if fresh := news(r.alerts[s.Stack.ID]); fresh != "" {
		r.folds.news = append(r.folds.news, codeSpan(clip(s.Stack.String(), 200))+": "+s.summary())
	}
	for i, known := range r.folds.rows {
		if known.id == id {
			r.folds.rows[i].row = row
			return
		}
	}
	r.folds.rows = append(r.folds.rows, foldedRow{id, row})
}

func (r *githubRound) unfold(id string) {
	r.folds.rows = slices.DeleteFunc(r.folds.rows, func(row foldedRow) bool { return row.id == markerWord(id) })
}

// overview brings the issue of the stacks that have none up to date.
func (r *githubRound) overview() error {
	w := wanted{marker: overviewMarker, title: "Drift: stacks without an issue of their own", open: len(r.folds.rows) > 0}
	w.content = r.folds.body(r.mostOpen) + asOf + r.m.At.UTC().Format(asOfTime) + ". Holdfast keeps this text up to date.</sub>\n"
	issue := r.issues[overviewMarker]
	switch {
	case issue != nil && issue.open() && !w.open:
		w.say = "Each stack that needs somebody has an issue of its own again."
	case len(r.folds.news) > mostTold:
		w.say = "New or changed:\n- " + strings.Join(r.folds.news[:mostTold], "\n- ") + fmt.Sprintf("\n- and %d more", len(r.folds.news)-mostTold)
	case len(r.folds.news) > 0:
		w.say = "New or changed:\n- " + strings.Join(r.folds.news, "\n- ")
	}
	if issue != nil && !issue.open() && !w.open {
		return nil
	}
	return r.put(issue, w)
}

func (f *foldedStacks) body(mostOpen int) string {
	if len(f.rows) == 0 {
		return "Each stack that needs somebody has an issue of its own.\n\n"
	}
	var rows, more strings.Builder
	left := 0
	for _, r := range f.rows {
		switch {
		case r.row != "" && rows.Len()+len(r.row) < mostFolded:
			rows.WriteString(r.row + "\n")
			continue
		case more.Len()+len(r.id) < mostFoldedID:
			more.WriteString("," + r.id)
		}
		left++
	}
	text := fmt.Sprintf("More stacks need somebody than there may be open issues (%d, by `most_open`). Those below have none for now. Each gets one when there is room, and news of it.\n\n", mostOpen)
	text += "| Stack | Worst | What | |\n|---|---|---|---|\n" + rows.String()
	if left > 0 {
		text += fmt.Sprintf("\nAnd %d more.\n\n<!-- holdfast:more=%s -->\n", left, strings.TrimPrefix(more.String(), ","))
	}
	return text + "\n"
}
