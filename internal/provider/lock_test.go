package provider

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/provider/providertest"
)

func TestReadLock(t *testing.T) {
	t.Parallel()
	const whole = `# This file is maintained automatically by "terraform init".

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = "~> 5.0"
  hashes = [
    "h1:one=",
    "zh:two",
  ]
}

provider "example.com/test/bare" {
  version = "1.0.0"
}
`
	for _, c := range []struct {
		name, content string
		want          Lock
		fault         string
	}{
		{"whole", whole, Lock{
			"registry.terraform.io/hashicorp/aws": {Version: "5.100.0", Hashes: []string{"h1:one=", "zh:two"}},
			"example.com/test/bare":               {Version: "1.0.0"},
		}, ""},
		{"empty", "", Lock{}, ""},
		{"of a later time", whole + "\nfuture {\n  thing = 1\n}\n", Lock{
			"registry.terraform.io/hashicorp/aws": {Version: "5.100.0", Hashes: []string{"h1:one=", "zh:two"}},
			"example.com/test/bare":               {Version: "1.0.0"},
		}, ""},
		{"cut off", whole[:150], nil, "the lock file is damaged: "},
		{"with a conflict", "<<<<<<< HEAD\n" + whole, nil, "the lock file is damaged: "},
		{"without a version", `provider "a/b/c" {}`, nil, "version"},
		{"with a version that is none", `provider "a/b/c" { version = [] }`, nil, "the lock file is damaged: "},
		{"with one twice", strings.Repeat("provider \"a/b/c\" {\n  version = \"1.0.0\"\n}\n", 2), nil, "names a/b/c twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), LockFile)
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			lock, err := ReadLock(path)
			switch {
			case c.fault == "" && err != nil:
				t.Error(err)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault) || !strings.Contains(err.Error(), path) || !strings.HasSuffix(err.Error(), "run terraform init")):
				t.Errorf("want %q with the file and what to do: %v", c.fault, err)
			}
			if diff := cmp.Diff(c.want, lock); diff != "" {
				t.Error(diff)
			}
		})
	}
	if lock, err := ReadLock(filepath.Join(t.TempDir(), "none")); err != nil || len(lock) != 0 {
		t.Errorf("no lock file: %v, %v", lock, err)
	}
	if _, err := ReadLock(t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), "reading the lock file: ") {
		t.Errorf("a folder: %v", err)
	}
}

// FuzzLock holds the parser to its law: a package is vouched for only with a
// hash that stands in the file.
func FuzzLock(f *testing.F) {
	f.Add("provider \"a/b/c\" {\n  version = \"1.0.0\"\n  hashes = [\"h1:x\"]\n}\n")
	f.Add("provider \"a/b/c\" {\n  version = 1\n  hashes = [null]\n}\n")
	f.Add("provider \"a\" \"b\" {}")
	f.Fuzz(func(t *testing.T, src string) {
		lock, err := parseLock([]byte(src), "f")
		if err != nil {
			return
		}
		const unheard = "h1:a hash that no seed has"
		for source, locked := range lock {
			if locked.check(source, "dir", unheard) == nil && !strings.Contains(src, "hash that no seed has") {
				t.Errorf("%s was vouched for", source)
			}
		}
	})
}

// TestVouching says which packages the lock file lets run.
func TestVouching(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Five)
	good := r.pkg.Hash
	const other = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for _, c := range []struct {
		name      string
		lock      Lock
		unlocked  bool
		want      string // of the error
		untrusted bool
	}{
		{"its hash", Lock{r.pkg.Source: {"1.0.0", []string{"zh:x", good}}}, false, "", false},
		{"its hash, others allowed", Lock{r.pkg.Source: {"1.0.0", []string{good}}}, true, "", false},
		{"one of several", Lock{r.pkg.Source: {"1.0.0", []string{other, good}}}, false, "", false},
		{"not named", Lock{}, false, "is not in " + filepath.Join(r.module, LockFile) + ", so there is nothing to check it against and it was not run; run terraform init, or allow it with --allow-unlocked-providers", true},
		{"not named, and allowed", Lock{}, true, "", false},
		{"another hash", Lock{r.pkg.Source: {"1.0.0", []string{other}}}, false, "is not the package that .terraform.lock.hcl names (its hash is " + good + "), so it was not run", true},
		{"another hash, and others allowed", Lock{r.pkg.Source: {"1.0.0", []string{other}}}, true, "is not the package that", true},
		{"a zip's hash only", Lock{r.pkg.Source: {"1.0.0", []string{"zh:x"}}}, false, "records no h1: hash, so the package in " + r.pkg.Dir + " can't be checked and it was not run; run terraform init, or terraform providers lock", true},
		{"a zip's hash only, and allowed", Lock{r.pkg.Source: {"1.0.0", []string{"zh:x"}}}, true, "", false},
		{"no hash", Lock{r.pkg.Source: {"1.0.0", nil}}, false, "records no h1: hash", true},
		{"another version", Lock{r.pkg.Source: {"2.0.0", []string{good}}}, false, "provider " + r.pkg.Source + " 2.0.0 for ", false},
		{"another provider's", Lock{providertest.Six: {"1.0.0", []string{good}}}, false, "is not in ", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := r.where()
			w.Lock = c.lock
			on := *r
			on.T = t
			pkg, err := on.manager(Options{CacheDir: t.TempDir(), AllowUnlocked: c.unlocked}).Installed(w, r.pkg.Source)
			switch {
			case c.want == "" && (err != nil || pkg.Hash != good || pkg.Version != "1.0.0"):
				t.Errorf("%+v, %v", pkg, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrUntrusted) != c.untrusted):
				t.Errorf("want %q: %v", c.want, err)
			}
		})
	}
	if n := len(r.world.Calls(t)); n != 0 {
		t.Errorf("a provider was started: %d", n)
	}
}
