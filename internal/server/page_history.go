package server

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// eventRow is a line of the history.
type eventRow struct {
	At             time.Time
	Kind           drift.EventKind
	Words          string
	Stack          string
	StackHref      string
	Address, Href  string // of the finding
	Detail, Reason string
	Ticket, Actor  string
	Run, RunHref   string
	Number         int
}

// eventWords say what has happened, as the end of "it was ...".
var eventWords = map[drift.EventKind]string{
	drift.EventBaseline: "baseline recorded", drift.EventFound: "found", drift.EventChanged: "changed again", drift.EventResolved: "gone by itself",
	drift.EventReopened: "back again", drift.EventWaived: "waived", drift.EventUnwaived: "waiver ended", drift.EventAccepted: "accepted",
	drift.EventReverted: "reverted", drift.EventProposed: "accept proposed", drift.EventAttempted: "tried",
	drift.EventRequested: "asked for", drift.EventApproved: "approved", drift.EventRejected: "rejected",
}

// rowOfEvent is an event for a list. On the page of its finding it doesn't name
// that again.
func rowOfEvent(e drift.Event, own bool) eventRow {
	row := eventRow{
		At: e.At, Kind: e.Kind, Words: eventWords[e.Kind], Stack: short(e.Stack.String(), 200), StackHref: pathTo("stacks", e.Stack.ID),
		Address: short(e.Address, 300), Detail: short(e.Detail, 400), Reason: short(e.Reason, 600), Ticket: short(e.Ticket, 100), Actor: short(e.Actor, 100),
		Number: e.Episode,
	}
	if row.Words == "" {
		row.Words = short(string(e.Kind), 40)
	}
	if own {
		row.Address = ""
		return row.ofRun(e)
	}
	if e.Finding != "" {
		row.Href = findingPath(drift.Episode{Number: e.Episode, Stack: e.Stack, Finding: drift.Finding{ID: e.Finding}})
	}
	return row.ofRun(e)
}

func (row eventRow) ofRun(e drift.Event) eventRow {
	if e.Run != "" {
		row.Run, row.RunHref = e.Run, pathTo("runs", e.Run)
	}
	return row
}

// historyView is the list of events.
type historyView struct {
	Address, From, To  string
	StackID, StackName string
	Problem            string
	Rows               []eventRow
	Pager              pager
	Filtered           bool
}

func (p *site) history(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := historyView{Address: strings.TrimSpace(q.Get("address")), From: q.Get("from"), To: q.Get("to"), StackID: q.Get("stack")}
	f := store.Filter{Address: v.Address, StackID: v.StackID}
	if looksLikeFinding(v.Address) {
		f.Address, f.Finding = "", v.Address
	}
	f.Since, f.Until, v.Problem = between(q)
	v.Filtered = v.Address+v.From+v.To+v.StackID != ""
	page, err := p.Store.EventsPage(r.Context(), store.EventFilter{Filter: f, Sources: seen(r.Context(), ""), After: q.Get("after")})
	if err != nil {
		p.failed(w, r, "reading the history", err)
		return
	}
	for _, e := range page.Items {
		v.Rows = append(v.Rows, rowOfEvent(e, false))
	}
	v.Pager = pagerOf(r, len(page.Items), page.Total, page.Next)
	if v.StackID != "" {
		one, ok, err := p.visibleStack(r.Context(), v.StackID)
		if err != nil {
			p.broken(w, r, "reading a stack", err)
			return
		}
		if ok {
			v.StackName = short(one.Stack.String(), 200)
		}
	}
	p.show(w, r, http.StatusOK, "history", view{Title: "History", Nav: "/history", Body: v})
}

// between are the days that a filter names, the last one with all of it.
func between(q url.Values) (since, until time.Time, problem string) {
	since, err := time.Parse(time.DateOnly, q.Get("from"))
	if err != nil && q.Get("from") != "" {
		problem = "Write days as 2027-01-31."
	}
	until, err = time.Parse(time.DateOnly, q.Get("to"))
	switch {
	case err == nil:
		until = until.AddDate(0, 0, 1)
	case q.Get("to") != "":
		problem = "Write days as 2027-01-31."
	}
	return since, until, problem
}

// looksLikeFinding reports whether a text is the id of a finding or episode, or a
// start of one, and no address.
func looksLikeFinding(s string) bool {
	finding, _, _ := strings.Cut(s, "-")
	return len(finding) >= 4 && len(finding) <= 12 && strings.Trim(finding, "0123456789abcdef") == ""
}
