package access_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/server/access"
	"holdfast/internal/server/access/oidctest"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t, oidcOptions(oidctest.New(t, people...)))
	for user, want := range map[string]string{
		"ada": "^ada@example.com admin oidc \\[\\]$", "olga": "^olga #[0-9a-f]{8} operator oidc \\[\\]$", "vic": "^vic@example.com viewer oidc \\[\\]$",
	} {
		browser := r.browser()
		resp, text := r.login(browser, user, "/stacks?q=1")
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/stacks?q=1" {
			t.Fatalf("%s: %s to %q\n%s", user, resp.Status, resp.Header.Get("Location"), text)
		}
		for _, c := range resp.Cookies() {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Domain != "" {
				t.Errorf("%+v", c)
			}
		}
		if _, text := r.ask(browser, http.MethodGet, "/", nil); !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%s is %q", user, text)
		}
		if e := r.audit()[0]; e.Kind != access.AuditLogin || !strings.HasPrefix(e.Actor, user) || e.Via != "oidc" || e.Remote != "127.0.0.1" || e.Request == "" {
			t.Errorf("%+v", e)
		}
		// Out again, and what the cookie held is worth nothing.
		old := r.cookies(browser)["holdfast"]
		if _, text := r.ask(browser, http.MethodGet, "/logout", nil); !strings.Contains(text, `<form method="post" action="/logout">`) {
			t.Errorf("the logout page:\n%s", text)
		}
		if resp, _ := r.post(browser, "/logout", nil); resp.StatusCode != http.StatusSeeOther || r.cookies(browser)["holdfast"] != "" {
			t.Errorf("logout: %s, %v", resp.Status, r.cookies(browser))
		}
		r.setCookie(browser, "holdfast", old)
		if resp, _ := r.ask(browser, http.MethodGet, "/", nil); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("an ended session: %s", resp.Status)
		}
		r.clock.forward(time.Minute)
	}
}

// TestStranger: whom no role is for learns whom to ask, and what HTML a provider
// may tell of them stays text.
func TestStranger(t *testing.T) {
	t.Parallel()
	o := oidcOptions(oidctest.New(t, people...))
	o.Contact = "platform@example.com <b>"
	r := newRig(t, o)
	browser := r.browser()
	resp, text := r.login(browser, "eve", "/")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "Ask platform@example.com &lt;b&gt;") || !strings.Contains(text, "&lt;script&gt;alert(1)") {
		t.Errorf("%s\n%s", resp.Status, text)
	}
	if strings.Contains(text, "<script") || strings.Contains(text, "<img") || strings.Contains(text, "<b>") {
		t.Errorf("HTML of a claim:\n%s", text)
	}
	if len(r.cookies(browser)) > 0 || resp.Header.Get("Set-Cookie") == "a=b" {
		t.Errorf("cookies %v", r.cookies(browser))
	}
	if e := r.audit()[0]; e.Kind != access.AuditLoginFailed || strings.ContainsAny(e.Actor, "\r\n") {
		t.Errorf("%+v", e)
	}
}

// TestSecureCookies: with https, no other host can set ours.
func TestSecureCookies(t *testing.T) {
	t.Parallel()
	o := oidcOptions(oidctest.New(t, people...))
	o.URL = "https://holdfast.example.com"
	r := newRig(t, o)
	resp, _ := r.ask(nil, http.MethodGet, "/login/start", nil)
	if c := resp.Cookies()[0]; c.Name != "__Host-holdfast-login" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
		t.Errorf("%+v", c)
	}
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || to.Query().Get("redirect_uri") != "https://holdfast.example.com/login/callback" || to.Query().Get("scope") != "openid profile email" {
		t.Errorf("%s, %v", to, err)
	}
}

