package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// findingsView is the list of findings.
type findingsView struct {
	Query                     string
	Life, Causes, Kinds, Sort []choice
	Severities, Sources       []choice
	StackID, StackName        string // of one stack alone
	Rows                      []findingRow
	Pager                     pager
	Filtered                  bool
}

// livesOf are the lives that the filter's word chooses.
func livesOf(word string) (lives []drift.Life, there bool) {
	switch word {
	case "waived":
		return []drift.Life{drift.LifeWaived}, true
	case "over":
		return []drift.Life{drift.LifeResolved, drift.LifeAccepted, drift.LifeReverted}, false
	case "all":
		return nil, false
	}
	return []drift.Life{drift.LifeOpen}, true
}

// findingFilter is what a query chooses of the list of findings.
func findingFilter(ctx context.Context, q url.Values) store.FindingFilter {
	f := store.FindingFilter{Query: q.Get("q"), Sources: seen(ctx, q.Get("source")), After: q.Get("after")}
	f.Worst = q.Get("sort") == "worst"
	f.Newest = !f.Worst && q.Get("sort") != "oldest"
	f.StackID = q.Get("stack")
	f.Lives, f.Open = livesOf(q.Get("life"))
	if c := q.Get("cause"); c != "" {
		f.Causes = []string{c}
	}
	if k := q.Get("kind"); k != "" {
		f.Kinds = []drift.Kind{drift.Kind(k)}
	}
	if severity := q.Get("severity"); severity != "" {
		f.Severities = []drift.Severity{drift.Severity(severity)}
	}
	return f
}

func (p *site) findings(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := findingFilter(r.Context(), q)
	page, err := p.Store.Findings(r.Context(), f)
	if err != nil {
		p.failed(w, r, "reading the findings", err)
		return
	}
	v := findingsView{
		Query: f.Query, StackID: f.StackID, Sources: p.sourceChoices(r.Context(), q.Get("source")),
		Life:       choices(q.Get("life"), "", "open", "waived", "waived", "over", "over", "all", "all"),
		Kinds:      choices(q.Get("kind"), "modified", "modified", "deleted", "deleted"),
		Sort:       choices(q.Get("sort"), "", "newest first", "oldest", "oldest first", "worst", "worst first"),
		Severities: choices(q.Get("severity"), "high", "high", "medium", "medium", "low", "low"),
		Pager:      pagerOf(r, len(page.Items), page.Total, page.Next), Filtered: f.Query+f.StackID+q.Get("cause")+q.Get("kind")+q.Get("severity")+q.Get("source") != "",
	}
	for _, c := range causes {
		v.Causes = append(v.Causes, choice{string(c.Class), c.Words, q.Get("cause") == string(c.Class)})
	}
	for _, e := range page.Items {
		v.Rows = append(v.Rows, rowOfFinding(e))
	}
	if f.StackID != "" {
		one, ok, err := p.visibleStack(r.Context(), f.StackID)
		if err != nil {
			p.broken(w, r, "reading a stack", err)
			return
		}
		if ok {
			v.StackName = short(one.Stack.String(), 200)
		}
	}
	p.show(w, r, http.StatusOK, "findings", view{Title: "Findings", Nav: "/findings", Body: v})
}

// findingView is one finding.
type findingView struct {
	Episode    drift.Episode
	Row        findingRow
	Self       string // its own path, without a query
	Cause      report.CauseView
	Changes    []report.ChangeView
	Why        string
	Place      string
	Doubt      string
	Label      string // of Waiver
	Waiver     string
	Ending     string
	Source     Source
	HasSource  bool         // a source of this server has the stack
	Others     []findingRow // further episodes of it
	Again      string       // where a later episode is; "" for none
	Timeline   []eventRow
	Requests   []requestRow
	Commands   report.Commands
	Over       bool
	MayWaive   bool // there is something to waive
	Acceptable bool
	NeedsWhole bool
	Form       findingForm
}

// findingForm is what a form of the finding's page has, and what was wrong with
// it.
type findingForm struct {
	Which                                 string // waive, revert, accept; "" for none yet
	Reason, Owner, Ticket, Until, Problem string
	Whole                                 bool
	Field                                 string // the one that the problem is about
	First, Last                           string // days that a waiver may end on
}

func (p *site) finding(w http.ResponseWriter, r *http.Request) {
	e, siblings, ok := p.findEpisode(w, r)
	if !ok {
		return
	}
	p.showFinding(w, r, http.StatusOK, e, siblings, findingForm{})
}

// findEpisode finds the episode that a path names, with all of the same finding,
// oldest first. Where that is none or several, it has answered.
func (p *site) findEpisode(w http.ResponseWriter, r *http.Request) (e drift.Episode, siblings []drift.Episode, ok bool) {
	id := r.PathValue("id")
	groups, err := p.episodes(r.Context(), id, r.FormValue("stack"))
	switch {
	case err != nil:
		p.broken(w, r, "reading a finding", err)
		return e, nil, false
	case len(groups) == 0:
		p.missing(w, r, "There is no such finding", "No finding that you may see has this id, or an id that begins so.", step{"All findings", "/findings?life=all"})
		return e, nil, false
	case len(groups) > 1:
		p.severalFindings(w, r, groups)
		return e, nil, false
	}
	for _, one := range groups[0] {
		if one.ID() == id {
			return one, groups[0], true
		}
	}
	http.Redirect(w, r, findingPath(groups[0][len(groups[0])-1]), http.StatusSeeOther)
	return e, nil, false
}

