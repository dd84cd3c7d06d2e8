// Package http reads a state from a server as Terraform's http backend does:
// with a GET of its address. It sends no other request.
package http

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // what Content-MD5 is
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/state"
	"holdfast/internal/state/wire"
)

// Backend is one address, with the state of one root module. It has only the
// default workspace. Safe for concurrent use.
type Backend struct {
	address          string
	name             string // the address without what may be secret
	user, password   string
	headers          map[string]string // OpenTofu's
	retries          int
	waitMin, waitMax time.Duration
	client           *http.Client
	hide             []string
}

// New makes a backend from the backend block's arguments and the TF_HTTP_*
// variables. Sends no request. Errors are of the settings.
// https://developer.hashicorp.com/terraform/language/backend/http
func New(s state.Settings) (*Backend, error) {
	r := &reader{s: s}
	b := &Backend{
		address: r.text("address"), user: r.text("username"), password: r.text("password"),
		retries: r.number("retry_max", 2),
		waitMin: time.Duration(r.number("retry_wait_min", 1)) * time.Second,
		waitMax: time.Duration(r.number("retry_wait_max", 30)) * time.Second,
		headers: r.headers(),
	}
	options := wire.Options{
		CAPEM: []byte(r.text("client_ca_certificate_pem")), ClientCert: []byte(r.text("client_certificate_pem")),
		ClientKey: []byte(r.text("client_private_key_pem")), Insecure: r.flag("skip_cert_verification"),
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := b.parseAddress(); err != nil {
		return nil, err
	}
	transport, err := wire.Transport(s, options)
	if err != nil {
		return nil, err
	}
	b.client = &http.Client{Transport: transport, CheckRedirect: b.redirect}
	return b, nil
}

// parseAddress checks the address, and finds what of it and of the credentials
// must not be seen.
func (b *Backend) parseAddress() error {
	parsed, err := url.Parse(b.address)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "" {
		return errors.New("the http backend's address is no http:// or https:// URL; set address in the backend block, or TF_HTTP_ADDRESS")
	}
	if parsed.User != nil && b.user == "" {
		b.user = parsed.User.Username()
		b.password, _ = parsed.User.Password()
	}
	parsed.User, parsed.Fragment = nil, ""
	b.address = parsed.String()
	for _, values := range parsed.Query() {
		b.hide = append(b.hide, values...)
	}
	b.hide = append(b.hide, parsed.RawQuery, b.password)
	b.hide = append(b.hide, slices.Collect(maps.Values(b.headers))...)
	parsed.RawQuery = ""
	b.name = parsed.String()
	return nil
}

// redirect keeps credentials from going to another host; net/http itself does so
// for the user and password.
func (b *Backend) redirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("it redirects ten times")
	}
	if r.URL.Host != via[0].URL.Host {
		for name := range b.headers {
			r.Header.Del(name)
		}
	}
	return nil
}

// String is the address, without user, password and query.
func (b *Backend) String() string { return b.name }

// GoString keeps credentials out of %#v.
func (b *Backend) GoString() string { return b.name }

// State gives the source of the default workspace's state. Others can't be.
func (b *Backend) State(workspace string) state.Source {
	if workspace == "default" {
		return source{b}
	}
	name := b.name + " (" + workspace + ")"
	return state.Unavailable{Name: name, Reason: fmt.Errorf("%s: the http backend has no workspaces; choose the default one", name)}
}

// Workspaces is the default one.
func (b *Backend) Workspaces(context.Context) ([]string, error) { return []string{"default"}, nil }

type source struct{ b *Backend }

// String is the address, without user, password and query.
func (s source) String() string { return s.b.name }

// GoString keeps credentials out of %#v.
func (s source) GoString() string { return s.b.name }

// Lock is never known: the protocol has no request that only asks.
func (s source) Lock(context.Context) (*state.Lock, error) { return nil, nil }

