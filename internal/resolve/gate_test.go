package resolve

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/terraform"
)

var thing = &schema.Schema{Block: &schema.Block{
	Attributes: map[string]*schema.Attribute{
		"id": {Type: cty.String, Computed: true}, "arn": {Type: cty.String, Computed: true},
		"name": {Type: cty.String, Required: true}, "note": {Type: cty.String, Optional: true},
		"size": {Type: cty.Number, Optional: true}, "color": {Type: cty.String, Optional: true, Computed: true},
		"secret": {Type: cty.String, Optional: true, Sensitive: true}, "secrets": {Type: cty.Map(cty.String), Optional: true, Sensitive: true},
		"policy": {Type: cty.String, Optional: true}, "zones": {Type: cty.Set(cty.String), Optional: true},
		"tags": {Type: cty.Map(cty.String), Optional: true}, "ports": {Type: cty.List(cty.Number), Optional: true},
	},
	Blocks: map[string]*schema.NestedBlock{
		"step": {Nesting: schema.List, Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"name": {Type: cty.String, Optional: true}, "number": {Type: cty.Number, Computed: true},
		}}},
	},
}}

func things(_, typeName string) (*schema.Schema, error) {
	switch typeName {
	case "test_thing":
		return thing, nil
	case "test_unknown":
		return nil, nil
	}
	return nil, errors.New("there is no provider")
}

type object = map[string]any

// applied are the values of an object as it was last applied.
func applied(changes object) object {
	all := object{
		"id": "i-1", "arn": "arn:i-1", "name": "n", "note": "code", "size": 1, "color": "blue", "secret": "not-a-real-secret", "secrets": object{"not-a-real-key": "a"},
		"policy": `{"a":1}`, "zones": []any{"a", "b"}, "tags": object{"owner": "kim"}, "ports": []any{}, "step": []any{object{"name": "one", "number": 1}},
	}
	maps.Copy(all, changes)
	return all
}

// planned is an entry of a plan.
type planned struct {
	address string // test_thing.a where it is empty
	typ     string // test_thing
	actions []string
	before  object
	after   object
	unknown object
	extra   string // JSON members
	deposed string
	was     string // the previous address
}

func (p planned) json(t *testing.T) string {
	t.Helper()
	raw := func(v any) string {
		src, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(src)
	}
	if p.address == "" {
		p.address = "test_thing.a"
	}
	if p.typ == "" {
		p.typ = "test_thing"
	}
	return fmt.Sprintf(`{"address": %q, "previous_address": %q, "mode": "managed", "type": %q, "provider_name": "test", "deposed": %q,
		"change": {"actions": %s, "before": %s, "after": %s, "after_unknown": %s %s}}`,
		p.address, p.was, p.typ, p.deposed, raw(p.actions), raw(p.before), raw(p.after), raw(p.unknown), p.extra)
}

// document is a whole plan. What is declared writes note, policy and size, and
// refers to what is given.
type document struct {
	drift, changes []planned
	refers         string
	rest           string // JSON members
}

