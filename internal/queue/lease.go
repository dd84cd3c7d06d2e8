package queue

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// A worker tells ten times a lease that it lives. One that can't for three fifths
// of a lease ends its checks, and a little later others take them over, within the
// lease. A gap of two fifths is one in which others may not have come through
// either.
const beatsPerLease = 10

func (q *Queue) gapAfter() time.Duration   { return q.options.Lease * 2 / 5 }
func (q *Queue) fenceAfter() time.Duration { return q.options.Lease * 3 / 5 }
func (q *Queue) deadAfter() time.Duration  { return q.options.Lease * 17 / 20 }

// beats tells again and again that this worker lives.
func (q *Queue) beats(ctx context.Context) {
	wait := q.options.Lease / beatsPerLease
	for sleep(ctx, wait) == nil {
		if wait = q.options.Lease / beatsPerLease; !q.pulse(ctx) {
			wait /= 5
		}
	}
}

// pulse tells that this worker lives, if it can. It counts from before it was told.
func (q *Queue) pulse(ctx context.Context) bool {
	began := time.Now()
	within, cancel := context.WithTimeout(ctx, q.options.Lease/4)
	defer cancel()
	if err := q.store.Beat(within, q.name); err != nil {
		if ctx.Err() == nil {
			q.log.WarnContext(ctx, "the database does not answer", "error", err)
		}
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if began.Sub(q.beat) > q.gapAfter() {
		q.steady = began
	}
	q.beat = began
	return true
}

// fence ends this worker's checks where it can't tell that it lives, however long
// the database lets it wait.
func (q *Queue) fence(ctx context.Context) {
	for sleep(ctx, q.options.Lease/(2*beatsPerLease)) == nil {
		if q.fenced() {
			q.cancelAll(errLeaseLost)
		}
	}
}

// fenced reports whether this worker has not told for so long that it lives that
// others may soon take over what it is at.
func (q *Queue) fenced() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return time.Since(q.beat) > q.fenceAfter()
}

// track keeps how to end a check while it runs. A worker that others take for dead
// begins none.
func (q *Queue) track(job int64, cancel context.CancelCauseFunc) (done func()) {
	q.mu.Lock()
	q.running[job] = cancel
	q.mu.Unlock()
	if q.fenced() {
		cancel(errLeaseLost)
	}
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.running, job)
	}
}

func (q *Queue) cancelAll(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, cancel := range q.running {
		cancel(why)
	}
}

// presence knows which jobs this process is at.
type presence struct {
	river.MiddlewareDefaults
	queue *Queue
}

// Work implements rivertype.WorkerMiddleware.
func (p *presence) Work(ctx context.Context, job *rivertype.JobRow, do func(context.Context) error) error {
	q := p.queue
	q.note(job.ID, true)
	defer q.note(job.ID, false)
	return do(ctx)
}

func (q *Queue) note(job int64, here bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if here {
		q.atWork[job] = true
	} else {
		delete(q.atWork, job)
	}
}

// reaps takes over again and again what silent workers were at. Every process
// does; of several, one comes first.
func (q *Queue) reaps(ctx context.Context) {
	suspects := map[int64]int{}
	for sleep(ctx, q.options.Lease/beatsPerLease) == nil {
		within, cancel := context.WithTimeout(ctx, q.options.Lease)
		err := q.reap(within, suspects)
		cancel()
		if err != nil && ctx.Err() == nil {
			q.log.WarnContext(ctx, "looking at silent workers", "error", err)
		}
	}
}

// reap takes over once.
//
// suspects are the jobs, with their attempts, that the database had given to this
// worker by the last time and that never arrived here: the connection broke just
// then. Nobody else would ever notice.
func (q *Queue) reap(ctx context.Context, suspects map[int64]int) error {
	jobs, err := q.jobsRunning(ctx)
	if err != nil {
		return err
	}
	silent, err := q.silent(ctx) // after the jobs: who has one has told of itself before
	if err != nil {
		return err
	}
	before := maps.Clone(suspects)
	clear(suspects)
	for _, job := range jobs {
		worker := job.AttemptedBy[len(job.AttemptedBy)-1]
		switch attempt, suspected := before[job.ID]; {
		case worker != q.name && silent(worker):
			err = errors.Join(err, q.takeOver(ctx, job, "worker "+worker+" went silent"))
		case worker != q.name || q.isAt(job.ID):
		case suspected && attempt == job.Attempt:
			err = errors.Join(err, q.takeOver(ctx, job, "the job never reached its worker"))
		default:
			suspects[job.ID] = job.Attempt
		}
	}
	return err
}

// silent tells which workers are. Nobody is taken for silent while the database was
// away: then this worker waits for a lease first.
func (q *Queue) silent(ctx context.Context) (func(worker string) bool, error) {
	q.mu.Lock()
	steady := q.steady
	q.mu.Unlock()
	if q.fenced() || time.Since(steady) < q.options.Lease {
		return func(string) bool { return false }, nil
	}
	alive, err := q.store.Alive(ctx, q.deadAfter())
	return func(worker string) bool { return !alive[worker] }, err
}

func (q *Queue) isAt(job int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.atWork[job]
}

func (q *Queue) jobsRunning(ctx context.Context) (jobs []*rivertype.JobRow, err error) {
	const atOnce = 1000
	for params := river.NewJobListParams().States(rivertype.JobStateRunning).First(atOnce); ; {
		page, err := q.client.JobList(ctx, params)
		if err != nil {
			return nil, err
		}
		for _, job := range page.Jobs {
			if len(job.AttemptedBy) > 0 {
				jobs = append(jobs, job)
			}
		}
		if len(page.Jobs) < atOnce {
			return jobs, nil
		}
		params = params.After(page.LastCursor)
	}
}

// takeOver gives a job to others whose worker is gone. That was an attempt: a
// stack that kills each worker must not kill them for ever.
func (q *Queue) takeOver(ctx context.Context, job *rivertype.JobRow, why string) error {
	q.log.WarnContext(ctx, "a job goes back to the queue", "job", job.Kind, "id", job.ID, "why", why)
	return q.store.InTransaction(ctx, "taking a job over", func(tx *sql.Tx) error {
		return q.handOn(ctx, tx, job, why, job.MaxAttempts-job.Attempt)
	})
}
