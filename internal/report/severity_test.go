package report_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// Of findings that an older version has saved no severity is known, and none is
// told; nor is one that is no word of ours.
func TestNoSeverity(t *testing.T) {
	t.Parallel()
	words := regexp.MustCompile(`(?i)\b(high|medium|low|severity|forged)\b`)
	for _, severity := range []drift.Severity{"", "forged"} {
		run := sample()
		var episodes []drift.Episode
		for i := range run.Stacks[0].Findings {
			f := &run.Stacks[0].Findings[i]
			f.Severity = severity
			episodes = append(episodes, episode(*f, drift.LifeOpen, "2026-11-01 06:00", "2026-11-02 06:00"))
		}
		var out bytes.Buffer
		for _, format := range []string{"table", "markdown", "sarif", "junit"} {
			if err := report.Write(&out, format, run, report.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := report.HistoryTable(&out, drift.History{Episodes: episodes}, report.TableOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := report.Show(&out, episodes[0], nil, report.ShowOptions{}); err != nil {
			t.Fatal(err)
		}
		r := seedReport()
		for i := range r.Episodes {
			r.Episodes[i].Finding.Severity = severity
		}
		written, err := report.DriftMarkdown(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(written)
		if found := words.FindString(out.String()); found != "" {
			t.Errorf("%q is told as %s", severity, found)
		}
		out.Reset()
		if err := report.HTML(&out, run, report.Options{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), `data-severity="f`) || strings.Contains(out.String(), `id="show-high"`) {
			t.Errorf("%q is told on the page", severity)
		}
	}
}

// A column of the history tells how bad each is, where one is known.
func TestHistorySeverity(t *testing.T) {
	t.Parallel()
	known := episode(openFinding("aws_lambda_function.a", "role", `"a"`, `"b"`), drift.LifeOpen, "2026-11-01 06:00", "2026-11-02 06:00")
	old := known
	old.Finding.Address, old.Finding.Severity = "aws_lambda_function.b", ""
	var out bytes.Buffer
	if err := report.HistoryTable(&out, drift.History{Episodes: []drift.Episode{known, old}}, report.TableOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Resource               Severity  Change type", "aws_lambda_function.a  high      ", "aws_lambda_function.b            "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// The level is how bad it is, unless it is only possible or does not count.
func TestSARIFLevels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		severity  drift.Severity
		certainty drift.Certainty
		status    drift.FindingStatus
		want      string
	}{
		{drift.SeverityHigh, drift.Certain, drift.Open, "error"},
		{drift.SeverityMedium, drift.Certain, drift.Open, "warning"},
		{drift.SeverityLow, drift.Certain, drift.Open, "note"},
		{"", drift.Certain, drift.Open, "error"},
		{drift.SeverityHigh, drift.Possible, drift.Open, "warning"},
		{drift.SeverityLow, drift.Possible, drift.Open, "note"},
		{drift.SeverityHigh, drift.Certain, drift.Waived, "note"},
	} {
		run := sample()
		f := run.Stacks[0].Findings[0]
		f.Severity, f.Certainty, f.Status = c.severity, c.certainty, c.status
		run.Stacks[0].Findings, run.Stacks[0].Errors, run.Stacks[0].Integrity, run.Stacks[0].Pending = []drift.Finding{f}, nil, nil, nil
		var out bytes.Buffer
		if err := report.SARIF(&out, run); err != nil {
			t.Fatal(err)
		}
		_, results, _ := strings.Cut(out.String(), `"results"`)
		if !strings.Contains(results, `"level": "`+c.want+`"`) {
			t.Errorf("%+v: %s", c, results)
		}
	}
}
