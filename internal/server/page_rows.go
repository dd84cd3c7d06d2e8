package server

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/store"
)

// stackRow is a stack in a list.
type stackRow struct {
	store.FleetStack
	Href, Name string
	Stale      bool   // not looked at for certain for long
	Gone       bool   // its source doesn't have it any more
	Badge      string // its status, or what stands before that
}

func (p *site) stackRow(one store.FleetStack) stackRow {
	row := stackRow{FleetStack: one, Href: pathTo("stacks", one.Stack.ID), Name: short(one.Stack.String(), 200), Badge: string(one.Status)}
	row.Gone = !one.GoneAt.IsZero()
	row.Stale = !row.Gone && one.DecidedAt.Before(p.staleBefore())
	row.Badge = cmp.Or(row.Badge, "unchecked")
	if row.Gone {
		row.Badge = "gone"
	}
	return row
}

// findingRow is a finding in a list.
type findingRow struct {
	Href, Address, Teaser string
	Severity              string // "" where none is known
	Kind                  drift.Kind
	Badge                 string // what has become of it
	Stack, StackHref      string
	Who, WhoWords         string
	Possible, Replaces    bool
	First, Ended          time.Time
}

func rowOfFinding(e drift.Episode) findingRow {
	f := e.Finding
	row := findingRow{
		Href: findingPath(e), Address: short(f.Address, 300), Severity: report.SeverityOf(f), Kind: f.Kind, Badge: string(e.Life),
		Stack: short(e.Stack.String(), 200), StackHref: pathTo("stacks", e.Stack.ID),
		Who: short(report.Who(f), 120), WhoWords: causeWords(classOf(f)), Possible: f.Certainty == drift.Possible,
		First: e.FirstSeen, Ended: e.Ended, Teaser: teaser(f),
	}
	for _, c := range f.Changes {
		row.Replaces = row.Replaces || c.RequiresReplace
	}
	return row
}

func teaser(f drift.Finding) string {
	if f.Kind == drift.Deleted {
		return "the object is gone"
	}
	var paths []string
	for _, c := range f.Changes {
		paths = append(paths, c.Path)
	}
	return short(strings.Join(paths, ", "), 160)
}

// findingPath is where an episode is shown. The stack is named because copies of a
// state give findings of several stacks the same id.
func findingPath(e drift.Episode) string {
	return pathTo("findings", e.ID()) + "?stack=" + url.QueryEscape(e.Stack.ID)
}

func classOf(f drift.Finding) drift.CauseClass {
	if f.Cause == nil || f.Cause.Class == "" {
		return drift.CauseUnknown
	}
	return f.Cause.Class
}

// causes are the classes in the order of lists, each in words.
var causes = []struct {
	Class drift.CauseClass
	Words string
}{
	{drift.CauseConsole, "By hand, in the console"},
	{drift.CauseCLI, "By hand, on a command line"},
	{drift.CauseAutomation, "Other automation"},
	{drift.CauseCode, "Other infrastructure code"},
	{drift.CauseService, "AWS itself"},
	{drift.CauseState, "An unsound state"},
	{drift.CauseUnknown, "Not known"},
}

func causeWords(class drift.CauseClass) string {
	for _, c := range causes {
		if c.Class == class {
			return c.Words
		}
	}
	return short(string(class), 60)
}

// runRow is a run in a list.
type runRow struct {
	store.RunInfo
	Href  string
	Badge string // running, done, cancelled, failed, stopped
	By    string // what began it
	Took  string
	Found string // what it found, in words
}

func (p *site) runRow(r store.RunInfo) runRow {
	row := runRow{RunInfo: r, Href: pathTo("runs", r.ID), Badge: runState(r), By: startedBy(r)}
	if !r.FinishedAt.IsZero() {
		row.Took = took(r.FinishedAt.Sub(r.StartedAt))
		row.Found = foundWords(r)
	}
	return row
}

// runState is how a run is doing.
func runState(r store.RunInfo) string {
	switch {
	case r.Error != "":
		return "failed"
	case !r.CancelledAt.IsZero():
		return "cancelled"
	case !r.FinishedAt.IsZero():
		return "done"
	case r.Source == "":
		return "unfinished" // of a command, which may have been cut off
	}
	return "running"
}

// Origin is what has made a run that is of no source.
func (r runRow) Origin() string {
	if r.Trigger == store.ByPerson {
		return "a revert or accept"
	}
	return "the command line"
}

func startedBy(r store.RunInfo) string {
	switch r.Trigger {
	case "schedule":
		return "schedule"
	case "person":
		return short(cmp.Or(r.Actor, "somebody"), 80)
	}
	return short(cmp.Or(r.Trigger, "command"), 40)
}

func foundWords(r store.RunInfo) string {
	s := r.Summary
	if s.Stacks == 0 {
		return "nothing was checked"
	}
	parts := []string{report.Count(s.Stacks, "stack")}
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, report.Count(n, what))
		}
	}
	add(s.Findings, "open finding")
	if s.Errored > 0 {
		parts = append(parts, report.Count(s.Errored, "stack")+" not checked")
	}
	if s.Incomplete > 0 {
		parts = append(parts, report.Count(s.Incomplete, "stack")+" incomplete")
	}
	if len(parts) == 1 && s.Clean == s.Stacks {
		parts = append(parts, "all clean")
	}
	return strings.Join(parts, ", ")
}

// requestRow is a request in a list.
type requestRow struct {
	store.Request
	Href, Name, What string
}

func rowOfRequest(r store.Request) requestRow {
	what := map[string]string{store.RequestRevert: "Revert ", store.RequestAccept: "Accept ", store.RequestWaive: "Waive "}[r.Kind]
	if len(r.Addresses) == 1 {
		what += short(r.Addresses[0], 200)
	} else {
		what += report.Count(len(r.Addresses), "finding")
	}
	return requestRow{Request: r, Href: pathTo("requests", r.ID), Name: short(r.Stack.String(), 200), What: what}
}
