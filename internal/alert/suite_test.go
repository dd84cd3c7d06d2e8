package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/drift"
)

// httpChannel is a channel that sends by HTTP, for the suite that all of them pass.
type httpChannel struct {
	name string
	// open makes it, to send to a server at base, with the secrets below.
	open func(base string, client *http.Client) (Notifier, error)
	// take answers as the other side does that has taken a message.
	take func(w http.ResponseWriter, r *http.Request)
	// secrets are canaries: open uses all, no error shows one.
	secrets []string
	// later are statuses of the suite that are worth trying again here though they
	// are refusals elsewhere.
	later []int
	// sdk says that a vendor's library reads the answers.
	sdk bool
}

// httpChannels are all that there are: one function a file.
func httpChannels() []httpChannel {
	return slices.Concat(webhookChannels(), snsChannels(), githubChannels(), slackChannels(), teamsChannels(), pagerDutyChannels())
}

func TestHTTPChannels(t *testing.T) {
	t.Parallel()
	for _, c := range httpChannels() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			t.Run("taken", c.taken)
			t.Run("statuses", c.statuses)
			t.Run("waits", c.waits)
			t.Run("no answer", c.noAnswer)
			t.Run("redirects", c.redirects)
			t.Run("echo", c.echo)
			t.Run("endless answer", c.endless)
		})
	}
}

// taken: what the other side takes is no error, of each kind of message.
func (c httpChannel) taken(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]Message{"alerts": someMessage(), "test": testMessage(), "10,000 alerts": manyAlerts(10_000)} {
		var asked atomic.Int64
		n, _ := c.serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			c.take(w, r)
		})
		if err := n.Notify(t.Context(), m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if asked.Load() == 0 {
			t.Errorf("%s: nobody was asked", name)
		}
	}
}

// statuses: those that somebody must do something about are refusals, others are
// worth trying again.
func (c httpChannel) statuses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 408, 410, 413, 422, 429, 500, 502, 503, 504} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			n, _ := c.serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				fmt.Fprintf(w, "no: %s", strings.Join(c.secrets, " "))
			})
			f := c.fails(t, n)
			again := status >= 500 || status == 408 || status == 429 || slices.Contains(c.later, status)
			if f.Refused == again {
				t.Errorf("refused: %v (%v)", f.Refused, f)
			}
			if f.After != 0 {
				t.Errorf("after %s, and nobody said so", f.After)
			}
			if !strings.Contains(f.Error(), strconv.Itoa(status)) {
				t.Errorf("%v: names no status", f)
			}
		})
	}
}

// waits: what the other side asks for is passed on, up to an hour.
func (c httpChannel) waits(t *testing.T) {
	t.Parallel()
	for _, w := range []struct {
		status      int
		header      string
		least, most time.Duration
	}{
		{429, "7", 7 * time.Second, 7 * time.Second},
		{503, "120", 2 * time.Minute, 2 * time.Minute},
		{429, "86400", time.Hour, time.Hour},
		{429, time.Now().Add(30 * time.Minute).UTC().Format(http.TimeFormat), time.Second, 30 * time.Minute},
		{429, "soon", 0, 0},
	} {
		n, _ := c.serve(t, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Retry-After", w.header)
			rw.WriteHeader(w.status)
		})
		f := c.fails(t, n)
		if f.Refused || f.After < w.least || f.After > w.most {
			t.Errorf("%d, Retry-After %s: refused %v, after %s", w.status, w.header, f.Refused, f.After)
		}
	}
}

