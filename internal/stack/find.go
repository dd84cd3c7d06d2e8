package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Query asks for the stacks in some folders and below them.
type Query struct {
	Paths    []string  // none means the current folder
	Settings *Settings // nil means none
	// Include and Exclude narrow what the settings leave. They are relative to
	// the settings' folder, or to the current one.
	Include, Exclude Globs
	Workspace        string // only this one
	State            string // a state file to use instead of the backend's
	Env              []string
	// Workspaces lists the workspaces that have a state, of a backend other
	// than the local one. Without it, `workspaces: all` is an error there.
	Workspaces func(context.Context, Stack) ([]string, error)
}

// Candidate is a stack to check, or one that could not be opened, and why: then
// its path and name still tell which it is.
type Candidate struct {
	Stack Stack
	Err   error
}

// Find gives the stacks that the query asks for, by path. What is wrong with one
// of them is in its candidate; an error is that of a query that makes no sense,
// or of a context that ended.
func Find(ctx context.Context, q Query) ([]Candidate, error) {
	if q.Settings == nil {
		q.Settings = &Settings{}
	}
	if len(q.Paths) == 0 {
		q.Paths = []string{"."}
	}
	if err := errors.Join(q.Include.Check(), q.Exclude.Check()); err != nil {
		return nil, err
	}
	found, err := q.roots(ctx)
	if err != nil {
		return nil, err
	}
	lists := make([][]Candidate, len(found.Roots))
	places := make([]int, len(found.Roots))
	for i := range places {
		places[i] = i
	}
	named := q.Settings.named()
	err = each(ctx, places, func(i int) { lists[i] = q.expand(ctx, found.Roots[i], named) })
	if err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	for _, p := range found.Problems {
		all = append(all, failed(p.Path, "", p.Err))
	}
	slices.SortStableFunc(all, func(a, b Candidate) int { return strings.Compare(a.Stack.Path, b.Stack.Path) })
	return all, nil
}

func failed(path, name string, err error) Candidate {
	return Candidate{Stack{Path: path, Workspace: "default", Name: name}, err}
}

// roots are the root modules that were found, and those that the settings name
// by their path.
func (q Query) roots(ctx context.Context) (Found, error) {
	if q.State != "" { // it is the state of one stack: there is nothing to look for
		return q.only(), nil
	}
	found, err := Discover(ctx, q.Paths, DiscoverOptions{
		Base: q.Settings.Dir, Include: []Globs{q.Settings.Include, q.Include},
		Exclude: slices.Concat(q.Settings.Exclude, q.Exclude), DataDir: Getenv(q.Env, "TF_DATA_DIR"),
	})
	if err != nil {
		return Found{}, err
	}
	known := map[string]bool{}
	for _, r := range found.Roots {
		known[r.real] = true
	}
	for _, s := range q.Settings.Stacks {
		if s.Path != "" {
			q.addNamed(&found, s, known)
		}
	}
	return found, nil
}

func (q Query) only() Found {
	var found Found
	for _, path := range q.Paths {
		dir, err := folderOf(path)
		if err != nil {
			found.Problems = append(found.Problems, Problem{path, err})
			continue
		}
		found.Roots = append(found.Roots, Root{Path: path, Dir: dir, Named: true, real: realPath(dir)})
	}
	return found
}

// realPath is a path without symbolic links, where that can be told.
func realPath(dir string) string {
	if physical, err := filepath.EvalSymlinks(dir); err == nil {
		return physical
	}
	return dir
}

// addNamed adds the root module of a path in the settings, if it is below one of
// the query's paths and was not found anyway.
func (q Query) addNamed(found *Found, s Entry, known map[string]bool) {
	dir := filepath.Join(q.Settings.Dir, filepath.FromSlash(s.Path))
	for _, path := range q.Paths {
		given, err := filepath.Abs(path)
		if err != nil || !isWithin(dir, given) {
			continue
		}
		rel, err := filepath.Rel(given, dir)
		if err != nil {
			continue
		}
		shown := filepath.Join(path, rel)
		if _, err := folderOf(dir); err != nil {
			found.Problems = append(found.Problems, Problem{shown, fmt.Errorf("%s:%d: path %s is no folder", q.Settings.File, s.line, s.Path)})
			return
		}
		physical := realPath(dir)
		if known[physical] {
			return
		}
		known[physical] = true
		relative := relSlash(q.Settings.Dir, dir)
		if len(q.Include) > 0 && !q.Include.Match(relative) || q.Exclude.MatchBelow(relative) {
			return
		}
		found.Roots = append(found.Roots, Root{Path: shown, Dir: dir, Named: true, real: physical})
		// What discovery said of the same folder is settled by naming it.
		found.Problems = slices.DeleteFunc(found.Problems, func(p Problem) bool { return filepath.Clean(p.Path) == filepath.Clean(shown) })
		return
	}
}

// named are the settings that name a root module by its path, by real path.
func (s *Settings) named() map[string][]Entry {
	named := map[string][]Entry{}
	for _, entry := range s.Stacks {
		if entry.Path != "" {
			physical := realPath(filepath.Join(s.Dir, filepath.FromSlash(entry.Path)))
			named[physical] = append(named[physical], entry)
		}
	}
	return named
}

