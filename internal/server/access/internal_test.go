package access

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestPerson(t *testing.T) {
	t.Parallel()
	roles := Roles{Admin: []string{"kim@example.com", "admins"}, Operator: []string{"@ops.example.com", "ops"}, Viewer: []string{"@example.com", "staff"}}
	mail := func(address string, verified any) map[string]any {
		return map[string]any{"email": address, "email_verified": verified}
	}
	for name, c := range map[string]struct {
		claim  string
		claims map[string]any
		want   Role
	}{
		"an address":              {"email", mail("Kim@Example.com", true), Admin},
		"a domain":                {"email", mail("jo@example.com", true), Viewer},
		"another domain":          {"email", mail("jo@ops.example.com", true), Operator},
		"a domain's end":          {"email", mail("jo@evil-example.com", true), None},
		"a domain below":          {"email", mail("jo@sub.example.com", true), None},
		"two at signs":            {"email", mail("kim@example.com@evil.example", true), None},
		"an address, text":        {"email", mail("kim@example.com", "true"), Admin},
		"not verified":            {"email", mail("kim@example.com", false), None},
		"verified by nobody":      {"email", map[string]any{"email": "kim@example.com"}, None},
		"no name":                 {"email", mail("@example.com", true), None},
		"a group":                 {"groups", map[string]any{"groups": "ops"}, Operator},
		"the highest of several":  {"groups", map[string]any{"groups": []any{"staff", "admins", "ops"}}, Admin},
		"groups have a case":      {"groups", map[string]any{"groups": []any{"Admins"}}, None},
		"a domain as a group":     {"groups", map[string]any{"groups": []any{"x@example.com"}}, None},
		"a number":                {"groups", map[string]any{"groups": 7}, None},
		"an object":               {"groups", map[string]any{"groups": map[string]any{"admins": true}}, None},
		"nothing":                 {"groups", map[string]any{"groups": []any{}}, None},
		"empty":                   {"groups", map[string]any{"groups": []any{""}}, None},
		"not there":               {"groups", nil, None},
		"nested":                  {"realm_access.roles", map[string]any{"realm_access": map[string]any{"roles": []any{"ops"}}}, Operator},
		"a name with a dot first": {"https://example.com/roles", map[string]any{"https://example.com/roles": "admins"}, Admin},
	} {
		if open := (OIDC{Claim: c.claim, Roles: Roles{Admin: roles.Admin, Viewer: []string{"*"}}}).person("iss", "sub", c.claims); open.role != max(Viewer, c.want) && c.want != Operator {
			t.Errorf("%s: %s where everybody may read", name, open.role)
		}
		if got := (OIDC{Claim: c.claim, Roles: roles}).person("iss", "sub", c.claims); got.role != c.want {
			t.Errorf("%s: %s, want %s", name, got.role, c.want)
		}
	}
}

// TestPersonNames: nobody can choose the name of another.
func TestPersonNames(t *testing.T) {
	t.Parallel()
	verified := map[string]any{"email": "kim@example.com", "email_verified": true}
	if got := personName("i", "1", verified); got != "kim@example.com" {
		t.Errorf("%q", got)
	}
	seen := map[string]string{"kim@example.com": "verified", "token:kim@example.com": "a token"}
	for name, claims := range map[string]map[string]any{
		"chosen":     {"preferred_username": "kim@example.com"},
		"unverified": {"email": "kim@example.com", "email_verified": false},
		"of a token": {"preferred_username": "token:kim@example.com"},
		"two lines":  {"preferred_username": "kim@example.com\n"},
		"with more":  {"email": "Kim <kim@example.com>", "email_verified": true},
		"nothing":    {},
		"of the app": {"name": strings.Repeat("x", 5000)},
	} {
		got := personName("i", name, claims)
		if other, taken := seen[got]; taken || strings.ContainsAny(got, "\r\n") || len(got) > 200 {
			t.Errorf("%s: %q is that of %s", name, got, other)
		}
		seen[got] = name
	}
	if personName("i", "1", nil) == personName("i", "2", nil) || personName("i", "1", nil) == personName("j", "1", nil) {
		t.Error("two people have one name")
	}
}

// TestLimiter: an address has its attempts, gets them back, and however many
// addresses there are, the memory is bounded.
func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	l := newLimiter(3, time.Second)
	for i, want := range []bool{true, true, true, false, false} {
		if got := l.take("192.0.2.1", now); got != want {
			t.Errorf("attempt %d: %v", i, got)
		}
	}
	if !l.take("192.0.2.1", now.Add(time.Second)) || l.take("192.0.2.1", now.Add(time.Second)) {
		t.Error("one attempt comes back a second")
	}
	for i := range 3 {
		l.take(fmt.Sprintf("2001:db8::%d", i), now)
	}
	if l.take("2001:db8::ffff", now) || !l.take("2001:db8:0:1::1", now) {
		t.Error("an IPv6 network is one address")
	}
	for i := range 3 * addresses {
		l.take(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
	}
	if n := len(l.spent); n > addresses {
		t.Errorf("%d addresses are remembered", n)
	}
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer ", "bearer hf_x", "Bearer  hf_" + strings.Repeat("a", 64), "Basic eDp5", "Bearer\thf_x", "Bearer hf_x, Basic y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, given := bearer(http.Header{"Authorization": {value}})
		if !given && token != "" {
			t.Errorf("%q: %q of no token", value, token)
		}
		if strings.TrimSpace(token) != token || len(token) > len(value) {
			t.Errorf("%q: %q", value, token)
		}
		if wellFormed(token) {
			again, ok := bearer(http.Header{"Authorization": {"Bearer " + token}})
			if !ok || again != token || len(token) != 67 || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
				t.Errorf("%q: %q, then %q", value, token, again)
			}
		}
	})
}

func FuzzNext(f *testing.F) {
	for _, seed := range []string{
		"/", "/stacks?q=a%20b#x", "", "stacks", "//evil.example", "/\\evil.example", "\\/evil", "https://evil.example", "/\t/evil.example", "/%0d%0aSet-Cookie: x",
		"/%2f/evil.example", "/..//evil.example", "/.//evil", "/a/%2e%2e//evil", "javascript:alert(1)", "/login?next=/login", "/logout", "/@evil.example", "/:80/", "/\u2028/x",
	} {
		f.Add(seed)
	}
	base, err := url.Parse("https://holdfast.example.com/login?x=1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := safeNext(next)
		if got != "/" && got != next {
			t.Errorf("%q became %q", next, got)
		}
		if safeNext(got) != got {
			t.Errorf("%q is not safe itself", got)
		}
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil || strings.HasPrefix(u.Path, "//") {
			t.Errorf("%q leads to %v, %v", next, u, err)
		}
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n\t\x00") || strings.HasPrefix(u.Path, "/login") && (u.Path == "/login" || u.Path[6] == '/') {
			t.Errorf("%q became %q", next, got)
		}
	})
}
