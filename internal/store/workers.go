package store

import (
	"context"
	"strings"
	"time"
)

// Beat records that a worker lives, by the clock of the database.
func (s *Store) Beat(ctx context.Context, worker string) error {
	_, err := s.db.ExecContext(ctx, s.clocked(`INSERT INTO workers (name, started_at, beat_at) VALUES ($1, {now}, {now})
		ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at`), clean(worker))
	if err != nil {
		return s.failed("telling that this worker lives", err)
	}
	return nil
}

// Alive are the workers that have told of themselves within a time, by the clock
// of the database. Those that are silent for a day are forgotten.
func (s *Store) Alive(ctx context.Context, within time.Duration) (map[string]bool, error) {
	const what = "reading which workers live"
	if _, err := s.db.ExecContext(ctx, s.clocked("DELETE FROM workers WHERE beat_at < {now} - $1"), (24 * time.Hour).Milliseconds()); err != nil {
		return nil, s.failed(what, err)
	}
	alive := map[string]bool{}
	for worker, err := range each(ctx, s, what, column[string], s.clocked("SELECT name FROM workers WHERE beat_at >= {now} - $1"), within.Milliseconds()) {
		if err != nil {
			return nil, err
		}
		alive[worker] = true
	}
	return alive, nil
}

// Leave records that a worker has ended, so that nobody waits for it.
func (s *Store) Leave(ctx context.Context, worker string) error {
	if _, err := s.db.ExecContext(ctx, "DELETE FROM workers WHERE name = $1", clean(worker)); err != nil {
		return s.failed("telling that this worker ends", err)
	}
	return nil
}

// clocked puts the database's clock into a query, in Unix milliseconds.
func (s *Store) clocked(query string) string {
	now := "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
	if s.IsPostgres() {
		now = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
	}
	return strings.ReplaceAll(query, "{now}", now)
}
