package alert

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab/githubstub"
)

const githubCanary = "ghs_canary0123456789"

var checkedAt = time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)

// githubFor is a channel to a server of its own; at its end nothing was asked that
// GitHub's documentation forbids.
func githubFor(t *testing.T, o githubstub.Options, change ...func(*GitHubOptions)) (Notifier, *githubstub.Server) {
	t.Helper()
	o.Repository, o.Token = "acme/infra", githubCanary
	server := githubstub.Start(o)
	t.Cleanup(server.Close)
	options := GitHubOptions{Repository: "acme/infra", Token: githubCanary, URL: server.URL, Pace: time.Nanosecond}
	for _, c := range change {
		c(&options)
	}
	n, err := NewGitHub(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fault := range server.Faults() {
			t.Error(fault)
		}
	})
	return n, server
}

// drifted is a stack with a finding for each address.
func drifted(path string, addresses ...string) Standing {
	ref := drift.StackRef{ID: drift.StackID(path, ""), Path: path, Workspace: "default"}
	s := Standing{Stack: ref, Status: drift.StatusDrifted, CheckedAt: checkedAt, Link: "https://holdfast.example.com/stacks/" + ref.ID}
	for _, address := range addresses {
		s.Open = append(s.Open, drift.Episode{Number: 1, Stack: ref, FirstSeen: checkedAt, Life: drift.LifeOpen, Finding: drift.Finding{
			ID: drift.FindingID("lineage", address, drift.Modified), Address: address, Kind: drift.Modified, Severity: drift.SeverityHigh, Status: drift.Open, Certainty: drift.Certain,
			Changes: []drift.Change{
				{Path: "memory_size", Expected: json.RawMessage("128"), Actual: json.RawMessage("512")},
				{Path: "password", Sensitive: true},
			},
			Cause: &drift.Cause{Class: drift.CauseConsole, Summary: "user alice, console, 25 November 2026"},
		}})
	}
	return s
}

func cleanStack(path string) Standing {
	s := drifted(path)
	s.Status = drift.StatusClean
	return s
}

// telling is a message of stacks, with an alert of a kind for each open finding; a stack
// without any has one of kind clean.
func telling(id string, kind drift.AlertKind, stacks ...Standing) Message {
	m := Message{ID: id, Channel: "issues", At: checkedAt, Title: "Drift", Short: "Drift", Text: "Drift", Standing: stacks}
	for _, s := range stacks {
		for _, e := range s.Open {
			m.Severity = drift.Worse(m.Severity, e.Finding.Severity)
			m.Alerts = append(m.Alerts, drift.Alert{ID: id + e.ID(), Kind: kind, At: checkedAt, Stack: s.Stack, Severity: e.Finding.Severity, Episode: e.ID(), Finding: &e.Finding})
		}
		if s.Status == drift.StatusClean {
			m.Alerts = append(m.Alerts, drift.Alert{ID: id + "clean", Kind: drift.AlertClean, At: checkedAt, Stack: s.Stack, Severity: drift.SeverityLow})
		}
	}
	return m
}

// notify sends a message, twice: the second must change nothing.
func notify(t *testing.T, n Notifier, server *githubstub.Server, m Message) (writes []string) {
	t.Helper()
	before := len(server.Writes())
	if err := n.Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	writes = server.Writes()[before:]
	if err := n.Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if again := server.Writes()[before+len(writes):]; len(again) > 0 {
		t.Errorf("the same message again writes %v", again)
	}
	return writes
}

