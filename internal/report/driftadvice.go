package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// argument is a path as an argument: never mistaken for a flag.
func argument(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return shellWord(path)
}

func isURL(path string) bool { return strings.Contains(path, "://") }

func (d *draft) method() string {
	var lines []string
	for _, s := range d.Stacks {
		if isURL(s.Path) {
			lines = append(lines, "holdfast check --state "+argument(s.Path))
		}
	}
	if len(lines) < len(d.Stacks) || len(lines) == 0 {
		check := "holdfast check"
		if len(d.Stacks) == 1 && d.Stacks[0].Path != "." {
			check += " " + argument(d.Stacks[0].Path)
		}
		lines = append([]string{check}, lines...)
	}
	lines = append(lines, "holdfast report", "",
		"# Exit codes of holdfast check:",
		"# 0 = everything was checked and is clean",
		"# 1 = no drift found, but something could not be checked, or a state is unsound",
		"# 2 = drift")
	var b strings.Builder
	b.WriteString("## Drift Detection Method\n\nA check asks the Terraform providers what is real and what they would put back. It only reads.\n\n")
	b.WriteString(mdFence("bash", lines))
	b.WriteString("\nThe same by hand, which also counts code that is not applied yet:\n\n")
	b.WriteString(mdFence("bash", []string{
		"cd " + argument(d.someFolder()), "terraform plan -detailed-exitcode", "",
		"# Exit codes:", "# 0 = no changes", "# 1 = error", "# 2 = changes detected (drift)",
	}))
	return b.String()
}

// someFolder is a stack's folder, that of the first finding if there is one.
func (d *draft) someFolder() string {
	if len(d.open) > 0 && !isURL(d.open[0].Stack.Path) {
		return d.open[0].Stack.Path
	}
	for _, s := range d.Stacks {
		if !isURL(s.Path) {
			return s.Path
		}
	}
	return "."
}

func (d *draft) resolution() string {
	var b strings.Builder
	b.WriteString("## Drift Resolution Procedure\n\n")
	b.WriteString("1. **Identify**: Run `holdfast check` (or `terraform plan`) to detect drift")
	if n := len(d.open); n > 0 {
		fmt.Fprintf(&b, "; %s listed under [Open Drift](#open-drift)", findings(n))
	}
	b.WriteString("\n2. **Analyze**: Review changes for:\n")
	d.analysis(&b)
	b.WriteString("3. **Remediate**:\n   - If drift is acceptable: take it into the code, with `holdfast accept`, or by hand and with `terraform apply`\n   - If drift is unacceptable: revert it, with `holdfast revert`\n")
	b.WriteString("4. **Document**: Write the reason into the finding's row of the [Drift History](#drift-history); `holdfast report` keeps it\n")
	d.remedies(&b)
	return b.String()
}

// analysis lists what a finding may come of, and how many come of it where that
// was looked for.
func (d *draft) analysis(b *strings.Builder) {
	counts, looked := d.causes()
	for _, kind := range []struct {
		class  drift.CauseClass
		name   string
		always bool
	}{
		{drift.CauseConsole, "Manual console modifications", true},
		{drift.CauseCLI, "Manual changes from a command line", false},
		{drift.CauseAutomation, "External automation", true},
		{drift.CauseCode, "Infrastructure code elsewhere", false},
		{drift.CauseService, "AWS services", false},
		{drift.CauseState, "State file corruption", true},
		{drift.CauseUnknown, "Unknown causes", false},
	} {
		switch n := counts[kind.class]; {
		case !looked && kind.always:
			fmt.Fprintf(b, "   - %s\n", kind.name)
		case !looked:
		case n > 0:
			fmt.Fprintf(b, "   - %s: **%s**\n", kind.name, count(n, "open finding"))
		case kind.class == drift.CauseState && d.unsound() > 0:
			fmt.Fprintf(b, "   - %s: **%s**, that explain no open finding\n", kind.name, count(d.unsound(), "fault"))
		case kind.always:
			fmt.Fprintf(b, "   - %s: none found\n", kind.name)
		}
	}
}

// causes counts the open findings by what they come of. looked: somebody looked
// for it.
func (d *draft) causes() (counts map[drift.CauseClass]int, looked bool) {
	counts = map[drift.CauseClass]int{}
	for _, e := range d.open {
		class := drift.CauseUnknown
		if c := asked(e.Finding); c != nil {
			class, looked = c.Class, true
		}
		counts[class]++
	}
	return counts, looked
}

// unsound counts the faults of states that make a check fail.
func (d *draft) unsound() int {
	n := 0
	for _, s := range d.Stacks {
		for _, fault := range s.Integrity {
			if fault.Severity == drift.SeverityError {
				n++
			}
		}
	}
	return n
}

// remedies are the commands for the findings that are open.
func (d *draft) remedies(b *strings.Builder) {
	for i, e := range d.open {
		if i == maxListed {
			fmt.Fprintf(b, "\nFor the other %d findings the commands are the same, with their addresses.\n", len(d.open)-i)
			return
		}
		if i == 0 {
			b.WriteString("\n### Commands for the Open Findings\n")
		}
		fmt.Fprintf(b, "\n%s:\n\n%s", mdCode(d.place(e.Stack, e.Finding.Address)), mdFence("bash", remedy(e)))
	}
}

