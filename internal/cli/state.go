package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const stateCheckHelp = `Look at the states of the root modules in the given folders and below them, or in
and below the current one, and say what is unsound about them: an older state put
back, an object at two addresses or in two stacks, a lock that nobody released.
Nothing else is looked at: no provider runs, and no infrastructure is asked.
Nothing is changed or recorded; what the last check saw is taken from the history.

docs/integrity.md says of each fault what it means, and the way out.`

const stateCheckExamples = `  # the state of the root module in the current folder, or those of a repository
  holdfast state check

  # those in a bucket, with no code at hand
  holdfast state check --state 's3://acme-states/prod/**/*.tfstate'`

const stateCheckCodes = `
Exit codes:
  0  all states were read and are sound; there may be warnings
  1  a state has a fault of severity error, or could not be read
`

type stateCheckFlags struct {
	app.CheckOptions
	format  string
	outputs []string
	noColor bool
}

func (p *program) state() *cobra.Command {
	cmd := &cobra.Command{Use: "state", Short: "Say what is unsound about states; read-only"}
	cmd.AddCommand(p.stateCheck())
	return cmd
}

func (p *program) stateCheck() *cobra.Command {
	f := &stateCheckFlags{}
	cmd := &cobra.Command{
		Use: "check [PATH...]", Short: "Find what is unsound about states; read-only",
		Long: stateCheckHelp + "\n" + stateCheckCodes, Example: stateCheckExamples,
		RunE: func(cmd *cobra.Command, args []string) error { return p.runStateCheck(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.format, "format", "table", "output format: table or json")
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "write to `[FORMAT=]FILE` as well; may be repeated")
	sourceFlags(flags, &f.CheckOptions)
	cacheFlag(flags, &f.CheckOptions)
	flags.StringVar(&f.Store, "store", "", "the history's `PLACE`: a file, or postgres://USER@HOST/DATABASE (default .holdfast/history.db)")
	flags.BoolVar(&f.NoHistory, "no-history", false, "do not look at what the last check saw")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours; NO_COLOR does the same")
	return cmd
}

func (p *program) runStateCheck(cmd *cobra.Command, f *stateCheckFlags, args []string) error {
	outputs, err := targets(f.format, f.outputs, func(format string) error {
		if format != "table" && format != "json" {
			return fmt.Errorf("format %q: there are table and json", format)
		}
		return nil
	})
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	f.Paths, f.Env, f.Now = args, p.env, p.now
	f.Warn = func(err error) { fmt.Fprintf(p.stderr, "holdfast: warning: %v\n", err) }
	checked, err := app.CheckStates(cmd.Context(), f.CheckOptions)
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	p.code = checked.ExitCode()
	if cmd.Context().Err() != nil {
		return nil //nolint:nilerr // half a result is none, and Main says why there is none
	}
	for _, out := range outputs {
		if err := p.writeStates(out, checked, f.noColor); err != nil {
			return err
		}
	}
	p.done = true
	return nil
}

func (p *program) writeStates(out target, checked drift.StateCheck, noColor bool) error {
	write := func(w io.Writer, o report.TableOptions) error {
		if out.format == "json" {
			return writeJSON(w, checked)
		}
		return report.States(w, checked, o)
	}
	if out.file == "" {
		return write(p.stdout, p.tableOptions(false, noColor))
	}
	var buf bytes.Buffer
	if err := write(&buf, report.TableOptions{}); err != nil {
		return err
	}
	return app.WriteFile(out.file, buf.Bytes())
}

// targets are the formats that were asked for and where they go, standard output
// first.
func targets(format string, outputs []string, unknown func(format string) error) ([]target, error) {
	list := []target{{format: format}}
	for _, out := range outputs {
		one, file, ok := strings.Cut(out, "=")
		if !ok {
			one, file = format, out
		}
		list = append(list, target{one, file})
	}
	for _, t := range list {
		if err := unknown(t.format); err != nil {
			return nil, err
		}
	}
	return list, nil
}
