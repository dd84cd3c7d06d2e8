//go:build linux

package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/provider/providertest"
)

const variableCode = `variable "note" {
  default = "code"
}

resource "test_simple" "a" {
  name = terraform.workspace
  note = var.note
}
`

// twoWorkspaces makes the bench one root module with two workspaces, and a change
// by hand to the first.
func twoWorkspaces(t *testing.T, code, settings string) *bench {
	t.Helper()
	b := newBench(t)
	must(t, os.Remove(filepath.Join(b.dir, "terraform.tfstate")))
	write(t, filepath.Join(b.dir, "main.tf"), code)
	write(t, filepath.Join(b.dir, "holdfast.yaml"), "version: 1\nstacks:\n  - path: .\n    workspaces: [one, two]\n"+settings)
	for _, name := range []string{"one", "two"} {
		dir := filepath.Join(b.dir, "terraform.tfstate.d", name)
		must(t, os.MkdirAll(dir, 0o755))
		r := instanceOf("a", nil, name, "code")
		b.world.Put(t, r.Type, name, r.Attributes)
		providertest.WriteState(t, filepath.Join(dir, "terraform.tfstate"), b.pkg, r)
		write(t, filepath.Join(b.dir, name+".tfvars"), "note = \"code\"\n")
	}
	b.byHand(t, "one", "note", "by hand")
	return b
}

// TestAcceptOtherWorkspace refuses an edit that would change another workspace of
// the root module, with its name.
func TestAcceptOtherWorkspace(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{
		"a literal": strings.Replace(variableCode, "var.note", `"code"`, 1),
		"a default": variableCode,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := twoWorkspaces(t, code, "")
			b.check(t)
			before := b.reality(t)
			for _, args := range [][]string{nil, {"--patch", "../accept.patch"}} {
				out, code := b.accept(t, append(args, "test_simple.a")...)
				says(t, out, "stack . (two) has the same code: it would also change note of test_simple.a")
				if code != drift.ExitIncomplete {
					t.Errorf("exit code %d: %s", code, out)
				}
			}
			b.unchanged(t, before)
		})
	}
}

