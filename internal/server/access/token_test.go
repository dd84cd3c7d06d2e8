package access_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/internal/server/access"
)

func TestCreateToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true})
	for name, c := range map[string]struct {
		ask  access.TokenAsk
		fine bool
	}{
		"usual":             {access.TokenAsk{Name: "ci", Role: access.Viewer}, true},
		"a year":            {access.TokenAsk{Name: "ci-2", Role: access.Admin, Life: access.LongestTokenLife}, true},
		"no role":           {access.TokenAsk{Name: "a"}, false},
		"no such role":      {access.TokenAsk{Name: "a", Role: 9}, false},
		"no name":           {access.TokenAsk{Role: access.Viewer}, false},
		"like an id":        {access.TokenAsk{Name: "abcdefabcdef", Role: access.Viewer}, false},
		"HTML":              {access.TokenAsk{Name: "<b>", Role: access.Viewer}, false},
		"two lines":         {access.TokenAsk{Name: "a\n", Role: access.Viewer}, false},
		"too long a life":   {access.TokenAsk{Name: "a", Role: access.Viewer, Life: access.LongestTokenLife + 1}, false},
		"ended already":     {access.TokenAsk{Name: "a", Role: access.Viewer, Life: -1}, false},
		"a nameless source": {access.TokenAsk{Name: "a", Role: access.Viewer, Sources: []string{""}}, false},
	} {
		token, kept, err := access.CreateToken(t.Context(), r.store, c.ask, r.clock.now())
		if (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
		if c.fine && (len(token) != 3+64 || !strings.HasPrefix(token, "hf_") || strings.Contains(kept.Hash, token[3:])) {
			t.Errorf("%s: %q, %+v", name, token, kept)
		}
		if !c.fine && token != "" {
			t.Errorf("%s: a token beside an error", name)
		}
	}
	list, err := r.store.Tokens(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, kept := range list {
		if kept.Name == "ci" && kept.ExpiresAt.Sub(kept.CreatedAt) != 90*24*time.Hour {
			t.Errorf("%+v", kept)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true})
	viewer, operator := r.token("viewer", access.Viewer, "network"), r.token("operator", access.Operator)
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	if resp, text := r.ask(nil, http.MethodGet, "/api/v1/who", nil, bearer(viewer)...); resp.StatusCode != http.StatusOK || text != "token:viewer viewer token [network]" {
		t.Errorf("%s %q", resp.Status, text)
	}
	if resp, _ := r.ask(nil, http.MethodPost, "/check", nil, bearer(operator)...); resp.StatusCode != http.StatusOK {
		t.Errorf("an operator may check: %s", resp.Status)
	}
	resp, text := r.ask(nil, http.MethodPost, "/check", nil, bearer(viewer)...)
	if isProblem(t, resp, text); resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "needs the role operator, and token:viewer has the role viewer") {
		t.Errorf("%s %s", resp.Status, text)
	}
	if resp, _ := r.ask(nil, http.MethodGet, "/admin", nil, "Authorization", "bEaReR   "+operator); resp.StatusCode != http.StatusForbidden {
		t.Errorf("an operator is no admin: %s", resp.Status)
	}
	if resp, _ := r.ask(nil, http.MethodGet, "/api/v1/who", nil, "Authorization", "Basic "+viewer); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("another scheme: %s", resp.Status)
	}

	ended := r.token("ended", access.Admin)
	if _, err := access.RevokeToken(t.Context(), r.store, "operator", "test", access.ViaCommand, r.clock.now()); err != nil {
		t.Fatal(err)
	}
	r.clock.forward(access.UsualTokenLife)
	for token, why := range map[string]string{
		operator: "This token is revoked.", ended: "This token has ended.", "hf_" + strings.Repeat("0", 64): "not known",
		"hf_": "not known", "": "not known", viewer[:66]: "not known", viewer + "0": "not known", strings.ToUpper(viewer): "not known",
		"' OR 1=1 --": "not known",
	} {
		resp, text := r.ask(nil, http.MethodGet, "/", nil, "Accept", "text/html", "Authorization", "Bearer "+token)
		isProblem(t, resp, text)
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(text, why) || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%q: %s %s", token, resp.Status, text)
		}
	}
}

// TestTokenUse: when a token was last used is written once a minute at most.
func TestTokenUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true})
	token := r.token("ci", access.Viewer)
	used := func() time.Time {
		r.ask(nil, http.MethodGet, "/", nil, "Authorization", "Bearer "+token)
		list, err := r.store.Tokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list[0].UsedAt
	}
	first := used()
	r.clock.forward(30 * time.Second)
	if second := used(); first.IsZero() || !second.Equal(first) {
		t.Errorf("used at %s and %s", first, second)
	}
	r.clock.forward(31 * time.Second)
	if third := used(); third.Sub(first) < time.Minute {
		t.Errorf("used at %s and %s", first, third)
	}
}

