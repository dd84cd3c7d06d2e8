package drift

import (
	"slices"
	"strconv"
	"time"
)

// AlertKind says what somebody may want to be told.
type AlertKind string

// The kinds of alerts.
const (
	AlertNew          AlertKind = "new"           // a finding that nobody has seen before
	AlertChanged      AlertKind = "changed"       // an open finding differs in more, or in other values
	AlertReopened     AlertKind = "reopened"      // a finding is back
	AlertResolved     AlertKind = "resolved"      // a finding is gone: by itself, reverted or accepted
	AlertWaiverEnding AlertKind = "waiver_ending" // within two weeks
	AlertWaiverEnded  AlertKind = "waiver_ended"  // and what it covered counts again
	AlertIntegrity    AlertKind = "integrity"     // a fault of the state
	AlertNotCheckable AlertKind = "not_checkable" // checks in a row could not tell
	AlertOverdue      AlertKind = "overdue"       // not checked for too long
	AlertClean        AlertKind = "clean"         // a stack is all clean again
)

// AlertKinds are all kinds of alerts.
var AlertKinds = []AlertKind{
	AlertNew, AlertChanged, AlertReopened, AlertResolved, AlertWaiverEnding, AlertWaiverEnded,
	AlertIntegrity, AlertNotCheckable, AlertOverdue, AlertClean,
}

// Alert is something that has happened and that people may want to be told, once.
type Alert struct {
	// ID is a fingerprint: whoever notices the same thing again, in another process
	// or after a restart, makes the same id of it.
	ID       string         `json:"id"`
	Kind     AlertKind      `json:"kind"`
	At       time.Time      `json:"at"`
	Run      string         `json:"run,omitempty"` // that noticed it
	Stack    StackRef       `json:"stack"`
	Severity Severity       `json:"severity"`          // high, medium or low
	Episode  string         `json:"episode,omitempty"` // Episode.ID, of those about a finding
	Finding  *Finding       `json:"finding,omitempty"` // as it was seen then; nil for those about no finding
	Fault    *Integrity     `json:"fault,omitempty"`   // of kind integrity
	Waiver   *FindingWaiver `json:"waiver,omitempty"`  // of kinds waiver_ending and waiver_ended
	Count    int            `json:"count,omitempty"`   // of kind not_checkable: so many checks in a row
	Detail   string         `json:"detail,omitempty"`  // for people, one line, without values
}

// Cause is the class of the finding's cause; empty where there is none.
func (a Alert) Cause() CauseClass {
	if a.Finding == nil || a.Finding.Cause == nil {
		return ""
	}
	return a.Finding.Cause.Class
}

// waiverNotice is how long before its end people hear of a waiver's.
const waiverNotice = 14 * 24 * time.Hour

// Standing is what the history remembers of a stack from one look to the next, so
// that what is so for long is told once.
type Standing struct {
	At       time.Time `json:"at"`                 // of the latest look at all of it
	Run      string    `json:"run"`                // of that look
	Faults   []string  `json:"faults,omitempty"`   // of the state, as they were then
	Failures int       `json:"failures,omitempty"` // looks in a row, by then, that could not tell
	Failing  time.Time `json:"failing,omitzero"`   // the first of them
	Failure  Severity  `json:"failure,omitempty"`  // of them, the worst
	// Before is what was remembered before that look, which may be saved again when
	// more is known of it: what it tells then goes before what it told at first.
	Before *Standing `json:"before,omitempty"`
	Worst  Severity  `json:"worst,omitempty"` // of what was wrong beside them, since it was all clean; "": nothing
}

// OfLook reports whether an alert is of how a stack is as a whole by a look. A look
// that is saved again has these anew, and those that it had are forgotten.
func (k AlertKind) OfLook() bool {
	return k == AlertIntegrity || k == AlertNotCheckable || k == AlertClean
}

// Alerts gives what a look and its turns are to tell people, and what is to be
// remembered for the next look.
func (l Look) Alerts(before Standing, turns []Turn) ([]Alert, Standing) {
	var alerts []Alert
	for _, turn := range turns {
		alerts = append(alerts, turn.Alerts()...)
	}
	alerts = append(alerts, l.endingWaivers()...)
	if l.Stack.Resources.Skipped > 0 || l.At.Before(before.At) {
		return alerts, before // it says nothing of the stack as a whole, or of how it is now
	}
	if l.Run == before.Run && l.At.Equal(before.At) && before.Before != nil {
		before = *before.Before
	}
	before.Before = nil
	now := before
	now.At, now.Run, now.Faults, now.Before = l.At, l.Run, nil, &before
	for _, f := range l.Stack.Integrity {
		key := f.Code + " " + f.Address + " " + f.Related
		now.Faults = append(now.Faults, key)
		if !slices.Contains(before.Faults, key) {
			alerts = append(alerts, l.alert(AlertIntegrity, f.Severity.OfFinding(), Alert{Fault: &f, Detail: f.Message}, key, l.Run))
		}
	}
	if alert, failed := l.failure(before, &now); failed {
		return append(alerts, alert), now
	}
	now.Failures, now.Failing, now.Failure = 0, time.Time{}, ""
	switch worst := l.Stack.worst(); {
	case worst != "":
		now.Worst = Worse(before.Worst, worst)
	case before.Worst != "":
		alerts = append(alerts, l.alert(AlertClean, before.Worst, Alert{Detail: "all clean again"}, l.Run))
		now.Worst = ""
	case before.Failures > 0:
		alerts = append(alerts, l.alert(AlertClean, before.Failure, Alert{Count: before.Failures, Detail: "it could be checked again, and is clean"}, l.Run))
	}
	return alerts, now
}

