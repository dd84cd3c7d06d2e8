package server_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/server"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

var day = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

func at(n int) time.Time { return day.AddDate(0, 0, n) }

// site is a server with a history, over HTTP, and who asks it.
type site struct {
	t      *testing.T
	store  *store.Store
	http   *httptest.Server
	rounds *rounds
	asks   *requests
	tokens map[string]string // by the name of a role, or "scoped"
}

// newSite has the sources infra and apps, of which infra wants a second person.
func newSite(t *testing.T) *site {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	one := &site{t: t, store: s, rounds: &rounds{}, tokens: map[string]string{}}
	one.asks = &requests{store: s}
	gate, err := access.New(access.Options{Store: s, Tokens: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin} {
		one.token(role.String(), role)
	}
	one.token("scoped", access.Admin, "apps")
	handler, err := server.New(server.Options{
		Store: s, Rounds: one.rounds, Requests: one.asks, Gate: gate, Tool: drift.Tool{Name: "holdfast", Version: "1.2.3"},
		Now:     func() time.Time { return at(10) },
		Sources: []server.Source{{Name: "infra", Place: "https://example.com/infra.git", Approval: true, Push: true}, {Name: "apps", Place: "/srv/apps"}},
		Waivers: func(_ context.Context, source string) ([]drift.Waiver, error) {
			if source != "infra" {
				return nil, nil
			}
			return []drift.Waiver{{ID: "w1", Addresses: []drift.Pattern{"a.b0"}, Reason: "load test", Owner: "kim", Until: at(20)}}, nil
		},
		Next: func(cron, zone string, after time.Time) (time.Time, error) {
			if cron == "bad" {
				return time.Time{}, errors.New("schedule \"bad\": write it as five fields")
			}
			_, err := time.LoadLocation(zone)
			return after.Add(time.Hour), err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	one.http = httptest.NewServer(handler)
	t.Cleanup(one.http.Close)
	return one
}

func (s *site) token(name string, role access.Role, sources ...string) {
	s.t.Helper()
	token, _, err := access.CreateToken(s.t.Context(), s.store, access.TokenAsk{Name: name, Role: role, Sources: sources, By: "test"}, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	s.tokens[name] = token
}

// rounds is a queue that only remembers.
type rounds struct {
	mu     sync.Mutex
	asked  []string
	broken error
}

func (r *rounds) Ask(_ context.Context, source string, stacks []string, actor string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, fmt.Sprintf("%s %v by %s", source, stacks, actor))
	return "run-1", r.broken
}

func (r *rounds) Cancel(_ context.Context, run string) (bool, error) { return run != "over", nil }

func (r *rounds) Depth(context.Context) (map[[2]string]int, error) {
	return map[[2]string]int{{"check", "running"}: 2, {"check", "available"}: 5}, r.broken
}

// requests keeps what is asked for in the history, and does none of it.
type requests struct{ store *store.Store }

func (q *requests) Waive(_ context.Context, ask server.WaiveAsk) (server.WaiveDone, error) {
	if ask.Reason == "refused" {
		return server.WaiveDone{}, fmt.Errorf("%w: it has been refused", server.ErrInvalid)
	}
	return server.WaiveDone{ID: "w2", Branch: "holdfast/waive-w2"}, nil
}

func (q *requests) Ask(ctx context.Context, r store.Request) (store.Request, error) {
	r.State, r.Patch = store.RequestWaiting, "--- a/main.tf\n"
	err := q.store.InTransaction(ctx, "asking", func(tx *sql.Tx) (err error) {
		r, err = q.store.AddRequest(ctx, tx, r)
		return err
	})
	return r, err
}

func (q *requests) Decide(ctx context.Context, id string, approve bool, actor string) (store.Request, error) {
	r, _, err := q.store.Request(ctx, id)
	if err == nil && r.AskedBy == actor {
		err = fmt.Errorf("request %s: %w: who has asked can't decide", id, server.ErrForbidden)
	}
	r.State = store.RequestRejected
	if approve {
		r.State = store.RequestApproved
	}
	return r, err
}

// answer is what came back.
type answer struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   string
}

// ask sends a request as somebody, "" for nobody. Headers are pairs.
func (s *site) ask(who, method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+s.tokens[who])
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{s.t, response.StatusCode, response.Header, string(content)}
}

// get reads as a viewer, and what comes back must be there.
func (s *site) get(path string) answer {
	s.t.Helper()
	a := s.ask("viewer", http.MethodGet, path, "")
	if a.Status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	return a
}

// into decodes an answer.
func into[T any](a answer) (value T) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &value); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	return value
}

type list[T any] struct {
	Items []T
	Next  string
	Total *int
}

const canary = "s3cr3t-canary"

func finding(address string) drift.Finding {
	return drift.Finding{
		ID: drift.FindingID("lineage", address, drift.Modified), Revision: "1", Address: address, Type: "aws_lambda_function",
		Provider: "registry.terraform.io/hashicorp/aws", Kind: drift.Modified, Certainty: drift.Certain, Status: drift.Open,
		Changes: []drift.Change{
			{Path: "memory_size", Expected: []byte("128"), Actual: []byte("512")},
			{Path: "password", Sensitive: true},
		},
	}
}

func named(path string, findings ...drift.Finding) drift.Stack {
	s := drift.Stack{ID: drift.StackID(path, "default"), Path: path, Workspace: "default", Engine: "direct", Findings: findings, Resources: drift.Counts{Checked: 20}}
	s.Settle(false)
	return s
}

// fill makes a history of five stacks, the last of which is of apps, and others of
// infra. Stack n has n findings.
func (s *site) fill() (stacks []drift.Stack) {
	s.t.Helper()
	for i := range 5 {
		var findings []drift.Finding
		for n := range i {
			f := finding(fmt.Sprintf("a.b%d", n))
			f.ID = drift.FindingID(fmt.Sprint(i), f.Address, f.Kind)
			if n == 3 {
				f.Severity = drift.SeverityHigh
			}
			f.Cause = &drift.Cause{Class: drift.CauseConsole, Summary: "changed by user alice"}
			findings = append(findings, f)
		}
		stacks = append(stacks, named(fmt.Sprintf("live/%d", i), findings...))
	}
	for i, st := range stacks {
		run, err := s.store.Begin(s.t.Context(), drift.RunRecord{StartedAt: at(i), Trigger: "command"})
		if err == nil {
			err = errors.Join(run.SaveAt(s.t.Context(), st, nil, at(i)), run.Finish(s.t.Context(), at(i).Add(time.Minute), drift.Summarize([]drift.Stack{st})))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.note("infra", stacks[:4])
	s.note("apps", stacks[4:])
	return stacks
}

func (s *site) note(source string, stacks []drift.Stack) {
	s.t.Helper()
	var refs []drift.StackRef
	for _, st := range stacks {
		refs = append(refs, st.Ref())
	}
	err := s.store.InTransaction(s.t.Context(), "noting", func(tx *sql.Tx) error {
		return s.store.NoteStacks(s.t.Context(), tx, source, refs, at(9))
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
