package http_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/state"
	httpstate "holdfast/internal/state/http"
	"holdfast/internal/state/statetest"
)

const (
	canaryUser     = "canary-user-canary"
	canaryPassword = "canary-Passw0rd%2Fcanary"
	canaryQuery    = "canary-query-token"
	canaryHeader   = "canary-header-token"
)

// server keeps one state, as a server of the http backend does.
type server struct {
	mu      sync.Mutex
	content []byte
	there   bool
	faults  []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, password, _ := r.BasicAuth()
	switch {
	case user != canaryUser || password != canaryPassword:
		w.WriteHeader(http.StatusUnauthorized)
	case r.Header.Get("X-Token") != canaryHeader || r.URL.Query().Get("token") != canaryQuery:
		w.WriteHeader(http.StatusForbidden)
	case r.Method != http.MethodGet || r.URL.Path != "/states/prod":
		s.faults = append(s.faults, r.Method+" "+r.URL.Path)
	case !s.there:
		w.WriteHeader(http.StatusNotFound)
	default:
		sum := md5.Sum(s.content)
		w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
		_, _ = w.Write(s.content)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		s := &server{}
		behind := httptest.NewServer(s)
		t.Cleanup(behind.Close)
		return statetest.Rig{
			Server: behind.URL,
			Open: func(t *testing.T, server string) state.Backend {
				return open(t, map[string]any{
					"address": server + "/states/prod?token=" + canaryQuery, "username": canaryUser, "password": canaryPassword,
					"headers": map[string]any{"X-Token": canaryHeader}, "retry_max": 1.0, "retry_wait_min": 0.0, "lock_address": nil,
				})
			},
			Put: func(_ *testing.T, _ string, content []byte) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.content, s.there = content, true
			},
			Snapshot: func(*testing.T) map[string]string {
				s.mu.Lock()
				defer s.mu.Unlock()
				return map[string]string{"state": string(s.content), "faults": strings.Join(s.faults, " ")}
			},
			Deny:    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			Secrets: []string{canaryUser, canaryPassword, canaryQuery, canaryHeader},
		}
	})
}

func open(t *testing.T, config map[string]any, env ...string) *httpstate.Backend {
	t.Helper()
	b, err := httpstate.New(state.Settings{Config: config, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serve makes a server that answers with the statuses in turn, the last for
// ever, and counts.
func serve(t *testing.T, statuses ...int) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1))
		status := statuses[min(n, len(statuses))-1]
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = w.Write([]byte("{}"))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		statuses []int
		asked    int64
		none     bool
		want     string // in the error
	}{
		{"there", []int{200}, 1, false, ""},
		{"no content", []int{204}, 1, true, "there is no state"},
		{"not found", []int{404}, 1, true, "there is no state"},
		{"no credentials", []int{401}, 1, false, "TF_HTTP_USERNAME"},
		{"wrong credentials", []int{403}, 1, false, "other credentials"},
		{"odd", []int{418}, 1, false, "418"},
		{"not at all", []int{501}, 1, false, "501"},
		{"once out of order", []int{500, 200}, 2, false, ""},
		{"out of order", []int{503}, 3, false, "503"},
		{"another kind of success", []int{202}, 1, false, "202"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, asked := serve(t, c.statuses...)
			got, err := open(t, map[string]any{"address": url, "retry_wait_min": 0.0}).State("default").Read(t.Context())
			if c.want == "" && (err != nil || string(got) != "{}") {
				t.Errorf("got %q, %v", got, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, state.ErrNone) != c.none) {
				t.Errorf("got %q, %v", got, err)
			}
			if asked.Load() != c.asked {
				t.Errorf("asked %d times", asked.Load())
			}
		})
	}
}

// A state that is not what its sum says is damaged.
func TestContentMD5(t *testing.T) {
	t.Parallel()
	for header, damaged := range map[string]bool{
		base64.StdEncoding.EncodeToString(make([]byte, md5.Size)): true, "mZFLkyvTelC5g8XnyQrpOw==": false, "nonsense": false, "": false,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-MD5", header)
			_, _ = w.Write([]byte("{}"))
		}))
		_, err := open(t, map[string]any{"address": s.URL, "retry_max": 0.0}).State("default").Read(t.Context())
		if (err != nil) != damaged {
			t.Errorf("%q: %v", header, err)
		}
		s.Close()
	}
}

// The environment is the stack's, not this process's, and the block goes first.
func TestEnvironment(t *testing.T) {
	t.Setenv("TF_HTTP_ADDRESS", "http://of-the-process")
	for _, c := range []struct {
		config map[string]any
		env    []string
		want   string
	}{
		{nil, []string{"TF_HTTP_ADDRESS=https://of-the-stack/s"}, "https://of-the-stack/s"},
		{map[string]any{"address": "https://of-the-block/s"}, []string{"TF_HTTP_ADDRESS=https://of-the-stack/s"}, "https://of-the-block/s"},
		{map[string]any{"address": "https://user:secret@of-the-block/s?key=secret#x"}, nil, "https://of-the-block/s"},
	} {
		if got := open(t, c.config, c.env...).String(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	url, _ := serve(t, 200)
	proxied := open(t, map[string]any{"address": "http://nowhere.invalid/s"}, "HTTP_PROXY="+url)
	if got, err := proxied.State("default").Read(t.Context()); err != nil || string(got) != "{}" {
		t.Errorf("through the stack's proxy: %q, %v", got, err)
	}
}

func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]map[string]any{
		"address":                {},
		"or TF_HTTP_ADDRESS":     {"address": "ftp://x/y"},
		"retry_max":              {"address": "http://x", "retry_max": "many"},
		"skip_cert_verification": {"address": "http://x", "skip_cert_verification": "perhaps"},
		"certificate and key":    {"address": "http://x", "client_certificate_pem": "canary", "client_private_key_pem": "canary"},
		"certificate authority":  {"address": "http://x", "client_ca_certificate_pem": "canary"},
		"headers":                {"address": "http://x", "headers": "canary"},
	} {
		_, err := httpstate.New(state.Settings{Config: config})
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Credentials stay with the host that they are for.
func TestRedirect(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "" || r.Header.Get("Authorization") != "" {
			leaked.Store(true)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(other.Close)
	// Another name, since net/http takes the ports of one host for the same.
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	first := httptest.NewServer(http.RedirectHandler(elsewhere, http.StatusFound))
	t.Cleanup(first.Close)
	b := open(t, map[string]any{"address": first.URL, "username": "u", "password": "p", "headers": map[string]any{"X-Token": "t"}})
	if got, err := b.State("default").Read(t.Context()); err != nil || string(got) != "{}" {
		t.Errorf("got %q, %v", got, err)
	}
	if leaked.Load() {
		t.Error("the other host got the credentials")
	}
}

// A certificate of nobody we trust ends it, unless the settings trust it or say
// not to look.
func TestCertificates(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	t.Cleanup(s.Close)
	read := func(more map[string]any) error {
		more["address"], more["retry_max"] = s.URL, 0.0
		_, err := open(t, more).State("default").Read(context.Background())
		return err
	}
	if err := read(map[string]any{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	if err := read(map[string]any{"skip_cert_verification": "true"}); err != nil {
		t.Error(err)
	}
	if err := read(map[string]any{"client_ca_certificate_pem": pemOf(s.Certificate().Raw)}); err != nil {
		t.Error(err)
	}
}

func pemOf(der []byte) string {
	text := base64.StdEncoding.EncodeToString(der)
	return "-----BEGIN CERTIFICATE-----\n" + text + "\n-----END CERTIFICATE-----\n"
}
