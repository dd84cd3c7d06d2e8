package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"holdfast/internal/drift"
)

// Known is what the history has of a stack.
type Known struct {
	Whole    time.Time       // when all of it was last looked at; zero for never
	Looked   time.Time       // when the latest result was, if there is one
	Episodes []drift.Episode // the latest of each finding
	Last     drift.Stack     // the latest result; empty where there is none
}

// Known gives what the history has of a stack.
func (s *Store) Known(ctx context.Context, stackID string) (k Known, err error) {
	err = s.inTransaction(ctx, "reading what is known of a stack", func(tx *sql.Tx) error {
		k = Known{}
		var at, looked int64
		var result string
		err := tx.QueryRowContext(ctx, "SELECT whole_at, looked_at, result FROM stacks WHERE id = $1", clean(stackID)).Scan(&at, &looked, &result)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		k.Whole, k.Looked = fromMillis(at), fromMillis(looked)
		if result != "" {
			if err := json.Unmarshal([]byte(result), &k.Last); err != nil {
				return err
			}
		}
		k.Episodes, err = latestEpisodes(ctx, tx, stackID)
		return err
	})
	return k, err
}

// Explain adds causes, by the ids of findings, to what Save has saved of a stack.
// What another run has saved since stays as it is.
func (r *Run) Explain(ctx context.Context, st drift.StackRef, causes map[string]*drift.Cause) error {
	return r.store.inTransaction(ctx, "saving the causes of "+st.String(), func(tx *sql.Tx) error {
		if _, err := lockStack(ctx, tx, st.ID); err != nil {
			return err
		}
		known, err := latestEpisodes(ctx, tx, st.ID)
		if err != nil {
			return err
		}
		w := newWriter(tx, time.Now())
		for _, e := range known {
			if causes[e.Finding.ID] == nil || e.LastRun != r.ID() {
				continue
			}
			e.Finding.Cause = causes[e.Finding.ID]
			if err := w.episode(ctx, e); err != nil {
				return err
			}
		}
		if err := r.explainAlerts(ctx, tx, st.ID, causes); err != nil {
			return err
		}
		return r.explainResult(ctx, tx, st.ID, causes)
	})
}

// explainResult adds causes to the latest result of a stack, if that is the run's.
func (r *Run) explainResult(ctx context.Context, tx *sql.Tx, stackID string, causes map[string]*drift.Cause) error {
	var text string
	err := tx.QueryRowContext(ctx, "SELECT result FROM stacks WHERE id = $1 AND run = $2 AND result <> ''", clean(stackID), r.ID()).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	var result drift.Stack
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		return err
	}
	for i, f := range result.Findings {
		if causes[f.ID] != nil {
			result.Findings[i].Cause = causes[f.ID]
		}
	}
	if text, err = encode(result); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE stacks SET result = $1 WHERE id = $2", text, clean(stackID))
	return err
}
