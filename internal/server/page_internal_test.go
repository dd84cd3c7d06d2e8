package server

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
	"holdfast/internal/server/access/accesstest"
	"holdfast/internal/store"
)

func TestCronWords(t *testing.T) {
	t.Parallel()
	for cron, want := range map[string]string{
		"0 6 * * MON": "every Monday at 06:00", "30 2 * * MON-FRI": "Monday to Friday at 02:30", "0 6 * * 1,4": "every Monday and Thursday at 06:00",
		"0 6 * * *": "every day at 06:00", "0 6,18 * * *": "every day at 06:00 and 18:00", "0 * * * *": "every hour", "15 * * * *": "every hour at minute 15",
		"*/10 * * * *": "every 10 minutes", "* * * * *": "every minute", "0 */4 * * *": "every 4 hours at minute 0", "0 9-17 * * 1-5": "Monday to Friday every hour from 09:00 to 17:00",
		"0 0 1 * *": "on the 1st of the month at 00:00", "0 0 2,13,23 * *": "on the 2nd, 13th and 23rd of the month at 00:00", "0 0 1 JAN,7 *": "on the 1st of the month at 00:00, in January and July",
		"0 6 * * 7": "every Sunday at 06:00", "*/5 * * * SAT": "every 5 minutes, Saturday", "@weekly": "every Sunday at 00:00",
		"": "", "0 6 * *": "", "x y z a b": "", "0 6 * * MONDAY": "", "0 6 32 * *": "", "0 6 * 13 *": "", "1-5 6 * * *": "", "@every 1h30m": "", "0 6 L * *": "",
	} {
		if got := cronWords(cron); got != want {
			t.Errorf("%q: %q, want %q", cron, got, want)
		}
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]store.Health{
		"Nothing is checked yet":                                             {},
		"No drift in 2 stacks":                                               {Stacks: map[drift.Status]int{drift.StatusClean: 2}},
		"1 open finding in 1 of 3 stacks":                                    {Open: 1, Stacks: map[drift.Status]int{drift.StatusClean: 1, drift.StatusDrifted: 1, drift.StatusError: 1}},
		"No drift as of the last checks; 1 stack not checked lately":         {Stale: 1, Stacks: map[drift.Status]int{drift.StatusClean: 1}},
		"No drift found, but 2 of 3 stacks could not be checked for certain": {Stacks: map[drift.Status]int{drift.StatusClean: 1, drift.StatusIncomplete: 1, drift.StatusError: 1}},
	} {
		if got := viewOfHealth(h).Headline; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	v := viewOfHealth(store.Health{Stacks: map[drift.Status]int{drift.StatusClean: 1, "": 4}, ByCause: map[string]int{"": 2, "unknown": 1, "manual-cli": 6}})
	if v.Total != 1 || v.Unchecked != 4 || len(v.Causes) != 2 || v.Causes[0].Count != 6 || v.Causes[1].Count != 3 || v.Causes[1].Wide != "50.0%" {
		t.Errorf("%+v", v)
	}
}

func TestRunState(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for want, r := range map[string]store.RunInfo{
		"running": {Source: "s"}, "unfinished": {}, "done": {Source: "s", RunRecord: drift.RunRecord{FinishedAt: now}},
		"cancelled": {Source: "s", CancelledAt: now}, "failed": {Source: "s", Error: "x", RunRecord: drift.RunRecord{FinishedAt: now}},
	} {
		if got := runState(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	var counts []store.OutcomeCount
	for _, group := range attention {
		group.Stacks = 10
		counts = append(counts, group)
	}
	v := viewOfRun(runRow{Badge: "running"}, counts, []store.RunStack{{State: store.StackFailed}, {State: store.StackDone, Outcome: drift.StatusDrifted}})
	if v.Total != 90 || v.Done != 60 || v.Percent != 66 || v.Counts["drifted"] != 10 || v.Rows[0].Badge != "failed" || v.Rows[1].Badge != "drifted" || v.Left != 88 || !v.Live {
		t.Errorf("%+v", v)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{time.Second: "just now", 5 * time.Minute: "5 min", 30 * time.Hour: "30 h", 50 * 24 * time.Hour: "50 days"} {
		if got := age(now.Add(-d), now); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{1234 * time.Millisecond: "1.2 s", 75 * time.Second: "1 min 15 s", 3700 * time.Second: "1 h 1 min", -1: ""} {
		if got := took(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := short("äöü", 2); got != "ä…" {
		t.Error(got)
	}
	if got := pathTo("stacks", "../x y?#"); got != "/stacks/..%2Fx%20y%3F%23" {
		t.Error(got)
	}
}

func TestWaiverGroups(t *testing.T) {
	t.Parallel()
	covers := []coveredRow{{}}
	use := func(state drift.WaiverState, soon bool, covers []coveredRow) waiverRow {
		return waiverRow{WaiverUse: drift.WaiverUse{State: state, EndsSoon: soon}, Covers: covers}
	}
	groups := groupsOf([]waiverRow{
		use(drift.WaiverActive, false, covers), use(drift.WaiverActive, false, nil), use(drift.WaiverActive, true, nil), use(drift.WaiverEnded, false, covers), use(drift.WaiverComing, false, nil), use(drift.WaiverActive, false, covers),
	})
	var got []string
	for _, g := range groups {
		got = append(got, g.Heading)
	}
	if strings.Join(got, ", ") != "Ending soon, Ended, Unused, In force, To come" || len(groups[3].Rows) != 2 {
		t.Error(got)
	}
}

// TestPageRoles walks the table of all pages as nobody and in each role.
func TestPageRoles(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	gate, err := access.New(access.Options{Store: s, Tokens: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Store: s, Gate: gate, Next: func(string, string, time.Time) (time.Time, error) { return time.Time{}, ErrInvalid },
		Waivers: func(context.Context, string) ([]drift.Waiver, error) { return nil, nil }}
	handler, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var routes []accesstest.Route
	for _, r := range (&site{}).routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		routes = append(routes, accesstest.Route{Method: method, Path: strings.NewReplacer("{id}", "x", "{$}", "").Replace(path), Role: r.least, Page: true})
	}
	accesstest.Walk(t, s, handler, routes)
}

// TestAssets: what pages load is there under a name of its content, for good.
func TestAssets(t *testing.T) {
	t.Parallel()
	a, err := loadAssets()
	if err != nil || len(a.byName) != 3 {
		t.Fatal(a, err)
	}
	path, err := StylePath()
	if err != nil || path != a.Style || !strings.HasPrefix(path, "/static/app-") {
		t.Error(path, err)
	}
	css := string(a.byName[strings.TrimPrefix(a.Style, "/static/")].content)
	for _, bad := range []string{"url(", "@import", "http:", "https:"} {
		if strings.Contains(css, bad) {
			t.Errorf("the style sheet has %q", bad)
		}
	}
}
