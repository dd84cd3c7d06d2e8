package stack

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// ignoreRule is one line of a .gitignore file, for folders only: files of a
// root module count whether or not git knows them, as they do for Terraform.
type ignoreRule struct {
	pattern string // of the path below the .gitignore's folder
	again   bool   // the line takes folders back in
}

// ignores are the rules of one folder's .gitignore and of those above it.
type ignores struct {
	dir   string // absolute, as the walk has it
	rules []ignoreRule
	above *ignores
}

// gitignores reads the rules that hold in a folder: those of all folders from
// the top of its repository down.
func gitignores(dir string) *ignores {
	var dirs []string
	for at := dir; ; at = filepath.Dir(at) {
		dirs = append(dirs, at)
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			break
		}
		if filepath.Dir(at) == at { // no repository around it
			dirs = []string{dir}
			break
		}
	}
	var all *ignores
	for _, at := range slices.Backward(dirs) {
		all = all.with(at, ".git/info/exclude", ".gitignore")
	}
	return all
}

// with adds the rules of files of a folder, where it has them.
func (g *ignores) with(dir string, files ...string) *ignores {
	var rules []ignoreRule
	for _, name := range files {
		src, err := readLimited(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			continue // git can't read it either
		}
		rules = append(rules, parseIgnores(string(src))...)
	}
	if len(rules) == 0 {
		return g
	}
	return &ignores{dir: dir, rules: rules, above: g}
}

// parseIgnores reads the lines of a .gitignore file, see gitignore(5).
func parseIgnores(src string) []ignoreRule {
	var rules []ignoreRule
	for line := range strings.Lines(src) {
		line = strings.TrimRight(line, "\r\n")
		if trimmed := strings.TrimRight(line, " "); !strings.HasSuffix(trimmed, `\`) {
			line = trimmed
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule := ignoreRule{}
		line, rule.again = strings.CutPrefix(line, "!")
		line = strings.TrimSuffix(line, "/")
		// A slash before its end ties a pattern to the folder of its file.
		if anchored := strings.Contains(line, "/"); anchored {
			line = strings.TrimPrefix(line, "/")
		} else {
			line = "**/" + line
		}
		// Braces are plain characters to git.
		line = strings.NewReplacer("{", `\{`, "}", `\}`).Replace(line)
		if rule.pattern = line; doublestar.ValidatePattern(line) && line != "" {
			rules = append(rules, rule)
		}
	}
	return rules
}

// match reports whether a folder is ignored. Of several rules the last of the
// nearest file counts. What lies below an ignored folder is never asked for.
func (g *ignores) match(dir string) bool {
	for ; g != nil; g = g.above {
		rel, err := filepath.Rel(g.dir, dir)
		if err != nil {
			continue
		}
		rel = path.Clean(filepath.ToSlash(rel))
		for _, rule := range slices.Backward(g.rules) {
			if doublestar.MatchUnvalidated(rule.pattern, rel) {
				return !rule.again
			}
		}
	}
	return false
}
