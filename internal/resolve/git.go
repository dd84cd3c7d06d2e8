package resolve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// uncommitted lists what git has as changed, or doesn't know, in a folder and
// below it, as paths from the top of the repository. Nothing where there is no
// repository, or no git. What Terraform and Holdfast keep there themselves is not
// code: .terraform, .holdfast, states in files, and own.
func uncommitted(ctx context.Context, dir string, own []string) ([]string, error) {
	top := repository(dir)
	git, err := exec.LookPath("git")
	if top == "" || err != nil {
		return nil, nil //nolint:nilerr // without git there is nothing to commit
	}
	var stdout, stderr bytes.Buffer
	// A file system monitor would be a program of the repository's choice.
	cmd := exec.CommandContext(ctx, git, "-c", "core.fsmonitor=false", "status", "--porcelain=v1", "-z", "--untracked-files=all", "--", ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(gitEnv(), "GIT_OPTIONAL_LOCKS=0")
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("git status: %s", strings.TrimSpace(stderr.String())), ctx.Err())
	}
	var changed []string
	fields := strings.Split(stdout.String(), "\x00")
	for i := 0; i < len(fields); i++ {
		status, path, ok := cutStatus(fields[i])
		if !ok {
			continue
		}
		if strings.ContainsAny(status, "RC") {
			i++ // where it was before
		}
		if !kept(path, status == "??") && !slices.Contains(own, filepath.Join(top, filepath.FromSlash(path))) {
			changed = append(changed, path)
		}
	}
	return changed, nil
}

// elsewhere are variables that have git work on another repository than that of the
// folder. A hook or a rebase that runs this program has them set.
var elsewhere = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX",
}

func gitEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(elsewhere, name)
	})
	return append(env, "LC_ALL=C")
}

// cutStatus takes an entry apart: two letters, a space and a path.
func cutStatus(entry string) (status, path string, ok bool) {
	if len(entry) < 4 {
		return "", "", false
	}
	return entry[:2], entry[3:], true
}

// kept reports whether a path is something that Terraform or Holdfast keeps.
func kept(path string, untracked bool) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == ".terraform" || part == ".holdfast" {
			return true
		}
	}
	name := path[strings.LastIndex(path, "/")+1:]
	return untracked && (strings.HasSuffix(name, ".tfstate") || strings.Contains(name, ".tfstate."))
}

// repository is the top of the git repository around a folder; "" without one.
func repository(dir string) string {
	if target, err := filepath.EvalSymlinks(dir); err == nil {
		dir = target
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			return ""
		}
	}
}
