package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// When bounds a list by time.
type When struct {
	Since time.Time `query:"since" doc:"as 2026-01-31T06:00:00Z"`
	Until time.Time `query:"until" doc:"before that time"`
}

type findingsInput struct {
	Paging
	When
	Query   string   `query:"q" maxLength:"200" doc:"part of an address or of a stack's path or name, in any case"`
	Source  []string `query:"source,explode" maxItems:"100"`
	Stack   string   `query:"stack" maxLength:"200" doc:"the id of a stack"`
	Address string   `query:"address" maxLength:"2000" doc:"of an instance, of a resource with all its instances, or of a module with all that is in it"`
	Life    []string `query:"life,explode" maxItems:"10" enum:"open,waived,resolved,accepted,reverted" doc:"open and waived ones unless it says otherwise; see all"`
	All     bool     `query:"all" doc:"those too that are over"`
	Cause   []string `query:"cause,explode" maxItems:"20" enum:"manual-console,manual-cli,external-automation,code-elsewhere,aws-service,state-corruption,unknown,not_asked"`
	Kind    []string `query:"kind,explode" maxItems:"5" enum:"modified,deleted"`
	// What an older version has saved has no severity.
	Severity []string `query:"severity,explode" maxItems:"5" enum:"high,medium,low"`
	Newest   bool     `query:"newest" doc:"the latest first, not the oldest"`
	Worst    bool     `query:"worst" doc:"the worst first, then the oldest; not together with newest"`
}

func (s *Server) addFindings(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/findings", ID: "list-findings", Least: access.Viewer, Tag: "findings", Summary: "Findings: each is an episode of drift, from when it was first seen until it was gone"}, s.listFindings)
	add(s, api, operation{Method: http.MethodGet, Path: "/findings/{id}", ID: "get-finding", Least: access.Viewer, Tag: "findings", Summary: "A finding: what differs, who did it, what happened since, what may be done"}, s.getFinding)
}

