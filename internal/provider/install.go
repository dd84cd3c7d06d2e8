package provider

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Missing is a provider's package that is to be installed.
type Missing struct {
	Source, Version string
	Hashes          []string // that the lock file records
	Env             []string
}

// installRoot is the folder for packages that we installed. No folder of the
// user's is written to.
func (m *Manager) installRoot() string { return filepath.Join(m.options.CacheDir, "providers") }

// Package gives the package of a provider as Installed does, and installs it
// where it is nowhere. What was installed is held against the lock file like any
// other.
func (m *Manager) Package(ctx context.Context, r Request) (Package, error) {
	pkg, err := m.Installed(r.Where, r.Source)
	if !errors.Is(err, ErrNotInstalled) || m.options.Install == nil {
		return pkg, err
	}
	locked, ok := r.Where.Lock[r.Source]
	if !ok {
		return pkg, fmt.Errorf("%w; it is not in %s either, so which version to install can't be told", err, LockFile)
	}
	token := m.fetchToken("install " + r.Source + " " + locked.Version)
	select {
	case token <- struct{}{}:
		defer func() { <-token }()
	case <-ctx.Done():
		return pkg, fmt.Errorf("waiting for provider %s to be installed: %w", r.Source, ctx.Err())
	}
	// Another stack may have had it installed meanwhile.
	if pkg, err = m.Installed(r.Where, r.Source); !errors.Is(err, ErrNotInstalled) {
		return pkg, err
	}
	missing := Missing{Source: r.Source, Version: locked.Version, Hashes: locked.Hashes, Env: r.Env}
	if installErr := m.options.Install(ctx, missing, m.installRoot()); installErr != nil {
		return pkg, fmt.Errorf("%w; installing it into Holdfast's own cache failed: %w", err, installErr)
	}
	return m.Installed(r.Where, r.Source)
}
