package funcs

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// disk is the machine's files as a Terraform process sees them that runs in
// workDir.
type disk struct {
	workDir string // absolute, without symbolic links
	homeDir string // empty if there is none
	maxSize int64  // bytes, see Options.MaxFileSize

	maxFolders int // that one fileset may look into
}

// hashFactor is how many times larger than maxSize a file may be if it is only
// hashed: hashing takes time, but no memory.
const hashFactor = 16

func (d disk) functions() map[string]function.Function {
	table := map[string]function.Function{
		"abspath":    define(cty.String, texts("path"), d.absPath),
		"basename":   baseName,
		"dirname":    dirName,
		"file":       define(cty.String, texts("path"), d.file),
		"filebase64": define(cty.String, texts("path"), d.fileBase64),
		"fileexists": define(cty.Bool, texts("path"), d.fileExists),
		"fileset":    define(cty.Set(cty.String), texts("path", "pattern"), d.fileSet),
		"pathexpand": define(cty.String, texts("path"), d.pathExpand),
	}
	for name, how := range digests {
		table["file"+name] = define(cty.String, texts("path"), func(args []cty.Value) (cty.Value, error) {
			return d.fileDigest(args, how)
		})
	}
	return table
}

var baseName = define(cty.String, texts("path"), func(args []cty.Value) (cty.Value, error) {
	return cty.StringVal(filepath.Base(args[0].AsString())), nil
})

var dirName = define(cty.String, texts("path"), func(args []cty.Value) (cty.Value, error) {
	return cty.StringVal(filepath.Dir(args[0].AsString())), nil
})

// absPath doesn't look at the file, and leaves "~" alone.
func (d disk) absPath(args []cty.Value) (cty.Value, error) {
	return cty.StringVal(filepath.ToSlash(d.absolute(args[0].AsString()))), nil
}

func (d disk) pathExpand(args []cty.Value) (cty.Value, error) {
	path, err := d.expandHome(args[0].AsString())
	return cty.StringVal(path), err
}

func (d disk) file(args []cty.Value) (cty.Value, error) {
	content, err := d.read(args[0].AsString())
	if err != nil {
		return cty.NilVal, err
	}
	if !utf8.Valid(content) {
		return cty.NilVal, bad(0, "the file is not UTF-8 text (filebase64 and the file hashes take any)", "%q", args[0].AsString())
	}
	return cty.StringVal(string(content)), nil
}

func (d disk) fileBase64(args []cty.Value) (cty.Value, error) {
	content, err := d.read(args[0].AsString())
	if err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(base64.StdEncoding.EncodeToString(content)), nil
}

func (d disk) fileDigest(args []cty.Value, how digest) (cty.Value, error) {
	h := how.hash()
	if err := d.copyTo(h, args[0].AsString(), hashFactor*d.maxSize); err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(how.show(h.Sum(nil))), nil
}

// fileExists is an error, not false, where something other than a file is.
func (d disk) fileExists(args []cty.Value) (cty.Value, error) {
	path, err := d.locate(args[0].AsString())
	if err != nil {
		return cty.NilVal, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return cty.False, nil
	}
	if err != nil {
		return cty.NilVal, bad(0, "the file can't be looked at", "%q: %s", path, plain(err))
	}
	return cty.True, mustBeRegular(path, info.Mode())
}

// read gives the content of a file of at most maxSize bytes.
func (d disk) read(path string) ([]byte, error) {
	var content bytes.Buffer
	err := d.copyTo(&content, path, d.maxSize)
	return content.Bytes(), err
}

// copyTo opens nothing but regular files: a pipe or a device could hold the
// reader forever. It looks before it opens, for opening a device may already
// have an effect, and again at what it opened, without ever blocking.
func (d disk) copyTo(w io.Writer, name string, limit int64) error {
	path, err := d.locate(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err == nil {
		err = mustBeRegular(path, info.Mode())
	}
	if err != nil {
		return unreadable(path, err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return unreadable(path, err)
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = mustBeRegular(path, info.Mode())
	}
	if err != nil {
		return unreadable(path, err)
	}
	n, err := io.Copy(w, io.LimitReader(f, limit+1))
	if err != nil {
		return unreadable(path, err)
	}
	if n > limit {
		return beyond(0, "the file is over the size limit", "%q has more than %d bytes", path, limit)
	}
	return nil
}

// unreadable says why a file can't be read. Its argument is always the first.
func unreadable(path string, err error) error {
	var already *fault
	switch {
	case errors.As(err, &already):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return bad(0, "no such file (one that a resource writes can only be had from that resource)", "%q", path)
	}
	return bad(0, "the file can't be read", "%q: %s", path, plain(err))
}

// mustBeRegular is nil for a regular file.
func mustBeRegular(path string, mode fs.FileMode) error {
	what := "not a regular file"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder, not a file"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe, not a regular file"
	case mode&fs.ModeSocket != 0:
		what = "a socket, not a regular file"
	case mode&fs.ModeDevice != 0:
		what = "a device, not a regular file"
	}
	return bad(0, "it is "+what, "%q", path)
}

// locate gives the absolute path of a file named in the configuration.
func (d disk) locate(name string) (string, error) {
	path, err := d.expandHome(name)
	if err != nil {
		return "", err
	}
	return d.absolute(path), nil
}

// absolute resolves against workDir, and cleans as text: "link/.." is nothing,
// wherever the link leads.
func (d disk) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	// Terraform cleans the relative path before the system resolves it.
	return filepath.Join(d.workDir, filepath.Clean(path))
}

// expandHome replaces a leading "~". The home of another user (~name) is not
// supported, as in Terraform.
func (d disk) expandHome(path string) (string, error) {
	if !strings.HasPrefix(path, "~") {
		return path, nil
	}
	if len(path) > 1 && path[1] != '/' && path[1] != filepath.Separator {
		return "", bad(0, "the home folder of another user can't be used", "%q", path)
	}
	if d.homeDir == "" {
		return "", bad(0, `"~" means nothing, for there is no home folder`, "%q", path)
	}
	return filepath.Join(d.homeDir, path[1:]), nil
}

// plain takes the path out of an error that the message gives already.
func plain(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
