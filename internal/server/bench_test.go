//go:build unix

package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/server"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
	"holdfast/internal/store/storetest"
)

// The bar of `make bench-server`: with a year of 10,000 stacks, 95 of 100 requests
// of each kind are answered within this time.
const barP95 = 100 * time.Millisecond

// asksOf is how often each kind of request is asked for.
const asksOf = 60

// BenchmarkServer asks a server with a year of history for lists, parts of them and
// details, one request after the other. It fails where the bar is not met.
func BenchmarkServer(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			where := filepath.Join(b.TempDir(), "history.db")
			if database == "postgres" {
				where = postgres(b)
			}
			benchServer(b, where)
		})
	}
}

func postgres(b *testing.B) string {
	b.Helper()
	server, err := lab.StartPostgres(b.Context())
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { _ = server.Close() })
	where, err := server.Database(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return where
}

func benchServer(b *testing.B, where string) {
	s, err := store.Open(b.Context(), where)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	began := time.Now()
	year, err := storetest.Fill(b.Context(), s, storetest.Size{Now: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("a year in %s: %d stacks, %d findings of which %d are open, %d events, %d runs\n", time.Since(began).Round(time.Second),
		len(year.Stacks), len(year.Episodes), len(year.Open), year.Events, len(year.Runs))
	handler := benchHandler(b, s, year)
	for b.Loop() {
		for _, kind := range kindsOf(s, year) {
			took := make([]time.Duration, asksOf)
			for n := range took {
				took[n] = kind.ask(b, handler, n)
			}
			slices.Sort(took)
			p50, p95 := took[asksOf/2], took[asksOf*95/100]
			fmt.Printf("| %s | %.1f | %.1f |\n", kind.name, ms(p50), ms(p95))
			if p95 > barP95 && !kind.free {
				b.Errorf("%s: p95 is %s, and the bar %s", kind.name, p95, barP95)
			}
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func benchHandler(b *testing.B, s *store.Store, year storetest.Year) http.Handler {
	gate, err := access.New(access.Options{Store: s, Local: true})
	if err != nil {
		b.Fatal(err)
	}
	var sources []server.Source
	for _, name := range year.Sources {
		sources = append(sources, server.Source{Name: name})
	}
	handler, err := server.New(server.Options{
		Store: s, Rounds: &rounds{}, Requests: &requests{store: s}, Gate: gate, Sources: sources,
		Waivers: func(context.Context, string) ([]drift.Waiver, error) {
			return []drift.Waiver{{ID: "load-test", Addresses: []drift.Pattern{"module.service.aws_lambda_function.app[1]"}, Until: time.Now().AddDate(1, 0, 0)}}, nil
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return handler
}

// kind is a kind of requests.
type kind struct {
	name string
	path func(n int) string
	free bool // the bar is not for it
}

func (k kind) ask(b *testing.B, h http.Handler, n int) time.Duration {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://127.0.0.1"+k.path(n), nil)
	w := httptest.NewRecorder()
	began := time.Now()
	h.ServeHTTP(w, r)
	took := time.Since(began)
	if w.Code != http.StatusOK {
		b.Fatalf("%s: %d %s", r.URL, w.Code, w.Body)
	}
	return took
}

func kindsOf(s *store.Store, year storetest.Year) []kind {
	same := func(path string) func(int) string { return func(int) string { return "/api/v1" + path } }
	pick := func(format string, list []string) func(int) string { return picked("/api/v1"+format, list) }
	var stacks []string
	for _, one := range year.Stacks {
		stacks = append(stacks, one.ID)
	}
	deep := ""
	if page, err := s.Findings(context.Background(), store.FindingFilter{Newest: true, Limit: 500}); err == nil {
		for range 40 { // far down the list
			page, _ = s.Findings(context.Background(), store.FindingFilter{Newest: true, Limit: 500, After: page.Next})
		}
		deep = page.Next
	}
	return []kind{
		{name: "fleet", path: same("/fleet")},
		{name: "stacks", path: same("/stacks")},
		{name: "stacks, 500 a page", path: same("/stacks?limit=500")},
		{name: "stacks, most drift first", path: same("/stacks?sort=drift")},
		{name: "stacks, longest open first", path: same("/stacks?sort=oldest&status=drifted")},
		{name: "stacks, by text", path: func(n int) string { return fmt.Sprintf("/api/v1/stacks?q=service-0%d", n%10*100) }},
		{name: "stacks of a source", path: pick("/stacks?source=%s&status=drifted", year.Sources)},
		{name: "stack", path: pick("/stacks/%s", stacks)},
		{name: "findings, open", path: same("/findings")},
		{name: "findings, open, newest first", path: same("/findings?newest=true")},
		{name: "findings, all", path: same("/findings?all=true&newest=true")},
		{name: "findings, all, far down", path: same("/findings?all=true&newest=true&after=" + deep)},
		{name: "findings of a source", path: pick("/findings?source=%s", year.Sources)},
		{name: "findings of a cause and kind", path: same("/findings?cause=manual-cli&kind=deleted&all=true")},
		{name: "findings, by text", path: same("/findings?q=app%5B7%5D")},
		{name: "findings, all, by text", path: same("/findings?q=service-001&all=true")},
		{name: "findings of an address", path: same("/findings?address=module.service&all=true")},
		{name: "findings of a stack", path: pick("/findings?stack=%s&all=true", stacks)},
		{name: "finding", path: pick("/findings/%s", year.Open)},
		{name: "finding that is over", path: pick("/findings/%s", year.Episodes)},
		{name: "events", path: same("/events")},
		{name: "events of a rare kind", path: same("/events?kind=waived")},
		{name: "events of no kind there is", path: same("/events?kind=attempted")},
		{name: "events of a source", path: pick("/events?source=%s", year.Sources)},
		{name: "events of a stack", path: pick("/events?stack=%s", stacks)},
		{name: "events of an address", path: same("/events?address=module.service.aws_lambda_function.app%5B3%5D")},
		{name: "runs", path: same("/runs")},
		{name: "runs of a source", path: pick("/runs?source=%s", year.Sources)},
		{name: "run", path: pick("/runs/%s", year.Runs)},
		{name: "stacks of a run", path: pick("/runs/%s/stacks?outcome=drifted", year.Runs)},
		{name: "waivers", path: same("/waivers")},
		{name: "schedules", path: same("/schedules")},
		{name: "requests", path: same("/requests")},
		{name: "metrics", path: func(int) string { return "/metrics" }, free: true},
		{name: "page: the fleet", path: func(int) string { return "/" }},
		{name: "page: stacks", path: func(int) string { return "/stacks" }},
		{name: "page: a stack", path: picked("/stacks/%s", stacks)},
		{name: "page: findings", path: func(int) string { return "/findings" }},
		{name: "page: a finding", path: picked("/findings/%s", year.Open)},
		{name: "page: runs", path: func(int) string { return "/runs" }},
		{name: "page: a run", path: picked("/runs/%s", year.Runs)},
		{name: "page: the history", path: func(int) string { return "/history" }},
		{name: "page: waivers", path: func(int) string { return "/waivers" }},
	}
}

// picked is a path with one of a list's items, another each time.
func picked(format string, list []string) func(int) string {
	return func(n int) string { return fmt.Sprintf(format, list[(n*7919)%len(list)]) }
}
