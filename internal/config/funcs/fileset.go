package funcs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
)

// defaultMaxFolders is how many folders one fileset may look into: enough for
// any source tree, and an end to "/**" or a loop of symbolic links.
const defaultMaxFolders = 100_000

// fileSet names the regular files that match, relative to path.
//
// As in Terraform, path is part of the pattern, and "~" is not replaced.
func (d disk) fileSet(args []cty.Value) (cty.Value, error) {
	path := args[0].AsString()
	if !filepath.IsAbs(path) {
		path = filepath.Clean(path)
	}
	pattern := plainEscapes(filepath.Join(path, args[1].AsString()))
	if isDisputed(pattern) {
		return cty.NilVal, beyond(1, "Terraform and OpenTofu find different files by it", "%q", pattern)
	}

	// The part before the first wildcard is an ordinary folder: it may hold
	// "..", which a pattern may not, and workDir, whose own characters must
	// not be taken for wildcards.
	folder, wild := doublestar.SplitPattern(filepath.ToSlash(pattern))
	tree := &countedFolders{FS: os.DirFS(d.absolute(filepath.FromSlash(folder))), limit: d.maxFolders}
	names, err := doublestar.Glob(tree, wild)
	switch {
	case tree.exceeded():
		return cty.NilVal, beyond(1, "it would search too many folders", "%q: over %d", pattern, d.maxFolders)
	case errors.Is(err, doublestar.ErrBadPattern):
		return cty.NilVal, bad(1, "it is not a valid pattern", "%q", pattern)
	case err != nil:
		return cty.NilVal, bad(0, "the folder can't be searched", "%q: %s", pattern, plain(err))
	}

	var found []cty.Value
	for _, name := range names {
		info, err := fs.Stat(tree, name)
		if err != nil { // a dangling symbolic link, for one
			return cty.NilVal, bad(1, "a match can't be looked at", "%q: %s", name, plain(err))
		}
		if !info.Mode().IsRegular() {
			continue
		}
		relative, err := filepath.Rel(path, filepath.Join(folder, name))
		if err != nil {
			return cty.NilVal, bad(1, "a match has no path relative to the folder", "%q", name)
		}
		found = append(found, cty.StringVal(filepath.ToSlash(relative)))
	}
	if len(found) == 0 {
		return cty.SetValEmpty(cty.String), nil
	}
	return cty.SetVal(found), nil
}

// plainEscapes drops a backslash before a character that has no meaning of its
// own: the library only does so in a pattern with wildcards.
func plainEscapes(pattern string) string {
	if filepath.Separator == '\\' {
		return pattern
	}
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
			if strings.IndexByte(`*?[]{}\-^!,`, pattern[i]) >= 0 {
				out.WriteByte('\\')
			}
		}
		out.WriteByte(pattern[i])
	}
	return out.String()
}

// isDisputed says whether the pattern means one thing in the library version of
// Terraform and another in OpenTofu's: a class negated by "!", and braces that
// are nested or empty.
func isDisputed(pattern string) bool {
	inBraces := false
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case pattern[i] == '\\':
			i++
		case strings.HasPrefix(rest, "[!"), strings.HasPrefix(rest, "{}"), pattern[i] == '{' && inBraces:
			return true
		case pattern[i] == '{':
			inBraces = true
		case pattern[i] == '}':
			inBraces = false
		}
	}
	return false
}

// countedFolders fails once too many folders were read.
type countedFolders struct {
	fs.FS
	limit, read int
}

var errTooMany = errors.New("too many folders")

func (c *countedFolders) ReadDir(name string) ([]fs.DirEntry, error) {
	if c.read++; c.exceeded() {
		return nil, errTooMany
	}
	return fs.ReadDir(c.FS, name)
}

func (c *countedFolders) Stat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS, name) }

func (c *countedFolders) exceeded() bool { return c.read > c.limit }
