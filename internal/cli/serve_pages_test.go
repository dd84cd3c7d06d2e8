//go:build linux

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/browser"
	"holdfast/internal/lab/cases"
	"holdfast/internal/server/access/oidctest"
	"holdfast/internal/store"
)

// estate is a repository of two applied stacks, the example and a small one, and
// the cloud that they are in.
type estate struct {
	repo           string
	emulator       *lab.Emulator
	example, small *lab.Stack
}

// newEstate applies the small one beside the example.
func newEstate(t *testing.T) *estate {
	t.Helper()
	tools, example := lab.Need(t), theBed.Applied(t, filepath.Join("..", "..", "examples", "device-tokens"))
	emulator, err := example.Emulator.Fork(t.Context())
	must(t, err)
	t.Cleanup(func() { emulator.Close() })
	e := &estate{repo: filepath.Join(t.TempDir(), "infrastructure"), emulator: emulator, example: example.Stack}
	e.small, err = lab.NewStack(t.Context(), tools, emulator, logGroup, filepath.Join(e.repo, "logs"))
	must(t, err)
	must(t, e.small.Apply(t.Context()))
	return e
}

// fork gives a test its own copy of it all, with what somebody has done by hand
// since: more memory for the example's function.
func (e *estate) fork(t *testing.T) *estate {
	t.Helper()
	emulator, err := e.emulator.Fork(t.Context())
	must(t, err)
	t.Cleanup(func() { emulator.Close() })
	f := &estate{repo: filepath.Join(t.TempDir(), "infrastructure"), emulator: emulator}
	f.example, err = e.example.Clone(filepath.Join(f.repo, "device-tokens"), emulator)
	must(t, err)
	f.small, err = e.small.Clone(filepath.Join(f.repo, "logs"), emulator)
	must(t, err)
	write(t, filepath.Join(f.repo, "holdfast.yaml"), "version: 1\n")
	_, err = f.example.Call(t.Context(), emulator, cases.Call("lambda", "update_function_configuration", cases.Params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 512}))
	must(t, err)
	return f
}

// watched is a server over an estate whose first round is over, and its history.
type watched struct {
	*serving
	history *store.Store
}

// serve starts a server whose cloud is given, with more settings.
func (e *estate) serve(t *testing.T, cloud lab.Cloud, settings string, env ...string) *watched {
	t.Helper()
	bound := bindResolving(t, e.example.With(cloud), e.emulator)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "holdfast.yaml"), "version: 1\nsources:\n  - {name: infrastructure, folder: "+strconv.Quote(e.repo)+"}\nschedule: '@every 24h'\n"+settings)
	w := &watched{serving: serve(t, dir, append(bound.env, env...))}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.log)
		}
	})
	var err error
	w.history, err = store.Open(t.Context(), filepath.Join(dir, ".holdfast", "history.db"))
	must(t, err)
	t.Cleanup(func() { must(t, w.history.Close()) })
	overRuns(t, w.history, 1)
	return w
}

// finding is the only one that there is.
func (w *watched) finding(t *testing.T) drift.Episode {
	t.Helper()
	var list []drift.Episode
	for e, err := range w.history.Episodes(t.Context(), store.Filter{}) {
		must(t, err)
		list = append(list, e)
	}
	if len(list) != 1 {
		t.Fatalf("%d findings: %+v\n%s", len(list), list, w.log)
	}
	return list[0]
}

// reads makes sure that a page says all of it.
func reads(t *testing.T, tab *browser.Tab, texts ...string) {
	t.Helper()
	shown := strings.Join(strings.Fields(tab.Text(t)), " ")
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			t.Errorf("the page doesn't say %q:\n%s", text, shown)
		}
	}
}

// TestPages is what people do with the pages of a server that checks the example in
// an emulated cloud. HOLDFAST_SHOTS=FOLDER keeps pictures.
func TestPages(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	base := newEstate(t)
	t.Run("waive", func(t *testing.T) {
		t.Parallel()
		waiveInBrowser(t, b, base.fork(t))
	})
	t.Run("roles", func(t *testing.T) {
		t.Parallel()
		rolesInBrowser(t, b, base.fork(t))
	})
}

const function = "aws_lambda_function.device_token"

