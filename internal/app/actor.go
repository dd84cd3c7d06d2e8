package app

import (
	"context"
	"os/exec"
	"os/user"
	"strings"
)

// Actor is who runs the program, for the history: git's user.email, else the name
// that the operating system has.
func Actor(ctx context.Context) string {
	if out, err := exec.CommandContext(ctx, "git", "config", "user.email").Output(); err == nil {
		if email := strings.TrimSpace(string(out)); email != "" {
			return email
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
