package server_test

import (
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/server"
	"holdfast/internal/server/access"
	"holdfast/internal/server/servertest"
	"holdfast/internal/store"
)

var lambdaPage = "/findings/" + servertest.Lambda + "?stack=" + servertest.Edge

// TestPages asks for every page, and looks for what each is there for.
func TestPages(t *testing.T) {
	t.Parallel()
	c := servertest.Start(t, servertest.Options{Fill: servertest.Fleet}).Client(t, "")
	for path, want := range map[string][]string{
		"/":                              {"<title>6 open findings in 3 of 9 stacks", `<a href="/findings?severity=high">2 of high severity</a>`, "Waiting for approval", "By hand, in the console", "Not checked lately", `aria-current="page">Fleet`},
		"/stacks":                        {"live/network/edge", "9 of 9"},
		"/stacks?q=K/EDGE":               {"live/network/edge", "1 of 1"},
		"/stacks?status=error":           {"live/payments/batch (prod)", "1 of 1"},
		"/stacks?stale=1":                {"live/payments/archive", "2 of 2"},
		"/stacks?source=payments":        {"5 of 5"},
		"/stacks?q=nowhere":              {"No stack is like that"},
		"/stacks/" + servertest.Edge:     {"the object is tainted", "dead_letters", "the autoscaler owns it", "every Monday at 06:00", "Check now"},
		"/stacks/" + servertest.API:      {"AccessDeniedException", "not checked"},
		"/findings":                      {"aws_lambda_function.resize", "6 of 6"},
		"/findings?cause=manual-cli":     {"aws_iam_role_policy.deploy", "1 of 1"},
		"/findings?kind=deleted":         {"aws_s3_bucket.receipts", "1 of 1"},
		"/findings?severity=high":        {"aws_s3_bucket.receipts", "aws_iam_role_policy.deploy", "2 of 2", `<span class="badge is-high">high</span>`},
		"/findings?sort=worst":           {"6 of 6", "<option value=\"worst\" selected>"},
		"/findings?severity=none":        {"No finding is like that"},
		"/findings?life=waived":          {"aws_autoscaling_group.workers", "1 of 1"},
		"/findings?life=over":            {"aws_dynamodb_table.orders", "1 of 1"},
		lambdaPage:                       {"<title>aws_lambda_function.resize modified in live/network/edge", "198.51.100.7", "<code>512</code>", "Sensitive: the value is not shown", "holdfast revert " + servertest.Lambda, "Timeline"},
		"/findings/" + servertest.Bucket: {"The object is in the state", "Nothing less covers this finding", "until a second person approves it"},
		"/runs":                          {"could not be fetched", "3 stacks, 3 open findings"},
		"/schedules":                     {"every Monday at 06:00", "Monday to Friday at 02:30", "spread over 20 minutes", "Resume"},
		"/schedules/weekly":              {"Coming times", "CET"},
		"/waivers":                       {"Ending soon", "Ended", "Unused", "In force", "To come"},
		"/requests":                      {"Revert aws_s3_bucket.receipts", "2 of 2"},
		"/requests?state=done":           {"Accept aws_lambda_function.resize", "1 of 1"},
		"/requests/waits1":               {"Approve", "OPS-131"},
		"/requests/done1":                {"git apply", "+  memory_size   = 512"},
		"/history":                       {"gone by itself", "back again"},
		"/history?address=aws_dynamodb_table.orders": {"aws_dynamodb_table.orders"},
		"/history?from=1999":                         {"Write days as"},
	} {
		a := c.Get(t, path)
		if a.Status != http.StatusOK {
			t.Errorf("%s: %d", path, a.Status)
		}
		for _, text := range want {
			if !strings.Contains(unescape(a.Body), text) {
				t.Errorf("%s does not have %q", path, text)
			}
		}
	}
}

func unescape(body string) string {
	return strings.NewReplacer("&#43;", "+", "&#34;", `"`).Replace(body)
}

