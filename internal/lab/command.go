package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// stopPatience is how long a program may take to end after an interrupt, before
// its process group is killed.
const stopPatience = 15 * time.Second

// program is a command that is run to its end, in a process group of its own:
// Terraform leads one with its providers in it.
type program struct {
	name     string
	args     []string
	dir      string
	env      []string
	patience time.Duration
}

// run returns the program's standard output; the error holds the end of what it
// printed. When ctx ends, the group is interrupted, then killed. When this
// process ends, however that happens, the group is killed.
func (p program) run(ctx context.Context) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, p.name, p.args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.env, &stdout, &stderr
	cmd.WaitDelay = p.patience
	cmd.Cancel = func() error { return interruptGroup(cmd.Process.Pid) }
	ownGroup(cmd)
	err := runGuarded(cmd)
	if err == nil {
		return stdout.Bytes(), nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	return stdout.Bytes(), fmt.Errorf("%s %s: %w%s%s", filepath.Base(p.name), strings.Join(p.args, " "), err,
		tailOf(stdout.Bytes()), tailOf(stderr.Bytes()))
}

// runGuarded runs the command and leaves nothing of its group behind when it
// fails. Providers don't end by themselves when their Terraform is killed.
func runGuarded(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	release, err := guardGroup(cmd.Process.Pid)
	if err != nil {
		killGroup(cmd.Process.Pid)
		return errors.Join(fmt.Errorf("guard: %w", err), cmd.Wait())
	}
	defer release()
	if err := cmd.Wait(); err != nil {
		killGroup(cmd.Process.Pid)
		return err
	}
	return nil
}

// guardScript waits for a line, and kills the process group $1 if none comes.
// dash does not take the -- that others need nowhere.
const guardScript = `read line || kill -KILL "-$1"`

// guardGroup starts a shell that kills the group when this process has died:
// then the pipe to the shell ends, which nothing else needs to notice. release
// ends the shell.
func guardGroup(leader int) (release func(), err error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "holdfast-lab-guard", fmt.Sprint(leader))
	ownGroup(cmd)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_, _ = pipe.Write([]byte("done\n"))
		_ = cmd.Wait()
	}, nil
}
