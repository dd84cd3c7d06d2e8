package server_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/server"
	"holdfast/internal/server/access"
)

// collector is a stub of what takes traces.
type collector struct {
	mu   sync.Mutex
	body bytes.Buffer
	path string
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	c.path = r.URL.Path
	_, _ = c.body.ReadFrom(body)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// TestTraces: requests and spans of app's are sent where the environment says so,
// with routes and not with what was asked for.
func TestTraces(t *testing.T) {
	to := &collector{}
	web := httptest.NewServer(to)
	t.Cleanup(web.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", web.URL)
	tracing, err := server.NewTracing(t.Context(), drift.Tool{Name: "holdfast", Version: "1"}, func(name string) string {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": web.URL}[name]
	})
	if err != nil || tracing == nil {
		t.Fatal(tracing, err)
	}
	s := newSite(t)
	gate, err := access.New(access.Options{Store: s.store, Local: true})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := server.New(server.Options{Store: s.store, Rounds: s.rounds, Requests: s.asks, Gate: gate, Tracing: tracing})
	if err != nil {
		t.Fatal(err)
	}
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/stacks?q="+canary, nil))
	_, end := tracing.Span(t.Context(), "check", "stack", "live/eu")
	end(errors.New(canary))
	if err := tracing.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"GET /api/v1/stacks", "http.response.status_code", "live/eu", "holdfast"} {
		if !bytes.Contains(to.body.Bytes(), []byte(want)) {
			t.Errorf("%q was not sent", want)
		}
	}
	if to.path != "/v1/traces" || bytes.Contains(to.body.Bytes(), []byte(canary)) {
		t.Errorf("%s; the canary is in what was sent", to.path)
	}
}

// TestNoTraces: nothing is sent unless the environment asks for it.
func TestNoTraces(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{
		{}, {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"}, {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"},
	} {
		tracing, err := server.NewTracing(t.Context(), drift.Tool{}, func(name string) string { return env[name] })
		if tracing != nil || err != nil {
			t.Errorf("%v: %v, %v", env, tracing, err)
		}
		_, end := tracing.Span(t.Context(), "check")
		end(nil)
		if err := tracing.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
