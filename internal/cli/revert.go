package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const revertHelp = `Put drift back to what the code says, and touch nothing else. The findings are checked
again, terraform plans them alone, and the plan is held against them: whatever it
would do beyond putting the drift back is shown and refused, unless it is allowed by
name. Then it is shown, asked for, applied, and checked again.

FINDING is an id, the start of one, or a resource's address, as the last check has
seen it. Without one, --stack, --cause and --waiver choose among all open findings.`

const revertExamples = `  # what would be done, and whether it would be refused
  holdfast revert b435 --dry-run

  holdfast revert b435 --reason 'changed by mistake in the console' --ticket OPS-7
  holdfast revert aws_lambda_function.app aws_sqs_queue.jobs --reason incident --yes

  # everything that somebody clicked together in one stack
  holdfast revert --stack live/prod --cause manual-console --reason 'not reviewed'`

const revertCodes = `
Exit codes:
  0  all is reverted, and a check has seen it; with --dry-run: it would be done
  1  refused, failed, or not to be told; the message says whether anything was changed
`

// resolveFlags are those of accept and revert.
type resolveFlags struct {
	app.ResolveOptions
	choice
	yes     bool
	full    bool
	noColor bool
}

// verb is what is done about findings.
type verb struct {
	done string // what it is called when it is done
	plan func(context.Context, app.ResolveOptions, []app.Chosen) ([]*app.Resolution, error)
}