// putBack are the commands that put a finding back: ours, where the code is at
// hand, and Terraform's.
func putBack(e drift.Episode) []string {
	byHand := "terraform apply " + shellWord("-target="+e.Finding.Address)
	if isURL(e.Stack.Path) {
		return []string{byHand}
	}
	return []string{revertCommand(e), "# or by hand, after a look at the plan", byHand}
}

// revertCommand is ours.
func revertCommand(e drift.Episode) string {
	command := "holdfast revert " + shellWord(e.Finding.ID) + " --reason REASON"
	if len(replacing(e.Finding)) > 0 {
		command += " --allow-replace " + shellWord(e.Finding.Address)
	}
	return command
}

// acceptCommand takes a finding in; "" where only the state is at hand.
func acceptCommand(e drift.Episode) string {
	if isURL(e.Stack.Path) {
		return ""
	}
	return "holdfast accept " + shellWord(e.Finding.ID) + " --reason REASON"
}

func remedy(e drift.Episode) []string {
	target := shellWord("-target=" + e.Finding.Address)
	var lines []string
	if !isURL(e.Stack.Path) && e.Stack.Path != "." {
		lines = append(lines, "cd "+argument(e.Stack.Path))
	}
	if e.Stack.Workspace != "" && e.Stack.Workspace != "default" {
		lines = append(lines, "terraform workspace select "+argument(e.Stack.Workspace))
	}
	lines = append(lines, "# look at it again", "terraform plan "+target)
	keep := []string{"# acceptable: "}
	if command := acceptCommand(e); command != "" {
		keep = []string{"# acceptable: take it into the code and the state", command, "# or by hand: "}
	}
	last := len(keep) - 1
	if e.Finding.Kind == drift.Deleted {
		keep[last] += "take it out of the code, then out of the state"
		return slices.Concat(lines, []string{"# unacceptable: create it again"}, putBack(e), keep, []string{"terraform state rm " + shellWord(e.Finding.Address)})
	}
	keep[last] += "set in the code, then apply:"
	revert := "# unacceptable: put it back"
	if len(replacing(e.Finding)) > 0 {
		revert += ", which replaces the resource"
	}
	lines = slices.Concat(lines, []string{revert}, putBack(e), keep)
	for _, c := range e.Finding.Changes {
		switch {
		case c.Sensitive:
			lines = append(lines, "#   "+c.Path+" (sensitive: take it from where it was changed)")
		default:
			lines = append(lines, "#   "+c.Path+" = "+abridged(show(c.Actual), 120))
		}
	}
	return append(lines, "terraform apply")
}

func (d *draft) notes() string {
	var b strings.Builder
	b.WriteString("## Notes\n\n- Infrastructure is defined in code (Terraform)\n- All changes must go through that code; a change made by hand is drift, and listed here\n")
	if d.Schedule != "" {
		fmt.Fprintf(&b, "- Drift checks run on the schedule %s\n", mdCode(d.Schedule))
	} else {
		b.WriteString("- Drift checks run when somebody starts them\n")
	}
	b.WriteString("- A check only reads: it changes no infrastructure and no state, and takes no lock\n")
	b.WriteString("- Sensitive values are never written into this report\n")
	return b.String()
}

// soon is how long before its end a waiver or a rule is worth a reminder.
const soon = 14 * 24 * time.Hour

func (d *draft) nextSteps() string {
	var steps []string
	if n := len(d.open); n > 0 {
		steps = append(steps, fmt.Sprintf("Resolve what is open (%s), or document why it may stay", count(n, "finding")))
	}
	if d.Schedule == "" {
		steps = append(steps, "Set up automated drift detection: run `holdfast check` and `holdfast report` from a scheduled job (GitHub Actions, cron), and say when under `schedule` in `holdfast.yaml`")
	}
	if !d.Alerts {
		steps = append(steps, "Configure alerts for drift events: `alerts` in `holdfast.yaml`")
	}
	steps = append(steps, d.ending()...)
	if sum := drift.Summarize(d.Stacks); sum.Incomplete+sum.Errored > 0 {
		steps = append(steps, "Make everything checkable: `holdfast doctor` says what is missing")
	}
	if len(d.Waivers) == 0 {
		steps = append(steps, "Document all justified manual changes in advance: in `waivers.yaml`, with a reason, an owner and an end")
	}
	var b strings.Builder
	b.WriteString("## Next Steps\n\n")
	if len(steps) == 0 {
		b.WriteString("Nothing is left to set up.\n")
	}
	for i, step := range steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, step)
	}
	return b.String()
}

// ending names waivers and rules that end soon, as seen from the last check.
func (d *draft) ending() []string {
	var steps []string
	remind := func(what string, until time.Time, reason string) {
		// Until is the last day on which it holds.
		if left := until.AddDate(0, 0, 1).Sub(d.Run.FinishedAt); until.IsZero() || left > soon {
			return
		}
		steps = append(steps, fmt.Sprintf("Renew or end, before it ends on %s: %s%s", day(until), what, because("", reason, "")))
	}
	for _, r := range d.Ignore {
		what := strings.TrimSpace(mdCode(string(r.Address)) + " " + mdCode(r.Type))
		remind("the rule for "+what, r.Until, r.Reason)
	}
	for _, w := range d.Waivers {
		if w.State(d.Run.FinishedAt) != drift.WaiverActive {
			continue
		}
		var addresses []string
		for _, a := range w.Addresses {
			addresses = append(addresses, mdCode(string(a)))
		}
		remind("the waiver "+mdCode(w.ID)+" of "+strings.Join(addresses, ", "), w.Until, w.Reason)
	}
	return slices.Compact(steps)
}
