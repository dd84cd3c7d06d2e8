//go:build linux

package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"holdfast/internal/drift"
	"holdfast/internal/provider/providertest"
)

// TestRevertOne puts one finding back, leaves another alone, and tells so
// everywhere.
func TestRevertOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.byHand(t, "a", "secret", "not-a-real-change")
	b.byHand(t, "b", "note", "by hand")
	b.check(t)
	if out, code := b.run(t, "report"); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	before := b.reality(t)
	out, code := b.run(t, "revert", "test_simple.a", "--dry-run")
	if code != drift.ExitClean || !strings.Contains(out, `note  "by hand" -> "code"`) || !strings.Contains(out, "secret  (sensitive)") || strings.Contains(out, "test_simple.b") {
		t.Errorf("%d: %s", code, out)
	}
	b.unchanged(t, before)
	if out, code = b.revert(t, "test_simple.a"); code != drift.ExitClean || !strings.Contains(out, "reverted") || !strings.Contains(out, "terraform.tfstate.backup") {
		t.Fatalf("%d: %s", code, out)
	}
	if b.live(t, "a", "note") != "code" || b.live(t, "a", "secret") != "not-a-real-secret" || b.live(t, "b", "note") != "by hand" {
		t.Errorf("a is %v, b is %v", b.world.Get(t, "test_simple", "a"), b.world.Get(t, "test_simple", "b"))
	}
	if b.life(t, "test_simple.a") != drift.LifeReverted || b.life(t, "test_simple.b") != drift.LifeOpen {
		t.Errorf("a is %s, b is %s", b.life(t, "test_simple.a"), b.life(t, "test_simple.b"))
	}
	events := b.events(t, drift.EventReverted)
	if len(events) != 1 || events[0].Actor != "kim" || events[0].Reason != "by mistake" || events[0].Ticket != "OPS-7" || len(b.events(t, drift.EventResolved)) > 0 {
		t.Errorf("%+v", events)
	}
	src, err := os.ReadFile(filepath.Join(b.dir, "DRIFT.md"))
	if err != nil || !strings.Contains(string(src), "Reverted to the code") || !strings.Contains(string(src), "by kim: by mistake (OPS-7)") {
		t.Errorf("the report: %v\n%s", err, src)
	}
	db, err := os.ReadFile(filepath.Join(b.dir, ".holdfast", "history.db"))
	if err != nil || strings.Contains(string(db), "not-a-real") {
		t.Errorf("a secret is in the history, or %v", err)
	}
	b.noPlanLeft(t)
	if out, code := b.revert(t, "test_simple.a"); code != drift.ExitIncomplete || !strings.Contains(out, "not there any more") {
		t.Errorf("again: %d: %s", code, out)
	}
}

// TestRevertDeleted makes what was deleted again.
func TestRevertDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.world.Delete(t, "test_simple", "a")
	b.check(t)
	out, code := b.revert(t, "test_simple.a")
	if code != drift.ExitClean || !strings.Contains(out, "test_simple.a  create") || b.life(t, "test_simple.a") != drift.LifeReverted {
		t.Errorf("%d: %s", code, out)
	}
	if b.world.Get(t, "test_simple", "id-1")["note"] != "code" {
		t.Errorf("it is %v", b.world.Get(t, "test_simple", "id-1"))
	}
}

// TestRevertChosen chooses among all findings.
func TestRevertChosen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.byHand(t, "b", "note", "by hand")
	b.check(t)
	for _, args := range [][]string{{"--stack", "elsewhere"}, {"--cause", "manual-console"}, {"--waiver", "W-1"}} {
		if out, code := b.revert(t, args...); code != drift.ExitIncomplete || !strings.Contains(out, "no open finding fits") {
			t.Errorf("%v: %d: %s", args, code, out)
		}
	}
	if out, code := b.revert(t); code != drift.ExitIncomplete || !strings.Contains(out, "name findings") {
		t.Errorf("without any: %d: %s", code, out)
	}
	if out, code := b.revert(t, "--cause", "magic"); code != drift.ExitIncomplete || !strings.Contains(out, "no class") {
		t.Errorf("%d: %s", code, out)
	}
	if out, code := b.revert(t, "--stack", ".", "--cause", "unknown"); code != drift.ExitClean || strings.Count(out, "  reverted\n") != 2 {
		t.Errorf("%d: %s", code, out)
	}
	if b.world.Count(t, "ApplyResourceChange") != 2 {
		t.Errorf("%d objects were changed", b.world.Count(t, "ApplyResourceChange"))
	}
}

