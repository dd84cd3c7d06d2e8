package report

import (
	"holdfast/internal/drift"
)

// PageParts are the templates that the HTML page shares with the pages of the
// server, with their style: badge (a word that is a status), change (a
// ChangeView), cause (a CauseView) and trend (a TrendView). They need no style
// attributes and no script.
func PageParts() (templates, style string) { return pageParts, pagePartsStyle }

// CauseView is who or what made a finding, as the template cause tells it.
type CauseView struct {
	Text       string // on one line; "" where nobody was asked
	Label      string // what Text tells: Who, or Cause
	Evidence   []Fact
	Events     []EventView
	EventsLeft int // so many older events are left out
}

// CauseOf prepares a finding's cause for people.
func CauseOf(f drift.Finding) CauseView {
	v := CauseView{Text: causeText(f), Label: causeLabel(f)}
	if asked(f) != nil {
		v.Evidence = causeFacts(f.Cause, maxGaps)
		v.Events, v.EventsLeft = timeline(f.Cause, maxCandidates)
	}
	return v
}

// ChangesOf prepares a finding's changes for people, without any sensitive value.
func ChangesOf(f drift.Finding) []ChangeView {
	var views []ChangeView
	for _, c := range f.Changes {
		views = append(views, viewOf(c))
	}
	return views
}

// TrendOf draws a trend of two points or more; nil for fewer.
func TrendOf(points []drift.TrendPoint) *TrendView { return trendOf(points) }

// Who is who changed a resource, and how, in short; "" where nobody is named.
func Who(f drift.Finding) string { return causeBy(f) }

// Why says why a finding counts, or doesn't.
func Why(e drift.Episode) string { return why(e) }

// SeverityOf is how bad a finding is; "" for one that an older version has saved.
func SeverityOf(f drift.Finding) string { return severityName(f) }

// WaiverOf tells the waiver of a finding on one line, or the rule that ignores it,
// and names which of them it is; "" for neither.
func WaiverOf(f drift.Finding) (label, text string) { return waiverLabel(f), waiverText(f) }

// Place is a position as editors and compilers write it; "" for none.
func Place(p *drift.Position) string { return place(p) }

// Count names a number of things: 1 stack, 2 stacks.
func Count(n int, what string) string { return count(n, what) }

// Commands are those of the command line that deal with a finding. Accept is ""
// where it can't be taken into the code; Revert is Terraform's own where Holdfast
// has only the state.
type Commands struct{ Show, Waive, Accept, Revert string }

// CommandsFor gives the commands for a finding.
func CommandsFor(e drift.Episode) Commands {
	id := shellWord(e.Finding.ID)
	c := Commands{Show: "holdfast show " + id, Accept: acceptCommand(e), Revert: putBack(e)[0]}
	c.Waive = "holdfast waive " + id + " --reason REASON --owner OWNER --until DATE"
	if NeedsWhole(e.Finding) {
		c.Waive += " --whole"
	}
	return c
}

// NeedsWhole reports whether only a waiver of the resource as a whole covers a
// finding.
func NeedsWhole(f drift.Finding) bool {
	return f.Kind == drift.Deleted || len(replacing(f)) > 0
}
