package wire_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/state"
	"holdfast/internal/state/wire"
)

// pair makes a certificate that is its own authority, in PEM.
func pair(t *testing.T) (cert, key []byte) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test's"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func get(t *testing.T, url string, s state.Settings, o wire.Options) (string, error) {
	t.Helper()
	transport, err := wire.Transport(s, o)
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.Header.Get("X-By"), err
}

// A server that wants a client's certificate gets it, over a connection to an
// authority that a file or the settings name.
func TestCertificates(t *testing.T) {
	t.Parallel()
	cert, key := pair(t)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(cert)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-By", r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]wire.Options{
		"settings": {CAPEM: authority, ClientCert: cert, ClientKey: key},
		"a file":   {CAFile: file, ClientCert: cert, ClientKey: key},
		"anybody":  {Insecure: true, ClientCert: cert, ClientKey: key},
	} {
		if by, err := get(t, server.URL, state.Settings{}, o); err != nil || by != "a test's" {
			t.Errorf("%s: %q, %v", name, by, err)
		}
	}
	for name, o := range map[string]wire.Options{"no authority": {ClientCert: cert, ClientKey: key}, "no certificate": {CAFile: file}} {
		if by, err := get(t, server.URL, state.Settings{}, o); err == nil {
			t.Errorf("%s: the server took %q", name, by)
		}
	}
}

// Proxies are those of the settings, then of the stack's environment.
func TestProxies(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	proxy := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-By", name) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	env := state.Settings{Env: []string{"HTTP_PROXY=" + proxy("environment"), "NO_PROXY=direct.invalid"}}
	for _, c := range []struct {
		s    state.Settings
		o    wire.Options
		want string
	}{
		{env, wire.Options{}, "environment"},
		{state.Settings{Env: []string{"http_proxy=" + proxy("lower case")}}, wire.Options{}, "lower case"},
		{env, wire.Options{HTTPProxy: proxy("settings")}, "settings"},
	} {
		if by, err := get(t, "http://somewhere.invalid/", c.s, c.o); err != nil || by != c.want {
			t.Errorf("by %q, %v, want %s", by, err, c.want)
		}
	}
	if by, err := get(t, "http://direct.invalid/", env, wire.Options{}); err == nil {
		t.Errorf("NO_PROXY is not heeded: by %q", by)
	}
	if by, err := get(t, proxy("itself"), state.Settings{}, wire.Options{}); err != nil || by != "itself" {
		t.Errorf("by %q, %v", by, err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]wire.Options{
		"holds no PEM":        {CAFile: empty},
		"reading the cert":    {CAFile: empty + ".not"},
		"no PEM certificate":  {CAPEM: []byte("canary")},
		"certificate and key": {ClientCert: []byte("canary"), ClientKey: []byte("canary")},
	} {
		_, err := wire.Transport(state.Settings{}, o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A server that falls silent in the middle of its answer, over either version of
// HTTP.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		silent := make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-silent:
			case <-r.Context().Done():
			}
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		_, err := get(t, server.URL, state.Settings{}, wire.Options{Insecure: true, Silence: 300 * time.Millisecond})
		close(silent)
		server.Close()
		if err == nil || !strings.Contains(err.Error(), "timeout") {
			t.Errorf("HTTP/2 %v: %v", http2, err)
		}
	}
}
