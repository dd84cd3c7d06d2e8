package resolve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/resolve/edit"
	"holdfast/internal/terraform"
)

// Accept works out the edit that takes the findings into the source, unless a
// guard refuses. It changes nothing. An error says that the source can't be read.
func (j *Job) Accept(ctx context.Context) (*Plan, error) {
	p, err := j.begin(ctx, nil)
	if err != nil || len(p.Refused) > 0 {
		return p, err
	}
	p.apply = p.takeIn
	if err := p.edit(); err != nil {
		return p, err
	}
	p.Refused = append(p.Refused, j.sharedTree(ctx, p.Edit)...)
	return p, nil
}

// Propose is Accept for an edit that somebody else will apply: nothing counts but
// the source, and that the findings are certain.
func (j *Job) Propose() (*Plan, error) {
	p := &Plan{job: j, Refused: j.uncertain()}
	if len(p.Refused) > 0 {
		return p, nil
	}
	err := p.edit()
	return p, err
}

// sharedTree refuses what is not committed beside the edited files outside the
// stack's own folder.
func (j *Job) sharedTree(ctx context.Context, e edit.Result) []drift.Refusal {
	var out []drift.Refusal
	seen := map[string]bool{}
	for _, f := range e.Files {
		if dir := filepath.Dir(f.Path); f.Shared && !seen[dir] {
			seen[dir] = true
			out = append(out, j.workTree(ctx, dir, "the folder of "+f.Name)...)
		}
	}
	return out
}

// edit works the edit out, and shows it.
func (p *Plan) edit() (err error) {
	in := p.job.Code
	in.Findings = p.job.Findings
	if p.Edit, err = edit.Plan(in); err != nil {
		return fmt.Errorf("editing the source: %w", err)
	}
	for _, f := range p.job.Findings {
		if slices.Contains(p.Edit.Edited, f.Address) {
			p.Steps = append(p.Steps, drift.Step{Address: f.Address, Action: "accept", Changes: f.Changes})
		}
	}
	for _, r := range p.Edit.Refusals {
		p.Refused = append(p.Refused, refusalOf(r))
	}
	return nil
}

func refusalOf(r edit.Refusal) drift.Refusal {
	why := r.Reason
	if r.At != nil {
		why += fmt.Sprintf(" (%s:%d)", r.At.File, r.At.Line)
	}
	return drift.Refusal{Address: r.Address, Path: r.Path, Why: why, Next: r.ByHand}
}

// takeIn writes the edit, proves by a plan that it leaves nothing to do, and has
// Terraform take the objects into the state as they are. Where it comes to nothing,
// the source is as it was before.
func (p *Plan) takeIn(ctx context.Context, interrupts <-chan os.Signal) error {
	if err := p.Edit.Write(); err != nil {
		return &RefusedError{refused(err.Error(), "run it again")}
	}
	if err := p.provable(ctx); err != nil {
		return p.takeBack(err)
	}
	if err := p.job.applyCmd(p.file()).RunOut(interrupts, p.dir); err != nil { //nolint:contextcheck // it must come to its own end
		return fmt.Errorf("the source is edited, and the state is not known to be refreshed (terraform apply -refresh-only does it): %w", err)
	}
	return nil
}

func (p *Plan) takeBack(err error) error {
	if restore := p.Edit.Restore(); restore != nil {
		return errors.Join(err, fmt.Errorf("the source stays edited: %w", restore))
	}
	return err
}

// provable plans the refresh, and then the edited source. Whatever the second plan
// would do, to the findings or to what they depend on, is a reason not to go on: the
// refresh takes all of it into the state. In this order, nothing that the refresh
// has seen is missed.
func (p *Plan) provable(ctx context.Context) error {
	if _, err := p.make(ctx, append([]string{"-refresh-only"}, p.job.targets()...)); err != nil {
		return err
	}
	proof := &Plan{job: p.job}
	defer proof.Close()
	plan, err := proof.make(ctx, p.job.targets())
	if err != nil {
		return err
	}
	if left := Left(plan, p.job.Findings); len(left) > 0 {
		return &RefusedError{left}
	}
	return ctx.Err() // an interrupt is not for the apply, which has not begun
}

// Left is why reality is not taken into the state: what a plan of the edited source
// would still do about what is accepted, and drift of what that depends on, which
// the same refresh would take in. Code of something else that is not applied yet
// is no reason.
func Left(plan *terraform.Plan, findings []drift.Finding) []drift.Refusal {
	var out []drift.Refusal
	drifted := map[string]bool{}
	for _, d := range plan.Drift {
		drifted[d.Address] = true
	}
	for i := range plan.Changes {
		c := &plan.Changes[i]
		action := actionOf(c)
		mine := slices.ContainsFunc(findings, func(f drift.Finding) bool { return f.Address == c.Address })
		switch {
		case c.Mode != drift.Managed || action == "no-op" || action == "forget" && mine:
		case mine:
			out = append(out, drift.Refusal{Address: c.Address, Why: "a plan of the edited source would still " + action + " it", Next: "accept it by hand, or revert it"})
		case drifted[c.Address]:
			out = append(out, drift.Refusal{Address: c.Address, Why: "what is accepted depends on it, and it has drifted too", Next: "accept or revert it as well, or first"})
		}
	}
	if len(plan.Deferred) > 0 {
		out = append(out, drift.Refusal{Why: "Terraform put off a part of the plan", Next: "run terraform plan to see which"})
	}
	return out
}

// Story is what a commit of the edit says. What comes from outside can't add lines
// to it, which might read as trailers.
func Story(findings []drift.Finding, reason, ticket, actor string) string {
	subject := "Accept drift of " + report.OneLine(findings[0].Address)
	if more := len(findings) - 1; more > 0 {
		subject += fmt.Sprintf(" and %d more", more)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nWhat is live becomes what the code says: %s\n\n", subject, report.OneLine(reason))
	for _, f := range findings {
		fmt.Fprintf(&b, "- %s %s: %s", f.ID, report.OneLine(f.Address), report.OneLine(f.What()))
		if f.Cause.Known() {
			fmt.Fprintf(&b, "; %s", report.OneLine(f.Cause.Summary))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for _, line := range []struct{ name, value string }{{"Ticket", ticket}, {"Accepted-by", actor}} {
		if line.value != "" {
			fmt.Fprintf(&b, "%s: %s\n", line.name, report.OneLine(line.value))
		}
	}
	return b.String()
}
