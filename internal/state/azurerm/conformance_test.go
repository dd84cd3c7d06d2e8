package azurerm_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"holdfast/internal/state"
	"holdfast/internal/state/azurerm"
	"holdfast/internal/state/statetest"
)

func open(t *testing.T, config map[string]any, env ...string) state.Backend {
	t.Helper()
	b, err := azurerm.New(state.Settings{Config: config, Dir: t.TempDir(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rig is a container, and a backend with some credentials for it.
func rig(t *testing.T, credentials func(t *testing.T, b box) (setting, value string)) statetest.Rig {
	b := newBox(t)
	setting, secret := credentials(t, b)
	values, _ := url.ParseQuery(secret)
	return statetest.Rig{
		Server: server(t),
		Open: func(t *testing.T, server string) state.Backend {
			return open(t, map[string]any{
				"storage_account_name": account, "container_name": b.name(), "key": key, setting: secret, "use_azuread_auth": nil,
			}, "AZURE_STORAGE_SERVICE_ENDPOINT="+server+"/"+account)
		},
		Put:        func(t *testing.T, workspace string, content []byte) { b.put(t, b.blob(workspace), content) },
		Workspaces: statetest.Names,
		Clutter: func(t *testing.T) {
			for _, name := range []string{key + "env:clutter/x", key + "none", "env:none", "env:/none/" + key, "other/" + key + "env:none"} {
				b.put(t, b.client.NewBlockBlobClient(name), []byte("{}"))
			}
		},
		Locks: &statetest.Locks{
			Put: b.putLock,
			Damage: func(t *testing.T, workspace string) {
				broken := "eyJJRCI6IjEi"
				b.lock(t, workspace, map[string]*string{"terraformlockid": &broken})
			},
		},
		Snapshot: b.snapshot,
		Deny:     deny,
		Secrets:  []string{secret, values.Get("sig"), url.QueryEscape(values.Get("sig"))},
	}
}

func TestConformanceWithAccessKey(t *testing.T) {
	t.Parallel()
	server(t)
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		r := rig(t, func(*testing.T, box) (string, string) { return "access_key", canary })
		r.Page = 1000
		return r
	})
}

func TestConformanceWithSharedAccessSignature(t *testing.T) {
	t.Parallel()
	server(t)
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		return rig(t, func(t *testing.T, b box) (string, string) {
			signed, err := b.client.GetSASURL(sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, signature, _ := strings.Cut(signed, "?")
			return "sas_token", signature
		})
	})
}
