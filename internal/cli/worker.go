package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/app"
)

const workerHelp = `Check what a server's queue has, beside it or on another machine. A worker keeps
nothing: it needs the database, credentials of the cloud and of the repositories,
and the server's holdfast.yaml. Any number of workers may run.

When it is told to stop (Ctrl-C, SIGTERM), checks that run come to their end, and
what has not come to its end within --grace goes back to the queue. When it is
killed, others take over what it was at within a minute.`

const workerExamples = `  # two machines more for a server on PostgreSQL
  holdfast worker --store postgres://holdfast@db.example.com/holdfast`

type serveFlags struct {
	app.ServeOptions
	log string
}

func (p *program) worker() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use: "worker", Short: "Check what a server's queue has, on further machines", Long: workerHelp, Example: workerExamples, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runServe(cmd, f, app.Work) },
	}
	p.serveFlags(cmd.Flags(), f)
	return cmd
}

// serveFlags are the flags of a server and of a worker.
func (p *program) serveFlags(flags *pflag.FlagSet, f *serveFlags) {
	flags.SortFlags = false
	openFlags(flags, &f.CheckOptions)
	flags.DurationVar(&f.Grace, "grace", 0, "how long checks that run may take to come to their end when told to stop (default 4m)")
	flags.BoolVar(&f.NoInstall, "no-install", false, "do not install a provider that is missing, which is then an error")
	flags.BoolVar(&f.AllowUnlocked, "allow-unlocked-providers", false, "run providers that .terraform.lock.hcl does not vouch for")
	flags.StringVar(&f.log, "log-format", "text", "the log on standard error, as text or json")
}

func (p *program) runServe(cmd *cobra.Command, f *serveFlags, run func(context.Context, app.ServeOptions) error) (err error) {
	if f.Log, err = app.NewLog(p.stderr, f.log); err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	f.Env, f.Now = p.env, p.now
	err = run(cmd.Context(), f.ServeOptions)
	p.done = err == nil
	return err
}