// waiveInBrowser sees the drift, justifies it, and watches a check.
func waiveInBrowser(t *testing.T, b *browser.Browser, e *estate) {
	t.Helper()
	proxy, err := lab.NewProxy(e.emulator.URL())
	must(t, err)
	t.Cleanup(func() { must(t, proxy.Close()) })
	s := e.serve(t, proxy, "")
	tab := b.Open(t, browser.Look{Width: 1280, Scheme: "light"})

	// The drift is seen, and what differs.
	tab.Do(t, chromedp.Navigate(s.url))
	reads(t, tab, "1 open finding", "1 drifted", "1 clean", function, "memory_size")
	tab.Examine(t, "flow-fleet")
	tab.Press(t, function)
	tab.Await(t, `document.getElementById("diff") !== null`)
	reads(t, tab, function, "modified", "memory_size", "128", "512", "Code device-tokens/lambda.tf:7")
	tab.Examine(t, "flow-finding")

	// It is justified for a while.
	tab.Press(t, "Waive…")
	tab.Do(t, chromedp.SendKeys("#waive-reason", "Load test until the new sizing is decided"), chromedp.SendKeys("#waive-ticket", "OPS-42"))
	tab.Examine(t, "flow-waive")
	tab.Press(t, "Waive")
	tab.Await(t, `document.querySelector(".notice") !== null`)
	tab.Examine(t, "flow-waive-asked")
	runs := overRuns(t, s.history, 2)
	if runs[0].Trigger != "person" || runs[0].Summary.Waived != 1 || runs[0].Summary.Findings != 0 {
		t.Errorf("%+v", runs[0])
	}
	finding := s.finding(t)
	if finding.Life != drift.LifeWaived || finding.Finding.Waiver == nil || finding.Finding.Waiver.Ticket != "OPS-42" {
		t.Errorf("%+v", finding)
	}
	if src, err := os.ReadFile(filepath.Join(e.repo, "waivers.yaml")); err != nil || !strings.Contains(string(src), "Load test") {
		t.Errorf("%s %v", src, err)
	}

	// It is gone from what is open, and listed as waived.
	tab.Press(t, "Findings")
	tab.Await(t, `location.pathname === "/findings" && document.querySelector("#results .empty") !== null`)
	tab.Press(t, "Waivers")
	tab.Await(t, `location.pathname === "/waivers" && document.querySelector("table.waivers") !== null`)
	reads(t, tab, "Load test until the new sizing is decided", "OPS-42", function, "infrastructure, line")
	tab.Examine(t, "flow-waivers")
	tab.Press(t, function)
	tab.Await(t, `document.querySelector(".marks .badge.is-waived") !== null`)
	reads(t, tab, "Load test until the new sizing is decided")
	tab.Examine(t, "flow-finding-waived")
	tab.Press(t, "Fleet")
	tab.Await(t, `location.pathname === "/" && document.getElementById("headline") !== null`)
	reads(t, tab, "1 finding waived", "Nothing is open")
	tab.Examine(t, "flow-fleet-waived")

	watchInBrowser(t, tab, proxy)
	if m := tab.Messages(); len(m) > 0 {
		t.Errorf("the pages complained: %q", m)
	}
	if code := s.stop(t); code != drift.ExitClean {
		t.Errorf("exit code %d\n%s", code, s.log)
	}
}

// watchInBrowser starts a check with the button, and sees it go on without loading
// the page: the cloud answers when it is told to.
func watchInBrowser(t *testing.T, tab *browser.Tab, proxy *lab.Proxy) {
	t.Helper()
	all, rest := make(chan struct{}), make(chan struct{})
	proxy.On(func(r lab.Request) bool { return r.Service != "lambda" }, lab.Fault{Until: all})
	proxy.On(func(r lab.Request) bool { return r.Service == "lambda" }, lab.Fault{Until: rest})
	tab.Press(t, "Runs")
	tab.Await(t, `location.pathname === "/runs"`)
	tab.Press(t, "Check now")
	badge := func(stack, word string) string {
		return fmt.Sprintf(`Array.from(document.querySelectorAll("[data-stack]")).some(r => r.querySelector("th").innerText.trim() === %q && r.querySelector(".badge").textContent === %q)`, stack, word)
	}
	following := `document.getElementById("live")?.textContent === "This page follows the run."`
	tab.Await(t, `location.pathname.startsWith("/runs/") && `+following+` && `+badge("device-tokens", "running")+` && `+badge("logs", "running"))
	browser.Ask[bool](t, tab, `window.same = true`)
	tab.Examine(t, "flow-run-begun")
	close(all)
	tab.Await(t, badge("logs", "clean")+` && document.getElementById("progress").value === 50`)
	reads(t, tab, "2 stacks, 1 check done")
	tab.Examine(t, "flow-run-half")
	if !browser.Ask[bool](t, tab, `window.same === true`) || !browser.Ask[bool](t, tab, badge("device-tokens", "running")) {
		t.Error("the page was loaded again to show that a stack is checked, or the other one is over, too")
	}
	close(rest)
	tab.Await(t, `document.querySelector(".marks .badge")?.textContent === "done" && `+badge("device-tokens", "clean"))
	tab.Examine(t, "flow-run-over")
}

