package queue_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// TestRound: a round that somebody asks for checks each stack once, and sums up.
func TestRound(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 20)
		w.check = func(_ context.Context, task queue.Task) (drift.Status, error) {
			if task.Stack.Path == "live/003" {
				return drift.StatusDrifted, nil
			}
			return drift.StatusClean, nil
		}
		q := start(t, s, w, quick())
		run := ask(t, q, queue.Ask{Source: "infra", Actor: "kim"})
		info, list := ended(t, s, run)
		if info.Source != "infra" || info.Actor != "kim" || info.Trigger != "person" || info.Stacks != 20 || info.Ended != 20 {
			t.Errorf("%+v", info)
		}
		for i, one := range list {
			want := drift.StatusClean
			if one.Stack.Path == "live/003" {
				want = drift.StatusDrifted
			}
			if one.State != store.StackDone || one.Outcome != want || one.StartedAt.IsZero() || one.FinishedAt.IsZero() || !strings.HasPrefix(one.Worker, "test-") {
				t.Errorf("%d: %+v", i, one)
			}
		}
		for path, n := range w.times() {
			if n != 1 {
				t.Errorf("%s was checked %d times", path, n)
			}
		}
		if w.checked[0].Commit != "abc" || w.checked[0].Run != run || len(w.times()) != 20 {
			t.Errorf("%+v", w.checked[0])
		}
		part := ask(t, q, queue.Ask{Source: "infra", Only: []string{stacks(20)[7].ID}})
		if _, list := ended(t, s, part); len(list) != 1 || list[0].Stack.Path != "live/007" {
			t.Errorf("%+v", list)
		}
	})
}

// TestJoined: a stack that is being checked is not checked twice at once. The
// second round waits for it.
func TestJoined(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 1)
		var at atomic.Int32
		free := make(chan struct{})
		w.check = func(ctx context.Context, _ queue.Task) (drift.Status, error) {
			if at.Add(1) > 1 {
				t.Error("checked twice at once")
			}
			defer at.Add(-1)
			select {
			case <-free:
			case <-ctx.Done():
			}
			return drift.StatusDrifted, ctx.Err()
		}
		q := start(t, s, w, quick())
		first := ask(t, q, queue.Ask{Source: "infra"})
		until(t, "the check runs", func() bool { return at.Load() == 1 })
		second := ask(t, q, queue.Ask{Source: "infra"})
		until(t, "the second round is planned", func() bool {
			list, err := s.RunStacks(t.Context(), second)
			return err == nil && len(list) == 1 && list[0].State == store.StackJoined
		})
		close(free)
		for _, run := range []string{first, second} {
			if _, list := ended(t, s, run); list[0].State != store.StackDone || list[0].Outcome != drift.StatusDrifted {
				t.Errorf("%+v", list[0])
			}
		}
		if n := len(w.checked); n != 1 {
			t.Errorf("%d checks", n)
		}
	})
}

// TestFailures: what fails is tried again, and given up in the end, and costs the
// others nothing.
func TestFailures(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 5)
		var once atomic.Bool
		w.check = func(_ context.Context, task queue.Task) (drift.Status, error) {
			switch task.Stack.Path {
			case "live/000":
				return "", errors.New("the cloud is away")
			case "live/001":
				if !once.Swap(true) {
					return "", errors.New("a moment of weakness")
				}
			case "live/002":
				return "", queue.Final(errors.New("hopeless"))
			case "live/003":
				panic("the secret is hunter2")
			}
			return drift.StatusClean, nil
		}
		q := start(t, s, w, quick())
		_, list := ended(t, s, ask(t, q, queue.Ask{Source: "infra"}))
		got := map[string]string{}
		for _, one := range list {
			got[one.Stack.Path] = string(one.State) + " " + string(one.Outcome) + one.Error
		}
		want := map[string]string{
			"live/000": "failed the cloud is away", "live/001": "done clean", "live/002": "failed hopeless",
			"live/003": "failed a fault of Holdfast's own; its log has more", "live/004": "done clean",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]int{"live/000": 4, "live/001": 2, "live/002": 1, "live/003": 4, "live/004": 1}, w.times()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTimeLimit: a check that hangs is ended, and its stack is not called clean.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 1)
		w.check = func(ctx context.Context, _ queue.Task) (drift.Status, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		o := quick()
		o.CheckTimeout = 5 * time.Second // finding the stacks has it too
		q := start(t, s, w, o)
		_, list := ended(t, s, ask(t, q, queue.Ask{Source: "infra"}))
		if list[0].State != store.StackFailed || !strings.Contains(list[0].Error, "took longer than 5s") {
			t.Errorf("%+v", list[0])
		}
	})
}

