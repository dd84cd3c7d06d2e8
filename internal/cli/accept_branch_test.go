//go:build linux

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/drift"
)

// said is what git says, without hooks.
func (b *bench) said(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "core.hooksPath=/dev/null"}, args...)...)
	cmd.Dir, cmd.Env = b.dir, b.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return string(out)
}

// checkedIn is a repository with drift of a's note that a check has seen.
func checkedIn(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.repository(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	return b
}

// TestAcceptPatch writes the edit as a patch, and changes nothing else.
func TestAcceptPatch(t *testing.T) {
	t.Parallel()
	b := checkedIn(t)
	before := b.reality(t)
	dry, _ := b.run(t, "accept", "test_simple.a", "--dry-run")
	out, code := b.run(t, "accept", "test_simple.a", "--patch", filepath.Join("..", "accept.patch"))
	if code != drift.ExitClean {
		t.Errorf("%d: %s", code, out)
	}
	says(t, out, "the patch is for git apply --unidiff-zero, in .") // the secret's line is left out
	patch := b.file(t, "../accept.patch")
	says(t, dry, patch)
	if !strings.HasPrefix(patch, "--- a/main.tf\n") || strings.Contains(patch, "not-a-real") {
		t.Errorf("the patch:\n%s", patch)
	}
	cmd, _ := b.command(t, "accept", "test_simple.a", "--patch", "-")
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil || stdout.String() != patch {
		t.Errorf("to standard output: %v\n%s", err, &stdout)
	}
	b.unchanged(t, before)
	if b.life(t, "test_simple.a") != drift.LifeOpen || len(b.events(t, drift.EventAttempted))+len(b.events(t, drift.EventProposed)) > 0 {
		t.Error("a patch is in the history")
	}
	b.git(t, "apply", "--unidiff-zero", "../accept.patch")
	if want := strings.Replace(benchCode, `note   = "code"`, `note   = "by hand"`, 1); b.file(t, "main.tf") != want {
		t.Errorf("applied:\n%s", b.file(t, "main.tf"))
	}
}

// TestAcceptPatchPlain writes a patch that git takes as it is.
func TestAcceptPatchPlain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "b", "note", "by hand")
	b.check(t)
	out, code := b.run(t, "accept", "test_simple.b", "--patch", "accept.patch")
	says(t, out, "the patch is for git apply, in .")
	b.git(t, "apply", "accept.patch")
	if code != drift.ExitClean || !strings.Contains(b.file(t, "main.tf"), `note = "by hand"`) {
		t.Errorf("%d: %s", code, out)
	}
}

