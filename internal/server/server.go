// Package server answers people and programs over HTTP: web pages, and an API.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// Options of a server. Store, Rounds, Requests and Gate must be there.
type Options struct {
	Store    *store.Store
	Rounds   Rounds
	Requests Requests
	Gate     *access.Gate
	URL      string // as people reach it; "" where unknown
	Tool     drift.Tool
	Stale    time.Duration // not checked for certain for so long: shown as such; 8 days
	Log      *slog.Logger  // nil logs nothing
	Now      func() time.Time

	// Sources are those that stacks come from, as the settings have them.
	Sources []Source
	// Waivers reads the waivers of a source. Nil: what findings say of them is all.
	Waivers func(ctx context.Context, source string) ([]drift.Waiver, error)
	// Next is when a schedule is due after a time; its error is for people.
	Next func(cron, zone string, after time.Time) (time.Time, error)
	// Stopping is closed when the server stops: what streams ends. Nil: never.
	Stopping <-chan struct{}
	// Tracing traces requests; nil for none.
	Tracing *Tracing
}

// Source is where stacks come from, as people are told of it.
type Source struct {
	Name     string `json:"name"`
	Place    string `json:"place"`    // a folder, or a repository's URL without credentials
	Approval bool   `json:"approval"` // what changes something needs a second person
	Push     bool   `json:"push"`     // accepts are pushed as a branch; else they are patches
}

// Rounds is the queue.
type Rounds interface {
	// Ask begins a round of a source, or of the stacks of it with these ids, and
	// gives its run.
	Ask(ctx context.Context, source string, stacks []string, actor string) (run string, err error)
	// Cancel cancels a run; false: it was over or cancelled already.
	Cancel(ctx context.Context, run string) (bool, error)
	// Depth is how many jobs there are by kind and state.
	Depth(ctx context.Context) (map[[2]string]int, error)
}

// Requests is what people may do about findings. Errors that are of their kind wrap
// ErrNotThere, ErrConflict, ErrInvalid or ErrForbidden; their text is shown.
type Requests interface {
	// Waive documents a waiver where the source keeps them, and asks for a check.
	Waive(ctx context.Context, ask WaiveAsk) (WaiveDone, error)
	// Ask records a revert or an accept. It waits for approval where the source
	// wants one, and goes to the queue otherwise.
	Ask(ctx context.Context, r store.Request) (store.Request, error)
	// Decide approves or rejects one that waits.
	Decide(ctx context.Context, id string, approve bool, actor string) (store.Request, error)
}

// WaiveAsk is a waiver that somebody wants for a finding.
type WaiveAsk struct {
	Source     string
	Episode    drift.Episode // with its stack
	Whole      bool          // the resource as a whole, its deletion too
	Attributes []string      // paths; none: what has changed
	Reason     string
	Owner      string
	Ticket     string
	Until      time.Time // the last day
	Actor      string
}

// WaiveDone is what became of it.
type WaiveDone struct {
	ID     string `json:"id"`               // of the waiver
	Branch string `json:"branch,omitempty"` // pushed; "" where the file was written
	Run    string `json:"run,omitempty"`    // the check that takes it up; "" for none
}

// usualStale is how long after its last check for certain a stack is told apart: a
// week, and a day for the round.
const usualStale = 8 * 24 * time.Hour

// Server answers requests.
type Server struct{ Options }

// New makes the handler of all that the server answers, with the gate before it.
func New(o Options) (http.Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Stale == 0 {
		o.Stale = usualStale
	}
	s := &Server{o}
	mux := http.NewServeMux()
	s.addAPI(mux)
	s.addHealth(mux)
	m := s.addMetrics(mux)
	if err := pages(mux, s); err != nil {
		return nil, err
	}
	return o.Gate.Wrap(m.observe(mux)), nil
}

// source gives a source by its name.
func (s *Server) source(name string) (Source, bool) {
	for _, one := range s.Sources {
		if one.Name == name {
			return one, true
		}
	}
	return Source{}, false
}
