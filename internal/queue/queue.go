// Package queue runs the checks of a server and of its workers: rounds of all
// stacks of a source, by schedule or because somebody asks. Its jobs are River's,
// in the database of the history, SQLite or PostgreSQL. Several processes may
// share one database.
package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// Work is what jobs do; app does it. Errors are tried again later, but for those
// that Final wraps. All of it is called from several goroutines at once.
type Work interface {
	// Find fetches a source and finds its stacks, once a round. An error costs all
	// stacks of the source their check.
	Find(ctx context.Context, source string) (commit string, stacks []drift.StackRef, err error)
	// Check checks one stack and saves the result under the run's id; what is wrong
	// with the stack is in the result. It is called again for the same stack and run
	// if it fails, or if its worker dies. The context ends with the time limit, when
	// the run is cancelled, when the worker stops, and when others take the stack over.
	Check(ctx context.Context, t Task) (drift.Status, error)
	// Finish sums a run up when its last stack has come to its end.
	Finish(ctx context.Context, run string) error
}

// Resolver carries out what somebody has asked for and somebody has approved. An
// error is tried again later, three times in all. It is called again, too, where a
// worker has died over it or is thought to have: it looks first how far that came.
type Resolver interface {
	Resolve(ctx context.Context, request string) error
}

// Teller tells people what there is to tell. It is called every few seconds, by one
// process at a time; an error is logged.
type Teller interface {
	Tell(ctx context.Context) error
}

// Task is the check of one stack.
type Task struct {
	Run    string
	Source string
	Commit string // of the source; "" for one without
	Stack  drift.StackRef
}

// Options of a queue. Zero values are the defaults.
type Options struct {
	Workers      int           // checks at the same time in this process; 2 for each processor
	CheckTimeout time.Duration // the longest that a check may take; an hour
	// Lease is within how long others take over what a worker was at that has gone
	// silent; a minute. One that lives and can't tell of it ends its checks before.
	// All workers of a database have the same.
	Lease  time.Duration
	Poll   time.Duration // how often jobs are looked for; a second
	Tick   time.Duration // how often schedules are looked at; ten seconds
	Retry  time.Duration // until the second attempt of what failed; ten seconds
	Teller Teller        // nil: this process tells nobody
	Tool   drift.Tool    // recorded with each run
	Log    *slog.Logger  // nil logs nothing
	Now    func() time.Time
	Prefix string // of this worker's name; that of the machine
}

func (o Options) filled() Options {
	fill := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	fill(&o.CheckTimeout, time.Hour)
	fill(&o.Lease, time.Minute)
	fill(&o.Poll, time.Second)
	fill(&o.Tick, 10*time.Second)
	fill(&o.Retry, 10*time.Second)
	if o.Workers == 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Prefix == "" {
		o.Prefix, _ = os.Hostname()
	}
	return o
}

// Queue is a process's part in the queue. Start it once, and Stop it.
type Queue struct {
	store   *store.Store
	work    Work
	resolve Resolver // nil: none
	teller  Teller   // nil: none
	options Options
	name    string // of this worker, for this life
	driver  riverdriver.Driver[*sql.Tx]
	client  *river.Client[*sql.Tx]
	log     *slog.Logger

	stop    context.CancelFunc // of the heart
	ended   chan struct{}      // closed when the process no longer waits for checks
	stopped sync.WaitGroup

	mu      sync.Mutex
	atWork  map[int64]bool                    // jobs of this process
	running map[int64]context.CancelCauseFunc // its checks, by job
	beat    time.Time                         // when the last heartbeat began that came through
	steady  time.Time                         // since when they have without a gap
}

// New makes a process's part in the queue of a database. Nothing runs yet.
func New(s *store.Store, w Work, o Options) (*Queue, error) {
	o = o.filled()
	q := &Queue{
		store: s, work: w, options: o, log: o.Log, ended: make(chan struct{}),
		atWork: map[int64]bool{}, running: map[int64]context.CancelCauseFunc{},
		name: fmt.Sprintf("%.60s-%d-%.8s", o.Prefix, os.Getpid(), uuid.NewString()),
	}
	q.resolve, _ = w.(Resolver)
	q.teller = o.Teller
	q.log = o.Log.With("worker", q.name)
	q.driver = riversqlite.New(s.DB())
	if s.IsPostgres() {
		q.driver = riverdatabasesql.New(s.DB())
	}
	client, err := river.NewClient(q.driver, q.config())
	if err != nil {
		return nil, fmt.Errorf("the queue: %w", err)
	}
	q.client = client
	return q, nil
}

