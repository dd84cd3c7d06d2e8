package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/cli"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

// deployment is an example of deploy/terraform, applied to an emulated AWS.
type deployment struct {
	*lab.Stack
	env []string
}

// moduleOverrides are what moto does not keep: the description of a rule between
// two security groups.
const moduleOverrides = `
resource "aws_vpc_security_group_ingress_rule" "history" {
  description = null
}
resource "aws_vpc_security_group_egress_rule" "history" {
  description = null
}
`

// deploy makes the root module that the example is, with the module inside it,
// because a copy can't reach outside. overrides goes before the example's own code,
// and more is added to it.
func deploy(t *testing.T, example, overrides, more string) deployment {
	t.Helper()
	tools := lab.Need(t)
	emulator, err := lab.Start(t.Context(), tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.Close() })
	module := filepath.Join("..", "..", "deploy", "terraform")
	src := t.TempDir()
	copied := filepath.Join(src, "holdfast")
	code, err := os.ReadFile(filepath.Join(module, "examples", example, "main.tf"))
	if err := errors.Join(err, os.CopyFS(copied, os.DirFS(module)), os.RemoveAll(filepath.Join(copied, "examples"))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"main.tf":                  strings.Replace(string(code), `source = "../.."`, `source = "./holdfast"`, 1),
		"lab_override.tf":          overrides,
		"lab.tf":                   more,
		"holdfast/lab_override.tf": moduleOverrides,
	} {
		if err := os.WriteFile(filepath.Join(src, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stack, err := lab.NewStack(t.Context(), tools, emulator, src, filepath.Join(t.TempDir(), "stack"))
	if err != nil {
		t.Fatal(err)
	}
	return deployment{stack, append(stack.Env(), "HOLDFAST_TERRAFORM="+tools.Terraform, "HOLDFAST_CACHE_DIR="+theBed.Cache())}
}

// prove validates and applies it, and wants nothing left to do by a plan, and no
// drift by a check, of so many resources.
func (d deployment) prove(t *testing.T, resources int, vars ...string) {
	t.Helper()
	if _, err := d.Run(t.Context(), "validate", "-no-color"); err != nil {
		t.Fatal(err)
	}
	var args, check []string
	for _, v := range vars {
		args, check = append(args, "-var="+v), append(check, "--var="+v)
	}
	if err := d.Apply(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
	if out, err := d.Run(t.Context(), append([]string{"plan", "-detailed-exitcode", "-input=false", "-no-color"}, args...)...); err != nil {
		t.Errorf("a plan after the apply is not empty: %v\n%s", err, out)
	}
	var stdout, stderr bytes.Buffer
	code := cli.Main(append([]string{"check", d.Dir, "--format", "json", "--no-history"}, check...), d.env, &stdout, &stderr)
	var run drift.Run
	if err := json.Unmarshal(stdout.Bytes(), &run); err != nil || code != drift.ExitClean || len(run.Stacks) != 1 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout.String(), stderr.String())
	}
	if r := run.Stacks[0].Resources; r.Clean != resources || r.Checked != resources {
		t.Errorf("%+v, not %d clean ones", r, resources)
	}
}

// refuse wants a plan to fail, for each of the reasons.
func (d deployment) refuse(t *testing.T, overrides string, vars []string, reasons ...string) {
	t.Helper()
	err := d.plan(t, overrides, vars...)
	if err == nil {
		t.Errorf("it is not refused: %s", overrides)
		return
	}
	said := strings.Join(strings.Fields(err.Error()), " ")
	for _, reason := range reasons {
		if !strings.Contains(said, reason) {
			t.Errorf("it is not refused because of %q: %v", reason, err)
		}
	}
}

// later are resources that are not there before an apply.
const later = `
resource "aws_kms_key" "own" {}
resource "aws_secretsmanager_secret" "store" {
  name = "store"
}
`

// plan plans it with other overrides.
func (d deployment) plan(t *testing.T, overrides string, vars ...string) error {
	t.Helper()
	for name, text := range map[string]string{"lab_override.tf": overrides, "later.tf": later} {
		if err := os.WriteFile(filepath.Join(d.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"plan", "-input=false", "-no-color"}
	for _, v := range vars {
		args = append(args, "-var="+v)
	}
	_, err := d.Run(t.Context(), args...)
	return err
}

// TestDeployFargate applies the example with a task. moto has no managed policies
// of AWS and no backups of volumes.
func TestDeployFargate(t *testing.T) {
	t.Parallel()
	vars := []string{"image=registry.example.com/holdfast@sha256:" + strings.Repeat("0", 64), "email=team@example.com"}
	d := deploy(t, "fargate", `
module "holdfast" {
  history_backup   = false
  read_policy_arns = [aws_iam_policy.read.arn]
}
`, `
resource "aws_iam_policy" "read" {
  name   = "read"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "ec2:Describe*", Resource = "*" }] })
}
`)
	d.prove(t, 40, vars...)

	// What is not known before the apply, keys and secrets of the same run, stops
	// no plan.
	if err := d.plan(t, `
module "holdfast" {
  name             = "other"
  history          = "postgres"
  store_secret_arn = aws_secretsmanager_secret.store.arn
  egress_ports     = [443, 5432]
  create_kms_key   = false
  kms_key_arn      = aws_kms_key.own.arn
  decrypt_key_arns = [aws_kms_key.own.arn]
  secrets          = { TF_VAR_token = aws_secretsmanager_secret.store.arn }
  notify_drift     = false
  enabled          = false
}
`, vars...); err != nil {
		t.Error(err)
	}
	d.refuse(t, `
module "holdfast" {
  history        = "postgres"
  create_kms_key = false
  subnet_ids     = []
}
`, vars, "and only then, give store_secret_arn", "give kms_key_arn", "give image, repository_url, vpc_id and subnet_ids")
	d.refuse(t, `
module "holdfast" {
  repository_url = "https://kim:secret@example.com/x"
}
`, vars, "hold no credentials")
}

// TestDeployOwnRunner applies the example without a task.
func TestDeployOwnRunner(t *testing.T) {
	t.Parallel()
	vars := []string{"repository=acme/platform", "email=team@example.com"}
	d := deploy(t, "own-runner", `
module "holdfast" {
  read_policy_arns = []
}
`, "")
	d.prove(t, 9, vars...)
	d.refuse(t, `
module "holdfast" {
  runner_trust_policy = null
}
`, vars, "runner_trust_policy must say who may be the runner")
}