func (d document) plan(t *testing.T) *terraform.Plan {
	t.Helper()
	list := func(all []planned) string {
		var texts []string
		for _, p := range all {
			texts = append(texts, p.json(t))
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	refers := "{}"
	if d.refers != "" {
		refers = fmt.Sprintf(`{"references": [%q]}`, d.refers)
	}
	src := fmt.Sprintf(`{"format_version": "1.2", "resource_drift": %s, "resource_changes": %s, "configuration": {"root_module": {"resources": [
		{"address": "test_thing.a", "expressions": {"name": {"constant_value": "n"}, "note": %s, "color": %s, "step": [{"name": %s}]}}]}} %s}`,
		list(d.drift), list(d.changes), refers, refers, refers, d.rest)
	plan, err := terraform.DecodePlan([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

var update, create = []string{"update"}, []string{"create"}

// changed is what somebody changed by hand, and a plan that gives it the values
// of after.
func changed(live, after object) document {
	return document{
		drift:   []planned{{actions: update, before: applied(nil), after: applied(live)}},
		changes: []planned{{actions: update, before: applied(live), after: applied(after)}},
	}
}

func (d document) unknown(names ...string) document {
	d.changes = slices.Clone(d.changes)
	for _, name := range names {
		p := &d.changes[0]
		p.unknown, p.after = object{name: true}, maps.Clone(p.after)
		maps.DeleteFunc(p.after, func(k string, _ any) bool { return k == name })
	}
	return d
}

func (d document) with(more ...planned) document {
	d.changes = append(slices.Clone(d.changes), more...)
	return d
}

// referring has the code write note and color.
func (d document) referring(to string) document {
	d.refers = to
	return d
}

// gone is what somebody deleted, and a plan that makes it again.
func gone(after object, unknown object) document {
	return document{
		drift:   []planned{{actions: []string{"delete"}, before: applied(nil)}},
		changes: []planned{{actions: create, after: applied(after), unknown: unknown}},
	}
}

func modifiedAt(paths ...string) drift.Finding {
	f := drift.Finding{ID: "f", Address: "test_thing.a", Type: "test_thing", Kind: drift.Modified}
	for _, path := range paths {
		f.Changes = append(f.Changes, drift.Change{Path: path})
	}
	return f
}

var deletedOne = drift.Finding{ID: "f", Address: "test_thing.a", Type: "test_thing", Kind: drift.Deleted}

// again is what a new object gets from the provider.
var again = object{"id": true, "arn": true, "color": true, "step": []any{object{"number": true}}}

// fresh are values of a new object, without those.
var fresh = object{"id": nil, "arn": nil, "color": nil, "step": []any{object{"name": "one"}}}

var blank = object{"id": nil, "arn": nil, "color": nil, "step": []any{object{"name": "one"}}, "note": nil, "size": nil}

func TestGate(t *testing.T) {
	t.Parallel()
	resized := object{"size": 9}
	dependency := planned{address: "test_thing.b", actions: update, before: applied(nil), after: applied(object{"size": 3})}
	for name, tt := range map[string]struct {
		plan    document
		finding drift.Finding
		allowed Allowed
		want    []string // ADDRESS PATH: of each refusal, and something that it says
	}{
		"put back":                         {plan: changed(resized, nil), finding: modifiedAt("size")},
		"a set":                            {plan: changed(object{"zones": []any{"a", "c", "d"}}, nil), finding: modifiedAt("zones")},
		"a tag":                            {plan: changed(object{"tags": object{"owner": "kim", "rogue": "1"}}, nil), finding: modifiedAt(`tags["rogue"]`)},
		"a block":                          {plan: changed(object{"step": []any{}}, nil), finding: modifiedAt("step[0]")},
		"an attribute of a block":          {plan: changed(object{"step": []any{object{"name": "two", "number": 1}}}, nil), finding: modifiedAt("step[0].name")},
		"a secret":                         {plan: changed(object{"secret": "not-a-real-change"}, nil), finding: modifiedAt("secret")},
		"a map that is secret as a whole":  {plan: changed(object{"secrets": object{"not-a-real-other": "b"}}, nil), finding: modifiedAt("secrets")},
		"null and empty":                   {plan: changed(object{"size": 9, "ports": nil}, nil), finding: modifiedAt("size")},
		"a document laid out anew":         {plan: changed(object{"policy": `{"a":2}`}, object{"policy": `{ "a": 1 }`}), finding: modifiedAt("policy")},
		"what the provider computes":       {plan: changed(resized, nil).unknown("arn"), finding: modifiedAt("size")},
		"what only this resource computes": {plan: changed(resized, nil).unknown("color"), finding: modifiedAt("size")},
		"observed, and left":               {plan: changed(object{"size": 9, "color": "red"}, object{"color": "red"}), finding: modifiedAt("size")},
		"created again":                    {plan: gone(fresh, again), finding: deletedOne},
		"created again, nothing for zeros": {
			plan: document{drift: []planned{{actions: []string{"delete"}, before: applied(object{"note": "", "size": 0})}}, changes: gone(blank, again).changes}, finding: deletedOne,
		},

		"null for an empty string beside it": {plan: document{
			drift:   []planned{{actions: update, before: applied(object{"note": ""}), after: applied(object{"note": "", "size": 9})}},
			changes: []planned{{actions: update, before: applied(object{"note": "", "size": 9}), after: applied(object{"note": nil})}},
		}, finding: modifiedAt("size")},
		"null for zero, put back": {plan: document{
			drift:   []planned{{actions: update, before: applied(object{"size": 0}), after: applied(object{"size": 9})}},
			changes: []planned{{actions: update, before: applied(object{"size": 9}), after: applied(object{"size": nil})}},
		}, finding: modifiedAt("size")},
		"a pending zero":                 {plan: changed(object{"note": "x"}, object{"size": 0}), finding: modifiedAt("note"), want: []string{"test_thing.a size: the code says something else"}},
		"what the code leaves":           {plan: gone(object{"id": nil, "arn": nil, "color": nil, "step": []any{object{"name": "one"}}, "policy": nil}, again), finding: deletedOne},
		"made again without what it had": {plan: gone(object{"id": nil, "arn": nil, "color": nil, "step": []any{object{"name": "one"}}, "note": nil}, again).referring("var.note"), finding: deletedOne, want: []string{"test_thing.a note: another value than was last applied"}},

		"another value":                 {plan: changed(resized, object{"size": 5}), finding: modifiedAt("size"), want: []string{"test_thing.a size: another value than was last applied"}},
		"another secret":                {plan: changed(object{"secret": "x"}, object{"secret": "not-a-real-new"}), finding: modifiedAt("secret"), want: []string{"test_thing.a secret: another value than was last applied"}},
		"another key of a secret":       {plan: changed(object{"secrets": object{"k": "b"}}, object{"secrets": object{"not-a-real-new": "a"}}), finding: modifiedAt("secrets"), want: []string{"test_thing.a secrets: leave it as it is", "test_thing.a secrets: another value than was last applied"}},
		"a pending change":              {plan: changed(resized, object{"note": "new"}), finding: modifiedAt("size"), want: []string{"test_thing.a note: the code says something else"}},
		"a pending secret":              {plan: changed(resized, object{"secrets": object{"not-a-real-key": "c"}}), finding: modifiedAt("size"), want: []string{"test_thing.a secrets: the code says something else"}},
		"a pending change, allowed":     {plan: changed(resized, object{"note": "new"}), finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"test_thing.a"}}},
		"another one allowed":           {plan: changed(resized, object{"note": "new"}), finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"test_thing.ab"}}, want: []string{"test_thing.a note: the code"}},
		"left as it is":                 {plan: changed(object{"size": 9, "note": "x"}, object{"note": "x"}), finding: modifiedAt("size", "note"), want: []string{"test_thing.a note: leave it as it is"}},
		"one key of a secret left":      {plan: changed(object{"secrets": object{"not-a-real-key": "b", "not-a-real-other": "c"}}, object{"secrets": object{"not-a-real-key": "a", "not-a-real-other": "c"}}), finding: modifiedAt("secrets"), want: []string{"test_thing.a secrets: leave it as it is"}},
		"half a block":                  {plan: changed(object{"step": []any{}}, object{"step": []any{object{"name": "other", "number": 1}}}), finding: modifiedAt("step[0]"), want: []string{"test_thing.a step[0].name: another value than was last applied"}},
		"unknown":                       {plan: changed(object{"note": "x"}, nil).unknown("note"), finding: modifiedAt("note"), want: []string{"test_thing.a note: not known before the apply"}},
		"half a block, told in part":    {plan: changed(object{"step": []any{}}, object{"step": []any{object{"name": "other", "number": 1}}}), finding: modifiedAt("step[0].number"), want: []string{"test_thing.a step[0].name: another value than was last applied"}},
		"only a deposed object":         {plan: document{changes: []planned{{deposed: "abc", actions: []string{"delete"}, before: applied(nil)}}}, finding: modifiedAt("size"), want: []string{"test_thing.a: an old object", "test_thing.a: does nothing about it"}},
		"nothing to do":                 {plan: document{changes: []planned{{actions: []string{"no-op"}, before: applied(nil), after: applied(nil)}}}, finding: modifiedAt("size"), want: []string{"test_thing.a: does nothing about it"}},
		"not in the plan":               {plan: document{}, finding: modifiedAt("size"), want: []string{"test_thing.a: does nothing about it"}},
		"deleted meanwhile":             {plan: gone(fresh, again), finding: modifiedAt("size"), want: []string{"test_thing.a: changed again"}},
		"there again":                   {plan: changed(resized, nil), finding: deletedOne, want: []string{"test_thing.a: changed again"}},
		"created as the code says now":  {plan: gone(object{"id": nil, "arn": nil, "color": nil, "step": []any{object{"name": "one"}}, "size": 2}, again), finding: deletedOne, want: []string{"test_thing.a size: another value than was last applied"}},
		"created, not known as deleted": {plan: document{changes: gone(fresh, again).changes}, finding: deletedOne, want: []string{"test_thing.a: does not know it as deleted"}},

		"replaced":                        {plan: replaced(), finding: modifiedAt("name"), want: []string{"test_thing.a: replace it"}},
		"replaced, allowed":               {plan: replaced(), finding: modifiedAt("name"), allowed: Allowed{Replace: []string{"test_thing.a"}}},
		"replaced, allowed to be changed": {plan: replaced(), finding: modifiedAt("name"), allowed: Allowed{Addresses: []string{"test_thing.a"}}, want: []string{"test_thing.a: replace it"}},
		"destroyed":                       {plan: document{changes: []planned{{actions: []string{"delete"}, before: applied(nil)}}}, finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"test_thing.a"}, Replace: []string{"test_thing.a"}}, want: []string{"test_thing.a: would delete it"}},
		"forgotten":                       {plan: document{changes: []planned{{actions: []string{"forget"}, before: applied(nil)}}}, finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"test_thing"}}, want: []string{"test_thing.a: would forget it"}},
		"imported":                        {plan: document{changes: []planned{{actions: []string{"update"}, before: applied(nil), after: applied(nil), extra: `, "importing": {"id": "x"}`}}}, finding: modifiedAt("size"), want: []string{"test_thing.a: would import it"}},
		"moved":                           {plan: document{changes: []planned{{was: "test_thing.old", actions: []string{"no-op"}, before: applied(nil), after: applied(nil)}}}, finding: modifiedAt("size"), want: []string{"test_thing.a: move it from test_thing.old"}},
		"a deposed object":                {plan: changed(resized, nil).with(planned{deposed: "abc", actions: []string{"delete"}, before: applied(nil)}), finding: modifiedAt("size"), want: []string{"test_thing.a: an old object"}},
		"drawn in":                        {plan: changed(resized, nil).with(dependency), finding: modifiedAt("size"), want: []string{"test_thing.b: would update it too"}},
		"drawn in, allowed":               {plan: changed(resized, nil).with(dependency), finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"test_thing.b"}}},
		"drawn in and destroyed, allowed": {plan: changed(resized, nil).with(planned{address: "test_thing.b", actions: []string{"delete"}, before: applied(nil)}), finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"test_thing.b"}}, want: []string{"test_thing.b: would delete it"}},
		"unknown by what is drawn in":     {plan: document{drift: changed(object{"size": 9}, nil).drift, changes: changed(object{"size": 9}, nil).unknown("note").with(dependency).changes, refers: "test_thing.b"}, finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"test_thing.b"}}, want: []string{"test_thing.a note: the code says something else"}},

		"an output":           {plan: document{drift: changed(resized, nil).drift, changes: changed(resized, nil).changes, rest: `, "output_changes": {"size": {"actions": ["update"]}, "same": {"actions": ["no-op"]}}`}, finding: modifiedAt("size"), want: []string{"output.size: update this output"}},
		"an output, allowed":  {plan: document{drift: changed(resized, nil).drift, changes: changed(resized, nil).changes, rest: `, "output_changes": {"size": {"actions": ["update"]}}`}, finding: modifiedAt("size"), allowed: Allowed{Addresses: []string{"output.size"}}},
		"put off":             {plan: document{drift: changed(resized, nil).drift, changes: changed(resized, nil).changes, rest: `, "deferred_changes": [{}]`}, finding: modifiedAt("size"), want: []string{": put off a part"}},
		"part of a plan":      {plan: document{drift: changed(resized, nil).drift, changes: changed(resized, nil).changes, rest: `, "complete": false`}, finding: modifiedAt("size")},
		"no schema":           {plan: document{changes: []planned{{typ: "test_unknown", actions: update, before: applied(nil), after: applied(nil)}}}, finding: modifiedAt("size"), want: []string{"test_thing.a: has no resource type"}},
		"no provider":         {plan: document{changes: []planned{{typ: "test_other", actions: update, before: applied(nil), after: applied(nil)}}}, finding: modifiedAt("size"), want: []string{"test_thing.a: there is no provider"}},
		"values of no schema": {plan: document{changes: []planned{{actions: update, before: object{"size": "x"}, after: applied(nil)}}}, finding: modifiedAt("size"), want: []string{"test_thing.a: can't be compared"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps, refused := Gate(tt.plan.plan(t), []drift.Finding{tt.finding}, tt.allowed, things)
			var got []string
			for _, r := range refused {
				got = append(got, r.String())
			}
			matched := len(got) == len(tt.want)
			for i := range min(len(got), len(tt.want)) {
				at, says, _ := strings.Cut(tt.want[i], ": ")
				matched = matched && strings.HasPrefix(got[i], at) && strings.Contains(got[i], says)
			}
			if !matched {
				t.Errorf("refused:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(tt.want, "\n  "))
			}
			if all := fmt.Sprint(steps, got); strings.Contains(all, "not-a-real") {
				t.Errorf("a secret is told: %s", all)
			}
		})
	}
}