// TestForgedLogins: an answer that is not to be trusted logs nobody in.
func TestForgedLogins(t *testing.T) {
	t.Parallel()
	hs256 := func(signed string) string {
		mac := hmac.New(sha256.New, []byte(oidctest.ClientSecret))
		_, _ = mac.Write([]byte(signed))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	claim := func(name string, value any) oidctest.Hooks {
		return oidctest.Hooks{Claims: func(c map[string]any) { c[name] = value }}
	}
	now := time.Now()
	for name, c := range map[string]struct {
		hooks oidctest.Hooks
		fine  bool
	}{
		"honest":              {oidctest.Hooks{}, true},
		"alg none":            {oidctest.Hooks{Header: func(h map[string]any) { h["alg"] = "none" }, Sign: func(string) string { return "" }}, false},
		"HMAC of the secret":  {oidctest.Hooks{Header: func(h map[string]any) { h["alg"] = "HS256" }, Sign: hs256}, false},
		"no signature":        {oidctest.Hooks{Sign: func(string) string { return "" }}, false},
		"another key":         {oidctest.Hooks{Sign: func(string) string { return base64.RawURLEncoding.EncodeToString(make([]byte, 256)) }}, false},
		"wrong nonce":         {claim("nonce", "x"), false},
		"no nonce":            {claim("nonce", ""), false},
		"another issuer":      {claim("iss", "https://evil.example"), false},
		"another audience":    {claim("aud", "other"), false},
		"for another party":   {claim("azp", "other"), false},
		"two audiences":       {claim("aud", []string{"other", oidctest.ClientID}), false},
		"two, ours asked":     {oidctest.Hooks{Claims: func(c map[string]any) { c["aud"], c["azp"] = []string{"other", oidctest.ClientID}, oidctest.ClientID }}, true},
		"nobody":              {claim("sub", ""), false},
		"expired":             {claim("exp", now.Add(-3*time.Minute).Unix()), false},
		"clock behind":        {claim("exp", now.Add(-time.Minute).Unix()), true},
		"clock ahead":         {claim("nbf", now.Add(2*time.Minute).Unix()), true},
		"far in the future":   {claim("nbf", now.Add(time.Hour).Unix()), false},
		"the code is refused": {oidctest.Hooks{RefuseTo: "invalid_grant", EchoError: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := oidctest.New(t, people...)
			r := newRig(t, oidcOptions(p))
			p.SetHooks(c.hooks)
			browser := r.browser()
			resp, text := r.login(browser, "ada", "/")
			in := r.cookies(browser)["holdfast"] != ""
			if in != c.fine || c.fine != (resp.StatusCode == http.StatusSeeOther) || !c.fine && resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, logged in: %v\n%s\n%s", resp.Status, in, text, r.log)
			}
			if e := r.audit()[0]; !c.fine && e.Kind != access.AuditLoginFailed {
				t.Errorf("%+v", e)
			}
			if strings.Contains(text+r.log.String(), oidctest.ClientSecret) {
				t.Error("the client secret is told")
			}
		})
	}
}

// TestLoginState: a login can be finished once, where it was begun.
func TestLoginState(t *testing.T) {
	t.Parallel()
	r := newRig(t, oidcOptions(oidctest.New(t, people...)))
	refused := func(what string, browser *http.Client, back string) {
		t.Helper()
		resp, text := r.ask(browser, http.MethodGet, back, nil)
		if resp.StatusCode != http.StatusUnauthorized || r.cookies(browser)["holdfast"] != "" {
			t.Errorf("%s: %s\n%s", what, resp.Status, text)
		}
	}
	browser := r.browser()
	back := r.pick(browser, r.begin(browser, "/"), "ada")
	refused("in another browser", r.browser(), back)

	mixed := r.browser()
	r.begin(mixed, "/")
	refused("with the state of another login", mixed, back)

	old := r.cookies(browser)["holdfast-login"]
	if resp, _ := r.ask(browser, http.MethodGet, back, nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("where it was begun: %s", resp.Status)
	}
	again := r.browser()
	r.setCookie(again, "holdfast-login", old)
	refused("a second time", again, back)

	for _, tampered := range []string{"x", strings.Repeat("0", 64), strings.Repeat("z", 64), strings.Repeat("0", 4000)} {
		b := r.browser()
		form := r.begin(b, "/")
		r.setCookie(b, "holdfast-login", tampered)
		refused("with a tampered cookie", b, r.pick(b, form, "ada"))
		r.clock.forward(10 * time.Second)
	}

	late := r.browser()
	back = r.pick(late, r.begin(late, "/"), "ada")
	r.clock.forward(10*time.Minute + time.Second)
	refused("too late", late, back)

	other := r.browser()
	back = r.pick(other, r.begin(other, "/"), "ada")
	refused("of another issuer", other, strings.Replace(back, "iss=http", "iss=https", 1))

	denied := r.browser()
	form := r.begin(denied, "/")
	resp, _ := r.ask(denied, http.MethodPost, form, strings.NewReader("deny=yes"), "Content-Type", "application/x-www-form-urlencoded")
	resp, text := r.ask(denied, http.MethodGet, resp.Header.Get("Location"), nil)
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "access_denied &lt;b&gt;You&lt;/b&gt; said no") {
		t.Errorf("denied: %s\n%s", resp.Status, text)
	}
}

