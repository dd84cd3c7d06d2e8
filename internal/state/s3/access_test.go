package s3_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/state"
	"holdfast/internal/state/s3"
)

// without leaves arguments out of a backend block.
func without(config map[string]any, names ...string) map[string]any {
	for _, name := range names {
		delete(config, name)
	}
	return config
}

// seen is what a server of S3 was asked.
type seen struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string // where a proxy keeps them
}

// listening is a server that has one state, whoever asks, and keeps the
// requests.
func listening(t *testing.T) (url string, s *seen) {
	t.Helper()
	s = &seen{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, r)
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	return server.URL, s
}

// before is a proxy before a server that keeps the requests.
func before(t *testing.T, server string) (proxy string, s *seen) {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	s = &seen{}
	next := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL, s
}

// last is the last request; the test fails where there was none.
func (s *seen) last(t *testing.T) *http.Request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		t.Fatal("no request came")
	}
	return s.requests[len(s.requests)-1]
}

// signer is the access key and region that a request was signed with.
func signer(r *http.Request) string {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(rest, "/")
	if len(parts) < 3 {
		return "nobody"
	}
	return parts[0] + " " + parts[2]
}

// Where credentials, region and endpoint come from.
func TestAccess(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, ".aws/credentials", "[default]\naws_access_key_id=DEFAULT\naws_secret_access_key=canarySecret\n[ci]\naws_access_key_id=CI\naws_secret_access_key=canarySecret\n")
	write(t, home, ".aws/config", "[default]\nregion=eu-north-1\n[profile ci]\nregion=eu-south-1\n[profile run]\ncredential_process=echo \"$ANSWER\"\n"+
		"[profile env]\nrole_arn=arn:aws:iam::111111111111:role/r\ncredential_source=Nowhere\n[profile mfa]\nrole_arn=arn:aws:iam::111111111111:role/r\nsource_profile=ci\nmfa_serial=x\n")
	write(t, home, "other", "[ci]\naws_access_key_id=OTHER\naws_secret_access_key=canarySecret\n")
	inEnv := []string{"AWS_ACCESS_KEY_ID=INENV", "AWS_SECRET_ACCESS_KEY=canarySecret", "AWS_SESSION_TOKEN=x"}
	for _, c := range []struct {
		name   string
		config map[string]any
		env    []string
		want   string
	}{
		{"the default profile", nil, nil, "DEFAULT eu-north-1"},
		{"the environment before it", nil, inEnv, "INENV eu-north-1"},
		{"a region of the environment", nil, []string{"AWS_DEFAULT_REGION=us-west-1"}, "DEFAULT us-west-1"},
		{"AWS_REGION before AWS_DEFAULT_REGION", nil, []string{"AWS_DEFAULT_REGION=us-west-1", "AWS_REGION=us-west-2"}, "DEFAULT us-west-2"},
		{"the block's region before all", map[string]any{"region": "sa-east-1"}, []string{"AWS_REGION=us-west-2"}, "DEFAULT sa-east-1"},
		{"AWS_PROFILE", nil, []string{"AWS_PROFILE=ci"}, "CI eu-south-1"},
		{"credentials of the environment before AWS_PROFILE", nil, append([]string{"AWS_PROFILE=ci"}, inEnv...), "INENV eu-south-1"},
		{"the block's profile before the environment's credentials", map[string]any{"profile": "ci"}, inEnv, "CI eu-south-1"},
		{"the block's keys before all", map[string]any{"profile": "ci", "access_key": "BLOCK", "secret_key": "canarySecret"}, inEnv, "BLOCK eu-south-1"},
		{"the block's files", map[string]any{"profile": "ci", "shared_credentials_files": []any{"~/other"}}, nil, "OTHER eu-south-1"},
		{"the block's file, as it was called before", map[string]any{"profile": "ci", "shared_credentials_file": filepath.Join(home, "other")}, nil, "OTHER eu-south-1"},
		{"files of the environment", map[string]any{"profile": "ci"}, []string{"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(home, "other")}, "OTHER eu-south-1"},
		{
			"a program", map[string]any{"profile": "run", "region": "eu-west-1"},
			[]string{`ANSWER={"Version":1,"AccessKeyId":"PROCESS","SecretAccessKey":"canarySecret"}`, "PATH=" + os.Getenv("PATH")}, "PROCESS eu-west-1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, s := listening(t)
			block := map[string]any{"bucket": "b", "key": "k", "endpoint": url}
			maps.Copy(block, c.config)
			env := append([]string{"HOME=" + home, "AWS_EC2_METADATA_DISABLED=true"}, c.env...)
			b, err := s3.New(state.Settings{Config: block, Env: env})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := b.State("default").Read(t.Context()); err != nil || string(got) != "{}" {
				t.Fatalf("got %q, %v", got, err)
			}
			if got := signer(s.last(t)); got != c.want {
				t.Errorf("signed by %s, want %s", got, c.want)
			}
		})
	}
	for name, want := range map[string]string{"nobody": "AWS profile nobody", "env": "credential_source", "mfa": "MFA"} {
		_, err := s3.New(state.Settings{Config: map[string]any{"bucket": "b", "key": "k", "region": "eu-west-1", "profile": name}, Env: []string{"HOME=" + home}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("profile %s: %v", name, err)
		}
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Which endpoint is asked, and how the bucket is named in it.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config func(url string) map[string]any
		env    string // its value is the URL
	}{
		{"a block", func(url string) map[string]any { return map[string]any{"endpoints": map[string]any{"s3": url}} }, ""},
		{"a block as older versions write it", func(url string) map[string]any {
			return map[string]any{"endpoints": []any{map[string]any{"s3": url, "sts": nil}}}
		}, ""},
		{"the old argument", func(url string) map[string]any { return map[string]any{"endpoint": url} }, ""},
		{"of the service, in the environment", nil, "AWS_ENDPOINT_URL_S3"},
		{"of the service, as it was called before", nil, "AWS_S3_ENDPOINT"},
		{"of all services", nil, "AWS_ENDPOINT_URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, s := listening(t)
			block := map[string]any{"bucket": "b", "key": "k/x", "region": "us-east-1", "access_key": "A", "secret_key": "canarySecret"}
			var env []string
			if c.config != nil {
				maps.Copy(block, c.config(url))
				env = []string{"AWS_ENDPOINT_URL_S3=http://127.0.0.1:1"}
			}
			if c.env != "" {
				env = append(env, c.env+"="+url)
			}
			if _, err := open(t, block, env...).State("default").Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := s.last(t); got.URL.Path != "/b/k/x" || got.Method != http.MethodGet {
				t.Errorf("%s %s", got.Method, got.URL)
			}
		})
	}
	// A name that is no address: then the style shows.
	for style, want := range map[string]string{"use_path_style": "s3.example.test", "force_path_style": "s3.example.test", "": "bucket.s3.example.test"} {
		url, s := listening(t)
		block := map[string]any{"bucket": "bucket", "key": "k", "region": "us-east-1", "access_key": "A", "secret_key": "canarySecret", "endpoint": "http://s3.example.test", "http_proxy": url}
		if style != "" {
			block[style] = true
		}
		if _, err := open(t, block).State("default").Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.last(t).Host; got != want {
			t.Errorf("%q: asked %s, want %s", style, got, want)
		}
	}
}

