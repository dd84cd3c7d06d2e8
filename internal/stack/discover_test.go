package stack_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"holdfast/internal/stack"
)

// tree makes the files of an archive; a file "x -> y" is a symbolic link.
func tree(t *testing.T, archive string) string {
	t.Helper()
	dir := root(t, nil)
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name, target, link := strings.Cut(f.Name, " -> ")
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if link {
			err = os.Symlink(filepath.FromSlash(target), path)
		} else {
			err = os.WriteFile(path, f.Data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// discover gives the roots and problems of a folder, relative to it.
func discover(t *testing.T, dir string, o stack.DiscoverOptions, paths ...string) (roots, problems []string) {
	t.Helper()
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for i := range paths {
		paths[i] = filepath.Join(dir, paths[i])
	}
	o.Base = dir
	found, err := stack.Discover(t.Context(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found.Roots {
		roots = append(roots, below(t, dir, r.Path))
	}
	for _, p := range found.Problems {
		problems = append(problems, below(t, dir, p.Path)+": "+strings.ReplaceAll(p.Err.Error(), dir, "ROOT"))
	}
	return roots, problems
}

func below(t *testing.T, dir, path string) string {
	t.Helper()
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}

// The layouts of real repositories.
func TestDiscoverLayouts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, tree string
		paths      []string
		options    stack.DiscoverOptions
		roots      []string
		problems   []string // a part of each
	}{
		{
			name:  "one root module at the top",
			tree:  "-- main.tf --\nresource \"a_b\" \"c\" {}\n",
			roots: []string{"."},
		},
		{
			name: "roots nested under roots",
			tree: `
-- main.tf --
terraform {
  backend "s3" {}
}
-- network/main.tf --
provider "aws" {}
-- network/peering/main.tf --
terraform {
  cloud {}
}
`,
			roots: []string{".", "network", "network/peering"},
		},
		{
			name: "what tells a root module: each alone is enough",
			tree: `
-- backend/main.tf --
terraform {
  backend "local" {}
}
-- provider/main.tf --
provider "aws" {}
-- json/main.tf.json --
{"terraform": {"backend": {"gcs": {}}}}
-- lock/main.tf --
resource "a_b" "c" {}
-- lock/.terraform.lock.hcl --
-- initialised/main.tf --
resource "a_b" "c" {}
-- initialised/.terraform/environment --
default
-- applied/main.tf --
resource "a_b" "c" {}
-- applied/terraform.tfstate --
-- workspaces/main.tf --
resource "a_b" "c" {}
-- workspaces/terraform.tfstate.d/blue/terraform.tfstate --
-- library/main.tf --
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
resource "a_b" "c" {}
-- nosource/terraform.tfstate --
-- nosource/notes.txt --
`,
			roots: []string{"applied", "backend", "initialised", "json", "lock", "provider", "workspaces"},
		},
		{
			name: "child modules with provider blocks of their own, called from beside and from above",
			tree: `
-- live/main.tf --
module "a" {
  source = "../modules/a"
}
module "own" {
  source = "./own"
}
module "remote" {
  source = "terraform-aws-modules/vpc/aws"
}
provider "aws" {}
-- live/own/main.tf --
provider "aws" {}
-- modules/a/main.tf --
provider "aws" {}
module "b" {
  source = "../b/"
}
-- modules/b/main.tf --
provider "aws" {}
-- modules/b/.terraform.lock.hcl --
`,
			roots: []string{"live"},
		},
		{
			name: "a called module with a state of its own was applied by itself",
			tree: `
-- live/main.tf --
provider "aws" {}
module "a" {
  source = "../a"
}
-- a/main.tf --
provider "aws" {}
-- a/.terraform/terraform.tfstate --
{"backend": {"type": "s3", "config": {}}}
`,
			roots: []string{"a", "live"},
		},
		{
			name: "a call in JSON, and one from an override file",
			tree: `
-- live/main.tf.json --
{"module": {"a": {"source": "../a"}}, "provider": {"aws": {}}}
-- live/b_override.tf --
module "b" {
  source = "../b"
}
-- a/main.tf --
provider "aws" {}
-- b/main.tf --
provider "aws" {}
`,
			roots: []string{"live"},
		},
		{
			name: "a module repository: the examples are root modules, the module is none",
			tree: `
-- main.tf --
resource "a_b" "c" {}
-- examples/complete/main.tf --
provider "aws" {}
module "this" {
  source = "../.."
}
-- examples/broken/main.tf --
provider "aws" {
-- tests/unit.tftest.hcl --
run "x" {}
`,
			roots: []string{"examples/broken", "examples/complete"},
		},
		{
			name: "template folders cost only themselves",
			tree: `
-- live/main.tf --
provider "aws" {}
-- templates/cookiecutter/main.tf --
resource "aws_s3_bucket" "{{ cookiecutter.name }}" {
  {% if x %}
}
-- templates/dollar/main.tf --
${resource} "a" {}
-- templates/rendered/main.tf.tmpl --
{{ .x }}
`,
			roots: []string{"live"},
			problems: []string{
				"templates/cookiecutter: ROOT/templates/cookiecutter/main.tf:2: Argument or block definition required (it looks like a template); if it is no root module, add \"templates/cookiecutter\" to exclude in holdfast.yaml",
				"templates/dollar: ROOT/templates/dollar/main.tf:1: ",
			},
		},
		{
			name: "symbolic links to source files and to modules",
			tree: `
-- shared/provider.tf --
provider "aws" {}
-- shared/modules/m/main.tf --
provider "aws" {}
-- live/eu/provider.tf -> ../../shared/provider.tf --
-- live/eu/main.tf --
module "m" {
  source = "./m"
}
-- live/eu/m -> ../../shared/modules/m --
-- live/us/gone.tf -> nowhere.tf --
-- live/us/provider.tf -> ../../shared/provider.tf --
`,
			// Its own folder is a root module too, as far as its source goes.
			roots: []string{"live/eu", "live/us", "shared"},
		},
		{
			name: "a linked root module is one, by its own name",
			tree: `
-- a-link -> real --
-- real/main.tf --
provider "aws" {}
`,
			roots: []string{"real"},
		},
		{
			name: "symbolic links that lead in circles",
			tree: `
-- live/main.tf --
provider "aws" {}
-- live/self -> . --
-- live/up -> .. --
-- live/loop -> loop --
-- live/a -> b --
-- live/b -> a --
-- live/top -> / --
-- loop/one/two -> ../.. --
`,
			roots: []string{"live"},
		},
		{
			name: "folders that hold no root module of the user's",
			tree: `
-- .gitignore --
/build/
*.cache
!keep.cache
-- live/main.tf --
provider "aws" {}
-- live/.terraform/modules/x/main.tf --
provider "aws" {}
-- live/.gitignore --
scratch
-- live/scratch/main.tf --
provider "aws" {}
-- live/terraform.tfstate.d/main.tf --
provider "aws" {}
-- .hidden/main.tf --
provider "aws" {}
-- node_modules/x/main.tf --
provider "aws" {}
-- build/x/main.tf --
provider "aws" {}
-- deep/x.cache/main.tf --
provider "aws" {}
-- deep/keep.cache/main.tf --
provider "aws" {}
-- scratch/main.tf --
provider "aws" {}
`,
			roots: []string{"deep/keep.cache", "live", "scratch"},
		},
		{
			name: "a folder that git ignores, named",
			tree: `
-- .gitignore --
build
-- build/main.tf --
provider "aws" {}
-- main.tf --
provider "aws" {}
`,
			paths: []string{"build"},
			roots: []string{"build"},
		},
		{
			name: "OpenTofu: by its files, by its lock file, and not by Terraform's",
			tree: `
-- tofu/main.tofu --
provider "aws" {}
-- json/main.tofu.json --
{"provider": {"aws": {}}}
-- both/main.tf --
module "a" {
  source = "../a"
}
provider "aws" {}
-- both/main.tofu --
module "b" {
  source = "../b"
}
provider "aws" {}
-- terraform/main.tf --
provider "aws" {}
module "c" {
  source = "../c"
}
-- terraform/main.tofu --
module "d" {
  source = "../d"
}
-- terraform/.terraform.lock.hcl --
provider "registry.terraform.io/hashicorp/aws" {}
-- a/main.tf --
provider "aws" {}
-- b/main.tf --
provider "aws" {}
-- c/main.tf --
provider "aws" {}
-- d/main.tf --
provider "aws" {}
`,
			roots: []string{"a", "both", "d", "json", "terraform", "tofu"},
		},
		{
			name: "include and exclude",
			tree: `
-- live/prod/a/main.tf --
provider "aws" {}
-- live/prod/b/main.tf --
provider "aws" {}
-- live/prod/b/c/main.tf --
provider "aws" {}
-- live/dev/a/main.tf --
provider "aws" {}
-- live/dev/broken/main.tf --
{{ x }}
`,
			options: stack.DiscoverOptions{Include: []stack.Globs{nil, {"live/prod/**"}}, Exclude: stack.Globs{"**/b"}},
			roots:   []string{"live/prod/a"},
		},
		{
			name:     "nothing there",
			tree:     "-- docs/README --\n",
			problems: []string{".: ROOT: no root module there or below it: no folder has .tf, .tf.json, .tofu or .tofu.json files with a backend"},
		},
		{
			name:     "paths that are wrong cost only themselves",
			tree:     "-- live/main.tf --\nprovider \"aws\" {}\n-- file.tf --\n-- empty/x --\n",
			paths:    []string{"live", "nowhere", "file.tf", "empty"},
			roots:    []string{"live"},
			problems: []string{"empty: ROOT/empty: no root module", "file.tf: ROOT/file.tf is no folder", "nowhere: ROOT/nowhere does not exist"},
		},
		{
			name:  "a named folder is one without more, and twice is once",
			tree:  "-- a/main.tf --\nlocals {}\n-- b/main.tf --\nlocals {}\n",
			paths: []string{"a", ".", "a"},
			roots: []string{"a"},
		},
		{
			name: "source that nobody writes",
			tree: `
-- utf8/main.tf --
provider "aws" {}
# ` + "\xff\xfe" + `
-- deep/main.tf --
provider "aws" {
  a = ` + strings.Repeat("[", 100_000) + `
}
-- unary/main.tf --
locals {
  a = ` + strings.Repeat("!", 500_000) + `true
}
-- json/main.tf.json --
` + strings.Repeat(`{"a":`, 50_000) + `
-- folder/x.tf/main.tf --
provider "aws" {}
-- backup/main.tf~ --
provider "aws" {}
`,
			roots: []string{"folder/x.tf", "utf8"},
			problems: []string{
				"deep: ROOT/deep/main.tf: nested more than 1000 deep", "json: ROOT/json/main.tf.json: nested more than 1000 deep",
				"unary: ROOT/unary/main.tf: nested more than 1000 deep",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, c.tree)
			if err := os.Mkdir(filepath.Join(dir, ".git"), 0o700); err != nil {
				t.Fatal(err)
			}
			roots, problems := discover(t, dir, c.options, c.paths...)
			if diff := cmp.Diff(c.roots, roots); diff != "" {
				t.Errorf("roots (-want +got):\n%s", diff)
			}
			matches := len(problems) == len(c.problems)
			for i := 0; matches && i < len(problems); i++ {
				matches = strings.HasPrefix(problems[i], c.problems[i])
			}
			if !matches {
				t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(problems, "\n"), strings.Join(c.problems, "\n"))
			}
		})
	}
}

func TestDiscoverHugeFile(t *testing.T) {
	t.Parallel()
	dir := tree(t, "-- ok/main.tf --\nprovider \"aws\" {}\n-- huge/main.tf --\n")
	if err := os.Truncate(filepath.Join(dir, "huge", "main.tf"), 100<<20); err != nil {
		t.Fatal(err)
	}
	roots, problems := discover(t, dir, stack.DiscoverOptions{})
	if !slices.Equal(roots, []string{"ok"}) || len(problems) != 1 || !strings.Contains(problems[0], "larger than 8 MiB") {
		t.Errorf("roots %q, problems %q", roots, problems)
	}
}

// A folder that can't be read is a problem of its own, and the rest is found.
func TestDiscoverUnreadable(t *testing.T) {
	t.Parallel()
	dir := tree(t, "-- a/main.tf --\nprovider \"aws\" {}\n-- locked/b/main.tf --\nprovider \"aws\" {}\n")
	o := stack.DiscoverOptions{}.WithReadDir(func(path string) ([]fs.DirEntry, error) {
		if filepath.Base(path) == "locked" {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
		}
		return os.ReadDir(path)
	})
	roots, problems := discover(t, dir, o)
	if !slices.Equal(roots, []string{"a"}) || len(problems) != 1 || !strings.HasPrefix(problems[0], "locked: reading the folder: open ROOT/locked: permission denied") {
		t.Errorf("roots %q, problems %q", roots, problems)
	}
}

func TestDiscoverEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := stack.Discover(ctx, []string{tree(t, "-- a/b/main.tf --\n")}, stack.DiscoverOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A path stays as the user wrote it.
func TestDiscoverPaths(t *testing.T) {
	dir := tree(t, "-- live/prod/main.tf --\nprovider \"aws\" {}\n")
	t.Chdir(filepath.Join(dir, "live"))
	for given, want := range map[string]string{".": "prod", "..": "../live/prod", "../live": "../live/prod", "prod": "prod", "./prod/": "./prod/"} {
		found, err := stack.Discover(t.Context(), []string{given}, stack.DiscoverOptions{})
		if err != nil || len(found.Roots) != 1 || filepath.ToSlash(found.Roots[0].Path) != want || found.Roots[0].Dir != filepath.Join(dir, "live", "prod") {
			t.Errorf("%s: %+v, %v; want %s", given, found, err, want)
		}
	}
}

// realistic is about as much source as a root module has.
var realistic = func() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "resource \"aws_sqs_queue\" \"q%d\" {\n  name = \"${var.prefix}-%d\"\n  tags = merge(local.tags, {\n    Name = \"q\"\n  })\n"+
			"  visibility_timeout_seconds = var.seconds * 2\n}\n\n", i, i)
	}
	return b.String()
}()