// noAnswer: who does not answer may do so later.
func (c httpChannel) noAnswer(t *testing.T) {
	t.Parallel()
	worth := func(t *testing.T, f *Failure) {
		t.Helper()
		if f.Refused || f.After != 0 {
			t.Errorf("refused %v, after %s", f.Refused, f.After)
		}
	}
	t.Run("time-out", func(t *testing.T) {
		t.Parallel()
		n, _ := c.serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client has gone
			<-r.Context().Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		f := c.failsIn(ctx, t, n)
		worth(t, f)
		if !errors.Is(f, context.DeadlineExceeded) || !strings.Contains(f.Error(), "in time") {
			t.Errorf("%v is of no time-out", f)
		}
	})
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		n, _ := c.serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		worth(t, c.fails(t, n))
	})
	t.Run("connection refused", func(t *testing.T) {
		t.Parallel()
		n, err := c.open("http://127.0.0.1:1", &http.Client{}) // no port that anybody listens on
		if err != nil {
			t.Fatal(err)
		}
		f := c.fails(t, n)
		worth(t, f)
		if !strings.Contains(f.Error(), "refused") || strings.Contains(f.Error(), "Post") {
			t.Errorf("%v does not say why, or says more", f)
		}
	})
	t.Run("unknown certificate", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewUnstartedServer(http.HandlerFunc(c.take))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		n, err := c.open(server.URL, &http.Client{})
		if err != nil {
			t.Fatal(err)
		}
		worth(t, c.fails(t, n))
	})
}

// redirects: nobody else is given the message.
func (c httpChannel) redirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int64
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		t.Cleanup(other.Close)
		n, _ := c.serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.RequestURI(), status)
		})
		if f := c.fails(t, n); !f.Refused {
			t.Errorf("%d: not refused: %v", status, f)
		}
		if asked.Load() > 0 {
			t.Errorf("%d: followed to another host", status)
		}
	}
}

// echo: the other side may say what it has been told, and no error repeats a secret
// of that.
func (c httpChannel) echo(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 500} {
		n, _ := c.serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(status)
			fmt.Fprintf(w, "%s %v %s", r.URL, r.Header, body[:min(len(body), 100)])
		})
		_ = c.fails(t, n) // it searches the error
	}
}

// endless: an answer is not read for ever.
func (c httpChannel) endless(t *testing.T) {
	t.Parallel()
	if c.sdk {
		return
	}
	n, _ := c.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		for {
			if _, err := w.Write(bytes.Repeat([]byte("no "), 10_000)); err != nil {
				return
			}
		}
	})
	if f := c.fails(t, n); len(f.Error()) > 1000 {
		t.Errorf("an error of %d bytes", len(f.Error()))
	}
}

// serve starts a server and the channel to it.
func (c httpChannel) serve(t *testing.T, handler http.HandlerFunc) (Notifier, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	n, err := c.open(server.URL, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return n, server
}

func (c httpChannel) fails(t *testing.T, n Notifier) *Failure {
	t.Helper()
	return c.failsIn(t.Context(), t, n)
}

// failsIn sends and wants an error, without any secret. One that is no Failure is as
// one that says nothing.
func (c httpChannel) failsIn(ctx context.Context, t *testing.T, n Notifier) *Failure {
	t.Helper()
	err := n.Notify(ctx, someMessage())
	if err == nil {
		t.Fatal("no error")
	}
	noSecrets(t, err, c.secrets)
	var f *Failure
	if !errors.As(err, &f) {
		f = &Failure{Err: err}
	}
	return f
}

// noSecrets looks for secrets in all that an error can be made to say.
func noSecrets(t *testing.T, err error, secrets []string) {
	t.Helper()
	var said bytes.Buffer
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&said, "%v\n%+v\n%#v\n%q\n", e, e, e, e)
		slog.New(slog.NewTextHandler(&said, nil)).Error("it failed", "error", e)
		slog.New(slog.NewJSONHandler(&said, nil)).Error("it failed", "error", e)
		_ = json.NewEncoder(&said).Encode(e)
	}
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if strings.Contains(said.String(), form) {
				t.Errorf("the secret %s shows in %v", secret, err)
			}
		}
	}
}