func wantWrites(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("writes\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestGitHubIssueLives(t *testing.T) {
	t.Parallel()
	n, server := githubFor(t, githubstub.Options{}, func(o *GitHubOptions) { o.Labels = []string{"infra", "Drift"} })
	role, table := "aws_iam_role.deploy", "aws_dynamodb_table.tokens"

	wantWrites(t, notify(t, n, server, telling("m1", drift.AlertNew, drifted("prod/app", role))),
		"POST /labels", "POST /labels", "POST /issues")
	issue := server.Issues()[0]
	if issue.Title != "Drift: prod/app" || issue.State != "open" || len(issue.Labels) != 2 || issue.Labels[0].Name != "drift" || issue.Labels[1].Name != "infra" {
		t.Errorf("issue %+v", issue)
	}
	for _, want := range []string{"`" + role + "`", "`memory_size`: `128` → `512`", "`password`: sensitive", "| high |", "user alice, console", "2026-11-26 09:30 UTC", "](<https://holdfast.example.com/stacks/"} {
		if !strings.Contains(issue.Body, want) {
			t.Errorf("the body lacks %s:\n%s", want, issue.Body)
		}
	}

	// A later look that finds the same, and a message about something else.
	later := drifted("prod/app", role)
	later.CheckedAt = checkedAt.Add(24 * time.Hour)
	wantWrites(t, notify(t, n, server, Message{ID: "m2", At: checkedAt, Standing: []Standing{later}}))

	wantWrites(t, notify(t, n, server, telling("m3", drift.AlertNew, drifted("prod/app", role, table))),
		"POST /issues/1/comments", "PATCH /issues/1")
	// One is gone: the body says so, and nobody is called.
	m := telling("m4", drift.AlertResolved, drifted("prod/app", role))
	wantWrites(t, notify(t, n, server, m), "PATCH /issues/1")
	wantWrites(t, notify(t, n, server, telling("m5", drift.AlertClean, cleanStack("prod/app"))),
		"POST /issues/1/comments", "PATCH /issues/1")
	if issue := server.Issues()[0]; issue.State != "closed" || *issue.StateReason != "completed" || strings.Contains(issue.Body, role) {
		t.Errorf("issue %+v", issue)
	}
	wantWrites(t, notify(t, n, server, telling("m6", drift.AlertReopened, drifted("prod/app", table))),
		"POST /issues/1/comments", "PATCH /issues/1")
	issue = server.Issues()[0]
	if len(server.Issues()) != 1 || issue.State != "open" || len(issue.Said) != 3 || !strings.Contains(issue.Said[2].Body, "back again, high: `"+table+"`") {
		t.Errorf("issue %+v", issue)
	}
}

// TestGitHubGoesOn breaks a message off after each of its requests in turn: the next
// attempt ends as if nothing had been, and nothing is said twice.
func TestGitHubGoesOn(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		asked := 0
		n, server := githubFor(t, githubstub.Options{Fault: func(w http.ResponseWriter, _ *http.Request) bool {
			if asked++; asked != at {
				return false
			}
			w.WriteHeader(http.StatusBadGateway)
			return true
		}})
		for i, m := range []Message{
			telling("m1", drift.AlertNew, drifted("a", "x.y"), drifted("b", "x.y")),
			telling("m2", drift.AlertNew, drifted("a", "x.y", "x.z"), cleanStack("b")),
			telling("m3", drift.AlertReopened, drifted("b", "x.y"), cleanStack("a")),
		} {
			if err := n.Notify(t.Context(), m); err != nil {
				if f, ok := errors.AsType[*Failure](err); !ok || f.Refused {
					t.Fatalf("request %d of message %d: %v", at, i, err)
				}
				notify(t, n, server, m)
			}
		}
		said := map[string]int{}
		for _, issue := range server.Issues() {
			for _, c := range issue.Said {
				said[fmt.Sprintf("#%d %s", issue.Number, c.Body)]++
			}
		}
		issues := server.Issues()
		if len(issues) != 2 || issues[0].State != "closed" || issues[1].State != "open" || len(issues[0].Said) != 2 || len(issues[1].Said) != 2 || len(said) != 4 {
			t.Errorf("broken off at request %d: %+v", at, issues)
		}
		if asked < at { // none was broken off
			if at < 20 {
				t.Errorf("only %d requests", at)
			}
			return
		}
	}
}

