package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
)

// mostSeries bounds how many stacks have series of their own in /metrics. The
// number of series is at most two for each, and one more for each cause that its
// open findings have, of eight.
const mostSeries = 20_000

// scrapeWithin bounds how long a scrape may ask the database.
const scrapeWithin = 20 * time.Second

// metrics are what /metrics shows. What the history knows is read when it is asked
// for, so that each process that serves one database shows the same.
type metrics struct {
	server   *Server
	registry *prometheus.Registry
	requests *prometheus.HistogramVec

	open, waived, stacks, decided, lastRun, lastEnd, queue, messages, up, dropped *prometheus.Desc
}

func (s *Server) addMetrics(mux *http.ServeMux) *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("holdfast_"+name, help, labels, nil)
	}
	m := &metrics{
		server: s, registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_http_request_duration_seconds", Help: "How long requests took that were let in, by route and status.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route", "status"}),
		open:     desc("open_findings", "Open findings, of stacks that have some.", "source", "stack", "cause"),
		waived:   desc("waived_findings", "Waived findings, over all stacks."),
		stacks:   desc("stacks", "Stacks that their sources have, by the status of their latest check.", "status"),
		decided:  desc("stack_last_success_timestamp_seconds", "When a stack was last checked for certain; 0 for never.", "source", "stack"),
		lastRun:  desc("last_run_duration_seconds", "How long the last round of a source took that ended.", "source"),
		lastEnd:  desc("last_run_finished_timestamp_seconds", "When the last round of a source ended.", "source"),
		queue:    desc("queue_jobs", "Jobs of the queue, by kind and state.", "kind", "state"),
		messages: desc("alert_messages", "Messages of alerts that are not sent, by channel and state: waiting, failing, given_up.", "channel", "state"),
		up:       desc("database_up", "Whether the history could be read for this scrape."),
		dropped:  desc("stacks_without_series", "Stacks beyond those that have series of their own."),
	}
	m.registry.MustRegister(m, m.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	show := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	mux.Handle("GET /metrics", access.Require(access.Viewer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(access.From(r.Context()).Scopes) > 0 {
			access.Fail(w, r, http.StatusForbidden, "Metrics are of all sources; use a token that is not for some of them.")
			return
		}
		show.ServeHTTP(w, r)
	})))
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.open, m.waived, m.stacks, m.decided, m.lastRun, m.lastEnd, m.queue, m.messages, m.up, m.dropped} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	up := 1.0
	for _, collect := range []func(context.Context, chan<- prometheus.Metric) error{m.collectStacks, m.collectFindings, m.collectRuns, m.collectQueue, m.collectMessages} {
		if err := collect(ctx, out); err != nil {
			up = 0
			m.server.Log.WarnContext(ctx, "metrics could not be read", "error", err)
		}
	}
	gauge(out, m.up, up)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

// stackKey is what tells a stack apart in labels. Stacks that commands have checked
// in several places may share one.
type stackKey struct{ source, stack string }

func keyOf(source string, stack drift.StackRef) stackKey { return stackKey{source, stack.String()} }

func (m *metrics) collectStacks(ctx context.Context, out chan<- prometheus.Metric) error {
	byStatus, waived, dropped := map[string]int{
		string(drift.StatusClean): 0, string(drift.StatusDrifted): 0, string(drift.StatusIncomplete): 0, string(drift.StatusError): 0, unchecked: 0,
	}, 0, 0
	decided := map[stackKey]time.Time{}
	for one, err := range m.server.Store.AllFleet(ctx) {
		if err != nil {
			return err
		}
		byStatus[named(string(one.Status), unchecked)]++
		waived += one.Waived
		key := keyOf(one.Source, one.Stack)
		before, is := decided[key]
		switch {
		case !is && len(decided) == mostSeries:
			dropped++
		case !is || one.DecidedAt.Before(before): // the one that is worse off
			decided[key] = one.DecidedAt
		}
	}
	for status, n := range byStatus {
		gauge(out, m.stacks, float64(n), status)
	}
	for key, at := range decided {
		gauge(out, m.decided, seconds(at), key.source, key.stack)
	}
	gauge(out, m.waived, float64(waived))
	gauge(out, m.dropped, float64(dropped))
	return nil
}

// seconds is a time as Prometheus has it.
func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}

func (m *metrics) collectFindings(ctx context.Context, out chan<- prometheus.Metric) error {
	counts, err := m.server.Store.OpenByCause(ctx, nil)
	type series struct {
		stackKey
		cause string
	}
	open, stacks := map[series]int{}, map[stackKey]bool{}
	for _, one := range counts {
		key := keyOf(one.Source, one.Stack)
		if !stacks[key] && len(stacks) == mostSeries {
			continue
		}
		stacks[key] = true
		open[series{key, named(one.Cause, notAsked)}] += one.Open
	}
	for key, n := range open {
		gauge(out, m.open, float64(n), key.source, key.stack, key.cause)
	}
	return err
}

func (m *metrics) collectRuns(ctx context.Context, out chan<- prometheus.Metric) error {
	for _, source := range m.server.Sources {
		info, ok, err := m.server.Store.LastRound(ctx, source.Name)
		if err != nil {
			return err
		}
		if ok {
			gauge(out, m.lastRun, info.FinishedAt.Sub(info.StartedAt).Seconds(), source.Name)
			gauge(out, m.lastEnd, seconds(info.FinishedAt), source.Name)
		}
	}
	return nil
}

func (m *metrics) collectQueue(ctx context.Context, out chan<- prometheus.Metric) error {
	depth, err := m.server.Rounds.Depth(ctx)
	for of, n := range depth {
		gauge(out, m.queue, float64(n), of[0], of[1])
	}
	return err
}

func (m *metrics) collectMessages(ctx context.Context, out chan<- prometheus.Metric) error {
	counts, err := m.server.Store.MessageCounts(ctx)
	for of, n := range counts {
		gauge(out, m.messages, float64(n), of[0], of[1])
	}
	return err
}

// observe measures requests, and traces them where somebody wants that. Routes are
// patterns, of which there are as many as the server has.
func (m *metrics) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		watched := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		ctx, end := m.server.Tracing.request(r)
		r = r.WithContext(ctx) //nolint:contextcheck // it is the request's own, with a span
		defer func() {
			end(r.Pattern, watched.status)
			m.requests.WithLabelValues(methodOf(r), routeOf(r), strconv.Itoa(watched.status)).Observe(time.Since(began).Seconds())
		}()
		next.ServeHTTP(watched, r)
	})
}

func routeOf(r *http.Request) string {
	if r.Pattern == "" || r.Pattern == "/" {
		return "none"
	}
	return r.Pattern
}

// methodOf is a method that is known; others come from nobody who means well.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete:
		return r.Method
	}
	return "other"
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
