//go:build unix

package store_test

import (
	"sync"
	"testing"

	"holdfast/internal/lab"
)

// server is the PostgreSQL of all tests.
var server lab.Databases

func init() {
	stopServer = server.Close
	databases["postgres"] = func(t *testing.T) string {
		t.Helper()
		return server.New(t.Context(), t)
	}
}

// Who has several connections in use at once keeps them: a new one costs a process
// of the server's.
func TestPostgresConnectionsAreKept(t *testing.T) {
	t.Parallel()
	db := open(t, databases["postgres"](t)).DB()
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() {
			if _, err := db.ExecContext(t.Context(), "SELECT pg_sleep(0.2)"); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	if s := db.Stats(); s.MaxIdleClosed > 0 || s.OpenConnections < 3 {
		t.Errorf("%d closed, %d left open", s.MaxIdleClosed, s.OpenConnections)
	}
}
