//go:build unix

package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
)

// bucketed is a repository whose stacks may have their states in moto's S3.
type bucketed struct {
	*repository
	moto  *lab.Emulator
	proxy *lab.Proxy
}

func newBucketed(t *testing.T) *bucketed {
	t.Helper()
	tools := lab.Need(t)
	moto, err := lab.Start(t.Context(), tools)
	must(t, err)
	t.Cleanup(func() { _ = moto.Close() })
	proxy, err := lab.NewProxy(moto.URL())
	must(t, err)
	t.Cleanup(func() { _ = proxy.Close() })
	b := &bucketed{repository: newOddRig(t).repository(t), moto: moto, proxy: proxy}
	b.extra = append(proxy.Env(), "AWS_MAX_ATTEMPTS=2")
	return b
}

func (b *bucketed) call(t *testing.T, method string, params map[string]any) {
	t.Helper()
	_, err := b.moto.Call(t.Context(), lab.Call{Service: "s3", Method: method, Params: params})
	must(t, err)
}

// inBucket makes a healthy stack with its state in a bucket of its own, as
// terraform init leaves it.
func (b *bucketed) inBucket(t *testing.T, name, bucket string) {
	t.Helper()
	b.stack(t, name, "terraform {\n  backend \"s3\" {}\n}\n"+simple, object(name))
	file := filepath.Join(b.dir, name, "terraform.tfstate")
	state, err := os.ReadFile(file)
	must(t, err)
	must(t, os.Remove(file))
	b.call(t, "create_bucket", map[string]any{"Bucket": bucket})
	b.call(t, "put_object", map[string]any{"Bucket": bucket, "Key": name + ".tfstate", "Body": string(state)})
	record, err := json.Marshal(map[string]any{"version": 3, "backend": map[string]any{"type": "s3", "config": map[string]any{
		"bucket": bucket, "key": name + ".tfstate", "region": "us-east-1", "use_path_style": true, "use_lockfile": true,
	}}})
	must(t, err)
	b.file(t, name+"/.terraform/terraform.tfstate", string(record))
}

// of matches the requests about an object of a bucket, or any of it.
func of(bucket string) func(lab.Request) bool {
	return func(r lab.Request) bool { return r.Service == "s3" && strings.HasPrefix(r.Path, "/"+bucket) }
}

// TestNoPermissionOnOneBucket has the states of three stacks in buckets, one of
// which the user may not read.
func TestNoPermissionOnOneBucket(t *testing.T) {
	t.Parallel()
	b := newBucketed(t)
	b.inBucket(t, "m-first", "open-one")
	b.inBucket(t, "odd", "closed-one")
	b.inBucket(t, "x-last", "open-two")
	b.proxy.On(of("closed-one"), lab.Fault{Kind: lab.AccessDenied})
	want := append(one(notChecked, "state_unreadable", "s3://closed-one/odd.tfstate", "AccessDenied", "allow s3:GetObject"),
		oddStack{path: "m-first", status: isClean}, oddStack{path: "x-last", status: isClean})
	b.testOdd(t, want)
	for _, r := range b.proxy.Requests() {
		if r.Method != "GET" && r.Method != "HEAD" {
			t.Errorf("it asked for %s %s", r.Method, r.Path)
		}
	}
}

var _ = base64.StdEncoding
var _ = fmt.Sprint
var _ = slices.Equal[[]int]
var _ = time.Now
var _ = drift.ExitClean
