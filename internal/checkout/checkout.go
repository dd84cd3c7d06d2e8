// Package checkout fetches git repositories, with git itself, and gives folders
// with their files as of a commit. Several checks use one folder at once.
package checkout

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Repo is a repository, and what of it is wanted. URL and names are as
// stack.CheckGitURL and the settings let them through.
type Repo struct {
	URL         string
	Branch, Tag string // at most one; neither is the repository's own default
	Credentials Credentials
}

// Cache keeps repositories in a folder of this machine. It is safe for concurrent
// use, and so is the folder for several processes.
type Cache struct {
	dir    string
	env    []string
	limits Limits
}

// Limits bound what a repository may take. Zero values are the defaults.
type Limits struct {
	Time  time.Duration // of a fetch with all that goes with it; 15 minutes
	Bytes int64         // of what is fetched at once, and of a commit's files; 4 GiB
	Files int           // of a commit; 500,000
	Trees int           // of a repository, of commits that nobody uses; 4
}

// New makes a cache in a folder, which need not exist. Git gets the environment,
// but for what would have it work elsewhere.
func New(dir string, env []string, l Limits) *Cache {
	return &Cache{dir: dir, env: gitEnv(env), limits: Limits{
		Time: cmp.Or(l.Time, 15*time.Minute), Bytes: cmp.Or(l.Bytes, 4<<30), Files: cmp.Or(l.Files, 500_000), Trees: cmp.Or(l.Trees, 4),
	}}
}

// Fetch fetches what is wanted of a repository and gives its commit. The error is
// for people, and holds no secret.
func (c *Cache) Fetch(ctx context.Context, r Repo) (commit string, err error) {
	err = c.locked(ctx, r, func(ctx context.Context, g *git) error {
		if err := g.fetch(ctx, r.ref()); err != nil {
			return err
		}
		commit, err = g.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted+"^{commit}")
		return err
	})
	return commit, err
}

// ref is how the remote calls what is wanted.
func (r Repo) ref() string {
	switch {
	case r.Branch != "":
		return "refs/heads/" + r.Branch
	case r.Tag != "":
		return "refs/tags/" + r.Tag
	}
	return "HEAD"
}

// wanted is the reference that the last fetch has left.
const wanted = "refs/holdfast/wanted"

// commitID is how a commit is named, by SHA-1 or SHA-256.
var commitID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// At gives a folder with the files of a commit that Fetch gave, here or on another
// machine. Nobody may change them. release lets the folder go.
func (c *Cache) At(ctx context.Context, r Repo, commit string) (dir string, release func(), err error) {
	if !commitID.MatchString(commit) {
		return "", nil, fmt.Errorf("%q is no commit", commit)
	}
	err = c.locked(ctx, r, func(ctx context.Context, g *git) error {
		dir = filepath.Join(g.folder, "trees", commit)
		if err := g.tree(ctx, dir, commit, r.ref()); err != nil {
			return err
		}
		if release, err = use(dir); err != nil {
			return err
		}
		c.sweep(ctx, g)
		return nil
	})
	return dir, release, err
}

// use keeps a tree from being swept, by processes of this machine, until it is
// released, or until this process has ended.
func use(dir string) (release func(), err error) {
	lock := flock.New(dir + markSuffix)
	if ok, err := lock.TryRLock(); !ok || err != nil {
		return nil, errors.Join(errors.New("the folder can't be used"), err)
	}
	return sync.OnceFunc(func() { _ = lock.Close() }), nil
}

// sweep removes trees that nobody uses, but for those that were asked for last.
func (c *Cache) sweep(ctx context.Context, g *git) {
	marks, _ := filepath.Glob(filepath.Join(escape(g.folder), "trees", "*"+markSuffix))
	times := map[string]time.Time{}
	for _, mark := range marks {
		if info, err := os.Stat(mark); err == nil {
			times[mark] = info.ModTime()
		}
	}
	slices.SortFunc(marks, func(a, b string) int { return times[b].Compare(times[a]) })
	for _, mark := range marks[min(c.limits.Trees, len(marks)):] {
		lock := flock.New(mark)
		if free, err := lock.TryLock(); free && err == nil {
			g.drop(ctx, strings.TrimSuffix(mark, markSuffix))
		}
		_ = lock.Close()
	}
	g.tidy(ctx)
}

// escape makes a path a pattern of itself.
func escape(path string) string {
	if filepath.Separator == '\\' {
		return path // where a pattern has no escapes
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// locked does something with the repository's folder while nobody else does, of
// this process or another.
func (c *Cache) locked(ctx context.Context, r Repo, f func(context.Context, *git) error) error {
	err := c.inFolder(ctx, r, f)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", Redacted(r.URL), err)
}

func (c *Cache) inFolder(ctx context.Context, r Repo, f func(context.Context, *git) error) (err error) {
	secret, err := r.Credentials.read()
	if err == nil {
		err = r.plain(secret)
	}
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(r.URL))
	folder := filepath.Join(c.dir, hex.EncodeToString(hash[:12]))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("the cache of repositories: %w", err)
	}
	lock := flock.New(filepath.Join(folder, "lock"))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return fmt.Errorf("waiting for another process that fetches it: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, c.limits.Time)
	defer cancel()
	g := &git{folder: folder, repo: filepath.Join(folder, "repo.git"), env: c.env, url: r.URL, secret: secret, credentials: r.Credentials, limits: c.limits}
	if err := g.ensure(ctx); err != nil {
		return err
	}
	return f(ctx, g)
}

// plain refuses to send a secret for everybody to read.
func (r Repo) plain(secret string) error {
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "http" || secret == "" {
		return nil //nolint:nilerr // user@host:path is no URL
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return errors.New("its URL begins with http://, by which everybody on the way could read the credentials; use https://")
}

// Redacted is a URL without what may be a secret in it.
func Redacted(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	if at := strings.LastIndex(cmp.Or(before(rest, "/"), rest), "@"); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

func before(text, mark string) string {
	first, _, _ := strings.Cut(text, mark)
	return first
}
