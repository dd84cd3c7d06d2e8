package config

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
)

// stacks are applied by Terraform as they stand in testdata/stacks, and then
// evaluated here from the state that it left.
var stacks = map[string]struct {
	root      string // folder of the root module
	env       []string
	args      []string // of apply
	options   []VarOption
	workspace string
	dataDir   string
}{
	"variables": {
		env: []string{
			"TF_VAR_by_env=env", "TF_VAR_by_tfvars=env", "TF_VAR_env_number=12", "TF_VAR_env_bool=true", "TF_VAR_env_untyped=[1, 2]",
			`TF_VAR_env_any={a = [1, "x"], b = null}`, `TF_VAR_env_list=["a", 1]`, `TF_VAR_env_map_any={ a = 1, b = "x" }`,
			`TF_VAR_env_object={ a = "1" }`, "TF_VAR_undeclared=x",
		},
		args:    []string{"-var=by_file_after_flag=flag", "-var-file=prod/prod.tfvars", "-var=by_flag=flag", "-var=not_nullable=null"},
		options: []VarOption{{Name: "by_file_after_flag", Value: "flag"}, {File: "prod/prod.tfvars"}, {Name: "by_flag", Value: "flag"}, {Name: "not_nullable", Value: "null"}},
	},
	"language":   {},
	"repetition": {},
	"modules":    {},
	"json":       {},
	"sensitive":  {},
	"places":     {root: "root", workspace: "staging", dataDir: "data"},
}

// TestTerraform compares, stack by stack, the instances that there are, what
// each sets, what of it is sensitive, and the outputs.
func TestTerraform(t *testing.T) {
	t.Parallel()
	for name := range stacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareStack(t, name)
		})
	}
}

func compareStack(t *testing.T, name string) {
	t.Helper()
	s := stacks[name]
	archive, err := os.ReadFile(filepath.Join("testdata", "stacks", name+".txt"))
	must(t, err)
	_, archive2, _ := strings.Cut(string(archive), "\n\n")
	top, err := filepath.EvalSymlinks(unpack(t, archive2))
	must(t, err)
	root := filepath.Join(top, s.root)
	dataDir := filepath.Join(root, ".terraform")
	tf := findTerraform(t, root)
	tf.env = append(tf.env, s.env...)
	state := filepath.Join(root, "terraform.tfstate")
	if s.dataDir != "" {
		dataDir = filepath.Join(top, s.dataDir)
		tf.env = append(tf.env, "TF_DATA_DIR="+dataDir)
	}
	if s.workspace != "" {
		tf.env = append(tf.env, "TF_WORKSPACE="+s.workspace)
		state = filepath.Join(root, "terraform.tfstate.d", s.workspace, "terraform.tfstate")
	}
	tf.apply(t, s.args...)

	tree, err := Load(root, dataDir)
	must(t, err)
	vars, err := RootVariables(root, s.env, s.options)
	must(t, err)
	stored := readState(t, state)
	values := objects{}
	for _, inst := range stored {
		values[inst.address.String()] = inst.value
	}
	workspace := s.workspace
	if workspace == "" {
		workspace = "default"
	}
	e := NewEvaluator(tree, Inputs{Workspace: workspace, Variables: vars, Values: values})
	compareInstances(t, e, stored)
	written := map[string]bool{} // arguments in the source, whatever their instances
	compared := 0
	for _, inst := range stored {
		if inst.address.Mode == drift.Managed {
			compared += compareInstance(t, e, inst, written)
		}
	}
	outputs := compareOutputs(t, e, tf.run(t, "output", "-json"))
	t.Logf("%d instances with %d values, of %d expressions; %d outputs", len(stored), compared, len(written), outputs)
}

// compareInstances compares the sets of instances.
func compareInstances(t *testing.T, e *Evaluator, stored []storedInstance) {
	t.Helper()
	theirs := map[string]bool{}
	for _, inst := range stored {
		theirs[inst.address.String()] = true
	}
	ours := map[string]bool{}
	e.root.instances(t, ours)
	equal(t, "instances", strings.Join(slices.Sorted(maps.Keys(ours)), "\n"), strings.Join(slices.Sorted(maps.Keys(theirs)), "\n"))
}

