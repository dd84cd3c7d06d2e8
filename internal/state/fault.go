package state

import (
	"context"
	"sort"
	"strings"
)

// UnsoundError is the error of a state that is there but must not be trusted. Code
// names the fault as an integrity fault of a result does.
type UnsoundError struct {
	Code string
	Err  error
}

func (e *UnsoundError) Error() string { return e.Err.Error() }
func (e *UnsoundError) Unwrap() error { return e.Err }

// minSecret is the length below which a value is too common a word to be taken
// out of messages. Real credentials are longer.
const minSecret = 6

// Hide takes secrets out of an error's message. What the error is stays known to
// errors.Is and errors.As. Nil stays nil.
func Hide(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	// The longest first: one may be a part of another.
	sort.Slice(secrets, func(i, j int) bool { return len(secrets[i]) > len(secrets[j]) })
	for _, secret := range secrets {
		if len(secret) >= minSecret {
			message = strings.ReplaceAll(message, secret, "(hidden)")
		}
	}
	if message == err.Error() {
		return err
	}
	return &hidden{message, err}
}

type hidden struct {
	message string
	err     error
}

func (e *hidden) Error() string { return e.message }
func (e *hidden) Unwrap() error { return e.err }

// Unavailable is a source that can't be read, for a reason that is known
// beforehand: a workspace of a backend that has none, a folder that can't be
// looked into. It is a source so that the miss is one stack's error, and seen.
type Unavailable struct {
	Name   string // what it would be called
	Reason error
}

// String is what it would be called.
func (u Unavailable) String() string { return u.Name }

// Read tells the reason.
func (u Unavailable) Read(context.Context) ([]byte, error) { return nil, u.Reason }

// Lock tells the reason.
func (u Unavailable) Lock(context.Context) (*Lock, error) { return nil, u.Reason }
