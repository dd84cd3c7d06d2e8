package stack

import (
	"fmt"
	"path"

	"github.com/bmatcuk/doublestar/v4"
)

// Globs are patterns of folders, relative to a base folder and with slashes:
// `*` stands for any characters of one name, `**` for any number of folders.
type Globs []string

// Check complains of a pattern that is none.
func (g Globs) Check() error {
	for _, pattern := range g {
		if pattern == "" || !doublestar.ValidatePattern(pattern) {
			return fmt.Errorf("%q is no pattern of folders; write one as live/**/prod", pattern)
		}
	}
	return nil
}

// Match reports whether one of the patterns matches a folder.
func (g Globs) Match(folder string) bool {
	for _, pattern := range g {
		if doublestar.MatchUnvalidated(path.Clean(pattern), folder) {
			return true
		}
	}
	return false
}

// MatchBelow reports whether one of the patterns matches a folder, or one that
// it is in.
func (g Globs) MatchBelow(folder string) bool {
	if len(g) == 0 {
		return false
	}
	for at := folder; at != "." && at != "/" && at != ""; at = path.Dir(at) {
		if g.Match(at) {
			return true
		}
	}
	return false
}
