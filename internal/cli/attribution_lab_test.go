//go:build linux

package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

// TestWhoChangedIt changes a real stack as different people, and asks check who it
// was: from the event history, from a folder of log objects, and from what the
// last check has found out.
func TestWhoChangedIt(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	emulator, err := lab.Start(t.Context(), tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.Close() })
	trail, err := lab.NewTrail(tools, emulator.URL(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	alice := map[string]any{"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/alice", "accountId": "123456789012", "userName": "alice"}
	trail.Introduce("AKIAALICE", lab.Caller{Identity: alice, Console: true, UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", SourceIP: "198.51.100.7"})
	bob := map[string]any{"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/bob", "accountId": "123456789012", "userName": "bob"}
	trail.Introduce("AKIABOB", lab.Caller{Identity: bob})
	stack, err := lab.NewStack(t.Context(), tools, emulator, filepath.Join("testdata", "stack"), filepath.Join(t.TempDir(), "stack"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stack.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	env := append(stack.Env(), "HOLDFAST_CACHE_DIR="+t.TempDir(), "HOLDFAST_TERRAFORM="+tools.Terraform, "AWS_ENDPOINT_URL_CLOUDTRAIL="+trail.URL())
	retention := func(key string, days int) {
		t.Helper()
		change := lab.Call{
			Service: "logs", Method: "put_retention_policy", Endpoint: trail.URL(), Key: key,
			Params: map[string]any{"logGroupName": "/holdfast/interrupt", "retentionInDays": days},
		}
		if _, err := stack.Call(t.Context(), emulator, change); err != nil {
			t.Fatal(err)
		}
	}
	settings := func(text string) {
		t.Helper()
		write(t, filepath.Join(stack.Dir, "holdfast.yaml"), "version: 1\n"+text)
	}
	check := func(want int, args ...string) *drift.Cause {
		t.Helper()
		out, code := holdfast(t, stack.Dir, env, append([]string{"check", "--format", "json"}, args...)...)
		var run drift.Run
		if err := json.Unmarshal(out, &run); err != nil || code != want {
			t.Fatalf("exit code %d, %v: %s", code, err, out)
		}
		if code == drift.ExitClean {
			return nil
		}
		return run.Stacks[0].Findings[0].Cause
	}

	settings("attribution:\n  lookup_events:\n    - account: \"123456789012\"\n")
	check(drift.ExitClean)
	retention("AKIAALICE", 30)
	first := check(drift.ExitDrift)
	if first.Class != drift.CauseConsole || first.Actor != "user alice" || first.From != "198.51.100.7" || first.Event != "PutRetentionPolicy" ||
		first.Confidence != drift.Exact || !slices.Equal(first.Paths, []string{"retention_in_days"}) || first.Since.IsZero() ||
		!strings.HasPrefix(first.Summary, "changed by user alice (console) on ") {
		t.Errorf("%+v", first)
	}
	// What is known is not asked again: nobody answers any more.
	answering := env
	env = append(slices.Clone(env), "AWS_ENDPOINT_URL_CLOUDTRAIL=http://127.0.0.1:1")
	if again := check(drift.ExitDrift); again.EventID != first.EventID {
		t.Errorf("%+v", again)
	}
	env = answering

	// Somebody else changes it to something else.
	retention("AKIABOB", 60)
	if second := check(drift.ExitDrift); second.Actor != "user bob" || second.Class != drift.CauseAutomation || !second.Since.Equal(first.Since) || len(second.Candidates) != 2 {
		t.Errorf("%+v", second)
	}
	out, _ := holdfast(t, stack.Dir, env, "history", "--format", "json")
	if !strings.Contains(string(out), `"actor": "user bob"`) {
		t.Errorf("the history does not know who it was: %s", out)
	}

	// The log objects of a trail tell the same, with no history at hand.
	objects, err := trail.Objects("audit/", 100, func(int, func(int, int)) {})
	if err != nil {
		t.Fatal(err)
	}
	for key, data := range objects {
		file := filepath.Join(stack.Dir, "exported", filepath.FromSlash(key))
		must(t, os.MkdirAll(filepath.Dir(file), 0o700))
		must(t, os.WriteFile(file, data, 0o600))
	}
	settings("attribution:\n  trails: [{folder: exported/audit}]\n  automation: [{name: retention keeper, roles: [bob]}]\n")
	if third := check(drift.ExitDrift, "--no-history"); third.Actor != "user bob" || third.Automation != "retention keeper" || !third.Since.IsZero() {
		t.Errorf("%+v", third)
	}
	if none := check(drift.ExitDrift, "--no-history", "--no-attribution"); none.Class != drift.CauseUnknown || none.Actor != "" {
		t.Errorf("%+v", none)
	}
}
