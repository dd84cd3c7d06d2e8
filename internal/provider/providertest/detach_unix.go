//go:build unix

package providertest

import (
	"os/exec"
	"syscall"
)

func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// running reports whether a process is there and has not ended.
func running(pid int) bool { return syscall.Kill(pid, 0) == nil && !zombie(pid) }

func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }
