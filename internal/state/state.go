// Package state reads Terraform state: it decodes the format and finds out
// what about a state is unsound. It never writes one and never takes a lock.
package state

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
)

// version is the state format that Terraform 0.12 and later, and OpenTofu, write.
const version = 4

// State is a decoded state: the resource instances, managed and data.
type State struct {
	TerraformVersion string
	Serial           uint64
	Lineage          string
	Instances        []Instance
}

// Instance is one object of a resource instance.
type Instance struct {
	Address  drift.Address
	Provider drift.ProviderConfig
	Deposed  string // the key of an object that is to be destroyed; else ""
	Tainted  bool

	SchemaVersion int64
	Attributes    json.RawMessage   // a JSON object; nil where Flat is used
	Flat          map[string]string // the format before Terraform 0.12; else nil
	Sensitive     []cty.Path
	Private       []byte
	Dependencies  []string

	Identity        json.RawMessage // nil when there is none
	IdentityVersion int64

	named *named // once somebody asked
}

// ErrFormat is found in the error of a state that can't be decoded.
var ErrFormat = errors.New("not a state that Holdfast can read")

type file struct {
	Version          *uint64          `json:"version"`
	TerraformVersion string           `json:"terraform_version"`
	Serial           uint64           `json:"serial"`
	Lineage          string           `json:"lineage"`
	Resources        []fileResource   `json:"resources"`
	Encrypted        *json.RawMessage `json:"encrypted_data"`
}

type fileResource struct {
	Module    string         `json:"module"`
	Mode      string         `json:"mode"`
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	Provider  string         `json:"provider"`
	Instances []fileInstance `json:"instances"`
}

type fileInstance struct {
	IndexKey        any               `json:"index_key"`
	Status          string            `json:"status"`
	Deposed         string            `json:"deposed"`
	SchemaVersion   int64             `json:"schema_version"`
	Attributes      json.RawMessage   `json:"attributes"`
	Flat            map[string]string `json:"attributes_flat"`
	Sensitive       json.RawMessage   `json:"sensitive_attributes"`
	Private         string            `json:"private"` // base64
	Dependencies    []string          `json:"dependencies"`
	Identity        json.RawMessage   `json:"identity"`
	IdentityVersion int64             `json:"identity_schema_version"`
	// OpenTofu writes the provider per instance where a provider block has
	// for_each.
	Provider         string `json:"provider"`
	InstanceProvider string `json:"instance_provider"`
}

// Decode reads a state of format version 4. Its errors contain ErrFormat and
// say what is wrong, where in the file, and what to do about it.
func Decode(src []byte) (*State, error) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var f file
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, decodeError(src, err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: line %d: something follows its end; remove it, or restore a backup", ErrFormat, lineAt(src, dec.InputOffset()))
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	s := &State{TerraformVersion: f.TerraformVersion, Serial: f.Serial, Lineage: f.Lineage}
	for i, r := range f.Resources {
		if err := s.add(r); err != nil {
			return nil, fmt.Errorf("%w: resource %d, %s: %w; mend it, or restore a backup", ErrFormat, i+1, r.name(), err)
		}
	}
	return s, nil
}

// check tells whether the file is one that this version reads.
func (f file) check() error {
	switch {
	case f.Encrypted != nil:
		return errors.New("it is encrypted by OpenTofu; decrypt it with `tofu state pull > FILE` and check with --state FILE")
	case f.Version == nil:
		return errors.New("it has no format version, so it is no state at all; is the file the right one?")
	case *f.Version < version:
		return fmt.Errorf("it has format version %d, of Terraform 0.11 or earlier; run terraform apply with Terraform 0.12 or later once to upgrade it", *f.Version)
	case *f.Version > version:
		return fmt.Errorf("it has format version %d, of a Terraform newer than this Holdfast; upgrade Holdfast", *f.Version)
	}
	return nil
}

func decodeError(src []byte, err error) error {
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case len(bytes.TrimSpace(src)) == 0:
		return errors.New("it is empty; restore a backup")
	case bytes.HasPrefix(src, []byte{0xff, 0xfe}), bytes.HasPrefix(src, []byte{0xfe, 0xff}):
		return errors.New("it is UTF-16 text, as PowerShell writes it with >; write it as UTF-8")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("line %d: it ends in the middle, after %d bytes; it was truncated: restore a backup", lineAt(src, int64(len(src))), len(src))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w; mend it, or restore a backup", lineAt(src, syntax.Offset), err)
	case errors.As(err, &typed) && typed.Field == "":
		return fmt.Errorf("line %d: it is a JSON %s and no object; is the file the right one?", lineAt(src, typed.Offset), typed.Value)
	case errors.As(err, &typed):
		return fmt.Errorf("line %d: %s holds a JSON %s; mend it, or restore a backup", lineAt(src, typed.Offset), typed.Field, typed.Value)
	}
	return err
}

func lineAt(src []byte, offset int64) int {
	return 1 + bytes.Count(src[:min(int(offset), len(src))], []byte("\n"))
}

// name is the resource as messages call it, whatever it holds.
func (r fileResource) name() string {
	addr := drift.Address{Mode: r.Mode, Type: r.Type, Name: r.Name}
	if r.Module == "" {
		return addr.Resource()
	}
	return r.Module + "." + addr.Resource()
}

