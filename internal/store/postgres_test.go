//go:build unix

package store_test

import (
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