// TestRevertStacks reverts in several stacks at once, all or, after a failure, none
// of the rest.
func TestRevertStacks(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"all":             "",
		"the first fails": `if [ "$1" = apply ] && [ -d other ]; then exit 1; fi`,
		"one can't begin": `if [ "$1" = plan ] && [ ! -d other ]; then exit 1; fi`,
		"one is refused":  `if [ "$1" = plan ] && [ ! -d other ]; then printf '\nresource "test_simple" "d" {\n  name = "d"\n}\n\noutput "x" {\n  value = test_simple.c.id\n}\n' >> main.tf; fi`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.provision(t, "other", "resource \"test_simple\" \"c\" {\n  name = \"c\"\n  note = \"code\"\n}\n",
				providertest.Resource{Type: "test_simple", Name: "c", Attributes: map[string]any{"name": "c", "note": "code", "color": "blue"}})
			b.byHand(t, "a", "note", "by hand")
			b.byHand(t, "c", "note", "by hand")
			b.check(t)
			b.wrapped(t, script)
			out, code := b.revert(t, "test_simple.a", "test_simple.c")
			if (code == drift.ExitClean) != (name == "all") {
				t.Errorf("exit code %d: %s", code, out)
			}
			live := fmt.Sprint(b.live(t, "a", "note"), ", ", b.live(t, "c", "note"))
			if want := map[bool]string{true: "code, code", false: "by hand, by hand"}[name == "all"]; live != want {
				t.Errorf("live is %s, want %s: %s", live, want, out)
			}
			attempts := b.events(t, drift.EventAttempted)
			if want := map[bool]int{true: 0, false: 2}[name == "all"]; len(attempts) != want {
				t.Errorf("%d attempts, want %d: %+v", len(attempts), want, attempts)
			}
			b.noPlanLeft(t)
		})
	}
}

