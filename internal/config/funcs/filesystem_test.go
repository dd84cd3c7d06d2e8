package funcs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func callOf(t *testing.T, opts Options, name string, args ...string) (cty.Value, error) {
	t.Helper()
	vals := make([]cty.Value, len(args))
	for i, a := range args {
		vals[i] = cty.StringVal(a)
	}
	return All(opts)[name].Call(vals)
}

// TestSizeLimit: too large is our limit, not Terraform's, so that try doesn't
// take its fallback; a hash may be of a larger file.
func TestSizeLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, size := range map[string]int{"fits": 10, "large": 11, "huge": 161} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("x", size)), 0o600))
	}
	opts := Options{WorkDir: dir, MaxFileSize: 10}
	for _, c := range []struct {
		function, file string
		tooLarge       bool
	}{
		{"file", "fits", false},
		{"file", "large", true},
		{"filebase64", "large", true},
		{"templatefile", "large", true},
		{"filesha256", "large", false},
		{"filesha256", "huge", true},
		{"fileexists", "huge", false},
	} {
		args := []cty.Value{cty.StringVal(c.file)}
		if c.function == "templatefile" {
			args = append(args, cty.EmptyObjectVal)
		}
		_, err := All(opts)[c.function].Call(args)
		if errors.Is(err, ErrLimit) != c.tooLarge || (err != nil) != c.tooLarge {
			t.Errorf("%s(%q): %v", c.function, c.file, err)
		}
		if c.tooLarge && !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s(%q): %v does not name the file", c.function, c.file, err)
		}
	}
	if _, err := callOf(t, opts, "base64gunzip", "H4sIAAAAAAAA/0rKTMpMIQEDAAAA//8DAA=="); err == nil {
		t.Error("damaged gzip data is taken")
	}
	bomb, err := callOf(t, Options{}, "base64gzip", strings.Repeat("x", 11))
	must(t, err)
	if _, err := callOf(t, opts, "base64gunzip", bomb.AsString()); !errors.Is(err, ErrLimit) {
		t.Errorf("base64gunzip of 11 bytes: %v", err)
	}
}

// TestNothingIsReadFrom what could block or has effects; links don't hide it.
func TestNothingIsReadFrom(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	must(t, os.Symlink("pipe", filepath.Join(s.root, "link-to-pipe")))
	must(t, os.Symlink("/dev/zero", filepath.Join(s.root, "link-to-device")))
	for _, path := range []string{"pipe", "link-to-pipe", "link-to-device", "/dev/zero", "/dev/tty", "sub", "/"} {
		for _, name := range []string{"file", "filebase64", "filemd5", "filesha1", "filesha256", "filesha512", "filebase64sha256", "filebase64sha512", "fileexists"} {
			if v, err := callOf(t, Options{WorkDir: s.root}, name, path); err == nil {
				t.Errorf("%s(%q) gives %#v", name, path, v)
			} else if errors.Is(err, ErrLimit) {
				t.Errorf("%s(%q): %v", name, path, err)
			}
		}
	}
}

// TestWorkDir: what a relative path means depends on Options, not on this
// process or on when it asks.
func TestWorkDir(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	physical, err := filepath.EvalSymlinks(s.root)
	must(t, err)
	here, err := os.Getwd()
	must(t, err)
	for _, c := range []struct {
		opts            Options
		name, arg, want string
	}{
		{Options{WorkDir: s.root}, "file", "sub/inner.txt", "inner"},
		{Options{WorkDir: s.root}, "file", "../outside.txt", "outside the root module\n"},
		{Options{WorkDir: s.root}, "abspath", ".", physical},
		{Options{WorkDir: filepath.Join(s.root, "sub")}, "file", "inner.txt", "inner"},
		{Options{}, "abspath", "x", filepath.Join(here, "x")},
		{Options{WorkDir: "testdata"}, "abspath", "x", filepath.Join(here, "testdata", "x")},
		{Options{WorkDir: "/does/not/exist"}, "abspath", "../x", "/does/not/x"},
		{Options{HomeDir: s.home}, "file", "~/home.txt", "at home\n"},
		{Options{HomeDir: "/home/someone"}, "pathexpand", "~/x", "/home/someone/x"},
	} {
		v, err := callOf(t, c.opts, c.name, c.arg)
		if err != nil || v.AsString() != c.want {
			t.Errorf("%+v %s(%q): %#v, %v", c.opts, c.name, c.arg, v, err)
		}
	}
}

func TestHomeOfNobody(t *testing.T) {
	t.Parallel()
	d := disk{workDir: "/", maxSize: 1}
	if _, err := d.expandHome("~/x"); err == nil {
		t.Error("there is a home")
	}
	if got, err := d.expandHome("x~"); err != nil || got != "x~" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestFilesetEnds in spite of a loop of links.
func TestFilesetEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "a"), 0o700))
	for _, name := range []string{"up", "again"} {
		must(t, os.Symlink("..", filepath.Join(dir, "a", name)))
	}
	d := newDisk(Options{WorkDir: dir})
	d.maxFolders = 500
	_, err := guard(d.functions()["fileset"]).Call([]cty.Value{cty.StringVal("."), cty.StringVal("**")})
	if !errors.Is(err, ErrLimit) {
		t.Errorf("a loop of links is searched to its end: %v", err)
	}
}

// TestFilesetInOddFolder: characters of the work folder's own name are no
// wildcards.
func TestFilesetInOddFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a*[b]{c,d}?")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "x.txt"), nil, 0o600))
	v, err := callOf(t, Options{WorkDir: dir}, "fileset", ".", "*.txt")
	must(t, err)
	if v.LengthInt() != 1 {
		t.Errorf("%#v", v)
	}
}

// TestConcurrentCalls is for the race detector.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, name := range []string{"file", "templatefile", "fileset", "upper", "core::templatefile"} {
				args := []cty.Value{cty.StringVal("outer.tmpl"), cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("x")})}
				var f function.Function = s.ctx.Functions[name]
				if _, err := f.Call(args[:len(f.Params())]); err != nil && name != "fileset" {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	wg.Wait()
}
