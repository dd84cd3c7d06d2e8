package report_test

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// TestCauseAndWaiver: every way of telling a finding names who changed it and the
// waiver that covers it, or did.
func TestCauseAndWaiver(t *testing.T) {
	t.Parallel()
	active := &drift.FindingWaiver{ID: "W-12", State: drift.WaiverActive, Reason: "Support needs SSH", Owner: "platform", Ticket: "OPS-7", Until: "2026-12-01"}
	ended := *active
	ended.State = drift.WaiverEnded
	for name, c := range map[string]struct {
		waiver *drift.FindingWaiver
		status drift.FindingStatus
		life   drift.Life
	}{
		"waived": {active, drift.Waived, drift.LifeWaived},
		"ended":  {&ended, drift.Open, drift.LifeOpen},
	} {
		f := finding("aws_lambda_function.app", drift.Modified, drift.Change{Path: "memory_size", Expected: raw("128"), Actual: raw("512")})
		f.Cause, f.Waiver, f.Status = sharedCause(), c.waiver, c.status
		for told, text := range everyway(t, f, c.life) {
			t.Run(name+"/"+told, func(t *testing.T) {
				t.Parallel()
				who := "changed by user ci-legacy (aws-cli) on 2026-10-30 09:40 UTC"
				if strings.HasSuffix(told, "history") || told == "report, open drift" && name == "waived" { // a row of a table
					who = "user ci-legacy, aws-cli"
				}
				for _, w := range []string{who, "W-12", "Support needs SSH"} {
					if !strings.Contains(text, w) {
						t.Errorf("%q is missing in\n%s", w, text)
					}
				}
			})
		}
	}
}

// TestNotAsked: where nobody was asked, people are not told so with each finding;
// show and programs are.
func TestNotAsked(t *testing.T) {
	t.Parallel()
	f := finding("aws_lambda_function.app", drift.Modified, drift.Change{Path: "memory_size", Expected: raw("128"), Actual: raw("512")})
	f.Status, f.Cause = drift.Open, &drift.Cause{Class: drift.CauseUnknown, Rule: drift.NotAsked, Summary: "unknown: nobody was asked"}
	for told, text := range everyway(t, f, drift.LifeOpen) {
		want := told == "show" || strings.Contains(strings.ToLower(told), "json") || told == "sarif"
		if strings.Contains(text, "nobody was asked") != want {
			t.Errorf("%s: want it told: %v\n%s", told, want, text)
		}
	}
}

// everyway is all that is written of a run with one finding.
func everyway(t *testing.T, f drift.Finding, life drift.Life) map[string]string {
	t.Helper()
	s := drift.Stack{ID: infra.ID, Path: infra.Path, Workspace: infra.Workspace, Engine: "direct", Resources: drift.Counts{Checked: 1, Drifted: 1}, Findings: []drift.Finding{f}}
	s.Settle(false)
	run := drift.Run{SchemaVersion: 1, Tool: drift.Tool{Name: "holdfast", Version: "test"}, StartedAt: at("2026-11-25 06:00"), FinishedAt: at("2026-11-25 06:00"), Stacks: []drift.Stack{s}}
	run.Summary = drift.Summarize(run.Stacks)
	out := map[string]string{}
	for _, format := range report.Formats() {
		var b bytes.Buffer
		must(t, report.Write(&b, format, run, report.Options{}))
		out[format] = b.String()
	}
	e := episode(f, life, "2026-11-20 06:00", "2026-11-25 06:00")
	var b bytes.Buffer
	must(t, report.Show(&b, e, nil, report.ShowOptions{}))
	out["show"] = b.String()
	b.Reset()
	h := drift.History{SchemaVersion: 1, Episodes: []drift.Episode{e}}
	must(t, report.HistoryTable(&b, h, report.TableOptions{}))
	out["history"] = b.String()
	b.Reset()
	must(t, report.HistoryJSON(&b, h))
	out["history as JSON"] = b.String()
	in := seedReport()
	in.Stacks, in.Episodes = []drift.Stack{s}, []drift.Episode{e}
	whole := write(t, in, "")
	before, _, _ := strings.Cut(whole, "<!-- holdfast:end open -->")
	_, out["report, open drift"], _ = strings.Cut(before, "<!-- holdfast:begin open -->")
	_, after, _ := strings.Cut(whole, "<!-- holdfast:begin history -->")
	out["report, history"], _, _ = strings.Cut(after, "<!-- holdfast:end history -->")
	return out
}

