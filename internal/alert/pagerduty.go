package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"holdfast/internal/drift"
)

// PagerDutyOptions say which service of PagerDuty is told.
type PagerDutyOptions struct {
	RoutingKey string    // of an integration by the Events API v2: a secret
	URL        string    // "" for PagerDuty's own; that of the EU is https://events.eu.pagerduty.com
	Progress   *Progress // nil: each attempt begins anew, which does no harm but may meet a limit again
	Client     *http.Client
}

// Progress is how far attempts to send one message have come, where a message is sent
// in parts. It is safe for concurrent use.
type Progress struct {
	mu   sync.Mutex
	of   string // the message
	done map[string]bool
}

// begin is the start of an attempt; end ends it.
func (p *Progress) begin(message string) {
	p.mu.Lock()
	if p.of != message || p.done == nil {
		p.of, p.done = message, map[string]bool{}
	}
}

func (p *Progress) end() { p.mu.Unlock() }

const (
	pagerDutyURL  = "https://events.pagerduty.com"
	pagerDutyPath = "/v2/enqueue"
)

// pagerDuty has one incident for each stack that needs somebody.
type pagerDuty struct {
	caller
	url, key string
	progress *Progress // events that were taken
}

// NewPagerDuty is the channel of PagerDuty's Events API v2.
// https://developer.pagerduty.com/docs/events-api-v2-overview
func NewPagerDuty(o PagerDutyOptions) (Notifier, error) {
	key := strings.TrimSpace(o.RoutingKey)
	if len(key) != 32 {
		return nil, errors.New("pagerduty: the routing key must have 32 characters: it is the integration key of an Events API v2 integration")
	}
	u, err := parseURL("pagerduty", cmp.Or(o.URL, pagerDutyURL))
	if err != nil {
		return nil, err
	}
	if strings.Trim(u.Path, "/") == "" {
		u = u.ResolveReference(&url.URL{Path: pagerDutyPath})
	}
	if o.Progress == nil {
		o.Progress = new(Progress)
	}
	return &pagerDuty{caller: newCaller("pagerduty "+u.Host, o.Client, key), url: u.String(), key: key, progress: o.Progress}, nil
}

var pagerDutyAdvice = map[int]string{
	http.StatusBadRequest: "see that the routing key is that of an Events API v2 integration",
	http.StatusForbidden:  "see that the routing key is right and its service is not disabled",
	http.StatusNotFound:   "see that the URL is right",
}

// pdEvent is an event of the API.
// https://developer.pagerduty.com/docs/send-alert-event
type pdEvent struct {
	RoutingKey string     `json:"routing_key"`
	Action     string     `json:"event_action"` // trigger or resolve
	DedupKey   string     `json:"dedup_key"`
	Payload    *pdPayload `json:"payload,omitempty"`
	Client     string     `json:"client,omitempty"`
	ClientURL  string     `json:"client_url,omitempty"`
	Links      []pdLink   `json:"links,omitempty"`
}

type pdPayload struct {
	Summary   string         `json:"summary"` // at most 1,024 characters
	Source    string         `json:"source"`
	Severity  string         `json:"severity"`
	Timestamp string         `json:"timestamp,omitempty"`
	Component string         `json:"component,omitempty"`
	Group     string         `json:"group,omitempty"`
	Class     string         `json:"class,omitempty"`
	Details   map[string]any `json:"custom_details"`
}

type pdLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// pdSeverities map ours to those of PagerDuty.
var pdSeverities = map[drift.Severity]string{drift.SeverityHigh: "critical", drift.SeverityMedium: "warning", drift.SeverityLow: "info"}

// Limits of what is sent. An event has at most 512 KB.
const (
	pdIncidents = 50 // that one message triggers; the rest becomes one more
	pdSummary   = 1_000
	pdDetails   = 50
	pdKey       = 255
)

func (p *pagerDuty) Notify(ctx context.Context, m Message) error {
	p.progress.begin(m.ID)
	defer p.progress.end()
	for _, e := range pdEvents(m) {
		done := e.Action + " " + e.DedupKey
		if p.progress.done[done] {
			continue
		}
		e.RoutingKey = p.key
		if err := p.post(ctx, p.url, jsonHeader(), compact(e), pagerDutyAdvice); err != nil {
			return err
		}
		p.progress.done[done] = true
	}
	return nil
}

