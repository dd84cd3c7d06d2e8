package cli

import (
	"io"
	"time"
)

// MainAt is Main with another clock.
func MainAt(now time.Time, args, env []string, stdout, stderr io.Writer) int {
	return (&program{env: env, stdout: stdout, stderr: stderr, now: func() time.Time { return now }}).main(args)
}
