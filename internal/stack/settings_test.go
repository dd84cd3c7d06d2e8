package stack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"holdfast/internal/stack"
)

var schemaFile = filepath.Join("..", "..", "docs", "holdfast.schema.json")

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is what an editor's YAML support makes of a file before it applies the
// schema: days are text.
func asJSON(t *testing.T, src string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(src), &n); err != nil {
		t.Fatal(err)
	}
	quoteDays(&n)
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func quoteDays(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, inner := range n.Content {
		quoteDays(inner)
	}
}

// full has every key there is.
const full = `version: 1
environment: production
include: ["live/**"]
exclude: [live/old, "**/tmp"]
report:
  task: keep the drift report
  title: Drift
  file: DRIFT.md
schedule: "0 6 * * 1-5"
alerts:
  - to: slack
    on: [drift]
ignore:
  - address: 'module.*.aws_instance.web["a"]'
    type: aws_*
    attributes: [tags, "ebs[*].size"]
    reason: the scheduler sets it
    until: 2027-01-31
store: holdfast.db
concurrency:
  stacks: 16
  reads: 128
  providers: 4
  memory: 4GiB
defaults:
  workspace: prod
  var_files: ["{repo}/common.tfvars"]
  backend_config: [region=eu-west-1]
  env: {A: 1, B: true, C: text, D: "0x10"}
  engine: auto
  timeout: 10m
  providers: {aws: {region: eu-west-1, max_retries: 3}}
stacks:
  - path: live/net
    name: one
    workspaces: [prod, staging]
    var_files: ["env/{workspace}.tfvars"]
    backend_config: ["backend/{workspace}.hcl", "key={path}/x"]
    env: {C: own}
    engine: direct
    timeout: 1h30m
    providers: {aws.east: {profile: ro}}
  - include: ["live/*"]
    exclude: [live/old]
    workspaces: all
  - path: .
    workspace: dev
`

func read(t *testing.T, src string) (*stack.Settings, error) {
	t.Helper()
	return stack.ReadSettings(filepath.Join(root(t, files{"holdfast.yaml": src}), "holdfast.yaml"))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s, err := read(t, full)
	if err != nil {
		t.Fatal(err)
	}
	want := stack.Ignore{
		Address: `module.*.aws_instance.web["a"]`, Type: "aws_*", Attributes: []stack.Pattern{"tags", "ebs[*].size"}, Reason: "the scheduler sets it",
		Until: stack.Date{Time: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff([]stack.Ignore{want}, s.Ignore); diff != "" {
		t.Error(diff)
	}
	if c := s.Concurrency; c != (stack.Concurrency{Stacks: 16, Reads: 128, Providers: 4, Memory: 4 << 30}) {
		t.Errorf("concurrency %+v", c)
	}
	if diff := cmp.Diff(map[string]stack.Word{"A": "1", "B": "true", "C": "text", "D": "0x10"}, s.Defaults.Env); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]map[string]any{"aws": {"region": "eu-west-1", "max_retries": 3.0}}, s.Defaults.Providers); diff != "" {
		t.Error(diff)
	}
	if len(s.Stacks) != 3 || s.Stacks[0].Timeout.Duration != 90*time.Minute || !s.Stacks[1].Workspaces.All || s.Stacks[0].Workspaces.Names[1] != "staging" {
		t.Errorf("stacks %+v", s.Stacks)
	}
}