// TestRevertRefuses refuses for each guard, and changes nothing.
func TestRevertRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, b *bench) // after the check
		args    []string
		says    []string
	}{
		"changes that are not committed": {
			prepare: func(t *testing.T, b *bench) {
				b.git(t, "init", "-q")
				b.git(t, "add", "main.tf", "versions.tf", ".terraform.lock.hcl")
				b.git(t, "-c", "user.name=kim", "-c", "user.email=kim@example.com", "commit", "-qm", "Begin")
				b.edit(t, "name = \"b\"", "name = \"b\" # better")
			},
			says: []string{"not committed: main.tf", "--allow-dirty"},
		},
		"a file that git does not know": {
			prepare: func(t *testing.T, b *bench) { b.git(t, "init", "-q") },
			says:    []string{"main.tf", "versions.tf"},
		},
		"a lock of an apply": {
			prepare: func(t *testing.T, b *bench) { b.lock(t, "OperationTypeApply") },
			says:    []string{"locked by ada@laptop since 2026-11-01T10:00:00Z", "force-unlock 42", "only possible"},
		},
		"a lock of a plan": {
			prepare: func(t *testing.T, b *bench) { b.lock(t, "OperationTypePlan") },
			says:    []string{"locked by ada@laptop since 2026-11-01T10:00:00Z, for plan"},
		},
		"a policy": {
			prepare: func(t *testing.T, b *bench) {
				write(t, filepath.Join(b.dir, "holdfast.yaml"), "version: 1\nresolve:\n  never:\n    - {address: test_simple.b, reason: not this}\n    - {type: test_s*, reason: the owner does it}\n")
			},
			says: []string{"holdfast.yaml says never: the owner does it"},
		},
		"drift that has gone": {
			prepare: func(t *testing.T, b *bench) { b.byHand(t, "a", "note", "code") },
			says:    []string{"not there any more"},
		},
		"a waived finding": {
			prepare: func(t *testing.T, b *bench) {
				if out, code := b.run(t, "waive", "test_simple.a", "--reason", "launch", "--owner", "ada", "--until", "30d"); code != 0 {
					t.Fatal(out)
				}
			},
			says: []string{"waived by W-", "launch", "name it by its id"},
		},
		"an older state put back": {
			prepare: func(t *testing.T, b *bench) { b.putBackState(t) },
			says:    []string{"test_simple.a: the state is unsound: serial_back", "mend the state first"},
		},
		"code that is not applied": {
			prepare: func(t *testing.T, b *bench) { b.edit(t, `note   = "code"`, "note   = \"code\"\n  size   = 5") },
			says:    []string{"test_simple.a size: the plan would change it too"},
		},
		"a dependency": {
			prepare: func(t *testing.T, b *bench) {
				b.edit(t, `note   = "code"`, "note   = \"code\"\n  depends_on = [test_simple.b]")
				b.byHand(t, "b", "note", "by hand")
			},
			says: []string{"test_simple.b: the plan would update it too", "revert it too", "--allow test_simple.b"},
		},
		"an output": {
			prepare: func(t *testing.T, b *bench) {
				write(t, filepath.Join(b.dir, "outputs.tf"), "output \"note\" {\n  value = test_simple.a.note\n}\n")
			},
			says: []string{"output.note: the plan would create this output"},
		},
		"a replacement": {
			prepare: func(t *testing.T, b *bench) { b.byHand(t, "a", "name", "other") },
			says:    []string{"test_simple.a: the plan would replace it", "--allow-replace test_simple.a"},
		},
		"a plan that fails": {
			prepare: func(t *testing.T, b *bench) {
				b.wrapped(t, `if [ "$1" = plan ]; then echo 'Error: nobody knows not-a-real-secret' >&2; exit 1; fi`)
			},
			says: []string{"terraform plan failed: Error: nobody knows (sensitive)"},
		},
		"another state": {
			prepare: func(t *testing.T, b *bench) {
				b.wrapped(t, `if [ "$1" = state ]; then echo '{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "other", "outputs": {}, "resources": []}'; exit 0; fi`)
			},
			says: []string{"another state"},
		},
		"a change after the plan": {
			prepare: func(t *testing.T, b *bench) {
				object := filepath.Join(b.world.Dir, "test_simple", "a.json")
				b.wrapped(t, `if [ "$1" = plan ]; then "$REAL" "$@"; code=$?; sed -i 's/by hand/by hand again/' `+object+`; exit $code; fi`)
			},
			says: []string{"changed again since the plan"},
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
			if name == "a change after the plan" { // which the script makes
				object := filepath.Join(b.world.Dir, "test_simple", "a.json")
				before[object] = strings.Replace(before[object], "by hand", "by hand again", 1)
			}
			out, code := b.revert(t, append([]string{"test_simple.a"}, tt.args...)...)
			if code != drift.ExitIncomplete {
				t.Errorf("exit code %d", code)
			}
			for _, part := range tt.says {
				if !strings.Contains(out, part) {
					t.Errorf("it does not say %q", part)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
			b.unchanged(t, before)
			b.noPlanLeft(t)
			if n := b.world.Count(t, "ApplyResourceChange"); n > 0 {
				t.Errorf("%d objects were changed", n)
			}
			if attempts := b.events(t, drift.EventAttempted); len(tt.args) == 0 && (len(attempts) != 1 || attempts[0].Actor != "kim" || attempts[0].Reason != "by mistake") {
				t.Errorf("the attempt is not in the history: %+v", attempts)
			}
		})
	}
}

