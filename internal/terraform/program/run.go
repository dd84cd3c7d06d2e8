// Package program runs Terraform or OpenTofu, whatever the command. That is why
// only two packages may import it: terraform, which has commands that read and no
// others, and resolve.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// defaultGrace is enough for Terraform to end its providers.
const defaultGrace = 15 * time.Second

// Command is a run of the program, built and not started.
type Command struct {
	Binary string   // the program's path
	Args   []string // the first is the command's name
	Dir    string   // where the program works
	Env    []string // all of its environment; see Environment
	// Redact takes secrets out of what the program says of an error; nil leaves
	// it as it is.
	Redact func(string) string
	// Grace is how long Run lets the program end after an interrupt before its
	// process group is killed; 0 means 15 seconds.
	Grace time.Duration
}

// Error says that a command failed, and what it said of it.
type Error struct {
	Command string // such as "terraform plan"
	Said    string // the end of its standard error, secrets taken out
	Err     error  // how it ended
}

func (e *Error) Error() string {
	if e.Said == "" {
		return fmt.Sprintf("%s failed: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("%s failed: %s", e.Command, e.Said)
}

func (e *Error) Unwrap() error { return e.Err }

// Run runs a command to its end and gives its standard output. When ctx is over
// the program is interrupted, then killed, with all that it started.
func (c Command) Run(ctx context.Context) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	child := c.child(ctx, &stdout, &stderr)
	child.WaitDelay = c.Grace
	if c.Grace == 0 {
		child.WaitDelay = defaultGrace
	}
	child.Cancel = func() error { return interrupt(child.Process) }
	if err := child.Start(); err != nil {
		return nil, &Error{Command: c.name(), Err: err}
	}
	err := child.Wait()
	if err == nil {
		return stdout.Bytes(), nil
	}
	// Providers don't end by themselves when their Terraform is killed.
	killGroup(child.Process)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &Error{Command: c.name(), Err: fmt.Errorf("it took too long and was ended: %w", ctx.Err())}
	case ctx.Err() != nil:
		return nil, &Error{Command: c.name(), Err: ctx.Err()}
	}
	return nil, &Error{Command: c.name(), Said: c.said(stderr.String()), Err: err}
}

// RunOut runs a command that must come to its own end, because it changes
// something: it is never killed, and ends by itself even if this process dies.
// Every interrupt is passed on to it, as a terminal would: Terraform finishes what
// it is doing after the first and gives up after the second. The channel is never
// closed; nil is for none. What it prints goes
// to files in a folder of the caller's: with nobody left to read a pipe, the
// program would die of writing to it.
func (c Command) RunOut(interrupts <-chan os.Signal, dir string) error {
	out, err := os.OpenFile(filepath.Join(dir, "stdout"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return &Error{Command: c.name(), Err: err}
	}
	defer out.Close()
	errs, err := os.OpenFile(filepath.Join(dir, "stderr"), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return &Error{Command: c.name(), Err: err}
	}
	defer errs.Close()
	child := c.child(context.Background(), out, errs)
	if err := child.Start(); err != nil {
		return &Error{Command: c.name(), Err: err}
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for {
		select {
		case <-interrupts:
			passOn(child.Process)
		case err := <-ended:
			if err == nil {
				return nil
			}
			said, _ := os.ReadFile(errs.Name())
			return &Error{Command: c.name(), Said: c.said(string(said)), Err: err}
		}
	}
}

func (c Command) name() string {
	return strings.TrimSuffix(filepath.Base(c.Binary), ".exe") + " " + c.Args[0]
}

func (c Command) child(ctx context.Context, stdout, stderr io.Writer) *exec.Cmd {
	child := exec.CommandContext(ctx, c.Binary, c.Args...)
	child.Dir, child.Env, child.Stdout, child.Stderr = c.Dir, c.Env, stdout, stderr
	isolate(child)
	return child
}

// mostSaid bounds what is told of an error, in bytes.
const mostSaid = 1500

// said makes one line of what the program wrote to its standard error: frames
// and the lines' breaks taken out, from the first error on. Secrets are taken
// out before the text is cut, or half of one could stay.
func (c Command) said(stderr string) string {
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

func (c Command) redact(text string) string {
	if c.Redact == nil {
		return text
	}
	return c.Redact(text)
}
