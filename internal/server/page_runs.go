package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// runsView is the list of runs.
type runsView struct {
	Rows    []runRow
	Pager   pager
	Sources []choice
	Chosen  string
}

func (p *site) runs(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page, err := p.Store.RunsPage(r.Context(), store.RunFilter{Sources: seen(r.Context(), q.Get("source")), After: q.Get("after")})
	if err != nil {
		p.failed(w, r, "reading the runs", err)
		return
	}
	v := runsView{Pager: pagerOf(r, len(page.Items), page.Total, page.Next), Sources: p.sourceChoices(r.Context(), q.Get("source")), Chosen: q.Get("source")}
	for _, one := range page.Items {
		v.Rows = append(v.Rows, p.runRow(one))
	}
	p.show(w, r, http.StatusOK, "runs", view{Title: "Runs", Nav: "/runs", Body: v})
}

// checkSource begins a round of a source.
func (p *site) checkSource(w http.ResponseWriter, r *http.Request) {
	source := r.PostFormValue("source")
	if _, known := p.source(source); !known || !access.From(r.Context()).MaySee(source) {
		p.missing(w, r, "There is no such source", "holdfast.yaml lists the sources of this server.", step{"Runs", "/runs"})
		return
	}
	p.begin(w, r, source, nil, "A check of all stacks of "+source+" has begun.", "/runs")
}

// runView is one run.
type runView struct {
	runRow
	progress
	Live    bool
	Percent int
	Rows    []runStackRow
	Left    int // stacks that aren't listed
}

// runStackRow is a stack in a run.
type runStackRow struct {
	store.RunStack
	Href, Name, Badge, Took, Note string
}

// mostStacks of a run are listed on its page: those that want attention first.
const mostStacks = 500

func (p *site) run(w http.ResponseWriter, r *http.Request) {
	info, ok := p.findRun(w, r)
	if !ok {
		return
	}
	counts, err := p.Store.OutcomeCounts(r.Context(), info.ID)
	if err != nil {
		p.broken(w, r, "reading a run", err)
		return
	}
	stacks, err := p.runStacks(r.Context(), info.ID, counts)
	if err != nil {
		p.broken(w, r, "reading a run", err)
		return
	}
	v := viewOfRun(p.runRow(info), counts, stacks)
	refresh := 0
	if v.Live {
		refresh = 10
	}
	p.show(w, r, http.StatusOK, "run", view{Title: "Run of " + day(info.StartedAt) + ": " + v.Badge, Nav: "/runs", Refresh: refresh, Body: v})
}

// findRun finds the run that a path names, or has answered.
func (p *site) findRun(w http.ResponseWriter, r *http.Request) (store.RunInfo, bool) {
	info, ok, err := p.Store.Run(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		p.broken(w, r, "reading a run", err)
		return info, false
	case !ok || !access.From(r.Context()).MaySee(info.Source):
		p.missing(w, r, "There is no such run", "It may be so old that it was taken out of the history.", step{"All runs", "/runs"})
		return info, false
	}
	return info, true
}

// attention orders the stacks of a run: what went wrong, what is being done, what
// was found, what waits, and the rest.
var attention = []store.OutcomeCount{
	{State: store.StackFailed}, {State: store.StackRunning}, {State: store.StackDone, Outcome: drift.StatusError},
	{State: store.StackDone, Outcome: drift.StatusDrifted}, {State: store.StackDone, Outcome: drift.StatusIncomplete}, {State: store.StackQueued},
	{State: store.StackJoined}, {State: store.StackDone, Outcome: drift.StatusClean}, {State: store.StackCancelled},
}

// runStacks are the stacks of a run that want attention most.
func (p *site) runStacks(ctx context.Context, run string, counts []store.OutcomeCount) (list []store.RunStack, err error) {
	for _, group := range attention {
		if len(list) == mostStacks || !slices.ContainsFunc(counts, func(c store.OutcomeCount) bool {
			return c.State == group.State && (group.Outcome == "" || c.Outcome == group.Outcome)
		}) {
			continue
		}
		f := store.RunStackFilter{States: []store.StackState{group.State}, Limit: mostStacks - len(list)}
		if group.Outcome != "" {
			f.Outcomes = []drift.Status{group.Outcome}
		}
		page, err := p.Store.RunStacksPage(ctx, run, f)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(page.Items, func(a, b store.RunStack) int { return cmp.Compare(a.Stack.String(), b.Stack.String()) })
		list = append(list, page.Items...)
	}
	return list, nil
}

func viewOfRun(row runRow, counts []store.OutcomeCount, stacks []store.RunStack) runView {
	v := runView{runRow: row, progress: progressOf(row.RunInfo, counts), Live: row.Badge == "running"}
	if v.Total > 0 {
		v.Percent = 100 * v.Done / v.Total
	}
	v.Left = v.Total - len(stacks)
	for _, one := range stacks {
		v.Rows = append(v.Rows, rowOfRunStack(one))
	}
	return v
}

// stackBadge is the outcome of a stack's check, or how far it is.
func stackBadge(state store.StackState, outcome drift.Status) string {
	if state == store.StackDone {
		return cmp.Or(string(outcome), string(drift.StatusClean))
	}
	return string(state)
}

func rowOfRunStack(one store.RunStack) runStackRow {
	row := runStackRow{RunStack: one, Href: pathTo("stacks", one.Stack.ID), Name: short(one.Stack.String(), 200), Badge: stackBadge(one.State, one.Outcome), Note: short(one.Error, 600)}
	if !one.FinishedAt.IsZero() && !one.StartedAt.IsZero() {
		row.Took = took(one.FinishedAt.Sub(one.StartedAt))
	}
	if one.State == store.StackJoined {
		row.Note = cmp.Or(row.Note, "another run is checking it; its result counts here too")
	}
	return row
}

func (p *site) cancelRun(w http.ResponseWriter, r *http.Request) {
	info, ok := p.findRun(w, r)
	if !ok {
		return
	}
	back := pathTo("runs", info.ID)
	cancelled, err := p.Rounds.Cancel(r.Context(), info.ID)
	if err != nil {
		p.refused(w, r, "The run could not be cancelled", err, back)
		return
	}
	text := "The run was over already."
	if cancelled {
		p.Gate.Audit(r.Context(), access.AuditCancel, "run "+info.ID)
		text = "The run is cancelled. What was checked until now is kept."
	}
	p.redirect(w, r, back, text)
}

// progress is how far a run is: what its page shows and its events tell.
type progress struct {
	State    string         `json:"state"`
	Total    int            `json:"total"`
	Done     int            `json:"done"`
	Counts   map[string]int `json:"counts"` // of stacks by badge
	Finished time.Time      `json:"finished,omitzero"`
}

func progressOf(info store.RunInfo, counts []store.OutcomeCount) progress {
	p := progress{State: runState(info), Counts: map[string]int{}, Finished: info.FinishedAt}
	for _, one := range counts {
		p.Counts[stackBadge(one.State, one.Outcome)] += one.Stacks
		p.Total += one.Stacks
		switch one.State {
		case store.StackQueued, store.StackRunning, store.StackJoined:
		case store.StackDone, store.StackFailed, store.StackCancelled:
			p.Done += one.Stacks
		}
	}
	return p
}

// Words say how far it is.
func (p progress) Words() string {
	if p.Total == 0 {
		return "finding the stacks"
	}
	return report.Count(p.Total, "stack") + ", " + report.Count(p.Done, "check") + " done"
}
