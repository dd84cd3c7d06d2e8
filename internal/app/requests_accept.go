package app

import (
	"context"
	"fmt"

	"holdfast/internal/drift"
	"holdfast/internal/resolve"
	"holdfast/internal/resolve/edit"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// accept takes what is live into the code of a request's source: as a branch that
// is pushed where the source has credentials for that, else as a patch. No
// infrastructure and no folder is changed, so that it can be done again.
func (s *site) accept(ctx context.Context, r *store.Request) (state string, err error) {
	source := s.sources.byName[r.Source]
	branch := "holdfast/accept-" + r.ID
	if pushes(source) {
		if commit, err := s.sources.pushed(ctx, source, branch); err != nil || commit != "" {
			r.Branch, r.Commit, r.Outcome = branch, commit, "Committed on the branch "+branch+"."
			return endOf(err), err
		}
	}
	o, release, err := s.resolveOptions(ctx, *r)
	if err != nil {
		return "", err
	}
	defer release()
	o.DryRun = !pushes(source) // a patch is no attempt
	list, err := s.planned(ctx, o, r, PlanProposal)
	if err != nil || len(list) == 0 {
		return endOf(err), err
	}
	defer list[0].Close()
	return s.propose(ctx, r, list, branch)
}

// propose writes the edits to where somebody can review them.
func (s *site) propose(ctx context.Context, r *store.Request, list []*Resolution, branch string) (state string, err error) {
	one := list[0]
	switch why := refusals(list); {
	case why != "":
		r.Outcome = why
		return store.RequestRefused, one.Attempted(ctx, "refused")
	case len(one.Edit.Files) == 0:
		r.Outcome = "There is nothing to edit: the code says already what is live."
		return store.RequestDone, nil
	}
	source := s.sources.byName[r.Source]
	if !pushes(source) {
		r.Patch, r.Outcome = string(one.Edit.Diff()), "The edit is a patch, for "+applied(one.Edit)+" in the folder of holdfast.yaml."
		return store.RequestDone, nil
	}
	story := resolve.Story(one.Findings, r.Reason, r.Ticket, one.options.Actor)
	if r.Commit, err = s.push(ctx, source, one.job.Stack.Dir, branch, story, one.Edit); err != nil {
		return "", err
	}
	r.Branch, r.Outcome = branch, "Committed on the branch "+branch+", and pushed."
	return store.RequestDone, one.proposed(ctx, "on branch "+branch)
}

// applied is the command that applies an edit's patch.
func applied(e edit.Result) string {
	if e.Cut() {
		return "git apply --unidiff-zero"
	}
	return "git apply"
}

// proposed records that the edit of a resolution is where detail says.
func (r *Resolution) proposed(ctx context.Context, detail string) error {
	return r.record(ctx, func(s *store.Store) error {
		for _, one := range r.outcomes(drift.EventProposed, detail) {
			if err := s.End(ctx, one); err != nil {
				return err
			}
		}
		return nil
	})
}

// pushes reports whether branches are pushed to a source.
func pushes(s stack.Source) bool { return s.Git != "" && s.Push != (stack.Credentials{}) }

// pushed is the commit of a branch that was pushed to a source; "" for none.
func (s *openSources) pushed(ctx context.Context, source stack.Source, branch string) (string, error) {
	return s.cache.Branch(ctx, s.repo(source, source.Push), branch)
}

// push commits an edit of a checked-out tree, and pushes it as a new branch.
func (s *site) push(ctx context.Context, source stack.Source, dir, branch, story string, e edit.Result) (commit string, err error) {
	local := "holdfast-local/" + store.NewRequestID() // every attempt has its own
	if commit, err = resolve.Branch(ctx, dir, local, story, e); err != nil {
		return "", fmt.Errorf("committing the edit: %w", err)
	}
	if err := s.sources.cache.Push(ctx, s.sources.repo(source, source.Push), branch, commit, local); err != nil {
		return "", fmt.Errorf("pushing the branch %s: %w", branch, err)
	}
	return commit, nil
}
