package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/report"
)

const reportHelp = `Write the drift report, DRIFT.md, from the history that holdfast check keeps: when
the last check was and what it covered, the baseline, what is open and how it is
resolved, and all drift that there ever was. No infrastructure is looked at.

The report stands beside holdfast.yaml, or at the top of the repository, or where
report.file in holdfast.yaml says. With PATH it is about the stacks in and below
that folder, and stands in it. Commit it: text of your own outside its marked
parts stays as it is, and so do the rows of its history. A file that Holdfast
didn't write keeps all its text, below the report.`

const reportExamples = `  # after a check
  holdfast check; holdfast report

  # look at it first
  holdfast report -o -

  # in a pipeline: is the committed report up to date?
  holdfast report --check

  # one of production, in its own folder
  holdfast report live/prod

  # a page of what the last checks found, with the trend
  holdfast report --format html -o drift.html`

const reportCodes = `
Exit codes:
  0  it is written, or was up to date
  1  it could not be written; with --check: it is not up to date
`

type reportFlags struct {
	app.ReportOptions
	format string
	output string
	check  bool
}

func (p *program) report() *cobra.Command {
	f := &reportFlags{}
	cmd := &cobra.Command{
		Use: "report [PATH]", Short: "Write the drift report from the history", Long: reportHelp + "\n" + reportCodes, Example: reportExamples,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.Path = args[0]
			}
			return p.runReport(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.output, "output", "o", "", "write to `FILE` instead; - is standard output, where nothing is merged")
	flags.BoolVar(&f.check, "check", false, "write nothing, and end with 1 if the report is not up to date")
	flags.StringVar(&f.format, "format", "markdown", "markdown is the drift report; the latest results also as "+strings.Join(otherFormats(), ", "))
	flags.StringVar(&f.Config, "config", "", "read the settings from `FILE` instead of the holdfast.yaml in or above the current folder")
	flags.StringVar(&f.Store, "store", "", "the history's `PLACE`: a file, or postgres://USER@HOST/DATABASE")
	return cmd
}

func (p *program) runReport(cmd *cobra.Command, f *reportFlags) error {
	if f.format != "markdown" {
		return p.reportAs(cmd, f)
	}
	in, file, err := app.DriftReport(cmd.Context(), f.ReportOptions)
	if err != nil {
		return err
	}
	if f.output == "-" {
		out, err := app.UpdateReport(in, "the report", nil)
		if err == nil {
			_, err = p.stdout.Write(out)
		}
		return err
	}
	if f.output != "" {
		file = f.output
	}
	shown := shortPath(file)
	existing, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the report: %w", err)
	}
	out, err := app.UpdateReport(in, shown, existing)
	switch {
	case err != nil:
		return err
	case bytes.Equal(out, existing):
		fmt.Fprintf(p.stdout, "%s is up to date\n", shown)
		return nil
	case f.check:
		return fmt.Errorf("%s is not up to date; holdfast report writes it", shown)
	}
	if err := app.ReplaceFile(file, existing, out); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "wrote %s\n", shown)
	return nil
}

// refreshReport brings the drift report up to date, if there is one that Holdfast
// keeps.
func (p *program) refreshReport(ctx context.Context, o app.CheckOptions) error {
	in, file, err := app.DriftReport(ctx, app.ReportOptions{HistoryOptions: app.HistoryOptions{Config: o.Config, Store: o.Store}})
	if err != nil {
		return err
	}
	existing, err := os.ReadFile(file)
	if err != nil || !report.Maintained(existing) {
		return nil //nolint:nilerr // there is none to keep
	}
	out, err := app.UpdateReport(in, shortPath(file), existing)
	if err != nil || bytes.Equal(out, existing) {
		return err
	}
	if err := app.ReplaceFile(file, existing, out); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "wrote %s\n", shortPath(file))
	return nil
}

// otherFormats are those of a run, without the one that is the drift report here.
func otherFormats() []string {
	return slices.DeleteFunc(report.Formats(), func(name string) bool { return name == "markdown" })
}

// reportAs writes the latest result of every stack as a check would.
func (p *program) reportAs(cmd *cobra.Command, f *reportFlags) error {
	if err := report.UnknownFormat(f.format); err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	if f.check {
		return &usageError{cmd.CommandPath(), errors.New("--check is about the drift report; leave --format out")}
	}
	in, _, err := app.DriftReport(cmd.Context(), f.ReportOptions)
	if err != nil {
		return err
	}
	remembered, err := app.Remember(cmd.Context(), f.HistoryOptions)
	if err != nil {
		return err
	}
	o := report.Options{Trend: remembered.Trend, History: remembered.Open, Environment: remembered.Environment}
	if f.output == "" || f.output == "-" {
		o.Table.Width = terminalWidth(p.stdout)
		o.Table.Color = colorprofile.Detect(p.stdout, p.env) > colorprofile.ASCII
		return report.Write(p.stdout, f.format, app.Latest(in), o)
	}
	var buf bytes.Buffer
	if err := report.Write(&buf, f.format, app.Latest(in), o); err != nil {
		return err
	}
	return app.WriteFile(f.output, buf.Bytes())
}

// shortPath is a path as people would write it here.
func shortPath(path string) string {
	current, err := os.Getwd()
	if err != nil || !filepath.IsAbs(path) {
		return path
	}
	if rel, err := filepath.Rel(current, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
