package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const historyHelp = `Show what checks have found, since when, and what became of it: a line for each
time that a resource drifted, oldest first. Every check records what it finds, in
.holdfast/history.db unless --store or the settings name another place.

An ADDRESS is that of a resource instance, of a resource or of a module; a FINDING
is its id or the start of one.`

const historyExamples = `  # all of it
  holdfast history

  # what is open in production, and what happened to one function
  holdfast history --stack live/prod --status open
  holdfast history aws_lambda_function.app --events

  # the last month, for programs
  holdfast history --since 30d --format json

  # from a database that pipelines share
  HOLDFAST_STORE=postgres://holdfast@db.example.com/holdfast holdfast history`

const historyExitCodes = `
Exit codes:
  0  the history was read, whatever is in it
  1  there is none, or it could not be read
`

type historyFlags struct {
	app.HistoryQuery
	format   string
	noColor  bool
	statuses []string
	since    string
}

func (p *program) history() *cobra.Command {
	f := &historyFlags{}
	cmd := &cobra.Command{
		Use: "history [ADDRESS|FINDING]", Short: "Show what was found, and what became of it",
		Long: historyHelp + "\n" + historyExitCodes, Example: historyExamples, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runHistory(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.format, "format", "table", "output format: table or json")
	flags.StringVar(&f.Stack, "stack", "", "only this `STACK`: its path, name or id")
	flags.StringSliceVar(&f.statuses, "status", nil, "only findings that are open, waived, resolved, accepted or reverted; several with commas")
	flags.StringVar(&f.since, "since", "", "only what was there in this `TIME`: 30d, 12h, or since a day such as 2026-01-31")
	flags.BoolVar(&f.Events, "events", false, "every event, instead of a line for each finding")
	historyPlaceFlags(flags, &f.HistoryOptions)
	flags.BoolVar(&f.noColor, "no-color", false, "no colours; NO_COLOR does the same")
	cmd.AddCommand(p.prune())
	return cmd
}

// historyPlaceFlags say where the history is.
func historyPlaceFlags(flags *pflag.FlagSet, o *app.HistoryOptions) {
	flags.StringVar(&o.Config, "config", "", "read the settings from `FILE` instead of the holdfast.yaml in or above the current folder")
	flags.StringVar(&o.Store, "store", "", "the history's `PLACE`: a file, or postgres://USER@HOST/DATABASE")
}

func (p *program) runHistory(cmd *cobra.Command, f *historyFlags, args []string) error {
	usage := func(err error) error { return &usageError{cmd.CommandPath(), err} }
	if f.format != "table" && f.format != "json" {
		return usage(fmt.Errorf("format %q: this command writes table and json", f.format))
	}
	if len(args) == 1 {
		f.What = args[0]
	}
	known := []drift.Life{drift.LifeOpen, drift.LifeWaived, drift.LifeResolved, drift.LifeAccepted, drift.LifeReverted}
	for _, status := range f.statuses {
		if !slices.Contains(known, drift.Life(status)) {
			return usage(fmt.Errorf("--status %s: there are open, waived, resolved, accepted and reverted", status))
		}
		f.Lives = append(f.Lives, drift.Life(status))
	}
	if f.Events && len(f.Lives) > 0 {
		return usage(errors.New("--status chooses findings and --events shows what happened; leave one of them out"))
	}
	if f.since != "" {
		since, err := parseTime(f.since, p.now())
		if err != nil {
			return usage(fmt.Errorf("--since %w", err))
		}
		f.Since = since
	}
	h, err := app.History(cmd.Context(), f.HistoryQuery)
	if err != nil {
		return err
	}
	p.done = true
	if f.format == "json" {
		return report.HistoryJSON(p.stdout, h)
	}
	o := report.TableOptions{Width: terminalWidth(p.stdout)}
	o.Color = !f.noColor && colorprofile.Detect(p.stdout, p.env) > colorprofile.ASCII
	return report.HistoryTable(p.stdout, h, o)
}

const pruneHelp = `Forget runs that began longer ago, and results of stacks that were not checked
since. What was found, what happened and the baselines stay: the drift report
shows them.`

func (p *program) prune() *cobra.Command {
	var o app.HistoryOptions
	var keep string
	cmd := &cobra.Command{
		Use: "prune", Short: "Forget old runs; never findings, events or baselines", Long: pruneHelp + "\n" + historyExitCodes,
		Example: "  holdfast history prune --keep 400d", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, err := parseTime(keep, p.now())
			if err != nil {
				return &usageError{cmd.CommandPath(), fmt.Errorf("--keep %w", err)}
			}
			n, err := app.PruneHistory(cmd.Context(), o, before)
			if err != nil {
				return err
			}
			p.done = true
			fmt.Fprintf(p.stdout, "forgot %d runs and results from before %s\n", n, before.UTC().Format("2006-01-02 15:04"))
			return nil
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "how much to keep, as a `TIME`: 400d, 12h, or since a day such as 2026-01-31")
	historyPlaceFlags(cmd.Flags(), &o)
	return cmd
}

// parseTime reads a length of time before now, or a day.
func parseTime(text string, now time.Time) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q: write it as 30d, 12h or 2026-01-31", text)
}
