package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// shared is the emulator that the tests fork from; started by the first.
var shared struct {
	once     sync.Once
	emulator *Emulator
	err      error
}

func TestMain(m *testing.M) {
	if kind := os.Getenv("LAB_TEST_VICTIM"); kind != "" {
		beVictim(kind)
	}
	os.Exit(run(m))
}

// tempDir is for what several tests share.
var tempDir string

// run runs the tests and ends what they share. No goroutine may be left.
func run(m *testing.M) (code int) {
	var err error
	if tempDir, err = os.MkdirTemp("", "lab-test-"); err == nil {
		code = m.Run()
		err = os.RemoveAll(tempDir)
	}
	if shared.emulator != nil {
		err = errors.Join(err, shared.emulator.Close())
	}
	leak := goleak.Find() // which tries for a second
	for range 60 {
		if leak == nil {
			break
		}
		leak = goleak.Find() // on a busy machine they take their time to end
	}
	if err = errors.Join(err, leak); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// root starts the shared emulator. Tests change forks of it, never itself.
func root(t *testing.T) *Emulator {
	t.Helper()
	tools := Need(t)
	shared.once.Do(func() { shared.emulator, shared.err = Start(context.Background(), tools) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.emulator
}

// fork forks an emulator for the length of a test.
func fork(t *testing.T, of *Emulator) *Emulator {
	t.Helper()
	e, err := of.Fork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// proxy puts a proxy in front of an emulator for the length of a test.
func proxy(t *testing.T, e *Emulator) *Proxy {
	t.Helper()
	p, err := NewProxy(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// call runs a call that must succeed.
func call(t *testing.T, e *Emulator, c Call) map[string]any {
	t.Helper()
	result, err := e.Call(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// eventually waits until a condition is true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(2 * time.Minute)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
