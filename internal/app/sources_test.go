package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// inS3 is a stack with its state in moto's S3.
type inS3 struct {
	*lab.Stack
	moto          *lab.Emulator
	bucket, table string
	sources       *sources
}

// newInS3 applies the stack with real Terraform, in the default workspace and
// then in prod, which stays selected.
func newInS3(t *testing.T, backend ...string) *inS3 {
	t.Helper()
	tools := lab.Need(t)
	moto, err := lab.Start(t.Context(), tools)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := moto.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &inS3{moto: moto, bucket: "states", table: "locks", sources: newSources()}
	s.call(t, "s3", "create_bucket", map[string]any{"Bucket": s.bucket})
	s.call(t, "s3", "put_bucket_versioning", map[string]any{"Bucket": s.bucket, "VersioningConfiguration": map[string]any{"Status": "Enabled"}})
	s.call(t, "dynamodb", "create_table", map[string]any{
		"TableName": s.table, "BillingMode": "PAY_PER_REQUEST",
		"KeySchema":            []any{map[string]any{"AttributeName": "LockID", "KeyType": "HASH"}},
		"AttributeDefinitions": []any{map[string]any{"AttributeName": "LockID", "AttributeType": "S"}},
	})
	args := []string{"-backend-config=bucket=states", "-backend-config=region=us-east-1"}
	for _, setting := range backend {
		args = append(args, "-backend-config="+setting)
	}
	s.Stack, err = lab.NewStack(t.Context(), tools, moto, filepath.Join("testdata", "backend"), filepath.Join(t.TempDir(), "stack"), args...)
	if err != nil {
		t.Fatal(err)
	}
	s.apply(t)
	if _, err := s.Run(t.Context(), "workspace", "new", "prod"); err != nil {
		t.Fatal(err)
	}
	s.apply(t)
	return s
}

func (s *inS3) apply(t *testing.T) {
	t.Helper()
	if err := s.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *inS3) call(t *testing.T, service, method string, params map[string]any) map[string]any {
	t.Helper()
	result, err := s.moto.Call(context.WithoutCancel(t.Context()), lab.Call{Service: service, Method: method, Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// stored is all that is in the bucket and in the table.
func (s *inS3) stored(t *testing.T) string {
	t.Helper()
	versions := s.call(t, "s3", "list_object_versions", map[string]any{"Bucket": s.bucket})
	items := s.call(t, "dynamodb", "scan", map[string]any{"TableName": s.table})
	text, err := json.Marshal([]any{versions["Versions"], versions["DeleteMarkers"], items["Items"]})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// open opens the stack in a workspace as the program does.
func (s *inS3) open(t *testing.T, workspace string) (stack.Stack, state.Source) {
	t.Helper()
	st, err := stack.Open(s.Dir, stack.Options{Workspace: workspace, Env: s.Env()})
	if err != nil {
		t.Fatal(err)
	}
	source, err := s.sources.source(st)
	if err != nil {
		t.Fatal(err)
	}
	return st, source
}

// backends are the ways in which a stack can lock its state in S3.
var backends = []struct {
	name     string
	settings []string
}{
	{"lock file", []string{"use_lockfile=true"}},
	{"table", []string{"dynamodb_table=locks"}},
	{"both", []string{"use_lockfile=true", "dynamodb_table=locks"}},
}

// The state that is read is that of `terraform state pull`, in each workspace,
// and nothing is written.
func TestS3StateIsTerraforms(t *testing.T) {
	t.Parallel()
	for _, c := range backends {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newInS3(t, c.settings...)
			before := s.stored(t)
			for workspace, key := range map[string]string{"default": "net/main.tfstate", "prod": "env:/prod/net/main.tfstate", "": "env:/prod/net/main.tfstate"} {
				_, source := s.open(t, workspace)
				got, err := source.Read(t.Context())
				if err != nil || source.String() != "s3://states/"+key {
					t.Fatalf("%s: %v", source, err)
				}
				if lock, err := source.Lock(t.Context()); lock != nil || err != nil {
					t.Errorf("%s: lock %+v, %v", source, lock, err)
				}
				name := workspace
				if name == "" {
					name = "prod"
				}
				if want := fmt.Sprintf(`"workspace": %q`, name); !strings.Contains(string(got), want) {
					t.Errorf("%s does not have %s", source, want)
				}
				if workspace == "" { // the selected one, which Terraform pulls
					sameState(t, got, s.pull(t))
				}
			}
			st, _ := s.open(t, "")
			b, err := s.sources.backend(st)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := b.Workspaces(t.Context()); err != nil || !reflect.DeepEqual(got, []string{"default", "prod"}) {
				t.Errorf("workspaces %q, %v", got, err)
			}
			if s.stored(t) != before {
				t.Error("something was written")
			}
		})
	}
}

func (s *inS3) pull(t *testing.T) []byte {
	t.Helper()
	out, err := s.Run(t.Context(), "state", "pull")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameState compares what Terraform writes, but not how.
func sameState(t *testing.T, got, want []byte) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The lock that a real apply holds is seen while it runs, and gone afterwards.
func TestS3LockIsTerraforms(t *testing.T) {
	t.Parallel()
	for _, c := range backends {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newInS3(t, c.settings...)
			_, source := s.open(t, "prod")
			done := make(chan error, 1)
			go func() { done <- s.Apply(t.Context(), "-var=slow=true") }()
			lock := waitForLock(t, source, done)
			if lock.Operation != "OperationTypeApply" || lock.Who == "" || lock.ID == "" || time.Since(lock.Created) > time.Hour || !lock.Changes() {
				t.Errorf("the lock is %+v", lock)
			}
			_, other := s.open(t, "default")
			if lock, err := other.Lock(t.Context()); lock != nil || err != nil {
				t.Errorf("the other workspace's lock is %+v, %v", lock, err)
			}
			if err := os.WriteFile(filepath.Join(s.Dir, "release"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if lock, err := source.Lock(t.Context()); lock != nil || err != nil {
				t.Errorf("after the apply: %+v, %v", lock, err)
			}
		})
	}
}

// waitForLock waits until the apply holds its lock.
func waitForLock(t *testing.T, source state.Source, done <-chan error) *state.Lock {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		lock, err := source.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if lock != nil {
			return lock
		}
		select {
		case <-tick.C:
		case err := <-done:
			t.Fatalf("the apply ended without a lock that was seen: %v", err)
		}
	}
}

// A whole check reads from S3, and says so where the state is not to be trusted.
func TestCheckInS3(t *testing.T) {
	t.Parallel()
	s := newInS3(t, "dynamodb_table=locks")
	before := s.stored(t)
	check := func(workspace string) drift.Stack {
		t.Helper()
		run, err := Check(t.Context(), CheckOptions{Paths: []string{s.Dir}, Workspace: workspace, Engine: "auto", CacheDir: t.TempDir(), Env: s.Env(), NoHistory: true})
		if err != nil {
			t.Fatal(err)
		}
		return run.Stacks[0]
	}
	if got := check("prod"); got.Status != drift.StatusClean || got.State.Source != "s3://states/env:/prod/net/main.tfstate" {
		t.Errorf("got %+v", got)
	}
	// All states at once, with no code.
	run, err := Check(t.Context(), CheckOptions{State: "s3://states/**/*.tfstate?region=us-east-1", CacheDir: t.TempDir(), Env: s.Env(), NoHistory: true})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, got := range run.Stacks {
		paths = append(paths, got.Path)
		if got.Status != drift.StatusClean || got.Resources.Checked != 1 || got.State.Source != got.Path {
			t.Errorf("without code: %+v", got)
		}
	}
	if want := []string{"s3://states/env:/prod/net/main.tfstate", "s3://states/net/main.tfstate"}; !slices.Equal(paths, want) {
		t.Errorf("found %q, want %q", paths, want)
	}
	// One of them, with the code beside it.
	run, err = Check(t.Context(), CheckOptions{Paths: []string{s.Dir}, State: "s3://states/net/main.tfstate?region=us-east-1", CacheDir: t.TempDir(), Env: s.Env(), NoHistory: true})
	if err != nil || len(run.Stacks) != 1 || run.Stacks[0].Status != drift.StatusClean || run.Stacks[0].State.Source != "s3://states/net/main.tfstate" {
		t.Errorf("with code: %+v, %v", run.Stacks, err)
	}
	if s.stored(t) != before {
		t.Error("something was written")
	}
	if got := check("stage"); got.Status != drift.StatusError || got.Errors[0].Code != "no_state" {
		t.Errorf("a workspace that is not there: %+v", got)
	}
	s.call(t, "dynamodb", "put_item", map[string]any{"TableName": s.table, "Item": map[string]any{
		"LockID": map[string]any{"S": "states/net/main.tfstate-md5"}, "Digest": map[string]any{"S": "d41d8cd98f00b204e9800998ecf8427e"},
	}})
	got := check("default")
	if got.Status != drift.StatusError || len(got.Integrity) != 1 || got.Integrity[0].Code != "state_digest_mismatch" || got.Integrity[0].Severity != drift.SeverityError {
		t.Errorf("a state with another digest: %+v", got)
	}
}

// A backend that nobody reads is a clear error.
func TestBackendUnknown(t *testing.T) {
	t.Parallel()
	// What is not in the table is left to terraform, and here there is none.
	pulled, err := newSources().source(stack.Stack{Backend: "oss", Workspace: "default", Dir: t.TempDir(), Env: []string{"PATH="}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pulled.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "terraform") {
		t.Errorf("got %v", err)
	}
	if _, err := newSources().source(stack.Stack{Backend: "s3", BackendConfig: map[string]any{"bucket": "b"}}); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("a backend without its key: %v", err)
	}
	found, err := newSources().locator(nil).Find(t.Context(), "x.tfstate")
	if err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}
