package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const doctorHelp = `Look at all that a check of the root modules at the given paths needs: source,
state, lock file, providers and their configuration. Providers are started and
configured; no resource is read and nothing is changed.`

const doctorExitCodes = `
Exit codes:
  0  a check has all it needs
  1  something is missing; what to do is said
`

func (p *program) doctor() *cobra.Command {
	o := &app.CheckOptions{}
	cmd := &cobra.Command{
		Use: "doctor [PATH...]", Short: "Say what is missing for a check", Long: doctorHelp + "\n" + doctorExitCodes,
		Example: "  holdfast doctor infrastructure",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Paths, o.Env = args, p.env
			list, err := app.Diagnose(cmd.Context(), *o)
			if err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			for _, d := range list {
				sign := "ok  "
				if !d.OK {
					sign, p.code = "FAIL", drift.ExitIncomplete
				}
				fmt.Fprintf(p.stdout, "%s  %s\n      %s\n", sign, report.OneLine(d.What), report.OneLine(d.Message))
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	stackFlags(cmd.Flags(), o)
	return cmd
}
