package report_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/internal/drift"
	"holdfast/internal/lab/browser"
	"holdfast/internal/report"
)

var looks = []browser.Look{
	{Width: 1280, Scheme: "light"}, {Width: 1280, Scheme: "dark"}, {Width: 390, Scheme: "light"}, {Width: 390, Scheme: "dark"},
	{Width: 390, Scheme: "light", NoScript: true},
}

// openPage loads a file into a tab of its own.
func openPage(b *browser.Browser, t *testing.T, file string, l browser.Look) *browser.Tab {
	t.Helper()
	path, fragment, _ := strings.Cut(file, "#")
	tab := b.Open(t, l)
	tab.Do(t, chromedp.Navigate((&url.URL{Scheme: "file", Path: path, Fragment: fragment}).String()))
	return tab
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writePage(t *testing.T, run drift.Run, o report.Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.HTML(&out, run, o); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "drift.html")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestPageInBrowser looks at the page in Chromium, wide and narrow, light and dark, with
// nothing found, with a few findings and with 500, and with no JavaScript. Set
// HOLDFAST_SHOTS to a folder to keep pictures.
func TestPageInBrowser(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	for name, fill := range map[string]func() (drift.Run, report.Options){
		"0": empty, "8": rich, "500": func() (drift.Run, report.Options) { return fleet(500) },
		"none":    func() (drift.Run, report.Options) { return drift.Run{}, report.Options{} },
		"hostile": hostilePage,
	} {
		run, o := fill()
		file := writePage(t, run, o)
		for _, l := range looks {
			t.Run(name+"-"+l.String(), func(t *testing.T) {
				tab := openPage(b, t, file, l)
				examine(tab, t, l)
				tab.Shoot(t, name+"-"+l.String())
				if messages := tab.Messages(); len(messages) > 0 {
					t.Errorf("the page complained: %v", messages)
				}
				for _, r := range tab.Requests() {
					if !strings.HasPrefix(r, "file://") && !strings.HasPrefix(r, "data:") {
						t.Errorf("the page asked for %s", r)
					}
				}
				if files := slices.DeleteFunc(tab.Requests(), func(r string) bool { return strings.HasPrefix(r, "data:") }); len(files) != 1 {
					t.Errorf("requests: %v; only the page itself was to be asked for", files)
				}
			})
		}
	}
}

// hostilePage has what is worst in every place.
func hostilePage() (drift.Run, report.Options) {
	run, o := rich()
	evil := `</script></style><img src=x onerror="fetch('https://evil.example')"><b>"'` + "\u202egnp.x" + strings.Repeat("wide_", 200)
	s := &run.Stacks[0]
	s.Path, s.EngineReason, o.Environment = evil, evil, evil
	for i := range s.Findings {
		f := &s.Findings[i]
		f.Address, f.ID, f.Doubt, f.Cause, f.Source = evil, evil, evil, &drift.Cause{Summary: evil}, &drift.Position{File: evil, Line: 1}
		for k := range f.Changes {
			if c := &f.Changes[k]; !c.Sensitive {
				c.Path, c.Expected, c.Actual = evil, mustJSON(evil), mustJSON(evil+"\n"+evil)
			}
		}
	}
	s.Findings[0].Cause = evilCause(evil)
	s.Errors[0].Message, s.Pending[0].Address, s.Adopted[0].Paths[0] = evil, evil, evil
	return run, o
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// examine looks for what is wrong with the page as it is shown.
func examine(tab *browser.Tab, t *testing.T, l browser.Look) {
	t.Helper()
	// For the questions; the page is there already.
	tab.Script(t)
	browser.Ask[int](t, tab, `document.querySelectorAll(".finding[open] .evidence").forEach(d => d.open = true) || 0`)
	scrolls, inner := browser.Ask[int64](t, tab, `document.documentElement.scrollWidth`), browser.Ask[int64](t, tab, `window.innerWidth`)
	background := browser.Ask[string](t, tab, `getComputedStyle(document.body).backgroundColor`)
	if inner != l.Width || scrolls > inner {
		t.Errorf("the page is %d wide in a window of %d", scrolls, inner)
	}
	if dark := background == "rgb(15, 19, 24)"; dark != (l.Scheme == "dark") {
		t.Errorf("the ground is %s", background)
	}
	for _, f := range tab.Axe(t) {
		report := t.Errorf
		if f.Impact != "serious" && f.Impact != "critical" {
			report = t.Logf
		}
		report("%s", f)
	}
}

// visible counts the findings that are shown, and the notes beside them.
const visible = `[...document.querySelectorAll(".finding")].filter(f => f.checkVisibility()).length`

// TestFiltersInBrowser chooses among findings: by the filters, which need no
// JavaScript, by the keyboard, and by the search, which needs it.
func TestFiltersInBrowser(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	run, o := fleet(500)
	n := numbersOf(run)
	count := func(which func(drift.Finding) bool) int {
		n := 0
		for _, s := range run.Stacks {
			for _, f := range s.Findings {
				if which(f) {
					n++
				}
			}
		}
		return n
	}
	deleted := count(func(f drift.Finding) bool { return f.Kind == drift.Deleted })
	file := writePage(t, run, o)
	t.Run("without JavaScript", func(t *testing.T) {
		tab := openPage(b, t, file, browser.Look{Width: 1280, Scheme: "light", NoScript: true})
		for id, want := range map[string]int{
			"show-all": 500, "show-open": n.Findings, "show-deleted": deleted, "show-excused": n.Waived + n.Ignored,
			"show-possible": count(func(f drift.Finding) bool { return f.Certainty == drift.Possible }),
		} {
			tab.Do(t, chromedp.Click("label:has(#"+id+")"))
			if got := browser.Ask[int](t, tab, visible); got != want || want == 0 {
				t.Errorf("%s: %d findings are shown, want %d", id, got, want)
			}
			if empty := browser.Ask[int](t, tab, `[...document.querySelectorAll(".stack")].filter(s => s.checkVisibility() && ![...s.querySelectorAll(".finding, .note")].some(f => f.checkVisibility())).length`); empty != 0 {
				t.Errorf("%s: %d stacks with nothing to show", id, empty)
			}
		}
		if browser.Ask[bool](t, tab, `document.getElementById("search").checkVisibility()`) {
			t.Error("a search is shown that can't work")
		}
	})
	t.Run("by keyboard", func(t *testing.T) {
		tab := openPage(b, t, file, browser.Look{Width: 390, Scheme: "light"})
		tab.Do(t, chromedp.Focus("#show-all"), chromedp.KeyEvent(kb.ArrowRight))
		if got := browser.Ask[int](t, tab, visible); got != n.Findings {
			t.Errorf("%d findings are shown, want %d", got, n.Findings)
		}
		if outline := browser.Ask[string](t, tab, `getComputedStyle(document.querySelector("label:has(#show-open)")).outlineStyle`); outline != "solid" {
			t.Errorf("the focus can't be seen: outline %s", outline)
		}
		tab.Do(t, chromedp.Focus(".finding summary"), chromedp.KeyEvent(kb.Enter))
		if !browser.Ask[bool](t, tab, `document.querySelector(".finding").open`) {
			t.Error("Enter does not open a finding")
		}
	})
	t.Run("search", func(t *testing.T) {
		tab := openPage(b, t, file+"#finding-"+run.Stacks[3].Findings[0].ID, browser.Look{Width: 1280, Scheme: "dark"})
		if !browser.Ask[bool](t, tab, `document.querySelector(":target").open`) {
			t.Error("a link to a finding does not open it")
		}
		tab.Do(t, chromedp.SendKeys("#query", "service_07 IAM"))
		want := count(func(f drift.Finding) bool {
			return strings.Contains(f.Address, "service_07") && strings.Contains(f.Address, "iam")
		})
		if got := browser.Ask[int](t, tab, visible); got != want {
			t.Errorf("%d findings are found, want %d", got, want)
		}
		tab.Do(t, chromedp.SendKeys("#query", " nowhere"))
		if !browser.Ask[bool](t, tab, `document.querySelector(".none").checkVisibility()`) {
			t.Error("nothing says that nothing was found")
		}
		if messages := tab.Messages(); len(messages) > 0 {
			t.Error(messages)
		}
	})
	t.Run("print", func(t *testing.T) {
		tab := openPage(b, t, file, browser.Look{Width: 1280, Scheme: "dark"})
		tab.Print(t)
		// The style for paper applies some time after it was asked for.
		const printed = `document.querySelector(".finding:not([open]) .body").checkVisibility({contentVisibilityAuto: true})`
		if _, err := chromedp.Run(tab.Ctx, chromedp.Poll[bool](printed, chromedp.WithPollingTimeout(time.Minute))); err != nil {
			t.Errorf("what is folded is not printed: %v", err)
		}
	})
}
