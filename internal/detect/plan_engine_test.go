package detect_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"holdfast/internal/config"
	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
	"holdfast/internal/provider"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// Tests of the plan engine from end to end: real Terraform makes the plan.

// planOptions are those of a check by a plan that is kept below a folder of the
// test's.
func planOptions(t *testing.T) detect.Options {
	t.Helper()
	return detect.Options{Engine: detect.Plan, Terraform: lab.Need(t).Terraform, TempDir: t.TempDir()}
}

// files is what a folder holds, with modes and times.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err == nil {
			all[path] = fmt.Sprint(info.Mode(), info.ModTime(), info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkQuietly checks by a plan, and sees that nothing is left of it and that
// the stack's folder is as it was.
func checkQuietly(t *testing.T, dir string, o detect.Options, check func(detect.Options) drift.Stack) drift.Stack {
	t.Helper()
	before := files(t, dir)
	result := check(o)
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("the stack's folder was changed:\n%s", diff)
	}
	if left, err := os.ReadDir(o.TempDir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	searchCanaries(t, result)
	return result
}

// sameVerdicts holds two engines' results against each other.
func sameVerdicts(t *testing.T, direct, plan drift.Stack) {
	t.Helper()
	if direct.Engine != "direct" || plan.Engine != "plan" {
		t.Errorf("engines %s and %s", direct.Engine, plan.Engine)
	}
	if diff := cmp.Diff(direct.Findings, plan.Findings, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings (-direct +plan):\n%s", diff)
	}
	if diff := cmp.Diff(inPendingOrder(direct.Pending), inPendingOrder(plan.Pending), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("pending (-direct +plan):\n%s", diff)
	}
	if diff := cmp.Diff(direct.Integrity, plan.Integrity); diff != "" {
		t.Errorf("integrity (-direct +plan):\n%s", diff)
	}
	if diff := cmp.Diff(direct.State, plan.State); diff != "" {
		t.Errorf("state (-direct +plan):\n%s", diff)
	}
	if v := drift.Verify(direct, plan); !v.Agree {
		t.Errorf("verify: %+v", v.Disagreements)
	}
}

// TestPlanEngineOnTheExample changes the example in four ways at once and lets
// both engines find them.
func TestPlanEngineOnTheExample(t *testing.T) {
	t.Parallel()
	s := applied(t, "device-tokens").fork(t)
	do(t, s, cases.Call("lambda", "update_function_configuration", cases.Params{"FunctionName": "${aws_lambda_function.device_token.function_name}", "MemorySize": 512}))
	do(t, s, keepLogsForAYear)
	do(t, s, cases.Call("cloudwatch", "delete_alarms", cases.Params{"AlarmNames": []any{"${aws_cloudwatch_metric_alarm.lambda_errors.alarm_name}"}}))
	direct := s.check(t, detect.Options{})
	planning <- struct{}{}
	defer func() { <-planning }()
	plan := checkQuietly(t, s.Dir, planOptions(t), func(o detect.Options) drift.Stack { return s.checkOnly(t, o) })
	for _, e := range plan.Errors {
		t.Errorf("%s %s: %s", e.Address, e.Code, e.Message)
	}
	if len(plan.Findings) < 2 || plan.Status != drift.StatusDrifted {
		t.Errorf("status %s, %d findings", plan.Status, len(plan.Findings))
	}
	sameVerdicts(t, direct, plan)
	for _, f := range plan.Findings {
		declared(t, s.Dir, f)
	}
}

// declared sees that a finding points at the block of its resource.
func declared(t *testing.T, dir string, f drift.Finding) {
	t.Helper()
	if f.Source == nil {
		t.Errorf("%s: the source has it, and the finding doesn't say where", f.Address)
		return
	}
	// Paths of findings are as the stack's, which is the folder here.
	src, err := os.ReadFile(f.Source.File)
	if err != nil || !strings.HasPrefix(f.Source.File, dir) {
		t.Errorf("%s: in %s: %v", f.Address, f.Source.File, err)
		return
	}
	addr, err := drift.ParseAddress(f.Address)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(src), "\n")
	if want := fmt.Sprintf("resource %q %q {", addr.Type, addr.Name); f.Source.Line > len(lines) || lines[f.Source.Line-1] != want {
		t.Errorf("%s: %s:%d is not %s", f.Address, f.Source.File, f.Source.Line, want)
	}
}

