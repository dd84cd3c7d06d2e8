package store

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"holdfast/internal/drift"
)

// Baseline is that of a stack; there may be none.
func (s *Store) Baseline(ctx context.Context, stackID string) (drift.Baseline, bool, error) {
	for b, err := range each(ctx, s, "reading a baseline", document[drift.Baseline], "SELECT baseline FROM baselines WHERE stack_id = $1", clean(stackID)) {
		return b, err == nil, err
	}
	return drift.Baseline{}, false, nil
}

// Baselines gives those of all stacks, by the stack's id.
func (s *Store) Baselines(ctx context.Context) iter.Seq2[drift.Baseline, error] {
	return each(ctx, s, "reading the baselines", document[drift.Baseline], "SELECT baseline FROM baselines ORDER BY stack_id")
}

// SaveBaseline records a stack's baseline, with the event. Without anybody who
// renews it, it is the first one: if the stack has one by then, that stays and
// nothing happens.
func (s *Store) SaveBaseline(ctx context.Context, b drift.Baseline, renewedBy, reason string) error {
	if b.At.IsZero() {
		b.At = time.Now()
	}
	b.At = b.At.UTC().Truncate(time.Millisecond)
	return s.inTransaction(ctx, "saving the baseline of "+b.Stack.String(), func(tx *sql.Tx) error {
		if _, err := lockStack(ctx, tx, b.Stack.ID); err != nil {
			return err
		}
		var has int
		err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM baselines WHERE stack_id = $1", clean(b.Stack.ID)).Scan(&has)
		if err != nil {
			return err
		}
		detail := "Baseline established"
		switch {
		case has > 0 && renewedBy == "" && reason == "":
			return nil
		case has > 0:
			detail = "Baseline renewed"
		}
		text, err := encode(b)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO baselines (stack_id, at, baseline) VALUES ($1, $2, $3)
			ON CONFLICT (stack_id) DO UPDATE SET at = excluded.at, baseline = excluded.baseline`, clean(b.Stack.ID), millis(b.At), text)
		if err != nil {
			return err
		}
		of := "resources"
		if len(b.Resources) == 1 {
			of = "resource"
		}
		return newWriter(tx, b.At).event(ctx, drift.Event{
			At: b.At, Kind: drift.EventBaseline, Run: b.Run, Stack: b.Stack,
			Detail: fmt.Sprintf("%s: %d %s", detail, len(b.Resources), of), Reason: reason, Actor: renewedBy,
		}, 0)
	})
}
