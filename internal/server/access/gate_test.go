package access_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/internal/server/access"
	"holdfast/internal/server/access/oidctest"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := access.OIDC{Issuer: "https://id.example.com", ClientID: "x", Roles: access.Roles{Viewer: []string{"staff"}}}
	with := func(change func(*access.OIDC)) *access.OIDC {
		o := good
		change(&o)
		return &o
	}
	const site = "https://holdfast.example.com"
	for name, c := range map[string]struct {
		o    access.Options
		want string
	}{
		"nothing":              {access.Options{}, "either the local mode"},
		"both":                 {access.Options{Local: true, Tokens: true}, "either the local mode"},
		"a path in the URL":    {access.Options{Tokens: true, URL: site + "/x"}, "server.url"},
		"a URL of no scheme":   {access.Options{Tokens: true, URL: "holdfast.example.com"}, "server.url"},
		"no URL":               {access.Options{OIDC: &good}, "server.url: OIDC needs it"},
		"every address":        {access.Options{OIDC: &good, URL: "http://[::]:8420"}, "server.url: OIDC needs it"},
		"a proxy that is none": {access.Options{Tokens: true, TrustProxy: []string{"proxy"}}, "server.trust_proxy"},
		"plain http":           {access.Options{URL: site, OIDC: with(func(o *access.OIDC) { o.Issuer = "http://id.example.com" })}, "must begin with https://"},
		"no issuer":            {access.Options{URL: site, OIDC: with(func(o *access.OIDC) { o.Issuer = "" })}, "server.oidc.issuer"},
		"no client":            {access.Options{URL: site, OIDC: with(func(o *access.OIDC) { o.ClientID = "" })}, "server.oidc.client_id"},
		"no roles":             {access.Options{URL: site, OIDC: with(func(o *access.OIDC) { o.Roles = access.Roles{} })}, "nobody could come in"},
		"two secrets":          {access.Options{URL: site, OIDC: with(func(o *access.OIDC) { o.ClientSecretEnv, o.ClientSecretFile = "A", "b" })}, "not both"},
		"an empty variable":    {access.Options{URL: site, OIDC: with(func(o *access.OIDC) { o.ClientSecretEnv = "NO_SUCH" })}, "NO_SUCH is empty or not set"},
		"no secret file":       {access.Options{URL: site, OIDC: with(func(o *access.OIDC) { o.ClientSecretFile = "no/such" })}, "client_secret_file"},
		"good":                 {access.Options{URL: site, OIDC: &good}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.o.LookupEnv = func(string) (string, bool) { return "", false }
			_, err := access.New(c.o)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}

func TestCheckListen(t *testing.T) {
	t.Parallel()
	for address, fine := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:0": true, "[::1]:80": true, "127.9.9.9:1": true, "[::ffff:127.0.0.1]:80": true,
		":8080": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.4:80": false, "localhost.example.com:80": false, "8080": false, "": false,
	} {
		err := access.CheckListen(address, false)
		if (err == nil) != fine || err != nil && !strings.Contains(err.Error(), "server.listen") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := access.CheckListen("0.0.0.0:80", true); err != nil {
		t.Errorf("with authentication: %v", err)
	}
	if err := access.CheckListen(":80", false); !strings.Contains(err.Error(), "set server.tokens or server.oidc") {
		t.Errorf("no way out is named: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{false, true} {
		o := access.Options{Tokens: true}
		if https {
			o.URL = "https://holdfast.example.com"
		}
		r := newRig(t, o)
		for _, path := range []string{"/login", "/no/such", "/static/app.css", "/login/style.css", "/api/v1/who"} {
			resp, _ := r.ask(nil, http.MethodGet, path, nil)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY",
			} {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q", path, name, got)
				}
			}
			policy := resp.Header.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
				if !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") {
					t.Errorf("%s: policy %q", path, policy)
				}
			}
			if got := resp.Header.Get("Strict-Transport-Security"); (got != "") != https {
				t.Errorf("%s: HSTS %q, https %v", path, got, https)
			}
			if resp.Header.Get("X-Request-Id") == "" {
				t.Errorf("%s has no request id", path)
			}
			if got := resp.Header.Get("Cache-Control"); path != "/login/style.css" && got != "no-store" {
				t.Errorf("%s: Cache-Control %q", path, got)
			}
		}
	}
}

