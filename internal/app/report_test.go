package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

const reportSettings = `version: 1
environment: LocalStack (dev)
report:
  task: TASK-0702 - Device Token Infrastructure
schedule: "0 6 * * 1"
`

// TestReportOfSeed is the whole way: the seed's stack is applied and checked,
// changed by hand, checked again, and reported. The report is held against the
// seed's, section by section and fact by fact.
func TestReportOfSeed(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	root := t.TempDir()
	settings := filepath.Join(root, "holdfast.yaml")
	if err := os.WriteFile(settings, []byte(reportSettings), 0o600); err != nil {
		t.Fatal(err)
	}
	emulator, err := lab.Start(t.Context(), tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.Close() })
	s, err := lab.NewStack(t.Context(), tools, emulator, filepath.Join("..", "..", "examples", "device-tokens"), filepath.Join(root, "infrastructure"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &reportBed{t: t, s: s, options: app.CheckOptions{Config: settings, Paths: []string{s.Dir}, CacheDir: t.TempDir(), Env: s.Env()}}

	b.check(drift.ExitClean)
	clean := b.report("")
	want(t, clean, "**Result**: clean", "| Initial | N/A | Baseline established ", "## Open Drift\n\nNone.\n")

	for _, call := range []lab.Call{
		{Service: "lambda", Method: "update_function_configuration", Params: map[string]any{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 512}},
		{Service: "dynamodb", Method: "update_time_to_live", Params: map[string]any{
			"TableName":               "photoeditor-dev-device-tokens",
			"TimeToLiveSpecification": map[string]any{"Enabled": false, "AttributeName": "expiresAt"},
		}},
		{Service: "cloudwatch", Method: "delete_alarms", Params: map[string]any{"AlarmNames": []any{"photoeditor-dev-device-token-errors"}}},
	} {
		if _, err := s.Call(t.Context(), emulator, call); err != nil {
			t.Fatal(err)
		}
	}
	b.check(drift.ExitDrift)
	ours := "\nOur own words, between two parts.\n"
	drifted := b.report(strings.Replace(clean, "<!-- holdfast:end overview -->\n", "<!-- holdfast:end overview -->\n"+ours, 1))
	wantInOrder(t, drifted, seedFacts()...)
	want(t, drifted, ours)
	if again := b.report(drifted); again != drifted {
		t.Error("written again without a new check it is another")
	}

	// Put back by the code: what is open gets its resolution, in a new store too.
	if err := s.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := *b
	fresh.options.Store = filepath.Join(t.TempDir(), "history.db")
	for name, bed := range map[string]*reportBed{"the same store": b, "a new store": &fresh} {
		bed.check(drift.ExitClean)
		resolved := bed.report(drifted)
		if n := strings.Count(resolved, "| Resolved "); n != 3 {
			_, history, _ := strings.Cut(resolved, "## Drift History")
			t.Errorf("%s: %d rows are resolved, want 3:\n%s", name, n, history)
		}
		if strings.Count(resolved, "Baseline established") != 1 {
			t.Errorf("%s: the baseline is there twice, or not at all", name)
		}
		want(t, resolved, ours, "**Result**: clean")
	}
}

// seedFacts are the seed's sections and facts, in its order, and what drifted.
func seedFacts() []string {
	return []string{
		"# Infrastructure Drift Report\n", "**Date**: 20", "**Task**: TASK-0702 - Device Token Infrastructure", "**Environment**: LocalStack (dev)",
		"## Overview\n", "This report tracks infrastructure drift between Terraform state and actual deployed resources.", "**3 findings are open**",
		"## Drift Check Status\n", "**Last Run**: 20", "**Next Scheduled**: 20", "(`0 6 * * 1`)", "**Result**: drift: 3 findings open", "**Coverage**: 20 of 20 resources checked",
		"## Baseline Configuration\n", "### Resources Provisioned\n",
		"1. **DynamoDB Table**: `photoeditor-dev-device-tokens`\n", "   - Hash key: `userId`\n", "   - Range key: `deviceId`\n",
		"   - TTL: enabled on expiresAt\n", "   - PITR: enabled\n", "   - Encryption: KMS CMK ", "   - Billing: `PAY_PER_REQUEST`\n",
		"2. **Lambda Function**: `photoeditor-dev-device-token`\n", "   - Runtime: `nodejs20.x`\n", "   - Memory: 128 MB\n", "   - Timeout: 10 seconds\n",
		"3. **API Gateway Routes**:\n", "   - `/v1` (resource)\n", "   - `/v1/device-tokens` (resource)\n",
		"   - POST `/v1/device-tokens` (method + integration", "   - DELETE `/v1/device-tokens` (method + integration",
		"4. **CloudWatch**:\n", "   - Log group: `/aws/lambda/photoeditor-dev-device-token`", "   - Alarm: `photoeditor-dev-device-token-errors`",
		"   - Alarm: `photoeditor-dev-device-tokens-throttling`", "   - Alarm: `photoeditor-dev-device-tokens-system-errors`",
		"5. **IAM**:\n", "   - Lambda execution role `photoeditor-dev-device-token` with CloudWatch Logs, DynamoDB and KMS permissions\n",
		"## Open Drift\n", "### `aws_cloudwatch_metric_alarm.lambda_errors`\n", "does not exist any more",
		"### `aws_dynamodb_table.device_tokens`\n", "- ttl[0].enabled = true\n+ ttl[0].enabled = false\n",
		"### `aws_lambda_function.device_token`\n", "- memory_size = 128\n+ memory_size = 512\n",
		"## Drift Detection Method\n", "holdfast check infrastructure\n", "cd infrastructure\nterraform plan -detailed-exitcode\n", "# 0 = no changes\n# 1 = error\n# 2 = changes detected (drift)\n",
		"## Drift Resolution Procedure\n", "1. **Identify**: Run", "terraform plan", "2. **Analyze**: Review changes for:\n", "Manual console modifications", "External automation", "State file corruption",
		"3. **Remediate**:\n", "If drift is acceptable: ", "terraform apply", "If drift is unacceptable: ", "4. **Document**: ", "terraform apply -target=aws_lambda_function.device_token\n",
		"## Drift History\n", "| Date | Resource | Change Type | Resolution |", "| Initial | N/A | Baseline established ", "| Deleted | Open ",
		"## Notes\n", "- Infrastructure is defined in code (Terraform)", "- All changes must go through", "- Drift checks run on the schedule `0 6 * * 1`",
		"## Next Steps\n", "Configure alerts for drift events", "Document all justified manual changes in advance",
	}
}

type reportBed struct {
	t       *testing.T
	s       *lab.Stack
	options app.CheckOptions
}

func (b *reportBed) check(code int) {
	b.t.Helper()
	o := b.options
	o.Warn = func(err error) { b.t.Errorf("not recorded: %v", err) }
	run, err := app.Check(b.t.Context(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	if run.ExitCode() != code {
		b.t.Fatalf("exit code %d, want %d: %+v", run.ExitCode(), code, run.Stacks[0].Errors)
	}
}

func (b *reportBed) report(existing string) string {
	b.t.Helper()
	in, file, err := app.DriftReport(b.t.Context(), app.ReportOptions{HistoryOptions: app.HistoryOptions{Config: b.options.Config, Store: b.options.Store}})
	if err != nil {
		b.t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(b.options.Config), "DRIFT.md"); file != want {
		b.t.Errorf("it belongs at %s, want %s", file, want)
	}
	out, err := app.UpdateReport(in, file, []byte(existing))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(out)
}

func want(t *testing.T, text string, facts ...string) {
	t.Helper()
	for _, fact := range facts {
		if !strings.Contains(text, fact) {
			t.Errorf("it does not say %q", fact)
		}
	}
}

func wantInOrder(t *testing.T, text string, facts ...string) {
	t.Helper()
	from := 0
	for _, fact := range facts {
		i := strings.Index(text[from:], fact)
		if i < 0 {
			t.Errorf("%q is missing, or before its place", fact)
			continue
		}
		from += i + len(fact)
	}
}
