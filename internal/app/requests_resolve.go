package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"holdfast/internal/queue"
	"holdfast/internal/report"
	"holdfast/internal/store"
)

// Resolve implements queue.Resolver: it carries out a request that was approved,
// unless another worker does. Once something has begun, no error is given: what
// became of it is in the request. An error says that it can be tried again.
func (s *site) Resolve(ctx context.Context, id string) error {
	r, ok, err := s.store.Request(ctx, id)
	switch {
	case err != nil:
		return err
	case !ok || r.State != store.RequestApproved && r.State != store.RequestRunning:
		return nil
	case r.State == store.RequestRunning:
		return s.pickUp(ctx, r)
	}
	if mine, err := s.step(ctx, &r, store.RequestRunning); err != nil || !mine {
		return err
	}
	return s.carryOut(ctx, r)
}

// step takes a request on to another state. False: others were quicker.
func (s *site) step(ctx context.Context, r *store.Request, state string) (ok bool, err error) {
	next := *r
	next.State = state
	if next.Over() {
		next.FinishedAt = s.options.now().UTC().Truncate(time.Millisecond)
	}
	err = s.store.InTransaction(ctx, "recording how far a request is", func(tx *sql.Tx) (err error) {
		ok, err = s.store.UpdateRequest(ctx, tx, r.State, next)
		return err
	})
	if ok && err == nil {
		*r = next
		s.followUp(ctx, next)
	}
	return ok, err
}

// followUp has the whole stack checked after a revert has come to an end: what was
// looked at until then are the findings that it is about.
func (s *site) followUp(ctx context.Context, r store.Request) {
	if r.Kind != store.RequestRevert || r.State != store.RequestDone && r.State != store.RequestFailed {
		return
	}
	if _, err := s.ask(ctx, queue.Ask{Source: r.Source, Only: []string{r.Stack.ID}, Actor: r.AskedBy}); err != nil {
		s.log.WarnContext(ctx, "the stack of a revert could not be asked to be checked; the next round does it", "request", r.ID, "error", err)
	}
}

// carryOut does what a running request asks for.
func (s *site) carryOut(ctx context.Context, r store.Request) error {
	do := s.revert
	if r.Kind == store.RequestAccept {
		do = s.accept
	}
	state, err := do(ctx, &r)
	after := context.WithoutCancel(ctx) // what has become of it is told to its end
	if state == "" && ctx.Err() != nil {
		// Nothing has begun, and this worker stops: others do it.
		_, back := s.step(after, &r, store.RequestApproved)
		return errors.Join(ctx.Err(), back)
	}
	if err != nil {
		r.Outcome = strings.TrimSpace(r.Outcome + "\n" + shortened(err))
		if state == "" {
			state, r.Outcome = store.RequestFailed, r.Outcome+"\nNothing was changed."
		}
	}
	_, err = s.step(after, &r, state)
	s.log.InfoContext(after, "a request has come to its end", "request", r.ID, "kind", r.Kind, "stack", r.Stack.String(), "state", state)
	return err
}

// shortened is an error as people are shown it: its lines, and not too many.
func shortened(err error) string {
	text := strings.TrimSpace(err.Error())
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "") + "..."
	}
	return text
}

// revert puts the findings of a request back. State "" says that nothing was begun.
func (s *site) revert(ctx context.Context, r *store.Request) (state string, err error) {
	o, release, err := s.resolveOptions(ctx, *r)
	if err != nil {
		return "", err
	}
	defer release()
	done, err := s.initialised(ctx, &o, s.sources.byName[r.Source], r.Stack)
	if err != nil {
		return "", err
	}
	defer done()
	list, err := s.planned(ctx, o, r, PlanRevert)
	if err != nil || len(list) == 0 {
		return endOf(err), err
	}
	one := list[0]
	defer one.Close()
	if why := refusals(list); why != "" {
		r.Outcome = why
		return store.RequestRefused, one.Attempted(ctx, "refused; "+report.OneLine(why))
	}
	outcomes, err := one.Apply(ctx, interruptsOf(ctx))
	if len(outcomes) == 0 {
		return "", err // nothing was begun, which the history has
	}
	return told(r, outcomes, one.Backup), err
}

// interruptsOf tells Terraform to come to an early end when the context ends: it
// gives its lock back, and the state tells what it has done.
func interruptsOf(ctx context.Context) <-chan os.Signal {
	interrupts := make(chan os.Signal, 1)
	context.AfterFunc(ctx, func() { interrupts <- os.Interrupt })
	return interrupts
}