// Read gets the state. 204 and 404 mean that there is none.
func (s source) Read(ctx context.Context) ([]byte, error) {
	content, err := s.b.get(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("reading %s: %w", s, context.Canceled)
	case errors.Is(err, state.ErrNone):
		return nil, fmt.Errorf("%w at %s", state.ErrNone, s)
	case err != nil:
		return nil, state.Hide(fmt.Errorf("reading the state at %s: %w", s, err), s.b.hide...)
	}
	return content, nil
}

// get asks until there is an answer that counts, or the retries are used up.
func (b *Backend) get(ctx context.Context) ([]byte, error) {
	pause := b.waitMin
	for tried := 0; ; tried++ {
		content, again, err := b.once(ctx)
		if !again || tried >= b.retries || ctx.Err() != nil {
			return content, err
		}
		timer := time.NewTimer(min(pause, b.waitMax))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
		}
		pause *= 2
	}
}

// once sends one request; again says whether another may go better.
func (b *Backend) once(ctx context.Context) (content []byte, again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.address, http.NoBody)
	if err != nil {
		return nil, false, err
	}
	for name, value := range b.headers {
		request.Header.Set(name, value)
	}
	if b.user != "" || b.password != "" {
		request.SetBasicAuth(b.user, b.password)
	}
	answer, err := b.client.Do(request)
	if err != nil {
		if failure, is := errors.AsType[*url.Error](err); is {
			err = failure.Err // without the URL, which has the query
		}
		return nil, true, fmt.Errorf("%w; see whether the server can be reached from here and its certificate is trusted", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	if err := refusal(answer.StatusCode); err != nil {
		return nil, answer.StatusCode >= 500 && answer.StatusCode != http.StatusNotImplemented, err
	}
	content, err = io.ReadAll(answer.Body)
	if err != nil {
		return nil, true, fmt.Errorf("the answer broke off: %w; try again", err)
	}
	if err := checkSum(answer, content); err != nil {
		return nil, true, err
	}
	return content, false, nil
}

// refusal is the error of an answer that holds no state.
func refusal(code int) error {
	switch code {
	case http.StatusOK:
		return nil
	case http.StatusNoContent, http.StatusNotFound:
		return state.ErrNone
	case http.StatusUnauthorized:
		return errors.New("the server wants a user and a password (401); set TF_HTTP_USERNAME and TF_HTTP_PASSWORD")
	case http.StatusForbidden:
		return errors.New("the server refuses access (403); use other credentials, or allow these to read")
	}
	return fmt.Errorf("the server answered %d %s; see its log, and try again", code, http.StatusText(code))
}

// checkSum compares the content with the Content-MD5 that some servers send.
func checkSum(answer *http.Response, content []byte) error {
	want, err := base64.StdEncoding.DecodeString(answer.Header.Get("Content-MD5"))
	if err != nil || len(want) != md5.Size || answer.Uncompressed {
		return nil //nolint:nilerr // a header that is no sum says nothing; Terraform ignores it too
	}
	if sum := md5.Sum(content); !bytes.Equal(sum[:], want) { //nolint:gosec // what Content-MD5 is
		return errors.New("the state is not the one whose Content-MD5 the server sent: it was damaged on the way, or on the server; try again")
	}
	return nil
}

// reader reads settings, from the environment where they are not set, and keeps
// the first error.
type reader struct {
	s   state.Settings
	err error
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) text(name string) string {
	v, err := r.s.Text(name)
	r.keep(err)
	return cmp.Or(v, r.s.Getenv("TF_HTTP_"+strings.ToUpper(name)))
}

func (r *reader) flag(name string) bool {
	v, err := r.s.Bool(name)
	r.keep(err)
	return v
}

func (r *reader) number(name string, otherwise int) int {
	text := r.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		r.keep(fmt.Errorf("%s of the http backend is no whole number; mend it", name))
	}
	return n
}

func (r *reader) headers() map[string]string {
	object, err := r.s.Object("headers")
	r.keep(err)
	headers := map[string]string{}
	for name := range object.Config {
		value, err := object.Text(name)
		r.keep(err)
		headers[name] = value
	}
	return headers
}