func TestGitHubKeepsFewOpen(t *testing.T) {
	t.Parallel()
	n, server := githubFor(t, githubstub.Options{PerPage: 2}, func(o *GitHubOptions) { o.MostOpen = 2 })
	notify(t, n, server, telling("m1", drift.AlertNew, drifted("a", "x.y"), drifted("b", "x.y"), drifted("c", "x.y"), drifted("d", "x.y", "x.z")))
	issues := server.Issues()
	if len(issues) != 3 {
		t.Fatalf("%d issues", len(issues))
	}
	overview := issues[2]
	for _, want := range []string{"`c` | high | 1 open finding |", "`d` | high | 2 open findings |"} {
		if !strings.Contains(overview.Body, want) {
			t.Errorf("the overview lacks %s:\n%s", want, overview.Body)
		}
	}
	// A message about others leaves what the overview knows.
	notify(t, n, server, telling("m2", drift.AlertNew, drifted("e", "x.y")))
	overview = server.Issues()[2]
	if !strings.Contains(overview.Body, "`c`") || !strings.Contains(overview.Body, "`e`") || len(overview.Said) != 1 {
		t.Errorf("the overview: %+v", overview)
	}
	// What is closed makes room; a clean one leaves the overview.
	notify(t, n, server, telling("m3", drift.AlertNew, drifted("c", "x.y", "x.z"), cleanStack("a"), cleanStack("d")))
	notify(t, n, server, telling("m4", drift.AlertNew, cleanStack("b"), drifted("e", "x.y", "x.z")))
	issues = server.Issues()
	var states []string
	for _, i := range issues {
		states = append(states, i.Title+" "+i.State)
	}
	want := []string{"Drift: a closed", "Drift: b closed", "Drift: stacks without an issue of their own closed", "Drift: c open", "Drift: e open"}
	if !slices.Equal(states, want) {
		t.Errorf("issues %v, want %v", states, want)
	}
}

func TestGitHubClosesDuplicates(t *testing.T) {
	t.Parallel()
	n, server := githubFor(t, githubstub.Options{})
	notify(t, n, server, telling("m1", drift.AlertNew, drifted("a", "x.y")))
	twin := server.Issues()[0]
	twin.Number, twin.Body = 0, strings.ReplaceAll(twin.Body, "\n", "\r\n")
	server.Put(twin)
	wantWrites(t, notify(t, n, server, telling("m2", drift.AlertChanged, drifted("a", "x.y"))),
		"POST /issues/2/comments", "PATCH /issues/2", "POST /issues/1/comments")
	if twin := server.Issues()[1]; twin.State != "closed" || !strings.Contains(twin.Said[0].Body, "Duplicate of #1") {
		t.Errorf("twin %+v", twin)
	}
}

// TestGitHubLeavesPeopleTheirs: what people do to issues.
func TestGitHubLeavesPeopleTheirs(t *testing.T) {
	t.Parallel()
	n, server := githubFor(t, githubstub.Options{})
	label := []githubstub.Label{{Name: "drift"}}
	server.Put(githubstub.Issue{Title: "Ours", Body: "see <!-- holdfast:stack=" + drifted("a").Stack.ID + " -->", State: "open", Labels: label})
	pull := githubstub.Issue{Title: "A pull request", Body: stackMarker(drifted("a").Stack.ID), State: "open", Labels: label}
	pull.PullRequest = &struct {
		URL string `json:"url"`
	}{"https://api.github.com/pulls/2"}
	server.Put(pull)
	notify(t, n, server, telling("m1", drift.AlertNew, drifted("a", "x.y")))
	issues := server.Issues()
	if len(issues) != 3 || issues[0].Body[:3] != "see" || len(issues[0].Said)+len(issues[1].Said) > 0 {
		t.Fatalf("issues %+v", issues)
	}
	// A title of a person's own stays. Closed as not planned, it is opened for news alone.
	reason, issue := "not_planned", issues[2]
	issue.Title, issue.State, issue.StateReason = "Mine", "closed", &reason
	server.Put(issue)
	wantWrites(t, notify(t, n, server, Message{ID: "m2", At: checkedAt, Standing: []Standing{drifted("a", "x.y")}}))
	notify(t, n, server, telling("m3", drift.AlertChanged, drifted("a", "x.y")))
	if issue := server.Issues()[2]; issue.State != "open" || issue.Title != "Mine" {
		t.Errorf("issue %+v", issue)
	}
	// A body that somebody has edited is brought up to date.
	issue = server.Issues()[2]
	issue.Body += "a note\n"
	server.Put(issue)
	wantWrites(t, notify(t, n, server, Message{ID: "m4", At: checkedAt, Standing: []Standing{drifted("a", "x.y")}}), "PATCH /issues/3")
}

