package app

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/report"
	"holdfast/internal/server"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// jobs is the queue, as requests need it.
type jobs interface {
	Resolve(ctx context.Context, tx *sql.Tx, request string) error
	Ask(ctx context.Context, a queue.Ask) (run string, err error)
}

// requests is what people may do about findings through a server. Its errors are
// for them.
type requests struct {
	site *site
	jobs jobs
}

// How much one request may be about, and say.
const (
	mostFindings = 100
	longestText  = 2000
)

// Ask implements server.Requests: it asks for a revert or an accept of findings of
// one stack. Where the source needs a second person, the request waits for one;
// else it is in the queue. Nothing is looked at or changed here.
func (q requests) Ask(ctx context.Context, r store.Request) (store.Request, error) {
	if err := q.valid(ctx, &r); err != nil {
		return r, err
	}
	source, err := q.sourceOf(ctx, r)
	if err != nil {
		return r, err
	}
	r = store.Request{
		Kind: r.Kind, Stack: r.Stack, Source: source.Name, Findings: r.Findings, Addresses: r.Addresses, AskedBy: r.AskedBy,
		Reason: strings.TrimSpace(r.Reason), Ticket: strings.TrimSpace(r.Ticket), State: store.RequestApproved, AskedAt: q.site.options.now(),
	}
	if source.Approval {
		r.State = store.RequestWaiting
	}
	err = q.site.store.InTransaction(ctx, "asking for the "+r.Kind, func(tx *sql.Tx) (err error) {
		if r, err = q.site.store.AddRequest(ctx, tx, r); err != nil || source.Approval {
			return err
		}
		return q.jobs.Resolve(ctx, tx, r.ID)
	})
	return r, err
}

// valid completes a request by what the history has of its findings.
func (q requests) valid(ctx context.Context, r *store.Request) error {
	switch {
	case r.Kind != store.RequestRevert && r.Kind != store.RequestAccept:
		return refused(server.ErrInvalid, "%q is nothing to be asked for; there are revert and accept", r.Kind)
	case strings.TrimSpace(r.Reason) == "":
		return refused(server.ErrInvalid, "a reason is required: the history tells why")
	case len(r.Reason) > longestText || len(r.Ticket) > longestText:
		return refused(server.ErrInvalid, "the reason and the ticket may have %d characters", longestText)
	case strings.TrimSpace(r.AskedBy) == "":
		return refused(server.ErrForbidden, "nobody is known to ask")
	case len(r.Findings) == 0 || len(r.Findings) > mostFindings:
		return refused(server.ErrInvalid, "name from 1 to %d findings", mostFindings)
	}
	r.Addresses = nil
	slices.Sort(r.Findings)
	r.Findings = slices.Compact(r.Findings)
	for i, id := range r.Findings {
		e, err := q.open(ctx, id)
		switch {
		case err != nil:
			return err
		case i > 0 && e.Stack.ID != r.Stack.ID:
			return refused(server.ErrInvalid, "the findings are of several stacks; ask for each stack")
		}
		r.Stack = e.Stack
		r.Addresses = append(r.Addresses, e.Finding.Address)
	}
	return nil
}

// open is an episode that is open, and that nobody has asked about yet.
func (q requests) open(ctx context.Context, id string) (drift.Episode, error) {
	e, ok, err := episode(ctx, q.site.store, id)
	switch {
	case err != nil:
		return e, err
	case !ok:
		return e, refused(server.ErrNotThere, "there is no finding %s", report.OneLine(id))
	case e.Life != drift.LifeOpen:
		return e, refused(server.ErrConflict, "%s is not open: %s", e.Finding.Address, e.Resolution())
	}
	live := []string{store.RequestWaiting, store.RequestApproved, store.RequestRunning}
	before, err := q.site.store.Requests(ctx, store.RequestFilter{Finding: id, States: live, Limit: 1})
	if err == nil && len(before.Items) > 0 {
		b := before.Items[0]
		err = refused(server.ErrConflict, "%s has asked for a %s of %s already, which is %s: request %s", b.AskedBy, b.Kind, e.Finding.Address, b.State, b.ID)
	}
	return e, err
}

// episode gives the episode with just this id.
func episode(ctx context.Context, s *store.Store, id string) (e drift.Episode, ok bool, err error) {
	for e, err := range s.Episodes(ctx, store.Filter{Finding: id}) {
		if err != nil {
			return e, false, err
		}
		if e.ID() == id {
			return e, true, nil
		}
	}
	return e, false, nil
}

// sourceOf is the source of a request's stack. The history knows it, whatever the
// request says: another source may need no second person.
func (q requests) sourceOf(ctx context.Context, r store.Request) (stack.Source, error) {
	known, ok, err := q.site.store.FleetStack(ctx, r.Stack.ID)
	name := known.Source
	switch {
	case err != nil:
		return stack.Source{}, err
	case !ok || name == "":
		return stack.Source{}, refused(server.ErrInvalid, "no source of this server has the stack %s; it was checked by a command", r.Stack)
	case r.Source != "" && r.Source != name:
		return stack.Source{}, refused(server.ErrInvalid, "the stack %s is of the source %s", r.Stack, name)
	}
	source, ok := q.site.sources.byName[name]
	if !ok {
		return source, refused(server.ErrConflict, "source %s: %w", name, errNoSource)
	}
	return source, nil
}

// Decide implements server.Requests: it approves of a request that waits, or
// rejects it. Who has asked can't approve, and may take the request back.
func (q requests) Decide(ctx context.Context, id string, approve bool, actor string) (store.Request, error) {
	s := q.site.store
	r, ok, err := s.Request(ctx, id)
	switch {
	case err != nil:
		return r, err
	case !ok:
		return r, refused(server.ErrNotThere, "there is no request %s", report.OneLine(id))
	case strings.TrimSpace(actor) == "":
		return r, refused(server.ErrForbidden, "nobody is known to decide")
	case r.State != store.RequestWaiting:
		return r, refused(server.ErrConflict, "request %s needs no decision any more: it is %s", r.ID, r.State)
	case approve && samePerson(actor, r.AskedBy):
		return r, refused(server.ErrForbidden, "a second person has to approve; who has asked can't")
	}
	decided := r
	decided.State, decided.DecidedBy, decided.DecidedAt = store.RequestApproved, actor, q.site.options.now().UTC().Truncate(time.Millisecond)
	if !approve {
		decided.State, decided.FinishedAt = store.RequestRejected, decided.DecidedAt
		decided.Outcome = "rejected by " + actor
	}
	err = s.InTransaction(ctx, "deciding about a request", func(tx *sql.Tx) (err error) {
		if ok, err = s.UpdateRequest(ctx, tx, store.RequestWaiting, decided); err != nil || !ok || !approve {
			return err
		}
		return q.jobs.Resolve(ctx, tx, r.ID)
	})
	if err == nil && !ok {
		err = refused(server.ErrConflict, "somebody else has decided about request %s just now", r.ID)
	}
	return decided, err
}

func samePerson(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// refusal is why something is not done that somebody asks for: of one of the
// server's kinds of errors, with a text of its own.
type refusal struct{ kind, why error }

func (r refusal) Error() string   { return r.why.Error() }
func (r refusal) Unwrap() []error { return []error{r.kind, r.why} }

func refused(kind error, format string, args ...any) error {
	return refusal{kind, fmt.Errorf(format, args...)}
}
