//go:build unix

package lab

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the command the leader of a process group, so that a Ctrl-C in
// the terminal does not reach it, and it can be ended with all it started.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// interruptGroup asks a group to end, as Ctrl-C does.
func interruptGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGINT) }

// killGroup ends what is left of a group. Nothing left is fine.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }
