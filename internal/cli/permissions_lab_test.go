//go:build linux

package cli_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
)

// TestOwnRequests: docs/permissions.md names the actions that Holdfast itself needs,
// beside those of providers, as they are seen: for the state and its locks, for
// workspaces, and to find out who changed something.
func TestOwnRequests(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	emulator, err := lab.Start(t.Context(), tools)
	must(t, err)
	t.Cleanup(func() { emulator.Close() })
	for _, call := range []lab.Call{
		cases.Call("s3", "create_bucket", cases.Params{"Bucket": "states"}),
		cases.Call("dynamodb", "create_table", cases.Params{
			"TableName": "locks", "BillingMode": "PAY_PER_REQUEST", "KeySchema": cases.List{cases.Params{"AttributeName": "LockID", "KeyType": "HASH"}},
			"AttributeDefinitions": cases.List{cases.Params{"AttributeName": "LockID", "AttributeType": "S"}},
		}),
	} {
		_, err := emulator.Call(t.Context(), call)
		must(t, err)
	}
	source := t.TempDir()
	must(t, os.CopyFS(source, os.DirFS(filepath.Join("testdata", "stack"))))
	write(t, filepath.Join(source, "backend.tf"), "terraform {\n  backend \"s3\" {\n    bucket         = \"states\"\n    key            = \"app.tfstate\"\n    region         = \"us-east-1\"\n    use_path_style = true\n    dynamodb_table = \"locks\"\n  }\n}\n")
	stack, err := lab.NewStack(t.Context(), tools, emulator, source, filepath.Join(t.TempDir(), "app"))
	must(t, err)
	must(t, stack.Apply(t.Context()))
	write(t, filepath.Join(stack.Dir, "holdfast.yaml"), "version: 1\ndefaults: {workspaces: all}\nattribution:\n  lookup_events:\n    - account: \"123456789012\"\n")
	trail, err := lab.NewTrail(tools, emulator.URL(), time.Now)
	must(t, err)
	t.Cleanup(func() { trail.Close() })
	proxy, err := lab.NewProxy(trail.URL())
	must(t, err)
	t.Cleanup(func() { proxy.Close() })
	change := cases.Call("logs", "put_retention_policy", cases.Params{"logGroupName": "/holdfast/interrupt", "retentionInDays": 30})
	change.Endpoint = trail.URL()
	_, err = emulator.Call(t.Context(), change)
	must(t, err)
	env := append(stack.With(proxy).Env(), "HOLDFAST_CACHE_DIR="+theBed.Cache(), "HOLDFAST_TERRAFORM="+tools.Terraform)
	if out, code := holdfast(t, stack.Dir, env, "check"); code != drift.ExitDrift || !strings.Contains(string(out), "PutRetentionPolicy") {
		t.Fatalf("%d: %s", code, out)
	}

	permissions, err := lab.NewPermissions(tools)
	must(t, err)
	seen := map[string]bool{}
	for _, r := range proxy.Requests() {
		if strings.Contains(r.UserAgent, "terraform-provider-aws") {
			continue
		}
		action, err := permissions.Action(r)
		must(t, err)
		seen[action] = true
	}
	want := []string{"cloudtrail:LookupEvents", "dynamodb:GetItem", "s3:GetObject", "s3:ListBucket"}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("asked for %v; write it into docs/permissions.md", got)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "permissions.md"))
	must(t, err)
	_, own, _ := strings.Cut(string(page), "\n## For itself\n")
	own, _, _ = strings.Cut(own, "\n## ")
	for _, action := range want {
		if !strings.Contains(own, "`"+action+"`") {
			t.Errorf("docs/permissions.md does not name %s", action)
		}
	}
}
