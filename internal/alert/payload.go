package alert

import (
	"bytes"
	"encoding/json"
	"time"

	"holdfast/internal/drift"
)

// PayloadVersion is that of messages for programs; docs/alerts-message.schema.json
// describes them.
const PayloadVersion = 1

// payload is a message for programs: the body of a webhook, and what SNS hands to
// queues and functions.
type payload struct {
	SchemaVersion int            `json:"schema_version"`
	ID            string         `json:"id"`
	Channel       string         `json:"channel"`
	At            time.Time      `json:"at"`
	Severity      drift.Severity `json:"severity,omitempty"`
	Test          bool           `json:"test"`
	Title         string         `json:"title"`
	Short         string         `json:"short"`
	Text          string         `json:"text"`
	Link          string         `json:"link,omitempty"`
	Alerts        []any          `json:"alerts"`         // sentAlert
	OmittedAlerts int            `json:"omitted_alerts"` // that were too many
	Stacks        []any          `json:"stacks"`         // stackState
	OmittedStacks int            `json:"omitted_stacks"`
}

// stackState is a Standing in numbers.
type stackState struct {
	drift.StackRef
	Status    drift.Status `json:"status"`
	CheckedAt time.Time    `json:"checked_at,omitzero"`
	Open      int          `json:"open"` // findings
	Waived    int          `json:"waived"`
	Integrity int          `json:"integrity"` // faults of its state
	Errors    int          `json:"errors"`
	Link      string       `json:"link,omitempty"`
}

// mostPayloadText is how much of the text a message for programs has, in bytes: they
// have the alerts.
const mostPayloadText = 16 << 10

// mostValue is how long a value may be where not all alerts have room, in bytes.
const mostValue = 256

// encode writes a message for programs, of at most limit bytes as cost counts them;
// nil counts its own. What is too much is left out, from the end, and counted: first
// long values, then alerts and stacks.
func encode(m Message, limit int, cost func([]byte) int) []byte {
	if cost == nil {
		cost = func(text []byte) int { return len(text) }
	}
	p := payload{
		SchemaVersion: PayloadVersion, ID: m.ID, Channel: m.Channel, At: m.At.UTC(), Severity: m.Severity, Test: m.Test,
		Title: cut(m.Title, mostLine), Short: cut(m.Short, mostLine), Text: shorten(m.Text, min(mostPayloadText, limit/8), m.Link), Link: m.Link,
		Alerts: []any{}, OmittedAlerts: len(m.Alerts), Stacks: []any{}, OmittedStacks: len(m.Standing),
	}
	room := limit - cost(compact(p))
	var stacks []any
	for _, s := range m.Standing {
		stacks = append(stacks, stackState{
			StackRef: s.Stack, Status: s.Status, CheckedAt: s.CheckedAt.UTC(), Open: len(s.Open), Waived: s.Waived,
			Integrity: len(s.Integrity), Errors: len(s.Errors), Link: s.Link,
		})
	}
	p.Stacks, room = fitting(stacks, room/4, room, cost)
	p.Alerts, _ = fitting(alertsOf(m, false), room, room, cost)
	if len(p.Alerts) < len(m.Alerts) {
		p.Alerts, _ = fitting(alertsOf(m, true), room, room, cost)
	}
	p.OmittedAlerts -= len(p.Alerts)
	p.OmittedStacks -= len(p.Stacks)
	return compact(p)
}

// fitting are those of a list, from its start, that have room in so many bytes, and
// what is left of all.
func fitting(list []any, room, all int, cost func([]byte) int) ([]any, int) {
	for i, item := range list {
		size := cost(compact(item)) + 1 // the comma
		if size > room {
			return list[:i:i], all
		}
		room, all = room-size, all-size
	}
	return append([]any{}, list...), all
}

// sentAlert is an alert, with a word on what was too much of it.
type sentAlert struct {
	drift.Alert
	Shortened      []string `json:"shortened,omitempty"`       // paths whose values are the start of their JSON, as a string
	OmittedChanges int      `json:"omitted_changes,omitempty"` // that were too many
}

// alertsOf lists the alerts; short makes each of them small.
func alertsOf(m Message, short bool) []any {
	list := make([]any, 0, len(m.Alerts))
	for _, a := range m.Alerts {
		sent := sentAlert{Alert: a}
		if a.Finding != nil {
			own := *a.Finding
			own.Changes = append([]drift.Change{}, own.Changes...) // [] where there are none
			sent.Finding = &own
			if short {
				sent.shorten()
			}
		}
		list = append(list, sent)
	}
	return list
}

// mostChanges is how many changes a finding has where not all alerts have room.
const mostChanges = 50

// shorten makes the alert's own copy of its finding small.
func (a *sentAlert) shorten() {
	f := a.Finding
	a.OmittedChanges = max(0, len(f.Changes)-mostChanges)
	f.Changes = f.Changes[:len(f.Changes)-a.OmittedChanges]
	for i := range f.Changes {
		if c := &f.Changes[i]; len(c.Expected) > mostValue || len(c.Actual) > mostValue {
			c.Expected, c.Actual = start(c.Expected), start(c.Actual)
			a.Shortened = append(a.Shortened, c.Path)
		}
	}
	if f.Cause != nil && len(f.Cause.Candidates) > 1 {
		cause := *f.Cause
		cause.Candidates = cause.Candidates[:1]
		f.Cause = &cause
	}
}

// start is the start of a value, as a string; a short value is left as it is.
func start(value json.RawMessage) json.RawMessage {
	if len(value) <= mostValue {
		return value
	}
	return compact(cut(string(value), mostValue))
}

// compact is JSON without spaces and without the escapes that only HTML needs.
func compact(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // what we send is made of plain types
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}
