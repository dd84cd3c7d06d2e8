package terraform

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/terraform/program"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	c := CLI{Binary: "/bin/terraform", Dir: "/stack", DataDir: "/data"}
	for name, tt := range map[string]struct {
		have program.Command
		want string
	}{
		"version":    {c.versionCmd(), "version -json"},
		"plan":       {c.planCmd(PlanOptions{Out: "/t/plan"}), "plan -input=false -no-color -lock=false -refresh=true -out=/t/plan"},
		"plan, all":  {c.planCmd(PlanOptions{Out: "p", State: "s", VarFiles: []string{"b", "a"}}), "plan -input=false -no-color -lock=false -refresh=true -out=p -state=s -var-file=b -var-file=a"},
		"show":       {c.showCmd("/t/plan"), "show -json -no-color /t/plan"},
		"state pull": {c.statePullCmd(), "state pull"},
		"init":       {c.initCmd(), "init -backend=false -input=false -no-color -lockfile=readonly"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(tt.have.Args, " "); got != tt.want {
				t.Errorf("it runs\n%s, want\n%s", got, tt.want)
			}
			if tt.have.Dir != "/stack" {
				t.Errorf("it works in %q", tt.have.Dir)
			}
			if !slices.Contains(tt.have.Env, "TF_DATA_DIR=/data") || !slices.Contains(tt.have.Env, "CHECKPOINT_DISABLE=1") {
				t.Errorf("its environment is %v", tt.have.Env)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	given := []string{
		"HOME=/h", "TF_VAR_a=1", "TF_CLI_CONFIG_FILE=/rc", "TF_DATA_DIR=/theirs", "AWS_PROFILE=p",
		"TF_CLI_ARGS=-refresh=false", "TF_CLI_ARGS_plan=-target=a.b", "TF_LOG=trace", "TF_LOG_PATH=/log", "TF_LOG_PROVIDER=trace",
		"TF_WORKSPACE=prod", "TF_REATTACH_PROVIDERS={}", "TF_PLUGIN_CACHE_DIR=/cache",
	}
	own := []string{"TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1"}
	want := append([]string{"HOME=/h", "TF_VAR_a=1", "TF_CLI_CONFIG_FILE=/rc", "AWS_PROFILE=p", "TF_PLUGIN_CACHE_DIR=/cache"}, own...)
	if diff := cmp.Diff(append(slices.Clone(want), "TF_DATA_DIR=/ours"), program.Environment(given, "/ours", "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if env := program.Environment(given, "", "test"); getenv(env, "TF_DATA_DIR") != "/theirs" || getenv(env, "TF_WORKSPACE") != "test" {
		t.Errorf("without a data folder of ours: %v", env)
	}
	scratch := t.TempDir()
	install := CLI{Env: given}.forInstall(scratch)
	if got := getenv(install.initCmd().Env, "TF_PLUGIN_CACHE_DIR"); got != filepath.Join(scratch, "cache") {
		t.Errorf("an install would write to the plugin cache %s", got)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	program := func(dir, name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	program(first, "terraform", 0o600) // not executable
	terraform := program(second, "terraform", 0o700)
	tofu := program(first, "tofu", 0o700)
	other := program(second, "mine", 0o700)
	path := "PATH=.:" + first + ":" + second
	for name, tt := range map[string]struct {
		named string
		env   []string
		names []string
		want  string
	}{
		"terraform before tofu":   {env: []string{path}, want: terraform},
		"tofu where it is wanted": {env: []string{path}, names: []string{"tofu", "terraform"}, want: tofu},
		"tofu alone":              {env: []string{"PATH=" + first}, want: tofu},
		"by the environment":      {env: []string{path, "HOLDFAST_TERRAFORM=mine"}, want: other},
		"by name":                 {named: "tofu", env: []string{path, "HOLDFAST_TERRAFORM=mine"}, want: tofu},
		"by path":                 {named: other, want: other},
		"nowhere":                 {env: []string{"PATH=/nonexistent"}},
		"no PATH":                 {},
		"a wrong name":            {named: "nothing", env: []string{path}},
		"a wrong path":            {named: filepath.Join(first, "terraform"), env: []string{path}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Find(tt.named, tt.env, tt.names...)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("found %q, %v; want %q", got, err, tt.want)
			}
			if err != nil && (!errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "HOLDFAST_TERRAFORM")) {
				t.Errorf("the error says no next step: %v", err)
			}
		})
	}
}
