//go:build linux

package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/drift"
)

// TestAcceptKilled kills the program at each point of an accept; the next check
// tells truly what has become of it, and a further one nothing new.
func TestAcceptKilled(t *testing.T) {
	t.Parallel()
	const kill = `kill -9 $PPID; while kill -0 $PPID 2>/dev/null; do [ "$(cut -d' ' -f3 /proc/$PPID/stat)" = Z ] && break; done`
	const refreshing = `case "$*" in *-refresh-only*) `
	for name, tt := range map[string]struct {
		script string // of Terraform
		edited bool   // the source, afterwards
		fresh  bool   // the state, afterwards
	}{
		"before the edit":                    {script: `if [ "$1" = state ]; then ` + kill + `; exit 1; fi`},
		"after the edit":                     {script: refreshing + kill + `; exit 1;; esac`, edited: true},
		"between plan and apply":             {script: `if [ "$1" = apply ]; then ` + kill + `; exit 1; fi`, edited: true},
		"while terraform applies":            {script: `if [ "$1" = apply ]; then ` + kill + `; fi`, edited: true, fresh: true},
		"after the apply, before the record": {script: `if [ "$1" = apply ]; then "$REAL" "$@"; ` + kill + `; exit 0; fi`, edited: true, fresh: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			b.wrapped(t, tt.script)
			if out, code := b.accept(t, "test_simple.a"); code != -1 {
				t.Fatalf("it was not killed, but ended with %d: %s", code, out)
			}
			if tt.fresh { // Terraform goes on by itself
				eventually(t, "the end of the apply", func() bool {
					state, err := os.ReadFile(filepath.Join(b.dir, "terraform.tfstate"))
					return err == nil && strings.Contains(string(state), "by hand") && !exists(filepath.Join(b.dir, ".terraform.tfstate.lock.info"))
				})
			}
			if edited := strings.Contains(b.file(t, "main.tf"), "by hand"); edited != tt.edited || len(b.intents(t)) > 0 != tt.edited {
				t.Errorf("edited: %v, begun: %v", edited, b.intents(t))
			}
			b.wrapped(t, "")
			out, code := b.run(t, "check")
			accepted, attempted := b.events(t, drift.EventAccepted), b.events(t, drift.EventAttempted)
			switch {
			case !tt.edited:
				if code != drift.ExitDrift || len(accepted)+len(attempted) > 0 || strings.Contains(out, "warning") {
					t.Errorf("%d: %s", code, out)
				}
			case tt.fresh:
				if code != drift.ExitClean || len(accepted) != 1 || len(attempted) > 0 || accepted[0].Actor != "kim" || b.life(t, "test_simple.a") != drift.LifeAccepted {
					t.Errorf("%d: %s; %+v, %+v", code, out, accepted, attempted)
				}
				says(t, out, "the drift is gone, accepted")
			default:
				if code != drift.ExitClean || len(accepted) > 0 || len(attempted) != 1 || attempted[0].Reason != "it stays" || b.life(t, "test_simple.a") != drift.LifeResolved {
					t.Errorf("%d: %s; %+v, %+v", code, out, accepted, attempted)
				}
				says(t, out, "the code says now what is live", "test_simple.a: already in the code: note")
				says(t, attempted[0].Detail, "was cut off, or is under way", "the code says now what is live")
			}
			if again, _ := b.run(t, "check"); strings.Contains(again, "warning") || len(b.intents(t)) > 0 {
				t.Errorf("once more: %s", again)
			}
			if out, code := b.accept(t, "test_simple.a"); (code == drift.ExitClean) == tt.edited {
				t.Errorf("accepted again with %d: %s", code, out)
			}
			if n := b.world.Count(t, "ApplyResourceChange"); n > 0 || b.live(t, "a", "note") != "by hand" {
				t.Errorf("reality has changed: %v", b.world.Get(t, "test_simple", "a"))
			}
		})
	}
}

// TestAcceptFails tells of a refresh that fails, and of one that does nothing: the
// source is edited then, and the history does not call it accepted.
func TestAcceptFails(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"it fails":                  `if [ "$1" = apply ]; then echo 'Error: the cloud says not-a-real-secret' >&2; exit 1; fi`,
		"it does nothing":           `if [ "$1" = apply ]; then exit 0; fi`,
		"the state is another then": `if [ "$1" = apply ]; then sed -i 's/"serial": 1,/"serial": 2,/' terraform.tfstate; fi`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			b.wrapped(t, script)
			out, code := b.accept(t, "test_simple.a")
			if code != drift.ExitIncomplete || len(b.events(t, drift.EventAccepted)) > 0 || !strings.Contains(b.file(t, "main.tf"), "by hand") {
				t.Errorf("exit code %d: %s", code, out)
			}
			says(t, out, "not accepted: the drift is not there any more, but the code says now what is live")
			if name != "it does nothing" {
				says(t, out, "the source is edited, and the state is not known to be refreshed", "terraform apply -refresh-only")
			}
			b.attempted(t, true, "the code says now what is live")
		})
	}
}

// TestAcceptInterrupted ends while the edited source is planned: the source is as
// it was before, and no lock is left.
func TestAcceptInterrupted(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{
		"the refresh": `*-refresh-only*`,
		"the proof":   `*-refresh-only*) ;; "plan "*`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			before := b.reality(t)
			began := filepath.Join(b.dir, ".terraform", "began")
			b.wrapped(t, `case "$*" in `+at+`) trap 'exit 1' INT; echo 1 > `+began+`; while :; do read line < /dev/null; done;; esac`)
			cmd, out := b.command(t, "accept", "test_simple.a", "--yes", "--reason", "it stays")
			must(t, cmd.Start())
			eventually(t, "the plan", func() bool { return exists(began) })
			if !strings.Contains(b.file(t, "main.tf"), "by hand") {
				t.Error("the source is not edited yet")
			}
			must(t, cmd.Process.Signal(os.Interrupt))
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != drift.ExitIncomplete {
				t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), out)
			}
			says(t, out.String(), "not accepted: the drift is still there")
			b.unchanged(t, before)
			b.noPlanLeft(t)
			b.attempted(t, true, "the drift is still there")
		})
	}
}

// TestAcceptDeletedKilled kills the program after a block was taken out: the next
// check says that the state still has the object, and accepting it again ends it.
func TestAcceptDeletedKilled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.world.Delete(t, "test_simple", "b")
	b.check(t)
	b.wrapped(t, `if [ "$1" = apply ]; then kill -9 $PPID; exit 1; fi`)
	if out, code := b.accept(t, "test_simple.b"); code != -1 || strings.Contains(b.file(t, "main.tf"), `"b"`) {
		t.Fatalf("it was not killed after the edit, but ended with %d: %s", code, out)
	}
	b.wrapped(t, "")
	out, code := b.run(t, "check")
	says(t, out, "the drift is still there, deleted")
	if code != drift.ExitDrift || len(b.events(t, drift.EventAttempted)) != 1 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := b.accept(t, "test_simple.b"); code != drift.ExitClean || b.life(t, "test_simple.b") != drift.LifeAccepted {
		t.Errorf("exit code %d: %s", code, out)
	}
	b.planIsEmpty(t)
}
