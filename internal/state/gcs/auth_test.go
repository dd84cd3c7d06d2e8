package gcs_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/state"
	"holdfast/internal/state/gcs"
)

// google plays Google's token server, its IAM credentials API and the storage,
// and notes what it is asked.
type google struct {
	*httptest.Server
	refuse bool

	mu    sync.Mutex
	asked []string
}

func newGoogle(t *testing.T) *google {
	t.Helper()
	g := &google{}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	g.asked = append(g.asked, fmt.Sprintf("%s %s %s %v", r.Method, r.URL, body, r.Header))
	g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case g.refuse:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"bad: %s"}`, strings.ReplaceAll(string(body), `"`, "'"))
	case r.URL.Path == "/token":
		fmt.Fprint(w, `{"access_token":"ya29.canary-of-the-account","token_type":"Bearer","expires_in":3600}`)
	case strings.HasSuffix(r.URL.Path, ":generateAccessToken"):
		fmt.Fprintf(w, `{"accessToken":"ya29.canary-of-another","expireTime":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	default:
		fmt.Fprint(w, `{"version":4}`)
	}
}

func (g *google) all() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.asked, "\n")
}

// account is the key file of a service account.
func (g *google) account(t *testing.T) (file string, secret string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	src, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "holdfast@p.iam.gserviceaccount.com", "private_key": text,
		"private_key_id": "1", "token_uri": g.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(src), text
}

func save(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scopeOf reads the scope out of the assertion that was sent for a token.
func scopeOf(t *testing.T, asked string) string {
	t.Helper()
	_, assertion, ok := strings.Cut(asked, "assertion=")
	if !ok {
		t.Fatalf("no assertion was sent: %s", asked)
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(assertion, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Scope string }
	if err := json.Unmarshal(claims, &c); err != nil {
		t.Fatal(err)
	}
	return c.Scope
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	user := func(g *google) string {
		return fmt.Sprintf(`{"type":"authorized_user","client_id":"c","client_secret":"canary-secret","refresh_token":"canary-refresh","token_uri":"%s/token"}`, g.URL)
	}
	for name, settings := range map[string]func(t *testing.T, g *google, dir string) (config map[string]any, env []string){
		"credentials as JSON": func(t *testing.T, g *google, _ string) (map[string]any, []string) {
			src, _ := g.account(t)
			return map[string]any{"credentials": src}, []string{"GOOGLE_CREDENTIALS=/none"}
		},
		"credentials as a path": func(t *testing.T, g *google, dir string) (map[string]any, []string) {
			src, _ := g.account(t)
			save(t, dir, "key.json", src)
			return map[string]any{"credentials": "key.json"}, nil
		},
		"GOOGLE_BACKEND_CREDENTIALS": func(t *testing.T, g *google, _ string) (map[string]any, []string) {
			src, _ := g.account(t)
			return nil, []string{"GOOGLE_BACKEND_CREDENTIALS=" + src, "GOOGLE_CREDENTIALS=/none"}
		},
		"GOOGLE_CREDENTIALS": func(t *testing.T, g *google, _ string) (map[string]any, []string) {
			src, _ := g.account(t)
			return nil, []string{"GOOGLE_CREDENTIALS=" + src, "GOOGLE_APPLICATION_CREDENTIALS=/none"}
		},
		"GOOGLE_APPLICATION_CREDENTIALS": func(t *testing.T, g *google, dir string) (map[string]any, []string) {
			src, _ := g.account(t)
			return nil, []string{"GOOGLE_APPLICATION_CREDENTIALS=" + save(t, dir, "a.json", src)}
		},
		"gcloud": func(t *testing.T, g *google, dir string) (map[string]any, []string) {
			save(t, dir, ".config/gcloud/application_default_credentials.json", user(g))
			return nil, []string{"HOME=" + dir}
		},
		"CLOUDSDK_CONFIG": func(t *testing.T, g *google, dir string) (map[string]any, []string) {
			save(t, dir, "sdk/application_default_credentials.json", user(g))
			return nil, []string{"HOME=/none", "CLOUDSDK_CONFIG=" + filepath.Join(dir, "sdk")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, dir := newGoogle(t), t.TempDir()
			config, env := settings(t, g, dir)
			if config == nil {
				config = map[string]any{}
			}
			config["bucket"], config["storage_custom_endpoint"] = "states", g.URL
			b, err := gcs.New(state.Settings{Config: config, Dir: dir, Env: env})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.State("default").Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := b.State("default").Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			asked := g.all()
			if strings.Count(asked, "POST /token") != 1 || strings.Count(asked, "Bearer ya29.canary-of-the-account") != 2 {
				t.Errorf("asked: %s", asked)
			}
			if strings.Contains(asked, "assertion=") && scopeOf(t, asked) != "https://www.googleapis.com/auth/devstorage.read_only" {
				t.Errorf("the scope is %s", scopeOf(t, asked))
			}
		})
	}
}

func TestImpersonation(t *testing.T) {
	t.Parallel()
	g := newGoogle(t)
	src, _ := g.account(t)
	b := open(t, map[string]any{
		"bucket": "states", "storage_custom_endpoint": g.URL, "credentials": src,
		"impersonate_service_account": "reader@p.iam.gserviceaccount.com", "impersonate_service_account_delegates": []any{"between@p.iam.gserviceaccount.com"},
	}, "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT="+g.URL+"/v1/")
	if _, err := b.State("default").Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := g.all()
	for _, want := range []string{
		"POST /v1/projects/-/serviceAccounts/reader@p.iam.gserviceaccount.com:generateAccessToken",
		`"delegates":["projects/-/serviceAccounts/between@p.iam.gserviceaccount.com"]`,
		`"scope":["https://www.googleapis.com/auth/devstorage.read_only"]`,
		"Bearer ya29.canary-of-another",
	} {
		if !strings.Contains(asked, want) {
			t.Errorf("not asked: %s\n%s", want, asked)
		}
	}
}

// Whatever a token server answers, no credential is shown.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	g := newGoogle(t)
	g.refuse = true
	src, _ := g.account(t)
	for _, credentials := range []string{
		src,
		fmt.Sprintf(`{"type":"authorized_user","client_id":"c","client_secret":"canary-secret","refresh_token":"canary-refresh","token_uri":"%s/token"}`, g.URL),
	} {
		b := open(t, map[string]any{"bucket": "states", "storage_custom_endpoint": g.URL, "credentials": credentials})
		_, err := b.State("default").Read(t.Context())
		if err == nil || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "PRIVATE") || strings.Contains(err.Error(), "eyJ") ||
			!strings.Contains(err.Error(), "invalid_grant") || !strings.Contains(err.Error(), "gcloud auth") || strings.Count(err.Error(), "; ") != 1 {
			t.Errorf("got %v", err)
		}
		if errors.Is(err, state.ErrNone) {
			t.Errorf("a refused token is taken for no state: %v", err)
		}
	}
}

func TestEncryptionKey(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))
	dir := t.TempDir()
	path := save(t, dir, "key", key+"\n")
	for _, c := range []struct {
		setting any
		env     string
	}{{key, ""}, {path, ""}, {nil, "GOOGLE_ENCRYPTION_KEY=" + key}} {
		g := newGoogle(t)
		b := open(t, map[string]any{"bucket": "states", "storage_custom_endpoint": g.URL, "access_token": canary, "encryption_key": c.setting}, c.env)
		if _, err := b.State("default").Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"X-Goog-Encryption-Key:[" + key + "]", "X-Goog-Encryption-Algorithm:[AES256]", "X-Goog-Encryption-Key-Sha256:["} {
			if !strings.Contains(g.all(), want) {
				t.Errorf("%s was not sent: %s", want, g.all())
			}
		}
		if text := fmt.Sprintf("%v %+v %v", b, b, b.State("default")); strings.Contains(text, key) {
			t.Errorf("the key is shown: %s", text)
		}
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	const secret = "canary-in-a-setting"
	for name, config := range map[string]map[string]any{
		"no bucket":              {"prefix": "x"},
		"a list":                 {"bucket": []any{"x"}},
		"no key":                 {"bucket": "x", "encryption_key": secret},
		"no credentials":         {"bucket": "x", "credentials": secret},
		"broken credentials":     {"bucket": "x", "credentials": `{"private_key":"` + secret},
		"unheard of credentials": {"bucket": "x", "credentials": `{"type":"other","private_key":"` + secret + `"}`},
		"a broken private key":   {"bucket": "x", "credentials": `{"type":"service_account"`},
		"no URL":                 {"bucket": "x", "access_token": "t", "storage_custom_endpoint": "://" + secret},
	} {
		_, err := gcs.New(state.Settings{Config: config, Dir: t.TempDir(), Env: nil})
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "; ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where there is an emulator, nobody signs in.
func TestEmulator(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	bucket.put("default.tfstate", []byte("{}"))
	b := open(t, map[string]any{"bucket": "states"}, "STORAGE_EMULATOR_HOST="+strings.TrimPrefix(bucket.server.URL(), "http://"))
	if got, err := b.State("default").Read(t.Context()); err != nil || string(got) != "{}" {
		t.Errorf("got %s, %v", got, err)
	}
	if names, err := b.Workspaces(t.Context()); err != nil || len(names) != 1 {
		t.Errorf("workspaces %q, %v", names, err)
	}
}

// A missing bucket is no missing state.
func TestNoBucket(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, map[string]any{"bucket": "another"}, "STORAGE_EMULATOR_HOST="+bucket.server.URL())
	for _, ask := range []func() error{
		func() error { _, err := b.State("default").Read(t.Context()); return err },
		func() error { _, err := b.Workspaces(t.Context()); return err },
	} {
		if err := ask(); err == nil || errors.Is(err, state.ErrNone) || !strings.Contains(err.Error(), "name of the bucket") {
			t.Errorf("got %v", err)
		}
	}
}

// A state that doesn't match its checksum is not taken.
func TestChecksum(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("X-Goog-Hash", "crc32c=AAAAAA==,md5=x")
		fmt.Fprint(w, `{"version":4}`)
	}))
	defer server.Close()
	got, err := open(t, map[string]any{"bucket": "states"}, "STORAGE_EMULATOR_HOST="+server.URL).State("default").Read(t.Context())
	if err == nil || got != nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("got %s, %v", got, err)
	}
}
