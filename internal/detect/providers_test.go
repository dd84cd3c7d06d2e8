package detect_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/stack"
)

// Tests with the test provider: what the real one can't be made to do, over
// both protocols.

// bench is a root module with the test provider, and its infrastructure.
type bench struct {
	*providertest.World
	dir   string
	pkg   providertest.Package
	cache string
}

type resource = providertest.Resource

func newBench(t *testing.T, source, code string, resources ...resource) *bench {
	t.Helper()
	b := &bench{World: providertest.NewWorld(t), dir: t.TempDir(), cache: t.TempDir()}
	b.pkg = providertest.Install(t, filepath.Join(b.dir, ".terraform", "providers"), source, "1.0.0")
	providertest.WriteLock(t, b.dir, b.pkg)
	b.write(t, "main.tf", fmt.Sprintf("terraform {\n  required_providers {\n    test = {\n      source = %q\n    }\n  }\n}\n%s", source, code))
	b.Provision(t, b.dir, b.pkg, resources...)
	return b
}

func (b *bench) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) check(t *testing.T, o detect.Options) drift.Stack {
	t.Helper()
	return b.checkAll(t, o, b.dir)[0]
}

// checkAll checks root modules in one run, and makes sure that no provider was
// asked to change anything.
func (b *bench) checkAll(t *testing.T, o detect.Options, dirs ...string) []drift.Stack {
	t.Helper()
	results := b.run(t, o, dirs...)
	b.AssertReadOnly(t)
	return results
}

// run is checkAll where no provider need be started.
func (b *bench) run(t *testing.T, o detect.Options, dirs ...string) []drift.Stack {
	t.Helper()
	m := provider.NewManager(provider.Options{CacheDir: b.cache})
	defer m.Close()
	var stacks []stack.Stack
	for _, dir := range dirs {
		s, err := stack.Open(dir, stack.Options{Env: b.env()})
		if err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, s)
	}
	results := runAll(t, detect.New(m, o), stacks)
	for _, result := range results {
		searchCanaries(t, result)
	}
	return results
}

func (b *bench) env() []string {
	return append(b.Env(), "HOME="+b.dir, "PATH="+os.Getenv("PATH"))
}

func eachProtocol(t *testing.T, test func(t *testing.T, source string)) {
	t.Helper()
	for _, source := range []string{providertest.Five, providertest.Six} {
		t.Run(filepath.Base(source), func(t *testing.T) {
			t.Parallel()
			test(t, source)
		})
	}
}

type attrs = map[string]any

// providerCase is an object that was changed by hand, and the verdict.
type providerCase struct {
	name      string
	only      string // a protocol's source; both where empty
	code      string
	object    resource
	edit      func(attrs)
	drifted   []string
	sensitive []string
	replace   []string
	observed  []string
}

