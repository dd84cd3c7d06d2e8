package browser

import (
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Looks are how every page is to be looked at: on a desk and on a phone, light and
// dark.
var Looks = []Look{{Width: 1280, Scheme: "light"}, {Width: 390, Scheme: "dark"}, {Width: 1280, Scheme: "dark"}, {Width: 390, Scheme: "light"}}

// Fits makes sure that the page is not wider than the window, and keeps a picture.
func (tab *Tab) Fits(t testing.TB, name string) {
	t.Helper()
	if scrolls, inner := Ask[int64](t, tab, `document.documentElement.scrollWidth`), Ask[int64](t, tab, `window.innerWidth`); inner != tab.look.Width || scrolls > inner {
		t.Errorf("%s is %d wide in a window of %d", name, scrolls, inner)
	}
	tab.Shoot(t, name+"-"+tab.look.String())
}

// Serves makes sure that axe-core finds nothing serious on the page; the rest is
// logged.
func (tab *Tab) Serves(t testing.TB, name string) {
	t.Helper()
	for _, f := range tab.Axe(t) {
		report := t.Errorf
		if f.Impact != "serious" && f.Impact != "critical" {
			report = t.Logf
		}
		report("%s: %s", name, f)
	}
}

// Examine looks at the page in all Looks. Axe-core takes its time, and sees each
// width and each scheme once.
func (tab *Tab) Examine(t testing.TB, name string) {
	t.Helper()
	was := tab.look
	for i, l := range Looks {
		tab.See(t, l)
		tab.Fits(t, name)
		if i < 2 {
			tab.Serves(t, name)
		}
	}
	tab.See(t, was)
}

// Await waits until an expression of JavaScript is true, over pages that come and
// go meanwhile.
func (tab *Tab) Await(t testing.TB, expression string) {
	t.Helper()
	var err error
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if _, err = chromedp.Run(tab.Ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(5*time.Second))); err == nil {
			return
		}
	}
	t.Fatalf("%s does not come: %v", expression, err)
}

// Press presses what is written so, a link, a button or a summary, once it is there.
func (tab *Tab) Press(t testing.TB, text string) {
	t.Helper()
	found := `Array.from(document.querySelectorAll("a, button, summary")).find(e => e.checkVisibility() && e.textContent.trim() === ` + strconv.Quote(text) + `)`
	tab.Await(t, `document.readyState === "complete" && `+found+` !== undefined`)
	Ask[bool](t, tab, `(`+found+`.click(), true)`)
}

// Text is what a person reads of the page.
func (tab *Tab) Text(t testing.TB) string {
	t.Helper()
	return Ask[string](t, tab, `document.body.innerText`)
}
