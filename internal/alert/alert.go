// Package alert tells people what has happened: it makes messages of alerts and
// sends them through channels, one file each. It reads no settings and no history.
package alert

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"holdfast/internal/drift"
)

// Notifier sends messages through one channel. Notify returns nil when the other
// side has taken the message. It is called again with the same message if it fails,
// possibly by another process, and may be called again though it went through: the
// message's ID says so to whoever can compare. No error holds a secret. Its context
// has a deadline.
type Notifier interface {
	Notify(ctx context.Context, m Message) error
}

// Message is what a channel is told at a time: all that one run has to say to it, or
// a digest.
type Message struct {
	ID       string         // the same in every attempt, and never that of another
	Channel  string         // its name in the settings
	At       time.Time      // when it was made
	Severity drift.Severity // the worst of the alerts
	Title    string         // one line of at most 100 characters, for people
	Short    string         // one line of at most 140 characters, for a phone
	Text     string         // all of it as plain text, several lines
	Link     string         // to the page with more; "" where no server is known
	Alerts   []drift.Alert  // worst first; none in a test
	Standing []Standing     // the stacks that it is about, as they are now; in the order of Alerts
	Test     bool           // holdfast alert test has sent it

	pages Links // as Compose was given them
}

// Standing is how a stack is by now: what is true, where alerts are what happened.
type Standing struct {
	Stack     drift.StackRef
	Status    drift.Status // of its latest result
	CheckedAt time.Time
	Open      []drift.Episode // findings that count, worst first
	Waived    int
	Integrity []drift.Integrity
	Errors    []drift.Error // what could not be checked
	Link      string        // to the stack's page; "" where no server is known
}

// Failure is an error of a channel that says how to go on.
type Failure struct { //nolint:errname // who reads it knows it as the failure of a channel
	Err     error         // names what failed, on what, and the next step; without secrets
	Refused bool          // the other side has understood, and won't take it: somebody has to change something first
	After   time.Duration // not before this; 0: nobody said
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Refused marks an error as one that trying again soon can't mend.
func Refused(err error) error { return &Failure{Err: err, Refused: true} }

// mostWait is the longest wait that another side may ask for.
const mostWait = time.Hour

// answered gives the failure of an HTTP answer that is none of success; nil for one
// that is. what names the channel and what was asked, without secrets; detail is what
// the other side says, likewise.
// https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
func answered(what string, answer *http.Response, detail string) error {
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return nil
	}
	text := fmt.Sprintf("%s answers %s", what, answer.Status)
	if detail != "" {
		text += ": " + detail
	}
	f := &Failure{Err: errors.New(text), After: retryAfter(answer.Header.Get("Retry-After"), time.Now())}
	switch code := answer.StatusCode; code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		f.Refused = code < 500
	}
	return f
}

// retryAfter reads the header: seconds, or a time.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return min(time.Duration(seconds)*time.Second, mostWait)
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return min(at.Sub(now), mostWait)
	}
	return 0
}
