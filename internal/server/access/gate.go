package access

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/user"
	"strings"
	"time"
	"unicode"

	"holdfast/internal/store"
)

// Options are what a Gate needs. Either Local, or Tokens or OIDC or both.
type Options struct {
	Store *store.Store
	Local bool // without authentication, for one person at this machine; see CheckListen

	Tokens     bool     // API tokens are let in, also at the login page
	OIDC       *OIDC    // nil for none
	URL        string   // as people reach the server, https://holdfast.example.com; needed for OIDC
	TrustProxy []string // CIDRs of proxies whose X-Forwarded-For is believed
	Contact    string   // whom to ask for access, for people; "" for nobody in particular
	Style      string   // the path of a style sheet for the gate's own pages; "" for a plain one

	LookupEnv func(string) (string, bool) // os.LookupEnv if nil
	Now       func() time.Time            // time.Now if nil
	Log       *slog.Logger                // slog.Default() if nil
}

// Gate stands before all of the server.
type Gate struct {
	o       Options
	local   Identity // whom everybody is in local mode
	secure  bool     // people reach the server with https
	proxies []netip.Prefix
	cross   *http.CrossOriginProtection
	oidc    *provider // nil for none

	logins, failures *limiter

	shown func(w http.ResponseWriter, r *http.Request, status int, detail string) bool // see ShowFailures
}

// New makes a gate. It reads the client secret of OIDC, and doesn't ask the
// provider for anything yet: that may be down while the server starts.
func New(o Options) (*Gate, error) {
	o = withDefaults(o)
	if o.Local == (o.Tokens || o.OIDC != nil) {
		return nil, errors.New("access: give either the local mode, or tokens or oidc")
	}
	g := &Gate{o: o, local: Identity{Name: localName(), Role: Admin, Via: ViaLocal}, cross: http.NewCrossOriginProtection()}
	var err error
	if g.proxies, err = prefixes(o.TrustProxy); err != nil {
		return nil, err
	}
	if err := g.takeURL(o.URL); err != nil {
		return nil, err
	}
	g.cross.SetDenyHandler(http.HandlerFunc(refuseCross))
	g.logins, g.failures = newLimiter(20, 3*time.Second), newLimiter(10, 6*time.Second)
	if o.OIDC != nil {
		g.oidc, err = newProvider(*o.OIDC, o)
	}
	return g, err
}

func withDefaults(o Options) Options {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Style == "" {
		o.Style = stylePath
	}
	return o
}

// takeURL learns from the server's URL whether cookies are secure, and where
// posts may come from though a proxy has changed the Host header.
func (g *Gate) takeURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("server.url: %q: write it as https://holdfast.example.com, without a path", text)
	}
	g.secure = u.Scheme == "https"
	g.o.URL = u.Scheme + "://" + u.Host
	return g.cross.AddTrustedOrigin(g.o.URL)
}

func localName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return ViaLocal
}

// ShowFailures lets the server tell those who are logged in what went wrong, on a
// page like its others; where show gives false, it has answered nothing, and the gate
// does. To be called before the first request.
func (g *Gate) ShowFailures(show func(w http.ResponseWriter, r *http.Request, status int, detail string) bool) {
	g.shown = show
}

// Wrap puts the gate before a handler, which is then asked only by those who may
// read at least, but for what public says. The handler finds who asks with From.
func (g *Gate) Wrap(h http.Handler) http.Handler {
	routes := http.NewServeMux()
	g.own(routes)
	routes.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !public(r.URL.Path) && From(r.Context()).Role < Viewer {
			Refuse(w, r, Viewer)
			return
		}
		h.ServeHTTP(w, r)
	}))
	return g.begin(g.headers(g.keepOut(g.cross.Handler(g.identify(g.bounded(routes))))))
}

// public reports whether anybody may ask for a path: it shows nothing of what
// Holdfast knows.
func public(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/openapi.json", "/openapi.yaml", "/favicon.ico", "/robots.txt":
		return true
	}
	return strings.HasPrefix(path, "/static/")
}

// begin gives a request its id, and turns a panic into an answer that says
// nothing but that id.
func (g *Gate) begin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visit{id: random(8), remote: g.client(r), gate: g}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		w.Header().Set("X-Request-Id", v.id)
		watched := &watchedWriter{ResponseWriter: w}
		defer g.recover(watched, r)
		h.ServeHTTP(watched, r)
	})
}

// identify finds out who asks.
func (g *Gate) identify(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identity, ok := g.who(w, r)
		if ok {
			h.ServeHTTP(w, r.WithContext(With(r.Context(), identity)))
		}
	})
}

// who is the bearer of a token, whom a session is of, the person at this machine,
// or nobody known. Where ok is false, the request is answered.
func (g *Gate) who(w http.ResponseWriter, r *http.Request) (who Identity, ok bool) {
	if token, given := bearer(r.Header); given {
		return g.byToken(w, r, token)
	}
	if g.o.Local {
		return g.local, true
	}
	return g.bySession(w, r)
}

// random gives n bytes of chance in hexadecimal.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// broken answers that the gate itself can't do its work, and logs why.
func (g *Gate) broken(w http.ResponseWriter, r *http.Request, err error) {
	g.o.Log.ErrorContext(r.Context(), "access could not be decided", "error", err, "request_id", RequestID(r.Context()))
	Fail(w, r, http.StatusInternalServerError, "Who you are could not be found out. The server's log says why.")
}

// Kinds of audit events.
const (
	AuditTokenCreated = "token.created"
	AuditTokenRevoked = "token.revoked"
	AuditTokenRefused = "token.refused"
	AuditLogin        = "login"
	AuditLoginFailed  = "login.failed"
	AuditLogout       = "logout"
	AuditCheck        = "check"
	AuditCancel       = "cancel"
	AuditWaive        = "waive"
	AuditRequest      = "request"
	AuditDecision     = "decision"
	AuditSchedule     = "schedule"
)

// Audit records what the identity of ctx did: call it where a change was made.
// What must hold nothing secret. That it can't be recorded is logged.
func (g *Gate) Audit(ctx context.Context, kind, what string) {
	v := visitOf(ctx)
	g.audit(ctx, v.Identity, kind, what)
}

func (g *Gate) audit(ctx context.Context, who Identity, kind, what string) {
	v := visitOf(ctx)
	err := g.o.Store.AddAudit(context.WithoutCancel(ctx), store.AuditEvent{
		At: g.o.Now(), Actor: who.Name, Via: who.Via, Kind: kind, What: short(what), Request: v.id, Remote: v.remote,
	})
	if err != nil {
		g.o.Log.ErrorContext(ctx, "what was done could not be recorded", "kind", kind, "actor", who.Name, "error", err, "request_id", v.id)
	}
}

// short bounds a text of others, and takes out what would break a line.
func short(text string) string {
	const most = 500
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