// TestGitHubNotFindings: what opens and closes an issue beside findings.
func TestGitHubNotFindings(t *testing.T) {
	t.Parallel()
	failing := cleanStack("a")
	failing.Status, failing.Errors = drift.StatusError, []drift.Error{{Code: "no_credentials", Message: "no credentials"}}
	unsound := cleanStack("a")
	unsound.Integrity = []drift.Integrity{{Code: "duplicate_address", Severity: drift.SeverityError, Message: "twice", Address: "x.y"}}
	waived := cleanStack("a")
	waived.Waived = 2
	for _, c := range []struct {
		name  string
		stack Standing
		kind  drift.AlertKind // of an alert about it; "": none
		at    time.Duration   // of the alert, after the check
		open  bool
	}{
		{"one failure", failing, "", 0, false},
		{"not checkable", failing, drift.AlertNotCheckable, 0, true},
		{"not checkable, and clean by now", cleanStack("a"), drift.AlertNotCheckable, -time.Hour, false},
		{"unsound", unsound, drift.AlertIntegrity, 0, true},
		{"overdue", cleanStack("a"), drift.AlertOverdue, time.Hour, true},
		{"overdue, and checked since", cleanStack("a"), drift.AlertOverdue, -time.Hour, false},
		{"waiver ending", waived, drift.AlertWaiverEnding, 0, true},
		{"waived", waived, "", 0, false},
		{"resolved", cleanStack("a"), drift.AlertResolved, 0, false},
		{"new, and gone by now", cleanStack("a"), drift.AlertNew, -time.Hour, false},
		{"nothing known", Standing{Stack: cleanStack("a").Stack}, drift.AlertNew, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, server := githubFor(t, githubstub.Options{})
			m := Message{ID: "m1", At: checkedAt, Standing: []Standing{c.stack}}
			if c.kind != "" {
				m.Alerts = []drift.Alert{{ID: "a", Kind: c.kind, At: checkedAt.Add(c.at), Stack: c.stack.Stack, Detail: "why"}}
			}
			notify(t, n, server, m)
			if open := len(server.Issues()) == 1; open != c.open {
				t.Errorf("an issue: %v, want %v", open, c.open)
			}
			if !c.open {
				return
			}
			// One more failed check closes nothing; a clean one does.
			notify(t, n, server, Message{ID: "m2", At: checkedAt, Standing: []Standing{failing}})
			if server.Issues()[0].State != "open" {
				t.Error("closed, though the stack could not be checked")
			}
			notify(t, n, server, Message{ID: "m3", At: checkedAt, Standing: []Standing{cleanStack("a")}})
			if server.Issues()[0].State != "closed" {
				t.Error("open, though the stack is clean")
			}
		})
	}
}

