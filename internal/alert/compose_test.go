package alert_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/internal/alert"
	"holdfast/internal/drift"
)

func compose(t *testing.T, alerts ...drift.Alert) alert.Message {
	t.Helper()
	m, err := alert.Compose(alert.Message{ID: "m1", Channel: "chat", At: tuesday, Alerts: alerts}, alert.Links{Server: "https://holdfast.example.com/"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCompose(t *testing.T) {
	t.Parallel()
	waiver := findingAlert(drift.AlertWaiverEnded, drift.SeverityMedium, "aws_db_instance.main", "")
	waiver.Waiver = &drift.FindingWaiver{ID: "W-1", Until: "2026-11-23", Owner: "kim", Reason: "load test"}
	m := compose(t,
		stackAlert(drift.AlertNotCheckable, 3),
		findingAlert(drift.AlertResolved, drift.SeverityLow, "aws_sns_topic.a", ""),
		findingAlert(drift.AlertNew, drift.SeverityMedium, "aws_lambda_function.app", drift.CauseConsole),
		waiver,
	)
	if want := "[high] 1 new, 1 with a waiver that has ended, 1 not checkable, 1 resolved in 2 stacks"; m.Title != want || m.Short != "Holdfast: "+want {
		t.Errorf("title %q\nshort %q", m.Title, m.Short)
	}
	text := `live/prod  https://holdfast.example.com/stacks/s1
  new drift  medium  aws_lambda_function.app  modified: memory_size, environment  https://holdfast.example.com/findings/0123456789ab
      memory_size: 128 -> 512
      environment: sensitive, not shown
      changed by user alice (console) on 2026-11-23
  its waiver has ended  medium  aws_db_instance.main  modified: memory_size, environment  https://holdfast.example.com/findings/0123456789ab
      memory_size: 128 -> 512
      environment: sensitive, not shown
      waiver W-1 until 2026-11-23, kim: load test
  resolved  low  aws_sns_topic.a  modified: memory_size, environment  https://holdfast.example.com/findings/0123456789ab
live/dev  https://holdfast.example.com/stacks/s2
  not checkable  high  no such bucket
      3 checks in a row
More: https://holdfast.example.com/runs/run
`
	if m.Text != text {
		t.Errorf("text\n%s\nwant\n%s", m.Text, text)
	}
	if m.Severity != drift.SeverityHigh || m.Alerts[0].Kind != drift.AlertNew {
		t.Errorf("%s, first %s", m.Severity, m.Alerts[0].Kind)
	}
	one := compose(t, findingAlert(drift.AlertNew, drift.SeverityLow, "aws_a.b", ""))
	if one.Title != "new drift: aws_a.b in live/prod" || one.Link != "https://holdfast.example.com/findings/0123456789ab" {
		t.Errorf("%q, %s", one.Title, one.Link)
	}
	if empty := compose(t); empty.Title != "a test of channel chat" || !strings.Contains(empty.Text, "Nothing has happened") {
		t.Errorf("%+v", empty)
	}
}

// Whatever there is to tell, a message has its limits, and no name makes more lines of it.
func TestComposeBounds(t *testing.T) {
	t.Parallel()
	var alerts []drift.Alert
	for n := range 10_000 {
		a := findingAlert(drift.AlertNew, drift.SeverityHigh, fmt.Sprintf("aws_x.y[\"%d\n\x1b[31m@all `<b>\u202e%s\"]", n, strings.Repeat("ä", 200)), drift.CauseConsole)
		a.Stack.ID, a.Stack.Path = fmt.Sprint("s", n%100), fmt.Sprint("live/", n%100)
		a.Finding.Cause.Summary = "by\n@channel **bold** <!channel>"
		a.Finding.Changes[0].Actual = []byte(`"` + strings.Repeat("x", 5000) + `"`)
		alerts = append(alerts, a)
	}
	m := compose(t, alerts...)
	for name, text := range map[string]string{"title": m.Title, "short": m.Short} {
		if strings.ContainsAny(text, "\n\x1b\u202e") || utf8.RuneCountInString(text) > 140 {
			t.Errorf("%s: %q", name, text)
		}
	}
	if utf8.RuneCountInString(m.Title) > 100 || len(m.Text) > 100_000 {
		t.Errorf("%d and %d bytes", len(m.Title), len(m.Text))
	}
	if strings.ContainsAny(m.Text, "\x1b\u202e") {
		t.Error("a name's control characters are in the text")
	}
	if !strings.Contains(m.Text, "and 50 more here\nand 99 more stacks\n") {
		t.Error(m.Text[len(m.Text)-300:])
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	read := func(text string) (*alert.Template, error) {
		file := filepath.Join(t.TempDir(), "alerts.tmpl")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return alert.ReadTemplate(file)
	}
	own, err := read(`{{define "title"}}Drift: {{len .Alerts}} in
 {{(index .Alerts 0).Stack}}{{end}}{{define "text"}}{{range .Alerts}}{{heading .Kind}} {{address .}}{{range .Finding.Changes}} {{.Path}}={{value .Actual}}{{end}}
{{end}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	m, err := alert.Compose(alert.Message{Channel: "c", Alerts: []drift.Alert{findingAlert(drift.AlertNew, drift.SeverityLow, "aws_a.b", "")}}, alert.Links{}, own)
	if err != nil {
		t.Fatal(err)
	}
	if m.Title != "Drift: 1 in  live/prod" || m.Text != "new drift aws_a.b memory_size=512 environment=null\n" || m.Short != "Holdfast: new drift: aws_a.b in live/prod" {
		t.Errorf("%q\n%q\n%q", m.Title, m.Text, m.Short)
	}
	for text, want := range map[string]string{
		`{{define "title"}}{{.Nothing}}{{end}}`: "alerts.tmpl:1:",
		`{{define "title"}}{{end`:               "alerts.tmpl:1:",
		`hello`:                                 "defines none of title, short and text",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	long, err := read(`{{define "text"}}{{range .Alerts}}` + strings.Repeat("x", 150_000) + `{{end}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	a := findingAlert(drift.AlertNew, drift.SeverityLow, "aws_a.b", "")
	if m, err := alert.Compose(alert.Message{Alerts: []drift.Alert{a, a, a}}, alert.Links{}, long); err != nil || len(m.Text) != 200_000 {
		t.Errorf("%d bytes, %v", len(m.Text), err)
	}
}
