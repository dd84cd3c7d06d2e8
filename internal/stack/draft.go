package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Draft is what a settings file could say of a repository.
type Draft struct {
	Text     string // of holdfast.yaml
	Roots    int    // root modules
	Problems []Problem
}

// NewDraft looks at the root modules in a folder and below it, and at the
// workspaces, variable files and backend files that they have, and writes down
// what it makes of them. What it can't know stands there as a comment. It reads
// only. Without a root module there is nothing to write, and that is an error.
func NewDraft(ctx context.Context, dir string, env []string) (Draft, error) {
	abs, err := folderOf(dir)
	if err != nil {
		return Draft{}, err
	}
	found, err := Discover(ctx, []string{abs}, DiscoverOptions{Base: abs, DataDir: Getenv(env, "TF_DATA_DIR")})
	if err != nil {
		return Draft{}, err
	}
	if len(found.Roots) == 0 {
		return Draft{}, found.Problems[0].Err
	}
	d := drafter{repo: abs, env: env}
	d.head(found)
	for _, r := range found.Roots {
		d.root(r)
	}
	d.tail()
	return Draft{Text: d.String(), Roots: len(found.Roots), Problems: found.Problems}, nil
}

type drafter struct {
	strings.Builder
	repo    string
	env     []string
	entries strings.Builder
	plain   []string // root modules that need no settings
}

func (d *drafter) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drafter) head(found Found) {
	d.line("# Settings of Holdfast, see docs/configuration.md. Written by holdfast init.")
	d.line("version: 1")
	d.line("")
	d.line("# What this repository is the infrastructure of; for reports.")
	d.line("# environment: production")
	d.line("")
	d.line("# Folders that are not root modules, whatever they look like.")
	if len(found.Problems) == 0 {
		d.line("# exclude:")
		d.line("#   - templates/**")
		return
	}
	d.line("# These could not be read; leave the line of one away to have it checked.")
	d.line("exclude:")
	for _, p := range found.Problems {
		d.line("  # %s", d.short(p.Err.Error()))
		d.line("  - %s", quoted(escapeGlob(relSlash(d.repo, p.Path))))
	}
}

// short is a message on one line, with the paths below the repository.
func (d *drafter) short(text string) string {
	text = strings.ReplaceAll(text, d.repo+string(filepath.Separator), "")
	text, _, _ = strings.Cut(text, "; if it is no root module")
	return strings.Join(strings.Fields(text), " ")
}

