package provider

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift/schema"
	"holdfast/internal/provider/providertest"
)

// both are the two test providers, by the version of the protocol they speak.
var both = map[int]string{5: providertest.Five, 6: providertest.Six}

// eachProtocol runs a test with either protocol.
func eachProtocol(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	for protocol, source := range both {
		t.Run("protocol "+string(rune('0'+protocol)), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, source)
			r.protocol = protocol
			test(t, r)
		})
	}
}

// rig is a world, an installed provider and a root module.
type rig struct {
	*testing.T
	world    *providertest.World
	pkg      providertest.Package
	module   string
	cache    string
	protocol int
}

func newRig(t *testing.T, source string) *rig {
	t.Helper()
	r := &rig{T: t, world: providertest.NewWorld(t), module: t.TempDir(), cache: t.TempDir()}
	r.pkg = providertest.Install(t, filepath.Join(r.module, ".terraform", "providers"), source, "1.0.0")
	providertest.WriteLock(t, r.module, r.pkg)
	return r
}

func (r *rig) launch() Launch {
	return Launch{Name: r.pkg.Source, Binary: r.pkg.Binary, Dir: r.module, Env: r.world.Env()}
}

// start starts the provider, until the test ends.
func (r *rig) start() *Client {
	r.Helper()
	c, err := Start(r.Context(), r.launch())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(c.Close)
	return c
}

func (r *rig) schemas(c *Client) *Schemas {
	r.Helper()
	s, err := c.fetchSchemas(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// manager makes a manager, until the test ends.
func (r *rig) manager(o Options) *Manager {
	if o.CacheDir == "" {
		o.CacheDir = r.cache
	}
	m := NewManager(o)
	m.verifier.now = func() time.Time { return time.Now().Add(time.Hour) } // the packages are just installed
	r.Cleanup(m.Close)
	return m
}

func (r *rig) where() Where {
	r.Helper()
	lock, err := ReadLock(filepath.Join(r.module, LockFile))
	if err != nil {
		r.Fatal(err)
	}
	return Where{Dir: r.module, DataDir: filepath.Join(r.module, ".terraform"), Lock: lock, Env: func(string) string { return "" }}
}

// request asks for the provider with its region configured.
func (r *rig) request(region string) Request {
	r.Helper()
	return Request{
		Source: r.pkg.Source, Where: r.where(), Env: r.world.Env(), TerraformVersion: "1.11.4",
		Configure: func(s *schema.Schema) (cty.Value, error) {
			return object(s.Block, map[string]cty.Value{"region": cty.StringVal(region)}), nil
		},
	}
}

func (r *rig) acquire(m *Manager, req Request) *Lease {
	r.Helper()
	lease, err := m.Acquire(r.Context(), req)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(lease.Release)
	return lease
}

// object is a value of a block with some attributes set.
func object(b *schema.Block, set map[string]cty.Value) cty.Value {
	vals := b.Empty().AsValueMap()
	maps.Copy(vals, set)
	return cty.ObjectVal(vals)
}

// stored is the JSON of an object in a state.
func (r *rig) stored(typeName, id string, attrs map[string]any) []byte {
	r.Helper()
	src, err := json.Marshal(providertest.StateOf(r, typeName, id, attrs))
	if err != nil {
		r.Fatal(err)
	}
	return src
}

// value is the value of an object of a type.
func (r *rig) value(s *Schemas, typeName, id string, attrs map[string]any) cty.Value {
	r.Helper()
	v, err := ctyjson.Unmarshal(r.stored(typeName, id, attrs), r.typeOf(s, typeName))
	if err != nil {
		r.Fatal(err)
	}
	return v
}

// state is the same, as it travels.
func (r *rig) state(s *Schemas, typeName, id string, attrs map[string]any) Object {
	r.Helper()
	return Object{State: r.encode(r.value(s, typeName, id, attrs), r.typeOf(s, typeName))}
}

func (r *rig) typeOf(s *Schemas, typeName string) cty.Type {
	r.Helper()
	sch, err := s.Resource(typeName)
	if err != nil || sch == nil {
		r.Fatalf("schema of %s: %v, %v", typeName, sch, err)
	}
	return sch.Block.ImpliedType()
}

func (r *rig) encode(v cty.Value, ty cty.Type) Dynamic {
	r.Helper()
	d, err := Encode(v, ty)
	if err != nil {
		r.Fatal(err)
	}
	return d
}

func (r *rig) decode(d Dynamic, ty cty.Type) cty.Value {
	r.Helper()
	v, err := d.Decode(ty)
	if err != nil {
		r.Fatal(err)
	}
	return v
}

func (r *rig) write(path, content string) {
	r.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err != nil {
		r.Fatal(err)
	}
}

// wantValue compares two values.
func wantValue(t *testing.T, what string, want, got cty.Value) {
	t.Helper()
	if !want.RawEquals(got) {
		t.Errorf("%s: want %#v\ngot %#v", what, want, got)
	}
}
