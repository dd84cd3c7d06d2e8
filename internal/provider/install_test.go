package provider

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/provider/providertest"
)

// uninstalled is a root module whose lock file names a package that is nowhere.
func uninstalled(t *testing.T) (pkg providertest.Package, r Request) {
	t.Helper()
	dir := t.TempDir()
	pkg = providertest.Install(t, t.TempDir(), providertest.Five, "1.0.0")
	lock := Lock{pkg.Source: {Version: "1.0.0", Hashes: []string{pkg.Hash}}}
	return pkg, Request{
		Source: pkg.Source, Env: []string{"GIVEN=it"},
		Where: Where{Dir: dir, DataDir: filepath.Join(dir, ".terraform"), Lock: lock, Env: func(string) string { return "" }},
	}
}

// TestInstallMissing: one that is nowhere is installed once, however many want
// it, into our own cache, and found there from then on.
func TestInstallMissing(t *testing.T) {
	t.Parallel()
	pkg, r := uninstalled(t)
	cache := t.TempDir()
	var installs atomic.Int32
	install := func(_ context.Context, m Missing, root string) error {
		installs.Add(1)
		if m.Source != pkg.Source || m.Version != "1.0.0" || len(m.Hashes) != 1 || m.Env[0] != "GIVEN=it" {
			t.Errorf("asked for %+v", m)
		}
		// Whole or not at all, as Terraform's is moved into place.
		staged := t.TempDir()
		providertest.Install(t, staged, m.Source, m.Version)
		at := filepath.Join(filepath.FromSlash(m.Source), m.Version)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, at)), 0o700); err != nil {
			return err
		}
		return os.Rename(filepath.Join(staged, at), filepath.Join(root, at))
	}
	m := NewManager(Options{CacheDir: cache, Install: install})
	defer m.Close()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := m.Package(t.Context(), r)
			if err != nil || got.Hash != pkg.Hash || !strings.HasPrefix(got.Binary, cache) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if installs.Load() != 1 {
		t.Errorf("it was installed %d times", installs.Load())
	}
	if entries, err := os.ReadDir(r.Where.Dir); err != nil || len(entries) > 0 {
		t.Errorf("the root module's folder has %v, %v", entries, err)
	}
	later := NewManager(Options{CacheDir: cache}) // may not install
	defer later.Close()
	if _, err := later.Package(t.Context(), r); err != nil {
		t.Errorf("in the next run: %v", err)
	}
}

func TestInstallFails(t *testing.T) {
	t.Parallel()
	other := func(_ context.Context, m Missing, root string) error {
		// Another executable under the same name.
		dir := filepath.Join(root, filepath.FromSlash(m.Source), m.Version, filepath.Base(filepath.Dir(providertest.Install(t, t.TempDir(), m.Source, m.Version).Binary)))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "terraform-provider-five"), []byte("#!/bin/sh\n"), 0o700)
	}
	for name, c := range map[string]struct {
		install func(context.Context, Missing, string) error
		edit    func(*Request)
		allow   bool
		is      error
		says    []string
	}{
		"not allowed":     {nil, nil, false, ErrNotInstalled, []string{"run terraform init"}},
		"it fails":        {func(context.Context, Missing, string) error { return errors.New("no network") }, nil, false, ErrNotInstalled, []string{"own cache failed: no network", "run terraform init"}},
		"it does nothing": {func(context.Context, Missing, string) error { return nil }, nil, false, ErrNotInstalled, nil},
		"another package": {other, nil, false, ErrUntrusted, []string{"not the package", LockFile}},
		"not locked":      {other, func(r *Request) { r.Where.Lock = Lock{} }, false, ErrUntrusted, []string{LockFile}},
		"not locked, and allowed": {
			other, func(r *Request) { r.Where.Lock = Lock{} }, true, ErrNotInstalled, []string{"which version to install can't be told"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, r := uninstalled(t)
			if c.edit != nil {
				c.edit(&r)
			}
			m := NewManager(Options{CacheDir: t.TempDir(), Install: c.install, AllowUnlocked: c.allow})
			defer m.Close()
			_, err := m.Package(t.Context(), r)
			if !errors.Is(err, c.is) {
				t.Fatal(err)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q: %v", want, err)
				}
			}
		})
	}
}