var providerCases = []providerCase{
	{
		name: "nothing changed", code: `resource "test_simple" "a" { name = "n" }`,
		object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}},
	},
	{
		name: "attributes", code: `resource "test_simple" "a" {
  name = "n"
  note = "was"
  tags = { a = "1", b = "2" }
  zones = ["x"]
  ports = [1, 2]
}`,
		object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "was", "tags": attrs{"a": "1", "b": "2"}, "zones": []any{"x"}, "ports": []any{1, 2}}},
		edit: func(o attrs) {
			o["note"], o["tags"], o["zones"], o["ports"] = "is", attrs{"a": "1", "c": "3"}, []any{"x", "y"}, []any{1, 3, 4}
		},
		drifted: []string{"note", `ports[1]`, `ports[2]`, `tags["b"]`, `tags["c"]`, "zones"},
	},
	{
		name: "case that the provider suppresses", code: `resource "test_simple" "a" {
  name  = "n"
  label = "Label"
}`,
		object:   resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "label": "Label"}},
		edit:     func(o attrs) { o["label"] = "LABEL" },
		observed: []string{"label"},
	},
	{
		name: "optional and computed, not set", code: `resource "test_simple" "a" { name = "n" }`,
		object:   resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "color": "blue"}},
		edit:     func(o attrs) { o["color"] = "red" },
		observed: []string{"color"},
	},
	{
		name: "optional and computed, set to null", code: `resource "test_simple" "a" {
  name  = "n"
  color = null
}`,
		object:   resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "color": "blue"}},
		edit:     func(o attrs) { o["color"] = "red" },
		observed: []string{"color"},
	},
	{
		name: "optional and computed, set", code: `resource "test_simple" "a" {
  name  = "n"
  color = lower("GREEN")
}`,
		object:  resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "color": "green"}},
		edit:    func(o attrs) { o["color"] = "red" },
		drifted: []string{"color"},
	},
	{
		name: "sensitive by the schema", code: `resource "test_simple" "a" {
  name   = "n"
  secret = "not-a-real-secret-1"
}`,
		object:    resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "secret": "not-a-real-secret-1"}},
		edit:      func(o attrs) { o["secret"] = "not-a-real-secret-2" },
		drifted:   []string{"secret"},
		sensitive: []string{"secret"},
	},
	{
		name: "sensitive by the source", code: `variable "note" {
  default   = "not-a-real-note-1"
  sensitive = true
}
resource "test_simple" "a" {
  name  = "n"
  note  = "note: ${var.note}"
  tags  = { open = "x", hidden = var.note }
  zones = [var.note]
}`,
		object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "note: not-a-real-note-1", "tags": attrs{"open": "x", "hidden": "not-a-real-note-1"}, "zones": []any{"not-a-real-note-1"}}},
		edit: func(o attrs) {
			o["note"], o["tags"], o["zones"] = "note: not-a-real-note-2", attrs{"open": "y", "hidden": "not-a-real-note-2"}, []any{"not-a-real-note-2"}
		},
		drifted:   []string{"note", `tags["hidden"]`, `tags["open"]`, "zones"},
		sensitive: []string{"note", `tags["hidden"]`, "zones"},
	},
	{
		name: "sensitive by the state", code: `resource "test_simple" "a" {
  name = "n"
  note = file("note.txt")
}`,
		object:    resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "not-a-real-note-1"}, Sensitive: []any{[]any{attrs{"type": "get_attr", "value": "note"}}}},
		edit:      func(o attrs) { o["note"] = "not-a-real-note-2" },
		drifted:   []string{"note"},
		sensitive: []string{"note"},
	},
	{
		name: "write-only", code: `resource "test_secret" "a" {
  user             = "u"
  password         = "not-a-real-password-1"
  token_wo         = "not-a-real-token-1"
  token_wo_version = 1
}`,
		object:  resource{Type: "test_secret", Name: "a", Attributes: attrs{"user": "u", "password": "not-a-real-password-1", "token_wo_version": 1}},
		edit:    func(o attrs) { o["user"] = "v" },
		drifted: []string{"user"},
	},
	{
		name: "blocks of every nesting", code: `resource "test_blocks" "a" {
  one {
    name = "o"
    mode = "m"
  }
  step {
    name = "s"
    option {
      name = "x"
    }
  }
  part "left" {
    name = "l"
  }
  base {
    name = "b"
  }
}`,
		object: resource{Type: "test_blocks", Name: "a", Attributes: attrs{
			"one": attrs{"name": "o", "mode": "m"}, "step": []any{attrs{"name": "s", "option": []any{attrs{"name": "x"}}}},
			"part": attrs{"left": attrs{"name": "l"}}, "base": attrs{"name": "b"},
		}},
		edit: func(o attrs) {
			o["one"] = attrs{"name": "o", "mode": "changed"}
			o["step"] = []any{attrs{"name": "s", "option": []any{attrs{"name": "changed"}}}, attrs{"name": "added"}}
			o["part"] = attrs{"left": attrs{"name": "changed"}}
			o["base"] = attrs{"name": "changed"}
		},
		drifted: []string{"base.name", "one.mode", `part["left"].name`, "step[0].option[0].name", "step[1]"},
	},
	{
		name: "a set of blocks is a leaf", code: `resource "test_sets" "a" {
  pairs = [{ key = "k", value = "v" }]
  rule {
    name = "web"
    port = 80
  }
}`,
		object: resource{Type: "test_sets", Name: "a", Attributes: attrs{"pairs": []any{attrs{"key": "k", "value": "v"}}, "rule": []any{attrs{"name": "web", "port": 80}}}},
		edit: func(o attrs) {
			o["pairs"] = []any{attrs{"key": "k", "value": "w"}}
			o["rule"] = []any{attrs{"name": "web", "port": 80}, attrs{"name": "ssh", "port": 22}}
		},
		drifted: []string{"pairs", "rule"},
	},
	{
		name: "nested attributes", only: providertest.Six, code: `resource "test_nested" "a" {
  one  = { name = "o", mode = "m" }
  list = [{ name = "l", secret = "not-a-real-secret-1" }]
  set  = [{ name = "s" }]
  map  = { k = { name = "x" } }
}`,
		object: resource{Type: "test_nested", Name: "a", Attributes: attrs{
			"one": attrs{"name": "o", "mode": "m"}, "list": []any{attrs{"name": "l", "secret": "not-a-real-secret-1"}},
			"set": []any{attrs{"name": "s"}}, "map": attrs{"k": attrs{"name": "x"}},
		}},
		edit: func(o attrs) {
			o["one"] = attrs{"name": "o", "mode": "changed"}
			o["list"] = []any{attrs{"name": "changed", "secret": "not-a-real-secret-2"}}
			o["set"] = []any{attrs{"name": "changed"}}
			o["map"] = attrs{"k": attrs{"name": "changed"}}
		},
		drifted:   []string{"list[0].name", "list[0].secret", `map["k"].name`, "one.mode", "set"},
		sensitive: []string{"list[0].secret", "set"},
	},
	{
		name: "any type", code: `resource "test_dynamic" "a" { value = { a = [1, "two"] } }`,
		object: resource{Type: "test_dynamic", Name: "a", Attributes: attrs{"value": attrs{
			"type": []any{"object", attrs{"a": []any{"tuple", []any{"number", "string"}}}}, "value": attrs{"a": []any{1, "two"}},
		}}},
		edit:    func(o attrs) { o["value"] = attrs{"type": "string", "value": "changed"} },
		drifted: []string{"value"},
	},
	{
		name: "a computed value that is never the same", code: `resource "test_volatile" "a" { name = "n" }`,
		object:   resource{Type: "test_volatile", Name: "a", Attributes: attrs{"name": "n"}, Stored: attrs{"id": "a", "name": "n", "read_at": "long ago"}},
		observed: []string{"read_at"},
	},
	{
		name: "a replacement", code: `resource "test_simple" "a" { name = "n" }`,
		object:  resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}},
		edit:    func(o attrs) { o["name"] = "changed" },
		drifted: []string{"name"}, replace: []string{"name"}, observed: []string{"arn"},
	},
	{
		name: "a state of an older schema", code: `resource "test_upgraded" "a" { name = "n" }`,
		object: resource{Type: "test_upgraded", Name: "a", Attributes: attrs{"name": "n"}, SchemaVersion: 1, Stored: attrs{"id": "a", "title": "n"}},
	},
	{
		name: "a state from before Terraform 0.12", code: `resource "test_upgraded" "a" { name = "n" }`,
		object:  resource{Type: "test_upgraded", Name: "a", Attributes: attrs{"name": "n"}, Flat: map[string]string{"id": "a", "title": "n"}},
		edit:    func(o attrs) { o["name"] = "changed" },
		drifted: []string{"name"},
	},
	{
		name: "a resource identity of an older version", code: `resource "test_identified" "a" { bucket = "b" }`,
		object: resource{Type: "test_identified", Name: "a", Attributes: attrs{"bucket": "b"}, Identity: attrs{"name": "b", "region": "here"}, IdentityVersion: 0},
	},
	{
		name: "blocks that the legacy SDK computes", code: `resource "test_legacy" "a" {
  name = "n"
  note = ""
}`,
		object: resource{Type: "test_legacy", Name: "a", Attributes: attrs{"name": "n", "setting": []any{attrs{"key": "k", "value": "v"}}}},
		edit:   func(o attrs) { o["setting"] = []any{attrs{"key": "k", "value": "changed"}} }, observed: []string{"setting[0].value"},
	},
	{
		name: "blocks of the legacy SDK that the source sets", code: `resource "test_legacy" "a" {
  name = "n"
  note = ""
  setting {
    key   = "k"
    value = "v"
  }
}`,
		object: resource{Type: "test_legacy", Name: "a", Attributes: attrs{"name": "n", "setting": []any{attrs{"key": "k", "value": "v"}}}},
		edit:   func(o attrs) { o["setting"] = []any{attrs{"key": "k", "value": "changed"}} }, drifted: []string{"setting[0].value"},
	},
}

