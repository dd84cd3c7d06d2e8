//go:build linux

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
	statefile "holdfast/internal/state"
)

// resolving is an applied stack of its own, to change by hand and put right.
type resolving struct {
	*lab.Stack
	emulator *lab.Emulator
	env      []string
}

// resolvable gives the test its own copy of a module that is applied.
func resolvable(t *testing.T, source string) *resolving {
	t.Helper()
	s := forked(t, source)
	return bindResolving(t, s.Stack, s.Emulator)
}

func bindResolving(t *testing.T, stack *lab.Stack, emulator *lab.Emulator) *resolving {
	t.Helper()
	temp, err := os.MkdirTemp("", "hf") //nolint:usetesting // a provider's socket is in it, and its path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer os.RemoveAll(temp)
		if left, _ := os.ReadDir(temp); len(left) > 0 {
			t.Errorf("left in the folder for temporary files: %v", left)
		}
	})
	env := append(stack.Env(), "HOLDFAST_CACHE_DIR="+theBed.Cache(), "HOLDFAST_TERRAFORM="+lab.Need(t).Terraform, "HOLDFAST_ACTOR=kim", "TMPDIR="+temp)
	return &resolving{stack, emulator, env}
}

// do changes something by hand.
func (r *resolving) do(t *testing.T, call lab.Call) {
	t.Helper()
	if _, err := r.Call(t.Context(), r.emulator, call); err != nil {
		t.Fatal(err)
	}
}

// run runs the program and gives all that it said, and its exit code.
func (r *resolving) run(t *testing.T, args ...string) (string, int) {
	t.Helper()
	path, err := exec.LookPath("holdfast")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.Dir, r.env, &out, &out
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// TestRevertKinds makes changes by hand to both stacks, reverts all of them at
// once, and proves for each that a plan is empty afterwards and that nothing else
// in the emulator is changed: what a revert changes is as it was applied, or belongs
// to what was reverted.
func TestRevertKinds(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"features":      filepath.Join("..", "detect", "testdata", "features"),
		"device-tokens": filepath.Join("..", "..", "examples", "device-tokens"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list []cases.Case
			for _, c := range cases.All {
				if c.Stack == name && revertible(c) {
					c.Alone = c.Alone || slices.ContainsFunc(c.Want, func(v cases.Verdict) bool { return v.Kind == "deleted" }) && !leaves[c.Name]
					list = append(list, c)
				}
			}
			if os.Getenv("HOLDFAST_RESOLVE") != "all" {
				list = some(list)
			}
			for _, batch := range cases.Batches(list, os.Getenv("HOLDFAST_AGREEMENT") == "single") {
				t.Run(batch.Name(), func(t *testing.T) {
					t.Parallel()
					resolvable(t, source).revertAll(t, batch)
				})
			}
		})
	}
}

// some are enough for every day, more than twenty kinds of both stacks: a plan and
// an apply take seconds of a core. HOLDFAST_RESOLVE=all takes them all.
func some(list []cases.Case) []cases.Case {
	together, alone := 16, 1
	if list[0].Stack == "device-tokens" {
		together = 5 // most of them change the same function, and so need runs of their own
	}
	n := map[bool]int{}
	return slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool {
		n[c.Alone]++
		return n[c.Alone] > map[bool]int{false: together, true: alone}[c.Alone]
	})
}

// leaves are the cases that delete what nothing else depends on. Of others, what
// depends on it may be drawn into a plan of something else.
var leaves = map[string]bool{
	"all-ignored-deleted": true, "rule-target-removed": true, "policy-detached": true, "rule-resource-revoked": true, "framework-rule-revoked": true,
	"route-deleted": true, "subnet-disassociated": true, "volume-detached": true, "module-queue-policy-emptied": true, "user-pool-client-deleted": true,
	"permission-removed": true, "key-alias-deleted": true,
}

