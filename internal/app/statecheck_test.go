package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/store"
)

// fixture is two stacks of the example: one with the state that Terraform wrote,
// and one with an empty state of its own.
type fixture struct {
	t             *testing.T
	root, one, at string // at is the first stack's state
	options       app.CheckOptions
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	root := t.TempDir()
	f := &fixture{t: t, root: root, one: filepath.Join(root, "one")}
	f.at = filepath.Join(f.one, "terraform.tfstate")
	example := filepath.Join("..", "..", "examples", "device-tokens")
	files, err := filepath.Glob(filepath.Join(example, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, filepath.Join(example, ".terraform.lock.hcl")) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f.write(filepath.Join("one", filepath.Base(file)), src)
	}
	src, err := os.ReadFile(filepath.Join("..", "state", "testdata", "device-tokens.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	f.write("one/terraform.tfstate", src)
	f.write("two/main.tf", []byte("terraform {\n  required_providers {\n    aws = {\n      source = \"hashicorp/aws\"\n    }\n  }\n}\n"))
	f.write("two/terraform.tfstate", []byte(`{"version":4,"serial":1,"lineage":"two","terraform_version":"1.11.4","resources":[]}`))
	f.write("holdfast.yaml", []byte("version: 1\n"))
	f.options = app.CheckOptions{
		Config: filepath.Join(root, "holdfast.yaml"), Paths: []string{filepath.Join(root, "one"), filepath.Join(root, "two")},
		CacheDir: t.TempDir(), Env: []string{"HOME=" + t.TempDir()}, Engine: "direct", NoInstall: true,
		Warn: func(err error) { t.Error(err) },
	}
	return f
}

func (f *fixture) write(name string, src []byte) {
	f.t.Helper()
	path := filepath.Join(f.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, src, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// text edits the first stack's state as text.
func (f *fixture) text(edit func(string) string) {
	f.t.Helper()
	src, err := os.ReadFile(f.at)
	if err != nil {
		f.t.Fatal(err)
	}
	was := string(src)
	is := edit(was)
	if is == was {
		f.t.Fatal("the edit changes nothing")
	}
	f.write("one/terraform.tfstate", []byte(is))
}

func (f *fixture) replace(old, other string) {
	f.t.Helper()
	f.text(func(s string) string { return strings.Replace(s, old, other, 1) })
}

// table edits the entry of the table.
func (f *fixture) table(edit func(entry, first map[string]any)) {
	f.t.Helper()
	f.text(func(s string) string {
		var file map[string]any
		if err := json.Unmarshal([]byte(s), &file); err != nil {
			f.t.Fatal(err)
		}
		for _, r := range file["resources"].([]any) {
			if r := r.(map[string]any); r["type"] == "aws_dynamodb_table" {
				edit(r, r["instances"].([]any)[0].(map[string]any))
			}
		}
		out, err := json.Marshal(file)
		if err != nil {
			f.t.Fatal(err)
		}
		return string(out)
	})
}

// give puts a state with the first stack's table into the second stack.
func (f *fixture) give(lineage string) {
	f.t.Helper()
	src, err := os.ReadFile(f.at)
	if err != nil {
		f.t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(src, &file); err != nil {
		f.t.Fatal(err)
	}
	file["lineage"] = lineage
	file["resources"] = slices.DeleteFunc(file["resources"].([]any), func(r any) bool { return r.(map[string]any)["type"] != "aws_dynamodb_table" })
	if src, err = json.Marshal(file); err != nil {
		f.t.Fatal(err)
	}
	f.write("two/main.tf", []byte("resource \"aws_kms_key\" \"device_tokens\" {}\nresource \"aws_dynamodb_table\" \"device_tokens\" {}\n"))
	f.write("two/terraform.tfstate", []byte(strings.ReplaceAll(string(src), `"dependencies"`, `"unused"`)))
}

const exampleLineage = "dcb10afa-98b3-0035-9119-3e92dc540000"

// Each fault is made of the sound state of the example by one edit, and is then the
// only one, in state check and in check. Of the three that are missing here,
// TestCheckInS3 has the digest, detect's TestNewerSchema the schema, and cli's
// TestOddRepositories two root modules with one state.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	elsewhere := []string{drift.FaultDigest, drift.FaultSchema, drift.FaultTwoStacks}
	edits := map[string]func(*fixture){
		"":                      func(*fixture) {},
		drift.FaultUnreadable:   func(f *fixture) { f.text(func(s string) string { return s[:len(s)/2] }) },
		drift.FaultLineage:      func(f *fixture) { f.replace(exampleLineage, "another") },
		drift.FaultSerial:       func(f *fixture) { f.replace(`"serial": 21`, `"serial": 20`) },
		drift.FaultEmptied:      func(f *fixture) { f.text(emptied(0)) },
		drift.FaultShrunk:       func(f *fixture) { f.text(emptied(4)) },
		drift.FaultCopied:       func(f *fixture) { f.give(exampleLineage) },
		drift.FaultSharedStacks: func(f *fixture) { f.give("another") },
		drift.FaultDuplicate: func(f *fixture) {
			f.table(func(entry, first map[string]any) { entry["instances"] = []any{first, first} })
		},
		drift.FaultShared: func(f *fixture) {
			f.table(func(entry, first map[string]any) {
				second := map[string]any{"index_key": "other"}
				maps.Copy(second, first)
				entry["instances"] = []any{first, second}
			})
		},
		drift.FaultNoID: func(f *fixture) {
			f.table(func(_, first map[string]any) { first["attributes"].(map[string]any)["id"] = nil })
		},
		drift.FaultTainted: func(f *fixture) { f.table(func(_, first map[string]any) { first["status"] = "tainted" }) },
		drift.FaultDeposed: func(f *fixture) {
			f.table(func(entry, first map[string]any) {
				entry["instances"] = []any{first, map[string]any{"deposed": "0a1b2c3d", "schema_version": 1, "attributes": map[string]any{"id": "older"}}}
			})
		},
		drift.FaultDependency: func(f *fixture) {
			f.table(func(_, first map[string]any) { first["dependencies"] = []any{"aws_kms_key.gone"} })
		},
		drift.FaultLock: func(f *fixture) {
			f.write("one/.terraform.tfstate.lock.info", []byte(`{"ID":"1","Operation":"OperationTypeApply","Who":"kim","Created":"2024-03-02T06:00:00Z"}`))
		},
		drift.FaultTerraform: func(f *fixture) {
			f.write("one/required.tf", []byte("terraform {\n  required_version = \"< 1.11\"\n}\n"))
		},
		drift.FaultNoSuchProvider: func(f *fixture) {
			f.table(func(entry, _ map[string]any) { entry["provider"] = `provider["example.com/old/aws"]` })
		},
	}
	for _, kind := range drift.Faults() {
		if edits[kind.Code] == nil && !slices.Contains(elsewhere, kind.Code) {
			t.Errorf("%s has no fixture", kind.Code)
		}
	}
	for code, edit := range edits {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.check() // so that there is a history
			edit(f)
			states, err := app.CheckStates(t.Context(), f.options)
			if err != nil {
				t.Fatal(err)
			}
			want, exit := []string{}, drift.ExitClean
			if code != "" {
				want = append(want, code)
			}
			if slices.ContainsFunc(drift.Faults(), func(k drift.Fault) bool { return k.Code == code && k.Severity == drift.SeverityError }) {
				exit = drift.ExitIncomplete
			}
			if diff := cmp.Diff(want, codesOf(states.Stacks[0].Integrity)); diff != "" || states.ExitCode() != exit {
				t.Errorf("state check, exit code %d: %s\n%+v", states.ExitCode(), diff, states.Stacks[0])
			}
			run := f.check()
			if diff := cmp.Diff(states.Stacks[0].Integrity, run.Stacks[0].Integrity); diff != "" {
				t.Errorf("check (-state check +check): %s", diff)
			}
			both := code == drift.FaultCopied || code == drift.FaultSharedStacks
			if two := codesOf(states.Stacks[1].Integrity); slices.Contains(two, code) != both || len(two) > 0 && !both {
				t.Errorf("the other stack has %v", two)
			}
		})
	}
}

// check checks both stacks. Their provider is not installed, so all that comes of
// it is what the states tell.
func (f *fixture) check() drift.Run {
	f.t.Helper()
	run, err := app.Check(f.t.Context(), f.options)
	if err != nil {
		f.t.Fatal(err)
	}
	return run
}

// emptied leaves so many resources of a state.
func emptied(left int) func(string) string {
	return func(s string) string {
		var file map[string]any
		_ = json.Unmarshal([]byte(s), &file)
		// Those that depend on nothing.
		kept := slices.DeleteFunc(file["resources"].([]any), func(r any) bool {
			r2 := r.(map[string]any)
			first := r2["instances"].([]any)[0].(map[string]any)
			return r2["mode"] != "managed" || first["dependencies"] != nil
		})
		file["resources"] = kept[:min(left, len(kept))]
		out, _ := json.Marshal(file)
		return string(out)
	}
}

func codesOf(faults []drift.Integrity) []string {
	codes := []string{}
	for _, f := range faults {
		codes = append(codes, f.Code)
	}
	return codes
}

// pair is two stacks with the test provider, and a history.
type pair struct {
	*providertest.World
	root    string
	options app.CheckOptions
}

// newPair makes them: the second is a copy of the first, state and all.
func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{World: providertest.NewWorld(t), root: t.TempDir()}
	for _, name := range []string{"one", "two"} {
		dir := filepath.Join(p.root, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		pkg := providertest.Install(t, filepath.Join(dir, ".terraform", "providers"), providertest.Six, "1.0.0")
		providertest.WriteLock(t, dir, pkg)
		code := fmt.Sprintf("terraform {\n  required_providers {\n    test = {\n      source = %q\n    }\n  }\n}\nresource \"test_simple\" \"a\" {\n  name = \"n\"\n}\n", pkg.Source)
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "one" {
			p.Provision(t, dir, pkg, providertest.Resource{Type: "test_simple", Name: "a", Attributes: map[string]any{"name": "n"}})
		}
	}
	p.setState(t, "two", p.state(t, "one"))
	config := filepath.Join(p.root, "holdfast.yaml")
	if err := os.WriteFile(config, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.options = app.CheckOptions{
		Config: config, Paths: []string{filepath.Join(p.root, "one"), filepath.Join(p.root, "two")}, CacheDir: t.TempDir(),
		Env: append(p.Env(), "HOME="+t.TempDir()), Engine: "direct", Warn: func(err error) { t.Error(err) },
	}
	return p
}

func (p *pair) state(t *testing.T, name string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(p.root, name, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

func (p *pair) setState(t *testing.T, name, src string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.root, name, "terraform.tfstate"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
}

// check checks, and holds what the history has by then against what the run says.
func (p *pair) check(t *testing.T) drift.Run {
	t.Helper()
	run, err := app.Check(t.Context(), p.options)
	if err != nil {
		t.Fatal(err)
	}
	history := p.history(t)
	defer history.Close()
	for _, printed := range run.Stacks {
		saved, ok, err := history.Stack(t.Context(), printed.ID)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		printed.Path = saved.Path // the history names stacks and files from its own folder
		printed.Findings = slices.Clone(printed.Findings)
		for i, f := range printed.Findings {
			if f.Source != nil {
				printed.Findings[i].Source = &drift.Position{File: saved.Path + "/" + filepath.Base(f.Source.File), Line: f.Source.Line}
			}
		}
		if diff := cmp.Diff(printed, saved); diff != "" {
			t.Errorf("%s (-run +history):\n%s", saved.Path, diff)
		}
	}
	for e, err := range history.Episodes(context.Background(), store.Filter{Open: true}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range run.Stacks {
			for _, f := range s.Findings {
				if s.ID == e.Stack.ID && f.ID == e.Finding.ID {
					if diff := cmp.Diff(f.Cause, e.Finding.Cause); diff != "" {
						t.Errorf("%s (-run +episode):\n%s", e.Stack, diff)
					}
				}
			}
		}
	}
	return run
}

func (p *pair) history(t *testing.T) *store.Store {
	t.Helper()
	s, err := app.OpenHistory(t.Context(), app.HistoryOptions{Config: p.options.Config})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Findings of unsound states have that for their cause, in the run and in the
// history, whether one state tells it, another one, or the history.
func TestUnsoundStatesInHistory(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.Delete(t, "test_simple", "a")
	causes := func(run drift.Run) []string {
		var list []string
		for _, s := range run.Stacks {
			if len(s.Findings) != 1 {
				t.Fatalf("%s has %d findings: %+v", s.Path, len(s.Findings), s.Errors)
			}
			cause := ""
			if c := s.Findings[0].Cause; c != nil && c.Class != drift.CauseUnknown {
				cause = string(c.Class) + " " + c.Rule
			}
			list = append(list, cause)
			want := drift.StatusDrifted
			if cause != "" {
				want = drift.StatusIncomplete // not drift of the infrastructure
			}
			if s.Status != want {
				t.Errorf("%s, %q: it is %s", s.Path, cause, s.Status)
			}
		}
		return list
	}
	if diff := cmp.Diff([]string{"state-corruption state_copied", "state-corruption state_copied"}, causes(p.check(t))); diff != "" {
		t.Error(diff)
	}
	// The second gets a state of its own: somebody replaced it.
	var file map[string]any
	if err := json.Unmarshal([]byte(p.state(t, "two")), &file); err != nil {
		t.Fatal(err)
	}
	file["lineage"] = "another"
	src, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	p.setState(t, "two", string(src))
	for range 2 {
		if diff := cmp.Diff([]string{"", "state-corruption lineage_changed"}, causes(p.check(t))); diff != "" {
			t.Error(diff)
		}
	}
	// Somebody says that it is right.
	renew := app.RenewOptions{CheckOptions: p.options, By: "kim", Reason: "made anew"}
	renew.Paths = p.options.Paths[1:]
	if _, err := app.RenewBaselines(t.Context(), renew); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", ""}, causes(p.check(t))); diff != "" {
		t.Error(diff)
	}
	history := p.history(t)
	defer history.Close()
	mark, err := history.StateMark(t.Context(), p.check(t).Stacks[1].ID)
	if err != nil || mark.Lineage != "another" || mark.Instances != 1 || time.Since(mark.At) > time.Hour {
		t.Errorf("%+v, %v", mark, err)
	}
	// A finding is seen once a run, however often its stack is saved.
	for e, err := range history.Episodes(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Stack.Path == "one" && e.Seen != 5 {
			t.Errorf("the finding of %s was seen %d times, want 5", e.Stack, e.Seen)
		}
	}
}
