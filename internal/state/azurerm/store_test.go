package azurerm_test

import (
	"errors"
	"slices"
	"testing"

	"holdfast/internal/state"
	"holdfast/internal/state/azurerm"
)

// A container lists what is in it, for --state.
func TestContainer(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for _, name := range []string{"a/prod.tfstate", "a/prod.tfstateenv:x", "b.tfstate"} {
		b.put(t, b.client.NewBlockBlobClient(name), []byte("of "+name))
	}
	c, err := azurerm.Open(state.Settings{
		Config: map[string]any{"storage_account_name": account, "container_name": b.name(), "access_key": canary},
		Env:    []string{"AZURE_STORAGE_SERVICE_ENDPOINT=" + server(t) + "/" + account},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.List(t.Context(), "a/"); err != nil || !slices.Equal(got, []string{"a/prod.tfstate", "a/prod.tfstateenv:x"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := c.Source("a/prod.tfstateenv:x").Read(t.Context()); err != nil || string(got) != "of a/prod.tfstateenv:x" {
		t.Errorf("got %s, %v", got, err)
	}
}

// A blob that was made to be locked, before the first apply ended, is no state.
func TestEmptyBlob(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.put(t, b.blob("default"), nil)
	backend := open(t, map[string]any{"storage_account_name": account, "container_name": b.name(), "key": key, "access_key": canary},
		"AZURE_STORAGE_SERVICE_ENDPOINT="+server(t)+"/"+account)
	if got, err := backend.State("default").Read(t.Context()); !errors.Is(err, state.ErrNone) || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A missing container is no missing state.
func TestNoContainer(t *testing.T) {
	t.Parallel()
	backend := open(t, map[string]any{"storage_account_name": account, "container_name": "none", "key": key, "access_key": canary},
		"AZURE_STORAGE_SERVICE_ENDPOINT="+server(t)+"/"+account)
	if _, err := backend.State("default").Read(t.Context()); err == nil || errors.Is(err, state.ErrNone) {
		t.Errorf("reading: %v", err)
	}
	if _, err := backend.Workspaces(t.Context()); err == nil {
		t.Error("listing: no error")
	}
}
