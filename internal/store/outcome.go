package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"holdfast/internal/drift"
)

// Outcome is what somebody did about a finding through Holdfast.
type Outcome struct {
	Kind    drift.EventKind // accepted, reverted or attempted
	Stack   drift.StackRef
	Finding drift.Finding // as it was when it was done
	// At is when it was done; zero means now. That the drift was gone then or later
	// is its effect, and not that it went by itself.
	At     time.Time
	Run    string // that has proved it; "" for none
	Reason string
	Ticket string
	Actor  string
	Detail string // for people, one line, no values; "" for what the finding is
}

// lives are the kinds of outcomes, and what they make of a finding.
var lives = map[drift.EventKind]drift.Life{
	drift.EventAccepted: drift.LifeAccepted, drift.EventReverted: drift.LifeReverted, drift.EventAttempted: "",
}

// End records an outcome: its event and, unless it was only attempted, the end of
// the finding's episode. A finding that the history doesn't have, or has as
// over, gets an episode for it.
func (s *Store) End(ctx context.Context, o Outcome) error {
	what := fmt.Sprintf("recording that %s is %s", o.Finding.Address, o.Kind)
	life, ok := lives[o.Kind]
	if !ok {
		return s.failed(what, fmt.Errorf("%q is no outcome", o.Kind))
	}
	if o.At.IsZero() {
		o.At = time.Now()
	}
	o.At = o.At.UTC().Truncate(time.Millisecond)
	if o.Detail == "" {
		o.Detail = o.Finding.What()
	}
	return s.inTransaction(ctx, what, func(tx *sql.Tx) error {
		if _, err := lockStack(ctx, tx, o.Stack.ID); err != nil {
			return err
		}
		known, err := latestEpisodes(ctx, tx, o.Stack.ID)
		if err != nil {
			return err
		}
		return newWriter(tx, o.At).turn(ctx, o.turn(known, life))
	})
}

// turn is what the outcome makes of the finding's latest episode.
func (o Outcome) turn(known []drift.Episode, life drift.Life) drift.Turn {
	var e drift.Episode
	for _, k := range known {
		if k.Finding.ID == o.Finding.ID {
			e = k
		}
	}
	turn := drift.Turn{}
	if life != "" {
		turn.Delta = o.end(&e, life)
	}
	turn.Episode = e
	turn.Events = []drift.Event{{
		At: o.At, Kind: o.Kind, Run: o.Run, Stack: o.Stack, Address: o.Finding.Address, Finding: o.Finding.ID,
		Episode: e.Number, Detail: o.Detail, Reason: o.Reason, Ticket: o.Ticket, Actor: o.Actor,
	}}
	return turn
}

// end ends an episode, and gives the change in the number of open findings.
func (o Outcome) end(e *drift.Episode, life drift.Life) (delta int) {
	ended := o.At
	switch {
	case e.Life == drift.LifeOpen:
		delta = -1
	case e.Life == drift.LifeResolved && !e.Ended.Before(o.At):
		ended = e.Ended // the check that proved it was recorded first
	case e.Number == 0 || e.Life.Over():
		*e = drift.Episode{
			Number: e.Number + 1, Finding: o.Finding,
			FirstSeen: o.At, LastSeen: o.At, FirstRun: o.Run, LastRun: o.Run,
		}
	}
	e.Stack, e.Life, e.Ended, e.Reason, e.Ticket, e.Actor = o.Stack, life, ended, o.Reason, o.Ticket, o.Actor
	return delta
}