// The process's own environment is not looked at.
func TestEnvironmentOfTheProcess(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".aws/credentials", "[default]\naws_access_key_id=PROCESS\naws_secret_access_key=canarySecret\n")
	for name, value := range map[string]string{
		"HOME": home, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "PROCESS",
		"AWS_SECRET_ACCESS_KEY": "canarySecret", "AWS_REGION": "us-gov-west-1", "AWS_PROFILE": "nobody", "HTTP_PROXY": "http://127.0.0.1:1",
		"AWS_CA_BUNDLE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": home + "/.aws/credentials",
	} {
		t.Setenv(name, value)
	}
	url, s := listening(t)
	block := map[string]any{"bucket": "b", "key": "k", "endpoint": url}
	b := open(t, block, "AWS_ACCESS_KEY_ID=STACK", "AWS_SECRET_ACCESS_KEY=canarySecret", "AWS_REGION=us-east-2")
	if _, err := b.State("default").Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := signer(s.last(t)); got != "STACK us-east-2" {
		t.Errorf("signed by %s", got)
	}
	_, err := open(t, block, "AWS_REGION=us-east-2").State("default").Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no AWS credentials were found; set AWS_PROFILE") {
		t.Errorf("credentials were found: %v", err)
	}
	if _, err := s3.New(state.Settings{Config: block, Env: quiet}); err == nil || !strings.Contains(err.Error(), "no region; set region") {
		t.Errorf("a region was found: %v", err)
	}
}

