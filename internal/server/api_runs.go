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

type runsInput struct {
	Paging
	Source []string `query:"source,explode" maxItems:"100"`
	Open   bool     `query:"open" doc:"those that are under way"`
}

type runStacksInput struct {
	ByID
	Paging
	State   []string `query:"state,explode" maxItems:"10" enum:"queued,running,done,failed,cancelled,joined"`
	Outcome []string `query:"outcome,explode" maxItems:"10" enum:"clean,drifted,incomplete,error"`
}

type runInput struct {
	Body struct {
		Source string   `json:"source" minLength:"1" maxLength:"200"`
		Stacks []string `json:"stacks,omitempty" maxItems:"1000" doc:"ids of stacks; all of the source without them"`
	}
}

func (s *Server) addRuns(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/runs", ID: "list-runs", Least: access.Viewer, Tag: "runs", Summary: "Runs, the latest first"}, s.listRuns)
	add(s, api, operation{
		Method: http.MethodPost, Path: "/runs", ID: "start-run", Least: access.Operator, Tag: "runs", Status: http.StatusAccepted,
		Summary: "Check a source, or some of its stacks, now",
	}, s.startRun)
	add(s, api, operation{Method: http.MethodGet, Path: "/runs/{id}", ID: "get-run", Least: access.Viewer, Tag: "runs", Summary: "A run, with how far it is"}, s.getRun)
	add(s, api, operation{Method: http.MethodGet, Path: "/runs/{id}/stacks", ID: "list-run-stacks", Least: access.Viewer, Tag: "runs", Summary: "The stacks of a run, with how far each is"}, s.listRunStacks)
	add(s, api, operation{Method: http.MethodPost, Path: "/runs/{id}/cancel", ID: "cancel-run", Least: access.Operator, Tag: "runs", Summary: "Cancel a run: what is not checked yet is not checked any more"}, s.cancelRun)
}

func (s *Server) listRuns(ctx context.Context, in *runsInput) (*listOutput[store.RunInfo], error) {
	page, err := s.Store.RunsPage(ctx, store.RunFilter{Sources: sourcesFor(ctx, in.Source), Open: in.Open, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return output(in.Paging, page, true), nil
}

func (s *Server) startRun(ctx context.Context, in *runInput) (*bodyOutput[runAsked], error) {
	source := in.Body.Source
	if !access.From(ctx).MaySee(source) {
		return nil, fmt.Errorf("source %.60q: %w; %s/fleet names those that you may see", source, ErrNotThere, base)
	}
	for _, id := range in.Body.Stacks {
		one, err := s.stack(ctx, id)
		if err != nil {
			return nil, err
		}
		if one.Source != source {
			return nil, fmt.Errorf("%w: stack %s is not of source %q; ask for each source on its own", ErrInvalid, id, source)
		}
	}
	return s.ask(ctx, source, in.Body.Stacks, "source "+source)
}

// runDetail is a run with how many of its stacks are in each state.
type runDetail struct {
	store.RunInfo
	States map[store.StackState]int `json:"states" doc:"how many stacks are in each state"`
}

// run gives a run that the asker may see.
func (s *Server) run(ctx context.Context, id string) (store.RunInfo, error) {
	info, ok, err := s.Store.Run(ctx, id)
	if err == nil && (!ok || !access.From(ctx).MaySee(info.Source)) {
		err = fmt.Errorf("run %.60q: %w; %s/runs lists those that you may see", id, ErrNotThere, base)
	}
	return info, err
}

func (s *Server) getRun(ctx context.Context, in *ByID) (*bodyOutput[runDetail], error) {
	info, err := s.run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	states, err := s.Store.StateCounts(ctx, info.ID)
	return body(runDetail{info, states}), err
}

func (s *Server) listRunStacks(ctx context.Context, in *runStacksInput) (*listOutput[store.RunStack], error) {
	info, err := s.run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	page, err := s.Store.RunStacksPage(ctx, info.ID, store.RunStackFilter{
		States: unnamed[store.StackState](in.State, ""), Outcomes: unnamed[drift.Status](in.Outcome, ""), After: in.After, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return output(in.Paging, page, true), nil
}

func (s *Server) cancelRun(ctx context.Context, in *ByID) (*bodyOutput[runDetail], error) {
	info, err := s.run(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	switch ok, err := s.Rounds.Cancel(ctx, info.ID); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("run %s: %w: it is over, or cancelled already", info.ID, ErrConflict)
	}
	s.Gate.Audit(ctx, access.AuditCancel, "run "+info.ID)
	return s.getRun(ctx, in)
}
