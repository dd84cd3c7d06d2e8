package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/drift"
)

// Limits of what people are shown; what is over is counted.
const (
	mostTitle        = 100 // characters
	mostShort        = 140 // characters
	mostStacks       = 20
	mostListed       = 50 // alerts, of all stacks
	mostShownChanges = 8  // of an alert
	mostShownValue   = 80 // characters
)

// Links are the pages of a server; the zero value has none.
type Links struct{ Server string } // its URL

// Finding is the page of an episode.
func (l Links) Finding(episode string) string { return l.page("findings", episode) }

// Stack is the page of a stack.
func (l Links) Stack(id string) string { return l.page("stacks", id) }

// Run is the page of a run.
func (l Links) Run(id string) string { return l.page("runs", id) }

func (l Links) page(kind, id string) string {
	if l.Server == "" || id == "" {
		return ""
	}
	return strings.TrimRight(l.Server, "/") + "/" + kind + "/" + id
}

// headings are what alerts are called, in the order in which they are told.
var headings = []struct {
	kind       drift.AlertKind
	count, one string
}{
	{drift.AlertNew, "%d new", "new drift"},
	{drift.AlertReopened, "%d back again", "back again"},
	{drift.AlertChanged, "%d changed", "changed"},
	{drift.AlertWaiverEnded, "%d with a waiver that has ended", "its waiver has ended"},
	{drift.AlertIntegrity, "%d with an unsound state", "the state is unsound"},
	{drift.AlertNotCheckable, "%d not checkable", "not checkable"},
	{drift.AlertOverdue, "%d overdue", "check overdue"},
	{drift.AlertWaiverEnding, "%d with a waiver that ends soon", "a waiver ends soon"},
	{drift.AlertResolved, "%d resolved", "resolved"},
	{drift.AlertClean, "%d all clean again", "all clean again"},
}

func rank(kind drift.AlertKind) int {
	for i, h := range headings {
		if h.kind == kind {
			return i
		}
	}
	return len(headings)
}

// Heading is what a kind of alert is called, for people.
func Heading(kind drift.AlertKind) string {
	if i := rank(kind); i < len(headings) {
		return headings[i].one
	}
	return string(kind)
}

// Compose fills in a message that has its ID, Channel, At, Alerts and Standing: what
// people read, in words of ours or of the template (nil: none). Alerts are sorted,
// worst first.
func Compose(m Message, links Links, custom *Template) (Message, error) {
	m.Alerts = slices.Clone(m.Alerts)
	slices.SortStableFunc(m.Alerts, func(a, b drift.Alert) int {
		return cmp.Or(rank(a.Kind)-rank(b.Kind), b.Severity.Rank()-a.Severity.Rank(), strings.Compare(a.Stack.String(), b.Stack.String()), strings.Compare(address(a), address(b)))
	})
	for _, a := range m.Alerts {
		m.Severity = drift.Worse(m.Severity, a.Severity)
	}
	m.Link, m.pages = link(m.Alerts, links), links
	m.Title, m.Short = clip(m.title(), mostTitle), clip("Holdfast: "+m.title(), mostShort)
	m.Text = m.write(links)
	if custom == nil {
		return m, nil
	}
	return custom.fill(m)
}

// link is the page that has most of what is told.
func link(alerts []drift.Alert, links Links) string {
	if len(alerts) == 0 {
		return strings.TrimRight(links.Server, "/")
	}
	first := alerts[0]
	same := func(part func(drift.Alert) string) bool {
		return !slices.ContainsFunc(alerts, func(a drift.Alert) bool { return part(a) != part(first) })
	}
	switch {
	case first.Episode != "" && len(alerts) == 1:
		return links.Finding(first.Episode)
	case same(func(a drift.Alert) string { return a.Stack.ID }):
		return links.Stack(first.Stack.ID)
	case same(func(a drift.Alert) string { return a.Run }) && first.Run != "":
		return links.Run(first.Run)
	}
	return strings.TrimRight(links.Server, "/")
}