func TestVerdictOverBothProtocols(t *testing.T) {
	t.Parallel()
	for _, c := range providerCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, source string) {
				if c.only != "" && c.only != source {
					return
				}
				testProviderCase(t, source, c)
			})
		})
	}
}

func testProviderCase(t *testing.T, source string, c providerCase) {
	b := newBench(t, source, c.code, c.object)
	b.write(t, "note.txt", "not-a-real-note-1")
	if c.edit != nil {
		b.Edit(t, c.object.Type, "a", c.edit)
	}
	result := b.check(t, detect.Options{})
	for _, e := range result.Errors {
		t.Errorf("not checked: %s %s: %s", e.Address, e.Code, e.Message)
	}
	var drifted, sensitive, replace []string
	for _, f := range result.Findings {
		for _, change := range f.Changes {
			drifted = append(drifted, change.Path)
			if change.Sensitive {
				sensitive = append(sensitive, change.Path)
			}
			if change.RequiresReplace {
				replace = append(replace, change.Path)
			}
		}
	}
	for what, pair := range map[string][2][]string{
		"drifted": {c.drifted, drifted}, "sensitive": {c.sensitive, sensitive}, "replace": {c.replace, replace},
	} {
		if diff := cmp.Diff(sortedCopy(pair[0]), sortedCopy(pair[1])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	var observed []string
	for _, o := range result.Observed {
		observed = append(observed, o.Paths...)
	}
	if diff := cmp.Diff(sortedCopy(c.observed), sortedCopy(observed)); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	if len(result.Pending) > 0 {
		t.Errorf("pending: %+v", result.Pending)
	}
}

// What a provider does wrong is an error on the resources it served, by name;
// the others are checked, and nothing is called clean that wasn't looked at.
func TestProviderThatFails(t *testing.T) {
	t.Parallel()
	for behaviour, says := range map[string]string{
		"error:we were given not-a-real-secret-1": "note",
		"denied":            "denied",
		"fail:out of order": "out of order",
		"hang":              "did not answer ReadResource in time",
		"garbage":           "does not fit its own schema",
		"other":             "does not fit its own schema",
		"missing":           "without a state",
		"unknown":           "unknown values",
		"deferred":          "deferred",
	} {
		name, _, _ := strings.Cut(behaviour, ":") // the rest may be a secret, and folders are named by the test
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, source string) {
				b := twoSimple(t, source)
				b.BehaveAt(t, "test_simple", "bad", "ReadResource", behaviour)
				o := detect.Options{}
				if behaviour == "hang" {
					o.ResourceTimeout = 15 * time.Second // enough for the other one on a busy machine
				}
				result := b.check(t, o)
				if len(result.Errors) != 1 || result.Errors[0].Address != "test_simple.bad" || !strings.Contains(strings.ToLower(result.Errors[0].Message), strings.ToLower(says)) {
					t.Errorf("errors: %+v", result.Errors)
				}
				if result.Status != drift.StatusIncomplete || result.Resources != (drift.Counts{Checked: 1, Clean: 1, Errored: 1}) {
					t.Errorf("status %s, counts %+v", result.Status, result.Resources)
				}
			})
		})
	}
}

