package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/store"
)

// What River writes at the end of a job it writes whoever runs the job by then. So
// what a worker has lost is never given to another as it is: the job is ended, and
// a new one takes its place, in one transaction. What the old worker says later is
// of a job that has ended, and changes nothing.

// lockJob makes everybody wait who would end a job or wait for it, until the
// transaction ends. False: this attempt of it doesn't run any more.
func lockJob(ctx context.Context, tx *sql.Tx, job *rivertype.JobRow) (runs bool, err error) {
	result, err := tx.ExecContext(ctx, "UPDATE river_job SET attempt = attempt WHERE id = $1 AND attempt = $2 AND state = 'running'", job.ID, job.Attempt)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// handOn ends a job that runs, and puts a new one in its place that has so many
// attempts. Nothing happens where this attempt of it doesn't run any more.
func (q *Queue) handOn(ctx context.Context, tx *sql.Tx, job *rivertype.JobRow, why string, attempts int) error {
	if runs, err := lockJob(ctx, tx, job); !runs || err != nil {
		return err
	}
	if err := q.discard(ctx, tx, job, why); err != nil {
		return err
	}
	return q.replace(ctx, tx, job, why, attempts)
}

// discard ends a job.
func (q *Queue) discard(ctx context.Context, tx *sql.Tx, job *rivertype.JobRow, why string) error {
	now := time.Now().UTC()
	said, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: job.Attempt, Error: why})
	if err != nil {
		return err
	}
	end := riverdriver.JobSetStateDiscarded(job.ID, now, said, nil)
	_, err = q.driver.UnwrapExecutor(tx).JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{end.ID}, Attempt: []*int{nil}, ErrData: [][]byte{end.ErrData}, FinalizedAt: []*time.Time{end.FinalizedAt},
		MetadataDoMerge: []bool{false}, MetadataUpdates: [][]byte{nil}, ScheduledAt: []*time.Time{nil}, State: []rivertype.JobState{end.State},
	})
	return err
}

// replace adds a job that does what one was to do that has ended without.
func (q *Queue) replace(ctx context.Context, tx *sql.Tx, job *rivertype.JobRow, why string, attempts int) error {
	opts := &river.InsertOpts{Priority: job.Priority, MaxAttempts: max(attempts, 1)}
	switch job.Kind {
	case checkArgs{}.Kind():
		return q.replaceCheck(ctx, tx, job, why, attempts)
	case roundArgs{}.Kind():
		args, err := argsOf[roundArgs](job)
		if err == nil && attempts < 1 {
			return q.unreachable(ctx, tx, args, errors.New(why))
		}
		return q.insertAgain(ctx, tx, args, opts, err)
	case finishArgs{}.Kind():
		args, err := argsOf[finishArgs](job)
		if err == nil && attempts < 1 {
			return q.store.EndRun(ctx, tx, args.Run, "it could not be summed up: "+why, q.options.Now())
		}
		return q.insertAgain(ctx, tx, args, opts, err)
	case resolveArgs{}.Kind():
		args, err := argsOf[resolveArgs](job)
		return q.insertAgain(ctx, tx, args, opts, err)
	}
	return nil // there are ticks enough
}

func (q *Queue) insertAgain(ctx context.Context, tx *sql.Tx, args river.JobArgs, opts *river.InsertOpts, err error) error {
	if err == nil {
		_, err = q.client.InsertTx(ctx, tx, args, opts)
	}
	return err
}

// replaceCheck adds a check job for whoever waits for one that has ended. A stack
// whose checks have cost so many workers their lives is given up.
func (q *Queue) replaceCheck(ctx context.Context, tx *sql.Tx, job *rivertype.JobRow, why string, attempts int) error {
	if attempts < 1 {
		return q.endStack(ctx, tx, job.ID, store.RunStack{State: store.StackFailed, Error: why})
	}
	args, err := argsOf[checkArgs](job)
	if err != nil {
		return err
	}
	waiting, err := q.store.SetStack(ctx, tx, job.ID, store.RunStack{State: store.StackQueued, Error: why})
	if err != nil || len(waiting) == 0 {
		return err
	}
	args.Run = waiting[0] // the one before it may have been cancelled
	inserted, err := q.client.InsertTx(ctx, tx, args, &river.InsertOpts{Priority: job.Priority, MaxAttempts: attempts})
	if err != nil {
		return err
	}
	return q.store.Reassign(ctx, tx, job.ID, inserted.Job.ID)
}

// argsOf reads what a job is to do.
func argsOf[T river.JobArgs](job *rivertype.JobRow) (args T, err error) {
	err = json.Unmarshal(job.EncodedArgs, &args)
	return args, err
}
