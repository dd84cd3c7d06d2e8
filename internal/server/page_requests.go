package server

import (
	"mime"
	"net/http"

	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// requestsView is the list of requests.
type requestsView struct {
	States   []choice
	Rows     []requestRow
	Pager    pager
	Filtered bool
}

func (p *site) requests(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := store.RequestFilter{After: q.Get("after")}
	if state := q.Get("state"); state != "" {
		f.States = []string{state}
	}
	page, err := p.Store.Requests(r.Context(), f)
	if err != nil {
		p.failed(w, r, "reading the requests", err)
		return
	}
	v := requestsView{
		States: choices(q.Get("state"), "", "all", "waiting", "waiting for approval", "approved", "approved", "running", "running", "done", "done",
			"refused", "refused by a guard", "failed", "failed", "rejected", "rejected"),
		Pager: pagerOf(r, len(page.Items), page.Total, page.Next), Filtered: q.Get("state") != "",
	}
	for _, one := range page.Items {
		if access.From(r.Context()).MaySee(one.Source) {
			v.Rows = append(v.Rows, rowOfRequest(one))
		}
	}
	p.show(w, r, http.StatusOK, "requests", view{Title: "Requests", Nav: "/requests", Body: v})
}

// requestView is one request.
type requestView struct {
	requestRow
	Findings  []step
	Waits     bool
	Mine      bool // the reader has asked, so that somebody else decides
	Explained string
	PatchHref string
	PatchText string
	Live      bool
}

// requestWords say what a state means.
var requestWords = map[string]string{
	store.RequestWaiting:  "It waits until somebody else approves it.",
	store.RequestApproved: "It is approved, and begins when a worker is free.",
	store.RequestRunning:  "A worker is at it.",
	store.RequestDone:     "It is done.",
	store.RequestRefused:  "A guard has refused it; nothing was changed.",
	store.RequestFailed:   "It failed. What was changed, if anything, is said below.",
	store.RequestRejected: "It was rejected; nothing was changed.",
}

// findRequest finds the request that a path names, or has answered.
func (p *site) findRequest(w http.ResponseWriter, r *http.Request) (store.Request, bool) {
	one, ok, err := p.Store.Request(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		p.broken(w, r, "reading a request", err)
		return one, false
	case !ok || !access.From(r.Context()).MaySee(one.Source):
		p.missing(w, r, "There is no such request", "Requests are kept as long as the history.", step{"All requests", "/requests"})
		return one, false
	}
	return one, true
}

// mostPatch is how much of a patch is shown, in characters.
const mostPatch = 100_000

func (p *site) request(w http.ResponseWriter, r *http.Request) {
	one, ok := p.findRequest(w, r)
	if !ok {
		return
	}
	v := requestView{
		requestRow: rowOfRequest(one), Waits: one.State == store.RequestWaiting, Mine: one.AskedBy == access.From(r.Context()).Name,
		Explained: requestWords[one.State], Live: one.State == store.RequestApproved || one.State == store.RequestRunning, PatchText: short(one.Patch, mostPatch),
	}
	if one.Patch != "" {
		v.PatchHref = v.Href + "/patch"
	}
	for i, id := range one.Findings {
		text := id
		if i < len(one.Addresses) {
			text = short(one.Addresses[i], 300)
		}
		v.Findings = append(v.Findings, step{text, pathTo("findings", id) + "?stack=" + one.Stack.ID})
	}
	refresh := 0
	if v.Live {
		refresh = 5
	}
	p.show(w, r, http.StatusOK, "request", view{Title: v.What + ": " + one.State, Nav: "/requests", Refresh: refresh, Body: v})
}

// patch gives the edit of an accept as a file for git apply.
func (p *site) patch(w http.ResponseWriter, r *http.Request) {
	one, ok := p.findRequest(w, r)
	if !ok {
		return
	}
	if one.Patch == "" {
		p.missing(w, r, "This request has no patch", "A patch is made where an accept could not be pushed as a branch.", step{"The request", pathTo("requests", one.ID)})
		return
	}
	w.Header().Set("Content-Type", "text/x-patch; charset=utf-8")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "holdfast-" + one.ID + ".patch"}))
	_, _ = w.Write([]byte(one.Patch)) // the client may be gone
}

func (p *site) approve(w http.ResponseWriter, r *http.Request) { p.decide(w, r, true) }

func (p *site) reject(w http.ResponseWriter, r *http.Request) { p.decide(w, r, false) }

func (p *site) decide(w http.ResponseWriter, r *http.Request, approve bool) {
	one, ok := p.findRequest(w, r)
	if !ok {
		return
	}
	back := pathTo("requests", one.ID)
	decided, err := p.Requests.Decide(r.Context(), one.ID, approve, access.From(r.Context()).Name)
	if err != nil {
		p.refused(w, r, "That could not be decided", err, back)
		return
	}
	word, text := "rejected", "Rejected. Nothing is changed."
	if approve {
		word, text = "approved", "Approved. It begins when a worker is free."
	}
	p.Gate.Audit(r.Context(), access.AuditDecision, word+" "+decided.Kind+" "+decided.ID)
	p.redirect(w, r, back, text)
}
