package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
)

const serveHelp = `Check by itself, on schedule, and show it all on web pages. Nothing else needs to be
installed: the history is a SQLite file, as that of holdfast check, or a PostgreSQL
database (--store), which further machines can share (holdfast worker).

What is served are the sources of holdfast.yaml, folders and git repositories, or,
where it names none, the given folder or the repository around the current one.
They are checked by schedule: of holdfast.yaml, or every Monday at 6:00 UTC.

It listens on this machine alone, for whoever works at it. Everywhere else people
have to say who they are: server.oidc or server.tokens in holdfast.yaml.

When it is told to stop (Ctrl-C, SIGTERM), checks that run come to their end, and
what has not come to its end within --grace goes back to the queue.`

const serveExamples = `  # the repository around the current folder, at http://127.0.0.1:8420
  holdfast serve

  # for others too, with logins (server.oidc), and workers on other machines
  holdfast serve --config /etc/holdfast/holdfast.yaml --listen 0.0.0.0:8420 --store postgres://holdfast@db/holdfast`

func (p *program) serve() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use: "serve [FOLDER]", Short: "Check by itself, on schedule, with web pages and an API", Long: serveHelp, Example: serveExamples, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.Folder = args[0]
			}
			f.Ready = func(url string) { fmt.Fprintf(p.stdout, "Holdfast is at %s\n", url) }
			return p.runServe(cmd, f, app.Serve)
		},
	}
	flags := cmd.Flags()
	p.serveFlags(flags, f)
	flags.StringVar(&f.Listen, "listen", "", "the `ADDRESS` to listen on (default "+app.DefaultListen+")")
	return cmd
}
