package cli

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const waiveHelp = `Document a justified manual change: an entry in waivers.yaml, beside holdfast.yaml
or at the top of the repository. Commit it, so that it is reviewed like code. While
it holds, the finding is shown as waived and doesn't count.

FINDING is an id, the start of one, or a resource's address, as the last check has
seen it. What has changed on it is waived, and nothing else: not its deletion, and
not a change that would replace it.`

const waiveExamples = `  holdfast waive b435 --reason 'more memory until the launch' --owner platform@example.com --until 30d
  holdfast waive aws_lambda_function.app --reason incident --ticket OPS-7 --owner kim --until 2027-01-31

  # only the value that is there now, and nothing is written
  holdfast waive b435 --value --reason incident --owner kim --until 14d --dry-run`

const waiveCodes = `
Exit codes:
  0  the waivers are written
  1  one of them is not possible, and none is written
`

type waiveFlags struct {
	app.WaiveOptions
	stack       string
	from, until string
	dryRun      bool
}

func (p *program) waive() *cobra.Command {
	f := &waiveFlags{}
	cmd := &cobra.Command{
		Use: "waive FINDING...", Short: "Document a justified manual change, in waivers.yaml",
		Long: waiveHelp + "\n" + waiveCodes, Example: waiveExamples, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runWaive(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.Waiver.Reason, "reason", "", "why the change is justified (required)")
	flags.StringVar(&f.Waiver.Owner, "owner", "", "who answers for it (required)")
	flags.StringVar(&f.until, "until", "", "the last `DAY` that it holds, as 2027-01-31 or 30d; at most a year (required)")
	flags.StringVar(&f.from, "from", "", "the first `DAY`; without it, it holds at once")
	flags.StringVar(&f.Waiver.Ticket, "ticket", "", "where it is documented further")
	flags.StringVar(&f.Waiver.ApprovedBy, "approved-by", "", "who has approved of it")
	flags.StringArrayVar(&f.Attributes, "attribute", nil, "waive the attributes that match `PATTERN` instead of what has changed; may be repeated")
	flags.BoolVar(&f.Values, "value", false, "waive only the values that are there now")
	flags.BoolVar(&f.Whole, "whole", false, "waive the resource as a whole, its deletion and replacement too")
	flags.StringVar(&f.Waiver.ID, "id", "", "the waiver's id; W- and the finding's without it")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the entries, and write nothing")
	flags.StringVar(&f.stack, "stack", "", "findings of the stack with this path, name or id alone")
	historyPlaceFlags(flags, &f.HistoryOptions)
	return cmd
}

func (p *program) runWaive(cmd *cobra.Command, f *waiveFlags, findings []string) error {
	usage := func(err error) error { return &usageError{cmd.CommandPath(), err} }
	f.Now = p.now()
	var err error
	if f.Waiver.Until, err = parseDay(f.until, f.Now); err != nil {
		return usage(fmt.Errorf("--until: %w", err))
	}
	if f.from != "" {
		if f.Waiver.From, err = parseDay(f.from, f.Now); err != nil {
			return usage(fmt.Errorf("--from: %w", err))
		}
	}
	if f.Whole && (f.Values || len(f.Attributes) > 0) {
		return usage(errors.New("--whole is the whole resource; leave --attribute and --value out"))
	}
	if f.Waiver.ID != "" && len(findings) > 1 {
		return usage(errors.New("--id names one waiver; name one finding with it"))
	}
	waivers, file, err := app.Waivers(f.Config, f.Now)
	if err != nil {
		return err
	}
	before := len(waivers)
	for _, name := range findings {
		history, err := app.History(cmd.Context(), app.HistoryQuery{HistoryOptions: f.HistoryOptions, What: name, Stack: f.stack})
		if err != nil {
			return err
		}
		episodes, err := oneFinding(name, history.Episodes)
		if err != nil {
			return err
		}
		w, err := app.Waive(f.WaiveOptions, episodes[len(episodes)-1], waivers)
		if err != nil {
			return err
		}
		waivers = append(waivers, w)
	}
	return p.addWaivers(f, file, waivers[before:])
}

// addWaivers writes all of them, or none.
func (p *program) addWaivers(f *waiveFlags, file string, list []drift.Waiver) error {
	was, content, err := app.WithWaivers(file, list, f.Now)
	if err != nil {
		return err
	}
	if f.dryRun {
		_, err := p.stdout.Write(bytes.TrimLeft(bytes.TrimPrefix(content, was), "\r\n"))
		return err
	}
	if err := app.ReplaceFile(file, was, content); err != nil {
		return err
	}
	for _, w := range list {
		fmt.Fprintf(p.stdout, "added %s to %s: %s until %s\n", w.ID, shortPath(file), report.OneLine(string(w.Addresses[0])), w.Until.Format(time.DateOnly))
	}
	fmt.Fprintf(p.stdout, "commit %s, so that it is reviewed\n", shortPath(file))
	return nil
}

// parseDay reads a day, or a number of days from today.
func parseDay(s string, now time.Time) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day, nil
	}
	var n int
	var rest string
	if count, _ := fmt.Sscanf(s+" .", "%dd %s", &n, &rest); count != 2 || rest != "." || n < 0 || n > 366 {
		return time.Time{}, errors.New("write a day as 2027-01-31, or as 30d from today")
	}
	y, m, d := now.UTC().Date()
	return time.Date(y, m, d+n, 0, 0, 0, 0, time.UTC), nil
}

const waiversHelp = `List the waivers of waivers.yaml: until when each holds, what it covers by the
last checks, which cover nothing, and which end within two weeks.`

const waiversCodes = `
Exit codes:
  0  they were listed
  1  the file has a mistake, which is named with its line
`

func (p *program) waivers() *cobra.Command {
	var o app.HistoryOptions
	format := "table"
	cmd := &cobra.Command{
		Use: "waivers", Short: "List the waivers and what each covers today",
		Long: waiversHelp + "\n" + waiversCodes, Example: "  holdfast waivers\n  holdfast waivers --format json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return &usageError{cmd.CommandPath(), fmt.Errorf("format %q: this command writes table and json", format)}
			}
			waivers, file, err := app.Waivers(o.Config, p.now())
			if err != nil {
				return err
			}
			uses, err := app.WaiverUses(cmd.Context(), o, waivers, p.now())
			if err != nil {
				return err
			}
			if format == "json" {
				return report.WaiversJSON(p.stdout, uses)
			}
			return report.Waivers(p.stdout, uses, shortPath(file))
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "output format: table or json")
	historyPlaceFlags(cmd.Flags(), &o)
	return cmd
}
