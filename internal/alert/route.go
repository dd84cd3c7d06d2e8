package alert

import (
	"slices"
	"time"

	"holdfast/internal/drift"
)

// Rule says what a channel is told, and when. The zero value is all, at once.
type Rule struct {
	Channel    string
	On         []drift.AlertKind      // none: all
	Severity   drift.Severity         // at least; "": any
	Stack      func(path string) bool // nil: all
	Causes     []drift.CauseClass     // of findings; none: all
	Addresses  []drift.Pattern        // of findings and faults; none: all
	AfterFails int                    // so many checks in a row must have failed; 0: DefaultFails
	// Digest is when the digest after a time is due; nil: there is none.
	Digest func(after time.Time) time.Time
	Quiet  Quiet
}

// DefaultFails is after how many checks in a row people are told that a stack could
// not be checked.
const DefaultFails = 3

// Wants reports whether the channel is told of an alert. What is about a stack as a
// whole has neither cause nor address, and is not held back by those.
func (r Rule) Wants(a drift.Alert) bool {
	switch {
	case len(r.On) > 0 && !slices.Contains(r.On, a.Kind),
		r.Severity != "" && a.Severity.Rank() < r.Severity.Rank(),
		r.Stack != nil && !r.Stack(a.Stack.Path),
		!r.fails(a):
		return false
	}
	if len(r.Causes) > 0 && a.Finding != nil && !slices.Contains(r.Causes, cause(a)) {
		return false
	}
	address := ""
	switch {
	case a.Finding != nil:
		address = a.Finding.Address
	case a.Fault != nil:
		address = a.Fault.Address
	}
	return address == "" || len(r.Addresses) == 0 || slices.ContainsFunc(r.Addresses, func(p drift.Pattern) bool { return p.Covers(address) })
}

// cause is that of an alert's finding; unknown where nobody was asked.
func cause(a drift.Alert) drift.CauseClass {
	if c := a.Cause(); c != "" {
		return c
	}
	return drift.CauseUnknown
}

// fails reports whether an alert of failures is one of as many as the channel waits
// for: it is told once, and so is the end of what it was told.
func (r Rule) fails(a drift.Alert) bool {
	after := r.AfterFails
	if after == 0 {
		after = DefaultFails
	}
	switch a.Kind {
	case drift.AlertNotCheckable:
		return a.Count == after
	case drift.AlertClean:
		return a.Count == 0 || a.Count >= after
	}
	return true
}

// Parcel is what makes one message.
type Parcel struct {
	Channel string
	Due     time.Time
	Held    bool // it waits for its time, and takes more until then
	Alerts  []drift.Alert
}

// Plan makes parcels of alerts: one of a run and channel, and one of all that waits
// for a channel's time.
func Plan(rules []Rule, alerts []drift.Alert, now time.Time) []Parcel {
	var parcels []Parcel
	for _, r := range rules {
		add := func(a drift.Alert, due time.Time, held bool) {
			i := slices.IndexFunc(parcels, func(p Parcel) bool {
				return p.Channel == r.Channel && p.Held == held && (held || p.Alerts[0].Run == a.Run)
			})
			if i < 0 {
				i, parcels = len(parcels), append(parcels, Parcel{Channel: r.Channel, Due: due, Held: held})
			}
			parcels[i].Alerts = append(parcels[i].Alerts, a)
		}
		for _, a := range alerts {
			if r.Wants(a) {
				due := r.due(a, now)
				add(a, due, due.After(now))
			}
		}
	}
	return parcels
}

// due is when an alert is told.
func (r Rule) due(a drift.Alert, now time.Time) time.Time {
	due := now
	if r.Digest != nil {
		due = r.Digest(now)
	}
	if r.Quiet.Except != "" && a.Severity.Rank() >= r.Quiet.Except.Rank() {
		return now
	}
	return r.Quiet.Until(due)
}

// Quiet is when nothing is sent. The zero value is never.
type Quiet struct {
	From, To string // times of day, as 22:00; the second may be of the next day
	Days     []time.Weekday
	Except   drift.Severity // what is this bad is told all the same; "": nothing is
	Zone     *time.Location // nil: UTC
}

// Until is when it is no longer quiet: t itself where it isn't then.
func (q Quiet) Until(t time.Time) time.Time {
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := t.In(zone)
	for range 16 { // more changes than a week has
		next := q.end(local)
		if !next.After(local) {
			return local.In(t.Location())
		}
		local = next
	}
	return local.In(t.Location())
}

// end is the end of the quiet time that a time is in, as far as one rule tells.
func (q Quiet) end(t time.Time) time.Time {
	at := func(day int, clock string) time.Time {
		c, err := time.Parse("15:04", clock)
		if err != nil {
			return t
		}
		return time.Date(t.Year(), t.Month(), t.Day()+day, c.Hour(), c.Minute(), 0, 0, t.Location())
	}
	if slices.Contains(q.Days, t.Weekday()) {
		return at(1, "00:00")
	}
	if q.From == "" {
		return t
	}
	from, to := at(0, q.From), at(0, q.To)
	switch overnight := !from.Before(to); {
	case overnight && !t.Before(from):
		return at(1, q.To)
	case overnight && t.Before(to), !overnight && !t.Before(from) && t.Before(to):
		return to
	}
	return t
}
