//go:build linux

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/provider/providertest"
)

// accept accepts without asking.
func (b *bench) accept(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return b.run(t, append([]string{"accept", "--yes", "--reason", "it stays", "--ticket", "OPS-7"}, args...)...)
}

// file is a file of the repository.
func (b *bench) file(t *testing.T, name string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(b.dir, filepath.FromSlash(name)))
	must(t, err)
	return string(src)
}

// planIsEmpty has the real Terraform say that code, state and reality agree.
func (b *bench) planIsEmpty(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), b.real, "plan", "-detailed-exitcode", "-input=false", "-no-color", "-lock=false")
	cmd.Dir, cmd.Env = b.dir, b.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("terraform plan is not empty: %v\n%s", err, out)
	}
}

// repository makes the folder a git repository with all in it committed.
func (b *bench) repository(t *testing.T) {
	t.Helper()
	write(t, filepath.Join(b.dir, ".gitignore"), ".terraform/\n*.tfstate\n*.tfstate.*\n")
	b.git(t, "init", "-q", "-b", "main")
	b.git(t, "config", "user.name", "kim")
	b.git(t, "config", "user.email", "kim@example.com")
	b.git(t, "add", ".")
	b.git(t, "commit", "-qm", "Begin")
}

// instanceOf is an instance of test_simple whose object is called id.
func instanceOf(name string, key any, id string, note any) providertest.Resource {
	return providertest.Resource{Type: "test_simple", Name: name, Key: key, ID: id, Attributes: map[string]any{"name": id, "note": note, "color": "blue"}}
}

// says makes sure that a text has all these parts in it.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
}

// TestAcceptOne takes one finding in, leaves another alone, and tells so
// everywhere.
func TestAcceptOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.repository(t)
	b.byHand(t, "a", "note", "by hand")
	b.byHand(t, "b", "note", "by hand")
	b.check(t)
	if out, code := b.run(t, "report"); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	before := b.reality(t)
	out, code := b.run(t, "accept", "test_simple.a", "--dry-run")
	says(t, out, "test_simple.a  accept", `-  note   = "code"`, `+  note   = "by hand"`, "this would be done; nothing was changed")
	if code != drift.ExitClean || strings.Contains(out, "test_simple.b") || len(b.events(t, drift.EventAttempted)) > 0 {
		t.Errorf("%d: %s", code, out)
	}
	b.unchanged(t, before)
	out, code = b.accept(t, "test_simple.a")
	says(t, out, "test_simple.a  accepted\n", "edited, and to be committed: main.tf", "terraform.tfstate.backup")
	if want := strings.Replace(benchCode, `note   = "code"`, `note   = "by hand"`, 1); code != drift.ExitClean || b.file(t, "main.tf") != want {
		t.Errorf("%d: %s", code, b.file(t, "main.tf"))
	}
	if !strings.Contains(b.file(t, "terraform.tfstate"), "by hand") || b.live(t, "a", "note") != "by hand" || b.live(t, "b", "note") != "by hand" || b.world.Count(t, "ApplyResourceChange") > 0 {
		t.Error("reality is not as it was, or not in the state")
	}
	if b.life(t, "test_simple.a") != drift.LifeAccepted || b.life(t, "test_simple.b") != drift.LifeOpen {
		t.Errorf("a is %s, b is %s", b.life(t, "test_simple.a"), b.life(t, "test_simple.b"))
	}
	events := b.events(t, drift.EventAccepted)
	if len(events) != 1 || events[0].Actor != "kim" || events[0].Reason != "it stays" || events[0].Ticket != "OPS-7" || len(b.events(t, drift.EventResolved)) > 0 {
		t.Errorf("%+v", events)
	}
	b.tellsRow(t, "Accepted into the code", "by kim: it stays (OPS-7)")
	b.noPlanLeft(t)
	out, code = b.accept(t, "test_simple.b", "--allow-dirty")
	if code != drift.ExitClean {
		t.Errorf("%d: %s", code, out)
	}
	b.planIsEmpty(t)
	b.git(t, "diff", "--exit-code", "--stat", "--", "versions.tf")
}

// tellsRow looks for the row of test_simple.a in the drift report: the date, the
// resource, the type of the change and its resolution.
func (b *bench) tellsRow(t *testing.T, resolution ...string) {
	t.Helper()
	for line := range strings.Lines(b.file(t, "DRIFT.md")) {
		if !strings.HasPrefix(line, "| 20") || !strings.Contains(line, "test_simple.a") {
			continue
		}
		says(t, line, append(resolution, "note")...)
		return
	}
	t.Errorf("the drift report has no row of it:\n%s", b.file(t, "DRIFT.md"))
}

