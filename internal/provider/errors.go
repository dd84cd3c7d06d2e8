package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"holdfast/internal/drift"
	"holdfast/internal/provider/plugin"
)

// DiagnosticsError is an error that the provider itself reported. Its text is
// the provider's and may quote values of the resource.
type DiagnosticsError struct{ Messages []string }

func (e *DiagnosticsError) Error() string { return strings.Join(e.Messages, "; ") }

// CrashError says that a provider's process ended or stopped answering while
// it was needed.
type CrashError struct {
	Provider string
	Tail     string // the last lines of its standard error
	Err      error
}

func (e *CrashError) Error() string {
	msg := fmt.Sprintf("provider %s crashed: %v", e.Provider, e.Err)
	if e.Tail != "" {
		msg += "; it last wrote: " + e.Tail
	}
	return msg
}

func (e *CrashError) Unwrap() error { return e.Err }

// NonsenseError is an answer that the protocol does not allow.
type NonsenseError struct {
	What string
	Err  error
}

func (e *NonsenseError) Error() string {
	if e.Err == nil {
		return "the provider answered with " + e.What
	}
	return fmt.Sprintf("the provider answered with %s: %v", e.What, e.Err)
}

func (e *NonsenseError) Unwrap() error { return e.Err }

// TimeoutError says that the provider did not answer in time.
type TimeoutError struct {
	Provider string
	Call     string
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("provider %s did not answer %s in time", e.Provider, e.Call)
}

// Unwrap lets errors.Is find context.DeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// exitGrace is how long a failed call waits for the process to be seen ending,
// so that its last words can be told.
const exitGrace = 500 * time.Millisecond

func (c *Client) callError(ctx context.Context, method string, err error) error {
	name := method[strings.LastIndex(method, "/")+1:]
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case c.closed.Load():
		return fmt.Errorf("%s of provider %s: it was closed meanwhile: %w", name, c.name, context.Canceled)
	case ctx.Err() != nil, status.Code(err) == codes.DeadlineExceeded:
		c.suspect.Store(true)
		return &TimeoutError{Provider: c.name, Call: name}
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled:
		return c.crashError(name)
	case codes.Unimplemented:
		return fmt.Errorf("%s of provider %s: %w", name, c.name, errUnimplemented)
	}
	return fmt.Errorf("%s of provider %s: %s", name, c.name, status.Convert(err).Message())
}

// crashError says what became of a provider that stopped answering.
func (c *Client) crashError(call string) error {
	c.suspect.Store(true)
	state, died := c.process.died(exitGrace)
	if died {
		select {
		case <-c.followed: // its connection has ended with it
		case <-time.After(exitGrace):
		}
	} else {
		state = "it closed the connection"
	}
	return &CrashError{Provider: c.name, Tail: c.process.stderr.String(), Err: errors.New(state + " during " + call)}
}

var errUnimplemented = errors.New("the provider does not have this call")

// diagnosticsError is nil unless one of the diagnostics is an error.
func diagnosticsError(diags []*plugin.Diagnostic) error {
	var messages []string
	for _, d := range diags {
		if d.GetSeverity() != plugin.Diagnostic_ERROR && d.GetSeverity() != plugin.Diagnostic_INVALID {
			continue
		}
		msg := d.GetSummary()
		if detail := d.GetDetail(); detail != "" {
			msg += ": " + detail
		}
		if at := d.GetAttribute(); len(at.GetSteps()) > 0 {
			msg = drift.FormatPath(pathFromWire(at)) + ": " + msg
		}
		messages = append(messages, msg)
	}
	if len(messages) == 0 {
		return nil
	}
	return &DiagnosticsError{Messages: messages}
}
