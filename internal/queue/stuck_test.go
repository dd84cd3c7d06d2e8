package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// What could keep a round from its end, or do something twice.

// TestCancelBeforeItBegins: a run that was cancelled while its source was fetched
// checks nothing.
func TestCancelBeforeItBegins(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 3)
		fetching, free := make(chan struct{}), make(chan struct{})
		w.find = func(string) (string, []drift.StackRef, error) {
			close(fetching)
			<-free
			return "abc", stacks(3), nil
		}
		q := start(t, s, w, quick())
		run := ask(t, q, queue.Ask{Source: "infra"})
		<-fetching
		if ok, err := q.Cancel(t.Context(), run); !ok || err != nil {
			t.Fatal(ok, err)
		}
		close(free)
		until(t, "the round's job is done", func() bool {
			depth, err := q.Depth(t.Context())
			return err == nil && len(depth) == 0
		})
		if _, list := ended(t, s, run); len(list) != 0 || len(w.times()) != 0 {
			t.Errorf("%v were checked; %+v", w.times(), list)
		}
	})
}

// TestJoinsWhatIsCancelled: a run that waits for a check whose own run was
// cancelled meanwhile gets a check of its own once that one has stopped.
func TestJoinsWhatIsCancelled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 1)
		var at, n atomic.Int32
		stopping, free := make(chan struct{}), make(chan struct{})
		w.check = func(ctx context.Context, _ queue.Task) (drift.Status, error) {
			if at.Add(1) > 1 {
				t.Error("checked twice at once")
			}
			defer at.Add(-1)
			if n.Add(1) > 1 {
				return drift.StatusDrifted, nil
			}
			<-ctx.Done()
			close(stopping)
			<-free // it is slow to stop
			return "", ctx.Err()
		}
		q := start(t, s, w, quick())
		first := ask(t, q, queue.Ask{Source: "infra"})
		until(t, "the check runs", func() bool { return at.Load() == 1 })
		if ok, err := q.Cancel(t.Context(), first); !ok || err != nil {
			t.Fatal(ok, err)
		}
		<-stopping
		second := ask(t, q, queue.Ask{Source: "infra"})
		until(t, "the second run waits", func() bool {
			list, err := s.RunStacks(t.Context(), second)
			return err == nil && len(list) == 1 && list[0].State == store.StackJoined
		})
		close(free)
		if _, list := ended(t, s, second); list[0].State != store.StackDone || list[0].Outcome != drift.StatusDrifted {
			t.Errorf("%+v", list[0])
		}
		if _, list := ended(t, s, first); list[0].State != store.StackCancelled {
			t.Errorf("%+v", list[0])
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.checked) != 2 || w.checked[1].Run != second {
			t.Errorf("%+v; the second run is %s", w.checked, second)
		}
	})
}

// TestPersonComesFirst: who asks for a stack that a schedule would check within the
// hour waits for no hour, and gets the newest commit.
func TestPersonComesFirst(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 50)
		commit := "old"
		w.find = func(string) (string, []drift.StackRef, error) { return commit, stacks(50), nil }
		q := start(t, s, w, quick())
		begin(t, s, store.Schedule{Source: "infra", Spread: 1000 * time.Hour})
		scheduled := planned(t, s, 50)
		commit = "new"
		want := stacks(50)[:2]
		run := ask(t, q, queue.Ask{Source: "infra", Only: []string{want[0].ID, want[1].ID}})
		ended(t, s, run)
		w.mu.Lock()
		var checked []string
		for _, task := range w.checked {
			checked = append(checked, task.Stack.Path+" "+task.Commit)
		}
		w.mu.Unlock()
		slices.Sort(checked)
		if diff := cmp.Diff([]string{"live/000 new", "live/001 new"}, checked); diff != "" {
			t.Error(diff)
		}
		list, err := s.RunStacks(t.Context(), scheduled)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			if done := one.Stack == want[0] || one.Stack == want[1]; done != (one.State == store.StackDone) {
				t.Errorf("%+v", one)
			}
		}
	})
}

