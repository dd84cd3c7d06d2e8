package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// fleetSummary is the fleet at a glance.
type fleetSummary struct {
	Stacks     map[string]int `json:"stacks" doc:"by status; unchecked for those that never were"`
	Open       int            `json:"open" doc:"findings"`
	Waived     int            `json:"waived"`
	OldestOpen time.Time      `json:"oldest_open,omitzero"`
	Stale      int            `json:"stale" doc:"stacks that were not checked for certain for stale_after_s"`
	StaleAfter int            `json:"stale_after_s"`
	ByCause    map[string]int `json:"by_cause" doc:"open findings; not_asked where nobody was asked who it was"`
	BySeverity map[string]int `json:"by_severity" doc:"open findings; unknown for what an older version has saved"`
	Sources    []Source       `json:"sources"`
}

// unchecked is the status of a stack that was never checked, and notAsked the cause
// of a finding of which nobody was asked.
const (
	unchecked = "unchecked"
	notAsked  = drift.NotAsked
)

func (s *Server) addFleet(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/fleet", ID: "get-fleet", Least: access.Viewer, Tag: "stacks", Summary: "The fleet at a glance"},
		func(ctx context.Context, _ *struct{}) (*bodyOutput[fleetSummary], error) {
			view, err := s.fleet(ctx)
			return body(view), err
		})
}

func (s *Server) fleet(ctx context.Context) (fleetSummary, error) {
	h, err := s.Store.Health(ctx, s.Now().Add(-s.Stale), sourcesFor(ctx, nil))
	v := fleetSummary{
		Stacks: map[string]int{}, Open: h.Open, Waived: h.Waived, OldestOpen: h.OldestOpen, Stale: h.Stale,
		StaleAfter: int(s.Stale.Seconds()), ByCause: map[string]int{}, BySeverity: map[string]int{}, Sources: []Source{},
	}
	for status, n := range h.Stacks {
		v.Stacks[named(string(status), unchecked)] = n
	}
	for cause, n := range h.ByCause {
		v.ByCause[named(cause, notAsked)] += n
	}
	for severity, n := range h.BySeverity {
		v.BySeverity[named(string(severity), "unknown")] += n
	}
	for _, source := range s.Sources {
		if access.From(ctx).MaySee(source.Name) {
			v.Sources = append(v.Sources, source)
		}
	}
	return v, err
}

// named is a value of the history, or what the API calls the empty one.
func named(value, empty string) string {
	if value == "" {
		return empty
	}
	return value
}

// unnamed turns what the API calls the empty value back into it.
func unnamed[T ~string](values []string, empty string) []T {
	var list []T
	for _, value := range values {
		if value == empty {
			value = ""
		}
		list = append(list, T(value))
	}
	return list
}

type stacksInput struct {
	Paging
	Query  string   `query:"q" maxLength:"200" doc:"part of a path, name or workspace, in any case"`
	Source []string `query:"source,explode" maxItems:"100"`
	Status []string `query:"status,explode" maxItems:"10" enum:"clean,drifted,incomplete,error,unchecked"`
	Stale  bool     `query:"stale" doc:"those that were not checked for certain for too long"`
	Gone   bool     `query:"gone" doc:"those too that their sources don't have any more"`
	Sort   string   `query:"sort" enum:"path,drift,oldest,checked" default:"path" doc:"drift: most open findings first; oldest: longest open first; checked: longest not checked first"`
}

func (s *Server) addStacks(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/stacks", ID: "list-stacks", Least: access.Viewer, Tag: "stacks", Summary: "Stacks, with the status of their latest check"}, s.listStacks)
	add(s, api, operation{Method: http.MethodGet, Path: "/stacks/{id}", ID: "get-stack", Least: access.Viewer, Tag: "stacks", Summary: "A stack: its latest result, what is open or waived, its latest events"}, s.getStack)
	add(s, api, operation{
		Method: http.MethodPost, Path: "/stacks/{id}/check", ID: "check-stack", Least: access.Operator, Tag: "runs", Status: http.StatusAccepted,
		Summary: "Check a stack now",
	}, s.checkStack)
}

func (s *Server) listStacks(ctx context.Context, in *stacksInput) (*listOutput[store.FleetStack], error) {
	f := store.FleetFilter{
		Query: in.Query, Sources: sourcesFor(ctx, in.Source), Status: unnamed[drift.Status](in.Status, unchecked),
		Gone: in.Gone, Sort: in.Sort, After: in.After, Limit: in.Limit,
	}
	if in.Stale {
		f.Before = s.Now().Add(-s.Stale)
	}
	page, err := s.Store.Fleet(ctx, f)
	if err != nil {
		return nil, err
	}
	return output(in.Paging, page, true), nil
}

// stackDetail is all that there is of a stack.
type stackDetail struct {
	store.FleetStack
	Result   *drift.Stack    `json:"result" doc:"of the latest look; null for a stack that was never checked"`
	Findings []drift.Episode `json:"findings" doc:"open and waived ones, oldest first; 500 at most"`
	Events   []drift.Event   `json:"events" doc:"the latest 50"`
}

// stack gives a stack that the asker may see.
func (s *Server) stack(ctx context.Context, id string) (store.FleetStack, error) {
	one, ok, err := s.Store.FleetStack(ctx, id)
	if err == nil && (!ok || !access.From(ctx).MaySee(one.Source)) {
		err = fmt.Errorf("stack %.60q: %w; %s/stacks lists those that you may see", id, ErrNotThere, base)
	}
	return one, err
}

func (s *Server) getStack(ctx context.Context, in *ByID) (*bodyOutput[stackDetail], error) {
	one, err := s.stack(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := stackDetail{FleetStack: one}
	switch result, ok, err := s.Store.Stack(ctx, one.Stack.ID); {
	case err != nil:
		return nil, err
	case ok:
		v.Result = &result
	}
	findings, err := s.Store.Findings(ctx, store.FindingFilter{Filter: store.Filter{StackID: one.Stack.ID, Open: true}, Limit: 500})
	if err != nil {
		return nil, err
	}
	events, err := s.Store.EventsPage(ctx, store.EventFilter{Filter: store.Filter{StackID: one.Stack.ID}})
	v.Findings, v.Events = findings.Items, events.Items
	return body(v), err
}

// runAsked is a run that was asked for.
type runAsked struct {
	Run string `json:"run"`
}

func (s *Server) checkStack(ctx context.Context, in *ByID) (*bodyOutput[runAsked], error) {
	one, err := s.stack(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, one.Source, []string{one.Stack.ID}, one.Stack.String())
}

// ask begins a round of a source.
func (s *Server) ask(ctx context.Context, source string, stacks []string, what string) (*bodyOutput[runAsked], error) {
	if _, ok := s.source(source); !ok {
		return nil, fmt.Errorf("%w: source %q is not of this server, which can check only what is of its own sources", ErrInvalid, source)
	}
	run, err := s.Rounds.Ask(ctx, source, stacks, access.From(ctx).Name)
	if err != nil {
		return nil, err
	}
	s.Gate.Audit(ctx, access.AuditCheck, what+", run "+run)
	return body(runAsked{run}), nil
}
