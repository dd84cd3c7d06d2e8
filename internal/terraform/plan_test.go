package terraform

import (
	"strings"
	"testing"
)

const smallPlan = `{"format_version":"1.2","terraform_version":"1.11.4","complete":true,
"resource_drift":[{"address":"a.b","mode":"managed","type":"a","name":"b","provider_name":"p","change":{"actions":["delete"],"before":{"x":1},"after":null}}],
"resource_changes":[{"address":"module.m[\"k\"].a.c","previous_address":"a.c","mode":"managed","type":"a","change":{"actions":["create","delete"],"before":{"x":12345678901234567890},"after":{"x":2},"after_unknown":{"id":true},"replace_paths":[["x",0]]}},
{"address":"a.i","mode":"managed","type":"a","change":{"actions":["no-op"],"before":{},"after":{},"importing":{"id":"7"}}}],
"prior_state":{"values":{"root_module":{"resources":[],"child_modules":[{"resources":[{"address":"module.m.data.a.d","values":{"account":"1"}}]}]}}},
"configuration":{"root_module":{"resources":[{"address":"a.b","expressions":{"x":{"constant_value":1},"none":{}}}],"module_calls":{"m":{"module":{"resources":[{"address":"a.c","expressions":{"x":{"references":["var.x"]}}}]}}}}}}`

func TestDecodePlan(t *testing.T) {
	t.Parallel()
	p, err := DecodePlan([]byte(smallPlan))
	if err != nil {
		t.Fatal(err)
	}
	gone, moved, imported := p.Drift[0], p.Changes[0], p.Changes[1]
	if !gone.Change.Gone() || gone.Change.New() || gone.StateAddress() != "a.b" {
		t.Errorf("a deletion: %+v", gone)
	}
	if moved.StateAddress() != "a.c" || !moved.Change.Is("delete", "create") || moved.Change.Is("delete") || moved.Change.Imports() {
		t.Errorf("a replacement after a move: %+v", moved)
	}
	if string(moved.Change.Before) != `{"x":12345678901234567890}` {
		t.Errorf("a number lost its precision: %s", moved.Change.Before)
	}
	if !imported.Change.Imports() {
		t.Errorf("an import: %+v", imported)
	}
	if got := string(p.Refreshed("module.m.data.a.d")["account"]); got != `"1"` {
		t.Errorf("what was read: %s", got)
	}
	configured := p.Configured()
	if !configured["a.b"]["x"] || configured["a.b"]["none"] || !configured["module.m.a.c"]["x"] {
		t.Errorf("configured: %v", configured)
	}
}

func TestDecodePlanFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want string }{
		"nothing":      {"", "can't be read"},
		"truncated":    {smallPlan[:200], "can't be read"},
		"no plan":      {`{"a":1}`, "no format version"},
		"newer":        {`{"format_version":"2.0"}`, "upgrade Holdfast"},
		"not finished": {`{"format_version":"1.2","errored":true}`, "not finished"},
		"another kind": {`[]`, "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := DecodePlan([]byte(c.src)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q: %v", c.want, err)
			}
		})
	}
}

// FuzzDecodePlan: no input panics, and a plan that is read names its entries.
func FuzzDecodePlan(f *testing.F) {
	f.Add([]byte(smallPlan))
	f.Add([]byte(smallPlan[:300]))
	f.Add([]byte(`{"format_version":"1.2","resource_changes":[{"change":{"actions":null,"replace_paths":[[{}]]}}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := DecodePlan(src)
		if err != nil {
			if p != nil {
				t.Error("an error and a plan")
			}
			return
		}
		for _, c := range p.Changes {
			_ = c.Change.Is("no-op")
			if c.PreviousAddress == "" && c.StateAddress() != c.Address {
				t.Error("an entry that was not moved is elsewhere in the state")
			}
		}
		p.Configured()
		p.Refreshed("x")
	})
}
