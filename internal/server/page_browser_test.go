package server_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/internal/drift"
	"holdfast/internal/lab/browser"
	"holdfast/internal/server/servertest"
	"holdfast/internal/store"
)

// paths are all pages over Fleet, by the names of their pictures.
var paths = map[string]string{
	"fleet": "/", "stacks": "/stacks", "stacks-none": "/stacks?q=nothing", "stack": "/stacks/" + servertest.Edge, "stack-errors": "/stacks/" + servertest.API,
	"findings": "/findings", "findings-all": "/findings?life=all", "finding": "/findings/" + servertest.Lambda + "?stack=" + servertest.Edge,
	"finding-deleted": "/findings/" + servertest.Bucket + "?stack=" + servertest.API,
	"runs":            "/runs", "schedules": "/schedules", "schedule": "/schedules/weekly", "waivers": "/waivers",
	"requests": "/requests", "request": "/requests/waits1", "request-done": "/requests/done1", "history": "/history", "missing": "/nowhere",
}

// TestPagesInBrowser looks at every page in Chromium, wide and narrow, light and
// dark. Set HOLDFAST_SHOTS to a folder to keep pictures.
func TestPagesInBrowser(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet})
	empty := servertest.Start(t, servertest.Options{})
	for i, l := range browser.Looks {
		t.Run(l.String(), func(t *testing.T) {
			tab := b.Open(t, l)
			visit := func(name, url string) {
				tab.Do(t, chromedp.Navigate(url))
				tab.Fits(t, name)
				if i < 3 { // axe-core takes its time, and finds what it has found in the other looks
					tab.Serves(t, name)
				}
			}
			for name, path := range paths {
				visit(name, rig.URL+path)
			}
			visit("first", empty.URL+"/")
			for _, r := range tab.Requests() {
				// Chromium draws the calendar of a date's field with an image of its own.
				if !strings.HasPrefix(r, rig.URL) && !strings.HasPrefix(r, empty.URL) && !strings.HasPrefix(r, "data:image/svg+xml") {
					t.Errorf("a page asked for %s", r)
				}
			}
			for _, m := range tab.Messages() {
				if !strings.Contains(m, "404") {
					t.Errorf("a page complained: %s", m)
				}
			}
		})
	}
}

// TestWaiveByKeyboard opens the form of a waiver and sends it with keys alone.
func TestWaiveByKeyboard(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet})
	tab := b.Open(t, browser.Look{Width: 1280, Scheme: "light"})
	tab.Do(t, chromedp.Navigate(rig.URL+lambdaPage), chromedp.KeyEvent(kb.Tab))
	if skip := browser.Ask[string](t, tab, `document.activeElement.className`); skip != "skip" {
		t.Errorf("the first stop is %q, not the link to the content", skip)
	}
	tab.Do(t, chromedp.KeyEvent(kb.Enter))
	reach := func(selector string) {
		t.Helper()
		for range 40 {
			if browser.Ask[bool](t, tab, `document.activeElement.matches(`+strconv.Quote(selector)+`)`) {
				if outline := browser.Ask[string](t, tab, `getComputedStyle(document.activeElement).outlineStyle`); outline != "solid" {
					t.Errorf("the focus of %s can't be seen: outline %s", selector, outline)
				}
				return
			}
			tab.Do(t, chromedp.KeyEvent(kb.Tab))
		}
		t.Fatalf("%s can't be reached by keys", selector)
	}
	reach("#waive > summary")
	tab.Do(t, chromedp.KeyEvent(kb.Enter))
	reach("#waive-reason")
	tab.Do(t, chromedp.KeyEvent("load test"))
	tab.Shoot(t, "waive-1280-light")
	if faults := tab.Axe(t); len(faults) > 0 {
		t.Error(faults)
	}
	reach("#waive button")
	tab.Do(t, chromedp.KeyEvent(kb.Enter))
	tab.Await(t, `document.querySelector(".notice") !== null`)
	if waived := rig.Requests.Waived(); len(waived) != 1 || waived[0].Reason != "load test" || waived[0].Whole {
		t.Errorf("%+v", waived)
	}
}

