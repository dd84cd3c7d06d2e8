//go:build linux

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// TestRevertKilled kills the program at each point of a revert; the next check
// tells truly what has become of it, and a further one nothing new.
func TestRevertKilled(t *testing.T) {
	t.Parallel()
	const kill = `kill -9 $PPID; while kill -0 $PPID 2>/dev/null; do [ "$(cut -d' ' -f3 /proc/$PPID/stat)" = Z ] && break; done`
	for name, tt := range map[string]struct {
		script string // of Terraform
		gone   bool   // the drift, afterwards
		begun  bool   // the history knows that it was about to begin
	}{
		"during the plan":                    {script: `if [ "$1" = plan ]; then ` + kill + `; exit 1; fi`},
		"between plan and apply":             {script: `if [ "$1" = apply ]; then ` + kill + `; exit 1; fi`, begun: true},
		"while terraform applies":            {script: `if [ "$1" = apply ]; then ` + kill + `; fi`, gone: true, begun: true},
		"after the apply, before the record": {script: `if [ "$1" = apply ]; then "$REAL" "$@"; ` + kill + `; exit 0; fi`, gone: true, begun: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			b.wrapped(t, tt.script)
			if out, code := b.revert(t, "test_simple.a"); code != -1 {
				t.Fatalf("it was not killed, but ended with %d: %s", code, out)
			}
			if tt.gone { // Terraform goes on by itself
				eventually(t, "the end of the apply", func() bool {
					state, err := os.ReadFile(filepath.Join(b.dir, "terraform.tfstate"))
					return err == nil && !strings.Contains(string(state), `"serial": 1,`) && !exists(filepath.Join(b.dir, ".terraform.tfstate.lock.info"))
				})
			}
			if begun := len(b.intents(t)) > 0; begun != tt.begun {
				t.Errorf("begun: %v", begun)
			}
			b.wrapped(t, "")
			out, code := b.run(t, "check")
			reverted, attempted := b.events(t, drift.EventReverted), b.events(t, drift.EventAttempted)
			switch {
			case !tt.begun:
				if code != drift.ExitDrift || len(reverted)+len(attempted) > 0 || strings.Contains(out, "warning") {
					t.Errorf("%d: %s", code, out)
				}
			case tt.gone:
				if code != drift.ExitClean || len(reverted) != 1 || len(attempted) > 0 || reverted[0].Actor != "kim" || b.life(t, "test_simple.a") != drift.LifeReverted ||
					!strings.Contains(reverted[0].Detail, "was cut off, or is under way; a check has seen that the drift is gone") || !strings.Contains(out, "a revert of test_simple.a by kim began at 20") || !strings.Contains(out, "the drift is gone, reverted") {
					t.Errorf("%d: %s; %+v, %+v", code, out, reverted, attempted)
				}
			default:
				if code != drift.ExitDrift || len(reverted) > 0 || len(attempted) != 1 || attempted[0].Reason != "by mistake" || b.life(t, "test_simple.a") != drift.LifeOpen ||
					!strings.Contains(attempted[0].Detail, "the drift is still there") || !strings.Contains(out, "the drift is still there") {
					t.Errorf("%d: %s; %+v, %+v", code, out, reverted, attempted)
				}
			}
			if again, _ := b.run(t, "check"); strings.Contains(again, "warning") || len(b.intents(t)) > 0 {
				t.Errorf("once more: %s", again)
			}
			if out, code := b.revert(t, "test_simple.a"); (code == drift.ExitClean) == tt.gone {
				t.Errorf("reverted again with %d: %s", code, out)
			}
			if resolved := b.events(t, drift.EventResolved); len(resolved) > 0 {
				t.Errorf("gone by itself: %+v", resolved)
			}
		})
	}
}