func twoSimple(t *testing.T, source string) *bench {
	t.Helper()
	return newBench(t, source, `
resource "test_simple" "bad" {
  name   = "bad"
  secret = "not-a-real-secret-1"
}
resource "test_simple" "good" {
  name = "good"
}
`,
		resource{Type: "test_simple", Name: "bad", Attributes: attrs{"name": "bad", "secret": "not-a-real-secret-1"}},
		resource{Type: "test_simple", Name: "good", Attributes: attrs{"name": "good"}})
}

func TestProviderThatDies(t *testing.T) {
	t.Parallel()
	for _, behaviour := range []string{"exit:last words about not-a-real-secret-1", "panic:last words about not-a-real-secret-1"} {
		t.Run(behaviour[:5], func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, source string) {
				b := twoSimple(t, source)
				b.BehaveAt(t, "test_simple", "bad", "ReadResource", behaviour)
				result := b.check(t, detect.Options{Parallelism: 1})
				i := slices.IndexFunc(result.Errors, func(e drift.Error) bool { return e.Address == "test_simple.bad" })
				if i < 0 || result.Errors[i].Code != "provider_crashed" || !strings.Contains(result.Errors[i].Message, "last words") {
					t.Errorf("errors: %+v", result.Errors)
				}
				if result.Status == drift.StatusClean || result.Resources.Clean+result.Resources.Errored != 2 {
					t.Errorf("status %s, counts %+v", result.Status, result.Resources)
				}
				b.AwaitGone(t, time.Minute)
			})
		})
	}
}

// A plan that goes wrong leaves no verdict either.
func TestPlanThatFails(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, source string) {
		b := twoSimple(t, source)
		b.Edit(t, "test_simple", "bad", func(o attrs) { o["note"] = "by hand" })
		b.BehaveAt(t, "test_simple", "bad", "PlanResourceChange", "error:no plan today")
		result := b.check(t, detect.Options{})
		if len(result.Errors) != 1 || !strings.Contains(result.Errors[0].Message, "planning it") || result.Status != drift.StatusIncomplete {
			t.Errorf("status %s, errors %+v", result.Status, result.Errors)
		}
	})
}

