package servertest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// Client is a browser without JavaScript: it keeps cookies and follows redirects.
type Client struct {
	base string
	http *http.Client
}

// Client gives a browser; with a token it logs in.
func (r *Rig) Client(t testing.TB, token string) *Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	c := &Client{r.URL, &http.Client{Jar: jar}}
	t.Cleanup(c.http.CloseIdleConnections)
	if token != "" {
		if a := c.Post(t, "/login", url.Values{"token": {token}}); a.Status != http.StatusOK || strings.HasPrefix(a.Path, "/login") {
			t.Fatalf("logging in: %d at %s", a.Status, a.Path)
		}
	}
	return c
}

// Answer is a page.
type Answer struct {
	Status int
	Path   string // after redirects, with the query
	Body   string
	Header http.Header
}

// Get asks for a page.
func (c *Client) Get(t testing.TB, path string) Answer {
	t.Helper()
	return c.do(t, http.MethodGet, path, nil)
}

// Post sends a form, as a page of the same site does.
func (c *Client) Post(t testing.TB, path string, form url.Values) Answer {
	t.Helper()
	return c.do(t, http.MethodPost, path, strings.NewReader(form.Encode()))
}

func (c *Client) do(t testing.TB, method, path string, body io.Reader) Answer {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, c.base+path, body)
	must(t, err)
	q.Header.Set("Accept", "text/html")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a, err := c.http.Do(q)
	must(t, err)
	defer func() { _ = a.Body.Close() }() // it was read to its end
	text, err := io.ReadAll(a.Body)
	must(t, err)
	return Answer{a.StatusCode, a.Request.URL.RequestURI(), string(text), a.Header}
}
