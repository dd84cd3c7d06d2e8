package access

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDC is an OpenID Connect provider that vouches for people, as the settings
// under server.oidc name it.
type OIDC struct {
	Issuer           string // its URL; https, but for one at this machine
	ClientID         string
	ClientSecretEnv  string // the environment variable that holds the secret
	ClientSecretFile string // or the file that does; neither: a public client
	Claim            string // what of a person decides; "groups" if ""
	Roles            Roles
	Scopes           []string // asked for beside openid, profile and email
}

// Roles are the values of the claim that each role is for. Of several the
// highest counts.
type Roles struct{ Admin, Operator, Viewer []string }

// What a login keeps in one secret.
const (
	forState    = "state"
	forNonce    = "nonce"
	forVerifier = "verifier"
)

// skew is by how much the provider's clock may be behind ours.
const skew = 2 * time.Minute

// Bounds of a request to the provider, and for how long it is not asked again
// once it has failed.
const (
	askTime     = 10 * time.Second
	largestTold = 1 << 20
	restTime    = 3 * time.Second
)

// provider finds out where the endpoints of a provider are, when they are needed.
type provider struct {
	o                OIDC
	secret, callback string
	client           *http.Client
	now              func() time.Time

	mu       sync.Mutex
	found    *discovered
	failedAt time.Time
	failure  error
}

// newProvider reads the client secret and checks the settings, and asks nobody.
func newProvider(o OIDC, gate Options) (*provider, error) {
	issuer, err := url.Parse(o.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.User != nil || issuer.RawQuery != "":
		return nil, fmt.Errorf("server.oidc.issuer: %q: write it as https://login.example.com", o.Issuer)
	case issuer.Scheme != "https" && (issuer.Scheme != "http" || !loopbackHost(issuer.Host)):
		return nil, fmt.Errorf("server.oidc.issuer: %q: it must begin with https://, or anybody on the way could vouch for people", o.Issuer)
	case o.ClientID == "":
		return nil, errors.New("server.oidc.client_id: it is missing; the provider gives it where Holdfast is registered")
	case !reachable(gate.URL):
		return nil, errors.New("server.url: OIDC needs it, to bring people back: https://holdfast.example.com")
	case len(o.Roles.Admin)+len(o.Roles.Operator)+len(o.Roles.Viewer) == 0:
		return nil, errors.New("server.oidc.roles: no role is for anybody, so nobody could come in; name groups for one")
	}
	if o.Claim == "" {
		o.Claim = "groups"
	}
	secret, err := o.readSecret(gate.LookupEnv)
	if err != nil {
		return nil, err
	}
	return &provider{
		o: o, secret: secret, callback: strings.TrimRight(gate.URL, "/") + "/login/callback", now: gate.Now,
		client: &http.Client{Timeout: askTime, Transport: boundedTransport{http.DefaultTransport}},
	}, nil
}

// reachable reports whether a browser can be brought back to a URL: not to one that
// stands for all addresses of a machine.
func reachable(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err != nil || !addr.IsUnspecified()
}

// readSecret reads the client secret. No error holds any of it.
func (o OIDC) readSecret(lookup func(string) (string, bool)) (string, error) {
	switch {
	case o.ClientSecretEnv != "" && o.ClientSecretFile != "":
		return "", errors.New("server.oidc: give client_secret_env or client_secret_file, not both")
	case o.ClientSecretEnv != "":
		value, _ := lookup(o.ClientSecretEnv)
		if value == "" {
			return "", fmt.Errorf("server.oidc.client_secret_env: the environment variable %s is empty or not set", o.ClientSecretEnv)
		}
		return value, nil
	case o.ClientSecretFile != "":
		content, err := os.ReadFile(o.ClientSecretFile)
		if err != nil {
			return "", fmt.Errorf("server.oidc.client_secret_file: %w", err)
		}
		secret := strings.TrimSpace(string(content))
		if secret == "" {
			return "", fmt.Errorf("server.oidc.client_secret_file: %s is empty", o.ClientSecretFile)
		}
		return secret, nil
	}
	return "", nil
}

// host is how people know the provider.
func (p *provider) host() string {
	u, err := url.Parse(p.o.Issuer)
	if err != nil {
		return p.o.Issuer
	}
	return u.Host
}

