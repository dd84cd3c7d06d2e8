package provider

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

// tail keeps the last words of a process: the last lines that it wrote to its
// standard error, or, of a crashed Go program, the lines that say why, without
// the stack. Lines of a log, which with TF_LOG quotes requests with everything in
// them, are not kept, and a line that is too long is left out whole: a part of a
// secret can't be recognised as one.
type tail struct {
	mu       sync.Mutex
	line     []byte // the line being written
	tooLong  bool   // it is longer than lineLength, and what is in line is not all
	lines    []string
	panicked bool // lines are the reason of a crash
	told     bool // and what follows is only the stack
}

const (
	lineLength = 4096 // bytes
	tailLines  = 6
)

// Write never fails. It may be called by several writers.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := b
	for {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		t.tooLong = t.tooLong || len(t.line)+len(line) > lineLength
		t.line = append(t.line, line[:min(len(line), lineLength-len(t.line))]...)
		if !ended {
			return len(b), nil
		}
		t.end()
		rest = after
	}
}

// end takes in the line that was written.
func (t *tail) end() {
	line := string(bytes.TrimSpace(bytes.ToValidUTF8(t.line, nil)))
	cut := t.tooLong
	t.line, t.tooLong = t.line[:0], false
	if line == "" || line[0] == '{' || strings.Contains(line, "[DEBUG]") || strings.Contains(line, "[TRACE]") {
		return
	}
	if cut {
		line = fmt.Sprintf("(a line of more than %d bytes)", lineLength)
	}
	if t.panicked && strings.HasPrefix(line, "goroutine ") {
		t.told = true
	}
	if t.told {
		return
	}
	if !t.panicked && (strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:")) {
		t.panicked, t.lines = true, nil
	}
	t.lines = append(t.lines, line)
	switch {
	case len(t.lines) <= tailLines:
	case t.panicked: // what follows is the rest of the stack
		t.lines = t.lines[:tailLines]
	default:
		t.lines = t.lines[1:]
	}
}

// String gives the lines as one.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.line) > 0 {
		t.end()
	}
	return strings.Join(t.lines, " | ")
}
