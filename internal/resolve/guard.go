package resolve

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// guards are the reasons for which not even a plan is made.
func (j *Job) guards(ctx context.Context) []drift.Refusal {
	out := append(j.unfit(), j.uncertain()...)
	if lock, err := j.Source.Lock(ctx); err == nil && lock != nil {
		out = append(out, drift.Refusal{Why: "the state is locked" + held(lock.Who, lock.Operation, lock.Created), Next: "wait until that is done; if nobody is at it any more, terraform force-unlock " + lock.ID})
	}
	return append(out, j.workTree(ctx, j.Stack.Dir, "its folder")...)
}

// uncertain are the findings that may be none, and those that an unsound state
// makes up: what is live is then right, and the state is not.
func (j *Job) uncertain() []drift.Refusal {
	var out []drift.Refusal
	for _, f := range j.Findings {
		if f.Cause != nil && f.Cause.Class == drift.CauseState {
			out = append(out, drift.Refusal{Address: f.Address, Why: f.Cause.Summary, Next: "mend the state first; holdfast state check says how"})
		}
		if f.Certainty != drift.Certain {
			out = append(out, drift.Refusal{Address: f.Address, Why: "the finding is only possible: " + f.Doubt, Next: "check it again when that is out of the way"})
		}
	}
	return out
}

// protected are the findings that holdfast.yaml keeps from being reverted.
func (j *Job) protected() []drift.Refusal {
	var out []drift.Refusal
	for _, f := range j.Findings {
		for _, p := range j.Never {
			if p.Protects(f) {
				out = append(out, drift.Refusal{Address: f.Address, Why: "holdfast.yaml says never: " + p.Reason, Next: "do it by hand, or change resolve.never"})
				break
			}
		}
	}
	return out
}

func held(who, operation string, since time.Time) string {
	text := ""
	if who != "" {
		text += " by " + who
	}
	if !since.IsZero() {
		text += " since " + since.UTC().Format(time.RFC3339)
	}
	if operation != "" {
		text += ", for " + strings.ToLower(strings.TrimPrefix(operation, "OperationType"))
	}
	return text
}

// unfit tells which stacks Terraform can't plan as they were checked.
func (j *Job) unfit() []drift.Refusal {
	s := j.Stack
	switch {
	case s.NoSource || s.StateNamed:
		return refused("its state was named by hand, and Terraform would use the one of the backend", "leave --state out")
	case s.Backend == "remote" || s.Backend == "cloud":
		return refused(fmt.Sprintf("with the backend %q an apply is a run in HCP Terraform", s.Backend), "start it there")
	case len(s.ProviderOverrides) > 0:
		return refused("the settings give it providers, which Terraform can't be told", "say the same by env in holdfast.yaml")
	}
	return nil
}

// mostChanged is how many files that are not committed are named.
const mostChanged = 5

// workTree refuses a folder with changes that are not committed.
func (j *Job) workTree(ctx context.Context, dir, what string) []drift.Refusal {
	if j.Allowed.Dirty {
		return nil
	}
	changed, err := uncommitted(ctx, dir, j.Own)
	const next = "--allow-dirty goes on all the same"
	switch {
	case err != nil:
		return refused("whether "+what+" has changes that are not committed can't be told: "+err.Error(), next)
	case len(changed) == 0:
		return nil
	}
	names := strings.Join(changed[:min(len(changed), mostChanged)], ", ")
	if more := len(changed) - mostChanged; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return refused(what+" has changes that are not committed: "+names, "commit them, or put them away; "+next)
}
