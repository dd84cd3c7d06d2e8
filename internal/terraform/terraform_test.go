package terraform_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/lab"
	"holdfast/internal/terraform"
	"holdfast/internal/terraform/program"
)

// module is a root module with one terraform_data, applied by real Terraform.
func module(t *testing.T) (*lab.Stack, terraform.CLI) {
	t.Helper()
	tools := lab.Need(t)
	src := t.TempDir()
	code := `variable "text" { default = "hello" }
variable "secret" {
  default   = "not-a-real-secret"
  sensitive = true
}
resource "terraform_data" "this" { input = var.text }
resource "terraform_data" "hidden" { input = var.secret }
`
	if err := os.WriteFile(filepath.Join(src, "main.tf"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := lab.NewStack(t.Context(), tools, nil, src, filepath.Join(t.TempDir(), "stack"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, terraform.CLI{Binary: tools.Terraform, Dir: s.Dir, Env: s.Env(), DataDir: filepath.Join(t.TempDir(), "data")}
}

// snapshot is a folder: names, modes, times and sizes.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		all[path] = info.Mode().String() + " " + info.ModTime().String()
		if info.Mode().IsRegular() {
			src, err := os.ReadFile(path)
			all[path] += string(src)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReal runs every command with the real program: they say what is there,
// and leave the module's folder as it was.
func TestReal(t *testing.T) {
	t.Parallel()
	s, c := module(t)
	before := snapshot(t, s.Dir)
	v, err := c.Version(t.Context())
	if err != nil || v.Number == "" || v.Tofu {
		t.Errorf("version %+v, %v", v, err)
	}
	state, err := c.StatePull(t.Context())
	if err != nil || !strings.Contains(string(state), "terraform_data") {
		t.Errorf("state %s, %v", state, err)
	}
	vars := filepath.Join(t.TempDir(), "v.tfvars")
	if err := os.WriteFile(vars, []byte(`text = "changed"`), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan")
	if err := c.Plan(t.Context(), terraform.PlanOptions{Out: file, VarFiles: []string{vars}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("the plan file: %v, %v", info, err)
	}
	src, err := c.Show(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := terraform.DecodePlan(src)
	if err != nil {
		t.Fatal(err)
	}
	actions := map[string]string{}
	for _, change := range plan.Changes {
		actions[change.Address] = strings.Join(change.Change.Actions, ",")
	}
	if diff := cmp.Diff(map[string]string{"terraform_data.this": "update", "terraform_data.hidden": "no-op"}, actions); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, snapshot(t, s.Dir)); diff != "" {
		t.Errorf("the module's folder was changed:\n%s", diff)
	}
	if err := c.Plan(t.Context(), terraform.PlanOptions{Out: file}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a plan file that is there was overwritten: %v", err)
	}
}

// TestRealFails has Terraform fail, and keeps the secret out of what it says.
func TestRealFails(t *testing.T) {
	t.Parallel()
	s, c := module(t)
	broken := "resource \"terraform_data\" \"broken\" {\n  input = regex(\"[0-9]+\", \"not-a-real-token\")\n}\n"
	if err := os.WriteFile(filepath.Join(s.Dir, "broken.tf"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Redact = func(s string) string { return strings.ReplaceAll(s, "not-a-real-token", "(sensitive)") }
	err := c.Plan(t.Context(), terraform.PlanOptions{Out: filepath.Join(t.TempDir(), "plan")})
	var failed *program.Error
	if !errors.As(err, &failed) || failed.Command != "terraform plan" {
		t.Fatal(err)
	}
	if msg := err.Error(); strings.Contains(msg, "not-a-real") || strings.Contains(msg, "\n") || !strings.Contains(msg, "broken.tf line 2") {
		t.Errorf("it says %q", msg)
	}
}

const awsSource = "registry.terraform.io/hashicorp/aws"

// lockedAWS is the provider that the example's lock file names.
func lockedAWS(t *testing.T) terraform.Package {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("..", "..", "examples", "device-tokens", ".terraform.lock.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	p := terraform.Package{Source: awsSource}
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "version"); ok {
			p.Version = strings.Trim(rest, "= \"")
		}
		if strings.HasPrefix(line, `"h1:`) || strings.HasPrefix(line, `"zh:`) {
			p.Hashes = append(p.Hashes, strings.Trim(line, `",`))
		}
	}
	if p.Version == "" || len(p.Hashes) == 0 {
		t.Fatalf("the example locks %+v", p)
	}
	return p
}

// configured writes a CLI configuration that takes the AWS provider from a
// mirror and has nothing else.
func configured(t *testing.T, mirror string) []string {
	t.Helper()
	quoted, err := json.Marshal(mirror)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cli.tfrc")
	text := "provider_installation {\n  filesystem_mirror {\n    path = " + string(quoted) + "\n  }\n}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TF_CLI_CONFIG_FILE=" + file}
}

// TestInstall installs the real AWS provider, from several processes' worth of
// callers at once, and leaves nothing but the package.
func TestInstall(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	p := lockedAWS(t)
	root := filepath.Join(t.TempDir(), "providers")
	c := terraform.CLI{Binary: tools.Terraform, Env: configured(t, tools.Mirror)}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := c.Install(t.Context(), p, root); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	dir := filepath.Join(root, filepath.FromSlash(p.Source), p.Version, runtime.GOOS+"_"+runtime.GOARCH)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		t.Errorf("the package: %v, %v", entries, err)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestInstallFails: nothing is at hand, offline; the error says what and why,
// and nothing is left behind.
func TestInstallFails(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	p := lockedAWS(t)
	for name, c := range map[string]struct {
		env  []string
		edit func(*terraform.Package)
		want string
	}{
		"nowhere":       {configured(t, t.TempDir()), func(*terraform.Package) {}, "hashicorp/aws"},
		"other version": {configured(t, tools.Mirror), func(p *terraform.Package) { p.Version = "0.0.1" }, "0.0.1"},
		"another hash": {configured(t, tools.Mirror), func(p *terraform.Package) {
			p.Hashes = []string{"h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
		}, "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(t.TempDir(), "providers")
			p := p
			c.edit(&p)
			err := terraform.CLI{Binary: tools.Terraform, Env: c.env}.Install(t.Context(), p, root)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "installing provider "+awsSource) {
				t.Errorf("want %q: %v", c.want, err)
			}
			if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}
