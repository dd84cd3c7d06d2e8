package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Lock is a lock that somebody holds on a state.
type Lock struct {
	ID        string    `json:"ID"`
	Operation string    `json:"Operation"` // OperationTypeApply, OperationTypePlan, ...
	Who       string    `json:"Who"`
	Created   time.Time `json:"Created"`
}

// Changes reports whether the holder may be changing infrastructure or state.
// A plan takes the same lock as an apply and changes nothing.
func (l *Lock) Changes() bool { return l != nil && l.Operation != "OperationTypePlan" }

// ErrNone says that there is no state where one was looked for.
var ErrNone = errors.New("there is no state")

// Local is a state in a file.
type Local struct{ Path string }

// String names the source, for results and messages.
func (l Local) String() string { return l.Path }

// Read gives the content of the state file. The error of a missing one is
// ErrNone.
func (l Local) Read(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	src, err := readRegular(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s", ErrNone, l.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return src, nil
}

// Lock tells who holds the state's lock; nil when nobody does. Terraform
// writes what it knows of the holder into a file beside the state.
func (l Local) Lock(ctx context.Context) (*Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir, name := filepath.Split(l.Path)
	src, err := readRegular(filepath.Join(dir, "."+name+".lock.info"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state's lock: %w", err)
	}
	return ParseLock(src), nil
}

// readRegular reads a file, and nothing else that goes by a path: a pipe might
// never be written to, and a device never end. A state is read twice, besides.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file; write what is in it to one", path)
	}
	return os.ReadFile(path)
}

// ParseLock reads what Terraform writes of a lock's holder, the same JSON in
// every backend. One that is half written is being taken right now, by nobody
// knows whom.
func ParseLock(src []byte) *Lock {
	lock := &Lock{}
	if json.Unmarshal(src, lock) != nil {
		return &Lock{Operation: "unknown"}
	}
	return lock
}
