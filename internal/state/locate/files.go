package locate

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/state"
)

// findFiles gives the state file, or those that match. A folder that can't be
// looked into is a source too, of which the error is told.
func (l Locator) findFiles(ctx context.Context, pattern string) ([]state.Source, error) {
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(l.Dir, full)
	}
	_, err := os.Lstat(full)
	if err == nil || !isPattern(pattern) {
		return []state.Source{state.Local{Path: full}}, nil
	}
	s := search{pattern: filepath.ToSlash(full)}
	root, _ := path.Split(literalPrefix(s.pattern))
	s.hidden = strings.Contains(s.pattern, "/.terraform/")
	err = filepath.WalkDir(filepath.FromSlash(path.Clean(root)), func(file string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.visit(file, entry, err)
	})
	if err != nil {
		return nil, err
	}
	if len(s.found) == 0 {
		return nil, fmt.Errorf("no state matches %s: of the %d files below %s none does; mend the pattern, and quote it so that the shell leaves it alone", pattern, s.seen, path.Clean(root))
	}
	slices.SortFunc(s.found, func(a, b state.Source) int { return strings.Compare(a.String(), b.String()) })
	return s.found, nil
}

// search is a walk through folders. Symbolic links to folders are not followed,
// so that a loop does no harm.
type search struct {
	pattern string
	hidden  bool // look into .terraform, whose files are no states
	seen    int
	found   []state.Source
}

func (s *search) visit(file string, entry fs.DirEntry, err error) error {
	switch {
	case err != nil && entry == nil: // the first folder is not there
		return nil
	case err != nil:
		s.found = append(s.found, state.Unavailable{Name: file, Reason: fmt.Errorf("looking for states: %w; make it readable, or name a narrower pattern", err)})
		return fs.SkipDir
	case entry.IsDir() && entry.Name() == ".terraform" && !s.hidden:
		return fs.SkipDir
	case entry.IsDir() || strings.HasSuffix(entry.Name(), ".lock.info"):
		return nil
	}
	s.seen++
	if matches(s.pattern, filepath.ToSlash(file)) && !isFolder(file) {
		s.found = append(s.found, state.Local{Path: file})
	}
	return nil
}

// isFolder reports whether a symbolic link leads to a folder.
func isFolder(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.IsDir()
}