const settingsOfRoles = `server:
  contact: the platform team
  oidc:
    issuer: %s
    client_id: %s
    client_secret_env: LOGIN_SECRET
    roles: {admin: [platform], operator: [oncall], viewer: [everyone]}
`

func member(name, group string) oidctest.User {
	return oidctest.User{Subject: name, Claims: map[string]any{"email": name + "@example.com", "email_verified": true, "groups": []string{group}}}
}

// rolesInBrowser logs in through an OpenID provider: a viewer can't revert, and an
// admin can.
func rolesInBrowser(t *testing.T, b *browser.Browser, e *estate) {
	t.Helper()
	people := oidctest.New(t, member("vera", "everyone"), member("olu", "oncall"), member("ada", "platform"), member("nobody", "elsewhere"))
	s := e.serve(t, e.emulator, fmt.Sprintf(settingsOfRoles, people.Issuer(), oidctest.ClientID), "LOGIN_SECRET="+oidctest.ClientSecret)
	page := s.url + "/findings/" + s.finding(t).ID()
	login := func(t *testing.T, name string) *browser.Tab {
		t.Helper()
		tab := b.Open(t, browser.Look{Width: 1280, Scheme: "light"})
		tab.Do(t, chromedp.Navigate(page)) // as pasted into a ticket
		tab.Await(t, `location.pathname === "/login"`)
		if name == "vera" {
			tab.Examine(t, "flow-login")
		}
		tab.Press(t, "Log in at "+strings.TrimPrefix(people.Issuer(), "http://"))
		tab.Press(t, name)
		tab.Await(t, `location.origin === `+strconv.Quote(s.url))
		return tab
	}
	t.Run("stranger", func(t *testing.T) {
		tab := login(t, "nobody")
		reads(t, tab, "No access", "nobody@example.com", "Ask the platform team")
		tab.Examine(t, "flow-stranger")
	})
	t.Run("viewer", func(t *testing.T) {
		tab := login(t, "vera")
		tab.Await(t, `document.getElementById("ways") !== null`)
		reads(t, tab, "vera@example.com", "This needs the role admin.", "This needs the role operator.")
		if n := browser.Ask[int64](t, tab, `document.querySelectorAll('form[method="post"]:not([action="/logout"])').length`); n > 0 {
			t.Errorf("a viewer is shown %d forms that change something", n)
		}
		tab.Examine(t, "flow-viewer")
		for _, path := range []string{"revert", "accept", "waive"} {
			status := browser.Ask[int64](t, tab, forgery(path)+`.then(a => a.status)`)
			if status != 403 {
				t.Errorf("a viewer's %s is answered %d", path, status)
			}
		}
		// The same as a form, to see what a person is told.
		browser.Ask[bool](t, tab, `(() => { const f = document.createElement("form"); f.method = "post"; f.action = location.pathname + "/revert"; document.body.append(f); f.submit(); return true; })()`)
		tab.Await(t, `location.pathname.endsWith("/revert") && document.querySelector(".failure h1") !== null`)
		reads(t, tab, "This needs the role admin, and vera@example.com has the role viewer.")
		tab.Examine(t, "flow-forbidden")
	})
	t.Run("operator", func(t *testing.T) {
		tab := login(t, "olu")
		tab.Await(t, `document.querySelector('form[action$="/waive"]') !== null`)
		if status := browser.Ask[int64](t, tab, forgery("revert")+`.then(a => a.status)`); status != 403 || browser.Ask[bool](t, tab, `document.querySelector('form[action$="/revert"]') !== null`) {
			t.Errorf("an operator may revert: %d", status)
		}
	})
	asked, err := s.history.Requests(t.Context(), store.RequestFilter{})
	must(t, err)
	if len(asked.Items) > 0 {
		t.Fatalf("somebody who may not has asked for something: %+v", asked.Items)
	}
	t.Run("admin", func(t *testing.T) { revertInBrowser(t, login(t, "ada"), e, s, page) })
	if code := s.stop(t); code != drift.ExitClean || strings.Contains(s.log.String(), oidctest.ClientSecret) {
		t.Errorf("exit code %d, or the log has the secret\n%s", code, s.log)
	}
}

