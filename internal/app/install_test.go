package app_test

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/provider/providertest"
)

// Tests of providers that are missing, with the real terraform init.

// uninitialised is an applied root module that was never initialised here. Its
// provider is in a mirror as an archive, which only terraform init can unpack.
type uninitialised struct {
	*providertest.World
	dir, mirror string
	options     app.CheckOptions
}

func newUninitialised(t *testing.T) *uninitialised {
	t.Helper()
	tools := lab.Need(t)
	u := &uninitialised{World: providertest.NewWorld(t), dir: t.TempDir(), mirror: t.TempDir()}
	pkg := providertest.Install(t, t.TempDir(), providertest.Six, "1.2.3")
	archive(t, pkg, filepath.Join(u.mirror, filepath.FromSlash(pkg.Source)))
	u.write(t, "main.tf", fmt.Sprintf("terraform {\n  required_providers {\n    test = {\n      source = %q\n    }\n  }\n}\nresource \"test_simple\" \"a\" {\n  name = \"n\"\n}\n", pkg.Source))
	providertest.WriteLock(t, u.dir, pkg)
	u.Provision(t, u.dir, pkg, providertest.Resource{Type: "test_simple", Name: "a", Attributes: map[string]any{"name": "n"}})
	rc := filepath.Join(t.TempDir(), "cli.tfrc")
	if err := os.WriteFile(rc, []byte(fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", u.mirror)), 0o600); err != nil {
		t.Fatal(err)
	}
	u.options = app.CheckOptions{
		NoHistory: true,
		Paths:     []string{u.dir}, Engine: "auto", Terraform: tools.Terraform, CacheDir: t.TempDir(),
		Env: append(u.Env(), "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "TF_CLI_CONFIG_FILE="+rc),
	}
	return u
}

func (u *uninitialised) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// archive packs a provider as a registry does.
func archive(t *testing.T, pkg providertest.Package, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	typeName := pkg.Source[strings.LastIndex(pkg.Source, "/")+1:]
	out, err := os.Create(filepath.Join(dir, fmt.Sprintf("terraform-provider-%s_%s_%s_%s.zip", typeName, pkg.Version, runtime.GOOS, runtime.GOARCH)))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z := zip.NewWriter(out)
	header := &zip.FileHeader{Name: filepath.Base(pkg.Binary), Method: zip.Store}
	header.SetMode(0o755)
	entry, err := z.CreateHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(pkg.Binary)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := io.Copy(entry, in); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

func (u *uninitialised) check(t *testing.T, o app.CheckOptions) drift.Stack {
	t.Helper()
	run, err := app.Check(t.Context(), o)
	if err != nil {
		t.Error(err)
		return drift.Stack{}
	}
	return run.Stacks[0]
}

// untouched sees that the root module's folder has got nothing new.
func (u *uninitialised) untouched(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if got := strings.Join(names, " "); got != ".terraform.lock.hcl main.tf terraform.tfstate" {
		t.Errorf("the root module's folder has %s", got)
	}
}

// TestMissingProviderIsInstalled, by both engines, and by two programs at once.
func TestMissingProviderIsInstalled(t *testing.T) {
	t.Parallel()
	u := newUninitialised(t)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if s := u.check(t, u.options); s.Status != drift.StatusClean || s.Resources.Checked != 1 {
				t.Errorf("status %s, %+v", s.Status, s.Errors)
			}
		})
	}
	wg.Wait()
	u.untouched(t)
	installed, err := filepath.Glob(filepath.Join(u.options.CacheDir, "providers", "*"))
	if err != nil || len(installed) != 1 {
		t.Errorf("in the cache: %v, %v", installed, err)
	}

	// It is there now: nothing is installed any more.
	o := u.options
	o.NoInstall, o.Engine = true, "plan"
	if s := u.check(t, o); s.Status != drift.StatusClean || s.Engine != "plan" {
		t.Errorf("by a plan: status %s, %+v", s.Status, s.Errors)
	}
	u.untouched(t)
	u.AssertReadOnly(t)

	// A state named by hand, and another workspace's.
	o.State = filepath.Join(t.TempDir(), "named.tfstate")
	if err := os.Rename(filepath.Join(u.dir, "terraform.tfstate"), o.State); err != nil {
		t.Fatal(err)
	}
	if s := u.check(t, o); s.Status != drift.StatusClean || s.Resources.Checked != 1 || s.State.Source != o.State {
		t.Errorf("by a named state: status %s, %+v", s.Status, s.Errors)
	}
	place := filepath.Join(u.dir, "terraform.tfstate.d", "prod")
	if err := os.MkdirAll(place, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(o.State, filepath.Join(place, "terraform.tfstate")); err != nil {
		t.Fatal(err)
	}
	o.State, o.Workspace = "", "prod"
	if s := u.check(t, o); s.Status != drift.StatusClean || s.Resources.Checked != 1 || s.Workspace != "prod" {
		t.Errorf("another workspace: status %s, %+v", s.Status, s.Errors)
	}
}

// TestMissingProviderIsNowhere: offline, the error says what is missing, what
// was tried, and what to do.
func TestMissingProviderIsNowhere(t *testing.T) {
	t.Parallel()
	u := newUninitialised(t)
	empty := func(o *app.CheckOptions) {
		rc := filepath.Join(t.TempDir(), "cli.tfrc")
		if err := os.WriteFile(rc, []byte(fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", t.TempDir())), 0o600); err != nil {
			t.Fatal(err)
		}
		o.Env = append(o.Env, "TF_CLI_CONFIG_FILE="+rc)
	}
	for _, c := range []struct {
		name string
		edit func(*app.CheckOptions)
		says []string
	}{
		{"nowhere", empty, []string{"own cache failed", "terraform init failed: Error: Failed to query available provider packages"}},
		{"not allowed", func(o *app.CheckOptions) { o.NoInstall = true }, []string{"run terraform init in " + u.dir}},
		{"no terraform", func(o *app.CheckOptions) { o.Terraform = "nothing-of-that-name" }, []string{"no terraform or tofu was found", "HOLDFAST_TERRAFORM"}},
	} {
		o := u.options
		o.CacheDir = t.TempDir()
		c.edit(&o)
		s := u.check(t, o)
		if s.Status != drift.StatusError || len(s.Errors) != 1 || s.Errors[0].Code != "provider_missing" {
			t.Errorf("%s: status %s, %+v", c.name, s.Status, s.Errors)
			continue
		}
		for _, want := range append(c.says, "it is not installed", providertest.Six, "1.2.3") {
			if !strings.Contains(s.Errors[0].Message, want) {
				t.Errorf("%s: want %q: %s", c.name, want, s.Errors[0].Message)
			}
		}
	}
	u.untouched(t)
}

// TestInstallIsInterrupted ends with its context, leaving nothing half done.
func TestInstallIsInterrupted(t *testing.T) {
	t.Parallel()
	u := newUninitialised(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if run, err := app.Check(ctx, u.options); !errors.Is(err, context.Canceled) && (err != nil || run.Stacks[0].Status == drift.StatusClean) {
		t.Errorf("%+v, %v", run.Stacks, err)
	}
	if left, err := filepath.Glob(filepath.Join(u.options.CacheDir, "providers", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	u.untouched(t)
}
