//go:build unix

package store_test

import (
	"sync"
	"testing"

	"holdfast/internal/lab"
)

// server is the PostgreSQL of all tests, started by the first that needs it.
var server struct {
	start sync.Mutex
	lab   *lab.Postgres
}

func init() {
	databases["postgres"] = func(t *testing.T) string {
		t.Helper()
		server.start.Lock()
		defer server.start.Unlock()
		if server.lab == nil {
			server.lab = lab.NeedPostgres(t)
			stopServer = server.lab.Close
		}
		url, err := server.lab.Database(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return url
	}
}
