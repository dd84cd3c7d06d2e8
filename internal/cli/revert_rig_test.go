//go:build linux

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
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/store"
)

// bench is an applied stack of the test provider, real Terraform, and the program:
// what it takes to see that something is refused, cut off or interrupted.
type bench struct {
	world *providertest.World
	dir   string // the root module's, and the repository's
	env   []string
	wrap  string // the program that is run in place of Terraform
	real  string
	pkg   providertest.Package
}

const benchCode = `resource "test_simple" "a" {
  name   = "a"
  note   = "code"
  secret = "not-a-real-secret"
}

resource "test_simple" "b" {
  name = "b"
  note = "code"
}
`

func newBench(t *testing.T) *bench {
	t.Helper()
	tools := lab.Need(t)
	root, err := os.MkdirTemp("", "hf") //nolint:usetesting // a provider's socket is in it, and its path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	b := &bench{world: providertest.NewWorld(t), dir: filepath.Join(root, "repo"), wrap: filepath.Join(root, "terraform"), real: tools.Terraform}
	mirror, temp := filepath.Join(root, "mirror"), filepath.Join(root, "tmp")
	for _, dir := range []string{b.dir, mirror, temp} {
		must(t, os.Mkdir(dir, 0o755))
	}
	pkg := providertest.Install(t, mirror, providertest.Five, "1.0.0")
	write(t, filepath.Join(root, "rc"), fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror))
	b.env = append(b.world.Env(),
		"HOME="+root, "PATH="+os.Getenv("PATH"), "TMPDIR="+temp, "TF_CLI_CONFIG_FILE="+filepath.Join(root, "rc"), "CHECKPOINT_DISABLE=1",
		"GIT_CONFIG_NOSYSTEM=1", "HOLDFAST_CACHE_DIR="+filepath.Join(root, "cache"), "HOLDFAST_TERRAFORM="+b.wrap, "HOLDFAST_ACTOR=kim")
	b.wrapped(t, "")
	b.pkg = pkg
	b.provision(t, ".", benchCode,
		providertest.Resource{Type: "test_simple", Name: "a", Attributes: map[string]any{"name": "a", "note": "code", "color": "blue", "secret": "not-a-real-secret"}},
		providertest.Resource{Type: "test_simple", Name: "b", Attributes: map[string]any{"name": "b", "note": "code", "color": "blue"}})
	return b
}

// provision makes an applied root module below the repository.
func (b *bench) provision(t *testing.T, name, code string, resources ...providertest.Resource) {
	t.Helper()
	dir := filepath.Join(b.dir, name)
	write(t, filepath.Join(dir, "versions.tf"), fmt.Sprintf("terraform {\n  required_providers {\n    test = {\n      source = %q\n    }\n  }\n}\n", b.pkg.Source))
	write(t, filepath.Join(dir, "main.tf"), code)
	b.world.Provision(t, dir, b.pkg, resources...)
	init := exec.CommandContext(t.Context(), b.real, "init", "-input=false", "-no-color")
	init.Dir, init.Env = dir, b.env
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// edit changes the code.
func (b *bench) edit(t *testing.T, old, with string) {
	t.Helper()
	path := filepath.Join(b.dir, "main.tf")
	src, err := os.ReadFile(path)
	must(t, err)
	if !strings.Contains(string(src), old) {
		t.Fatalf("%q is not in the code", old)
	}
	write(t, path, strings.Replace(string(src), old, with, 1))
}

// wrapped makes Terraform a script that runs shell commands first, with the
// arguments $@, and then the real one.
func (b *bench) wrapped(t *testing.T, before string) {
	t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nREAL=%q\n%s\nexec \"$REAL\" \"$@\"\n", b.real, before)
	next := b.wrap + ".next"
	must(t, os.WriteFile(next, []byte(script), 0o755))
	must(t, os.Rename(next, b.wrap))
}

// byHand changes an object.
func (b *bench) byHand(t *testing.T, name, attribute string, value any) {
	t.Helper()
	b.world.Edit(t, "test_simple", name, func(o map[string]any) { o[attribute] = value })
}

func (b *bench) live(t *testing.T, name, attribute string) any {
	t.Helper()
	return b.world.Get(t, "test_simple", name)[attribute]
}

func (b *bench) command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	path, err := exec.LookPath("holdfast")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = b.dir, b.env, &out, &out
	return cmd, &out
}

// run runs the program and gives all that it said, and its exit code.
func (b *bench) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd, out := b.command(t, args...)
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	if strings.Contains(out.String(), "not-a-real") {
		t.Errorf("a secret is told: %s", out)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// check checks, and insists on drift.
func (b *bench) check(t *testing.T) {
	t.Helper()
	if out, code := b.run(t, "check"); code != drift.ExitDrift {
		t.Fatalf("exit code %d: %s", code, out)
	}
}

// revert reverts without asking.
func (b *bench) revert(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return b.run(t, append([]string{"revert", "--yes", "--reason", "by mistake", "--ticket", "OPS-7"}, args...)...)
}

// reality is what a revert may change: the world's objects, the state and the
// source.
func (b *bench) reality(t *testing.T) map[string]string {
	t.Helper()
	content := map[string]string{}
	for _, root := range []string{b.world.Dir, b.dir} {
		must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == ".holdfast" || entry.Name() == ".terraform" || entry.Name() == ".git"):
				return filepath.SkipDir
			case !entry.Type().IsRegular():
				return nil
			}
			src, err := os.ReadFile(path)
			content[path] = string(src)
			return err
		}))
	}
	return content
}

// unchanged makes sure that nothing was changed since.
func (b *bench) unchanged(t *testing.T, since map[string]string) {
	t.Helper()
	for path, change := range differences(since, b.reality(t)) {
		t.Errorf("%s has changed: %s", path, change)
	}
}

func (b *bench) history(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(b.dir, ".holdfast", "history.db"))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// events are those of a kind.
func (b *bench) events(t *testing.T, kind drift.EventKind) []drift.Event {
	t.Helper()
	var list []drift.Event
	for e, err := range b.history(t).Events(t.Context(), store.Filter{}) {
		must(t, err)
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list
}

// life is that of the finding at an address.
func (b *bench) life(t *testing.T, address string) drift.Life {
	t.Helper()
	var life drift.Life
	for e, err := range b.history(t).Episodes(t.Context(), store.Filter{Address: address}) {
		must(t, err)
		life = e.Life
	}
	return life
}

// noPlanLeft makes sure that no plan is left, which holds secrets.
func (b *bench) noPlanLeft(t *testing.T) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(b.dir), "tmp", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// putBackState makes the state one from before the last check.
func (b *bench) putBackState(t *testing.T) {
	t.Helper()
	path := filepath.Join(b.dir, "terraform.tfstate")
	src, err := os.ReadFile(path)
	must(t, err)
	var doc map[string]any
	must(t, json.Unmarshal(src, &doc))
	doc["serial"] = 0
	src, err = json.Marshal(doc)
	must(t, err)
	must(t, os.WriteFile(path, src, 0o600))
}
