package statetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/state"
)

// patience is how long a backend may take to give up: after its context has
// ended, or with a server that is not there.
var patience = 30 * time.Second

// Run runs the suite. newRig is called for each case and may be called at the
// same time; it ends what it made with t.Cleanup.
func Run(t *testing.T, newRig func(t *testing.T) Rig) {
	for _, c := range []struct {
		name    string
		network bool // only where a server is
		run     func(t *testing.T, b *bench)
	}{
		{"exact bytes", false, exactBytes},
		{"read anew", false, readAnew},
		{"no state", false, noState},
		{"workspaces", false, workspaces},
		{"workspaces in pages", false, workspacePages},
		{"locks", false, locks},
		{"large state", false, largeState},
		{"concurrent reads", false, concurrent},
		{"names", false, names},
		{"cancelled before", false, cancelledBefore},
		{"cancelled during", true, cancelledDuring},
		{"broken off", true, brokenOff},
		{"refused", true, refused},
		{"denied", true, denied},
		{"out of order", true, outOfOrder},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rig := newRig(t)
			if c.network && rig.Server == "" {
				return // a backend without a network has nothing that could fail so
			}
			c.run(t, newBench(t, rig))
		})
	}
}

// contents are what a file may hold; a source passes all of it on.
var contents = map[string]string{
	"a state":            `{"version":4,"terraform_version":"1.11.4","serial":7,"lineage":"l","outputs":{},"resources":[]}` + "\n",
	"other line ends":    "{\r\n  \"version\": 4\r\n}\r\n\r\n",
	"a byte order mark":  "\ufeff{\"version\":4}",
	"broken off":         `{"version":4,"resources":[{"mode":"mana`,
	"no text":            "\x00\x01\xff\xfe\x80 \x1f\x8b",
	"what compresses":    strings.Repeat("a", 5000),
	"a zip's beginning":  "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
	"space and nothing":  " \n",
	"UTF-8 outside BMP":  `{"version":4,"x":"🗝️ é"}`,
	"markup in a string": `{"version":4,"x":"<a href='?a=b&c'>%20</a>"}`,
}

