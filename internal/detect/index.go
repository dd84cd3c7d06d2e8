package detect

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/provider"
	"holdfast/internal/state"
)

// index gives the evaluator the objects of the state, as typed values, by the
// addresses that the source uses. A value is decoded when it is asked for.
type index struct {
	pass      *pass
	fresh     map[string]cty.Value            // data sources that were read again, by address
	resources map[string]map[drift.Key]*entry // by module and resource
	all       map[string]bool
}

// entry is an object of the state. Its value is kept once it is final: while the
// provider that has to decode it is not there yet, it is unknown.
type entry struct {
	inst state.Instance

	mu    sync.Mutex
	value cty.Value
	final bool
}

func newIndex(p *pass) *index {
	return &index{pass: p, fresh: map[string]cty.Value{}, resources: map[string]map[drift.Key]*entry{}, all: map[string]bool{}}
}

func indexKey(module drift.ModuleAddress, resource string) string {
	return module.String() + "|" + resource
}

func (x *index) add(addr drift.Address, inst state.Instance) {
	key := indexKey(addr.Module, addr.Resource())
	if x.resources[key] == nil {
		x.resources[key] = map[drift.Key]*entry{}
	}
	x.resources[key][addr.Key] = &entry{inst: inst}
	x.all[addr.String()] = true
}

func (x *index) has(addr string) bool { return x.all[addr] }

// Instances implements config.Values.
func (x *index) Instances(module drift.ModuleAddress, mode, typeName, name string) map[drift.Key]cty.Value {
	resource := drift.Address{Mode: mode, Type: typeName, Name: name}.Resource()
	vals := map[drift.Key]cty.Value{}
	for key, e := range x.resources[indexKey(module, resource)] {
		vals[key] = x.valueOf(e)
	}
	return vals
}

func (x *index) valueOf(e *entry) cty.Value {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.final {
		settled := x.pass.settled.Load()
		e.value = x.decode(e.inst)
		e.final = settled || !e.value.RawEquals(cty.DynamicVal)
	}
	return e.value
}

// decode turns stored attributes into a value of the current schema, what is
// sensitive marked. What can't be decoded is unknown.
func (x *index) decode(inst state.Instance) cty.Value {
	if inst.Provider.Provider == drift.BuiltinProvider {
		v, err := decodeBuiltin(inst)
		if err != nil {
			return cty.DynamicVal
		}
		return markSensitive(v, nil, inst, originOf(inst))
	}
	schemas, err := x.pass.schemas(inst.Provider.Provider)
	if err != nil {
		return cty.DynamicVal
	}
	get := schemas.Resource
	if inst.Address.Mode == drift.Data {
		get = schemas.Data
	}
	sch, err := get(inst.Address.Type)
	if err != nil || sch == nil {
		return cty.DynamicVal
	}
	v, err := x.typed(inst, sch)
	if err != nil {
		return cty.DynamicVal
	}
	return markSensitive(v, sch.Block, inst, originOf(inst))
}

func (x *index) typed(inst state.Instance, sch *schema.Schema) (cty.Value, error) {
	ty := sch.Block.ImpliedType()
	if inst.SchemaVersion == sch.Version && inst.Attributes != nil {
		if v, err := decodeStored(inst.Attributes, ty); err == nil {
			return sch.Block.Normalize(v), nil
		}
	}
	l := x.pass.leases[inst.Provider]
	if inst.Address.Mode != drift.Managed || l == nil || !l.ready.Load() {
		return cty.NilVal, errNotDecoded
	}
	ctx, cancel := context.WithTimeout(context.Background(), x.pass.checker.options.ResourceTimeout)
	defer cancel()
	upgraded, err := l.lease.Client.UpgradeState(ctx, inst.Address.Type, inst.SchemaVersion, rawState(inst))
	if err != nil {
		return cty.NilVal, err
	}
	v, err := upgraded.Decode(ty)
	return sch.Block.Normalize(v), err
}

