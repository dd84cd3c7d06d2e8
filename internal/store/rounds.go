package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"holdfast/internal/drift"
)

// Round is a run that a queue spreads over jobs: the stacks of one source.
type Round struct {
	Source  string
	Actor   string // who asked for it; "" for a schedule
	Trigger string // schedule or person
	Whole   bool   // it is of all stacks of the source
	Tool    drift.Tool
	At      time.Time
}

// The triggers of rounds.
const (
	BySchedule = "schedule"
	ByPerson   = "person"
)

// RunInfo is a run with how far it is.
type RunInfo struct {
	drift.RunRecord
	Source      string    `json:"source,omitempty"` // "" for one of a command
	Actor       string    `json:"actor,omitempty"`
	Error       string    `json:"error,omitempty"` // of the run as a whole: its source could not be fetched
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
	Stacks      int       `json:"stacks"` // so many are to be checked, of a round
	Ended       int       `json:"ended"`  // of them, checked or given up
}

// StackState is how far a run is with a stack.
type StackState string

// The states of a stack in a run. A joined one waits for the check that another
// run has begun or asked for.
const (
	StackQueued    StackState = "queued"
	StackRunning   StackState = "running"
	StackDone      StackState = "done"
	StackFailed    StackState = "failed"
	StackCancelled StackState = "cancelled"
	StackJoined    StackState = "joined"
)

// RunStack is a stack in a run.
type RunStack struct {
	Run        string         `json:"run"`
	Stack      drift.StackRef `json:"stack"`
	Source     string         `json:"source"`
	State      StackState     `json:"state"`
	Outcome    drift.Status   `json:"outcome,omitempty"` // of the check; empty until it is known
	Error      string         `json:"error,omitempty"`   // why it was not checked, or is tried again
	Worker     string         `json:"worker,omitempty"`
	Job        int64          `json:"-"` // of the queue
	StartedAt  time.Time      `json:"started_at,omitzero"`
	FinishedAt time.Time      `json:"finished_at,omitzero"`
}

// DB is the database, for a queue that keeps its tables beside the history's.
func (s *Store) DB() *sql.DB { return s.db }

// IsPostgres reports whether the history is in PostgreSQL.
func (s *Store) IsPostgres() bool { return s.dialect == goose.DialectPostgres }

// InTransaction does what f does in one transaction, or nothing. what is the end
// of a sentence that says what could not be done. Where two transactions wait for
// each other, the database ends one, and f is called again.
func (s *Store) InTransaction(ctx context.Context, what string, f func(*sql.Tx) error) error {
	const attempts = 4
	for n := 1; ; n++ {
		err := s.inTransaction(ctx, what, f)
		if err == nil || n == attempts || !isDeadlock(err) {
			return err
		}
	}
}

// BeginRound records that a round has begun, and gives the run's id.
func (s *Store) BeginRound(ctx context.Context, tx *sql.Tx, r Round) (string, error) {
	tool, err := encode(r.Tool)
	if err != nil {
		return "", err
	}
	summary, err := encode(drift.Summary{})
	if err != nil {
		return "", err
	}
	id := runID(r.At)
	_, err = tx.ExecContext(ctx, `INSERT INTO runs (id, tool, started_at, finished_at, summary, started_by, source, actor, whole)
		VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8)`, id, tool, millis(r.At), summary, clean(r.Trigger), clean(r.Source), clean(r.Actor), flag(r.Whole))
	return id, err
}

// Resume gives a run that another process has begun, to save results in it.
func (s *Store) Resume(ctx context.Context, run string) (*Run, error) {
	const what = "taking part in a run"
	var started int64
	err := s.db.QueryRowContext(ctx, "SELECT started_at FROM runs WHERE id = $1", run).Scan(&started)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("there is no run %s", run)
	}
	if err != nil {
		return nil, s.failed(what, err)
	}
	return &Run{store: s, record: drift.RunRecord{ID: run, StartedAt: fromMillis(started)}, begun: time.Now()}, nil
}

