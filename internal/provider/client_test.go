package provider

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestConformance holds the client to either protocol, against a server that
// somebody else wrote. One process serves all of it.
func TestConformance(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		c := r.start()
		s := r.schemas(c)
		if c.Protocol() != r.protocol || c.Name() != r.pkg.Source || c.PID() == 0 {
			t.Errorf("client of protocol %d, named %s, process %d", c.Protocol(), c.Name(), c.PID())
		}
		for name, test := range map[string]func(*rig, *Client, *Schemas){
			"schema": testSchema, "identity": testIdentity, "upgrade": testUpgrade, "read": testRead,
			"private and meta": testPrivateAndMeta, "JSON": testJSON, "plan": testPlan, "replace": testReplace,
			"legacy": testLegacy, "data": testData, "every type": testEveryType, "diagnostics": testDiagnostics,
			"nonsense": testNonsense, "a large object": testLarge,
		} {
			t.Run(name, func(t *testing.T) {
				on := *r
				on.T = t
				test(&on, c, s)
			})
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		r.world.AssertReadOnly(t)
	})
}

// testSchema compares all schemas with a golden file, one line an attribute.
// Protocol 5 has the same but for what it can't describe.
func testSchema(r *rig, _ *Client, s *Schemas) {
	var lines []string
	for _, key := range slices.SortedFunc(maps.Keys(s.encoded), func(a, b schemaKey) int {
		return strings.Compare(fmt.Sprintf("%03d %s", a.section, a.name), fmt.Sprintf("%03d %s", b.section, b.name))
	}) {
		if key.section == identitySection {
			version, ty, ok, err := s.Identity(key.name)
			lines = append(lines, fmt.Sprintf("identity %s version %d %#v %v %v", key.name, version, ty, ok, err))
			continue
		}
		sch, err := s.get(key)
		if err != nil {
			r.Fatal(err)
		}
		name := fmt.Sprintf("%d %s", key.section, key.name)
		lines = append(lines, fmt.Sprintf("%s version %d", name, sch.Version))
		lines = append(lines, describe(name, sch.Block.Attributes, sch.Block.Blocks)...)
	}
	golden := filepath.Join("testdata", "schema.golden")
	if *update && r.protocol == 6 {
		r.write(golden, strings.Join(lines, "\n")+"\n")
	}
	src, err := os.ReadFile(golden)
	if err != nil {
		r.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(src)), "\n")
	if r.protocol == 5 {
		want = slices.DeleteFunc(want, func(line string) bool { return strings.Contains(line, "test_nested") })
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		r.Errorf("schemas differ from the golden file (-):\n%s", diff)
	}
	for what, get := range map[string]func(string) (*schema.Schema, error){"resource": s.Resource, "data source": s.Data} {
		if sch, err := get("test_nothing"); sch != nil || err != nil {
			r.Errorf("schema of an unknown %s: %v, %v", what, sch, err)
		}
	}
	if _, _, ok, err := s.Identity("test_simple"); ok || err != nil {
		r.Errorf("identity of a type without one: %v, %v", ok, err)
	}
}

func describe(at string, attrs map[string]*schema.Attribute, blocks map[string]*schema.NestedBlock) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		a := attrs[name]
		words := []string{at + "." + name}
		for _, flag := range []struct {
			name string
			set  bool
		}{{"required", a.Required}, {"optional", a.Optional}, {"computed", a.Computed}, {"sensitive", a.Sensitive}, {"write-only", a.WriteOnly}} {
			if flag.set {
				words = append(words, flag.name)
			}
		}
		if a.Nested == nil {
			lines = append(lines, fmt.Sprintf("%s: %#v", strings.Join(words, " "), a.Type))
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: nested %d", strings.Join(words, " "), a.Nested.Nesting))
		lines = append(lines, describe(at+"."+name, a.Nested.Attributes, nil)...)
	}
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		lines = append(lines, fmt.Sprintf("%s.%s: block %d", at, name, blocks[name].Nesting))
		lines = append(lines, describe(at+"."+name, blocks[name].Attributes, blocks[name].Blocks)...)
	}
	return lines
}