func (m Message) title() string {
	if len(m.Alerts) == 0 {
		return "a test of channel " + tidy(m.Channel)
	}
	var parts []string
	for _, h := range headings {
		n := 0
		for _, a := range m.Alerts {
			if a.Kind == h.kind {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf(h.count, n))
		}
	}
	first := m.Alerts[0]
	if len(m.Alerts) == 1 {
		parts = []string{Heading(first.Kind)}
		if address(first) != "" {
			parts[0] += ": " + tidy(address(first))
		}
	}
	stacks := map[string]bool{}
	for _, a := range m.Alerts {
		stacks[a.Stack.ID] = true
	}
	where := "in " + tidy(first.Stack.String())
	if len(stacks) > 1 {
		where = fmt.Sprintf("in %d stacks", len(stacks))
	}
	text := strings.Join(parts, ", ") + " " + where
	if slices.ContainsFunc(m.Alerts, func(a drift.Alert) bool { return a.Severity == drift.SeverityHigh && !good(a.Kind) }) {
		text = "[high] " + text
	}
	return text
}

// good reports whether an alert tells of an end: of what was as bad as it says.
func good(kind drift.AlertKind) bool {
	return kind == drift.AlertResolved || kind == drift.AlertClean
}

func address(a drift.Alert) string {
	switch {
	case a.Finding != nil:
		return a.Finding.Address
	case a.Fault != nil:
		return a.Fault.Address
	}
	return ""
}

// write writes all of it, as text without any marks.
func (m Message) write(links Links) string {
	if len(m.Alerts) == 0 {
		return "This is a test of channel " + tidy(m.Channel) + ". Nothing has happened; what does will be told here.\n"
	}
	var b strings.Builder
	var order []drift.StackRef
	of := map[string][]drift.Alert{}
	for _, a := range m.Alerts {
		if of[a.Stack.ID] == nil {
			order = append(order, a.Stack)
		}
		of[a.Stack.ID] = append(of[a.Stack.ID], a)
	}
	left := mostListed
	for i, ref := range order {
		if i == mostStacks || left == 0 {
			fmt.Fprintf(&b, "and %d more stacks\n", len(order)-i)
			break
		}
		list := of[ref.ID]
		writeLine(&b, "", tidy(ref.String()), links.Stack(ref.ID))
		for _, a := range list[:min(left, len(list))] {
			writeAlert(&b, a, links.Finding(a.Episode))
		}
		if len(list) > left {
			fmt.Fprintf(&b, "and %d more here\n", len(list)-left)
		}
		left = max(left-len(list), 0)
	}
	if m.Link != "" {
		b.WriteString("More: " + m.Link + "\n")
	}
	return b.String()
}

// writeLine writes the parts that there are as a line.
func writeLine(b *strings.Builder, indent string, parts ...string) {
	b.WriteString(indent + strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "  ") + "\n")
}

// writeAlert writes an alert, and what changed and why below it.
func writeAlert(b *strings.Builder, a drift.Alert, link string) {
	writeLine(b, "  ", Heading(a.Kind), string(a.Severity), tidy(address(a)), tidy(a.Detail), link)
	shown, more := changes(a)
	for _, c := range shown {
		if c.Sensitive {
			fmt.Fprintf(b, "      %s: sensitive, not shown\n", tidy(c.Path))
			continue
		}
		fmt.Fprintf(b, "      %s: %s -> %s\n", tidy(c.Path), shownValue(c.Expected), shownValue(c.Actual))
	}
	if more > 0 {
		fmt.Fprintf(b, "      and %d more\n", more)
	}
	for _, fact := range facts(a) {
		fmt.Fprintf(b, "      %s\n", fact)
	}
}

// facts are the lines about an alert below its own.
func facts(a drift.Alert) []string {
	var list []string
	if f := a.Finding; f != nil {
		if f.Certainty == drift.Possible {
			list = append(list, cmp.Or("possible: "+f.Doubt, "possible"))
		}
		if f.Cause != nil && f.Cause.Summary != "" && a.Kind != drift.AlertResolved {
			list = append(list, f.Cause.Summary)
		}
	}
	if w := a.Waiver; w != nil {
		list = append(list, "waiver "+w.ID+" until "+w.Until+", "+w.Owner+": "+w.Reason)
	}
	if a.Count > 0 && a.Kind == drift.AlertNotCheckable {
		list = append(list, fmt.Sprintf("%d checks in a row", a.Count))
	}
	for i := range list {
		list[i] = clip(tidy(list[i]), mostFact)
	}
	return list
}

// mostFact is how long a line below an alert may be, in characters.
const mostFact = 300

// changes are the attributes that an alert shows, and how many more there are.
func changes(a drift.Alert) (shown []drift.Change, more int) {
	if a.Finding == nil || a.Kind == drift.AlertResolved || a.Kind == drift.AlertWaiverEnding {
		return nil, 0
	}
	all := a.Finding.Changes
	shown = all[:min(len(all), mostShownChanges)]
	return shown, len(all) - len(shown)
}