// The state is asked for with the role's credentials and no others. moto gives
// those of a role a key that begins with ASIA, as AWS does.
func TestAssumeRole(t *testing.T) {
	t.Parallel()
	st := newStore(t)
	st.put(t, "default", []byte("away"))
	const arn = "arn:aws:iam::111111111111:role/states"
	home := t.TempDir()
	write(t, home, ".aws/config", "[profile away]\nrole_arn="+arn+"\nsource_profile=base\n[profile base]\naws_access_key_id=test\naws_secret_access_key=test\n")
	write(t, home, "token", "canary-token")
	for _, c := range []struct {
		name   string
		config map[string]any
		env    []string
		remove []string
		sent   string // a part of what STS was sent
	}{
		{"a block", map[string]any{"assume_role": map[string]any{"role_arn": arn, "session_name": "holdfast", "external_id": "canaryExternal", "duration": "1h", "tags": map[string]any{"a": "b"}, "policy": nil}}, nil, nil, "DurationSeconds=3600&ExternalId=canaryExternal"},
		{"a block as older versions write it", map[string]any{"assume_role": []any{map[string]any{"role_arn": arn}}}, nil, nil, "Action=AssumeRole&"},
		{"the old arguments", map[string]any{"role_arn": arn, "session_name": "holdfast", "external_id": "canaryExternal", "assume_role_duration_seconds": 3600.0, "assume_role_transitive_tag_keys": []any{"a"}, "assume_role_tags": map[string]any{"a": "b"}}, nil, nil, "RoleSessionName=holdfast&Tags.member.1.Key=a&Tags.member.1.Value=b&TransitiveTagKeys.member.1=a"},
		{"a profile", map[string]any{"profile": "away"}, []string{"HOME=" + home, "AWS_CONFIG_FILE="}, []string{"access_key", "secret_key", "token"}, "Action=AssumeRole&"},
		{"a web identity", map[string]any{"assume_role_with_web_identity": map[string]any{"role_arn": arn, "web_identity_token": "canary-token"}}, nil, []string{"access_key", "secret_key", "token"}, "Action=AssumeRoleWithWebIdentity&"},
		{"a web identity of the environment", nil, []string{"AWS_ROLE_ARN=" + arn, "AWS_WEB_IDENTITY_TOKEN_FILE=" + filepath.Join(home, "token")}, []string{"access_key", "secret_key", "token"}, "WebIdentityToken=canary-token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			front, asked := before(t, st.url)
			sts, assumed := before(t, st.url)
			block := without(st.config(c.config), c.remove...)
			block["endpoints"] = map[string]any{"s3": front, "sts": sts}
			if got, err := open(t, block, c.env...).State("default").Read(t.Context()); err != nil || string(got) != "away" {
				t.Errorf("got %q, %v", got, err)
			}
			if got := signer(asked.last(t)); !strings.HasPrefix(got, "ASIA") {
				t.Errorf("signed by %s", got)
			}
			if len(assumed.bodies) != 1 || !strings.Contains(assumed.bodies[0], c.sent) {
				t.Errorf("STS was sent %q, want %s in it", assumed.bodies, c.sent)
			}
		})
	}
}

// A customer's key goes with each request for an object.
func TestCustomerKey(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString([]byte("canarycanarycanarycanarycanary32"))
	for name, c := range map[string]struct {
		config map[string]any
		env    string
	}{
		"in the block":       {map[string]any{"sse_customer_key": key, "encrypt": true}, "X=y"},
		"in the environment": {map[string]any{"encrypt": "true"}, "AWS_SSE_CUSTOMER_KEY=" + key},
	} {
		url, s := listening(t)
		block := map[string]any{"bucket": "b", "key": "k", "region": "us-east-1", "access_key": "A", "secret_key": "canarySecret", "endpoint": url}
		maps.Copy(block, c.config)
		source := open(t, block, c.env).State("default")
		if _, err := source.Read(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := s.last(t)
		if r.Header.Get("X-Amz-Server-Side-Encryption-Customer-Key") != key || r.Header.Get("X-Amz-Server-Side-Encryption-Customer-Key-Md5") == "" {
			t.Errorf("%s: no key was sent", name)
		}
	}
	_, err := s3.New(state.Settings{Config: map[string]any{"bucket": "b", "key": "k", "encrypt": true, "sse_customer_key": "canary"}})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a key that is none: %v", err)
	}
}