// TestUnreachable: a source that can't be fetched is an error on all its stacks.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 3)
		q := start(t, s, w, quick())
		ended(t, s, ask(t, q, queue.Ask{Source: "infra"}))
		var tries atomic.Int32
		broken := newWork(s, 0)
		broken.find = func(string) (string, []drift.StackRef, error) {
			tries.Add(1)
			return "", nil, errors.New("infra: host not found")
		}
		stop(t, q)
		q = start(t, s, broken, quick())
		info, list := ended(t, s, ask(t, q, queue.Ask{Source: "infra"}))
		if info.Error != "infra: host not found" || len(list) != 3 || tries.Load() != 3 {
			t.Errorf("%q, %d stacks, %d attempts", info.Error, len(list), tries.Load())
		}
		for _, one := range list {
			if one.State != store.StackFailed || one.Error != "infra: host not found" {
				t.Errorf("%+v", one)
			}
		}
	})
}

// TestCancel: what has not begun never does, and what runs is stopped; but a check
// that another run waits for goes on.
func TestCancel(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 6)
		free := make(chan struct{})
		var stopped atomic.Int32
		w.check = func(ctx context.Context, _ queue.Task) (drift.Status, error) {
			select {
			case <-free:
				return drift.StatusClean, nil
			case <-ctx.Done():
				stopped.Add(1)
				return "", ctx.Err()
			}
		}
		o := quick()
		o.Workers = 3
		q := start(t, s, w, o)
		first := ask(t, q, queue.Ask{Source: "infra"})
		until(t, "three checks run", func() bool { return len(w.times()) == 3 })
		kept := w.checkedFirst()
		second := ask(t, q, queue.Ask{Source: "infra", Only: []string{kept.ID}})
		until(t, "the second round waits", func() bool {
			list, err := s.RunStacks(t.Context(), second)
			return err == nil && len(list) == 1
		})
		if ok, err := q.Cancel(t.Context(), first); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := q.Cancel(t.Context(), first); ok || err != nil {
			t.Errorf("cancelled twice: %v", err)
		}
		info, list := ended(t, s, first)
		for _, one := range list {
			if one.State != store.StackCancelled {
				t.Errorf("%+v", one)
			}
		}
		until(t, "two checks are stopped", func() bool { return stopped.Load() == 2 })
		close(free)
		if _, list := ended(t, s, second); list[0].State != store.StackDone || list[0].Outcome != drift.StatusClean {
			t.Errorf("%+v", list[0])
		}
		if n := len(w.times()); n != 3 || info.CancelledAt.IsZero() {
			t.Errorf("%d stacks were checked; %+v", n, info)
		}
	})
}

func (w *work) checkedFirst() drift.StackRef {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.checked[0].Stack
}

func stop(t *testing.T, q *queue.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestStop: checks that run come to their end, or go back to the queue at once
// where there is no time, and no attempt of theirs is lost.
func TestStop(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		w := newWork(s, 4)
		free := make(chan struct{})
		w.check = waiting(free)
		o := quick()
		o.Lease = 5 * time.Minute // a tenth of it is the time to go back
		q := start(t, s, w, o)
		run := ask(t, q, queue.Ask{Source: "infra"})
		until(t, "all checks run", func() bool { return len(w.times()) == 4 })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		list, err := s.RunStacks(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			if one.State != store.StackQueued {
				t.Errorf("%+v", one)
			}
		}
		close(free)
		start(t, s, w, quick())
		ended(t, s, run)
		if want := map[string]int{"live/000": 2, "live/001": 2, "live/002": 2, "live/003": 2}; !maps.Equal(want, w.times()) {
			t.Errorf("%v", w.times())
		}
	})
}

// TestSchedules: what is due begins, once, whoever looks; what was missed is
// caught up once; and a source with a round under way is left alone.
func TestSchedules(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store.Store) {
		missed := time.Now().Add(-20 * 24 * time.Hour).UTC().Truncate(time.Minute)
		one, err := s.SaveSchedule(t.Context(), store.Schedule{Source: "infra", Cron: "0 6 * * MON", Zone: "UTC", NextAt: missed})
		if err != nil {
			t.Fatal(err)
		}
		paused, err := s.SaveSchedule(t.Context(), store.Schedule{Source: "other", Cron: "* * * * *", Zone: "UTC", NextAt: missed, Paused: true})
		if err != nil {
			t.Fatal(err)
		}
		w := newWork(s, 2)
		start(t, s, w, quick())
		start(t, s, w, quick())
		until(t, "the missed round begins", func() bool {
			now, _, err := s.Schedule(t.Context(), one.ID)
			return err == nil && now.LastRun != ""
		})
		now, _, err := s.Schedule(t.Context(), one.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !now.LastAt.Equal(missed) || !now.NextAt.After(time.Now()) || now.NextAt.Weekday() != time.Monday || now.NextAt.Hour() != 6 {
			t.Errorf("%+v", now)
		}
		ended(t, s, now.LastRun)
		runs, err := s.Runs(t.Context(), 10)
		if err != nil || len(runs) != 1 || runs[0].Trigger != "schedule" {
			t.Errorf("%+v, %v", runs, err)
		}
		if still, _, err := s.Schedule(t.Context(), paused.ID); err != nil || still.LastRun != "" || !still.NextAt.Equal(missed) {
			t.Errorf("%+v, %v", still, err)
		}
	})
}