// The queues of River that keep kinds of jobs from waiting for each other.
const (
	queueChecks  = "checks"
	queueRounds  = "rounds"
	queueTicks   = "ticks"
	queueResolve = "resolve"
	queueAlerts  = "alerts"
)

func (q *Queue) config() *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, &roundWorker{queue: q})
	river.AddWorker(workers, &checkWorker{queue: q})
	river.AddWorker(workers, &finishWorker{queue: q})
	river.AddWorker(workers, &tickWorker{queue: q})
	river.AddWorker(workers, &resolveWorker{queue: q})
	river.AddWorker(workers, &alertWorker{queue: q})
	queues := map[string]river.QueueConfig{
		queueChecks: {MaxWorkers: q.options.Workers}, queueRounds: {MaxWorkers: 4}, queueTicks: {MaxWorkers: 1},
	}
	if q.resolve != nil { // else others do it
		queues[queueResolve] = river.QueueConfig{MaxWorkers: 2}
	}
	if q.teller != nil { // likewise
		queues[queueAlerts] = river.QueueConfig{MaxWorkers: 1}
	}
	return &river.Config{
		ID: q.name, Workers: workers, Logger: slog.New(quiet{q.log.Handler()}), PollOnly: true, Queues: queues,
		Middleware:        []rivertype.Middleware{&presence{queue: q}},
		FetchPollInterval: q.options.Poll, FetchCooldown: min(q.options.Poll, 100*time.Millisecond),
		JobTimeout: -1, RescueStuckJobsAfter: q.options.CheckTimeout + time.Hour,
		RetryPolicy: backoff{q.options.Retry}, ErrorHandler: &panics{q.log},
		CompletedJobRetentionPeriod: time.Hour, CancelledJobRetentionPeriod: 24 * time.Hour, DiscardedJobRetentionPeriod: 7 * 24 * time.Hour,
		PeriodicJobs: []*river.PeriodicJob{q.every(q.options.Tick, tickArgs{}), q.every(q.options.Tick, alertArgs{})},
	}
}

// every makes a job come again and again, in one process of those that share a
// database.
func (q *Queue) every(interval time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) { return args, nil }, &river.PeriodicJobOpts{RunOnStart: true})
}

// Prepare brings the queue's tables up to date. Several processes may do so at
// once; New's caller does it before Start.
func (q *Queue) Prepare(ctx context.Context) error {
	migrator, err := rivermigrate.New(q.driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("the queue: %w", err)
	}
	const attempts = 10
	for n := range attempts {
		if _, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil {
			return nil
		}
		if err := sleep(ctx, time.Duration(n+1)*50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("bringing the queue's tables in %s up to date: %w", q.store, err)
}

// Start begins to work. It returns at once; ctx ends nothing, Stop does.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.Prepare(ctx); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	heart, stop := context.WithCancel(ctx)
	q.stop = stop
	q.pulse(heart)
	q.stopped.Go(func() { q.beats(heart) })
	q.stopped.Go(func() { q.fence(heart) })
	q.stopped.Go(func() { q.reaps(heart) })
	if err := q.client.Start(ctx); err != nil {
		stop()
		q.stopped.Wait()
		return fmt.Errorf("the queue: %w", err)
	}
	q.log.InfoContext(ctx, "the queue runs", "checks", q.options.Workers)
	return nil
}

// Stop takes no new jobs. Checks that run come to their end, unless ctx ends
// before that: then they go back to the queue, at once, and others take them.
func (q *Queue) Stop(ctx context.Context) error {
	defer q.stopped.Wait()
	defer q.stop()
	err := q.client.Stop(ctx)
	if err != nil && ctx.Err() != nil {
		close(q.ended)
		q.cancelAll(errStopping)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		err = q.client.StopAndCancel(last)
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := errors.Join(err, q.store.Leave(leaving, q.name)); err != nil {
		return fmt.Errorf("stopping the queue: %w", err)
	}
	return nil
}

// sleep waits, unless the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
