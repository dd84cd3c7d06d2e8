package provider

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/dirhash"

	"holdfast/internal/provider/providertest"
)

// packageDir is a package of two files.
func packageDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"LICENSE", "terraform-provider-x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("content"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// verifierLater is a verifier that lives when the files are old enough for
// their times to tell.
func verifierLater(cache string, anew bool) *verifier {
	v := newVerifier(cache, anew)
	v.now = func() time.Time { return time.Now().Add(time.Hour) }
	return v
}

func hashOfDir(t *testing.T, v *verifier, dir string) string {
	t.Helper()
	hash, err := v.hash(dir)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// plant puts a false memory into the cache: what gives it out has not hashed.
func plant(t *testing.T, cache, dir string) {
	t.Helper()
	path := filepath.Join(cache, "verified.json")
	known := map[string]remembered{}
	src, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(src, &known)
	}
	if err != nil {
		t.Fatal(err)
	}
	planted := known[dir]
	planted.Hash = "h1:remembered"
	known[dir] = planted
	if src, err = json.Marshal(known); err == nil {
		err = os.WriteFile(path, src, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyRemembers(t *testing.T) {
	t.Parallel()
	cache, dir := t.TempDir(), packageDir(t)
	want, err := dirhash.HashDir(dir, "", dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	if got := hashOfDir(t, verifierLater(cache, false), dir); got != want {
		t.Fatalf("%s is not %s", got, want)
	}
	plant(t, cache, dir)
	if got := hashOfDir(t, verifierLater(cache, false), dir); got != "h1:remembered" {
		t.Errorf("it was hashed again: %s", got)
	}
	anew := verifierLater(cache, true)
	for range 2 {
		if got := hashOfDir(t, anew, dir); got != want {
			t.Errorf("asked to verify anew it says %s", got)
		}
	}
	if got := hashOfDir(t, verifierLater(cache, false), dir); got != want {
		t.Errorf("what was verified anew is not remembered: %s", got)
	}
}

// TestVerifyNoticesChanges changes a package in every way: each is noticed.
func TestVerifyNoticesChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, dir, file string){
		"size":  func(t *testing.T, _, file string) { check(t, os.WriteFile(file, []byte("another"), 0o700)) },
		"added": func(t *testing.T, dir, _ string) { check(t, os.WriteFile(filepath.Join(dir, "new"), nil, 0o600)) },
		"removed": func(t *testing.T, dir, _ string) {
			check(t, os.Remove(filepath.Join(dir, "LICENSE")))
		},
		"renamed": func(t *testing.T, dir, _ string) {
			check(t, os.Rename(filepath.Join(dir, "LICENSE"), filepath.Join(dir, "LICENCE")))
		},
		"replaced": func(t *testing.T, _, file string) { // same size, same mtime
			info, err := os.Stat(file)
			check(t, err)
			aside := filepath.Join(t.TempDir(), "aside")
			check(t, os.WriteFile(aside, []byte("CONTENT"), 0o700))
			check(t, os.Chtimes(aside, info.ModTime(), info.ModTime()))
			check(t, os.Rename(aside, file))
		},
		"rewritten": func(t *testing.T, _, file string) { // same size, mtime and inode
			info, err := os.Stat(file)
			check(t, err)
			was := changeTime(info)
			if !providertest.Await(soon, func() bool {
				check(t, os.WriteFile(file, []byte("CONTENT"), 0o700))
				check(t, os.Chtimes(file, info.ModTime(), info.ModTime()))
				now, err := os.Stat(file)
				check(t, err)
				return !changeTime(now).Equal(was)
			}) {
				t.Fatal("the clock of the file system stands still")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && (name == "replaced" || name == "rewritten") {
				t.Skip("no file times that can't be set")
			}
			cache, dir := t.TempDir(), packageDir(t)
			file := filepath.Join(dir, "terraform-provider-x")
			v := verifierLater(cache, false)
			hashOfDir(t, v, dir)
			change(t, dir, file)
			want, err := dirhash.HashDir(dir, "", dirhash.Hash1)
			check(t, err)
			for _, v := range []*verifier{v, verifierLater(cache, false)} {
				if got := hashOfDir(t, v, dir); got != want {
					t.Errorf("%s was taken for %s", want, got)
				}
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestVerifyJustChanged hashes a package again that was hashed right after it
// changed: it may have changed once more within the same tick of the clock.
func TestVerifyJustChanged(t *testing.T) {
	t.Parallel()
	cache, dir := t.TempDir(), packageDir(t)
	_, changed, err := stampOfPackage(dir)
	check(t, err)
	v := newVerifier(cache, false)
	v.now = func() time.Time { return changed.Add(clockGrain) }
	hashOfDir(t, v, dir)
	plant(t, cache, dir)
	if got := hashOfDir(t, verifierLater(cache, false), dir); got == "h1:remembered" {
		t.Error("it was not hashed again")
	}
}

// TestVerifyMemoryDamaged expects a memory that can't be read to be none, and
// one that can't be written to cost nothing but time.
func TestVerifyMemoryDamaged(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "null", "[]", "{", `{"x":1}`, "\x00"} {
		cache, dir := t.TempDir(), packageDir(t)
		path := filepath.Join(cache, "verified.json")
		check(t, os.WriteFile(path, []byte(content), 0o600))
		hashOfDir(t, verifierLater(cache, false), dir)
		if src, err := os.ReadFile(path); err != nil || !bytes.Contains(src, []byte(`"h1:`)) {
			t.Errorf("after %q the memory is %q, %v", content, src, err)
		}
	}
	blocked := filepath.Join(t.TempDir(), "blocked")
	check(t, os.WriteFile(blocked, nil, 0o600))
	hashOfDir(t, verifierLater(blocked, false), packageDir(t))
	if _, err := verifierLater(t.TempDir(), false).hash(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there has a hash")
	}
}

// TestVerifyTogether has several programs share a memory: none forgets what
// another learnt, and folders that are gone are forgotten.
func TestVerifyTogether(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	a, b := verifierLater(cache, false), verifierLater(cache, false)
	first, second, third := packageDir(t), packageDir(t), packageDir(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := a.hash(first); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	hashOfDir(t, b, second)
	if known := newVerifier(cache, false).known; len(known) != 2 {
		t.Errorf("they remember %v", known)
	}
	check(t, os.RemoveAll(first))
	hashOfDir(t, b, third)
	if known := newVerifier(cache, false).known; len(known) != 2 || known[first].Hash != "" {
		t.Errorf("they remember %v", known)
	}
}
