package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/drift/baseline"
)

const baselineHelp = `Show the baseline of stacks: what each had when it was first checked, or when
somebody last said that it is as it should be. holdfast check records it.

With --renew the baseline of the given stacks, or of all, is made anew from their
states, as they were last applied, and what differs from the one before is shown.
The reason is kept in the history. Only states are read for that, and no
infrastructure is changed or looked at.`

const baselineExamples = `  holdfast baseline
  holdfast baseline infrastructure --format json

  # see what would change, then do it
  holdfast baseline --renew --dry-run
  holdfast baseline infrastructure --renew --reason "the table was rebuilt, OPS-7"`

const baselineCodes = `
Exit codes:
  0  shown, or renewed
  1  there is none, or a stack's could not be renewed
`

type baselineFlags struct {
	app.CheckOptions
	renew, dryRun bool
	reason        string
	format        string
}

func (p *program) baseline() *cobra.Command {
	f := &baselineFlags{}
	cmd := &cobra.Command{
		Use: "baseline [PATH...]", Short: "Show or renew what was provisioned when tracking began", Long: baselineHelp + "\n" + baselineCodes, Example: baselineExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Paths, f.Env = args, p.env
			if f.format != "table" && f.format != "json" {
				return &usageError{cmd.CommandPath(), fmt.Errorf("format %q: there are table and json", f.format)}
			}
			if f.renew {
				return p.renewBaselines(cmd, f)
			}
			if f.reason != "" || f.dryRun {
				return &usageError{cmd.CommandPath(), errors.New("--reason and --dry-run go with --renew")}
			}
			return p.showBaselines(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.format, "format", "table", "output format: table or json")
	flags.BoolVar(&f.renew, "renew", false, "make the baseline anew")
	flags.StringVar(&f.reason, "reason", "", "why it is made anew; required with --renew")
	flags.BoolVar(&f.dryRun, "dry-run", false, "with --renew: show what differs, and record nothing")
	stackFlags(flags, &f.CheckOptions)
	flags.StringVar(&f.Store, "store", "", "the history's `PLACE`: a file, or postgres://USER@HOST/DATABASE")
	return cmd
}

func (p *program) showBaselines(cmd *cobra.Command, f *baselineFlags) error {
	list, err := app.Baselines(cmd.Context(), app.BaselineOptions{
		HistoryOptions: app.HistoryOptions{Config: f.Config, Store: f.Store}, Paths: f.Paths,
	})
	if err != nil {
		return err
	}
	if f.format == "json" {
		return writeJSON(p.stdout, list)
	}
	for i, b := range list {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		fmt.Fprintf(p.stdout, "%s  %s, since %s\n", printable(b.Stack.String()), plural(len(b.Resources), "resource"), b.At.UTC().Format("2006-01-02 15:04 MST"))
		for _, r := range b.Resources {
			showResource(p.stdout, r)
		}
	}
	return nil
}

func showResource(w io.Writer, r drift.BaselineResource) {
	fmt.Fprintf(w, "\n  %s  %s %s\n", printable(r.Address), printable(baseline.KindOf(r.Type).Title), printable(r.Name))
	width := 0
	for _, fact := range r.Facts {
		width = max(width, len(fact.Label))
	}
	for _, fact := range r.Facts {
		fmt.Fprintf(w, "      %-*s  %s\n", width, printable(fact.Label), printable(fact.Value))
	}
}

func (p *program) renewBaselines(cmd *cobra.Command, f *baselineFlags) error {
	if strings.TrimSpace(f.reason) == "" && !f.dryRun {
		return &usageError{cmd.CommandPath(), errors.New("--renew needs --reason: why what is there now is as it should be")}
	}
	by, _ := p.lookup("USER")
	if other, ok := p.lookup("USERNAME"); ok {
		by = cmp.Or(by, other)
	}
	list, err := app.RenewBaselines(cmd.Context(), app.RenewOptions{
		CheckOptions: f.CheckOptions, By: cmp.Or(by, "somebody"), Reason: f.reason, DryRun: f.dryRun,
	})
	if err != nil {
		return err
	}
	if cmd.Context().Err() == nil {
		p.done = true
	}
	for _, one := range list {
		if one.Error != "" {
			p.code = drift.ExitIncomplete
		}
	}
	if f.format == "json" {
		return writeJSON(p.stdout, list)
	}
	for _, one := range list {
		p.showRenewed(one, f.dryRun)
	}
	return nil
}

func (p *program) showRenewed(one app.RenewedBaseline, dryRun bool) {
	name := printable(one.Baseline.Stack.String())
	what := "renewed"
	switch {
	case one.Error != "":
		fmt.Fprintf(p.stdout, "%s  not renewed: %s\n", name, printable(one.Error))
		return
	case dryRun:
		what = "not renewed (dry run)"
	case one.First:
		what = "established"
	}
	fmt.Fprintf(p.stdout, "%s  %s: %s, %s\n", name, what, plural(len(one.Baseline.Resources), "resource"), plural(len(one.Differences), "difference"))
	for _, d := range one.Differences {
		switch {
		case d.Label != "":
			fmt.Fprintf(p.stdout, "  ~ %s  %s: %s -> %s\n", printable(d.Address), printable(d.Label), printable(cmp.Or(d.Was, "nothing")), printable(cmp.Or(d.Is, "nothing")))
		case d.Is == "":
			fmt.Fprintf(p.stdout, "  - %s  %s\n", printable(d.Address), printable(d.Was))
		default:
			fmt.Fprintf(p.stdout, "  + %s  %s\n", printable(d.Address), printable(d.Is))
		}
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printable keeps text from the outside on its line and away from the terminal's
// controls.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
