// Package servertest starts a server with its pages in the process of a test, over a
// real history in SQLite that is filled with something of everything, and looks at
// pages with a browser.
package servertest

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"holdfast/internal/drift"
	"holdfast/internal/server"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// Rig is a server that runs.
type Rig struct {
	Store    *store.Store
	URL      string
	Rounds   *Rounds
	Requests *Requests
}

// Options of a rig. The zero value is a server for one person at this machine, who
// may do everything, with nothing in its history.
type Options struct {
	Fill     func(testing.TB, *store.Store) // Fleet, for instance
	Tokens   bool                           // people come in with tokens; see Token
	Stopping <-chan struct{}
	Sources  []server.Source // nil: Sources
}

// Sources of a rig: what is of network changes at once, what is of payments needs
// a second person.
var sources = []server.Source{
	{Name: "network", Place: "https://git.example.com/infra/network.git", Push: true},
	{Name: "payments", Place: "https://git.example.com/infra/payments.git", Approval: true},
}

// Start starts a server, on a port of its own, until the test ends.
func Start(t testing.TB, o Options) *Rig {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	if o.Fill != nil {
		o.Fill(t, s)
	}
	style, err := server.StylePath()
	must(t, err)
	gate, err := access.New(access.Options{Store: s, Local: !o.Tokens, Tokens: o.Tokens, Style: style})
	must(t, err)
	if o.Sources == nil {
		o.Sources = sources
	}
	r := &Rig{Store: s, Rounds: &Rounds{s}, Requests: &Requests{store: s, sources: o.Sources}}
	handler, err := server.New(server.Options{
		Store: s, Rounds: r.Rounds, Requests: r.Requests, Gate: gate, Tool: drift.Tool{Name: "holdfast", Version: "1.0.0"},
		Sources: o.Sources, Waivers: waivers, Next: next, Stopping: o.Stopping,
	})
	must(t, err)
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	r.URL = web.URL
	return r
}

// Token makes a token for a role and gives it.
func (r *Rig) Token(t testing.TB, name string, role access.Role, sources ...string) string {
	t.Helper()
	token, _, err := access.CreateToken(t.Context(), r.Store, access.TokenAsk{Name: name, Role: role, Sources: sources, By: "test", Via: access.ViaCommand}, time.Now())
	must(t, err)
	return token
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func next(expression, zone string, after time.Time) (time.Time, error) {
	place, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time zone %q: there is none of that name; write it as Europe/Berlin or UTC", zone)
	}
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return time.Time{}, fmt.Errorf("schedule %q: %w", expression, err)
	}
	return schedule.Next(after.In(place)).UTC(), nil
}
