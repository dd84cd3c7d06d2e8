package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// World is the infrastructure that a test provider manages, and the record of
// what the provider was asked for. The folder Dir holds a file for each object,
// TYPE/ID.json, with its attributes as a state file has them; what is null may
// be left out, and so may what the provider computes.
type World struct {
	Dir    string
	Record string // a file: a Call a line, in JSON, in the order they came

	// Strict providers want to be asked for their schema before anything else
	// (they don't have the capability get_provider_schema_optional).
	Strict bool
}

// NewWorld makes an empty world. When the test ends, what is left of the
// processes that belong to it is killed.
func NewWorld(t testing.TB) *World {
	t.Helper()
	dir := t.TempDir()
	w := &World{Dir: filepath.Join(dir, "world"), Record: filepath.Join(dir, "record")}
	if err := os.Mkdir(w.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range w.Running() {
			kill(pid)
		}
	})
	return w
}

// Env is what the environment of a provider's process needs to find the world.
func (w *World) Env() []string {
	env := []string{envDir + "=" + w.Dir, envRecord + "=" + w.Record}
	if w.Strict {
		env = append(env, envStrict+"=1")
	}
	return env
}

// Put makes an object, or replaces it.
func (w *World) Put(t testing.TB, typeName, id string, attrs map[string]any) {
	t.Helper()
	if err := writeObject(w.Dir, typeName, id, attrs); err != nil {
		t.Fatal(err)
	}
}

