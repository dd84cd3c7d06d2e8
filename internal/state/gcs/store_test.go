package gcs_test

import (
	"slices"
	"testing"

	"holdfast/internal/state"
	"holdfast/internal/state/gcs"
)

// A bucket lists what is in it, without locks, for --state.
func TestBucket(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for _, name := range []string{"a/default.tfstate", "a/b/prod.tfstate", "a/b/prod.tflock", "c.tfstate", "a/text"} {
		bucket.put(name, []byte("of "+name))
	}
	b, err := gcs.Open(state.Settings{Config: map[string]any{"bucket": "states"}, Env: []string{"STORAGE_EMULATOR_HOST=" + bucket.server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.List(t.Context(), "a/"); err != nil || !slices.Equal(got, []string{"a/b/prod.tfstate", "a/default.tfstate", "a/text"}) {
		t.Errorf("got %q, %v", got, err)
	}
	source := b.Source("a/b/prod.tfstate")
	if got, err := source.Read(t.Context()); err != nil || string(got) != "of a/b/prod.tfstate" || source.String() != "gs://states/a/b/prod.tfstate" {
		t.Errorf("%s: %s, %v", source, got, err)
	}
	if lock, err := source.Lock(t.Context()); lock == nil || err != nil {
		t.Errorf("the lock is %v, %v", lock, err)
	}
	if lock, err := b.Source("c.tfstate").Lock(t.Context()); lock != nil || err != nil {
		t.Errorf("the lock of another is %v, %v", lock, err)
	}
}
