package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/cli"
	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// withHistory makes a history with two findings in it.
func withHistory(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "history.db")
	s, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run, err := s.Begin(t.Context(), drift.RunRecord{Tool: drift.Tool{Name: "holdfast", Version: "test"}, StartedAt: time.Now(), Trigger: "command"})
	if err != nil {
		t.Fatal(err)
	}
	result := drift.Stack{ID: drift.StackID("live", "default"), Path: "live", Workspace: "default", Engine: "direct", State: drift.State{Lineage: "l"}}
	for _, address := range []string{`aws_x.y["a"]`, `aws_x.y["b"]`} {
		result.Findings = append(result.Findings, drift.Finding{
			ID: drift.FindingID("l", address, drift.Modified), Revision: "0123456789ab", Address: address, Type: "aws_x", Kind: drift.Modified,
			Certainty: drift.Certain, Status: drift.Open, Source: &drift.Position{File: "live/main.tf", Line: 7},
			Changes: []drift.Change{{Path: "size", Expected: json.RawMessage("1"), Actual: json.RawMessage("2")}},
		})
	}
	event := drift.CauseEvent{Actor: "user kim", How: "console", At: time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC), From: "198.51.100.7", Event: "SetSize", EventID: "e-1", Paths: []string{"size"}}
	older := event
	older.EventID, older.At, older.Note = "e-0", event.At.Add(-time.Hour), "a newer event did the same"
	result.Findings[1].Cause = &drift.Cause{
		Class: drift.CauseConsole, Summary: "changed by user kim (console) on 2026-11-20 11:00 UTC, SetSize", Confidence: drift.Exact, Rule: "value",
		CauseEvent: event, Candidates: []drift.CauseEvent{event, older},
	}
	result.Resources = drift.Counts{Checked: 2, Drifted: 2}
	result.Settle(false)
	if err := run.Save(t.Context(), result, func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if err := run.Finish(t.Context(), time.Now(), drift.Summarize([]drift.Stack{result})); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestShowCommand(t *testing.T) {
	t.Parallel()
	file := withHistory(t)
	id := drift.FindingID("l", `aws_x.y["b"]`, drift.Modified)
	for name, c := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"by address": {[]string{`aws_x.y["b"]`}, 0, []string{`aws_x.y["b"]  modified  open  ` + id, "declared at live/main.tf:7", "size  1 -> 2", "holdfast revert " + id + " --reason REASON"}},
		"by id":      {[]string{id[:6]}, 0, []string{`aws_x.y["b"]  modified`}},
		"ambiguous":  {[]string{"aws_x.y"}, 1, []string{"holdfast: aws_x.y may be any of these; name one by its id", id + `  aws_x.y["b"]  modified, open, in live`}},
		"elsewhere":  {[]string{id, "--stack", "other"}, 1, []string{"there is no finding " + id}},
		"json":       {[]string{id, "--format", "json"}, 0, []string{`"episodes": [`, `"line": 7`, `"actor": "user kim"`, `"event_id": "e-0"`}},
		"cause": {[]string{id}, 0, []string{
			"Who        changed by user kim (console) on 2026-11-20 11:00 UTC, SetSize", "Confidence       exact by the rule value (the event sets the attribute to what is live)",
			"From             198.51.100.7", "* 2026-11-20 11:00:00  SetSize  user kim, console", "2026-11-20 10:00:00  SetSize  user kim, console\n      a newer event did the same",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			code := cli.Main(append([]string{"show", "--store", file}, c.args...), []string{"NO_COLOR=1"}, &out, &out)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, out.String())
				}
			}
		})
	}
}
