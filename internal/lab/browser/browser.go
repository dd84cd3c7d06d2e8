// Package browser looks at pages with a real Chromium, and lets axe-core examine
// them. Tests of whatever makes pages use it.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Browser is a Chromium that looks at pages.
type Browser struct {
	ctx context.Context
	axe string // the source of axe-core
}

// Start finds Chromium and axe-core and starts it until the test ends. It
// skips where one is missing, and fails with HOLDFAST_REQUIRE_LAB=1.
func Start(t testing.TB) *Browser {
	t.Helper()
	chromium, axe := need(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-dev-shm-usage", true))
	alloc, stopAlloc := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser's end
		stop()
		stopAlloc()
	})
	must(t, chromedp.Do(ctx))
	return &Browser{ctx, axe}
}

func need(t testing.TB) (chromium, axe string) {
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
	source, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", ".tools", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		missing("no axe-core, run scripts/setup-browser: %v", err)
	}
	return chromium, string(source)
}

// Look is how a page is looked at.
type Look struct {
	Width    int64
	Scheme   string // light or dark
	NoScript bool
}

// String names the look, as files of pictures are called.
func (l Look) String() string {
	name := fmt.Sprintf("%d-%s", l.Width, l.Scheme)
	if l.NoScript {
		name += "-noscript"
	}
	return name
}

// Tab is a tab of the browser, with what its pages have done.
type Tab struct {
	Ctx  context.Context
	axe  string
	look Look

	mu        sync.Mutex
	requests  []string
	messages  []string
	questions []string
}

// Open opens a tab as a person of its own: it shares no cookies with others, though
// all servers of tests have the same host. What its pages ask (window.confirm), it
// says yes to.
func (b *Browser) Open(t testing.TB, l Look) *Tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	tab := &Tab{Ctx: ctx, axe: b.axe}
	must(t, chromedp.Listen(ctx, tab.listen))
	call(ctx, t, network.Enable, network.EnableParams{})
	call(ctx, t, cdplog.Enable, cdp.Empty{})
	call(ctx, t, cdpruntime.Enable, cdp.Empty{})
	tab.See(t, l)
	return tab
}

// See changes how the tab's pages are looked at.
func (tab *Tab) See(t testing.TB, l Look) {
	t.Helper()
	tab.look = l
	call(tab.Ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.Scheme}}})
	call(tab.Ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.NoScript})
	must(t, chromedp.Do(tab.Ctx, chromedp.EmulateViewport(l.Width, 900)))
}

func (tab *Tab) listen(ev any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		tab.requests = append(tab.requests, ev.Request.URL)
	case *cdpruntime.EventConsoleAPICalled:
		tab.messages = append(tab.messages, fmt.Sprint("console: ", ev.Type))
	case *cdpruntime.EventExceptionThrown:
		tab.messages = append(tab.messages, "exception: "+ev.ExceptionDetails.Text)
	case *cdplog.EventEntryAdded:
		tab.messages = append(tab.messages, "log: "+ev.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		tab.questions = append(tab.questions, ev.Message)
		go func() { // a listener must not wait for the browser
			_, _ = chromedp.Call(tab.Ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
}

// Questions are what the tab's pages have asked, each with a yes or no.
func (tab *Tab) Questions() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string{}, tab.questions...)
}

// Requests are the URLs that the tab has asked for.
func (tab *Tab) Requests() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string{}, tab.requests...)
}

// Messages are what the tab's pages have complained of: faults of scripts, and
// what the policy has refused.
func (tab *Tab) Messages() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string{}, tab.messages...)
}

// Do does actions of chromedp in the tab.
func (tab *Tab) Do(t testing.TB, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	must(t, chromedp.Do(tab.Ctx, actions...))
}

// Ask evaluates JavaScript in the tab.
func Ask[T any](t testing.TB, tab *Tab, expression string) T {
	t.Helper()
	v, err := chromedp.Run(tab.Ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	must(t, err)
	return v
}

// Print shows the page as it would be printed.
func (tab *Tab) Print(t testing.TB) {
	t.Helper()
	call(tab.Ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
}

// Script lets the tests ask questions of a page that was shown without JavaScript.
func (tab *Tab) Script(t testing.TB) {
	t.Helper()
	call(tab.Ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
}

func call[P, R any](ctx context.Context, t testing.TB, command cdp.Command[P, R], params P) {
	t.Helper()
	_, err := chromedp.Call(ctx, command, params)
	must(t, err)
}

// Fault is what axe-core found.
type Fault struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML    string
		Summary string `json:"failureSummary"`
	}
}

// String is the fault on one line.
func (f Fault) String() string {
	return fmt.Sprintf("%s %s: %s (%d times), as in %s: %s", f.Impact, f.ID, f.Help, len(f.Nodes), f.Nodes[0].HTML, f.Nodes[0].Summary)
}

// Axe lets axe-core examine the page.
func (tab *Tab) Axe(t testing.TB) (faults []Fault) {
	t.Helper()
	tab.Script(t)
	Ask[string](t, tab, tab.axe+"; axe.version")
	must(t, json.Unmarshal([]byte(Ask[string](t, tab, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`)), &faults))
	return faults
}

// Shoot keeps a picture of the whole page where HOLDFAST_SHOTS names a folder.
func (tab *Tab) Shoot(t testing.TB, name string) {
	t.Helper()
	folder := os.Getenv("HOLDFAST_SHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(tab.Ctx, chromedp.FullScreenshot(100))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
