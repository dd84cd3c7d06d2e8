//go:build unix

package queue_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// TestWorkers: three processes share the rounds of 300 stacks, one by schedule and
// one that somebody asks for. Each stack is checked once in each.
func TestWorkers(t *testing.T) {
	t.Parallel()
	const n = 300
	where := databases["postgres"](t)
	s, q := prepare(t, where)
	workers(t, 3, worker{Where: where, Stacks: n, Takes: 50 * time.Millisecond, Lease: 5 * time.Minute})
	one := begin(t, s, store.Schedule{Source: "infra", Spread: 2 * time.Second})
	for _, run := range []string{lastRun(t, s, one), ask(t, q, queue.Ask{Source: "infra"})} {
		allDone(t, s, run, n)
	}
	runs, err := s.Runs(t.Context(), 10)
	if err != nil || len(runs) != 2 {
		t.Fatal(len(runs), err)
	}
	times := map[string]int{}
	for _, c := range checks(t, s) {
		times[c.run+c.stack]++
		times[c.stack]++
		if c.ended.IsZero() || times[c.run+c.stack] > 1 {
			t.Errorf("%+v", c)
		}
	}
	// The second round may have joined checks of the first.
	for _, stack := range stacks(n) {
		if times[stack.Path] < 1 || times[stack.Path] > 2 {
			t.Errorf("%s was checked %d times in two rounds", stack.Path, times[stack.Path])
		}
	}
	for range 20 { // on a busy machine one may sleep through a round
		again := ask(t, q, queue.Ask{Source: "infra"})
		allDone(t, s, again, n)
		by := once(t, checks(t, s), again, n)
		t.Logf("checks by process: %v", by)
		if len(by) == 3 {
			return
		}
	}
	t.Error("in no round did all processes take part")
}

// TestWorkerGone: what a worker was at when it was killed, or stopped for longer
// than its lease, others do within the lease, and nothing else twice. What the
// stopped one says when it goes on counts for nothing.
func TestWorkerGone(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]os.Signal{"killed": os.Kill, "stopped": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The first checks are long ones, so that a worker has four in their middle
			// and none whose end it has yet to tell.
			const n, long, lease = 60, 12, 30 * time.Second
			where := databases["postgres"](t)
			s, q := prepare(t, where)
			c := workers(t, 3, worker{Where: where, Stacks: n, Takes: 50 * time.Millisecond, Long: long, LongTakes: lease / 3, Lease: lease})
			// Nobody is taken for silent before the workers have lived for a lease.
			steady := time.Now().Add(lease)
			run := ask(t, q, queue.Ask{Source: "infra"})
			var victim int
			until(t, "a worker is at four checks", func() bool {
				at := map[int]int{}
				for _, one := range checks(t, s) {
					if at[one.pid]++; at[one.pid] == 4 && one.ended.IsZero() {
						victim = one.pid
					}
				}
				return victim != 0
			})
			c.signal(t, victim, what)
			gone := time.Now()
			allDone(t, s, run, n)
			list := checks(t, s)
			lost := map[string]bool{}
			for _, one := range list {
				if one.pid == victim && one.ended.IsZero() {
					lost[one.stack] = true
				}
			}
			if len(lost) != 4 {
				t.Errorf("%d checks were lost", len(lost))
			}
			latest := time.Time{}
			again := map[string]int{}
			for _, one := range list {
				again[one.stack]++
				if lost[one.stack] && one.pid != victim && one.began.After(latest) {
					latest = one.began
				}
			}
			for _, stack := range stacks(n) {
				want := 1
				if lost[stack.Path] {
					want = 2
				}
				if again[stack.Path] != want {
					t.Errorf("%s was begun %d times, not %d", stack.Path, again[stack.Path], want)
				}
			}
			from := gone
			if steady.After(from) {
				from = steady
			}
			t.Logf("%d checks were taken over after %s, lease %s", len(lost), latest.Sub(gone).Round(time.Millisecond), lease)
			if latest.Sub(from) > 2*lease { // the machine may be busy
				t.Errorf("the last was taken over after %s; the lease is %s", latest.Sub(from), lease)
			}
			if what == syscall.SIGSTOP {
				before, err := s.RunStacks(t.Context(), run)
				if err != nil {
					t.Fatal(err)
				}
				c.signal(t, victim, syscall.SIGCONT)
				c.end(t) // and has said all that it had to say
				c.list = nil
				after, err := s.RunStacks(t.Context(), run)
				if err != nil || !slices.Equal(before, after) {
					t.Errorf("it changed what others have done: %v", err)
				}
			}
		})
	}
}

// ownServer is a PostgreSQL that a test may stop.
func ownServer(t *testing.T) (server *lab.Postgres, where string) {
	t.Helper()
	server = lab.NeedPostgres(t)
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	where, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server, where
}

