package stack_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/stack"
)

// find gives the stacks of a tree with a holdfast.yaml at its top, a line each.
func find(t *testing.T, dir string, q stack.Query) []string {
	t.Helper()
	var err error
	if q.Settings, err = stack.FindSettings(dir); err != nil {
		t.Fatal(err)
	}
	if len(q.Paths) == 0 {
		q.Paths = []string{"."}
	}
	for i := range q.Paths {
		q.Paths[i] = filepath.Join(dir, q.Paths[i])
	}
	list, err := stack.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range list {
		line := below(t, dir, c.Stack.Path)
		if c.Err != nil {
			lines = append(lines, line+": "+strings.ReplaceAll(c.Err.Error(), dir, "ROOT"))
			continue
		}
		line += " " + c.Stack.Workspace
		if c.Stack.Name != "" {
			line += " " + c.Stack.Name
		}
		for _, file := range c.Stack.VarFiles {
			line += " " + below(t, dir, file)
		}
		lines = append(lines, line)
	}
	return lines
}

const roots = `
-- live/a/main.tf --
terraform {
  backend "s3" {}
}
-- live/b/main.tf --
terraform {
  backend "local" {}
}
-- live/b/terraform.tfstate.d/x/terraform.tfstate --
-- live/b/terraform.tfstate.d/y/terraform.tfstate --
-- tools/main.tf --
provider "aws" {}
-- library/main.tf --
variable "x" {}
`