// TestSessionFixation: whatever id a browser brings, it gets a new one.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	r := newRig(t, oidcOptions(oidctest.New(t, people...)))
	browser := r.browser()
	planted := strings.Repeat("ab", 32)
	r.setCookie(browser, "holdfast", planted)
	r.login(browser, "vic", "/")
	first := r.cookies(browser)["holdfast"]
	r.login(browser, "ada", "/")
	second := r.cookies(browser)["holdfast"]
	if first == planted || first == "" || second == first || second == "" {
		t.Errorf("ids %q, %q", first, second)
	}
	for _, id := range []string{planted, first} {
		b := r.browser()
		r.setCookie(b, "holdfast", id)
		if resp, _ := r.ask(b, http.MethodGet, "/", nil); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %s", id, resp.Status)
		}
	}
	flipped := r.browser()
	last := byte('0')
	if second[63] == '0' {
		last = '1'
	}
	r.setCookie(flipped, "holdfast", second[:63]+string(last))
	if resp, _ := r.ask(flipped, http.MethodGet, "/", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("tampered: %s", resp.Status)
	}
}

// TestSessionEnds: idle after hours, and whatever happens after a day.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, oidcOptions(oidctest.New(t, people...)))
	in := func(b *http.Client) bool {
		resp, _ := r.ask(b, http.MethodGet, "/", nil)
		return resp.StatusCode == http.StatusOK
	}
	idle, busy := r.browser(), r.browser()
	r.login(idle, "ada", "/")
	r.login(busy, "ada", "/")
	for hour := range 23 {
		r.clock.forward(time.Hour)
		if !in(busy) {
			t.Fatalf("ended after %d busy hours", hour+1)
		}
	}
	if in(idle) || r.cookies(idle)["holdfast"] != "" {
		t.Error("an idle session holds")
	}
	r.clock.forward(time.Hour + time.Minute)
	if in(busy) {
		t.Error("a session holds for more than a day")
	}
}

// TestProviderDown: the server runs, the login says why not, and tries again.
func TestProviderDown(t *testing.T) {
	t.Parallel()
	p := oidctest.New(t, people...)
	p.SetHooks(oidctest.Hooks{Down: true})
	r := newRig(t, oidcOptions(p))
	browser := r.browser()
	for range 5 {
		resp, text := r.ask(browser, http.MethodGet, "/login/start?next=/stacks", nil)
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "identity provider doesn&#39;t answer") || !strings.Contains(text, "/login/start?next=%2Fstacks") {
			t.Errorf("%s\n%s", resp.Status, text)
		}
	}
	if n := len(p.Requests()); n != 1 {
		t.Errorf("the provider was asked %d times at once", n)
	}
	if !strings.Contains(r.log.String(), "503") {
		t.Errorf("the log doesn't say why:\n%s", r.log)
	}
	p.SetHooks(oidctest.Hooks{})
	r.clock.forward(4 * time.Second)
	if resp, text := r.login(browser, "ada", "/"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("once it is there: %s\n%s", resp.Status, text)
	}
}

func TestLoginLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, oidcOptions(oidctest.New(t, people...)))
	statuses := map[int]int{}
	for range 30 {
		resp, _ := r.ask(nil, http.MethodGet, "/login/start", nil)
		statuses[resp.StatusCode]++
	}
	if statuses[303] < 20 || statuses[303] > 22 || statuses[429] != 30-statuses[303] {
		t.Errorf("statuses %v", statuses)
	}
}

// TestUserInfo: groups that the ID token lacks are asked for, of the same person.
func TestUserInfo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		info   map[string]any
		status int
	}{
		"the same":      {map[string]any{"groups": []string{"staff"}}, http.StatusSeeOther},
		"somebody else": {map[string]any{"groups": []string{"holdfast-admins"}, "sub": "ada"}, http.StatusUnauthorized},
		"nothing":       {map[string]any{"iss": "x"}, http.StatusForbidden},
	} {
		p := oidctest.New(t, oidctest.User{Subject: "nell"})
		p.SetHooks(oidctest.Hooks{UserInfo: c.info})
		r := newRig(t, oidcOptions(p))
		if resp, text := r.login(r.browser(), "nell", "/"); resp.StatusCode != c.status {
			t.Errorf("%s: %s\n%s\n%s", name, resp.Status, text, r.log)
		}
	}
}

// TestSecretFile: the secret may be in a file, and a wrong one lets nobody in.
func TestSecretFile(t *testing.T) {
	t.Parallel()
	for secret, status := range map[string]int{oidctest.ClientSecret + "\n": http.StatusSeeOther, "wrong": http.StatusUnauthorized} {
		o := oidcOptions(oidctest.New(t, people...))
		o.OIDC.ClientSecretEnv, o.OIDC.ClientSecretFile = "", filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(o.OIDC.ClientSecretFile, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, o)
		if resp, text := r.login(r.browser(), "ada", "/"); resp.StatusCode != status {
			t.Errorf("%q: %s\n%s", secret, resp.Status, text)
		}
	}
}
