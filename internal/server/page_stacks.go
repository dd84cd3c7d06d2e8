package server

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// pager leads through a list. A cursor leads on alone; back is the browser's, or
// the start.
type pager struct {
	Total int // 0 where it isn't known
	Shown int
	Next  string // "" at the end
	First string // "" on the first page
}

// pagerOf makes the links of a page of a list from its own address.
func pagerOf(r *http.Request, shown, total int, next string) pager {
	p := pager{Total: total, Shown: shown}
	query := r.URL.Query()
	if query.Get("after") != "" {
		query.Del("after")
		p.First = address(r.URL.Path, query)
	}
	if next != "" {
		query.Set("after", next)
		p.Next = address(r.URL.Path, query)
	}
	return p
}

func address(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// choice is an option of a filter.
type choice struct {
	Value, Words string
	Chosen       bool
}

// choices marks the chosen one of value and words, one after the other.
func choices(chosen string, pairs ...string) []choice {
	var list []choice
	for pair := range slices.Chunk(pairs, 2) {
		list = append(list, choice{pair[0], pair[1], pair[0] == chosen})
	}
	return list
}

// sourceChoices are the sources that the reader may see.
func (p *site) sourceChoices(ctx context.Context, chosen string) []choice {
	var pairs []string
	for _, s := range p.Sources {
		if access.From(ctx).MaySee(s.Name) {
			pairs = append(pairs, s.Name, s.Name)
		}
	}
	return choices(chosen, pairs...)
}

// stacksView is the list of stacks.
type stacksView struct {
	Query                  string
	Status, Sources, Sorts []choice
	Stale, Gone, Filtered  bool
	Limit                  string
	Rows                   []stackRow
	Pager                  pager
}

func (p *site) stacks(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := store.FleetFilter{Query: q.Get("q"), Sources: seen(r.Context(), q.Get("source")), Sort: q.Get("sort"), After: q.Get("after"), Gone: q.Get("gone") != ""}
	if s := q.Get("status"); s != "" {
		f.Status = []drift.Status{drift.Status(s)}
	}
	if q.Get("stale") != "" {
		f.Before = p.staleBefore()
	}
	page, err := p.Store.Fleet(r.Context(), f)
	if err != nil {
		p.failed(w, r, "reading the stacks", err)
		return
	}
	v := stacksView{
		Query: f.Query, Stale: !f.Before.IsZero(), Gone: f.Gone, Limit: age(p.staleBefore(), p.Now()), Sources: p.sourceChoices(r.Context(), q.Get("source")),
		Status: choices(q.Get("status"), "drifted", "drifted", "error", "error", "incomplete", "incomplete", "clean", "clean"),
		Sorts:  choices(f.Sort, "", "by path", "drift", "most findings first", "oldest", "oldest drift first", "checked", "longest unchecked first"),
		Pager:  pagerOf(r, len(page.Items), page.Total, page.Next), Filtered: f.Query+q.Get("source")+q.Get("status")+q.Get("stale") != "",
	}
	for _, one := range page.Items {
		v.Rows = append(v.Rows, p.stackRow(one))
	}
	p.show(w, r, http.StatusOK, "stacks", view{Title: "Stacks", Nav: "/stacks", Body: v})
}

// stackView is one stack.
type stackView struct {
	stackRow
	Result    drift.Stack // the latest of all of it; zero where there is none
	HasResult bool
	Approval  bool
	Findings  []findingRow
	Ignored   []ignoredRow
	Faults    []faultRow
	Schedules []scheduleRow
	Events    []eventRow
	More      string // where the rest of its history is
}

// ignoredRow is a finding that a rule of the settings ignores.
type ignoredRow struct{ Address, Teaser, Reason string }

// faultRow is something that is wrong with the state, or was not checked, with the
// way out.
type faultRow struct {
	Address, Message, Severity string
	Next                       string
}

func (p *site) stack(w http.ResponseWriter, r *http.Request) {
	one, ok, err := p.visibleStack(r.Context(), r.PathValue("id"))
	if err != nil {
		p.broken(w, r, "reading a stack", err)
		return
	}
	if !ok {
		p.noStack(w, r)
		return
	}
	v, err := p.stackView(r.Context(), one)
	if err != nil {
		p.broken(w, r, "reading a stack", err)
		return
	}
	p.show(w, r, http.StatusOK, "stack", view{Title: v.Name + ": " + v.Badge, Nav: "/stacks", Body: v})
}

func (p *site) noStack(w http.ResponseWriter, r *http.Request) {
	p.missing(w, r, "There is no such stack", "No check has found a stack with this id. It is kept here for as long as its history is.", step{"All stacks", "/stacks"})
}

// visibleStack finds a stack that the reader may see.
func (p *site) visibleStack(ctx context.Context, id string) (store.FleetStack, bool, error) {
	one, ok, err := p.Store.FleetStack(ctx, id)
	if err != nil || !ok || !access.From(ctx).MaySee(one.Source) {
		return store.FleetStack{}, false, err
	}
	return one, true, nil
}

func (p *site) stackView(ctx context.Context, one store.FleetStack) (stackView, error) {
	source, _ := p.source(one.Source)
	v := stackView{stackRow: p.stackRow(one), More: "/history?stack=" + url.QueryEscape(one.Stack.ID), Approval: source.Approval}
	var err error
	if v.Result, v.HasResult, err = p.Store.Stack(ctx, one.Stack.ID); err != nil {
		return v, err
	}
	v.Ignored, v.Faults = ignoredIn(v.Result), faultsOf(v.Result)
	there, err := p.Store.Findings(ctx, store.FindingFilter{Filter: store.Filter{StackID: one.Stack.ID, Open: true}, Limit: 500})
	if err != nil {
		return v, err
	}
	slices.SortStableFunc(there.Items, func(a, b drift.Episode) int {
		return cmp.Or(openFirst(a)-openFirst(b), drift.BySeverity(a.Finding, b.Finding))
	})
	for _, e := range there.Items {
		row := rowOfFinding(e)
		row.Stack = "" // all of them are its
		v.Findings = append(v.Findings, row)
	}
	events, err := p.Store.EventsPage(ctx, store.EventFilter{Filter: store.Filter{StackID: one.Stack.ID}, Limit: 12})
	if err != nil {
		return v, err
	}
	for _, e := range events.Items {
		v.Events = append(v.Events, rowOfEvent(e, false))
	}
	schedules, err := p.Store.Schedules(ctx)
	for _, s := range schedules {
		if s.Source == one.Source && one.Source != "" {
			v.Schedules = append(v.Schedules, scheduleRowOf(s))
		}
	}
	return v, err
}

func openFirst(e drift.Episode) int {
	if e.Life == drift.LifeOpen {
		return 0
	}
	return 1
}

func ignoredIn(s drift.Stack) []ignoredRow {
	var rows []ignoredRow
	for _, f := range s.Findings {
		if f.Status == drift.Ignored {
			rows = append(rows, ignoredRow{short(f.Address, 300), teaser(f), short(f.IgnoreReason, 500)})
		}
	}
	return rows
}

// faultsOf lists what is unsound and what was not checked, worst first.
func faultsOf(s drift.Stack) []faultRow {
	var rows []faultRow
	for _, i := range s.Integrity {
		next := "holdfast state check says more of it, and docs/integrity.md has the way out for " + short(i.Code, 60) + "."
		rows = append(rows, faultRow{short(i.Address, 300), short(i.Message, 1000), string(i.Severity), next})
	}
	slices.SortStableFunc(rows, func(a, b faultRow) int { return severity(a.Severity) - severity(b.Severity) })
	for _, e := range s.Errors {
		rows = append(rows, faultRow{short(e.Address, 300), short(e.Message, 1000), "not checked", errorAdvice(e)})
	}
	return rows
}

func severity(s string) int {
	return slices.Index([]string{string(drift.SeverityError), string(drift.SeverityWarning), string(drift.SeverityInfo)}, s)
}

// errorAdvice says what to do about an error, where its message doesn't.
func errorAdvice(e drift.Error) string {
	if e.Address == "" {
		return "Put it right where the message says, then check the stack again."
	}
	return ""
}

// staleBefore is the time since which a stack should have been looked at.
func (p *site) staleBefore() time.Time { return p.Now().Add(-p.Stale) }

// seen are the sources whose things are listed: the one that a filter names, or all
// that the reader may see; none for all.
func seen(ctx context.Context, chosen string) []string {
	me := access.From(ctx)
	switch {
	case chosen == "":
		return me.Scopes
	case me.MaySee(chosen):
		return []string{chosen}
	}
	return []string{"(none)"} // no source can be called so
}

func (p *site) checkStack(w http.ResponseWriter, r *http.Request) {
	one, ok, err := p.visibleStack(r.Context(), r.PathValue("id"))
	switch {
	case err != nil:
		p.broken(w, r, "reading a stack", err)
		return
	case !ok:
		p.noStack(w, r)
		return
	}
	back := pathTo("stacks", one.Stack.ID)
	if one.Source == "" || !one.GoneAt.IsZero() {
		p.show(w, r, http.StatusUnprocessableEntity, "failure", view{Title: "This stack can't be checked from here", Body: failure{
			Heading: "This stack can't be checked from here",
			Text:    "No source of this server has it: it was checked by the command line, or is gone from its source. Check it with holdfast check, or add its repository to sources in holdfast.yaml.",
			Next:    []step{{"Back to the stack", back}},
		}})
		return
	}
	p.begin(w, r, one.Source, []string{one.Stack.ID}, "The check of "+report.OneLine(one.Stack.String())+" has begun.", back)
}

// begin asks for a round and leads to it.
func (p *site) begin(w http.ResponseWriter, r *http.Request, source string, stacks []string, text, back string) {
	run, err := p.Rounds.Ask(r.Context(), source, stacks, access.From(r.Context()).Name)
	if err != nil {
		p.refused(w, r, "The check could not be started", err, back)
		return
	}
	p.Gate.Audit(r.Context(), access.AuditCheck, "run "+run+" of "+source)
	p.redirect(w, r, pathTo("runs", run), text)
}