// begin makes a schedule that is due now, and then not for long.
func begin(t testing.TB, s *store.Store, one store.Schedule) store.Schedule {
	t.Helper()
	one.Cron, one.Zone, one.NextAt = "0 0 1 1 *", "UTC", time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	one, err := s.SaveSchedule(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// planned waits until the only run has so many stacks.
func planned(t *testing.T, s *store.Store, n int) (run string) {
	t.Helper()
	until(t, "the round is planned", func() bool {
		runs, err := s.Runs(t.Context(), 2)
		if err != nil || len(runs) != 1 {
			return false
		}
		run = runs[0].ID
		info, _, err := s.Run(t.Context(), run)
		return err == nil && info.Stacks == n
	})
	return run
}

// TestUnderWay: a schedule leaves a round out while its last one is under way; what
// people ask for keeps it from none.
func TestUnderWay(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 1)
		free := make(chan struct{})
		w.check = waiting(free)
		q := start(t, s, w, quick())
		ask(t, q, queue.Ask{Source: "infra"})
		until(t, "the check runs", func() bool { return len(w.times()) == 1 })
		one := begin(t, s, store.Schedule{Source: "infra"})
		first := lastRun(t, s, one)
		one.NextAt = time.Now().Add(-time.Second).Truncate(time.Millisecond)
		if _, err := s.SaveSchedule(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		until(t, "the second round is left out", func() bool {
			now, _, err := s.Schedule(t.Context(), one.ID)
			return err == nil && now.LastAt.Equal(one.NextAt)
		})
		if again := lastRun(t, s, one); again != first {
			t.Errorf("run %s began while %s was under way", again, first)
		}
		close(free)
		ended(t, s, first)
	})
}

func lastRun(t testing.TB, s *store.Store, one store.Schedule) string {
	t.Helper()
	until(t, "the round begins", func() bool {
		now, _, err := s.Schedule(t.Context(), one.ID)
		one = now
		return err == nil && one.LastRun != ""
	})
	return one.LastRun
}

// TestSourceHangs: a source that never answers costs its round, and no more.
func TestSourceHangs(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		o := quick()
		o.CheckTimeout = 100 * time.Millisecond
		q := start(t, s, hanging{newWork(s, 0)}, o)
		if info, _ := ended(t, s, ask(t, q, queue.Ask{Source: "infra"})); !strings.Contains(info.Error, "took longer than 100ms") {
			t.Errorf("%+v", info)
		}
	})
}

type hanging struct{ *work }

func (w hanging) Find(ctx context.Context, _ string) (string, []drift.StackRef, error) {
	<-ctx.Done()
	return "", nil, errors.New("git was killed")
}

// TestUnreachableKnowsAll: that somebody has checked one stack doesn't make it the
// only one that is known of its source.
func TestUnreachableKnowsAll(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 3)
		var broken atomic.Bool
		w.find = func(string) (string, []drift.StackRef, error) {
			if broken.Load() {
				return "", nil, queue.Final(errors.New("host not found"))
			}
			return "abc", append(stacks(3), stacks(3)...), nil
		}
		q := start(t, s, w, quick())
		if _, list := ended(t, s, ask(t, q, queue.Ask{Source: "infra"})); len(list) != 3 {
			t.Errorf("%d stacks", len(list))
		}
		ended(t, s, ask(t, q, queue.Ask{Source: "infra", Only: []string{stacks(3)[1].ID}}))
		broken.Store(true)
		if info, list := ended(t, s, ask(t, q, queue.Ask{Source: "infra"})); len(list) != 3 || info.Error != "host not found" {
			t.Errorf("%d stacks; %+v", len(list), info)
		}
	})
}

// TestFinishFails: a run that can't be summed up is over, and says why.
func TestFinishFails(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 1)
		w.finish = func(string) error { return queue.Final(errors.New("no space left")) }
		q := start(t, s, w, quick())
		if info, _ := ended(t, s, ask(t, q, queue.Ask{Source: "infra"})); info.Error != "it could not be summed up: no space left" {
			t.Errorf("%+v", info)
		}
	})
}

// TestMend: a round whose jobs are gone comes to its end all the same.
func TestMend(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		start(t, s, newWork(s, 5), quick())
		begin(t, s, store.Schedule{Source: "infra", Spread: 1000 * time.Hour})
		run := planned(t, s, 5)
		execute(t, s, "DELETE FROM river_job WHERE kind = 'check'")
		_, list := ended(t, s, run)
		for _, one := range list {
			if one.State != store.StackFailed || one.Error != "its check was lost" {
				t.Errorf("%+v", one)
			}
		}
		tx, err := s.DB().BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		lost, err := s.BeginRound(t.Context(), tx, store.Round{Source: "infra", Trigger: store.BySchedule, At: time.Now()})
		if err = errors.Join(err, tx.Commit()); err != nil {
			t.Fatal(err)
		}
		if info, _ := ended(t, s, lost); info.Error != "the job was lost that finds its stacks" {
			t.Errorf("%+v", info)
		}
	})
}