// TestRevertAgainAfterKill has the next revert tell of the one that was killed, and
// do what that did not.
func TestRevertAgainAfterKill(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	b.wrapped(t, `if [ "$1" = apply ]; then kill -9 $PPID; exit 1; fi`)
	b.revert(t, "test_simple.a")
	b.wrapped(t, "")
	out, code := b.revert(t, "test_simple.a")
	if code != drift.ExitClean || !strings.Contains(out, "a revert of test_simple.a by kim began at 20") || !strings.Contains(out, "the drift is still there") {
		t.Errorf("%d: %s", code, out)
	}
	if reverted, attempted := b.events(t, drift.EventReverted), b.events(t, drift.EventAttempted); len(reverted) != 1 || len(attempted) != 1 {
		t.Errorf("%+v, %+v", reverted, attempted)
	}
}

// TestCheckMeanwhile: a check of somebody else's while a revert is under way can't
// know what will become of it; the revert's own word stands.
func TestCheckMeanwhile(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("holdfast")
	must(t, err)
	for name, tt := range map[string]struct {
		script    string // of Terraform, at the apply
		attempted int
	}{
		"just before terraform applies": {program + ` check > /dev/null`, 1},
		"just after it has applied":     {`"$REAL" "$@"; ` + program + ` check > /dev/null; exit 0`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			b.wrapped(t, `if [ "$1" = apply ]; then `+tt.script+`; fi`)
			if out, code := b.revert(t, "test_simple.a"); code != drift.ExitClean || !strings.Contains(out, "test_simple.a  reverted") {
				t.Errorf("exit code %d: %s", code, out)
			}
			b.wrapped(t, "")
			if out, code := b.run(t, "check"); code != drift.ExitClean {
				t.Errorf("exit code %d: %s", code, out)
			}
			reverted, attempted, resolved := b.events(t, drift.EventReverted), b.events(t, drift.EventAttempted), b.events(t, drift.EventResolved)
			if len(reverted) != 1 || len(attempted) != tt.attempted || len(resolved) > 0 || len(b.intents(t)) > 0 || b.life(t, "test_simple.a") != drift.LifeReverted || reverted[0].Actor != "kim" {
				t.Errorf("%+v, %+v, %+v", reverted, attempted, resolved)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (b *bench) intents(t *testing.T) []store.Outcome {
	t.Helper()
	var list []store.Outcome
	for o, err := range b.history(t).Intents(t.Context()) {
		must(t, err)
		list = append(list, o)
	}
	return list
}

// TestRevertStale has somebody change the state between plan and apply: Terraform
// refuses the plan, and the history tells what has come of it.
func TestRevertStale(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	b.wrapped(t, `if [ "$1" = apply ]; then sed -i 's/"serial": 1,/"serial": 2,/' terraform.tfstate; fi`)
	out, code := b.revert(t, "test_simple.a")
	attempts := b.events(t, drift.EventAttempted)
	if code != drift.ExitIncomplete || b.live(t, "a", "note") != "by hand" || len(attempts) != 1 || !strings.Contains(attempts[0].Detail, "stale") || !strings.Contains(out, "not reverted: the drift is still there") {
		t.Errorf("%d: %s; %+v", code, out, attempts)
	}
}

// TestRevertFails tells of an apply that fails, and of one that does nothing.
func TestRevertFails(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"it fails":        `if [ "$1" = apply ]; then echo 'Error: the cloud says not-a-real-secret' >&2; exit 1; fi`,
		"it does nothing": `if [ "$1" = apply ]; then exit 0; fi`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			b.wrapped(t, script)
			out, code := b.revert(t, "test_simple.a")
			attempts := b.events(t, drift.EventAttempted)
			if code != drift.ExitIncomplete || len(attempts) != 1 || !strings.Contains(attempts[0].Detail, "the drift is still there") || b.life(t, "test_simple.a") != drift.LifeOpen {
				t.Errorf("%d: %s; %+v", code, out, attempts)
			}
			if name == "it fails" && !strings.Contains(attempts[0].Detail, "the cloud says") {
				t.Errorf("it does not say why: %s", attempts[0].Detail)
			}
		})
	}
}

// TestRevertInterrupted lets Terraform come to its own end after the first Ctrl-C,
// and records what has become of it: the provider may finish, or give up.
func TestRevertInterrupted(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[string]struct {
		note string
		kind drift.EventKind
		says string
	}{
		"slow:600":   {"code", drift.EventReverted, "reverted\n"},
		"wait:/none": {"by hand", drift.EventAttempted, "not reverted: the state and reality agree, and the code says otherwise"},
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(t, "a", "note", "by hand")
			b.check(t)
			b.world.Behave(t, "ApplyResourceChange", behaviour)
			cmd, out := b.command(t, "revert", "test_simple.a", "--yes", "--reason", "by mistake")
			must(t, cmd.Start())
			b.world.AwaitCall(t, "ApplyResourceChange", 1)
			must(t, cmd.Process.Signal(os.Interrupt))
			_ = cmd.Wait()
			events := b.events(t, want.kind)
			if b.live(t, "a", "note") != want.note || len(events) != 1 || len(b.intents(t)) > 0 {
				t.Errorf("%+v; it is %v", events, b.world.Get(t, "test_simple", "a"))
			}
			if code := cmd.ProcessState.ExitCode(); (code == drift.ExitClean) != (want.kind == drift.EventReverted) || !strings.Contains(out.String(), want.says) || strings.Contains(out.String(), "nothing was") {
				t.Errorf("exit code %d: %s", code, out)
			}
			if exists(filepath.Join(b.dir, ".terraform.tfstate.lock.info")) {
				t.Error("the lock is still there")
			}
			b.noPlanLeft(t)
		})
	}
}

