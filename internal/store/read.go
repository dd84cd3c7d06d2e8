package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"time"

	"holdfast/internal/drift"
)

const runColumns = "SELECT id, tool, started_at, finished_at, summary, started_by FROM runs"

// LastRun is the last run that was finished; there may be none.
func (s *Store) LastRun(ctx context.Context) (drift.RunRecord, bool, error) {
	for run, err := range each(ctx, s, "reading the last run", scanRun, runColumns+" WHERE finished_at > 0 ORDER BY started_at DESC, id DESC LIMIT 1") {
		return run, err == nil, err
	}
	return drift.RunRecord{}, false, nil
}

// Runs are the latest runs, newest first, those too that were not finished.
func (s *Store) Runs(ctx context.Context, limit int) ([]drift.RunRecord, error) {
	var runs []drift.RunRecord
	for run, err := range each(ctx, s, "reading the runs", scanRun, runColumns+" ORDER BY started_at DESC, id DESC LIMIT $1", limit) {
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func scanRun(rows *sql.Rows) (drift.RunRecord, error) {
	var r drift.RunRecord
	var tool, summary string
	var started, finished int64
	if err := rows.Scan(&r.ID, &tool, &started, &finished, &summary, &r.Trigger); err != nil {
		return r, err
	}
	r.StartedAt, r.FinishedAt = fromMillis(started), fromMillis(finished)
	if err := json.Unmarshal([]byte(tool), &r.Tool); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(summary), &r.Summary)
}

// Stacks gives the latest result of each stack, by id. Where a later run looked
// at a part of the stack alone, it is still that of the last look at all of it.
func (s *Store) Stacks(ctx context.Context) iter.Seq2[drift.Stack, error] {
	return each(ctx, s, "reading the results", document[drift.Stack], "SELECT result FROM stacks WHERE result <> '' ORDER BY id")
}

// Stack gives the latest result of one stack, as Stacks does.
func (s *Store) Stack(ctx context.Context, id string) (result drift.Stack, ok bool, err error) {
	for found, err := range each(ctx, s, "reading a result", document[drift.Stack], "SELECT result FROM stacks WHERE result <> '' AND id = $1", id) {
		return found, err == nil, err
	}
	return result, false, nil
}

// Episodes gives episodes, oldest first.
func (s *Store) Episodes(ctx context.Context, f Filter) iter.Seq2[drift.Episode, error] {
	c := f.episodes()
	return each(ctx, s, "reading what was found", document[drift.Episode],
		"SELECT episode FROM episodes"+c.String()+" ORDER BY first_seen, stack_id, finding_id, number", c.args...)
}

// Events gives events, oldest first.
func (s *Store) Events(ctx context.Context, f Filter) iter.Seq2[drift.Event, error] {
	c := f.events()
	return each(ctx, s, "reading the events", document[drift.Event], "SELECT event FROM events"+c.String()+" ORDER BY id", c.args...)
}

// Trend is how many findings were open at so many times, evenly from since until
// now. Waived ones are not counted while they are.
func (s *Store) Trend(ctx context.Context, since time.Time, points int) ([]drift.TrendPoint, error) {
	if points < 1 {
		return nil, nil
	}
	open := 0
	const what = "reading the trend"
	err := s.db.QueryRowContext(ctx, "SELECT CAST(COALESCE(SUM(delta), 0) AS BIGINT) FROM events WHERE at <= $1", millis(since)).Scan(&open)
	if err != nil {
		return nil, s.failed(what, err)
	}
	trend := make([]drift.TrendPoint, points)
	step := time.Since(since) / time.Duration(max(points-1, 1))
	for i := range trend {
		trend[i].At = since.Add(time.Duration(i) * step).UTC().Truncate(time.Millisecond)
	}
	next := 0
	for change, err := range each(ctx, s, what, scanChange, "SELECT at, delta FROM events WHERE at > $1 AND delta <> 0 ORDER BY at", millis(since)) {
		if err != nil {
			return nil, err
		}
		for ; next < points && trend[next].At.Before(change.At); next++ {
			trend[next].Open = open
		}
		open += change.Open
	}
	for ; next < points; next++ {
		trend[next].Open = open
	}
	return trend, nil
}

// scanChange reads by how much the number of open findings changed, and when.
func scanChange(rows *sql.Rows) (drift.TrendPoint, error) {
	var at int64
	var p drift.TrendPoint
	err := rows.Scan(&at, &p.Open)
	p.At = fromMillis(at)
	return p, err
}
