package access_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/server/access"
	"holdfast/internal/server/access/oidctest"
)

// TestNoSecretIsKept does all that has a secret in it, and looks for each in the
// log, in what people are told, in audit events and in the database's files.
func TestNoSecretIsKept(t *testing.T) {
	t.Parallel()
	p := oidctest.New(t, people...)
	o := oidcOptions(p)
	o.Tokens = true
	r := newRig(t, o)
	var told strings.Builder
	secrets := map[string]string{"client secret": oidctest.ClientSecret}

	secrets["token"] = r.token("ci", access.Admin)
	secrets["refused token"] = "hf_" + strings.Repeat("c0ffee00", 8)
	for _, token := range []string{secrets["token"], secrets["refused token"]} {
		_, text := r.ask(nil, http.MethodGet, "/api/v1/who", nil, "Authorization", "Bearer "+token)
		told.WriteString(text)
		_, text = r.post(r.browser(), "/login", url.Values{"token": {token}})
		told.WriteString(text)
	}

	browser := r.browser()
	form := r.begin(browser, "/")
	secrets["login cookie"] = r.cookies(browser)["holdfast-login"]
	query, err := url.Parse(form)
	if err != nil {
		t.Fatal(err)
	}
	secrets["state"], secrets["nonce"] = query.Query().Get("state"), query.Query().Get("nonce")
	back := r.pick(browser, form, "ada")
	query, err = url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	secrets["code"] = query.Query().Get("code")
	_, text := r.ask(browser, http.MethodGet, back, nil)
	told.WriteString(text)
	secrets["session"] = r.cookies(browser)["holdfast"]
	_, text = r.post(browser, "/check", url.Values{"what": {"network"}})
	told.WriteString(text)

	// A provider that repeats all it was sent, and a history that is gone.
	p.SetHooks(oidctest.Hooks{RefuseTo: "invalid_client", EchoError: true})
	_, text = r.login(r.browser(), "ada", "/")
	told.WriteString(text)
	files := contents(t, filepath.Dir(r.place))
	for _, e := range r.audit() {
		told.WriteString(e.Actor + e.What + e.Kind + "\n")
	}
	_ = r.store.Close()
	resp, text := r.ask(browser, http.MethodGet, "/", nil)
	told.WriteString(text)
	if resp.StatusCode != http.StatusInternalServerError || strings.Contains(text, "history") {
		t.Errorf("without a history: %s\n%s", resp.Status, text)
	}
	r.ask(nil, http.MethodGet, "/api/v1/who", nil, "Authorization", "Bearer "+secrets["token"])

	for name, secret := range secrets {
		if len(secret) < 20 {
			t.Errorf("the %s is %q", name, secret)
		}
		for place, content := range map[string]string{"log": r.log.String(), "answers and events": told.String(), "database": files} {
			if strings.Contains(content, secret) {
				t.Errorf("the %s is in the %s", name, place)
			}
		}
	}
	if !strings.Contains(files, "token ci") || !strings.Contains(r.log.String(), "a login failed") {
		t.Error("the test looks in the wrong places")
	}
}

// contents are those of all files in a folder.
func contents(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}
