package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// toolsDir makes a folder with all three tools, or what stands for them.
func toolsDir(t *testing.T) Tools {
	t.Helper()
	dir := t.TempDir()
	tools := Tools{
		Terraform: filepath.Join(dir, "terraform"),
		Mirror:    filepath.Join(dir, "mirror"),
		Python:    filepath.Join(dir, "python3"),
	}
	for _, path := range []string{tools.Terraform, tools.Python} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(tools.Mirror, providerPath), 0o755); err != nil {
		t.Fatal(err)
	}
	return tools
}

func TestFindToolsInTheEnvironment(t *testing.T) {
	want := toolsDir(t)
	t.Setenv("HOLDFAST_LAB_TERRAFORM", want.Terraform)
	t.Setenv("HOLDFAST_LAB_MIRROR", want.Mirror)
	t.Setenv("HOLDFAST_LAB_PYTHON", want.Python)
	if got, err := FindTools(); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	t.Setenv("HOLDFAST_LAB_MIRROR", "/none")
	_, err := FindTools()
	if err == nil || !strings.Contains(err.Error(), "run scripts/setup") || !strings.Contains(err.Error(), "HOLDFAST_LAB_MIRROR") {
		t.Errorf("got %v", err)
	}
}

func TestFindToolsInTheRecord(t *testing.T) {
	want := toolsDir(t)
	root := t.TempDir()
	record := "# a comment\nexport HOLDFAST_LAB_TERRAFORM='" + want.Terraform + "'\nexport HOLDFAST_LAB_MIRROR='" +
		want.Mirror + "'\nexport HOLDFAST_LAB_PYTHON='" + want.Python + "'\n"
	for path, content := range map[string]string{"go.mod": "", ".tools/env": record, "a/b/c": ""} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(root, "a", "b"))
	for _, variable := range []string{"HOLDFAST_LAB_TERRAFORM", "HOLDFAST_LAB_MIRROR", "HOLDFAST_LAB_PYTHON"} {
		t.Setenv(variable, "")
	}
	if got, err := FindTools(); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// verdict is a test that only notes what is done to it.
type verdict struct{ skipped, failed bool }

func (*verdict) Helper()        {}
func (v *verdict) Skip(...any)  { v.skipped = true }
func (v *verdict) Fatal(...any) { v.failed = true }

func TestNeed(t *testing.T) {
	t.Setenv("HOLDFAST_LAB_MIRROR", "/none")
	t.Setenv("HOLDFAST_REQUIRE_LAB", "")
	var optional, required verdict
	if Need(&optional); optional != (verdict{skipped: true}) {
		t.Errorf("without tools: %+v", optional)
	}
	t.Setenv("HOLDFAST_REQUIRE_LAB", "1")
	if Need(&required); required != (verdict{failed: true}) {
		t.Errorf("with HOLDFAST_REQUIRE_LAB=1: %+v", required)
	}
}

func TestLookMirrorFindsOnlyWhatHoldsTheProvider(t *testing.T) {
	want := toolsDir(t).Mirror
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
	target := filepath.Join(home, "data", "terraform")
	if err := os.MkdirAll(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(want, filepath.Join(target, "plugins")); err != nil {
		t.Fatal(err)
	}
	got, err := lookMirror()
	if err != nil || checkMirror(got) != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
