package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/cli"
	"holdfast/internal/drift"
)

// at runs a command on a repository on a day, with its settings and its history.
func (r *repository) at(t *testing.T, day string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	now, err := time.Parse(time.DateTime, day)
	must(t, err)
	var out, errs bytes.Buffer
	switch args[0] {
	case "check":
		args = append(args, r.dir, "--quiet")
		fallthrough
	default:
		args = append(args, "--config", filepath.Join(r.dir, "holdfast.yaml"))
	}
	code = cli.MainAt(now, args, append(r.env(), "NO_COLOR=1"), &out, &errs)
	return code, out.String(), errs.String()
}

// TestWaive waives a finding, sees it waived, lets the waiver end, and sees it
// open again.
func TestWaive(t *testing.T) {
	t.Parallel()
	r := newOddRig(t).repository(t)
	r.file(t, "holdfast.yaml", "version: 1\n")
	expect := func(day string, want int, says []string, args ...string) string {
		t.Helper()
		code, stdout, stderr := r.at(t, day, args...)
		if code != want {
			t.Fatalf("%q on %s: exit code %d, want %d\n%s%s", args, day, code, want, stdout, stderr)
		}
		for _, text := range says {
			if !strings.Contains(stdout+stderr, text) {
				t.Fatalf("%q on %s does not say %q:\n%s%s", args, day, text, stdout, stderr)
			}
		}
		return stdout
	}
	file := filepath.Join(r.dir, "waivers.yaml")
	expect("2026-11-25 10:00:00", drift.ExitClean, nil, "check")
	r.world.Edit(t, "test_simple", before, func(attrs map[string]any) { attrs["note"] = "by hand" })
	expect("2026-11-25 10:00:00", drift.ExitDrift, []string{`note  "code" -> "by hand"`}, "check")

	// What is missing is said, and nothing is written.
	expect("2026-11-25 10:00:00", 1, []string{"--until"}, "waive", "test_simple.this")
	expect("2026-11-25 10:00:00", 1, []string{"needs a reason", "needs an owner"}, "waive", "test_simple.this", "--until", "30d")
	expect("2026-11-25 10:00:00", 1, []string{"more than a year"}, "waive", "test_simple.this", "--until", "2028-01-01", "--reason", "r", "--owner", "o")
	expect("2026-11-25 10:00:00", 1, []string{"leaves out note"}, "waive", "test_simple.this", "--until", "30d", "--reason", "r", "--owner", "o", "--attribute", "name")
	expect("2026-11-25 10:00:00", 1, []string{"no finding"}, "waive", "test_simple.other", "--until", "30d", "--reason", "r", "--owner", "o")
	expect("2026-11-25 10:00:00", 0, []string{"until: 2026-12-05", `value: "by hand"`}, "waive", "test_simple.this", "--until", "10d", "--reason", "r", "--owner", "o", "--value", "--dry-run")
	if _, err := os.Lstat(file); err == nil {
		t.Fatal("a file was written")
	}
	expect("2026-11-25 10:00:00", 0, []string{"there are no waivers"}, "waivers")

	// It is waived, and the other stack of the same address is not meant.
	expect("2026-11-25 10:00:00", 0, []string{"added ", "waivers.yaml"}, "waive", "test_simple.this", "--until", "10d", "--reason", "the launch", "--owner", "kim", "--ticket", "T-1", "--value")
	expect("2026-11-25 11:00:00", drift.ExitClean, []string{"waived by W-", "the launch", "1 waived"}, "check")
	expect("2026-11-25 11:00:00", 0, []string{"active until 2026-12-05; ends within two weeks", "kim, T-1", before + ": test_simple.this"}, "waivers")
	r.world.Edit(t, "test_simple", after, func(attrs map[string]any) { attrs["note"] = "by hand" })
	expect("2026-11-25 12:00:00", drift.ExitDrift, []string{"waived by W-"}, "check")
	r.world.Edit(t, "test_simple", after, func(attrs map[string]any) { attrs["note"] = "code" })

	// Another value is another change; the last day is part of it, and then it ends.
	r.world.Edit(t, "test_simple", before, func(attrs map[string]any) { attrs["note"] = "by another hand" })
	expect("2026-11-26 11:00:00", drift.ExitDrift, nil, "check")
	r.world.Edit(t, "test_simple", before, func(attrs map[string]any) { attrs["note"] = "by hand" })
	expect("2026-12-05 23:59:59", drift.ExitClean, []string{"waived"}, "check")
	expect("2026-12-06 00:00:00", drift.ExitDrift, []string{"(kim) ended on 2026-12-05"}, "check")
	expect("2026-12-06 00:00:00", 0, []string{"ended until 2026-12-05; take it out"}, "waivers")

	// A mistake in the file ends every command that needs it.
	r.edit(t, "waivers.yaml", func(s string) string { return strings.Replace(s, "owner", "owned_by", 1) })
	expect("2026-12-06 00:00:00", 1, []string{"waivers.yaml:", `unknown key "owned_by"`}, "check")
	expect("2026-12-06 00:00:00", 1, []string{`unknown key "owned_by"`}, "waivers")
	r.world.AssertReadOnly(t)
}

// TestUnsoundSinceLastCheck puts an older state back, and then another one: the
// check says so until that is mended, and its exit code too.
func TestUnsoundSinceLastCheck(t *testing.T) {
	t.Parallel()
	r := newOddRig(t).repository(t)
	r.file(t, "holdfast.yaml", "version: 1\n")
	const day = "2026-11-25 10:00:00"
	serial := func(n, lineage string) func(string) string {
		return func(s string) string {
			s = regexp.MustCompile(`"serial": *[0-9]+`).ReplaceAllString(s, `"serial": `+n)
			return regexp.MustCompile(`"lineage": *"[^"]*"`).ReplaceAllString(s, `"lineage": "`+lineage+`"`)
		}
	}
	for i, c := range []struct {
		edit func(string) string
		code int
		says string
	}{
		{serial("7", "one"), 0, ""},
		{serial("7", "one"), 0, ""},
		{serial("6", "one"), 1, "the state's serial was 7 at the check of "},
		{serial("6", "one"), 1, "and is 6: an older state was put back"},
		{serial("8", "one"), 0, ""},
		{serial("9", "two"), 1, "the state's lineage was one at the check of "},
		{serial("9", "two"), 1, "and is two: it is another state"},
		{serial("8", "one"), 0, ""},
	} {
		r.edit(t, before+"/terraform.tfstate", c.edit)
		code, stdout, stderr := r.at(t, day, "check")
		if code != c.code || c.says == "" && strings.Contains(stdout, "at the check of") || !strings.Contains(stdout, c.says) {
			t.Fatalf("check %d: exit code %d, want %d and %q\n%s%s", i, code, c.code, c.says, stdout, stderr)
		}
	}
	if code, _, _ := r.at(t, day, "check", "--no-history"); code != 0 {
		t.Errorf("without a history: exit code %d", code)
	}
}
