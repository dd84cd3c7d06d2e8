// Package webget asks HTTP APIs for what state backends need. It can only read:
// every method but GET and HEAD is refused before it leaves the program.
package webget

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/state"
	"holdfast/internal/state/wire"
)

// tries is how often a request is sent before its failure counts.
const tries = 3

// pause is how long to wait before the second try; it doubles for each further
// one.
const pause = 250 * time.Millisecond

// Transport sends requests that only read, and sends one again that met a
// passing fault. Requests of other methods are errors.
type Transport struct{ Next http.RoundTripper }

// NewClient makes a client that only reads, with connections of its own.
func NewClient(s state.Settings) (*http.Client, error) {
	next, err := wire.Transport(s, wire.Options{})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &Transport{Next: next}}, nil
}

// RoundTrip sends a request.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return nil, fmt.Errorf("%s is refused: a state is only read", req.Method)
	}
	for try := 1; ; try++ {
		resp, err := t.Next.RoundTrip(req)
		if try == tries || !passing(req.Context(), resp, err) {
			return resp, err
		}
		if resp != nil {
			resp.Body.Close() //nolint:errcheck,gosec // it is thrown away
		}
		if err := wait(req.Context(), pause<<(try-1)); err != nil {
			return nil, err
		}
	}
}

// passing reports whether a fault may be gone in a moment.
func passing(ctx context.Context, resp *http.Response, err error) bool {
	if err != nil {
		return ctx.Err() == nil
	}
	return slices.Contains([]int{
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	}, resp.StatusCode)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// StatusError is the error of an answer that isn't 200. Message is the beginning
// of its body, not yet searched for secrets.
type StatusError struct {
	Code    int
	Message string
}

// Error gives the status without the message.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
}

// Get gives the body and the header of an answer. The error of one that isn't
// 200 is a *StatusError. No error has the URL in it, whose query may be secret.
func Get(ctx context.Context, client *http.Client, address string, header http.Header) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, nil, Bare(err)
	}
	maps.Copy(req.Header, header)
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, Bare(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much as there is
		return nil, nil, &StatusError{Code: resp.StatusCode, Message: string(text)}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("the answer broke off: %w", err)
	}
	return body, resp.Header, nil
}

// Bare takes the URL out of an error of net/http.
func Bare(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}

// signed is a JSON web token, with which one can sign in for a while.
var signed = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)

// Hide takes secrets out of a text, and all signed tokens, and makes it one line
// of at most 300 bytes. A secret shorter than four bytes stays: it would take
// words apart.
func Hide(text string, secrets ...string) string {
	longest := slices.Clone(secrets)
	slices.SortFunc(longest, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range longest {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "(hidden)")
		}
	}
	text = strings.Join(strings.Fields(signed.ReplaceAllString(text, "(hidden)")), " ")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "..."
	}
	return text
}