func testIdentity(r *rig, c *Client, s *Schemas) {
	version, ty, ok, err := s.Identity("test_identified")
	if err != nil || !ok || version != 1 {
		r.Fatalf("identity version %d, %v, %v", version, ok, err)
	}
	want := cty.ObjectVal(map[string]cty.Value{"bucket": cty.StringVal("b"), "region": cty.StringVal("here")})
	for version, stored := range []string{`{"name":"b"}`, `{"bucket":"b","region":"here"}`} {
		identity, err := c.UpgradeIdentity(r.Context(), "test_identified", int64(version), []byte(stored))
		if err != nil {
			r.Fatal(err)
		}
		wantValue(r.T, "upgraded identity", want, r.decode(identity, ty))
	}
	attrs := map[string]any{"bucket": "b"}
	r.world.Put(r, "test_identified", "i", attrs)
	live, err := c.Read(r.Context(), "test_identified", r.state(s, "test_identified", "i", attrs), Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	wantValue(r.T, "identity of a read", want, r.decode(live.Identity, ty))
	r.world.Delete(r, "test_identified", "i")
	gone, err := c.Read(r.Context(), "test_identified", live, Dynamic{})
	if err != nil || !gone.State.IsNil() || !gone.Identity.Same(live.Identity) {
		r.Errorf("a read of what is gone: %v, null %v, the identity it was asked with %v", err, gone.State.IsNil(), gone.Identity.Same(live.Identity))
	}
	if _, err := c.UpgradeIdentity(r.Context(), "test_simple", 0, []byte("{}")); err == nil {
		r.Error("a type without an identity had one upgraded")
	}
}

func testUpgrade(r *rig, c *Client, s *Schemas) {
	ty := r.typeOf(s, "test_upgraded")
	want := r.value(s, "test_upgraded", "u", map[string]any{"name": "n", "tags": map[string]any{"a": "b"}})
	for version, raw := range map[int64]RawState{
		0: {Flat: map[string]string{"id": "u", "title": "n", "tags.%": "1", "tags.a": "b"}},
		1: {JSON: []byte(`{"id":"u","title":"n","tags":{"a":"b"},"removed":1}`)},
		2: {JSON: []byte(`{"id":"u","name":"n","tags":{"a":"b"}}`)},
	} {
		state, err := c.UpgradeState(r.Context(), "test_upgraded", version, raw)
		if err != nil {
			r.Fatalf("version %d: %v", version, err)
		}
		wantValue(r.T, fmt.Sprintf("version %d", version), want, r.decode(state, ty))
	}
	if _, err := c.UpgradeState(r.Context(), "test_nothing", 0, RawState{JSON: []byte("{}")}); err == nil {
		r.Error("a type that does not exist was upgraded")
	}
}

func testRead(r *rig, c *Client, s *Schemas) {
	attrs := map[string]any{"name": "n", "note": "as applied", "zones": []any{"b", "a"}}
	r.world.Put(r, "test_simple", "read", attrs)
	ty := r.typeOf(s, "test_simple")
	applied, err := c.UpgradeState(r.Context(), "test_simple", 0, RawState{JSON: r.stored("test_simple", "read", attrs)})
	if err != nil {
		r.Fatal(err)
	}
	read := func() Dynamic {
		live, err := c.Read(r.Context(), "test_simple", Object{State: applied}, Dynamic{})
		if err != nil {
			r.Fatal(err)
		}
		return live.State
	}
	if !applied.Same(read()) {
		r.Error("what did not change does not read the same")
	}
	r.world.Edit(r, "test_simple", "read", func(o map[string]any) { o["note"] = "by hand" })
	attrs["note"] = "by hand"
	wantValue(r.T, "what changed", r.value(s, "test_simple", "read", attrs), r.decode(read(), ty))
	r.world.Delete(r, "test_simple", "read")
	if gone := read(); !gone.IsNil() || !r.decode(gone, ty).IsNull() {
		r.Error("what is gone does not read as null")
	}
}

func testPrivateAndMeta(r *rig, c *Client, s *Schemas) {
	r.world.Put(r, "test_meta", "m", nil)
	meta, err := s.Meta()
	if err != nil {
		r.Fatal(err)
	}
	current := r.state(s, "test_meta", "m", nil)
	current.Private = []byte("bytes of its own\x00")
	mine := object(meta.Block, map[string]cty.Value{"module_name": cty.StringVal("mine")})
	live, err := c.Read(r.Context(), "test_meta", current, r.encode(mine, meta.Block.ImpliedType()))
	if err != nil {
		r.Fatal(err)
	}
	if !bytes.Equal(live.Private, current.Private) {
		r.Errorf("private bytes came back as %q", live.Private)
	}
	if by := r.decode(live.State, r.typeOf(s, "test_meta")).GetAttr("seen_by"); by.AsString() != "mine" {
		r.Errorf("the module's name came as %#v", by)
	}
}

func testJSON(r *rig, c *Client, s *Schemas) {
	attrs := map[string]any{"name": "n", "size": 1.5, "tags": map[string]any{"a": "b"}}
	r.world.Put(r, "test_simple", "json", attrs)
	r.world.BehaveAt(r, "test_simple", "json", "ReadResource", "json")
	want := r.value(s, "test_simple", "json", attrs)
	live, err := c.Read(r.Context(), "test_simple", r.state(s, "test_simple", "json", attrs), Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	wantValue(r.T, "an answer in JSON", want, r.decode(live.State, want.Type()))
	if live.State.Same(live.State) {
		r.Error("JSON is taken for the same without a look at it")
	}
	r.world.Delete(r, "test_simple", "json")
	if (Dynamic{json: []byte(" null\n")}).IsNil() == false {
		r.Error("a null in JSON is none")
	}
}

// testPlan asks for the plan that would undo a change.
func testPlan(r *rig, c *Client, s *Schemas) {
	ty := r.typeOf(s, "test_simple")
	live := r.value(s, "test_simple", "plan", map[string]any{"name": "n", "note": "by hand", "label": "LOUD", "color": "red"})
	config := map[string]cty.Value{"name": cty.StringVal("n"), "note": cty.StringVal("as applied"), "label": cty.StringVal("loud")}
	proposed := live.AsValueMap()
	maps.Copy(proposed, config)
	sch, _ := s.Resource("test_simple")
	wireConfig := r.encode(object(sch.Block, config), ty)
	planned, err := c.Plan(r.Context(), "test_simple", Object{State: r.encode(live, ty)}, r.encode(cty.ObjectVal(proposed), ty), wireConfig, Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	want := r.value(s, "test_simple", "plan", map[string]any{"name": "n", "note": "as applied", "label": "LOUD", "color": "red"})
	wantValue(r.T, "planned", want, r.decode(planned.State, ty))
	if len(planned.RequiresReplace) > 0 || planned.Legacy {
		r.Errorf("the plan replaces %v, legacy %v", planned.RequiresReplace, planned.Legacy)
	}
	created, err := c.Plan(r.Context(), "test_simple", Object{State: r.encode(cty.NullVal(ty), ty)}, wireConfig, wireConfig, Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	if v := r.decode(created.State, ty); v.GetAttr("id").IsKnown() || v.GetAttr("color").AsString() != "blue" {
		r.Errorf("planned for a new one: %#v", v)
	}
}

func testReplace(r *rig, c *Client, s *Schemas) {
	live := r.state(s, "test_simple", "x", map[string]any{"name": "n"})
	proposed := r.state(s, "test_simple", "x", map[string]any{"name": "another"}).State
	planned, err := c.Plan(r.Context(), "test_simple", live, proposed, proposed, Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	if len(planned.RequiresReplace) != 1 || !planned.RequiresReplace[0].Equals(cty.GetAttrPath("name")) {
		r.Errorf("the plan replaces %#v", planned.RequiresReplace)
	}
}

func testLegacy(r *rig, c *Client, s *Schemas) {
	live := r.state(s, "test_legacy", "l", map[string]any{"setting": []any{map[string]any{"key": "k"}}})
	sch, _ := s.Resource("test_legacy")
	ty := sch.Block.ImpliedType()
	proposed := r.encode(sch.Block.Empty(), ty)
	planned, err := c.Plan(r.Context(), "test_legacy", live, proposed, proposed, Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	if !planned.Legacy {
		r.Error("the legacy flag was lost")
	}
	if settings := r.decode(planned.State, ty).GetAttr("setting"); settings.LengthInt() != 1 {
		r.Errorf("the hidden computed block is planned as %#v", settings)
	}
}

func testData(r *rig, c *Client, s *Schemas) {
	r.world.SetData(r, "color", "green")
	sch, err := s.Data("test_lookup")
	if err != nil {
		r.Fatal(err)
	}
	config := r.encode(object(sch.Block, map[string]cty.Value{"key": cty.StringVal("color")}), sch.Block.ImpliedType())
	answer, err := c.ReadData(r.Context(), "test_lookup", config, Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	if v := r.decode(answer, sch.Block.ImpliedType()).GetAttr("value"); v.AsString() != "green" {
		r.Errorf("the data source says %#v", v)
	}
	for behaviour, want := range map[string]string{"missing": "a read without a state", "empty": "a read without a state", "deferred": "a deferred read", "error:it is down": "it is down"} {
		r.world.Behave(r, "ReadDataSource test_lookup", behaviour)
		if _, err := c.ReadData(r.Context(), "test_lookup", config, Dynamic{}); err == nil || !strings.Contains(err.Error(), want) {
			r.Errorf("%s: %v", behaviour, err)
		}
	}
}

// testEveryType sends an object of every type there and back: the types that a
// schema implies are those that the other side encodes.
func testEveryType(r *rig, c *Client, s *Schemas) {
	plain := map[string]any{"name": "n", "mode": "m"}
	list := []any{plain, map[string]any{"name": "o"}}
	dynamic := map[string]any{"type": []any{"tuple", []any{"number", []any{"list", "string"}}}, "value": []any{1, []any{"x"}}}
	for typeName, attrs := range map[string]map[string]any{
		"test_simple": {"name": "n", "size": 0.1, "enabled": false, "ports": []any{1, 2}, "secret": "s"},
		"test_blocks": {
			"one": plain, "step": []any{map[string]any{"name": "s", "option": list}}, "rule": list,
			"part": map[string]any{"left": plain}, "base": plain,
		},
		"test_nested":  {"one": plain, "list": list, "set": []any{map[string]any{"name": "n"}}, "map": map[string]any{"k": plain}},
		"test_sets":    {"pairs": []any{map[string]any{"key": "k", "value": nil}}, "rule": []any{map[string]any{"name": "r", "port": 1}}},
		"test_dynamic": {"value": dynamic, "pair": map[string]any{"key": "k", "value": dynamic}, "wrap": map[string]any{"value": dynamic}},
		"test_secret":  {"password": "p"},
		"test_legacy":  {"note": "", "setting": []any{map[string]any{"key": "k"}}},
	} {
		if typeName == "test_nested" && r.protocol == 5 {
			continue
		}
		for id, attrs := range map[string]map[string]any{"full": attrs, "bare": nil} {
			r.world.Put(r, typeName, id, attrs)
			want, ty := r.value(s, typeName, id, attrs), r.typeOf(s, typeName)
			applied, err := c.UpgradeState(r.Context(), typeName, 0, RawState{JSON: r.stored(typeName, id, attrs)})
			if err != nil {
				r.Fatalf("%s %s: %v", typeName, id, err)
			}
			live, err := c.Read(r.Context(), typeName, r.state(s, typeName, id, attrs), Dynamic{})
			if err != nil {
				r.Fatalf("%s %s: %v", typeName, id, err)
			}
			wantValue(r.T, typeName+" upgraded", want, r.decode(applied, ty))
			wantValue(r.T, typeName+" read", want, r.decode(live.State, ty))
		}
	}
}

// testDiagnostics expects what a provider reports as an error to become one,
// with its place, and nothing else.
func testDiagnostics(r *rig, c *Client, s *Schemas) {
	state := r.state(s, "test_simple", "d", nil)
	for behaviour, want := range map[string]string{
		"error:quota exceeded": "note: It did not work: quota exceeded",
		"denied":               "reading the object: operation error Test: GetObject, https response error StatusCode: 403, RequestID: 1, api error AccessDenied: User: arn:test:user/reader is not authorized to perform: test:GetObject",
		"error:one;error:two":  "note: It did not work: one; note: It did not work: two",
		"warn:rather old":      "",
	} {
		for method, call := range map[string]func() error{
			"UpgradeResourceState": func() error {
				_, err := c.UpgradeState(r.Context(), "test_simple", 0, RawState{JSON: []byte(`{"id":"d"}`)})
				return err
			},
			"ReadResource": func() error {
				_, err := c.Read(r.Context(), "test_simple", state, Dynamic{})
				return err
			},
			"PlanResourceChange": func() error {
				_, err := c.Plan(r.Context(), "test_simple", state, state.State, state.State, Dynamic{})
				return err
			},
		} {
			r.world.Behave(r, method+" test_simple", behaviour)
			err := call()
			var diagnostics *DiagnosticsError
			switch {
			case want == "" && err != nil:
				r.Errorf("%s, %s: %v", method, behaviour, err)
			case want != "" && (!errors.As(err, &diagnostics) || err.Error() != want):
				r.Errorf("%s, %s: %v", method, behaviour, err)
			}
			r.world.Behave(r, method+" test_simple", "")
		}
	}
	r.world.Behave(r, "ReadResource test_simple", "fail:out of order")
	if _, err := c.Read(r.Context(), "test_simple", state, Dynamic{}); err == nil || err.Error() != "ReadResource of provider "+r.pkg.Source+": out of order" {
		r.Errorf("an error of gRPC came as %v", err)
	}
	r.world.Behave(r, "ReadResource test_simple", "")
}

// testNonsense expects answers that the protocol does not allow to be told as
// such: none of them is a value, least of all a null.
func testNonsense(r *rig, c *Client, s *Schemas) {
	r.world.Put(r, "test_simple", "odd", nil)
	ty, state := r.typeOf(s, "test_simple"), r.state(s, "test_simple", "odd", nil)
	calls := map[string]func() (Dynamic, error){
		"UpgradeResourceState": func() (Dynamic, error) {
			return c.UpgradeState(r.Context(), "test_simple", 0, RawState{JSON: []byte(`{"id":"odd"}`)})
		},
		"ReadResource": func() (Dynamic, error) {
			live, err := c.Read(r.Context(), "test_simple", state, Dynamic{})
			return live.State, err
		},
		"PlanResourceChange": func() (Dynamic, error) {
			planned, err := c.Plan(r.Context(), "test_simple", state, state.State, state.State, Dynamic{})
			return planned.State, err
		},
	}
	for method, call := range calls {
		for _, behaviour := range []string{"garbage", "other", "trailing", "missing", "empty", "deferred"} {
			if behaviour == "deferred" && method == "UpgradeResourceState" {
				continue // can't be
			}
			r.world.BehaveAt(r, "test_simple", "odd", method, behaviour)
			d, err := call()
			if err == nil {
				_, err = d.Decode(ty)
			}
			var nonsense *NonsenseError
			if !errors.As(err, &nonsense) || !strings.HasPrefix(err.Error(), "the provider answered with ") {
				r.Errorf("%s, %s: %v", method, behaviour, err)
			}
			if err != nil && d.IsNil() && !d.missing() {
				r.Errorf("%s, %s: it counts as a null", method, behaviour)
			}
		}
		r.world.BehaveAt(r, "test_simple", "odd", method, "")
	}
	r.world.BehaveAt(r, "test_simple", "odd", "ReadResource", "unknown")
	if d, err := calls["ReadResource"](); err != nil || d.IsNil() || r.decode(d, ty).IsKnown() {
		r.Errorf("an unknown object came as %v, %v", d, err)
	}
}

// testLarge sends an object there and back that is larger than what gRPC
// allows by itself: 4 MiB.
func testLarge(r *rig, c *Client, s *Schemas) {
	attrs := map[string]any{"note": strings.Repeat("x", 5<<20)}
	r.world.Put(r, "test_simple", "large", attrs)
	want := r.value(s, "test_simple", "large", attrs)
	live, err := c.Read(r.Context(), "test_simple", r.state(s, "test_simple", "large", attrs), Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	wantValue(r.T, "a large object", want, r.decode(live.State, want.Type()))
}
