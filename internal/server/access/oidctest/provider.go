// Package oidctest is an OpenID Connect provider for tests: discovery, keys, an
// authorization endpoint with a form on which one picks a person, a token endpoint
// that checks PKCE, and userinfo. Tests make it lie by its hooks.
package oidctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// The client that the provider knows.
const (
	ClientID     = "holdfast"
	ClientSecret = "canary-client-secret-5b1f"
)

// User is a person of the provider; claims are beside sub.
type User struct {
	Subject string
	Claims  map[string]any
}

// Provider runs until its test ends.
type Provider struct {
	server *httptest.Server
	key    *rsa.PrivateKey

	mu       sync.Mutex
	users    []User
	codes    map[string]grant
	tokens   map[string]User // of access tokens, for userinfo
	requests []string        // the paths that were asked
	hooks    Hooks
}

// Hooks make the provider lie, or fail.
type Hooks struct {
	Down      bool                        // every answer is 503
	Claims    func(claims map[string]any) // changes what the ID token is to say
	Header    func(header map[string]any) // changes the token's header
	Sign      func(signed string) string  // gives the signature in base64 instead
	UserInfo  map[string]any              // what userinfo says beside sub; a sub in it counts
	RefuseTo  string                      // what the token endpoint answers: an error code
	EchoError bool                        // and repeats all that it was sent
}

// grant is what a code stands for.
type grant struct {
	user                       User
	redirect, challenge, nonce string
}

// sharedKey is the key of all providers of a test binary: making one takes longer
// than most tests.
var sharedKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// New starts a provider of some people.
func New(t testing.TB, users ...User) *Provider {
	t.Helper()
	key, err := sharedKey()
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{key: key, users: users, codes: map[string]grant{}, tokens: map[string]User{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.form)
	mux.HandleFunc("POST /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", p.userinfo)
	p.server = httptest.NewServer(p.counted(mux))
	t.Cleanup(p.server.Close)
	return p
}

// Issuer is the provider's URL.
func (p *Provider) Issuer() string { return p.server.URL }

// SetHooks changes how the provider behaves from now on.
func (p *Provider) SetHooks(h Hooks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hooks = h
}

// Requests are the paths that were asked for so far.
func (p *Provider) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

func (p *Provider) hook() Hooks {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hooks
}

func (p *Provider) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.URL.Path)
		down := p.hooks.Down
		p.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer": p.Issuer(), "authorization_endpoint": p.Issuer() + "/authorize", "token_endpoint": p.Issuer() + "/token",
		"jwks_uri": p.Issuer() + "/keys", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	}
	if p.hook().UserInfo != nil {
		document["userinfo_endpoint"] = p.Issuer() + "/userinfo"
	}
	answer(w, http.StatusOK, document)
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	e := big.NewInt(int64(p.key.E)).Bytes()
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": encode(p.key.N.Bytes()), "e": encode(e),
	}}})
}

var formTemplate = template.Must(template.New("form").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Test provider</title></head><body><main>
<h1>Who are you?</h1>
<form method="post" action="/authorize?{{.Query}}">
{{range .Users}}<p><button type="submit" name="user" value="{{.Subject}}">{{.Subject}}</button></p>
{{end}}<p><button type="submit" name="deny" value="yes">Deny</button></p>
</form></main></body></html>
`))

// fault is what is wrong with an authorization request.
func fault(q url.Values) string {
	switch {
	case q.Get("client_id") != ClientID:
		return "unknown client"
	case q.Get("response_type") != "code":
		return "response_type must be code"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return "PKCE with S256 is required"
	case q.Get("state") == "" || q.Get("nonce") == "":
		return "state and nonce are required"
	case q.Get("redirect_uri") == "":
		return "redirect_uri is required"
	}
	return ""
}

func (p *Provider) form(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if f := fault(q); f != "" {
		http.Error(w, f, http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	users := slices.Clone(p.users)
	p.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = formTemplate.Execute(w, struct {
		Query template.URL // as it was sent
		Users []User
	}{template.URL(r.URL.RawQuery), users})
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if f := fault(q); f != "" {
		http.Error(w, f, http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {p.Issuer()}}
	if r.PostFormValue("deny") != "" {
		back.Set("error", "access_denied")
		back.Set("error_description", "<b>You</b> said no")
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.users, func(u User) bool { return u.Subject == r.PostFormValue("user") })
	if i < 0 {
		http.Error(w, "unknown user", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.codes[code] = grant{p.users[i], q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce")}
	back.Set("code", code)
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	hooks := p.hook()
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	code := r.PostFormValue("code")
	p.mu.Lock()
	g, known := p.codes[code]
	delete(p.codes, code)
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	refusal := hooks.RefuseTo
	switch {
	case refusal != "":
	case id != ClientID || secret != ClientSecret:
		refusal = "invalid_client"
	case !known, r.PostFormValue("grant_type") != "authorization_code", r.PostFormValue("redirect_uri") != g.redirect, encode(challenge[:]) != g.challenge:
		refusal = "invalid_grant"
	}
	if refusal != "" {
		description := "refused"
		if hooks.EchoError {
			description = r.PostForm.Encode() + " " + secret
		}
		answer(w, http.StatusBadRequest, map[string]any{"error": refusal, "error_description": description})
		return
	}
	access := rand.Text()
	p.mu.Lock()
	p.tokens[access] = g.user
	p.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": p.idToken(hooks, g)})
}

// idToken vouches for a person, or as the hooks have it.
func (p *Provider) idToken(hooks Hooks, g grant) string {
	now := time.Now()
	claims := map[string]any{
		"iss": p.Issuer(), "sub": g.user.Subject, "aud": ClientID, "nonce": g.nonce,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	maps.Copy(claims, g.user.Claims)
	header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "1"}
	if hooks.Claims != nil {
		hooks.Claims(claims)
	}
	if hooks.Header != nil {
		hooks.Header(header)
	}
	signed := encode(asJSON(header)) + "." + encode(asJSON(claims))
	if hooks.Sign != nil {
		return signed + "." + hooks.Sign(signed)
	}
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, digest[:])
	if err != nil {
		return err.Error()
	}
	return signed + "." + encode(signature)
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	hooks := p.hook()
	p.mu.Lock()
	user, known := p.tokens[trimBearer(r.Header.Get("Authorization"))]
	p.mu.Unlock()
	if !known {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	info := map[string]any{"sub": user.Subject}
	maps.Copy(info, hooks.UserInfo)
	answer(w, http.StatusOK, info)
}

func trimBearer(h string) string {
	const scheme = "Bearer "
	if len(h) < len(scheme) {
		return ""
	}
	return h[len(scheme):]
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(asJSON(value))
}

func asJSON(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return []byte(err.Error())
	}
	return text
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
