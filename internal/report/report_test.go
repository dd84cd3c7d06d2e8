package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// sample is a run with everything in it that a result can hold.
func sample() drift.Run {
	long := `"` + strings.Repeat("abcdefghij", 20) + `"`
	stack := drift.Stack{
		ID: drift.StackID("infrastructure", "default"), Path: "infrastructure", Workspace: "default", Engine: "direct", DurationMS: 431,
		Resources: drift.Counts{Checked: 18, Clean: 13, Drifted: 5, Unsupported: 1, Errored: 1},
		State:     drift.State{Source: "terraform.tfstate", Lineage: "b4e8", Serial: 21, TerraformVersion: "1.11.4"},
		Findings: []drift.Finding{
			finding("aws_cloudwatch_metric_alarm.errors", drift.Deleted),
			finding("aws_iam_role_policy.this", drift.Modified,
				drift.Change{Path: "policy", Expected: raw(`"{\"Statement\":[{\"Action\":[\"dynamodb:GetItem\"],\"Resource\":\"arn\"}]}"`), Actual: raw(`"{\"Statement\":[{\"Action\":\"*\",\"Resource\":\"arn\"},{\"Action\":\"` + strings.Repeat("s3:Get*", 20) + `\"}]}"`)}),
			finding("aws_lambda_function.this", drift.Modified,
				drift.Change{Path: "memory_size", Expected: raw("128"), Actual: raw("512")},
				drift.Change{Path: `environment[0].variables["DB_PASSWORD"]`, Sensitive: true},
				drift.Change{Path: "package_type", Expected: raw(`"Zip"`), Actual: raw("null"), RequiresReplace: true}),
			finding("aws_lambda_function.long", drift.Modified, drift.Change{Path: "description", Expected: raw(long), Actual: raw(`"line one\nline\u001b[31m two"`)}),
			finding("aws_dynamodb_table.this", drift.Modified, drift.Change{Path: "ttl[0].enabled", Expected: raw("true"), Actual: raw("false")}),
		},
		Observed: []drift.Paths{{Address: "aws_iam_role.this", Paths: []string{"inline_policy"}}},
		Adopted:  []drift.Paths{{Address: "aws_s3_bucket.this", Paths: []string{`tags["owner"]`}}},
		Pending:  []drift.Pending{{Address: "aws_sqs_queue.old", Actions: []string{"delete"}, Paths: []string{}}},
		Integrity: []drift.Integrity{{
			Code: "tainted_object", Severity: drift.SeverityWarning, Address: "aws_instance.this", Message: "the object is tainted: the next apply replaces it",
		}},
		Errors: []drift.Error{
			{Address: "aws_kms_key.this", Code: "failed", Message: "reading it: AccessDeniedException"},
			{Code: "state_changing", Message: "the state kept changing during the check"},
		},
	}
	stack.Findings[4].Certainty, stack.Findings[4].Doubt = drift.Possible, "whether the source sets ttl can't be told: main.tf:3: `var.ttl`: variable ttl has no value"
	stack.Settle(false)
	clean := drift.Stack{
		ID: drift.StackID("network", "prod"), Path: "network", Workspace: "prod", Engine: "direct", DurationMS: 90,
		Resources: drift.Counts{Checked: 1, Clean: 1}, State: drift.State{Source: "terraform.tfstate"},
		Findings: []drift.Finding{}, Observed: []drift.Paths{}, Adopted: []drift.Paths{}, Pending: []drift.Pending{}, Integrity: []drift.Integrity{}, Errors: []drift.Error{},
	}
	clean.Settle(false)
	at := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	run := drift.Run{
		SchemaVersion: drift.SchemaVersion, Tool: drift.Tool{Name: "holdfast", Version: "test"},
		StartedAt: at, FinishedAt: at.Add(time.Second), Stacks: []drift.Stack{stack, clean},
	}
	run.Summary = drift.Summarize(run.Stacks)
	return run
}

func finding(address string, kind drift.Kind, changes ...drift.Change) drift.Finding {
	if changes == nil {
		changes = []drift.Change{}
	}
	typeName, _, _ := strings.Cut(address, ".")
	f := drift.Finding{
		ID: drift.FindingID("b4e8", address, kind), Revision: drift.Revision([]byte("key"), kind, nil), Address: address, Type: typeName,
		Provider: "registry.terraform.io/hashicorp/aws", Kind: kind, Changes: changes, Certainty: drift.Certain, Status: drift.Open,
	}
	drift.Grade(&f, nil)
	return f
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]report.TableOptions{
		"table.golden":   {},
		"verbose.golden": {Verbose: true},
		"narrow.golden":  {Width: 50},
		"color.golden":   {Color: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := report.Table(&out, sample(), o); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
			if !o.Color && bytes.ContainsRune(out.Bytes(), 0x1b) {
				t.Error("a terminal control sequence got through")
			}
		})
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := report.JSON(&out, sample()); err != nil {
		t.Fatal(err)
	}
	golden(t, "result.golden.json", out.Bytes())
	validate(t, out.Bytes())
}

// A value that breaks the contract is refused: the schema is able to fail.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*drift.Run){
		"a sensitive value shown": func(r *drift.Run) { r.Stacks[0].Findings[2].Changes[1].Actual = raw(`"secret"`) },
		"a finding without paths": func(r *drift.Run) { r.Stacks[0].Findings[2].Changes = []drift.Change{} },
		"a null list":             func(r *drift.Run) { r.Stacks[1].Observed = nil },
		"an unknown status":       func(r *drift.Run) { r.Stacks[1].Status = "fine" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := sample()
			spoil(&run)
			var out bytes.Buffer
			if err := report.JSON(&out, run); err != nil {
				t.Fatal(err)
			}
			if err := schema(t).Validate(decoded(t, out.Bytes())); err == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

func validate(t *testing.T, result []byte) {
	t.Helper()
	if err := schema(t).Validate(decoded(t, result)); err != nil {
		t.Error(err)
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "result.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decoded(t *testing.T, src []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
