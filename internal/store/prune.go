package store

import (
	"context"
	"database/sql"
	"time"
)

// Prune forgets runs that began before a time, and the results of stacks that
// were last looked at before it; it gives how many of both. Alerts and messages of before it are forgotten
// too, once sent. It keeps the last
// finished run, and results of stacks with a finding that is not over. Findings,
// events and baselines are never forgotten: the drift report shows them.
func (s *Store) Prune(ctx context.Context, before time.Time) (int, error) {
	var total int64
	err := s.inTransaction(ctx, "pruning it", func(tx *sql.Tx) error {
		total = 0
		for _, query := range []string{
			`DELETE FROM runs WHERE started_at < $1 AND id NOT IN (
				SELECT id FROM (SELECT id FROM runs WHERE finished_at > 0 ORDER BY started_at DESC, id DESC LIMIT 1) AS last)`,
			`DELETE FROM stacks WHERE looked_at < $1 AND result <> '' AND NOT EXISTS (
				SELECT 1 FROM episodes e WHERE e.stack_id = stacks.id AND e.ended = 0)`,
		} {
			result, err := tx.ExecContext(ctx, query, millis(before))
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			total += n
		}
		if err := pruneAlerts(ctx, tx, before); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM fleet WHERE looked_at > 0 AND NOT EXISTS (SELECT 1 FROM stacks s WHERE s.id = fleet.stack_id)")
		if err != nil {
			return err
		}
		for _, table := range []string{"held", "holders"} {
			_, err = tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE NOT EXISTS (SELECT 1 FROM fleet f WHERE f.stack_id = "+table+".stack_id)") //nolint:gosec // names of ours
			if err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM run_stacks WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = run_stacks.run)")
		return err
	})
	return int(total), err
}
