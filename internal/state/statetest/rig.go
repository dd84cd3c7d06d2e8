// Package statetest is the one conformance suite of all state backends. A
// backend's test gives it a Rig, which knows how to put something into the real
// storage; the suite does the rest.
package statetest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/state"
)

// Rig is a backend under test and the storage behind it, which no other test
// shares and which holds no state yet.
type Rig struct {
	// Server is the URL of the storage's real server, without a slash at the end;
	// "" for a backend that uses no network. The suite puts a proxy of its own in
	// front, which notes every request and can misbehave.
	Server string
	// Open makes a backend that takes server for its storage's address: that of
	// the proxy, or of nobody.
	Open func(t *testing.T, server string) state.Backend
	// Put stores a state as Terraform would, or puts one in another's place.
	Put func(t *testing.T, workspace string, content []byte)
	// Workspaces are names of workspaces that the storage can hold, "default" not
	// among them; usually Names. None where the backend has no workspaces.
	Workspaces []string
	// Page is how many states the storage lists at a time, where a test can
	// afford more than that many. 0 leaves listing in pages untested.
	Page int
	// Clutter puts beside the states what else is found in such a storage: locks,
	// backups, the states of others. The workspaces "clutter" and "none" must not
	// come of it. Nil for nothing.
	Clutter func(t *testing.T)
	// Locks is how the storage keeps locks; nil where it can't tell of any.
	Locks *Locks
	// Snapshot gives all that is stored, by name. What is equal has not been
	// written.
	Snapshot func(t *testing.T) map[string]string
	// Reads says whether a request only reads, of those that are neither GET nor
	// HEAD. Its body can be read. Nil: none of them does.
	Reads func(r *http.Request) bool
	// Deny answers a request as the service does when it refuses access.
	Deny http.HandlerFunc
	// Secrets are the credentials that Open configures. None may be seen.
	Secrets []string
}

// Locks is how a storage keeps a state's lock.
type Locks struct {
	// Put makes a lock as its holder would.
	Put func(t *testing.T, workspace string, lock state.Lock)
	// Damage makes a lock of which nobody can tell whose it is. Nil where there
	// can't be one.
	Damage func(t *testing.T, workspace string)
	// Tells gives what can be known of a lock; nil: all of it.
	Tells func(state.Lock) state.Lock
}

// Names are workspaces as Terraform allows them.
var Names = []string{"prod", "blue-green", "Upper_1", "x.y:z@q"}

// bench is a rig at work in one case of the suite.
type bench struct {
	Rig
	front  *front
	stored map[string]string // before the backend was used
}

func newBench(t *testing.T, rig Rig) *bench {
	t.Helper()
	b := &bench{Rig: rig}
	if rig.Server != "" {
		b.front = newFront(t, rig)
	}
	return b
}

// put stores a state.
func (b *bench) put(t *testing.T, workspace string, content []byte) {
	t.Helper()
	b.Put(t, workspace, content)
}

// open makes the backend, and sees to it that nothing that is stored now is
// different at the end of the test.
func (b *bench) open(t *testing.T) state.Backend {
	t.Helper()
	b.stored = b.Snapshot(t)
	t.Cleanup(func() { b.unchanged(t) })
	return b.Open(t, b.address())
}

func (b *bench) address() string {
	if b.front == nil {
		return ""
	}
	return b.front.URL
}

// unchanged sees that nothing was written since the backend was opened.
func (b *bench) unchanged(t *testing.T) {
	t.Helper()
	now := b.Snapshot(t)
	for name, content := range now {
		if before, there := b.stored[name]; !there {
			t.Errorf("%s was made", name)
		} else if before != content {
			t.Errorf("%s was changed", name)
		}
	}
	for name := range maps.Keys(b.stored) {
		if _, there := now[name]; !there {
			t.Errorf("%s was removed", name)
		}
	}
	if b.front == nil {
		return
	}
	for _, request := range b.front.written() {
		t.Errorf("the backend sent %s, which may write", request)
	}
}

// failure checks an error of the source: it names the source and the next step,
// says nothing secret, and is not the error of a missing state.
func (b *bench) failure(t *testing.T, what, source string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	message := err.Error()
	if !strings.Contains(message, source) {
		t.Errorf("%s: the error does not name %s: %s", what, source, message)
	}
	if !strings.Contains(message, "; ") {
		t.Errorf("%s: the error names no next step after a semicolon: %s", what, message)
	}
	b.silent(t, what, message)
}

// silent checks that a text holds nothing secret.
func (b *bench) silent(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range b.Secrets {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("%s shows a credential: %s", what, strings.ReplaceAll(text, secret, "[THE CREDENTIAL]"))
		}
	}
}

// nobody is an address that nobody listens at, and nobody will: a port that was
// free a moment ago may be another test's by now.
const nobody = "http://127.0.0.1:1"

// sorted gives workspaces with "default" among them, sorted.
func sorted(names []string) []string {
	all := append([]string{"default"}, names...)
	slices.Sort(all)
	return all
}