// Whether the source sets an attribute can't be told: the drift is possible,
// the reason has the expression and its place, and the stack is not clean.
func TestPossible(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, `
variable "color" {}
resource "test_simple" "a" {
  name  = "n"
  color = try(var.color, null)
}
`, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "color": "green"}})
	b.Edit(t, "test_simple", "a", func(o attrs) { o["color"] = "red" })
	result := b.check(t, detect.Options{})
	if len(result.Findings) != 1 || result.Findings[0].Certainty != drift.Possible {
		t.Fatalf("findings: %+v", result.Findings)
	}
	if doubt := result.Findings[0].Doubt; !strings.Contains(doubt, "main.tf:") || !strings.Contains(doubt, "var.color") || !strings.Contains(doubt, "--var") {
		t.Errorf("the doubt does not say what and where: %s", doubt)
	}
	if result.Status != drift.StatusIncomplete {
		t.Errorf("status %s", result.Status)
	}
}

// A provider configuration must not depend on what an earlier run left in the
// state as a secret, or on who ran it.
func TestProviderConfigurationIsNeverGuessed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ code, says string }{
		"unknown variable": {`variable "region" {}
provider "test" { region = var.region }`, "var.region"},
		"secret of the state": {`provider "test" {
  alias = "other"
}
resource "test_simple" "key" {
  provider = test.other
  name     = "key"
}
provider "test" { token = test_simple.key.secret }`, "sensitive value of an earlier run"},
		"function that fails": {`provider "test" { region = file("nowhere.txt") }`, "nowhere.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, providertest.Six, c.code+"\nresource \"test_simple\" \"a\" { name = \"n\" }\n",
				resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}},
				resource{Type: "test_simple", Name: "key", Attributes: attrs{"name": "key", "secret": "not-a-real-key-1"}, ProviderConfig: `provider["` + providertest.Six + `"].other`})
			result := b.check(t, detect.Options{})
			i := slices.IndexFunc(result.Errors, func(e drift.Error) bool { return e.Address == "test_simple.a" })
			if i < 0 || !strings.Contains(result.Errors[i].Message, c.says) {
				t.Errorf("errors: %+v", result.Errors)
			}
			if result.Status == drift.StatusClean {
				t.Error("it was called clean")
			}
		})
	}
}

// One configured process serves every stack that wants the same.
func TestStacksShareAProvider(t *testing.T) {
	t.Parallel()
	b := twoSimple(t, providertest.Six)
	dirs := []string{b.dir}
	for range 4 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	// The test provider is not known to be indifferent to its folder, so each
	// stack gets its own; the same folder five times shares one.
	for name, c := range map[string]struct {
		dirs []string
		want int
	}{"same folder": {[]string{b.dir, b.dir, b.dir}, 1}, "other folders": {dirs, 5}} {
		before := b.Count(t, "ConfigureProvider")
		for _, result := range b.checkAll(t, detect.Options{}, c.dirs...) {
			if result.Status != drift.StatusClean {
				t.Errorf("%s: status %s, %+v", name, result.Status, result.Errors)
			}
		}
		if got := b.Count(t, "ConfigureProvider") - before; got != c.want {
			t.Errorf("%s: %d providers were configured, want %d", name, got, c.want)
		}
	}
}

func TestTaintedAndDeposed(t *testing.T) {
	t.Parallel()
	b := twoSimple(t, providertest.Five)
	path := filepath.Join(b.dir, "terraform.tfstate")
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(src, &state); err != nil {
		t.Fatal(err)
	}
	first := state["resources"].([]any)[0].(attrs)
	tainted := first["instances"].([]any)[0].(attrs)
	tainted["status"] = "tainted"
	first["instances"] = append(first["instances"].([]any), attrs{"deposed": "abcd1234", "schema_version": 0, "attributes": attrs{"id": "old", "name": "old"}})
	if src, err = json.Marshal(state); err != nil {
		t.Fatal(err)
	}
	b.write(t, "terraform.tfstate", string(src))
	result := b.check(t, detect.Options{})
	var codes []string
	for _, fault := range result.Integrity {
		codes = append(codes, fault.Code)
	}
	if diff := cmp.Diff([]string{"deposed_object", "tainted_object"}, codes); diff != "" {
		t.Errorf("integrity (-want +got):\n%s", diff)
	}
	if result.Resources.Checked != 2 || result.Status != drift.StatusClean {
		t.Errorf("status %s, counts %+v", result.Status, result.Resources)
	}
}