// pdEvents are what a message comes to: stacks that are clean first, which costs nobody
// sleep.
func pdEvents(m Message) (events []pdEvent) {
	if m.Test {
		e := pdEvent{Action: "trigger", DedupKey: "holdfast:test:" + m.ID, Client: "Holdfast", ClientURL: webLink(m.Link)}
		e.Payload = &pdPayload{Summary: clip(tidy(m.Short), pdSummary), Source: "holdfast", Severity: "info", Timestamp: pdTime(m.At), Details: map[string]any{"text": clip(plain(m.Text), pdSummary)}}
		return []pdEvent{e, {Action: "resolve", DedupKey: e.DedupKey}}
	}
	alerts := byStack(m)
	var bad []Standing
	for _, s := range stands(m) {
		switch {
		case s.needsSomebody(alerts[s.Stack.ID]):
			bad = append(bad, s)
		case s.clean(alerts[s.Stack.ID]):
			events = append(events, pdEvent{Action: "resolve", DedupKey: stackKey(s)})
		}
	}
	for i, s := range bad {
		if i == pdIncidents {
			return append(events, pdRest(m, bad[i:]))
		}
		events = append(events, pdTrigger(m, s, alerts[s.Stack.ID]))
	}
	return events
}

func stackKey(s Standing) string { return clip("holdfast:"+s.Stack.ID, pdKey) }

func pdTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// pdTrigger opens a stack's incident, or adds to it.
func pdTrigger(m Message, s Standing, alerts []drift.Alert) pdEvent {
	worst := s.worst()
	for _, a := range alerts {
		if !good(a.Kind) { // the severity of what is over wakes nobody
			worst = drift.Worse(worst, a.Severity)
		}
	}
	name := clip(tidy(s.Stack.String()), 200)
	e := pdEvent{Action: "trigger", DedupKey: stackKey(s), Client: "Holdfast", ClientURL: webLink(cmp.Or(s.Link, m.Link))}
	if e.ClientURL != "" {
		e.Links = []pdLink{{e.ClientURL, "The stack in Holdfast"}}
	}
	summary := name + ": " + s.summary()
	if len(alerts) > 0 {
		summary += "; " + strings.TrimSpace(Heading(alerts[0].Kind)+" "+address(alerts[0]))
	}
	e.Payload = &pdPayload{
		Summary: clip(summary, pdSummary), Source: name, Severity: cmp.Or(pdSeverities[worst], "warning"), Timestamp: pdTime(m.At),
		Component: name, Group: "infrastructure drift", Class: "drift",
		Details: map[string]any{
			"status": s.Status, "checked_at": pdTime(s.CheckedAt), "waived": s.Waived, "message": m.ID,
			"alerts":   firstOf(len(alerts), func(i int) string { return pdAlert(alerts[i]) }),
			"findings": firstOf(len(s.Open), func(i int) string { return pdFinding(s.Open[i]) }),
			"state":    firstOf(len(s.Integrity), func(i int) string { return clip(tidy(s.Integrity[i].Message), 300) }),
			"errors":   firstOf(len(s.Errors), func(i int) string { return clip(tidy(s.Errors[i].Address+" "+s.Errors[i].Message), 300) }),
		},
	}
	return e
}

func pdAlert(a drift.Alert) string {
	return joined(Heading(a.Kind), clip(address(a), 200), about(a))
}

func pdFinding(e drift.Episode) string {
	f := e.Finding
	text := fmt.Sprintf("%s %s: %s", f.Severity, clip(tidy(f.Address), 200), whatChanged(f))
	if by := who(f); by != "" {
		text += "; " + by
	}
	return text
}

// firstOf lists the first of many.
func firstOf(n int, item func(int) string) []string {
	list := []string{}
	for i := range n {
		if i == pdDetails {
			return append(list, fmt.Sprintf("and %d more", n-i))
		}
		list = append(list, item(i))
	}
	return list
}

// pdRest is one incident of all stacks that are too many. Nothing tells when all of
// them are clean: people resolve it.
func pdRest(m Message, stacks []Standing) pdEvent {
	var worst drift.Severity
	for _, s := range stacks {
		worst = drift.Worse(worst, s.worst())
	}
	return pdEvent{
		Action: "trigger", DedupKey: "holdfast:many", Client: "Holdfast", ClientURL: webLink(m.Link),
		Payload: &pdPayload{
			Summary: fmt.Sprintf("%d more stacks need somebody; resolve this by hand", len(stacks)), Source: "holdfast",
			Severity: cmp.Or(pdSeverities[worst], "warning"), Timestamp: pdTime(m.At), Group: "infrastructure drift", Class: "drift",
			Details: map[string]any{"message": m.ID, "stacks": firstOf(len(stacks), func(i int) string {
				return clip(tidy(stacks[i].Stack.String()), 200) + ": " + stacks[i].summary()
			})},
		},
	}
}
