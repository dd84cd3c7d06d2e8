//go:build !unix

package pull

import "os/exec"

// alone gives what ends a command.
func alone(cmd *exec.Cmd) (end func() error) {
	return func() error { return cmd.Process.Kill() }
}