// away stops the database for a time.
func away(t *testing.T, server *lab.Postgres, d time.Duration) {
	t.Helper()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestOutage: the database is away for 20 seconds in the middle of a round of
// three processes. Checks that run go on, all goes on when it is back, and nothing
// is lost or done twice. A round that was due meanwhile comes once.
func TestOutage(t *testing.T) {
	t.Parallel()
	const n, outage = 300, 20 * time.Second
	server, where := ownServer(t)
	s, q := prepare(t, where)
	// On a busy machine the database is away for longer than it is meant to be: no
	// lease ends meanwhile.
	workers(t, 3, worker{Where: where, Stacks: n, Takes: 200 * time.Millisecond, Long: 4, LongTakes: 5 * time.Second, Lease: 4 * time.Minute})
	run := ask(t, q, queue.Ask{Source: "infra"})
	until(t, "the round is well on its way", func() bool { return len(checks(t, s)) > n/5 })
	due := time.Now().Add(outage / 2).Truncate(time.Millisecond)
	one, err := s.SaveSchedule(t.Context(), store.Schedule{Source: "other", Cron: "0 0 1 1 *", Zone: "UTC", NextAt: due})
	if err != nil {
		t.Fatal(err)
	}
	away(t, server, outage)
	back := time.Now()
	allDone(t, s, run, n)
	once(t, checks(t, s), run, n)
	meanwhile := lastRun(t, s, one)
	allDone(t, s, meanwhile, n)
	// The stacks of both sources are the same ones: the second run may have waited
	// for checks of the first.
	if runs, err := s.Runs(t.Context(), 10); err != nil || len(runs) != 2 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	t.Logf("both rounds were over %s after the database was back", time.Since(back).Round(time.Millisecond))
}

// TestFence: a worker that can't tell that it lives ends its checks before others
// may take them over, and it was no attempt of theirs.
func TestFence(t *testing.T) {
	t.Parallel()
	server, where := ownServer(t)
	s, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	const lease = 20 * time.Second
	w := newWork(s, 1)
	var begun atomic.Int32
	fenced := make(chan struct{})
	w.check = func(ctx context.Context, _ queue.Task) (drift.Status, error) {
		if begun.Add(1) > 1 {
			return drift.StatusClean, nil
		}
		<-ctx.Done()
		close(fenced)
		return "", ctx.Err()
	}
	o := quick()
	o.Lease = lease
	q, err := queue.New(s, w, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, q)
	run := ask(t, q, queue.Ask{Source: "infra"})
	until(t, "the check runs", func() bool { return begun.Load() == 1 })
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := time.Now()
	<-fenced
	if took := time.Since(gone); took > lease*17/20 {
		t.Errorf("its check was ended after %s; others may take over after %s", took, lease*17/20)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	allDone(t, s, run, 1)
	var attempt int
	if err := s.DB().QueryRowContext(t.Context(), "SELECT MAX(attempt) FROM river_job WHERE kind = 'check'").Scan(&attempt); err != nil || attempt != 1 {
		t.Errorf("attempt %d, %v", attempt, err)
	}
}

// TestLeaderKilled: the process is killed that makes the clock tick. Another takes
// over within 30 seconds, and each round that is due meanwhile comes, once.
func TestLeaderKilled(t *testing.T) {
	t.Parallel()
	const rounds = 20
	where := databases["postgres"](t)
	s, _ := prepare(t, where)
	c := workers(t, 3, worker{Where: where, Stacks: 1, Lease: 10 * time.Second})
	var leader string
	until(t, "there is a leader", func() bool {
		return s.DB().QueryRowContext(t.Context(), "SELECT leader_id FROM river_leader").Scan(&leader) == nil
	})
	first := lastRun(t, s, begin(t, s, store.Schedule{Source: "first"})) // the clock ticks
	parts := strings.Split(leader, "-")
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		t.Fatal(leader, err)
	}
	now := time.Now().Truncate(time.Millisecond)
	due := map[string]time.Time{}
	for i := range rounds {
		one := store.Schedule{Source: fmt.Sprint("source", i), Cron: "0 0 1 1 *", Zone: "UTC", NextAt: now.Add(time.Duration(i) * time.Second)}
		due[one.Source] = one.NextAt
		if _, err := s.SaveSchedule(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	c.signal(t, pid, os.Kill)
	killed := time.Now()
	until(t, "another leads", func() bool {
		var other string
		err := s.DB().QueryRowContext(t.Context(), "SELECT leader_id FROM river_leader").Scan(&other)
		return err == nil && other != leader
	})
	took := time.Since(killed)
	begun := map[string]store.RunInfo{}
	until(t, "all rounds have begun", func() bool {
		runs, err := s.Runs(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range runs {
			info, _, err := s.Run(t.Context(), one.ID)
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := begun[info.Source]; ok && before.ID != info.ID {
				t.Fatalf("two rounds of %s", info.Source)
			}
			begun[info.Source] = info
		}
		return len(begun) == rounds+1
	})
	var latest time.Duration
	for source, at := range due {
		latest = max(latest, begun[source].StartedAt.Sub(at))
		ended(t, s, begun[source].ID)
	}
	ended(t, s, first)
	t.Logf("another led after %s; the latest round began %s after it was due", took.Round(time.Millisecond), latest.Round(time.Millisecond))
	if took > time.Minute || latest > time.Minute { // the machine may be busy
		t.Errorf("another led after %s; the latest round began %s after it was due", took, latest)
	}
}
