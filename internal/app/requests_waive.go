package app

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/report"
	"holdfast/internal/resolve/edit"
	"holdfast/internal/server"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// Waive implements server.Requests: it adds a waiver to waivers.yaml of the
// finding's source. In a folder it is written, and a check asked for; to a
// repository it is pushed as a branch, for review, or it is a patch of the request.
func (q requests) Waive(ctx context.Context, ask server.WaiveAsk) (server.WaiveDone, error) {
	e, ok, err := episode(ctx, q.site.store, ask.Episode.ID())
	switch {
	case err != nil:
		return server.WaiveDone{}, err
	case !ok:
		return server.WaiveDone{}, refused(server.ErrNotThere, "there is no such finding")
	case e.Life.Over():
		return server.WaiveDone{}, refused(server.ErrConflict, "%s is not open: %s", e.Finding.Address, e.Resolution())
	case strings.TrimSpace(ask.Actor) == "":
		return server.WaiveDone{}, refused(server.ErrForbidden, "nobody is known to ask")
	case len(ask.Reason)+len(ask.Ticket)+len(ask.Owner) > longestText:
		return server.WaiveDone{}, refused(server.ErrInvalid, "reason, ticket and owner may have %d characters", longestText)
	}
	ask.Episode = e
	r := store.Request{
		ID: store.NewRequestID(), Kind: store.RequestWaive, Stack: e.Stack, Source: ask.Source, Findings: []string{e.ID()}, Addresses: []string{e.Finding.Address},
		Reason: ask.Reason, Ticket: ask.Ticket, State: store.RequestDone, AskedBy: ask.Actor, AskedAt: q.site.options.now(), FinishedAt: q.site.options.now(),
	}
	source, err := q.sourceOf(ctx, r)
	if err != nil {
		return server.WaiveDone{}, err
	}
	r.Source = source.Name
	return q.waive(ctx, source, ask, r)
}

func (q requests) waive(ctx context.Context, source stack.Source, ask server.WaiveAsk, r store.Request) (done server.WaiveDone, err error) {
	o, _, release, err := q.site.open(ctx, source.Name, "")
	if err != nil {
		return done, err
	}
	defer release()
	if source.Git == "" {
		done.ID, err = q.site.writeWaiver(ctx, o, ask)
		r.Outcome = "The waiver " + done.ID + " is in " + stack.WaiversFile + "."
	} else {
		done, err = q.proposeWaiver(ctx, source, o, ask, &r)
	}
	if err != nil {
		return done, err
	}
	err = q.site.store.InTransaction(ctx, "recording a waiver", func(tx *sql.Tx) error {
		_, err := q.site.store.AddRequest(ctx, tx, r)
		return err
	})
	if err == nil && source.Git == "" {
		done.Run, err = q.jobs.Ask(ctx, queue.Ask{Source: source.Name, Only: []string{r.Stack.ID}, Actor: ask.Actor})
	}
	if err != nil {
		err = fmt.Errorf("the waiver %s is made, and that could not be recorded: %w", done.ID, err)
	}
	return done, err
}

// newWaiver makes the waiver, and what its file is to hold.
func (s *site) newWaiver(o CheckOptions, ask server.WaiveAsk) (w drift.Waiver, file string, was, content []byte, err error) {
	now := s.options.now()
	taken, file, err := waiversOf(o, now)
	if err != nil {
		return w, file, nil, nil, refusal{server.ErrConflict, err}
	}
	w, err = Waive(WaiveOptions{
		Waiver: drift.Waiver{Reason: ask.Reason, Owner: ask.Owner, Ticket: ask.Ticket, Until: ask.Until},
		Whole:  ask.Whole, Attributes: ask.Attributes, Now: now,
	}, ask.Episode, taken)
	if err == nil {
		was, content, err = stack.WithWaivers(file, []drift.Waiver{w}, now)
	}
	if err != nil {
		err = refusal{server.ErrInvalid, err}
	}
	return w, file, was, content, err
}

// writeWaiver adds a waiver to the file of a folder. Of several who do, one goes
// after the other.
func (s *site) writeWaiver(ctx context.Context, o CheckOptions, ask server.WaiveAsk) (id string, err error) {
	lock, err := s.lock(ctx, "waivers", o.Dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	w, file, was, content, err := s.newWaiver(o, ask)
	if err != nil {
		return "", err
	}
	return w.ID, ReplaceFile(file, was, content)
}

// proposeWaiver commits a waiver on a branch of the repository, or makes a patch.
func (q requests) proposeWaiver(ctx context.Context, source stack.Source, o CheckOptions, ask server.WaiveAsk, r *store.Request) (done server.WaiveDone, err error) {
	w, file, was, content, err := q.site.newWaiver(o, ask)
	if err != nil {
		return done, err
	}
	change := edit.Result{Files: []edit.File{{Path: file, Name: stack.WaiversFile, Before: was, After: content}}}
	done.ID = w.ID
	if !pushes(source) {
		r.Patch, r.Outcome = string(change.Diff()), "The waiver "+w.ID+" is a patch, for git apply in the folder of holdfast.yaml."
		return done, nil
	}
	branch := "holdfast/waive-" + r.ID
	story := fmt.Sprintf("Waive drift of %s\n\n%s\n\nOwner: %s\nWaived-by: %s\n", report.OneLine(ask.Episode.Finding.Address),
		report.OneLine(ask.Reason), report.OneLine(ask.Owner), report.OneLine(ask.Actor))
	if r.Commit, err = q.site.push(ctx, source, filepath.Dir(file), branch, story, change); err != nil {
		return done, err
	}
	done.Branch, r.Branch, r.Outcome = branch, branch, "The waiver "+w.ID+" is on the branch "+branch+"; it holds when that is merged."
	return done, nil
}
