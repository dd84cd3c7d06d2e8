package provider

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate puts the process into a group of its own, so that a Ctrl-C at the
// terminal is ours to handle and a kill reaches its children too, and has the
// kernel end it should we be killed.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitEnd waits for a child to end and leaves it a zombie, whose id, and that
// of its group, is given to nobody else: see waitid(2).
func awaitEnd(pid int) bool {
	const byPID = 1
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid), 0, syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return errno == 0
		}
	}
}

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// killedState is how a process ended that killGroup ended.
const killedState = "signal: killed"
