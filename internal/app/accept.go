package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/resolve"
	"holdfast/internal/resolve/edit"
)

// PlanAccept checks findings again, stack by stack, and works out the edits of the
// source that take them in. It changes nothing, and closes what it gives if it
// fails.
func PlanAccept(ctx context.Context, o ResolveOptions, chosen []Chosen) ([]*Resolution, error) {
	return planEach(ctx, o, chosen, drift.EventAccepted, (*resolve.Job).Accept)
}

// PlanProposal is PlanAccept for edits that somebody else applies: no state is
// locked or changed, and the work tree may have changes.
func PlanProposal(ctx context.Context, o ResolveOptions, chosen []Chosen) ([]*Resolution, error) {
	return planEach(ctx, o, chosen, drift.EventProposed, func(j *resolve.Job, _ context.Context) (*resolve.Plan, error) { return j.Propose() })
}

// code is the stack's source, to be edited.
func (o ResolveOptions) code(ctx context.Context, found *fleet, checker *detect.Checker, opened *detect.Opened) (edit.Input, error) {
	s := found.candidates[0].Stack
	in := edit.Input{
		Repository: found.base, Dir: s.Dir, DataDir: s.DataDir, Tofu: s.Tofu, Forget: o.RemovedBlock,
		Setting: edit.Setting{Workspace: s.Workspace, Env: s.Env, Options: opened.Options(), Values: opened.Values()},
		Schema: func(addr drift.Address) *schema.Block { //nolint:contextcheck // its provider has been started
			sch, err := opened.Schema(opened.ProviderOf(addr), addr.Type)
			if err != nil || sch == nil {
				return nil
			}
			return sch.Block
		},
	}
	others, err := o.others(ctx, found, checker)
	in.Others = others
	return in, err
}

// others are the other stacks of the same root module: an edit for one must leave
// them as they are.
func (o ResolveOptions) others(ctx context.Context, found *fleet, checker *detect.Checker) (map[string]edit.Setting, error) {
	mine := found.candidates[0].Stack
	all := o.CheckOptions
	all.Paths, all.Workspace = []string{shortest(mine.Dir)}, ""
	siblings, err := findStacks(ctx, all)
	if err != nil {
		return nil, err
	}
	others := map[string]edit.Setting{}
	for _, c := range siblings.candidates {
		s := c.Stack
		switch {
		case c.Err != nil && s.Path == all.Paths[0]:
			return nil, fmt.Errorf("another stack has the same code and can't be read, so nobody can tell whether an edit changes it: %w", c.Err)
		case c.Err != nil, s.ID() == mine.ID(), s.Dir != mine.Dir:
			continue
		}
		options, err := checker.Options(s)
		if err != nil {
			return nil, err
		}
		ref := drift.StackRef{ID: s.ID(), Path: s.Path, Workspace: s.Workspace, Name: s.Name}
		others[ref.String()] = edit.Setting{Workspace: s.Workspace, Env: s.Env, Options: options}
	}
	return others, nil
}

// Branch commits the edits of all resolutions on a new branch, and records that
// they are proposed there. With a commit, an error says that the history doesn't
// tell of it.
func Branch(ctx context.Context, list []*Resolution, name string) (commit string, err error) {
	if len(list) == 0 {
		return "", errors.New("there is nothing to commit")
	}
	all, err := Together(list)
	if err != nil {
		return "", err
	}
	var findings []drift.Finding
	for _, r := range list {
		findings = append(findings, r.Findings...)
	}
	o := list[0].options
	dir := list[0].job.Stack.Dir
	commit, err = resolve.Branch(ctx, dir, name, resolve.Story(findings, o.Reason, o.Ticket, o.Actor), all)
	if err != nil {
		return "", err
	}
	for _, r := range list {
		err = errors.Join(err, r.proposed(ctx, "on branch "+name))
	}
	return commit, err
}

// Together are the edits of all resolutions as one. Two stacks may want the same
// file edited, each in its way: that is one too many.
func Together(list []*Resolution) (edit.Result, error) {
	var all edit.Result
	by := map[string]string{}
	for _, r := range list {
		for _, f := range r.Edit.Files {
			path := filepath.Clean(f.Path)
			if other, ok := by[path]; ok {
				return all, fmt.Errorf("%s would be edited for %s and for %s; accept one after the other", f.Name, other, r.Stack)
			}
			by[path] = r.Stack.String()
		}
	}
	for _, r := range list {
		all = all.With(r.Edit)
	}
	return all, nil
}
