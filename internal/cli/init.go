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

	"holdfast/internal/app"
	"holdfast/internal/report"
	"holdfast/internal/stack"
)

const initHelp = `Write a commented holdfast.yaml for the root modules in a folder and below it, or
in and below the current one: their workspaces, variable files and backend files
as far as they can be seen. Also add .holdfast/, where Holdfast keeps its own
files, to .gitignore. Nothing else is written, and nothing is run.

With --github, write .github/workflows/drift.yml instead: a workflow that checks
every Monday, signs in to AWS without a key, and proposes the drift report.`

// initFlags are those of init.
type initFlags struct {
	force, dryRun, github bool
	workflow              app.Workflow
}

func (p *program) init() *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "init [FOLDER]", Short: "Write a holdfast.yaml from what there is", Long: initHelp, Args: cobra.MaximumNArgs(1),
		Example: "  holdfast init --dry-run\n  holdfast init infrastructure\n  holdfast init --github",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if f.github {
				f.workflow.Dir = dir
				return p.writeWorkflow(cmd, f)
			}
			draft, err := stack.NewDraft(cmd.Context(), dir, p.env)
			if err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			if f.dryRun {
				fmt.Fprint(p.stdout, draft.Text)
				return nil
			}
			return p.writeDraft(dir, draft, f.force)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.force, "force", false, "write over the file that is there")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print it and write nothing")
	flags.BoolVar(&f.github, "github", false, "write a workflow of GitHub Actions instead")
	flags.StringVar(&f.workflow.Action, "action", "", "with --github: the action to use, as `OWNER/NAME@REF` (default that of this release)")
	flags.StringVar(&f.workflow.Report, "report", "pull-request", "with --github: what to do with the drift report: none, commit or pull-request")
	return cmd
}

// writeWorkflow writes the workflow, where there is none.
func (p *program) writeWorkflow(cmd *cobra.Command, f *initFlags) error {
	file, text, err := f.workflow.Render()
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	if f.dryRun {
		_, err := p.stdout.Write(text)
		return err
	}
	shown := shortPath(file)
	if _, err := os.Lstat(file); err == nil && !f.force {
		return fmt.Errorf("%s is there already; see what would be written with --dry-run, or write over it with --force", shown)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the folder of workflows: %w", err)
	}
	if err := app.WriteFile(file, text); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "wrote %s\n", shown)
	fmt.Fprintln(p.stdout, "next: set the variables HOLDFAST_AWS_ROLE and HOLDFAST_AWS_REGION of the repository; docs/ci.md says what the role needs")
	return nil
}

func (p *program) writeDraft(dir string, draft stack.Draft, force bool) error {
	file := filepath.Join(dir, stack.SettingsFile)
	if _, err := os.Lstat(file); err == nil && !force {
		return fmt.Errorf("%s is there already; see what would be written with --dry-run, or write over it with --force", file)
	}
	if err := app.WriteFile(file, []byte(draft.Text)); err != nil {
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
	return true, app.WriteFile(file, []byte(text+".holdfast/\n"))
}
