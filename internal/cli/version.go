package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/app"
)

func (p *program) version() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "version", Short: "Say which version this is, of which commit", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := app.ThisBuild()
			switch format {
			case "text":
				_, err := fmt.Fprintln(p.stdout, describe(b))
				return err
			case "json":
				return writeJSON(p.stdout, b)
			}
			return &usageError{cmd.CommandPath(), fmt.Errorf("--format %q: text or json", format)}
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output format: text, json")
	return cmd
}

// describe says in one line which program this is.
func describe(b app.Build) string {
	known := []string{b.Go, b.OS + "/" + b.Arch}
	if b.Date != "" {
		known = append([]string{b.Date}, known...)
	}
	if b.Commit != "" {
		commit := "commit " + b.Commit[:min(12, len(b.Commit))]
		if b.Modified {
			commit += " with changes"
		}
		known = append([]string{commit}, known...)
	}
	return fmt.Sprintf("%s %s (%s)", b.Name, b.Version, strings.Join(known, ", "))
}