// What S3 refuses is said with the way on.
func TestExplained(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		want   string
	}{
		"NoSuchBucket":          {404, "see whether bucket and endpoint"},
		"AccessDenied":          {403, "allow s3:GetObject"},
		"ExpiredToken":          {400, "sign in again"},
		"InvalidAccessKeyId":    {403, "use other credentials"},
		"PermanentRedirect":     {301, "set region of the backend"},
		"SlowDown":              {503, "try again later"},
		"SignatureDoesNotMatch": {403, "use other credentials"},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte("<Error><Code>" + code + "</Code><Message>of " + canaryToken + "</Message></Error>"))
			}))
			t.Cleanup(server.Close)
			block := map[string]any{
				"bucket": "b", "key": "k", "region": "us-east-1", "access_key": canaryKey, "secret_key": canarySecret, "token": canaryToken,
				"endpoint": server.URL, "max_retries": 0.0,
			}
			_, err := open(t, block).State("default").Read(t.Context())
			if err == nil || errors.Is(err, state.ErrNone) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), code) {
				t.Fatalf("got %v", err)
			}
			if slices.ContainsFunc(canaries, func(canary string) bool { return strings.Contains(err.Error(), canary) }) {
				t.Errorf("it shows a credential: %v", err)
			}
		})
	}
}

// A role that can't be assumed is told apart from a state that can't be read.
func TestRoleRefused(t *testing.T) {
	t.Parallel()
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"))
	}))
	t.Cleanup(sts.Close)
	url, s := listening(t)
	block := map[string]any{
		"bucket": "b", "key": "k", "region": "us-east-1", "access_key": canaryKey, "secret_key": canarySecret,
		"endpoints": map[string]any{"s3": url, "sts": sts.URL}, "role_arn": "arn:aws:iam::111111111111:role/states",
	}
	_, err := open(t, block).State("default").Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "assuming the role: AccessDenied") || !strings.Contains(err.Error(), "allow sts:AssumeRole") {
		t.Errorf("got %v", err)
	}
	if len(s.requests) > 0 {
		t.Error("the state was asked for without the role")
	}
}

// What a program for credentials prints is not shown, even where it is wrong.
func TestProgramFails(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]string{
		`echo canarySecret`: "is no credentials",
		`echo '{"Version":2,"AccessKeyId":"canaryKey","SecretAccessKey":"canarySecret"}'`: "is no credentials",
		`echo canarySecret >&2; exit 7`: "exit status 7",
	} {
		home := t.TempDir()
		write(t, home, ".aws/config", "[profile p]\nregion=eu-west-1\ncredential_process="+program+"\n")
		b, err := s3.New(state.Settings{Config: map[string]any{"bucket": "b", "key": "k", "profile": "p"}, Env: []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.State("default").Read(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "profile p") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", program, err)
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	for want, more := range map[string]map[string]any{
		"no bucket":       {"bucket": nil},
		"no key":          {"key": nil},
		"slash":           {"key": "/k"},
		"max_retries":     {"max_retries": "often"},
		"use_path_style":  {"use_path_style": "perhaps"},
		"endpoints":       {"endpoints": "http://x"},
		"access_key":      {"secret_key": nil},
		"duration":        {"assume_role": map[string]any{"role_arn": "a", "duration": "long"}},
		"assume_role":     {"assume_role": "arn"},
		"profile":         {"profile": []any{"x"}},
		"shared_config":   {"shared_config_files": "x"},
		"certificate":     {"custom_ca_bundle": os.DevNull},
		"metadata_servic": {"ec2_metadata_service_endpoint_mode": "carrier pigeon", "access_key": nil, "secret_key": nil},
	} {
		block := map[string]any{"bucket": "b", "key": "k", "region": "us-east-1", "access_key": canaryKey, "secret_key": canarySecret}
		maps.Copy(block, more)
		_, err := s3.New(state.Settings{Config: block, Env: []string{"HOME=" + os.DevNull}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canarySecret) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Stacks with the same access share it, and a role is assumed once.
func TestPool(t *testing.T) {
	t.Parallel()
	st := newStore(t)
	front, roles := before(t, st.url)
	pool := &s3.Pool{}
	for _, key := range []string{"a", "b", "c"} {
		st.object(t, key, []byte(key))
		block := st.config(map[string]any{"key": key, "endpoints": map[string]any{"s3": st.url, "sts": front}, "assume_role": map[string]any{"role_arn": "arn:aws:iam::123456789012:role/states"}})
		b, err := pool.New(state.Settings{Config: block, Env: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.State("default").Read(t.Context()); err != nil || string(got) != key {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if len(roles.requests) != 1 {
		t.Errorf("the role was assumed %d times", len(roles.requests))
	}
}
