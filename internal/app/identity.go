package app

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/stack"
	"holdfast/internal/state/locate"
	"holdfast/internal/store"
)

// identify gives stacks the keys that their ids are made of, so that the history
// knows them again, wherever in the repository the program runs: their paths from
// the base folder. A database may be shared by several repositories; there the
// repository is part of the key.
func identify(candidates []stack.Candidate, o CheckOptions, settings *stack.Settings) error {
	base, err := baseFolder(settings)
	if err != nil {
		return err
	}
	scope, err := scopeOf(o, settings, base)
	if err != nil {
		return err
	}
	for i := range candidates {
		s := &candidates[i].Stack
		s.Key = scope + historyPath(*s, base)
		if o.State != "" && !s.NoSource {
			s.Key += "#" + stateFrom(o.State, base) // another state is another stack
		}
	}
	return nil
}

// scopeOf is what goes before the keys of stacks.
func scopeOf(o CheckOptions, settings *stack.Settings, base string) (string, error) {
	if o.history != nil {
		return o.scope, nil
	}
	at, err := historyPlace(o.Store, settings)
	if err != nil || !store.IsURL(at.where) {
		return "", err
	}
	return repository(base) + "//", nil
}

// historyPath is how the history names a stack: from the base folder, or by the
// state where that is all there is.
func historyPath(s stack.Stack, base string) string {
	switch {
	case s.NoSource:
		return stateFrom(s.StateURL, base)
	case s.Dir == "":
		return from(s.Path, base)
	}
	return from(s.Dir, base)
}

func stateFrom(state, base string) string {
	if locate.IsRemote(state) {
		return state
	}
	return from(state, base)
}

// from is a path as seen from a folder, with slashes.
func from(path, base string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	rel, err := filepath.Rel(base, abs)
	if err != nil {
		return filepath.ToSlash(abs) // on another drive
	}
	return filepath.ToSlash(rel)
}

// repository names the repository around a folder, and the folder's place in it:
// by where it was cloned from, else by its own folder.
func repository(dir string) string {
	for top := dir; ; top = filepath.Dir(top) {
		if _, err := os.Lstat(filepath.Join(top, ".git")); err == nil {
			rel, err := filepath.Rel(top, dir)
			if err != nil || rel == "." {
				return cloned(top)
			}
			return cloned(top) + "/" + filepath.ToSlash(rel)
		}
		if filepath.Dir(top) == top {
			return filepath.Base(dir)
		}
	}
}

// cloned names the repository of a folder with .git.
func cloned(dir string) string {
	config := filepath.Join(dir, ".git", "config")
	if src, err := os.ReadFile(filepath.Join(dir, ".git")); err == nil { // a worktree
		git, _ := strings.CutPrefix(strings.TrimSpace(string(src)), "gitdir: ")
		config = filepath.Join(git, "..", "..", "config")
	}
	src, err := os.ReadFile(config)
	if err != nil {
		return filepath.Base(dir)
	}
	if name := origin(string(src)); name != "" {
		return name
	}
	return filepath.Base(dir)
}

// origin is the host and path of the remote "origin" of a git configuration. Who
// clones, and how, is not part of it: it may be a secret.
func origin(config string) string {
	section := ""
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if section == `[remote "origin"]` && strings.TrimSpace(name) == "url" {
			return remoteName(strings.TrimSpace(value))
		}
	}
	return ""
}

func remoteName(remote string) string {
	host, path := "", remote
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		host, path = u.Hostname(), u.Path
	} else if before, after, ok := strings.Cut(remote, ":"); ok && !strings.Contains(before, "/") {
		host, path = before[strings.LastIndex(before, "@")+1:], after // git@host:path
	}
	return host + "/" + strings.TrimSuffix(strings.Trim(path, "/"), ".git")
}
