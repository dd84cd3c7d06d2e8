package report_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// rich is the sample with everything that later parts will fill in: who did it,
// waivers, positions, a history and its trend.
func rich() (drift.Run, report.Options) {
	run := sample()
	s := &run.Stacks[0]
	for i := range s.Findings {
		s.Findings[i].Source = &drift.Position{File: "infrastructure/main.tf", Line: 12 + 9*i}
	}
	s.Findings[0].Cause, s.Findings[2].Cause, s.Findings[3].Cause = consoleCause(), sharedCause(), unknownCause()
	s.Findings[4].Cause = unknownCause()
	script := strings.Repeat("echo one\n", 8) + "systemctl start app\n" + strings.Repeat("echo two\n", 8)
	s.Findings = append(s.Findings,
		finding(`aws_instance.web["a"]`, drift.Modified, drift.Change{Path: "user_data", Expected: quoted(script), Actual: quoted(strings.Replace(script, "start app", "start app --debug", 1))},
			drift.Change{Path: "security_groups", Expected: raw(`["sg-0a1b2c3d4e5f60718","sg-1b2c3d4e5f607182a"]`), Actual: raw(`["sg-0a1b2c3d4e5f60718","sg-1b2c3d4e5f607182a","sg-ffffffffffffffffff","sg-open"]`)}),
		finding("aws_security_group.bastion", drift.Modified, drift.Change{Path: "ingress", Expected: raw("[]"), Actual: raw(`[{"cidr_blocks":["203.0.113.7/32"],"from_port":22}]`)}),
		finding("aws_autoscaling_group.web", drift.Modified, drift.Change{Path: "desired_capacity", Expected: raw("2"), Actual: raw("5")}),
	)
	waived, ignored := &s.Findings[6], &s.Findings[7]
	waived.Cause = &drift.Cause{
		Class: drift.CauseAutomation, Summary: "changed by the role deploy-bot, session run-17, source identity alice through boto3 on 2026-10-31 22:10 UTC, AuthorizeSecurityGroupIngress",
		Confidence: drift.Likely, Rule: "action", CauseEvent: drift.CauseEvent{
			Actor: "the role deploy-bot", ActorARN: "arn:aws:sts::111111111111:assumed-role/deploy-bot/run-17", Session: "run-17", SourceIdentity: "alice", How: "boto3",
			At: run.StartedAt.Add(-11*time.Hour - 50*time.Minute), From: "192.0.2.44", Event: "AuthorizeSecurityGroupIngress", EventID: "77aa", EventSource: "ec2.amazonaws.com", Region: "eu-west-1", Account: "111111111111",
			UserAgent: "Boto3/1.43.11", Paths: []string{"ingress"},
		},
	}
	waived.Status, waived.Waiver = drift.Waived, &drift.FindingWaiver{ID: "W-12", State: drift.WaiverActive, Reason: "Support needs SSH until the migration is over", Owner: "platform", Ticket: "OPS-7", Until: "2026-12-01"}
	ignored.Status, ignored.IgnoreReason = drift.Ignored, "Scaled by the autoscaler"
	s.Settle(false)
	run.Summary = drift.Summarize(run.Stacks)
	at := run.FinishedAt
	o := report.Options{
		Environment: "production",
		History:     map[string]drift.Episode{s.Findings[2].ID: {FirstSeen: at.Add(-50 * time.Hour), Seen: 13}, s.Findings[0].ID: {FirstSeen: at, Seen: 1}},
	}
	for i, n := range []int{1, 1, 2, 2, 3, 3, 0, 0, 1, 4, 6} {
		o.Trend = append(o.Trend, drift.TrendPoint{At: at.AddDate(0, 0, 3*(i-10)), Open: n})
	}
	return run, o
}

