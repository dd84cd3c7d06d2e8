package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/server/access/accesstest"
	"holdfast/internal/store"
)

// TestRoles: every operation of the document, as nobody and in each role.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	document := s.ask("", http.MethodGet, "/openapi.json", "").Body
	routes := accesstest.Operations(t, []byte(document), map[string]string{"id": stacks[2].ID})
	if len(routes) < 24 {
		t.Errorf("%d operations", len(routes))
	}
	accesstest.Walk(t, s.store, s.http.Config.Handler, routes)
}

// TestChanges: what may be done, what is refused, and that all that was done is in
// the audit events.
func TestChanges(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	open := stacks[2].Findings[0].ID
	waive := func(more string) string {
		return `{"finding":"` + open + `","reason":"load test","owner":"kim","until":"2026-12-31"` + more + `}`
	}
	for _, c := range []struct {
		who, method, path, body string
		status                  int
		want                    string // in what is answered
	}{
		{"operator", "POST", "/stacks/" + stacks[1].ID + "/check", "", 202, `"run":"run-1"`},
		{"operator", "POST", "/runs", `{"source":"infra"}`, 202, `"run":"run-1"`},
		{"operator", "POST", "/runs", `{"source":"infra","stacks":["` + stacks[1].ID + `"]}`, 202, "run-1"},
		{"operator", "POST", "/runs", `{"source":"infra","stacks":["` + stacks[4].ID + `"]}`, 422, "not of source"},
		{"operator", "POST", "/runs", `{"source":"none"}`, 422, "not of this server"},
		{"operator", "POST", "/runs", `{"source":""}`, 422, "body.source"},
		{"operator", "POST", "/runs", `{`, 400, "JSON"},
		{"operator", "POST", "/runs", `{"source":"infra","force":true}`, 422, "force"},
		{"operator", "POST", "/runs", `{"source":"` + strings.Repeat("x", 300<<10) + `"}`, 413, ""},
		{"operator", "POST", "/runs/none/cancel", "", 404, "not there"},
		{"operator", "POST", "/waivers", waive(""), 201, `"branch":"holdfast/waive-w2"`},
		{"operator", "POST", "/waivers", strings.Replace(waive(""), "load test", "refused", 1), 422, "has been refused"},
		{"operator", "POST", "/waivers", strings.Replace(waive(""), "2026-12-31", "soon", 1), 422, "body.until"},
		{"operator", "POST", "/waivers", strings.Replace(waive(""), open, "none", 1), 404, "not there"},
		{"admin", "POST", "/schedules", `{"source":"infra","cron":"bad"}`, 422, "five fields"},
		{"admin", "POST", "/schedules", `{"source":"infra","cron":"0 6 * * 1","zone":"Mars/Olympus"}`, 422, "Mars"},
		{"admin", "POST", "/schedules", `{"source":"none","cron":"0 6 * * 1"}`, 422, "no source"},
		{"admin", "POST", "/schedules", `{"source":"infra","cron":"0 6 * * 1","spread_s":99999}`, 422, "spread_s"},
		{"admin", "POST", "/requests", `{"kind":"delete","reason":"x","findings":["` + open + `"]}`, 422, "kind"},
		{"admin", "POST", "/requests", `{"kind":"revert","reason":"x","findings":["` + open + `","` + stacks[3].Findings[0].ID + `"]}`, 422, "several stacks"},
		{"admin", "POST", "/requests", `{"kind":"revert","reason":"x","findings":["none"]}`, 404, "not there"},
	} {
		a := s.ask(c.who, c.method, "/api/v1"+c.path, c.body)
		if a.Status != c.status || !strings.Contains(a.Body, c.want) {
			t.Errorf("%s %s %.100s: %d %s", c.method, c.path, c.body, a.Status, a.Body)
		}
		if a.Status >= 400 {
			isProblem(a)
		}
	}
	if want := "infra [" + stacks[1].ID + "] by token:operator"; s.rounds.asked[0] != want || len(s.rounds.asked) != 3 {
		t.Errorf("%v", s.rounds.asked)
	}
	kinds := ""
	events, _, err := s.store.Audit(t.Context(), store.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		kinds += e.Kind + " "
	}
	if strings.Count(kinds, "check ") != 3 || strings.Count(kinds, "waive ") != 1 || strings.Contains(kinds, "schedule") || strings.Contains(kinds, "request ") {
		t.Error(kinds)
	}
}

