package lab

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// tailSize is how much of a log or of a program's output goes into an error.
const tailSize = 4096

func rootLog(dir string) string { return filepath.Join(dir, "root.log") }

// Unimplemented lists what this emulator was asked and moto can't do, in order
// and without repetition: "SERVICE ACTION", or "SERVICE METHOD PATH" where the
// protocol names no action. What a fork's parent was asked is not in it. Empty
// after Close.
func (e *Emulator) Unimplemented() []string {
	data, err := os.ReadFile(e.started.Log)
	if err != nil {
		return nil
	}
	var actions []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		action, ok := strings.CutPrefix(strings.TrimSpace(line), "UNIMPLEMENTED ")
		if ok && !seen[action] {
			seen[action] = true
			actions = append(actions, action)
		}
	}
	return actions
}

// Log is the end of the emulator's log, at most 4 KiB: the requests answered
// with an error, and moto's own failures with their traces.
func (e *Emulator) Log() string { return strings.TrimSpace(tail(e.started.Log)) }

// tail is the end of a file for an error message, on lines of its own; empty if
// there is nothing.
func tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > tailSize {
		_, _ = file.Seek(-tailSize, io.SeekEnd)
	}
	data, _ := io.ReadAll(file)
	return tailOf(data)
}

func tailOf(data []byte) string {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return ""
	}
	if len(data) > tailSize {
		data = append([]byte("..."), data[len(data)-tailSize:]...)
	}
	return fmt.Sprintf("\n%s", data)
}
