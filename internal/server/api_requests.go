package server

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

type requestsInput struct {
	Paging
	Source  []string `query:"source,explode" maxItems:"100"`
	State   []string `query:"state,explode" maxItems:"10" enum:"waiting,approved,running,done,refused,failed,rejected"`
	Stack   string   `query:"stack" maxLength:"200" doc:"the id of a stack"`
	Finding string   `query:"finding" maxLength:"200" doc:"the id of a finding"`
}

type requestAsk struct {
	Body struct {
		Kind     string   `json:"kind" enum:"revert,accept"`
		Findings []string `json:"findings" minItems:"1" maxItems:"100" doc:"ids of open findings of one stack"`
		Stack    string   `json:"stack,omitempty" maxLength:"200" doc:"the id of their stack, where several stacks share a state"`
		Reason   string   `json:"reason" minLength:"1" maxLength:"2000"`
		Ticket   string   `json:"ticket,omitempty" maxLength:"200"`
	}
}

func (s *Server) addRequests(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/requests", ID: "list-requests", Least: access.Viewer, Tag: "requests", Summary: "What was asked for, the latest first"}, s.listRequests)
	add(s, api, operation{
		Method: http.MethodPost, Path: "/requests", ID: "create-request", Least: access.Admin, Tag: "requests", Status: http.StatusAccepted,
		Summary: "Ask for a revert or an accept; it waits for a second person where the source wants one",
	}, s.createRequest)
	add(s, api, operation{Method: http.MethodGet, Path: "/requests/{id}", ID: "get-request", Least: access.Viewer, Tag: "requests", Summary: "A request, and what became of it"}, s.getRequest)
	add(s, api, operation{Method: http.MethodGet, Path: "/requests/{id}/patch", ID: "get-request-patch", Least: access.Viewer, Tag: "requests", Summary: "The patch that an accept has made, for git apply"}, s.getPatch)
	add(s, api, operation{Method: http.MethodPost, Path: "/requests/{id}/approve", ID: "approve-request", Least: access.Admin, Tag: "requests", Summary: "Approve a request that waits: it is carried out"},
		func(ctx context.Context, in *conditionalID) (*bodyOutput[store.Request], error) {
			return s.decide(ctx, in, true)
		})
	add(s, api, operation{Method: http.MethodPost, Path: "/requests/{id}/reject", ID: "reject-request", Least: access.Admin, Tag: "requests", Summary: "Reject a request that waits"},
		func(ctx context.Context, in *conditionalID) (*bodyOutput[store.Request], error) {
			return s.decide(ctx, in, false)
		})
}

func (s *Server) listRequests(ctx context.Context, in *requestsInput) (*listOutput[store.Request], error) {
	page, err := s.Store.Requests(ctx, store.RequestFilter{
		States: in.State, Sources: sourcesFor(ctx, in.Source), StackID: in.Stack, Finding: in.Finding, After: in.After, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return output(in.Paging, page, true), nil
}

func (s *Server) createRequest(ctx context.Context, in *requestAsk) (*bodyOutput[store.Request], error) {
	r := store.Request{
		Kind: in.Body.Kind, Reason: in.Body.Reason, Ticket: in.Body.Ticket, AskedBy: access.From(ctx).Name, AskedAt: s.Now(),
	}
	for i, id := range in.Body.Findings {
		e, source, err := s.actable(ctx, id, in.Body.Stack)
		if err != nil {
			return nil, err
		}
		if i > 0 && e.Stack.ID != r.Stack.ID {
			return nil, fmt.Errorf("%w: the findings are of several stacks; ask for each stack on its own", ErrInvalid)
		}
		if e.Life == drift.LifeWaived {
			return nil, fmt.Errorf("finding %s: %w: it is waived; take the waiver away first", e.ID(), ErrConflict)
		}
		r.Stack, r.Source = e.Stack, source
		r.Findings, r.Addresses = append(r.Findings, e.ID()), append(r.Addresses, e.Finding.Address)
	}
	asked, err := s.Requests.Ask(ctx, r)
	if err != nil {
		return nil, err
	}
	s.Gate.Audit(ctx, access.AuditRequest, fmt.Sprintf("%s of %d findings of %s, request %s", asked.Kind, len(asked.Findings), asked.Stack, asked.ID))
	return body(plain(asked)), nil
}

// plain is a request without its patch, which is downloaded on its own.
func plain(r store.Request) store.Request {
	r.Patch = ""
	return r
}

// request gives a request that the asker may see.
func (s *Server) request(ctx context.Context, id string) (store.Request, error) {
	r, ok, err := s.Store.Request(ctx, id)
	if err == nil && (!ok || !access.From(ctx).MaySee(r.Source)) {
		err = fmt.Errorf("request %.60q: %w; %s/requests lists those that you may see", id, ErrNotThere, base)
	}
	return r, err
}

func (s *Server) getRequest(ctx context.Context, in *ByID) (*bodyOutput[store.Request], error) {
	r, err := s.request(ctx, in.ID)
	return body(plain(r)), err
}

func (s *Server) decide(ctx context.Context, in *conditionalID, approve bool) (*bodyOutput[store.Request], error) {
	r, err := s.request(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := in.check(plain(r)); err != nil {
		return nil, err
	}
	decided, err := s.Requests.Decide(ctx, r.ID, approve, access.From(ctx).Name)
	if err != nil {
		return nil, err
	}
	word := "rejected"
	if approve {
		word = "approved"
	}
	s.Gate.Audit(ctx, access.AuditDecision, word+" request "+r.ID+", "+r.Kind+" of "+r.Stack.String())
	return body(plain(decided)), nil
}

type patchOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (s *Server) getPatch(ctx context.Context, in *ByID) (*patchOutput, error) {
	r, err := s.request(ctx, in.ID)
	if err == nil && r.Patch == "" {
		err = fmt.Errorf("request %s: %w: it has no patch; it is %s", r.ID, ErrNotThere, r.State)
	}
	if err != nil {
		return nil, err
	}
	return &patchOutput{"text/x-diff; charset=utf-8", `attachment; filename="holdfast-` + r.ID + `.patch"`, []byte(r.Patch)}, nil
}
