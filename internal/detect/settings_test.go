package detect_test

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/stack"
)

// runAll checks stacks side by side and gives their results in the same order.
func runAll(t *testing.T, c *detect.Checker, stacks []stack.Stack) []drift.Stack {
	t.Helper()
	results := make([]drift.Stack, len(stacks))
	c.Run(t.Context(), stacks, func(n int, result drift.Stack) { results[n] = result })
	return results
}

// checkStack checks a bench as a stack that settings have changed.
func (b *bench) checkStack(t *testing.T, o detect.Options, change func(*stack.Stack)) drift.Stack {
	t.Helper()
	s, err := stack.Open(b.dir, stack.Options{Env: b.env()})
	if err != nil {
		t.Fatal(err)
	}
	change(&s)
	m := provider.NewManager(provider.Options{CacheDir: b.cache})
	defer m.Close()
	result := runAll(t, detect.New(m, o), []stack.Stack{s})[0]
	b.AssertReadOnly(t)
	return result
}

// The variable files of a stack count in their order, and before what was said
// for the whole run.
func TestStackVarFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `variable "token" {}
provider "test" { token = var.token }
resource "test_simple" "a" { name = "n" }`, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}})
	b.write(t, "good.tfvars", `token = "good"`)
	b.write(t, "bad.tfvars", `token = "wrong"`)
	good, bad := filepath.Join(b.dir, "good.tfvars"), filepath.Join(b.dir, "bad.tfvars")
	for _, c := range []struct {
		name  string
		files []string
		run   []config.VarOption
		want  drift.Status
	}{
		{"none", nil, nil, drift.StatusError},
		{"one", []string{good}, nil, drift.StatusClean},
		{"the last one counts", []string{bad, good}, nil, drift.StatusClean},
		{"the last one is wrong", []string{good, bad}, nil, drift.StatusError},
		{"what the run says goes before it", []string{bad}, []config.VarOption{{Name: "token", Value: "good"}}, drift.StatusClean},
	} {
		result := b.checkStack(t, detect.Options{Variables: c.run}, func(s *stack.Stack) { s.VarFiles = c.files })
		if result.Status != c.want {
			t.Errorf("%s: status %s, want %s: %+v", c.name, result.Status, c.want, result.Errors)
		}
	}
}

// What the settings say of a provider goes before its block, even where the
// block can't be evaluated.
func TestProviderOverrides(t *testing.T) {
	t.Parallel()
	const canary = "canary-override-secret"
	b := newBench(t, providertest.Six, `variable "unset" {}
provider "test" {
  region = var.unset
  token  = test_simple.key.secret
}
provider "test" {
  alias = "other"
}
resource "test_simple" "key" {
  provider = test.other
  name     = "key"
}
resource "test_simple" "a" { name = "n" }`,
		resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n"}},
		resource{Type: "test_simple", Name: "key", Attributes: attrs{"name": "key", "secret": "s"}, ProviderConfig: `provider["` + providertest.Six + `"].other`})
	for _, c := range []struct {
		name      string
		overrides map[string]map[string]any
		want      drift.Status
		says      string
	}{
		{"none", nil, drift.StatusIncomplete, "sensitive value of an earlier run"},
		{"of another configuration", map[string]map[string]any{"six.third": {"region": "r", "token": "t"}}, drift.StatusIncomplete, "sensitive value"},
		{"half of it", map[string]map[string]any{"six": {"token": "t"}}, drift.StatusIncomplete, "var.unset"},
		{"all of it", map[string]map[string]any{"six": {"region": "r", "token": "t", "assume": map[string]any{"role": "reader"}}}, drift.StatusClean, ""},
		{"of an alias", map[string]map[string]any{"six": {"region": "r", "token": "t"}, "six.other": {"token": "wrong-" + canary}}, drift.StatusIncomplete, "Invalid credentials"},
		{"an argument that there is not", map[string]map[string]any{"six": {"token": "t", "regoin": canary}}, drift.StatusIncomplete, "regoin: the provider has no such argument"},
		{"of another type", map[string]map[string]any{"six": {"token": "t", "region": map[string]any{"a": canary}}}, drift.StatusIncomplete, "region: it must be string"},
		{"a block as text", map[string]map[string]any{"six": {"token": "t", "assume": canary}}, drift.StatusIncomplete, "assume: it is a block"},
		{"two blocks of one", map[string]map[string]any{"six": {"token": "t", "assume": []any{map[string]any{}, map[string]any{}}}}, drift.StatusIncomplete, "there can be only one such block"},
		{"inside a block", map[string]map[string]any{"six": {"token": "t", "assume": map[string]any{"rule": canary}}}, drift.StatusIncomplete, "assume: rule: the provider has no such argument"},
	} {
		result := b.checkStack(t, detect.Options{}, func(s *stack.Stack) { s.ProviderOverrides = c.overrides })
		var messages strings.Builder
		for _, e := range result.Errors {
			messages.WriteString(e.Message + "\n")
		}
		if result.Status != c.want || !strings.Contains(messages.String(), c.says) || strings.Contains(messages.String(), canary) {
			t.Errorf("%s: status %s, errors %s", c.name, result.Status, messages.String())
		}
	}
}

