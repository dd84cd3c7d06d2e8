package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/app"
	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/report"
)

const checkHelp = `Check the root modules in the given folders and below them, or in and below the
current one, for drift: what was changed in the real infrastructure, and
applying the code again would put back. Nothing is changed by a check: no
infrastructure, no state, no lock. Which folders are root modules, and which
workspaces and variables they have, can be said in holdfast.yaml; holdfast init
writes one.

Providers are run from where terraform init put them, once they match
.terraform.lock.hcl. One that is missing is installed into Holdfast's own cache.`

const checkExamples = `  # the root module in the current folder, or all of a repository
  holdfast check

  # those of production, but for one
  holdfast check --include-dir 'live/prod/**' --exclude-dir live/prod/legacy

  # another one, with the variables that its pipeline uses
  holdfast check infrastructure --var-file=prod.tfvars

  # all states of production in a bucket, with no code at hand
  holdfast check --state 's3://acme-states/prod/**/*.tfstate'

  # for programs, a page to look at, and a table for people
  holdfast check infrastructure -o json=drift.json -o html=drift.html

  # and tell who is to know, once: channels are set up in holdfast.yaml
  holdfast check --alert

  # in GitHub Actions: the step's summary, and alerts at the lines of the code
  holdfast check --format markdown -o sarif=drift.sarif >> "$GITHUB_STEP_SUMMARY"`

// exitCodes is part of every help text of a command that has them.
const exitCodes = `
Exit codes:
  0  everything was checked and is clean
  1  no drift found, but something could not be checked, or a state is unsound
  2  drift
`

type checkFlags struct {
	app.CheckOptions
	format  string
	outputs []string
	verbose bool
	noColor bool
	quiet   bool
	log     string // text or json
}

func (p *program) check() *cobra.Command {
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use: "check [PATH...]", Short: "Find drift; read-only", Long: checkHelp + "\n" + exitCodes, Example: checkExamples,
		RunE: func(cmd *cobra.Command, args []string) error { return p.runCheck(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.format, "format", "table", "output format: "+strings.Join(report.Formats(), ", "))
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "write to `[FORMAT=]FILE` as well; may be repeated")
	stackFlags(flags, &f.CheckOptions)
	flags.StringVar(&f.Engine, "engine", "", "how to find the verdict: auto, direct or plan (default auto)")
	flags.IntVar(&f.Parallelism, "parallelism", 0, "how many resources are read at the same time (default 64)")
	flags.StringVar(&f.Store, "store", "", "keep the history at this `PLACE`: a file, or postgres://USER@HOST/DATABASE (default .holdfast/history.db)")
	flags.BoolVar(&f.NoHistory, "no-history", false, "do not record the run in the history")
	flags.BoolVar(&f.Alert, "alert", false, "tell the channels that holdfast.yaml names under alerts: of what is new")
	flags.BoolVar(&f.NoAttribution, "no-attribution", false, "do not ask who changed what is found")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "also show what changed and does not count")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	flags.StringVar(&f.log, "log-format", "text", "progress as text or json")
	flags.BoolVar(&f.noColor, "no-color", false, "no colours; NO_COLOR does the same")
	return cmd
}

// sourceFlags are the flags of every command that opens stacks: which, and where
// their states are.
func sourceFlags(flags *pflag.FlagSet, o *app.CheckOptions) {
	flags.StringVar(&o.Config, "config", "", "read the settings from `FILE` instead of the holdfast.yaml in or above the current folder")
	flags.StringArrayVar(&o.Include, "include-dir", nil, "of the root modules found, only those that match `PATTERN`, as live/**/prod; may be repeated")
	flags.StringArrayVar(&o.Exclude, "exclude-dir", nil, "leave out folders that match `PATTERN`, and what is below them; may be repeated")
	flags.Var(varFlag{&o.Variables, false}, "var", "set a root variable, as `NAME=VALUE`; may be repeated")
	flags.Var(varFlag{&o.Variables, true}, "var-file", "read root variables from `FILE`, relative to the root module; may be repeated")
	flags.StringVar(&o.Workspace, "workspace", "", "check this workspace instead of the selected one")
	flags.StringVar(&o.State, "state", "", "check against this state instead of the backend's: a `FILE`, a URL such as s3://bucket/key, or a pattern of either; without source, where no path is given")
}

func cacheFlag(flags *pflag.FlagSet, o *app.CheckOptions) {
	flags.StringVar(&o.CacheDir, "cache-dir", "", "keep schemas and hashes in `FOLDER` instead of the user's cache folder")
}