func exactBytes(t *testing.T, b *bench) {
	for name, content := range contents {
		b.put(t, "default", []byte(content))
		got, err := b.Open(t, b.address()).State("default").Read(t.Context())
		if err != nil || string(got) != content {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, workspace := range b.Workspaces {
		b.put(t, workspace, []byte("of "+workspace))
	}
	backend := b.open(t)
	for _, workspace := range b.Workspaces {
		if got, err := backend.State(workspace).Read(t.Context()); err != nil || string(got) != "of "+workspace {
			t.Errorf("workspace %s: got %q, %v", workspace, got, err)
		}
	}
}

// readAnew sees that nothing is remembered: detect reads a state twice to find
// out whether somebody has written it.
func readAnew(t *testing.T, b *bench) {
	b.put(t, "default", []byte("one"))
	source := b.open(t).State("default")
	for _, want := range []string{"one", "two", "three, longer"} {
		b.put(t, "default", []byte(want))
		b.stored = b.Snapshot(t)
		if got, err := source.Read(t.Context()); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func noState(t *testing.T, b *bench) {
	backend := b.open(t)
	for _, workspace := range append([]string{"default"}, b.Workspaces...) {
		source := backend.State(workspace)
		got, err := source.Read(t.Context())
		if !errors.Is(err, state.ErrNone) || got != nil {
			t.Errorf("%s: got %q, %v", workspace, got, err)
			continue
		}
		if !strings.Contains(err.Error(), source.String()) {
			t.Errorf("%s: the error does not name %s: %v", workspace, source, err)
		}
		b.silent(t, "the error", err.Error())
		if lock, err := source.Lock(t.Context()); lock != nil || err != nil {
			t.Errorf("%s: the lock of no state is %+v, %v", workspace, lock, err)
		}
	}
	if len(b.Workspaces) > 0 {
		return
	}
	source := backend.State("prod")
	_, err := source.Read(t.Context())
	b.failure(t, "a workspace where there can't be one", source.String(), err)
	_, err = source.Lock(t.Context())
	b.failure(t, "the lock of a workspace where there can't be one", source.String(), err)
}

func workspaces(t *testing.T, b *bench) {
	if b.Clutter != nil {
		b.Clutter(t)
	}
	listed(t, b.open(t), nil)
	for i, workspace := range b.Workspaces {
		b.put(t, workspace, []byte("{}"))
		b.stored = b.Snapshot(t)
		listed(t, b.Open(t, b.address()), b.Workspaces[:i+1])
	}
	b.put(t, "default", []byte("{}"))
	b.stored = b.Snapshot(t)
	listed(t, b.Open(t, b.address()), b.Workspaces)
}

// listed checks the list of workspaces, of which "default" is always one.
func listed(t *testing.T, backend state.Backend, names []string) {
	t.Helper()
	got, err := backend.Workspaces(t.Context())
	if want := sorted(names); err != nil || !slices.Equal(got, want) {
		t.Errorf("the workspaces are %q, %v, want %q", got, err, want)
	}
}

func workspacePages(t *testing.T, b *bench) {
	if b.Page == 0 {
		return // the rig says that it can't
	}
	var names []string
	var putting sync.WaitGroup
	room := make(chan struct{}, 8)
	for i := range b.Page + 3 {
		name := fmt.Sprintf("w%05d", i)
		names = append(names, name)
		room <- struct{}{}
		putting.Go(func() {
			defer func() { <-room }()
			b.put(t, name, []byte("{}"))
		})
	}
	putting.Wait()
	listed(t, b.open(t), names)
}

func largeState(t *testing.T, b *bench) {
	content := random(10 << 20)
	b.put(t, "default", content)
	got, err := b.open(t).State("default").Read(t.Context())
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %d bytes of %d, %v", len(got), len(content), err)
	}
}

// random gives bytes that don't compress to much less.
func random(size int) []byte {
	raw := make([]byte, size/2)
	_, _ = rand.Read(raw) // never fails
	return hex.AppendEncode(nil, raw)
}

func concurrent(t *testing.T, b *bench) {
	all := append([]string{"default"}, b.Workspaces...)
	for _, workspace := range all {
		b.put(t, workspace, []byte("of "+workspace))
	}
	backend := b.open(t)
	var readers sync.WaitGroup
	for _, workspace := range all {
		source := backend.State(workspace)
		for range 4 {
			readers.Go(func() {
				got, err := source.Read(t.Context())
				if err != nil || string(got) != "of "+workspace {
					t.Errorf("%s: got %q, %v", workspace, got, err)
				}
				if lock, err := source.Lock(t.Context()); lock != nil || err != nil {
					t.Errorf("%s: lock %+v, %v", workspace, lock, err)
				}
			})
		}
	}
	readers.Go(func() { listed(t, backend, b.Workspaces) })
	readers.Wait()
}

// names sees that every state has a name of its own, and that no name or value
// shows a credential.
func names(t *testing.T, b *bench) {
	backend := b.open(t)
	seen := map[string]string{}
	for _, workspace := range append([]string{"default"}, b.Workspaces...) {
		source := backend.State(workspace)
		name := source.String()
		if other, taken := seen[name]; taken || name == "" {
			t.Errorf("%s is called %q, as is %q", workspace, name, other)
		}
		seen[name] = workspace
		b.silent(t, "the name", name)
		b.silent(t, "the source, printed", fmt.Sprintf("%v %+v %s", source, source, source))
	}
	b.silent(t, "the backend, printed", fmt.Sprintf("%v %+v %s", backend, backend, backend))
}

func cancelledBefore(t *testing.T, b *bench) {
	b.put(t, "default", []byte("{}"))
	backend := b.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, err := range everything(ctx, backend, "default") {
		if b.asks(what) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
