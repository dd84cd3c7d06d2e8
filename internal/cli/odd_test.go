//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/drift"
)

// oddCase is something damaged or odd in a repository, and what is to be said of
// it. Whatever it is, the healthy stacks beside it are checked.
type oddCase struct {
	name string
	make func(t *testing.T, r *repository)
	want []oddStack
}

// The outcomes, for short.
const (
	isClean    = drift.StatusClean
	incomplete = drift.StatusIncomplete
	notChecked = drift.StatusError
)

// odd makes a stack in the folder odd, healthy but for what is done to it then.
func odd(damage func(t *testing.T, r *repository, dir string)) func(*testing.T, *repository) {
	return func(t *testing.T, r *repository) {
		t.Helper()
		r.healthy(t, "odd")
		damage(t, r, filepath.Join(r.dir, "odd"))
	}
}

// replaced makes odd/NAME this.
func replaced(name, content string) func(*testing.T, *repository) {
	return odd(func(t *testing.T, _ *repository, dir string) {
		t.Helper()
		must(t, os.RemoveAll(filepath.Join(dir, name)))
		write(t, filepath.Join(dir, name), content)
	})
}

// added adds to the source of odd.
func added(code string) func(*testing.T, *repository) {
	return odd(func(t *testing.T, r *repository, _ string) {
		t.Helper()
		r.edit(t, "odd/main.tf", func(src string) string { return src + code })
	})
}

// state changes the state of odd.
func state(change func(string) string) func(*testing.T, *repository) {
	return odd(func(t *testing.T, r *repository, _ string) {
		t.Helper()
		r.edit(t, "odd/terraform.tfstate", change)
	})
}

func one(status drift.Status, code string, says ...string) []oddStack {
	return []oddStack{{path: "odd", status: status, code: code, says: says}}
}

