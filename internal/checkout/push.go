package checkout

import (
	"context"
	"fmt"
	"strings"
)

// Push gives the remote a commit that was made in a tree, as a branch that it does
// not have yet. One that has just this commit is no error; no branch is ever moved.
// local is the branch of the cache that has kept the commit, and goes; "" for none.
func (c *Cache) Push(ctx context.Context, r Repo, branch, commit, local string) error {
	if !commitID.MatchString(commit) {
		return fmt.Errorf("%q is no commit", commit)
	}
	return c.locked(ctx, r, func(ctx context.Context, g *git) error {
		if local != "" {
			defer func() { _, _ = g.run(context.WithoutCancel(ctx), "update-ref", "-d", "refs/heads/"+local) }()
		}
		has, err := g.remote(ctx, branch)
		switch {
		case err != nil || has == commit:
			return err
		case has != "":
			return fmt.Errorf("it has a branch %s already, with another commit; remove it there, or merge it", branch)
		}
		// Without force, and with a lease on there being none, nobody's is moved.
		_, err = g.run(ctx, "push", "--quiet", "--no-verify", "--no-recurse-submodules", "--force-with-lease=refs/heads/"+branch+":",
			"--end-of-options", "origin", commit+":refs/heads/"+branch)
		return err
	})
}

// Branch is the commit of a remote's branch; "" where it has none of that name.
func (c *Cache) Branch(ctx context.Context, r Repo, branch string) (commit string, err error) {
	err = c.locked(ctx, r, func(ctx context.Context, g *git) error {
		commit, err = g.remote(ctx, branch)
		return err
	})
	return commit, err
}

func (g *git) remote(ctx context.Context, branch string) (commit string, err error) {
	line, err := g.run(ctx, "ls-remote", "--quiet", "--heads", "--end-of-options", "origin", "refs/heads/"+branch)
	commit, _, _ = strings.Cut(line, "\t")
	return commit, err
}