// forgery sends what a form would, with the session of the page.
func forgery(what string) string {
	return fmt.Sprintf(`fetch(location.pathname + %q, {method: "POST", headers: {Accept: "text/html"}, body: new URLSearchParams({reason: "forged", owner: "x", until: "2099-01-01", whole: "1"})})`, "/"+what)
}

// revertInBrowser asks for a revert, and sees what has become of it.
func revertInBrowser(t *testing.T, tab *browser.Tab, e *estate, s *watched, page string) {
	t.Helper()
	tab.Press(t, "Revert…")
	tab.Do(t, chromedp.SendKeys("#revert-reason", "Nobody knows what it was for"), chromedp.SendKeys("#revert-ticket", "OPS-43"))
	tab.Examine(t, "flow-revert")
	tab.Press(t, "Revert")
	tab.Await(t, `location.pathname.startsWith("/requests/")`)
	if q := tab.Questions(); len(q) != 1 || q[0] != "Put this back to what the code says?" {
		t.Errorf("asked %q", q)
	}
	tab.Examine(t, "flow-request")
	request := doneRequest(t, s)
	if request.State != store.RequestDone || request.AskedBy != "ada@example.com" {
		t.Fatalf("%+v\n%s", request, s.log)
	}
	tab.Await(t, `document.querySelector(".marks .badge.is-done") !== null`) // by itself
	reads(t, tab, function+": reverted", "Nobody knows what it was for", "OPS-43")
	tab.Examine(t, "flow-request-done")

	tab.Do(t, chromedp.Navigate(page))
	reads(t, tab, "reverted to the code", "by ada@example.com (OPS-43): Nobody knows what it was for")
	tab.Examine(t, "flow-reverted")
	tab.Press(t, "History")
	tab.Await(t, `location.pathname === "/history"`)
	reads(t, tab, "reverted", "ada@example.com", "Nobody knows what it was for")
	tab.Examine(t, "flow-history")

	// The stack is checked as a whole again.
	runs := overRuns(t, s.history, 4)
	if len(runs) != 4 || runs[0].Summary.Clean != 1 || runs[0].Trigger != "person" {
		t.Errorf("%+v", runs)
	}
	tab.Press(t, "Fleet")
	tab.Await(t, `location.pathname === "/"`)
	reads(t, tab, "No drift in 2 stacks", "Nothing is open", "2 clean", "a revert or accept ada@example.com")
	tab.Examine(t, "flow-fleet-reverted")

	// The cloud and Terraform say so too.
	if ended := s.finding(t); ended.Life != drift.LifeReverted || ended.Actor != "ada@example.com" || ended.Ticket != "OPS-43" {
		t.Errorf("%+v", ended)
	}
	live, err := e.emulator.Call(t.Context(), cases.Call("lambda", "get_function_configuration", cases.Params{"FunctionName": "photoeditor-dev-device-token"}))
	if err != nil || fmt.Sprint(live["MemorySize"]) != "128" {
		t.Errorf("memory %v, %v", live["MemorySize"], err)
	}
	plan, err := e.example.Plan(t.Context())
	must(t, err)
	if pending := plan.Pending(); len(pending) > 0 {
		t.Errorf("a plan would still change %+v", pending)
	}
	if m := tab.Messages(); len(m) > 0 {
		t.Errorf("the pages complained: %q", m)
	}
}

// doneRequest waits until the only request is over.
func doneRequest(t *testing.T, s *watched) store.Request {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		page, err := s.history.Requests(t.Context(), store.RequestFilter{})
		must(t, err)
		if len(page.Items) == 1 && page.Items[0].Over() {
			return page.Items[0]
		}
	}
	t.Fatalf("the request doesn't end\n%s", s.log)
	return store.Request{}
}
