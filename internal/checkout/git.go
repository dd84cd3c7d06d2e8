package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// git works on one repository of the cache.
type git struct {
	folder, repo string
	env          []string
	url, secret  string
	credentials  Credentials
	limits       Limits
}

// ensure makes the repository, without its content. What a process that was
// killed left is made anew.
func (g *git) ensure(ctx context.Context) error {
	made := filepath.Join(g.folder, "made")
	if _, err := os.Stat(made); err == nil {
		for _, name := range []string{"shallow.lock", "packed-refs.lock", "config.lock", wanted + ".lock"} {
			_ = os.Remove(filepath.Join(g.repo, filepath.FromSlash(name))) // nobody else is at it
		}
		return nil
	}
	if err := os.RemoveAll(g.repo); err != nil {
		return err
	}
	if _, err := g.command(ctx, g.folder, "init", "--quiet", "--bare", "--", g.repo); err != nil {
		return err
	}
	// Who commits where nobody has said who that is.
	for _, setting := range [][]string{{"remote", "add", "origin", g.url}, {"config", "user.name", "Holdfast"}, {"config", "user.email", "holdfast@localhost"}} {
		if _, err := g.run(ctx, setting...); err != nil {
			return err
		}
	}
	return os.WriteFile(made, nil, 0o600)
}

// fetch fetches the commit that a reference of the remote names, without history.
func (g *git) fetch(ctx context.Context, ref string) error {
	ctx, stop := g.watch(ctx)
	defer stop()
	_, err := g.run(ctx, "fetch", "--quiet", "--force", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--end-of-options", "origin", ref+":"+wanted)
	if cause := context.Cause(ctx); errors.Is(cause, errLarge) {
		return cause
	}
	return err
}

// fetchCommit fetches a commit by its id. Where a server does not let that be, it
// may still be the last one of what is wanted.
func (g *git) fetchCommit(ctx context.Context, commit, ref string) error {
	err := g.fetch(ctx, commit)
	if err == nil || ctx.Err() != nil || g.fetch(ctx, ref) != nil {
		return err
	}
	if g.has(ctx, commit) {
		return nil
	}
	return err
}

func (g *git) has(ctx context.Context, commit string) bool {
	_, err := g.run(ctx, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// markSuffix is that of the file that says that a tree is whole, and by its time
// when it was last asked for.
const markSuffix = ".whole"

// tree makes sure that a folder has the files of a commit.
func (g *git) tree(ctx context.Context, dir, commit, ref string) error {
	mark := dir + markSuffix
	now := time.Now()
	err := os.Chtimes(mark, now, now)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !g.has(ctx, commit) {
		if err := g.fetchCommit(ctx, commit, ref); err != nil {
			return fmt.Errorf("commit %s: %w", commit, err)
		}
	}
	if err := g.fits(ctx, commit); err != nil {
		return err
	}
	g.drop(ctx, dir)
	if _, err := g.run(ctx, "worktree", "add", "--quiet", "--force", "--detach", "--end-of-options", dir, commit); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

// drop removes a tree, the mark first, so that none is left that is not whole.
func (g *git) drop(ctx context.Context, dir string) {
	_ = os.Remove(dir + markSuffix)
	if os.RemoveAll(dir) == nil {
		_, _ = g.run(ctx, "worktree", "prune") // what is left there is in nobody's way
	}
}

// run runs git in the repository and gives the first line that it prints.
func (g *git) run(ctx context.Context, args ...string) (string, error) {
	return g.command(ctx, g.repo, args...)
}

// settings hold for every command, whatever the repository or the machine says: no
// hooks, no programs, and no transport but that of the URL, wherever a server sends
// us. A header with a secret would go along to where a server sends us.
func (g *git) settings() []string {
	transport := "ssh"
	if scheme, _, ok := strings.Cut(g.url, "://"); ok {
		transport = scheme
	}
	var args []string
	for _, setting := range []string{
		"core.hooksPath=" + os.DevNull, "core.attributesFile=" + os.DevNull, "core.excludesFile=" + os.DevNull, "core.fsmonitor=false",
		"core.symlinks=true", "submodule.recurse=false", "protocol.allow=never", "protocol." + transport + ".allow=always",
		"http.followRedirects=false", "gc.auto=0", "maintenance.auto=false", "advice.detachedHead=false", "credential.helper=", "safe.directory=*",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

func (g *git) command(ctx context.Context, dir string, args ...string) (string, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return "", errors.New("git is not installed, which fetches repositories")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append(g.settings(), args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, &stdout, &stderr, 5*time.Second
	cmd.Env = slices.Concat(g.env, g.access()) // never append: others use g.env
	isolate(cmd)
	err = cmd.Run()
	if err == nil {
		first, _, _ := strings.Cut(stdout.String(), "\n")
		return first, nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "", fmt.Errorf("git %s took longer than %s, which is too long", args[0], g.limits.Time)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", fmt.Errorf("git %s: %s", args[0], g.explain(stderr.String(), err))
}
