package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// Ask is a round that somebody wants.
type Ask struct {
	Source string
	Only   []string // ids of stacks; none: all of the source
	Actor  string
}

// Ask begins a round for a person, and gives the id of its run.
func (q *Queue) Ask(ctx context.Context, a Ask) (run string, err error) {
	err = q.store.InTransaction(ctx, "asking for a check", func(tx *sql.Tx) error {
		run, err = q.begin(ctx, tx, store.Round{Source: a.Source, Actor: a.Actor, Trigger: store.ByPerson, Whole: len(a.Only) == 0}, roundArgs{Only: a.Only, Urgent: true})
		return err
	})
	return run, err
}

// begin begins a round in a transaction.
func (q *Queue) begin(ctx context.Context, tx *sql.Tx, r store.Round, args roundArgs) (string, error) {
	r.Tool, r.At = q.options.Tool, q.options.Now()
	run, err := q.store.BeginRound(ctx, tx, r)
	if err != nil {
		return "", err
	}
	args.Run, args.Source = run, r.Source
	_, err = q.client.InsertTx(ctx, tx, args, nil)
	return run, err
}

// Cancel cancels a run: what has not begun never does, and what runs is stopped
// within seconds, unless another run waits for it. False: it is over already.
func (q *Queue) Cancel(ctx context.Context, run string) (cancelled bool, err error) {
	err = q.store.InTransaction(ctx, "cancelling a run", func(tx *sql.Tx) error {
		var jobs []int64
		jobs, cancelled, err = q.store.CancelRun(ctx, tx, run, q.options.Now())
		if err != nil || !cancelled {
			return err
		}
		for _, job := range jobs {
			if _, err := q.client.JobCancelTx(ctx, tx, job); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
				return err
			}
		}
		return q.finish(ctx, tx, run)
	})
	return cancelled, err
}

// roundWorker does round jobs.
type roundWorker struct {
	river.WorkerDefaults[roundArgs]
	queue *Queue
}

// Timeout implements river.Worker. Fetching a source has a limit of its own.
func (w *roundWorker) Timeout(*river.Job[roundArgs]) time.Duration {
	return w.queue.options.CheckTimeout + limitMargin
}

// Work implements river.Worker.
func (w *roundWorker) Work(ctx context.Context, job *river.Job[roundArgs]) error {
	q, args := w.queue, job.Args
	began := time.Now()
	log := q.log.With("run", args.Run, "source", args.Source)
	commit, stacks, err := q.find(ctx, log, args.Source)
	switch {
	case err == nil:
		stacks = distinct(only(stacks, args.Only))
		log.InfoContext(ctx, "a round begins", "stacks", len(stacks), "commit", commit, "took", time.Since(began).Round(time.Millisecond))
		return q.plan(ctx, args, commit, stacks)
	case ctx.Err() != nil: // this worker stops: it was no attempt
		return river.JobSnooze(0)
	}
	log.ErrorContext(ctx, "the source could not be fetched", "error", err, "attempt", job.Attempt)
	if !isLast(job.JobRow, err) {
		return err
	}
	recorded := q.store.InTransaction(ctx, "recording that a source could not be fetched", func(tx *sql.Tx) error {
		return q.unreachable(ctx, tx, args, err)
	})
	if recorded != nil {
		log.ErrorContext(ctx, "the end of a round could not be recorded yet", "error", recorded)
		return river.JobSnooze(q.options.Retry)
	}
	return river.JobCancel(err)
}

// find fetches a source, within the time that a check may take.
func (q *Queue) find(ctx context.Context, log *slog.Logger, source string) (commit string, stacks []drift.StackRef, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, q.options.CheckTimeout, errTooLong)
	defer cancel()
	err = guarded(ctx, log, func() (err error) {
		commit, stacks, err = q.work.Find(ctx, source)
		return err
	})
	if err != nil && errors.Is(context.Cause(ctx), errTooLong) {
		err = fmt.Errorf("fetching source %s took longer than %s; see that it can be reached, or give it more time with server.check_timeout in holdfast.yaml", source, q.options.CheckTimeout)
	}
	return commit, stacks, err
}