// expand gives the stacks of one root module.
func (q Query) expand(ctx context.Context, r Root, named map[string][]Entry) []Candidate {
	var out []Candidate
	lines := map[string]int{}
	for _, s := range q.Settings.of(r, named[r.real]) {
		for _, c := range q.stacks(ctx, r, s) {
			key := c.Stack.Workspace + "\x00" + c.Stack.Name
			if first, twice := lines[key]; twice && c.Err == nil {
				c.Err = fmt.Errorf("%s:%d: %s has two stacks of the workspace %s with nothing to tell them apart (the other is in line %d); give each a name",
					q.Settings.File, s.line, r.Path, c.Stack.Workspace, first)
			}
			lines[key] = s.line
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return []Candidate{failed(r.Path, "", fmt.Errorf("%s: no stack of it is in the workspace %s, as %s has it", r.Path, q.Workspace, q.Settings.File))}
	}
	return out
}

// of are the settings that hold for a root module: those that name its path, or
// else those whose patterns match it, or else the defaults.
func (s *Settings) of(r Root, named []Entry) []Entry {
	list := slices.Clone(named)
	rel := relSlash(s.Dir, r.Dir)
	for _, entry := range s.Stacks {
		if len(named) == 0 && entry.Path == "" && (len(entry.Include) == 0 || entry.Include.Match(rel)) && !entry.Exclude.MatchBelow(rel) {
			list = append(list, entry)
		}
	}
	if len(list) == 0 {
		list = []Entry{{}}
	}
	for i := range list {
		list[i].Defaults = s.Defaults.with(list[i].Defaults)
	}
	return list
}

// with are the defaults with what a stack has of its own: lists are appended,
// maps merged, single values replaced.
func (d Defaults) with(own Defaults) Defaults {
	if own.Workspace == "" && !own.Workspaces.set() {
		own.Workspace, own.Workspaces = d.Workspace, d.Workspaces
	}
	own.VarFiles = slices.Concat(d.VarFiles, own.VarFiles)
	own.BackendConfig = slices.Concat(d.BackendConfig, own.BackendConfig)
	own.Env = merged(d.Env, own.Env)
	own.Engine = cmp.Or(own.Engine, d.Engine)
	own.Timeout = cmp.Or(own.Timeout, d.Timeout)
	providers := maps.Clone(d.Providers)
	if providers == nil {
		providers = map[string]map[string]any{}
	}
	for name, arguments := range own.Providers {
		providers[name] = merged(providers[name], arguments)
	}
	own.Providers = providers
	return own
}

func merged[V any](base, over map[string]V) map[string]V {
	out := map[string]V{}
	maps.Copy(out, base)
	maps.Copy(out, over)
	return out
}

// stacks are those that one entry of the settings makes of a root module.
func (q Query) stacks(ctx context.Context, r Root, s Entry) []Candidate {
	names, err := q.workspaces(ctx, r, s)
	if err != nil {
		return []Candidate{failed(r.Path, s.Name, err)}
	}
	var out []Candidate
	for _, name := range names {
		c := q.open(r, s, name)
		if q.Workspace == "" || q.Workspace == c.Stack.Workspace || c.Err != nil {
			out = append(out, c)
		}
	}
	return out
}

// workspaces are those of an entry of the settings; "" is the selected one.
func (q Query) workspaces(ctx context.Context, r Root, s Entry) ([]string, error) {
	switch {
	case s.Workspaces.All && q.Workspace == "":
		c := q.open(r, s, "default")
		if c.Err != nil {
			return nil, c.Err
		}
		return q.list(ctx, c.Stack)
	case len(s.Workspaces.Names) > 0:
		return s.Workspaces.Names, nil
	case s.Workspace != "":
		return []string{s.Workspace}, nil
	}
	return []string{q.Workspace}, nil
}

func (q Query) list(ctx context.Context, s Stack) ([]string, error) {
	list := q.Workspaces
	switch {
	case s.Backend == "local":
		list = func(context.Context, Stack) ([]string, error) { return s.LocalWorkspaces() }
	case list == nil:
		return nil, fmt.Errorf("%s: the workspaces of the backend %q can't be listed; write them under workspaces", s.Path, s.Backend)
	}
	names, err := list(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("listing the workspaces of %s: %w", s.Path, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no workspace of it has a state; apply it, or leave it out with exclude", s.Path)
	}
	return names, nil
}

// open opens one stack.
func (q Query) open(r Root, s Entry, workspace string) Candidate {
	env := slices.Clip(q.Env)
	repo := cmp.Or(q.Settings.Dir, r.Dir)
	fill := func(ws string) *strings.Replacer {
		rel := relSlash(repo, r.Dir)
		return strings.NewReplacer("{workspace}", ws, "{repo}", repo, "{path}", rel, "{folder}", filepath.Base(r.Dir), "{name}", s.Name)
	}
	// TF_WORKSPACE or TF_DATA_DIR may be set here, which decide the workspace.
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		env = append(env, name+"="+fill(cmp.Or(workspace, "default")).Replace(string(s.Env[name])))
	}
	o := Options{Workspace: workspace, State: q.State, Env: env}
	opened, err := prepare(r.Path, r.Dir, o)
	if err != nil {
		return failed(r.Path, s.Name, err)
	}
	replace := fill(opened.Workspace)
	for i, name := range slices.Sorted(maps.Keys(s.Env)) {
		opened.Env[len(q.Env)+i] = name + "=" + replace.Replace(string(s.Env[name]))
	}
	opened.Name, opened.Tofu = s.Name, r.Tofu
	if q.Settings.File != "" && isWithin(r.Dir, q.Settings.Dir) {
		opened.Key = relSlash(q.Settings.Dir, r.Dir)
	}
	opened.Engine, opened.Timeout, opened.ProviderOverrides = string(s.Engine), s.Timeout.Duration, s.Providers
	for _, file := range s.VarFiles {
		opened.VarFiles = append(opened.VarFiles, opened.abs(filepath.FromSlash(replace.Replace(string(file)))))
	}
	for _, setting := range s.BackendConfig {
		o.BackendConfig = append(o.BackendConfig, replace.Replace(setting))
	}
	o.module = r.module
	if err := opened.findState(o); err != nil {
		return Candidate{opened, err}
	}
	return Candidate{opened, nil}
}