func (s *State) add(r fileResource) error {
	module, err := drift.ParseModule(r.Module)
	if err != nil {
		return err
	}
	if r.Mode != drift.Managed && r.Mode != drift.Data {
		return fmt.Errorf("unknown mode %q", r.Mode)
	}
	if r.Type == "" || r.Name == "" {
		return errors.New("a resource needs a type and a name")
	}
	for i, obj := range r.Instances {
		inst, err := obj.decode(r)
		if err != nil {
			return fmt.Errorf("instance %d: %w", i+1, err)
		}
		inst.Address.Module, inst.Address.Mode, inst.Address.Type, inst.Address.Name = module, r.Mode, r.Type, r.Name
		s.Instances = append(s.Instances, inst)
	}
	return nil
}

func (obj fileInstance) decode(r fileResource) (Instance, error) {
	inst := Instance{
		Deposed: obj.Deposed, Tainted: obj.Status == tainted, SchemaVersion: obj.SchemaVersion, Dependencies: obj.Dependencies,
		Identity: notNull(obj.Identity), IdentityVersion: obj.IdentityVersion,
	}
	switch {
	case obj.Status != "" && obj.Status != tainted:
		return inst, fmt.Errorf("unknown status %q", obj.Status)
	case obj.SchemaVersion < 0:
		return inst, fmt.Errorf("schema_version %d is negative", obj.SchemaVersion)
	case obj.IdentityVersion < 0:
		return inst, fmt.Errorf("identity_schema_version %d is negative", obj.IdentityVersion)
	}
	var err error
	if inst.Address.Key, err = indexKey(obj.IndexKey); err != nil {
		return inst, err
	}
	if inst.Attributes, inst.Flat, err = obj.attributes(); err != nil {
		return inst, err
	}
	if inst.Private, err = base64.StdEncoding.DecodeString(obj.Private); err != nil {
		return inst, fmt.Errorf("private: %w", err)
	}
	if inst.Sensitive, err = sensitivePaths(obj.Sensitive); err != nil {
		return inst, err
	}
	inst.Provider, err = drift.ParseProviderConfig(cmp.Or(obj.Provider, obj.InstanceProvider, r.Provider))
	return inst, err
}

// tainted is the only status that is written out: the object is to be replaced.
const tainted = "tainted"

// attributes are those in JSON, or else the flat ones; with neither, Terraform
// takes the object to have none.
func (obj fileInstance) attributes() (json.RawMessage, map[string]string, error) {
	raw := notNull(obj.Attributes)
	switch {
	case raw != nil && raw[0] != '{':
		return nil, nil, errors.New("attributes is no JSON object")
	case raw != nil:
		return raw, nil, nil
	case obj.Flat != nil:
		return nil, obj.Flat, nil
	}
	return json.RawMessage("{}"), nil, nil
}

func notNull(raw json.RawMessage) json.RawMessage {
	if string(bytes.TrimSpace(raw)) == "null" {
		return nil
	}
	return raw
}

func indexKey(raw any) (drift.Key, error) {
	switch key := raw.(type) {
	case nil:
		return drift.NoKey, nil
	case string:
		return drift.StringKey(key), nil
	case json.Number:
		if n, err := key.Int64(); err == nil && n >= 0 {
			return drift.IntKey(int(n)), nil
		}
	}
	return drift.NoKey, fmt.Errorf("index_key %v is no string and no whole number", raw)
}

// sensitivePaths decodes sensitive_attributes: a list of paths, each a list of
// steps. Early versions of Terraform 0.14 and 1.x wrote plain strings.
func sensitivePaths(raw json.RawMessage) ([]cty.Path, error) {
	if notNull(raw) == nil {
		return nil, nil
	}
	var listed []json.RawMessage
	if json.Unmarshal(raw, &listed) != nil {
		return nil, errors.New("sensitive_attributes is no list")
	}
	var paths []cty.Path
	for _, one := range listed {
		path, err := sensitivePath(one)
		if err != nil {
			return nil, fmt.Errorf("sensitive_attributes: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func sensitivePath(raw json.RawMessage) (cty.Path, error) {
	var name string
	if json.Unmarshal(raw, &name) == nil && name != "" {
		return cty.GetAttrPath(name), nil
	}
	var steps []struct {
		Type  string          `json:"type"`
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(raw, &steps) != nil || len(steps) == 0 {
		return nil, fmt.Errorf("%s is no path", raw)
	}
	var path cty.Path
	for _, step := range steps {
		switch step.Type {
		case "get_attr":
			var name string
			if json.Unmarshal(step.Value, &name) != nil || name == "" {
				return nil, fmt.Errorf("%s is no attribute's name", step.Value)
			}
			path = append(path, cty.GetAttrStep{Name: name})
		case "index":
			key, err := ctyjson.Unmarshal(step.Value, cty.DynamicPseudoType)
			if err != nil {
				return nil, fmt.Errorf("%s is no index: %w", step.Value, err)
			}
			path = append(path, cty.IndexStep{Key: key})
		default:
			return nil, fmt.Errorf("unknown step %q", step.Type)
		}
	}
	return path, nil
}