// Get is an object as its file has it; nil if there is none.
func (w *World) Get(t testing.TB, typeName, id string) map[string]any {
	t.Helper()
	src, err := os.ReadFile(objectFile(w.Dir, typeName, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	attrs := map[string]any{}
	if err == nil {
		err = json.Unmarshal(src, &attrs)
	}
	if err != nil {
		t.Fatal(err)
	}
	return attrs
}

// Edit changes an object by hand.
func (w *World) Edit(t testing.TB, typeName, id string, change func(attrs map[string]any)) {
	t.Helper()
	attrs := w.Get(t, typeName, id)
	if attrs == nil {
		t.Fatalf("there is no %s with the id %s", typeName, id)
	}
	change(attrs)
	w.Put(t, typeName, id, attrs)
}

// Delete removes an object by hand.
func (w *World) Delete(t testing.TB, typeName, id string) {
	t.Helper()
	if err := os.Remove(objectFile(w.Dir, typeName, id)); err != nil {
		t.Fatal(err)
	}
}

// Behave sets how calls of a method ("ReadResource"), or of a method for a type
// ("ReadResource test_simple"), behave from now on: see the package's
// documentation. An empty behaviour is the usual one.
func (w *World) Behave(t testing.TB, call, behaviour string) {
	t.Helper()
	path := filepath.Join(w.Dir, "behave.json")
	all := map[string]string{}
	if src, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(src, &all); err != nil {
			t.Fatal(err)
		}
	}
	all[call] = behaviour
	w.write(t, path, all)
}

// BehaveAt does the same for the calls about one object.
func (w *World) BehaveAt(t testing.TB, typeName, id, method, behaviour string) {
	t.Helper()
	w.Edit(t, typeName, id, func(attrs map[string]any) {
		all, _ := attrs[behaveKey].(map[string]any)
		if all == nil {
			all = map[string]any{}
		}
		all[method] = behaviour
		attrs[behaveKey] = all
	})
}

// SetAccount sets what the data sources say of who is calling.
func (w *World) SetAccount(t testing.TB, account string) {
	t.Helper()
	w.write(t, filepath.Join(w.Dir, "account.json"), account)
}

// SetData sets what the data source test_lookup finds under a key.
func (w *World) SetData(t testing.TB, key, value string) {
	t.Helper()
	dir := filepath.Join(w.Dir, "data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.write(t, filepath.Join(dir, key+".json"), map[string]string{"value": value})
}

func (w *World) write(t testing.TB, path string, v any) {
	t.Helper()
	src, err := json.Marshal(v)
	if err == nil {
		err = replaceFile(path, src)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Calls are all calls that providers of this world got so far.
func (w *World) Calls(t testing.TB) []Call {
	t.Helper()
	calls, err := w.calls()
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

func (w *World) calls() ([]Call, error) {
	src, err := os.ReadFile(w.Record)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var calls []Call
	for line := range bytes.Lines(src) {
		var c Call
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, err
		}
		calls = append(calls, c)
	}
	return calls, nil
}

// Count is how many of the calls so far were of a method.
func (w *World) Count(t testing.TB, method string) int {
	t.Helper()
	n := 0
	for _, c := range w.Calls(t) {
		if c.Method == method {
			n++
		}
	}
	return n
}

// AssertReadOnly fails the test if a provider was ever asked to change
// anything, or asked nothing at all.
func (w *World) AssertReadOnly(t testing.TB) {
	t.Helper()
	calls := w.Calls(t)
	if len(calls) == 0 {
		t.Error("no provider of this world was ever started")
	}
	for _, c := range calls {
		if c.Changes() {
			t.Errorf("a provider was asked for %s %s", c.Method, c.Type)
		}
	}
}

// Running are the processes of providers of this world, and of the children
// that they spawned, that have not ended.
func (w *World) Running() []int {
	calls, _ := w.calls()
	var pids []int
	for _, c := range calls {
		pid := c.PID
		if c.Method == "Spawn" {
			pid = c.Child
		}
		if (c.Method == "Start" || c.Method == "Spawn") && running(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// AwaitGone waits for all those processes to have ended, and fails the test if
// some live on for longer than d.
func (w *World) AwaitGone(t testing.TB, d time.Duration) {
	t.Helper()
	if !Await(d, func() bool { return len(w.Running()) == 0 }) {
		t.Errorf("still running after %s: %v", d, w.Running())
	}
}

// AwaitCall waits until a provider got n calls of a method.
func (w *World) AwaitCall(t testing.TB, method string, n int) {
	t.Helper()
	if !Await(2*time.Minute, func() bool { return w.Count(t, method) >= n }) {
		t.Fatalf("the provider did not get %d calls of %s", n, method)
	}
}

// Await waits at most d for a condition, and reports whether it came true.
func Await(d time.Duration, condition func() bool) bool {
	deadline := time.After(d)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			return condition()
		}
	}
	return true
}

// Resource is an object of the world together with its place in a state.
type Resource struct {
	Type, Name string
	Key        any    // of the instance: a string, a number, or nil
	Module     string // its address, "" for the root
	ID         string // "" means Name
	Attributes map[string]any

	// What else the state has of it. Stored, where not nil, is put into the
	// state as it is, in place of the object's attributes.
	SchemaVersion   int64
	Stored          any
	Flat            map[string]string // attributes_flat, in place of Stored
	Private         []byte
	Identity        any
	IdentityVersion int64
	Sensitive       []any // sensitive_attributes
	Dependencies    []string
	ProviderConfig  string // the state's entry; "" means the root's default one
}

// Provision makes objects and writes the state that an apply of them would have
// left behind, terraform.tfstate in the root module's folder.
func (w *World) Provision(t testing.TB, module string, pkg Package, resources ...Resource) {
	t.Helper()
	for _, r := range resources {
		w.Put(t, r.Type, r.id(), r.Attributes)
	}
	WriteState(t, filepath.Join(module, "terraform.tfstate"), pkg, resources...)
}

func (r Resource) id() string {
	if r.ID != "" {
		return r.ID
	}
	return r.Name
}

// WriteState writes a state file (version 4) with these resources in it.
func WriteState(t testing.TB, path string, pkg Package, resources ...Resource) {
	t.Helper()
	type entry struct {
		Module    string           `json:"module,omitempty"`
		Mode      string           `json:"mode"`
		Type      string           `json:"type"`
		Name      string           `json:"name"`
		Provider  string           `json:"provider"`
		Instances []map[string]any `json:"instances"`
	}
	var entries []*entry
	byName := map[string]*entry{}
	for _, r := range resources {
		name := strings.Join([]string{r.Module, r.Type, r.Name}, "|")
		if byName[name] == nil {
			config := r.ProviderConfig
			if config == "" {
				config = `provider["` + pkg.Source + `"]`
			}
			byName[name] = &entry{Module: r.Module, Mode: "managed", Type: r.Type, Name: r.Name, Provider: config}
			entries = append(entries, byName[name])
		}
		byName[name].Instances = append(byName[name].Instances, r.instance(t))
	}
	src, err := json.MarshalIndent(map[string]any{
		"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "providertest",
		"outputs": map[string]any{}, "resources": entries, "check_results": nil,
	}, "", "  ")
	if err == nil {
		err = os.WriteFile(path, src, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// instance is the resource's entry in the instances of a state.
func (r Resource) instance(t testing.TB) map[string]any {
	t.Helper()
	typ, ok := resourceTypes(6)[r.Type]
	if !ok {
		t.Fatalf("there is no resource type %s", r.Type)
	}
	out := map[string]any{"schema_version": typ.schema.Version, "sensitive_attributes": r.Sensitive}
	if r.Sensitive == nil {
		out["sensitive_attributes"] = []any{}
	}
	switch {
	case r.Flat != nil:
		out["attributes_flat"], out["schema_version"] = r.Flat, r.SchemaVersion
	case r.Stored != nil:
		out["attributes"], out["schema_version"] = r.Stored, r.SchemaVersion
	default:
		out["attributes"] = StateOf(t, r.Type, r.id(), r.Attributes)
	}
	for name, v := range map[string]any{"index_key": r.Key, "identity": r.Identity} {
		if v != nil {
			out[name] = v
		}
	}
	if r.Identity != nil {
		out["identity_schema_version"] = r.IdentityVersion
	}
	if r.Private != nil {
		out["private"] = r.Private
	}
	if r.Dependencies != nil {
		out["dependencies"] = r.Dependencies
	}
	return out
}

// StateOf is what a state has of an object right after a read.
func StateOf(t testing.TB, typeName, id string, attrs map[string]any) map[string]any {
	t.Helper()
	typ, ok := resourceTypes(6)[typeName]
	if !ok {
		t.Fatalf("there is no resource type %s", typeName)
	}
	src, err := json.Marshal(attrs)
	object := map[string]any{}
	if err == nil {
		err = json.Unmarshal(src, &object)
	}
	if err != nil {
		t.Fatal(err)
	}
	if object == nil {
		object = map[string]any{}
	}
	object["id"] = id
	return complete(typ.schema.Block, today(typ, object, ""), typ.legacy)
}