func TestGitHubRefusals(t *testing.T) {
	t.Parallel()
	limit := func(code int, header map[string]string, message string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(code)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
			return true
		}
	}
	reset := fmt.Sprint(time.Now().Add(10 * time.Hour).Unix()) // nobody waits longer than an hour
	for _, c := range []struct {
		name     string
		o        githubstub.Options
		change   func(*GitHubOptions)
		want     string
		again    bool
		least    time.Duration
		issues   int
		requests int
	}{
		{name: "another token", change: func(o *GitHubOptions) { o.Token = "ghs_other_" + githubCanary }, want: "the token is not valid"},
		{name: "read only", o: githubstub.Options{ReadOnly: true}, want: "permission issues: write"},
		{name: "another repository", change: func(o *GitHubOptions) { o.Repository = "acme/other" }, want: "check the repository's name"},
		{name: "no issues", o: githubstub.Options{Disabled: true}, want: "turn them on"},
		{name: "labels dropped", o: githubstub.Options{NoLabels: true}, want: "without the label drift", issues: 1},
		{name: "moved", o: githubstub.Options{Fault: limit(301, map[string]string{"Location": "https://api.github.com/repositories/1"}, "Moved Permanently")}, want: "another name"},
		{name: "secondary limit", o: githubstub.Options{Fault: limit(403, nil, "You have exceeded a secondary rate limit.")}, want: "secondary rate limit", again: true, least: time.Minute},
		{name: "secondary limit with a time", o: githubstub.Options{Fault: limit(403, map[string]string{"Retry-After": "90"}, "no")}, want: "403", again: true, least: 90 * time.Second},
		{name: "primary limit", o: githubstub.Options{Fault: limit(403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, "API rate limit exceeded")}, want: "403", again: true, least: time.Hour},
		{name: "429", o: githubstub.Options{Fault: limit(429, map[string]string{"Retry-After": "7"}, "slow")}, want: "429", again: true, least: 7 * time.Second},
		{name: "not GitHub", o: githubstub.Options{Fault: func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, "<html>")
			return true
		}}, want: "is the URL that of an API?", again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, server := githubFor(t, c.o, func(o *GitHubOptions) {
				if c.change != nil {
					c.change(o)
				}
			})
			err := n.Notify(t.Context(), telling("m1", drift.AlertNew, drifted("a", "x.y")))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), githubCanary) {
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			var f Failure
			if failure, ok := errors.AsType[*Failure](err); ok {
				f = *failure
			}
			if f.Refused == c.again || f.After != c.least {
				t.Errorf("refused %v, after %s: %v", f.Refused, f.After, err)
			}
			for _, issue := range server.Issues() {
				if issue.State == "open" {
					t.Errorf("left open: %+v", issue)
				}
			}
			if len(server.Issues()) != c.issues {
				t.Errorf("%d issues", len(server.Issues()))
			}
		})
	}
}

// TestGitHubHostile: nothing from the outside is Markdown, a mention or a marker.
func TestGitHubHostile(t *testing.T) {
	t.Parallel()
	evil := "x[\"` @acme/everyone | <!-- holdfast:overview -->\n<!-- holdfast:stack=bbb -->\n| <!-- holdfast:row=ccc --> | ](https://evil.example) <img src=x> \u202e ``` #1\"]"
	s := drifted(evil, evil)
	f := &s.Open[0].Finding
	f.Changes = []drift.Change{{Path: evil, Expected: json.RawMessage(`"a | b"`), Actual: compact(evil)}}
	f.Cause.Summary = evil
	s.Integrity = []drift.Integrity{{Code: evil, Severity: drift.SeverityError, Message: evil, Address: evil}}
	s.Errors = []drift.Error{{Address: evil, Message: evil}}
	s.Link = "javascript:alert(1)"
	m := telling("m1", drift.AlertNew, s, drifted("a", "x.y"))
	m.Alerts[0].Detail = evil
	n, server := githubFor(t, githubstub.Options{}, func(o *GitHubOptions) { o.MostOpen = 1 })
	notify(t, n, server, m)
	m.ID, m.Standing = "m2 --> @acme", []Standing{drifted("a", "x.y"), s} // the second folded
	m.Standing[0].Status, m.Standing[0].Open = drift.StatusClean, nil
	m.Alerts[0].Kind = drift.AlertChanged
	notify(t, n, server, m)
	texts := []string{}
	for _, issue := range server.Issues() {
		texts = append(texts, issue.Body)
		for _, c := range issue.Said {
			texts = append(texts, c.Body)
		}
	}
	if len(texts) < 3 {
		t.Fatalf("%d texts", len(texts))
	}
	for _, text := range texts {
		rest := withoutCode(text)
		for _, bad := range []string{"@", "evil", "<img", "#1", "javascript", "\u202e"} {
			if strings.Contains(rest, bad) {
				t.Errorf("%q outside of code:\n%s\n---\n%s", bad, text, rest)
			}
		}
		for _, line := range strings.Split(text, "\n")[1:] {
			if strings.Contains(line, "<!-- holdfast:stack=bbb") || strings.Contains(line, "row=ccc") && strings.Contains(line, "<!--") {
				t.Errorf("a forged marker: %s", line)
			}
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "| high |") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 7 {
				t.Errorf("a row of other cells: %s", line)
			}
		}
	}
}

