//go:build !unix

package lab

import (
	"errors"
	"os"
	"os/exec"
)

// The lab needs os.fork, so it does not run on this system; what follows lets
// programs that import it compile.

func ownGroup(*exec.Cmd) {}

func interruptGroup(int) error { return errors.ErrUnsupported }

func killGroup(leader int) {
	if process, err := os.FindProcess(leader); err == nil {
		_ = process.Kill()
	}
}