// TestRevertInterruptedTwice passes the second Ctrl-C on as well, and waits for
// Terraform's own end.
func TestRevertInterruptedTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	heard := filepath.Join(b.dir, ".terraform", "heard")
	b.wrapped(t, `if [ "$1" = apply ]; then
  n=0
  trap 'n=$((n+1)); echo $n >> `+heard+`' INT
  echo 0 > `+heard+`
  while [ $n -lt 2 ]; do read line < /dev/null; done
  exit 1
fi`)
	cmd, out := b.command(t, "revert", "test_simple.a", "--yes", "--reason", "by mistake")
	must(t, cmd.Start())
	for n, want := range []string{"0\n", "0\n1\n"} {
		eventually(t, "what Terraform has heard", func() bool { src, _ := os.ReadFile(heard); return string(src) == want })
		if n == 0 && syscall.Kill(cmd.Process.Pid, 0) != nil {
			t.Fatal("it has ended")
		}
		must(t, cmd.Process.Signal(os.Interrupt))
	}
	_ = cmd.Wait()
	if src, _ := os.ReadFile(heard); string(src) != "0\n1\n2\n" {
		t.Errorf("Terraform has heard %q", src)
	}
	attempts := b.events(t, drift.EventAttempted)
	if len(attempts) != 1 || !strings.Contains(attempts[0].Detail, "the drift is still there") || cmd.ProcessState.ExitCode() != drift.ExitIncomplete {
		t.Errorf("%d: %s; %+v", cmd.ProcessState.ExitCode(), out, attempts)
	}
	b.noPlanLeft(t)
}

// TestRevertInterruptedBefore ends while the plan is made: nothing is changed, and
// no lock is left.
func TestRevertInterruptedBefore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(t, "a", "note", "by hand")
	b.check(t)
	before := b.reality(t)
	began := filepath.Join(b.dir, ".terraform", "began")
	b.wrapped(t, `if [ "$1" = plan ]; then trap 'exit 1' INT; echo 1 > `+began+`; while :; do read line < /dev/null; done; fi`)
	cmd, out := b.command(t, "revert", "test_simple.a", "--yes", "--reason", "by mistake")
	must(t, cmd.Start())
	eventually(t, "the plan", func() bool { return exists(began) })
	must(t, cmd.Process.Signal(os.Interrupt))
	waited := time.Now()
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != drift.ExitIncomplete || !strings.Contains(out.String(), "interrupted") || time.Since(waited) > time.Minute {
		t.Errorf("%d: %s", cmd.ProcessState.ExitCode(), out)
	}
	b.unchanged(t, before)
	b.noPlanLeft(t)
}