// irrevertible are the cases that can't be reverted here, each with the reason.
var irrevertible = map[string]string{
	"integration-redirected":               "the emulator can't update an integration",
	"method-opened":                        "the emulator can't update a method",
	"user-data-edited":                     "the emulator doesn't take user data as the provider sends it",
	"table-provisioned":                    "the emulator leaves a capacity behind, which the provider refuses to plan",
	"metric-filter-pattern":                "the emulator keeps the old filter beside the new one",
	"password-policy":                      "the emulator takes no update of it from the provider",
	"session-lengthened":                   "the emulator forgets a role's description when something else of it is updated",
	"device-memory-where-dynamic-is-empty": "the emulator forgets a user pool's tags at every update",
	"queue-delay-where-null":               "the emulator forgets a queue's policy when an attribute is set",
	"queue-long-polling":                   "the emulator forgets a queue's policy when an attribute is set",
	"module-queue-visibility":              "the emulator forgets a queue's policy when an attribute is set",
	"module-queue-retention":               "the emulator forgets a queue's policy when an attribute is set",
	"template-disk-size":                   "a revert makes a further version, and the scaling group's code refers to the latest",
	"task-definition-deregistered":         "its document is rewritten by AWS, and only an update knows it as the same: the gate refuses",
	"bucket-deleted":                       "its policy comes from a data source that is read during the apply: the gate refuses, unless it is allowed",
	"root-volume-type":                     "the emulator never ends the modification of an instance's volume",
	"resource-deleted":                     "made again it has another id, which others follow at the next apply",
	"key-scheduled-for-deletion":           "made again it has another id, which others follow at the next apply",
	"worker-terminated":                    "made again it has another id, which others follow at the next apply",
	"volume-deleted":                       "made again it has another id, which others follow at the next apply",
}

// revertible reports whether a case is drift alone that is put back in place.
func revertible(c cases.Case) bool {
	for _, v := range c.Want {
		if len(v.Replace) > 0 {
			return false
		}
	}
	return len(c.Want) > 0 && irrevertible[c.Name] == "" && c.Terraform == nil && len(c.Edits) == 0 && len(c.Pending) == 0
}

func (r *resolving) revertAll(t *testing.T, batch cases.Batch) {
	t.Helper()
	applied := r.content(t)
	if err := cases.Change(t.Context(), r.Stack, r.emulator, batch...); err != nil {
		t.Fatal(err)
	}
	if out, code := r.run(t, "check"); code != drift.ExitDrift {
		t.Fatalf("exit code %d: %s", code, out)
	}
	before := r.content(t)
	args := []string{"revert", "--reason", "by mistake", "--ticket", "OPS-7", "--yes", "--allow", "output.queue_urls", "--allow", "output.replica_topic_arn"}
	var names []string
	for _, c := range batch {
		for _, v := range c.Want {
			args = append(args, v.Address)
			names = append(names, r.namesOf(t, v.Address)...)
		}
	}
	addresses := args[slices.Index(args, "output.replica_topic_arn")+1:]
	out, code := r.run(t, args...)
	if code != drift.ExitClean {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if out, err := r.Run(t.Context(), "plan", "-detailed-exitcode", "-input=false", "-no-color"); err != nil {
		t.Errorf("terraform plan is not empty: %v\n%s", err, out)
	}
	for _, address := range addresses { // what was made again may have another id
		names = append(names, r.namesOf(t, address)...)
	}
	after := r.content(t)
	notAsApplied := differences(applied, after)
	for path, change := range differences(before, after) {
		if notAsApplied[path] != "" && !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(path, name) }) {
			t.Errorf("something else has changed: %s: %s", path, change)
		}
	}
}

