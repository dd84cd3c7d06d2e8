package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/cli"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

// TestVerifyExample changes the example by hand and lets both engines check it:
// they say the same of every resource.
func TestVerifyExample(t *testing.T) {
	t.Parallel()
	stack := forked(t, filepath.Join("..", "..", "examples", "device-tokens"))
	change := lab.Call{Service: "lambda", Method: "update_function_configuration", Params: map[string]any{
		"FunctionName": "${aws_lambda_function.device_token.function_name}", "MemorySize": 512,
	}}
	if _, err := stack.Call(t.Context(), stack.Emulator, change); err != nil {
		t.Fatal(err)
	}
	env := append(stack.Env(), "HOLDFAST_TERRAFORM="+lab.Need(t).Terraform, "HOLDFAST_CACHE_DIR="+theBed.Cache())
	var stdout, stderr bytes.Buffer
	if code := cli.Main([]string{"verify", stack.Dir, "--format", "json"}, env, &stdout, &stderr); code != drift.ExitClean {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	var v drift.Verification
	if err := json.Unmarshal(stdout.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Stacks) != 1 || !v.Agree {
		t.Fatalf("%+v", v)
	}
	s := v.Stacks[0]
	if s.Direct.Status != drift.StatusDrifted || s.Plan.Status != drift.StatusDrifted || s.Direct.Findings != 1 || s.Plan.Findings != 1 {
		t.Errorf("direct %+v, plan %+v", s.Direct, s.Plan)
	}
	if s.Resources != 20 || s.Agreeing != 20 || len(s.Disagreements) > 0 || s.Ratio <= 0 {
		t.Errorf("%+v", s)
	}
	if strings.Contains(stdout.String(), "not-a-real-") {
		t.Error("a secret is in the output")
	}
}