// consoleCause is a deletion that one event explains.
func consoleCause() *drift.Cause {
	mfa := true
	event := drift.CauseEvent{
		Actor: "user alice@example.com (single sign-on, Admin)", ActorARN: "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123/alice@example.com", Session: "alice@example.com",
		How: "console", MFA: &mfa, At: time.Date(2026, 10, 31, 17, 12, 9, 0, time.UTC), From: "198.51.100.7", Event: "DeleteAlarms", EventID: "0f6c1b1e-7a55-4a9e-9c0e-3f1d2c4b5a69",
		EventSource: "monitoring.amazonaws.com", Region: "eu-west-1", Account: "111111111111", UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",
	}
	return &drift.Cause{
		Class: drift.CauseConsole, Summary: "deleted by user alice@example.com (single sign-on, Admin) (console, MFA) on 2026-10-31 17:12 UTC, DeleteAlarms",
		Confidence: drift.Exact, Rule: "deleted", CauseEvent: event, Candidates: []drift.CauseEvent{event},
	}
}

// sharedCause is of two events of two people, among others, with a gap.
func sharedCause() *drift.Cause {
	at := time.Date(2026, 10, 30, 9, 40, 0, 0, time.UTC)
	event := func(id, actor, how, name, note string, minutes int, paths ...string) drift.CauseEvent {
		return drift.CauseEvent{
			Actor: "user " + actor, ActorARN: "arn:aws:iam::111111111111:user/" + actor, How: how, At: at.Add(time.Duration(minutes) * time.Minute), From: "203.0.113.9", Event: name, EventID: id,
			EventSource: "lambda.amazonaws.com", Region: "eu-west-1", Account: "111111111111", UserAgent: "aws-cli/2.31", Paths: paths, Note: note,
		}
	}
	first, second := event("b7c2", "ci-legacy", "aws-cli", "UpdateFunctionConfiguration", "", 0, "memory_size"), event("a001", "bob", "console", "UpdateFunctionCode", "", -30, "package_type")
	c := &drift.Cause{
		Class: drift.CauseCLI, Summary: "changed by user ci-legacy (aws-cli) on 2026-10-30 09:40 UTC, UpdateFunctionConfiguration; package_type by user bob (console) on 2026-10-30 09:10 UTC, UpdateFunctionCode; " +
			`unknown for environment[0].variables["DB_PASSWORD"]`,
		Confidence: drift.Likely, Rule: "value", CauseEvent: first, Unexplained: []string{`environment[0].variables["DB_PASSWORD"]`},
		Gaps:       []string{"CloudTrail LookupEvents in us-east-1: access denied; allow cloudtrail:LookupEvents on *"},
		Candidates: []drift.CauseEvent{event("c9", "kim", "aws-cli", "TagResource", "does not touch what has changed", 20), first, event("b1", "kim", "console", "UpdateFunctionConfiguration", "a newer event did the same", -10, "memory_size"), second},
		Omitted:    3,
	}
	return c
}

func unknownCause() *drift.Cause {
	return &drift.Cause{
		Class: drift.CauseUnknown, Summary: "unknown: no matching event since 2026-10-25 10:00 UTC; the evidence is incomplete",
		Since: time.Date(2026, 10, 25, 10, 0, 0, 0, time.UTC), Gaps: []string{"CloudTrail LookupEvents in us-east-1: access denied; allow cloudtrail:LookupEvents on *"},
	}
}

func quoted(s string) []byte { return fmt.Appendf(nil, "%q", s) }

// empty is a run in which all is well.
func empty() (drift.Run, report.Options) {
	run := sample()
	run.Stacks = []drift.Stack{run.Stacks[1]}
	for i, name := range []string{"network", "database", "services/api", "services/web"} {
		s := run.Stacks[0]
		s.ID, s.Path, s.Resources = drift.StackID(name, "prod"), name, drift.Counts{Checked: 12 * (i + 1), Clean: 12 * (i + 1)}
		run.Stacks = append(run.Stacks, s)
	}
	run.Stacks = run.Stacks[1:]
	run.Summary = drift.Summarize(run.Stacks)
	o := report.Options{Environment: "production"}
	for i, n := range []int{5, 5, 3, 4, 2, 1, 0, 0, 0} {
		o.Trend = append(o.Trend, drift.TrendPoint{At: run.FinishedAt.AddDate(0, 0, 7*(i-8)), Open: n})
	}
	return run, o
}

