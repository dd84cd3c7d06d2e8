package s3_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/internal/state"
	"holdfast/internal/state/s3"
)

// Credentials that a machine, a container and a single sign-on give. The
// services are modelled on their documentation.
const answerOfMachine = `{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"MACHINE","SecretAccessKey":"canarySecret","Token":"t","Expiration":"2126-01-01T00:00:00Z"}`

// service answers by path, and counts what it does not know as a fault.
func service(t *testing.T, answers map[string]string, ok func(r *http.Request) bool) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.Method+" "+r.URL.Path]
		if !known || !ok(r) {
			t.Errorf("asked %s %s with %v", r.Method, r.URL, r.Header)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// signedBy reads a state and says who signed the request for it.
func signedBy(t *testing.T, config map[string]any, env ...string) string {
	t.Helper()
	url, s := listening(t)
	block := map[string]any{"bucket": "b", "key": "k", "region": "eu-west-1", "endpoint": url}
	maps.Copy(block, config)
	b, err := s3.New(state.Settings{Config: block, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.State("default").Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	return signer(s.last(t))
}

// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
func TestMachineRole(t *testing.T) {
	t.Parallel()
	metadata := service(t, map[string]string{
		"PUT /latest/api/token":                               "token",
		"GET /latest/meta-data/iam/security-credentials/":     "role",
		"GET /latest/meta-data/iam/security-credentials/role": answerOfMachine,
	}, func(r *http.Request) bool {
		return r.Method == http.MethodPut || r.Header.Get("X-Aws-Ec2-Metadata-Token") == "token"
	})
	if got := signedBy(t, map[string]any{"ec2_metadata_service_endpoint": metadata}, "HOME=/dev/null"); got != "MACHINE eu-west-1" {
		t.Errorf("signed by %s", got)
	}
	if got := signedBy(t, nil, "HOME=/dev/null", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+metadata, "HTTP_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1"); got != "MACHINE eu-west-1" {
		t.Errorf("signed by %s", got)
	}
	began := time.Now()
	b, err := s3.New(state.Settings{
		Config: map[string]any{"bucket": "b", "key": "k", "region": "eu-west-1", "ec2_metadata_service_endpoint": "http://127.0.0.1:1"}, Env: []string{"HOME=/dev/null"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = b.State("default").Read(t.Context()); err == nil || !strings.Contains(err.Error(), "no AWS credentials were found") {
		t.Errorf("without a metadata service: %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v to find that out", took)
	}
}

// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func TestContainerRole(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, "token", "canary-container-token")
	container := service(t, map[string]string{"GET /creds": answerOfMachine}, func(r *http.Request) bool {
		return r.Header.Get("Authorization") == "canary-container-token"
	})
	for _, token := range []string{"AWS_CONTAINER_AUTHORIZATION_TOKEN=canary-container-token", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + home + "/token"} {
		if got := signedBy(t, nil, "HOME=/dev/null", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+container+"/creds", token); got != "MACHINE eu-west-1" {
			t.Errorf("%s: signed by %s", token, got)
		}
	}
	for _, address := range []string{"http://example.test/creds", "http://10.0.0.1/creds", "ftp://x", "%"} {
		_, err := s3.New(state.Settings{
			Config: map[string]any{"bucket": "b", "key": "k", "region": "eu-west-1"},
			Env:    []string{"HOME=/dev/null", "AWS_CONTAINER_CREDENTIALS_FULL_URI=" + address},
		})
		if err == nil || !strings.Contains(err.Error(), "AWS_CONTAINER_CREDENTIALS_FULL_URI") {
			t.Errorf("%s gets the token: %v", address, err)
		}
	}
}

// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	sso := service(t, map[string]string{
		"GET /federation/credentials": `{"roleCredentials":{"accessKeyId":"SIGNEDON","secretAccessKey":"canarySecret","sessionToken":"t","expiration":4922726400000}}`,
	}, func(r *http.Request) bool {
		return r.Header.Get("X-Amz-Sso_bearer_token") == "canary-sso-token" && r.URL.Query().Get("role_name") == "reader" && r.URL.Query().Get("account_id") == "123456789012"
	})
	for name, profile := range map[string]string{
		"corp":                   "sso_session=corp\n",
		"https://x.example.test": "sso_start_url=https://x.example.test\nsso_region=eu-west-1\n",
	} {
		home := t.TempDir()
		write(t, home, ".aws/config", "[profile p]\nsso_account_id=123456789012\nsso_role_name=reader\n"+profile+"[sso-session corp]\nsso_region=eu-west-1\nsso_start_url=https://x.example.test\n")
		sum := sha1.Sum([]byte(name))
		cached := ".aws/sso/cache/" + hex.EncodeToString(sum[:]) + ".json"
		write(t, home, cached, `{"accessToken":"canary-sso-token","expiresAt":"2126-01-01T00:00:00Z"}`)
		block := map[string]any{"profile": "p", "endpoints": map[string]any{"sso": sso}}
		if got := signedBy(t, block, "HOME="+home); got != "SIGNEDON eu-west-1" {
			t.Errorf("%s: signed by %s", name, got)
		}
		write(t, home, cached, fmt.Sprintf(`{"accessToken":"canary-sso-token","expiresAt":%q}`, time.Now().Add(-time.Hour).Format(time.RFC3339)))
		b, err := s3.New(state.Settings{Config: map[string]any{"bucket": "b", "key": "k", "region": "eu-west-1", "profile": "p"}, Env: []string{"HOME=" + home}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.State("default").Read(t.Context()); err == nil || !strings.Contains(err.Error(), "aws sso login") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: a session that has ended: %v", name, err)
		}
	}
}

// Endpoints that a profile names.
func TestEndpointsOfProfile(t *testing.T) {
	t.Parallel()
	const keys = "aws_access_key_id=PROFILE\naws_secret_access_key=canarySecret\nregion=eu-west-1\n"
	for _, profile := range []string{"endpoint_url=%s\n", "services=here\nendpoint_url=http://127.0.0.1:1\n[services here]\ns3 =\n  endpoint_url=%s\n"} {
		url, s := listening(t)
		home := t.TempDir()
		write(t, home, ".aws/config", "[profile p]\n"+keys+fmt.Sprintf(profile, url))
		b, err := s3.New(state.Settings{Config: map[string]any{"bucket": "b", "key": "k", "profile": "p"}, Env: []string{"HOME=" + home}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.State("default").Read(t.Context()); err != nil {
			t.Errorf("%s: %v", profile, err)
			continue
		}
		if got := signer(s.last(t)); got != "PROFILE eu-west-1" {
			t.Errorf("signed by %s", got)
		}
	}
}
