package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	ghtml "github.com/yuin/goldmark/renderer/html"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

const lineage = "3f1c"

var infra = drift.StackRef{ID: "0123456789ab", Path: "infrastructure", Workspace: "default"}

func openFinding(address, path, was, is string) drift.Finding {
	f := drift.Finding{
		ID: drift.FindingID(lineage, address, drift.Modified), Address: address, Type: "aws_lambda_function", Kind: drift.Modified,
		Changes:   []drift.Change{{Path: path, Expected: json.RawMessage(was), Actual: json.RawMessage(is)}},
		Certainty: drift.Certain, Status: drift.Open,
	}
	drift.Grade(&f, nil)
	return f
}

func episode(f drift.Finding, life drift.Life, first, last string) drift.Episode {
	e := drift.Episode{Number: 1, Stack: infra, Finding: f, Life: life, FirstSeen: at(first), LastSeen: at(last), Seen: 3}
	if life.Over() {
		e.Ended = at(last).Add(time.Hour)
	}
	return e
}

// seedReport is the seed's stack with drift.
func seedReport() report.DriftReport {
	memory := openFinding("aws_lambda_function.device_token", "memory_size", "128", "512")
	memory.Changes = append(memory.Changes, drift.Change{Path: `environment[0].variables["TOKEN"]`, Sensitive: true})
	gone := drift.Finding{ID: drift.FindingID(lineage, "aws_cloudwatch_metric_alarm.errors", drift.Deleted), Address: "aws_cloudwatch_metric_alarm.errors", Kind: drift.Deleted, Status: drift.Open, Certainty: drift.Certain, Severity: drift.SeverityHigh}
	gone.Cause = &drift.Cause{
		Class: drift.CauseConsole, Summary: "deleted by user ana (console, MFA) on 2026-11-23 16:02 UTC, DeleteAlarms", Confidence: drift.Exact, Rule: "deleted",
		CauseEvent: drift.CauseEvent{Actor: "user ana", How: "console", At: at("2026-11-23 16:02"), From: "198.51.100.7", Event: "DeleteAlarms", EventID: "0f6c", Region: "eu-west-1", Account: "111111111111"},
	}
	s := drift.Stack{
		ID: infra.ID, Path: infra.Path, Workspace: "default", State: drift.State{Lineage: lineage, Serial: 7},
		Resources: drift.Counts{Checked: 20, Clean: 18, Drifted: 2}, Findings: []drift.Finding{memory, gone},
	}
	s.Settle(false)
	revertedAlready := episode(openFinding("aws_dynamodb_table.device_tokens", "ttl[0].enabled", "true", "false"), drift.LifeReverted, "2026-10-20 06:00", "2026-10-27 06:00")
	revertedAlready.Reason, revertedAlready.Ticket, revertedAlready.Actor = "nobody knew why", "OPS-7", "ana"
	return report.DriftReport{
		Task: "TASK-0702 - Device Token Infrastructure", Environment: "LocalStack (dev)",
		Run:    drift.RunRecord{ID: "r9", Tool: drift.Tool{Name: "holdfast", Version: "test"}, FinishedAt: at("2026-11-25 06:00")},
		Stacks: []drift.Stack{s},
		Baselines: []drift.Baseline{{Stack: infra, At: at("2026-10-15 09:00"), Resources: []drift.BaselineResource{
			{Address: "aws_dynamodb_table.device_tokens", Type: "aws_dynamodb_table", Name: "photoeditor-dev-device-tokens", Facts: []drift.Fact{{Label: "Hash key", Value: "userId"}, {Label: "TTL", Value: "enabled on expiresAt"}}},
			{Address: `aws_api_gateway_method.m["POST"]`, Type: "aws_api_gateway_method", Name: "POST /v1/device-tokens", Facts: []drift.Fact{{Label: "Method", Value: "POST"}, {Label: "Path", Value: "/v1/device-tokens"}, {Label: "Made of", Value: "method + integration"}}},
			{Address: "aws_iam_role.r", Type: "aws_iam_role", Name: "photoeditor-dev-device-token", Facts: []drift.Fact{{Label: "Kind", Value: "Lambda execution role"}, {Label: "Permissions", Value: "DynamoDB and KMS"}}},
			{Address: "aws_iam_role_policy.r", Type: "aws_iam_role_policy", Name: "p", Facts: []drift.Fact{{Label: "Part of", Value: "aws_iam_role.r"}}},
			{Address: "other_thing.x", Type: "other_thing", Name: "x", Facts: []drift.Fact{{Label: "size", Value: "3"}}},
		}}},
		Episodes: []drift.Episode{
			episode(gone, drift.LifeOpen, "2026-11-24 06:00", "2026-11-25 06:00"),
			episode(memory, drift.LifeOpen, "2026-11-18 06:00", "2026-11-25 06:00"),
			revertedAlready,
		},
		Events: []drift.Event{{ID: "e1", At: at("2026-10-15 09:00"), Kind: drift.EventBaseline, Stack: infra}},
	}
}

