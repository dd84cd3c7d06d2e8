package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/semver"
)

// Package is a provider that was found, checked and may be run.
type Package struct {
	Source  string // HOST/NAMESPACE/TYPE
	Version string // "" for a development override
	Binary  string
	Hash    string // h1:...; "" for a development override

	stamp string // of a development override: tells one build from the next
}

// key tells packages apart, wherever they are.
func (p Package) key() string {
	if p.Hash == "" {
		return p.Binary + "\n" + p.stamp
	}
	return p.Hash
}

// Where says where a stack's providers may be. Relative paths are taken from
// the root module's folder.
type Where struct {
	Dir     string // root module
	DataDir string // .terraform, or what TF_DATA_DIR names
	Lock    Lock
	Env     func(string) string
}

// ErrNotInstalled is found in the error of a provider that is nowhere.
var ErrNotInstalled = errors.New("it is not installed")

// Installed finds the package of a provider, without starting it, and makes
// sure that it is the one that the lock file names.
func (m *Manager) Installed(w Where, source string) (Package, error) {
	cfg, err := readCLIConfig(w.Env)
	if err != nil {
		return Package{}, err
	}
	if dir, ok := cfg.overrides[source]; ok {
		return overriding(w.abs(dir), source)
	}
	locked, isLocked := w.Lock[source]
	if !isLocked && !m.options.AllowUnlocked {
		return Package{}, fmt.Errorf("provider %s is not in %s, so there is nothing to check it against and %w; run terraform init, or allow it with --allow-unlocked-providers", source, filepath.Join(w.Dir, LockFile), ErrUntrusted)
	}
	dir, version, err := findPackage(w, cfg, m.installRoot(), source, locked.Version)
	if err != nil {
		return Package{}, err
	}
	return m.admit(source, version, dir, locked, isLocked)
}

// overriding is the provider in a folder that a development override names.
func overriding(dir, source string) (Package, error) {
	binary, err := binaryIn(dir, source)
	if err != nil {
		return Package{}, fmt.Errorf("provider %s: development override of the CLI configuration: %w", source, err)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return Package{}, fmt.Errorf("provider %s: development override of the CLI configuration: %w", source, err)
	}
	return Package{Source: source, Binary: binary, stamp: stampOf(info)}, nil
}

// admit hashes a package and holds it against the lock file.
func (m *Manager) admit(source, version, dir string, locked Locked, isLocked bool) (Package, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return Package{}, fmt.Errorf("provider %s: %w", source, err)
	}
	binary, err := binaryIn(dir, source)
	if err != nil {
		return Package{}, fmt.Errorf("provider %s %s: %w; run terraform init", source, version, err)
	}
	hash, err := m.verifier.hash(dir)
	if err != nil {
		return Package{}, err
	}
	if isLocked && (locked.checkable() || !m.options.AllowUnlocked) {
		if err := locked.check(source, dir, hash); err != nil {
			return Package{}, err
		}
	}
	return Package{Source: source, Version: version, Binary: binary, Hash: hash}, nil
}

// findPackage looks where Terraform installs to and from: the data folder, the
// plugin cache, then the mirrors. What we installed ourselves comes last.
func findPackage(w Where, cfg cliConfig, own, source, version string) (dir, found string, err error) {
	roots := []string{filepath.Join(w.DataDir, "providers")}
	if cfg.cacheDir != "" {
		roots = append(roots, cfg.cacheDir)
	}
	for _, m := range cfg.mirrors {
		if m.serves(source) {
			roots = append(roots, m.path)
		}
	}
	roots = append(roots, own)
	platform := runtime.GOOS + "_" + runtime.GOARCH
	for _, root := range roots {
		base := filepath.Join(w.abs(root), filepath.FromSlash(source))
		v := version
		if v == "" {
			v = newestIn(base, platform)
		}
		dir := filepath.Join(base, v, platform)
		if v != "" && isDir(dir) {
			return dir, v, nil
		}
	}
	if version != "" {
		version = " " + version
	}
	return "", "", fmt.Errorf("provider %s%s for %s: %w in %s, the plugin cache or a mirror; run terraform init in %s", source, version, platform, ErrNotInstalled, roots[0], w.Dir)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (w Where) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(w.Dir, path)
}

// newestIn picks the highest version that has a package for this platform, and
// a pre-release only if there is nothing else: "" if there is none.
func newestIn(base, platform string) string {
	entries, _ := os.ReadDir(base)
	newest := ""
	for _, entry := range entries {
		v := "v" + entry.Name()
		if semver.IsValid(v) && isDir(filepath.Join(base, entry.Name(), platform)) && (newest == "" || newer(v, newest)) {
			newest = v
		}
	}
	return strings.TrimPrefix(newest, "v")
}

func newer(a, b string) bool {
	if stable := semver.Prerelease(a) == ""; stable != (semver.Prerelease(b) == "") {
		return stable
	}
	return semver.Compare(a, b) > 0
}

// binaryIn finds the provider's executable in its package folder.
func binaryIn(dir, source string) (string, error) {
	prefix := "terraform-provider-" + source[strings.LastIndex(source, "/")+1:]
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("its package can't be read: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || (rest != "" && rest[0] != '_' && rest[0] != '.') {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && executable(info) {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no executable %s* in %s", prefix, dir)
}

func executable(info fs.FileInfo) bool {
	return runtime.GOOS == "windows" || info.Mode()&0o111 != 0
}
