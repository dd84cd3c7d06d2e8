package app

import (
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/stack"
	"holdfast/internal/state/pull"
)

// Every type of backend leads to something that reads it: what is not in the
// table to terraform itself.
func TestEveryBackendIsRead(t *testing.T) {
	t.Parallel()
	s := newSources()
	for backend, config := range map[string]map[string]any{
		"local":   nil,
		"gcs":     {"bucket": "b", "access_token": "t"},
		"azurerm": {"storage_account_name": "a", "container_name": "c", "key": "k", "access_key": "a2V5"},
		"remote":  {"organization": "o", "token": "t", "workspaces": map[string]any{"name": "w"}},
		"cloud":   {"organization": "o", "token": "t", "workspaces": map[string]any{"name": "w"}},
		"pg":      {"conn_str": "postgres://u:canary-password@h/db"},
		"unheard": nil,
	} {
		st := stack.Stack{Dir: t.TempDir(), Workspace: "default", Backend: backend, BackendConfig: config}
		source, err := s.source(st)
		if err != nil {
			t.Errorf("%s: %v", backend, err)
			continue
		}
		if pulled := strings.HasPrefix(source.String(), "state pull in "+st.Dir); pulled != (backend == "pg" || backend == "unheard") {
			t.Errorf("%s is read from %s", backend, source)
		}
	}
}

// A state that OpenTofu has encrypted is read with tofu, unless it was named.
func TestEncryptedStateNeedsTofu(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, err := filepath.Abs(filepath.Join("..", "state", "testdata", "encrypted.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	st := stack.Stack{Dir: dir, Workspace: "default", Backend: "local", BackendConfig: map[string]any{"path": path}, StatePath: path}
	for _, named := range []bool{false, true} {
		st.StateNamed = named
		source, err := newSources().source(st)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := source.Read(t.Context())
		if named {
			if err != nil || !pull.Encrypted(raw) {
				t.Errorf("named: %s, %v", raw, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "tofu is not in PATH") {
			t.Errorf("got %v", err)
		}
	}
}
