package hcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
)

// source is the state of one workspace.
type source struct {
	b         *Backend
	workspace string
}

// String gives the workspace's page.
func (s *source) String() string {
	name, err := s.b.naming.remote(s.workspace)
	if err != nil {
		name = s.workspace
	}
	return s.b.String() + "/" + name
}

// Read gives the content of the workspace's current state version.
func (s *source) Read(ctx context.Context) ([]byte, error) {
	body, err := s.read(ctx)
	switch {
	case err == nil:
		return body, nil
	case missing(err):
		return nil, fmt.Errorf("%w at %s that the token may read", state.ErrNone, s)
	}
	return nil, fmt.Errorf("reading the state %s: %w", s, s.b.api.explain(err))
}

func (s *source) read(ctx context.Context) ([]byte, error) {
	w, err := s.find(ctx, nil)
	if err != nil {
		return nil, err
	}
	var version one
	if err := s.b.api.get(ctx, "workspaces/"+url.PathEscape(w.Data.ID)+"/current-state-version", nil, &version); err != nil {
		return nil, err
	}
	address := version.Data.Attributes.DownloadURL
	if address == "" {
		return nil, &advice{"its current version can't be downloaded: it is being uploaded, or encrypted with the organization's own key", "check again, or use terraform state pull and --state FILE"}
	}
	return s.b.api.download(ctx, address)
}

// find asks for the workspace.
func (s *source) find(ctx context.Context, query url.Values) (one, error) {
	var w one
	name, err := s.b.naming.remote(s.workspace)
	if err != nil {
		return w, err
	}
	err = s.b.api.get(ctx, "organizations/"+url.PathEscape(s.b.org)+"/workspaces/"+url.PathEscape(name), query, &w)
	return w, err
}

// missing reports whether something is not there; what the token may not see
// looks so too.
func missing(err error) bool {
	status, ok := errors.AsType[*webget.StatusError](err)
	return ok && status.Code == http.StatusNotFound && !errors.As(err, new(*discoveryError))
}

// Lock tells who has locked the workspace: a run, a person or a team. A
// terraform apply on somebody's machine locks it as that person.
func (s *source) Lock(ctx context.Context) (*state.Lock, error) {
	w, err := s.find(ctx, url.Values{"include": {"locked_by"}})
	if missing(err) || (err == nil && !w.Data.Attributes.Locked) {
		return nil, nil
	}
	if err == nil {
		var lock *state.Lock
		if lock, err = s.holder(ctx, w); err == nil {
			return lock, nil
		}
	}
	return nil, fmt.Errorf("reading the lock of %s: %w", s, s.b.api.explain(err))
}

func (s *source) holder(ctx context.Context, w one) (*state.Lock, error) {
	by := w.Data.Relationships.LockedBy.Data
	if by == nil {
		return &state.Lock{Operation: "unknown"}, nil
	}
	i := slices.IndexFunc(w.Included, func(o object) bool { return o.ID == by.ID && o.Type == by.Type })
	about := object{ID: by.ID, Type: by.Type}
	if i >= 0 {
		about = w.Included[i]
	}
	if by.Type != "runs" {
		who := about.Attributes.Username
		if who == "" {
			who = about.Attributes.Name
		}
		if who == "" {
			who = by.ID
		}
		return &state.Lock{ID: by.ID, Operation: "manual", Who: who}, nil
	}
	if about.Attributes.Status == "" {
		var run one
		if err := s.b.api.get(ctx, "runs/"+url.PathEscape(by.ID), nil, &run); err != nil {
			return nil, err
		}
		about = run.Data
	}
	return &state.Lock{ID: by.ID, Operation: operation(about), Who: "run " + by.ID, Created: about.Attributes.CreatedAt}, nil
}

// planning are the states of a run in which it has not begun to change anything:
// it may be a long time before somebody confirms one.
// https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#run-states
var planning = []string{
	"pending", "fetching", "fetching_completed", "pre_plan_running", "pre_plan_completed", "queuing", "plan_queued",
	"planning", "planned", "cost_estimating", "cost_estimated", "policy_checking", "policy_override", "policy_soft_failed",
	"policy_checked", "post_plan_running", "post_plan_completed", "post_plan_awaiting_decision", "planned_and_finished", "planned_and_saved",
}

func operation(run object) string {
	if run.Attributes.PlanOnly || slices.Contains(planning, run.Attributes.Status) {
		return "OperationTypePlan"
	}
	return "OperationTypeApply"
}
