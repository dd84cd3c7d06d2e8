package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/lab/githubstub"
)

// TestAlertChannels sends a test through each kind of channel that needs no AWS, as the
// settings and their secrets say. No secret is in an error.
func TestAlertChannels(t *testing.T) {
	t.Parallel()
	const canary = "c0ffee00c0ffee00c0ffee00c0ffee00"
	var mu sync.Mutex
	got, refuse := map[string]int{}, false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if refuse {
			http.Error(w, r.URL.String()+string(body), http.StatusForbidden)
			return
		}
		got[strings.Split(r.URL.Path, "/")[1]]++
	}))
	t.Cleanup(server.Close)
	github := githubstub.Start(githubstub.Options{Repository: "acme/infra", Token: canary})
	t.Cleanup(github.Close)
	dir := t.TempDir()
	settings := fmt.Sprintf(`version: 1
alerts:
  - slack: { url_env: SLACK }
  - teams: { url_file: teams.secret }
  - shoutrrr: { url_env: NTFY }
  - pagerduty: { routing_key_env: KEY, url: %s/pagerduty }
  - github: { token_env: TOKEN }
`, server.URL)
	for name, text := range map[string]string{"holdfast.yaml": settings, "teams.secret": server.URL + "/teams/" + canary + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := app.CheckOptions{Config: filepath.Join(dir, "holdfast.yaml"), Warn: func(err error) { t.Error(err) }, Env: []string{
		"SLACK=" + server.URL + "/slack/" + canary, "NTFY=generic+" + server.URL + "/shoutrrr/" + canary, "KEY=" + canary,
		"TOKEN=" + canary, "GITHUB_REPOSITORY=acme/infra", "GITHUB_API_URL=" + github.URL,
	}}
	sent, err := app.TryAlerts(t.Context(), o, "")
	if err != nil || !slices.Equal(sent, []string{"slack", "teams", "shoutrrr", "pagerduty", "github"}) {
		t.Fatalf("sent %v: %v", sent, err)
	}
	mu.Lock()
	if got["slack"] != 1 || got["teams"] != 1 || got["shoutrrr"] != 1 || got["pagerduty"] != 2 || len(github.Issues()) != 1 {
		t.Errorf("got %v and %d issues", got, len(github.Issues()))
	}
	refuse = true
	mu.Unlock()
	github.Allow(func(o *githubstub.Options) { o.Token = "another" })
	sent, err = app.TryAlerts(t.Context(), o, "")
	if err == nil || len(sent) > 0 || strings.Contains(err.Error(), canary) || strings.Count(err.Error(), "alert channel ") != 5 {
		t.Errorf("sent %v: %v", sent, err)
	}
	o.Env = nil
	if _, err = app.TryAlerts(t.Context(), o, "slack"); err == nil || !strings.Contains(err.Error(), "SLACK is not set") {
		t.Errorf("without a secret: %v", err)
	}
}