// decodeStored reads stored attributes. Those that the schema no longer has are
// left out, as in Terraform.
func decodeStored(attributes []byte, ty cty.Type) (cty.Value, error) {
	v, err := ctyjson.Unmarshal(attributes, ty)
	if err == nil {
		return v, nil
	}
	var raw any
	decoder := json.NewDecoder(bytes.NewReader(attributes))
	decoder.UseNumber()
	if decoder.Decode(&raw) != nil {
		return cty.NilVal, err
	}
	trimmed, marshalErr := json.Marshal(trim(raw, ty))
	if marshalErr != nil {
		return cty.NilVal, err
	}
	return ctyjson.Unmarshal(trimmed, ty)
}

// trim takes what a type does not have out of a JSON value.
func trim(raw any, ty cty.Type) any {
	switch raw := raw.(type) {
	case map[string]any:
		for name, elem := range raw {
			switch {
			case ty.IsMapType():
				raw[name] = trim(elem, ty.ElementType())
			case ty.IsObjectType() && !ty.HasAttribute(name):
				delete(raw, name)
			case ty.IsObjectType():
				raw[name] = trim(elem, ty.AttributeType(name))
			}
		}
	case []any:
		for i, elem := range raw {
			if ty.IsListType() || ty.IsSetType() {
				raw[i] = trim(elem, ty.ElementType())
			}
		}
	}
	return raw
}

func rawState(inst state.Instance) provider.RawState {
	return provider.RawState{JSON: inst.Attributes, Flat: inst.Flat}
}

// originOf marks the sensitive values of an object of the state.
func originOf(inst state.Instance) any {
	origin := untrusted{what: inst.Address.String() + ", a sensitive value of an earlier run in the state"}
	if inst.Address.Mode == drift.Data {
		origin.data = inst.Address.String()
	}
	return origin
}

// markSensitive marks what the schema or the state calls sensitive, also with
// its origin, if there is one to tell.
func markSensitive(v cty.Value, b *schema.Block, inst state.Instance, origin any) cty.Value {
	marked, err := cty.Transform(v, func(path cty.Path, v cty.Value) (cty.Value, error) {
		if len(path) == 0 {
			return v, nil
		}
		if (b != nil && v.Type().IsPrimitiveType() && b.SensitiveAt(path)) || listed(path, inst.Sensitive) {
			v = v.Mark(config.Sensitive)
			if origin != nil {
				v = v.Mark(origin)
			}
		}
		return v, nil
	})
	if err != nil {
		return cty.DynamicVal
	}
	return marked
}

func listed(path cty.Path, paths []cty.Path) bool {
	return slices.ContainsFunc(paths, path.Equals)
}

// untrusted marks a value from the state that must not decide how a provider
// is configured: it may have changed, or run out, since it was stored. data is
// the address of the data source to read again instead; "" for none.
type untrusted struct{ what, data string }

// providerValues are the objects of the state for the evaluation of provider
// blocks: as index, but identity and token data sources, which say who ran
// Terraform then, are untrusted.
type providerValues struct{ *index }

// Instances implements config.Values.
func (x providerValues) Instances(module drift.ModuleAddress, mode, typeName, name string) map[drift.Key]cty.Value {
	vals := x.index.Instances(module, mode, typeName, name)
	if mode != drift.Data {
		return vals
	}
	for key, v := range vals {
		addr := drift.Address{Module: module, Mode: mode, Type: typeName, Name: name, Key: key}.String()
		if now, ok := x.fresh[addr]; ok {
			vals[key] = now
		} else if shortLived(typeName) {
			vals[key] = v.Mark(untrusted{what: "data." + typeName + "." + name + ", which says who ran Terraform when it was last applied", data: addr})
		}
	}
	return vals
}

// shortLived reports whether a data source is about the caller or gives out
// something that ends.
func shortLived(typeName string) bool {
	_, isIdentity := identities[typeName]
	for _, suffix := range []string{"_auth", "_token", "_client_config", "_session_context", "_credentials"} {
		isIdentity = isIdentity || strings.HasSuffix(typeName, suffix)
	}
	return isIdentity
}
