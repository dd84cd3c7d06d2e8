package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// fleetView is the first page.
type fleetView struct {
	Empty     bool // no stack was ever checked
	Headline  string
	Tone      string
	Total     int
	Open      int
	High      int // open findings of high severity
	Waived    int
	Unchecked int // stacks that no check has looked at yet
	Stale     int
	Limit     string // what stale means
	Bar       []report.Segment
	Trend     *report.TrendView
	Causes    []causeRow
	OldestAt  time.Time
	Oldest    []findingRow
	Unseen    []stackRow
	Runs      []runRow
	Waiting   []requestRow
	Sources   []Source
}

// causeRow is how many open findings have a cause.
type causeRow struct {
	Words, Href string
	Count       int
	Wide        string // per cent of the most frequent one
}

// What the first page shows of each list.
const (
	fewRows   = 6
	trendDays = 90
)

func (p *site) fleet(w http.ResponseWriter, r *http.Request) {
	v, err := p.fleetView(r.Context())
	if err != nil {
		p.broken(w, r, "reading the fleet", err)
		return
	}
	title := v.Headline
	if v.Empty {
		title = "Welcome"
	}
	p.show(w, r, http.StatusOK, "fleet", view{Title: title, Nav: "/", Body: v})
}

func (p *site) fleetView(ctx context.Context) (fleetView, error) {
	health, err := p.Store.Health(ctx, p.staleBefore(), seen(ctx, ""))
	if err != nil {
		return fleetView{}, err
	}
	v := viewOfHealth(health)
	v.Limit, v.Sources = age(p.Now().Add(-p.Stale), p.Now()), p.Sources
	runs, err := p.Store.RunsPage(ctx, store.RunFilter{Sources: seen(ctx, ""), Limit: fewRows})
	if err != nil {
		return v, err
	}
	for _, run := range runs.Items {
		v.Runs = append(v.Runs, p.runRow(run))
	}
	if v.Total == 0 {
		v.Empty = true
		return v, nil
	}
	err = p.fillFleet(ctx, &v)
	return v, err
}

// fillFleet adds the lists of a fleet that isn't empty.
func (p *site) fillFleet(ctx context.Context, v *fleetView) error {
	oldest, err := p.Store.Findings(ctx, store.FindingFilter{Filter: store.Filter{Lives: []drift.Life{drift.LifeOpen}, Open: true}, Sources: seen(ctx, ""), Limit: fewRows})
	if err != nil {
		return err
	}
	for _, e := range oldest.Items {
		v.Oldest = append(v.Oldest, rowOfFinding(e))
	}
	unseen, err := p.Store.Fleet(ctx, store.FleetFilter{Before: p.staleBefore(), Sources: seen(ctx, ""), Sort: "checked", Limit: fewRows})
	if err != nil {
		return err
	}
	for _, one := range unseen.Items {
		v.Unseen = append(v.Unseen, p.stackRow(one))
	}
	waiting, err := p.Store.Requests(ctx, store.RequestFilter{States: []string{store.RequestWaiting}, Limit: fewRows})
	if err != nil {
		return err
	}
	for _, one := range waiting.Items {
		if access.From(ctx).MaySee(one.Source) {
			v.Waiting = append(v.Waiting, rowOfRequest(one))
		}
	}
	trend, err := p.Store.Trend(ctx, p.Now().AddDate(0, 0, -trendDays), trendDays+1)
	v.Trend = report.TrendOf(trend)
	return err
}

// viewOfHealth puts the fleet's numbers into words.
func viewOfHealth(h store.Health) fleetView {
	v := fleetView{Open: h.Open, High: h.BySeverity[drift.SeverityHigh], Waived: h.Waived, Stale: h.Stale, OldestAt: h.OldestOpen, Bar: report.BarOf(h.Stacks), Unchecked: h.Stacks[""], Tone: string(drift.StatusClean)}
	for _, part := range v.Bar {
		v.Total += part.Count
		if part.Count > 0 && v.Tone == string(drift.StatusClean) {
			v.Tone = string(part.Status)
		}
	}
	v.Headline = headline(v.Total, h)
	most := 0
	for _, n := range h.ByCause {
		most = max(most, n)
	}
	for _, c := range causes {
		n := h.ByCause[string(c.Class)]
		if c.Class == drift.CauseUnknown {
			n += h.ByCause[""]
		}
		if n > 0 {
			v.Causes = append(v.Causes, causeRow{
				Words: c.Words, Count: n, Wide: fmt.Sprintf("%.1f%%", 100*float64(n)/float64(most)),
				Href: "/findings?cause=" + url.QueryEscape(string(c.Class)),
			})
		}
	}
	return v
}

// headline says in one sentence how the fleet is.
func headline(total int, h store.Health) string {
	unsure := h.Stacks[drift.StatusIncomplete] + h.Stacks[drift.StatusError]
	switch drifted := h.Stacks[drift.StatusDrifted]; {
	case total == 0:
		return "Nothing is checked yet"
	case drifted > 0 && h.Open == 0:
		return fmt.Sprintf("Nothing is open any more; %d of %s to be checked as a whole", drifted, report.Count(total, "stack"))
	case drifted > 0:
		return fmt.Sprintf("%s in %d of %s", report.Count(h.Open, "open finding"), drifted, report.Count(total, "stack"))
	case unsure > 0:
		return fmt.Sprintf("No drift found, but %d of %s could not be checked for certain", unsure, report.Count(total, "stack"))
	case h.Stale > 0:
		return fmt.Sprintf("No drift as of the last checks; %s not checked lately", report.Count(h.Stale, "stack"))
	}
	return "No drift in " + report.Count(total, "stack")
}