func replaced() document {
	d := changed(object{"name": "other"}, nil)
	d.changes[0].actions = []string{"delete", "create"}
	return d
}

// TestGateSteps tells what a plan would do, in the finding's words.
func TestGateSteps(t *testing.T) {
	t.Parallel()
	f := modifiedAt("size")
	f.Changes[0].Expected, f.Changes[0].Actual = json.RawMessage("1"), json.RawMessage("9")
	plan := changed(object{"size": 9}, object{"note": "new"}).with(planned{address: "test_thing.c", actions: []string{"no-op"}, before: applied(nil), after: applied(nil)})
	plan.rest = `, "output_changes": {"x": {"actions": ["create"]}}`
	steps, _ := Gate(plan.plan(t), []drift.Finding{f}, Allowed{}, things)
	want := []drift.Step{
		{Address: "test_thing.a", Action: "update", Changes: f.Changes, Beyond: []string{"note"}},
		{Address: "output.x", Action: "create"},
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnsaid names what is made again without a value that it had.
func TestUnsaid(t *testing.T) {
	t.Parallel()
	plan := gone(object{"id": nil, "arn": nil, "color": nil, "step": []any{object{"name": "one"}}, "policy": nil, "secrets": nil}, again)
	steps, _ := Gate(plan.plan(t), []drift.Finding{deletedOne}, Allowed{}, things)
	if diff := cmp.Diff([]string{"policy", "secrets"}, steps[0].Unsaid); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMadeAgainTogether lets what is made again follow others that are.
func TestMadeAgainTogether(t *testing.T) {
	t.Parallel()
	follower := gone(object{"id": nil, "arn": nil, "color": nil, "step": []any{object{"name": "one"}}, "note": nil}, object{"id": true, "arn": true, "color": true, "note": true, "step": []any{object{"number": true}}})
	leader := planned{address: "test_thing.b", actions: create, after: applied(fresh), unknown: again}
	follower = follower.with(leader)
	follower.drift = append(follower.drift, planned{address: "test_thing.b", actions: []string{"delete"}, before: applied(nil)})
	follower.refers = "test_thing.b.id"
	other := deletedOne
	other.ID, other.Address = "g", "test_thing.b"
	if _, refused := Gate(follower.plan(t), []drift.Finding{deletedOne, other}, Allowed{}, things); len(refused) > 0 {
		t.Errorf("refused: %v", refused)
	}
	if _, refused := Gate(follower.plan(t), []drift.Finding{deletedOne}, Allowed{Addresses: []string{"test_thing.b"}}, things); len(refused) != 2 || refused[1].Path != "note" {
		t.Errorf("refused: %v", refused)
	}
}

// TestUnknownArguments tells an argument that is unknown because of the rest of the
// plan from one that the provider computes.
func TestUnknownArguments(t *testing.T) {
	t.Parallel()
	for refers, want := range map[string]bool{
		"": false, "test_thing.b.id": true, "test_thing.b": true, "test_thing.c.id": false, "test_thing.bb.id": false,
		"var.note": false, "local.note": true, "module.m.out": true, "each.value": true, "count.index": false, "data.x.y": false,
	} {
		t.Run(refers, func(t *testing.T) {
			t.Parallel()
			other := planned{address: "test_thing.b[0]", actions: create, after: applied(nil)}
			plan := document{changes: []planned{{actions: update, before: applied(nil), after: applied(nil)}, other}, refers: refers}.plan(t)
			got := newSourceOf(plan, nil).mayBeUnknown(&plan.Changes[0], cty.GetAttrPath("note"), thing.Block)
			if got != want {
				t.Errorf("%v, want %v", got, want)
			}
			number := cty.GetAttrPath("step").IndexInt(0).GetAttr("number")
			if newSourceOf(plan, nil).mayBeUnknown(&plan.Changes[0], number, thing.Block) {
				t.Error("no source can set what is read-only")
			}
		})
	}
}
