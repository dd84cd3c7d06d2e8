package resolve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"holdfast/internal/resolve/edit"
)

// Branch commits an edit on a new branch that begins at the current commit, and
// gives the commit's id. The work tree, the index and the current branch stay as
// they are. What is edited must be committed as it is there.
func Branch(ctx context.Context, dir, name, message string, e edit.Result) (commit string, err error) {
	g, err := newGit(dir)
	if err != nil {
		return "", err
	}
	// What git would take for another name, such as @{-1}, is none.
	if full, err := g.run(ctx, nil, "check-ref-format", "--branch", name); err != nil || full != name {
		return "", fmt.Errorf("--branch %q can't be the name of a branch", name)
	}
	if _, err := g.run(ctx, nil, "rev-parse", "--verify", "--quiet", "refs/heads/"+name); err == nil {
		return "", fmt.Errorf("there is a branch %s already; give another name", name)
	}
	head, err := g.run(ctx, nil, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		return "", fmt.Errorf("the repository %s has no commit yet, at which a branch could begin", g.top)
	}
	temp, err := os.MkdirTemp("", "holdfast-branch-")
	if err != nil {
		return "", fmt.Errorf("no folder for the commit: %w", err)
	}
	defer os.RemoveAll(temp)
	g.env = append(g.env, "GIT_INDEX_FILE="+filepath.Join(temp, "index"))
	if _, err := g.run(ctx, nil, "read-tree", head); err != nil {
		return "", err
	}
	for _, f := range e.Files {
		if err := g.stage(ctx, head, f); err != nil {
			return "", err
		}
	}
	tree, err := g.run(ctx, nil, "write-tree")
	if err != nil {
		return "", err
	}
	if commit, err = g.run(ctx, []byte(message), "commit-tree", tree, "-p", head); err != nil {
		return "", err
	}
	// Forty zeros: there must be none of that name yet.
	_, err = g.run(ctx, nil, "update-ref", "-m", "holdfast accept", "refs/heads/"+name, commit, strings.Repeat("0", len(commit)))
	return commit, err
}

// git runs git in a repository, and no program of the repository's choice but
// filters.
type git struct {
	program, top string
	env          []string
}

func newGit(dir string) (*git, error) {
	top := repository(dir)
	if top == "" {
		return nil, fmt.Errorf("%s is in no git repository, so there is nothing to branch", dir)
	}
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("git is not in the PATH")
	}
	return &git{program: program, top: top, env: gitEnv()}, nil
}

func (g *git) run(ctx context.Context, stdin []byte, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, g.program, append([]string{"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = g.top, g.env, bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(stderr.String()+" "+err.Error()))
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}

// stage puts an edited file into the index, in the place and with the mode of the
// one it was made from.
func (g *git) stage(ctx context.Context, head string, f edit.File) error {
	target, err := realPath(f.Path)
	if err != nil {
		return err
	}
	path, err := filepath.Rel(g.top, target)
	if err != nil {
		return err
	}
	path = filepath.ToSlash(path)
	entry, err := g.run(ctx, nil, "ls-tree", head, "--", path)
	if err != nil {
		return err
	}
	mode, rest, _ := strings.Cut(entry, " ")
	_, rest, _ = strings.Cut(rest, " ")
	blob, _, _ := strings.Cut(rest, "\t")
	// Filters, such as those of line breaks, apply as at every commit.
	was := ""
	if entry == "" && f.Before == nil {
		mode = "100644" // a new file
	} else if was, err = g.run(ctx, f.Before, "hash-object", "--stdin", "--path="+path); err != nil {
		return err
	}
	if was != blob {
		return fmt.Errorf("%s is not committed as it is; commit it first", f.Name)
	}
	now, err := g.run(ctx, f.After, "hash-object", "-w", "--stdin", "--path="+path)
	if err != nil {
		return err
	}
	_, err = g.run(ctx, nil, "update-index", "--add", "--cacheinfo", mode+","+now+","+path)
	return err
}

// realPath is where a file is, links followed, or where it would be.
func realPath(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}