var oddCases = []oddCase{
	// Folders and links.
	{"links in circles between folders", odd(func(t *testing.T, r *repository, dir string) {
		must(t, os.Symlink("..", filepath.Join(dir, "up")))
		must(t, os.Symlink("self", filepath.Join(dir, "self")))
		must(t, os.Symlink(r.dir, filepath.Join(r.dir, "here")))
		must(t, os.Symlink("b", filepath.Join(r.dir, "a")))
		must(t, os.Symlink("a", filepath.Join(r.dir, "b")))
	}), one(isClean, "")},
	{"a source file that links to itself", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Symlink("x.tf", filepath.Join(dir, "x.tf")))
	}), one(notChecked, "source_unreadable", "ROOT/odd/x.tf")},
	{"a source file that links to nothing", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Symlink("/nowhere/common.tf", filepath.Join(dir, "common.tf")))
	}), one(notChecked, "source_unreadable", "ROOT/odd/common.tf")},
	{"a source file that is a pipe", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, syscall.Mkfifo(filepath.Join(dir, "pipe.tf"), 0o600))
	}), one(notChecked, "source_unreadable", "ROOT/odd/pipe.tf", "is not a file")},
	{"a root module that is linked to as well", odd(func(t *testing.T, r *repository, dir string) {
		must(t, os.Symlink(dir, filepath.Join(r.dir, "again")))
	}), one(isClean, "")},
	{"a root module in a root module", func(t *testing.T, r *repository) {
		r.healthy(t, "odd")
		r.healthy(t, "odd/inner/most")
	}, []oddStack{{path: "odd", status: isClean}, {path: "odd/inner/most", status: isClean}}},
	{"names with quotes, an emoji and a line break", func(t *testing.T, r *repository) {
		r.healthy(t, "odd \"quoted\" 'too' $(x) 🔥")
		r.healthy(t, "odd\nbroken")
	}, []oddStack{{path: "odd\nbroken", status: isClean}, {path: "odd \"quoted\" 'too' $(x) 🔥", status: isClean}}},

	// State files.
	{"a truncated state", state(func(s string) string { return s[:len(s)/2] }), one(notChecked, "state_unreadable", "ROOT/odd/terraform.tfstate", "line ", "truncated", "restore a backup")},
	{"an empty state file", replaced("terraform.tfstate", ""), one(notChecked, "state_unreadable", "ROOT/odd/terraform.tfstate", "empty", "restore a backup")},
	{"a state of Terraform 0.11", replaced("terraform.tfstate", `{"version": 3, "serial": 1, "modules": []}`), one(notChecked, "state_unreadable", "ROOT/odd/terraform.tfstate", "version 3", "terraform apply")},
	{"a state with a byte order mark", state(func(s string) string { return "\ufeff" + s }), one(isClean, "")},
	{"a state with the marks of a merge", state(func(s string) string { return "<<<<<<< HEAD\n" + s + "=======\n" + s + ">>>>>>> b\n" }),
		one(notChecked, "state_unreadable", "ROOT/odd/terraform.tfstate", "line 1")},
	{"a state that is a folder", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Remove(filepath.Join(dir, "terraform.tfstate")))
		must(t, os.Mkdir(filepath.Join(dir, "terraform.tfstate"), 0o755))
	}), one(notChecked, "state_unreadable", "ROOT/odd/terraform.tfstate")},
	{"a state that is a pipe", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Remove(filepath.Join(dir, "terraform.tfstate")))
		must(t, syscall.Mkfifo(filepath.Join(dir, "terraform.tfstate"), 0o600))
	}), one(notChecked, "state_unreadable", "ROOT/odd/terraform.tfstate")},
	{"a lock of a state that is a pipe", odd(func(t *testing.T, r *repository, dir string) {
		must(t, syscall.Mkfifo(filepath.Join(dir, ".terraform.tfstate.lock.info"), 0o600))
		r.world.Edit(t, "test_simple", "odd", func(attrs map[string]any) { attrs["note"] = "by hand" })
	}), one(drift.StatusDrifted, "lock_unreadable", "ROOT/odd/.terraform.tfstate.lock.info")},
	{"a record of the backend that is a pipe", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Mkdir(filepath.Join(dir, ".terraform"), 0o755))
		must(t, syscall.Mkfifo(filepath.Join(dir, ".terraform", "terraform.tfstate"), 0o600))
	}), one(notChecked, "stack_unreadable", "ROOT/odd/.terraform/terraform.tfstate", "is not a file")},
	{"a selected workspace that is a pipe", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Mkdir(filepath.Join(dir, ".terraform"), 0o755))
		must(t, syscall.Mkfifo(filepath.Join(dir, ".terraform", "environment"), 0o600))
	}), one(notChecked, "stack_unreadable", "ROOT/odd/.terraform/environment", "is not a file")},
	{"a lock file that is a pipe", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Remove(filepath.Join(dir, ".terraform.lock.hcl")))
		must(t, syscall.Mkfifo(filepath.Join(dir, ".terraform.lock.hcl"), 0o600))
	}), one(notChecked, "lock_file_unreadable", "ROOT/odd/.terraform.lock.hcl", "terraform init")},
	{"a variables file that is a pipe", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, syscall.Mkfifo(filepath.Join(dir, "terraform.tfvars"), 0o600))
	}), one(notChecked, "variables_unreadable", "terraform.tfvars")},
	{"an object twice in the state", state(func(s string) string {
		i, j := strings.Index(s, "\"resources\": ["), strings.LastIndex(s, "]")
		inside := s[i+len("\"resources\": [") : j]
		return s[:i] + "\"resources\": [" + inside + "," + inside + s[j:]
	}), []oddStack{{path: "odd", status: isClean, unsound: "duplicate_instance"}}},
	{"two root modules with one state", func(t *testing.T, r *repository) {
		backend := "terraform {\n  backend \"local\" {\n    path = \"../shared.tfstate\"\n  }\n}\n"
		r.stack(t, "odd", backend+simple)
		r.stack(t, "odd-too", backend+simple)
		must(t, os.Remove(filepath.Join(r.dir, "odd", "terraform.tfstate")))
		must(t, os.Remove(filepath.Join(r.dir, "odd-too", "terraform.tfstate")))
		for _, name := range []string{"odd", "odd-too"} {
			r.file(t, name+"/.terraform/terraform.tfstate", `{"version": 3, "backend": {"type": "local", "config": {"path": "../shared.tfstate"}}}`)
		}
		r.world.Provision(t, r.dir, r.pkg, object("shared"))
		must(t, os.Rename(filepath.Join(r.dir, "terraform.tfstate"), filepath.Join(r.dir, "shared.tfstate")))
	}, []oddStack{{path: "odd", status: isClean, unsound: "state_in_two_stacks"}, {path: "odd-too", status: isClean, unsound: "state_in_two_stacks"}}},
	{"a resource type that the provider does not know", state(func(s string) string { return strings.Replace(s, "test_simple", "test_gone", 1) }),
		one(notChecked, "unsupported", "test_gone")},
	{"a state newer than the provider", state(func(s string) string { return strings.Replace(s, `"schema_version": 0`, `"schema_version": 7`, 1) }),
		one(notChecked, "unsupported", "7", "upgrade the provider")},

	// Source.
	{"two modules of one name", added("module \"twin\" {\n  source = \"./m\"\n}\nmodule \"twin\" {\n  source = \"./m\"\n}\n"),
		one(notChecked, "source_unreadable", "ROOT/odd/main.tf:1", "twin")},
	{"a resource twice", added(simple), one(notChecked, "source_unreadable", "ROOT/odd/main.tf:12", "test_simple.this", "already")},
	{"a module that calls itself", func(t *testing.T, r *repository) {
		r.stack(t, "odd", simple+"module \"loop\" {\n  source = \"./m\"\n}\n", object("odd"))
		r.file(t, "odd/m/main.tf", "module \"again\" {\n  source = \"../m\"\n}\n")
	}, one(notChecked, "source_unreadable", "ROOT/odd/m", "calls itself")},
	{"a module that is not there", added("module \"gone\" {\n  source = \"../modules/gone\"\n}\n"),
		one(incomplete, "module_missing", "module gone", "ROOT/odd/main.tf:12", "ROOT/modules/gone: no such file")},
	{"a list of modules that is damaged", odd(func(t *testing.T, r *repository, _ string) {
		r.file(t, "odd/.terraform/modules/modules.json", `{"Modules":[{"Key"`)
	}), one(notChecked, "source_unreadable", "ROOT/odd/.terraform/modules/modules.json", "terraform init")},
	{"a syntax error", added("locals {\n  a = [1, 2\n}\n"), one(notChecked, "source_unreadable", "ROOT/odd/main.tf:14")},
	{"source that is no text", replaced("main.tf", "\xff\xfeh\x00i\x00"), one(notChecked, "source_unreadable", "ROOT/odd/main.tf:1")},
	{"JSON source that is damaged", replaced("more.tf.json", `{"locals": {`), one(notChecked, "source_unreadable", "ROOT/odd/more.tf.json:1")},
	{"a variables file that is damaged", replaced("terraform.tfvars", "a = \"x\"\nb = = 1\n"), one(notChecked, "variables_unreadable", "terraform.tfvars:2")},
	{"a backend that is configured in part", added("terraform {\n  backend \"s3\" {\n    key = \"a\"\n  }\n}\n"), one(notChecked, "backend_unreadable", "no bucket", "-backend-config", "backend_config in holdfast.yaml")},

	// What terraform init leaves behind.
	{".terraform is a file", replaced(".terraform", "not a folder\n"), one(notChecked, "stack_unreadable", "ROOT/odd/.terraform")},
	{"a lock file with the marks of a merge", odd(func(t *testing.T, r *repository, _ string) {
		r.edit(t, "odd/.terraform.lock.hcl", func(s string) string { return "<<<<<<< HEAD\n" + s + "=======\n" + s + ">>>>>>> b\n" })
	}), one(notChecked, "lock_file_unreadable", "ROOT/odd/.terraform.lock.hcl:1", "terraform init")},
	{"a lock file that is a folder", odd(func(t *testing.T, _ *repository, dir string) {
		must(t, os.Remove(filepath.Join(dir, ".terraform.lock.hcl")))
		must(t, os.Mkdir(filepath.Join(dir, ".terraform.lock.hcl"), 0o755))
	}), one(notChecked, "lock_file_unreadable", "ROOT/odd/.terraform.lock.hcl")},
	{"a workspace that is not there", replaced(".terraform/environment", "gone"), one(notChecked, "no_state", "ROOT/odd/terraform.tfstate.d/gone/terraform.tfstate")},
	{"a workspace with an odd name", replaced(".terraform/environment", "../../etc\n"), one(notChecked, "stack_unreadable", `"../../etc"`, "terraform workspace list")},

	// Time.
	{"a stack that takes too long", odd(func(t *testing.T, r *repository, _ string) {
		r.world.BehaveAt(t, "test_simple", "odd", "ReadResource", "hang")
		r.file(t, "holdfast.yaml", "version: 1\nstacks:\n  - path: odd\n    timeout: 3s\n")
	}), one(notChecked, "timeout", "test_simple")},
}

