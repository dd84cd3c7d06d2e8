package terraform

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// planned is a block with a value of every shape.
var planned = &schema.Block{
	Attributes: map[string]*schema.Attribute{
		"id": {Type: cty.String, Computed: true}, "n": {Type: cty.Number, Optional: true},
		"tags": {Type: cty.Map(cty.String), Optional: true}, "zones": {Type: cty.Set(cty.String), Optional: true},
		"any": {Type: cty.DynamicPseudoType, Optional: true},
	},
	Blocks: map[string]*schema.NestedBlock{
		"step": {Nesting: schema.List, Block: schema.Block{Attributes: map[string]*schema.Attribute{"name": {Type: cty.String, Optional: true}}}},
		"rule": {Nesting: schema.Set, Block: schema.Block{Attributes: map[string]*schema.Attribute{"name": {Type: cty.String, Optional: true}}}},
	},
}

func decoded(t *testing.T, src string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(src))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPlanValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, unknown, path, want string }{
		"a number, exact":                 {`{"n":12345678901234567890}`, `{}`, "n", "12345678901234567890"},
		"what is left out":                {`{"n":1}`, `{}`, "tags", "null"},
		"an unknown attribute":            {`{"n":1}`, `{"id":true}`, "id", "unknown"},
		"a known one beside it":           {`{"n":1}`, `{"id":true}`, "n", "1"},
		"blocks that are null":            {`{"step":null}`, `{}`, "step", "[]"},
		"an unknown in a list":            {`{"step":[{"name":"a"},{}]}`, `{"step":[{},{"name":true}]}`, "step.1.name", "unknown"},
		"an unknown in a set":             {`{"rule":[{"name":"a"},{}]}`, `{"rule":[{},{"name":true}]}`, "rule", "unknown"},
		"a set of strings":                {`{"zones":["a",null]}`, `{"zones":[false,true]}`, "zones", "unknown"},
		"an unknown member of a map":      {`{"tags":{"a":"1"}}`, `{"tags":{"b":true}}`, "tags.b", "unknown"},
		"the only one of a map":           {`{"tags":{}}`, `{"tags":{"b":true}}`, "tags.b", "unknown"},
		"a whole map":                     {`{}`, `{"tags":true}`, "tags", "unknown"},
		"any type":                        {`{"any":{"a":[1,"x"]}}`, `{}`, "any", `{"a":[1,"x"]}`},
		"any type, null":                  {`{"any":null}`, `{}`, "any", "null"},
		"any type, left out":              {`{}`, `{}`, "any", "null"},
		"any type, unknown":               {`{}`, `{"any":true}`, "any", "unknown"},
		"all of it unknown is not of use": {`{"n":1}`, `false`, "n", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := Value(planned, []byte(c.value), decoded(t, c.unknown))
			if err != nil {
				t.Fatal(err)
			}
			var steps []any
			for part := range strings.SplitSeq(c.path, ".") {
				if part >= "0" && part <= "9" {
					steps = append(steps, json.Number(part))
				} else {
					steps = append(steps, part)
				}
			}
			at := drift.ValueAt(v, Path(steps, planned.ImpliedType()))
			got := "unknown"
			if at.IsKnown() {
				raw, err := ctyjson.Marshal(at, at.Type())
				if err != nil {
					t.Fatal(err)
				}
				if got = string(raw); at.IsNull() {
					got = "null"
				}
			}
			if got != c.want {
				t.Errorf("%s is %s, want %s", c.path, got, c.want)
			}
		})
	}
	if _, err := Value(planned, []byte(`{"n":"x"}`), nil); err == nil {
		t.Error("a value of another type was read")
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	ty := planned.ImpliedType()
	for mask, want := range map[string]string{
		`{}`:                              "",
		`{"id":true}`:                     "id",
		`{"tags":{"a":true,"b":false}}`:   `tags["a"]`,
		`{"step":[{},{"name":true}]}`:     "step[1].name",
		`{"rule":[{},{"name":true}]}`:     "rule",
		`{"zones":[true]}`:                "zones",
		`{"any":{"a":[true]}}`:            "any.a[0]",
		`true`:                            "",
		`{"step":[{"name":false}],"n":0}`: "",
	} {
		var got []string
		for _, path := range Masked(decoded(t, mask), ty, nil) {
			got = append(got, drift.FormatPath(path))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", mask, got, want)
		}
	}
	if all := Masked(true, ty, nil); len(all) != 1 || len(all[0]) != 0 {
		t.Errorf("all of it: %v", all)
	}
}

// FuzzPlanValue: no value and no mask panics, and what is read fits the schema.
func FuzzPlanValue(f *testing.F) {
	f.Add([]byte(`{"n":1,"step":[{"name":"a"}],"any":{"a":[1]}}`), []byte(`{"id":true,"step":[{"name":true}]}`))
	f.Add([]byte(`{"zones":["a","b"],"rule":[{}]}`), []byte(`{"zones":[true],"rule":true}`))
	f.Add([]byte(`{"tags":null}`), []byte(`{"tags":{"a":true},"any":[true]}`))
	f.Fuzz(func(t *testing.T, raw, mask []byte) {
		var m any
		if json.Unmarshal(mask, &m) != nil {
			return
		}
		Masked(m, planned.ImpliedType(), nil)
		v, err := Value(planned, raw, m)
		if err != nil || v.IsNull() || !v.IsKnown() {
			return
		}
		for name := range planned.ImpliedType().AttributeTypes() {
			if !v.Type().HasAttribute(name) {
				t.Errorf("%s is missing", name)
			}
		}
	})
}
