package store

import (
	"context"
	"database/sql"
	"time"
)

// What holds the runs of rounds and the jobs of the queue together.

// LockRun makes everybody wait who would cancel or end a run, until the
// transaction ends. It gives false for one that is over or cancelled.
func (s *Store) LockRun(ctx context.Context, tx *sql.Tx, run string) (goesOn bool, err error) {
	result, err := tx.ExecContext(ctx, "UPDATE runs SET source = source WHERE id = $1 AND finished_at = 0 AND cancelled_at = 0", run)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// IsOpen reports whether a run is not over, cancelled or not.
func (s *Store) IsOpen(ctx context.Context, tx *sql.Tx, run string) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM runs WHERE id = $1 AND finished_at = 0", run).Scan(&n)
	return n > 0, err
}

// Reassign has the runs that wait for one job of the queue wait for another.
func (s *Store) Reassign(ctx context.Context, tx *sql.Tx, from, to int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE run_stacks SET job = $1 WHERE job = $2 AND state IN ('queued', 'running', 'joined')", to, from)
	return err
}

// EndRun records that a run is over for which no summary could be had.
func (s *Store) EndRun(ctx context.Context, tx *sql.Tx, run, why string, at time.Time) error {
	_, err := tx.ExecContext(ctx, "UPDATE runs SET error = $1, finished_at = $2 WHERE id = $3 AND finished_at = 0", clean(why), millis(at), run)
	return err
}

// Idle are the runs of rounds that are not over and wait for no stack.
func (s *Store) Idle(ctx context.Context) (runs []string, err error) {
	for run, err := range each(ctx, s, "reading which runs wait for nothing", column[string], `SELECT id FROM runs
		WHERE finished_at = 0 AND source <> '' AND NOT EXISTS (
			SELECT 1 FROM run_stacks p WHERE p.run = runs.id AND p.state IN ('queued', 'running', 'joined')) ORDER BY id`) {
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}
