package program

import (
	"os"
	"os/exec"
)

func isolate(*exec.Cmd) {}

// interrupt ends the program: there is no other way to ask it from outside.
func interrupt(p *os.Process) error { return p.Kill() }

func killGroup(p *os.Process) { _ = p.Kill() }

// passOn does nothing: a Ctrl-C of the console reaches the program by itself.
func passOn(*os.Process) {}
