package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"holdfast/internal/drift"
)

// Outcome is what somebody did about a finding through Holdfast.
type Outcome struct {
	Kind    drift.EventKind // accepted, reverted, proposed or attempted
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
	drift.EventAccepted: drift.LifeAccepted, drift.EventReverted: drift.LifeReverted, drift.EventProposed: "", drift.EventAttempted: "",
}

// End records an outcome: its event and, unless it was only proposed or attempted, the end of
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
		if _, err := tx.ExecContext(ctx, "DELETE FROM intents WHERE stack_id = $1 AND finding_id = $2", clean(o.Stack.ID), clean(o.Finding.ID)); err != nil {
			return err
		}
		turn := o.turn(known, life)
		if err := newWriter(tx, o.At).turn(ctx, turn); err != nil {
			return err
		}
		if err := s.keep(ctx, tx, turn.Alerts()); err != nil {
			return err
		}
		return count(ctx, tx, o.Stack.ID)
	})
}

// Intend records that somebody is about to bring outcomes about. What is there when
// that may have changed something, and End is not called, tells of it: see Intents.
func (s *Store) Intend(ctx context.Context, outcomes []Outcome) error {
	return s.inTransaction(ctx, "recording what is about to be done", func(tx *sql.Tx) error {
		for _, o := range outcomes {
			text, err := encode(o)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO intents (stack_id, finding_id, intent) VALUES ($1, $2, $3)
				ON CONFLICT (stack_id, finding_id) DO UPDATE SET intent = excluded.intent`, clean(o.Stack.ID), clean(o.Finding.ID), text)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Intents gives the outcomes that were intended and have not come yet: somebody is
// at it, or was cut off.
func (s *Store) Intents(ctx context.Context) iter.Seq2[Outcome, error] {
	return each(ctx, s, "reading what was begun", document[Outcome], "SELECT intent FROM intents ORDER BY stack_id, finding_id")
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
	case e.Life.Over() && !e.Ended.Before(o.At):
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