// PlanStack adds a stack to a round. One that is there already stays as it is.
func (s *Store) PlanStack(ctx context.Context, tx *sql.Tx, one RunStack) error {
	ref, err := encode(one.Stack)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO run_stacks (run, stack_id, stack, source, state, outcome, error, worker, job, started_at, finished_at)
		VALUES ($1, $2, $3, $4, $5, '', $6, '', $7, 0, $8) ON CONFLICT (run, stack_id) DO NOTHING`,
		one.Run, clean(one.Stack.ID), ref, clean(one.Source), string(one.State), clean(one.Error), one.Job, millis(one.FinishedAt))
	return err
}

// SetStack records how far a job of the queue is with its stack, in all runs that
// wait for it. It gives those runs: none where all of them were cancelled, or where
// the job has come to its end already.
func (s *Store) SetStack(ctx context.Context, tx *sql.Tx, job int64, one RunStack) (runs []string, err error) {
	rows, err := tx.QueryContext(ctx, `UPDATE run_stacks SET state = CASE WHEN state = 'joined' AND $1 IN ('queued', 'running') THEN state ELSE $2 END,
		outcome = $3, error = $4, worker = $5, started_at = $6, finished_at = $7
		WHERE job = $8 AND state IN ('queued', 'running', 'joined') RETURNING run`,
		string(one.State), string(one.State), string(one.Outcome), clean(one.Error), clean(one.Worker), millis(one.StartedAt), millis(one.FinishedAt), job)
	if err != nil {
		return nil, err
	}
	return collect(rows, column[string])
}

// Unfinished reports whether a run waits for a stack. Whoever ends the last one has
// to know that it is: two that end at once go one after the other.
func (s *Store) Unfinished(ctx context.Context, tx *sql.Tx, run string) (waits bool, err error) {
	if _, err := tx.ExecContext(ctx, "UPDATE runs SET source = source WHERE id = $1", run); err != nil {
		return false, err
	}
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (
		SELECT 1 FROM run_stacks WHERE run = $1 AND state IN ('queued', 'running', 'joined'))`, run).Scan(&waits)
	return waits, err
}

// CancelRun records that somebody has cancelled a run, and gives the jobs of the
// queue that no other run waits for. It gives false for one that is over or
// cancelled already.
func (s *Store) CancelRun(ctx context.Context, tx *sql.Tx, run string, at time.Time) (jobs []int64, ok bool, err error) {
	result, err := tx.ExecContext(ctx, "UPDATE runs SET cancelled_at = $1 WHERE id = $2 AND finished_at = 0 AND cancelled_at = 0", millis(at), run)
	if err != nil {
		return nil, false, err
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		return nil, false, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE run_stacks SET state = 'cancelled', finished_at = $1
		WHERE run = $2 AND state IN ('queued', 'running', 'joined')`, millis(at), run)
	if err != nil {
		return nil, false, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT job FROM run_stacks mine WHERE run = $1 AND state = 'cancelled' AND NOT EXISTS (
		SELECT 1 FROM run_stacks o WHERE o.job = mine.job AND o.state IN ('queued', 'running', 'joined'))`, run)
	if err != nil {
		return nil, false, err
	}
	jobs, err = collect(rows, column[int64])
	return jobs, err == nil, err
}

// FailRun records what kept a run as a whole from being done.
func (s *Store) FailRun(ctx context.Context, tx *sql.Tx, run, why string) error {
	_, err := tx.ExecContext(ctx, "UPDATE runs SET error = $1 WHERE id = $2", clean(why), run)
	return err
}

// Planned is how many stacks a run has so far.
func (s *Store) Planned(ctx context.Context, tx *sql.Tx, run string) (n int, err error) {
	err = tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM run_stacks WHERE run = $1", run).Scan(&n)
	return n, err
}

const runStackColumns = "run, stack, source, state, outcome, error, worker, job, started_at, finished_at"

