package detect_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/stack"
)

// Tests of ways to a wrong "clean", to a false certainty, and to a secret in the
// output. Each was there once.

const simpleA = `resource "test_simple" "a" { name = "n" }
`

var aSimple = resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}}

// A state that lies around must not be taken for the one of a backend that is
// not initialised.
func TestStateOfAnotherBackend(t *testing.T) {
	t.Parallel()
	const s3 = "terraform {\n  backend \"s3\" {}\n}\n"
	for name, c := range map[string]struct{ code, record string }{
		"not initialised":               {s3, ""},
		"initialised without backend":   {s3, `{"version":3}`},
		"initialised as local before":   {s3, `{"version":3,"backend":{"type":"local","config":{"path":null}}}`},
		"cloud":                         {"terraform {\n  cloud {}\n}\n", ""},
		"local elsewhere":               {"terraform {\n  backend \"local\" {\n    path = \"real.tfstate\"\n  }\n}\n", ""},
		"the backend is gone from it":   {"", `{"version":3,"backend":{"type":"s3","config":{}}}`},
		"another backend than recorded": {s3, `{"version":3,"backend":{"type":"gcs","config":{}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, providertest.Five, c.code+simpleA, aSimple)
			if c.record != "" {
				b.write(t, ".terraform/terraform.tfstate", c.record)
			}
			result := b.run(t, detect.Options{}, b.dir)[0]
			codes := errorCodes(result)
			if result.Status != drift.StatusError || len(codes) != 1 || !slices.Contains([]string{"not_initialised", "backend_unsupported", "no_state"}, codes[0]) {
				t.Errorf("status %s, errors %v", result.Status, result.Errors)
			}
		})
	}
}

func TestModuleThatIsNotInstalled(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `module "m" { source = "registry.example.com/x/y/z" }`,
		resource{Type: "test_simple", Module: "module.m", Name: "a", Attributes: attrs{"name": "n", "note": "x"}})
	result := b.check(t, detect.Options{})
	if result.Status != drift.StatusIncomplete || !slices.Contains(errorCodes(result), "module_missing") {
		t.Errorf("status %s, errors %v", result.Status, result.Errors)
	}
	b.Edit(t, "test_simple", "a", func(o attrs) { o["note"] = "by hand" })
	result = b.check(t, detect.Options{})
	if len(result.Findings) != 1 || result.Findings[0].Certainty != drift.Possible {
		t.Errorf("what it ignores can't be seen, yet: %+v", result.Findings)
	}
}

func TestPlanOfTheSourceIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `resource "test_simple" "a" {
  name = "n"
  note = "code"
}
`, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "by hand, then refreshed"}})
	b.BehaveAt(t, "test_simple", "a", "PlanResourceChange", "denied")
	result := b.check(t, detect.Options{})
	if result.Status != drift.StatusIncomplete || !slices.Contains(errorCodes(result), "plan_refused") {
		t.Errorf("status %s, errors %v", result.Status, result.Errors)
	}
}

// One attribute drifted for certain; of its neighbour that can't be told.
func TestCertainBesideDoubtful(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `variable "color" {}
resource "test_simple" "a" {
  name  = "n"
  note  = "code"
  color = var.color
}
`, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "code", "color": "green"}})
	b.Edit(t, "test_simple", "a", func(o attrs) { o["color"], o["note"] = "red", "by hand" })
	result := b.check(t, detect.Options{})
	if result.Status != drift.StatusDrifted || result.Findings[0].Certainty != drift.Certain || !strings.Contains(result.Findings[0].Doubt, "color") {
		t.Errorf("status %s, findings %+v", result.Status, result.Findings)
	}
	b.Edit(t, "test_simple", "a", func(o attrs) { o["note"] = "code" })
	if result = b.check(t, detect.Options{}); result.Status != drift.StatusIncomplete {
		t.Errorf("only the doubtful one: status %s, findings %+v", result.Status, result.Findings)
	}
}

// Which element of a set the source sets is unknown; one of two is gone.
func TestElementsThatCannotBePaired(t *testing.T) {
	t.Parallel()
	for _, kept := range []string{"aaa", "bbb"} {
		b := newBench(t, providertest.Five, `variable "x" {}
resource "test_sets" "a" {
  rule { name = var.x }
}
`, resource{Type: "test_sets", Name: "a", Attributes: attrs{"rule": []any{attrs{"name": "aaa", "port": 1}, attrs{"name": "bbb", "port": 2}}}})
		b.Edit(t, "test_sets", "a", func(o attrs) {
			o["rule"] = []any{attrs{"name": kept, "port": map[string]int{"aaa": 1, "bbb": 2}[kept]}}
		})
		if result := b.check(t, detect.Options{}); result.Status == drift.StatusClean {
			t.Errorf("%s was kept, and it is clean", kept)
		}
	}
}

// What a removed block lets go of is never read, so it says nothing of the account.
func TestForgottenObjectIsNotFound(t *testing.T) {
	t.Parallel()
	code := `removed {
  from = test_simple.old
  lifecycle { destroy = false }
}
`
	objects := []resource{{Type: "test_simple", Name: "old", Attributes: attrs{"name": "n"}}}
	for _, name := range []string{"a", "b", "c"} {
		code += fmt.Sprintf("resource \"test_simple\" %q { name = \"n\" }\n", name)
		objects = append(objects, resource{Type: "test_simple", Name: name, Attributes: attrs{"name": "n"}})
	}
	b := newBench(t, providertest.Five, code, objects...)
	for _, o := range objects {
		b.Delete(t, "test_simple", o.Name)
	}
	result := b.check(t, detect.Options{})
	if result.Status != drift.StatusIncomplete || !slices.Contains(errorCodes(result), "everything_gone") {
		t.Errorf("status %s, errors %v", result.Status, result.Errors)
	}
}

// A provider's configuration that refers to an object which another provider has
// to upgrade first.
func TestConfigurationFromAnOlderSchema(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `resource "test_upgraded" "u" { name = "n" }
provider "test" {
  alias  = "other"
  region = test_upgraded.u.name
}
resource "test_simple" "a" {
  provider = test.other
  name     = "n"
}
`, resource{Type: "test_upgraded", Name: "u", Attributes: attrs{"name": "n"}, SchemaVersion: 1, Stored: attrs{"id": "u", "title": "n"}},
		resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}, ProviderConfig: `provider["` + providertest.Five + `"].other`})
	if result := b.check(t, detect.Options{}); result.Status != drift.StatusClean {
		t.Errorf("status %s, errors %v", result.Status, result.Errors)
	}
}

func TestUndeclaredVariable(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `variable "region" { default = "east" }`+"\n"+simpleA, aSimple)
	result := b.run(t, detect.Options{Variables: []config.VarOption{{Name: "regoin", Value: "west"}}}, b.dir)[0]
	if result.Status != drift.StatusError || !strings.Contains(result.Errors[0].Message, "regoin") {
		t.Errorf("status %s, errors %v", result.Status, result.Errors)
	}
}

// In OpenTofu's states a provider has OpenTofu's registry in its address, and
// *.tofu files count.
func TestOpenTofu(t *testing.T) {
	t.Parallel()
	const source = "registry.opentofu.org/hashicorp/six"
	b := &bench{World: providertest.NewWorld(t), dir: t.TempDir(), cache: t.TempDir()}
	b.pkg = providertest.Install(t, filepath.Join(b.dir, ".terraform", "providers"), source, "1.0.0")
	providertest.WriteLock(t, b.dir, b.pkg)
	b.write(t, "main.tf", fmt.Sprintf(`terraform {
  required_providers {
    six = { source = "hashicorp/six" }
  }
}
provider "six" { dir = %q }
`, b.Dir))
	b.write(t, "app.tofu", `resource "test_simple" "a" {
  provider = six
  name     = "n"
  note     = "code"
}
`)
	b.Provision(t, b.dir, b.pkg, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "code"}})
	// Only the provider block says where the objects are.
	s, err := stack.Open(b.dir, stack.Options{Env: append(b.env(), "TESTPROVIDER_DIR="+t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	m := provider.NewManager(provider.Options{CacheDir: b.cache})
	defer m.Close()
	result := detect.New(m, detect.Options{}).Check(t.Context(), s)
	if result.Status != drift.StatusClean || len(result.Pending) > 0 {
		t.Errorf("untouched: status %s, errors %v, findings %v, pending %v", result.Status, result.Errors, result.Findings, result.Pending)
	}
	b.Edit(t, "test_simple", "a", func(o attrs) { o["note"] = "by hand" })
	if result := detect.New(m, detect.Options{}).Check(t.Context(), s); result.Status != drift.StatusDrifted {
		t.Errorf("drift of a resource in a .tofu file: status %s, %v", result.Status, result.Errors)
	}
}

// A configuration that branches on who is calling: the state knows who called
// when it was applied, and that is not asked.
func TestIdentityIsReadAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		today string
		want  drift.Status
	}{
		"the same account":         {"222", drift.StatusClean},
		"another, which has a map": {"111", drift.StatusDrifted},
		"an unknown one":           {"333", drift.StatusError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, providertest.Six, "", aSimple)
			b.write(t, "rest.tf", fmt.Sprintf(`provider "test" {
  alias = "who"
}
data "aws_caller_identity" "me" {
  provider = test.who
}
locals {
  worlds = { "222" = %q, "111" = %q }
}
provider "test" {
  dir = local.worlds[data.aws_caller_identity.me.account_id]
}
`, b.Dir, t.TempDir())+simpleA)
			b.SetAccount(t, c.today)
			b.editState(t, func(doc attrs) {
				doc["resources"] = append(doc["resources"].([]any), attrs{
					"mode": "data", "type": "aws_caller_identity", "name": "me", "provider": `provider["` + providertest.Six + `"].who`,
					"instances": []any{attrs{"schema_version": 0, "attributes": attrs{"id": "222", "account_id": "222"}}},
				})
			})
			result := b.check(t, detect.Options{})
			if result.Status != c.want {
				t.Errorf("status %s, want %s: %+v %+v", result.Status, c.want, result.Errors, result.Findings)
			}
		})
	}
}

// Only the state is at hand: what drifted can't be certain, and a deletion can.
func TestStateWithoutSource(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, simpleA, aSimple, resource{Type: "test_simple", Name: "b", Attributes: attrs{"name": "n", "note": "x"}})
	if err := os.Remove(filepath.Join(b.dir, "main.tf")); err != nil {
		t.Fatal(err)
	}
	check := func() drift.Stack {
		m := provider.NewManager(provider.Options{CacheDir: b.cache})
		defer m.Close()
		return detect.New(m, detect.Options{Engine: detect.Auto}).Check(t.Context(), stack.Stack{
			Path: "x", Dir: b.dir, DataDir: filepath.Join(b.dir, ".terraform"), Workspace: "default", Env: b.env(),
			StateNamed: true, StatePath: filepath.Join(b.dir, "terraform.tfstate"), NoSource: true,
		})
	}
	if result := check(); result.Status != drift.StatusClean || len(result.Pending) > 0 {
		t.Errorf("untouched: %s %+v %+v", result.Status, result.Errors, result.Pending)
	}
	b.Edit(t, "test_simple", "b", func(o attrs) { o["note"] = "by hand" })
	result := check()
	if result.Status != drift.StatusIncomplete || len(result.Findings) != 1 || !strings.Contains(result.Findings[0].Doubt, "not at hand") {
		t.Errorf("changed: %s %+v", result.Status, result.Findings)
	}
	b.Delete(t, "test_simple", "a")
	if result := check(); result.Status != drift.StatusDrifted {
		t.Errorf("deleted: %s %+v", result.Status, result.Findings)
	}
}

// One provider hangs while it starts; a resource of another one refers to its
// objects.
func TestHungProviderCostsItsTimeOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the hung provider is a shell script")
	}
	b := newBench(t, providertest.Six, `resource "test_simple" "a" {
  name = "n"
  note = join(",", [for x in test_hung.x : x.id])
}
resource "test_simple" "b" { name = "b" }
resource "test_hung" "x" {
  provider = hung
  count    = 6
}
`, aSimple, resource{Type: "test_simple", Name: "b", Attributes: attrs{"name": "b"}})
	b.addHungProvider(t)
	began := time.Now()
	m := provider.NewManager(provider.Options{CacheDir: b.cache, AllowUnlocked: true})
	defer m.Close()
	s, err := stack.Open(b.dir, stack.Options{Env: b.env()})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 15 * time.Second // enough for the others on a busy machine
	result := detect.New(m, detect.Options{ResourceTimeout: limit}).Check(t.Context(), s)
	if took := time.Since(began); took > 4*limit { // each of the six by itself would be six limits
		t.Errorf("it took %s", took)
	}
	for _, e := range result.Errors {
		if !strings.HasPrefix(e.Address, "test_hung.x") {
			t.Errorf("%s: %s", e.Address, e.Message)
		}
	}
}

// addHungProvider puts a provider that never answers, and six objects of it, into
// the stack.
func (b *bench) addHungProvider(t *testing.T) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(b.dir, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "main.tf", strings.Replace(string(src), "required_providers {", "required_providers {\n    hung = {\n      source = \"example.com/test/hung\"\n    }\n", 1))
	dir := filepath.Join(b.dir, ".terraform", "providers", "example.com", "test", "hung", "1.0.0", runtime.GOOS+"_"+runtime.GOARCH)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// A child that another test starts meanwhile would keep it "busy".
	syscall.ForkLock.RLock()
	err = os.WriteFile(filepath.Join(dir, "terraform-provider-hung"), []byte("#!/bin/sh\nexec sleep 1000\n"), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	var instances []any
	for i := range 6 {
		instances = append(instances, attrs{"index_key": i, "schema_version": 0, "attributes": attrs{"id": fmt.Sprint(i)}})
	}
	b.editState(t, func(doc attrs) {
		doc["resources"] = append(doc["resources"].([]any), attrs{
			"mode": "managed", "type": "test_hung", "name": "x", "provider": `provider["example.com/test/hung"]`, "instances": instances,
		})
	})
}

// editState changes the state file.
func (b *bench) editState(t *testing.T, edit func(doc attrs)) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(b.dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	var doc attrs
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	edit(doc)
	if raw, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	b.write(t, "terraform.tfstate", string(raw))
}

// A process that left a call without an answer is given to nobody else.
func TestHungProcessIsNotReused(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, simpleA, aSimple)
	b.BehaveAt(t, "test_simple", "a", "ReadResource", "hang")
	m := provider.NewManager(provider.Options{CacheDir: b.cache})
	defer m.Close()
	s, err := stack.Open(b.dir, stack.Options{Env: b.env()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		detect.New(m, detect.Options{ResourceTimeout: 15 * time.Second}).Check(t.Context(), s)
	}
	if n := b.Count(t, "ConfigureProvider"); n != 2 {
		t.Errorf("%d processes were configured, want 2", n)
	}
}

func TestSecretsElsewhere(t *testing.T) {
	t.Parallel()
	at := func(steps ...any) []any {
		var path []any
		for _, step := range steps {
			switch step := step.(type) {
			case int:
				path = append(path, attrs{"type": "index", "value": attrs{"value": step, "type": "number"}})
			case string:
				path = append(path, attrs{"type": "get_attr", "value": step})
			}
		}
		return path
	}
	variable := func(value string) string {
		return "variable \"s\" {\n  default   = " + value + "\n  sensitive = true\n}\n"
	}
	for _, c := range []struct {
		name   string
		source string // of the provider; Five where empty
		code   string
		object resource
		files  map[string]string
		edit   func(attrs)
		call   string // that fails, with an error that quotes
		quotes string
	}{
		{
			name: "an element taken out before it", code: variable(`"not-a-real-one"`) + `resource "test_blocks" "a" {
  step { name = "first" }
  step { name = var.s }
}`,
			object: resource{Type: "test_blocks", Name: "a", Attributes: attrs{"step": []any{attrs{"name": "first"}, attrs{"name": "not-a-real-one"}}}, Sensitive: []any{at("step", 1, "name")}},
			edit:   func(o attrs) { o["step"] = []any{attrs{"name": "not-a-real-one"}} },
		},
		{
			name: "an element put in before it, and changed", code: variable(`"not-a-real-one"`) + `resource "test_blocks" "a" {
  step { name = "first" }
  step { name = var.s }
}`,
			object: resource{Type: "test_blocks", Name: "a", Attributes: attrs{"step": []any{attrs{"name": "first"}, attrs{"name": "not-a-real-one"}}}, Sensitive: []any{at("step", 1, "name")}},
			edit: func(o attrs) {
				o["step"] = []any{attrs{"name": "new"}, attrs{"name": "first"}, attrs{"name": "not-a-real-other"}}
			},
		},
		{
			name: "a copy in another attribute", code: variable(`"not-a-real-one"`) + `resource "test_tagged" "a" {
  name = "n"
  tags = { key = var.s }
}`,
			object: resource{Type: "test_tagged", Name: "a", Attributes: attrs{"name": "n", "tags": attrs{"key": "not-a-real-one"}, "tags_all": attrs{"key": "not-a-real-one"}}},
			edit:   func(o attrs) { o["tags"], o["tags_all"] = attrs{"key": "x"}, attrs{"key": "x"} },
		},
		{
			name: "a copy inside a dynamic value", source: providertest.Six, code: `resource "test_dynamic" "a" {
  value = { user = "u", pw = sensitive("not-a-real-one") }
}`,
			object: resource{Type: "test_dynamic", Name: "a", Attributes: attrs{"value": attrs{"type": []any{"object", attrs{"user": "string", "pw": "string"}}, "value": attrs{"user": "u", "pw": "not-a-real-one"}}}},
			edit: func(o attrs) {
				o["value"] = attrs{"type": []any{"object", attrs{"user": "string", "pw": "string", "copy": "string"}}, "value": attrs{"user": "u", "pw": "not-a-real-one", "copy": "not-a-real-one"}}
			},
		},
		{
			name: "the keys of a map", code: variable(`{ not-a-real-key = "v" }`) + `resource "test_simple" "a" {
  name = "n"
  tags = var.s
}`,
			object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "tags": attrs{"not-a-real-key": "v"}}, Sensitive: []any{at("tags")}},
			edit:   func(o attrs) { o["tags"] = attrs{"not-a-real-other": "w"} },
		},
		{
			name: "a provider block inside a provider block", code: `provider "test" {
  assume {
    role = "wrong"
    key  = file("key.txt")
  }
}
` + simpleA, object: aSimple, files: map[string]string{"key.txt": "not-a-real-key"},
		},
		{
			name: "in quotes", code: `resource "test_simple" "a" {
  name   = "n"
  secret = file("s.txt")
}`, files: map[string]string{"s.txt": `a"b&c<not-a-real-one`},
			object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "secret": `a"b&c<not-a-real-one`}},
			call:   "ReadResource", quotes: `invalid value "a\"b&c<not-a-real-one"`,
		},
		{
			name: "of several lines", code: `resource "test_simple" "a" {
  name   = "n"
  secret = file("s.txt")
}`, files: map[string]string{"s.txt": "not-a-real-1\nnot-a-real-2\n"},
			object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "secret": "not-a-real-1\nnot-a-real-2\n"}},
			call:   "ReadResource", quotes: "bad: not-a-real-2",
		},
		{
			name: "changed by hand", code: `resource "test_simple" "a" {
  name   = "n"
  secret = "s"
}`, object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "secret": "s"}},
			edit: func(o attrs) { o["secret"] = "not-a-real-new" },
			call: "PlanResourceChange", quotes: "can't change not-a-real-new",
		},
		{
			name: "in a flat state", code: `resource "test_simple" "a" {
  name   = "n"
  secret = file("s.txt")
}`, files: map[string]string{"s.txt": "not-a-real-one"},
			object: resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "secret": "not-a-real-one"}, Flat: map[string]string{"id": "a", "name": "n", "secret": "not-a-real-one"}},
			call:   "ReadResource", quotes: "bad not-a-real-one",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			source := c.source
			if source == "" {
				source = providertest.Five
			}
			b := newBench(t, source, c.code, c.object)
			for name, content := range c.files {
				b.write(t, name, content)
			}
			if c.edit != nil {
				b.Edit(t, c.object.Type, c.object.Name, c.edit)
			}
			if c.call != "" {
				b.BehaveAt(t, c.object.Type, c.object.Name, c.call, "error:"+c.quotes)
			}
			if result := b.check(t, detect.Options{}); result.Status == drift.StatusClean { // check looks for canaries
				t.Error("clean: there was nothing to hide")
			}
		})
	}
}