// instances lists the instances that the source has.
func (s *scope) instances(t *testing.T, into map[string]bool) {
	t.Helper()
	for _, r := range s.module.Resources {
		exp, problems := s.expansion(r.Count, r.ForEach)
		if exp.kind == undecided {
			t.Errorf("%s: %s", r.Name, texts(problems))
		}
		exp.collect(func(k drift.Key) cty.Value {
			into[drift.Address{Module: s.addr, Mode: r.Mode, Type: r.Type, Name: r.Name, Key: k}.String()] = true
			return cty.True
		})
	}
	for name, call := range s.module.Calls {
		exp, _ := s.expansion(call.Count, call.ForEach)
		exp.collect(func(k drift.Key) cty.Value {
			s.child(drift.ModuleStep{Name: name, Key: k}).instances(t, into)
			return cty.True
		})
	}
}

// moreSensitive are instances of which we hide more than Terraform: 1.11.4
// forgets that an output of a module was declared sensitive.
var moreSensitive = map[string]bool{"terraform_data.module": true}

// compareInstance compares the arguments of an instance of terraform_data.
func compareInstance(t *testing.T, e *Evaluator, inst storedInstance, written map[string]bool) (compared int) {
	t.Helper()
	src := e.Source(inst.address, builtin)
	if src.Existence != Exists || !src.Value.IsKnown() {
		t.Errorf("%s: existence %d: %s", inst.address, src.Existence, texts(src.Problems))
		return 0
	}
	if len(src.Problems) > 0 {
		t.Errorf("%s: %s", inst.address, texts(src.Problems))
	}
	plain, _ := src.Value.UnmarkDeep()
	theirs, _ := inst.value.UnmarkDeep()
	secret := sensitivePaths(src.Value)
	for _, name := range []string{"input", "triggers_replace"} {
		if !theirs.GetAttr(name).IsNull() {
			compared++
			written[inst.address.Module.Path()+"|"+inst.address.Resource()+"."+name] = true
		}
		same(t, inst.address.String()+"."+name, plain.GetAttr(name), theirs.GetAttr(name))
	}
	wanted := map[string]bool{}
	for path := range inst.sensitive {
		if !strings.HasPrefix(path, "output") {
			wanted[path] = true
		}
	}
	if moreSensitive[inst.address.String()] {
		maps.DeleteFunc(secret, func(path string, _ bool) bool { return !wanted[path] })
	}
	equal(t, inst.address.String()+": sensitive", slices.Sorted(maps.Keys(secret)), slices.Sorted(maps.Keys(wanted)))
	return compared
}

func same(t *testing.T, what string, ours, theirs cty.Value) {
	t.Helper()
	if ours.IsNull() && theirs.IsNull() {
		return
	}
	if !ours.RawEquals(theirs) {
		t.Errorf("%s\n ours   %s %#v\n theirs %s %#v", what, show(ours), ours.Type(), show(theirs), theirs.Type())
	}
}

func compareOutputs(t *testing.T, e *Evaluator, raw []byte) int {
	t.Helper()
	var theirs map[string]struct {
		Sensitive   bool
		Type, Value json.RawMessage
	}
	must(t, json.Unmarshal(raw, &theirs))
	equal(t, "outputs", len(e.tree.Root.Outputs), len(theirs))
	for name, output := range theirs {
		ty, err := ctyjson.UnmarshalType(output.Type)
		must(t, err)
		want, err := ctyjson.Unmarshal(output.Value, ty)
		must(t, err)
		got, problems := e.root.output(name)
		if len(problems) > 0 {
			t.Errorf("output %s: %s", name, texts(problems))
		}
		equal(t, "output "+name+" is sensitive", got.HasMark(Sensitive), output.Sensitive)
		got, _ = got.UnmarkDeep()
		same(t, "output "+name, got, want)
	}
	return len(theirs)
}