// everyCase is one stack with all objects of the provider cases in it, each
// changed by hand.
func everyCase(t *testing.T, source string) *bench {
	t.Helper()
	var code strings.Builder
	var objects []resource
	var edits []func(b *bench)
	for i, c := range providerCases {
		if c.only != "" && c.only != source {
			continue
		}
		name := fmt.Sprintf("case%d", i)
		own := strings.ReplaceAll(c.code, `"a" {`, `"`+name+`" {`)
		if own == c.code {
			t.Fatalf("%s: it declares no resource a", c.name)
		}
		code.WriteString(own + "\n")
		object := c.object
		object.Name = name
		if object.Stored != nil {
			object.Stored = withID(object.Stored.(attrs), name)
		}
		if object.Flat != nil {
			object.Flat = map[string]string{"id": name, "title": object.Flat["title"]}
		}
		objects = append(objects, object)
		if c.edit != nil {
			edits = append(edits, func(b *bench) { b.Edit(t, object.Type, name, c.edit) })
		}
	}
	b := newBench(t, source, code.String(), objects...)
	b.write(t, "note.txt", "not-a-real-note-1")
	for _, edit := range edits {
		edit(b)
	}
	return b
}

func withID(stored attrs, id string) attrs {
	out := attrs{"id": id}
	for name, v := range stored {
		if name != "id" {
			out[name] = v
		}
	}
	return out
}

// TestPlanEngineOverBothProtocols gives both engines what the AWS provider
// doesn't have: nested and dynamic attributes, blocks of every nesting, older
// schemas, the legacy SDK.
func TestPlanEngineOverBothProtocols(t *testing.T) {
	t.Parallel()
	o := planOptions(t)
	eachProtocol(t, func(t *testing.T, source string) {
		b := everyCase(t, source)
		direct := b.check(t, detect.Options{})
		o := o
		o.TempDir = t.TempDir()
		plan := checkQuietly(t, b.dir, o, func(o detect.Options) drift.Stack { return b.check(t, o) })
		for _, e := range plan.Errors {
			t.Errorf("%s %s: %s", e.Address, e.Code, e.Message)
		}
		if len(plan.Findings) < 10 {
			t.Errorf("%d findings", len(plan.Findings))
		}
		sameVerdicts(t, direct, plan)
	})
}

// TestFallBack: the provider's configuration depends on a secret in the state,
// which the direct engine does not trust.
func TestFallBack(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	b := untrusting(t)
	b.Edit(t, "test_simple", "a", func(o attrs) { o["note"] = "by hand" })

	o := detect.Options{Engine: detect.Auto, Terraform: tools.Terraform, TempDir: t.TempDir()}
	result := checkQuietly(t, b.dir, o, func(o detect.Options) drift.Stack { return b.check(t, o) })
	if result.Engine != "plan" || !strings.Contains(result.EngineReason, "sensitive value of an earlier run") {
		t.Errorf("engine %s, because %q", result.Engine, result.EngineReason)
	}
	if result.Status != drift.StatusDrifted || len(result.Findings) != 1 || len(result.Errors) > 0 || result.Resources.Checked != 2 {
		t.Errorf("status %s, %+v, %+v, %+v", result.Status, result.Findings, result.Errors, result.Resources)
	}

	// Without Terraform the error says both, and what can be checked is checked.
	o.Terraform = filepath.Join(b.dir, "no-terraform")
	result = b.check(t, o)
	if result.Engine != "direct" || result.Status != drift.StatusIncomplete || result.Resources.Checked != 1 || result.Resources.Errored != 1 {
		t.Errorf("engine %s, status %s, %+v", result.Engine, result.Status, result.Resources)
	}
	i := slices.IndexFunc(result.Errors, func(e drift.Error) bool { return e.Code == "terraform_missing" })
	if i < 0 || !strings.Contains(result.Errors[i].Message, "sensitive value of an earlier run") || !strings.Contains(result.Errors[i].Message, "no terraform or tofu was found") {
		t.Errorf("errors: %+v", result.Errors)
	}

	// The direct engine keeps its error.
	o.Engine = detect.Direct
	if result = b.check(t, o); result.Engine != "direct" || len(result.Errors) != 1 {
		t.Errorf("engine %s, errors %+v", result.Engine, result.Errors)
	}
}

