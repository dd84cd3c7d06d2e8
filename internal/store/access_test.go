package store_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/store"
)

func token(name string) store.Token {
	return store.Token{
		ID: "id-" + name, Name: name, Hash: "hash-" + name, Role: "viewer", Sources: []string{"network"}, CreatedBy: "kim",
		CreatedAt: at(0), ExpiresAt: at(90),
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		want := token("ci")
		if err := s.AddToken(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		again := token("ci")
		again.ID, again.Hash = "other", "other"
		if err := s.AddToken(t.Context(), again); !errors.Is(err, store.ErrTokenName) {
			t.Errorf("a second token of the name: %v", err)
		}
		got, ok, err := s.TokenByHash(t.Context(), want.Hash)
		if diff := cmp.Diff(want, got); diff != "" || !ok || err != nil {
			t.Error(ok, err, diff)
		}
		if _, ok, err := s.TokenByHash(t.Context(), "hash"); ok || err != nil {
			t.Errorf("a start of a hash: %v, %v", ok, err)
		}
		for _, minutes := range []int{10, 10, 11} { // the third is less than two after
			if err := s.NoteTokenUse(t.Context(), want.ID, at(1).Add(time.Duration(minutes)*time.Minute), 2*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if got, _, err := s.TokenByHash(t.Context(), want.Hash); err != nil || !got.UsedAt.Equal(at(1).Add(10*time.Minute)) {
			t.Errorf("used at %s, %v", got.UsedAt, err)
		}
		revoked, ok, err := s.RevokeToken(t.Context(), "ci", "alex", at(2))
		if !ok || err != nil || revoked.ID != want.ID || !revoked.RevokedAt.Equal(at(2)) || revoked.RevokedBy != "alex" {
			t.Errorf("%+v, %v, %v", revoked, ok, err)
		}
		if _, ok, err := s.RevokeToken(t.Context(), want.ID, "alex", at(3)); ok || err != nil {
			t.Errorf("revoked twice: %v, %v", ok, err)
		}
		if err := s.AddToken(t.Context(), again); err != nil {
			t.Errorf("the name of a revoked token: %v", err)
		}
		if list, err := s.Tokens(t.Context()); err != nil || len(list) != 2 {
			t.Errorf("%+v, %v", list, err)
		}
		if _, ok, err := s.RevokeToken(t.Context(), "other", "alex", at(3)); !ok || err != nil {
			t.Errorf("by id: %v, %v", ok, err)
		}
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		if err := s.AddToken(t.Context(), token("ci")); err != nil {
			t.Fatal(err)
		}
		plain := store.Session{Hash: "a", Name: "kim", Role: "admin", Via: "oidc", CreatedAt: at(0), UsedAt: at(0), ExpiresAt: at(1)}
		tied := store.Session{Hash: "b", Name: "token:ci", Role: "viewer", Via: "token", Sources: []string{"network"}, TokenID: "id-ci", CreatedAt: at(0), UsedAt: at(0), ExpiresAt: at(100)}
		for _, x := range []store.Session{plain, tied} {
			if err := s.AddSession(t.Context(), x); err != nil {
				t.Fatal(err)
			}
			got, ok, err := s.Session(t.Context(), x.Hash, at(0))
			if diff := cmp.Diff(x, got); diff != "" || !ok || err != nil {
				t.Error(ok, err, diff)
			}
		}
		if err := s.NoteSessionUse(t.Context(), "a", at(0).Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got, ok, _ := s.Session(t.Context(), "a", at(1).Add(-time.Second)); !ok || !got.UsedAt.Equal(at(0).Add(time.Hour)) {
			t.Errorf("%+v, %v", got, ok)
		}
		if _, ok, _ := s.Session(t.Context(), "a", at(1)); ok {
			t.Error("a session holds after its end")
		}
		if _, ok, _ := s.Session(t.Context(), "b", at(90)); ok {
			t.Error("a session holds after the end of its token")
		}
		if _, _, err := s.RevokeToken(t.Context(), "ci", "alex", at(2)); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Session(t.Context(), "b", at(2)); ok || err != nil {
			t.Errorf("a session of a revoked token: %v, %v", ok, err)
		}
		if err := s.EndSession(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := s.Session(t.Context(), "a", at(0)); ok {
			t.Error("a session that was ended holds")
		}
	})
}

// TestLogins: of many who finish one login at once, one does.
func TestLogins(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		if err := s.AddLogin(t.Context(), "a", "/stacks?x=1", at(0), at(1)); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.TakeLogin(t.Context(), "a", at(1)); ok || err != nil {
			t.Errorf("a login whose time is over: %v, %v", ok, err)
		}
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				next, ok, err := s.TakeLogin(t.Context(), "a", at(0))
				if err != nil || ok && next != "/stacks?x=1" {
					t.Errorf("%q, %v", next, err)
				}
				if ok {
					taken.Add(1)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Errorf("taken %d times", taken.Load())
		}
	})
}

func TestAuditEvents(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		for i := range 7 {
			e := store.AuditEvent{At: at(i), Actor: "kim", Via: "oidc", Kind: "check", What: fmt.Sprint(i, "\x00\xff"), Request: "r", Remote: "192.0.2.1"}
			if i%2 == 1 {
				e.Actor, e.Kind = "alex", "cancel"
			}
			if err := s.AddAudit(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		var whats []string
		for f := (store.AuditFilter{Limit: 3}); ; {
			events, next, err := s.Audit(t.Context(), f)
			if err != nil || len(events) == 0 {
				t.Fatal(events, err)
			}
			for _, e := range events {
				whats = append(whats, e.What[:1])
			}
			if f.After = next; next == "" {
				break
			}
		}
		if diff := cmp.Diff([]string{"6", "5", "4", "3", "2", "1", "0"}, whats); diff != "" {
			t.Error(diff)
		}
		for _, f := range []store.AuditFilter{{Actor: "alex"}, {Kind: "cancel"}} {
			if events, next, err := s.Audit(t.Context(), f); err != nil || len(events) != 3 || next != "" || !events[0].At.Equal(at(5)) || events[0].Remote != "192.0.2.1" {
				t.Errorf("%+v: %+v, %q, %v", f, events, next, err)
			}
		}
		year := at(367)
		if err := s.AddAudit(t.Context(), store.AuditEvent{At: year, Kind: "check"}); err != nil {
			t.Fatal(err)
		}
		if events, _, err := s.Audit(t.Context(), store.AuditFilter{}); err != nil || len(events) != 7 || !events[0].At.Equal(year) || !events[6].At.Equal(at(1)) {
			t.Errorf("after a year: %+v, %v", events, err)
		}
	})
}
