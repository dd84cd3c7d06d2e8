//go:build unix

package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// gone are ways in which a backend goes away.
var gone = map[string]func(t *testing.T, b *bucketed){
	"it dies": func(t *testing.T, b *bucketed) {
		t.Helper()
		_ = b.moto.Close()
		must(t, b.proxy.Close())
	},
	"it refuses":       func(_ *testing.T, b *bucketed) { b.proxy.On(of("far-one"), lab.Fault{Kind: lab.AccessDenied}) },
	"it fails":         func(_ *testing.T, b *bucketed) { b.proxy.On(of("far-one"), lab.Fault{Kind: lab.ServerError}) },
	"it cuts the line": func(_ *testing.T, b *bucketed) { b.proxy.On(of("far-one"), lab.Fault{Cut: true}) },
	"it falls silent":  func(_ *testing.T, b *bucketed) { b.proxy.On(of("far-one"), lab.Fault{Delay: time.Hour}) },
}

// TestBackendGoesAway takes the backend away between the first and the second
// reading of a state: what was found is not certain any more, for an apply may be
// under way. A stack in which nothing was found was read whole before.
func TestBackendGoesAway(t *testing.T) {
	t.Parallel()
	for name, away := range gone {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, drifted := range []bool{true, false} {
				t.Run(fmt.Sprintf("drifted %v", drifted), func(t *testing.T) {
					t.Parallel()
					testBackendGoesAway(t, away, drifted)
				})
			}
		})
	}
}

func testBackendGoesAway(t *testing.T, away func(*testing.T, *bucketed), drifted bool) {
	t.Helper()
	b := newBucketed(t)
	b.inBucket(t, "odd", "far-one")
	b.file(t, "holdfast.yaml", "version: 1\nstacks:\n  - path: odd\n    timeout: 20s\n")
	if drifted {
		b.world.Edit(t, "test_simple", "odd", func(attrs map[string]any) { attrs["note"] = "by hand" })
	}
	release := filepath.Join(b.base, "release")
	b.world.BehaveAt(t, "test_simple", "odd", "ReadResource", "wait:"+release)
	u := b.begin(t, nil)
	b.world.AwaitCall(t, "ReadResource", 3) // of all three stacks: the state was read
	away(t, b)
	write(t, release, "")
	got := u.end(t)
	if left := b.world.Running(); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
	if !drifted {
		b.expect(t, got, one(isClean, ""), drift.StatusClean)
		return
	}
	b.expect(t, got, one(incomplete, "state_unreadable", "could not be read again", "s3://far-one/odd.tfstate"), drift.StatusClean)
	findings := got.stack(t, "odd").Findings
	if len(findings) != 1 || findings[0].Certainty != drift.Possible || !strings.Contains(findings[0].Doubt, "could not be read again") {
		t.Errorf("%+v", findings)
	}
}

// TestBackendIsGone has a backend that is away, or goes away in the middle of its
// answer, when the state is first read.
func TestBackendIsGone(t *testing.T) {
	t.Parallel()
	gone := maps.Clone(gone)
	gone["it ends in the middle"] = func(t *testing.T, b *bucketed) {
		t.Helper()
		half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"version": 4, "serial": 1, "lineage": "x", "resources": []}`))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}))
		t.Cleanup(half.Close)
		b.extra = append(b.extra, "AWS_ENDPOINT_URL="+half.URL)
	}
	for name, away := range gone {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBucketed(t)
			b.inBucket(t, "odd", "far-one")
			b.file(t, "holdfast.yaml", "version: 1\nstacks:\n  - path: odd\n    timeout: 10s\n")
			away(t, b)
			b.testOdd(t, one(notChecked, "state_unreadable", "s3://far-one/odd.tfstate"))
		})
	}
}
