package alert

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
)

var shoutrrrCanaries = []string{"CanaryTopicA", "canaryuser1", "canarypass1", "CanaryQuery1"}

// TestShoutrrr sends through two services of the library, over real HTTP: ntfy, which
// has titles, and a JSON webhook.
// https://docs.ntfy.sh/publish/#publish-as-json
func TestShoutrrr(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	m := someMessage()
	for _, c := range []struct{ url, want string }{
		{"ntfy://canaryuser1:canarypass1@" + host + "/CanaryTopicA?scheme=http", "aws_security_group.web: ingress"},
		{"generic://" + host + "/CanaryTopicA?disabletls=yes&template=json", `"title":"prod/network, prod/device-tokens: 2 alerts – drift"`},
		{"generic+" + server.URL + "/CanaryTopicA", "aws_security_group.web: ingress"},
	} {
		n, err := NewShoutrrr(ShoutrrrOptions{URL: c.url})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Notify(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", c.url, err)
		}
		if !strings.Contains(body, c.want) || !strings.Contains(got.URL.Path, "CanaryTopicA") {
			t.Errorf("%s: %s %s", c.url, got.URL, body)
		}
	}
	n, _ := NewShoutrrr(ShoutrrrOptions{URL: "generic+" + server.URL + "/x"})
	if err := n.Notify(t.Context(), manyAlerts(10_000)); err != nil || len(body) > shoutrrrMost {
		t.Errorf("%d bytes: %v", len(body), err)
	}
}

func TestShoutrrrFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.RawQuery, "hang") || strings.Contains(r.URL.Path, "hang") {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 40301, "http": 403, "error": "forbidden for " + r.URL.String()})
	}))
	t.Cleanup(server.CloseClientConnections) // shoutrrr knows no contexts
	host := strings.TrimPrefix(server.URL, "http://")
	for _, u := range []string{
		"ntfy://canaryuser1:canarypass1@" + host + "/CanaryTopicA?scheme=http",
		"generic://" + host + "/CanaryTopicA?disabletls=yes&key=CanaryQuery1",
		"generic+" + server.URL + "/CanaryTopicA?key=CanaryQuery1",
		"gotify://" + host + "/CanaryTopicA?disabletls=yes",
		"ntfy://canaryuser1:canarypass1@127.0.0.1:1/CanaryTopicA?scheme=http",
		"mattermost://canaryuser1@" + host + "/CanaryTopicA/CanaryQuery1?disabletls=yes",
		"telegram://CanaryTopicA@telegram?chats=CanaryQuery1",
		"slack://canaryuser1:canarypass1@CanaryTopicA",
		"smtp://canaryuser1:canarypass1@127.0.0.1:1/?from=CanaryTopicA@example.com&to=CanaryQuery1@example.com",
		"discord://CanaryTopicA@",
		"ntfy://%zz" + shoutrrrCanaries[0],
	} {
		n, err := NewShoutrrr(ShoutrrrOptions{URL: u})
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			err = n.Notify(ctx, someMessage())
			cancel()
		}
		if err == nil {
			t.Errorf("%s: no error", u)
			continue
		}
		noSecrets(t, err, shoutrrrCanaries)
		if !strings.HasPrefix(err.Error(), "shoutrrr") {
			t.Errorf("%s: %v", u, err)
		}
	}
	n, err := NewShoutrrr(ShoutrrrOptions{URL: "generic://" + host + "/hang?disabletls=yes"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := n.Notify(ctx, someMessage()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a service that hangs: %v", err)
	}
}

// TestShoutrrrServices: every service of the library is known, and its URL is no part
// of an error that says otherwise.
func TestShoutrrrServices(t *testing.T) {
	t.Parallel()
	services := new(router.ServiceRouter).ListServices()
	if len(services) < 20 {
		t.Fatalf("services %v", services)
	}
	for _, service := range services {
		_, err := NewShoutrrr(ShoutrrrOptions{URL: service + "://CanaryTopicA@host/x"})
		if (err != nil) != (service == "logger") {
			t.Errorf("%s: %v", service, err)
		}
	}
	for _, service := range titled {
		if !slices.Contains(services, service) {
			t.Errorf("%s has a title, and the library has no such service", service)
		}
	}
	for _, u := range []string{"", "CanaryTopicA", "https://CanaryTopicA", "logger://", "canarytopica://x", "ntfy:CanaryTopicA", "ntfy://"} {
		if _, err := NewShoutrrr(ShoutrrrOptions{URL: u}); err == nil || strings.Contains(strings.ToLower(err.Error()), "canary") {
			t.Errorf("%q: %v", u, err)
		}
	}
}