// quoted is text as a YAML string in double quotes.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\u0085':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// escapeGlob makes a pattern that matches a folder's name literally.
func escapeGlob(folder string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`, `\`, `\\`).Replace(folder)
}

// root writes what one root module needs.
func (d *drafter) root(r Root) {
	rel := relSlash(d.repo, r.Dir)
	names, pattern, backends := d.varFiles(r)
	workspaces, asks := d.workspaces(r), usesWorkspace(r)
	common := slices.DeleteFunc(slices.Clone(workspaces), func(s string) bool { return !slices.Contains(names, s) })
	if strings.HasPrefix(pattern, "{repo}") && len(common) == 0 && !asks {
		names = nil // the repository's files may be anybody's
	}
	switch {
	case len(common) > 0:
		d.entry(rel, "its workspaces that have variables of their own",
			"workspaces: "+flow(common), "var_files: ["+quoted(pattern)+"]")
		rest := slices.DeleteFunc(workspaces, func(s string) bool { return slices.Contains(common, s) })
		if len(rest) > 0 {
			d.entry(rel, "those that have a state and no variables of their own", "workspaces: "+flow(rest))
		}
	case len(workspaces) > 0:
		d.entry(rel, "its workspaces with a state", "workspaces: "+flow(workspaces))
	case len(names) > 0 && asks:
		d.entry(rel, "it uses terraform.workspace, and these have variables of their own",
			"workspaces: "+flow(names), "var_files: ["+quoted(pattern)+"]")
	case len(names) > 0 && len(backends) > 0:
		for _, name := range names {
			lines := []string{"name: " + quoted(name), "var_files: [" + quoted(strings.ReplaceAll(pattern, "{workspace}", name)) + "]"}
			if file := backends[name]; file != "" {
				lines = append(lines, "backend_config: ["+quoted(file)+"]")
			}
			d.entry(rel, "", lines...)
		}
	case len(names) > 0:
		d.entry(rel, "which variables were applied is not known; take the right line",
			"# var_files: ["+quoted(strings.ReplaceAll(pattern, "{workspace}", names[0]))+"]   # or of "+strings.Join(names[1:], ", "),
			"# or, if each is a workspace:", "# workspaces: "+flow(names), "# var_files: ["+quoted(pattern)+"]")
	default:
		d.plain = append(d.plain, rel)
	}
}

func (d *drafter) entry(rel, why string, lines ...string) {
	if why != "" {
		fmt.Fprintf(&d.entries, "  # %s\n", why)
	}
	fmt.Fprintf(&d.entries, "  - path: %s\n", quoted(rel))
	for _, line := range lines {
		fmt.Fprintf(&d.entries, "    %s\n", strings.TrimSuffix(line, "   # or of "))
	}
}

func flow(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = quoted(name)
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// workspaces are those, beside the default one, that the local backend has.
func (d *drafter) workspaces(r Root) []string {
	s, err := Open(r.Dir, Options{Workspace: "default", Env: d.env})
	if err != nil || s.Backend != "local" {
		return nil
	}
	names, err := s.LocalWorkspaces()
	if err != nil || len(names) == 1 && names[0] == "default" {
		return nil
	}
	return names
}

// usesWorkspace reports whether the source asks for its workspace.
func usesWorkspace(r Root) bool {
	entries, err := os.ReadDir(r.Dir)
	if err != nil {
		return false
	}
	names, _ := sourceNames(r.Dir, entries)
	return slices.ContainsFunc(names, func(name string) bool {
		src, err := readLimited(filepath.Join(r.Dir, name))
		return err == nil && bytes.Contains(src, []byte("terraform.workspace"))
	})
}

// varFolders are where variable files are kept, beside the root module itself.
var varFolders = []string{".", "env", "envs", "environments", "vars", "variables", "tfvars", "config"}

// varFiles finds variable files named after something, such as env/prod.tfvars:
// the names, the pattern in which {workspace} stands for them, and the backend
// files of the same names.
func (d *drafter) varFiles(r Root) (names []string, pattern string, backends map[string]string) {
	bases := []string{r.Dir}
	if r.Dir != d.repo {
		bases = append(bases, d.repo)
	}
	for _, base := range bases {
		for _, folder := range varFolders {
			if base != r.Dir && folder == "." {
				continue
			}
			prefix := ""
			if base != r.Dir {
				prefix = "{repo}/"
			}
			names, suffix := namedFiles(filepath.Join(base, folder))
			if len(names) > 0 {
				return names, prefix + path.Join(folder, "{workspace}"+suffix), backendFiles(r.Dir, folder, names)
			}
		}
	}
	return nil, "", nil
}

// namedFiles lists the names for which a folder has NAME.tfvars or NAME/*.tfvars
// of one same name, and what follows the name.
func namedFiles(dir string) (names []string, suffix string) {
	for _, suffix := range []string{".tfvars", ".tfvars.json", "/terraform.tfvars", "/variables.tfvars", "/common.tfvars"} {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(globEscape(dir)), "*"+suffix))
		if err != nil {
			continue
		}
		for _, file := range files {
			name := filepath.Base(strings.TrimSuffix(filepath.ToSlash(file), suffix))
			if isWorkspace(name) && stackName.MatchString(name) && name != "terraform" && !strings.HasSuffix(name, ".auto") {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			return names, suffix
		}
	}
	return nil, ""
}

func globEscape(dir string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// backendFiles finds -backend-config files of the given names, by name.
func backendFiles(root, folder string, names []string) map[string]string {
	found := map[string]string{}
	for _, name := range names {
		for _, dir := range []string{folder, "backend", "backends", "backend-config", "."} {
			for _, suffix := range []string{".tfbackend", ".s3.tfbackend", ".backend.hcl", ".backend.tfvars", ".hcl"} {
				file := path.Join(dir, name+suffix)
				if found[name] == "" && exists(filepath.Join(root, filepath.FromSlash(file))) {
					found[name] = file
				}
			}
		}
	}
	return found
}

// maxPlain is how many root modules without settings are named.
const maxPlain = 50

func (d *drafter) tail() {
	d.line("")
	d.line("# What all stacks share; a stack's own settings go before it.")
	d.line("# defaults:")
	d.line("#   timeout: 10m")
	d.line("#   env:")
	d.line("#     AWS_PROFILE: readonly")
	d.line("")
	d.line("# Root modules are found by themselves. Only those with settings stand here.")
	if d.entries.Len() == 0 {
		d.line("# stacks:")
		d.line("#   - path: live/network")
		d.line(`#     workspaces: ["prod", "staging"]   # or all: those that have a state`)
		d.line(`#     var_files: ["env/{workspace}.tfvars"]`)
	} else {
		d.line("stacks:")
		fmt.Fprint(d, d.entries.String())
	}
	d.line("")
	if len(d.plain) > 0 {
		d.line("# Found, and checked as they are:")
	}
	for i, rel := range d.plain {
		if i == maxPlain {
			d.line("#   and %d more", len(d.plain)-i)
			break
		}
		d.line("#   %s", strings.Trim(quoted(rel), `"`))
	}
	d.line("")
	d.line("# Noise that is known, with a reason and, better, an end.")
	d.line("# ignore:")
	d.line(`#   - type: "aws_autoscaling_group"`)
	d.line("#     attributes: [desired_capacity]")
	d.line("#     reason: the scheduler sets it")
	d.line("#     until: 2027-12-31")
}
