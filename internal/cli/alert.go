package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/app"
	"holdfast/internal/report"
	"holdfast/internal/store"
)

const alertHelp = `Try the alert channels of holdfast.yaml, send what could not be sent, and list what
was sent. holdfast serve sends alerts by itself, and holdfast check does with --alert;
docs/alerts.md says what is told to whom.`

const alertCodes = `
Exit codes:
  0  it was done
  1  something could not be sent
`

func (p *program) alert() *cobra.Command {
	cmd := &cobra.Command{
		Use: "alert", Short: "Try alert channels, send what is left, list what was sent", Long: alertHelp + "\n" + alertCodes,
		Example: "  # does the channel work?\n  holdfast alert test platform\n\n  # what was sent, and what is left\n  holdfast alert list\n\n  # send at once what could not be sent before\n  holdfast alert send",
	}
	cmd.AddCommand(p.alertTest(), p.alertSend(), p.alertList())
	return cmd
}

func (p *program) alertFlags(flags *pflag.FlagSet, o *app.CheckOptions) {
	flags.SortFlags = false
	flags.StringVar(&o.Config, "config", "", "read the settings from `FILE` instead of the holdfast.yaml in or above the current folder")
	flags.StringVar(&o.Store, "store", "", "the history's `PLACE`: a file, or postgres://USER@HOST/DATABASE")
	o.Env, o.Now = p.env, p.now
	o.Warn = func(err error) { fmt.Fprintf(p.stderr, "holdfast: warning: %v\n", err) }
}

func (p *program) alertTest() *cobra.Command {
	var o app.CheckOptions
	cmd := &cobra.Command{
		Use: "test [CHANNEL]", Short: "Send a test through a channel, or through all", Args: cobra.MaximumNArgs(1),
		Long:    "Send a message that says that it is a test, and say what became of it. Nothing is\nrecorded, and it is not tried again.\n" + alertCodes,
		Example: "  holdfast alert test platform",
		RunE: func(cmd *cobra.Command, args []string) error {
			sent, err := app.TryAlerts(cmd.Context(), o, append(args, "")[0])
			for _, name := range sent {
				fmt.Fprintf(p.stdout, "%s has taken the test\n", name)
			}
			p.done = err == nil
			return err
		},
	}
	p.alertFlags(cmd.Flags(), &o)
	return cmd
}

func (p *program) alertSend() *cobra.Command {
	var o app.CheckOptions
	cmd := &cobra.Command{
		Use: "send", Short: "Send at once what could not be sent before", Args: cobra.NoArgs,
		Long:    "Send what could not be sent before, and what nobody was told of yet: the run of a\nholdfast check --alert that was cut off.\n" + alertCodes,
		Example: "  holdfast alert send",
		RunE: func(cmd *cobra.Command, _ []string) error {
			left, err := app.SendAlerts(cmd.Context(), o)
			if err != nil {
				return err
			}
			waiting := 0
			for _, m := range left {
				if m.Attempts > 0 && m.Dropped.IsZero() {
					waiting++
				}
			}
			if waiting > 0 {
				return fmt.Errorf("%s not sent; holdfast alert list says why", plural(waiting, "message"))
			}
			p.done = true
			_, err = fmt.Fprintln(p.stdout, "all that is due is sent")
			return err
		},
	}
	p.alertFlags(cmd.Flags(), &o)
	return cmd
}

func (p *program) alertList() *cobra.Command {
	var o app.CheckOptions
	format, unsent := "table", false
	cmd := &cobra.Command{
		Use: "list", Short: "List messages, newest first", Args: cobra.NoArgs,
		Long:    "List the messages to the channels: when each was sent, or why it was not.\n" + alertCodes,
		Example: "  holdfast alert list --unsent\n  holdfast alert list --format json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return &usageError{cmd.CommandPath(), fmt.Errorf("format %q: this command writes table and json", format)}
			}
			list, err := app.AlertMessages(cmd.Context(), o, unsent)
			if err != nil {
				return err
			}
			p.done = true
			if format == "json" {
				return messagesJSON(p.stdout, list)
			}
			return messagesTable(p.stdout, list)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "output format: table or json")
	cmd.Flags().BoolVar(&unsent, "unsent", false, "only what is not sent")
	p.alertFlags(cmd.Flags(), &o)
	return cmd
}

func messagesJSON(w io.Writer, list []store.AlertMessage) error {
	if list == nil {
		list = []store.AlertMessage{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

func messagesTable(w io.Writer, list []store.AlertMessage) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "there are no messages")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MADE\tCHANNEL\tALERTS\tATTEMPTS\tSTATE")
	for _, m := range list {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", minute(m.MadeAt), m.Channel, m.Count, m.Attempts, report.OneLine(messageState(m)))
	}
	return table.Flush()
}

// messageState is how far a message is, for people.
func messageState(m store.AlertMessage) string {
	why := ""
	if m.Error != "" {
		why = ": " + m.Error
	}
	switch {
	case !m.SentAt.IsZero():
		return "sent " + m.SentAt.UTC().Format(time.DateTime)
	case !m.Dropped.IsZero():
		return "given up " + minute(m.Dropped) + why
	case m.Attempts == 0:
		return "due " + minute(m.DueAt)
	}
	return "again " + minute(m.DueAt) + why
}

// errAlertWithoutHistory: what was told before is in the history.
var errAlertWithoutHistory = errors.New("--alert needs the history, which --no-history leaves out")