// distinct leaves out what is there twice.
func distinct(stacks []drift.StackRef) []drift.StackRef {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(stacks), func(s drift.StackRef) bool {
		twice := seen[s.ID]
		seen[s.ID] = true
		return twice
	})
}

func only(stacks []drift.StackRef, ids []string) []drift.StackRef {
	if len(ids) == 0 {
		return stacks
	}
	return slices.DeleteFunc(slices.Clone(stacks), func(s drift.StackRef) bool { return !slices.Contains(ids, s.ID) })
}

// unreachable records that no stack of a source could be checked.
func (q *Queue) unreachable(ctx context.Context, tx *sql.Tx, args roundArgs, why error) error {
	if needed, err := q.toPlan(ctx, tx, args.Run); !needed || err != nil {
		return err
	}
	stacks, err := q.store.KnownStacks(ctx, tx, args.Source)
	if err != nil {
		return err
	}
	for _, s := range only(stacks, args.Only) {
		one := store.RunStack{Run: args.Run, Stack: s, Source: args.Source, State: store.StackFailed, Error: why.Error(), FinishedAt: q.options.Now()}
		if err := q.store.PlanStack(ctx, tx, one); err != nil {
			return err
		}
	}
	if err := q.store.FailRun(ctx, tx, args.Run, why.Error()); err != nil {
		return err
	}
	return q.finish(ctx, tx, args.Run)
}

// toPlan reports whether a round is still to be planned: it was not cancelled, and
// no attempt before this one has planned it and could not say so any more.
func (q *Queue) toPlan(ctx context.Context, tx *sql.Tx, run string) (bool, error) {
	goesOn, err := q.store.LockRun(ctx, tx, run)
	if !goesOn || err != nil {
		return false, err
	}
	n, err := q.store.Planned(ctx, tx, run)
	return n == 0, err
}

