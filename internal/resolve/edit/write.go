package edit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff is the edit as a unified diff, with a/ and b/ before the names, for git
// apply and patch -p1. Lines around a change that hold a sensitive value are left
// out: see Cut.
func (r Result) Diff() []byte {
	var out bytes.Buffer
	for _, f := range r.Files {
		out.Write(header(f))
		for _, h := range hunks(f.Before, f.After) {
			for _, part := range h.without(r.secrets) {
				part.write(&out)
			}
		}
	}
	return out.Bytes()
}

// Cut reports whether Diff leaves lines out, so that git apply needs
// --unidiff-zero.
func (r Result) Cut() bool {
	for _, f := range r.Files {
		for _, h := range hunks(f.Before, f.After) {
			if parts := h.without(r.secrets); len(parts) != 1 || len(parts[0].lines) != len(h.lines) {
				return true
			}
		}
	}
	return false
}

// header names the file; one without Before is a new one.
func header(f File) []byte {
	if f.Before == nil {
		return fmt.Appendf(nil, "--- /dev/null\n+++ b/%s\n", f.Name)
	}
	return fmt.Appendf(nil, "--- a/%s\n+++ b/%s\n", f.Name, f.Name)
}

// hunk is a part of a diff: where it begins in both files, and its lines with
// their signs.
type hunk struct {
	from, to int // lines before it
	lines    []string
}

// hunks compares two files. A line that says that the file ends without a line
// break is part of the line before it.
func hunks(before, after []byte) []hunk {
	var out []hunk
	for line := range strings.Lines(string(diff.Diff("a", before, "b", after))) {
		var h hunk
		var n, m int
		switch {
		case strings.HasPrefix(line, "@@ "):
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &h.from, &n, &h.to, &m); err == nil {
				if n > 0 {
					h.from--
				}
				if m > 0 {
					h.to--
				}
				out = append(out, h)
			}
		case len(out) == 0: // the header
		case line[0] == '\\':
			last := &out[len(out)-1]
			last.lines[len(last.lines)-1] += line
		default:
			out[len(out)-1].lines = append(out[len(out)-1].lines, line)
		}
	}
	return out
}

// without splits a hunk where a line that stays holds a secret.
func (h hunk) without(secrets []string) []hunk {
	var out []hunk
	part := hunk{from: h.from, to: h.to}
	from, to := h.from, h.to
	flush := func() {
		for _, line := range part.lines {
			if line[0] != ' ' {
				out = append(out, part)
				break
			}
		}
		part = hunk{from: from, to: to}
	}
	for _, line := range h.lines {
		kept := line[0] == ' ' && holdsSecret(line, secrets)
		if line[0] != '+' {
			from++
		}
		if line[0] != '-' {
			to++
		}
		if kept {
			flush()
			continue
		}
		part.lines = append(part.lines, line)
	}
	flush()
	return out
}

func (h hunk) write(out *bytes.Buffer) {
	n, m := 0, 0
	for _, line := range h.lines {
		if line[0] != '+' {
			n++
		}
		if line[0] != '-' {
			m++
		}
	}
	from, to := h.from, h.to
	if n > 0 {
		from++
	}
	if m > 0 {
		to++
	}
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", from, n, to, m)
	for _, line := range h.lines {
		out.WriteString(line)
	}
}

// showsSecret reports whether a changed line holds a secret.
func showsSecret(before, after []byte, secrets []string) bool {
	for _, h := range hunks(before, after) {
		for _, line := range h.lines {
			if line[0] != ' ' && holdsSecret(line, secrets) {
				return true
			}
		}
	}
	return false
}

// Write writes the edited files, each at once and with the mode it had. Nothing
// is written where a file is not as it was when it was read (ErrChanged).
func (r Result) Write() error {
	return r.swap(func(f File) (from, to []byte) { return f.Before, f.After })
}

// Restore takes back what Write wrote. Nothing is written where a file is not as
// Write left it (ErrChanged).
func (r Result) Restore() error {
	return r.swap(func(f File) (from, to []byte) { return f.After, f.Before })
}

func (r Result) swap(contents func(File) (from, to []byte)) error {
	for _, f := range r.Files {
		from, _ := contents(f)
		now, err := os.ReadFile(f.Path)
		if err != nil {
			return fmt.Errorf("reading %s: %w", f.Name, err)
		}
		if !bytes.Equal(now, from) {
			return fmt.Errorf("%s: %w; nothing was written", f.Name, ErrChanged)
		}
	}
	for i, f := range r.Files {
		_, to := contents(f)
		if err := replaceFile(f.Path, to); err != nil {
			err = fmt.Errorf("writing %s: %w", f.Name, err)
			for _, done := range r.Files[:i] {
				from, _ := contents(done)
				err = errors.Join(err, replaceFile(done.Path, from))
			}
			return err
		}
	}
	return nil
}

// replaceFile puts a file in the place of another at once, with its mode.
func replaceFile(path string, content []byte) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
