//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/provider/providertest"
)

// oddLimit is how long a check of a small repository may take, on a machine
// that is busy with other tests. It is there to tell a hang.
const oddLimit = 5 * time.Minute

// oddRig is what the odd repositories share: the program, a provider, and a
// cache that knows it already.
type oddRig struct {
	dir, program string
	pkg          providertest.Package
}

func newOddRig(t *testing.T) *oddRig {
	t.Helper()
	dir, err := os.MkdirTemp("", "hfodd") //nolint:usetesting // in t.TempDir nobody else can look, and a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 0 {
			t.Errorf("left in the folder for temporary files: %v", left)
		}
		_ = os.RemoveAll(dir)
	})
	must(t, os.Chmod(dir, 0o755))
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	r := &oddRig{dir: dir, program: filepath.Join(dir, "bin", "holdfast")}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.mkdir(t, "bin")
	r.mkdir(t, "home")
	if err := os.Link(self, r.program); err != nil {
		src, readErr := os.ReadFile(self) // on another file system
		if err := errors.Join(readErr, os.WriteFile(r.program, src, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	r.pkg = providertest.Install(t, filepath.Join(dir, "mirror"), providertest.Five, "1.0.0")
	write(t, filepath.Join(dir, "cli.tfrc"), fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", filepath.Join(dir, "mirror")))
	return r
}

func (r *oddRig) mkdir(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// repository is a folder with two healthy stacks, and something odd between them.
type repository struct {
	*oddRig
	world *providertest.World
	base  string // the folder of all that is the case's own
	dir   string
	args  []string // of the check, beside the folder
	extra []string // of the environment
	tmp   string   // for temporary files
}

// The healthy stacks: one is looked at before the odd one, one after it.
const (
	before = "a-fine"
	after  = "z-fine"
)

func (r *oddRig) repository(t *testing.T) *repository {
	t.Helper()
	name := strings.Map(func(c rune) rune {
		if c == ' ' || c == '/' {
			return '-'
		}
		return c
	}, t.Name())
	base := r.mkdir(t, filepath.Join("cases", name))
	repo := &repository{
		oddRig: r, base: base, dir: r.mkdir(t, filepath.Join("cases", name, "repo")), tmp: r.mkdir(t, "tmp"),
	}
	repo.world = &providertest.World{Dir: r.mkdir(t, filepath.Join("cases", name, "world")), Record: filepath.Join(base, "record")}
	t.Cleanup(func() { repo.world.AwaitGone(t, time.Minute) })
	repo.healthy(t, before)
	repo.healthy(t, after)
	return repo
}

// simple is the source of a resource with a note.
const simple = "resource \"test_simple\" \"this\" {\n  name = \"n\"\n  note = \"code\"\n}\n"

func object(id string) providertest.Resource {
	return providertest.Resource{Type: "test_simple", Name: "this", ID: id, Attributes: map[string]any{"name": "n", "note": "code"}}
}

// healthy makes a root module that is applied and clean, with an object that has
// its name.
func (r *repository) healthy(t *testing.T, name string) { r.stack(t, name, simple, object(name)) }

// stack makes a root module that is applied.
func (r *repository) stack(t *testing.T, name, code string, resources ...providertest.Resource) {
	t.Helper()
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "main.tf"), fmt.Sprintf("terraform {\n  required_providers {\n    test = {\n      source = %q\n    }\n  }\n}\n%s", r.pkg.Source, code))
	providertest.WriteLock(t, dir, r.pkg)
	r.world.Provision(t, dir, r.pkg, resources...)
}

// file writes a file of the repository.
func (r *repository) file(t *testing.T, name, content string) {
	t.Helper()
	write(t, filepath.Join(r.dir, name), content)
}

// edit changes a file of the repository.
func (r *repository) edit(t *testing.T, name string, change func(string) string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, change(string(src)))
}

// renamed renames a file of the repository.
func renamed(r *repository, from, to string) error {
	return os.Rename(filepath.Join(r.dir, from), filepath.Join(r.dir, to))
}

// must fails the test if a step of making a repository failed.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checked is how one check of a repository ended.
type checked struct {
	code   int
	run    drift.Run
	stderr string
	usage  *syscall.Rusage
}

// env is the whole environment of a check.
func (r *repository) env() []string {
	return slices.Concat(r.world.Env(), []string{
		"HOME=" + filepath.Join(r.oddRig.dir, "home"), "PATH=" + filepath.Join(r.oddRig.dir, "bin"),
		"HOLDFAST_CACHE_DIR=" + filepath.Join(r.oddRig.dir, "cache"), "TF_CLI_CONFIG_FILE=" + filepath.Join(r.oddRig.dir, "cli.tfrc"),
		"TMPDIR=" + r.tmp,
	}, r.extra)
}

// check runs `holdfast check` on the repository, as the user of the test.
func (r *repository) check(t *testing.T) checked {
	t.Helper()
	return r.checkAs(t, nil)
}

func (r *repository) checkAs(t *testing.T, who *syscall.Credential) checked {
	t.Helper()
	return r.begin(t, who).end(t)
}

// underWay is a check that runs.
type underWay struct {
	cmd            *exec.Cmd
	ctx            context.Context //nolint:containedctx // of this one check, which it bounds
	stdout, stderr bytes.Buffer
}

func (r *repository) begin(t *testing.T, who *syscall.Credential) *underWay {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), oddLimit)
	t.Cleanup(cancel)
	u := &underWay{ctx: ctx, cmd: exec.CommandContext(ctx, r.program, append([]string{"check", "--format", "json", "--no-history"}, r.args...)...)}
	u.cmd.Dir, u.cmd.Env, u.cmd.Stdout, u.cmd.Stderr = r.dir, r.env(), &u.stdout, &u.stderr
	if who != nil {
		u.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	}
	must(t, u.cmd.Start())
	return u
}

