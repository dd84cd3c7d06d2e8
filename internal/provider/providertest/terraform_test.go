package providertest_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/provider/providertest"
)

// terraform runs real Terraform in a root module.
type terraform struct {
	t   *testing.T
	bin string
	dir string
	env []string
}

func (tf terraform) run(args ...string) (out string, exit int) {
	tf.t.Helper()
	cmd := exec.CommandContext(tf.t.Context(), tf.bin, args...)
	cmd.Dir, cmd.Env = tf.dir, tf.env
	raw, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		tf.t.Fatal(err)
	}
	return string(raw), cmd.ProcessState.ExitCode()
}

func (tf terraform) must(args ...string) string {
	tf.t.Helper()
	out, exit := tf.run(args...)
	if exit != 0 {
		tf.t.Fatalf("terraform %s: exit code %d\n%s", strings.Join(args, " "), exit, out)
	}
	return out
}

// findTerraform skips the test where there is no Terraform.
func findTerraform(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("HOLDFAST_LAB_TERRAFORM"); bin != "" {
		return bin
	}
	bin, err := exec.LookPath("terraform")
	if err != nil && os.Getenv("HOLDFAST_REQUIRE_LAB") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("there is no terraform")
	}
	return bin
}

// TestTerraformAcceptsIt holds the test provider to what Terraform itself
// expects of one: applied, all is clean; changed by hand, it is not; and the
// state is the one that Provision writes.
func TestTerraformAcceptsIt(t *testing.T) {
	t.Parallel()
	bin := findTerraform(t)
	for _, source := range []string{providertest.Five, providertest.Six} {
		t.Run(filepath.Base(source), func(t *testing.T) {
			t.Parallel()
			w := providertest.NewWorld(t)
			w.SetData(t, "k", "found")
			mirror, module := t.TempDir(), t.TempDir()
			pkg := providertest.Install(t, mirror, source, "1.0.0")
			rc := filepath.Join(mirror, "rc")
			write(t, rc, "provider_installation {\n  filesystem_mirror {\n    path = \""+mirror+"\"\n  }\n}\n")
			copyFile(t, "main.tf", module, source)
			if source == providertest.Six {
				copyFile(t, "nested.tf", module, source)
			}
			tf := terraform{t: t, bin: bin, dir: module, env: append(w.Env(), "TF_CLI_CONFIG_FILE="+rc, "HOME="+mirror, "CHECKPOINT_DISABLE=1")}
			tf.must("init", "-input=false", "-no-color")
			if lock, err := os.ReadFile(filepath.Join(module, ".terraform.lock.hcl")); err != nil || !strings.Contains(string(lock), pkg.Hash) {
				t.Errorf("the lock file, %v, does not have the hash %s:\n%s", err, pkg.Hash, lock)
			}
			tf.must("apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=1")
			if w.Count(t, "ApplyResourceChange") == 0 {
				t.Error("no apply was recorded")
			}
			if out, exit := tf.run("plan", "-detailed-exitcode", "-input=false", "-no-color"); exit != 0 {
				t.Errorf("applied, and yet the plan has exit code %d:\n%s", exit, out)
			}
			compareState(t, w, filepath.Join(module, "terraform.tfstate"))
			w.Edit(t, "test_simple", "id-1", func(o map[string]any) { o["note"] = "by hand" })
			if out, exit := tf.run("plan", "-detailed-exitcode", "-input=false", "-no-color"); exit != 2 || !strings.Contains(out, "by hand") {
				t.Errorf("changed by hand, and the plan has exit code %d:\n%s", exit, out)
			}
			w.AwaitGone(t, time.Minute)
		})
	}
}

func copyFile(t *testing.T, name, module, source string) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(module, name), strings.ReplaceAll(string(src), "SOURCE", source))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// compareState compares Terraform's state with what StateOf makes of the
// world's objects.
func compareState(t *testing.T, w *providertest.World, path string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Resources []struct {
			Mode, Type, Name string
			Instances        []struct{ Attributes map[string]any }
		}
	}
	if err := json.Unmarshal(src, &state); err != nil {
		t.Fatal(err)
	}
	for _, r := range state.Resources {
		if r.Mode != "managed" {
			continue
		}
		have := r.Instances[0].Attributes
		id, _ := have["id"].(string)
		raw, err := json.Marshal(providertest.StateOf(t, r.Type, id, w.Get(t, r.Type, id)))
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s.%s: StateOf (-) and Terraform (+) differ:\n%s", r.Type, r.Name, diff)
		}
	}
}