// untrusting is a stack of two resources, one of which is behind a provider
// that is configured by a secret of the other.
func untrusting(t *testing.T) *bench {
	t.Helper()
	return newBench(t, providertest.Six, `provider "test" {
  alias = "other"
}
resource "test_simple" "key" {
  provider = test.other
  name     = "key"
  secret   = "not-a-real-key-1"
}
provider "test" { token = test_simple.key.secret }
resource "test_simple" "a" {
  name = "n"
  note = "was"
}
`,
		resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "was"}},
		resource{Type: "test_simple", Name: "key", Attributes: attrs{"name": "key", "secret": "not-a-real-key-1"}, ProviderConfig: `provider["` + providertest.Six + `"].other`})
}

// TestFallBackIsNotNeeded: a stack that the direct engine can check is checked
// by it.
func TestFallBackIsNotNeeded(t *testing.T) {
	t.Parallel()
	b := twoSimple(t, providertest.Five)
	result := b.check(t, detect.Options{Engine: detect.Auto, Terraform: filepath.Join(b.dir, "no-terraform")})
	if result.Engine != "direct" || result.EngineReason != "" || result.Status != drift.StatusClean {
		t.Errorf("engine %s, status %s, because %q, %+v", result.Engine, result.Status, result.EngineReason, result.Errors)
	}
}

// TestPlanFails: nothing was checked, so nothing is clean; the message says why
// and holds no secret, though the provider quotes one.
func TestPlanFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `resource "test_simple" "a" {
  name   = "n"
  secret = "not-a-real-secret-1"
}`, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "secret": "not-a-real-secret-1"}})
	b.Behave(t, "ReadResource", "error:it refuses not-a-real-secret-1 today")
	result := checkQuietly(t, b.dir, planOptions(t), func(o detect.Options) drift.Stack { return b.check(t, o) })
	if result.Status != drift.StatusError || len(result.Errors) != 1 || result.Errors[0].Code != "plan_failed" || result.Engine != "plan" {
		t.Fatalf("status %s, %+v", result.Status, result.Errors)
	}
	if msg := result.Errors[0].Message; !strings.Contains(msg, "it refuses (sensitive) today") || !strings.Contains(msg, "terraform plan failed") {
		t.Errorf("it says %s", msg)
	}
}