// discovered is a provider whose endpoints are known.
type discovered struct {
	*provider
	at       *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

// discover asks the provider for its endpoints, once; where that fails, again a
// few seconds later. Those who ask meanwhile wait for the one answer.
func (p *provider) discover(ctx context.Context, now time.Time) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if p.failure != nil && now.Sub(p.failedAt) < restTime {
		return nil, p.failure
	}
	// The one who asks may go away, and others wait for the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	at, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.o.Issuer)
	if err != nil {
		p.failure, p.failedAt = fmt.Errorf("asking %s for its configuration: %w", p.o.Issuer, err), now
		return nil, p.failure
	}
	endpoint := at.Endpoint()
	endpoint.AuthStyle = p.authStyle(at)
	p.found = &discovered{
		provider: p, at: at,
		verifier: at.Verifier(&oidc.Config{ClientID: p.o.ClientID, Now: func() time.Time { return p.now().Add(-skew) }}),
		oauth: oauth2.Config{
			ClientID: p.o.ClientID, ClientSecret: p.secret, Endpoint: endpoint, RedirectURL: p.callback,
			Scopes: p.scopes(),
		},
	}
	return p.found, nil
}

func (p *provider) scopes() []string {
	scopes := []string{oidc.ScopeOpenID, "profile", "email"}
	for _, scope := range p.o.Scopes {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// authStyle is how the client says who it is. Trying out both would spend the
// code on a provider that takes the other.
func (p *provider) authStyle(at *oidc.Provider) oauth2.AuthStyle {
	var metadata struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := at.Claims(&metadata); err != nil || p.secret == "" {
		return oauth2.AuthStyleInParams
	}
	if len(metadata.Methods) == 0 || slices.Contains(metadata.Methods, "client_secret_basic") {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// ask is the URL at which the provider asks a person who they are.
func (d *discovered) ask(secret string) string {
	return d.oauth.AuthCodeURL(derived(secret, forState), oidc.Nonce(derived(secret, forNonce)), oauth2.S256ChallengeOption(derived(secret, forVerifier)))
}

// person asks the provider whom it has just asked. An error is a loginError.
func (d *discovered) person(ctx context.Context, secret string, query url.Values) (person, error) {
	const refused = "The identity provider's answer can't be trusted, so you are not logged in. The server's log says why."
	if issuer := query.Get("iss"); issuer != "" && issuer != d.o.Issuer {
		return person{}, &loginError{refused, errors.New("the answer is of another issuer (RFC 9207)")}
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, d.client), askTime)
	defer cancel()
	token, err := d.oauth.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(derived(secret, forVerifier)))
	if err != nil {
		return person{}, &loginError{"The identity provider has not said who you are. Begin again; the server's log says more.", exchangeError(err)}
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return person{}, &loginError{refused, errors.New(short(strings.ReplaceAll(err.Error(), raw, "(the token)")))}
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return person{}, &loginError{refused, errors.New("the ID token's claims can't be read")}
	}
	if err := d.ofThisLogin(id, claims, secret); err != nil {
		return person{}, &loginError{refused, err}
	}
	if err := d.addUserInfo(ctx, token, id.Subject, claims); err != nil {
		return person{}, &loginError{refused, err}
	}
	return d.o.person(id.Issuer, id.Subject, claims), nil
}

// ofThisLogin checks what go-oidc leaves to its users: that the token was made for
// this login, and for this client where it is for several.
func (d *discovered) ofThisLogin(id *oidc.IDToken, claims map[string]any, secret string) error {
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(derived(secret, forNonce))) != 1 {
		return errors.New("the ID token's nonce is that of another login")
	}
	party, given := claims["azp"]
	if (given || len(id.Audience) > 1) && party != d.o.ClientID {
		return errors.New("the ID token was made for another client")
	}
	if id.Subject == "" {
		return errors.New("the ID token is of nobody")
	}
	return nil
}

// addUserInfo asks for the claim that decides, where the ID token lacks it and the
// provider has a place for it.
func (d *discovered) addUserInfo(ctx context.Context, token *oauth2.Token, subject string, claims map[string]any) error {
	if d.at.UserInfoEndpoint() == "" || claimOf(claims, d.o.Claim) != nil {
		return nil
	}
	info, err := d.at.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("asking for the claim %q: %s", d.o.Claim, short(err.Error()))
	}
	if info.Subject != subject {
		return errors.New("what the provider tells is of somebody else")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return errors.New("what the provider tells can't be read")
	}
	for name, value := range more {
		if _, known := claims[name]; !known {
			claims[name] = value
		}
	}
	return nil
}

// exchangeError says why a code was not taken, without what the provider sent,
// which may repeat secrets.
func exchangeError(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status := "no status"
		if refused.Response != nil {
			status = refused.Response.Status
		}
		return fmt.Errorf("the code was refused: %s %s", status, short(refused.ErrorCode))
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed
	}
	return errors.New("the answer to the code can't be read")
}

// boundedTransport reads no more of an answer than a provider needs to say.
type boundedTransport struct{ http.RoundTripper }

// RoundTrip is for http.Client.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, largestTold), response.Body}
	return response, nil
}
