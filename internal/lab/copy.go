package lab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// copyTree copies a folder: file modes kept, symbolic links copied as links
// (made absolute where they point out of the folder), other kinds left out.
// What skip says yes to (a path relative to src) is left out. The target must
// not exist, or be empty.
func copyTree(src, dst string, skip func(rel string, entry fs.DirEntry) bool) error {
	if entries, err := os.ReadDir(dst); err == nil && len(entries) > 0 {
		return fmt.Errorf("copy %s: %s is not empty", src, dst)
	}
	err := filepath.WalkDir(src, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		if rel != "." && skip(rel, entry) {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		return copyEntry(src, path, filepath.Join(dst, rel), entry)
	})
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", src, dst, err)
	}
	return nil
}

func copyEntry(root, path, target string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		// Writable, or a read-only source could not be filled.
		return os.MkdirAll(target, info.Mode().Perm()|0o700)
	case fs.ModeSymlink:
		return copyLink(root, path, target)
	case 0:
		return copyFile(path, target, info.Mode().Perm())
	default:
		return nil
	}
}

func copyLink(root, path, target string) error {
	to, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(to) {
		full := filepath.Join(filepath.Dir(path), to)
		rel, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		if rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			if to, err = filepath.Abs(full); err != nil {
				return err
			}
		}
	}
	return os.Symlink(to, target)
}

func copyFile(path, target string, mode fs.FileMode) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close()) // the umask may have taken something off
}

// notSource leaves out what Terraform and Holdfast write beside a source.
func notSource(_ string, entry fs.DirEntry) bool {
	name := entry.Name()
	switch {
	case entry.IsDir():
		return name == ".terraform" || name == ".holdfast" || name == ".git" || name == "terraform.tfstate.d"
	default:
		return strings.HasSuffix(name, ".tfstate") || strings.Contains(name, ".tfstate.") ||
			strings.HasSuffix(name, ".tfplan") || name == "crash.log"
	}
}

// notLock leaves out only what belongs to a command under way.
func notLock(_ string, entry fs.DirEntry) bool {
	return strings.HasSuffix(entry.Name(), ".tfstate.lock.info")
}
