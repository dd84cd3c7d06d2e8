package terraform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// defaultGrace is enough for Terraform to end its providers.
const defaultGrace = 15 * time.Second

// command is a run of the program, built and not started.
type command struct {
	args []string
	dir  string
	env  []string
}

// CommandError says that a command failed, and what it said of it.
type CommandError struct {
	Command string // such as "terraform plan"
	Said    string // the end of its standard error, secrets taken out
	Err     error  // how it ended
}

func (e *CommandError) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("%s failed: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s failed: %s", e.Command, e.Said)
}

func (e *CommandError) Unwrap() error { return e.Err }

// run runs a command to its end and gives its standard output. When ctx is over
// the program is interrupted, then killed, with all that it started.
func (c CLI) run(ctx context.Context, cmd command) ([]byte, error) {
	name := strings.TrimSuffix(filepath.Base(c.Binary), ".exe") + " " + cmd.args[0]
	var stdout, stderr bytes.Buffer
	child := exec.CommandContext(ctx, c.Binary, cmd.args...)
	child.Dir, child.Env, child.Stdout, child.Stderr = cmd.dir, cmd.env, &stdout, &stderr
	child.WaitDelay = c.Grace
	if c.Grace == 0 {
		child.WaitDelay = defaultGrace
	}
	child.Cancel = func() error { return interrupt(child.Process) }
	isolate(child)
	if err := child.Start(); err != nil {
		return nil, &CommandError{Command: name, Err: err}
	}
	err := child.Wait()
	if err == nil {
		return stdout.Bytes(), nil
	}
	// Providers don't end by themselves when their Terraform is killed.
	killGroup(child.Process)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &CommandError{Command: name, Err: fmt.Errorf("it took too long and was ended: %w", ctx.Err())}
	case ctx.Err() != nil:
		return nil, &CommandError{Command: name, Err: ctx.Err()}
	}
	return nil, &CommandError{Command: name, Said: c.said(stderr.String()), Err: err}
}

// mostSaid bounds what is told of an error, in bytes.
const mostSaid = 1500

// said makes one line of what the program wrote to its standard error: frames
// and the lines' breaks taken out, from the first error on. Secrets are taken
// out before the text is cut, or half of one could stay.
func (c CLI) said(stderr string) string {
	text := strings.Map(func(r rune) rune {
		if strings.ContainsRune("╷│╵├─", r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(stderr, ""))
	if i := strings.Index(text, "Error:"); i >= 0 {
		text = text[i:]
	}
	// A secret may have line breaks in it, or have been broken.
	text = c.redact(strings.Join(strings.Fields(c.redact(text)), " "))
	if len(text) > mostSaid {
		text = strings.ToValidUTF8(text[:mostSaid], "") + " ..."
	}
	return text
}

func (c CLI) redact(text string) string {
	if c.Redact == nil {
		return text
	}
	return c.Redact(text)
}
