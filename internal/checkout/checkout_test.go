package checkout_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/checkout"
)

// TestFetch: branches, tags and the default are what the remote has now; each
// commit has a folder of its own, which stays as it is.
func TestFetch(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	c, dir := newCache(t)
	first := fetch(t, c, u.file())
	one, release := at(t, c, u.file(), first)
	defer release()
	second := u.commit(t, "main.tf", "# two\n")
	git(t, u.dir, "tag", "--annotate", "--message", "x", "v1")
	third := u.commit(t, "live/main.tf", "# three\n")
	git(t, u.dir, "branch", "next")
	git(t, u.dir, "checkout", "--quiet", "main")
	u.push(t, second+":refs/heads/main", "next", "v1")
	for want, r := range map[string]checkout.Repo{
		second: {URL: u.file().URL}, third: {URL: u.file().URL, Branch: "next"},
	} {
		if got := fetch(t, c, r); got != want {
			t.Errorf("%+v gives %s, not %s", r, got, want)
		}
	}
	tag := u.file()
	tag.Tag = "v1"
	if got := fetch(t, c, tag); got != second {
		t.Errorf("the tag gives %s", got)
	}
	two, release := at(t, c, u.file(), second)
	defer release()
	if read(t, one, "main.tf") != "# one\n" || read(t, two, "main.tf") != "# two\n" || one == two {
		t.Errorf("%s, %s", one, two)
	}
	if again, release := at(t, c, u.file(), second); again != two {
		t.Errorf("%s, %s", again, two)
	} else {
		release()
	}
	// Without the history before it.
	if n := git(t, two, "rev-list", "--count", "HEAD"); n != "1" {
		t.Errorf("%s commits", n)
	}
	// Somebody else's machine has fetched it: here it comes by its id.
	other, _ := newCache(t)
	elsewhere, release := at(t, other, u.file(), third)
	defer release()
	if read(t, elsewhere, "live", "main.tf") != "# three\n" || strings.HasPrefix(elsewhere, dir) {
		t.Error(elsewhere)
	}
}