// A plan can't be told what the settings say of providers, so there is none.
func TestProviderOverridesAndPlans(t *testing.T) {
	t.Parallel()
	b := twoSimple(t, providertest.Five)
	if direct := b.check(t, detect.Options{}); direct.Status != drift.StatusClean {
		t.Errorf("directly: status %s", direct.Status)
	}
	result := b.checkStack(t, detect.Options{}, func(s *stack.Stack) {
		s.Engine, s.ProviderOverrides = "plan", map[string]map[string]any{"five": {"region": "r"}}
	})
	if result.Status != drift.StatusError || len(result.Errors) != 1 || !strings.Contains(result.Errors[0].Message, "which a plan can't be told") {
		t.Errorf("status %s, errors %+v", result.Status, result.Errors)
	}
}

// A rule hides no finding: it stays there, marked, and does not count.
func TestIgnoreRules(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Five, `resource "test_simple" "a" {
  name = "n"
  note = "was"
}`, resource{Type: "test_simple", Name: "a", Attributes: attrs{"name": "n", "note": "was"}})
	b.Edit(t, "test_simple", "a", func(o attrs) { o["note"] = "is" })
	rule := drift.IgnoreRule{Type: "test_*", Attributes: []drift.Pattern{"note"}, Reason: "known"}
	ended := rule
	ended.Until = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		rule   drift.IgnoreRule
		want   drift.Status
		status drift.FindingStatus
	}{{rule, drift.StatusClean, drift.Ignored}, {ended, drift.StatusDrifted, drift.Open}} {
		result := b.check(t, detect.Options{Ignore: []drift.IgnoreRule{c.rule}})
		if result.Status != c.want || len(result.Findings) != 1 || result.Findings[0].Status != c.status {
			t.Errorf("status %s, findings %+v", result.Status, result.Findings)
		}
	}
}

// A stack's name is in its result, and in its id.
func TestStackName(t *testing.T) {
	t.Parallel()
	b := twoSimple(t, providertest.Five)
	plain := b.checkStack(t, detect.Options{}, func(*stack.Stack) {})
	named := b.checkStack(t, detect.Options{}, func(s *stack.Stack) { s.Name = "blue" })
	if named.Name != "blue" || plain.Name != "" || plain.ID != drift.StackID(b.dir, "default") || named.ID == plain.ID {
		t.Errorf("%s %s, %s %s", plain.Name, plain.ID, named.Name, named.ID)
	}
}

// A stack that takes longer than it may is given up, and never clean.
func TestStackTimeout(t *testing.T) {
	t.Parallel()
	b := twoSimple(t, providertest.Five)
	b.Behave(t, "ReadResource", "hang")
	result := b.checkStack(t, detect.Options{}, func(s *stack.Stack) { s.Timeout = 10 * time.Second })
	if result.Status != drift.StatusError || len(result.Errors) != 2 || result.Errors[0].Code != "timeout" {
		t.Errorf("status %s, errors %+v", result.Status, result.Errors)
	}
}

// What today's source keeps as it is live is adopted where the source says so, and
// only observed where it says nothing.
func TestKeptBySource(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, set         string // of the source
		applied, live     attrs
		adopted, observed string
	}{
		{"the source says what is live", `note = "by hand"`, attrs{"note": "code"}, attrs{"note": "by hand"}, "note", ""},
		{"the source let go of it, and it is gone", "", attrs{"note": "code"}, attrs{"note": nil}, "note", ""},
		{"the source never said anything", "", attrs{"color": "blue"}, attrs{"color": "red"}, "", "color"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			applied := attrs{"name": "n"}
			maps.Copy(applied, c.applied)
			b := newBench(t, providertest.Six, "resource \"test_simple\" \"a\" {\n  name = \"n\"\n  "+c.set+"\n}\n", resource{Type: "test_simple", Name: "a", Attributes: applied})
			b.Edit(t, "test_simple", "a", func(o attrs) { maps.Copy(o, c.live) })
			s := b.check(t, detect.Options{})
			paths := func(list []drift.Paths) string {
				var all []string
				for _, p := range list {
					all = append(all, p.Paths...)
				}
				return strings.Join(all, " ")
			}
			if s.Status != drift.StatusClean || len(s.Findings)+len(s.Pending) > 0 || paths(s.Adopted) != c.adopted || paths(s.Observed) != c.observed {
				t.Errorf("%s, adopted %v, observed %v, pending %v, findings %+v", s.Status, s.Adopted, s.Observed, s.Pending, s.Findings)
			}
		})
	}
}
