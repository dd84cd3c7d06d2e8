package config

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
)

// terraform runs the real Terraform in dir. Only its built-in provider is used,
// so nothing is fetched.
type terraform struct {
	binary, dir string
	env         []string
}

// findTerraform skips the test where there is no Terraform, unless the lab is
// required.
func findTerraform(t *testing.T, dir string) *terraform {
	t.Helper()
	binary := os.Getenv("HOLDFAST_LAB_TERRAFORM")
	if binary == "" {
		found, err := exec.LookPath("terraform")
		if err != nil && os.Getenv("HOLDFAST_REQUIRE_LAB") == "1" {
			t.Fatal("terraform is required (HOLDFAST_REQUIRE_LAB=1), and is neither in HOLDFAST_LAB_TERRAFORM nor in the PATH")
		}
		if err != nil {
			t.Skip("terraform is neither in HOLDFAST_LAB_TERRAFORM nor in the PATH")
		}
		binary = found
	}
	rc := filepath.Join(t.TempDir(), "empty.tfrc")
	must(t, os.WriteFile(rc, nil, 0o600))
	return &terraform{binary: binary, dir: dir, env: []string{
		"TF_CLI_CONFIG_FILE=" + rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0",
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(rc), "PWD=" + dir,
	}}
}

// try gives what Terraform printed, and its error with what it complained of.
func (tf *terraform) try(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tf.binary, args...)
	cmd.Dir, cmd.Env = tf.dir, tf.env
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("terraform %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.Bytes(), nil
}

func (tf *terraform) run(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := tf.try(t, args...)
	must(t, err)
	return out
}

func (tf *terraform) apply(t *testing.T, args ...string) {
	t.Helper()
	tf.run(t, "init", "-no-color")
	tf.run(t, append([]string{"apply", "-auto-approve", "-no-color"}, args...)...)
}

// storedInstance is a resource instance in a state file.
type storedInstance struct {
	address   drift.Address
	value     cty.Value       // of terraform_data, or the data source
	sensitive map[string]bool // paths
}

// readState reads the instances of a state file of format 4.
func readState(t *testing.T, file string) []storedInstance {
	t.Helper()
	raw, err := os.ReadFile(file)
	must(t, err)
	var stored struct {
		Resources []struct {
			Module, Mode, Type, Name string
			Instances                []struct {
				IndexKey   any             `json:"index_key"`
				Attributes json.RawMessage `json:"attributes"`
				Sensitive  [][]struct {
					Type  string
					Value json.RawMessage
				} `json:"sensitive_attributes"`
			}
		}
	}
	must(t, json.Unmarshal(raw, &stored))
	var out []storedInstance
	for _, r := range stored.Resources {
		module, err := drift.ParseModule(r.Module)
		must(t, err)
		for _, i := range r.Instances {
			inst := storedInstance{sensitive: map[string]bool{}}
			inst.address = drift.Address{Module: module, Mode: r.Mode, Type: r.Type, Name: r.Name}
			switch key := i.IndexKey.(type) {
			case string:
				inst.address.Key = drift.StringKey(key)
			case float64:
				inst.address.Key = drift.IntKey(int(key))
			}
			ty := builtin.ImpliedType()
			if r.Mode == drift.Data {
				ty = cty.Object(map[string]cty.Type{
					"backend": cty.String, "config": cty.DynamicPseudoType, "defaults": cty.DynamicPseudoType,
					"outputs": cty.DynamicPseudoType, "workspace": cty.String,
				})
			}
			inst.value, err = ctyjson.Unmarshal(i.Attributes, ty)
			must(t, err)
			for _, steps := range i.Sensitive {
				var path cty.Path
				for _, step := range steps {
					if step.Type == "get_attr" {
						var name string
						must(t, json.Unmarshal(step.Value, &name))
						path = append(path, cty.GetAttrStep{Name: name})
						continue
					}
					var index ctyjson.SimpleJSONValue
					must(t, json.Unmarshal(unwrapIndex(step.Value), &index))
					path = append(path, cty.IndexStep{Key: index.Value})
				}
				inst.sensitive[drift.FormatPath(path)] = true
				inst.value = markAt(t, inst.value, path)
			}
			out = append(out, inst)
		}
	}
	return out
}

// unwrapIndex takes the value out of {"value": 1, "type": "number"}.
func unwrapIndex(raw json.RawMessage) json.RawMessage {
	var typed struct{ Value json.RawMessage }
	if json.Unmarshal(raw, &typed) == nil && typed.Value != nil {
		return typed.Value
	}
	return raw
}

func markAt(t *testing.T, v cty.Value, path cty.Path) cty.Value {
	t.Helper()
	out, err := cty.Transform(v, func(p cty.Path, v cty.Value) (cty.Value, error) {
		if p.Equals(path) {
			v = v.Mark(Sensitive)
		}
		return v, nil
	})
	must(t, err)
	return out
}

// sensitivePaths are the marked paths of a value below some of its attributes.
func sensitivePaths(v cty.Value) map[string]bool {
	out := map[string]bool{}
	_, marks := v.UnmarkDeepWithPaths()
	for _, m := range marks {
		if _, ok := m.Marks[Sensitive]; ok {
			out[drift.FormatPath(m.Path)] = true
		}
	}
	return out
}
