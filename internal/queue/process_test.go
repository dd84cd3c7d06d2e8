package queue_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// worker is what a child process does. This program is its own child, so that
// processes are real.
type worker struct {
	Where  string
	Stacks int           // that each source has
	Takes  time.Duration // a check
	Long   int           // so many of the first stacks take LongTakes
	LongTakes,
	Lease time.Duration
	Save bool // save results as large as real ones, and work with the defaults
}

// workEnv tells a child its work.
const workEnv = "HOLDFAST_QUEUE_TEST_CHILD"

// child is a worker until its standard input ends, which it does with the test at
// the latest.
func child(text string) int {
	var w worker
	err := json.Unmarshal([]byte(text), &w)
	if err == nil {
		err = w.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w worker) run(ctx context.Context) error {
	s, err := store.Open(ctx, w.Where)
	if err != nil {
		return err
	}
	fake := newWork(s, w.Stacks)
	fake.check = func(ctx context.Context, t queue.Task) (drift.Status, error) { return w.check(ctx, s, t) }
	o := quick()
	o.Lease, o.Tick, o.Retry, o.Poll = w.Lease, 500*time.Millisecond, time.Second, 100*time.Millisecond
	if w.Save {
		fake.check = func(ctx context.Context, t queue.Task) (drift.Status, error) { return save(ctx, s, t) }
		o = queue.Options{}
	}
	q, err := queue.New(s, fake, o)
	if err != nil {
		return err
	}
	if err := q.Start(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return errors.Join(q.Stop(ctx), s.Close())
}

// check writes a row when it begins, and when it ends. What stops it before leaves
// the row as it is.
func (w worker) check(ctx context.Context, s *store.Store, t queue.Task) (drift.Status, error) {
	id := uuid.NewString()
	if err := insist(ctx, s, `INSERT INTO checks (id, run, stack, pid, began, ended) VALUES ($1, $2, $3, $4, $5, 0)
		ON CONFLICT (id) DO NOTHING`, id, t.Run, t.Stack.Path, os.Getpid(), time.Now().UnixMilli()); err != nil {
		return "", err
	}
	takes := w.Takes
	if t.Stack.Path < fmt.Sprintf("live/%03d", w.Long) {
		takes = w.LongTakes
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return drift.StatusClean, insist(ctx, s, "UPDATE checks SET ended = $1 WHERE id = $2", time.Now().UnixMilli(), id)
}

// insist writes a row although the database may be away for a moment.
func insist(ctx context.Context, s *store.Store, query string, args ...any) error {
	for {
		_, err := s.DB().ExecContext(ctx, query, args...)
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// prepare makes the table of the checks, and the queue's. The queue that it gives
// asks, and does nothing itself.
func prepare(t testing.TB, where string) (*store.Store, *queue.Queue) {
	t.Helper()
	s, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	execute(t, s, "CREATE TABLE checks (id TEXT PRIMARY KEY, run TEXT, stack TEXT, pid BIGINT, began BIGINT, ended BIGINT)")
	q, err := queue.New(s, newWork(s, 0), quick())
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, q
}

// children are workers that run.
type children struct {
	list []*exec.Cmd
	in   []io.Closer
	errs []*strings.Builder
	gone map[int]bool // killed by the test
}

// workers starts several at once.
func workers(t testing.TB, n int, w worker) *children {
	t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &children{gone: map[int]bool{}}
	t.Cleanup(func() { c.end(t) })
	var out []*bufio.Scanner
	for range n {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program)
		cmd.Env = append(os.Environ(), workEnv+"="+string(text))
		errs := &strings.Builder{}
		cmd.Stderr = errs
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c.list, c.in, c.errs, out = append(c.list, cmd), append(c.in, in), append(c.errs, errs), append(out, bufio.NewScanner(stdout))
	}
	for i, o := range out {
		if !o.Scan() {
			t.Fatalf("worker %d did not start: %s", i, c.errs[i])
		}
	}
	return c
}

// end ends all of them; those that nobody killed end well.
func (c *children) end(t testing.TB) {
	for _, in := range c.in {
		_ = in.Close()
	}
	for i, cmd := range c.list {
		if err := cmd.Wait(); err != nil && !c.gone[cmd.Process.Pid] {
			t.Errorf("worker %d: %v %s", i, err, c.errs[i])
		}
	}
}

// signal sends a signal to one of them.
func (c *children) signal(t testing.TB, pid int, what os.Signal) {
	t.Helper()
	for _, cmd := range c.list {
		if cmd.Process.Pid == pid {
			c.gone[pid] = c.gone[pid] || what == os.Kill
			if err := cmd.Process.Signal(what); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no worker has process id %d", pid)
}

// checkRow is a check that a child has begun.
type checkRow struct {
	run, stack   string
	pid          int
	began, ended time.Time // ended: the zero time if it never did
}

func checks(t *testing.T, s *store.Store) (list []checkRow) {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), "SELECT run, stack, pid, began, ended FROM checks ORDER BY began")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c checkRow
		var began, ended int64
		if err := rows.Scan(&c.run, &c.stack, &c.pid, &began, &ended); err != nil {
			t.Fatal(err)
		}
		c.began = time.UnixMilli(began)
		if ended > 0 {
			c.ended = time.UnixMilli(ended)
		}
		list = append(list, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// allDone insists that a run has so many stacks, all of them checked.
func allDone(t testing.TB, s *store.Store, run string, n int) {
	t.Helper()
	info, list := ended(t, s, run)
	if len(list) != n || info.Ended != n || info.Error != "" {
		t.Errorf("%d stacks instead of %d: %+v", len(list), n, info)
	}
	for _, one := range list {
		if one.State != store.StackDone || one.Outcome != drift.StatusClean || one.Error != "" {
			t.Errorf("%+v", one)
		}
	}
}

// once insists that each stack was checked once in a run, and gives the processes
// that did it.
func once(t *testing.T, list []checkRow, run string, n int) map[int]int {
	t.Helper()
	by, times := map[int]int{}, map[string]int{}
	for _, c := range list {
		if c.run != run {
			continue
		}
		by[c.pid]++
		times[c.stack]++
		if c.ended.IsZero() || times[c.stack] > 1 {
			t.Errorf("check %d of %s in process %d: %s to %s", times[c.stack], c.stack, c.pid, c.began, c.ended)
		}
	}
	if len(times) != n {
		t.Errorf("%d stacks were checked instead of %d", len(times), n)
	}
	return by
}
