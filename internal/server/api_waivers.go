package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
)

type waiversInput struct {
	Source []string `query:"source,explode" maxItems:"100"`
}

// waiverEntry is a waiver of a source, with what it covers.
type waiverEntry struct {
	Source string `json:"source"`
	drift.WaiverUse
}

type waiveInput struct {
	Body struct {
		Finding    string   `json:"finding" minLength:"1" maxLength:"200" doc:"the id of an open finding"`
		Stack      string   `json:"stack,omitempty" maxLength:"200" doc:"the id of its stack, where several stacks share a state"`
		Whole      bool     `json:"whole,omitempty" doc:"the resource as a whole, its deletion too"`
		Attributes []string `json:"attributes,omitempty" maxItems:"200" doc:"paths that may differ; without them those that do now"`
		Reason     string   `json:"reason" minLength:"1" maxLength:"2000"`
		Owner      string   `json:"owner" minLength:"1" maxLength:"200" doc:"who answers for it"`
		Ticket     string   `json:"ticket,omitempty" maxLength:"200"`
		Until      string   `json:"until" format:"date" doc:"the last day"`
	}
}

func (s *Server) addWaivers(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/waivers", ID: "list-waivers", Least: access.Viewer, Tag: "waivers", Summary: "Waivers, with what each covers of what is there"}, s.listWaivers)
	add(s, api, operation{
		Method: http.MethodPost, Path: "/waivers", ID: "create-waiver", Least: access.Operator, Tag: "waivers", Status: http.StatusCreated,
		Summary: "Waive a finding: it stays, justified, until a day",
	}, s.createWaiver)
}

func (s *Server) listWaivers(ctx context.Context, in *waiversInput) (*listOutput[waiverEntry], error) {
	entries, waivers := []waiverEntry{}, []drift.Waiver{}
	for _, source := range s.Sources {
		if s.Waivers == nil || !access.From(ctx).MaySee(source.Name) || len(in.Source) > 0 && !slices.Contains(in.Source, source.Name) {
			continue
		}
		list, err := s.Waivers(ctx, source.Name)
		if err != nil {
			return nil, err
		}
		waivers = append(waivers, list...)
		for _, use := range drift.WaiverUses(list, s.Now()) {
			entries = append(entries, waiverEntry{source.Name, use})
		}
	}
	return whole(entries), s.cover(ctx, waivers, entries)
}

// cover tells what each waiver covers of what is there, or covers a part of.
func (s *Server) cover(ctx context.Context, waivers []drift.Waiver, entries []waiverEntry) error {
	if len(waivers) == 0 {
		return nil
	}
	concerned := func(source, path, address string) bool {
		for i, w := range waivers {
			w.Attributes = nil // which of them it is about is not known yet
			if entries[i].Source == source && w.Has(path, &drift.Finding{Address: address}) {
				return true
			}
		}
		return false
	}
	for found, err := range s.Store.OpenFindings(ctx, sourcesFor(ctx, nil), concerned) {
		if err != nil {
			return err
		}
		e := &found.Episode
		for i, w := range waivers {
			if entries[i].Source == found.Source && w.Has(e.Stack.Path, &e.Finding) {
				entries[i].Covers = append(entries[i].Covers, drift.Covered{Stack: e.Stack, Finding: e.ID(), Address: e.Finding.Address})
			}
		}
	}
	return nil
}

func (s *Server) createWaiver(ctx context.Context, in *waiveInput) (*bodyOutput[WaiveDone], error) {
	e, source, err := s.actable(ctx, in.Body.Finding, in.Body.Stack)
	if err != nil {
		return nil, err
	}
	until, err := time.Parse(time.DateOnly, in.Body.Until)
	if err != nil {
		return nil, fmt.Errorf("%w: until: write the last day as 2026-12-31", ErrInvalid)
	}
	done, err := s.Requests.Waive(ctx, WaiveAsk{
		Source: source, Episode: e, Whole: in.Body.Whole, Attributes: in.Body.Attributes, Reason: in.Body.Reason,
		Owner: in.Body.Owner, Ticket: in.Body.Ticket, Until: until, Actor: access.From(ctx).Name,
	})
	if err != nil {
		return nil, err
	}
	s.Gate.Audit(ctx, access.AuditWaive, "waiver "+done.ID+" of "+e.Finding.Address+" ("+e.ID()+")")
	return body(done), nil
}

// actable gives a finding about which something can be done from here.
func (s *Server) actable(ctx context.Context, id, stack string) (e drift.Episode, source string, err error) {
	e, source, err = s.finding(ctx, id, stack)
	if err != nil {
		return e, "", err
	}
	if e.Life.Over() {
		return e, "", fmt.Errorf("finding %s: %w: it is over: %s", e.ID(), ErrConflict, e.Resolution())
	}
	if _, ok := s.source(source); !ok {
		return e, "", fmt.Errorf("%w: no source of this server has the stack %s; use the command line where its code is", ErrInvalid, e.Stack)
	}
	return e, source, nil
}
