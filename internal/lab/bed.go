package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// Bed is what the tests of a package share: stacks that were applied once, each to an
// emulator of its own, for tests to fork, and a folder. It lives as long as the test
// binary, and is safe for concurrent use.
type Bed struct {
	Dir string

	mu     sync.Mutex
	stacks map[string]func() (*Applied, error)
	ends   []func()
}

// Applied is a stack, and the emulator that it was applied to.
type Applied struct {
	*Stack
	Emulator *Emulator
}

// NewBed makes a bed, whose folder has a name that begins so. Close it.
func NewBed(prefix string) (*Bed, error) {
	dir, err := os.MkdirTemp("", prefix)
	return &Bed{Dir: dir, stacks: map[string]func() (*Applied, error){}}, err
}

// Close ends the emulators, and removes the folder.
func (b *Bed) Close() {
	for _, end := range b.ends {
		end()
	}
	_ = os.RemoveAll(b.Dir)
}

// Cache is the folder for schemas and hashes: it knows the AWS provider after the
// first check.
func (b *Bed) Cache() string { return filepath.Join(b.Dir, "cache") }

// Applied gives a module as it was applied the first time that somebody asked. Nobody
// changes it: a test works on a fork.
func (b *Bed) Applied(t TB, source string) *Applied {
	t.Helper()
	tools := Need(t)
	b.mu.Lock()
	get := b.stacks[source]
	if get == nil {
		get = sync.OnceValues(func() (*Applied, error) { return b.apply(tools, source) })
		b.stacks[source] = get
	}
	b.mu.Unlock()
	a, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *Bed) apply(tools Tools, source string) (*Applied, error) {
	ctx := context.Background()
	emulator, err := Start(ctx, tools)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.ends = append(b.ends, func() { emulator.Close() })
	b.mu.Unlock()
	s, err := NewStack(ctx, tools, emulator, source, filepath.Join(b.Dir, filepath.Base(source)))
	if err != nil {
		return nil, err
	}
	return &Applied{s, emulator}, s.Apply(ctx)
}

// Fork gives a copy of the stack in a folder, and of what it is applied to, whose
// emulator the caller closes.
func (a *Applied) Fork(ctx context.Context, dir string) (*Applied, error) {
	emulator, err := a.Emulator.Fork(ctx)
	if err != nil {
		return nil, err
	}
	clone, err := a.Clone(dir, emulator)
	if err != nil {
		return nil, errors.Join(err, emulator.Close())
	}
	return &Applied{clone, emulator}, nil
}
