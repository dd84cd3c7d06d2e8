package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

const (
	lockFile = ".terraform.lock.hcl"
	// maxFolders is far above what a repository has; reaching it is a problem
	// that is said.
	maxFolders = 500_000
)

// Found is what Discover found.
type Found struct {
	Roots    []Root    // by path
	Problems []Problem // folders that may be root modules and can't be read
	Folders  int       // how many were looked at
}

// Root is the folder of a root module.
type Root struct {
	Path    string // as the user would name it: below the path that was given
	Dir     string // absolute
	Named   bool   // the user named this very folder
	Backend string // the type of the backend that the source declares, or ""
	Tofu    bool   // the source is meant for OpenTofu
	real    string // absolute, without symbolic links
	module  *module
}

// Problem is a folder that could not be looked at, and why.
type Problem struct {
	Path string
	Err  error
}

// DiscoverOptions narrow what is found.
type DiscoverOptions struct {
	// Base is the folder that Include and Exclude are relative to; "" means the
	// current one.
	Base string
	// Include lists patterns of which a root module must match one each.
	Include []Globs
	Exclude Globs
	// DataDir is the value of TF_DATA_DIR: a folder of that name has no root
	// modules, as .terraform has none.
	DataDir string

	readDir func(string) ([]fs.DirEntry, error) // of tests
}

// Discover finds the root modules in the given folders and below them. A folder
// is one if it has Terraform or OpenTofu source and something of what only a
// root module has: a backend, cloud or provider block, .terraform, a lock file
// or a state; and if no other module in the tree calls it by a local path. A
// called one is a root module only if it has a state or a backend's record of
// its own. A folder that was named by itself needs none of this.
//
// Hidden folders, .terraform, node_modules and folders that git ignores are
// passed over, unless they were named. A folder that can't be read, or whose
// source can't be parsed and that nobody calls, is a problem of its own.
func Discover(ctx context.Context, paths []string, o DiscoverOptions) (Found, error) {
	if o.readDir == nil {
		o.readDir = os.ReadDir
	}
	base, err := filepath.Abs(cmp.Or(o.Base, "."))
	if err != nil {
		return Found{}, err
	}
	w := &walk{options: o, base: base, visited: map[string]bool{}, called: map[string]bool{}, within: map[string]bool{}}
	if err := w.run(ctx, w.starts(paths)); err != nil {
		return Found{}, err
	}
	w.resolveCalls()
	return w.found(), nil
}

// folder is one that the walk came to.
type folder struct {
	path, dir, real string
	start           string // the path given, below which it is
	named           bool
	ignores         *ignores
	module          module
	evidence        bool // it has something that only root modules have
	applied         bool // it has a state, or says where its state is
	err             error
	below, links    []folder
}

type walk struct {
	options DiscoverOptions
	base    string
	folders []*folder
	visited map[string]bool // by real path
	called  map[string]bool // real paths that a module calls
	within  map[string]bool // real paths that a module below them calls
	given   []*folder
	faults  []Problem
}

// starts are the folders that the user named.
func (w *walk) starts(paths []string) []folder {
	var out []folder
	for _, path := range paths {
		dir, err := folderOf(path)
		if err != nil {
			w.faults = append(w.faults, Problem{path, err})
			continue
		}
		physical, err := filepath.EvalSymlinks(dir)
		if err != nil {
			w.faults = append(w.faults, Problem{path, fmt.Errorf("opening the folder: %w", err)})
			continue
		}
		f := folder{path: path, dir: dir, real: physical, start: path, named: true, ignores: gitignores(physical)}
		w.given = append(w.given, &f)
		out = append(out, f)
	}
	return out
}

// folderOf is the absolute path of a folder that has to exist.
func folderOf(path string) (string, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s does not exist", path)
	case err != nil:
		return "", fmt.Errorf("opening the root module: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("%s is no folder; name the folder of a root module", path)
	}
	return dir, nil
}

// run walks level by level, a level's folders side by side. Links to folders are
// followed at the end, so that a folder goes by its own name where it has one.
func (w *walk) run(ctx context.Context, level []folder) error {
	var links []folder
	for len(level) > 0 || len(links) > 0 {
		if len(level) == 0 {
			level, links = w.follow(links), nil
		}
		fresh := w.fresh(level)
		if err := each(ctx, fresh, w.look); err != nil {
			return err
		}
		level = level[:0:0]
		for _, f := range fresh {
			level = append(level, f.below...)
			links = append(links, f.links...)
			f.below, f.links, f.ignores = nil, nil, nil
		}
	}
	return nil
}

// fresh takes the folders that the walk has not come to yet.
func (w *walk) fresh(level []folder) []*folder {
	var out []*folder
	for i := range level {
		f := &level[i]
		if w.visited[f.real] {
			continue
		}
		if len(w.folders) >= maxFolders {
			w.faults = append(w.faults, Problem{f.start, fmt.Errorf("there are more than %d folders below %s; name the ones to check", maxFolders, f.start)})
			return out
		}
		w.visited[f.real] = true
		w.folders = append(w.folders, f)
		out = append(out, f)
	}
	return out
}

// follow resolves links to folders. One that leads to a folder around itself
// would lead in a circle, or out of the tree to everything there is.
func (w *walk) follow(links []folder) []folder {
	var out []folder
	for _, link := range links {
		physical, err := filepath.EvalSymlinks(link.real)
		if err != nil || w.visited[physical] || isWithin(link.real, physical) || isWithin(w.base, physical) {
			continue
		}
		link.real, link.ignores = physical, gitignores(physical)
		out = append(out, link)
	}
	return out
}