// TestAcceptPatchIncomplete writes what can be written, and says that it isn't all.
func TestAcceptPatchIncomplete(t *testing.T) {
	t.Parallel()
	b := checkedIn(t)
	b.byHand(t, "b", "secret", "not-a-real-change")
	b.check(t)
	out, code := b.run(t, "accept", "test_simple.a", "test_simple.b", "--patch", "../accept.patch")
	says(t, out, "refused: test_simple.b secret: the value is sensitive")
	says(t, b.file(t, "../accept.patch"), `+  note   = "by hand"`)
	if code != drift.ExitIncomplete {
		t.Errorf("exit code %d: %s", code, out)
	}
	out, code = b.run(t, "accept", "test_simple.b", "--patch", "../none.patch")
	says(t, out, "refused; nothing was changed")
	if code != drift.ExitIncomplete || exists(filepath.Join(b.dir, "..", "none.patch")) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code = b.run(t, "accept", "test_simple.a", "--patch", "../no/such/folder"); code != drift.ExitIncomplete || !strings.Contains(out, "writing the patch") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestAcceptBranch commits the edit on a new branch, touches nothing else, and the
// drift ends when that is merged and taken into the state.
func TestAcceptBranch(t *testing.T) {
	t.Parallel()
	b := checkedIn(t)
	write(t, filepath.Join(b.dir, "versions.tf"), b.file(t, "versions.tf")+"# not committed\n")
	write(t, filepath.Join(b.dir, "staged.txt"), "staged\n")
	b.git(t, "add", "staged.txt")
	b.hooks(t)
	before, status, head := b.reality(t), b.said(t, "status", "--porcelain=v2", "--branch"), b.said(t, "rev-parse", "main")
	index := b.file(t, ".git/index")
	out, code := b.run(t, "accept", "test_simple.a", "--branch", "accept/note", "--reason", "it stays\nAccepted-by: nobody", "--ticket", "OPS-7")
	says(t, out, "committed on branch accept/note: ")
	if code != drift.ExitClean {
		t.Fatalf("%d: %s", code, out)
	}
	b.unchanged(t, before)
	if now := b.said(t, "status", "--porcelain=v2", "--branch"); now != status || b.file(t, ".git/index") != index || b.said(t, "rev-parse", "main") != head {
		t.Errorf("the work tree, the index or the branch has changed:\n%s\nwas\n%s", now, status)
	}
	if b.said(t, "rev-parse", "accept/note^") != head || b.said(t, "diff", "--stat", "main", "accept/note") != " main.tf | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n" {
		t.Errorf("the commit: %s", b.said(t, "log", "-p", "accept/note"))
	}
	finding := b.events(t, drift.EventFound)[0].Finding
	want := "Accept drift of test_simple.a\n\nWhat is live becomes what the code says: it stays Accepted-by: nobody\n\n- " + finding + " test_simple.a: modified: note\n\nTicket: OPS-7\nAccepted-by: kim\n"
	if message := b.said(t, "log", "-1", "--format=%B", "accept/note"); strings.TrimSpace(message) != strings.TrimSpace(want) {
		t.Errorf("the message:\n%s", message)
	}
	proposed := b.events(t, drift.EventProposed)
	if len(proposed) != 1 || proposed[0].Detail != "on branch accept/note" || proposed[0].Actor != "kim" || proposed[0].Ticket != "OPS-7" || b.life(t, "test_simple.a") != drift.LifeOpen {
		t.Errorf("%+v; it is %s", proposed, b.life(t, "test_simple.a"))
	}
	if out, _ := b.run(t, "history", "--events"); !strings.Contains(out, "proposed") {
		t.Errorf("it is not shown: %s", out)
	}
	out, code = b.run(t, "accept", "test_simple.a", "--branch", "accept/note", "--reason", "it stays")
	says(t, out, "there is a branch accept/note already")
	if code != drift.ExitIncomplete {
		t.Errorf("%d: %s", code, out)
	}
	b.attempted(t, true, "there is a branch accept/note already")
	b.said(t, "merge", "-q", "accept/note")
	if out, code := b.run(t, "check"); code != drift.ExitClean || !strings.Contains(out, "already in the code") {
		t.Errorf("merged: %d: %s", code, out)
	}
	b.terraform(t, "apply", "-auto-approve")
	if out, code := b.run(t, "check"); code != drift.ExitClean || b.life(t, "test_simple.a") != drift.LifeResolved {
		t.Errorf("applied: %d: %s", code, out)
	}
	if e := b.events(t, drift.EventResolved); len(e) != 1 || !strings.Contains(e[0].Reason, "the code says now what is live") {
		t.Errorf("%+v", e)
	}
}

// hooks gives the repository hooks that fail, and leave a file behind.
func (b *bench) hooks(t *testing.T) {
	t.Helper()
	for _, name := range []string{"pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change", "prepare-commit-msg"} {
		path := filepath.Join(b.dir, ".git", "hooks", name)
		must(t, os.WriteFile(path, []byte("#!/bin/sh\ntouch "+filepath.Join(b.dir, "hooked")+"\nexit 1\n"), 0o755))
	}
}

func (b *bench) terraform(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.real, append(args, "-input=false", "-no-color")...)
	cmd.Dir, cmd.Env = b.dir, b.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("terraform %v: %v: %s", args, err, out)
	}
}

