package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Schedule says when the stacks of a source are checked.
type Schedule struct {
	ID      string        `json:"id"`
	Source  string        `json:"source"`
	Name    string        `json:"name,omitempty"`
	Cron    string        `json:"cron"`   // five fields: minute, hour, day, month, weekday
	Zone    string        `json:"zone"`   // of the IANA: Europe/Berlin
	Spread  time.Duration `json:"spread"` // the checks of a round begin within so long
	Paused  bool          `json:"paused"`
	NextAt  time.Time     `json:"next_at,omitzero"`
	LastAt  time.Time     `json:"last_at,omitzero"` // when it was last due
	LastRun string        `json:"last_run,omitempty"`
}

const scheduleColumns = "SELECT id, source, name, cron, zone, spread, paused, next_at, last_at, last_run FROM schedules"

// deleted, in the column paused, is a schedule that was made by itself and that
// somebody has deleted: it is there so that it is not made again.
const deleted = "2"

// OwnSchedule is the id of the schedule that a source is given by itself.
func OwnSchedule(source string) string { return "of-" + source }

// Schedules are all schedules, by source and name.
func (s *Store) Schedules(ctx context.Context) ([]Schedule, error) {
	return s.schedules(ctx, scheduleColumns+" WHERE paused <> "+deleted+" ORDER BY source, name, id")
}

// Due are the schedules whose time has come.
func (s *Store) Due(ctx context.Context, now time.Time) ([]Schedule, error) {
	return s.schedules(ctx, scheduleColumns+" WHERE paused = 0 AND next_at <= $1 ORDER BY next_at, id", millis(now))
}

func (s *Store) schedules(ctx context.Context, query string, args ...any) ([]Schedule, error) {
	var list []Schedule
	for one, err := range each(ctx, s, "reading the schedules", scanSchedule, query, args...) {
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func scanSchedule(rows *sql.Rows) (Schedule, error) {
	var s Schedule
	var spread, paused, next, last int64
	err := rows.Scan(&s.ID, &s.Source, &s.Name, &s.Cron, &s.Zone, &spread, &paused, &next, &last, &s.LastRun)
	s.Spread, s.Paused = time.Duration(spread)*time.Millisecond, paused != 0
	s.NextAt, s.LastAt = fromMillis(next), fromMillis(last)
	return s, err
}

// Schedule gives one schedule.
func (s *Store) Schedule(ctx context.Context, id string) (Schedule, bool, error) {
	list, err := s.schedules(ctx, scheduleColumns+" WHERE id = $1 AND paused <> "+deleted, id)
	if err != nil || len(list) == 0 {
		return Schedule{}, false, err
	}
	return list[0], true, nil
}

// SaveSchedule adds a schedule, or changes the one with its id; without an id it
// is given one. What became of it so far stays. It gives the schedule as it is.
func (s *Store) SaveSchedule(ctx context.Context, one Schedule) (Schedule, error) {
	if one.ID == "" {
		one.ID = random(5)
	}
	_, err := s.db.ExecContext(ctx, insertSchedule+`
		ON CONFLICT (id) DO UPDATE SET source = excluded.source, name = excluded.name, cron = excluded.cron, zone = excluded.zone,
			spread = excluded.spread, paused = excluded.paused, next_at = excluded.next_at`, one.values()...)
	if err != nil {
		return one, s.failed("saving a schedule", err)
	}
	saved, ok, err := s.Schedule(ctx, one.ID)
	if err == nil && !ok {
		err = s.failed("saving a schedule", errors.New("somebody has removed it meanwhile"))
	}
	return saved, err
}

// AddSchedule adds a schedule, unless there is one with its id, or was one that
// somebody has deleted: of several processes that begin at once, one does.
func (s *Store) AddSchedule(ctx context.Context, one Schedule) error {
	_, err := s.db.ExecContext(ctx, insertSchedule+" ON CONFLICT (id) DO NOTHING", one.values()...)
	if err != nil {
		return s.failed("adding a schedule", err)
	}
	return nil
}

const insertSchedule = `INSERT INTO schedules (id, source, name, cron, zone, spread, paused, next_at, last_at, last_run)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '')`

func (one Schedule) values() []any {
	return []any{
		one.ID, clean(one.Source), clean(one.Name), clean(one.Cron), clean(one.Zone), one.Spread.Milliseconds(), flag(one.Paused), millis(one.NextAt),
	}
}

// DeleteSchedule removes a schedule; one that isn't there is no error. AddSchedule
// does not bring back a source's own.
func (s *Store) DeleteSchedule(ctx context.Context, id string) error {
	return s.inTransaction(ctx, "removing schedule "+id, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE schedules SET paused = "+deleted+" WHERE id = $1 AND id = 'of-' || source", id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM schedules WHERE id = $1 AND paused <> "+deleted, id)
		return err
	})
}

// Advance moves a schedule on to its next time, whose round is that run; "" for
// none. It gives false where somebody else has, or where it was changed.
func (s *Store) Advance(ctx context.Context, tx *sql.Tx, one Schedule, next time.Time, run string) (bool, error) {
	result, err := tx.ExecContext(ctx, `UPDATE schedules SET next_at = $1, last_at = $2, last_run = CASE WHEN $3 = '' THEN last_run ELSE $4 END
		WHERE id = $5 AND next_at = $6 AND paused = 0`, millis(next), millis(one.NextAt), run, run, one.ID, millis(one.NextAt))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// flag is a yes or no as both databases have it.
func flag(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
