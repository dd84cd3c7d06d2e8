package stack_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/stack"
)

// Where terraform init has not run, the backend is what it would make of the
// source and the -backend-config of the settings.
func TestBackendOfSource(t *testing.T) {
	t.Parallel()
	const record = `{"backend": {"type": "s3", "config": {"bucket": "recorded"}}}`
	for _, c := range []struct {
		name    string
		files   files
		config  []string
		backend string
		want    string // JSON
		state   string
		fails   string
	}{
		{
			name:    "literals of every kind",
			files:   files{"main.tf": "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"a/\\\"b\\\"\"\n    encrypt = true\n    max_retries = 3\n    profile = null\n    assume_role = { role_arn = \"arn\", tags = { a = \"b\" } }\n    ids = [\"1\"]\n  }\n}\n"},
			backend: "s3", want: `{"bucket": "b", "key": "a/\"b\"", "encrypt": true, "max_retries": 3, "assume_role": {"role_arn": "arn", "tags": {"a": "b"}}, "ids": ["1"]}`,
		},
		{
			name:    "nested blocks",
			files:   files{"main.tf": "terraform {\n  backend \"remote\" {\n    organization = \"o\"\n    workspaces {\n      prefix = \"app-\"\n    }\n  }\n}\n"},
			backend: "remote", want: `{"organization": "o", "workspaces": {"prefix": "app-"}}`,
		},
		{
			name:    "the cloud block",
			files:   files{"main.tf": "terraform {\n  cloud {\n    organization = \"o\"\n    workspaces {\n      tags = [\"a\", \"b\"]\n    }\n  }\n}\n"},
			backend: "cloud", want: `{"organization": "o", "workspaces": {"tags": ["a", "b"]}}`,
		},
		{
			name:    "JSON",
			files:   files{"main.tf.json": `{"terraform": {"backend": {"gcs": {"bucket": "b", "prefix": "p"}}}}`},
			backend: "gcs", want: `{"bucket": "b", "prefix": "p"}`,
		},
		{
			name:    "an override file goes before the others",
			files:   files{"z.tf": "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n  }\n}\n", "override.tf": "terraform {\n  backend \"gcs\" {\n    bucket = \"o\"\n  }\n}\n"},
			backend: "gcs", want: `{"bucket": "o"}`,
		},
		{
			name:    "a .tofu file goes before the .tf file of its name",
			files:   files{"main.tf": "terraform {\n  backend \"s3\" {}\n}\n", "main.tofu": "terraform {\n  backend \"gcs\" {\n    bucket = \"t\"\n  }\n}\n"},
			backend: "gcs", want: `{"bucket": "t"}`,
		},
		{
			name: "partial: a file, then pairs, the last one winning",
			files: files{
				"main.tf":          "terraform {\n  backend \"s3\" {\n    key = \"k\"\n    bucket = \"block\"\n  }\n}\n",
				"backend/prod.hcl": "bucket = \"file\"\nregion = \"eu-west-1\"\nassume_role = {\n  role_arn = \"arn\"\n}\n",
			},
			config:  []string{"backend/prod.hcl", "bucket=pair=with=equals", "use_lockfile=true", `endpoints={ s3 = "http://x" }`, "key= spaced"},
			backend: "s3", want: `{"bucket": "pair=with=equals", "key": " spaced", "region": "eu-west-1", "use_lockfile": true, "assume_role": {"role_arn": "arn"}, "endpoints": {"s3": "http://x"}}`,
		},
		{
			name:    "what init recorded goes before the source",
			files:   files{"main.tf": "terraform {\n  backend \"s3\" {\n    bucket = var.x\n  }\n}\n", ".terraform/terraform.tfstate": record},
			backend: "s3", want: `{"bucket": "recorded"}`,
		},
		{
			name:    "settings go before what init recorded, which was of another stack",
			files:   files{"main.tf": "terraform {\n  backend \"s3\" {\n    key = \"k\"\n  }\n}\n", ".terraform/terraform.tfstate": record},
			config:  []string{"bucket=own"},
			backend: "s3", want: `{"bucket": "own", "key": "k"}`,
		},
		{
			name:  "an argument that is no literal",
			files: files{"main.tf": "terraform {\n  backend \"s3\" {\n    key = \"k\"\n    bucket = \"CANARY-${var.x}\"\n  }\n}\n"},
			fails: "main.tf:4: the backend's argument bucket is no literal; run terraform init, or give its value in backend_config",
		},
		{
			name:  "one in a nested block",
			files: files{"main.tf": "terraform {\n  backend \"remote\" {\n    workspaces {\n      name = local.x\n    }\n  }\n}\n"},
			fails: "main.tf:4: the backend's argument name is no literal",
		},
		{
			name:  "a function is none either",
			files: files{"main.tf.json": `{"terraform": {"backend": {"gcs": {"bucket": "${lower(\"B\")}"}}}}`},
			fails: "the backend's argument bucket is no literal",
		},
		{
			name:    "one that the settings give",
			files:   files{"main.tf": "terraform {\n  backend \"s3\" {\n    bucket = var.x\n  }\n}\n"},
			config:  []string{"bucket=b"},
			backend: "s3", want: `{"bucket": "b"}`,
		},
		{
			name:   "a file that is not there",
			files:  files{"main.tf": "terraform {\n  backend \"s3\" {}\n}\n"},
			config: []string{"prod.hcl"}, fails: "prod.hcl does not exist; its path is taken from the root module's folder",
		},
		{
			name:   "a file that is no HCL",
			files:  files{"main.tf": "terraform {\n  backend \"s3\" {}\n}\n", "prod.hcl": "a = CANARY = 1\n"},
			config: []string{"prod.hcl"}, fails: "prod.hcl:1: ",
		},
		{
			name:   "a pair that is no literal",
			files:  files{"main.tf": "terraform {\n  backend \"s3\" {}\n}\n"},
			config: []string{"assume_role={CANARY = var.x}"}, fails: "backend_config assume_role: its value is not a literal",
		},
		{
			name:   "a pair that is no expression",
			files:  files{"main.tf": "terraform {\n  backend \"s3\" {}\n}\n"},
			config: []string{"assume_role={CANARY"}, fails: "backend_config assume_role: its value is no expression",
		},
		{
			name:   "settings for a backend that there is not",
			files:  files{"main.tf": "locals {}\n"},
			config: []string{"bucket=CANARY"}, fails: "its source has no backend block",
		},
		{
			name:    "the local one, with its path",
			files:   files{"main.tf": "terraform {\n  backend \"local\" {\n    path = \"states/x.json\"\n  }\n}\n"},
			backend: "local", want: `{"path": "states/x.json"}`, state: "states/x.json",
		},
		{
			name:    "none, and source that can't be parsed: the check says it",
			files:   files{"main.tf": "locals {\n"},
			backend: "local", want: `{}`, state: "terraform.tfstate",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := root(t, c.files)
			s, err := stack.Open(dir, stack.Options{BackendConfig: c.config})
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), "CANARY") {
					t.Errorf("%v, want %s", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, s.BackendConfig); diff != "" || s.Backend != c.backend {
				t.Errorf("backend %s (-want +got):\n%s", s.Backend, diff)
			}
			if c.state != "" {
				c.state = filepath.Join(dir, c.state)
			}
			if s.StatePath != c.state {
				t.Errorf("state %s, want %s", s.StatePath, c.state)
			}
		})
	}
}

func TestLocalWorkspaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files files
		want  []string
	}{
		{"none", files{"main.tf": ""}, nil},
		{"the default one", files{"main.tf": "", "terraform.tfstate": ""}, []string{"default"}},
		{
			"several, of which one has no state",
			files{"terraform.tfstate": "", "terraform.tfstate.d/b/terraform.tfstate": "", "terraform.tfstate.d/a/terraform.tfstate": "", "terraform.tfstate.d/c/x": "", "terraform.tfstate.d/a b/terraform.tfstate": ""},
			[]string{"default", "a", "b"},
		},
		{
			"elsewhere",
			files{"main.tf": "terraform {\n  backend \"local\" {\n    path = \"s/x\"\n    workspace_dir = \"ws\"\n  }\n}\n", "s/x": "", "ws/a/terraform.tfstate": "", "terraform.tfstate": ""},
			[]string{"default", "a"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := stack.Open(root(t, c.files), stack.Options{})
			if err != nil {
				t.Fatal(err)
			}
			names, err := s.LocalWorkspaces()
			if diff := cmp.Diff(c.want, names); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
	s, err := stack.Open(root(t, files{"terraform.tfstate.d": ""}), stack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LocalWorkspaces(); err == nil {
		t.Error("the workspaces are a file, and nobody minds")
	}
}
