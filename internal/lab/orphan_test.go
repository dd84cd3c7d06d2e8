//go:build unix

package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// alive says whether a process runs. One that has ended and was not yet
// collected by its parent does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(state, []byte("Z"))
}

// beVictim is the program that the tests kill. It starts what "kind" says,
// prints the process ids and waits for its end.
func beVictim(kind string) {
	if kind == "emulators" {
		runEmulators(context.Background())
	} else {
		runCommand(context.Background(), kind)
	}
	select {}
}

// runCommand runs a program that ignores interrupts and starts another, as
// Terraform starts a provider; both print to a file.
func runCommand(ctx context.Context, file string) {
	_, err := stubborn(file, time.Hour).run(ctx)
	fatal(err)
}

// stubborn is a program that ignores interrupts and has a child that does too.
// It writes both process ids to a file.
func stubborn(file string, patience time.Duration) program {
	const script = `trap "" INT; sleep 1000 & echo $$ $! >"$1.new"; mv "$1.new" "$1"; wait`
	return program{name: "/bin/sh", args: []string{"-c", script, "stubborn", file}, patience: patience}
}

// runEmulators starts an emulator and three forks.
func runEmulators(ctx context.Context) {
	tools, err := FindTools()
	fatal(err)
	e, err := Start(ctx, tools)
	fatal(err)
	one, err := e.Fork(ctx)
	fatal(err)
	two, err := one.Fork(ctx)
	fatal(err)
	three, err := e.Fork(ctx)
	fatal(err)
	fmt.Println(e.PID(), one.PID(), two.PID(), three.PID())
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// victim starts this test program as a victim; kill ends it with SIGKILL.
func victim(t *testing.T, kind string) (stdout *bufio.Reader, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LAB_TEST_VICTIM="+kind, "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // killed, as it should be
	})
	t.Cleanup(kill)
	return bufio.NewReader(pipe), kill
}

// processes reads process ids, all of which must be alive.
func processes(t *testing.T, text string) []int {
	t.Helper()
	var pids []int
	for field := range strings.FieldsSeq(text) {
		pid, err := strconv.Atoi(field)
		if err != nil || !alive(pid) {
			t.Fatalf("%q: no such process (%v)", field, err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func waitForEnd(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d ends", pid), func() bool { return !alive(pid) })
	}
}

func TestNoEmulatorOutlivesAKill(t *testing.T) {
	t.Parallel()
	Need(t)
	stdout, kill := victim(t, "emulators")
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pids := processes(t, line)
	if len(pids) != 4 {
		t.Fatalf("got %q, want 4 processes", line)
	}
	kill()
	waitForEnd(t, pids)
}

func TestNoProgramOutlivesAKill(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	_, kill := victim(t, file)
	pids := processes(t, written(t, file))
	kill()
	waitForEnd(t, pids)
}

func TestNoProgramOutlivesItsContext(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := stubborn(file, 10*time.Millisecond).run(ctx)
		ended <- err
	}()
	pids := processes(t, written(t, file))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	waitForEnd(t, pids)
}

// written waits for a file and reads it.
func written(t *testing.T, file string) string {
	t.Helper()
	var data []byte
	eventually(t, file+" appears", func() (ok bool) {
		var err error
		data, err = os.ReadFile(file)
		return err == nil
	})
	return string(data)
}

// TestNothingOutlivesPython kills the root of the tree instead of the Go side.
func TestNothingOutlivesPython(t *testing.T) {
	t.Parallel()
	e, err := Start(t.Context(), Need(t))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	child := fork(t, e)
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the fork ends", func() bool { return !alive(child.PID()) })
	if _, err := e.Fork(t.Context()); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("fork of a killed emulator: %v", err)
	}
}
