package drift_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	finding := func(s drift.FindingStatus, c drift.Certainty) drift.Finding {
		return drift.Finding{Status: s, Certainty: c}
	}
	unchecked := drift.Stack{Errors: []drift.Error{{Code: "failed"}}}
	findings := map[string]struct {
		list              []drift.Finding
		certain, doubtful bool
	}{
		"no finding":           {},
		"open":                 {[]drift.Finding{finding(drift.Open, drift.Certain)}, true, false},
		"possible":             {[]drift.Finding{finding(drift.Open, drift.Possible)}, false, true},
		"open and possible":    {[]drift.Finding{finding(drift.Open, drift.Possible), finding(drift.Open, drift.Certain)}, true, true},
		"waived":               {[]drift.Finding{finding(drift.Waived, drift.Certain)}, false, false},
		"ignored":              {[]drift.Finding{finding(drift.Ignored, drift.Certain)}, false, false},
		"waived and possible":  {[]drift.Finding{finding(drift.Waived, drift.Possible)}, false, false},
		"waived and open":      {[]drift.Finding{finding(drift.Waived, drift.Certain), finding(drift.Open, drift.Certain)}, true, false},
		"of no status":         {[]drift.Finding{{Certainty: drift.Certain}}, true, false},
		"of no certainty":      {[]drift.Finding{{Status: drift.Open}}, true, false},
		"of neither, possible": {[]drift.Finding{{Certainty: drift.Possible}}, false, true},
	}
	doubts := map[string]struct {
		stack drift.Stack
		doubt bool
	}{
		"all checked":   {drift.Stack{Resources: drift.Counts{Checked: 3, Clean: 3}}, false},
		"unsupported":   {drift.Stack{Resources: drift.Counts{Checked: 3, Unsupported: 1}}, true},
		"errored":       {drift.Stack{Resources: drift.Counts{Checked: 3, Errored: 1}}, true},
		"error":         {unchecked, true},
		"pending":       {drift.Stack{Pending: []drift.Pending{{}}, Observed: []drift.Paths{{}}, Adopted: []drift.Paths{{}}}, false},
		"unsound state": {drift.Stack{Integrity: []drift.Integrity{{Severity: drift.SeverityError}}}, false},
	}
	for findingName, f := range findings {
		for doubtName, d := range doubts {
			for _, fatal := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, fatal %v", findingName, doubtName, fatal), func(t *testing.T) {
					t.Parallel()
					s := d.stack
					s.Findings = slices.Clone(f.list)
					s.Pending, s.Observed, s.Adopted = slices.Clone(s.Pending), slices.Clone(s.Observed), slices.Clone(s.Adopted)
					s.Settle(fatal)
					want := drift.StatusClean
					switch {
					case f.certain:
						want = drift.StatusDrifted
					case fatal:
						want = drift.StatusError
					case f.doubtful || d.doubt:
						want = drift.StatusIncomplete
					}
					if s.Status != want {
						t.Errorf("got %s, want %s", s.Status, want)
					}
				})
			}
		}
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	got := drift.Summarize([]drift.Stack{
		{Status: drift.StatusClean, Resources: drift.Counts{Checked: 5, Clean: 5}},
		{
			Status: drift.StatusDrifted, Resources: drift.Counts{Checked: 4, Clean: 1, Drifted: 3, Unsupported: 2, Errored: 1},
			Findings: []drift.Finding{{Status: drift.Open}, {Status: drift.Open, Certainty: drift.Possible}, {Status: drift.Waived}, {Status: drift.Ignored}, {}},
			Pending:  []drift.Pending{{}, {}},
		},
		{Status: drift.StatusIncomplete}, {Status: drift.StatusIncomplete}, {Status: drift.StatusError},
	})
	want := drift.Summary{
		Stacks: 5, Clean: 1, Drifted: 1, Incomplete: 2, Errored: 1, Resources: 12, Findings: 3, Waived: 1, Pending: 2,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Every combination of what two stacks came to.
func TestExitCode(t *testing.T) {
	t.Parallel()
	if got := (drift.Run{}).ExitCode(); got != 0 {
		t.Errorf("no stacks: %d", got)
	}
	alone := map[drift.Status]int{
		drift.StatusClean: 0, drift.StatusDrifted: 2, drift.StatusIncomplete: 1, drift.StatusError: 1,
		"": 1, // never settled
	}
	integrity := map[drift.Severity]int{"none": 0, drift.SeverityInfo: 0, drift.SeverityWarning: 0, drift.SeverityError: 1}
	type outcome struct {
		status drift.Status
		fault  drift.Severity
		code   int
	}
	var outcomes []outcome
	for status, code := range alone {
		for fault, atLeast := range integrity {
			outcomes = append(outcomes, outcome{status, fault, max(code, atLeast)})
		}
	}
	stack := func(o outcome) drift.Stack {
		s := drift.Stack{Status: o.status}
		if o.fault != "none" {
			s.Integrity = []drift.Integrity{{Severity: drift.SeverityInfo}, {Severity: o.fault}}
		}
		return s
	}
	for _, a := range outcomes {
		for _, b := range outcomes {
			run := drift.Run{Stacks: []drift.Stack{stack(a), stack(b)}}
			if got, want := run.ExitCode(), max(a.code, b.code); got != want {
				t.Errorf("%q with %s and %q with %s: got %d, want %d", a.status, a.fault, b.status, b.fault, got, want)
			}
		}
	}
}

// TestJSON: names and order of the result's fields are a promise; docs and
// schema describe them.
func TestJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 5, 6, 7, 8, 0, time.UTC)
	full := drift.Stack{
		ID: "id", Path: "envs/prod", Workspace: "default", Engine: "direct", DurationMS: 12,
		Resources: drift.Counts{Checked: 2, Clean: 1, Drifted: 1},
		State:     drift.State{Source: "terraform.tfstate", Lineage: "lineage", Serial: 3, TerraformVersion: "1.11.4"},
		Findings: []drift.Finding{
			{
				ID: "id", Revision: "revision", Address: "a.b", Type: "a", Provider: "p", Kind: drift.Modified,
				Changes: []drift.Change{
					{Path: "size", Expected: json.RawMessage("128"), Actual: json.RawMessage("null")},
					{Path: "secret", Sensitive: true, RequiresReplace: true},
				},
				Certainty: drift.Certain, Cause: testCause(at), Waiver: &drift.FindingWaiver{ID: "w", State: drift.WaiverActive, Reason: "why", Owner: "y", Until: "2027-01-31"}, Status: drift.Waived,
			},
			{Kind: drift.Deleted, Certainty: drift.Possible, Doubt: "why", Status: drift.Open},
		},
		Observed:  []drift.Paths{{Address: "a.b", Paths: []string{"x"}}, {}},
		Adopted:   []drift.Paths{{Address: "a.b", Paths: []string{"x"}}, {}},
		Pending:   []drift.Pending{{Address: "a.b", Actions: []string{"delete"}, Paths: []string{"x"}}, {}},
		Integrity: []drift.Integrity{{Code: "tainted_object", Severity: drift.SeverityWarning, Message: "m", Address: "a.b"}},
		Errors:    []drift.Error{{Address: "a.b", Code: "failed", Message: "m"}},
	}
	full.Settle(false)
	empty := drift.Stack{}
	empty.Settle(false)
	run := drift.Run{
		SchemaVersion: drift.SchemaVersion, Tool: drift.Tool{Name: "holdfast", Version: "1"}, StartedAt: at, FinishedAt: at.Add(time.Second),
		Summary: drift.Summary{Stacks: 1, Clean: 2, Drifted: 3, Incomplete: 4, Errored: 5, Resources: 6, Findings: 7, Waived: 8, Pending: 9},
		Stacks:  []drift.Stack{full, empty},
	}
	got, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "run.json", append(got, '\n'))

	var back drift.Run
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(back, "", "  ")
	if err != nil || !bytes.Equal(again, got) {
		t.Errorf("read back and written again it differs: %v\n%s", err, again)
	}
	for line := range strings.SplitSeq(string(got), "\n") {
		if name, _, isNull := strings.Cut(line, ": null"); isNull {
			if name = strings.Trim(name, ` "`); name != "cause" && name != "waiver" && name != "actual" {
				t.Errorf("%s is null", name)
			}
		}
	}
}

// testCause has a value in every field.
func testCause(at time.Time) *drift.Cause {
	mfa := true
	event := drift.CauseEvent{
		Actor: "the role r", ActorARN: "arn", Session: "s", SourceIdentity: "alice", Automation: "bot", How: "console", MFA: &mfa, At: at, From: "192.0.2.1",
		Event: "UpdateThing", EventID: "e", EventSource: "thing.amazonaws.com", Region: "us-east-1", Account: "111111111111", UserAgent: "Mozilla/5.0",
		Paths: []string{"size"}, Note: "why not",
	}
	return &drift.Cause{
		Class: drift.CauseConsole, Summary: "changed by", Confidence: drift.Exact, Rule: "value", CauseEvent: event,
		Unexplained: []string{"secret"}, Gaps: []string{"a file: broken"}, Candidates: []drift.CauseEvent{event}, Omitted: 1,
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s:\n%s", path, got)
	}
}