// TestFailedTokens: who tries tokens out is stopped, and nobody else is, though
// they share an address.
func TestFailedTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true, TrustProxy: []string{"127.0.0.0/8"}})
	good := r.token("ci", access.Viewer)
	try := func(token, from string) int {
		resp, _ := r.ask(nil, http.MethodGet, "/api/v1/who", nil, "Authorization", "Bearer "+token, "X-Forwarded-For", from)
		return resp.StatusCode
	}
	statuses := map[int]int{}
	for range 25 {
		statuses[try("hf_wrong", "192.0.2.1")]++
	}
	if statuses[401] < 10 || statuses[401] > 12 || statuses[429] != 25-statuses[401] {
		t.Errorf("statuses %v", statuses)
	}
	if got := try(good, "192.0.2.1"); got != http.StatusOK {
		t.Errorf("a good token from there: %d", got)
	}
	if got := try("hf_wrong", "192.0.2.2"); got != http.StatusUnauthorized {
		t.Errorf("another address: %d", got)
	}
	if got := try("hf_wrong", "192.0.2.2, 192.0.2.1"); got != http.StatusTooManyRequests {
		t.Errorf("an address behind an untrusted one: %d", got)
	}
	if n := len(r.audit()); n > 16 {
		t.Errorf("%d events of failures", n)
	}
	r.clock.forward(time.Minute)
	if got := try("hf_wrong", "192.0.2.1"); got != http.StatusUnauthorized {
		t.Errorf("later: %d", got)
	}
	if resp, _ := r.ask(nil, http.MethodGet, "/api/v1/who", nil, "Authorization", "Bearer x", "X-Forwarded-For", "192.0.2.9, nonsense"); resp.StatusCode != http.StatusUnauthorized {
		t.Error(resp.Status)
	}
	if e := r.audit()[0]; e.Kind != access.AuditTokenRefused || e.Remote != "127.0.0.1" {
		t.Errorf("%+v", e)
	}
}

// TestUntrustedProxy: who is no proxy of ours can't choose their address.
func TestUntrustedProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true, TrustProxy: []string{"10.0.0.0/8"}})
	r.ask(nil, http.MethodGet, "/", nil, "Authorization", "Bearer x", "X-Forwarded-For", "192.0.2.1")
	if e := r.audit()[0]; e.Remote != "127.0.0.1" {
		t.Errorf("%+v", e)
	}
}

// TestTokenLogin: there are pages without an OpenID provider, for as long as the
// token holds.
func TestTokenLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t, access.Options{Tokens: true})
	token := r.token("kim", access.Operator, "network")
	browser := r.browser()
	if _, text := r.ask(browser, http.MethodGet, "/login?next=/stacks", nil); !strings.Contains(text, `name="next" value="/stacks"`) || !strings.Contains(text, "<label for=\"token\">") {
		t.Errorf("the login page:\n%s", text)
	}
	resp, text := r.post(browser, "/login", url.Values{"token": {"hf_canary"}, "next": {"/stacks"}})
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(text, "not known") || strings.Contains(text, "canary") || !strings.Contains(text, `value="/stacks"`) {
		t.Errorf("%s\n%s", resp.Status, text)
	}
	for _, next := range []string{"//evil.example", "https://evil.example", `/\evil.example`, "/%0d%0aSet-Cookie:x", ""} {
		if resp, _ := r.post(r.browser(), "/login", url.Values{"token": {token}, "next": {next}}); strings.Contains(resp.Header.Get("Location"), "evil") || resp.StatusCode != http.StatusSeeOther {
			t.Errorf("%q: %s to %q", next, resp.Status, resp.Header.Get("Location"))
		}
	}
	resp, _ = r.post(browser, "/login", url.Values{"token": {" " + token + "\n"}, "next": {"/stacks?x=1"}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/stacks?x=1" {
		t.Fatalf("%s to %q", resp.Status, resp.Header.Get("Location"))
	}
	if c := resp.Cookies()[0]; c.Name != "holdfast" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || strings.Contains(token, c.Value) {
		t.Errorf("%+v", c)
	}
	if _, text := r.ask(browser, http.MethodGet, "/", nil); text != "token:kim operator token [network]" {
		t.Errorf("who: %q", text)
	}
	if resp, text := r.ask(browser, http.MethodGet, "/admin", nil, "Accept", "text/html"); resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "<h1>Forbidden</h1>") {
		t.Errorf("%s\n%s", resp.Status, text)
	}
	if _, err := access.RevokeToken(t.Context(), r.store, "kim", "test", access.ViaCommand, r.clock.now()); err != nil {
		t.Fatal(err)
	}
	if resp, _ := r.ask(browser, http.MethodGet, "/", nil); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the token is revoked, and its session holds: %s", resp.Status)
	}
	for range 20 {
		resp, _ = r.post(browser, "/login", url.Values{"token": {"hf_canary"}})
	}
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("after twenty more: %s", resp.Status)
	}
}

// TestNoTokens: where tokens are not configured, one that is good elsewhere is not.
func TestNoTokens(t *testing.T) {
	t.Parallel()
	o := access.Options{OIDC: &access.OIDC{Issuer: "https://id.example.com", ClientID: "x", Roles: access.Roles{Viewer: []string{"staff"}}}}
	r := newRig(t, o)
	token := r.token("kim", access.Admin)
	if resp, _ := r.ask(nil, http.MethodGet, "/", nil, "Authorization", "Bearer "+token); resp.StatusCode != http.StatusUnauthorized {
		t.Error(resp.Status)
	}
	if resp, _ := r.post(nil, "/login", url.Values{"token": {token}}); resp.StatusCode != http.StatusNotFound {
		t.Error(resp.Status)
	}
	if _, text := r.ask(nil, http.MethodGet, "/login", nil); strings.Contains(text, "<form") || !strings.Contains(text, "Log in at id.example.com") {
		t.Errorf("the login page:\n%s", text)
	}
}
