package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
	"holdfast/internal/report"
	"holdfast/internal/store"
)

const accessHelp = `Make, list and revoke the API tokens of holdfast serve. They are kept in the
history, as hashes: who can write to the history can make them, and nobody can
read them. docs/access.md says what each role may do.`

const accessCodes = `
Exit codes:
  0  it was done
  1  it could not be done, and nothing was changed
`

const accessExamples = `  # for a dashboard, and for a pipeline that starts checks of one source
  holdfast token create dashboard --role viewer
  holdfast token create ci --role operator --source network --expires 30d

  # which there are, and when each was last used
  holdfast token list

  holdfast token revoke ci`

func (p *program) token() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Make, list and revoke API tokens of the server",
		Long: accessHelp + "\n" + accessCodes, Example: accessExamples,
	}
	cmd.AddCommand(p.tokenCreate(), p.tokenList(), p.tokenRevoke())
	return cmd
}

const accessCreateHelp = `Make an API token. The token alone goes to standard output, this once: it can't be
shown again. Send it as "Authorization: Bearer TOKEN".`

func (p *program) tokenCreate() *cobra.Command {
	var o app.HistoryOptions
	var ask app.TokenAsk
	var expires string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a token, and show it once", Long: accessCreateHelp + "\n" + accessCodes,
		Example: "  holdfast token create ci --role operator --source network --expires 30d", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if ask.Life, err = parseLife(expires); err != nil {
				return &usageError{cmd.CommandPath(), fmt.Errorf("--expires %w", err)}
			}
			ask.Name = args[0]
			return p.runTokenCreate(cmd, o, ask)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&ask.Role, "role", "viewer", "what it may do: viewer, operator or admin")
	flags.StringArrayVar(&ask.Sources, "source", nil, "let it see this `SOURCE` alone; may be repeated")
	flags.StringVar(&expires, "expires", "90d", "for how long it holds, as a `TIME`: 30d, 12h; at most a year")
	historyPlaceFlags(flags, &o)
	return cmd
}

func (p *program) runTokenCreate(cmd *cobra.Command, o app.HistoryOptions, ask app.TokenAsk) error {
	token, t, err := app.CreateToken(cmd.Context(), o, ask, p.now())
	if err != nil {
		return err
	}
	p.done = true
	fmt.Fprintf(p.stderr, "token %s (%s), %s, holds until %s; it is not shown again\n", t.Name, t.ID, t.Role, minute(t.ExpiresAt))
	_, err = fmt.Fprintln(p.stdout, token)
	return err
}

// parseLife reads a length of time in days or as Go writes it.
func parseLife(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q: write it as 30d or 12h", text)
}

func (p *program) tokenList() *cobra.Command {
	var o app.HistoryOptions
	format := "table"
	cmd := &cobra.Command{
		Use: "list", Short: "List the tokens, newest first", Long: "List the tokens: what each may do, until when, and when it was last used.\n" + accessCodes,
		Example: "  holdfast token list\n  holdfast token list --format json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return &usageError{cmd.CommandPath(), fmt.Errorf("format %q: this command writes table and json", format)}
			}
			tokens, err := app.Tokens(cmd.Context(), o)
			if err != nil {
				return err
			}
			p.done = true
			if format == "json" {
				return tokensJSON(p.stdout, tokens)
			}
			return tokensTable(p.stdout, tokens, p.now())
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "output format: table or json")
	historyPlaceFlags(cmd.Flags(), &o)
	return cmd
}

func tokensJSON(w io.Writer, tokens []store.Token) error {
	if tokens == nil {
		tokens = []store.Token{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(tokens)
}

func tokensTable(w io.Writer, tokens []store.Token, now time.Time) error {
	if len(tokens) == 0 {
		_, err := fmt.Fprintln(w, "there are no tokens; holdfast token create makes one")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tROLE\tSOURCES\tUNTIL\tLAST USED\tMADE BY")
	for _, t := range tokens {
		until, used, sources := minute(t.ExpiresAt), "never", "all"
		switch {
		case !t.RevokedAt.IsZero():
			until = "revoked " + minute(t.RevokedAt)
		case !now.Before(t.ExpiresAt):
			until = "ended " + until
		}
		if !t.UsedAt.IsZero() {
			used = minute(t.UsedAt)
		}
		if len(t.Sources) > 0 {
			sources = strings.Join(t.Sources, ", ")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.Role, report.OneLine(sources), until, used, report.OneLine(t.CreatedBy))
	}
	return table.Flush()
}

// minute is a time as tables have it.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func (p *program) tokenRevoke() *cobra.Command {
	var o app.HistoryOptions
	cmd := &cobra.Command{
		Use: "revoke NAME|ID", Short: "Make a token useless at once, and end the sessions begun with it",
		Long:    "Make a token useless from the next request on. Sessions that were begun with it end too.\n" + accessCodes,
		Example: "  holdfast token revoke ci", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := app.RevokeToken(cmd.Context(), o, args[0], p.now())
			if err != nil {
				return err
			}
			p.done = true
			fmt.Fprintf(p.stdout, "revoked %s (%s)\n", t.Name, t.ID)
			return nil
		},
	}
	historyPlaceFlags(cmd.Flags(), &o)
	return cmd
}
