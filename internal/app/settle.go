package app

import (
	"context"
	"fmt"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// Settled is the outcome of something that was begun, as a check has seen it.
type Settled struct {
	Outcome store.Outcome   // reverted, accepted or attempted
	Meant   drift.EventKind // what was to come of it
	Begun   time.Time
	Left    string // what there is instead, for people; "" where the drift is gone
}

// String tells of an outcome that nobody has recorded before.
func (s Settled) String() string {
	o := s.Outcome
	what := "a revert"
	if s.Meant == drift.EventAccepted {
		what = "an accept"
	}
	text := fmt.Sprintf("%s of %s by %s began at %s and has no outcome; checked now: ", what, o.Finding.Address, o.Actor, s.Begun.UTC().Format(time.RFC3339))
	if s.Left == "" {
		return text + "the drift is gone, " + string(o.Kind)
	}
	return text + s.Left
}

// begun reads what was begun and has no outcome, by stack.
func begun(ctx context.Context, s *store.Store) (map[string][]store.Outcome, error) {
	all := map[string][]store.Outcome{}
	for o, err := range s.Intents(ctx) {
		if err != nil {
			return nil, err
		}
		all[o.Stack.ID] = append(all[o.Stack.ID], o)
	}
	return all, nil
}

// settle records the outcome of what was begun about a stack, as far as the result
// tells: what was intended if the drift is gone, and else an attempt. It goes
// before the result itself, by which the drift would have gone by itself.
func (r *recorder) settle(ctx context.Context, result drift.Stack) error {
	look := drift.Look{Stack: result, Covers: r.covers}
	for _, o := range r.begun[result.ID] {
		fate := look.Fate(o.Finding)
		if !fate.Known {
			continue
		}
		s := Settled{Outcome: o, Meant: o.Kind, Begun: o.At}
		s.Outcome.Run = r.saved.ID()
		if !fate.Gone {
			s.Left = fate.Left
			s.Outcome.Kind, s.Outcome.At = drift.EventAttempted, time.Time{}
		}
		s.Outcome.Detail = s.detail(r.cutOff)
		if err := r.store.End(ctx, s.Outcome); err != nil {
			return err
		}
		r.settled = append(r.settled, s)
	}
	return nil
}

// detail is the line of the history. known is why it may not have come to its end,
// where somebody knows.
func (s Settled) detail(known string) string {
	text := s.Outcome.Finding.What()
	switch {
	case s.Left == "" && known == finished:
		return text
	case known == finished:
		return "the apply went through, and " + s.Left
	case known == "":
		known = "it began at " + s.Begun.UTC().Format(time.RFC3339) + " and was cut off, or is under way"
	}
	if s.Left == "" {
		return text + "; " + known + "; a check has seen that the drift is gone"
	}
	return known + "; " + s.Left
}

// finished is the note of what has come to its end.
const finished = "finished"

// outcomes are what was settled.
func (r *recorder) outcomes() []Settled {
	if r == nil {
		return nil
	}
	return r.settled
}
