package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Request is what somebody asks a server to do about findings of one stack.
type Request struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind"` // revert, accept or waive
	Stack     drift.StackRef `json:"stack"`
	Source    string         `json:"source"`
	Findings  []string       `json:"findings"`  // ids of episodes
	Addresses []string       `json:"addresses"` // of them, in the same order
	Reason    string         `json:"reason"`
	Ticket    string         `json:"ticket,omitempty"`
	State     string         `json:"state"`
	AskedBy   string         `json:"asked_by"`
	AskedAt   time.Time      `json:"asked_at"`
	DecidedBy string         `json:"decided_by,omitempty"` // who has approved or rejected it; "" where nobody had to
	DecidedAt time.Time      `json:"decided_at,omitzero"`
	// FinishedAt is when it came to its end, whatever that was.
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Outcome    string    `json:"outcome,omitempty"` // for people, with no values
	Branch     string    `json:"branch,omitempty"`  // that was pushed
	Commit     string    `json:"commit,omitempty"`  // at the end of it
	Patch      string    `json:"patch,omitempty"`   // to download; Requests leaves it out
}

// The kinds of requests.
const (
	RequestRevert = "revert"
	RequestAccept = "accept"
	RequestWaive  = "waive"
)

// The states of a request. Waiting ones need a decision; approved ones are in the
// queue; the last four are over.
const (
	RequestWaiting  = "waiting"
	RequestApproved = "approved"
	RequestRunning  = "running"
	RequestDone     = "done"
	RequestRefused  = "refused" // nothing was changed, for a reason that Outcome has
	RequestFailed   = "failed"  // Outcome says whether anything was changed
	RequestRejected = "rejected"
)

// Over reports whether nothing more becomes of the request.
func (r Request) Over() bool {
	return slices.Contains([]string{RequestDone, RequestRefused, RequestFailed, RequestRejected}, r.State)
}

// requestSteps are the states that may follow each.
var requestSteps = map[string][]string{
	"":              {RequestWaiting, RequestApproved, RequestDone},
	RequestWaiting:  {RequestApproved, RequestRejected},
	RequestApproved: {RequestRunning, RequestRejected},
	RequestRunning:  {RequestApproved, RequestDone, RequestRefused, RequestFailed},
}

// requestEvents are the kinds of events by which the history tells of a step. What
// is done about a finding tells of itself.
var requestEvents = map[string]drift.EventKind{
	RequestApproved: drift.EventApproved, RequestRejected: drift.EventRejected,
}

// NewRequestID is unique, and can be part of a branch's name.
func NewRequestID() string { return random(6) }

// AddRequest adds a request in its first state, and tells of it in the history of
// its findings. It gives it an id if it has none.
func (s *Store) AddRequest(ctx context.Context, tx *sql.Tx, r Request) (Request, error) {
	if !slices.Contains(requestSteps[""], r.State) {
		return r, fmt.Errorf("a request can't begin as %q", r.State)
	}
	if r.ID == "" {
		r.ID = NewRequestID()
	}
	r.AskedAt = r.AskedAt.UTC().Truncate(time.Millisecond)
	if err := r.tell(ctx, tx, drift.EventRequested, r.AskedAt, r.AskedBy); err != nil {
		return r, err
	}
	text, err := r.encode()
	if err != nil {
		return r, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO requests (id, asked_at, state, stack_id, source, findings, request, patch)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, r.ID, millis(r.AskedAt), r.State, clean(r.Stack.ID), clean(r.Source),
		clean(" "+strings.Join(r.Findings, " ")+" "), text, clean(r.Patch))
	return r, err
}

// encode is all of the request but its patch.
func (r Request) encode() (string, error) {
	r.Patch = ""
	return encode(r)
}

// UpdateRequest takes a request from one state to that of r. False: it is in
// another one by now, because somebody else was quicker, and nothing was changed.
func (s *Store) UpdateRequest(ctx context.Context, tx *sql.Tx, from string, r Request) (ok bool, err error) {
	if !slices.Contains(requestSteps[from], r.State) {
		return false, fmt.Errorf("a request that is %s can't become %s", from, r.State)
	}
	text, err := r.encode()
	if err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, "UPDATE requests SET state = $1, request = $2, patch = $3 WHERE id = $4 AND state = $5",
		r.State, text, clean(r.Patch), r.ID, from)
	if err != nil {
		return false, err
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		return false, err
	}
	if kind, is := requestEvents[r.State]; is && from != RequestRunning {
		err = r.tell(ctx, tx, kind, r.DecidedAt, r.DecidedBy)
	}
	return err == nil, err
}

// tell adds an event to each finding of the request.
func (r Request) tell(ctx context.Context, tx *sql.Tx, kind drift.EventKind, at time.Time, actor string) error {
	if _, err := lockStack(ctx, tx, r.Stack.ID); err != nil {
		return err
	}
	at = at.UTC().Truncate(time.Millisecond)
	w := newWriter(tx, at)
	for i, id := range r.Findings {
		finding, number := splitEpisode(id)
		address := ""
		if i < len(r.Addresses) {
			address = r.Addresses[i]
		}
		err := w.event(ctx, drift.Event{
			At: at, Kind: kind, Stack: r.Stack, Address: address, Finding: finding, Episode: max(number, 1),
			Detail: fmt.Sprintf("%s, request %s", r.Kind, r.ID), Reason: r.Reason, Ticket: r.Ticket, Actor: actor,
		}, 0)
		if err != nil {
			return err
		}
	}
	return nil
}

// Request gives a request, with its patch.
func (s *Store) Request(ctx context.Context, id string) (r Request, ok bool, err error) {
	scan := func(rows *sql.Rows) (Request, error) {
		var text, patch string
		if err := rows.Scan(&text, &patch); err != nil {
			return Request{}, err
		}
		r := Request{}
		err := json.Unmarshal([]byte(text), &r)
		r.Patch = patch
		return r, err
	}
	for r, err := range each(ctx, s, "reading a request", scan, "SELECT request, patch FROM requests WHERE id = $1", clean(id)) {
		return r, err == nil, err
	}
	return r, false, nil
}

// RequestFilter chooses requests; empty parts choose all.
type RequestFilter struct {
	States  []string
	Source  string
	Sources []string // none: all
	StackID string
	Finding string // the id of an episode
	After   string // the Next of the page before
	Limit   int
}

// Requests is a page of the requests, newest first, without their patches.
func (s *Store) Requests(ctx context.Context, f RequestFilter) (Page[Request], error) {
	return page(ctx, s, "listing the requests", query[Request]{
		columns: "request", from: "requests", where: f.clause(), order: order{keys: by("asked_at", key{expr: "id"}), desc: true},
		after: f.After, limit: f.Limit, scan: scanDocument[Request],
	})
}

func (f RequestFilter) clause() *clause {
	c := &clause{}
	c.in("state", f.States)
	if f.Source != "" {
		c.add("source = ?", clean(f.Source))
	}
	c.in("source", f.Sources)
	if f.StackID != "" {
		c.add("stack_id = ?", clean(f.StackID))
	}
	if f.Finding != "" {
		c.add("findings LIKE ?", "% "+strings.NewReplacer("%", "", "_", "").Replace(clean(f.Finding))+" %")
	}
	return c
}
