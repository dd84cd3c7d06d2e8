package cli

import (
	"fmt"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const verifyHelp = `Check the root modules at the given paths twice, by the direct engine and by
terraform plan, and print every resource of which the two say different things,
with both sides. Nothing is changed.

A plan takes as long as it always does, so verify a few stacks at a time.`

const verifyExitCodes = `
Exit codes:
  0  both engines say the same of every resource
  1  they differ somewhere, or something could not be checked
`

type verifyFlags struct {
	app.CheckOptions
	format  string
	noColor bool
}

func (p *program) verify() *cobra.Command {
	f := &verifyFlags{}
	cmd := &cobra.Command{
		Use: "verify [PATH...]", Short: "Check by both engines and print where they differ",
		Long: verifyHelp + "\n" + verifyExitCodes, Example: "  holdfast verify infrastructure --var-file=prod.tfvars",
		RunE: func(cmd *cobra.Command, args []string) error { return p.runVerify(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.format, "format", "table", "output format: table or json")
	stackFlags(flags, &f.CheckOptions)
	flags.IntVar(&f.Parallelism, "parallelism", 64, "how many resources the direct engine reads at the same time")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours; NO_COLOR does the same")
	return cmd
}

func (p *program) runVerify(cmd *cobra.Command, f *verifyFlags, args []string) error {
	if f.format != "table" && f.format != "json" {
		return &usageError{cmd.CommandPath(), fmt.Errorf("format %q: this version writes table and json", f.format)}
	}
	f.Paths, f.Env = args, p.env
	v, err := app.Verify(cmd.Context(), f.CheckOptions)
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	p.code = drift.ExitIncomplete
	if cmd.Context().Err() != nil {
		return nil //nolint:nilerr // half a comparison is none, and Main says why there is none
	}
	if v.Agree {
		p.code = drift.ExitClean
	}
	p.done = true
	if f.format == "json" {
		return report.VerificationJSON(p.stdout, v)
	}
	o := report.TableOptions{Width: terminalWidth(p.stdout)}
	o.Color = !f.noColor && colorprofile.Detect(p.stdout, p.env) > colorprofile.ASCII
	return report.Verification(p.stdout, v, o)
}
