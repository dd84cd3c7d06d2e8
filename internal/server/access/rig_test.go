package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/server/access"
	"holdfast/internal/server/access/oidctest"
	"holdfast/internal/store"
)

// rig is a gate before a small server, over real HTTP.
type rig struct {
	t      *testing.T
	place  string // of the history
	store  *store.Store
	gate   *access.Gate
	server *httptest.Server
	log    *lockedBuffer
	clock  *clock
}

// clock is one that tests put forward.
type clock struct {
	mu   sync.Mutex
	past time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.past)
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past += d
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newRig starts a server with a gate; change may be nil.
func newRig(t *testing.T, o access.Options) *rig {
	t.Helper()
	r := &rig{t: t, place: filepath.Join(t.TempDir(), "history.db"), log: &lockedBuffer{}, clock: &clock{}}
	var err error
	if r.store, err = store.Open(t.Context(), r.place); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.store.Close() })
	r.server = httptest.NewUnstartedServer(nil)
	o.Store, o.Now, o.Log = r.store, r.clock.now, slog.New(slog.NewTextHandler(r.log, nil))
	if o.URL == "" {
		o.URL = "http://" + r.server.Listener.Addr().String()
	}
	if r.gate, err = access.New(o); err != nil {
		t.Fatal(err)
	}
	r.server.Config = access.NewServer(r.gate.Wrap(r.routes()), o.Log)
	r.server.Start()
	t.Cleanup(r.server.Close)
	return r
}

// routes are those of a small server: what each role may do.
func (r *rig) routes() http.Handler {
	mux := http.NewServeMux()
	who := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id := access.From(req.Context())
		fmt.Fprintf(w, "%s %s %s %v", id.Name, id.Role, id.Via, id.Scopes)
	})
	mux.Handle("/{$}", who)
	mux.Handle("/static/app.css", who)
	mux.Handle("GET /api/v1/who", who)
	mux.Handle("GET /admin", access.Require(access.Admin, who))
	mux.Handle("POST /check", access.Require(access.Operator, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.gate.Audit(req.Context(), access.AuditCheck, req.PostFormValue("what"))
		who(w, req)
	})))
	mux.Handle("POST /api/v1/body", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n, err := io.Copy(io.Discard, req.Body)
		fmt.Fprint(w, n, err)
	}))
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("canary-panic-77") })
	mux.HandleFunc("GET /half", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Repeat("x", 10000))
		panic(errors.New("canary-panic-77"))
	})
	return mux
}

// token makes an API token of a role.
func (r *rig) token(name string, role access.Role, sources ...string) string {
	r.t.Helper()
	token, _, err := access.CreateToken(r.t.Context(), r.store, access.TokenAsk{Name: name, Role: role, Sources: sources, By: "test", Via: access.ViaCommand}, r.clock.now())
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// browser is a client with cookies that says what browsers say, and follows no
// redirect by itself.
func (r *rig) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask sends a request, with headers as name, value, and gives the answer with its body.
func (r *rig) ask(client *http.Client, method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	r.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = r.server.URL + path
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return r.send(client, req)
}

func (r *rig) send(client *http.Client, req *http.Request) (*http.Response, string) {
	r.t.Helper()
	if client == nil {
		client = r.browser()
	}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(text)
}

// post sends a form as a page of ours does.
func (r *rig) post(client *http.Client, path string, form url.Values) (*http.Response, string) {
	r.t.Helper()
	return r.ask(client, http.MethodPost, path, strings.NewReader(form.Encode()),
		"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", r.server.URL)
}

// audit are the events so far, newest first.
func (r *rig) audit() []store.AuditEvent {
	r.t.Helper()
	events, _, err := r.store.Audit(context.WithoutCancel(r.t.Context()), store.AuditFilter{Limit: 500})
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

// people are those of the test provider.
var people = []oidctest.User{
	{Subject: "ada", Claims: map[string]any{"groups": []any{"staff", "holdfast-admins"}, "email": "Ada@example.com", "email_verified": true}},
	{Subject: "olga", Claims: map[string]any{"groups": "holdfast-operators", "preferred_username": "olga"}},
	{Subject: "vic", Claims: map[string]any{"groups": []any{"staff"}, "email": "vic@example.com", "email_verified": true}},
	{Subject: "eve", Claims: map[string]any{"groups": []any{"<script>alert(1)</script>", 7, nil}, "email": "ada@example.com", "email_verified": false, "name": "<img src=x onerror=alert(1)>\r\nSet-Cookie: a=b"}},
}

// oidcOptions are those of a client of a provider.
func oidcOptions(p *oidctest.Provider) access.Options {
	return access.Options{
		OIDC: &access.OIDC{
			Issuer: p.Issuer(), ClientID: oidctest.ClientID, ClientSecretEnv: "SECRET",
			Roles: access.Roles{Admin: []string{"holdfast-admins"}, Operator: []string{"holdfast-operators"}, Viewer: []string{"staff"}},
		},
		LookupEnv: func(string) (string, bool) { return oidctest.ClientSecret, true },
	}
}

// begin goes to the provider's form, and gives its URL.
func (r *rig) begin(browser *http.Client, next string) string {
	r.t.Helper()
	resp, text := r.ask(browser, http.MethodGet, "/login/start?next="+url.QueryEscape(next), nil)
	if resp.StatusCode != http.StatusSeeOther {
		r.t.Fatalf("beginning to log in: %s\n%s", resp.Status, text)
	}
	form := resp.Header.Get("Location")
	if resp, text := r.ask(browser, http.MethodGet, form, nil); resp.StatusCode != http.StatusOK || !strings.Contains(text, "Who are you?") {
		r.t.Fatalf("the provider's form: %s\n%s", resp.Status, text)
	}
	return form
}

// pick picks a person on the form, and gives the URL of the way back.
func (r *rig) pick(browser *http.Client, form, user string) string {
	r.t.Helper()
	resp, text := r.ask(browser, http.MethodPost, form, strings.NewReader(url.Values{"user": {user}}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	if resp.StatusCode != http.StatusSeeOther {
		r.t.Fatalf("picking %s: %s\n%s", user, resp.Status, text)
	}
	return resp.Header.Get("Location")
}

// login logs somebody in at the provider, and gives the last answer.
func (r *rig) login(browser *http.Client, user, next string) (*http.Response, string) {
	r.t.Helper()
	return r.ask(browser, http.MethodGet, r.pick(browser, r.begin(browser, next), user), nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document")
}

// cookies are those that a browser has for the server, by name.
func (r *rig) cookies(browser *http.Client) map[string]string {
	u, err := url.Parse(r.server.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	list := map[string]string{}
	for _, c := range browser.Jar.Cookies(u) {
		list[c.Name] = c.Value
	}
	return list
}

// setCookie gives a browser a cookie for the server.
func (r *rig) setCookie(browser *http.Client, name, value string) {
	u, err := url.Parse(r.server.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	browser.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