// TestErrorPages: what is not there, or not so, is said with a way on.
func TestErrorPages(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet})
	c := rig.Client(t, "")
	for path, want := range map[string]int{
		"/nowhere": 404, "/stacks/x": 404, "/findings/x": 404, "/findings/0123456789ab": 404, "/runs/x": 404, "/schedules/x": 404, "/requests/x": 404,
		"/requests/waits1/patch": 404, "/static/x.css": 404, "/stacks?after=x": 400, "/stacks?sort=x": 400, "/findings?after=x": 400, "/runs?after=x": 400, "/history?after=x": 400,
	} {
		a := c.Get(t, path)
		if a.Status != want || !strings.HasPrefix(path, "/static") && !strings.Contains(a.Body, `class="steps"`) {
			t.Errorf("%s: %d, want %d with a step to go on\n%s", path, a.Status, want, a.Body)
		}
	}
	broken := servertest.Start(t, servertest.Options{})
	if _, err := broken.Store.DB().ExecContext(t.Context(), "DROP TABLE fleet"); err != nil {
		t.Fatal(err)
	}
	if a := broken.Client(t, "").Get(t, "/stacks"); a.Status != 503 || strings.Contains(a.Body, "no such table") || !strings.Contains(a.Body, "Try again") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// TestFindingLinks: an id is enough, or the start of one, and what is over says
// where it went on.
func TestFindingLinks(t *testing.T) {
	t.Parallel()
	c := servertest.Start(t, servertest.Options{Fill: servertest.Fleet}).Client(t, "")
	if a := c.Get(t, "/findings/"+servertest.Lambda[:6]); a.Path != lambdaPage || a.Status != 200 {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	table := drift.FindingID("lineage-payments-api", "aws_dynamodb_table.orders", drift.Modified)
	if a := c.Get(t, "/findings/"+table); !strings.Contains(a.Body, "It has come back since.") || !strings.Contains(a.Body, "/findings/"+table+"-2?") || strings.Contains(a.Body, "Ways out") {
		t.Error("the first episode does not lead to the second")
	}
	if a := c.Get(t, "/findings/"+table+"-2"); a.Status != 200 || !strings.Contains(a.Body, "Other episodes") {
		t.Errorf("%d: %s", a.Status, a.Path)
	}
}

// TestWaive waives without JavaScript: what is wrong is said beside what was
// written.
func TestWaive(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet})
	c := rig.Client(t, "")
	to := "/findings/" + servertest.Lambda + "/waive"
	good := url.Values{
		"stack": {servertest.Edge}, "reason": {"load test"}, "owner": {"kim@example.com"}, "ticket": {"OPS-1"},
		"until": {time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}, "attribute": {"memory_size", "not there"},
	}
	for field, c2 := range map[string]struct{ value, want string }{
		"reason": {" ", "Say why"}, "owner": {"", "Say who answers"}, "until": {"2001-01-01", "That day is over"}, "ticket": {strings.Repeat("x", 1001), "Be shorter"},
	} {
		form := maps.Clone(good)
		form.Set(field, c2.value)
		a := c.Post(t, to, form)
		if a.Status != 422 || !strings.Contains(a.Body, c2.want) || field != "reason" && !strings.Contains(a.Body, "load test</textarea>") || !strings.Contains(a.Body, `<details open id="waive">`) {
			t.Errorf("%s: %d, want %q", field, a.Status, c2.want)
		}
	}
	nothing := url.Values{"stack": good["stack"], "reason": good["reason"], "owner": good["owner"], "until": good["until"]}
	if a := c.Post(t, to, nothing); a.Status != 422 || !strings.Contains(a.Body, "choose what may differ") {
		t.Errorf("nothing chosen: %d", a.Status)
	}
	rig.Requests.Fail(fmt.Errorf("%w: this waiver would leave out timeout", server.ErrInvalid))
	if a := c.Post(t, to, good); a.Status != 422 || !strings.Contains(a.Body, "would leave out timeout") {
		t.Errorf("%d", a.Status)
	}
	rig.Requests.Fail(fmt.Errorf("password=hunter2"))
	if a := c.Post(t, to, good); a.Status != 503 || strings.Contains(a.Body, "hunter2") {
		t.Errorf("%d: the server's own error is shown", a.Status)
	}
	rig.Requests.Fail(nil)
	a := c.Post(t, to, good)
	if a.Status != 200 || a.Path != lambdaPage || !strings.Contains(a.Body, `role="status">Waiver W-`+servertest.Lambda+` is written.`) {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	if strings.Contains(c.Get(t, lambdaPage).Body, "is written.") {
		t.Error("the notice stays")
	}
	waived := rig.Requests.Waived()
	if len(waived) != 1 || waived[0].Owner != "kim@example.com" || len(waived[0].Attributes) != 1 || waived[0].Source != "network" || waived[0].Actor == "" {
		t.Errorf("%+v", waived)
	}
	audit, _, err := rig.Store.Audit(t.Context(), store.AuditFilter{})
	if err != nil || len(audit) != 1 || audit[0].Kind != access.AuditWaive || !strings.Contains(audit[0].What, "aws_lambda_function.resize") {
		t.Errorf("%+v, %v", audit, err)
	}
}