// TestAcceptBranchRefused says why there is no branch, and makes none.
func TestAcceptBranchRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, b *bench)
		args    []string
		says    string
		usage   bool // no attempt
	}{
		"a bad name":            {args: []string{"--branch", "a..b"}, says: `--branch "a..b" can't be the name of a branch`},
		"another name for it":   {args: []string{"--branch", "@{-1}"}, says: `can't be the name of a branch`, prepare: func(t *testing.T, b *bench) { b.git(t, "switch", "-qc", "other"); b.git(t, "switch", "-q", "main") }},
		"an option":             {args: []string{"--branch=-f"}, says: "can't be the name of a branch"},
		"an empty name":         {args: []string{"--branch", ""}, says: "--patch and --branch need a name", usage: true},
		"a patch as well":       {args: []string{"--branch", "x", "--patch", "y"}, says: "exclude each other", usage: true},
		"no reason":             {args: []string{"--branch", "x", "--reason", ""}, says: "--reason is required", usage: true},
		"in the way of another": {args: []string{"--branch", "main/x"}, says: "refs/heads/main"},
		"the file is not as it is committed": {
			prepare: func(t *testing.T, b *bench) { b.edit(t, "name = \"b\"", "name = \"b\" # better") },
			says:    "main.tf is not committed as it is; commit it first",
		},
		"the file is not committed": {
			prepare: func(t *testing.T, b *bench) {
				b.git(t, "rm", "-q", "--cached", "main.tf")
				b.git(t, "commit", "-qm", "Forget")
			},
			says: "main.tf is not committed as it is; commit it first",
		},
		"no repository": {
			prepare: func(t *testing.T, b *bench) { must(t, os.RemoveAll(filepath.Join(b.dir, ".git"))) },
			says:    "is in no git repository",
		},
		"no commit": {
			prepare: func(t *testing.T, b *bench) {
				must(t, os.RemoveAll(filepath.Join(b.dir, ".git")))
				b.git(t, "init", "-q")
			},
			says: "has no commit yet",
		},
		"nobody to commit as": {
			prepare: func(t *testing.T, b *bench) {
				b.git(t, "config", "--unset", "user.email")
				b.git(t, "config", "user.useConfigOnly", "true")
			},
			says: "user.email",
		},
		"a sensitive value": {
			prepare: func(t *testing.T, b *bench) { b.byHand(t, "a", "secret", "not-a-real-change") },
			says:    "the value is sensitive",
		},
		"a finding that is only possible": {
			prepare: func(t *testing.T, b *bench) { b.lock(t, "OperationTypeApply") },
			says:    "only possible",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := checkedIn(t)
			if tt.prepare != nil {
				tt.prepare(t, b)
			}
			before := b.reality(t)
			args := append([]string{"accept", "test_simple.a", "--reason", "it stays", "--branch", "x"}, tt.args...)
			out, code := b.run(t, args...)
			if code != drift.ExitIncomplete {
				t.Errorf("exit code %d", code)
			}
			says(t, out, tt.says)
			b.unchanged(t, before)
			if exists(filepath.Join(b.dir, ".git")) {
				if branches := b.said(t, "for-each-ref", "--format=%(refname:short)", "refs/heads"); strings.Contains(branches, "x") {
					t.Errorf("there is a branch: %s", branches)
				}
			}
			b.attempted(t, !tt.usage, tt.says)
			if len(b.events(t, drift.EventProposed)) > 0 {
				t.Error("it is called proposed")
			}
		})
	}
}

// TestAcceptBranchElsewhere commits in a repository whose top is above the stack,
// of a file that is reached through a symbolic link, and with line breaks that git
// changes.
func TestAcceptBranchElsewhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, b *bench) // before the commit
		file    string
		want    string // of the commit
		env     []string
	}{
		"the top is above": {
			file: "repo/main.tf", want: `note   = "by hand"` + "\n",
		},
		"a symbolic link": {
			file: "repo/shared/main.tf", want: `note   = "by hand"` + "\n",
			prepare: func(t *testing.T, b *bench) {
				must(t, os.Mkdir(filepath.Join(b.dir, "shared"), 0o755))
				must(t, os.Rename(filepath.Join(b.dir, "main.tf"), filepath.Join(b.dir, "shared", "main.tf")))
				must(t, os.Symlink(filepath.Join("shared", "main.tf"), filepath.Join(b.dir, "main.tf")))
			},
		},
		"line breaks": {
			file: "repo/main.tf", want: `note   = "by hand"` + "\n",
			prepare: func(t *testing.T, b *bench) {
				b.git(t, "config", "core.autocrlf", "true")
				write(t, filepath.Join(b.dir, "main.tf"), strings.ReplaceAll(benchCode, "\n", "\r\n"))
			},
		},
		"git's variables name another repository": {
			file: "repo/main.tf", want: `note   = "by hand"` + "\n",
			env: []string{"GIT_DIR=/nowhere", "GIT_INDEX_FILE=/nowhere/index", "GIT_WORK_TREE=/nowhere"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			top := filepath.Dir(b.dir)
			write(t, filepath.Join(top, ".gitignore"), "*\n!repo/\n!repo/**\n.terraform/\n*.tfstate\n*.tfstate.*\n.holdfast/\n")
			stack := b.dir
			b.dir = top
			b.git(t, "init", "-q", "-b", "main")
			b.git(t, "config", "user.name", "kim")
			b.git(t, "config", "user.email", "kim@example.com")
			b.dir = stack
			if tt.prepare != nil {
				tt.prepare(t, b)
			}
			b.git(t, "add", ".")
			b.git(t, "commit", "-qm", "Begin")
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			before := b.reality(t)
			b.env = append(b.env, tt.env...)
			out, code := b.run(t, "accept", "test_simple.a", "--branch", "x", "--reason", "it stays")
			b.env = b.env[:len(b.env)-len(tt.env)]
			if code != drift.ExitClean {
				t.Fatalf("%d: %s", code, out)
			}
			b.unchanged(t, before)
			if got := b.said(t, "show", "x:"+tt.file); !strings.Contains(got, tt.want) || strings.Contains(got, "\r") {
				t.Errorf("%q", got)
			}
			if stat := b.said(t, "diff", "--numstat", "main", "x"); stat != "1\t1\t"+tt.file+"\n" {
				t.Errorf("the commit changes %q", stat)
			}
			if status := b.said(t, "status", "--porcelain"); status != "" {
				t.Errorf("git has changes: %s", status)
			}
		})
	}
}