// TestScript: what the browser adds. A list follows what is typed, a run shows how
// far it is, what can't be undone is asked for first, and times say how long ago.
func TestScript(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	rig := servertest.Start(t, servertest.Options{Fill: servertest.Fleet})
	t.Run("filter", func(t *testing.T) {
		tab := b.Open(t, browser.Look{Width: 1280, Scheme: "light"})
		tab.Do(t, chromedp.Navigate(rig.URL+"/stacks"), chromedp.SendKeys("#q", "vpc"))
		tab.Await(t, `document.querySelectorAll("#results tbody tr").length === 1 && location.search === "?q=vpc"`)
		if !browser.Ask[bool](t, tab, `document.activeElement.id === "q" && document.querySelector("#results time").textContent.endsWith("ago")`) {
			t.Error("the focus is lost, or the times are not told as before")
		}
	})
	t.Run("run", func(t *testing.T) {
		run := underWay(t, rig)
		tab := b.Open(t, browser.Look{Width: 390, Scheme: "light"})
		tab.Do(t, chromedp.Navigate(rig.URL+"/runs/"+run))
		tab.Await(t, `document.getElementById("live").textContent === "This page follows the run."`)
		tab.Shoot(t, "run-390-light")
		vpc := drift.StackID("live/network/vpc", "default")
		set(t, rig, run, vpc, store.StackDone, drift.StatusClean)
		tab.Await(t, `document.querySelector('[data-stack="`+vpc+`"] .badge').textContent === "clean" && document.getElementById("progress").value === 50`)
		if _, err := rig.Rounds.Cancel(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		tab.Await(t, `document.querySelector(".marks .badge").textContent === "cancelled"`)
		if m := tab.Messages(); len(m) > 0 {
			t.Error(m)
		}
	})
	t.Run("question", func(t *testing.T) {
		tab := b.Open(t, browser.Look{Width: 1280, Scheme: "light"})
		tab.Do(t, chromedp.Navigate(rig.URL+"/schedules/weekly"))
		asked := browser.Ask[string](t, tab, `(() => { let asked = ""; window.confirm = text => { asked = text; return false; }; document.querySelector("form[data-confirm]").requestSubmit(); return asked; })()`)
		if list, err := rig.Store.Schedules(t.Context()); asked != "Delete this schedule?" || err != nil || len(list) != 3 {
			t.Errorf("%q, %d schedules, %v", asked, len(list), err)
		}
	})
	t.Run("none", func(t *testing.T) {
		tab := b.Open(t, browser.Look{Width: 390, Scheme: "light", NoScript: true})
		tab.Do(t, chromedp.Navigate(rig.URL+"/"))
		tab.Shoot(t, "fleet-390-noscript")
		tab.Do(t, chromedp.Navigate(rig.URL+"/stacks"), chromedp.SendKeys("#q", "vpc"+kb.Enter), chromedp.WaitVisible(`//p[contains(., "1 of 1")]`))
	})
}

// TestHostileLooks: texts of any length stay inside a phone's width.
func TestHostileLooks(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	rig := servertest.Start(t, servertest.Options{Fill: hostileFleet})
	tab := b.Open(t, browser.Look{Width: 390, Scheme: "light"})
	for name, path := range map[string]string{
		"fleet": "/", "stacks": "/stacks", "stack": "/stacks/" + servertest.Edge, "findings": "/findings", "finding": "/findings/" + servertest.Lambda,
		"runs": "/runs", "schedule": "/schedules/s1", "schedules": "/schedules", "request": "/requests/r1", "requests": "/requests", "history": "/history",
	} {
		tab.Do(t, chromedp.Navigate(rig.URL+path))
		tab.Fits(t, "hostile-"+name)
	}
	if m := tab.Messages(); len(m) > 0 {
		t.Error(m)
	}
}