// end waits for the check and reads its result.
func (u *underWay) end(t *testing.T) checked {
	t.Helper()
	err := u.cmd.Wait()
	if u.ctx.Err() != nil {
		t.Fatalf("it hung: %s", &u.stderr)
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	out := checked{code: u.cmd.ProcessState.ExitCode(), stderr: u.stderr.String()}
	out.usage, _ = u.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if err := json.Unmarshal(u.stdout.Bytes(), &out.run); err != nil {
		t.Fatalf("no result (%v): %s%s", err, &u.stdout, &u.stderr)
	}
	for _, bad := range []string{"goroutine ", "panic:", "mistake of Holdfast"} {
		if strings.Contains(u.stdout.String()+u.stderr.String(), bad) {
			t.Errorf("it says %q: %s%s", bad, &u.stdout, &u.stderr)
		}
	}
	return out
}

// stack is the result of one stack.
func (c checked) stack(t *testing.T, path string) drift.Stack {
	t.Helper()
	var found []drift.Stack
	for _, s := range c.run.Stacks {
		if s.Path == path {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d stacks %q among %q", len(found), path, c.paths())
	}
	return found[0]
}

func (c checked) paths() []string {
	var paths []string
	for _, s := range c.run.Stacks {
		paths = append(paths, s.Path)
	}
	return paths
}

// oddStack is what is to be said of an odd stack.
type oddStack struct {
	path   string
	status drift.Status
	code   string   // of its first error; "" for none
	says   []string // what that error names; ROOT is the repository

	unsound string // the code of what is unsound in its state
}

// expect holds a check against what is wanted of the odd stacks, and of the
// healthy ones beside them.
func (r *repository) expect(t *testing.T, got checked, want []oddStack, healthy drift.Status) {
	t.Helper()
	paths := []string{before, after}
	for _, w := range want {
		paths = append(paths, w.path)
	}
	slices.Sort(paths)
	if !slices.Equal(got.paths(), paths) {
		t.Errorf("stacks %q, want %q", got.paths(), paths)
	}
	for _, name := range []string{before, after} {
		s := got.stack(t, name)
		if s.Status != healthy || s.Resources.Checked != 1 || len(s.Errors) > 0 {
			t.Errorf("the healthy %s: %s, %+v, %+v", name, s.Status, s.Resources, s.Errors)
		}
		if drifted := healthy == drift.StatusDrifted; drifted && (len(s.Findings) != 1 || s.Findings[0].Changes[0].Path != "note") {
			t.Errorf("the healthy %s has the findings %+v", name, s.Findings)
		}
	}
	code := drift.ExitClean
	for _, w := range want {
		r.expectOdd(t, got.stack(t, w.path), w)
		switch {
		case w.status == drift.StatusDrifted:
			code = drift.ExitDrift
		case (w.status != drift.StatusClean || w.unsound != "") && code == drift.ExitClean:
			code = drift.ExitIncomplete
		}
	}
	if healthy == drift.StatusDrifted {
		code = drift.ExitDrift
	}
	if got.code != code {
		t.Errorf("exit code %d, want %d: %s", got.code, code, got.stderr)
	}
}

func (r *repository) expectOdd(t *testing.T, s drift.Stack, want oddStack) {
	t.Helper()
	if s.Status != want.status {
		t.Errorf("%s: status %s, want %s: %+v", want.path, s.Status, want.status, s.Errors)
	}
	if want.unsound != "" && (len(s.Integrity) != 1 || s.Integrity[0].Code != want.unsound || s.Integrity[0].Severity != drift.SeverityError) {
		t.Errorf("%s: its state has the faults %+v", want.path, s.Integrity)
	}
	if want.code == "" {
		if len(s.Errors) > 0 || want.status == drift.StatusClean && s.Resources.Checked == 0 {
			t.Errorf("%s: %+v, %+v", want.path, s.Resources, s.Errors)
		}
		return
	}
	if len(s.Errors) == 0 || s.Errors[0].Code != want.code {
		t.Errorf("%s: errors %+v, want %s", want.path, s.Errors, want.code)
		return
	}
	for _, part := range want.says {
		said := s.Errors[0].Address + ": " + s.Errors[0].Message
		if part = strings.ReplaceAll(part, "ROOT", r.dir); !strings.Contains(said, part) {
			t.Errorf("%s: the message does not say %q: %s", want.path, part, said)
		}
	}
}

// content is every file of the repository and its state of affairs, to tell
// whether a check changed something.
func (r *repository) content(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files[path] = fmt.Sprint(info.Mode(), info.ModTime(), info.Size())
		if entry.IsDir() {
			files[path] = info.Mode().String() + info.ModTime().String()
		}
		return nil
	})
	must(t, err)
	return files
}
