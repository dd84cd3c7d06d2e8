package state

import (
	"sort"
	"strings"
)

// Unsound is the error of a state that is there but must not be trusted. Code
// names the fault as an integrity fault of a result does.
type Unsound struct {
	Code string
	Err  error
}

func (e *Unsound) Error() string { return e.Err.Error() }
func (e *Unsound) Unwrap() error { return e.Err }

// DigestMismatch is the code of a state that is not the one whose digest was
// written last.
const DigestMismatch = "state_digest_mismatch"

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
		if secret != "" {
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
