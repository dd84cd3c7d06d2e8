package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// command is a program to measure.
type command struct {
	path string
	args []string
	env  []string
}

// sample is one measured run.
type sample struct {
	wall, cpu time.Duration // cpu: of the process and all it waited for, its providers among them
	peak      int64         // bytes resident at the worst moment, all processes together
	own       int64         // bytes resident at the worst moment, the process itself
}

// measure runs a command and samples the memory of it and its descendants.
// It fails if the command does: a measurement of something that went wrong is
// none. Exit code 2 of a plan or check is not a failure of this kind, but there
// is nothing to find here, so it is one all the same.
func (c command) measure(ctx context.Context, dir string, env []string) (sample, error) {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir, cmd.Env = dir, slices.Concat(env, c.env)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	done := make(chan sample)
	stop := make(chan struct{})
	go func() { done <- watch(cmd.Process.Pid, stop) }()
	err := cmd.Wait()
	wall := time.Since(start)
	close(stop)
	s := <-done
	if err != nil {
		return sample{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(c.path), strings.Join(c.args, " "), err, out.Bytes())
	}
	s.wall, s.cpu = wall, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	return s, nil
}

// watch samples memory until it is stopped.
func watch(pid int, stop <-chan struct{}) sample {
	var s sample
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		var total int64
		for _, p := range family(pid) {
			total += status(p, "VmRSS:")
		}
		s.peak = max(s.peak, total)
		s.own = max(s.own, status(pid, "VmHWM:"))
		select {
		case <-stop:
			return s
		case <-ticker.C:
		}
	}
}

// family is a process and all its descendants.
func family(pid int) []int {
	all := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		src, _ := os.ReadFile(task)
		for field := range strings.FieldsSeq(string(src)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// status reads a line of /proc/PID/status, in bytes; 0 when the process is gone.
func status(pid int, name string) int64 {
	src, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(src)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// median takes the median of each measure by itself.
func median(samples []sample) sample {
	pick := func(get func(sample) int64) int64 {
		values := make([]int64, len(samples))
		for i, s := range samples {
			values[i] = get(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return sample{
		wall: time.Duration(pick(func(s sample) int64 { return int64(s.wall) })),
		cpu:  time.Duration(pick(func(s sample) int64 { return int64(s.cpu) })),
		peak: pick(func(s sample) int64 { return s.peak }),
		own:  pick(func(s sample) int64 { return s.own }),
	}
}
