// Package cli is the command line: one file a command, and the one place where
// an outcome becomes an exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/app"
	"holdfast/internal/drift"
)

// program is what the commands share.
type program struct {
	env            []string
	stdout, stderr io.Writer
	code           int  // of the command that ran
	done           bool // it has said all it had to say
	now            func() time.Time
}

// Main runs the command line and gives the exit code.
func Main(args, env []string, stdout, stderr io.Writer) int {
	return (&program{env: env, stdout: stdout, stderr: stderr, now: time.Now}).main(args)
}

func (p *program) main(args []string) int {
	stdout, stderr := p.stdout, p.stderr
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the program at once, as it does where nobody listens.
	context.AfterFunc(ctx, stop)
	root := p.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case ctx.Err() != nil && !p.done:
		fmt.Fprintln(stderr, "holdfast: interrupted; nothing was decided")
		return drift.ExitIncomplete
	case err != nil:
		fmt.Fprintf(stderr, "holdfast: %v\n", err)
		if usage, ok := errors.AsType[*usageError](err); ok {
			fmt.Fprintf(stderr, "See '%s --help'.\n", usage.command)
		}
		return drift.ExitIncomplete
	}
	return p.code
}

// usageError is a command line that can't be understood.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Find what changed in real infrastructure behind the back of its code",
		Long: `Holdfast finds what changed in real infrastructure behind the back of the
Terraform code that declares it. It asks the providers themselves, so its
verdict is that of terraform plan, without running one.`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.flagsFromEnv(cmd) },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{cmd.CommandPath(), err}
	})
	root.AddCommand(p.check(), p.report(), p.baseline(), p.history(), p.show(), p.accept(), p.revert(), p.waive(), p.waivers(), p.state(), p.alert(), p.serve(), p.worker(), p.token(), p.verify(), p.doctor(), p.init(), p.version(), p.man())
	root.CompletionOptions.HiddenDefaultCmd = false
	root.Version = describe(app.ThisBuild())
	root.SetVersionTemplate("{{.Version}}\n")
	return root
}

// flagsFromEnv gives every flag that is not on the command line the value of
// HOLDFAST_NAME, if there is one.
func (p *program) flagsFromEnv(cmd *cobra.Command) error {
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "HOLDFAST_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := p.lookup(name)
		if f.Changed || !ok || value == "" || err != nil || f.Name == "help" {
			return
		}
		if setErr := cmd.Flags().Set(f.Name, value); setErr != nil {
			err = &usageError{cmd.CommandPath(), fmt.Errorf("%s=%q: %w", name, value, setErr)}
		}
	})
	return err
}

func (p *program) lookup(name string) (string, bool) {
	for _, v := range slices.Backward(p.env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value, true
		}
	}
	return "", false
}
