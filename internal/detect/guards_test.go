package detect_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
	"holdfast/internal/provider"
)

// Tests that a check says so when it can't be sure: on the example, with
// something in the way.

// through puts a proxy in front of a stack's emulator.
func (s *appliedStack) through(t *testing.T) (*appliedStack, *lab.Proxy) {
	t.Helper()
	proxy, err := lab.NewProxy(s.emulator.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	return &appliedStack{Stack: s.With(proxy), emulator: s.emulator}, proxy
}

func action(service, name string) func(lab.Request) bool {
	return func(r lab.Request) bool { return r.Service == service && r.Action == name }
}

func do(t *testing.T, s *appliedStack, c lab.Call) {
	t.Helper()
	if _, err := s.Call(t.Context(), s.emulator, c); err != nil {
		t.Fatal(err)
	}
}

var (
	keepLogsForAYear = cases.Call("logs", "put_retention_policy", cases.Params{"logGroupName": "${aws_cloudwatch_log_group.device_token.name}", "retentionInDays": 365})
	keepLogsAsBefore = cases.Call("logs", "put_retention_policy", cases.Params{"logGroupName": "${aws_cloudwatch_log_group.device_token.name}", "retentionInDays": 30})
)

func errorCodes(result drift.Stack) []string {
	var codes []string
	for _, e := range result.Errors {
		codes = append(codes, e.Code)
	}
	return codes
}

func exitCode(result drift.Stack) int { return drift.Run{Stacks: []drift.Stack{result}}.ExitCode() }

func TestOneResourceIsDenied(t *testing.T) {
	t.Parallel()
	s, proxy := applied(t, "device-tokens").fork(t).through(t)
	proxy.On(func(r lab.Request) bool { return r.Service == "dynamodb" }, lab.Fault{Kind: lab.AccessDenied})
	result := s.check(t, detect.Options{})
	if len(result.Errors) != 1 || result.Errors[0].Address != "aws_dynamodb_table.device_tokens" {
		t.Fatalf("errors: %+v", result.Errors)
	}
	if !strings.Contains(result.Errors[0].Message, "AccessDenied") {
		t.Errorf("the error does not say why: %s", result.Errors[0].Message)
	}
	if result.Resources.Errored != 1 || result.Resources.Checked != 19 || result.Resources.Clean != 19 {
		t.Errorf("counts: %+v", result.Resources)
	}
	if result.Status != drift.StatusIncomplete || exitCode(result) != drift.ExitIncomplete {
		t.Errorf("status %s, exit code %d", result.Status, exitCode(result))
	}

	do(t, s, keepLogsForAYear)
	result = s.check(t, detect.Options{})
	if result.Status != drift.StatusDrifted || exitCode(result) != drift.ExitDrift || len(result.Errors) != 1 {
		t.Errorf("with drift elsewhere: status %s, %d errors", result.Status, len(result.Errors))
	}
}

func TestWrongAccount(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	target, err := url.Parse(s.emulator.URL())
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Moto-Account-Id", "999999999999")
	}})
	defer other.Close()
	elsewhere := &appliedStack{Stack: s.With(cloud(other.URL)), emulator: s.emulator}
	result := elsewhere.check(t, detect.Options{})
	if result.Status != drift.StatusIncomplete || exitCode(result) != drift.ExitIncomplete {
		t.Errorf("status %s, exit code %d: a mass deletion out of the wrong account", result.Status, exitCode(result))
	}
	if !slices.Contains(errorCodes(result), "everything_gone") {
		t.Errorf("no warning among %v", errorCodes(result))
	}
	if len(result.Findings) < 3 {
		t.Fatalf("only %d findings", len(result.Findings))
	}
	for _, f := range result.Findings {
		if f.Certainty != drift.Possible || f.Doubt == "" {
			t.Errorf("%s is %s", f.Address, f.Certainty)
		}
	}
}

type cloud string

func (c cloud) Env() []string { return lab.AWSEnv(string(c)) }