// fleet makes n root modules with a module each.
func fleet(tb testing.TB, n int) string {
	tb.Helper()
	dir := tb.TempDir()
	for i := range n {
		base := filepath.Join(dir, fmt.Sprintf("team%d", i%20), fmt.Sprintf("root%d", i))
		for name, src := range map[string]string{
			"main.tf":           realistic,
			"versions.tf":       "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n  }\n}\nprovider \"aws\" {}\nmodule \"m\" {\n  source = \"./modules/m\"\n}\n",
			"modules/m/main.tf": "provider \"aws\" {}\n",
		} {
			path := filepath.Join(base, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				tb.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return dir
}

func BenchmarkFind1000(b *testing.B) {
	dir := fleet(b, 1000)
	for b.Loop() {
		list, err := stack.Find(b.Context(), stack.Query{Paths: []string{dir}})
		if err != nil || len(list) != 1000 {
			b.Fatal(len(list), err)
		}
	}
}

// Ten thousand folders and a thousand root modules are no trouble: under two
// seconds of an idle machine.
func TestDiscoverMany(t *testing.T) {
	t.Parallel()
	dir := fleet(t, 1000)
	for i := range 8000 {
		if err := os.MkdirAll(filepath.Join(dir, "docs", fmt.Sprint(i%50), fmt.Sprint(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	started := time.Now()
	found, err := stack.Discover(t.Context(), []string{dir}, stack.DiscoverOptions{})
	took := time.Since(started)
	t.Logf("%d folders, %d root modules in %s", found.Folders, len(found.Roots), took)
	if err != nil || len(found.Roots) != 1000 || len(found.Problems) != 0 || found.Folders < 10_000 {
		t.Errorf("%d roots, %d problems, %d folders in %s: %v", len(found.Roots), len(found.Problems), found.Folders, took, err)
	}
}
