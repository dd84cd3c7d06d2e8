package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// verification is one stack of which both engines say the same, and one with a
// disagreement of every kind.
func verification() drift.Verification {
	base := func(path string) drift.Stack {
		s := drift.Stack{
			ID: drift.StackID(path, "default"), Path: path, Workspace: "default", Engine: "direct", DurationMS: 300,
			Resources: drift.Counts{Checked: 4, Clean: 3, Drifted: 1}, State: drift.State{Serial: 3},
			Findings: []drift.Finding{finding("aws_lambda_function.this", drift.Modified,
				drift.Change{Path: "memory_size", Expected: raw("128"), Actual: raw("512")},
				drift.Change{Path: "environment[0].variables", Sensitive: true})},
		}
		s.Settle(false)
		return s
	}
	plan := func(path string) drift.Stack {
		s := base(path)
		s.Engine, s.DurationMS = "plan", 3600
		return s
	}
	other := plan("differs")
	other.Findings[0].Changes = []drift.Change{{Path: "memory_size", Expected: raw("128"), Actual: raw("256")}}
	other.Findings = append(other.Findings, finding("aws_sqs_queue.gone", drift.Deleted))
	other.Pending = []drift.Pending{{Address: "aws_iam_role.this", Actions: []string{"update"}, Paths: []string{"name", "description"}}}
	other.Errors = []drift.Error{{Address: "aws_kms_key.this", Code: "unsupported", Message: "terraform plan says nothing of it"}}
	other.State.Serial = 4
	other.Settle(false)
	v := drift.Verification{
		SchemaVersion: drift.SchemaVersion, Tool: drift.Tool{Name: "holdfast", Version: "test"},
		Stacks: []drift.VerifiedStack{drift.Verify(base("same"), plan("same")), drift.Verify(base("differs"), other)},
	}
	v.Agree = drift.VerifyAll(v.Stacks)
	return v
}

func TestVerification(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := report.Verification(&out, verification(), report.TableOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "verification.golden")
	if *update {
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("run the test with -update if this is right (-want +got):\n%s", diff)
	}
}

func TestVerificationAgrees(t *testing.T) {
	t.Parallel()
	v := verification()
	v.Stacks = v.Stacks[:1]
	v.Agree = drift.VerifyAll(v.Stacks)
	var out bytes.Buffer
	if err := report.Verification(&out, v, report.TableOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "full agreement") || strings.Contains(out.String(), "no full") || !strings.Contains(out.String(), "12.0 times as long") {
		t.Error(out.String())
	}
}

func TestVerificationJSON(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "verification.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := report.VerificationJSON(&out, verification()); err != nil {
		t.Fatal(err)
	}
	var back drift.Verification
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
}