// What is wrong is named with its line; the schema refuses the same.
var wrong = []struct {
	src, want string
	lenient   bool // only the decoder can see it
}{
	{src: "version: 2", want: ":1: version must be 1"},
	{src: "environment: x", want: ":1: version must be 1"},
	{src: "version: 1\nenvironmnt: x", want: `:2: unknown key "environmnt"; did you mean "environment"?`},
	{src: "version: 1\nzzzzzz: x", want: `:2: unknown key "zzzzzz"; there are alerts, concurrency, `},
	{src: "version: 1\nenvironment: 5", want: ":2: environment must be text; put quotes around it"},
	{src: "version: 1\nenvironment: [a]", want: ":2: environment must be text"},
	{src: "version: 1\nstacks: {a: b}", want: ":2: stacks must be a list"},
	{src: "version: 1\nreport: [a]", want: ":2: report must have keys and values"},
	{src: "version: 1\nstacks:\n  - name: x", want: ":3: a stack needs either a path, or include or exclude"},
	{src: "version: 1\nstacks:\n  - path: x\n    include: [y]", want: ":3: a stack needs either"},
	{src: "version: 1\nstacks:\n  - path: ../x", want: ":3: path ../x is not below", lenient: true},
	{src: "version: 1\nstacks:\n  - path: x\n    name: a b", want: `:3: name "a b" may have`},
	{src: "version: 1\nstacks:\n  - path: x\n    workspace: a/b", want: `:3: "a/b" is no name of a workspace`},
	{src: "version: 1\nstacks:\n  - path: x\n    workspace: a\n    workspaces: all", want: ":3: workspace and workspaces exclude each other"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: some", want: ":4: workspaces must be a list of names, or all"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: []", want: ":4: workspaces must be a list"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: [a, 1]", want: ":4: an entry of workspaces must be"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: [a, a]", want: ":4: workspace a is there twice"},
	{src: "version: 1\nstacks:\n  - path: x\n    var_files: ['{wrkspace}.tfvars']", want: ":4: an entry of var_files: unknown placeholder {wrkspace}"},
	{src: "version: 1\nstacks:\n  - path: x\n    engine: quick", want: `:4: engine: "quick" is none`},
	{src: "version: 1\nstacks:\n  - path: x\n    timeout: 10", want: ":4: timeout must be text"},
	{src: "version: 1\nstacks:\n  - path: x\n    timeout: soon", want: ":4: timeout: write a length of time as", lenient: true},
	{src: "version: 1\nstacks:\n  - path: x\n    env: {A: [CANARY]}", want: ":4: a variable of env must be"},
	{src: "version: 1\nstacks:\n  - path: x\n    providers: {aws: CANARY}", want: ":4: providers.aws must have keys and values"},
	{src: "version: 1\ndefaults:\n  workspace: a\n  workspaces: [b]", want: "workspace and workspaces exclude each other"},
	{src: "version: 1\nexclude: ['a[']", want: `"a[" is no pattern of folders`, lenient: true},
	{src: "version: 1\nconcurrency: {memory: lots}", want: ":2: memory: write a size as 512MiB"},
	{src: "version: 1\nconcurrency: {stacks: -1}", want: ":2: a limit of concurrency must not be negative"},
	{src: "version: 1\nconcurrency: {stacks: many}", want: ":2: stacks must be a whole number"},
	{src: "version: 1\nignore:\n  - reason: x", want: ":3: an ignore rule needs an address or a type"},
	{src: "version: 1\nignore:\n  - type: x", want: ":3: an ignore rule needs a reason"},
	{src: "version: 1\nignore:\n  - {type: x, reason: y, until: tomorrow}", want: ":3: until: write a day as 2027-01-31"},
	{src: "version: 1\nschedule: daily", want: ":2: schedule: it must have five fields"},
	{src: "version: 1\nalerts: [{on: [drift]}]", want: ":2: an alert needs to"},
}

func TestSettingsWrong(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for _, c := range wrong {
		_, err := read(t, c.src)
		if err == nil || !strings.Contains(err.Error(), "holdfast.yaml:") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s\n%v\nwant %s", c.src, err, c.want)
		}
		if schemaErr := schema.Validate(asJSON(t, c.src)); (schemaErr == nil) != c.lenient {
			t.Errorf("%s\nschema: %v, lenient %v", c.src, schemaErr, c.lenient)
		}
	}
}

// What is no sound YAML, or more than anybody writes.
func TestSettingsDamaged(t *testing.T) {
	t.Parallel()
	bomb := "version: 1\nstore: &a x\nstacks:\n  - &l0 {path: x}\ndefaults:\n  providers:\n    p0: &p0 {a: 1, b: 2}\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("    p%d: &p%d {%s}\n", i, i, strings.Repeat(fmt.Sprintf("a: *p%d, ", i-1), 1)+fmt.Sprintf("b: *p%d, c: *p%d, d: *p%d, e: *p%d", i-1, i-1, i-1, i-1))
	}
	for name, c := range map[string]struct{ src, want string }{
		"empty":          {"", "holdfast.yaml: it is empty; start it with version: 1"},
		"a comment":      {"# nothing\n", "it is empty"},
		"no YAML":        {"version: 1\nstacks: [", "holdfast.yaml:"},
		"tabs":           {"version: 1\nreport:\n\ttask: x", "holdfast.yaml:3: no YAML"},
		"a list":         {"- a", ":1: the file must have keys and values"},
		"two documents":  {"version: 1\n---\nversion: 1\n", "a second document starts here"},
		"twice":          {"version: 1\nstore: a\nstore: b\n", ":3: store is there twice; the first is in line 2"},
		"merge keys":     {"version: 1\ndefaults: &d {engine: plan}\nstacks:\n  - {path: x, <<: *d}\n", ":4: << is not supported"},
		"a bomb":         {bomb, "there are more than 100000 values"},
		"itself":         {"version: 1\ndefaults:\n  providers: {aws: &a {b: *a}}\n", "nested more than 64 deep"},
		"invalid UTF-8":  {"version: 1\nstore: \xff\n", "no YAML"},
		"a key as list":  {"version: 1\n? [a]\n: b\n", "a key of the file must be text"},
		"deep":           {"version: 1\ndefaults: {providers: {a: {b: " + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + "}}}", "holdfast.yaml:"},
		"a null version": {"version:\n", "version must be a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, c.src); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// Anchors are how YAML says a thing twice.
func TestSettingsAnchors(t *testing.T) {
	t.Parallel()
	s, err := read(t, "version: 1\nstacks:\n  - path: a\n    env: &env {A: b}\n    workspaces: &ws [x]\n  - path: b\n    env: *env\n    workspaces: *ws\n")
	if err != nil || s.Stacks[1].Env["A"] != "b" || s.Stacks[1].Workspaces.Names[0] != "x" {
		t.Errorf("%+v, %v", s, err)
	}
}

// The schema and the decoder accept the same keys, everywhere.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	if err := schema.Validate(asJSON(t, full)); err != nil {
		t.Errorf("the schema refuses what is right: %v", err)
	}
	src, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(src, &doc); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, doc, doc, reflect.TypeFor[stack.Settings](), "holdfast.yaml")

	// An unknown key in every mapping of known ones is refused by both.
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(full), &n); err != nil {
		t.Fatal(err)
	}
	places := 0
	for _, m := range mappings(n.Content[0], "") {
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "zzzz"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "x"})
		text, err := yaml.Marshal(&n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, string(text)); err == nil || !strings.Contains(err.Error(), `unknown key "zzzz"`) {
			t.Errorf("the decoder: %v\n%s", err, text)
		}
		if schema.Validate(asJSON(t, string(text))) == nil {
			t.Errorf("the schema accepts\n%s", text)
		}
		m.Content = m.Content[:len(m.Content)-2]
		places++
	}
	if places != 9 {
		t.Errorf("an unknown key was tried in %d places", places)
	}
}

