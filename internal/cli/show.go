package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const showHelp = `Show one finding: what differs, since when, who changed it as far as that is known,
why it counts, and the ways out. It is told from the history, as checks have last
seen it; nothing is checked anew.

FINDING is an id, the start of one, or a resource's address.`

const showExamples = `  holdfast show b435abbf3a69
  holdfast show b435
  holdfast show aws_lambda_function.app --stack live/prod

  # for programs
  holdfast show b435 --format json`

const showExitCodes = `
Exit codes:
  0  it was shown, whatever it is
  1  there is no such finding, or more than one
`

type showFlags struct {
	app.HistoryQuery
	format  string
	full    bool
	noColor bool
}

func (p *program) show() *cobra.Command {
	f := &showFlags{}
	cmd := &cobra.Command{
		Use: "show FINDING", Short: "Show one finding: diff, since when, who, and the ways out",
		Long: showHelp + "\n" + showExitCodes, Example: showExamples, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.runShow(cmd, f, args[0]) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.format, "format", "text", "output format: text or json")
	flags.StringVar(&f.Stack, "stack", "", "of the stack with this path, name or id alone")
	flags.BoolVar(&f.full, "full", false, "all of long values")
	historyPlaceFlags(flags, &f.HistoryOptions)
	flags.BoolVar(&f.noColor, "no-color", false, "no colours; NO_COLOR does the same")
	return cmd
}

func (p *program) runShow(cmd *cobra.Command, f *showFlags, finding string) error {
	if f.format != "text" && f.format != "json" {
		return &usageError{cmd.CommandPath(), fmt.Errorf("format %q: text or json", f.format)}
	}
	f.What = finding
	history, err := app.History(cmd.Context(), f.HistoryQuery)
	if err != nil {
		return err
	}
	history.Episodes, err = oneFinding(finding, history.Episodes)
	if err != nil {
		return err
	}
	p.done = true
	if f.format == "json" {
		return report.HistoryJSON(p.stdout, history)
	}
	o := report.ShowOptions{Width: terminalWidth(p.stdout), Full: f.full}
	o.Color = !f.noColor && colorprofile.Detect(p.stdout, p.env) > colorprofile.ASCII
	last := len(history.Episodes) - 1
	return report.Show(p.stdout, history.Episodes[last], history.Episodes[:last], o)
}

// oneFinding chooses the episodes of the one finding that is meant, oldest first:
// of those that match, what is at the very address, then what is not over.
func oneFinding(name string, episodes []drift.Episode) ([]drift.Episode, error) {
	var groups [][]drift.Episode
	for _, e := range episodes {
		i := slices.IndexFunc(groups, func(g []drift.Episode) bool {
			return g[0].Finding.ID == e.Finding.ID && g[0].Stack.ID == e.Stack.ID
		})
		if i < 0 {
			groups, i = append(groups, nil), len(groups)
		}
		groups[i] = append(groups[i], e)
	}
	for _, prefer := range []func(e drift.Episode) bool{
		func(e drift.Episode) bool { return e.Finding.Address == name },
		func(e drift.Episode) bool { return !e.Life.Over() },
	} {
		better := slices.DeleteFunc(slices.Clone(groups), func(g []drift.Episode) bool { return !prefer(g[len(g)-1]) })
		if len(groups) > 1 && len(better) > 0 {
			groups = better
		}
	}
	switch len(groups) {
	case 0:
		return nil, fmt.Errorf("there is no finding %s in the history; holdfast history lists what there is", name)
	case 1:
		return groups[0], nil
	}
	lines := []string{fmt.Sprintf("%s may be any of these; name one by its id, or with --stack:", name)}
	for i, g := range groups {
		if i == mostCandidates {
			lines = append(lines, fmt.Sprintf("  and %d more", len(groups)-i))
			break
		}
		lines = append(lines, "  "+report.Candidate(g[len(g)-1]))
	}
	return nil, errors.New(strings.Join(lines, "\n"))
}

// mostCandidates is how many findings are listed where a name is no single one's.
const mostCandidates = 10
