package checkout

import (
	"os/exec"
	"syscall"
)

// isolate puts git into a process group of its own, and has the end of the context
// end all of that: git has children that fetch. Should we be killed, the kernel
// ends it.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