func write(t *testing.T, in report.DriftReport, existing string) string {
	t.Helper()
	out, err := report.DriftMarkdown(in, []byte(existing))
	if err != nil {
		t.Fatal(err)
	}
	again, err := report.DriftMarkdown(in, out)
	if err != nil {
		t.Fatalf("what was written can't be read again: %v", err)
	}
	if diff := cmp.Diff(string(out), string(again)); diff != "" {
		t.Fatalf("written again it is another (-first +second):\n%s", diff)
	}
	return string(out)
}

func TestDriftReportGolden(t *testing.T) {
	t.Parallel()
	quiet := seedReport()
	quiet.Episodes, quiet.Stacks[0].Findings = nil, nil
	quiet.Stacks[0].Settle(false)
	quiet.Schedule, quiet.Next, quiet.Alerts = "0 6 * * 1", at("2026-11-30 06:00"), true
	quiet.Ignore = []drift.IgnoreRule{{Address: "aws_ecs_service.*", Reason: "the scheduler sets it", Until: at("2026-12-01 00:00")}}
	for name, in := range map[string]report.DriftReport{"drift": seedReport(), "quiet": quiet, "fleet": fleetReport()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goldenFile(t, "driftreport-"+name+".golden.md", write(t, in, ""))
		})
	}
}

// fleetReport is three stacks, one of which can't be checked.
func fleetReport() report.DriftReport {
	in := seedReport()
	broken := drift.Stack{ID: "bbbbbbbbbbbb", Path: "live/eu", Workspace: "prod", Errors: []drift.Error{{Code: "no_state", Message: "there is no state; run terraform init"}}}
	broken.Settle(true)
	part := drift.Stack{
		ID: "cccccccccccc", Path: "live/us", Workspace: "default", Resources: drift.Counts{Checked: 3, Clean: 3, Errored: 1},
		Errors:  []drift.Error{{Address: "aws_sqs_queue.jobs", Code: "failed", Message: "reading it: AccessDenied"}},
		Pending: []drift.Pending{{Address: "aws_sns_topic.new", Actions: []string{"create"}}},
	}
	part.Settle(false)
	in.Stacks = append(in.Stacks, broken, part)
	waived := openFinding("aws_lambda_function.slow", "timeout", "10", "60")
	waived.Status, waived.Waiver = drift.Waived, &drift.FindingWaiver{ID: "LOAD-1", State: drift.WaiverActive, Reason: "a load test", Owner: "ana", Ticket: "OPS-9", Until: "2026-12-01"}
	in.Waivers = []drift.Waiver{{ID: "LOAD-1", Addresses: []drift.Pattern{"aws_lambda_function.slow"}, Reason: "a load test", Owner: "ana", Until: at("2026-12-01 00:00")}}
	queue := openFinding("aws_sqs_queue.jobs", "delay_seconds", "0", "30")
	queue.Cause = unknownCause()
	in.Episodes = append(in.Episodes, episode(queue, drift.LifeOpen, "2026-11-24 06:00", "2026-11-25 06:00"))
	in.Stacks[0].Findings = append(in.Stacks[0].Findings, queue)
	in.Episodes = append(in.Episodes, episode(waived, drift.LifeWaived, "2026-11-20 06:00", "2026-11-25 06:00"))
	in.Baselines = append(in.Baselines, drift.Baseline{Stack: part.Ref(), At: at("2026-11-01 06:00")})
	in.Events = append(in.Events, drift.Event{ID: "e2", At: at("2026-11-20 06:00"), Kind: drift.EventBaseline, Stack: infra, Actor: "ana", Reason: "the table was rebuilt"})
	return in
}

