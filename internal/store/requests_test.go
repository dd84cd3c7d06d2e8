package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

func addRequest(t *testing.T, s *store.Store, r store.Request) store.Request {
	t.Helper()
	err := s.InTransaction(t.Context(), "adding a request", func(tx *sql.Tx) (err error) {
		r, err = s.AddRequest(t.Context(), tx, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func updateRequest(t *testing.T, s *store.Store, from string, r store.Request) (ok bool, err error) {
	t.Helper()
	err = s.InTransaction(t.Context(), "changing a request", func(tx *sql.Tx) (err error) {
		ok, err = s.UpdateRequest(t.Context(), tx, from, r)
		return err
	})
	return ok, err
}

// asked is a request as somebody asks for it.
func asked(f drift.Finding) store.Request {
	return store.Request{
		Kind: store.RequestRevert, Stack: stackWith().Ref(), Source: "platform", Findings: []string{f.ID}, Addresses: []string{f.Address},
		Reason: "a mistake", Ticket: "OPS-1", State: store.RequestWaiting, AskedBy: "kim", AskedAt: at(1),
	}
}

// TestRequestLife is the whole life of a request, and what the history tells of it.
func TestRequestLife(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		f := finding("aws_x.y", "1")
		check(t, s, at(0), stackWith(f))
		r := addRequest(t, s, asked(f))
		next := r
		next.State, next.DecidedBy, next.DecidedAt = store.RequestApproved, "ada", at(2)
		if ok, err := updateRequest(t, s, store.RequestWaiting, next); !ok || err != nil {
			t.Fatal(ok, err)
		}
		next.State = store.RequestRunning
		if ok, err := updateRequest(t, s, store.RequestApproved, next); !ok || err != nil {
			t.Fatal(ok, err)
		}
		next.State, next.Outcome, next.FinishedAt, next.Patch = store.RequestDone, "all is reverted", at(3), "--- a\n+++ b\n"
		if ok, err := updateRequest(t, s, store.RequestRunning, next); !ok || err != nil {
			t.Fatal(ok, err)
		}
		got, ok, err := s.Request(t.Context(), r.ID)
		if diff := cmp.Diff(next, got); diff != "" || !ok || err != nil || !got.Over() || r.Over() {
			t.Error(ok, err, diff)
		}
		if _, ok, err := s.Request(t.Context(), "none"); ok || err != nil {
			t.Error(ok, err)
		}
		var told []string
		for _, e := range all(t, s.Events(t.Context(), store.Filter{Finding: f.ID})) {
			told = append(told, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", e.Kind, e.Episode, e.Actor, e.Ticket)))
		}
		if diff := cmp.Diff([]string{"found 1", "requested 1 kim OPS-1", "approved 1 ada OPS-1"}, told); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRequestRace: of many who decide, or take a request up, one does.
func TestRequestRace(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s, other := open(t, where), open(t, where)
		r := addRequest(t, s, asked(finding("aws_x.y", "1")))
		for _, step := range []struct {
			from string
			to   []string
		}{
			{store.RequestWaiting, []string{store.RequestApproved}},
			{store.RequestApproved, []string{store.RequestRunning, store.RequestRejected}},
		} {
			var won atomic.Int32
			var all sync.WaitGroup
			for n := range 12 {
				all.Go(func() {
					mine, db := r, s
					if n%2 == 1 {
						db = other
					}
					mine.State, mine.DecidedBy, mine.DecidedAt = step.to[n%len(step.to)], fmt.Sprint(n), time.Now()
					if ok, err := updateRequest(t, db, step.from, mine); err != nil {
						t.Error(err)
					} else if ok {
						won.Add(1)
					}
				})
			}
			all.Wait()
			if won.Load() != 1 {
				t.Errorf("%d went from %s", won.Load(), step.from)
			}
		}
	})
}

// TestRequestSteps: no state is skipped, and what is over stays so.
func TestRequestSteps(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		r := addRequest(t, s, asked(finding("aws_x.y", "1")))
		states := []string{store.RequestWaiting, store.RequestApproved, store.RequestRunning, store.RequestDone, store.RequestRefused, store.RequestFailed, store.RequestRejected}
		allowed := map[string]bool{
			"waiting approved": true, "waiting rejected": true, "approved running": true, "approved rejected": true,
			"running approved": true, "running done": true, "running refused": true, "running failed": true,
		}
		for _, from := range states {
			for _, to := range states {
				if allowed[from+" "+to] {
					continue
				}
				r.State = to
				if ok, err := updateRequest(t, s, from, r); ok || err == nil {
					t.Errorf("%s became %s", from, to)
				}
			}
		}
		r.State = "odd"
		if err := s.InTransaction(t.Context(), "adding", func(tx *sql.Tx) error { _, err := s.AddRequest(t.Context(), tx, r); return err }); err == nil {
			t.Error("an odd state was taken")
		}
	})
}

func TestRequestPages(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		for n := range 7 {
			r := asked(finding(fmt.Sprintf("aws_x.y%d", n), "1"))
			r.ID, r.AskedAt, r.Patch = fmt.Sprintf("%012d", n), at(n/2), "long"
			if n == 6 {
				r.Source, r.State, r.Stack = "network", store.RequestApproved, named("live/us").Ref()
				r.Findings[0] += "-2"
			}
			addRequest(t, s, r)
		}
		var ids []string
		f := store.RequestFilter{Limit: 3}
		for {
			page, err := s.Requests(t.Context(), f)
			if err != nil || page.Total != 7 {
				t.Fatal(page.Total, err)
			}
			for _, r := range page.Items {
				ids = append(ids, strings.TrimLeft(r.ID[:11], "0")+r.ID[11:])
				if r.Patch != "" {
					t.Error("a list has patches")
				}
			}
			if f.After = page.Next; f.After == "" {
				break
			}
		}
		if diff := cmp.Diff("6 5 4 3 2 1 0", strings.Join(ids, " ")); diff != "" {
			t.Error(diff)
		}
		id := finding("aws_x.y6", "1").ID
		for want, f := range map[string]store.RequestFilter{
			"source": {Source: "network"}, "state": {States: []string{store.RequestApproved, store.RequestRunning}},
			"stack": {StackID: named("live/us").ID}, "finding": {Finding: id + "-2"},
		} {
			if page, err := s.Requests(t.Context(), f); err != nil || len(page.Items) != 1 || page.Total != 1 || page.Items[0].ID != "000000000006" {
				t.Errorf("%s: %+v, %v", want, page, err)
			}
		}
		for _, finding := range []string{id, "%", "_", "nothing"} {
			if page, err := s.Requests(t.Context(), store.RequestFilter{Finding: finding}); err != nil || page.Total != 0 {
				t.Errorf("finding %s: %+v, %v", finding, page, err)
			}
		}
		if _, err := s.Requests(t.Context(), store.RequestFilter{After: "x"}); err == nil {
			t.Error("a cursor of nothing was taken")
		}
	})
}
