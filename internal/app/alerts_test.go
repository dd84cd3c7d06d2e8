package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/store"
)

// told is what a webhook was sent.
type told struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Alerts []struct {
		ID   string `json:"id"`
		Kind string `json:"kind"`
	} `json:"alerts"`
}

func (m told) kinds() string {
	var kinds []string
	for _, a := range m.Alerts {
		kinds = append(kinds, a.Kind)
	}
	return strings.Join(kinds, " ")
}

// hook is the other side of webhooks.
type hook struct {
	*httptest.Server
	// kills: the test kills senders, and of a message that one of them was at, a
	// receiver has nothing.
	kills bool

	mu     sync.Mutex
	answer []int // to the next requests; then 204
	all    []told
	bodies bytes.Buffer
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil && h.kills {
			return
		}
		var m told
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil {
			t.Errorf("%v: %s", err, body)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, m)
		h.bodies.Write(body)
		status := http.StatusNoContent
		if len(h.answer) > 0 {
			status, h.answer = h.answer[0], h.answer[1:]
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(h.Close)
	return h
}

// answers says what the next requests are answered.
func (h *hook) answers(status ...int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = status
}

// taken gives what came since it was last called.
func (h *hook) taken() []told {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.all
	h.all = nil
	return all
}

const alertCanary = "canary-of-the-webhook-Zx81"

// TestCheckAlert has checks tell a channel: each thing once, again where the other
// side could not take it, and later where it would not.
func TestCheckAlert(t *testing.T) {
	t.Parallel()
	o, h := newOffice(t, "  - name: folder\n    folder: FOLDER\n"), newHook(t)
	config := filepath.Join(o.dir, "holdfast.yaml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `version: 1
alerts:
  - {name: hook, webhook: {url: %q, secret_env: HOOK_SECRET}}
  - {name: pager, webhook: {url: %q}, severity: high, on: [new, clean]}
`, h.URL, h.URL+"/pager"), 0o600))
	var warnings []string
	options := o.options.CheckOptions
	options.Config, options.Paths, options.Alert = config, []string{o.dir}, true
	options.Env = append(options.Env, "HOOK_SECRET="+alertCanary)
	options.Warn = func(err error) { warnings = append(warnings, err.Error()) }
	check := func(want ...string) []told {
		t.Helper()
		if _, err := app.Check(t.Context(), options); err != nil {
			t.Fatal(err)
		}
		got := h.taken()
		var kinds []string
		for _, m := range got {
			kinds = append(kinds, m.kinds())
		}
		if strings.Join(kinds, "|") != strings.Join(want, "|") {
			t.Errorf("told %q, want %q; warnings %q", kinds, want, warnings)
		}
		return got
	}
	check()
	o.byHand(t, "hand")
	if got := check("new"); len(got) == 1 && !strings.HasPrefix(got[0].Title, "new drift: test_simple.a in live") {
		t.Errorf("%+v", got)
	}
	check()
	o.byHand(t, "another hand")
	check("changed")
	o.byHand(t, "code")
	h.answers(http.StatusServiceUnavailable)
	if got := check("resolved clean", "resolved clean"); len(got) == 2 && got[0].ID != got[1].ID {
		t.Errorf("the second attempt is of another message: %+v", got)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "alert channel hook: ") || !strings.Contains(warnings[0], "; tried again in 5s") {
		t.Errorf("%q", warnings)
	}
	o.byHand(t, "hand")
	h.answers(http.StatusUnauthorized)
	refused := check("reopened")
	o.byHand(t, "a third hand")
	check() // it waits behind the one that was refused
	left, err := app.AlertMessages(t.Context(), options, true)
	if err != nil || len(left) != 2 || left[0].Channel != "hook" || left[0].Attempts != 0 || left[1].Attempts != 1 || !strings.Contains(left[1].Error, "401") {
		t.Errorf("%+v, %v", left, err)
	}
	if left, err := app.SendAlerts(t.Context(), options); err != nil || len(left) > 0 {
		t.Errorf("%+v, %v", left, err)
	}
	if got := h.taken(); len(got) != 2 || got[0].ID != refused[0].ID || got[0].kinds() != "reopened" || got[1].kinds() != "changed" {
		t.Errorf("%+v, first %+v", got, refused)
	}
	if sent, err := app.TryAlerts(t.Context(), options, ""); err != nil || strings.Join(sent, " ") != "hook pager" {
		t.Errorf("%v, %v", sent, err)
	}
	_, err = app.TryAlerts(t.Context(), options, "chat")
	wantError(t, err, "there is no alert channel chat; there are hook, pager")

	texts := strings.Join(warnings, "\n") + h.bodies.String()
	for _, file := range []string{"history.db", "history.db-wal"} {
		src, err := os.ReadFile(filepath.Join(o.dir, ".holdfast", file))
		if err == nil {
			texts += string(src)
		}
	}
	if !strings.Contains(texts, "another hand") || strings.Contains(texts, alertCanary) {
		t.Error("the secret of a channel is where it must not be, or nothing is")
	}
}

// TestAlertsWithoutSecret: what a channel lacks is said, and nothing is lost.
func TestAlertsWithoutSecret(t *testing.T) {
	t.Parallel()
	o, h := newOffice(t, "  - name: folder\n    folder: FOLDER\n"), newHook(t)
	config := filepath.Join(o.dir, "holdfast.yaml")
	must(t, os.WriteFile(config, []byte("version: 1\nalerts: [{name: hook, webhook: {url_file: hook.url}}]\n"), 0o600))
	var warnings []string
	options := o.options.CheckOptions
	options.Config, options.Paths, options.Alert = config, []string{o.dir}, true
	options.Warn = func(err error) { warnings = append(warnings, err.Error()) }
	o.byHand(t, "hand")
	if _, err := app.Check(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "alert channel hook: url: open ") {
		t.Errorf("%q", warnings)
	}
	_, err := app.TryAlerts(t.Context(), options, "hook")
	wantError(t, err, "alert channel hook: url: open ")
	must(t, os.WriteFile(filepath.Join(o.dir, "hook.url"), []byte(h.URL+"\n"), 0o600))
	if left, err := app.SendAlerts(t.Context(), options); err != nil || len(left) > 0 {
		t.Errorf("%+v, %v", left, err)
	}
	if got := h.taken(); len(got) != 1 || got[0].kinds() != "new" {
		t.Errorf("%+v", got)
	}
	must(t, os.WriteFile(config, []byte("version: 1\n"), 0o600))
	_, err = app.Check(t.Context(), options)
	wantError(t, err, "--alert: no channel is set up")
	var none []store.AlertMessage
	if none, err = app.AlertMessages(t.Context(), options, false); len(none) > 0 {
		t.Errorf("%+v", none)
	}
	wantError(t, err, "no alert channel is set up")
}

// TestServerTells has a server tell a channel of its rounds, when each is over, and of
// what people revert.
func TestServerTells(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	o := newOffice(t, fmt.Sprintf("  - name: folder\n    folder: FOLDER\nserver: {url: \"https://holdfast.example.com\"}\nalerts: [{name: hook, webhook: {url: %q}}]\n", h.URL))
	tell := func(want ...string) {
		t.Helper()
		must(t, o.Teller.Tell(t.Context()))
		var kinds []string
		for _, m := range h.taken() {
			kinds = append(kinds, m.kinds())
		}
		if strings.Join(kinds, "|") != strings.Join(want, "|") {
			t.Errorf("told %q, want %q", kinds, want)
		}
	}
	tell()
	o.byHand(t, "hand")
	o.Round(t, "folder")
	tell() // the round is not over
	must(t, o.Finish(t.Context()))
	tell("new")
	tell()
	if body := h.bodies.String(); !strings.Contains(body, "https://holdfast.example.com/findings/") {
		t.Errorf("no link in %s", body)
	}
	id, err := o.Ask(t.Context(), asking(store.RequestRevert, o.found(t, "folder")))
	must(t, err)
	if r := o.carried(t, id.ID); r.State != store.RequestDone {
		t.Fatalf("%+v", r)
	}
	tell("resolved")
}
