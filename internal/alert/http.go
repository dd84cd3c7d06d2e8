package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	mostPatience = 30 * time.Second // with one request, unless the context has less
	mostAnswer   = 64 << 10         // bytes of an answer that are read
	mostDetail   = 200              // characters of it that an error shows
)

// caller asks one other side by HTTP. No error of it holds a secret.
type caller struct {
	what    string // names the channel and the other side: webhook hooks.example.com
	client  *http.Client
	secrets []string
}

// newCaller makes a caller. Redirects are answers like others: who moves gives its
// secrets to nobody else. Without a client, there is one with patience for a while.
func newCaller(what string, client *http.Client, secrets ...string) caller {
	if client == nil {
		client = &http.Client{Timeout: mostPatience}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return caller{what: what, client: &own, secrets: secrets}
}

// do makes a request and reads its answer, up to a length.
func (c caller) do(request *http.Request) (*http.Response, []byte, error) {
	answer, err := c.client.Do(request) //nolint:gosec // who sets a channel up says where it is
	if err != nil {
		return nil, nil, c.unreached(err)
	}
	defer func() { _ = answer.Body.Close() }() // was read as far as wanted
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil && len(body) == 0 && answer.StatusCode < 300 {
		return nil, nil, c.unreached(err)
	}
	return answer, body, nil
}

// post sends a body, and is nil if it was taken. advice says what to do about a
// status; it may be nil.
func (c caller) post(ctx context.Context, to string, header http.Header, body []byte, advice map[int]string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Refused(c.unreached(err))
	}
	request.Header = header
	answer, said, err := c.do(request) //nolint:bodyclose // do has read and closed it
	if err != nil {
		return err
	}
	return c.answered(answer, said, advice)
}

// answered is the failure of an answer, nil if it is none.
func (c caller) answered(answer *http.Response, body []byte, advice map[int]string) error {
	var detail []string
	for _, part := range []string{brief(hideText(string(body), c.secrets)), advised(answer.StatusCode, advice)} {
		if part != "" {
			detail = append(detail, part)
		}
	}
	err := answered(c.what, answer, strings.Join(detail, "; "))
	if failure, ok := errors.AsType[*Failure](err); ok {
		failure.Err = hide(failure.Err, c.secrets) // the status line is the other side's too
	}
	return err
}

func advised(status int, advice map[int]string) string {
	if text, has := advice[status]; has {
		return text
	}
	if status >= 300 && status < 400 {
		return "no redirect is followed: give the URL that it leads to"
	}
	return ""
}

// unreached is the error of a request without an answer.
func (c caller) unreached(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return hide(fmt.Errorf("%s does not answer in time: %w", c.what, bare(err)), c.secrets)
	}
	return hide(fmt.Errorf("%s can't be reached: %w", c.what, bare(err)), c.secrets)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// agent is how the other side sees who sends.
const agent = "holdfast"

// jsonHeader is that of a request with JSON.
func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "User-Agent": {agent}}
}

// parseURL reads the URL of a channel, which may be a secret. It must be https, or
// http within a network of one's own.
func parseURL(what, text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s: its URL is none: it must be as https://host/path", what) // and may be a secret
	case u.Scheme == "http" && !inside(u.Hostname()):
		return nil, fmt.Errorf("%s: http://%s would let others read along: use https", what, u.Host)
	}
	return u, nil
}

// inside reports whether a host is in a network of one's own, as far as its name
// says: this machine, a private address, a name without a domain or of a domain that
// the internet has not.
func inside(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	_, domain, dotted := strings.Cut(host, ".")
	if !dotted {
		return true
	}
	for _, private := range []string{"localhost", "local", "internal", "lan", "svc", "home.arpa"} {
		if domain == private || strings.HasSuffix(domain, "."+private) {
			return true
		}
	}
	return false
}

// brief is what somebody says in one line of bounded length.
func brief(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(text); len(runes) > mostDetail {
		return string(runes[:mostDetail]) + "…"
	}
	return text
}
