package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/app"
)

// man writes a page for each command. Releases ship the pages; nobody else needs
// the command.
func (p *program) man() *cobra.Command {
	return &cobra.Command{
		Use: "man FOLDER", Short: "Write the man pages into a folder", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("man pages: %w", err)
			}
			return writeManPages(cmd.Root(), args[0])
		},
	}
}

func writeManPages(cmd *cobra.Command, folder string) error {
	cmd.InitDefaultHelpFlag()
	if err := os.WriteFile(filepath.Join(folder, manName(cmd)+".1"), []byte(manPage(cmd)), 0o644); err != nil {
		return fmt.Errorf("man pages: %w", err)
	}
	for _, sub := range manChildren(cmd) {
		if err := writeManPages(sub, folder); err != nil {
			return err
		}
	}
	return nil
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func manChildren(cmd *cobra.Command) []*cobra.Command {
	var children []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && !sub.IsAdditionalHelpTopicCommand() {
			children = append(children, sub)
		}
	}
	return children
}

// manPage writes a page in the language of man(7).
func manPage(cmd *cobra.Command) string {
	var w manWriter
	b := app.ThisBuild()
	date, _, _ := strings.Cut(b.Date, "T")
	w.request("TH", strings.ToUpper(manName(cmd)), "1", date, b.Name+" "+b.Version, "User commands")
	w.request("SH", "NAME")
	w.text(manName(cmd) + " - " + cmd.Short)
	w.request("SH", "SYNOPSIS")
	w.line(`\fB` + roff(cmd.CommandPath()) + `\fR` + roff(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())))
	w.request("SH", "DESCRIPTION")
	w.paragraphs(orShort(cmd))
	w.flags("OPTIONS", cmd.NonInheritedFlags())
	w.flags("OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		w.request("SH", "EXAMPLES")
		w.verbatim(cmd.Example)
	}
	w.request("SH", "ENVIRONMENT")
	w.text("Every option can also be given as HOLDFAST_NAME, as HOLDFAST_CACHE_DIR for --cache-dir. The command line goes before it.")
	w.related(cmd)
	return w.String()
}

func orShort(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// manWriter writes roff.
type manWriter struct{ b strings.Builder }

func (w *manWriter) String() string { return w.b.String() }

// request writes a macro with its arguments.
func (w *manWriter) request(name string, args ...string) {
	w.b.WriteString("." + name)
	for _, arg := range args {
		w.b.WriteString(` "` + strings.ReplaceAll(roff(arg), `"`, `\(dq`) + `"`)
	}
	w.b.WriteByte('\n')
}

// line writes what is roff already.
func (w *manWriter) line(s string) { w.b.WriteString(s + "\n") }

// text writes lines that are filled.
func (w *manWriter) text(s string) {
	for line := range strings.Lines(s) {
		w.line(roff(strings.TrimSpace(line)))
	}
}

// paragraphs writes text in which a paragraph with indented lines is shown as it
// is, such as the table of exit codes.
func (w *manWriter) paragraphs(s string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			w.request("PP")
		}
		if strings.Contains("\n"+paragraph, "\n  ") {
			w.verbatim(paragraph)
		} else {
			w.text(paragraph)
		}
	}
}

func (w *manWriter) verbatim(s string) {
	w.request("nf")
	for line := range strings.Lines(s) {
		w.line(roff(strings.TrimRight(line, "\n")))
	}
	w.request("fi")
}

func (w *manWriter) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	w.request("SH", title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		placeholder, usage := pflag.UnquoteUsage(f)
		name := `\fB` + roff("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB` + roff("-"+f.Shorthand) + `\fR, ` + name
		}
		if placeholder != "" {
			name += ` \fI` + roff(placeholder) + `\fR`
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
			usage += " (default " + f.DefValue + ")"
		}
		w.request("TP")
		w.line(name)
		w.text(usage)
	})
}

// related names the pages of the command above and of those below.
func (w *manWriter) related(cmd *cobra.Command) {
	var names []string
	if cmd.HasParent() {
		names = append(names, manName(cmd.Parent())+"(1)")
	}
	for _, sub := range manChildren(cmd) {
		names = append(names, manName(sub)+"(1)")
	}
	w.request("SH", "SEE ALSO")
	w.text(strings.Join(names, ", "))
}

// roff escapes what would be a command: backslashes, a dot or quote that begins a
// line, and hyphens, which are to stay what people can copy.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
