package state_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/state"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLocalRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "terraform.tfstate")
	source := state.Local{Path: path}
	if source.String() != path {
		t.Errorf("calls itself %s", source)
	}
	if _, err := source.Read(t.Context()); !errors.Is(err, state.ErrNone) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing state: %v", err)
	}
	if _, err := (state.Local{Path: filepath.Join(dir, "missing", "x.tfstate")}).Read(t.Context()); !errors.Is(err, state.ErrNone) {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := (state.Local{Path: dir}).Read(t.Context()); err == nil || errors.Is(err, state.ErrNone) {
		t.Errorf("a folder: %v", err)
	}
	write(t, path, "content")
	if src, err := source.Read(t.Context()); err != nil || string(src) != "content" {
		t.Errorf("got %q, %v", src, err)
	}
}

func TestLocalLock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content string // of the lock file; "" for none
		want          *state.Lock
		changes       bool
	}{
		{name: "nobody holds it"},
		{
			name:    "an apply",
			content: `{"ID":"1c9","Operation":"OperationTypeApply","Info":"","Who":"ci@runner","Version":"1.11.4","Created":"2026-11-05T06:07:08.123456789Z","Path":"terraform.tfstate"}`,
			want: &state.Lock{
				ID: "1c9", Operation: "OperationTypeApply", Who: "ci@runner", Created: time.Date(2026, 11, 5, 6, 7, 8, 123456789, time.UTC),
			},
			changes: true,
		},
		{
			name: "a plan", content: `{"ID":"1c9","Operation":"OperationTypePlan","Who":"me@here"}`,
			want: &state.Lock{ID: "1c9", Operation: "OperationTypePlan", Who: "me@here"},
		},
		{
			name: "a change of the state alone", content: `{"ID":"1c9","Operation":"state-mv"}`,
			want: &state.Lock{ID: "1c9", Operation: "state-mv"}, changes: true,
		},
		{name: "half written", content: `{"ID":"1c9","Operation":"OperationTypePl`, want: &state.Lock{Operation: "unknown"}, changes: true},
		{name: "just made", content: " ", want: &state.Lock{Operation: "unknown"}, changes: true},
		{name: "with a time that is none", content: `{"Operation":"OperationTypePlan","Created":"yesterday"}`, want: &state.Lock{Operation: "unknown"}, changes: true},
		{name: "of nothing", content: `null`, want: &state.Lock{}, changes: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if c.content != "" {
				write(t, filepath.Join(dir, ".terraform.tfstate.lock.info"), c.content)
			}
			got, err := state.Local{Path: filepath.Join(dir, "terraform.tfstate")}.Lock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if (got == nil) != (c.want == nil) || (got != nil && *got != *c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if got.Changes() != c.changes {
				t.Errorf("changes something: %v", got.Changes())
			}
		})
	}
}

func TestLocalLockUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".x.tfstate.lock.info"), 0o700); err != nil {
		t.Fatal(err)
	}
	if lock, err := (state.Local{Path: filepath.Join(dir, "x.tfstate")}).Lock(context.Background()); err == nil {
		t.Errorf("got %+v", lock)
	}
}