func goldenFile(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDriftReportSections: the seed's sections, by its names and in its order.
func TestDriftReportSections(t *testing.T) {
	t.Parallel()
	out := write(t, seedReport(), "")
	from := 0
	for _, want := range []string{
		"# Infrastructure Drift Report\n", "**Date**: 2026-11-25", "**Task**: TASK-0702 - Device Token Infrastructure", "**Environment**: LocalStack (dev)",
		"## Overview\n", "## Drift Check Status\n", "**Last Run**: 2026-11-25", "**Next Scheduled**: ", "**Result**: drift: 2 findings open", "**Coverage**: 20 of 20 resources checked",
		"## Baseline Configuration\n", "### Resources Provisioned\n", "## Open Drift\n", "## Drift Detection Method\n", "terraform plan -detailed-exitcode", "# 2 = changes detected (drift)",
		"## Drift Resolution Procedure\n", "1. **Identify**", "2. **Analyze**", "3. **Remediate**", "4. **Document**",
		"## Drift History\n", "| Date | Resource | Change Type | Resolution |", "| 2026-10-15 | Initial | N/A | Baseline established ", "## Notes\n", "## Next Steps\n",
	} {
		i := strings.Index(out[from:], want)
		if i < 0 {
			t.Fatalf("%q is missing, or before its place", want)
		}
		from += i + len(want)
	}
}

// TestDriftReportKeepsPeoplesText: text around and between the parts stays byte
// for byte, whatever its line ends and encoding.
func TestDriftReportKeepsPeoplesText(t *testing.T) {
	t.Parallel()
	first := write(t, seedReport(), "")
	for name, text := range map[string]string{
		"plain": "\nOur own words.\n", "no line end": "words", "trailing space": "a \t\n\n\n", "latin 1": "caf\xe9\n",
		"looks like a table": "| a | b |\n|---|---|\n| 1 | 2 |\n", "comment": "<!-- ours -->\n", "fence": "```\ncode\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := strings.SplitAfter(first, "<!-- holdfast:end status -->\n")
			existing := text + lines[0] + text + lines[1] + text
			if !strings.HasSuffix(text, "\n") {
				existing = lines[0] + text + "\n" + lines[1] + text
			}
			later := seedReport()
			later.Run.FinishedAt = at("2026-12-02 06:00")
			out := write(t, later, existing)
			if people(existing) != people(out) {
				t.Errorf("people's text was changed:\n%q\n%q", people(existing), people(out))
			}
			if !strings.Contains(out, "**Date**: 2026-12-02") {
				t.Error("the report was not brought up to date")
			}
			crlf := strings.ReplaceAll(existing, "\n", "\r\n")
			out = write(t, later, crlf)
			if people(crlf) != people(out) {
				t.Errorf("people's text was changed where lines end with CRLF")
			}
			if name != "no line end" && strings.Count(out, "\n") != strings.Count(out, "\r\n") {
				t.Error("line ends are mixed")
			}
		})
	}
	marked := write(t, seedReport(), "\ufeff"+first)
	if !strings.HasPrefix(marked, "\ufeff<!-- holdfast:begin header -->") {
		t.Errorf("the byte order mark is gone: %q", marked[:20])
	}
}

