package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
	"holdfast/internal/resolve/edit"
)

const acceptHelp = `Take reality into the code and the state. The findings are checked again, and the source
is edited where the value is written: only that value, with formatting and comments
kept. The edit is shown and asked for. Then it is written, a plan of it must leave
nothing to do, and terraform takes the objects into the state as they are; a check has
the last word. Where the place is not clear, nothing is done, and it says what to change
by hand.

With --patch or --branch, the edit is written there and nowhere else, for review: the
drift ends when that is merged and applied.

FINDING is an id, the start of one, or a resource's address, as the last check has
seen it. Without one, --stack, --cause and --waiver choose among all open findings.`

const acceptExamples = `  # the edit, and whether it would be refused
  holdfast accept b435 --dry-run

  holdfast accept b435 --reason 'the larger size stays' --ticket OPS-7

  # as a patch, or a commit on a branch, to be reviewed
  holdfast accept --stack live/prod --patch accept.patch
  holdfast accept b435 --branch accept/memory --reason 'the larger size stays'`

const acceptCodes = `
Exit codes:
  0  all is accepted, and a check has seen it; with --dry-run, --patch and --branch:
     the edit is complete
  1  refused, failed, or not to be told; the message says whether anything was changed
`

type acceptFlags struct {
	resolveFlags
	patch, branch string
}

func (p *program) accept() *cobra.Command {
	f := &acceptFlags{}
	cmd := &cobra.Command{
		Use: "accept [FINDING...]", Short: "Take reality into the code and the state",
		Long: acceptHelp + "\n" + acceptCodes, Example: acceptExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.names = args
			return p.runAccept(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.why(flags, "accepted", "--dry-run or --patch")
	flags.StringVar(&f.patch, "patch", "", "write the edit as a patch to `FILE`, - for standard output, and change nothing")
	flags.StringVar(&f.branch, "branch", "", "commit the edit on a new branch of this `NAME`, and change nothing else")
	flags.BoolVar(&f.RemovedBlock, "removed-block", false, "put a removed block in the place of what was deleted, for other copies of the module")
	f.choice.flags(flags)
	f.how(flags)
	return cmd
}

func (p *program) runAccept(cmd *cobra.Command, f *acceptFlags) error {
	usage := func(err error) error { return &usageError{cmd.CommandPath(), err} }
	given := cmd.Flags().Changed
	switch {
	case given("patch") && f.patch == "" || given("branch") && f.branch == "":
		return usage(errors.New("--patch and --branch need a name"))
	case f.patch != "" && f.branch != "":
		return usage(errors.New("--patch and --branch exclude each other"))
	case f.patch == "" && f.branch == "":
		return p.runResolve(cmd, &f.resolveFlags, verb{"accepted", app.PlanAccept})
	case f.branch != "" && f.Reason == "" && !f.DryRun:
		return usage(errors.New("--reason is required: the commit tells why"))
	}
	dry := f.DryRun
	f.DryRun = dry || f.patch != "" // a patch is no attempt
	list, err := p.planned(cmd, &f.resolveFlags, verb{"accepted", app.PlanProposal})
	if err != nil {
		return err
	}
	defer func() {
		for _, r := range list {
			r.Close()
		}
	}()
	return p.propose(cmd.Context(), f, dry, list)
}

// propose writes the edits to where somebody can look at them.
func (p *program) propose(ctx context.Context, f *acceptFlags, dry bool, list []*app.Resolution) error {
	shown := p.stdout
	if f.patch == "-" {
		shown = p.stderr
	}
	refusals, err := p.showResolutions(shown, list, &f.resolveFlags)
	if err != nil {
		return err
	}
	p.done, p.code = true, drift.ExitClean
	if refusals > 0 {
		p.code = drift.ExitIncomplete
	}
	all, err := app.Together(list)
	switch {
	case err != nil:
		return errors.Join(err, attempted(context.WithoutCancel(ctx), list, err.Error()))
	case refusals > 0 && (f.branch != "" || len(all.Files) == 0):
		fmt.Fprintln(shown, "refused; nothing was changed")
		return attempted(context.WithoutCancel(ctx), list, "refused")
	case len(all.Files) == 0:
		fmt.Fprintln(shown, "there is nothing to edit; nothing was changed")
		return nil
	case dry:
		fmt.Fprintln(shown, "this would be written; nothing was changed")
		return nil
	case f.patch != "":
		return p.writePatch(shown, f.patch, list[0].Base, all)
	}
	return p.commit(ctx, f.branch, list)
}

func (p *program) commit(ctx context.Context, branch string, list []*app.Resolution) error {
	commit, err := app.Branch(ctx, list, branch)
	if commit == "" {
		return errors.Join(err, attempted(context.WithoutCancel(ctx), list, err.Error()))
	}
	fmt.Fprintf(p.stdout, "committed on branch %s: %s\n", report.OneLine(branch), commit)
	return err
}

// writePatch writes the edit as a patch, and says how it is applied.
func (p *program) writePatch(w io.Writer, file, base string, e edit.Result) error {
	if file == "-" {
		if _, err := p.stdout.Write(e.Diff()); err != nil {
			return fmt.Errorf("writing the patch: %w", err)
		}
	} else if err := os.WriteFile(file, e.Diff(), 0o644); err != nil {
		return fmt.Errorf("writing the patch: %w", err)
	}
	command := "git apply"
	if e.Cut() {
		command += " --unidiff-zero"
	}
	fmt.Fprintf(w, "the patch is for %s, in %s\n", command, shortPath(base))
	return nil
}
