package provider

import (
	"os"
	"os/exec"
)

func isolate(*exec.Cmd) {}

func awaitEnd(int) bool { return false }

func killGroup(p *os.Process) { _ = p.Kill() }

const killedState = "exit status 1"