// TestAcceptDeleted takes what was deleted out of the code, and Terraform drops it
// from the state.
func TestAcceptDeleted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code, want string // in the place of the block of b
		key        string
		args       []string
	}{
		"a block": {
			code: "# What b is for.\nresource \"test_simple\" \"b\" {\n  name = \"b\"\n  note = \"code\"\n}\n",
		},
		"a removed block": {
			code: "resource \"test_simple\" \"b\" {\n  name = \"b\"\n  note = \"code\"\n}\n",
			want: "removed {\n  from = test_simple.b\n\n  lifecycle {\n    destroy = false\n  }\n}\n",
			args: []string{"--removed-block"},
		},
		"one of for_each": {
			code: "resource \"test_simple\" \"b\" {\n  for_each = toset([\"x\", \"y\"])\n  name     = each.key\n}\n",
			want: "resource \"test_simple\" \"b\" {\n  for_each = toset([\"y\"])\n  name     = each.key\n}\n",
			key:  "x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first, _, _ := strings.Cut(benchCode, "resource \"test_simple\" \"b\"")
			address, id := "test_simple.b", "b"
			if tt.key != "" {
				address, id = `test_simple.b["x"]`, "x"
				a := instanceOf("a", nil, "a", "code")
				a.Attributes["secret"] = "not-a-real-secret"
				b.world.Provision(t, b.dir, b.pkg, a, instanceOf("b", "x", "x", nil), instanceOf("b", "y", "y", nil))
			}
			write(t, filepath.Join(b.dir, "main.tf"), first+tt.code)
			b.world.Delete(t, "test_simple", id)
			b.check(t)
			out, code := b.accept(t, append(tt.args, address)...)
			if got := strings.TrimSpace(b.file(t, "main.tf")); code != drift.ExitClean || got != strings.TrimSpace(first+tt.want) {
				t.Errorf("%d: %s\nthe code:\n%s", code, out, got)
			}
			if state := b.file(t, "terraform.tfstate"); strings.Contains(state, `"id": "`+id+`"`) || tt.key != "" && !strings.Contains(state, `"id": "y"`) {
				t.Errorf("the state:\n%s", state)
			}
			if b.life(t, address) != drift.LifeAccepted || b.world.Count(t, "ApplyResourceChange") > 0 {
				t.Errorf("it is %s", b.life(t, address))
			}
			b.planIsEmpty(t)
		})
	}
}

// TestAcceptAllowedByPolicy accepts what holdfast.yaml keeps from being reverted.
func TestAcceptAllowedByPolicy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	write(t, filepath.Join(b.dir, "holdfast.yaml"), "version: 1\nresolve:\n  never:\n    - {type: test_s*, reason: the owner does it}\n")
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	if out, code := b.revert(t, "test_simple.a"); code != drift.ExitIncomplete || !strings.Contains(out, "holdfast.yaml says never") {
		t.Fatalf("%d: %s", code, out)
	}
	if out, code := b.accept(t, "test_simple.a"); code != drift.ExitClean || b.life(t, "test_simple.a") != drift.LifeAccepted {
		t.Errorf("%d: %s", code, out)
	}
}

// TestAcceptWaived takes a waived finding by its id.
func TestAcceptWaived(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	if out, code := b.run(t, "waive", "test_simple.a", "--reason", "launch", "--owner", "ada", "--until", "30d"); code != 0 {
		t.Fatal(out)
	}
	if out, code := b.accept(t, b.events(t, drift.EventFound)[0].Finding); code != drift.ExitClean || b.life(t, "test_simple.a") != drift.LifeAccepted {
		t.Errorf("%d: %s", code, out)
	}
}