func execute(t testing.TB, s *store.Store, query string, args ...any) {
	t.Helper()
	if _, err := s.DB().ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// TestTakenOver: jobs of a worker that is silent, and those that never reached
// theirs, are taken over; a stack that costs each worker its life is given up.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 3)
		o := quick()
		o.Lease = 10 * time.Second
		start(t, s, w, o)
		begin(t, s, store.Schedule{Source: "infra", Spread: 1000 * time.Hour})
		run := planned(t, s, 3)
		var me string
		if err := s.DB().QueryRowContext(t.Context(), "SELECT name FROM workers").Scan(&me); err != nil {
			t.Fatal(err)
		}
		byPath := map[string]int64{}
		list, err := s.RunStacks(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			byPath[one.Stack.Path] = one.Job
		}
		running(t, s, byPath["live/000"], "dead", 1)
		running(t, s, byPath["live/001"], "dead", 4)
		running(t, s, byPath["live/002"], me, 1)
		_, list = ended(t, s, run)
		got := map[string]string{}
		for _, one := range list {
			got[one.Stack.Path] = string(one.State) + one.Error
		}
		if diff := cmp.Diff(map[string]string{"live/000": "done", "live/001": "failedworker dead went silent", "live/002": "done"}, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]int{"live/000": 1, "live/002": 1}, w.times()); diff != "" {
			t.Error(diff)
		}
	})
}

// running makes a job one that a worker has.
func running(t *testing.T, s *store.Store, job int64, worker string, attempt int) {
	t.Helper()
	query := "UPDATE river_job SET state = 'running', attempt = $1, attempted_at = datetime('now', 'subsec'), attempted_by = jsonb(json_array($2)) WHERE id = $3"
	if s.IsPostgres() {
		query = "UPDATE river_job SET state = 'running', attempt = $1, attempted_at = now(), attempted_by = ARRAY[$2] WHERE id = $3"
	}
	execute(t, s, query, attempt, worker, job)
}

// TestLateWord: a worker that others have taken for dead changes nothing any more,
// whatever its check comes to.
func TestLateWord(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		late, first := newWork(s, 3), newWork(s, 3)
		freeLate, freeFirst := make(chan struct{}), make(chan struct{})
		var left atomic.Int32
		late.check = func(_ context.Context, task queue.Task) (drift.Status, error) {
			defer left.Add(1)
			<-freeLate
			switch task.Stack.Path {
			case "live/000":
				return drift.StatusDrifted, nil
			case "live/001":
				return "", errors.New("a moment of weakness")
			}
			return "", queue.Final(errors.New("hopeless"))
		}
		first.check = func(context.Context, queue.Task) (drift.Status, error) {
			<-freeFirst
			return drift.StatusClean, nil
		}
		deaf := quick()
		deaf.Lease, deaf.Workers = time.Hour, 3 // it tells once that it lives, and takes no more
		lateQueue := start(t, s, late, deaf)
		run := ask(t, lateQueue, queue.Ask{Source: "infra"})
		until(t, "the checks run", func() bool { return len(late.times()) == 3 })
		o := quick()
		o.Lease = 10 * time.Second
		start(t, s, first, o)
		until(t, "others have taken over", func() bool { return len(first.times()) == 3 })
		close(freeLate)
		until(t, "the late ones are done", func() bool { return left.Load() == 3 })
		stop(t, lateQueue) // and all it had to say is said
		list, err := s.RunStacks(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			if one.State != store.StackRunning {
				t.Errorf("%+v", one)
			}
		}
		close(freeFirst)
		_, list = ended(t, s, run)
		for _, one := range list {
			if one.State != store.StackDone || one.Outcome != drift.StatusClean || one.Error != "" {
				t.Errorf("%+v", one)
			}
		}
		if diff := cmp.Diff(map[string]int{"live/000": 1, "live/001": 1, "live/002": 1}, first.times()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOffset: stacks are spread evenly, and each keeps its place.
func TestOffset(t *testing.T) {
	t.Parallel()
	const parts = 10
	var count [parts]int
	for _, s := range stacks(1000) {
		at := queue.Offset(s.ID, time.Hour)
		if at != queue.Offset(s.ID, time.Hour) || at < 0 || at >= time.Hour {
			t.Errorf("%s: %s", s.ID, at)
		}
		count[at*parts/time.Hour]++
	}
	for i, n := range count {
		if n < 60 || n > 140 {
			t.Errorf("%d stacks in part %d", n, i)
		}
	}
	if queue.Offset("a", 0) != 0 {
		t.Error("without a window, all begin at once")
	}
}
