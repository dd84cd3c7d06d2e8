//go:build linux

package cli_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"holdfast/internal/drift"
	"holdfast/internal/lab/cases"
)

// TestAcceptKinds makes changes by hand to both stacks and accepts them, all of a
// batch at once. A plan of them is then empty, the emulator holds what it held
// before, and the source is formatted and has all its comments. One kind leaves
// something to plan by its nature: it makes a further version of a launch template,
// and the code of the scaling group refers to the latest.
func TestAcceptKinds(t *testing.T) {
	t.Parallel()
	onBatches(t, func(c cases.Case) bool { return unwritable[c.Name] == "" && c.Name != "template-disk-size" }, (*resolving).acceptAll)
}

// TestAcceptRefused makes the changes that can't be written into the source, and
// why is said for each.
func TestAcceptRefused(t *testing.T) {
	t.Parallel()
	onBatches(t, func(c cases.Case) bool { return unwritable[c.Name] != "" }, (*resolving).refuseAll)
}

// unwritable are the cases whose values no edit can put into the source, and why.
var unwritable = map[string]string{
	"all-ignored-deleted":            "a line of the edit holds a sensitive value too",
	"away-parameter":                 "the value is sensitive",
	"away-topic-deleted":             "the source refers to it",
	"bucket-deleted":                 "the source refers to it",
	"bucket-policy-widened":          "it takes its value from data.aws_iam_policy_document.bucket",
	"dashboard-edited":               "it is the content of a file, read by templatefile()",
	"default-tag-changed":            "it would also change tag of aws_autoscaling_group.app",
	"default-tag-removed":            "the tag comes from default_tags of the provider, which all its resources have",
	"disk-optimisation-on":           "it would also change ebs_optimized of aws_instance.worker[0]",
	"function-deleted":               "the source refers to it",
	"gateway-detached":               "it takes its value from aws_vpc.main.id",
	"group-member-added":             "it is computed",
	"group-member-removed":           "it is computed",
	"home-parameter":                 "the value is sensitive",
	"ignored-tag-and-another":        "it would also change tag of aws_autoscaling_group.app",
	"instance-type-of-the-base-file": "it would also change instance_type of aws_instance.worker[0]",
	"integration-redirected":         "it takes its value from aws_lambda_function.device_token.invoke_arn",
	"key-policy-widened":             "it takes its value from data.aws_iam_policy_document.device_tokens_key",
	"key-scheduled-for-deletion":     "the source refers to it",
	"log-group-deleted":              "the source refers to it",
	"managed-policy-widened":         "it is put together from parts, and what differs is not in the text between them",
	"method-opened":                  "it depends on a condition",
	"module-queue-deleted":           "the source refers to it",
	"module-queue-label":             "it would also change tag of aws_autoscaling_group.app",
	"module-queue-policy-emptied":    "it depends on a condition",
	"module-queue-policy-widened":    "it would also change policy of module.queue[\"orders\"].aws_sqs_queue_policy.this[0]",
	"module-queue-retention":         "it is computed",
	"owner-of-the-weaker-tfvars":     "it is put together from parts, and what differs is not in the text between them",
	"parameter-tagged":               "it would also change tags of aws_ssm_parameter.setting[\"page_size\"]",
	"password-changed":               "the value is sensitive",
	"permission-redirected":          "it is put together from parts, and what differs is not in the text between them",
	"queue-long-polling":             "it would also change receive_wait_time_seconds of module.away_queue.aws_sqs_queue.this",
	"resource-deleted":               "the source refers to it",
	"role-description":               "it is put together from parts, and what differs is not in the text between them",
	"role-policy-widened":            "it is computed",
	"root-volume-type":               "it would also change root_block_device of aws_instance.worker[1]",
	"scaling-group-tag":              "it would also change tags of aws_instance.worker[0]",
	"scaling-group-tag-removed":      "it would also change tags of aws_instance.worker[0]",
	"secret-deleted":                 "the source refers to it",
	"session-lengthened":             "it depends on a condition",
	"setting-changed":                "the value is sensitive",
	"source-check-off":               "the block is not written in one file of the native syntax",
	"subnet-disassociated":           "it is computed",
	"subnet-public-addresses-off":    "it would also change which objects there are: aws_route_table_association.public[\"front\"]",
	"table-default-tag-removed":      "the tag comes from default_tags of the provider, which all its resources have",
	"table-deleted":                  "the source refers to it",
	"table-protected":                "it is computed",
	"tag-beside-user-data":           "it is put together from parts, and what differs is not in the text between them",
	"target-input-changed":           "the value is sensitive",
	"topic-display-name-emptied":     "it is computed by try()",
	"topic-policy-widened":           "it is put together from parts, and what differs is not in the text between them",
	"trust-widened":                  "it takes its value from data.aws_iam_policy_document.assume",
	"two-resources":                  "it would also change tags of aws_iam_user.operator[\"ada\"]",
	"user-data-edited":               "it is the content of a file, read by templatefile()",
	"user-tag-changed":               "it depends on each.key, which names the instance",
	"volume-deleted":                 "the source refers to it",
}

