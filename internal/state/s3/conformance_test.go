package s3_test

import (
	"io"
	"maps"
	"net/http"
	"testing"

	"holdfast/internal/state"
	"holdfast/internal/state/statetest"
)

// rig is a store with one kind of lock.
func rig(t *testing.T, st *store, config map[string]any, locks statetest.Locks) statetest.Rig {
	t.Helper()
	return statetest.Rig{
		Server: st.url,
		Open: func(t *testing.T, server string) state.Backend {
			more := map[string]any{"endpoints": map[string]any{"s3": server, "dynamodb": server}}
			maps.Copy(more, config)
			return open(t, st.config(more))
		},
		Put:        st.put,
		Workspaces: statetest.Names,
		Page:       1000,
		Clutter: func(t *testing.T) {
			for _, key := range []string{
				"env:/clutter/" + st.key + ".tflock", "env:/clutter/other.tfstate", "env:/" + st.key, "env:/clutter/x/" + st.key,
				"env:clutter/" + st.key, "clutter/" + st.key, "env:/none/", "env://" + st.key, st.key + ".backup",
			} {
				st.object(t, key, []byte("clutter"))
			}
		},
		Locks:    &locks,
		Snapshot: st.snapshot,
		Reads:    readsOnly,
		Deny:     deny,
		Secrets:  canaries,
	}
}

// deny refuses as S3 and DynamoDB do.
func deny(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Target") != "" {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::123456789012:user/ci is not authorized to perform: dynamodb:GetItem"}`)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>R</RequestId><HostId>H</HostId></Error>`)
}

func TestConformanceLockFile(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		st := newStore(t)
		return rig(t, st, map[string]any{"use_lockfile": true, "use_path_style": true}, statetest.Locks{
			Put: func(t *testing.T, workspace string, lock state.Lock) {
				st.object(t, st.keyOf(workspace)+".tflock", []byte(lockJSON(t, lock)))
			},
			Damage: func(t *testing.T, workspace string) { st.object(t, st.keyOf(workspace)+".tflock", nil) },
		})
	})
}

func TestConformanceTable(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		st := newStore(t)
		st.digests = true
		st.versioned(t)
		return rig(t, st, map[string]any{"dynamodb_table": st.table}, statetest.Locks{
			Put: func(t *testing.T, workspace string, lock state.Lock) { st.lockItem(t, workspace, lockJSON(t, lock)) },
			Damage: func(t *testing.T, workspace string) {
				st.item(t, map[string]string{"LockID": st.bucket + "/" + st.keyOf(workspace)})
			},
		})
	})
}
