package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/drift"
)

// How often each kind of job is tried before it is given up.
const (
	roundAttempts   = 3
	checkAttempts   = 4
	finishAttempts  = 20
	resolveAttempts = 3
)

// Priorities, River's: 1 goes first. A person waits, a schedule doesn't.
const (
	urgent = 1
	normal = 2
)

// live are the states of a job that still comes to something.
var live = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}

// roundArgs are those of a job that fetches a source and plans the checks of its
// stacks.
type roundArgs struct {
	Run    string        `json:"run" river:"unique"`
	Source string        `json:"source"`
	Only   []string      `json:"only,omitempty"` // ids of stacks; none: all
	Spread time.Duration `json:"spread,omitempty"`
	Urgent bool          `json:"urgent,omitempty"`
}

func (roundArgs) Kind() string { return "round" }

func (a roundArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueRounds, MaxAttempts: roundAttempts, Priority: priority(a.Urgent), UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: live}}
}

// checkArgs are those of a job that checks a stack, of which there is one at a
// time.
type checkArgs struct {
	StackID string         `json:"stack_id" river:"unique"`
	Stack   drift.StackRef `json:"stack"`
	Run     string         `json:"run"` // that has asked for it first
	Source  string         `json:"source"`
	Commit  string         `json:"commit,omitempty"`
}

func (checkArgs) Kind() string { return "check" }

func (checkArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueChecks, MaxAttempts: checkAttempts, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: live}}
}

// finishArgs are those of a job that sums a run up.
type finishArgs struct {
	Run string `json:"run" river:"unique"`
}

func (finishArgs) Kind() string { return "finish" }

func (finishArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueRounds, MaxAttempts: finishAttempts, Priority: urgent, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: live}}
}

// tickArgs are those of a job that looks at schedules, and after rounds that got
// stuck.
type tickArgs struct{}

func (tickArgs) Kind() string { return "tick" }

func (tickArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueTicks, MaxAttempts: 1, Priority: urgent}
}

// alertArgs are those of a job that tells people what there is to tell, of which
// there is one at a time.
type alertArgs struct{}

func (alertArgs) Kind() string { return "alert" }

func (alertArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueAlerts, MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByState: live}}
}

// resolveArgs are those of a job that carries out a request.
type resolveArgs struct {
	Request string `json:"request" river:"unique"`
}

func (resolveArgs) Kind() string { return "resolve" }

func (resolveArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueResolve, MaxAttempts: resolveAttempts, Priority: urgent, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: live}}
}

func priority(isUrgent bool) int {
	if isUrgent {
		return urgent
	}
	return normal
}

// finalError is one that another attempt can't mend.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// Final marks an error that another attempt can't mend.
func Final(err error) error { return finalError{err} }

// isLast reports whether a job that failed with this error is given up.
func isLast(job *rivertype.JobRow, err error) bool {
	_, final := errors.AsType[finalError](err)
	return final || job.Attempt >= job.MaxAttempts
}

// backoff is when what failed is tried again: each wait is twice the last one, up
// to ten minutes.
type backoff struct{ first time.Duration }

// NextRetry implements river.ClientRetryPolicy.
func (b backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := b.first << min(max(job.Attempt-1, 0), 10)
	return time.Now().Add(min(wait, 10*time.Minute))
}

// guarded does something that may panic, which is an error then: the process has
// other checks to finish.
func guarded(ctx context.Context, log *slog.Logger, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			log.ErrorContext(ctx, "a fault of Holdfast's own; please report it", "panic", fmt.Sprint(r))
			err = errors.New("a fault of Holdfast's own; its log has more")
		}
	}()
	return f()
}

// panics tells of faults that guarded did not see.
type panics struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler; River tries again by itself.
func (p *panics) HandleError(context.Context, *rivertype.JobRow, error) *river.ErrorHandlerResult {
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (p *panics) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, _ string) *river.ErrorHandlerResult {
	p.log.ErrorContext(ctx, "a fault of Holdfast's own; please report it", "job", job.Kind, "panic", fmt.Sprint(value))
	return nil
}

// quiet passes on of River's own log what somebody may have to act on.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError && h.Handler.Enabled(ctx, level)
}
