package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a file aside and renames it, so that nobody reads half.
func WriteFile(path string, content []byte) error { return writeFileMode(path, content, 0o644) }

func writeFileMode(path string, content []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// ReplaceFile writes a file that is merged with what was in it: through symbolic
// links, with the mode that it has, and only if nobody has written to it since.
func ReplaceFile(path string, was, content []byte) error {
	mode := fs.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		mode = info.Mode().Perm()
	}
	now, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(now, was) {
		return fmt.Errorf("%s was changed by somebody else meanwhile; nothing was written, run it again", path)
	}
	return writeFileMode(path, content, mode)
}
