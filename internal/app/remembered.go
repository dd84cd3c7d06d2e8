package app

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// Remembered is what the history adds to the picture of a run.
type Remembered struct {
	Environment string
	Trend       []drift.TrendPoint       // of open findings, over all stacks of the history
	Open        map[string]drift.Episode // what is not over, by the finding's id
}

// The longest time that a trend looks back, and of how many points it is.
const (
	trendSpan   = 90 * 24 * time.Hour
	trendPoints = 181
)

// Remember reads what a report of a run shows beside it. Where there is no
// history, there is nothing to remember, which is no error.
func Remember(ctx context.Context, o HistoryOptions) (r Remembered, err error) {
	settings, err := settingsOf(CheckOptions{Config: o.Config})
	if err != nil {
		return r, err
	}
	r.Environment = settings.Environment
	s, err := OpenHistory(ctx, o)
	switch {
	case errors.Is(err, ErrNoHistory):
		return r, nil
	case err != nil:
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r.Open = map[string]drift.Episode{}
	for e, err := range s.Episodes(ctx, store.Filter{Open: true}) {
		if err != nil {
			return r, err
		}
		r.Open[e.Finding.ID] = e
	}
	began, err := beginning(ctx, s)
	if err != nil || began.IsZero() {
		return r, err
	}
	if longest := time.Now().Add(-trendSpan); began.Before(longest) {
		began = longest
	}
	r.Trend, err = s.Trend(ctx, began, trendPoints)
	return r, err
}

// beginning is the time of the first event; zero where there is none.
func beginning(ctx context.Context, s *store.Store) (time.Time, error) {
	for event, err := range s.Events(ctx, store.Filter{}) {
		return event.At, err
	}
	return time.Time{}, nil
}