// TestTogether: many checks and two processes' caches use one folder at once.
func TestTogether(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	commits := []string{git(t, u.dir, "rev-parse", "HEAD")}
	for n := range 5 {
		commits = append(commits, u.commit(t, "main.tf", strings.Repeat("x", n+1)))
	}
	u.push(t, "main")
	a, dir := newCache(t)
	b := checkout.New(dir, os.Environ(), checkout.Limits{Trees: 1})
	var all sync.WaitGroup
	for n := range 24 {
		all.Go(func() {
			c := a
			if n%2 == 1 {
				c = b
			}
			if n%3 == 0 {
				if _, err := c.Fetch(t.Context(), u.file()); err != nil {
					t.Error(err)
				}
			}
			commit := commits[n%len(commits)]
			tree, release, err := c.At(t.Context(), u.file(), commit)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			for range 20 {
				src, err := os.ReadFile(filepath.Join(tree, "main.tf"))
				if want := git(t, u.dir, "show", commit+":main.tf"); err != nil || strings.TrimSpace(string(src)) != want {
					t.Errorf("%s has %q, not %q: %v", commit, src, want, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestSwept: of trees that nobody uses, only the last ones stay; one in use stays
// for others too.
func TestSwept(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	dir := filepath.Join(t.TempDir(), "cache")
	c, other := checkout.New(dir, os.Environ(), checkout.Limits{Trees: 2}), checkout.New(dir, os.Environ(), checkout.Limits{Trees: 2})
	used, release := at(t, c, u.file(), fetch(t, c, u.file()))
	var trees []string
	for n := range 4 {
		commit := u.commit(t, "main.tf", strings.Repeat("x", n+1))
		u.push(t, "main")
		tree, release := at(t, other, u.file(), fetch(t, other, u.file()))
		release()
		trees = append(trees, tree)
		if !strings.HasSuffix(tree, commit) {
			t.Error(tree)
		}
	}
	there := func(dir string) bool { _, err := os.Stat(filepath.Join(dir, "main.tf")); return err == nil }
	if !there(used) || there(trees[0]) || !there(trees[3]) {
		t.Errorf("%v %v %v", there(used), there(trees[0]), there(trees[3]))
	}
	release()
	release() // twice is once
	u.commit(t, "main.tf", "last")
	u.push(t, "main")
	_, release = at(t, other, u.file(), fetch(t, other, u.file()))
	defer release()
	if there(used) {
		t.Error("what nobody uses any more is kept")
	}
	// What was swept comes back.
	back, release := at(t, other, u.file(), filepath.Base(used))
	defer release()
	if read(t, back, "main.tf") != "# one\n" {
		t.Error(back)
	}
}

// TestCutOff: a fetch that was killed, and what it has left, is in nobody's way.
func TestCutOff(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	c, dir := newCache(t)
	first := fetch(t, c, u.file())
	tree, release := at(t, c, u.file(), first)
	release()
	folder := filepath.Dir(filepath.Dir(tree))
	for _, lock := range []string{"shallow.lock", "packed-refs.lock", "config.lock", "refs/holdfast/wanted.lock"} {
		must(t, os.WriteFile(filepath.Join(folder, "repo.git", lock), nil, 0o600))
	}
	// A tree of which only a part was written.
	second := u.commit(t, "a.tf", "# a\n")
	u.push(t, "main")
	must(t, os.MkdirAll(filepath.Join(folder, "trees", second), 0o700))
	must(t, os.WriteFile(filepath.Join(folder, "trees", second, "half.tf"), nil, 0o600))
	got, release := at(t, c, u.file(), fetch(t, c, u.file()))
	defer release()
	if _, err := os.Stat(filepath.Join(got, "half.tf")); !errors.Is(err, fs.ErrNotExist) || read(t, got, "a.tf") != "# a\n" {
		t.Errorf("half of a tree was taken for whole: %v", err)
	}
	// A repository that was not made whole.
	must(t, os.Remove(filepath.Join(folder, "made")))
	must(t, os.RemoveAll(filepath.Join(folder, "trees")))
	must(t, os.Remove(filepath.Join(folder, "repo.git", "HEAD")))
	fetch(t, checkout.New(dir, os.Environ(), checkout.Limits{}), u.file())
	back, release := at(t, c, u.file(), second)
	defer release()
	if read(t, back, "a.tf") != "# a\n" {
		t.Error(back)
	}
}

// TestEnded: the end of the context ends git with all that it has started.
func TestEnded(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	mark := filepath.Join(bin, "started")
	must(t, os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\necho $$ > "+mark+".next; mv "+mark+".next "+mark+"\nexec sleep 600\n"), 0o755))
	c := checkout.New(t.TempDir(), []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + bin}, checkout.Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Fetch(ctx, checkout.Repo{URL: "ssh://host.example/infra.git"})
		ended <- err
	}()
	pid := ""
	for pid == "" {
		src, err := os.ReadFile(mark)
		if pid = strings.TrimSpace(string(src)); err != nil {
			select {
			case err := <-ended:
				t.Fatal(err)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for { // one that has ended and that nobody has waited for has no command line
		if line, err := os.ReadFile("/proc/" + pid + "/cmdline"); err != nil || len(line) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond) // the test ends with its own limit
	}
	slow := checkout.New(t.TempDir(), []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + bin}, checkout.Limits{Time: 200 * time.Millisecond})
	_, err := slow.Fetch(t.Context(), checkout.Repo{URL: "ssh://host.example/infra.git"})
	refused(t, err, "took longer than 200ms")
}

// TestPush: a commit of a tree becomes a new branch; nobody's branch is moved.
func TestPush(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	server := u.serve(t, canary)
	r := withToken(t, server.URL+"/infra.git", canary)
	c, _ := newCache(t)
	tree, release := at(t, c, r, fetch(t, c, r))
	defer release()
	made := func(message string) string {
		return git(t, tree, "commit-tree", "-p", "HEAD", "-m", message, "HEAD^{tree}")
	}
	commit := made("one")
	git(t, tree, "branch", "holdfast-local/1", commit)
	push := func(branch, commit string) error {
		return c.Push(t.Context(), r, branch, commit, "holdfast-local/1")
	}
	must(t, push("holdfast/accept-1", commit))
	must(t, push("holdfast/accept-1", commit)) // it has it
	if got := git(t, u.bare, "rev-parse", "holdfast/accept-1"); got != commit {
		t.Errorf("%s was pushed, not %s", got, commit)
	}
	if got, err := c.Branch(t.Context(), r, "holdfast/accept-1"); got != commit || err != nil {
		t.Error(got, err)
	}
	if got, err := c.Branch(t.Context(), r, "holdfast/accept"); got != "" || err != nil {
		t.Error(got, err)
	}
	if local := git(t, tree, "branch", "--list", "holdfast-local/*"); local != "" {
		t.Errorf("%s is left", local)
	}
	refused(t, push("holdfast/accept-1", made("two")), "has a branch holdfast/accept-1 already, with another commit")
	refused(t, push("main", made("three")), "has a branch main already")
	if got := git(t, u.bare, "rev-parse", "main"); got != git(t, tree, "rev-parse", "HEAD") {
		t.Error("main was moved")
	}
	refused(t, c.Push(t.Context(), r, "x", "--all", ""), "is no commit")
}
