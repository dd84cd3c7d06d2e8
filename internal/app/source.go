package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/checkout"
	"holdfast/internal/queue"
	"holdfast/internal/stack"
)

// openSources opens the sources of a server, by name. Safe for concurrent use.
type openSources struct {
	byName map[string]stack.Source
	cache  *checkout.Cache
	base   string // of relative folders

	mu      sync.Mutex
	fetched map[string]fetched // by name
}

// fetched is what was fetched last of a repository, and when.
type fetched struct {
	commit string
	at     time.Time
}

// recent is for how long what was fetched is recent enough to be shown.
const recent = 5 * time.Minute

// recently is a commit that was fetched not long ago; "" for none.
func (s *openSources) recently(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.fetched[name]; time.Since(f.at) < recent {
		return f.commit
	}
	return ""
}

// openedSource is a source as it is at a commit.
type openedSource struct {
	stack.Source
	dir     string // of holdfast.yaml, absolute
	config  string // that file; "" where there is none
	commit  string // "" for a folder
	top     string // of the repository's tree; "" for a folder
	release func()
}

// newOpenSources makes the sources that the settings name, or one of a folder where
// they name none.
func newOpenSources(settings *stack.Settings, folder, cacheDir string, env []string) *openSources {
	s := &openSources{byName: map[string]stack.Source{}, cache: checkout.New(filepath.Join(cacheDir, "git"), env, checkout.Limits{}), base: settings.Dir, fetched: map[string]fetched{}}
	list := settings.Sources
	if len(list) == 0 {
		list = []stack.Source{{Name: sourceNameOf(folder), Folder: folder}}
	}
	for _, source := range list {
		s.byName[source.Name] = source
	}
	return s
}

// sourceNameOf names the only source after its folder.
func sourceNameOf(folder string) string {
	name := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '-'
	}, filepath.Base(folder))
	if name = strings.Trim(name, ".-_"); name == "" {
		return "default"
	}
	return name
}

// names are those of all sources, in order.
func (s *openSources) names() []string {
	var names []string
	for name := range s.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// errNoSource is of a source that the settings have no more.
var errNoSource = errors.New("there is no such source in holdfast.yaml")

// open opens a source as it is at a commit; "" for as it is now.
func (s *openSources) open(ctx context.Context, name, commit string) (openedSource, error) {
	source, ok := s.byName[name]
	if !ok {
		return openedSource{}, queue.Final(fmt.Errorf("source %s: %w", name, errNoSource))
	}
	o := openedSource{Source: source, release: func() {}}
	var err error
	if source.Git == "" {
		o.dir = source.Folder
		if !filepath.IsAbs(o.dir) {
			o.dir = filepath.Join(s.base, filepath.FromSlash(o.dir))
		}
	} else if err = s.checkOut(ctx, &o, commit); err != nil {
		return o, fmt.Errorf("source %s: %w", name, err)
	}
	if err := o.find(); err != nil {
		o.release()
		return o, fmt.Errorf("source %s: %w", name, err)
	}
	return o, nil
}

// repo is a source's repository, as checkout takes it. Files are relative to the
// settings.
func (s *openSources) repo(source stack.Source, c stack.Credentials) checkout.Repo {
	for _, file := range []*string{&c.TokenFile, &c.SSHKeyFile, &c.KnownHostsFile} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(s.base, filepath.FromSlash(*file))
		}
	}
	return checkout.Repo{URL: source.Git, Branch: source.Branch, Tag: source.Tag, Credentials: checkout.Credentials(c)}
}

func (s *openSources) checkOut(ctx context.Context, o *openedSource, commit string) (err error) {
	r := s.repo(o.Source, o.Credentials)
	if o.commit = commit; commit == "" {
		if o.commit, err = s.cache.Fetch(ctx, r); err != nil {
			return err
		}
		s.mu.Lock()
		s.fetched[o.Name] = fetched{o.commit, time.Now()}
		s.mu.Unlock()
	}
	top, release, err := s.cache.At(ctx, r, o.commit)
	if err != nil {
		return err
	}
	o.release, o.top = release, top
	if o.dir, err = within(top, o.Path); err != nil {
		release()
	}
	return err
}

// within is a folder below another, whatever symbolic links a repository has.
func within(top, path string) (string, error) {
	dir := filepath.Join(top, filepath.FromSlash(path))
	target, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("there is no %s in the repository", path)
	}
	realTop, err := filepath.EvalSymlinks(top)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(realTop, target); err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("path %s leads out of the repository", path)
	}
	return dir, nil
}

// find looks for the settings of a source.
func (o *openedSource) find() error {
	info, err := os.Stat(o.dir)
	switch {
	case err != nil:
		return fmt.Errorf("its folder can't be read: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", o.dir)
	}
	config := filepath.Join(o.dir, stack.SettingsFile)
	switch _, err := os.Lstat(config); {
	case err == nil:
		o.config = config
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return o.contained()
}

// contained refuses files of a repository that are symbolic links out of it: what
// is wrong with them is told to whoever may see the server's pages, and waivers are
// written.
func (o *openedSource) contained() error {
	if o.top == "" {
		return nil
	}
	for _, name := range []string{stack.SettingsFile, stack.WaiversFile} {
		if _, err := os.Lstat(filepath.Join(o.dir, name)); err != nil {
			continue
		}
		if _, err := within(o.top, filepath.Join(o.Path, name)); err != nil {
			return err
		}
	}
	return nil
}