// TestUnknown: who is unknown reads nothing but what is public, by default.
func TestUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true})
	for _, c := range []struct {
		method, path, accept string
		status               int
		location             string
	}{
		{"GET", "/", "text/html", 303, "/login?next=%2F"},
		{"GET", "/stacks?q=a%20b&after=%0d%0ax", "text/html", 303, "/login?next=%2Fstacks%3Fq%3Da%2520b%26after%3D%250d%250ax"},
		{"POST", "/check", "text/html", 303, "/login?next=%2F"},
		{"GET", "/no/such/page", "", 303, "/login?next=%2Fno%2Fsuch%2Fpage"},
		{"GET", "/admin", "application/json", 401, ""},
		{"GET", "/runs/1/events", "text/event-stream", 401, ""},
		{"GET", "/api/v1/who", "", 401, ""},
		{"GET", "/api/v1/none", "text/html", 401, ""},
		{"GET", "/metrics", "", 401, ""},
		{"GET", "/static/app.css", "", 200, ""},
		{"GET", "/healthz", "", 404, ""}, // public, and not in this small server
		{"GET", "/login", "text/html", 200, ""},
	} {
		resp, text := r.ask(nil, c.method, c.path, nil, "Accept", c.accept, "Sec-Fetch-Site", "same-origin")
		if resp.StatusCode != c.status || resp.Header.Get("Location") != c.location {
			t.Errorf("%s %s: %s to %q\n%s", c.method, c.path, resp.Status, resp.Header.Get("Location"), text)
		}
		if c.status == http.StatusUnauthorized {
			isProblem(t, resp, text)
			if !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s: WWW-Authenticate %q", c.path, resp.Header.Get("WWW-Authenticate"))
			}
		}
	}
}

// TestHostHeader: nothing that a client says of the host is in an answer.
func TestHostHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t, oidcOptions(oidctest.New(t, people...)))
	for _, path := range []string{"/", "/login", "/login/start", "//evil.example/..", "/login?next=//evil.example", "/logout", "/api/v1/who"} {
		resp, text := r.ask(nil, http.MethodGet, path, nil, "Host", "evil.example", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "Accept", "text/html")
		if location := resp.Header.Get("Location"); strings.Contains(text, "evil") || strings.HasPrefix(location, "//") || strings.Contains(location, "://evil") || strings.Contains(location, "=https%3A%2F%2Fevil") {
			t.Errorf("%s: to %q\n%s", path, location, text)
		}
	}
}

// isProblem holds an answer against RFC 9457.
func isProblem(t *testing.T, resp *http.Response, text string) {
	t.Helper()
	var p struct {
		Title, Detail string
		Status        int
		Request       string `json:"request_id"`
	}
	err := json.Unmarshal([]byte(text), &p)
	if err != nil || resp.Header.Get("Content-Type") != "application/problem+json" || p.Status != resp.StatusCode || p.Title == "" || p.Detail == "" || p.Request != resp.Header.Get("X-Request-Id") {
		t.Errorf("%s: no problem document: %v\n%s", resp.Request.URL, err, text)
	}
}

