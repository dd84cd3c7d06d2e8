package alert

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	canarySecret = "canary-hmac-5f0c4e"
	canaryPath   = "canary-path-77aa01"
	canaryToken  = "canary token/9c1d"
)

func webhookChannels() []httpChannel {
	take := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(canarySecret))
		mac.Write([]byte(r.Header.Get("Holdfast-Timestamp") + "." + string(body)))
		switch {
		case err != nil || len(body) > mostWebhook || !json.Valid(body):
			w.WriteHeader(http.StatusBadRequest)
		case r.Header.Get("Holdfast-Signature") != "v1="+hex.EncodeToString(mac.Sum(nil)):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	}
	open := func(path string) func(string, *http.Client) (Notifier, error) {
		return func(base string, client *http.Client) (Notifier, error) {
			return NewWebhook(WebhookOptions{URL: strings.Replace(base, "://", "://me:canary-user-0d2f@", 1) + path, Secret: canarySecret, Client: client})
		}
	}
	return []httpChannel{{
		name: "webhook", take: take,
		open:    open("/hooks/" + canaryPath + "?token=canary%20token%2F9c1d"),
		secrets: []string{canarySecret, canaryPath, canaryToken, "canary-user-0d2f"},
	}}
}

func TestWebhookRequest(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 9, 31, 0, 0, time.UTC)
	schema := messageSchema(t)
	for name, c := range map[string]struct {
		message           Message
		secret, signature string
		stacks, omitted   int
	}{
		"signed":        {message: someMessage(), secret: "s3cret", stacks: 2},
		"unsigned":      {message: someMessage(), stacks: 2},
		"test":          {message: testMessage()},
		"10,000 alerts": {message: manyAlerts(10_000), stacks: 10_000, omitted: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got *http.Request
			var body []byte
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
			}))
			defer server.Close()
			n, err := NewWebhook(WebhookOptions{URL: server.URL + "/in", Secret: c.secret, Client: server.Client(), Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Notify(t.Context(), c.message); err != nil {
				t.Fatal(err)
			}
			for header, want := range map[string]string{
				"Content-Type": "application/json", "User-Agent": "holdfast", "Holdfast-Id": c.message.ID, "Holdfast-Timestamp": "1795685460",
			} {
				if got.Header.Get(header) != want {
					t.Errorf("%s: %q, want %q", header, got.Header.Get(header), want)
				}
			}
			want := ""
			if c.secret != "" {
				want = "v1=" + sign([]byte(c.secret), "1795685460", body)
			}
			if s := got.Header.Get("Holdfast-Signature"); s != want {
				t.Errorf("signature %q, want %q", s, want)
			}
			p := decodePayload(t, schema, body)
			if len(body) > mostWebhook || len(p.Alerts)+p.OmittedAlerts != len(c.message.Alerts) || len(p.Stacks)+p.OmittedStacks != c.stacks {
				t.Errorf("%d bytes, %d alerts and %d more, %d stacks and %d more", len(body), len(p.Alerts), p.OmittedAlerts, len(p.Stacks), p.OmittedStacks)
			}
			if (p.OmittedAlerts > 0) != (c.omitted > 0) {
				t.Errorf("%d omitted", p.OmittedAlerts)
			}
		})
	}
}

func TestWebhookURL(t *testing.T) {
	t.Parallel()
	for text, fine := range map[string]bool{
		"https://hooks.example.com/in":                       true,
		"\thttps://hooks.example.com/in\n":                   true,
		"http://localhost:8080/in":                           true,
		"http://127.0.0.1/in":                                true,
		"http://[::1]:80/in":                                 true,
		"http://10.1.2.3/in":                                 true,
		"http://receiver/in":                                 true,
		"http://receiver.tools.svc.cluster.local/in":         true,
		"http://receiver.corp.internal/in":                   true,
		"http://hooks.example.com/" + canaryPath:             false,
		"http://8.8.8.8/" + canaryPath:                       false,
		"http://internal.example.com/" + canaryPath:          false,
		"ftp://hooks.example.com/" + canaryPath:              false,
		"https:///" + canaryPath:                             false,
		canaryPath:                                           false,
		"https://hooks.example.com/\x7f" + canaryPath:        false,
		"https://hooks.example.com:port/" + canaryPath:       false,
		"https://u:" + canaryPath + "@hooks.example.com:p/x": false,
	} {
		_, err := NewWebhook(WebhookOptions{URL: text})
		if (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil {
			noSecrets(t, err, []string{canaryPath})
		}
	}
}

// messageSchema is the documented one.
func messageSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("..", "..", "docs", "alerts-message.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decodePayload reads a message for programs, after the schema has.
func decodePayload(t *testing.T, schema *jsonschema.Schema, body []byte) payload {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(err)
	}
	return p
}
