package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/alert"
	"holdfast/internal/drift"
)

// tuesday is in working hours.
var tuesday = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func findingAlert(kind drift.AlertKind, severity drift.Severity, address string, class drift.CauseClass) drift.Alert {
	f := &drift.Finding{
		ID: "0123456789ab", Address: address, Kind: drift.Modified, Severity: severity, Status: drift.Open,
		Changes: []drift.Change{{Path: "memory_size", Expected: []byte("128"), Actual: []byte("512")}, {Path: "environment", Sensitive: true}},
	}
	if class != "" {
		f.Cause = &drift.Cause{Class: class, Summary: "changed by user alice (console) on 2026-11-23"}
	}
	return drift.Alert{
		ID: string(kind) + address, Kind: kind, At: tuesday, Run: "run", Severity: severity, Finding: f, Episode: f.ID,
		Stack: drift.StackRef{ID: "s1", Path: "live/prod", Workspace: "default"}, Detail: f.What(),
	}
}

func stackAlert(kind drift.AlertKind, count int) drift.Alert {
	return drift.Alert{ID: fmt.Sprint(kind, count), Kind: kind, At: tuesday, Run: "run", Severity: drift.SeverityHigh, Count: count, Stack: drift.StackRef{ID: "s2", Path: "live/dev"}, Detail: "no such bucket"}
}

func TestWants(t *testing.T) {
	t.Parallel()
	found := findingAlert(drift.AlertNew, drift.SeverityMedium, "module.a.aws_lambda_function.app", drift.CauseConsole)
	unknown := findingAlert(drift.AlertNew, drift.SeverityMedium, "aws_x.y", "")
	for _, c := range []struct {
		name  string
		rule  alert.Rule
		alert drift.Alert
		want  bool
	}{
		{"all", alert.Rule{}, found, true},
		{"kind", alert.Rule{On: []drift.AlertKind{drift.AlertResolved, drift.AlertNew}}, found, true},
		{"another kind", alert.Rule{On: []drift.AlertKind{drift.AlertResolved}}, found, false},
		{"severity", alert.Rule{Severity: drift.SeverityMedium}, found, true},
		{"not severe enough", alert.Rule{Severity: drift.SeverityHigh}, found, false},
		{"clean of what was high", alert.Rule{Severity: drift.SeverityHigh}, drift.Alert{Kind: drift.AlertClean, Severity: drift.SeverityHigh}, true},
		{"clean of what it did not hear of", alert.Rule{Severity: drift.SeverityHigh}, drift.Alert{Kind: drift.AlertClean, Severity: drift.SeverityLow}, false},
		{"stack", alert.Rule{Stack: func(p string) bool { return p == "live/prod" }}, found, true},
		{"another stack", alert.Rule{Stack: func(p string) bool { return p == "live/dev" }}, found, false},
		{"cause", alert.Rule{Causes: []drift.CauseClass{drift.CauseConsole}}, found, true},
		{"another cause", alert.Rule{Causes: []drift.CauseClass{drift.CauseCLI}}, found, false},
		{"nobody knows", alert.Rule{Causes: []drift.CauseClass{drift.CauseUnknown}}, unknown, true},
		{"a stack has no cause", alert.Rule{Causes: []drift.CauseClass{drift.CauseCLI}}, stackAlert(drift.AlertOverdue, 0), true},
		{"address", alert.Rule{Addresses: []drift.Pattern{"module.a"}}, found, true},
		{"another address", alert.Rule{Addresses: []drift.Pattern{"module.b"}}, found, false},
		{"a fault's address", alert.Rule{Addresses: []drift.Pattern{"aws_x.*"}}, drift.Alert{Fault: &drift.Integrity{Address: "aws_y.z"}}, false},
		{"a fault of all", alert.Rule{Addresses: []drift.Pattern{"aws_x.*"}}, drift.Alert{Fault: &drift.Integrity{}}, true},
		{"first failure", alert.Rule{}, stackAlert(drift.AlertNotCheckable, 1), false},
		{"third failure", alert.Rule{}, stackAlert(drift.AlertNotCheckable, 3), true},
		{"fourth failure", alert.Rule{}, stackAlert(drift.AlertNotCheckable, 4), false},
		{"as many as wanted", alert.Rule{AfterFails: 1}, stackAlert(drift.AlertNotCheckable, 1), true},
		{"the end of what nobody heard of", alert.Rule{}, stackAlert(drift.AlertClean, 2), false},
		{"the end of failures", alert.Rule{}, stackAlert(drift.AlertClean, 5), true},
		{"the end of drift", alert.Rule{}, stackAlert(drift.AlertClean, 0), true},
	} {
		if got := c.rule.Wants(c.alert); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := alert.Quiet{From: "22:00", To: "07:00", Zone: berlin}
	weekend := alert.Quiet{From: "18:00", To: "09:00", Days: []time.Weekday{time.Saturday, time.Sunday}}
	for _, c := range []struct {
		quiet     alert.Quiet
		at, until string
	}{
		{alert.Quiet{}, "2026-11-24T03:00:00Z", "2026-11-24T03:00:00Z"},
		{night, "2026-11-24T20:59:00Z", "2026-11-24T20:59:00Z"},
		{night, "2026-11-24T21:00:00Z", "2026-11-25T06:00:00Z"},
		{night, "2026-11-25T05:59:59Z", "2026-11-25T06:00:00Z"},
		{night, "2026-11-25T06:00:00Z", "2026-11-25T06:00:00Z"},
		{night, "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"}, // the clocks go forward
		{weekend, "2026-11-27T17:59:00Z", "2026-11-27T17:59:00Z"},
		{weekend, "2026-11-27T18:00:00Z", "2026-11-30T09:00:00Z"}, // Friday to Monday
		{weekend, "2026-11-28T12:00:00Z", "2026-11-30T09:00:00Z"},
		{alert.Quiet{From: "12:00", To: "13:00"}, "2026-11-24T12:30:00Z", "2026-11-24T13:00:00Z"},
		{alert.Quiet{From: "12:00", To: "13:00"}, "2026-11-24T13:00:00Z", "2026-11-24T13:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.quiet.Until(at).Format(time.RFC3339); got != c.until {
			t.Errorf("%+v at %s: %s, want %s", c.quiet, c.at, got, c.until)
		}
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	high := findingAlert(drift.AlertNew, drift.SeverityHigh, "aws_a.high", "")
	low := findingAlert(drift.AlertNew, drift.SeverityLow, "aws_a.low", "")
	other := findingAlert(drift.AlertNew, drift.SeverityLow, "aws_a.other", "")
	other.Run = "run2"
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	rules := []alert.Rule{
		{Channel: "all"},
		{Channel: "pager", Severity: drift.SeverityHigh},
		{Channel: "digest", Digest: func(after time.Time) time.Time { return after.Add(5 * time.Hour) }},
		{Channel: "quiet", Quiet: alert.Quiet{From: "22:00", To: "07:00", Except: drift.SeverityHigh}},
	}
	var got []string
	for _, p := range alert.Plan(rules, []drift.Alert{high, low, other}, midnight) {
		var addresses []string
		for _, a := range p.Alerts {
			addresses = append(addresses, strings.TrimPrefix(a.Finding.Address, "aws_a."))
		}
		got = append(got, fmt.Sprintf("%s %s %v: %s", p.Channel, p.Due.Format("15:04"), p.Held, strings.Join(addresses, " ")))
	}
	want := []string{
		"all 00:00 false: high low", "all 00:00 false: other", "pager 00:00 false: high", "digest 05:00 true: high low other",
		"quiet 00:00 false: high", "quiet 07:00 true: low other",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
