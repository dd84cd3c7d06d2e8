package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/dirhash"
)

// verifier knows the "h1:" hash of packages. Hashing a large provider takes
// most of a second, so the result is remembered in the user's cache folder for
// as long as no file of the package changes in path, size, inode, mtime or
// ctime.
type verifier struct {
	path string // the file of remembered hashes
	anew bool   // don't trust it: hash everything once more
	now  func() time.Time

	mu     sync.Mutex
	known  map[string]remembered // by package folder
	fresh  map[string]bool       // hashed in this run
	flight map[string]*sync.Mutex
}

// remembered is a hash and when it was made.
type remembered struct {
	Stamp string    `json:"stamp"`
	Hash  string    `json:"hash"`
	At    time.Time `json:"at"`
}

func newVerifier(cacheDir string, anew bool) *verifier {
	v := &verifier{
		path: filepath.Join(cacheDir, "verified.json"), anew: anew, now: time.Now,
		fresh: map[string]bool{}, flight: map[string]*sync.Mutex{},
	}
	v.known = v.load()
	return v
}

// load reads what is remembered; a file that can't be used is no memory.
func (v *verifier) load() map[string]remembered {
	known := map[string]remembered{}
	if src, err := os.ReadFile(v.path); err == nil && json.Unmarshal(src, &known) == nil && known != nil {
		return known
	}
	return map[string]remembered{}
}

// hash gives the "h1:" hash of a package folder.
func (v *verifier) hash(dir string) (string, error) {
	lock := v.lockFor(dir)
	lock.Lock()
	defer lock.Unlock()
	stamp, changed, err := stampOfPackage(dir)
	if err != nil {
		return "", fmt.Errorf("reading the provider package %s: %w", dir, err)
	}
	at := v.now()
	v.mu.Lock()
	was, ok := v.known[dir]
	trusted := ok && was.Stamp == stamp && was.At.Sub(changed) > clockGrain && (!v.anew || v.fresh[dir])
	v.mu.Unlock()
	if trusted {
		return was.Hash, nil
	}
	hash, err := dirhash.HashDir(dir, "", dirhash.Hash1)
	if err != nil {
		return "", fmt.Errorf("hashing the provider package %s: %w", dir, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.known[dir], v.fresh[dir] = remembered{Stamp: stamp, Hash: hash, At: at}, true
	v.save()
	return hash, nil
}

// clockGrain is more than a tick of the clock that file times are taken from,
// which is 10 ms at most. A package that was hashed sooner after it changed
// could change once more with nothing to show for it, so it is hashed again.
const clockGrain = 100 * time.Millisecond

// lockFor lets one goroutine at a time hash a package.
func (v *verifier) lockFor(dir string) *sync.Mutex {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.flight[dir] == nil {
		v.flight[dir] = &sync.Mutex{}
	}
	return v.flight[dir]
}

// save keeps what this run learnt for the next one, and what other processes
// learnt meanwhile. Failing to costs only time.
func (v *verifier) save() {
	merged := v.load()
	for dir := range merged {
		if !isDir(dir) {
			delete(merged, dir)
		}
	}
	for dir := range v.fresh {
		merged[dir] = v.known[dir]
	}
	if out, err := json.Marshal(merged); err == nil {
		_ = writeFile(v.path, out)
	}
}

// stampOfPackage describes the files of a package well enough to notice a
// change, and says when the last one was.
func stampOfPackage(dir string) (stamp string, changed time.Time, err error) {
	var lines []string
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		lines = append(lines, path+" "+stampOf(info))
		if at := changeTime(info); at.After(changed) {
			changed = at
		}
		return nil
	})
	return strings.Join(lines, "\n"), changed, err
}

// stampOf is different for any change of a file.
func stampOf(info fs.FileInfo) string {
	return fmt.Sprintf("%d %d %d %s", info.Size(), info.ModTime().UnixNano(), changeTime(info).UnixNano(), fileID(info))
}

// ErrUntrusted is found in the error of a package that the lock file does not
// vouch for.
var ErrUntrusted = errors.New("it was not run")

// checkable reports whether the lock file records a hash that an unpacked
// package can have.
func (l Locked) checkable() bool {
	return slices.ContainsFunc(l.Hashes, func(h string) bool { return strings.HasPrefix(h, "h1:") })
}

// check holds a package against the lock file.
func (l Locked) check(source, dir, hash string) error {
	switch {
	case slices.Contains(l.Hashes, hash):
		return nil
	case !l.checkable():
		return fmt.Errorf("provider %s: %s records no h1: hash, so the package in %s can't be checked and %w; run terraform init, or terraform providers lock, to record one", source, LockFile, dir, ErrUntrusted)
	}
	return fmt.Errorf("provider %s %s in %s is not the package that %s names (its hash is %s), so %w. If the lock file was made on another system only, run terraform providers lock -platform=%s_%s; if you changed the provider on purpose, run terraform init -upgrade; if neither, find out who did", source, l.Version, dir, LockFile, hash, ErrUntrusted, runtime.GOOS, runtime.GOARCH)
}