// TestLocal: everybody at this machine is in, and nobody whom a page elsewhere or
// a name elsewhere has led here.
func TestLocal(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Local: true})
	port := r.server.URL[strings.LastIndex(r.server.URL, ":"):]
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"plain", "GET", "/admin", nil, 200},
		{"by name", "GET", "/", []string{"Host", "localhost" + port}, 200},
		{"by name without a port", "GET", "/", []string{"Host", "LOCALHOST"}, 200},
		{"by a name below", "GET", "/", []string{"Host", "holdfast.localhost" + port}, 200},
		{"by IPv6", "GET", "/", []string{"Host", "[::1]" + port}, 200},
		{"rebinding", "GET", "/", []string{"Host", "evil.example" + port}, 403},
		{"rebinding with a start", "GET", "/", []string{"Host", "127.0.0.1.evil.example"}, 403},
		{"rebinding with an end", "GET", "/", []string{"Host", "evil-localhost"}, 403},
		{"another address", "GET", "/", []string{"Host", "192.168.1.2"}, 403},
		{"even what is public", "GET", "/static/app.css", []string{"Host", "evil.example"}, 403},
		{"a proxy", "GET", "/", []string{"X-Forwarded-For", "192.0.2.7"}, 403},
		{"a link from elsewhere", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"a frame elsewhere", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"a script elsewhere", "GET", "/api/v1/who", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, 403},
		{"another port", "GET", "/api/v1/who", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, 403},
		{"fetch in an old browser", "GET", "/api/v1/who", []string{"Origin", "https://evil.example"}, 403},
		{"preflight", "OPTIONS", "/check", []string{"Origin", "https://evil.example"}, 403},
		{"a program", "POST", "/check", nil, 200},
		{"our own form", "POST", "/check", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"forged", "POST", "/check", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"forged by a neighbour", "POST", "/check", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"}, 403},
		{"forged in an old browser", "POST", "/check", []string{"Origin", "https://evil.example"}, 403},
		{"forged in a sandbox", "POST", "/check", []string{"Origin", "null"}, 403},
		{"forged in a very old browser", "POST", "/check", []string{"Content-Type", "application/x-www-form-urlencoded", "Referer", "https://evil.example/x"}, 403},
		{"forged without a referer", "POST", "/check", []string{"Content-Type", "text/plain; x"}, 403},
		{"forged with nonsense", "POST", "/check", []string{"Content-Type", ";;"}, 403},
		{"our form in a very old browser", "POST", "/check", []string{"Content-Type", "multipart/form-data; boundary=x", "Referer", r.server.URL + "/stacks"}, 200},
		{"JSON of a program", "POST", "/check", []string{"Content-Type", "application/json"}, 200},
	} {
		resp, text := r.ask(nil, c.method, c.path, nil, c.headers...)
		if resp.StatusCode != c.status {
			t.Errorf("%s: %s, want %d\n%s", c.name, resp.Status, c.status, text)
		}
	}
	if _, text := r.ask(nil, http.MethodGet, "/", nil); !strings.HasSuffix(text, " admin local []") || strings.HasPrefix(text, " ") {
		t.Errorf("who: %q", text)
	}
	if resp, _ := r.ask(nil, http.MethodGet, "/", nil, "Authorization", "Bearer hf_x"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong token: %s", resp.Status)
	}
	if resp, _ := r.ask(nil, http.MethodGet, "/login?next=/stacks", nil); resp.Header.Get("Location") != "/stacks" {
		t.Errorf("to log in: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
}

// TestForgedPosts: neither a session nor anything else helps a page elsewhere.
func TestForgedPosts(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true})
	browser := r.browser()
	if resp, text := r.post(browser, "/login", map[string][]string{"token": {r.token("root", access.Admin)}}); resp.StatusCode != http.StatusSeeOther {
		t.Fatal(resp.Status, text)
	}
	for _, path := range []string{"/check", "/logout", "/login"} {
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
			{"Content-Type", "application/x-www-form-urlencoded"},
		} {
			if resp, _ := r.ask(browser, http.MethodPost, path, strings.NewReader("x=1"), headers...); resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: %s", path, headers, resp.Status)
			}
		}
	}
	if resp, _ := r.post(browser, "/check", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("our own form: %s", resp.Status)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Local: true})
	const limit = 1 << 20
	zeros := func(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }
	for _, c := range []struct {
		name    string
		size    int64
		chunked bool
		status  int
	}{
		{"at the limit", limit, false, 200}, {"at the limit, chunked", limit, true, 200},
		{"above", limit + 1, false, 413}, {"above, chunked", limit + 1, true, 413},
		{"50 MB", 50e6, false, 413}, {"50 MB, chunked", 50e6, true, 413},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/api/v1/body", zeros(c.size))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = c.size
		if c.chunked {
			req.ContentLength = -1
		}
		resp, err := r.browser().Do(req)
		if err != nil {
			// The server may close the connection while the client still sends.
			if c.status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, resp.Status)
		}
		if c.status == http.StatusRequestEntityTooLarge {
			isProblem(t, resp, string(text))
		}
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestPanics: nobody learns from a panic what it was about.
func TestPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Local: true})
	for _, accept := range []string{"text/html", "application/json"} {
		resp, text := r.ask(nil, http.MethodGet, "/panic", nil, "Accept", accept)
		if resp.StatusCode != http.StatusInternalServerError || strings.Contains(text, "canary") || !strings.Contains(text, resp.Header.Get("X-Request-Id")) {
			t.Errorf("%s\n%s", resp.Status, text)
		}
		if !strings.Contains(r.log.String(), resp.Header.Get("X-Request-Id")) {
			t.Error("the log does not name the request")
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, r.server.URL+"/half", nil)
	req.RequestURI = ""
	if resp, err := r.browser().Do(req); err == nil {
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("half an answer looks whole")
		}
		_ = resp.Body.Close()
	}
	if log := r.log.String(); strings.Contains(log, "canary-panic") || !strings.Contains(log, "gate_test") && !strings.Contains(log, "rig_test") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestSlowClient: who sends a byte now and then is cut off.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Local: true})
	server := access.NewServer(r.server.Config.Handler, quiet())
	server.ReadHeaderTimeout, server.ReadTimeout = 150*time.Millisecond, 300*time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	for name, begin := range map[string]string{
		"header": "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
		"body":   "POST /api/v1/body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
		"chunks": "POST /api/v1/body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, begin) // on a busy machine its time may be over already
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = io.Copy(io.Discard, bufio.NewReader(conn))
			}()
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for limit := time.After(time.Minute); ; {
				select {
				case <-ended:
					return
				case <-limit:
					t.Fatal("a slow client is still served")
				case <-tick.C:
					_, _ = io.WriteString(conn, "a")
				}
			}
		})
	}
}

// TestStream: what stays open outlives the limits for all else.
func TestStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Local: true})
	const events, limit = 20, 3 * time.Second // all events take longer than the limit
	done := make(chan error, 1)
	handler := r.gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for range events {
			if err := access.Stream(w, time.Minute); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "data: x\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-req.Context().Done():
				done <- req.Context().Err()
				return
			case <-time.After(limit / (events / 2)):
			}
		}
		done <- nil
	}))
	server := httptest.NewUnstartedServer(nil)
	server.Config = access.NewServer(handler, quiet())
	server.Config.ReadTimeout, server.Config.WriteTimeout = limit, limit
	server.Start()
	t.Cleanup(server.Close)
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || strings.Count(string(text), "data") != events {
		t.Errorf("%d events, %v", strings.Count(string(text), "data"), err)
	}
	if err := <-done; err != nil {
		t.Errorf("the request's context: %v", err)
	}
}
