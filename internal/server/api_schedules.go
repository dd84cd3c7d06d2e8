package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// longestSpread is how far apart the checks of a round may begin.
const longestSpread = 24 * time.Hour

// scheduleEntry is a schedule as the API has it.
type scheduleEntry struct {
	ID      string    `json:"id"`
	Source  string    `json:"source"`
	Name    string    `json:"name,omitempty"`
	Cron    string    `json:"cron" doc:"minute, hour, day of the month, month, day of the week"`
	Zone    string    `json:"zone" doc:"an IANA time zone"`
	SpreadS int       `json:"spread_s" doc:"the checks of a round begin within so many seconds"`
	Paused  bool      `json:"paused"`
	NextAt  time.Time `json:"next_at,omitzero"`
	LastAt  time.Time `json:"last_at,omitzero" doc:"when it was last due"`
	LastRun string    `json:"last_run,omitempty"`
}

func entryOf(one store.Schedule) scheduleEntry {
	return scheduleEntry{
		ID: one.ID, Source: one.Source, Name: one.Name, Cron: one.Cron, Zone: one.Zone, SpreadS: int(one.Spread.Seconds()),
		Paused: one.Paused, NextAt: one.NextAt, LastAt: one.LastAt, LastRun: one.LastRun,
	}
}

type schedulesInput struct {
	Source []string `query:"source,explode" maxItems:"100"`
}

type newSchedule struct {
	Body struct {
		Source  string `json:"source" minLength:"1" maxLength:"200"`
		Name    string `json:"name,omitempty" maxLength:"200"`
		Cron    string `json:"cron" minLength:"1" maxLength:"200"`
		Zone    string `json:"zone,omitempty" maxLength:"100" default:"UTC"`
		SpreadS int    `json:"spread_s,omitempty" minimum:"0" maximum:"86400"`
		Paused  bool   `json:"paused,omitempty"`
	}
}

type changedSchedule struct {
	ByID
	IfMatch
	Body struct {
		Name    *string `json:"name,omitempty" maxLength:"200"`
		Cron    *string `json:"cron,omitempty" minLength:"1" maxLength:"200"`
		Zone    *string `json:"zone,omitempty" minLength:"1" maxLength:"100"`
		SpreadS *int    `json:"spread_s,omitempty" minimum:"0" maximum:"86400"`
		Paused  *bool   `json:"paused,omitempty"`
	}
}

type conditionalID struct {
	ByID
	IfMatch
}

func (s *Server) addSchedules(api huma.API) {
	add(s, api, operation{Method: http.MethodGet, Path: "/schedules", ID: "list-schedules", Least: access.Viewer, Tag: "schedules", Summary: "Schedules: when the stacks of each source are checked"}, s.listSchedules)
	add(s, api, operation{Method: http.MethodPost, Path: "/schedules", ID: "create-schedule", Least: access.Admin, Tag: "schedules", Status: http.StatusCreated, Summary: "Make a schedule"}, s.createSchedule)
	add(s, api, operation{Method: http.MethodGet, Path: "/schedules/{id}", ID: "get-schedule", Least: access.Viewer, Tag: "schedules", Summary: "A schedule"}, s.getSchedule)
	add(s, api, operation{Method: http.MethodPatch, Path: "/schedules/{id}", ID: "change-schedule", Least: access.Admin, Tag: "schedules", Summary: "Change, pause or resume a schedule: what is left out stays"}, s.changeSchedule)
	add(s, api, operation{Method: http.MethodDelete, Path: "/schedules/{id}", ID: "delete-schedule", Least: access.Admin, Tag: "schedules", Summary: "Delete a schedule"}, s.deleteSchedule)
}

func (s *Server) listSchedules(ctx context.Context, in *schedulesInput) (*listOutput[scheduleEntry], error) {
	list, err := s.Store.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	var entries []scheduleEntry
	for _, one := range list {
		if access.From(ctx).MaySee(one.Source) && (len(in.Source) == 0 || slices.Contains(in.Source, one.Source)) {
			entries = append(entries, entryOf(one))
		}
	}
	return whole(entries), nil
}

func (s *Server) createSchedule(ctx context.Context, in *newSchedule) (*bodyOutput[scheduleEntry], error) {
	source := in.Body.Source
	if _, ok := s.source(source); !ok || !access.From(ctx).MaySee(source) {
		return nil, fmt.Errorf("%w: there is no source %q; %s/fleet names those that you may see", ErrInvalid, source, base)
	}
	return s.saveSchedule(ctx, store.Schedule{
		Source: source, Name: in.Body.Name, Cron: in.Body.Cron, Zone: in.Body.Zone,
		Spread: time.Duration(in.Body.SpreadS) * time.Second, Paused: in.Body.Paused,
	}, "made")
}

// saveSchedule saves a schedule that makes sense, with the time when it is due next.
func (s *Server) saveSchedule(ctx context.Context, one store.Schedule, done string) (*bodyOutput[scheduleEntry], error) {
	if one.Spread < 0 || one.Spread > longestSpread {
		return nil, fmt.Errorf("%w: spread_s is a day at most", ErrInvalid)
	}
	next, err := s.Next(one.Cron, one.Zone, s.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	one.NextAt = next
	saved, err := s.Store.SaveSchedule(ctx, one)
	if err != nil {
		return nil, err
	}
	s.Gate.Audit(ctx, access.AuditSchedule, fmt.Sprintf("schedule %s of %s %s: %s %s, paused %t", saved.ID, saved.Source, done, saved.Cron, saved.Zone, saved.Paused))
	return body(entryOf(saved)), nil
}

// schedule gives a schedule that the asker may see.
func (s *Server) schedule(ctx context.Context, id string) (store.Schedule, error) {
	one, ok, err := s.Store.Schedule(ctx, id)
	if err == nil && (!ok || !access.From(ctx).MaySee(one.Source)) {
		err = fmt.Errorf("schedule %.60q: %w; %s/schedules lists those that you may see", id, ErrNotThere, base)
	}
	return one, err
}

func (s *Server) getSchedule(ctx context.Context, in *ByID) (*bodyOutput[scheduleEntry], error) {
	one, err := s.schedule(ctx, in.ID)
	return body(entryOf(one)), err
}

func (s *Server) changeSchedule(ctx context.Context, in *changedSchedule) (*bodyOutput[scheduleEntry], error) {
	one, err := s.schedule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := in.check(entryOf(one)); err != nil {
		return nil, err
	}
	change(&one.Name, in.Body.Name)
	change(&one.Cron, in.Body.Cron)
	change(&one.Zone, in.Body.Zone)
	change(&one.Paused, in.Body.Paused)
	if in.Body.SpreadS != nil {
		one.Spread = time.Duration(*in.Body.SpreadS) * time.Second
	}
	return s.saveSchedule(ctx, one, "changed")
}

// change sets what is to be another value.
func change[T any](what, to *T) {
	if to != nil {
		*what = *to
	}
}

func (s *Server) deleteSchedule(ctx context.Context, in *conditionalID) (*struct{}, error) {
	one, err := s.schedule(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := in.check(entryOf(one)); err != nil {
		return nil, err
	}
	if err := s.Store.DeleteSchedule(ctx, one.ID); err != nil {
		return nil, err
	}
	s.Gate.Audit(ctx, access.AuditSchedule, "schedule "+one.ID+" of "+one.Source+" deleted")
	return nil, nil //nolint:nilnil // an answer without a body
}