func TestEverythingReallyDeleted(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	resp, err := http.Post(s.emulator.URL()+"/moto-api/reset", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	result := s.check(t, detect.Options{})
	if result.Status != drift.StatusDrifted || slices.Contains(errorCodes(result), "everything_gone") {
		t.Errorf("status %s, errors %v: the same account says that all is gone", result.Status, result.Errors)
	}
}

func TestApplyUnderWay(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]drift.Status{
		"OperationTypeApply": drift.StatusIncomplete,
		"OperationTypePlan":  drift.StatusDrifted,
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			s := applied(t, "device-tokens").fork(t)
			do(t, s, keepLogsForAYear)
			lock := `{"ID":"1","Operation":"` + operation + `","Who":"ci@runner","Created":"2026-11-01T10:00:00Z"}`
			if err := os.WriteFile(filepath.Join(s.Dir, ".terraform.tfstate.lock.info"), []byte(lock), 0o600); err != nil {
				t.Fatal(err)
			}
			result := s.check(t, detect.Options{})
			if result.Status != want || len(result.Findings) != 1 {
				t.Errorf("status %s with %d findings, want %s with one", result.Status, len(result.Findings), want)
			}
			if operation == "OperationTypeApply" && !strings.Contains(result.Errors[0].Message, "ci@runner since 2026-11-01") {
				t.Errorf("who holds the lock isn't said: %+v", result.Errors)
			}
		})
	}
}

var serial = regexp.MustCompile(`"serial": \d+`)

// setSerial writes the state anew, as an apply does.
func setSerial(t *testing.T, s *appliedStack, n string) {
	t.Helper()
	src, err := os.ReadFile(s.StateFile())
	if err != nil {
		t.Error(err)
		return
	}
	if err := os.WriteFile(s.StateFile(), serial.ReplaceAll(src, []byte(`"serial": `+n)), 0o600); err != nil {
		t.Error(err)
	}
}

func TestStateChangesDuringTheCheck(t *testing.T) {
	t.Parallel()
	s, proxy := applied(t, "device-tokens").fork(t).through(t)
	do(t, s, keepLogsForAYear)
	var once atomic.Bool
	proxy.On(func(r lab.Request) bool {
		if r.Service == "logs" && once.CompareAndSwap(false, true) {
			setSerial(t, s, "1001")
		}
		return false
	}, lab.Fault{})
	result := s.checkOnly(t, detect.Options{})
	if result.State.Serial != 1001 || result.Status != drift.StatusDrifted || len(result.Findings) != 1 {
		t.Errorf("serial %d, status %s, %d findings: the check was to be made again on the new state", result.State.Serial, result.Status, len(result.Findings))
	}
}

func TestStateKeepsChanging(t *testing.T) {
	t.Parallel()
	s, proxy := applied(t, "device-tokens").fork(t).through(t)
	do(t, s, keepLogsForAYear)
	var n atomic.Int64
	proxy.On(func(r lab.Request) bool {
		if r.Service == "logs" {
			setSerial(t, s, time.Unix(n.Add(1), 0).UTC().Format("20060102150405"))
		}
		return false
	}, lab.Fault{})
	result := s.checkOnly(t, detect.Options{})
	if result.Status != drift.StatusIncomplete || !slices.Contains(errorCodes(result), "state_changing") {
		t.Errorf("status %s, errors %v", result.Status, errorCodes(result))
	}
}

// The second read of a drifted resource finds it as it should be: the first one
// had met an apply half way.
func TestDriftThatIsGoneAtTheSecondLook(t *testing.T) {
	t.Parallel()
	s, proxy := applied(t, "device-tokens").fork(t).through(t)
	do(t, s, keepLogsForAYear)
	var looks atomic.Int64
	proxy.On(func(r lab.Request) bool {
		if action("logs", "DescribeLogGroups")(r) && looks.Add(1) == 2 {
			do(t, s, keepLogsAsBefore)
		}
		return false
	}, lab.Fault{})
	result := s.checkOnly(t, detect.Options{})
	if result.Status != drift.StatusClean || result.Resources.Checked != 20 || result.Resources.Clean != 20 {
		t.Errorf("status %s, counts %+v, findings %+v", result.Status, result.Resources, result.Findings)
	}
}

func TestEndpointThatRefuses(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	nobody := &appliedStack{Stack: s.With(cloud("http://127.0.0.1:1")), emulator: s.emulator}
	result := nobody.check(t, detect.Options{ResourceTimeout: time.Minute})
	if result.Status != drift.StatusError || exitCode(result) != drift.ExitIncomplete {
		t.Errorf("status %s, exit code %d", result.Status, exitCode(result))
	}
	if len(result.Errors) != 20 || !strings.Contains(result.Errors[0].Message, "connection refused") {
		t.Errorf("%d errors, the first: %+v", len(result.Errors), result.Errors[:1])
	}
}