// someMessage is one about two stacks.
func someMessage() Message {
	at := time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)
	network := drift.StackRef{ID: "1a2b3c4d5e6f", Path: "prod/network", Workspace: "default"}
	tokens := drift.StackRef{ID: "2b3c4d5e6f1a", Path: "prod/device-tokens", Workspace: "blue"}
	group := &drift.Finding{
		ID: "aaaaaaaaaaaa", Revision: "bbbbbbbbbbbb", Address: "aws_security_group.web", Type: "aws_security_group",
		Provider: "registry.terraform.io/hashicorp/aws", Kind: drift.Modified, Severity: drift.SeverityHigh, Certainty: drift.Certain, Status: drift.Open,
		Changes: []drift.Change{{Path: "ingress", Expected: json.RawMessage(`["10.0.0.0/8"]`), Actual: json.RawMessage(`["0.0.0.0/0"]`)}},
		Cause:   &drift.Cause{Class: drift.CauseConsole, Summary: "anna, in the console", Since: at.Add(-time.Hour)},
	}
	table := &drift.Finding{
		ID: "cccccccccccc", Revision: "dddddddddddd", Address: "aws_dynamodb_table.tokens", Type: "aws_dynamodb_table",
		Provider: "registry.terraform.io/hashicorp/aws", Kind: drift.Modified, Severity: drift.SeverityLow, Certainty: drift.Certain, Status: drift.Open,
		Changes: []drift.Change{{Path: `tags["owner"]`, Expected: json.RawMessage(`"platform"`), Actual: json.RawMessage(`null`)}},
	}
	return Message{
		ID: "m-20261126-0001", Channel: "ops", At: at, Severity: drift.SeverityHigh,
		Title: "prod/network, prod/device-tokens: 2 alerts – drift", Short: "2 alerts: aws_security_group.web changed (high), 1 more",
		Text: "prod/network\n  high  aws_security_group.web: ingress\n\nprod/device-tokens (blue)\n  low  aws_dynamodb_table.tokens: tags[\"owner\"]\n",
		Link: "https://holdfast.example.com/runs/1",
		Alerts: []drift.Alert{
			{ID: "a1", Kind: drift.AlertNew, At: at, Run: "r1", Stack: network, Severity: drift.SeverityHigh, Episode: group.ID, Finding: group},
			{ID: "a2", Kind: drift.AlertChanged, At: at, Run: "r1", Stack: tokens, Severity: drift.SeverityLow, Episode: table.ID, Finding: table},
		},
		Standing: []Standing{
			{Stack: network, Status: drift.StatusDrifted, CheckedAt: at, Open: []drift.Episode{{Number: 1, Stack: network, Finding: *group}}},
			{Stack: tokens, Status: drift.StatusDrifted, CheckedAt: at, Waived: 2, Open: []drift.Episode{{Number: 1, Stack: tokens, Finding: *table}}},
		},
	}
}

func testMessage() Message {
	return Message{
		ID: "m-test", Channel: "ops", At: time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC), Test: true, Severity: drift.SeverityLow,
		Title: "Holdfast test", Short: "Holdfast test", Text: "This is a test of the channel ops.\n",
	}
}

// manyAlerts is a message about so many findings, each of a stack of its own.
func manyAlerts(n int) Message {
	m := someMessage()
	sample := m.Alerts[0]
	m.Alerts, m.Standing = nil, nil
	var text strings.Builder
	for i := range n {
		a, f := sample, *sample.Finding
		a.ID = "a" + strconv.Itoa(i)
		a.Stack.Path = fmt.Sprintf("accounts/%05d/network", i)
		f.Address = fmt.Sprintf(`aws_security_group.web["%d"]`, i)
		a.Finding = &f
		m.Alerts = append(m.Alerts, a)
		m.Standing = append(m.Standing, Standing{Stack: a.Stack, Status: drift.StatusDrifted, CheckedAt: m.At})
		fmt.Fprintf(&text, "%s\n  high  %s: ingress\n", a.Stack, f.Address)
	}
	m.Text = text.String()
	m.Title = fmt.Sprintf("%d alerts", n)
	return m
}
