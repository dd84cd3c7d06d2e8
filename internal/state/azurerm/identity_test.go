package azurerm

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/state"
)

const secret = "canary-client-secret"

// settings are those of a backend, with more of them.
func settings(dir string, more map[string]any, env ...string) state.Settings {
	config := map[string]any{"storage_account_name": "acct", "container_name": "states", "key": "prod.tfstate"}
	maps.Copy(config, more)
	return state.Settings{Config: config, Dir: dir, Env: env}
}

// certificate writes a client certificate with its key.
func certificate(t *testing.T, dir string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "holdfast"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	content := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	path := filepath.Join(dir, "client.pem")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Entra ID itself can't be reached from a test: what is tested is which way of
// signing in is chosen.
func TestIdentity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert := certificate(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	service := []string{"ARM_TENANT_ID=4c1b5c3e-0000-4000-8000-000000000001", "ARM_CLIENT_ID=4c1b5c3e-0000-4000-8000-000000000002"}
	for _, c := range []struct {
		name   string
		config map[string]any
		env    []string
		want   string
	}{
		{"nothing", nil, nil, "AzureCLICredential"},
		{"a secret", map[string]any{"client_secret": secret}, service, "ClientSecretCredential"},
		{"a secret of the environment", nil, append(service, "ARM_CLIENT_SECRET="+secret, "ARM_USE_MSI=true"), "ClientSecretCredential"},
		{"a secret in a file", map[string]any{"client_secret_file_path": "secret"}, service, "ClientSecretCredential"},
		{"a certificate", map[string]any{"client_certificate_path": cert, "client_secret": secret}, service, "ClientCertificateCredential"},
		{"OIDC", map[string]any{"use_oidc": true, "oidc_token": secret}, service, "ClientAssertionCredential"},
		{"OIDC of GitHub", nil, append(service, "ARM_USE_OIDC=true", "ACTIONS_ID_TOKEN_REQUEST_URL=https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+secret), "ClientAssertionCredential"},
		{"a workload of AKS", map[string]any{"use_aks_workload_identity": true}, append(service, "AZURE_FEDERATED_TOKEN_FILE="+filepath.Join(dir, "secret")), "WorkloadIdentityCredential"},
		{"a managed identity", map[string]any{"use_msi": "true"}, nil, "ManagedIdentityCredential"},
	} {
		s := settings(dir, c.config, c.env...)
		b := &Container{}
		got, err := b.identity(s, cloudKind{})
		if err != nil || fmt.Sprintf("%T", got) != "*azidentity."+c.want {
			t.Errorf("%s: %T, %v, want %s", c.name, got, err, c.want)
		}
		if strings.Contains(fmt.Sprint(c.config, c.env), secret) && !strings.Contains(strings.Join(b.secrets, " "), secret) {
			t.Errorf("%s: the secret isn't kept out of messages", c.name)
		}
		if _, err := New(s); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config map[string]any
		env    []string
		want   string
	}{
		{nil, nil, "https://acct.blob.core.windows.net/states/prod.tfstateenv:x"},
		{map[string]any{"environment": "public", "metadata_host": "management.azure.com"}, nil, "https://acct.blob.core.windows.net/states/prod.tfstateenv:x"},
		{nil, []string{"ARM_ENVIRONMENT=usgovernment"}, "https://acct.blob.core.usgovcloudapi.net/states/prod.tfstateenv:x"},
		{map[string]any{"environment": "china"}, nil, "https://acct.blob.core.chinacloudapi.cn/states/prod.tfstateenv:x"},
		{map[string]any{"metadata_host": "stack.example"}, []string{"AZURE_STORAGE_SERVICE_ENDPOINT=https://acct.blob.stack.example/"}, "https://acct.blob.stack.example/states/prod.tfstateenv:x"},
	} {
		b, err := New(settings(t.TempDir(), c.config, append(c.env, "ARM_SAS_TOKEN=?sv=1&sig="+secret)...))
		if err != nil || b.State("x").String() != c.want {
			t.Errorf("%v %v: %v, %v", c.config, c.env, b, err)
		}
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]state.Settings{
		"no container":       settings("", map[string]any{"container_name": nil}),
		"no cloud":           settings("", map[string]any{"environment": secret}),
		"a cloud of its own": settings("", map[string]any{"metadata_host": "x.example"}),
		"no key":             settings("", map[string]any{"access_key": secret + "!"}),
		"neither":            settings("", map[string]any{"use_msi": secret}),
		"no file":            settings(t.TempDir(), map[string]any{"client_secret_file_path": "none"}),
		"no certificate":     settings(t.TempDir(), map[string]any{"client_certificate": secret + "!"}),
		"no token":           settings("", map[string]any{"use_oidc": true}),
		"no address":         settings("", map[string]any{"access_key": "a2V5"}, "AZURE_STORAGE_SERVICE_ENDPOINT=x?sig="+secret),
	} {
		_, err := New(s)
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "; ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// GitHub is asked for a token with its own, and says neither in an error.
func TestAskForToken(t *testing.T) {
	t.Parallel()
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery + " " + r.Header.Get("Authorization")
		if r.URL.Path == "/refused" {
			http.Error(w, secret, http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"count":1,"value":"given"}`)
	}))
	defer server.Close()
	got, err := askForToken(t.Context(), state.Settings{}, server.URL+"/x?api=1", secret)
	if err != nil || got != "given" || !strings.Contains(asked, "audience=api%3A%2F%2FAzureADTokenExchange") || !strings.Contains(asked, "api=1") || !strings.Contains(asked, "Bearer "+secret) {
		t.Errorf("got %s, %v, asked %s", got, err, asked)
	}
	if _, err := askForToken(t.Context(), state.Settings{}, server.URL+"/refused", secret); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
}

// Signing in that fails is an error with its next step, not a missing state.
func TestSignInFails(t *testing.T) {
	t.Parallel()
	b, err := New(settings(t.TempDir(), map[string]any{"client_secret": secret, "use_azuread_auth": true},
		"ARM_TENANT_ID=4c1b5c3e-0000-4000-8000-000000000001", "ARM_CLIENT_ID=4c1b5c3e-0000-4000-8000-000000000002", "HTTPS_PROXY=http://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err = b.State("default").Read(ctx)
	if err == nil || errors.Is(err, state.ErrNone) || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "; ") {
		t.Errorf("got %v", err)
	}
}
