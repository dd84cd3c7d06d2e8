package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/store"
)

// mend looks after rounds that can't come to their end by themselves, which
// nothing known leads to: a stack that waits for a job that has ended, and a run
// that nobody sums up. Such a run would keep its schedule from the next one.
func (q *Queue) mend(ctx context.Context) error {
	return errors.Join(q.mendStacks(ctx), q.mendRuns(ctx))
}

func (q *Queue) mendStacks(ctx context.Context) error {
	jobs, err := q.abandoned(ctx)
	for _, id := range jobs {
		q.log.WarnContext(ctx, "a check has ended and said nothing of its stack", "id", id)
		err = errors.Join(err, q.store.InTransaction(ctx, "mending a round", func(tx *sql.Tx) error { return q.mendStack(ctx, tx, id) }))
	}
	return err
}

func (q *Queue) mendStack(ctx context.Context, tx *sql.Tx, id int64) error {
	const why = "its check was lost"
	job, err := q.client.JobGetTx(ctx, tx, id)
	switch {
	case errors.Is(err, rivertype.ErrNotFound):
		return q.endStack(ctx, tx, id, store.RunStack{State: store.StackFailed, Error: why})
	case err != nil || job.FinalizedAt == nil:
		return err
	}
	return q.replaceCheck(ctx, tx, job, why, job.MaxAttempts-job.Attempt)
}

// abandoned are jobs that have ended although runs wait for them.
func (q *Queue) abandoned(ctx context.Context) (jobs []int64, err error) {
	rows, err := q.store.DB().QueryContext(ctx, `SELECT DISTINCT p.job FROM run_stacks p
		WHERE p.run IN (SELECT id FROM runs WHERE finished_at = 0 AND source <> '') AND p.state IN ('queued', 'running', 'joined')
			AND NOT EXISTS (SELECT 1 FROM river_job j WHERE j.id = p.job AND j.finalized_at IS NULL)`)
	if err != nil {
		return nil, fmt.Errorf("reading which checks were lost: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	for rows.Next() {
		var job int64
		if err := rows.Scan(&job); err != nil {
			return nil, fmt.Errorf("reading which checks were lost: %w", err)
		}
		jobs = append(jobs, job)
	}
	return jobs, rows.Err()
}

func (q *Queue) mendRuns(ctx context.Context) error {
	idle, err := q.store.Idle(ctx)
	if err != nil || len(idle) == 0 {
		return err
	}
	cared, err := q.caredFor(ctx)
	if err != nil {
		return err
	}
	idle = slices.DeleteFunc(idle, func(run string) bool { return cared[run] })
	for _, run := range idle {
		err = errors.Join(err, q.store.InTransaction(ctx, "mending a run", func(tx *sql.Tx) error { return q.mendRun(ctx, tx, run) }))
	}
	return err
}

// mendRun sums up a run that nobody does. It may have come to its end meanwhile.
func (q *Queue) mendRun(ctx context.Context, tx *sql.Tx, run string) error {
	open, err := q.store.IsOpen(ctx, tx, run)
	if !open || err != nil {
		return err
	}
	q.log.WarnContext(ctx, "nobody sums a run up; that is done now", "run", run)
	needed, err := q.toPlan(ctx, tx, run)
	if err == nil && needed {
		err = q.store.FailRun(ctx, tx, run, "the job was lost that finds its stacks")
	}
	if err != nil {
		return err
	}
	return q.finish(ctx, tx, run)
}

// caredFor are the runs that a job is to plan or to sum up.
func (q *Queue) caredFor(ctx context.Context) (map[string]bool, error) {
	runs := map[string]bool{}
	const atOnce = 1000
	for params := river.NewJobListParams().Kinds(roundArgs{}.Kind(), finishArgs{}.Kind()).States(live...).First(atOnce); ; {
		page, err := q.client.JobList(ctx, params)
		if err != nil {
			return nil, err
		}
		for _, job := range page.Jobs {
			args, err := argsOf[finishArgs](job) // both have it so
			if err != nil {
				return nil, err
			}
			runs[args.Run] = true
		}
		if len(page.Jobs) < atOnce {
			return runs, nil
		}
		params = params.After(page.LastCursor)
	}
}
