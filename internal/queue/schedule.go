package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/robfig/cron/v3"

	"holdfast/internal/store"
)

// The schedule of a source that has none of its own: every Monday morning.
const (
	DefaultCron = "0 6 * * MON"
	DefaultZone = "UTC"
)

// Next is when a schedule is due after a time. Its five fields are read in its
// zone. On the days on which the clocks change, what is due at an hour of its own
// comes once: a time that is left out when they have gone forward, and one that
// comes twice. What is due every hour or more often goes on as the
// time does.
func Next(expression, zone string, after time.Time) (time.Time, error) {
	place, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time zone %q: there is none of that name; write it as Europe/Berlin or UTC", zone)
	}
	fields := strings.Fields(expression)
	if len(fields) > 0 && strings.Contains(fields[0], "TZ=") {
		return time.Time{}, fmt.Errorf("schedule %q: name the time zone as the zone of the schedule", expression)
	}
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return time.Time{}, fmt.Errorf("schedule %q: %w; write it as five fields: minute, hour, day of the month, month, day of the week", expression, err)
	}
	next := schedule.Next(after.In(place))
	if len(fields) == 5 && !strings.HasPrefix(fields[1], "*") || len(fields) == 1 && fields[0] != "@hourly" && !strings.HasPrefix(fields[0], "@every") {
		next = nextOnClock(schedule, after.In(place))
	}
	if next.IsZero() {
		return next, fmt.Errorf("schedule %q never comes", expression)
	}
	return next.UTC(), nil
}

// nextOnClock is the next time by a clock on the wall.
func nextOnClock(schedule cron.Schedule, after time.Time) time.Time {
	wall := time.Date(after.Year(), after.Month(), after.Day(), after.Hour(), after.Minute(), after.Second(), after.Nanosecond(), time.UTC)
	for {
		if wall = schedule.Next(wall); wall.IsZero() {
			return wall
		}
		next := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, after.Location())
		if next.After(after) {
			return next
		}
	}
}

// tickWorker does tick jobs.
type tickWorker struct {
	river.WorkerDefaults[tickArgs]
	queue *Queue
}

// Timeout implements river.Worker.
func (w *tickWorker) Timeout(*river.Job[tickArgs]) time.Duration { return time.Minute }

// Work implements river.Worker.
func (w *tickWorker) Work(ctx context.Context, _ *river.Job[tickArgs]) error {
	err := errors.Join(w.queue.due(ctx), w.queue.mend(ctx))
	if err != nil {
		w.queue.log.WarnContext(ctx, "looking at schedules and rounds", "error", err)
	}
	return err
}

// due begins the rounds whose time has come. One that was missed, however often,
// is caught up once.
func (q *Queue) due(ctx context.Context) error {
	now := q.options.Now()
	list, err := q.store.Due(ctx, now)
	if err != nil {
		return err
	}
	for _, one := range list {
		err = errors.Join(err, q.beginDue(ctx, one, now))
	}
	return err
}

// beginDue begins a round and moves its schedule on, all or nothing, so that of
// several processes one does. While the last round that a schedule has begun of the
// source is under way, another is no help: it is left out.
func (q *Queue) beginDue(ctx context.Context, one store.Schedule, now time.Time) error {
	next, err := Next(one.Cron, one.Zone, now)
	if err != nil {
		return fmt.Errorf("schedule %s of %s: %w", one.ID, one.Source, err)
	}
	return q.store.InTransaction(ctx, "beginning the round of "+one.Source, func(tx *sql.Tx) error {
		before, err := q.store.UnderWay(ctx, tx, one.Source)
		if err != nil {
			return err
		}
		if before != "" {
			q.log.WarnContext(ctx, "a round is left out: the last one is under way", "source", one.Source, "under_way", before, "next", next)
			_, err := q.store.Advance(ctx, tx, one, next, "")
			return err
		}
		run, err := q.begin(ctx, tx, store.Round{Source: one.Source, Trigger: store.BySchedule, Whole: true}, roundArgs{Spread: one.Spread})
		if err != nil {
			return err
		}
		mine, err := q.store.Advance(ctx, tx, one, next, run)
		if err == nil && !mine {
			return errOthers
		}
		return err
	})
}

// errOthers undoes a round that another process has begun.
var errOthers = errors.New("another process has begun the round")