// isWithin reports whether a path is a folder or below it.
func isWithin(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// each calls do for all items, a few at a time.
func each[T any](ctx context.Context, items []T, do func(T)) error {
	slots := make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, item := range items {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wg.Go(func() {
			defer func() { <-slots }()
			do(item)
		})
	}
	return nil
}

// look reads one folder.
func (w *walk) look(f *folder) {
	entries, err := w.options.readDir(f.dir)
	if err != nil {
		f.err = fmt.Errorf("reading the folder: %w", err)
	}
	f.ignores = f.ignores.with(f.real, ".gitignore")
	source := false
	for _, entry := range entries {
		switch name := entry.Name(); {
		case isSource(name):
			source = true
		case name == ".terraform" && entry.IsDir():
			f.evidence = true
			f.applied = f.applied || exists(filepath.Join(f.dir, name, "terraform.tfstate"))
		case name == lockFile:
			f.evidence = true
		case name == "terraform.tfstate", name == "terraform.tfstate.d":
			f.evidence, f.applied = true, true
		}
		w.descend(f, entry)
	}
	if !source {
		return
	}
	f.module = readModule(f.dir, entries)
	f.evidence = f.evidence || f.module.backend != nil || f.module.provider
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// descend notes an entry that is a folder to look into.
func (w *walk) descend(f *folder, entry fs.DirEntry) {
	name := entry.Name()
	link := entry.Type()&fs.ModeSymlink != 0
	if !entry.IsDir() && !link || strings.HasPrefix(name, ".") || name == "node_modules" || name == "terraform.tfstate.d" {
		return
	}
	if link && !leadsToFolder(f.dir, entry) {
		return
	}
	next := folder{
		path: filepath.Join(f.path, name), dir: filepath.Join(f.dir, name), real: filepath.Join(f.real, name),
		start: f.start, ignores: f.ignores,
	}
	data := filepath.Clean(w.options.DataDir)
	switch {
	case f.ignores.match(next.real), w.options.Exclude.MatchBelow(w.rel(next.dir)):
	case w.options.DataDir != "" && (next.dir == data || strings.HasSuffix(next.dir, string(filepath.Separator)+data)):
	case link:
		f.links = append(f.links, next)
	default:
		f.below = append(f.below, next)
	}
}

// rel is a folder's path for globs: relative to the base, with slashes.
func (w *walk) rel(dir string) string { return relSlash(w.base, dir) }

func relSlash(base, dir string) string {
	rel, err := filepath.Rel(base, dir)
	if err != nil {
		rel = dir
	}
	return filepath.ToSlash(rel)
}

// resolveCalls finds the folders that modules call. Terraform goes into a
// folder first, so ../x is beside the folder itself and not beside a link to it.
func (w *walk) resolveCalls() {
	for _, f := range w.folders {
		for _, source := range f.module.calls {
			target := filepath.Join(f.real, filepath.FromSlash(strings.ReplaceAll(source, `\`, "/")))
			if !w.visited[target] {
				if physical, err := filepath.EvalSymlinks(target); err == nil {
					target = physical
				}
			}
			if target != f.real {
				w.called[target] = true
				w.within[target] = w.within[target] || isWithin(f.real, target)
			}
		}
	}
}

// found sorts out which folders are root modules.
func (w *walk) found() Found {
	out := Found{Folders: len(w.folders), Problems: w.faults}
	var seen []*folder
	for _, f := range w.folders {
		switch {
		case f.err != nil:
			out.Problems = append(out.Problems, Problem{f.path, f.err})
		case w.isRoot(f):
			out.Roots = append(out.Roots, f.root())
		case f.module.err != nil && !w.called[f.real] && w.included(f):
			out.Problems = append(out.Problems, Problem{f.path, fmt.Errorf(
				"%w; if it is no root module, add %q to exclude in %s", f.module.err, w.rel(f.dir), SettingsFile)})
		default:
			continue
		}
		seen = append(seen, f)
	}
	for _, given := range w.given {
		if !slices.ContainsFunc(seen, func(f *folder) bool { return f.start == given.start || isWithin(f.real, given.real) }) {
			out.Problems = append(out.Problems, Problem{given.path, fmt.Errorf(nothingFound, given.path)})
		}
	}
	slices.SortFunc(out.Roots, func(a, b Root) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(out.Problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// nothingFound says what was looked for, so that who expected something sees why.
const nothingFound = "%s: no root module there or below it: no folder has .tf, .tf.json, .tofu or .tofu.json files " +
	"with a backend, cloud or provider block, or with a lock file, a state or .terraform beside them; " +
	"hidden folders and those that git ignores or that are excluded were passed over"

func (f *folder) root() Root {
	r := Root{Path: f.path, Dir: f.dir, Named: f.named, Tofu: f.module.tofu, real: f.real, module: &f.module}
	if f.module.backend != nil {
		r.Backend = f.module.backend.kind
	}
	return r
}

func (w *walk) isRoot(f *folder) bool {
	switch {
	case f.module.files == 0:
		return false
	case f.named: // the user knows, unless it is a module with examples below it
		return f.applied || f.module.backend != nil || !w.within[f.real]
	case !w.included(f):
		return false
	case w.called[f.real]:
		return f.applied
	}
	return f.evidence
}

func (w *walk) included(f *folder) bool {
	return f.named || !slices.ContainsFunc(w.options.Include, func(g Globs) bool { return len(g) > 0 && !g.Match(w.rel(f.dir)) })
}
