//go:build unix

package program

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate puts the program into a process group of its own: a Ctrl-C at the
// terminal is ours to handle, and a kill reaches its providers too.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt asks the program to end. Its providers don't listen to it.
func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// passOn gives the program an interrupt that we got: it is in a group of its own.
func passOn(p *os.Process) { _ = p.Signal(os.Interrupt) } // it may have ended by now