// told writes what has become of each finding into a request.
func told(r *store.Request, outcomes []Outcome, backup string) (state string) {
	state = store.RequestDone
	var lines []string
	for _, o := range outcomes {
		said := "reverted"
		if !o.Done {
			state, said = store.RequestFailed, "not reverted: "+o.Said
		}
		lines = append(lines, report.OneLine(o.Finding.Address)+": "+report.OneLine(said))
	}
	if backup != "" {
		host, _ := os.Hostname()
		lines = append(lines, "The state of before: "+backup+" on "+host)
	}
	r.Outcome = strings.Join(lines, "\n")
	return state
}

// refusals are the reasons for which a plan is not carried out; "" for none.
func refusals(list []*Resolution) string {
	var lines []string
	for _, one := range list {
		for _, refused := range one.Refused {
			lines = append(lines, refused.String())
		}
	}
	return strings.Join(lines, "\n")
}

// resolveOptions opens the source of a request as it is now.
func (s *site) resolveOptions(ctx context.Context, r store.Request) (ResolveOptions, func(), error) {
	o, _, release, err := s.open(ctx, r.Source, "")
	actor := r.AskedBy
	if r.DecidedBy != "" {
		actor += ", approved by " + r.DecidedBy
	}
	o.Trigger = "person"
	return ResolveOptions{CheckOptions: o, Reason: r.Reason, Ticket: r.Ticket, Actor: actor, LockTimeout: lockPatience, Backups: s.backups}, release, err
}

// lockPatience is how long a revert waits for somebody else's apply.
const lockPatience = 2 * time.Minute

// planned makes the plan for what is left of a request's findings. None: all drift
// is gone by itself, and the request is done.
func (s *site) planned(ctx context.Context, o ResolveOptions, r *store.Request, plan func(context.Context, ResolveOptions, []Chosen) ([]*Resolution, error)) ([]*Resolution, error) {
	chosen, err := s.chosen(ctx, *r)
	if err != nil || len(chosen) == 0 {
		r.Outcome = "There is nothing left to do: the drift is gone."
		return nil, err
	}
	return plan(ctx, o, chosen)
}

// chosen are the findings of a request that are still there. One that was waived
// meanwhile is refused later on.
func (s *site) chosen(ctx context.Context, r store.Request) ([]Chosen, error) {
	var list []Chosen
	for _, id := range r.Findings {
		e, ok, err := episode(ctx, s.store, id)
		switch {
		case err != nil:
			return nil, err
		case ok && !e.Life.Over():
			list = append(list, Chosen{Episode: e})
		}
	}
	return list, nil
}

// pickUp goes on with a request that another worker was at when it died. What has
// changed something is never done twice: what was begun and has no outcome is told
// by a check.
func (s *site) pickUp(ctx context.Context, r store.Request) error {
	left, err := begun(ctx, s.store)
	if err != nil {
		return err
	}
	chosen, err := s.chosen(ctx, r)
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, c := range chosen {
		ids[c.Episode.Finding.ID] = true
	}
	started := slices.ContainsFunc(left[r.Stack.ID], func(o store.Outcome) bool { return ids[o.Finding.ID] })
	if r.Kind == store.RequestAccept || !started && len(chosen) == len(r.Findings) {
		return s.carryOut(ctx, r) // nothing was changed yet
	}
	if err := s.lookAgain(ctx, r, chosen); err != nil {
		return err
	}
	return s.tellAgain(ctx, r)
}

// lookAgain checks the findings of a request, by which the history settles what was
// begun.
func (s *site) lookAgain(ctx context.Context, r store.Request, chosen []Chosen) error {
	if len(chosen) == 0 {
		return nil
	}
	o, release, err := s.resolveOptions(ctx, r)
	if err != nil {
		return err
	}
	defer release()
	found, err := o.open(ctx, r.Stack)
	if err != nil {
		return err
	}
	_, _, err = rechecker(o, chosen, found)(ctx, true, cutOffWorker)
	return err
}

const cutOffWorker = "its worker was cut off"

// tellAgain ends a request by what the history has of its findings.
func (s *site) tellAgain(ctx context.Context, r store.Request) error {
	state := store.RequestDone
	lines := []string{"The worker that was at it was cut off; a check has told what became of it."}
	for i, id := range r.Findings {
		e, ok, err := episode(ctx, s.store, id)
		if err != nil {
			return err
		}
		said := "it is gone from the history"
		if ok {
			said = e.Resolution()
		}
		if !ok || !e.Life.Over() {
			state = store.RequestFailed
		}
		lines = append(lines, fmt.Sprintf("%s: %s", r.Addresses[i], report.OneLine(said)))
	}
	if state == store.RequestFailed {
		lines = append(lines, "What is still open can be asked for again.")
	}
	r.Outcome = strings.Join(lines, "\n")
	_, err := s.step(ctx, &r, state)
	return err
}

// endOf is the state of a request about which there is nothing left to do.
func endOf(err error) string {
	if err != nil {
		return ""
	}
	return store.RequestDone
}
