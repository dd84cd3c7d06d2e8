package terraform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Package names a provider's package to install.
type Package struct {
	Source  string   // HOST/NAMESPACE/TYPE
	Version string   // exactly
	Hashes  []string // of the lock file; Terraform holds the package against them
}

// path is where a package is below a folder of providers.
func (p Package) path() string {
	return filepath.Join(filepath.FromSlash(p.Source), p.Version, runtime.GOOS+"_"+runtime.GOARCH)
}

// Install gets a package from where the user's CLI configuration says, as
// terraform init does, and puts it below root, laid out like
// .terraform/providers. All happens in a scratch module of ours: only Env and
// Binary of the CLI count. Several processes may do it at once; the package
// appears whole or not at all.
func (c CLI) Install(ctx context.Context, p Package, root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fmt.Errorf("installing provider %s: %w", p.Source, err)
	}
	scratch, err := os.MkdirTemp(root, ".installing-")
	if err != nil {
		return fmt.Errorf("installing provider %s: %w", p.Source, err)
	}
	defer os.RemoveAll(scratch)
	c = c.forInstall(scratch)
	if err := writeScratch(scratch, p); err != nil {
		return fmt.Errorf("installing provider %s: %w", p.Source, err)
	}
	if _, err := c.initCmd().Run(ctx); err != nil {
		return fmt.Errorf("installing provider %s %s: %w", p.Source, p.Version, err)
	}
	got, err := filepath.EvalSymlinks(filepath.Join(c.DataDir, "providers", p.path()))
	if err != nil {
		return fmt.Errorf("installing provider %s %s: terraform init left no package: %w", p.Source, p.Version, err)
	}
	if err := place(got, scratch, filepath.Join(root, p.path())); err != nil {
		return fmt.Errorf("installing provider %s %s: %w", p.Source, p.Version, err)
	}
	return nil
}

// forInstall works in the scratch folder alone. The user's plugin cache is
// looked into elsewhere; here it would be written to, which is safe for one
// process at a time only.
func (c CLI) forInstall(scratch string) CLI {
	c.Dir, c.DataDir = scratch, filepath.Join(scratch, "data")
	c.Env = append(slices.Clone(c.Env), "TF_PLUGIN_CACHE_DIR="+filepath.Join(scratch, "cache")) // the last one counts
	return c
}

// writeScratch writes a root module that needs nothing but the package, and its
// part of the lock file.
func writeScratch(dir string, p Package) error {
	module := fmt.Sprintf("terraform {\n  required_providers {\n    wanted = {\n      source  = %q\n      version = %q\n    }\n  }\n}\n", p.Source, "= "+p.Version)
	var lock strings.Builder
	fmt.Fprintf(&lock, "provider %q {\n  version     = %q\n  constraints = %q\n  hashes = [\n", p.Source, p.Version, p.Version)
	for _, hash := range p.Hashes {
		fmt.Fprintf(&lock, "    %q,\n", hash)
	}
	lock.WriteString("  ]\n}\n")
	return errors.Join(
		os.Mkdir(filepath.Join(dir, "cache"), 0o700),
		os.WriteFile(filepath.Join(dir, "main.tf"), []byte(module), 0o600),
		os.WriteFile(filepath.Join(dir, ".terraform.lock.hcl"), []byte(lock.String()), 0o600),
	)
}

// place puts a package where it belongs. One that was downloaded is moved; one
// that lies in a mirror of the user's is linked, as Terraform does.
func place(got, scratch, target string) error {
	if isDir(target) {
		return nil // another process was quicker
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	_ = os.Remove(target) // a link to a mirror that is gone
	inside, err := filepath.EvalSymlinks(scratch)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(inside, got); err != nil || strings.HasPrefix(rel, "..") {
		err = os.Symlink(got, target)
		if isDir(target) {
			return nil
		}
		return err
	}
	err = os.Rename(got, target)
	if isDir(target) {
		return nil
	}
	return err
}
