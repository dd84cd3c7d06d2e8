package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// mostText is how long a text of a form may be, in characters.
const mostText = 1000

// readForm takes what a form of a finding's page has.
func readForm(r *http.Request, which string) findingForm {
	text := func(name string) string { return strings.TrimSpace(report.OneLine(r.PostFormValue(name))) }
	return findingForm{
		Which: which, Reason: text("reason"), Owner: text("owner"), Ticket: text("ticket"), Until: text("until"), Whole: r.PostFormValue("whole") != "",
	}
}

// fault says what is wrong with a form, and with which field; "" for nothing.
func (f findingForm) fault(now time.Time) (field, problem string) {
	for _, text := range []struct {
		name, value string
		needed      bool
		why         string
	}{
		{"reason", f.Reason, true, "Say why: the reason stays in the history."},
		{"owner", f.Owner, f.Which == "waive", "Say who answers for the change."},
		{"ticket", f.Ticket, false, ""},
	} {
		switch {
		case text.needed && text.value == "":
			return text.name, text.why
		case len([]rune(text.value)) > mostText:
			return text.name, fmt.Sprintf("Be shorter: %d characters at most.", mostText)
		}
	}
	if f.Which != "waive" {
		return "", ""
	}
	until, err := time.Parse(time.DateOnly, f.Until)
	today := now.UTC().Truncate(24 * time.Hour)
	switch {
	case err != nil:
		return "until", "Say until when it holds, as 2027-01-31."
	case until.Before(today):
		return "until", "That day is over."
	case until.After(today.AddDate(1, 0, 0)):
		return "until", "At most a year ahead: what is justified for longer belongs into the code."
	}
	return "", ""
}

// act reads a form of a finding's page and does it; with something wrong, the page
// comes again with what was written.
func (p *site) act(w http.ResponseWriter, r *http.Request, which string, do func(ctx context.Context, e drift.Episode, source string, f findingForm) (to, text string, err error)) {
	e, siblings, ok := p.findEpisode(w, r)
	if !ok {
		return
	}
	form := readForm(r, which)
	form.Field, form.Problem = form.fault(p.Now())
	one, _, err := p.visibleStack(r.Context(), e.Stack.ID)
	if err != nil {
		p.broken(w, r, "reading a stack", err)
		return
	}
	if form.Problem == "" {
		form.Problem = actable(e, one.Source)
	}
	if form.Problem == "" {
		to, text, err := do(r.Context(), e, one.Source, form)
		if err == nil {
			p.redirect(w, r, to, text)
			return
		}
		status, shown := statusOf(err)
		if !shown {
			p.broken(w, r, which+" of a finding", err)
			return
		}
		form.Problem = sentence(err)
		p.showFinding(w, r, status, e, siblings, form)
		return
	}
	p.showFinding(w, r, http.StatusUnprocessableEntity, e, siblings, form)
}

// actable says why nothing can be done about a finding from here; "" if it can.
func actable(e drift.Episode, source string) string {
	switch {
	case e.Life.Over():
		return "This drift is over; there is nothing left to do."
	case source == "":
		return "No source of this server has the stack: use the command line where its code is."
	}
	return ""
}

func (p *site) waive(w http.ResponseWriter, r *http.Request) {
	p.act(w, r, "waive", func(ctx context.Context, e drift.Episode, source string, f findingForm) (to, text string, err error) {
		until, err := time.Parse(time.DateOnly, f.Until)
		if err != nil {
			return "", "", fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		attributes := attributesOf(r, e)
		if !f.Whole && len(attributes) == 0 {
			return "", "", fmt.Errorf("%w: choose what may differ, or the resource as a whole", ErrInvalid)
		}
		done, err := p.Requests.Waive(ctx, WaiveAsk{
			Episode: e, Source: source, Whole: f.Whole, Attributes: attributes,
			Reason: f.Reason, Owner: f.Owner, Ticket: f.Ticket, Until: until, Actor: access.From(ctx).Name,
		})
		if err != nil {
			return "", "", err
		}
		p.Gate.Audit(ctx, access.AuditWaive, "waiver "+done.ID+" of "+e.Finding.Address+" ("+e.ID()+")")
		return findingPath(e), waivedText(done), nil
	})
}

// attributesOf are the changed paths that were chosen.
func attributesOf(r *http.Request, e drift.Episode) []string {
	var chosen []string
	for _, c := range e.Finding.Changes {
		if slices.Contains(r.PostForm["attribute"], report.OneLine(c.Path)) {
			chosen = append(chosen, c.Path)
		}
	}
	return chosen
}

func waivedText(done WaiveDone) string {
	if done.Branch != "" {
		return "Waiver " + done.ID + " is on the branch " + done.Branch + ". It holds when that is merged and the stack is checked again."
	}
	text := "Waiver " + done.ID + " is written."
	if done.Run != "" {
		text += " A check has begun; with it the finding is waived."
	}
	return text
}

func (p *site) revert(w http.ResponseWriter, r *http.Request) { p.resolve(w, r, "revert") }

func (p *site) accept(w http.ResponseWriter, r *http.Request) { p.resolve(w, r, "accept") }

// resolve asks for a revert or an accept.
func (p *site) resolve(w http.ResponseWriter, r *http.Request, kind string) {
	p.act(w, r, kind, func(ctx context.Context, e drift.Episode, source string, f findingForm) (to, text string, err error) {
		asked, err := p.Requests.Ask(ctx, store.Request{
			Kind: kind, Stack: e.Stack, Source: source, Findings: []string{e.ID()}, Addresses: []string{e.Finding.Address},
			Reason: f.Reason, Ticket: f.Ticket, AskedBy: access.From(ctx).Name, AskedAt: p.Now(),
		})
		if err != nil {
			return "", "", err
		}
		p.Gate.Audit(ctx, access.AuditRequest, kind+" "+asked.ID+" of "+e.Finding.Address+" ("+e.ID()+")")
		text = "It is asked for, and begins when a worker is free."
		if asked.State == store.RequestWaiting {
			text = "It is asked for, and waits until somebody else approves it."
		}
		return pathTo("requests", asked.ID), text, nil
	})
}