// fleet is a run of 60 stacks with n findings in 40 of them.
func fleet(n int) (drift.Run, report.Options) {
	run, o := rich()
	kinds := run.Stacks[0].Findings
	var stacks []drift.Stack
	for i := range 60 {
		s := drift.Stack{ID: drift.StackID(fmt.Sprint(i), ""), Path: fmt.Sprintf("live/eu-west-1/team-%02d/service", i), Workspace: "default", Engine: "direct", DurationMS: int64(40 + i)}
		for k := i; i < 40 && k < n; k += 40 {
			f := kinds[(k+k/40)%len(kinds)]
			f.Address = fmt.Sprintf("module.service_%02d.%s_%d", i, f.Address, k)
			f.ID = drift.FindingID("fleet", f.Address, f.Kind)
			s.Findings = append(s.Findings, f)
		}
		s.Resources = drift.Counts{Checked: 40, Drifted: len(s.Findings), Clean: 40 - len(s.Findings)}
		fatal := i >= 40 && i%8 == 0
		if fatal {
			s.Resources = drift.Counts{Errored: 40}
			s.Errors = []drift.Error{{Code: "state_unreadable", Message: "s3://acme-states/team/terraform.tfstate: access is denied (403); check the role's permission s3:GetObject"}}
		}
		s.Settle(fatal)
		stacks = append(stacks, s)
	}
	run.Stacks, run.Summary = stacks, drift.Summarize(stacks)
	for i := range o.Trend {
		o.Trend[i].Open = run.Summary.Findings * (i + 3) / (len(o.Trend) + 2)
	}
	return run, o
}

// TestFormats holds every format against what it wrote when somebody last looked
// at it.
func TestFormats(t *testing.T) {
	t.Parallel()
	run, o := rich()
	for _, format := range report.Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := report.Write(&out, format, run, o); err != nil {
				t.Fatal(err)
			}
			golden(t, "rich."+format+".golden", out.Bytes())
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	t.Parallel()
	err := report.Write(&bytes.Buffer{}, "pdf", drift.Run{}, report.Options{})
	if want := `format "pdf" is not known; there are table, json, markdown, html, sarif, junit`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := report.UnknownFormat("sarif"); err != nil {
		t.Error(err)
	}
}

// sarifSchema is OASIS's own, as testdata/README.md says.
func sarifSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("testdata", "sarif-schema-2.1.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSARIF(t *testing.T) {
	t.Parallel()
	schema := sarifSchema(t)
	for name, fill := range map[string]func() (drift.Run, report.Options){"rich": rich, "empty": empty, "fleet": func() (drift.Run, report.Options) { return fleet(500) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, _ := fill()
			var out bytes.Buffer
			if err := report.SARIF(&out, run); err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(decoded(t, out.Bytes())); err != nil {
				t.Error(err)
			}
		})
	}
	for name, spoil := range map[string]string{ // the schema can fail
		`"level": "error"`: `"level": "bad"`, `"startLine": `: `"startLine": -`, `"ruleId"`: `"rule"`, `"uri": "infrastructure`: `"uri": "not a uri %`,
	} {
		run, _ := rich()
		var out bytes.Buffer
		if err := report.SARIF(&out, run); err != nil {
			t.Fatal(err)
		}
		spoiled := strings.ReplaceAll(out.String(), name, spoil)
		if spoiled == out.String() || schema.Validate(decoded(t, []byte(spoiled))) == nil {
			t.Errorf("with %s the schema accepts it", spoil)
		}
	}
}

// A message of SARIF holds neither a link nor a placeholder of its own.
func TestSARIFMessages(t *testing.T) {
	t.Parallel()
	run := sample()
	run.Stacks[0].Findings[2].Address = "aws_x.y[0](https://evil.example) {0}"
	var out bytes.Buffer
	if err := report.SARIF(&out, run); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "aws_x.y[0] (https://evil.example) {{0}} in infrastructure") {
		t.Error(got)
	}
}