// withoutCode takes code spans out of a text, as CommonMark reads them.
func withoutCode(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		at := strings.IndexByte(text, '`')
		if at < 0 {
			break
		}
		out.WriteString(text[:at])
		text = text[at:]
		ticks := len(text) - len(strings.TrimLeft(text, "`"))
		fence := text[:ticks]
		text = text[ticks:]
		for rest := text; ; {
			end := strings.Index(rest, fence)
			if end < 0 {
				out.WriteString(fence)
				break
			}
			after := strings.TrimLeft(rest[end:], "`")
			if len(rest[end:])-len(after) == ticks {
				text = after
				break
			}
			rest = after
		}
	}
	return out.String() + text
}

// TestGitHubLimits: the server refuses a body that is too long.
func TestGitHubLimits(t *testing.T) {
	t.Parallel()
	var addresses []string
	for i := range 3000 {
		addresses = append(addresses, fmt.Sprintf("aws_thing.%s[%d]", strings.Repeat("é", 300), i))
	}
	big := drifted(strings.Repeat("long/", 100), addresses...)
	for i := range big.Open {
		big.Open[i].Finding.Changes[0].Actual = compact(strings.Repeat("ü|", 5000))
	}
	for range 500 {
		big.Errors = append(big.Errors, drift.Error{Message: strings.Repeat("e", 5000)})
		big.Integrity = append(big.Integrity, drift.Integrity{Code: "c", Severity: drift.SeverityError, Message: strings.Repeat("|", 5000)})
	}
	stacks := []Standing{big}
	for i := range 4000 {
		stacks = append(stacks, drifted(fmt.Sprintf("stacks/%s/%d", strings.Repeat("n", 100), i), "x.y"))
	}
	n, server := githubFor(t, githubstub.Options{}, func(o *GitHubOptions) { o.MostOpen = 3 })
	notify(t, n, server, telling("m1", drift.AlertNew, stacks...))
	issues := server.Issues()
	if len(issues) != 4 || !strings.Contains(issues[0].Body, "And 2") || !strings.Contains(issues[3].Body, "\nAnd 3") {
		t.Errorf("%d issues", len(issues))
	}
	notify(t, n, server, telling("m2", drift.AlertChanged, stacks...))
}

func TestGitHubTest(t *testing.T) {
	t.Parallel()
	n, server := githubFor(t, githubstub.Options{})
	m := testMessage()
	wantWrites(t, notify(t, n, server, m), "POST /labels", "POST /issues", "PATCH /issues/1")
	m.ID = "m-test-2"
	wantWrites(t, notify(t, n, server, m), "POST /issues/1/comments")
	if issue := server.Issues()[0]; issue.State != "closed" {
		t.Errorf("issue %+v", issue)
	}
}

func TestNewGitHubRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []GitHubOptions{
		{Token: "t"}, {Repository: "acme", Token: "t"}, {Repository: "acme/../x", Token: "t"}, {Repository: "acme/infra"},
		{Repository: "acme/infra", Token: githubCanary, URL: "ftp://" + githubCanary}, {Repository: "acme/infra", Token: "t", URL: "http://api.example.com"},
	} {
		if _, err := NewGitHub(o); err == nil || strings.Contains(err.Error(), githubCanary) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
