package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// every reads a list to its end by the Link header.
func every[T any](s *site, path string) (items []T) {
	s.t.Helper()
	for pages := 0; path != ""; pages++ {
		a := s.get(path)
		page := into[list[T]](a)
		items = append(items, page.Items...)
		link := a.Header.Get("Link")
		if (link == "") != (page.Next == "") || pages > 50 {
			s.t.Fatalf("%s: Link %q, next %q", path, link, page.Next)
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
	}
	return items
}

// TestLists: what is chosen, in which order, over pages of any length.
func TestLists(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	paths := func(query string) (text string) {
		for _, one := range every[store.FleetStack](s, "/api/v1/stacks?limit=2"+query) {
			text += strings.TrimPrefix(one.Stack.Path, "live/")
		}
		return text
	}
	addresses := func(query string) (text string) {
		for _, e := range every[drift.Episode](s, "/api/v1/findings?limit=3"+query) {
			text += strings.TrimPrefix(e.Finding.Address, "a.b")
		}
		return text
	}
	for query, want := range map[string]string{
		"": "01234", "&sort=drift": "43210", "&sort=checked": "01234", "&sort=oldest&status=drifted": "1234",
		"&status=clean": "0", "&status=clean&status=drifted": "01234", "&status=unchecked": "", "&source=apps": "4",
		"&stale=true": "01", "&q=LIVE%2F3": "3", "&q=%25": "", "&gone=true": "01234",
	} {
		if got := paths(query); got != want {
			t.Errorf("stacks %s: %s, want %s", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"&stack=" + stacks[2].ID: "10", "&address=a.b3": "3", "&source=apps&newest=true&q=b2": "2", "&cause=manual-console&q=b3": "3",
		"&severity=high": "3", "&severity=low&severity=high": "3", "&severity=medium": "", "&q=b3&worst=true": "3", "&cause=not_asked": "", "&kind=deleted": "", "&life=resolved": "", "&q=b3&life=open&life=waived": "3", "&q=b3&all=true": "3",
		"&q=b3&since=2026-03-09T00:00:00Z": "3", "&until=2026-03-03T00:00:00Z": "",
	} {
		if got := addresses(query); len(got) != len(want) || len(want) == 1 && got != want {
			t.Errorf("findings %s: %s, want %s", query, got, want)
		}
	}
	if n := len(every[drift.Event](s, "/api/v1/events?limit=4")); n != 10 {
		t.Errorf("%d events", n)
	}
	if n := len(every[drift.Event](s, "/api/v1/events?kind=resolved&kind=found&finding="+stacks[2].Findings[0].ID)); n != 1 {
		t.Errorf("%d events of a finding", n)
	}
	if n := len(every[store.RunInfo](s, "/api/v1/runs?limit=2")); n != 5 {
		t.Errorf("%d runs", n)
	}
	if total := into[list[store.FleetStack]](s.get("/api/v1/stacks?limit=1")).Total; total == nil || *total != 5 {
		t.Error("no total")
	}
}

// TestGarbage: whatever is asked for that makes no sense is refused with a problem
// document that says so, and is never the server's own fault.
func TestGarbage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	cursor := into[list[store.FleetStack]](s.get("/api/v1/stacks?limit=1")).Next
	for _, path := range []string{
		"stacks?limit=x", "stacks?limit=0", "stacks?limit=501", "stacks?limit=-1", "stacks?limit=99999999999999999999", "stacks?sort=size",
		"stacks?status=dirty", "stacks?status=clean,drifted", "stacks?after=x", "stacks?after=%00", "stacks?after=" + strings.Repeat("A", 3000),
		"stacks?after=WzFd", "stacks?after=bnVsbA", "stacks?after=W251bGwsbnVsbCxudWxsXQ", "stacks?after=eyJ0IjoxfQ", "findings?after=" + cursor, "stacks?sort=drift&after=" + cursor,
		"runs?after=" + cursor, "events?after=WzFd", "requests?after=x", "stacks?unknown=1", "stacks?stale=perhaps",
		"findings?since=yesterday", "findings?since=2026-99-99T00:00:00Z", "findings?cause=aliens", "findings?severity=error", "findings?worst=true&newest=true", "findings?kind=x", "findings?life=x", "events?kind=%27%20OR%201=1", "runs?open=x",
		"requests?state=x", "stacks?q=" + strings.Repeat("x", 201), "fleet?x=1", "stacks?" + strings.Repeat("status=clean&", 11),
	} {
		a := s.ask("viewer", http.MethodGet, "/api/v1/"+path, "")
		if isProblem(a); a.Status != http.StatusBadRequest {
			t.Errorf("%.80s: %d %s", path, a.Status, a.Body)
		}
	}
	for _, path := range []string{
		"stacks/x", "stacks/..%2f..%2fetc", "stacks/%00", "stacks/%FF", "findings/x", "findings/x-2", "findings/-", "runs/x", "runs/x/stacks",
		"schedules/x", "requests/x", "requests/x/patch", "findings/" + stacks[2].Findings[0].ID + "-2", "none", "stacks/" + stacks[0].ID + "/none", "",
	} {
		a := s.ask("viewer", http.MethodGet, "/api/v1/"+path, "")
		if isProblem(a); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	for _, query := range []string{"q=%00", "q=%FF%FE", "q='%20OR%201=1--", "q=%5C", "q=%25_%5C", "source=%00", "stack=%00", "address=%00", "address=%FF"} {
		for _, list := range []string{"stacks", "findings"} {
			path := "/api/v1/" + list + "?" + query
			if a := s.ask("viewer", http.MethodGet, path, ""); a.Status != http.StatusOK && a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", path, a.Status, a.Body)
			}
		}
	}
	a := s.ask("admin", http.MethodPut, "/api/v1/stacks", "")
	if isProblem(a); a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}

// isProblem holds an answer to RFC 9457 and to what we say of it.
func isProblem(a answer) {
	a.t.Helper()
	p := into[struct {
		Type, Title, Detail string
		Status              int
		Request             string `json:"request_id"`
	}](a)
	if a.Header.Get("Content-Type") != "application/problem+json" || p.Status != a.Status || p.Title == "" || p.Detail == "" || p.Request != a.Header.Get("X-Request-Id") {
		a.t.Errorf("%v: %s", a.Header, a.Body)
	}
}

// FuzzLists: no query, however odd, breaks a list.
func FuzzLists(f *testing.F) {
	f.Add("after=WyJsaXZlLzEiLCJkZWZhdWx0IiwiYiJd&limit=1")
	f.Add("sort=drift&after=WzEsImIiXQ&q=%00")
	f.Add("since=2026-01-01T00:00:00Z&kind=found&status=clean")
	f.Fuzz(func(t *testing.T, query string) {
		if _, err := url.ParseQuery(query); err != nil || strings.ContainsAny(query, " #\x00\r\n\t\x7f") {
			t.Skip()
		}
		s := newSite(t)
		for _, list := range []string{"stacks", "findings", "events", "runs", "requests"} {
			u := "/api/v1/" + list + "?" + query
			if _, err := url.Parse(s.http.URL + u); err != nil {
				t.Skip()
			}
			if a := s.ask("viewer", http.MethodGet, u, ""); a.Status != http.StatusOK && a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", u, a.Status, a.Body)
			}
		}
	})
}

// TestConditions: what is read has a tag, and nothing is sent twice.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	for _, path := range []string{"/api/v1/stacks", "/api/v1/stacks/" + stacks[2].ID, "/api/v1/findings", "/api/v1/runs", "/api/v1/events", "/api/v1/fleet"} {
		tag := s.get(path).Header.Get("ETag")
		for sent, want := range map[string]int{tag: 304, `"x", W/` + tag: 304, "*": 304, `"x"`: 200, "": 200} {
			if a := s.ask("viewer", http.MethodGet, path, "", "If-None-Match", sent); a.Status != want || a.Header.Get("ETag") != tag || want == 304 && a.Body != "" {
				t.Errorf("%s, If-None-Match %s: %d %v", path, sent, a.Status, a.Header)
			}
		}
	}
	before := s.get("/api/v1/stacks").Header.Get("ETag")
	s.note("infra", stacks[:2])
	if s.get("/api/v1/stacks").Header.Get("ETag") == before {
		t.Error("another list has the same tag")
	}
}