func (r *resolving) content(t *testing.T) map[string]string {
	t.Helper()
	c, err := r.emulator.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// differences are the places at which two contents differ.
func differences(before, after map[string]string) map[string]string {
	changed := map[string]string{}
	for path, was := range before {
		if strings.HasSuffix(path, "._tick") || strings.Contains(path, ".ingress_rules/") && strings.HasSuffix(path, ".id") {
			continue // how often the emulator was asked; ids that it makes up for rules of a group at every change
		}
		if is, ok := after[path]; is != was {
			changed[path] = was + " -> " + is
			if !ok {
				changed[path] = was + " is gone"
			}
		}
	}
	for path, is := range after {
		if _, ok := before[path]; !ok {
			changed[path] = is + " is new"
		}
	}
	return changed
}

// namesOf are what an object of the state is called in the cloud.
func (r *resolving) namesOf(t *testing.T, address string) []string {
	t.Helper()
	src, err := r.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := statefile.Decode(src)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, inst := range decoded.Instances {
		if inst.Address.String() != address {
			continue
		}
		var values map[string]any
		if err := json.Unmarshal(inst.Attributes, &values); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"id", "arn", "name", "bucket", "function_name", "volume_id", "instance_id", "device_name", "zone_id", "security_group_id"} {
			s, _ := values[key].(string)
			for _, name := range []string{s, s[strings.LastIndexAny(s, "/:")+1:]} {
				if len(name) > 3 {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// TestRevertRemoteState keeps a state of before for a backend that keeps none, and
// respects a lock there.
func TestRevertRemoteState(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	emulator, err := lab.Start(t.Context(), tools)
	must(t, err)
	t.Cleanup(func() { emulator.Close() })
	call := func(method string, params cases.Params) {
		t.Helper()
		if _, err := emulator.Call(t.Context(), lab.Call{Service: "s3", Method: method, Params: params}); err != nil {
			t.Fatal(err)
		}
	}
	call("create_bucket", cases.Params{"Bucket": "states"})
	source := t.TempDir()
	must(t, os.CopyFS(source, os.DirFS(filepath.Join("testdata", "stack"))))
	write(t, filepath.Join(source, "backend.tf"), "terraform {\n  backend \"s3\" {\n    bucket         = \"states\"\n    key            = \"app.tfstate\"\n    region         = \"us-east-1\"\n    use_lockfile   = true\n    use_path_style = true\n  }\n}\n")
	stack, err := lab.NewStack(t.Context(), tools, emulator, source, filepath.Join(t.TempDir(), "stack"))
	must(t, err)
	must(t, stack.Apply(t.Context()))
	r := bindResolving(t, stack, emulator)
	was, err := stack.State(t.Context())
	must(t, err)
	r.do(t, lab.Call{Service: "logs", Method: "put_retention_policy", Params: cases.Params{"logGroupName": "/holdfast/interrupt", "retentionInDays": 30}})
	if out, code := r.run(t, "check"); code != drift.ExitDrift {
		t.Fatalf("%d: %s", code, out)
	}
	args := []string{"revert", "aws_cloudwatch_log_group.this", "--reason", "by mistake", "--yes"}
	call("put_object", cases.Params{"Bucket": "states", "Key": "app.tfstate.tflock", "Body": `{"ID": "42", "Operation": "OperationTypePlan", "Who": "ada@laptop", "Created": "2026-11-01T10:00:00Z"}`})
	before := r.content(t)
	if out, code := r.run(t, args...); code != drift.ExitIncomplete || !strings.Contains(out, "locked by ada@laptop since 2026-11-01T10:00:00Z, for plan") {
		t.Errorf("%d: %s", code, out)
	}
	for path, change := range differences(before, r.content(t)) {
		t.Errorf("it has changed: %s: %s", path, change)
	}
	call("delete_object", cases.Params{"Bucket": "states", "Key": "app.tfstate.tflock"})
	out, code := r.run(t, args...)
	if code != drift.ExitClean || !strings.Contains(out, "the state of before: ") {
		t.Fatalf("%d: %s", code, out)
	}
	kept, _ := filepath.Glob(filepath.Join(r.Dir, ".holdfast", "backups", "*.tfstate"))
	if len(kept) != 1 {
		t.Fatalf("%v: %s", kept, out)
	}
	src, err := os.ReadFile(kept[0])
	must(t, err)
	if info, err := os.Stat(kept[0]); err != nil || info.Mode().Perm() != 0o600 || strings.TrimSpace(string(src)) != strings.TrimSpace(string(was)) {
		t.Errorf("it is not the state of before, or not private: %v, %v\n%s", info, err, src)
	}
}
