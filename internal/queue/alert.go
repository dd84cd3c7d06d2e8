package queue

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

// alertWorker does alert jobs.
type alertWorker struct {
	river.WorkerDefaults[alertArgs]
	queue *Queue
}

// tellTimeout bounds one turn. What is left comes in the next.
const tellTimeout = 10 * time.Minute

// Timeout implements river.Worker.
func (w *alertWorker) Timeout(*river.Job[alertArgs]) time.Duration { return tellTimeout }

// Work implements river.Worker. An error is no reason to try this job again: another
// comes.
func (w *alertWorker) Work(ctx context.Context, _ *river.Job[alertArgs]) error {
	if err := guarded(ctx, w.queue.log, func() error { return w.queue.teller.Tell(ctx) }); err != nil && ctx.Err() == nil {
		w.queue.log.WarnContext(ctx, "alerts could not be sent", "error", err)
	}
	return nil
}
