package queue

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

// Resolve adds a job to a transaction that carries out a request.
func (q *Queue) Resolve(ctx context.Context, tx *sql.Tx, request string) error {
	_, err := q.client.InsertTx(ctx, tx, resolveArgs{Request: request}, nil)
	return err
}

// resolveWorker does resolve jobs.
type resolveWorker struct {
	river.WorkerDefaults[resolveArgs]
	queue *Queue
}

// Timeout implements river.Worker. What changes infrastructure is never cut off
// by the clock.
func (w *resolveWorker) Timeout(*river.Job[resolveArgs]) time.Duration { return -1 }

// Work implements river.Worker.
func (w *resolveWorker) Work(ctx context.Context, job *river.Job[resolveArgs]) error {
	q := w.queue
	err := guarded(ctx, q.log, func() error { return q.resolve.Resolve(ctx, job.Args.Request) })
	if err != nil {
		q.log.ErrorContext(ctx, "a request could not be carried out", "request", job.Args.Request, "error", err, "attempt", job.Attempt)
	}
	return err
}

// Depth is how many jobs wait or run, by kind and River's state.
func (q *Queue) Depth(ctx context.Context) (map[[2]string]int, error) {
	rows, err := q.store.DB().QueryContext(ctx, `SELECT kind, CAST(state AS TEXT), COUNT(*) FROM river_job
		WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled') AND kind NOT IN ('tick', 'alert') GROUP BY kind, state`)
	if err != nil {
		return nil, fmt.Errorf("reading the depth of the queue: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	depth := map[[2]string]int{}
	for rows.Next() {
		var kind, state string
		var n int
		if err := rows.Scan(&kind, &state, &n); err != nil {
			return nil, fmt.Errorf("reading the depth of the queue: %w", err)
		}
		depth[[2]string{kind, state}] = n
	}
	return depth, rows.Err()
}