// plan makes the check jobs of a round, all or none. A stack that is waiting to be
// checked, or is being checked, is not checked twice: this round waits for that.
func (q *Queue) plan(ctx context.Context, args roundArgs, commit string, stacks []drift.StackRef) error {
	return q.store.InTransaction(ctx, "planning a round", func(tx *sql.Tx) error {
		if needed, err := q.toPlan(ctx, tx, args.Run); !needed || err != nil {
			return err
		}
		if len(args.Only) == 0 {
			if err := q.store.NoteStacks(ctx, tx, args.Source, stacks, q.options.Now()); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(stacks, 500) {
			if err := q.planSome(ctx, tx, args, commit, chunk); err != nil {
				return err
			}
		}
		return q.finish(ctx, tx, args.Run)
	})
}

func (q *Queue) planSome(ctx context.Context, tx *sql.Tx, args roundArgs, commit string, stacks []drift.StackRef) error {
	now := time.Now()
	var jobs []river.InsertManyParams
	for _, s := range stacks {
		opts := &river.InsertOpts{Priority: priority(args.Urgent), ScheduledAt: now.Add(offset(s.ID, args.Spread))}
		jobs = append(jobs, river.InsertManyParams{Args: checkArgs{StackID: s.ID, Stack: s, Run: args.Run, Source: args.Source, Commit: commit}, InsertOpts: opts})
	}
	inserted, err := q.client.InsertManyTx(ctx, tx, jobs)
	if err != nil {
		return err
	}
	for i, result := range inserted {
		one := store.RunStack{Run: args.Run, Stack: stacks[i], Source: args.Source, State: store.StackQueued, Job: result.Job.ID}
		if result.UniqueSkippedAsDuplicate {
			one.State = store.StackJoined
			if one.Job, err = q.join(ctx, tx, result.Job, jobs[i]); err != nil {
				return err
			}
		}
		if err := q.store.PlanStack(ctx, tx, one); err != nil {
			return err
		}
	}
	return nil
}

// join gives the job that a round waits for whose stack has one already. One that
// has not begun yet must not keep a person waiting for a schedule's hour, nor check
// an older commit: it makes place for a new one, no later than itself, and whoever
// waits for it waits for that.
func (q *Queue) join(ctx context.Context, tx *sql.Tx, job *rivertype.JobRow, wanted river.InsertManyParams) (int64, error) {
	args, err := argsOf[checkArgs](job)
	if err != nil || job.State == rivertype.JobStateRunning {
		return job.ID, err
	}
	better := wanted.Args.(checkArgs)
	opts := *wanted.InsertOpts
	if args.Commit == better.Commit && opts.Priority >= job.Priority && !opts.ScheduledAt.Before(job.ScheduledAt) {
		return job.ID, nil
	}
	opts.Priority = min(opts.Priority, job.Priority)
	if job.ScheduledAt.Before(opts.ScheduledAt) {
		opts.ScheduledAt = job.ScheduledAt
	}
	if _, err := q.client.JobCancelTx(ctx, tx, job.ID); err != nil {
		return 0, err
	}
	inserted, err := q.client.InsertTx(ctx, tx, better, &opts)
	if err != nil {
		return 0, err
	}
	return inserted.Job.ID, q.store.Reassign(ctx, tx, job.ID, inserted.Job.ID)
}

// offset is how long after the beginning of a round a stack is checked: each has
// its own place in the window, evenly, and keeps it.
func offset(stackID string, spread time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(stackID)) // it never fails
	// The high bits of this hash are not even for short inputs that are alike.
	mixed := h.Sum64() * 0x9E3779B97F4A7C15
	return time.Duration(float64(mixed>>11) / float64(1<<53) * float64(min(spread, math.MaxInt64)))
}

// finish begins the end of a run in a transaction, if nothing of it is left to do.
func (q *Queue) finish(ctx context.Context, tx *sql.Tx, run string) error {
	waits, err := q.store.Unfinished(ctx, tx, run)
	if err != nil || waits {
		return err
	}
	_, err = q.client.InsertTx(ctx, tx, finishArgs{Run: run}, nil)
	return err
}

// finishWorker does finish jobs.
type finishWorker struct {
	river.WorkerDefaults[finishArgs]
	queue *Queue
}

// Timeout implements river.Worker.
func (w *finishWorker) Timeout(*river.Job[finishArgs]) time.Duration {
	return w.queue.options.CheckTimeout
}

// Work implements river.Worker.
func (w *finishWorker) Work(ctx context.Context, job *river.Job[finishArgs]) error {
	q := w.queue
	began := time.Now()
	err := guarded(ctx, q.log, func() error { return q.work.Finish(ctx, job.Args.Run) })
	switch {
	case err == nil:
		q.log.InfoContext(ctx, "a run is over", "run", job.Args.Run, "took", time.Since(began).Round(time.Millisecond))
		return nil
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded): // this worker stops
		return river.JobSnooze(0)
	}
	q.log.ErrorContext(ctx, "a run could not be summed up", "run", job.Args.Run, "error", err, "attempt", job.Attempt)
	if !isLast(job.JobRow, err) {
		return err
	}
	return errors.Join(err, q.endUnsummed(context.WithoutCancel(ctx), job.Args.Run, err))
}

// endUnsummed ends a run that can't be summed up: it must not keep its source from
// the rounds to come.
func (q *Queue) endUnsummed(ctx context.Context, run string, why error) error {
	return q.store.InTransaction(ctx, "ending a run", func(tx *sql.Tx) error {
		return q.store.EndRun(ctx, tx, run, "it could not be summed up: "+why.Error(), q.options.Now())
	})
}