// TestAcceptRefuses refuses for each guard, and changes nothing.
func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	depends := func(t *testing.T, b *bench) {
		b.edit(t, `note   = "code"`, "note   = \"code\"\n  depends_on = [test_simple.b]")
	}
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, b *bench) // after the check
		args    []string
		says    []string
		changes [3]string // an object that the script changes, from and to
	}{
		"changes that are not committed": {
			prepare: func(t *testing.T, b *bench) { b.repository(t); b.edit(t, "name = \"b\"", "name = \"b\" # better") },
			says:    []string{"its folder has changes that are not committed: main.tf", "--allow-dirty"},
		},
		"a lock of an apply": {
			prepare: func(t *testing.T, b *bench) { b.lock(t, "OperationTypeApply") },
			says:    []string{"locked by ada@laptop since 2026-11-01T10:00:00Z", "force-unlock 42", "only possible"},
		},
		"a lock of a plan": {
			prepare: func(t *testing.T, b *bench) { b.lock(t, "OperationTypePlan") },
			says:    []string{"locked by ada@laptop since 2026-11-01T10:00:00Z, for plan"},
		},
		"drift that has gone": {
			prepare: func(t *testing.T, b *bench) { b.byHand(t, "a", "note", "code") },
			says:    []string{"not there any more"},
		},
		"an older state put back": {
			prepare: func(t *testing.T, b *bench) { b.putBackState(t) },
			says:    []string{"test_simple.a: the state is unsound: serial_back", "mend the state first"},
		},
		"a waived finding": {
			prepare: func(t *testing.T, b *bench) {
				if out, code := b.run(t, "waive", "test_simple.a", "--reason", "launch", "--owner", "ada", "--until", "30d"); code != 0 {
					t.Fatal(out)
				}
			},
			says: []string{"waived by W-", "launch", "name it by its id"},
		},
		"drift of a dependency": {
			prepare: func(t *testing.T, b *bench) { depends(t, b); b.byHand(t, "b", "note", "by hand") },
			says:    []string{"test_simple.b: what is accepted depends on it, and it has drifted too", "accept or revert it as well"},
		},
		"a dependency that was deleted": {
			prepare: func(t *testing.T, b *bench) { depends(t, b); b.world.Delete(t, "test_simple", "b") },
			says:    []string{"test_simple.b: what is accepted depends on it, and it has drifted too"},
		},
		"drift of a dependency meanwhile": {
			prepare: func(t *testing.T, b *bench) {
				depends(t, b)
				object := filepath.Join(b.world.Dir, "test_simple", "b.json")
				b.wrapped(t, `case "$*" in *-refresh-only*) sed -i 's/code/just now/' `+object+`;; esac`)
			},
			says:    []string{"test_simple.b: what is accepted depends on it, and it has drifted too"},
			changes: [3]string{"b", "code", "just now"},
		},
		"code that is not applied": {
			prepare: func(t *testing.T, b *bench) { b.edit(t, `note   = "code"`, "note   = \"code\"\n  size   = 5") },
			says:    []string{"test_simple.a: a plan of the edited source would still update it"},
		},
		"a sensitive value": {
			prepare: func(t *testing.T, b *bench) { b.byHand(t, "a", "secret", "not-a-real-change") },
			says:    []string{"test_simple.a secret: the value is sensitive", "main.tf:1"},
		},
		"a plan that fails": {
			prepare: func(t *testing.T, b *bench) {
				b.wrapped(t, `if [ "$1" = plan ]; then echo 'Error: nobody knows not-a-real-secret' >&2; exit 1; fi`)
			},
			says: []string{"terraform plan failed: Error: nobody knows (sensitive)", "not accepted: the drift is still there"},
		},
		"a refresh that fails": {
			prepare: func(t *testing.T, b *bench) {
				b.wrapped(t, `case "$*" in *-refresh-only*) echo 'Error: not now' >&2; exit 1;; esac`)
			},
			says: []string{"terraform plan failed: Error: not now", "not accepted: the drift is still there"},
		},
		"another state": {
			prepare: func(t *testing.T, b *bench) {
				b.wrapped(t, `if [ "$1" = state ]; then echo '{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "other", "outputs": {}, "resources": []}'; exit 0; fi`)
			},
			says: []string{"another state"},
		},
		"a change after the edit was worked out": {
			prepare: func(t *testing.T, b *bench) {
				object := filepath.Join(b.world.Dir, "test_simple", "a.json")
				b.wrapped(t, `if [ "$1" = state ]; then "$REAL" "$@"; code=$?; sed -i 's/by hand/by hand again/' `+object+`; exit $code; fi`)
			},
			says:    []string{"changed again since the plan"},
			changes: [3]string{"a", "by hand", "by hand again"},
		},
		"no reason":   {args: []string{"--reason", ""}, says: []string{"--reason is required"}},
		"no terminal": {args: []string{"--yes=false"}, says: []string{"no terminal", "--yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			if tt.prepare != nil {
				tt.prepare(t, b)
			}
			before := b.reality(t)
			if tt.changes[0] != "" {
				object := filepath.Join(b.world.Dir, "test_simple", tt.changes[0]+".json")
				before[object] = strings.Replace(before[object], tt.changes[1], tt.changes[2], 1)
			}
			out, code := b.accept(t, append([]string{"test_simple.a"}, tt.args...)...)
			if code != drift.ExitIncomplete {
				t.Errorf("exit code %d", code)
			}
			says(t, out, tt.says...)
			b.unchanged(t, before)
			b.noPlanLeft(t)
			if n := b.world.Count(t, "ApplyResourceChange"); n > 0 || len(b.intents(t)) > 0 {
				t.Errorf("%d objects were changed", n)
			}
			b.attempted(t, len(tt.args) == 0, tt.says[0])
		})
	}
}

// attempted looks for the one attempt in the history's events, with why.
func (b *bench) attempted(t *testing.T, want bool, why string) {
	t.Helper()
	attempts := b.events(t, drift.EventAttempted)
	if !want {
		if len(attempts) > 0 {
			t.Errorf("it was no attempt: %+v", attempts)
		}
		return
	}
	if len(attempts) != 1 || attempts[0].Actor != "kim" || attempts[0].Reason != "it stays" || !strings.Contains(attempts[0].Detail, why) {
		t.Errorf("the attempt is not in the history: %+v", attempts)
	}
	if out, _ := b.run(t, "history", "--events"); !strings.Contains(out, "attempted") {
		t.Errorf("the attempt is not shown: %s", out)
	}
}
