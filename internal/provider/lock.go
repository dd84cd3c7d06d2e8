package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
)

// LockFile is the name of the dependency lock file in a root module.
const LockFile = ".terraform.lock.hcl"

// Lock is what a dependency lock file says, by provider source address.
type Lock map[string]Locked

// Locked is the version of a provider that was chosen, and the hashes of its
// packages: "h1:" of the unpacked folder, "zh:" of a zip archive.
type Locked struct {
	Version string
	Hashes  []string
}

// OpenTofu reports whether OpenTofu wrote the file: its registry is named in it.
func (l Lock) OpenTofu() bool {
	for source := range l {
		if strings.HasPrefix(source, "registry.opentofu.org/") {
			return true
		}
	}
	return false
}

// ReadLock reads a lock file; one that does not exist locks nothing.
func ReadLock(path string) (Lock, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}, nil
	}
	if err == nil && !info.Mode().IsRegular() { // a pipe might never be written to
		return nil, fmt.Errorf("reading the lock file: %s is not a file; remove it and run terraform init", path)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the lock file: %w", err)
	}
	return parseLock(src, path)
}

func parseLock(src []byte, path string) (Lock, error) {
	file, diags := hclparse.NewParser().ParseHCL(src, path)
	if diags.HasErrors() {
		return nil, lockError(diags)
	}
	var content struct {
		Providers []struct {
			Source  string   `hcl:",label"`
			Version string   `hcl:"version"`
			Hashes  []string `hcl:"hashes,optional"`
			Rest    hcl.Body `hcl:",remain"`
		} `hcl:"provider,block"`
		Rest hcl.Body `hcl:",remain"`
	}
	if diags := gohcl.DecodeBody(file.Body, nil, &content); diags.HasErrors() {
		return nil, lockError(diags)
	}
	lock := Lock{}
	for _, p := range content.Providers {
		if _, twice := lock[p.Source]; twice {
			return nil, fmt.Errorf("the lock file %s is damaged: it names %s twice; restore it from version control or run terraform init", path, p.Source)
		}
		lock[p.Source] = Locked{Version: p.Version, Hashes: p.Hashes}
	}
	return lock, nil
}

func lockError(diags hcl.Diagnostics) error {
	return fmt.Errorf("the lock file is damaged: %w; restore it from version control or run terraform init", diags)
}