// TestAcceptOwnVariables edits the file of variables that is the workspace's own,
// and refuses where nobody can tell about the other one.
func TestAcceptOwnVariables(t *testing.T) {
	t.Parallel()
	b := twoWorkspaces(t, variableCode, "    var_files: [\"{workspace}.tfvars\"]\n")
	b.check(t)
	settings := b.file(t, "holdfast.yaml")
	for says, change := range map[string]func(){
		"stack . (two): variables file ": func() { must(t, os.Rename(filepath.Join(b.dir, "two.tfvars"), filepath.Join(b.dir, "away"))) },
		"another stack has the same code and can't be read": func() {
			write(t, filepath.Join(b.dir, "holdfast.yaml"), settings+"  - path: .\n    name: three\n    backend_config: [missing.hcl]\n")
		},
	} {
		change()
		before := b.reality(t)
		out, code := b.accept(t, "test_simple.a")
		if code != drift.ExitIncomplete || !strings.Contains(out, says) {
			t.Errorf("exit code %d, want %q: %s", code, says, out)
		}
		b.unchanged(t, before)
		write(t, filepath.Join(b.dir, "two.tfvars"), "note = \"code\"\n")
		write(t, filepath.Join(b.dir, "holdfast.yaml"), settings)
	}
	if out, code := b.accept(t, "test_simple.a"); code != drift.ExitClean || b.file(t, "main.tf") != variableCode || b.file(t, "two.tfvars") != "note = \"code\"\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	says(t, b.file(t, "one.tfvars"), `note = "by hand"`)
	if out, code := b.run(t, "check"); code != drift.ExitClean {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestAcceptSharedModule edits a module that two root modules use: it says so, and
// refuses where the module's folder has changes that are not committed.
func TestAcceptSharedModule(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"main.tf", "versions.tf", "terraform.tfstate", ".terraform", ".terraform.lock.hcl"} {
		must(t, os.RemoveAll(filepath.Join(b.dir, name)))
	}
	module := filepath.Join(b.dir, "modules", "thing")
	must(t, os.MkdirAll(module, 0o755))
	source := fmt.Sprintf("terraform {\n  required_providers {\n    test = {\n      source = %q\n    }\n  }\n}\n", b.pkg.Source)
	write(t, filepath.Join(module, "versions.tf"), source)
	write(t, filepath.Join(module, "main.tf"), "variable \"name\" {}\n\nresource \"test_simple\" \"a\" {\n  name = var.name\n  note = \"code\"\n}\n")
	for _, name := range []string{"one", "two"} {
		dir := filepath.Join(b.dir, "live", name)
		must(t, os.MkdirAll(dir, 0o755))
		write(t, filepath.Join(dir, "main.tf"), "module \"thing\" {\n  source = \"../../modules/thing\"\n  name   = \""+name+"\"\n}\n")
		r := instanceOf("a", nil, name, "code")
		r.Module = "module.thing"
		b.world.Provision(t, dir, b.pkg, r)
		init := exec.CommandContext(t.Context(), b.real, "init", "-input=false", "-no-color")
		init.Dir, init.Env = dir, b.env
		if out, err := init.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	b.repository(t)
	b.byHand(t, "one", "note", "by hand")
	b.check(t)
	write(t, filepath.Join(module, "more.tf"), "# not committed\n")
	before := b.reality(t)
	out, code := b.accept(t, "--stack", "live/one")
	says(t, out, "the folder of modules/thing/main.tf has changes that are not committed: modules/thing/more.tf")
	if code != drift.ExitIncomplete {
		t.Errorf("exit code %d: %s", code, out)
	}
	b.unchanged(t, before)
	must(t, os.Remove(filepath.Join(module, "more.tf")))
	out, code = b.accept(t, "--stack", "live/one")
	says(t, out, "modules/thing/main.tf is outside this root module: other root modules may use it", "edited, and to be committed: modules/thing/main.tf")
	if code != drift.ExitClean {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := b.run(t, "check"); code != drift.ExitClean || !strings.Contains(out, "live/two") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestAcceptTwoStacks refuses two stacks that want the same file edited, each in
// its way.
func TestAcceptTwoStacks(t *testing.T) {
	t.Parallel()
	b := twoWorkspaces(t, variableCode, "    var_files: [\"{workspace}.tfvars\"]\n")
	b.byHand(t, "two", "note", "by hand as well")
	b.check(t)
	before := b.reality(t)
	out, code := b.run(t, "accept", "--cause", "unknown", "--patch", "-")
	says(t, out, "--- a/one.tfvars", "--- a/two.tfvars")
	if code != drift.ExitClean {
		t.Errorf("exit code %d: %s", code, out)
	}
	b.unchanged(t, before)
	if out, code := b.accept(t, "--cause", "unknown"); code != drift.ExitClean || strings.Count(out, "  accepted\n") != 2 {
		t.Errorf("exit code %d: %s", code, out)
	}
	says(t, b.file(t, "one.tfvars")+b.file(t, "two.tfvars"), `note = "by hand"`, `note = "by hand as well"`)
}

// TestAcceptSecrets plants secrets beside what is edited: none is in what is said,
// in a patch, in a commit's message or in the history.
func TestAcceptSecrets(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	write(t, filepath.Join(b.dir, "main.tf"), `variable "token" {
  sensitive = true
}

variable "note" {}

resource "test_simple" "a" {
  name   = "a"
  label  = var.token
  note   = var.note
  secret = "not-a-real-secret"
}
`)
	write(t, filepath.Join(b.dir, "terraform.tfvars"), "token = \"not-a-real-token\"\nnote = \"code\"\n")
	a := instanceOf("a", nil, "a", "code")
	a.Attributes["secret"], a.Attributes["label"] = "not-a-real-secret", "not-a-real-token"
	for _, name := range []string{"label", "secret"} {
		a.Sensitive = append(a.Sensitive, []any{map[string]any{"type": "get_attr", "value": name}})
	}
	b.world.Provision(t, b.dir, b.pkg, a)
	b.repository(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	for _, args := range [][]string{{"--dry-run"}, {"--patch", "-"}, {"--patch", "../accept.patch"}, {"--branch", "x"}, nil} { // run looks at what is said
		if out, code := b.accept(t, append([]string{"test_simple.a"}, args...)...); code != drift.ExitClean {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
	}
	says(t, b.file(t, "terraform.tfvars"), `"not-a-real-token"`, `"by hand"`)
	b.wrapped(t, `if [ "$1" = apply ]; then echo 'Error: not-a-real-secret, not-a-real-token' >&2; exit 1; fi`)
	b.byHand(t, "a", "note", "again")
	b.byHand(t, "a", "label", "not-a-real-change")
	b.check(t)
	if out, code := b.accept(t, "test_simple.a", "--allow-dirty"); code != drift.ExitIncomplete {
		t.Errorf("exit code %d: %s", code, out)
	}
	b.byHand(t, "a", "label", "not-a-real-token")
	b.check(t)
	out, code := b.accept(t, "test_simple.a", "--allow-dirty")
	says(t, out, "terraform apply failed: Error: (sensitive), (sensitive)")
	if code != drift.ExitIncomplete {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, args := range [][]string{{"history", "--events"}, {"history", "--format", "json"}, {"report"}, {"show", "test_simple.a"}} {
		b.run(t, args...)
	}
	told := b.file(t, "../accept.patch") + b.said(t, "log", "--format=%B", "--all") + b.file(t, ".holdfast/history.db") + b.file(t, "DRIFT.md")
	if i := strings.Index(told, "not-a-real"); i >= 0 {
		t.Errorf("a secret is told: %q", told[max(0, i-80):i+20])
	}
}