// TestOddRepositories checks repositories with something damaged or odd in them,
// each between two healthy stacks: these get their right verdict, the odd one a
// clear error, the exit code says that not all was checked, and nothing in the
// repository is touched. Then the healthy stacks drift, and that is seen too.
func TestOddRepositories(t *testing.T) {
	t.Parallel()
	rig := newOddRig(t)
	t.Run("group", func(t *testing.T) { // so that the rig outlives what runs in parallel
		for _, c := range oddCases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				r := rig.repository(t)
				c.make(t, r)
				r.testOdd(t, c.want)
			})
		}
	})
}

func (r *repository) testOdd(t *testing.T, want []oddStack) {
	t.Helper()
	untouched := r.content(t)
	r.expect(t, r.check(t), want, drift.StatusClean)
	for _, name := range []string{before, after} {
		r.world.Edit(t, "test_simple", name, func(attrs map[string]any) { attrs["note"] = "by hand" })
	}
	r.expect(t, r.check(t), want, drift.StatusDrifted)
	now := r.content(t)
	for path, was := range untouched {
		if now[path] != was {
			t.Errorf("%s was %s and is %s", path, was, now[path])
		}
	}
	if len(now) != len(untouched) {
		t.Errorf("%d files became %d", len(untouched), len(now))
	}
	r.world.AssertReadOnly(t)
}

// TestOddNamesAreShownOnOneLine: what a folder is called can't add lines to what
// people read, nor speak to their terminal.
func TestOddNamesAreShownOnOneLine(t *testing.T) {
	t.Parallel()
	r := newOddRig(t).repository(t)
	r.healthy(t, "odd\n0 stacks\x1b[31m")
	r.file(t, "broken\nok\x1b[31m/main.tf", "{{ template }}\n")
	for _, args := range [][]string{{"check", "--quiet"}, {"doctor"}, {"init"}} {
		cmd := exec.CommandContext(t.Context(), r.program, args...)
		cmd.Dir, cmd.Env = r.dir, r.env()
		out, _ := cmd.CombinedOutput() // that something is broken makes it fail
		if len(out) == 0 {
			t.Errorf("%v says nothing", args)
		}
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "0 stacks") || strings.HasPrefix(line, "ok\ufffd") || strings.HasPrefix(line, "ok/") || strings.Contains(line, "\x1b") {
				t.Errorf("%v says %q", args, line)
			}
		}
	}
}
