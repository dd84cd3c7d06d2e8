//go:build linux

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// runner runs the steps of action.yml as GitHub's runner does: in order, in bash,
// with inputs put into the environment and a file for each thing that a step tells.
// Steps that use other actions are left out, and what they would have done is the
// test's.
type runner struct {
	action    actionFile
	root      string // the repository's, with action.yml
	workspace string
	temp      string
	env       []string
	inputs    map[string]string
}

type actionFile struct {
	Inputs map[string]struct {
		Default string `yaml:"default"`
	} `yaml:"inputs"`
	Outputs map[string]struct {
		Value string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string       `yaml:"using"`
		Steps []actionStep `yaml:"steps"`
	} `yaml:"runs"`
}

type actionStep struct {
	ID    string            `yaml:"id"`
	If    string            `yaml:"if"`
	Uses  string            `yaml:"uses"`
	Shell string            `yaml:"shell"`
	Run   string            `yaml:"run"`
	Env   map[string]string `yaml:"env"`
	With  map[string]string `yaml:"with"`
}

// ran is what a run of the action told.
type ran struct {
	outputs map[string]string
	summary string
	log     string
	path    string // what was added to it
	used    []string
	code    int // of the step that failed; 0
}

func newRunner(t *testing.T, workspace string, env []string, inputs map[string]string) *runner {
	t.Helper()
	for _, program := range []string{"bash", "jq", "curl", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("HOLDFAST_REQUIRE_LAB") == "1" {
				t.Fatal("HOLDFAST_REQUIRE_LAB=1: ", err)
			}
			t.Skip(err)
		}
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	must(t, err)
	src, err := os.ReadFile(filepath.Join(root, "action.yml"))
	must(t, err)
	r := &runner{root: root, workspace: workspace, temp: t.TempDir(), env: env, inputs: map[string]string{}}
	must(t, yaml.Unmarshal(src, &r.action))
	for name, in := range r.action.Inputs {
		r.inputs[name] = in.Default
	}
	for name, value := range inputs {
		if _, ok := r.action.Inputs[name]; !ok {
			t.Fatalf("the action has no input %q", name)
		}
		r.inputs[name] = value
	}
	return r
}

// run runs all steps, as far as none fails.
func (r *runner) run(t *testing.T) ran {
	t.Helper()
	out := ran{outputs: map[string]string{}}
	known := map[string]string{"runner.os": "Linux", "runner.arch": "X64", "github.token": "not-a-real-token", "github.action_ref": "", "github.run_id": "7", "github.run_attempt": "1"}
	for name, value := range r.inputs {
		known["inputs."+name] = value
	}
	for name, value := range known { // a default may be an expression
		known[name] = fill(t, value, known)
	}
	for _, step := range r.action.Runs.Steps {
		if step.If != "" && !holds(t, step.If, known) {
			continue
		}
		if step.Uses != "" {
			out.used = append(out.used, step.Uses)
			for _, value := range step.With {
				fill(t, value, known)
			}
			continue
		}
		if step.Shell != "bash" || strings.Contains(step.Run, "${{") {
			t.Fatalf("the step %q is no bash script that takes all from its environment", step.ID)
		}
		if out.code = r.step(t, step, known, &out); out.code != 0 {
			break
		}
	}
	for name, o := range r.action.Outputs {
		out.outputs[name] = fill(t, o.Value, known)
	}
	if strings.Contains(out.log+out.summary, "not-a-real") {
		t.Errorf("a secret is told: %s\n%s", out.log, out.summary)
	}
	return out
}

// step runs one, and gives its exit code.
func (r *runner) step(t *testing.T, step actionStep, known map[string]string, out *ran) int {
	t.Helper()
	files := t.TempDir()
	path := func(name string) string { return filepath.Join(files, name) }
	for _, name := range []string{"output", "summary", "env", "path"} {
		write(t, path(name), "")
	}
	write(t, path("script.sh"), step.Run)
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", path("script.sh"))
	cmd.Dir = r.workspace
	cmd.Env = append([]string{
		"GITHUB_ACTIONS=true", "CI=true", "GITHUB_WORKSPACE=" + r.workspace, "GITHUB_ACTION_PATH=" + r.root, "RUNNER_TEMP=" + r.temp,
		"RUNNER_OS=Linux", "RUNNER_ARCH=X64", "GITHUB_SERVER_URL=https://github.invalid", "GITHUB_REPOSITORY=acme/infrastructure",
		"GITHUB_REF=refs/heads/main", "GITHUB_JOB=drift", "GITHUB_RUN_ID=7", "GITHUB_RUN_ATTEMPT=1",
	}, r.env...)
	cmd.Env = append(cmd.Env, "GITHUB_OUTPUT="+path("output"), "GITHUB_STEP_SUMMARY="+path("summary"), "GITHUB_ENV="+path("env"), "GITHUB_PATH="+path("path"))
	for name, value := range step.Env {
		cmd.Env = append(cmd.Env, name+"="+fill(t, value, known))
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		src, err := os.ReadFile(path(name))
		must(t, err)
		return string(src)
	}
	for line := range strings.Lines(read("output")) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			t.Errorf("the step %q gives the output %q", step.ID, line)
		}
		known["steps."+step.ID+".outputs."+name] = value
	}
	out.summary += read("summary")
	out.path += read("path")
	out.log += log.String()
	return cmd.ProcessState.ExitCode()
}

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// fill evaluates the expressions in a text. One that the action has no business to
// ask for fails the test; the output of a step that did not run is empty.
func fill(t *testing.T, text string, known map[string]string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		value, ok := known[name]
		if !ok && !strings.HasPrefix(name, "steps.") && !strings.HasPrefix(name, "hashFiles(") {
			t.Errorf("nobody knows ${{ %s }}", name)
		}
		return value
	})
}

// holds evaluates comparisons that are joined by &&.
func holds(t *testing.T, condition string, known map[string]string) bool {
	t.Helper()
	for part := range strings.SplitSeq(condition, "&&") {
		left, right, equal := strings.Cut(part, "==")
		if !equal {
			left, right, _ = strings.Cut(part, "!=")
		}
		value := fill(t, fmt.Sprintf("${{ %s }}", strings.TrimSpace(left)), known)
		if (value == strings.Trim(right, " '")) != equal {
			return false
		}
	}
	return true
}

// TestActionIsWhole: what the action says of itself holds together, also where no
// run comes by.
func TestActionIsWhole(t *testing.T) {
	t.Parallel()
	r := newRunner(t, t.TempDir(), nil, nil)
	steps := map[string]bool{}
	var text strings.Builder
	for _, step := range r.action.Runs.Steps {
		steps[step.ID] = true
		for value := range maps.Values(step.Env) {
			text.WriteString(value)
		}
		for value := range maps.Values(step.With) {
			text.WriteString(value)
		}
		text.WriteString(expression.ReplaceAllString(step.If, "") + "\n")
		if strings.Contains(step.Run, "${{") {
			t.Errorf("the step %q has an expression in its script", step.ID)
		}
	}
	for name := range r.action.Inputs {
		if !strings.Contains(text.String(), "inputs."+name) {
			t.Errorf("nothing uses the input %q", name)
		}
	}
	for name, o := range r.action.Outputs {
		_, after, _ := strings.Cut(o.Value, "steps.")
		id, _, _ := strings.Cut(after, ".")
		if !steps[id] {
			t.Errorf("the output %q is that of no step: %s", name, o.Value)
		}
	}
}
