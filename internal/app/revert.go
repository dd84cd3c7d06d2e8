package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/resolve"
	"holdfast/internal/resolve/edit"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// ResolveOptions say how and why findings are put right. Of the check's, those
// count that say how stacks are opened.
type ResolveOptions struct {
	CheckOptions
	Reason, Ticket, Actor string
	Allowed               resolve.Allowed
	LockTimeout           time.Duration // how long Terraform waits for a lock
	RemovedBlock          bool          // write a removed block for what was deleted
	DryRun                bool          // plan alone, and record nothing of it
	Backups               string        // a folder for states of before; "" for one beside the history
}

// Chosen is a finding that somebody wants to put right.
type Chosen struct {
	Episode drift.Episode
	ByID    bool // it was named by its id, or by that of its waiver
}

// Resolution is what is to be done about findings of one stack. Close it.
type Resolution struct {
	Stack    drift.StackRef
	Findings []drift.Finding // as a check has seen them just now
	Steps    []drift.Step    // what the plan would do
	Refused  []drift.Refusal // empty: it can be done
	Edit     edit.Result     // of the source, where reality is taken in
	Base     string          // the folder that the edit's names start at
	Backup   string          // where the state of before is, once it has begun

	options ResolveOptions
	kind    drift.EventKind // of what is to come of it: reverted, accepted or proposed
	job     *resolve.Job
	place   place
	plan    *resolve.Plan
	recheck func(ctx context.Context, recorded bool, cutOff string) (drift.Stack, []Settled, error)
	end     func()
}

// Outcome is what has become of a finding.
type Outcome struct {
	Finding drift.Finding
	Done    bool   // reverted or accepted, and seen to be
	Said    string // why not, or what is not known; "" where it is done
}

// PlanRevert checks findings again, stack by stack, and makes the plans that put
// them back. It changes nothing. If it fails, nothing is to be closed, and the
// attempt is in the history.
func PlanRevert(ctx context.Context, o ResolveOptions, chosen []Chosen) ([]*Resolution, error) {
	return planEach(ctx, o, chosen, drift.EventReverted, (*resolve.Job).Revert)
}

// planner makes the plan of one stack.
type planner func(*resolve.Job, context.Context) (*resolve.Plan, error)

func planEach(ctx context.Context, o ResolveOptions, chosen []Chosen, kind drift.EventKind, plan planner) ([]*Resolution, error) {
	var list []*Resolution
	byStack := map[string][]Chosen{}
	var order []string
	for _, c := range chosen {
		id := c.Episode.Stack.ID
		if byStack[id] == nil {
			order = append(order, id)
		}
		byStack[id] = append(byStack[id], c)
	}
	for _, id := range order {
		r, err := planOne(ctx, o, byStack[id], kind, plan)
		if err == nil {
			list = append(list, r)
			continue
		}
		stack := byStack[id][0].Episode.Stack.String()
		err = fmt.Errorf("%s: %w", stack, err)
		for _, made := range list {
			made.Close()
			err = errors.Join(err, made.Attempted(context.WithoutCancel(ctx), "not begun, because of "+stack))
		}
		return nil, err
	}
	return list, nil
}

// planOne plans one stack. If it can't, that was an attempt.
func planOne(ctx context.Context, o ResolveOptions, chosen []Chosen, kind drift.EventKind, plan planner) (*Resolution, error) {
	r := &Resolution{Stack: chosen[0].Episode.Stack, options: o, kind: kind, end: func() {}}
	settings, err := settingsOf(o.CheckOptions)
	if err == nil {
		r.place, err = historyPlace(o.Store, settings)
	}
	if err != nil {
		return nil, err
	}
	if err := r.make(ctx, chosen, plan); err != nil {
		r.Close()
		if len(r.Findings) == 0 {
			for _, c := range chosen {
				r.Findings = append(r.Findings, c.Episode.Finding)
			}
		}
		return nil, errors.Join(err, r.Attempted(context.WithoutCancel(ctx), err.Error()))
	}
	return r, nil
}

// make checks the findings again and makes the plan.
func (r *Resolution) make(ctx context.Context, chosen []Chosen, plan planner) error {
	o := r.options
	found, err := o.open(ctx, r.Stack)
	if err != nil {
		return err
	}
	r.Base = found.base
	r.recheck = rechecker(o, chosen, found)
	checked, settled, err := r.recheck(ctx, true, "")
	if err != nil {
		return err
	}
	for _, s := range settled {
		if o.Warn != nil {
			o.Warn(errors.New(s.String()))
		}
	}
	r.choose(checked, chosen)
	if len(r.Refused) > 0 {
		return ctx.Err()
	}
	job, end, err := o.job(ctx, found, r.place, r.kind != drift.EventReverted)
	if err != nil {
		return err
	}
	r.end, r.job = end, job
	job.Checked, job.Findings = checked, r.Findings
	job.Check = func(ctx context.Context) (drift.Stack, error) {
		now, _, err := r.recheck(ctx, false, "")
		return now, cmp.Or(err, ctx.Err())
	}
	if r.plan, err = plan(job, ctx); err != nil {
		return err
	}
	r.Steps, r.Refused, r.Edit = r.plan.Steps, r.plan.Refused, r.plan.Edit
	return nil
}

