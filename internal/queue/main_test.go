package queue_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// databases are those of the suite: each gives the place of a new, empty one.
var databases = map[string]func(t testing.TB) string{
	"sqlite": func(t testing.TB) string { return filepath.Join(t.TempDir(), "history.db") },
}

// stopServer ends what the tests have started.
var stopServer = func() error { return nil }

func TestMain(m *testing.M) {
	if work := os.Getenv(workEnv); work != "" {
		os.Exit(child(work))
	}
	// These tests wait more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := stopServer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onEach runs a test on every database.
func onEach(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	for name, place := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(t.Context(), place(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, s)
		})
	}
}

// work is a stand-in for checks: what each does is the test's.
type work struct {
	store  *store.Store
	find   func(source string) (string, []drift.StackRef, error)
	check  func(ctx context.Context, t queue.Task) (drift.Status, error)
	finish func(run string) error

	mu      sync.Mutex
	checked []queue.Task
}

// newWork finds n stacks and calls them clean.
func newWork(s *store.Store, n int) *work {
	return &work{
		store:  s,
		find:   func(string) (string, []drift.StackRef, error) { return "abc", stacks(n), nil },
		check:  func(context.Context, queue.Task) (drift.Status, error) { return drift.StatusClean, nil },
		finish: func(string) error { return nil },
	}
}

func stacks(n int) []drift.StackRef {
	var list []drift.StackRef
	for i := range n {
		path := fmt.Sprintf("live/%03d", i)
		list = append(list, drift.StackRef{ID: drift.StackID(path, "default"), Path: path, Workspace: "default"})
	}
	return list
}

func (w *work) Find(_ context.Context, source string) (string, []drift.StackRef, error) {
	return w.find(source)
}

func (w *work) Check(ctx context.Context, t queue.Task) (drift.Status, error) {
	w.mu.Lock()
	w.checked = append(w.checked, t)
	w.mu.Unlock()
	return w.check(ctx, t)
}

func (w *work) Finish(ctx context.Context, run string) error {
	if err := w.finish(run); err != nil {
		return err
	}
	r, err := w.store.Resume(ctx, run)
	if err != nil {
		return err
	}
	list, err := w.store.RunStacks(ctx, run)
	if err != nil {
		return err
	}
	return r.Finish(ctx, time.Now(), drift.Summary{Stacks: len(list)})
}

// times is how often each stack was checked, by path.
func (w *work) times() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := map[string]int{}
	for _, t := range w.checked {
		n[t.Stack.Path]++
	}
	return n
}

// quick are options with which a test need not wait.
func quick() queue.Options {
	return queue.Options{Workers: 4, Poll: 100 * time.Millisecond, Tick: 500 * time.Millisecond, Retry: 10 * time.Millisecond, Lease: 30 * time.Second, Prefix: "test"}
}

// start starts a queue, which ends with the test.
func start(t *testing.T, s *store.Store, w queue.Work, o queue.Options) *queue.Queue {
	t.Helper()
	q, err := queue.New(s, w, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := q.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return q
}

// until waits for a condition, for five minutes: the machine may be busy.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// ended waits for the end of a run and gives how it ended.
func ended(t testing.TB, s *store.Store, run string) (store.RunInfo, []store.RunStack) {
	t.Helper()
	var info store.RunInfo
	until(t, "run "+run+" is over", func() bool {
		var err error
		if info, _, err = s.Run(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		return !info.FinishedAt.IsZero()
	})
	list, err := s.RunStacks(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, func(a, b store.RunStack) int { return slices.Compare([]byte(a.Stack.Path), []byte(b.Stack.Path)) })
	return info, list
}

func ask(t testing.TB, q *queue.Queue, a queue.Ask) string {
	t.Helper()
	run, err := q.Ask(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// waiting checks take until free is closed.
func waiting(free <-chan struct{}) func(context.Context, queue.Task) (drift.Status, error) {
	return func(ctx context.Context, _ queue.Task) (drift.Status, error) {
		select {
		case <-free:
			return drift.StatusClean, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