// worst is the worst severity of what keeps a stack from being all clean; "" where
// nothing does.
func (s Stack) worst() (worst Severity) {
	if s.Status != StatusClean {
		worst = SeverityLow
	}
	for _, f := range s.Findings {
		if f.Counts() {
			worst = Worse(worst, f.graded())
		}
	}
	for _, fault := range s.Integrity {
		if fault.Severity == SeverityError {
			worst = SeverityHigh
		}
	}
	return worst
}

// failure tells of a look that could not say how the stack is, if it is one.
func (l Look) failure(before Standing, now *Standing) (alert Alert, failed bool) {
	severity := SeverityMedium
	switch {
	case l.Stack.Status == StatusError:
		severity = SeverityHigh
	case l.Stack.Status != StatusIncomplete || len(l.Stack.Errors) == 0:
		return alert, false
	}
	if before.Failures == 0 {
		now.Failing = l.At
	}
	if before.Run != l.Run || before.Failures == 0 {
		now.Failures++
	}
	now.Failure = Worse(before.Failure, severity)
	detail := "it could not be checked"
	if len(l.Stack.Errors) > 0 {
		detail = l.Stack.Errors[0].Message
	}
	count := strconv.Itoa(now.Failures)
	return l.alert(AlertNotCheckable, severity, Alert{Count: now.Failures, Detail: detail}, now.Failing.UTC().Format(time.RFC3339Nano), count), true
}

func (l Look) alert(kind AlertKind, severity Severity, a Alert, parts ...string) Alert {
	a.ID, a.Kind, a.Severity = alertID(kind, l.Stack.ID, parts...), kind, severity
	a.At, a.Run, a.Stack = l.At, l.Run, l.Stack.Ref()
	return a
}

// alertLength is how many hexadecimal digits identify an alert.
const alertLength = 20

func alertID(kind AlertKind, stackID string, parts ...string) string {
	return digest(append([]string{"alert", string(kind), stackID}, parts...)...)[:alertLength]
}

// endingWaivers tells of waivers that cover something and end soon, each once.
func (l Look) endingWaivers() []Alert {
	var alerts []Alert
	for _, f := range l.Stack.Findings {
		if f.Status != Waived || f.Waiver == nil {
			continue
		}
		until, err := time.Parse(time.DateOnly, f.Waiver.Until)
		if err != nil || l.At.Before(until.Add(-waiverNotice)) {
			continue
		}
		a := l.alert(AlertWaiverEnding, f.graded(), Alert{Waiver: f.Waiver, Finding: &f, Detail: "waiver " + f.Waiver.ID + " ends on " + f.Waiver.Until}, f.Waiver.ID, f.Waiver.Until)
		if i := slices.IndexFunc(alerts, func(other Alert) bool { return other.ID == a.ID }); i >= 0 {
			alerts[i].Severity = Worse(alerts[i].Severity, a.Severity)
			continue
		}
		alerts = append(alerts, a)
	}
	return alerts
}

// graded is the finding's severity; medium where none was given.
func (f Finding) graded() Severity {
	if f.Severity == "" {
		return SeverityMedium
	}
	return f.Severity
}

// alertOf are the alerts that events of findings are.
var alertOf = map[EventKind]AlertKind{
	EventFound: AlertNew, EventChanged: AlertChanged, EventReopened: AlertReopened, EventUnwaived: AlertWaiverEnded,
	EventResolved: AlertResolved, EventAccepted: AlertResolved, EventReverted: AlertResolved,
}

// Alerts gives what a turn is to tell people. What is waived wakes nobody, nor does
// its end.
func (t Turn) Alerts() []Alert {
	e := t.Episode
	if e.Life == LifeWaived || e.Life.Over() && t.Delta >= 0 {
		return nil
	}
	var alerts []Alert
	for _, event := range t.Events {
		kind, ok := alertOf[event.Kind]
		if !ok || kind == AlertChanged && t.Delta > 0 { // its waiver's end says it
			continue
		}
		a := Alert{
			Kind: kind, At: event.At, Run: event.Run, Stack: event.Stack, Severity: e.Finding.graded(),
			Episode: e.ID(), Finding: &e.Finding, Detail: event.Detail,
		}
		parts := []string{e.Finding.ID, strconv.Itoa(e.Number)}
		switch kind {
		case AlertChanged:
			parts = append(parts, e.Finding.Revision, event.At.UTC().Format(time.RFC3339Nano))
		case AlertWaiverEnded:
			a.Waiver = e.Finding.Waiver
			parts = append(parts, event.At.UTC().Format(time.RFC3339Nano))
		case AlertResolved:
			if how := e.howEnded(); how != "" {
				a.Detail += "; " + how
			}
		}
		a.ID = alertID(kind, event.Stack.ID, parts...)
		alerts = append(alerts, a)
	}
	return alerts
}

// howEnded says what ended an episode, in a few words.
func (e Episode) howEnded() string {
	text := map[Life]string{LifeAccepted: "accepted into the code", LifeReverted: "reverted to the code", LifeResolved: "gone by itself"}[e.Life]
	if e.Actor != "" {
		text += " by " + e.Actor
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Overdue tells that a stack was not looked at since a time.
func Overdue(s StackRef, since, now time.Time) Alert {
	return Alert{
		ID: alertID(AlertOverdue, s.ID, since.UTC().Format(time.RFC3339Nano)), Kind: AlertOverdue, At: now, Stack: s, Severity: SeverityHigh,
		Detail: "not checked since " + since.UTC().Format("2006-01-02 15:04") + " UTC",
	}
}
