package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"holdfast/internal/drift"
	"holdfast/internal/resolve"
	"holdfast/internal/stack"
	"holdfast/internal/terraform"
)

// A tree of a repository has no .terraform: each stack has a folder of its own in
// the cache instead, which is kept from commit to commit.

// dataFolder is the one of a stack of a repository; "" for a stack of a folder.
func (s *site) dataFolder(source stack.Source, ref drift.StackRef) string {
	if source.Git == "" {
		return ""
	}
	return filepath.Join(s.cache, "data", ref.ID)
}

// initialised runs terraform init for a stack of a repository, in the stack's
// folder, which nobody else uses until done. Providers are shared by all of them.
func (s *site) initialised(ctx context.Context, o *ResolveOptions, source stack.Source, ref drift.StackRef) (done func(), err error) {
	data := s.dataFolder(source, ref)
	if data == "" {
		return func() {}, nil
	}
	lock, err := s.lock(ctx, "data", ref.ID)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	// What was recorded for an earlier commit says nothing of this one's backend.
	if err := os.Remove(filepath.Join(data, "terraform.tfstate")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the stack's data folder: %w", err)
	}
	o.Env = append(slices.Clip(o.Env), "TF_DATA_DIR="+data)
	found, err := o.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	one := found.candidates[0].Stack
	names := []string{"terraform", "tofu"}
	if one.Tofu {
		names = []string{"tofu", "terraform"}
	}
	binary, err := terraform.Find(o.Terraform, one.Env, names...)
	if err != nil {
		return nil, err
	}
	// Terraform's cache of providers is safe for one process at a time.
	plugins, err := s.lock(ctx, "plugins", "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = plugins.Close() }()
	if err := resolve.Init(ctx, one, binary, filepath.Join(s.cache, "plugins")); err != nil {
		return nil, err
	}
	return func() { _ = lock.Close() }, nil
}

// lock waits until nobody else on this machine has what kind and name say.
func (s *site) lock(ctx context.Context, kind, name string) (*flock.Flock, error) {
	dir := filepath.Join(s.cache, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the cache: %w", err)
	}
	hash := sha256.Sum256([]byte(name))
	lock := flock.New(filepath.Join(dir, kind+"-"+hex.EncodeToString(hash[:8])))
	if ok, err := lock.TryLockContext(ctx, 50*time.Millisecond); !ok || err != nil {
		return nil, errors.Join(errors.New("somebody else is at it"), err)
	}
	return lock, nil
}
