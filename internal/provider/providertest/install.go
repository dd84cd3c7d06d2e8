package providertest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"
)

// The sources of the two test providers. Any other will do, too.
const (
	Five = "example.com/test/five"
	Six  = "example.com/test/six"
)

// Package is an installed provider.
type Package struct {
	Source  string
	Version string
	Dir     string // the package's folder
	Binary  string
	Hash    string // h1:..., what a lock file has to say
}

// Install puts the test provider into a folder that is laid out like the mirror
// or plugin cache of Terraform, or like the folder providers in a data folder
// (.terraform/providers). The executable is the running test binary itself.
func Install(t testing.TB, root, source, version string) Package {
	t.Helper()
	typeName := source[strings.LastIndex(source, "/")+1:]
	p := Package{Source: source, Version: version}
	p.Dir = filepath.Join(root, filepath.FromSlash(source), version, runtime.GOOS+"_"+runtime.GOARCH)
	p.Binary = filepath.Join(p.Dir, "terraform-provider-"+typeName+"_v"+version)
	if runtime.GOOS == "windows" {
		p.Binary += ".exe"
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := linkOrCopy(self, p.Binary); err != nil {
		t.Fatal(err)
	}
	if p.Hash, err = hashOf(p.Binary); err != nil {
		t.Fatal(err)
	}
	return p
}

func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// hashes remembers the hash of a package by the name of its only file: the
// content is the same for all.
var hashes sync.Map

func hashOf(binary string) (string, error) {
	name := filepath.Base(binary)
	if hash, ok := hashes.Load(name); ok {
		return hash.(string), nil
	}
	hash, err := dirhash.Hash1([]string{name}, func(string) (io.ReadCloser, error) { return os.Open(binary) })
	if err == nil {
		hashes.Store(name, hash)
	}
	return hash, err
}

// Lock is the block of a lock file that locks the package.
func (p Package) Lock() string {
	return fmt.Sprintf("provider %q {\n  version = %q\n  hashes = [\n    %q,\n  ]\n}\n", p.Source, p.Version, p.Hash)
}

// WriteLock writes the lock file of a root module.
func WriteLock(t testing.TB, module string, pkgs ...Package) {
	t.Helper()
	var out strings.Builder
	for _, p := range pkgs {
		out.WriteString(p.Lock())
	}
	if err := os.WriteFile(filepath.Join(module, ".terraform.lock.hcl"), []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