// TestOverFinding: nothing can be done about drift that is gone.
func TestOverFinding(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	f := stacks[2].Findings[0]
	if err := s.store.End(t.Context(), store.Outcome{Kind: drift.EventReverted, Stack: stacks[2].Ref(), Finding: f, At: at(5)}); err != nil {
		t.Fatal(err)
	}
	a := s.ask("admin", http.MethodPost, "/api/v1/requests", `{"kind":"revert","reason":"x","findings":["`+f.ID+`"]}`)
	if a.Status != http.StatusConflict || !strings.Contains(a.Body, "reverted") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.get("/api/v1/findings/" + f.ID); !strings.Contains(a.Body, `"ways_out":[]`) {
		t.Error(a.Body)
	}
}

// TestSchedules: made, changed on a condition, paused and deleted.
func TestSchedules(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	type schedule struct {
		ID, Source, Cron, Zone string
		SpreadS                int `json:"spread_s"`
		Paused                 bool
	}
	made := s.ask("admin", http.MethodPost, "/api/v1/schedules", `{"source":"infra","cron":"0 6 * * MON","spread_s":60}`)
	one := into[schedule](made)
	if made.Status != http.StatusCreated || one.Zone != "UTC" || one.SpreadS != 60 || one.Paused {
		t.Fatalf("%d %s", made.Status, made.Body)
	}
	path := "/api/v1/schedules/" + one.ID
	tag := s.get(path).Header.Get("ETag")
	patch := func(body, tag string, status int) schedule {
		t.Helper()
		a := s.ask("admin", http.MethodPatch, path, body, "If-Match", tag)
		if a.Status != status {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
		return into[schedule](a)
	}
	if got := patch(`{"paused":true}`, tag, 200); !got.Paused || got.Cron != one.Cron || got.SpreadS != 60 {
		t.Errorf("%+v", got)
	}
	patch(`{"paused":false}`, tag, 412)
	patch(`{"cron":"bad"}`, "", 422)
	patch(`{"source":"apps"}`, "", 422)
	if got := patch(`{"zone":"Europe/Berlin","spread_s":0}`, "*", 200); got.Zone != "Europe/Berlin" || got.SpreadS != 0 || !got.Paused {
		t.Errorf("%+v", got)
	}
	if a := s.ask("admin", http.MethodDelete, path, "", "If-Match", tag); a.Status != http.StatusPreconditionFailed {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.ask("admin", http.MethodDelete, path, ""); a.Status != http.StatusNoContent || a.Body != "" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.ask("admin", http.MethodGet, path, ""); a.Status != http.StatusNotFound {
		t.Errorf("%d", a.Status)
	}
}

// TestRequests: asked for, decided by a second person, with a patch to download.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	asked := s.ask("admin", http.MethodPost, "/api/v1/requests", `{"kind":"accept","reason":"wanted","findings":["`+stacks[2].Findings[0].ID+`"]}`)
	one := into[store.Request](asked)
	if asked.Status != http.StatusAccepted || one.State != store.RequestWaiting || one.Source != "infra" || one.AskedBy != "token:admin" || one.Patch != "" {
		t.Fatalf("%d %s", asked.Status, asked.Body)
	}
	path := "/api/v1/requests/" + one.ID
	patch := s.get(path + "/patch")
	if patch.Body != "--- a/main.tf\n" || !strings.HasPrefix(patch.Header.Get("Content-Type"), "text/x-diff") || !strings.Contains(patch.Header.Get("Content-Disposition"), one.ID) {
		t.Errorf("%v %s", patch.Header, patch.Body)
	}
	if a := s.ask("admin", http.MethodPost, path+"/approve", ""); a.Status != http.StatusForbidden || !strings.Contains(a.Body, "can't decide") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	s.token("second", 3)
	if a := s.ask("second", http.MethodPost, path+"/approve", "", "If-Match", `"x"`); a.Status != http.StatusPreconditionFailed {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.ask("second", http.MethodPost, path+"/approve", "", "If-Match", s.get(path).Header.Get("ETag")); a.Status != http.StatusOK || into[store.Request](a).State != store.RequestApproved {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if n := len(every[store.Request](s, "/api/v1/requests?state=waiting&source=infra")); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestScopes: a token for a source sees and does nothing of others.
func TestScopes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	ours, theirs := stacks[4], stacks[3]
	made := into[store.Schedule](s.ask("admin", http.MethodPost, "/api/v1/schedules", `{"source":"infra","cron":"0 6 * * MON"}`))
	asked := into[store.Request](s.ask("admin", http.MethodPost, "/api/v1/requests", `{"kind":"accept","reason":"wanted","findings":["`+theirs.Findings[0].ID+`"]}`))
	for path, want := range map[string]int{"stacks": 1, "findings": 4, "events": 4, "runs": 0, "schedules": 0, "requests": 0, "waivers": 0, "stacks?source=infra": 0, "findings?source=infra&source=apps": 4} {
		if a := s.ask("scoped", http.MethodGet, "/api/v1/"+path, ""); len(into[list[any]](a).Items) != want {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	fleet := s.ask("scoped", http.MethodGet, "/api/v1/fleet", "").Body
	if strings.Contains(fleet, "infra") || !strings.Contains(fleet, `"open":4`) {
		t.Error(fleet)
	}
	run := into[list[store.RunInfo]](s.get("/api/v1/runs?limit=1")).Items[0].ID
	for _, c := range []struct{ method, path, body string }{
		{"GET", "stacks/" + theirs.ID, ""}, {"GET", "findings/" + theirs.Findings[0].ID, ""}, {"GET", "runs/" + run, ""}, {"GET", "runs/" + run + "/stacks", ""},
		{"GET", "schedules/" + made.ID, ""}, {"GET", "requests/" + asked.ID, ""}, {"GET", "requests/" + asked.ID + "/patch", ""},
		{"POST", "stacks/" + theirs.ID + "/check", ""}, {"POST", "runs", `{"source":"infra"}`}, {"POST", "runs/" + run + "/cancel", ""},
		{"POST", "waivers", `{"finding":"` + theirs.Findings[0].ID + `","reason":"x","owner":"x","until":"2026-12-31"}`},
		{"POST", "requests", `{"kind":"revert","reason":"x","findings":["` + theirs.Findings[0].ID + `"]}`},
		{"POST", "requests/" + asked.ID + "/approve", ""}, {"POST", "requests/" + asked.ID + "/reject", ""},
		{"PATCH", "schedules/" + made.ID, `{"paused":true}`}, {"DELETE", "schedules/" + made.ID, ""},
	} {
		if a := s.ask("scoped", c.method, "/api/v1/"+c.path, c.body); a.Status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.Status, a.Body)
		}
	}
	if a := s.ask("scoped", http.MethodPost, "/api/v1/stacks/"+ours.ID+"/check", ""); a.Status != http.StatusAccepted {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.ask("scoped", http.MethodPost, "/api/v1/schedules", `{"source":"infra","cron":"0 6 * * MON"}`); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.ask("scoped", http.MethodGet, "/metrics", ""); a.Status != http.StatusForbidden {
		t.Errorf("%d", a.Status)
	}
}

// TestBrokenInside: what is the server's own fault is told without its reason.
func TestBrokenInside(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fill()
	s.rounds.broken = errors.New("postgres://holdfast:" + canary + "@db is down")
	a := s.ask("operator", http.MethodPost, "/api/v1/runs", `{"source":"infra"}`)
	if isProblem(a); a.Status != http.StatusServiceUnavailable || strings.Contains(a.Body, canary) || strings.Contains(a.Body, "postgres") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.ask("", http.MethodGet, "/readyz", ""); a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, `"queue":"it can't be read`) || strings.Contains(a.Body, canary) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.get("/metrics"); !strings.Contains(a.Body, "holdfast_database_up 0") || strings.Contains(a.Body, canary) {
		t.Error(a.Body)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if a := s.ask("", http.MethodGet, "/readyz", ""); a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, `"database":"it can't be reached`) || strings.Contains(a.Body, ".db") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := s.ask("", http.MethodGet, "/healthz", ""); a.Status != http.StatusOK {
		t.Errorf("%d", a.Status)
	}
}

// TestMetrics: what Prometheus sees, with as many series as there is reason for.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.store.KeepAlerts()
	s.fill()
	if _, err := s.store.Route(t.Context(), store.Routing{Now: at(20), Plan: func(alerts []drift.Alert) []store.Delivery {
		return []store.Delivery{{Channel: "chat", Due: at(20), Alerts: []string{alerts[0].ID}}}
	}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.ask("viewer", http.MethodGet, "/api/v1/stacks/x"+strings.Repeat("y", 20), "")
		s.ask("viewer", "BREW", "/api/v1/stacks", "")
	}
	text := s.get("/metrics").Body
	for _, want := range []string{
		`holdfast_open_findings{cause="manual-console",source="apps",stack="live/4"} 4`, `holdfast_stacks{status="drifted"} 4`, `holdfast_stacks{status="unchecked"} 0`,
		`holdfast_stack_last_success_timestamp_seconds{source="infra",stack="live/0"} 1.7724312e+09`, `holdfast_queue_jobs{kind="check",state="available"} 5`,
		`holdfast_database_up 1`, `holdfast_waived_findings 0`, `holdfast_http_request_duration_seconds_count{method="GET",route="GET /api/v1/stacks/{id}",status="404"} 3`,
		`method="other"`, `holdfast_alert_messages{channel="chat",state="waiting"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in it:\n%s", want, text)
		}
	}
	if strings.Contains(text, "yyy") || strings.Contains(text, "BREW") {
		t.Error("what somebody asks for has series of its own")
	}
	if a := s.ask("", http.MethodGet, "/metrics", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("%d", a.Status)
	}
}