// open finds the one stack that the history means.
func (o ResolveOptions) open(ctx context.Context, ref drift.StackRef) (*fleet, error) {
	settings, err := settingsOf(o.CheckOptions)
	if err != nil {
		return nil, err
	}
	base, err := baseFolder(settings)
	if err != nil {
		return nil, err
	}
	if strings.Contains(ref.Path, "://") || filepath.Ext(ref.Path) == ".tfstate" {
		return nil, errors.New("it was checked by its state alone; check it with its code, and name what that finds")
	}
	one := o.CheckOptions
	one.Paths = []string{shortest(filepath.Join(base, filepath.FromSlash(ref.Path)))}
	one.Workspace = ref.Workspace
	one.only = func(s stack.Stack) bool { return s.ID() == ref.ID }
	found, err := findStacks(ctx, one)
	switch {
	case err != nil:
		return nil, err
	case len(found.candidates) == 0:
		return nil, errors.New("there is no such stack here; run it in the repository that was checked, with the same settings")
	case found.candidates[0].Err != nil:
		return nil, found.candidates[0].Err
	}
	return found, nil
}

// shortest is a path as seen from the current folder, if it is in or below that.
func shortest(path string) string {
	if current, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(current, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// rechecker looks at the chosen findings' resources again and again.
func rechecker(o ResolveOptions, chosen []Chosen, found *fleet) func(context.Context, bool, string) (drift.Stack, []Settled, error) {
	one := o.CheckOptions
	one.Selection, one.Trigger, one.NoAttribution, one.by = drift.Selection{}, "person", true, o.Actor
	for _, c := range chosen {
		one.Selection.Targets = append(one.Selection.Targets, c.Episode.Finding.Address)
	}
	return func(ctx context.Context, recorded bool, cutOff string) (drift.Stack, []Settled, error) {
		again := one
		again.NoHistory, again.cutOff = !recorded, cutOff
		run, settled, err := check(ctx, again, found)
		if err != nil {
			return drift.Stack{}, nil, err
		}
		return run.Stacks[0], settled, nil
	}
}

// choose takes the chosen findings as they are now, and refuses those that are not
// there any more, or that somebody has said are fine.
func (r *Resolution) choose(now drift.Stack, chosen []Chosen) {
	for _, c := range chosen {
		was := c.Episode.Finding
		i := slices.IndexFunc(now.Findings, func(f drift.Finding) bool { return f.ID == was.ID })
		if i < 0 {
			r.Refused = append(r.Refused, resolve.Look([]drift.Finding{was}, now)...)
			r.Findings = append(r.Findings, was)
			continue
		}
		f := now.Findings[i]
		r.Findings = append(r.Findings, f)
		switch {
		case c.ByID:
		case f.Status == drift.Waived:
			r.Refused = append(r.Refused, drift.Refusal{Address: f.Address, Why: "it is waived by " + f.Waiver.ID + ": " + f.Waiver.Reason, Next: "name it by its id, " + f.ID + ", to do it all the same"})
		case f.Status == drift.Ignored:
			r.Refused = append(r.Refused, drift.Refusal{Address: f.Address, Why: "holdfast.yaml ignores it: " + f.IgnoreReason, Next: "name it by its id, " + f.ID + ", to do it all the same"})
		}
	}
}

// job gathers what resolve needs of a stack. end ends the providers that it uses.
func (o ResolveOptions) job(ctx context.Context, found *fleet, at place, source bool) (job *resolve.Job, end func(), err error) {
	checker, end, err := newChecker(ctx, o.CheckOptions, found)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	s := found.candidates[0].Stack
	opened, err := checker.Open(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	binary, err := opened.Binary()
	if err != nil {
		return nil, nil, err
	}
	backups := cmp.Or(o.Backups, filepath.Join(found.base, historyFolder, "backups"))
	if o.Backups == "" && !store.IsURL(at.where) {
		backups = filepath.Join(filepath.Dir(at.where), "backups")
	}
	job = &resolve.Job{
		Stack: s, Binary: binary, Source: opened.State(), Options: opened.Options(), LockTimeout: o.LockTimeout, Backups: backups,
		Never: found.settings.Resolve.Protections(), Allowed: o.Allowed, Schema: opened.Schema, Redact: opened.Redact,
	}
	report, err := reportPlace(ReportOptions{}, found.settings)
	if err != nil {
		return nil, nil, err
	}
	job.Own = []string{report}
	if source {
		job.Code, err = o.code(ctx, found, checker, opened)
	}
	return job, end, err
}

// Close removes plans, which hold secrets, and ends providers.
func (r *Resolution) Close() {
	if r.plan != nil {
		r.plan.Close()
	}
	r.end()
}

// Apply does what the plan says, and tells by a check what has become of each
// finding, which is in the history then. interrupts are for Terraform; ctx alone
// ends nothing that has begun.
func (r *Resolution) Apply(ctx context.Context, interrupts <-chan os.Signal) ([]Outcome, error) {
	var intended []store.Outcome // what has begun
	err := r.plan.Apply(ctx, interrupts, func() error {
		list := r.outcomes(r.kind, "")
		err := r.record(ctx, func(s *store.Store) error { return s.Intend(ctx, list) })
		if err == nil {
			intended = list
		}
		return err
	})
	r.Backup = r.plan.Backup
	ctx = context.WithoutCancel(ctx) // what has begun is told to its end
	if len(intended) == 0 {
		return nil, errors.Join(err, r.Attempted(ctx, err.Error()))
	}
	note := finished
	if err != nil {
		note = err.Error()
	}
	done, standErr := r.stand(ctx, intended)
	now, settled, checkErr := r.recheck(ctx, true, note)
	return r.tell(now, done, settled, cmp.Or(standErr, checkErr)), err
}

// stand makes sure that what has begun is still to be settled. A check of somebody
// else's may have settled it meanwhile: if it saw that the drift was gone, that is
// done; if it did not, it could not know, and the next check settles it again.
func (r *Resolution) stand(ctx context.Context, intended []store.Outcome) (done map[string]bool, err error) {
	done = map[string]bool{}
	err = r.record(ctx, func(s *store.Store) error {
		left, err := begun(ctx, s)
		if err != nil {
			return err
		}
		known, err := s.Known(ctx, r.Stack.ID)
		if err != nil {
			return err
		}
		var again []store.Outcome
		for _, o := range intended {
			id := o.Finding.ID
			if slices.ContainsFunc(left[r.Stack.ID], func(l store.Outcome) bool { return l.Finding.ID == id }) {
				continue
			}
			done[id] = slices.ContainsFunc(known.Episodes, func(e drift.Episode) bool {
				return e.Finding.ID == id && e.Life == drift.Life(o.Kind) && !e.Ended.Before(o.At.Truncate(time.Millisecond))
			})
			if !done[id] {
				again = append(again, o)
			}
		}
		return s.Intend(ctx, again)
	})
	return done, err
}

// tell says what has become of each finding: done are those that somebody else's
// check has seen, settled those of our own.
func (r *Resolution) tell(now drift.Stack, done map[string]bool, settled []Settled, err error) []Outcome {
	var out []Outcome
	for _, f := range r.Findings {
		o := Outcome{Finding: f}
		i := slices.IndexFunc(settled, func(s Settled) bool { return s.Outcome.Finding.ID == f.ID })
		fate := drift.Look{Stack: now}.Fate(f)
		switch {
		case i >= 0:
			o.Done, o.Said = settled[i].Left == "", settled[i].Left
		case done[f.ID] && fate.Gone:
			o.Done = true
		case err != nil:
			o.Said = "what became of it is not known: " + err.Error()
		case fate.Gone:
			o.Said = "the drift is gone, and that could not be recorded; the next check does it"
		default:
			o.Said = fate.Left
		}
		out = append(out, o)
	}
	return out
}

// Attempted records that nothing was done, and why. A dry run is no attempt.
func (r *Resolution) Attempted(ctx context.Context, why string) error {
	if r.options.DryRun {
		return nil
	}
	return r.record(ctx, func(s *store.Store) error {
		for _, o := range r.outcomes(drift.EventAttempted, report.OneLine(why)) {
			if err := s.End(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *Resolution) outcomes(kind drift.EventKind, detail string) []store.Outcome {
	o := r.options
	var list []store.Outcome
	for _, f := range r.Findings {
		list = append(list, store.Outcome{
			Kind: kind, Stack: r.Stack, Finding: f, At: time.Now(), Reason: o.Reason, Ticket: o.Ticket, Actor: o.Actor, Detail: detail,
		})
	}
	return list
}

// record opens the history for a moment.
func (r *Resolution) record(ctx context.Context, f func(*store.Store) error) (err error) {
	if s := r.options.history; s != nil {
		return f(s)
	}
	s, err := openForWriting(ctx, r.place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(s)
}