// One root module may be several stacks.
func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, yaml string
		query      stack.Query
		want       []string // starts of lines
	}{
		{name: "no settings", want: []string{"live/a default", "live/b default", "tools default"}},
		{name: "settings that say nothing", yaml: "version: 1", want: []string{"live/a default", "live/b default", "tools default"}},
		{
			name: "workspaces, with ordered variable files inside and outside",
			yaml: `
defaults:
  var_files: ["{repo}/common.tfvars"]
stacks:
  - path: live/a
    workspaces: [prod, dev]
    var_files: ["env/{workspace}.tfvars", "../../variables/{workspace}/{folder}.tfvars", "{repo}/{path}/x.tfvars"]
`,
			want: []string{
				"live/a prod common.tfvars live/a/env/prod.tfvars variables/prod/a.tfvars live/a/x.tfvars",
				"live/a dev common.tfvars live/a/env/dev.tfvars variables/dev/a.tfvars live/a/x.tfvars",
				"live/b default common.tfvars", "tools default common.tfvars",
			},
		},
		{
			name: "names tell stacks of one workspace apart",
			yaml: `
stacks:
  - {path: live/a, name: prod, var_files: ["{name}.tfvars"]}
  - {path: live/a, name: dev, var_files: ["{name}.tfvars"]}
`,
			want: []string{"live/a default prod live/a/prod.tfvars", "live/a default dev live/a/dev.tfvars", "live/b default", "tools default"},
		},
		{
			name:  "without a name they can't be told apart",
			yaml:  "stacks:\n  - path: live/a\n  - path: live/a\n    var_files: [x.tfvars]\n",
			want:  []string{"live/a default", "live/a: ROOT/holdfast.yaml:4: ROOT/live/a has two stacks of the workspace default with nothing to tell them apart (the other is in line 3); give each a name"},
			query: stack.Query{Paths: []string{"live/a"}},
		},
		{
			name: "patterns, of which all that match count, and paths, which go before them",
			yaml: `
stacks:
  - {include: ["live/*"], name: one}
  - {exclude: [tools], name: two}
  - {path: live/b, name: own}
`,
			want: []string{"live/a default one", "live/a default two", "live/b default own", "tools default"},
		},
		{
			name: "include and exclude at the top narrow everything",
			yaml: "include: ['live/**']\nexclude: ['**/b']\nstacks:\n  - {path: live/a, workspace: w}\n",
			want: []string{"live/a w"},
		},
		{
			name: "a path names what is not found by itself",
			yaml: "stacks:\n  - path: library\n    workspace: w\n",
			want: []string{"library w", "live/a default", "live/b default", "tools default"},
		},
		{
			name:  "a path elsewhere is not asked for",
			yaml:  "stacks:\n  - path: library\n  - path: nowhere\n",
			query: stack.Query{Paths: []string{"live"}},
			want:  []string{"live/a default", "live/b default"},
		},
		{
			name:  "a path that is not there",
			yaml:  "stacks:\n  - path: live/gone\n",
			query: stack.Query{Paths: []string{"live"}},
			want:  []string{"live/a default", "live/b default", "live/gone: ROOT/holdfast.yaml:3: path live/gone is no folder"},
		},
		{
			name: "all workspaces: of the local backend, and of one that is asked",
			yaml: "defaults: {workspaces: all}\nexclude: [tools]\n",
			query: stack.Query{Workspaces: func(_ context.Context, s stack.Stack) ([]string, error) {
				return []string{"default", s.Backend}, nil
			}},
			want: []string{"live/a default", "live/a s3", "live/b x", "live/b y"},
		},
		{
			name: "all workspaces, of a backend that can't be asked, and of one that fails",
			yaml: "defaults: {workspaces: all}\nexclude: [tools]\n",
			want: []string{`live/a: ROOT/live/a: the workspaces of the backend "s3" can't be listed; write them under workspaces`, "live/b x", "live/b y"},
		},
		{
			name:  "a listing that fails costs one root module",
			yaml:  "defaults: {workspaces: all}\nexclude: [tools]\n",
			query: stack.Query{Workspaces: func(context.Context, stack.Stack) ([]string, error) { return nil, errors.New("denied") }},
			want:  []string{"live/a: listing the workspaces of ROOT/live/a: denied", "live/b x", "live/b y"},
		},
		{
			name:  "one workspace",
			yaml:  "stacks:\n  - {path: live/a, workspaces: [prod, dev]}\n  - {path: live/b, workspace: prod}\n",
			query: stack.Query{Workspace: "dev"},
			want:  []string{"live/a dev", "live/b: ROOT/live/b: no stack of it is in the workspace dev", "tools dev"},
		},
		{
			name:  "one workspace of all",
			yaml:  "defaults: {workspaces: all}\n",
			query: stack.Query{Workspace: "x", Paths: []string{"live/b"}},
			want:  []string{"live/b x"},
		},
		{
			name: "the environment may choose the workspace",
			yaml: "defaults: {env: {TF_WORKSPACE: green}}\nstacks:\n  - {path: live/a, env: {TF_WORKSPACE: blue}, var_files: ['{workspace}.tfvars']}\n",
			want: []string{"live/a blue live/a/blue.tfvars", "live/b green", "tools green"},
		},
		{
			name: "a backend's configuration for each stack",
			yaml: "stacks:\n  - {path: live/a, workspaces: [p, q], backend_config: ['key={path}/{workspace}']}\n  - {path: live/b, backend_config: ['bucket=CANARY', 'nowhere.hcl']}\n",
			want: []string{"live/a p", "live/a q", "live/b: backend_config ROOT/live/b/nowhere.hcl does not exist", "tools default"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			archive := roots
			if c.yaml != "" {
				archive += "-- holdfast.yaml --\nversion: 1\n" + strings.TrimPrefix(strings.TrimPrefix(c.yaml, "version: 1"), "\n")
			} else {
				archive += "-- .git/HEAD --\n"
			}
			got := find(t, tree(t, archive), c.query)
			matches := len(got) == len(c.want)
			for i := 0; matches && i < len(got); i++ {
				matches = strings.HasPrefix(got[i], c.want[i]) && !strings.Contains(got[i], "CANARY")
			}
			if !matches {
				t.Errorf("stacks:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// What a stack gets beside its workspace and its variables.
func TestFindFillsIn(t *testing.T) {
	t.Parallel()
	dir := tree(t, roots+`
-- holdfast.yaml --
version: 1
defaults:
  env: {SHARED: "1", PLACE: "{path} {json}"}
  engine: plan
  timeout: 10m
  providers: {aws: {region: eu, profile: x}}
stacks:
  - path: live/a
    workspace: w
    env: {SHARED: "{workspace}", TF_VAR_x: '{"a": 1}'}
    engine: direct
    backend_config: ["key={path}/{workspace}.tfstate"]
    providers: {aws: {profile: ro}, aws.east: {region: us}}
`)
	settings, err := stack.FindSettings(dir)
	if err != nil {
		t.Fatal(err)
	}
	given := []string{"HOME=/h", "SHARED=0"}
	list, err := stack.Find(t.Context(), stack.Query{Paths: []string{dir}, Settings: settings, Env: given})
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	s := list[0].Stack
	if list[0].Err != nil || s.Engine != "direct" || s.Timeout.Minutes() != 10 || s.Key != "live/a" {
		t.Errorf("%+v, %v", s, list[0].Err)
	}
	for name, want := range map[string]string{"HOME": "/h", "SHARED": "w", "PLACE": "live/a {json}", "TF_VAR_x": `{"a": 1}`} {
		if got := stack.Getenv(s.Env, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if diff := cmp.Diff(map[string]map[string]any{"aws": {"region": "eu", "profile": "ro"}, "aws.east": {"region": "us"}}, s.ProviderOverrides); diff != "" {
		t.Error(diff)
	}
	if s.BackendConfig["key"] != "live/a/w.tfstate" {
		t.Errorf("backend %v", s.BackendConfig)
	}
	if other := list[1].Stack; other.Engine != "plan" || stack.Getenv(other.Env, "SHARED") != "1" || !slices.Equal(given, []string{"HOME=/h", "SHARED=0"}) {
		t.Errorf("%+v; the environment given is now %v", other, given)
	}
}

// An id is of one stack, and the same from wherever the program runs.
func TestStackID(t *testing.T) {
	t.Parallel()
	same := stack.Stack{Path: "envs/prod", Workspace: "default"}
	if same.ID() != "0d9a2cdb81c3" {
		t.Errorf("a stack without settings has a new id: %s", same.ID())
	}
	moved := stack.Stack{Path: "../envs/prod", Key: "envs/prod", Workspace: "default"}
	named := stack.Stack{Path: "envs/prod", Workspace: "default", Name: "a"}
	other := stack.Stack{Path: "envs/prod", Workspace: "default", Name: "b"}
	if moved.ID() != same.ID() || named.ID() == same.ID() || named.ID() == other.ID() {
		t.Errorf("%s %s %s %s", same.ID(), moved.ID(), named.ID(), other.ID())
	}
}

func TestFindRefused(t *testing.T) {
	t.Parallel()
	dir := tree(t, roots)
	for _, q := range []stack.Query{{Include: stack.Globs{"a["}}, {Exclude: stack.Globs{""}}} {
		q.Paths = []string{dir}
		if _, err := stack.Find(t.Context(), q); err == nil || !strings.Contains(err.Error(), "no pattern of folders") {
			t.Errorf("%+v: %v", q, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := stack.Find(ctx, stack.Query{Paths: []string{dir}}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// A state by name belongs to the folder named, whatever is below it.
func TestFindState(t *testing.T) {
	t.Parallel()
	dir := tree(t, roots)
	state := filepath.Join(dir, "some.json")
	list, err := stack.Find(t.Context(), stack.Query{Paths: []string{dir}, State: state})
	if err != nil || len(list) != 1 || list[0].Err != nil || list[0].Stack.StatePath != state || list[0].Stack.Dir != dir {
		t.Errorf("%+v, %v", list, err)
	}
	list, err = stack.Find(t.Context(), stack.Query{Paths: []string{filepath.Join(dir, "nowhere")}, State: state})
	if err != nil || len(list) != 1 || list[0].Err == nil {
		t.Errorf("%+v, %v", list, err)
	}
}

// The draft of a repository says what its own reader understands, whatever the
// folders are called.
func TestDraft(t *testing.T) {
	t.Parallel()
	var archive strings.Builder
	names := []string{"plain", "two words", "qu'ote", `quo"te`, "{braces}", "[x]", "st*r", "ünï", "#hash", "a: b", "- dash", `back\slash`}
	for i, name := range names {
		fmt.Fprintf(&archive, "-- %s/main.tf --\nprovider \"aws\" {}\n", name)
		if i%2 == 0 {
			fmt.Fprintf(&archive, "-- %s/terraform.tfstate.d/w/terraform.tfstate --\n", name)
		}
		fmt.Fprintf(&archive, "-- broken/%s/main.tf --\n{{ x }}\n", name)
	}
	dir := tree(t, archive.String())
	draft, err := stack.NewDraft(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := read(t, draft.Text)
	if err != nil {
		t.Fatalf("%v\n%s", err, draft.Text)
	}
	settings.Dir = dir
	list, err := stack.Find(t.Context(), stack.Query{Paths: []string{dir}, Settings: settings})
	if err != nil || len(list) != len(names) || draft.Roots != len(names) || len(draft.Problems) != len(names) {
		t.Errorf("%d stacks of %d roots, %d problems, %v\n%s", len(list), draft.Roots, len(draft.Problems), err, draft.Text)
	}
	for _, c := range list {
		index := slices.Index(names, below(t, dir, c.Stack.Path))
		want := map[bool]string{true: "w", false: "default"}[index%2 == 0]
		if c.Err != nil || index < 0 || c.Stack.Workspace != want {
			t.Errorf("%s: workspace %s, %v", c.Stack.Path, c.Stack.Workspace, c.Err)
		}
	}
}