// stackFlags are the flags of every command that asks providers about stacks.
func stackFlags(flags *pflag.FlagSet, o *app.CheckOptions) {
	sourceFlags(flags, o)
	flags.StringArrayVar(&o.Selection.Targets, "target", nil, "check only the resource or module at `ADDRESS`; may be repeated")
	flags.StringArrayVar(&o.Selection.Excludes, "exclude", nil, "leave out the resource or module at `ADDRESS`; may be repeated")
	flags.DurationVar(&o.ResourceTimeout, "resource-timeout", 5*time.Minute, "the longest that one resource may take")
	flags.BoolVar(&o.VerifyProviders, "verify-providers", false, "hash the providers again instead of trusting an earlier run's memory")
	flags.StringVar(&o.Terraform, "terraform", "", "the `PROGRAM` of the plan engine and of installing providers; terraform or tofu in the PATH without it")
	flags.BoolVar(&o.NoInstall, "no-install", false, "do not install a provider that is missing, which is then an error")
	flags.BoolVar(&o.AllowUnlocked, "allow-unlocked-providers", false, "run providers that .terraform.lock.hcl does not vouch for")
	cacheFlag(flags, o)
}

// openFlags are the flags of a command that opens stacks of the history again.
func openFlags(flags *pflag.FlagSet, o *app.CheckOptions) {
	flags.Var(varFlag{&o.Variables, false}, "var", "set a root variable, as `NAME=VALUE`; may be repeated")
	flags.Var(varFlag{&o.Variables, true}, "var-file", "read root variables from `FILE`, relative to the root module; may be repeated")
	flags.StringVar(&o.Terraform, "terraform", "", "the `PROGRAM` to run; terraform or tofu in the PATH without it")
	flags.StringVar(&o.Config, "config", "", "read the settings from `FILE` instead of the holdfast.yaml in or above the current folder")
	flags.StringVar(&o.Store, "store", "", "the history's `PLACE`: a file, or postgres://USER@HOST/DATABASE")
	flags.StringVar(&o.CacheDir, "cache-dir", "", "keep schemas and hashes in `FOLDER` instead of the user's cache folder")
}

// varFlag keeps --var and --var-file in one list, because their order counts.
type varFlag struct {
	list *[]config.VarOption
	file bool
}

func (v varFlag) String() string { return "" }
func (v varFlag) Type() string   { return "string" }

func (v varFlag) Set(s string) error {
	if v.file {
		*v.list = append(*v.list, config.VarOption{File: s})
		return nil
	}
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("write it as NAME=VALUE")
	}
	*v.list = append(*v.list, config.VarOption{Name: name, Value: value})
	return nil
}

func (p *program) runCheck(cmd *cobra.Command, f *checkFlags, args []string) error {
	outputs, err := targets(f.format, f.outputs, report.UnknownFormat)
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	if f.log != "text" && f.log != "json" {
		return &usageError{cmd.CommandPath(), fmt.Errorf("--log-format %q: text or json", f.log)}
	}
	if f.Alert && f.NoHistory {
		return &usageError{cmd.CommandPath(), errAlertWithoutHistory}
	}
	f.Paths, f.Env, f.Watch, f.Now = args, p.env, p.watch(f.quiet, f.log), p.now
	f.Warn = func(err error) { fmt.Fprintf(p.stderr, "holdfast: warning: %v\n", err) }
	if !f.quiet {
		f.Tell = func(what string) { fmt.Fprintf(p.stderr, "holdfast: %s\n", what) }
	}
	run, err := app.Check(cmd.Context(), f.CheckOptions)
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	p.code = run.ExitCode()
	if cmd.Context().Err() != nil {
		return nil //nolint:nilerr // half a result is none, and Main says why there is none
	}
	o := f.reportOptions(cmd.Context(), outputs)
	for _, out := range outputs {
		if err := out.write(p, f, run, o); err != nil {
			return err
		}
	}
	p.done = true
	return nil
}

// reportOptions are what the history adds to a report, where that shows it. A
// history that can't be read costs the report that alone.
func (f *checkFlags) reportOptions(ctx context.Context, outputs []target) report.Options {
	shows := func(t target) bool { return t.format == "html" || t.format == "markdown" }
	if f.NoHistory || !slices.ContainsFunc(outputs, shows) {
		return report.Options{}
	}
	r, err := app.Remember(ctx, app.HistoryOptions{Config: f.Config, Store: f.Store})
	if err != nil {
		f.Warn(err)
	}
	return report.Options{Trend: r.Trend, History: r.Open, Environment: r.Environment}
}

// target is a format and where it goes; no file means standard output.
type target struct{ format, file string }

func (t target) write(p *program, f *checkFlags, run drift.Run, o report.Options) error {
	if t.file == "" {
		o.Table = p.tableOptions(f.verbose, f.noColor)
		return report.Write(p.stdout, t.format, run, o)
	}
	o.Table.Verbose = f.verbose
	var buf bytes.Buffer
	if err := report.Write(&buf, t.format, run, o); err != nil {
		return err
	}
	return app.WriteFile(t.file, buf.Bytes())
}

// tableOptions suits the table to the terminal.
func (p *program) tableOptions(verbose, noColor bool) report.TableOptions {
	o := report.TableOptions{Verbose: verbose, Width: terminalWidth(p.stdout)}
	o.Color = !noColor && colorprofile.Detect(p.stdout, p.env) > colorprofile.ASCII
	return o
}