func TestSlowResourceTimesOut(t *testing.T) {
	t.Parallel()
	s, proxy := applied(t, "device-tokens").fork(t).through(t)
	s.check(t, detect.Options{}) // the schema is in the cache then: on a busy machine it takes its time
	proxy.On(func(r lab.Request) bool { return r.Service == "logs" }, lab.Fault{Delay: 3 * time.Minute})
	result := s.check(t, detect.Options{ResourceTimeout: 40 * time.Second})
	if len(result.Errors) != 1 || result.Errors[0].Code != "timeout" || result.Errors[0].Address != "aws_cloudwatch_log_group.device_token" {
		t.Errorf("errors: %+v", result.Errors)
	}
	if result.Status != drift.StatusIncomplete {
		t.Errorf("status %s", result.Status)
	}
}

// An endpoints block in the provider configuration, as people write it who
// don't use AWS_ENDPOINT_URL.
func TestEndpointsBlock(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	if err := os.WriteFile(filepath.Join(s.Dir, "endpoint.auto.tfvars"), []byte(`endpoint = "`+s.emulator.URL()+`"`), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := &appliedStack{Stack: s.With(cloud("http://127.0.0.1:1")), emulator: s.emulator}
	if result := elsewhere.check(t, detect.Options{}); result.Status != drift.StatusClean || result.Resources.Checked != 20 {
		t.Errorf("status %s, errors %+v", result.Status, result.Errors)
	}
}

func TestChangingRequestsAreNeverMade(t *testing.T) {
	t.Parallel()
	s, proxy := applied(t, "device-tokens").fork(t).through(t)
	do(t, s, keepLogsForAYear)
	if result := s.check(t, detect.Options{}); result.Status != drift.StatusDrifted {
		t.Fatalf("status %s", result.Status)
	}
	reads := regexp.MustCompile(`^(Get|List|Describe|Lookup|GET |HEAD )`)
	requests := proxy.Requests()
	for _, r := range requests {
		if !reads.MatchString(r.Action) {
			t.Errorf("a check asked for %s of %s", r.Action, r.Service)
		}
		if !strings.Contains(r.UserAgent, "holdfast") {
			t.Errorf("the user agent does not say who asks: %s", r.UserAgent)
		}
	}
	if len(requests) < 20 {
		t.Errorf("only %d requests were seen", len(requests))
	}
}

// Damaged or missing files: each is an error of the stack that names the file
// and the next step.
func TestBadInput(t *testing.T) {
	t.Parallel()
	edit := func(name string, change func([]byte) []byte) func(*testing.T, *appliedStack) {
		return func(t *testing.T, s *appliedStack) {
			t.Helper()
			path := filepath.Join(s.Dir, name)
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(src), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(old, with string) func([]byte) []byte {
		return func(src []byte) []byte { return bytes.Replace(src, []byte(old), []byte(with), 1) }
	}
	for name, c := range map[string]struct {
		damage func(*testing.T, *appliedStack)
		code   string
		says   []string
		status drift.Status
	}{
		"truncated state": {edit("terraform.tfstate", func(b []byte) []byte { return b[:len(b)/2] }), "state_unreadable", []string{"terraform.tfstate", "truncated"}, drift.StatusError},
		"state version 3": {edit("terraform.tfstate", replace(`"version": 4`, `"version": 3`)), "state_unreadable", []string{"terraform.tfstate", "version 3"}, drift.StatusError},
		"no state": {func(t *testing.T, s *appliedStack) {
			if err := os.Remove(s.StateFile()); err != nil {
				t.Fatal(err)
			}
		}, "no_state", []string{"terraform.tfstate", "--state"}, drift.StatusError},
		"newer schema":    {edit("terraform.tfstate", replace(`"schema_version": 1`, `"schema_version": 99`)), "unsupported", []string{"99", "upgrade the provider"}, drift.StatusIncomplete},
		"wrong lock hash": {edit(".terraform.lock.hcl", func(b []byte) []byte { return regexp.MustCompile(`"h1:[^"]+"`).ReplaceAll(b, []byte(`"h1:AAAA"`)) }), "provider_untrusted", []string{"registry.terraform.io/hashicorp/aws", provider.LockFile, "not run"}, drift.StatusError},
		"damaged lock":    {edit(".terraform.lock.hcl", func(b []byte) []byte { return append(b, "provider {"...) }), "lock_file_unreadable", []string{provider.LockFile, "terraform init"}, drift.StatusError},
		"no provider": {func(t *testing.T, s *appliedStack) {
			if err := os.RemoveAll(filepath.Join(s.Dir, ".terraform", "providers")); err != nil {
				t.Fatal(err)
			}
			nothing := filepath.Join(t.TempDir(), "cli.tfrc")
			if err := os.WriteFile(nothing, []byte("provider_installation {\n direct {}\n}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s.extra = []string{"TF_CLI_CONFIG_FILE=" + nothing, "HOME=" + t.TempDir()}
		}, "provider_missing", []string{"registry.terraform.io/hashicorp/aws", "5.100.0", "terraform init"}, drift.StatusError},
		"syntax error":     {edit("main.tf", func(b []byte) []byte { return append(b, "\nlocals {\n  x = \n}\n"...) }), "source_unreadable", []string{"main.tf:"}, drift.StatusError},
		"unknown provider": {edit("main.tf", replace("region", "region = var.nowhere\n  retry_mode")), "failed", []string{"var.nowhere", "main.tf:"}, drift.StatusError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := applied(t, "device-tokens").fork(t)
			c.damage(t, s)
			result := s.checkOnly(t, detect.Options{})
			if result.Status != c.status || exitCode(result) != drift.ExitIncomplete {
				t.Errorf("status %s, exit code %d", result.Status, exitCode(result))
			}
			if len(result.Errors) == 0 || result.Errors[0].Code != c.code {
				t.Fatalf("errors: %+v", result.Errors)
			}
			for _, part := range c.says {
				if !strings.Contains(result.Errors[0].Message, part) {
					t.Errorf("the message does not say %q: %s", part, result.Errors[0].Message)
				}
			}
		})
	}
}

// A provider's diagnostics, and whatever else is said, never hold a secret.
func TestSecretsStayOutOfErrors(t *testing.T) {
	t.Parallel()
	s := applied(t, "features").fork(t)
	secret := canary + "access-key-0001"
	s.extra = []string{"AWS_SECRET_ACCESS_KEY=" + secret}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{
			"__type": "ValidationException", "message": "we were given " + secret + " and not-a-real-password-0001",
		})
	}))
	defer proxy.Close()
	elsewhere := &appliedStack{Stack: s.With(cloud(proxy.URL)), emulator: s.emulator, extra: s.extra}
	result := elsewhere.check(t, detect.Options{})
	if len(result.Errors) == 0 {
		t.Fatal("nothing went wrong")
	}
	searchCanaries(t, result)
}

