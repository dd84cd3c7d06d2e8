package server

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// waiversView is the list of waivers.
type waiversView struct {
	Groups  []waiverGroup
	Total   int
	Problem []string // sources whose waivers can't be read, and why
}

// waiverGroup is waivers that want the same attention.
type waiverGroup struct {
	Heading, Hint, Badge string
	Rows                 []waiverRow
}

// waiverRow is a waiver.
type waiverRow struct {
	drift.WaiverUse
	Source string
	Badge  string
	Covers []coveredRow
	More   int // that it covers too
	Where  []string
}

type coveredRow struct{ Address, Stack, Href string }

// mostCovered findings are listed with a waiver.
const mostCovered = 8

func (p *site) waivers(w http.ResponseWriter, r *http.Request) {
	v, err := p.waiversView(r.Context())
	if err != nil {
		p.broken(w, r, "reading the waivers", err)
		return
	}
	p.show(w, r, http.StatusOK, "waivers", view{Title: "Waivers", Nav: "/waivers", Body: v})
}

func (p *site) waiversView(ctx context.Context) (waiversView, error) {
	var v waiversView
	var rows []waiverRow
	waived, err := p.waived(ctx)
	if err != nil {
		return v, err
	}
	for _, source := range p.Sources {
		if !access.From(ctx).MaySee(source.Name) || p.Waivers == nil {
			continue
		}
		list, err := p.Waivers(ctx, source.Name)
		if err != nil {
			v.Problem = append(v.Problem, source.Name+": "+sentence(err))
			continue
		}
		for i, use := range drift.WaiverUses(list, p.Now()) {
			row, err := p.rowOfWaiver(ctx, use, list[i], source.Name, waived)
			if err != nil {
				return v, err
			}
			rows = append(rows, row)
		}
	}
	v.Total, v.Groups = len(rows), groupsOf(rows)
	return v, nil
}

// mostWaived findings are held against the waivers.
const mostWaived = 5000

// waived are the findings that are waived now.
func (p *site) waived(ctx context.Context) ([]drift.Episode, error) {
	var list []drift.Episode
	f := store.FindingFilter{Filter: store.Filter{Open: true, Lives: []drift.Life{drift.LifeWaived}}, Sources: seen(ctx, ""), Limit: 500}
	for len(list) < mostWaived {
		page, err := p.Store.Findings(ctx, f)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Items...)
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	return list, nil
}

func (p *site) rowOfWaiver(ctx context.Context, use drift.WaiverUse, w drift.Waiver, source string, waived []drift.Episode) (waiverRow, error) {
	row := waiverRow{WaiverUse: use, Source: source, Badge: string(use.State)}
	for _, a := range use.Addresses[:min(len(use.Addresses), mostCovered)] {
		row.Where = append(row.Where, short(string(a), 200))
	}
	row.cover(w, waived)
	if len(row.Covers) > 0 || use.State == drift.WaiverComing {
		return row, nil
	}
	// What it covered counts again, or it covers a part of a finding alone.
	for _, a := range w.Addresses[:min(len(w.Addresses), mostCovered)] {
		page, err := p.Store.Findings(ctx, store.FindingFilter{
			Filter: store.Filter{Open: true}, Query: longest(strings.Split(string(a), "*")), Sources: seen(ctx, source), Limit: 100,
		})
		if err != nil {
			return row, err
		}
		row.cover(w, page.Items)
	}
	return row, nil
}

// longest is the longest of some texts.
func longest(texts []string) string {
	return slices.MaxFunc(texts, func(a, b string) int { return len(a) - len(b) })
}

// cover adds those findings that the waiver is about.
func (row *waiverRow) cover(w drift.Waiver, findings []drift.Episode) {
	for i := range findings {
		e := &findings[i]
		if !w.Has(e.Stack.Path, &e.Finding) {
			continue
		}
		one := coveredRow{short(e.Finding.Address, 200), short(e.Stack.String(), 120), findingPath(*e)}
		switch {
		case slices.Contains(row.Covers, one):
		case len(row.Covers) == mostCovered:
			row.More++
		default:
			row.Covers = append(row.Covers, one)
		}
	}
}

// groupsOf sorts waivers by the attention that they want.
func groupsOf(rows []waiverRow) []waiverGroup {
	groups := []waiverGroup{
		{Heading: "Ending soon", Hint: "Within two weeks the findings count again. Put them right, or renew the waiver in review.", Badge: "soon"},
		{Heading: "Ended", Hint: "What they covered counts again. Take them out of waivers.yaml.", Badge: "ended"},
		{Heading: "Unused", Hint: "They cover nothing by the last checks. Take them out, unless the change is still to come.", Badge: "unused"},
		{Heading: "In force", Badge: "active"},
		{Heading: "To come", Hint: "Their first day is ahead.", Badge: "coming"},
	}
	for _, row := range rows {
		i := slices.IndexFunc(groups, func(g waiverGroup) bool { return g.Badge == waiverBadge(row) })
		row.Badge = groups[i].Badge
		groups[i].Rows = append(groups[i].Rows, row)
	}
	for _, g := range groups {
		slices.SortStableFunc(g.Rows, func(a, b waiverRow) int { return strings.Compare(a.Until, b.Until) })
	}
	return slices.DeleteFunc(groups, func(g waiverGroup) bool { return len(g.Rows) == 0 })
}

func waiverBadge(row waiverRow) string {
	switch {
	case row.State == drift.WaiverEnded:
		return "ended"
	case row.State == drift.WaiverComing:
		return "coming"
	case row.EndsSoon:
		return "soon"
	case len(row.Covers) == 0:
		return "unused"
	}
	return "active"
}