// people is all that stands outside the parts, by a reading of its own.
func people(file string) string {
	var out strings.Builder
	inside := false
	if rest, ok := strings.CutPrefix(file, "\ufeff"); ok {
		out.WriteString("\ufeff")
		file = rest
	}
	for line := range strings.SplitAfterSeq(file, "\n") {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "<!-- holdfast:begin "):
			inside = true
		case strings.HasPrefix(text, "<!-- holdfast:end "):
			inside = false
		case !inside:
			out.WriteString(line)
		}
	}
	return out.String()
}

// TestDriftReportBroken: a file that was broken by hand is refused, with the line.
func TestDriftReportBroken(t *testing.T) {
	t.Parallel()
	whole := write(t, seedReport(), "")
	lineOf := func(s string) int {
		before, _, ok := strings.Cut(whole, s)
		if !ok {
			t.Fatalf("%q is not there", s)
		}
		return 1 + strings.Count(before, "\n")
	}
	before := func(s string) string {
		text, _, _ := strings.Cut(whole, s)
		return text
	}
	const beginOpen, endOpen = "<!-- holdfast:begin open -->\n", "<!-- holdfast:end open -->\n"
	swapped := strings.NewReplacer("begin open", "begin method", "end open", "end method", "begin method", "begin open", "end method", "end open").Replace(whole)
	for name, c := range map[string]struct {
		file string
		line int
		want string
	}{
		"no end":             {strings.Replace(whole, endOpen, "", 1), lineOf("<!-- holdfast:begin method") - 1, "begins inside"},
		"no beginning":       {strings.Replace(whole, beginOpen, "", 1), lineOf(endOpen) - 1, "no beginning"},
		"neither":            {strings.NewReplacer(beginOpen, "", endOpen, "").Replace(whole), lineOf("<!-- holdfast:begin method") - 2, `"open" is missing`},
		"doubled":            {strings.Replace(whole, endOpen, endOpen+beginOpen+endOpen, 1), lineOf(endOpen) + 1, "twice"},
		"nested":             {strings.Replace(whole, beginOpen, beginOpen+"<!-- holdfast:begin notes -->\n", 1), lineOf(beginOpen) + 1, "inside"},
		"out of order":       {swapped, lineOf(beginOpen), `"open" is missing`},
		"wrong end":          {strings.Replace(whole, endOpen, "<!-- holdfast:end notes -->\n", 1), lineOf(endOpen), "ends inside"},
		"unknown":            {strings.Replace(whole, beginOpen, "<!-- holdfast:begin summary -->\n", 1), lineOf(beginOpen), "no part"},
		"mangled":            {strings.Replace(whole, beginOpen, "<!-- Holdfast: begin open-->\n", 1), lineOf(beginOpen), "almost a marker"},
		"text on its line":   {strings.Replace(whole, beginOpen, "<!-- holdfast:begin open --> text\n", 1), lineOf(beginOpen), "almost a marker"},
		"cut off":            {before("<!-- holdfast:end history"), lineOf("<!-- holdfast:begin history"), "no end"},
		"cut between":        {before("<!-- holdfast:begin notes"), lineOf("<!-- holdfast:begin notes") - 1, `"notes" is missing`},
		"text in history":    {strings.Replace(whole, "<!-- holdfast:end history", "our words\n<!-- holdfast:end history", 1), lineOf("<!-- holdfast:end history"), "no row"},
		"a conflict in git":  {strings.Replace(whole, "<!-- holdfast:end history", "<<<<<<< HEAD\n<!-- holdfast:end history", 1), lineOf("<!-- holdfast:end history"), "no row"},
		"a broken note":      {strings.Replace(whole, "<!-- hf:b.", "<!-- hf:b .", 1), lineOf("<!-- hf:b."), "note"},
		"a note of no month": {strings.Replace(whole, " 20261015T", " 20261315T", 1), lineOf("<!-- hf:b."), "no such time"},
		"utf-16":             {"#\x00 \x00R\x00\n\x00", 1, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := report.DriftMarkdown(seedReport(), []byte(c.file))
			var broken *report.BrokenReportError
			if !errors.As(err, &broken) || out != nil {
				t.Fatalf("it was taken: %v", err)
			}
			if broken.Line != c.line || !strings.Contains(broken.What, c.want) {
				t.Errorf("got line %d: %s; want line %d, %q", broken.Line, broken.What, c.line, c.want)
			}
		})
	}
}