// TestTableCauses: -v tells what makes a cause believable, a reason that several
// findings share is said once, and nothing where nobody looked.
func TestTableCauses(t *testing.T) {
	t.Parallel()
	run, _ := rich()
	table := func(o report.TableOptions) string {
		var b bytes.Buffer
		must(t, report.Table(&b, run, o))
		return b.String()
	}
	golden(t, "causes.golden", []byte(table(report.TableOptions{Verbose: true})))
	short, long := table(report.TableOptions{}), table(report.TableOptions{Verbose: true})
	for text, want := range map[string][2]int{ // how often, without -v and with it
		"who changed 2 of them is unknown: no matching event since": {1, 0},
		"who changed it is unknown: no matching event since":        {0, 2},
		"evidence not read: CloudTrail LookupEvents in us-east-1":   {1, 3},
		"evidence: manual-cli, likely by the rule value":            {0, 1},
		"no event for: environment[0]":                              {0, 1},
	} {
		if got := [2]int{strings.Count(short, text), strings.Count(long, text)}; got != want {
			t.Errorf("%q is there %v times, want %v", text, got, want)
		}
	}
	for i := range run.Stacks[0].Findings {
		run.Stacks[0].Findings[i].Cause = nil
	}
	if got := table(report.TableOptions{Verbose: true}); strings.Contains(got, "who changed") || strings.Contains(got, "evidence") {
		t.Error(got)
	}
	run.Stacks[0].Findings[3].Cause = unknownCause() // alone
	if got := table(report.TableOptions{}); strings.Count(got, "who changed it is unknown: no matching event") != 1 {
		t.Error(got)
	}
	run.Stacks[0].Findings[3].Cause = &drift.Cause{Class: drift.CauseState, Rule: "lineage_changed", Summary: "the state is unsound: lineage_changed"}
	if got := table(report.TableOptions{}); !strings.Contains(got, "      the state is unsound: lineage_changed\n") {
		t.Error(got)
	}
}

// Of many candidates and gaps some are shown, and how many are left out.
func TestShowLimits(t *testing.T) {
	t.Parallel()
	f := finding("aws_lambda_function.app", drift.Deleted)
	f.Cause = unknownCause()
	f.Cause.Omitted = 7
	for i := range 15 {
		f.Cause.Candidates = append(f.Cause.Candidates, drift.CauseEvent{Actor: "user kim", At: at("2026-11-20 05:00").Add(-time.Duration(i) * time.Minute), Event: "Thing", Note: "does not touch what has changed"})
	}
	f.Cause.Gaps = []string{"a", "b", "c", "d", "e"}
	show := func(full bool) string {
		var b bytes.Buffer
		must(t, report.Show(&b, shown(f), nil, report.ShowOptions{Full: full}))
		return b.String()
	}
	if got := show(false); strings.Count(got, "user kim") != 10 || !strings.Contains(got, "and 12 older; --full shows more") || !strings.Contains(got, "and 2 more\n") {
		t.Error(got)
	}
	if got := show(true); strings.Count(got, "user kim") != 15 || !strings.Contains(got, "and 7 older\n") || strings.Contains(got, "and 2 more") {
		t.Error(got)
	}
}

// TestCauseSchema: the schema knows every field of a cause, and refuses each with
// another type.
func TestCauseSchema(t *testing.T) {
	t.Parallel()
	run, _ := rich()
	mfa := true
	event := drift.CauseEvent{
		Actor: "a", ActorARN: "a", Session: "a", SourceIdentity: "a", Automation: "a", How: "a", MFA: &mfa, At: at("2026-11-20 05:00"), From: "a", Event: "a", EventID: "a",
		EventSource: "a", Region: "a", Account: "a", UserAgent: "a", Paths: []string{"a"}, Note: "a",
	}
	full := &drift.Cause{
		Class: drift.CauseConsole, Summary: "a", Confidence: drift.Exact, Rule: "a", CauseEvent: event, Since: event.At, Until: event.At, Unexplained: []string{"a"}, Gaps: []string{"a"},
		Candidates: []drift.CauseEvent{event}, Omitted: 1,
	}
	for _, v := range []reflect.Value{reflect.ValueOf(*full), reflect.ValueOf(event)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Fatalf("%s is not filled", v.Type().Field(i).Name)
			}
		}
	}
	run.Stacks[0].Findings[0].Cause = full
	var b bytes.Buffer
	must(t, report.JSON(&b, run))
	validate(t, b.Bytes())
	cause := func(run any) map[string]any {
		stack := run.(map[string]any)["stacks"].([]any)[0].(map[string]any)
		return stack["findings"].([]any)[0].(map[string]any)["cause"].(map[string]any)
	}
	refused := func(what string, spoil func(cause map[string]any)) {
		spoiled := decoded(t, b.Bytes())
		spoil(cause(spoiled))
		if schema(t).Validate(spoiled) == nil {
			t.Errorf("the schema accepts %s", what)
		}
	}
	whole := cause(decoded(t, b.Bytes()))
	for key := range whole {
		refused(key+" of another type", func(c map[string]any) { c[key] = map[string]any{} })
	}
	for key := range whole["candidates"].([]any)[0].(map[string]any) {
		refused(key+" of another type in a candidate", func(c map[string]any) {
			c["candidates"].([]any)[0].(map[string]any)[key] = map[string]any{}
		})
	}
	refused("an unknown key", func(c map[string]any) { c["color"] = "red" })
	for _, key := range []string{"class", "summary"} {
		refused("nothing for "+key, func(c map[string]any) { delete(c, key) })
	}
}

// TestHistorySchema: a history's findings are those of a result.
func TestHistorySchema(t *testing.T) {
	t.Parallel()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "history.schema.json"))
	must(t, err)
	run, _ := rich()
	h := drift.History{SchemaVersion: 1, Tool: run.Tool}
	for _, f := range run.Stacks[0].Findings {
		h.Episodes = append(h.Episodes, shown(f))
	}
	var b bytes.Buffer
	must(t, report.HistoryJSON(&b, h))
	if err := s.Validate(decoded(t, b.Bytes())); err != nil {
		t.Error(err)
	}
	if err := s.Validate(decoded(t, bytes.ReplaceAll(b.Bytes(), []byte(`"actor"`), []byte(`"culprit"`)))); err == nil {
		t.Error("the schema accepts a cause with another key")
	}
}