// The API throttles, and the provider does not try again: everything is checked
// all the same, and asked for more slowly.
func TestThrottling(t *testing.T) {
	t.Parallel()
	s, proxy := applied(t, "tiny").fork(t).through(t)
	s.extra = append(s.extra, "TF_VAR_api_retries=1")
	do(t, s, cases.Call("logs", "put_retention_policy", cases.Params{"logGroupName": "tiny", "retentionInDays": 60}))
	calm := s.check(t, detect.Options{})
	proxy.Forget()
	const refusals = 6
	proxy.On(func(r lab.Request) bool { return r.Service != "sts" }, lab.Fault{Kind: lab.Throttling, Times: refusals})
	throttled := s.check(t, detect.Options{})
	if len(throttled.Errors) > 0 {
		t.Errorf("not checked: %+v", throttled.Errors)
	}
	if diff := cmp.Diff(verdicts(calm), verdicts(throttled)); diff != "" || len(calm.Findings) != 1 {
		t.Errorf("findings (-calm +throttled):\n%s", diff)
	}
	requests, refused := proxy.Requests(), 0
	for i, r := range requests {
		if r.Status < 400 {
			continue
		}
		refused++
		again := slices.IndexFunc(requests[i+1:], func(o lab.Request) bool { return o.Action == r.Action && bytes.Equal(o.Body, r.Body) })
		if again < 0 {
			t.Errorf("%s was refused and not asked again", r.Action)
		} else if gap := requests[i+1+again].Time.Sub(r.Time); gap < time.Second {
			t.Errorf("%s was asked again %s after it was refused", r.Action, gap)
		}
	}
	if refused != refusals {
		t.Errorf("%d requests were refused", refused)
	}
}
