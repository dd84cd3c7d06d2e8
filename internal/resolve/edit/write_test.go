package edit_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/resolve/edit"
)

const twoFiles = `
variable "size" {}

resource "thing" "a" {
  name = "a"
  size = var.size
}
-- terraform.tfvars --
size = 1
`

func planned(t *testing.T, dir, accepted string, b bed) edit.Result {
	t.Helper()
	r, err := edit.Plan(input(dir, accepted, t, b))
	must(t, err)
	if len(r.Refusals) > 0 {
		t.Fatal(reasons(r))
	}
	return r
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func TestWriteAndRestore(t *testing.T) {
	t.Parallel()
	dir := unpack(t, twoFiles)
	main, vars := filepath.Join(dir, "main.tf"), filepath.Join(dir, "terraform.tfvars")
	must(t, os.Chmod(vars, 0o600))
	before := read(t, main) + read(t, vars)
	r := planned(t, dir, "thing.a | name | \"b\"\nthing.a | size | 2", bed{})
	if got := read(t, main) + read(t, vars); got != before {
		t.Fatalf("Plan wrote:\n%s", got)
	}
	must(t, r.Write())
	if got := read(t, main) + read(t, vars); !strings.Contains(got, `name = "b"`) || !strings.Contains(got, "size = 2") {
		t.Errorf("Write wrote:\n%s", got)
	}
	info, err := os.Stat(vars)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is now %s", info.Mode())
	}
	must(t, r.Restore())
	if got := read(t, main) + read(t, vars); got != before {
		t.Errorf("Restore left:\n%s", got)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 2 {
		t.Errorf("files were left behind: %v", entries)
	}
}

func TestWriteRefusesWhatChanged(t *testing.T) {
	t.Parallel()
	dir := unpack(t, twoFiles)
	main, vars := filepath.Join(dir, "main.tf"), filepath.Join(dir, "terraform.tfvars")
	r := planned(t, dir, "thing.a | name | \"b\"\nthing.a | size | 2", bed{})
	must(t, os.WriteFile(vars, []byte("size = 1 # now\n"), 0o644))
	was := read(t, main)
	if err := r.Write(); !errors.Is(err, edit.ErrChanged) || !strings.Contains(err.Error(), "terraform.tfvars") {
		t.Errorf("error %v, want one about terraform.tfvars", err)
	}
	if read(t, main) != was || read(t, vars) != "size = 1 # now\n" {
		t.Error("something was written")
	}
	if err := r.Restore(); !errors.Is(err, edit.ErrChanged) {
		t.Errorf("Restore: error %v", err)
	}
}

func TestLinksAreFollowed(t *testing.T) {
	t.Parallel()
	dir := unpack(t, "-- shared/main.tf --\nresource \"thing\" \"a\" {\n  name = \"a\"\n}\n")
	must(t, os.MkdirAll(filepath.Join(dir, "live"), 0o755))
	link := filepath.Join(dir, "live", "main.tf")
	must(t, os.Symlink(filepath.Join("..", "shared", "main.tf"), link))
	r := planned(t, dir, `thing.a | name | "b"`, bed{root: "live"})
	if len(r.Files) != 1 || r.Files[0].Name != "shared/main.tf" || !r.Files[0].Shared {
		t.Fatalf("files: %+v", r.Files)
	}
	must(t, r.Write())
	info, err := os.Lstat(link)
	must(t, err)
	if info.Mode()&os.ModeSymlink == 0 || !strings.Contains(read(t, link), `"b"`) {
		t.Errorf("the link is now %s and says\n%s", info.Mode(), read(t, link))
	}
}

func TestOutsideTheRepository(t *testing.T) {
	t.Parallel()
	dir := unpack(t, "-- out/m/main.tf --\nresource \"thing\" \"a\" {\n  name = \"a\"\n}\n-- repo/main.tf --\nmodule \"m\" {\n  source = \"../out/m\"\n}\n")
	r, err := edit.Plan(input(filepath.Join(dir, "repo"), `module.m.thing.a | name | "b"`, t, bed{}))
	must(t, err)
	if len(r.Files) > 0 || !strings.Contains(reasons(r), "outside the repository") {
		t.Errorf("files %v, refusals %s", r.Files, reasons(r))
	}
}

// TestSecretsStayOut plants secrets wherever source may have them, and looks for
// them in all that is said.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	const source = `
variable "pw" {
  default   = "canary-default"
  sensitive = true
}

variable "size" {}

variable "token" {
  sensitive = true
}

resource "thing" "a" {
  password = "canary-literal"
  name     = "a"
  tags     = { x = "1" }
}

resource "thing" "b" {
  size = var.size
  name = var.token
}

resource "thing" "c" { name = var.pw }

module "m" {
  source = "./m"
  key    = "canary-argument"
  size   = 1
}
-- m/main.tf --
variable "key" {
  sensitive = true
}

variable "size" {}

resource "thing" "a" {
  size = var.size
  name = var.key
}
-- terraform.tfvars --
token = "canary-tfvars"
size  = 1
`
	dir := unpack(t, source)
	const accepted = "thing.a | name | \"b\"\nthing.b | size | 2\nmodule.m.thing.a | size | 2\nthing.c | name | \"x\""
	r, err := edit.Plan(input(dir, accepted, t, bed{}))
	must(t, err)
	said := string(r.Diff()) + reasons(r)
	for _, canary := range []string{"canary-default", "canary-literal", "canary-tfvars", "canary-argument"} {
		if strings.Contains(said, canary) {
			t.Errorf("%s is in\n%s", canary, said)
		}
	}
	if len(r.Edited) != 3 || len(r.Refusals) != 1 {
		t.Errorf("edited %v, refused\n%s", r.Edited, reasons(r))
	}
	patched := t.TempDir()
	must(t, os.CopyFS(patched, os.DirFS(dir)))
	applyPatch(t, patched, r.Diff(), "--unidiff-zero")
	for _, f := range r.Files {
		if got := read(t, filepath.Join(patched, f.Name)); got != string(f.After) {
			t.Errorf("%s is\n%s\nwant\n%s", f.Name, got, f.After)
		}
	}
}

// TestSecretsOnTheSameLine refuses an edit that could not be shown.
func TestSecretsOnTheSameLine(t *testing.T) {
	t.Parallel()
	const source = "resource \"thing\" \"a\" { password = \"canary-line\" }\n"
	dir := unpack(t, source)
	r, err := edit.Plan(input(dir, `thing.a | size | 2`, t, bed{}))
	must(t, err)
	if said := string(r.Diff()) + reasons(r); strings.Contains(said, "canary-line") || !strings.Contains(said, "sensitive") {
		t.Errorf("said:\n%s", said)
	}
}

func applyPatch(t *testing.T, dir string, patch []byte, flags ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"apply", "-p1"}, flags...)...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(patch))
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_DIR="+filepath.Join(dir, "none"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s\n%s", err, out, patch)
	}
}

// TestGitTakesTheDiff applies the diff of every edit with git.
func TestGitTakesTheDiff(t *testing.T) {
	t.Parallel()
	for _, c := range append(append([]editCase(nil), edits...), shapes...) {
		if c.want == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := unpack(t, c.source)
			r, err := edit.Plan(input(dir, c.accepted, t, c.bed))
			must(t, err)
			applyPatch(t, dir, r.Diff())
			for _, f := range r.Files {
				if got := read(t, f.Path); got != string(f.After) {
					t.Errorf("%s is\n%q\nwant\n%q", f.Name, got, f.After)
				}
			}
		})
	}
}

func TestUnreadableSource(t *testing.T) {
	t.Parallel()
	dir := unpack(t, "resource \"thing\" {\n")
	if _, err := edit.Plan(input(dir, `thing.a | name | "b"`, t, bed{})); err == nil {
		t.Error("source that can't be parsed was edited")
	}
}

// TestPlacesOfRefusals sees that a refusal says where, and what to do by hand.
func TestPlacesOfRefusals(t *testing.T) {
	t.Parallel()
	dir := unpack(t, "-- live/main.tf --\nlocals {\n  n = upper(\"x\")\n}\n\nresource \"thing\" \"a\" {\n  name = local.n\n}\n")
	in := input(dir, `thing.a | name | "y"`, t, bed{root: "live"})
	in.Schema = func(drift.Address) *schema.Block { return nil }
	r, err := edit.Plan(in)
	must(t, err)
	if len(r.Refusals) != 1 {
		t.Fatal(reasons(r))
	}
	got := r.Refusals[0]
	if got.At == nil || *got.At != (drift.Position{File: "live/main.tf", Line: 2}) || got.Path != "name" || got.ByHand != `make the source say "y" for name` {
		t.Errorf("refusal %+v at %v", got, got.At)
	}
}