// onBatches gives each batch of some cases a copy of the stack that they are of.
func onBatches(t *testing.T, wanted func(cases.Case) bool, do func(*resolving, *testing.T, cases.Batch)) {
	t.Helper()
	for name, source := range map[string]string{
		"features":      filepath.Join("..", "detect", "testdata", "features"),
		"device-tokens": filepath.Join("..", "..", "examples", "device-tokens"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var list []cases.Case
			for _, c := range cases.All {
				if c.Stack == name && len(c.Want) > 0 && c.Terraform == nil && len(c.Edits) == 0 && len(c.Pending) == 0 && wanted(c) {
					list = append(list, c)
				}
			}
			if os.Getenv("HOLDFAST_RESOLVE") != "all" {
				list = some(list)
			}
			for _, batch := range cases.Batches(list, os.Getenv("HOLDFAST_AGREEMENT") == "single") {
				t.Run(batch.Name(), func(t *testing.T) {
					t.Parallel()
					r := resolvable(t, source)
					if err := cases.Change(t.Context(), r.Stack, r.emulator, batch...); err != nil {
						t.Fatal(err)
					}
					if out, code := r.run(t, "check"); code != drift.ExitDrift {
						t.Fatalf("exit code %d: %s", code, out)
					}
					do(r, t, batch)
				})
			}
		})
	}
}

func addressesOf(c cases.Case) []string {
	var list []string
	for _, v := range c.Want {
		list = append(list, v.Address)
	}
	return list
}

func (r *resolving) refuseAll(t *testing.T, batch cases.Batch) {
	t.Helper()
	before, source := r.content(t), r.source(t)
	for _, c := range batch {
		out, code := r.run(t, slices.Concat([]string{"accept", "--reason", "x", "--yes"}, addressesOf(c))...)
		if why := unwritable[c.Name]; code != drift.ExitIncomplete || !strings.Contains(out, "refused: ") || !strings.Contains(out, why) || !strings.Contains(out, "refused; nothing was changed") {
			t.Errorf("%s: exit code %d, want %q in: %s", c.Name, code, why, out)
		}
	}
	if diff := cmp.Diff(source, r.source(t)); diff != "" {
		t.Errorf("the source has changed:\n%s", diff)
	}
	if changed := differences(before, r.content(t)); len(changed) > 0 {
		t.Errorf("reality has changed: %v", changed)
	}
}

func (r *resolving) acceptAll(t *testing.T, batch cases.Batch) {
	t.Helper()
	before, source := r.content(t), r.source(t)
	var addresses []string
	for _, c := range batch {
		addresses = append(addresses, addressesOf(c)...)
	}
	out, code := r.run(t, slices.Concat([]string{"accept", "--reason", "it stays so", "--ticket", "OPS-8", "--yes"}, addresses)...)
	if code != drift.ExitClean {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for path, change := range differences(before, r.content(t)) {
		t.Errorf("reality has changed: %s: %s", path, change)
	}
	if out, err := r.Run(t.Context(), "fmt", "-check", "-recursive", "-diff", "-no-color"); err != nil {
		t.Errorf("the source is not formatted: %v\n%s", err, out)
	}
	r.keepsComments(t, source, out)
	if out, err := r.Run(t.Context(), "plan", "-detailed-exitcode", "-input=false", "-no-color"); err != nil {
		t.Errorf("terraform plan is not empty: %v\n%s", err, out)
	}
	r.tellsAccepted(t, addresses)
}

// source is all of it, by file.
func (r *resolving) source(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(r.Dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != r.Dir:
			return fs.SkipDir
		case strings.HasSuffix(path, ".tf") || strings.HasSuffix(path, ".tfvars"):
			src, err := os.ReadFile(path)
			files[path] = string(src)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// keepsComments holds the comments of before against those of now. One that goes
// must be shown in the diff: that of a block which is taken out.
func (r *resolving) keepsComments(t *testing.T, before map[string]string, shown string) {
	t.Helper()
	now := r.source(t)
	for path, src := range before {
		left := comments(now[path])
		for comment, n := range comments(src) {
			if left[comment] < n && !strings.Contains(shown, "\n-"+comment) && !strings.Contains(shown, "\n-  "+comment) {
				t.Errorf("%s has lost the comment %q", filepath.Base(path), comment)
			}
		}
	}
}

func comments(src string) map[string]int {
	found := map[string]int{}
	tokens, _ := hclsyntax.LexConfig([]byte(src), "x.tf", hcl.InitialPos)
	for _, token := range tokens {
		if token.Type == hclsyntax.TokenComment {
			found[strings.TrimSpace(string(token.Bytes))]++
		}
	}
	return found
}

// tellsAccepted looks for what was accepted in the history, and for nothing else.
func (r *resolving) tellsAccepted(t *testing.T, addresses []string) {
	t.Helper()
	out, _ := r.run(t, "history", "--format", "json")
	var h drift.History
	if err := json.Unmarshal([]byte(out), &h); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	told := map[string]bool{}
	for _, e := range h.Episodes {
		if e.Life == drift.LifeAccepted && e.Reason == "it stays so" && e.Ticket == "OPS-8" && e.Actor == "kim" {
			told[e.Finding.Address] = true
		}
	}
	want := map[string]bool{}
	for _, a := range addresses {
		want[a] = true
	}
	if !maps.Equal(told, want) {
		t.Errorf("the history tells of %v as accepted, want %v", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(want)))
	}
}
