package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// job is a command with where it runs.
type job struct {
	command
	dir string
	// says is what the output must hold: a run that did less than it was asked
	// to is no measurement.
	says string
}

// group is what a group of jobs took together.
type group struct {
	sample
	providers time.Duration // CPU of all that the jobs started, as far as it was seen
}

// measureGroup runs jobs, at most atATime side by side, and measures them
// together: wall from the first start to the last end, CPU and memory of all.
func measureGroup(ctx context.Context, jobs []job, atATime int, env []string) (group, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watcher{running: map[int]bool{}, seen: map[int]time.Duration{}}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); w.watch(stop) }()
	slots := make(chan struct{}, atATime)
	start := time.Now()
	var wg sync.WaitGroup
	for _, j := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := w.run(ctx, j, env); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	wall := time.Since(start)
	close(stop)
	<-done
	if err := context.Cause(ctx); err != nil {
		return group{}, err
	}
	g := w.group
	g.wall = wall
	for _, cpu := range w.seen {
		g.providers += cpu
	}
	return g, nil
}

// watcher looks at running jobs from outside.
type watcher struct {
	mu      sync.Mutex
	running map[int]bool
	seen    map[int]time.Duration // CPU of descendants, by process
	group   group
}

func (w *watcher) run(ctx context.Context, j job, env []string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, j.path, j.args...)
	cmd.Dir, cmd.Env = j.dir, append(append([]string{}, env...), j.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		return err
	}
	w.mu.Lock()
	w.running[cmd.Process.Pid] = true
	w.mu.Unlock()
	err := cmd.Wait()
	w.mu.Lock()
	delete(w.running, cmd.Process.Pid)
	w.group.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	w.mu.Unlock()
	if err == nil && !strings.Contains(out.String(), j.says) {
		err = fmt.Errorf("its output does not say %q", j.says)
	}
	if err != nil {
		return fmt.Errorf("%s in %s: %w\n%.4000s", j.path, j.dir, err, out.Bytes())
	}
	return nil
}

// watch samples until it is stopped.
func (w *watcher) watch(stop <-chan struct{}) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		w.look()
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
	}
}

func (w *watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var total int64
	for pid := range w.running {
		w.group.own = max(w.group.own, status(pid, "VmHWM:"))
		for _, p := range family(pid) {
			total += status(p, "VmRSS:")
			if p != pid {
				w.seen[p] = max(w.seen[p], cpuOf(p))
			}
		}
	}
	w.group.peak = max(w.group.peak, total)
}

// clockTick is the unit of the times in /proc: USER_HZ, which is 100 on every
// Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuOf is the CPU time of a process so far; 0 when it is gone.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func cpuOf(pid int) time.Duration {
	src, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(src), ") ") // the name before may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick
}