func (s *Server) listFindings(ctx context.Context, in *findingsInput) (*listOutput[episodeEntry], error) {
	page, err := s.Store.Findings(ctx, store.FindingFilter{
		Filter: store.Filter{
			StackID: in.Stack, Address: in.Address, Lives: unnamed[drift.Life](in.Life, ""),
			Open: len(in.Life) == 0 && !in.All, Since: in.Since, Until: in.Until,
		},
		Query: in.Query, Sources: sourcesFor(ctx, in.Source), Causes: unnamed[string](in.Cause, notAsked),
		Kinds: unnamed[drift.Kind](in.Kind, ""), Severities: unnamed[drift.Severity](in.Severity, ""), Newest: in.Newest, Worst: in.Worst, After: in.After, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	rows := store.Page[episodeEntry]{Items: []episodeEntry{}, Next: page.Next, Total: page.Total}
	for _, e := range page.Items {
		rows.Items = append(rows.Items, episodeEntry{e.ID(), e})
	}
	return output(in.Paging, rows, true), nil
}

// episodeEntry is an episode with the id by which it is asked for.
type episodeEntry struct {
	ID string `json:"id" doc:"of the episode: that of the finding, and from the second episode on its number"`
	drift.Episode
}

// findingDetail is all that there is of a finding.
type findingDetail struct {
	ID string `json:"id" doc:"of the episode"`
	drift.Episode
	Source   string          `json:"source,omitempty" doc:"that the stack comes from"`
	Timeline []drift.Event   `json:"timeline" doc:"of all its episodes, the latest first; 200 at most"`
	Requests []store.Request `json:"requests" doc:"what was asked for"`
	WaysOut  []wayOut        `json:"ways_out" doc:"none of a finding that is over"`
}

// wayOut is something that may be done about a finding.
type wayOut struct {
	Kind     string `json:"kind" enum:"waive,accept,revert"`
	Role     string `json:"role" doc:"the lowest that may"`
	May      bool   `json:"may" doc:"whether the asker has it"`
	Approval bool   `json:"approval" doc:"a second person has to approve it"`
	Meaning  string `json:"meaning"`
	Path     string `json:"path" doc:"to post to"`
}

type findingInput struct {
	ByID
	Stack string `query:"stack" maxLength:"200" doc:"the id of a stack, where several stacks share a state and so the ids of findings"`
}

// finding gives an episode that the asker may see, and the source of its stack.
func (s *Server) finding(ctx context.Context, id, stack string) (e drift.Episode, source string, err error) {
	found, err := s.Store.EpisodesCalled(ctx, id)
	if err != nil {
		return e, "", err
	}
	var stacks []string
	for _, one := range found {
		of, _, err := s.Store.FleetStack(ctx, one.Stack.ID)
		if err != nil {
			return e, "", err
		}
		if access.From(ctx).MaySee(of.Source) && (stack == "" || stack == one.Stack.ID) {
			e, source, stacks = one, of.Source, append(stacks, one.Stack.ID)
		}
	}
	switch len(stacks) {
	case 0:
		return e, "", fmt.Errorf("finding %.60q: %w; %s/findings lists those that you may see", id, ErrNotThere, base)
	case 1:
		return e, source, nil
	}
	return e, "", fmt.Errorf("finding %.60q: %w: several stacks have it; add stack= with one of %s", id, ErrConflict, strings.Join(stacks, ", "))
}

func (s *Server) getFinding(ctx context.Context, in *findingInput) (*bodyOutput[findingDetail], error) {
	e, source, err := s.finding(ctx, in.ID, in.Stack)
	if err != nil {
		return nil, err
	}
	v := findingDetail{ID: e.ID(), Episode: e, Source: source, WaysOut: []wayOut{}}
	events, err := s.Store.EventsPage(ctx, store.EventFilter{Filter: store.Filter{StackID: e.Stack.ID, Finding: e.Finding.ID}, Limit: 200})
	if err != nil {
		return nil, err
	}
	requests, err := s.Store.Requests(ctx, store.RequestFilter{StackID: e.Stack.ID, Finding: e.ID()})
	if err != nil {
		return nil, err
	}
	v.Timeline, v.Requests = events.Items, requests.Items
	if of, ok := s.source(source); ok && !e.Life.Over() {
		v.WaysOut = waysOut(access.From(ctx), of)
	}
	return body(v), nil
}

func waysOut(who access.Identity, source Source) []wayOut {
	accept := "the code becomes what is real: a patch to download"
	if source.Push {
		accept = "the code becomes what is real: a branch in the source's repository"
	}
	ways := []wayOut{
		{Kind: "waive", Role: access.Operator.String(), Meaning: "it stays, justified, until a day", Path: base + "/waivers"},
		{Kind: "accept", Role: access.Admin.String(), Approval: source.Approval, Meaning: accept, Path: base + "/requests"},
		{Kind: "revert", Role: access.Admin.String(), Approval: source.Approval, Meaning: "what is real becomes what the code says", Path: base + "/requests"},
	}
	for i := range ways {
		least, err := access.ParseRole(ways[i].Role)
		ways[i].May = err == nil && who.Role >= least
	}
	return ways
}

type eventsInput struct {
	Paging
	When
	Source  []string `query:"source,explode" maxItems:"100"`
	Stack   string   `query:"stack" maxLength:"200" doc:"the id of a stack"`
	Address string   `query:"address" maxLength:"2000"`
	Finding string   `query:"finding" maxLength:"200" doc:"the id of a finding, with all its episodes"`
	Kind    []string `query:"kind,explode" maxItems:"20" doc:"found, changed, resolved, reopened, waived, unwaived, accepted, reverted, proposed, attempted, baseline, requested, approved or rejected"`
}

// eventKinds are those that may be asked for.
var eventKinds = []string{
	string(drift.EventBaseline), string(drift.EventFound), string(drift.EventChanged), string(drift.EventResolved), string(drift.EventReopened),
	string(drift.EventWaived), string(drift.EventUnwaived), string(drift.EventAccepted), string(drift.EventReverted), string(drift.EventProposed),
	string(drift.EventAttempted), string(drift.EventRequested), string(drift.EventApproved), string(drift.EventRejected),
}

func (s *Server) addEvents(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/events", ID: "list-events", Least: access.Viewer, Tag: "history", Summary: "The history: what happened, the latest first"}, s.listEvents)
}

func (s *Server) listEvents(ctx context.Context, in *eventsInput) (*listOutput[drift.Event], error) {
	for _, kind := range in.Kind {
		if !slices.Contains(eventKinds, kind) {
			return nil, fmt.Errorf("%w: kind %.40q: one of %s", store.ErrBadPage, kind, strings.Join(eventKinds, ", "))
		}
	}
	page, err := s.Store.EventsPage(ctx, store.EventFilter{
		Filter:  store.Filter{StackID: in.Stack, Address: in.Address, Finding: in.Finding, Since: in.Since, Until: in.Until},
		Sources: sourcesFor(ctx, in.Source), Kinds: unnamed[drift.EventKind](in.Kind, ""), After: in.After, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return output(in.Paging, page, false), nil
}