// TestDetails: what a stack, a finding and a run tell.
func TestDetails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	stack := into[struct {
		Open     int
		Source   string
		Result   *drift.Stack
		Findings []drift.Episode
		Events   []drift.Event
	}](s.get("/api/v1/stacks/" + stacks[3].ID))
	if stack.Open != 3 || stack.Source != "infra" || stack.Result == nil || len(stack.Result.Findings) != 3 || len(stack.Findings) != 3 || len(stack.Events) != 3 {
		t.Errorf("%+v", stack)
	}
	finding := into[struct {
		ID, Source string
		Life       drift.Life
		Finding    drift.Finding
		Timeline   []drift.Event
		WaysOut    []struct {
			Kind, Role    string
			May, Approval bool
		} `json:"ways_out"`
	}](s.ask("operator", http.MethodGet, "/api/v1/findings/"+stacks[3].Findings[1].ID, ""))
	if finding.ID != stacks[3].Findings[1].ID || finding.Source != "infra" || finding.Life != drift.LifeOpen || len(finding.Finding.Changes) != 2 ||
		finding.Finding.Cause.Summary == "" || len(finding.Timeline) != 1 || fmt.Sprint(finding.WaysOut) != "[{waive operator true false} {accept admin false true} {revert admin false true}]" {
		t.Errorf("%+v", finding)
	}
	run := into[list[store.RunInfo]](s.get("/api/v1/runs?limit=1")).Items[0]
	if one := into[store.RunInfo](s.get("/api/v1/runs/" + run.ID)); one.ID != run.ID || one.Summary.Findings != 4 {
		t.Errorf("%+v", one)
	}
}