// TestResolve asks for a revert and has it approved by somebody else.
func TestResolve(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet, Tokens: true})
	kim, lee := rig.Client(t, rig.Token(t, "kim", access.Admin)), rig.Client(t, rig.Token(t, "lee", access.Admin))
	a := kim.Post(t, "/findings/"+servertest.Bucket+"/revert", url.Values{"stack": {servertest.API}, "reason": {"it is needed"}})
	if !strings.HasPrefix(a.Path, "/requests/") || !strings.Contains(a.Body, "waits until somebody else approves it") || !strings.Contains(a.Body, "You have asked for it") {
		t.Fatalf("%d at %s", a.Status, a.Path)
	}
	request := a.Path
	if a := kim.Post(t, request+"/approve", nil); a.Status != 403 || !strings.Contains(a.Body, "doesn&#39;t approve it") {
		t.Errorf("the same person: %d", a.Status)
	}
	if a := lee.Post(t, request+"/approve", nil); a.Status != 200 || a.Path != request || !strings.Contains(a.Body, "Approved.") || !strings.Contains(a.Body, "token:lee") {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	if a := lee.Post(t, request+"/reject", nil); a.Status != 409 {
		t.Errorf("decided twice: %d", a.Status)
	}
	a = kim.Post(t, "/findings/"+servertest.Lambda+"/accept", url.Values{"stack": {servertest.Edge}, "reason": {"it is right"}})
	if a.Status != 200 || !strings.Contains(a.Body, "begins when a worker is free") {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	if a := kim.Get(t, "/requests/done1/patch"); a.Header.Get("Content-Disposition") != "attachment; filename=holdfast-done1.patch" || !strings.HasPrefix(a.Body, "--- a/") {
		t.Errorf("%v", a.Header)
	}
}

// TestRounds starts checks and cancels them.
func TestRounds(t *testing.T) {
	t.Parallel()
	c := servertest.Start(t, servertest.Options{Fill: servertest.Fleet}).Client(t, "")
	a := c.Post(t, "/stacks/"+servertest.API+"/check", nil)
	if !strings.HasPrefix(a.Path, "/runs/") || !strings.Contains(a.Body, "has begun") || !strings.Contains(a.Body, "live/payments/api (prod)") || !strings.Contains(a.Body, `<noscript><meta http-equiv="refresh"`) {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	if a := c.Post(t, a.Path+"/cancel", nil); !strings.Contains(a.Body, "The run is cancelled") || strings.Contains(a.Body, "data-events") {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	if a := c.Post(t, a.Path+"/cancel", nil); !strings.Contains(a.Body, "over already") {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	if a := c.Post(t, "/runs", url.Values{"source": {"network"}}); !strings.HasPrefix(a.Path, "/runs/") {
		t.Errorf("%d at %s", a.Status, a.Path)
	}
	if a := c.Post(t, "/runs", url.Values{"source": {"../x"}}); a.Status != 404 {
		t.Errorf("%d", a.Status)
	}
}

// TestSchedulePages adds, changes, pauses and deletes one.
func TestSchedulePages(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{})
	c := rig.Client(t, "")
	form := url.Values{"source": {"network"}, "name": {"<b>mine</b>"}, "cron": {" 30  4 * * TUE "}, "zone": {"Europe/Berlin"}, "spread": {"15"}}
	for field, bad := range map[string]string{"source": "nobody", "cron": "every day", "zone": "Mars/Olympus", "spread": "99999"} {
		wrong := maps.Clone(form)
		wrong.Set(field, bad)
		if a := c.Post(t, "/schedules", wrong); a.Status != 422 || !strings.Contains(a.Body, `id="schedule-problem"`) || strings.Count(a.Body, "aria-invalid") != 1 {
			t.Errorf("%s: %d", field, a.Status)
		}
	}
	a := c.Post(t, "/schedules", form)
	if a.Path != "/schedules" || !strings.Contains(a.Body, "every Tuesday at 04:30") || !strings.Contains(a.Body, "&lt;b&gt;mine") {
		t.Fatalf("%d at %s", a.Status, a.Path)
	}
	list, err := rig.Store.Schedules(t.Context())
	if err != nil || len(list) != 1 || list[0].Cron != "30 4 * * TUE" || list[0].Spread != 15*time.Minute || !list[0].NextAt.After(time.Now()) {
		t.Fatalf("%+v, %v", list, err)
	}
	at := "/schedules/" + list[0].ID
	form.Set("cron", "0 0 1 * *")
	for _, step := range []struct{ path, want string }{
		{"", "on the 1st of the month at 00:00"}, {"/pause", "Paused"}, {"/resume", "It goes on"}, {"/delete", "Nothing is checked by itself yet"},
	} {
		if a := c.Post(t, at+step.path, form); a.Status != 200 || !strings.Contains(a.Body, step.want) {
			t.Errorf("%s: %d", step.path, a.Status)
		}
	}
}

// TestRolesOnPages: nobody is shown a form that is not for them.
func TestRolesOnPages(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet, Tokens: true})
	for role, forms := range map[access.Role][]string{
		access.Viewer: {}, access.Operator: {"/waive", "/check", "/cancel", `action="/runs"`},
		access.Admin: {"/waive", "/check", "/cancel", `action="/runs"`, "/revert", "/accept", "/approve", "/pause", `action="/schedules"`},
	} {
		c := rig.Client(t, rig.Token(t, role.String(), role))
		body := ""
		for _, path := range []string{lambdaPage, "/stacks/" + servertest.Edge, "/runs", "/schedules", "/requests/waits1", "/schedules/weekly"} {
			body += c.Get(t, path).Body
		}
		body += c.Get(t, "/runs/"+underWay(t, rig)).Body
		got := strings.Count(body, `method="post"`) - strings.Count(body, `action="/logout"`)
		if len(forms) == 0 && got != 0 {
			t.Errorf("a viewer is shown %d forms that change something", got)
		}
		for _, form := range forms {
			if !strings.Contains(body, form+`"`) && !strings.Contains(body, form) {
				t.Errorf("%s is not shown %s", role, form)
			}
		}
		if role == access.Operator && (strings.Contains(body, `/revert"`) || strings.Contains(body, `/approve"`)) {
			t.Error("an operator is shown what is for admins")
		}
		a := c.Post(t, "/findings/"+servertest.Lambda+"/revert", url.Values{"reason": {"x"}})
		if (a.Status == 403) != (role < access.Admin) {
			t.Errorf("%s reverts: %d", role, a.Status)
		}
		if a.Status == 403 && (!strings.Contains(a.Body, "This is not for you to do") || !strings.Contains(a.Body, `aria-label="Main"`)) {
			t.Errorf("what %s may not do is told on a page of its own: %s", role, a.Body)
		}
		a = c.Post(t, "/findings/"+servertest.Lambda+"/waive", url.Values{"reason": {strings.Repeat("x", 2<<20)}})
		if a.Status != 413 || !strings.Contains(a.Body, "That is too much at once") || !strings.Contains(a.Body, `aria-label="Main"`) {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
}

// underWay is the run that Fleet leaves under way.
func underWay(t *testing.T, rig *servertest.Rig) string {
	t.Helper()
	runs, err := rig.Store.RunsPage(t.Context(), store.RunFilter{Open: true})
	if err != nil || len(runs.Items) != 1 {
		t.Fatal(runs, err)
	}
	return runs.Items[0].ID
}

// TestScopesOnPages: who may see one source sees nothing of another, in no list and by no
// link.
func TestScopesOnPages(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet, Tokens: true})
	c := rig.Client(t, rig.Token(t, "net", access.Admin, "network"))
	for _, path := range []string{"/", "/stacks", "/findings?life=all", "/runs", "/schedules", "/waivers", "/requests", "/history", "/stacks?source=payments", "/runs?source=payments", "/history?stack=" + servertest.API, "/findings?life=all&stack=" + servertest.API} {
		if a := c.Get(t, path); a.Status != 200 || strings.Contains(a.Body, "live/payments") || strings.Contains(a.Body, "receipts") || strings.Contains(a.Body, ">payments") {
			t.Errorf("%s: %d, or it tells of the other source", path, a.Status)
		}
	}
	for _, path := range []string{"/stacks/" + servertest.API, "/findings/" + servertest.Bucket, "/requests/waits1", "/requests/waits1/patch", "/schedules/nightly"} {
		if a := c.Get(t, path); a.Status != 404 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	for _, path := range []string{"/stacks/" + servertest.API + "/check", "/findings/" + servertest.Bucket + "/revert", "/requests/waits1/approve", "/schedules/nightly/delete"} {
		if a := c.Post(t, path, url.Values{"reason": {"x"}}); a.Status != 404 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

// hostile is what no page may be led astray by.
var hostile = `</script></style>"'><img src=x onerror=alert(1)>` + "\u202egnp.exe\nnewline\x00" + strings.Repeat("wide_", 2000)

// hostileFleet has it in every field.
func hostileFleet(t testing.TB, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	st := drift.Stack{
		ID: servertest.Edge, Path: hostile, Workspace: hostile, Name: hostile, Engine: "direct", EngineReason: hostile, Resources: drift.Counts{Checked: 1, Drifted: 1},
		State: drift.State{Source: hostile, Lineage: hostile}, Errors: []drift.Error{{Address: hostile, Code: hostile, Message: hostile}},
		Integrity: []drift.Integrity{{Code: hostile, Severity: drift.Severity(hostile), Message: hostile, Address: hostile}},
		Pending:   []drift.Pending{{Address: hostile, Actions: []string{hostile}, Paths: []string{hostile}}},
		Adopted:   []drift.Paths{{Address: hostile, Paths: []string{hostile}}}, Observed: []drift.Paths{{Address: hostile, Paths: []string{hostile}}},
		Findings: []drift.Finding{{
			ID: servertest.Lambda, Address: hostile, Type: hostile, Provider: hostile, Kind: drift.Modified, Certainty: drift.Possible, Doubt: hostile, Status: drift.Open,
			Source: &drift.Position{File: hostile, Line: 1}, Changes: []drift.Change{{Path: hostile, Expected: []byte(`"a"`), Actual: quoted(hostile)}},
			Waiver: &drift.FindingWaiver{ID: hostile, State: drift.WaiverEnded, Reason: hostile, Owner: hostile, Until: hostile},
			Cause:  &drift.Cause{Class: drift.CauseClass(hostile), Summary: hostile, CauseEvent: drift.CauseEvent{Actor: hostile, How: hostile, Event: hostile, UserAgent: hostile}, Gaps: []string{hostile}},
		}},
	}
	st.Settle(false)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var run string
	must(s.InTransaction(ctx, "beginning", func(tx *sql.Tx) (err error) {
		if err := s.NoteStacks(ctx, tx, "network", []drift.StackRef{st.Ref()}, time.Now()); err != nil {
			return err
		}
		run, err = s.BeginRound(ctx, tx, store.Round{Source: "network", Actor: hostile, Trigger: "person", At: time.Now()})
		if err != nil {
			return err
		}
		if err := s.PlanStack(ctx, tx, store.RunStack{Run: run, Stack: st.Ref(), Source: "network", State: store.StackQueued, Error: hostile, Job: 1}); err != nil {
			return err
		}
		_, err = s.AddRequest(ctx, tx, store.Request{ID: "r1", Kind: hostile, Stack: st.Ref(), Source: "network", Findings: []string{servertest.Lambda}, Addresses: []string{hostile}, Reason: hostile, Ticket: hostile, State: store.RequestWaiting, AskedBy: hostile, AskedAt: time.Now(), Outcome: hostile, Branch: hostile, Patch: hostile})
		return err
	}))
	r, err := s.Resume(ctx, run)
	must(err)
	must(r.SaveAt(ctx, st, nil, time.Now().Add(-time.Hour)))
	must(s.InTransaction(ctx, "failing", func(tx *sql.Tx) error { return s.FailRun(ctx, tx, run, hostile) }))
	_, err = s.SaveSchedule(ctx, store.Schedule{ID: "s1", Source: "network", Name: hostile, Cron: hostile, Zone: hostile})
	must(err)
}

func quoted(s string) []byte {
	return []byte(fmt.Sprintf("%q", strings.NewReplacer("\x00", "", "\u202e", "").Replace(s)))
}

// TestHostilePages: no text of others gets out of its place, whatever it holds.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	rig := servertest.Start(t, servertest.Options{Fill: hostileFleet})
	c := rig.Client(t, "")
	runs, err := rig.Store.RunsPage(t.Context(), store.RunFilter{})
	if err != nil || len(runs.Items) != 1 {
		t.Fatal(runs, err)
	}
	evil := url.QueryEscape(hostile)
	for _, path := range []string{
		"/", "/stacks", "/stacks/" + servertest.Edge, "/findings", "/findings/" + servertest.Lambda, "/runs", "/runs/" + runs.Items[0].ID, "/schedules", "/schedules/s1",
		"/waivers", "/requests", "/requests/r1", "/history", "/stacks?q=" + evil, "/findings?q=" + evil + "&stack=" + evil, "/history?address=" + evil + "&from=" + evil, "/requests?state=" + evil, "/stacks?source=" + evil,
	} {
		a := c.Get(t, path)
		if a.Status >= 500 {
			t.Errorf("%.60s: %d", path, a.Status)
		}
		for _, bad := range []string{"<img", "\u202e", "\x00", "</style>", "<style", " style=", "onerror=alert(1)>", "javascript:", "ZgotmplZ"} {
			if strings.Contains(a.Body, bad) {
				t.Errorf("%.60s has %q", path, bad)
			}
		}
		if n := strings.Count(a.Body, "<script"); n != 1 || !strings.Contains(a.Header.Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%.60s: %d scripts, policy %q", path, n, a.Header.Get("Content-Security-Policy"))
		}
	}
	form := url.Values{"stack": {servertest.Edge}, "reason": {hostile}, "owner": {hostile}, "until": {hostile}, "ticket": {hostile}}
	if a := c.Post(t, "/findings/"+servertest.Lambda+"/waive", form); a.Status != 422 || strings.Contains(a.Body, "<img") || strings.Contains(a.Body, "\u202e") {
		t.Errorf("%d", a.Status)
	}
}
