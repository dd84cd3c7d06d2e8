package detect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/stack"
)

// baselines collects what a check hands on.
type baselines struct {
	mu   sync.Mutex
	list []drift.Baseline
}

func (b *baselines) options(o detect.Options) detect.Options {
	o.Baseline = func(stack.Stack) bool { return true }
	o.Baselined = func(_ stack.Stack, one drift.Baseline) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.list = append(b.list, one)
	}
	return o
}

func (b *baselines) one(t *testing.T) drift.Baseline {
	t.Helper()
	if len(b.list) != 1 {
		t.Fatalf("%d baselines, want one", len(b.list))
	}
	return b.list[0]
}

// factsOf lists a baseline as "address: label: value".
func factsOf(b drift.Baseline) map[string]bool {
	facts := map[string]bool{}
	for _, r := range b.Resources {
		facts[r.Address+": name: "+r.Name] = true
		for _, f := range r.Facts {
			facts[r.Address+": "+f.Label+": "+f.Value] = true
		}
	}
	return facts
}

// TestBaselineOfSeed holds the example's baseline against the seed's, fact by
// fact.
func TestBaselineOfSeed(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	var got baselines
	s.check(t, got.options(detect.Options{}))
	b := got.one(t)
	facts := factsOf(b)
	for _, want := range []string{
		"aws_dynamodb_table.device_tokens: name: photoeditor-dev-device-tokens",
		"aws_dynamodb_table.device_tokens: Hash key: userId",
		"aws_dynamodb_table.device_tokens: Range key: deviceId",
		"aws_dynamodb_table.device_tokens: TTL: enabled on expiresAt",
		"aws_dynamodb_table.device_tokens: PITR: enabled",
		"aws_dynamodb_table.device_tokens: Billing: PAY_PER_REQUEST",
		"aws_lambda_function.device_token: name: photoeditor-dev-device-token",
		"aws_lambda_function.device_token: Runtime: nodejs20.x",
		"aws_lambda_function.device_token: Memory: 128 MB",
		"aws_lambda_function.device_token: Timeout: 10 seconds",
		"aws_api_gateway_resource.v1: name: /v1",
		"aws_api_gateway_resource.device_tokens: name: /v1/device-tokens",
		`aws_api_gateway_method.device_tokens["POST"]: name: POST /v1/device-tokens`,
		`aws_api_gateway_method.device_tokens["POST"]: Made of: method + integration`,
		`aws_api_gateway_method.device_tokens["DELETE"]: name: DELETE /v1/device-tokens`,
		`aws_api_gateway_method.device_tokens["DELETE"]: Made of: method + integration`,
		"aws_cloudwatch_log_group.device_token: name: /aws/lambda/photoeditor-dev-device-token",
		"aws_cloudwatch_metric_alarm.lambda_errors: name: photoeditor-dev-device-token-errors",
		"aws_cloudwatch_metric_alarm.dynamodb_throttling: name: photoeditor-dev-device-tokens-throttling",
		"aws_cloudwatch_metric_alarm.dynamodb_system_errors: name: photoeditor-dev-device-tokens-system-errors",
		"aws_iam_role.device_token: Kind: Lambda execution role",
		"aws_iam_role.device_token: Permissions: CloudWatch Logs, DynamoDB and KMS",
	} {
		if !facts[want] {
			t.Errorf("it does not say %s", want)
		}
	}
	encryption := false
	for fact := range facts {
		encryption = encryption || strings.HasPrefix(fact, "aws_dynamodb_table.device_tokens: Encryption: KMS CMK arn:aws:kms:us-east-1:")
	}
	if !encryption {
		t.Error("it does not say that the table is encrypted with a KMS CMK")
	}
	if len(b.Resources) != 20 || b.Lineage == "" || b.Serial == 0 || b.At.IsZero() || b.Stack.ID == "" {
		t.Errorf("%d resources, %+v", len(b.Resources), b.Stack)
	}
	if t.Failed() {
		out, _ := json.MarshalIndent(b, "", " ")
		t.Logf("%s", out)
	}
}

// TestBaselineHidesSecrets: neither engine tells a sensitive value, and both tell
// the same, as does the checker without a check.
func TestBaselineHidesSecrets(t *testing.T) {
	t.Parallel()
	s := applied(t, "features").fork(t)
	var direct, plan baselines
	s.check(t, direct.options(detect.Options{}))
	s.check(t, plan.options(detect.Options{Engine: detect.Plan}))
	opened, err := stack.Open(s.Dir, stack.Options{Env: s.Env()})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := detect.New(manager(t), detect.Options{}).Baseline(t.Context(), opened)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(direct.one(t))
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(out, []byte(canary)); i >= 0 {
		t.Errorf("a secret is in the baseline: ...%s", out[max(0, i-80):min(len(out), i+40)])
	}
	for name, b := range map[string]drift.Baseline{"the plan engine's": plan.one(t), "without a check": alone} {
		if diff := cmp.Diff(direct.one(t).Resources, b.Resources); diff != "" {
			t.Errorf("%s differs (-direct +other):\n%s", name, diff)
		}
	}
	told := 0
	for _, r := range direct.one(t).Resources {
		if len(r.Facts) > 0 {
			told++
		}
	}
	if told < len(direct.one(t).Resources)*3/4 {
		t.Errorf("only %d of %d resources have facts", told, len(direct.one(t).Resources))
	}
}

// TestBaselineNotWanted: a part of a stack makes no baseline, nor does one that
// could not be checked, nor one that nobody asked for.
func TestBaselineNotWanted(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	for name, o := range map[string]detect.Options{
		"a target":    {Selection: drift.Selection{Targets: []string{"aws_kms_key.device_tokens"}}},
		"not checked": {Engine: detect.Plan, Terraform: "no-such-program"},
	} {
		var got baselines
		s.check(t, got.options(o))
		if len(got.list) > 0 {
			t.Errorf("%s: a baseline was made", name)
		}
	}
	var got baselines
	o := got.options(detect.Options{})
	o.Baseline = func(s stack.Stack) bool { return s.ID() == "" }
	s.check(t, o)
	if len(got.list) > 0 {
		t.Error("a baseline was made that nobody wanted")
	}
	if t.Failed() {
		t.Log(fmt.Sprint(got.list))
	}
}