// TestSharedState: several stacks may have the same finding.
func TestSharedState(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := named("live/a", finding("a.b")), named("live/b", finding("a.b"))
	run, err := s.store.Begin(t.Context(), drift.RunRecord{StartedAt: at(0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []drift.Stack{a, b} {
		if err := run.SaveAt(t.Context(), st, nil, at(0)); err != nil {
			t.Fatal(err)
		}
	}
	s.note("infra", []drift.Stack{a})
	s.note("apps", []drift.Stack{b})
	path := "/api/v1/findings/" + finding("a.b").ID
	if got := s.ask("viewer", http.MethodGet, path, ""); got.Status != http.StatusConflict || !strings.Contains(got.Body, a.ID) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	if got := into[drift.Episode](s.get(path + "?stack=" + b.ID)); got.Stack.ID != b.ID {
		t.Errorf("%+v", got)
	}
	if got := s.ask("scoped", http.MethodGet, path, ""); got.Status != http.StatusOK || into[drift.Episode](got).Stack.ID != b.ID {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

// TestDocument: every operation says its role and its errors, and what is answered
// is what the document says.
func TestDocument(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stacks := s.fill()
	text := s.ask("", http.MethodGet, "/openapi.json", "").Body
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("http://localhost/openapi.json", document); err != nil {
		t.Fatal(err)
	}
	schedule := into[struct{ ID string }](s.ask("admin", http.MethodPost, "/api/v1/schedules", `{"source":"infra","cron":"0 6 * * MON"}`))
	request := into[store.Request](s.ask("admin", http.MethodPost, "/api/v1/requests", `{"kind":"revert","reason":"no","findings":["`+stacks[2].Findings[0].ID+`"]}`))
	run := into[list[store.RunInfo]](s.get("/api/v1/runs?limit=1")).Items[0].ID
	ids := map[string]string{"stacks": stacks[2].ID, "findings": stacks[2].Findings[1].ID, "runs": run, "schedules": schedule.ID, "requests": request.ID}
	paths := document.(map[string]any)["paths"].(map[string]any)
	for path, item := range paths {
		get, ok := item.(map[string]any)["get"].(map[string]any)
		if !ok || strings.HasSuffix(path, "/patch") {
			continue
		}
		noun, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/"), "/")
		a := s.get(strings.ReplaceAll(path, "{id}", ids[noun]))
		var value any
		if err := json.Unmarshal([]byte(a.Body), &value); err != nil {
			t.Fatal(err)
		}
		pointer := "#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path) + "/get/responses/200/content/application~1json/schema"
		schema, err := compiler.Compile("http://localhost/openapi.json" + pointer)
		if err != nil {
			t.Fatal(path, err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v\n%s", path, err, a.Body)
		}
		if get["operationId"] == "" || get["summary"] == "" {
			t.Errorf("%s says nothing of itself", path)
		}
	}
	if len(paths) < 15 {
		t.Errorf("%d paths", len(paths))
	}
}