// episodes are those whose finding's id is, or begins like, the one named: by
// finding and stack, oldest first.
func (p *site) episodes(ctx context.Context, id, stack string) (groups [][]drift.Episode, err error) {
	finding, _, _ := strings.Cut(id, "-")
	if len(finding) < 4 {
		return nil, nil
	}
	n := 0
	for e, err := range p.Store.Episodes(ctx, store.Filter{Finding: finding, StackID: stack}) {
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(groups, func(g []drift.Episode) bool {
			return g[0].Finding.ID == e.Finding.ID && g[0].Stack.ID == e.Stack.ID
		})
		if i < 0 {
			groups, i = append(groups, nil), len(groups)
		}
		groups[i] = append(groups[i], e)
		if n++; n == 200 {
			break
		}
	}
	if exact := slices.DeleteFunc(slices.Clone(groups), func(g []drift.Episode) bool { return g[0].Finding.ID != finding }); len(exact) > 0 {
		groups = exact
	}
	var errs error
	groups = slices.DeleteFunc(groups, func(g []drift.Episode) bool {
		_, visible, err := p.visibleStack(ctx, g[0].Stack.ID)
		if err != nil {
			errs = err
		}
		return !visible
	})
	return groups, errs
}

func (p *site) severalFindings(w http.ResponseWriter, r *http.Request, groups [][]drift.Episode) {
	f := failure{Heading: "Several findings are called so", Text: "States that are copies of each other, and short ids, give findings of the same name. Choose one."}
	for _, g := range groups[:min(len(groups), 20)] {
		e := g[len(g)-1]
		f.Next = append(f.Next, step{short(e.Stack.String(), 100) + ": " + short(e.Finding.Address, 200), findingPath(e)})
	}
	p.show(w, r, http.StatusMultipleChoices, "failure", view{Title: f.Heading, Nav: "/findings", Body: f})
}

func (p *site) showFinding(w http.ResponseWriter, r *http.Request, status int, e drift.Episode, siblings []drift.Episode, form findingForm) {
	v := viewOfFinding(e, siblings, p.Now())
	v.Form.Which, v.Form.Owner = form.Which, ownerOf(access.From(r.Context()))
	if form.Which != "" {
		form.First, form.Last = v.Form.First, v.Form.Last
		v.Form = form
	}
	err := p.fillFinding(r.Context(), &v)
	if err != nil {
		p.broken(w, r, "reading a finding", err)
		return
	}
	title := short(e.Finding.Address, 120) + " " + string(e.Finding.Kind) + " in " + short(e.Stack.String(), 80)
	if form.Problem != "" {
		title = "Not yet: " + title
	}
	p.show(w, r, status, "finding", view{Title: title, Nav: "/findings", Body: v})
}

// ownerOf is who a waiver's owner is likely to be.
func ownerOf(me access.Identity) string {
	if me.Via == access.ViaToken {
		return ""
	}
	return me.Name
}

// viewOfFinding puts a finding into words.
func viewOfFinding(e drift.Episode, siblings []drift.Episode, now time.Time) findingView {
	f := e.Finding
	v := findingView{
		Episode: e, Row: rowOfFinding(e), Self: pathTo("findings", e.ID()), Cause: report.CauseOf(f), Changes: report.ChangesOf(f),
		Why: report.Why(e), Place: report.Place(f.Source), Doubt: short(f.Doubt, 1000), Commands: report.CommandsFor(e),
		Over: e.Life.Over(), MayWaive: e.Life == drift.LifeOpen, NeedsWhole: report.NeedsWhole(f),
		Form: findingForm{First: now.Format(time.DateOnly), Last: now.AddDate(1, 0, 0).Format(time.DateOnly), Until: now.AddDate(0, 1, 0).Format(time.DateOnly), Whole: report.NeedsWhole(f)},
	}
	v.Acceptable = v.Commands.Accept != "" && f.Certainty != drift.Possible
	v.Label, v.Waiver = report.WaiverOf(f)
	v.Waiver = short(v.Waiver, 1500)
	if v.Over {
		v.Ending = short(e.Resolution(), 1500)
	}
	for _, one := range siblings {
		if one.Number == e.Number {
			continue
		}
		row := rowOfFinding(one)
		row.Stack = "" // it is the same
		v.Others = append(v.Others, row)
		if one.Number > e.Number && v.Over {
			v.Again = row.Href
		}
	}
	return v
}

// mostEvents of a finding are told on its page.
const mostEvents = 100

// fillFinding adds what else the history has of it.
func (p *site) fillFinding(ctx context.Context, v *findingView) error {
	one, _, err := p.visibleStack(ctx, v.Episode.Stack.ID)
	if err != nil {
		return err
	}
	v.Source, v.HasSource = p.source(one.Source)
	events, err := p.Store.EventsPage(ctx, store.EventFilter{Filter: store.Filter{StackID: v.Episode.Stack.ID, Finding: v.Episode.Finding.ID}, Limit: mostEvents})
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(events.Items) {
		v.Timeline = append(v.Timeline, rowOfEvent(e, true))
	}
	requests, err := p.Store.Requests(ctx, store.RequestFilter{Finding: v.Episode.ID(), Limit: 10})
	for _, one := range requests.Items {
		v.Requests = append(v.Requests, rowOfRequest(one))
	}
	return err
}