// mappings are those whose keys are ours: not of variables or of providers.
func mappings(n *yaml.Node, key string) []*yaml.Node {
	if key == "env" || key == "providers" {
		return nil
	}
	var out []*yaml.Node
	if n.Kind == yaml.MappingNode {
		out = append(out, n)
		for i := 0; i < len(n.Content); i += 2 {
			out = append(out, mappings(n.Content[i+1], n.Content[i].Value)...)
		}
		return out
	}
	for _, item := range n.Content {
		out = append(out, mappings(item, key)...)
	}
	return out
}

// sameKeys holds the properties of a schema against the fields of a type.
func sameKeys(t *testing.T, doc, schema map[string]any, ty reflect.Type, where string) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = doc["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch {
	case ty.Kind() == reflect.Slice && ty.Elem().Kind() == reflect.Struct:
		sameKeys(t, doc, schema["items"].(map[string]any), ty.Elem(), where+"[]")
	case ty.Kind() == reflect.Struct && schema["type"] == "object":
		fields := map[string]reflect.Type{}
		for _, f := range reflect.VisibleFields(ty) {
			if key := f.Tag.Get("yaml"); key != "" {
				fields[key] = f.Type
			}
		}
		properties := schema["properties"].(map[string]any)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(properties))); diff != "" || schema["additionalProperties"] != false {
			t.Errorf("%s (-decoder +schema):\n%s", where, diff)
		}
		for key, field := range fields {
			if property, ok := properties[key].(map[string]any); ok {
				sameKeys(t, doc, property, field, where+"."+key)
			}
		}
	}
}

func TestFindSettings(t *testing.T) {
	t.Parallel()
	dir := root(t, files{"holdfast.yaml": "version: 1", "live/a/main.tf": "", "other/.git/HEAD": "", "other/x/main.tf": ""})
	s, err := stack.FindSettings(filepath.Join(dir, "live", "a"))
	if err != nil || s.Dir != dir || filepath.Base(s.File) != "holdfast.yaml" {
		t.Errorf("%+v, %v", s, err)
	}
	// Another repository's settings are not this one's.
	s, err = stack.FindSettings(filepath.Join(dir, "other", "x"))
	if err != nil || s.File != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "other", "holdfast.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := stack.FindSettings(filepath.Join(dir, "other", "x")); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder for settings: %v", err)
	}
}

// Whatever a settings file holds, reading it ends, and what is wrong is named
// with its place. What is right can be matched against root modules.
func FuzzSettings(f *testing.F) {
	f.Add(full)
	for _, c := range wrong {
		f.Add(c.src)
	}
	f.Add("version: 1\ndefaults: &a\n  providers: {x: *a}\n")
	f.Add("version: 1\nstacks: [{path: '\x00'}]")
	f.Add("\xef\xbb\xbfversion: 1")
	f.Fuzz(func(t *testing.T, src string) {
		s, err := stack.ParseSettings([]byte(src), "holdfast.yaml")
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "holdfast.yaml:") {
					t.Errorf("an error without its place: %q", line)
				}
			}
			return
		}
		if s.Version != 1 {
			t.Errorf("version %d was taken", s.Version)
		}
		for _, entry := range s.Stacks {
			if (entry.Path != "") == (len(entry.Include)+len(entry.Exclude) > 0) {
				t.Errorf("a stack of nothing, or of both: %+v", entry)
			}
			entry.Include.Match("a/b")
			entry.Exclude.MatchBelow("a/b")
		}
		for _, rule := range s.Rules() {
			if rule.Reason == "" || rule.Address == "" && rule.Type == "" {
				t.Errorf("an unsound rule was taken: %+v", rule)
			}
		}
	})
}