// TestDriftReportAdoptsSeed: the hand-written report of the seed keeps all its
// text, and its history goes on.
func TestDriftReportAdoptsSeed(t *testing.T) {
	t.Parallel()
	seed, err := os.ReadFile(filepath.Join("testdata", "seed.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, eol := range []string{"\n", "\r\n"} {
		text := strings.ReplaceAll(string(seed), "\n", eol)
		out := write(t, seedReport(), text)
		if !strings.HasSuffix(out, eol+text) {
			t.Error("the old text is not there as it was")
		}
		part := historyPart(t, out)
		if strings.Count(part, "Baseline established") != 1 || !strings.Contains(part, "| 2025-10-15 | Initial | N/A | Baseline established |") {
			t.Errorf("the old history was not taken over:\n%s", part)
		}
		if !strings.Contains(part, "aws_lambda_function.device_token") {
			t.Error("the new history is missing")
		}
		// Somebody cleans up: what was below goes, and its row stays.
		cleaned := strings.TrimSuffix(out, text)
		if diff := cmp.Diff(historyPart(t, write(t, seedReport(), cleaned)), part); diff != "" {
			t.Errorf("(-after +before):\n%s", diff)
		}
	}
	bom := write(t, seedReport(), "\ufeff"+string(seed))
	if !strings.HasPrefix(bom, "\ufeff<!-- holdfast:begin header -->\n") || !strings.HasSuffix(bom, string(seed)) {
		t.Error("the byte order mark does not stand first")
	}
}

func historyPart(t *testing.T, file string) string {
	t.Helper()
	_, rest, ok := strings.Cut(file, "<!-- holdfast:begin history -->")
	part, _, ok2 := strings.Cut(rest, "<!-- holdfast:end history -->")
	if !ok || !ok2 {
		t.Fatal("there is no history")
	}
	return part
}

// TestDriftReportEscapes: names and values from the outside break neither tables
// nor markers.
func TestDriftReportEscapes(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		"<script>alert(1)</script>", "a|b|c", `a\|b`, "`tick`", "``", "a\nb\r\nc\u2028d", "--> <b>", "<!-- holdfast:end open -->", "\n<!-- holdfast:end history -->\n",
		"<!-- hf:x y z -->", "```\n# out\n```", "[x](javascript:alert(1))", "![i](https://example.com/x.png)", "https://example.com", "@everyone", "\x00\x1b[31m", "\u202e", "|", "\\", "a ", "\xff\xfe",
	} {
		in := seedReport()
		raw, err := json.Marshal(evil)
		if err != nil {
			t.Fatal(err)
		}
		in.Title, in.Task, in.Environment, in.Schedule = evil, evil, evil, evil
		f := openFinding(`aws_x.y["`+evil+`"]`, `tags["`+evil+`"]`, string(raw), `"{\"a\":`+strings.ReplaceAll(string(raw), `"`, `\"`)+`}"`)
		f.Cause, f.Doubt, f.Certainty = evilCause(evil), evil, drift.Possible
		waived := f
		waived.ID, waived.Status, waived.Waiver = "eeeeeeeeeeee", drift.Waived, &drift.FindingWaiver{ID: evil, State: drift.WaiverActive, Reason: evil, Owner: evil, Until: evil}
		over := episode(openFinding("aws_x."+evil, evil, "1", "2"), drift.LifeAccepted, "2026-11-01 06:00", "2026-11-02 06:00")
		over.Reason, over.Actor, over.Ticket = evil, evil, evil
		in.Episodes = append(in.Episodes, episode(f, drift.LifeOpen, "2026-11-20 06:00", "2026-11-25 06:00"), episode(waived, drift.LifeWaived, "2026-11-20 06:00", "2026-11-25 06:00"), over)
		in.Stacks[0].Path = evil
		in.Stacks[0].Errors = []drift.Error{{Address: evil, Message: evil}}
		in.Baselines[0].Stack.Path = evil
		in.Baselines[0].Resources = append(in.Baselines[0].Resources, drift.BaselineResource{
			Address: evil, Type: evil, Name: evil, Facts: []drift.Fact{{Label: evil, Value: evil}, {Label: "l", Value: evil + " words"}},
		}, drift.BaselineResource{Address: evil, Type: "aws_cloudwatch_log_group", Name: evil, Facts: []drift.Fact{{Label: "Retention", Value: evil}}})
		out := write(t, in, "")
		rendered(t, evil, out)
	}
}