// RunStacks are the stacks of a run, by their names.
func (s *Store) RunStacks(ctx context.Context, run string) ([]RunStack, error) {
	var list []RunStack
	for one, err := range each(ctx, s, "reading the stacks of a run", alone(scanRunStack), "SELECT "+runStackColumns+" FROM run_stacks WHERE run = $1 ORDER BY stack_id", run) {
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// KnownStacks are the stacks that the last round of all of a source has found.
func (s *Store) KnownStacks(ctx context.Context, tx *sql.Tx, source string) ([]drift.StackRef, error) {
	rows, err := tx.QueryContext(ctx, `SELECT stack FROM run_stacks WHERE run = (
		SELECT r.id FROM runs r WHERE r.source = $1 AND r.whole = 1 AND r.error = '' AND EXISTS (SELECT 1 FROM run_stacks p WHERE p.run = r.id)
		ORDER BY r.started_at DESC, r.id DESC LIMIT 1) ORDER BY stack_id`, clean(source))
	if err != nil {
		return nil, err
	}
	return collect(rows, document[drift.StackRef])
}

func scanRunStack(rows *sql.Rows, extra ...any) (RunStack, error) {
	var r RunStack
	var ref string
	var started, finished int64
	err := rows.Scan(append([]any{&r.Run, &ref, &r.Source, &r.State, &r.Outcome, &r.Error, &r.Worker, &r.Job, &started, &finished}, extra...)...)
	if err != nil {
		return r, err
	}
	r.StartedAt, r.FinishedAt = fromMillis(started), fromMillis(finished)
	return r, json.Unmarshal([]byte(ref), &r.Stack)
}

// runInfoColumns count the stacks of a run that is under way alone: of others the
// summary tells, and counting those of a year takes its time.
const runInfoColumns = `id, tool, started_at, finished_at, summary, started_by, source, actor, error, cancelled_at,
	CASE WHEN finished_at > 0 THEN -1 ELSE (SELECT COUNT(*) FROM run_stacks p WHERE p.run = runs.id) END,
	CASE WHEN finished_at > 0 THEN -1 ELSE (SELECT COUNT(*) FROM run_stacks p WHERE p.run = runs.id AND p.state NOT IN ('queued', 'running', 'joined')) END`

// Run gives a run with its progress.
func (s *Store) Run(ctx context.Context, id string) (info RunInfo, ok bool, err error) {
	for info, err := range each(ctx, s, "reading a run", alone(scanRunInfo), "SELECT "+runInfoColumns+" FROM runs WHERE id = $1", id) {
		return info, err == nil, err
	}
	return info, false, nil
}

// LastRound is the run of a source that ended last, and was not cancelled.
func (s *Store) LastRound(ctx context.Context, source string) (info RunInfo, ok bool, err error) {
	for info, err := range each(ctx, s, "reading the last round", alone(scanRunInfo), "SELECT "+runInfoColumns+` FROM runs
		WHERE source = $1 AND finished_at > 0 AND cancelled_at = 0 ORDER BY finished_at DESC LIMIT 1`, clean(source)) {
		return info, err == nil, err
	}
	return info, false, nil
}

// UnderWay gives the run of a source that a schedule has begun and that is not
// over, if there is one. What people ask for keeps no schedule from its round.
func (s *Store) UnderWay(ctx context.Context, tx *sql.Tx, source string) (run string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id FROM runs WHERE source = $1 AND finished_at = 0 AND cancelled_at = 0 AND started_by = '`+BySchedule+`'
		ORDER BY started_at DESC LIMIT 1`, clean(source)).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return run, err
}

func scanRunInfo(rows *sql.Rows, extra ...any) (RunInfo, error) {
	var r RunInfo
	var tool, summary string
	var started, finished, cancelled int64
	err := rows.Scan(append([]any{&r.ID, &tool, &started, &finished, &summary, &r.Trigger, &r.Source, &r.Actor, &r.Error, &cancelled, &r.Stacks, &r.Ended}, extra...)...)
	if err != nil {
		return r, err
	}
	r.StartedAt, r.FinishedAt, r.CancelledAt = fromMillis(started), fromMillis(finished), fromMillis(cancelled)
	if err := json.Unmarshal([]byte(tool), &r.Tool); err != nil {
		return r, err
	}
	err = json.Unmarshal([]byte(summary), &r.Summary)
	if r.Stacks < 0 {
		r.Stacks, r.Ended = r.Summary.Stacks, r.Summary.Stacks
	}
	return r, err
}

// alone is how a row is read of which nothing else is wanted.
func alone[T any](scan func(*sql.Rows, ...any) (T, error)) func(*sql.Rows) (T, error) {
	return func(rows *sql.Rows) (T, error) { return scan(rows) }
}