// TestPlanGuards: what a plan shows is doubted where it has to be.
func TestPlanGuards(t *testing.T) {
	t.Parallel()
	three := func(t *testing.T) *bench {
		var objects []resource
		var code strings.Builder
		for _, name := range []string{"a", "b", "c"} {
			fmt.Fprintf(&code, "resource \"test_simple\" %q {\n  name = %q\n}\n", name, name)
			objects = append(objects, resource{Type: "test_simple", Name: name, Attributes: attrs{"name": name}})
		}
		return newBench(t, providertest.Six, code.String(), objects...)
	}
	t.Run("everything gone", func(t *testing.T) {
		t.Parallel()
		b := three(t)
		for _, name := range []string{"a", "b", "c"} {
			b.Delete(t, "test_simple", name)
		}
		result := b.check(t, planOptions(t))
		if result.Status != drift.StatusIncomplete || !slices.Contains(errorCodes(result), "everything_gone") || len(result.Findings) != 3 || len(result.Pending) != 0 {
			t.Errorf("status %s, %v, %d findings, pending %v", result.Status, errorCodes(result), len(result.Findings), result.Pending)
		}
	})
	t.Run("an apply under way", func(t *testing.T) {
		t.Parallel()
		b := three(t)
		b.Delete(t, "test_simple", "b")
		b.write(t, ".terraform.tfstate.lock.info", `{"ID":"1","Operation":"OperationTypeApply","Who":"somebody"}`)
		result := b.check(t, planOptions(t))
		if result.Status != drift.StatusIncomplete || !slices.Contains(errorCodes(result), "apply_under_way") {
			t.Errorf("status %s, %v", result.Status, errorCodes(result))
		}
	})
	t.Run("a damaged lock file", func(t *testing.T) {
		t.Parallel()
		b := three(t)
		b.check(t, detect.Options{}) // the provider was started at least once
		b.write(t, provider.LockFile, strings.Replace(b.pkg.Lock(), b.pkg.Hash, "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 1))
		result := b.check(t, planOptions(t))
		if result.Status != drift.StatusError || len(result.Errors) != 1 || !strings.Contains(result.Errors[0].Message, "not the package") {
			t.Errorf("status %s, %+v", result.Status, result.Errors)
		}
	})
	t.Run("a backend of HCP Terraform", func(t *testing.T) {
		t.Parallel()
		b := three(t)
		b.write(t, "cloud.tf", "terraform {\n  cloud {\n    organization = \"o\"\n  }\n}\n")
		b.write(t, ".terraform/terraform.tfstate", `{"version":3,"backend":{"type":"cloud","config":{"organization":"o"}}}`)
		o := planOptions(t)
		o.Source = func(stack.Stack) (state.Source, error) {
			return state.Local{Path: filepath.Join(b.dir, "terraform.tfstate")}, nil
		}
		result := b.run(t, o, b.dir)[0]
		if result.Status != drift.StatusError || len(result.Errors) != 1 || result.Errors[0].Code != "backend_unsupported" {
			t.Errorf("status %s, %+v", result.Status, result.Errors)
		}
	})
}

// TestPlanVariables: values of --var reach the plan, strings as they are and
// others as expressions, in the order of the command line, and a file of the
// user's too.
func TestPlanVariables(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `variable "text" { type = string }
variable "list" { type = list(number) }
variable "any" {}
variable "tail" { default = "x" }
resource "test_simple" "a" {
  name  = var.text
  note  = var.any
  ports = var.list
  label = var.tail
}
`, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": `${not} "an" expression`, "note": "from a file", "ports": []any{1, 2}, "label": "last"}})
	b.write(t, "more.tfvars", "any = \"from a file\"\ntail = \"first\"\n")
	o := planOptions(t)
	o.Variables = []config.VarOption{
		{Name: "text", Value: `${not} "an" expression`}, {Name: "list", Value: "[1,\n2]"}, {File: "more.tfvars"}, {Name: "tail", Value: "last"},
	}
	result := checkQuietly(t, b.dir, o, func(o detect.Options) drift.Stack { return b.check(t, o) })
	if result.Status != drift.StatusClean || len(result.Pending) > 0 {
		t.Errorf("status %s, pending %+v, %+v", result.Status, result.Pending, result.Errors)
	}
}

// TestPlanSaysNothing: an instance that a plan leaves out is never clean.
func TestPlanSaysNothing(t *testing.T) {
	t.Parallel()
	b := twoSimple(t, providertest.Five)
	opened, err := stack.Open(b.dir, stack.Options{Env: b.env()})
	if err != nil {
		t.Fatal(err)
	}
	m := provider.NewManager(provider.Options{CacheDir: b.cache})
	defer m.Close()
	doc, err := json.Marshal(attrs{"format_version": "1.2", "complete": false, "resource_changes": []any{
		attrs{"address": "test_simple.good", "mode": "managed", "type": "test_simple", "change": attrs{"actions": []any{"no-op"}, "before": attrs{}, "after": attrs{}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := detect.JudgePlan(t.Context(), detect.New(m, detect.Options{}), opened, doc)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != drift.StatusIncomplete || result.Resources.Unsupported != 1 || result.Resources.Clean != 1 {
		t.Errorf("status %s, %+v", result.Status, result.Resources)
	}
	if diff := cmp.Diff([]string{"plan_deferred", "unsupported"}, errorCodes(result)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// TestWhatFollows: a is to be replaced because of drift, so its id is not known
// before the apply. That b will change with it is no pending code; that c's code
// was changed is.
func TestWhatFollows(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, `resource "test_simple" "a" { name = "n" }
resource "test_simple" "b" {
  name = "b"
  note = test_simple.a.id
}
resource "test_simple" "c" {
  name = "c"
  note = "new ${test_simple.a.id}"
}
`,
		resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}},
		resource{Type: "test_simple", Name: "b", Attributes: attrs{"name": "b", "note": "a"}},
		resource{Type: "test_simple", Name: "c", Attributes: attrs{"name": "c", "note": "old a"}})
	b.Edit(t, "test_simple", "a", func(o attrs) { o["name"] = "changed" })
	direct, plan := b.check(t, detect.Options{}), b.check(t, planOptions(t))
	sameVerdicts(t, direct, plan)
	want := []drift.Pending{{Address: "test_simple.c", Actions: []string{"update"}, Paths: []string{"note"}}}
	if diff := cmp.Diff(want, plan.Pending); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if len(plan.Findings) != 1 || !plan.Findings[0].Changes[0].RequiresReplace {
		t.Errorf("findings: %+v", plan.Findings)
	}
}