// TestRevertAllowed does what would be refused, where it is allowed by name.
func TestRevertAllowed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, b *bench)
		args    []string
	}{
		"what git does not know": {
			prepare: func(t *testing.T, b *bench) { b.git(t, "init", "-q") },
			args:    []string{"test_simple.a", "--allow-dirty"},
		},
		"code that is not applied": {
			prepare: func(t *testing.T, b *bench) { b.edit(t, `note   = "code"`, "note   = \"code\"\n  size   = 5") },
			args:    []string{"test_simple.a", "--allow", "test_simple.a"},
		},
		"a replacement": {
			prepare: func(t *testing.T, b *bench) { b.byHand(t, "a", "name", "other") },
			args:    []string{"test_simple.a", "--allow-replace", "test_simple.a"},
		},
		"a dependency, as a finding": {
			prepare: func(t *testing.T, b *bench) {
				b.edit(t, `note   = "code"`, "note   = \"code\"\n  depends_on = [test_simple.b]")
				b.byHand(t, "b", "note", "by hand")
				b.check(t)
			},
			args: []string{"test_simple.a", "test_simple.b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			tt.prepare(t, b)
			if out, code := b.revert(t, tt.args...); code != drift.ExitClean || b.life(t, "test_simple.a") != drift.LifeReverted {
				t.Errorf("exit code %d: %s", code, out)
			}
		})
	}
}

// TestRevertWaived takes a waived finding by its id, or by its waiver.
func TestRevertWaived(t *testing.T) {
	t.Parallel()
	for _, byID := range []bool{true, false} {
		b := newBench(t)
		b.byHand(t, "a", "note", "by hand")
		b.check(t)
		if out, code := b.run(t, "waive", "test_simple.a", "--id", "W-1", "--reason", "launch", "--owner", "ada", "--until", "30d"); code != 0 {
			t.Fatal(out)
		}
		if out, code := b.run(t, "check"); code != drift.ExitClean {
			t.Fatal(out)
		}
		args := []string{"--waiver", "W-1"}
		if byID {
			args = []string{b.events(t, drift.EventFound)[0].Finding}
		}
		if out, code := b.revert(t, args...); code != drift.ExitClean || b.life(t, "test_simple.a") != drift.LifeReverted {
			t.Errorf("%v: exit code %d: %s", args, code, out)
		}
	}
}

func (b *bench) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func (b *bench) lock(t *testing.T, operation string) {
	t.Helper()
	write(t, filepath.Join(b.dir, ".terraform.tfstate.lock.info"), `{"ID": "42", "Operation": "`+operation+`", "Who": "ada@laptop", "Created": "2026-11-01T10:00:00Z"}`)
}

// TestRevertAsks asks at the terminal, and takes yes alone for it.
func TestRevertAsks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	before := b.reality(t)
	for _, answer := range []string{"y", "", "yes"} {
		terminal, end := openTerminal(t)
		cmd, out := b.command(t, "revert", "test_simple.a", "--reason", "by mistake")
		cmd.Stdin = terminal
		if _, err := end.WriteString(answer + "\n"); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Run()
		said, code := out.String(), cmd.ProcessState.ExitCode()
		switch {
		case !strings.Contains(said, `"by hand" -> "code"`) || !strings.Contains(said, "Do this?"):
			t.Errorf("%q: %d: %s", answer, code, said)
		case answer == "yes":
			if code != drift.ExitClean || b.live(t, "a", "note") != "code" {
				t.Errorf("%d: %s", code, said)
			}
		default:
			if code != drift.ExitIncomplete || !strings.Contains(said, "not confirmed; nothing was changed") {
				t.Errorf("%q: %d: %s", answer, code, said)
			}
			b.unchanged(t, before)
		}
	}
	if attempts := b.events(t, drift.EventAttempted); len(attempts) != 2 || !strings.Contains(attempts[0].Detail, "not confirmed") {
		t.Errorf("%+v", attempts)
	}
}

// openTerminal opens a pseudo-terminal, and the end at which somebody types.
// https://man7.org/linux/man-pages/man4/pts.4.html
func openTerminal(t *testing.T) (terminal, keyboard *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { must(t, keyboard.Close()) })
	var number, unlocked uint32
	for request, argument := range map[uintptr]*uint32{syscall.TIOCSPTLCK: &unlocked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), request, uintptr(unsafe.Pointer(argument))); errno != 0 {
			t.Fatal(errno)
		}
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { must(t, terminal.Close()) })
	return terminal, keyboard
}
