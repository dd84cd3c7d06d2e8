package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// own adds what the gate answers itself.
func (g *Gate) own(mux *http.ServeMux) {
	mux.HandleFunc("GET /login", g.loginPage)
	mux.HandleFunc("POST /login", g.loginByToken)
	mux.HandleFunc("GET /login/start", g.startLogin)
	mux.HandleFunc("GET /login/callback", g.finishLogin)
	mux.HandleFunc("GET /logout", logoutPage)
	mux.HandleFunc("POST /logout", g.logout)
	mux.HandleFunc("GET "+stylePath, style)
}

// loginPage shows the ways to log in. Who is in already goes on at once.
func (g *Gate) loginPage(w http.ResponseWriter, r *http.Request) {
	next := safeNext(r.FormValue("next"))
	if From(r.Context()).Role > None {
		redirect(w, next)
		return
	}
	g.showLogin(w, r, http.StatusOK, next)
}

func (g *Gate) showLogin(w http.ResponseWriter, r *http.Request, status int, next string, text ...string) {
	p := page{Title: "Log in", Text: text, Next: next, Tokens: g.o.Tokens, Alert: status != http.StatusOK}
	if g.oidc != nil {
		p.Provider, p.Start = g.oidc.host(), "/login/start?next="+url.QueryEscape(next)
	}
	showPage(w, r, status, p)
}

// loginByToken begins a session with an API token that somebody has pasted, so
// that there are pages without an OpenID provider. The session ends with it.
func (g *Gate) loginByToken(w http.ResponseWriter, r *http.Request) {
	next := safeNext(r.PostFormValue("next"))
	if !g.o.Tokens {
		Fail(w, r, http.StatusNotFound, "Tokens are not configured here.")
		return
	}
	t, role, err := g.token(r.Context(), strings.TrimSpace(r.PostFormValue("token")))
	if refused, ok := errors.AsType[tokenError](err); ok {
		if !g.failed(r, t, AuditLoginFailed, string(refused)) {
			tooMany(w, r, g.failures.wait())
			return
		}
		g.showLogin(w, r, http.StatusUnauthorized, next, string(refused))
		return
	}
	if err == nil {
		err = g.beginSession(w, r, identityOf(t, role), t.ID, t.ExpiresAt)
	}
	if err != nil {
		g.broken(w, r, err)
		return
	}
	redirect(w, next)
}

// startLogin sends the browser to the provider.
func (g *Gate) startLogin(w http.ResponseWriter, r *http.Request) {
	ctx, now := r.Context(), g.o.Now()
	if g.oidc == nil {
		Fail(w, r, http.StatusNotFound, "Single sign-on is not configured here.")
		return
	}
	if !g.logins.take(visitOf(ctx).remote, now) {
		tooMany(w, r, g.logins.wait())
		return
	}
	next := safeNext(r.FormValue("next"))
	found, err := g.oidc.discover(ctx, now)
	if err != nil {
		g.o.Log.WarnContext(ctx, "the identity provider can't be asked", "error", err, "request_id", RequestID(ctx))
		w.Header().Set("Retry-After", "10")
		g.showLogin(w, r, http.StatusServiceUnavailable, next, "The identity provider doesn't answer. Try again in a moment.")
		return
	}
	secret := random(sha256.Size)
	if err := g.o.Store.AddLogin(ctx, hashOf(secret), next, now, now.Add(loginLife)); err != nil {
		g.broken(w, r, err)
		return
	}
	g.setCookie(w, loginCookie, secret, loginLife)
	redirect(w, found.ask(secret))
}

// loginError says why somebody is not logged in, for them to read.
type loginError struct {
	text string
	err  error // for the log; may be nil
}

func (e *loginError) Error() string { return e.text }
func (e *loginError) Unwrap() error { return e.err }

