package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// original is the tiny stack, applied to a fork of the root by the first test
// that asks. Tests work on clones.
var original struct {
	once     sync.Once
	stack    *Stack
	emulator *Emulator
	err      error
}

// applied clones the tiny stack and its emulator for a test.
func applied(t *testing.T) (*Stack, *Emulator) {
	t.Helper()
	o, tools, root := &original, Need(t), root(t)
	o.once.Do(func() { o.stack, o.emulator, o.err = applyTiny(t, tools, root) })
	if o.err != nil {
		t.Fatal(o.err)
	}
	e := fork(t, o.emulator)
	start := time.Now()
	s, err := o.stack.Clone(filepath.Join(t.TempDir(), "clone"), e)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("clone %v", time.Since(start))
	return s, e
}

// applyTiny outlives the test that calls it: TestMain removes the folder, and
// ends the root.
func applyTiny(t *testing.T, tools Tools, root *Emulator) (*Stack, *Emulator, error) {
	t.Helper()
	ctx := context.Background()
	e, err := root.Fork(ctx)
	if err != nil {
		return nil, nil, err
	}
	start := time.Now()
	s, err := NewStack(ctx, tools, e, "testdata/tiny", filepath.Join(tempDir, "tiny"))
	if err != nil {
		return nil, nil, err
	}
	initialised := time.Now()
	if err := s.Apply(ctx); err != nil {
		return nil, nil, err
	}
	t.Logf("init %v, apply %v", initialised.Sub(start), time.Since(initialised))
	// Takes the provider's noise (tags that are null, then {}) into the state.
	err = s.Apply(ctx, "-refresh-only")
	return s, e, err
}

func plan(t *testing.T, s *Stack, args ...string) *Plan {
	t.Helper()
	p, err := s.Plan(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestStack goes the way of every end-to-end test: look at a clone, change
// something behind its back, look again.
func TestStack(t *testing.T) {
	t.Parallel()
	s, e := applied(t)
	start := time.Now()
	clean := plan(t, s)
	t.Logf("plan %v", time.Since(start))
	if len(clean.Drift) != 0 || len(clean.Pending()) != 0 {
		t.Fatalf("a clone is not clean: %s", addresses(clean))
	}

	for _, c := range []Call{
		putParameter(`${aws_ssm_parameter.this["two"].name}`, "by hand"),
		{Service: "logs", Method: "put_retention_policy", Params: map[string]any{
			"logGroupName": "${aws_cloudwatch_log_group.this[0].id}", "retentionInDays": 60}},
	} {
		if _, err := s.Call(t.Context(), e, c); err != nil {
			t.Fatal(err)
		}
	}
	changed := plan(t, s)
	checkChange(t, changed, `aws_ssm_parameter.this["two"]`, "value", "by hand", "from code")
	checkChange(t, changed, "aws_cloudwatch_log_group.this[0]", "retention_in_days", json.Number("60"), json.Number("30"))
	if len(changed.Drift) != 2 || len(changed.Pending()) != 2 {
		t.Errorf("more than was changed: %s", addresses(changed))
	}
	if sensitive := Find(changed.Drift, `aws_ssm_parameter.this["two"]`).Change.BeforeSensitive; sensitive.(map[string]any)["value"] != true {
		t.Errorf("before_sensitive = %v", sensitive)
	}
}

// addresses lists what has drifted and what is pending.
func addresses(p *Plan) string {
	var drifted, pending []string
	for _, c := range p.Drift {
		drifted = append(drifted, c.Address)
	}
	for _, c := range p.Pending() {
		pending = append(pending, c.Address)
	}
	return fmt.Sprintf("drifted %v, pending %v", drifted, pending)
}

// checkChange wants an attribute live in reality and expected by the code.
func checkChange(t *testing.T, p *Plan, address, attribute string, live, expected any) {
	t.Helper()
	drift, change := Find(p.Drift, address), Find(p.Changes, address)
	if drift == nil || change == nil {
		t.Fatalf("%s is not in the plan: %v", address, addresses(p))
	}
	if got := drift.Change.After[attribute]; got != live {
		t.Errorf("%s: live %s = %v, want %v", address, attribute, got, live)
	}
	if got := change.Change.After[attribute]; got != expected {
		t.Errorf("%s: planned %s = %v, want %v", address, attribute, got, expected)
	}
}

// TestStackFaults lets the provider meet a proxy's faults.
func TestStackFaults(t *testing.T) {
	t.Parallel()
	s, e := applied(t)
	p := proxy(t, e)
	p.On(Match("logs", "DescribeLogGroups"), Fault{Kind: AccessDenied})
	p.On(Match("ssm", "GetParameter"), Fault{Kind: Throttling})

	_, err := s.With(p).Plan(t.Context(), "-parallelism=1", "-var=api_retries=1")
	for _, want := range []string{"AccessDeniedException", "ThrottlingException"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	checkRecorded(t, p)
}

func checkRecorded(t *testing.T, p *Proxy) {
	t.Helper()
	read := Match("logs", "DescribeLogGroups")
	for _, request := range p.Requests() {
		if read(request) {
			if request.Status != 400 || request.Region != "us-east-1" ||
				!strings.Contains(request.UserAgent, "terraform-provider-aws/") {
				t.Errorf("recorded %+v", request)
			}
			return
		}
	}
	t.Errorf("no DescribeLogGroups among %d requests", len(p.Requests()))
}

// TestInterruptedPlanEnds holds Terraform in the middle of a read.
func TestInterruptedPlanEnds(t *testing.T) {
	t.Parallel()
	s, e := applied(t)
	p := proxy(t, e)
	p.On(Match("logs", ""), Fault{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.With(p).Plan(ctx)
		ended <- err
	}()
	eventually(t, "the read arrives", func() bool { return len(p.Requests()) > 0 })
	cancel()
	start := time.Now()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	t.Logf("ended after %v", time.Since(start))
	if left, _ := filepath.Glob(filepath.Join(s.side, "plan-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestNewStackFails(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "dst")
	if err := os.WriteFile(filepath.Join(src, "main.tf"), []byte("resource {"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewStack(t.Context(), Need(t), nil, src, dst)
	if err == nil || !strings.Contains(err.Error(), "init") || !strings.Contains(err.Error(), "main.tf") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dst); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left", dst)
	}
}

func TestWorkspaceStateFile(t *testing.T) {
	t.Parallel()
	s := &Stack{Dir: t.TempDir()}
	if got, want := s.StateFile(), filepath.Join(s.Dir, "terraform.tfstate"); got != want {
		t.Errorf("StateFile() = %s, want %s", got, want)
	}
	if err := os.Mkdir(filepath.Join(s.Dir, ".terraform"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, ".terraform", "environment"), []byte("blue"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := s.StateFile(), filepath.Join(s.Dir, "terraform.tfstate.d", "blue", "terraform.tfstate"); got != want {
		t.Errorf("StateFile() = %s, want %s", got, want)
	}
}
