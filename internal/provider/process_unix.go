//go:build unix && !linux

package provider

import (
	"os"
	"os/exec"
	"syscall"
)

func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// awaitEnd is for systems that can wait for a child without taking its id away.
func awaitEnd(int) bool { return false }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

const killedState = "signal: killed"
