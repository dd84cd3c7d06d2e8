package queue

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// Why a check that runs is ended before its time.
var (
	errStopping  = errors.New("this worker stops")
	errLeaseLost = errors.New("this worker could not tell that it lives, and others may take over")
	errUnwanted  = errors.New("the run was cancelled")
	errNotOurs   = errors.New("another worker has taken the check over")
	errTooLong   = errors.New("it takes longer than it may")
)

// limitMargin is how much later than our own limits River's are.
const limitMargin = 10 * time.Minute

// checkWorker does check jobs.
type checkWorker struct {
	river.WorkerDefaults[checkArgs]
	queue *Queue
}

// Timeout implements river.Worker. The check has a limit of its own; what is
// recorded after it goes on beyond that.
func (w *checkWorker) Timeout(*river.Job[checkArgs]) time.Duration {
	return w.queue.options.CheckTimeout + limitMargin
}

// Work implements river.Worker.
func (w *checkWorker) Work(ctx context.Context, job *river.Job[checkArgs]) error {
	q := w.queue
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer q.track(job.ID, cancel)()
	c := &checking{queue: q, job: job, began: q.options.Now()}
	err := c.begin(ctx)
	if err == nil {
		err = c.check(ctx)
	}
	switch cause := context.Cause(ctx); {
	case err == nil:
		return nil
	case errors.Is(err, errNotOurs): // the job has ended: no word of this counts
		return river.JobCancel(errNotOurs)
	case errors.Is(err, errUnwanted) || errors.Is(cause, rivertype.ErrJobCancelledRemotely):
		return c.drop(ctx)
	case errors.Is(cause, errStopping) || errors.Is(cause, errLeaseLost):
		return c.giveBack(ctx)
	}
	return err
}

// giveBack puts the job back into the queue for others: it was no attempt of the
// stack's. Where somebody has taken it over, none of this has an effect.
func (c *checking) giveBack(ctx context.Context) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.queue.options.Lease/beatsPerLease)
	defer cancel()
	err := c.queue.store.InTransaction(within, "giving a check back", func(tx *sql.Tx) error {
		_, err := c.set(within, tx, store.RunStack{State: store.StackQueued})
		return err
	})
	if err != nil {
		c.queue.log.WarnContext(ctx, "a check goes back to the queue", "error", err)
	}
	return river.JobSnooze(0)
}

// drop ends the check of a run that was cancelled. Another run may have come
// meanwhile and wait for it, which is given a new one.
func (c *checking) drop(ctx context.Context) error {
	err := c.insist(ctx, "dropping a check", func(ctx context.Context, tx *sql.Tx) error {
		return c.queue.handOn(ctx, tx, c.job.JobRow, errUnwanted.Error(), checkAttempts)
	})
	return river.JobCancel(errors.Join(errUnwanted, err))
}

// checking is one attempt at a stack.
type checking struct {
	queue *Queue
	job   *river.Job[checkArgs]
	began time.Time
}

// begin records that the check runs, unless nobody wants it any more.
func (c *checking) begin(ctx context.Context) error {
	return c.queue.store.InTransaction(ctx, "beginning the check of "+c.job.Args.Stack.String(), func(tx *sql.Tx) error {
		runs, err := c.set(ctx, tx, store.RunStack{State: store.StackRunning})
		if err == nil && len(runs) == 0 {
			return errUnwanted
		}
		return err
	})
}

func (c *checking) set(ctx context.Context, tx *sql.Tx, one store.RunStack) (runs []string, err error) {
	one.Worker, one.StartedAt = c.queue.name, c.began
	return c.queue.store.SetStack(ctx, tx, c.job.ID, one)
}

func (c *checking) check(ctx context.Context) error {
	q, args := c.queue, c.job.Args
	log := q.log.With("run", args.Run, "stack", args.Stack.String())
	limited, cancel := context.WithTimeoutCause(ctx, q.options.CheckTimeout, errTooLong)
	defer cancel()
	var status drift.Status
	err := guarded(ctx, log, func() (err error) {
		status, err = q.work.Check(limited, Task{Run: args.Run, Source: args.Source, Commit: args.Commit, Stack: args.Stack})
		return err
	})
	took := q.options.Now().Sub(c.began).Round(time.Millisecond)
	switch {
	case err == nil:
		log.InfoContext(ctx, "checked", "status", status, "took", took)
		return c.end(ctx, store.RunStack{State: store.StackDone, Outcome: status})
	case ctx.Err() != nil:
		return err // why it was ended says more than what became of it
	case errors.Is(context.Cause(limited), errTooLong):
		err = Final(fmt.Errorf("it took longer than %s; give it more time with server.check_timeout in holdfast.yaml", q.options.CheckTimeout))
	}
	log.ErrorContext(ctx, "not checked", "error", err, "attempt", c.job.Attempt, "took", took)
	if isLast(c.job.JobRow, err) {
		return c.end(ctx, store.RunStack{State: store.StackFailed, Error: err.Error()})
	}
	again := q.store.InTransaction(ctx, "recording a failed check", func(tx *sql.Tx) error {
		_, err := c.set(ctx, tx, store.RunStack{State: store.StackQueued, Error: err.Error()})
		return err
	})
	return errors.Join(err, again)
}

// end records what the check came to: the job, its stack in all runs that wait for
// it, and the end of those of which it was the last, all or nothing.
func (c *checking) end(ctx context.Context, one store.RunStack) error {
	return c.insist(ctx, "recording the end of a check", func(ctx context.Context, tx *sql.Tx) error { return c.endIn(ctx, tx, one) })
}

// insist does something in a transaction, again and again while the lease holds and
// the process stays: a database that is away for a moment costs no check.
func (c *checking) insist(ctx context.Context, what string, f func(context.Context, *sql.Tx) error) error {
	q := c.queue
	for {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.options.Lease/4)
		err := q.store.InTransaction(within, what, func(tx *sql.Tx) error { return f(within, tx) })
		cancel()
		if err == nil || errors.Is(err, errNotOurs) || q.fenced() {
			return err
		}
		q.log.WarnContext(ctx, "a check's end could not be recorded yet", "error", err)
		select {
		case <-q.ended:
			return err
		case <-time.After(min(time.Second, q.options.Lease/beatsPerLease)):
		}
	}
}

func (c *checking) endIn(ctx context.Context, tx *sql.Tx, one store.RunStack) error {
	if mine, err := lockJob(ctx, tx, c.job.JobRow); !mine || err != nil {
		return cmp.Or(err, errNotOurs)
	}
	if _, err := river.JobCompleteTx[riverdriver.Driver[*sql.Tx]](ctx, tx, c.job); err != nil {
		return err
	}
	one.Worker, one.StartedAt = c.queue.name, c.began
	return c.queue.endStack(ctx, tx, c.job.ID, one)
}

// endStack records how a check has ended, in all runs that wait for it.
func (q *Queue) endStack(ctx context.Context, tx *sql.Tx, job int64, one store.RunStack) error {
	one.FinishedAt = q.options.Now()
	runs, err := q.store.SetStack(ctx, tx, job, one)
	if err != nil {
		return err
	}
	slices.Sort(runs) // all lock them in one order
	for _, run := range runs {
		if err := q.finish(ctx, tx, run); err != nil {
			return err
		}
	}
	return nil
}
