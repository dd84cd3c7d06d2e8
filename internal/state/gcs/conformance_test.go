package gcs_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"

	"holdfast/internal/state"
	"holdfast/internal/state/gcs"
	"holdfast/internal/state/statetest"
)

const canary = "ya29.canary-access-token-0123456789"

// bucket is one bucket on a server of its own.
type bucket struct{ server *fakestorage.Server }

func newBucket(t *testing.T) bucket {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "states"})
	return bucket{server}
}

func (b bucket) put(name string, content []byte) {
	b.server.CreateObject(fakestorage.Object{
		ObjectAttrs: fakestorage.ObjectAttrs{BucketName: "states", Name: name}, Content: content,
	})
}

func (b bucket) snapshot(t *testing.T) map[string]string {
	t.Helper()
	response, err := b.server.ListObjectsWithOptionsPaginated("states", fakestorage.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, attrs := range response.Objects {
		object, err := b.server.GetObject("states", attrs.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[attrs.Name] = strconv.FormatInt(object.Generation, 10) + string(object.Content)
	}
	return all
}

// generation is the one that the locks of the test have.
const generation = 1700000000000001

func (b bucket) putLock(t *testing.T, workspace string, lock state.Lock) {
	t.Helper()
	info, err := json.Marshal(lock)
	if err != nil {
		t.Fatal(err)
	}
	b.server.CreateObject(fakestorage.Object{
		ObjectAttrs: fakestorage.ObjectAttrs{BucketName: "states", Name: "team/net/" + workspace + ".tflock", Generation: generation},
		Content:     info,
	})
}

func open(t *testing.T, config map[string]any, env ...string) state.Backend {
	t.Helper()
	b, err := gcs.New(state.Settings{Config: config, Dir: t.TempDir(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// deny answers as the API does, and repeats what it was sent.
func deny(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, `{"error":{"code":403,"message":%q}}`,
		"holdfast@p.iam.gserviceaccount.com does not have storage.objects.get access; sent: "+r.Header.Get("Authorization"))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		b := newBucket(t)
		return statetest.Rig{
			Server: b.server.URL(),
			Open: func(t *testing.T, server string) state.Backend {
				return open(t, map[string]any{
					"bucket": "states", "prefix": "team/net", "access_token": canary, "storage_custom_endpoint": server + "/storage/v1/b",
					"encryption_key": nil,
				})
			},
			Put:        func(_ *testing.T, workspace string, content []byte) { b.put("team/net/"+workspace+".tfstate", content) },
			Workspaces: statetest.Names,
			Page:       1000,
			Clutter: func(*testing.T) {
				b.put("team/net/none.tflock", []byte("{}"))
				b.put("team/net/clutter/x.tfstate", []byte("{}"))
				b.put("team/net-other/none.tfstate", []byte("{}"))
				b.put("clutter.tfstate", []byte("{}"))
				b.put("team/net/none.tfstate.backup", []byte("{}"))
			},
			Locks: &statetest.Locks{
				Put:    b.putLock,
				Damage: func(_ *testing.T, workspace string) { b.put("team/net/"+workspace+".tflock", []byte(`{"ID":"1`)) },
				Tells: func(lock state.Lock) state.Lock {
					lock.ID = strconv.Itoa(generation)
					return lock
				},
			},
			Snapshot: b.snapshot,
			Deny:     deny,
			Secrets:  []string{canary},
		}
	})
}
