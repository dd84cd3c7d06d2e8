package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast/internal/drift"
)

const pagerDutyCanary = "c0ffee00c0ffee00c0ffee00c0ffee00"

// pagerDutyFaults holds an event against PagerDuty's documentation; it gives the errors
// that PagerDuty answers with.
// https://developer.pagerduty.com/docs/send-alert-event and
// https://github.com/PagerDuty/api-schema/blob/main/reference/events-v2/openapiv3.json
func pagerDutyFaults(r *http.Request) (answer string, faults []string) {
	wrong := func(format string, args ...any) {
		answer, faults = "invalid event", append(faults, fmt.Sprintf(format, args...))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" || r.Header.Get("Content-Type") != "application/json" {
		wrong("%s %s", r.Method, r.URL.Path)
		return answer, faults
	}
	if len(body) > 512*1024 {
		wrong("%d bytes", len(body))
	}
	var e struct {
		RoutingKey string `json:"routing_key"`
		Action     string `json:"event_action"`
		DedupKey   string `json:"dedup_key"`
		Payload    *struct {
			Summary   string         `json:"summary"`
			Source    string         `json:"source"`
			Severity  string         `json:"severity"`
			Timestamp string         `json:"timestamp"`
			Component string         `json:"component"`
			Group     string         `json:"group"`
			Class     string         `json:"class"`
			Details   map[string]any `json:"custom_details"`
		} `json:"payload"`
		Client    string `json:"client"`
		ClientURL string `json:"client_url"`
		Links     []struct {
			Href string `json:"href"`
			Text string `json:"text"`
		} `json:"links"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		wrong("%v", err)
		return answer, faults
	}
	if len(e.RoutingKey) != 32 {
		wrong("Length of 'routing_key' is incorrect (should be 32 characters)")
	}
	if e.DedupKey == "" || utf8.RuneCountInString(e.DedupKey) > 255 {
		wrong("dedup_key %q", e.DedupKey)
	}
	switch {
	case e.Action == "resolve" || e.Action == "acknowledge":
	case e.Action != "trigger":
		wrong("'event_action' is %q", e.Action)
	case e.Payload == nil:
		wrong("'payload' is missing or blank")
	default:
		p := e.Payload
		if n := utf8.RuneCountInString(p.Summary); n == 0 || n > 1024 || p.Source == "" {
			wrong("summary of %d characters, source %q", n, p.Source)
		}
		if !slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity) {
			wrong("'payload.severity' is invalid (must be one of: critical, error, warning, info): %q", p.Severity)
		}
		if _, err := time.Parse(time.RFC3339, p.Timestamp); err != nil {
			wrong("timestamp %q", p.Timestamp)
		}
	}
	for _, link := range e.Links {
		if !strings.HasPrefix(link.Href, "http") {
			wrong("href %q", link.Href)
		}
	}
	return answer, faults
}

func pagerDutyTaken(w http.ResponseWriter) {
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"status":"success","message":"Event processed","dedup_key":"x"}`)
}

func openPagerDuty(base string, client *http.Client) (Notifier, error) {
	return NewPagerDuty(PagerDutyOptions{RoutingKey: pagerDutyCanary, URL: base, Client: client})
}

func pagerDutyChannels() []httpChannel {
	return []httpChannel{{
		name: "pagerduty", open: openPagerDuty,
		take: func(w http.ResponseWriter, r *http.Request) {
			if _, wrong := pagerDutyFaults(r); len(wrong) > 0 {
				panic(wrong)
			}
			pagerDutyTaken(w)
		},
		secrets: []string{pagerDutyCanary},
	}}
}

func TestPagerDutyMessages(t *testing.T) {
	t.Parallel()
	bodies := sendAll(t, openPagerDuty, pagerDutyFaults, pagerDutyTaken)
	id := drift.StackID("a", "")
	for name, want := range map[string][]string{
		"some":    {`"dedup_key":"holdfast:1a2b3c4d5e6f"`, `"summary":"prod/network: 1 open finding; new drift aws_security_group.web"`, `"severity":"critical"`, `high aws_security_group.web: modified: ingress; anna, in the console`},
		"clean":   {`"event_action":"resolve","dedup_key":"holdfast:` + id + `"`},
		"failing": {`"event_action":"trigger","dedup_key":"holdfast:` + id + `"`, `"severity":"warning"`, "no credentials"},
		"fault":   {`"severity":"critical"`, "twice"},
		"test":    {`"severity":"info"`},
		"long":    {`"and 1950 more"`},
	} {
		for _, text := range want {
			if !strings.Contains(bodies[name][0], text) {
				t.Errorf("%s: no %s in\n%s", name, text, clip(bodies[name][0], 2000))
			}
		}
	}
	for name, want := range map[string]int{"some": 2, "clean": 1, "test": 2, "many": 1 + pdIncidents} {
		if len(bodies[name]) != want {
			t.Errorf("%s: %d events, want %d", name, len(bodies[name]), want)
		}
	}
	if last := bodies["many"][pdIncidents]; !strings.Contains(last, "9950 more stacks") {
		t.Errorf("the rest: %s", clip(last, 500))
	}
}

// TestPagerDutyGoesOn: what was taken is not sent again by the next attempt.
func TestPagerDutyGoesOn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := 0
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked%3 == 0 {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		var e pdEvent
		_ = json.NewDecoder(r.Body).Decode(&e)
		seen[e.Action+" "+e.DedupKey]++
		pagerDutyTaken(w)
	}))
	t.Cleanup(server.Close)
	progress := new(Progress)
	m := telling("m1", drift.AlertNew, drifted("a", "x.y"), cleanStack("b"), drifted("c", "x.y"), cleanStack("d"), drifted("e", "x.y"))
	attempts := 0
	for err := errors.New("none yet"); err != nil; attempts++ {
		n, opened := NewPagerDuty(PagerDutyOptions{RoutingKey: pagerDutyCanary, URL: server.URL, Progress: progress})
		if opened != nil {
			t.Fatal(opened)
		}
		if err = n.Notify(t.Context(), m); err != nil {
			if f, ok := errors.AsType[*Failure](err); !ok || f.Refused || f.After != 5*time.Second {
				t.Fatal(err)
			}
		}
	}
	for event, times := range seen {
		if times != 1 {
			t.Errorf("%s came %d times", event, times)
		}
	}
	if len(seen) != 5 || attempts != 3 {
		t.Errorf("%d events in %d attempts", len(seen), attempts)
	}
}

func TestPagerDutyAnswers(t *testing.T) {
	t.Parallel()
	c := pagerDutyChannels()[0]
	n, _ := c.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing key"]}`)
	})
	if f := c.fails(t, n); !f.Refused || !strings.Contains(f.Error(), "Invalid routing key") {
		t.Errorf("refused %v: %v", f.Refused, f)
	}
	if _, err := NewPagerDuty(PagerDutyOptions{RoutingKey: "canary"}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a short key: %v", err)
	}
	for given, want := range map[string]string{
		"": "https://events.pagerduty.com/v2/enqueue", "https://events.eu.pagerduty.com": "https://events.eu.pagerduty.com/v2/enqueue",
		"https://events.eu.pagerduty.com/v2/enqueue": "https://events.eu.pagerduty.com/v2/enqueue",
	} {
		n, err := NewPagerDuty(PagerDutyOptions{RoutingKey: pagerDutyCanary, URL: given})
		if err != nil || n.(*pagerDuty).url != want {
			t.Errorf("%q: %+v, %v", given, n, err)
		}
	}
}
