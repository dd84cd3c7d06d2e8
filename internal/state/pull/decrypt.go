package pull

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"holdfast/internal/state"
)

// Decrypt makes a backend that passes on what another has, and where a state is
// encrypted by OpenTofu, reads it with tofu state pull in the root module's
// folder. That state exists, so the pull makes none. The other backend must be
// the one that the folder is initialised for.
func Decrypt(inner state.Backend, s state.Settings) state.Backend {
	return &decrypting{inner, &Backend{settings: s, tofu: true, patience: patience}}
}

type decrypting struct {
	inner state.Backend
	tofu  *Backend
}

// String names the backend.
func (d *decrypting) String() string { return fmt.Sprint(d.inner) }

func (d *decrypting) State(workspace string) state.Source {
	return &decryptingSource{d.inner.State(workspace), d.tofu, workspace}
}

func (d *decrypting) Workspaces(ctx context.Context) ([]string, error) {
	return d.inner.Workspaces(ctx)
}

type decryptingSource struct {
	state.Source
	tofu      *Backend
	workspace string
}

// Read gives the content of the state, decrypted.
func (d *decryptingSource) Read(ctx context.Context) ([]byte, error) {
	body, err := d.Source.Read(ctx)
	if err != nil || !Encrypted(body) {
		return body, err
	}
	plain, err := d.tofu.run(ctx, d.workspace, "state", "pull")
	if err != nil {
		return nil, fmt.Errorf("the state %s is encrypted by OpenTofu: %w", d.Source, err)
	}
	if Encrypted(plain) || lineage(plain) != lineage(body) {
		return nil, fmt.Errorf("the state %s is encrypted by OpenTofu, and tofu state pull gave another or did not decrypt it; check the encryption block, and run tofu init", d.Source)
	}
	return plain, nil
}

// lineage is a state's, which encryption leaves as it is.
func lineage(content []byte) string {
	var file struct {
		Lineage string `json:"lineage"`
	}
	if json.Unmarshal(content, &file) != nil {
		return "none"
	}
	return file.Lineage
}

// Encrypted reports whether a state's content is encrypted by OpenTofu.
// https://opentofu.org/docs/language/state/encryption
func Encrypted(content []byte) bool {
	if !bytes.Contains(content, []byte(`"encrypted_data"`)) {
		return false
	}
	var file struct {
		Version   *int             `json:"version"`
		Encrypted *json.RawMessage `json:"encrypted_data"`
	}
	return json.Unmarshal(content, &file) == nil && file.Version == nil && file.Encrypted != nil
}
