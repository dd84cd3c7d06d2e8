package checkout

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errLarge is of a repository that is larger than it may be.
var errLarge = errors.New("the repository is larger than it may be")

// watch ends the context when what is fetched grows too large. Nobody tells before
// how large it is.
func (g *git) watch(ctx context.Context) (watched context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	before := size(g.repo)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if size(g.repo)-before > g.limits.Bytes {
					cancel(fmt.Errorf("%w: more than %d MiB to fetch", errLarge, g.limits.Bytes>>20))
				}
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// size is how many bytes the packs of a repository have.
func size(repo string) (n int64) {
	_ = filepath.WalkDir(filepath.Join(repo, "objects"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil // what goes away meanwhile counts no more
	})
	return n
}

// fits refuses a commit whose files would fill the disk: a small pack can hold a
// great many of them.
func (g *git) fits(ctx context.Context, commit string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append(g.settings(), "ls-tree", "-r", "-l", "-z", commit)...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = g.repo, slices.Clone(g.env), time.Second
	isolate(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git ls-tree: %w", err)
	}
	files, bytes := count(bufio.NewReader(out), g.limits)
	cancelled := ctx.Err() != nil
	cancel()
	err = cmd.Wait()
	switch {
	case files > g.limits.Files:
		return fmt.Errorf("%w: commit %s has more than %d files", errLarge, commit, g.limits.Files)
	case bytes > g.limits.Bytes:
		return fmt.Errorf("%w: the files of commit %s have more than %d MiB", errLarge, commit, g.limits.Bytes>>20)
	case cancelled && err != nil:
		return errors.New("git ls-tree was cut off")
	}
	return nil
}

// count counts files and their bytes, as git ls-tree lists them, until they are too
// many.
func count(list *bufio.Reader, most Limits) (files int, bytes int64) {
	for files <= most.Files && bytes <= most.Bytes {
		entry, err := list.ReadString(0)
		if err != nil {
			break
		}
		files++
		head, _, _ := strings.Cut(entry, "\t")
		if fields := strings.Fields(head); len(fields) == 4 {
			n, _ := strconv.ParseInt(fields[3], 10, 64) // "-" for a submodule
			bytes += n
		}
	}
	return files, bytes
}

// manyPacks is how many packs, one of each fetch, are put into one.
const manyPacks = 50

// tidy puts packs together and forgets commits that no tree has. What was made in
// the last hour stays: somebody may be about to use it.
func (g *git) tidy(ctx context.Context) {
	packs, _ := filepath.Glob(filepath.Join(escape(g.repo), "objects", "pack", "*.pack"))
	if len(packs) > manyPacks {
		_, _ = g.run(ctx, "gc", "--quiet", "--prune=1.hour.ago") // the next time, if not now
	}
}
