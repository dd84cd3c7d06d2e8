//go:build unix

package pull

import (
	"os/exec"
	"syscall"
)

// alone puts a command into a process group of its own. end kills all of it.
func alone(cmd *exec.Cmd) (end func() error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