// evilCause has it in every place.
func evilCause(evil string) *drift.Cause {
	event := drift.CauseEvent{
		Actor: evil, ActorARN: evil, Session: evil, SourceIdentity: evil, Automation: evil, How: evil, At: at("2026-11-20 05:00"), From: evil, Event: evil, EventID: evil,
		EventSource: evil, Region: evil, Account: evil, UserAgent: evil, Paths: []string{evil}, Note: evil,
	}
	return &drift.Cause{
		Class: drift.CauseConsole, Summary: evil, Confidence: drift.Likely, Rule: evil, CauseEvent: event, Unexplained: []string{evil}, Gaps: []string{evil, evil},
		Candidates: []drift.CauseEvent{event, event}, Omitted: 2,
	}
}

// rendered reads a report as GitHub would and looks for what must not be there.
func rendered(t *testing.T, evil, out string) {
	t.Helper()
	var html bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(ghtml.WithUnsafe())).Convert([]byte(out), &html); err != nil {
		t.Fatal(err)
	}
	page := html.String()
	for _, bad := range []string{"<script", "<b>", "<img", "javascript:alert(1)\"", "href=\"http"} {
		if strings.Contains(page, bad) {
			i := strings.Index(page, bad)
			t.Errorf("%q: %s got through: ...%s", evil, bad, page[max(0, i-200):min(len(page), i+100)])
		}
	}
	if n := strings.Count(page, "<h2"); n != 9 {
		t.Errorf("%q: %d sections, want 9", evil, n)
	}
	for row := range strings.SplitSeq(page, "<tr>") {
		if cells := strings.Count(row, "<td"); cells != 0 && cells != 4 && cells != 5 && cells != 6 {
			t.Errorf("%q: a row of %d cells: %s", evil, cells, row)
		}
	}
	if !strings.Contains(page, "<table>") || strings.Contains(page, "holdfast:end open --&gt;") && !strings.Contains(evil, "holdfast") {
		t.Errorf("%q: a table or a marker is broken", evil)
	}
	for i, line := range strings.Split(out, "\n") {
		if strings.ContainsAny(line, "\x00\x1b\u202e") {
			t.Errorf("%q: line %d holds a control character: %q", evil, i+1, line)
		}
	}
}

// bigReport has so many open findings, and rows of history altogether.
func bigReport(findings, rows int) report.DriftReport {
	in := seedReport()
	in.Episodes, in.Stacks[0].Findings = nil, nil
	for i := range findings {
		f := openFinding(fmt.Sprintf("module.m[%d].aws_lambda_function.f", i), "policy", `"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Action\":\"a\"}]}"`, fmt.Sprintf(`"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Action\":\"b%d\"}]}"`, i))
		in.Episodes = append(in.Episodes, episode(f, drift.LifeOpen, "2026-11-20 06:00", "2026-11-25 06:00"))
		in.Stacks[0].Findings = append(in.Stacks[0].Findings, f)
	}
	in.Stacks[0].Settle(false)
	for i := range rows - findings {
		f := openFinding(fmt.Sprintf("module.old[%d].aws_lambda_function.f", i), "memory_size", "1", "2")
		in.Episodes = append(in.Episodes, episode(f, drift.LifeResolved, "2026-10-20 06:00", "2026-10-25 06:00"))
	}
	return in
}

// BenchmarkDriftReport writes 500 findings and 2,000 rows of history over a file
// that has them. The bar is one second.
func BenchmarkDriftReport(b *testing.B) {
	in := bigReport(500, 2000)
	existing, err := report.DriftMarkdown(in, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		if _, err := report.DriftMarkdown(in, existing); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000, "ms-bar/op")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
}

// FuzzDriftReport: whatever stands in the file, people's text comes out
// unchanged, or nothing is written; and what was written is stable.
func FuzzDriftReport(f *testing.F) {
	seed, err := os.ReadFile(filepath.Join("testdata", "seed.md"))
	if err != nil {
		f.Fatal(err)
	}
	in := seedReport()
	written, err := report.DriftMarkdown(in, nil)
	if err != nil {
		f.Fatal(err)
	}
	adopted, err := report.DriftMarkdown(in, seed)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range [][]byte{
		nil, seed, written, adopted, bytes.ReplaceAll(written, []byte("\n"), []byte("\r\n")), bytes.Replace(written, []byte("## Notes"), []byte("| a | b |\n"), 1),
		append([]byte("\ufeff"), written...), []byte("\ufeff"), []byte("\n"), []byte("a\rb"), []byte("<!-- holdfast:begin header -->"), []byte("| Date | Resource | Change Type | Resolution |\n| x <!-- hf:a b 20261015T000000Z edited --> |"),
		bytes.Replace(written, []byte("| Open "), []byte("| not open | at all "), 1), bytes.Replace(written, []byte("<!-- holdfast:end history"), []byte("| | |\n|---|\n\\|\n<!-- holdfast:end history"), 1),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, existing []byte) {
		out, err := report.DriftMarkdown(in, existing)
		if err != nil {
			var broken *report.BrokenReportError
			if !errors.As(err, &broken) || broken.Line < 1 || out != nil {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		if !bytes.Contains(existing, []byte("<!-- holdfast:")) {
			if !bytes.HasSuffix(out, bytes.TrimPrefix(existing, []byte("\ufeff"))) && len(bytes.TrimSpace(existing)) > 0 {
				t.Fatalf("the text is not there as it was")
			}
		} else if people(string(existing)) != people(string(out)) {
			t.Fatalf("people's text was changed:\n%q\n%q", people(string(existing)), people(string(out)))
		}
		for _, id := range notes(existing) {
			if !bytes.Contains(out, id) {
				t.Fatalf("the row of %s is gone", id)
			}
		}
		again, err := report.DriftMarkdown(in, out)
		if err != nil {
			t.Fatalf("what was written can't be read again: %v", err)
		}
		if !bytes.Equal(out, again) {
			t.Fatalf("written again it is another:\n%s", cmp.Diff(string(out), string(again)))
		}
	})
}

var noteID = regexp.MustCompile(`<!-- hf:[A-Za-z0-9._]+(?:-[0-9]+)? `)

// notes are those of the rows of a history.
func notes(file []byte) [][]byte {
	if _, history, ok := bytes.Cut(file, []byte("<!-- holdfast:begin history -->")); ok {
		file, _, _ = bytes.Cut(history, []byte("<!-- holdfast:end history -->"))
	}
	return noteID.FindAll(file, -1)
}
