package statetest

import (
	"testing"
	"time"

	"holdfast/internal/state"
)

// created is a time as finely given as Terraform does.
var created = time.Date(2026, 11, 5, 6, 7, 8, 123456789, time.UTC)

func locks(t *testing.T, b *bench) {
	b.put(t, "default", []byte("{}"))
	backend := b.open(t)
	source := backend.State("default")
	if lock, err := source.Lock(t.Context()); lock != nil || err != nil {
		t.Errorf("nobody holds it, but it is %+v, %v", lock, err)
	}
	if b.Locks == nil {
		return // the backend can't tell
	}
	for _, lock := range []state.Lock{
		{ID: "5f1d7f5c-7c07-1d4b-2b6b-8a8e2d0d7c55", Operation: "OperationTypeApply", Who: "ci@runner-7", Created: created},
		{ID: "0b0e4b57-91a3-4f7e-7a0e-0a5b7a1f7a11", Operation: "OperationTypePlan", Who: "me@here", Created: created.Add(time.Hour)},
		{ID: "c1a3b0e8-8c1f-4f0e-9a57-0f6f6f3f1c11", Operation: "state-mv", Who: "me@here", Created: created},
	} {
		b.held(t, source, "default", lock)
	}
	if b.Locks.Damage != nil {
		b.Locks.Damage(t, "default")
		b.stored = b.Snapshot(t)
		lock, err := source.Lock(t.Context())
		if err != nil || lock == nil || !lock.Changes() {
			t.Errorf("a lock that can't be read is %+v, %v; it must be one that may change something", lock, err)
		}
	}
	for _, workspace := range b.Workspaces {
		other := backend.State(workspace)
		if lock, err := other.Lock(t.Context()); lock != nil || err != nil {
			t.Errorf("the lock of another workspace, %s, is %+v, %v", workspace, lock, err)
		}
		b.held(t, other, workspace, state.Lock{ID: "of-" + workspace, Operation: "OperationTypeApply", Who: "me@here", Created: created})
	}
}

// held makes a lock and sees that the source tells whose it is.
func (b *bench) held(t *testing.T, source state.Source, workspace string, lock state.Lock) {
	t.Helper()
	b.Locks.Put(t, workspace, lock)
	b.stored = b.Snapshot(t)
	want := lock
	if b.Locks.Tells != nil {
		want = b.Locks.Tells(lock)
	}
	got, err := source.Lock(t.Context())
	switch {
	case err != nil || got == nil:
		t.Errorf("%s: got %+v, %v", lock.Operation, got, err)
	case got.ID != want.ID || got.Operation != want.Operation || got.Who != want.Who || !got.Created.Equal(want.Created):
		t.Errorf("%s: got %+v, want %+v", lock.Operation, got, want)
	case got.Changes() != want.Changes():
		t.Errorf("%s: changes something: %v", lock.Operation, got.Changes())
	}
}