func (p *program) revert() *cobra.Command {
	f := &resolveFlags{}
	cmd := &cobra.Command{
		Use: "revert [FINDING...]", Short: "Put drift back to what the code says, and touch nothing else",
		Long: revertHelp + "\n" + revertCodes, Example: revertExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.names = args
			return p.runResolve(cmd, f, verb{"reverted", app.PlanRevert})
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.why(flags, "reverted", "--dry-run")
	f.choice.flags(flags)
	flags.StringArrayVar(&f.Allowed.Addresses, "allow", nil, "let the plan change what has not drifted of this `ADDRESS`, or output.NAME; may be repeated")
	flags.StringArrayVar(&f.Allowed.Replace, "allow-replace", nil, "let the plan replace the resource at `ADDRESS`; may be repeated")
	f.how(flags)
	return cmd
}

// why are the flags that say why it is done, and whether to ask.
func (f *resolveFlags) why(flags *pflag.FlagSet, done, unless string) {
	flags.StringVar(&f.Reason, "reason", "", "why it is "+done+", for the history (required, unless "+unless+")")
	flags.StringVar(&f.Ticket, "ticket", "", "where it is documented further")
	flags.StringVar(&f.Actor, "actor", "", "who does it; git's user.email or the user's name without it")
	flags.BoolVar(&f.DryRun, "dry-run", false, "show what would be done, and stop")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do it without asking")
}

// how are the flags that say how stacks are opened, and shown.
func (f *resolveFlags) how(flags *pflag.FlagSet) {
	flags.BoolVar(&f.Allowed.Dirty, "allow-dirty", false, "go on though the stack's folder has changes that are not committed")
	flags.DurationVar(&f.LockTimeout, "lock-timeout", 0, "how long terraform waits for the state's lock")
	openFlags(flags, &f.CheckOptions)
	flags.BoolVar(&f.full, "full", false, "all of long values")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours; NO_COLOR does the same")
}

// planned chooses findings and plans what is to be done about them.
func (p *program) planned(cmd *cobra.Command, f *resolveFlags, v verb) ([]*app.Resolution, error) {
	f.Env, f.Now = p.env, p.now
	f.Warn = func(err error) { fmt.Fprintf(p.stderr, "holdfast: warning: %v\n", err) }
	chosen, err := f.choose(cmd.Context(), app.HistoryOptions{Config: f.Config, Store: f.Store})
	if err != nil {
		return nil, err
	}
	if f.Actor == "" {
		f.Actor = app.Actor(cmd.Context())
	}
	return v.plan(cmd.Context(), f.ResolveOptions, chosen)
}

func (p *program) runResolve(cmd *cobra.Command, f *resolveFlags, v verb) error {
	usage := func(err error) error { return &usageError{cmd.CommandPath(), err} }
	ctx := cmd.Context()
	if f.Reason == "" && !f.DryRun {
		return usage(errors.New("--reason is required: the history tells why"))
	}
	if !f.yes && !f.DryRun && !isTerminal(os.Stdin) {
		return usage(errors.New("there is no terminal to ask at; say --yes, or --dry-run to see what would be done"))
	}
	list, err := p.planned(cmd, f, v)
	if err != nil {
		return err
	}
	defer func() {
		for _, r := range list {
			r.Close()
		}
	}()
	refusals, err := p.showResolutions(p.stdout, list, f)
	if err != nil {
		return err
	}
	if f.DryRun && refusals == 0 {
		p.done = true
		fmt.Fprintln(p.stdout, "this would be done; nothing was changed")
		return nil
	}
	p.code = drift.ExitIncomplete
	why := p.declined(ctx, f, refusals)
	if why == "" {
		p.done = true // from here on, what has become of it is said
		if p.resolveAll(ctx, list, v) {
			p.code = drift.ExitClean
		}
		return p.refreshReport(context.WithoutCancel(ctx), f.CheckOptions)
	}
	p.done = ctx.Err() == nil
	fmt.Fprintln(p.stdout, why)
	return attempted(context.WithoutCancel(ctx), list, why)
}

// showResolutions shows what would be done, and counts why it isn't.
func (p *program) showResolutions(w io.Writer, list []*app.Resolution, f *resolveFlags) (refusals int, err error) {
	o := report.ShowOptions{Width: terminalWidth(w), Full: f.full}
	o.Color = !f.noColor && colorprofile.Detect(w, p.env) > colorprofile.ASCII
	for _, r := range list {
		refusals += len(r.Refused)
		err = errors.Join(err, report.Resolution(w, r.Stack, r.Steps, r.Refused, r.Edit.Diff(), o))
		for _, file := range r.Edit.Files {
			if file.Shared {
				fmt.Fprintf(w, "%s is outside this root module: other root modules may use it\n", report.OneLine(file.Name))
			}
		}
	}
	return refusals, err
}

// declined says why it isn't done; "" where it is.
func (p *program) declined(ctx context.Context, f *resolveFlags, refusals int) string {
	switch {
	case refusals > 0:
		return "refused; nothing was changed"
	case ctx.Err() != nil:
		return "interrupted; nothing was changed"
	case f.yes || p.confirm(ctx, "Do this?"):
		return ""
	}
	return "not confirmed; nothing was changed"
}

// attempted records why nothing was done, for each stack with its own reasons.
func attempted(ctx context.Context, list []*app.Resolution, why string) error {
	var errs []error
	for _, r := range list {
		said := why
		if len(r.Refused) > 0 {
			said = "refused"
			for _, reason := range r.Refused {
				said += "; " + reason.String()
			}
		}
		errs = append(errs, r.Attempted(ctx, said))
	}
	return errors.Join(errs...)
}

// resolveAll does one after the other, and reports whether all drift is gone. After
// one that fails, no further one is begun.
func (p *program) resolveAll(ctx context.Context, list []*app.Resolution, v verb) bool {
	interrupts := make(chan os.Signal, 8)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)
	for n, r := range list {
		fmt.Fprintf(p.stderr, "holdfast: applying to %s\n", report.OneLine(r.Stack.String()))
		outcomes, err := r.Apply(ctx, interrupts)
		all := len(outcomes) > 0
		for _, o := range outcomes {
			all = all && o.Done
			said := v.done
			if !o.Done {
				said = "not " + v.done + ": " + o.Said
			}
			fmt.Fprintf(p.stdout, "%s  %s  %s\n", o.Finding.ID, report.OneLine(o.Finding.Address), report.OneLine(said))
		}
		for _, file := range r.Edit.Files {
			if all {
				fmt.Fprintf(p.stdout, "edited, and to be committed: %s\n", report.OneLine(file.Name))
			}
		}
		if r.Backup != "" {
			fmt.Fprintf(p.stdout, "the state of before: %s\n", shortPath(r.Backup))
		}
		if err != nil {
			fmt.Fprintf(p.stderr, "holdfast: %s: %v\n", report.OneLine(r.Stack.String()), err)
		}
		if !all {
			for _, left := range list[n+1:] {
				why := "not begun, because of " + r.Stack.String()
				fmt.Fprintf(p.stdout, "%s: %s\n", report.OneLine(left.Stack.String()), why)
				if err := left.Attempted(context.WithoutCancel(ctx), why); err != nil {
					fmt.Fprintf(p.stderr, "holdfast: %v\n", err)
				}
			}
			return false
		}
	}
	return true
}
