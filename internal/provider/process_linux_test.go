package provider

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/provider/providertest"
)

const envParent = "HOLDFAST_TEST_PARENT"

// init turns the test binary into a program that starts a provider and waits to
// be killed: see TestParentKilled.
func init() {
	binary := os.Getenv(envParent)
	if binary == "" || os.Getenv(handshake.MagicCookieKey) != "" {
		return
	}
	c, err := Start(context.Background(), Launch{Name: "it", Binary: binary, Env: os.Environ()})
	if err == nil {
		err = c.announce(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started")
	select {}
}

// TestParentKilled expects no provider to outlive a SIGKILL of our process, and
// no folder of its socket.
func TestParentKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Five)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp("", "k") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(r.world.Env(), envParent+"="+r.pkg.Binary, "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 7)
	if _, err := out.Read(line); err != nil || string(line) != "started" {
		t.Fatalf("%q, %v", line, err)
	}
	if len(r.world.Running()) != 1 {
		t.Fatalf("these run: %v", r.world.Running())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	r.world.AwaitGone(t, soon)
	if entries, _ := os.ReadDir(tmp); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestThreadEnds starts a provider from a goroutine that takes its thread with
// it when it ends. The kernel would end the provider with the thread.
func TestThreadEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	type result struct {
		c      *Client
		err    error
		thread int
	}
	results := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked
		c, err := Start(t.Context(), r.launch())
		results <- result{c, err, syscall.Gettid()}
	}()
	got := <-results
	if got.err != nil {
		t.Fatal(got.err)
	}
	t.Cleanup(got.c.Close)
	task := "/proc/self/task/" + strconv.Itoa(got.thread)
	if !providertest.Await(soon, func() bool { _, err := os.Stat(task); return err != nil }) {
		t.Skip("the thread was kept, as that of the main function is")
	}
	if err := got.c.announce(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestGroup expects a provider in a process group of its own, so that a Ctrl-C
// at the terminal does not reach it.
func TestGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	c := r.start()
	src, err := os.ReadFile("/proc/" + strconv.Itoa(c.PID()) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(src), ") ")
	if group := strings.Fields(rest)[2]; group != strconv.Itoa(c.PID()) {
		t.Errorf("process %d is in the group %s", c.PID(), group)
	}
}
