package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/report"
	"holdfast/internal/stack"
)

const initHelp = `Write a commented holdfast.yaml for the root modules in a folder and below it, or
in and below the current one: their workspaces, variable files and backend files
as far as they can be seen. Also add .holdfast/, where Holdfast keeps its own
files, to .gitignore. Nothing else is written, and nothing is run.`

func (p *program) init() *cobra.Command {
	var force, dryRun bool
	cmd := &cobra.Command{
		Use: "init [FOLDER]", Short: "Write a holdfast.yaml from what there is", Long: initHelp, Args: cobra.MaximumNArgs(1),
		Example: "  holdfast init --dry-run\n  holdfast init infrastructure",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			draft, err := stack.NewDraft(cmd.Context(), dir, p.env)
			if err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			if dryRun {
				fmt.Fprint(p.stdout, draft.Text)
				return nil
			}
			return p.writeDraft(dir, draft, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "write over the holdfast.yaml that is there")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print it and write nothing")
	return cmd
}

func (p *program) writeDraft(dir string, draft stack.Draft, force bool) error {
	file := filepath.Join(dir, stack.SettingsFile)
	if _, err := os.Lstat(file); err == nil && !force {
		return fmt.Errorf("%s is there already; see what would be written with --dry-run, or write over it with --force", file)
	}
	if err := writeFile(file, []byte(draft.Text)); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "wrote %s; root modules found: %d\n", file, draft.Roots)
	for _, problem := range draft.Problems {
		fmt.Fprintf(p.stdout, "excluded: %s\n", report.OneLine(problem.Err.Error()))
	}
	added, err := ignoreOwn(filepath.Join(dir, ".gitignore"))
	if err != nil {
		return err
	}
	if added {
		fmt.Fprintf(p.stdout, "added .holdfast/ to %s\n", filepath.Join(dir, ".gitignore"))
	}
	fmt.Fprintln(p.stdout, "next: read it, then run holdfast doctor")
	return nil
}

// ignoreOwn adds our folder to a .gitignore that doesn't have it.
func ignoreOwn(file string) (added bool, err error) {
	src, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("reading %s: %w", file, err)
	}
	lines := strings.Split(strings.ReplaceAll(string(src), "\r\n", "\n"), "\n")
	if slices.ContainsFunc(lines, func(line string) bool {
		return strings.Trim(strings.TrimSpace(line), "/") == ".holdfast"
	}) {
		return false, nil
	}
	text := string(src)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return true, writeFile(file, []byte(text+".holdfast/\n"))
}