// finishLogin takes the browser back from the provider.
func (g *Gate) finishLogin(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if g.oidc == nil {
		Fail(w, r, http.StatusNotFound, "Single sign-on is not configured here.")
		return
	}
	if !g.logins.take(visitOf(ctx).remote, g.o.Now()) {
		tooMany(w, r, g.logins.wait())
		return
	}
	next, person, err := g.comeBack(w, r)
	if err != nil {
		g.loginFailed(w, r, Identity{}, err)
		return
	}
	who := Identity{Name: person.name, Role: person.role, Via: ViaOIDC}
	if who.Role == None {
		g.stranger(w, r, person)
		return
	}
	if err := g.beginSession(w, r, who, "", time.Time{}); err != nil {
		g.broken(w, r, err)
		return
	}
	redirect(w, next)
}

// comeBack checks that this browser began the login, once and not long ago, and
// asks the provider who it is.
func (g *Gate) comeBack(w http.ResponseWriter, r *http.Request) (next string, p person, err error) {
	ctx, now, query := r.Context(), g.o.Now(), r.URL.Query()
	secret, given := g.cookie(r, loginCookie)
	g.setCookie(w, loginCookie, "", -time.Second)
	unknown := &loginError{text: "This login was not begun in this browser, was finished already, or took longer than ten minutes. Begin again."}
	if !given {
		return "", p, unknown
	}
	next, ok, err := g.o.Store.TakeLogin(ctx, hashOf(secret), now)
	if err != nil {
		return "", p, err
	}
	if !ok || subtle.ConstantTimeCompare([]byte(derived(secret, forState)), []byte(query.Get("state"))) != 1 {
		return "", p, unknown
	}
	if code := query.Get("error"); code != "" {
		return "", p, &loginError{text: "The identity provider has refused: " + short(code) + " " + short(query.Get("error_description"))}
	}
	found, err := g.oidc.discover(ctx, now)
	if err != nil {
		return "", p, &loginError{"The identity provider doesn't answer. Try again in a moment.", err}
	}
	p, err = found.person(ctx, secret, query)
	return next, p, err
}

// loginFailed tells that somebody is not logged in, and begins anew.
func (g *Gate) loginFailed(w http.ResponseWriter, r *http.Request, who Identity, err error) {
	ctx := r.Context()
	told, ok := errors.AsType[*loginError](err)
	if !ok {
		g.broken(w, r, err)
		return
	}
	g.o.Log.WarnContext(ctx, "a login failed", "why", told.text, "error", told.err, "request_id", RequestID(ctx))
	g.audit(ctx, who, AuditLoginFailed, told.text)
	g.showLogin(w, r, http.StatusUnauthorized, "/", told.text)
}

// stranger tells somebody whom the provider knows that no role is for them here,
// and what to say to whom.
func (g *Gate) stranger(w http.ResponseWriter, r *http.Request, p person) {
	ask := "an administrator of this Holdfast"
	if g.o.Contact != "" {
		ask = g.o.Contact
	}
	has := "nothing"
	if len(p.values) > 0 {
		has = short(strings.Join(p.values, ", "))
	}
	g.audit(r.Context(), Identity{Name: p.name, Via: ViaOIDC}, AuditLoginFailed, "no role is for them")
	showPage(w, r, http.StatusForbidden, page{Title: "No access", Request: RequestID(r.Context()), Text: []string{
		"You are " + p.name + ", says " + g.oidc.host() + ", but no role here is for you.",
		"Ask " + ask + " to give you one. In the settings that is server.oidc.roles, and what counts of you is the claim \"" + g.oidc.o.Claim + "\". It has: " + has + ".",
	}})
}

func logoutPage(w http.ResponseWriter, r *http.Request) {
	showPage(w, r, http.StatusOK, page{Title: "Log out", Logout: true})
}

// logout ends the session here; one at the provider goes on.
func (g *Gate) logout(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if secret, given := g.cookie(r, sessionCookie); given {
		if err := g.o.Store.EndSession(ctx, hashOf(secret)); err != nil {
			g.broken(w, r, err)
			return
		}
		g.Audit(ctx, AuditLogout, "")
	}
	g.setCookie(w, sessionCookie, "", -time.Second)
	redirect(w, "/login")
}
