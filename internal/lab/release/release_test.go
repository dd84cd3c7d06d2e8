package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// example are the values of a release.
var example = values{
	"ProjectName": "holdfast", "Version": "1.2.3", "FullCommit": "0123456789abcdef0123456789abcdef01234567", "ShortCommit": "0123456",
	"CommitTimestamp": "1793600000", "CommitDate": "2026-11-02T05:33:20Z",
}

func loadSettings(t *testing.T) config {
	t.Helper()
	c, err := load(filepath.Join("..", "..", "..", settings))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSettings holds .goreleaser.yaml against what the documentation promises of
// a release.
func TestSettings(t *testing.T) {
	t.Parallel()
	c := loadSettings(t)
	var names []string
	for _, one := range c.Builds[0].targets() {
		name, err := example.with(one).fill(c.Archives[0].NameTemplate)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name+"."+c.Archives[0].formatOf(one.os))
	}
	want := []string{
		"holdfast_1.2.3_linux_amd64.tar.gz", "holdfast_1.2.3_linux_arm64.tar.gz", "holdfast_1.2.3_darwin_amd64.tar.gz",
		"holdfast_1.2.3_darwin_arm64.tar.gz", "holdfast_1.2.3_windows_amd64.zip", "holdfast_1.2.3_windows_arm64.zip",
	}
	if !slices.Equal(names, want) {
		t.Errorf("%v, not %v", names, want)
	}
	if name, err := example.fill(c.Checksum.NameTemplate); err != nil || name != "holdfast_1.2.3_checksums.txt" {
		t.Errorf("%s, %v", name, err)
	}
	b := c.Builds[0]
	ldflags, err := example.fillAll(b.Ldflags)
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-X holdfast/internal/app.Version=1.2.3", "-X holdfast/internal/app.Commit=0123456789abcdef0123456789abcdef01234567", "-X holdfast/internal/app.Date=2026-11-02T05:33:20Z"} {
		if !slices.Contains(ldflags, flag) {
			t.Errorf("%v lack %s", ldflags, flag)
		}
	}
	if !slices.Contains(b.Flags, "-trimpath") || !slices.Equal(b.Env, []string{"CGO_ENABLED=0"}) || b.ModTimestamp != "{{ .CommitTimestamp }}" {
		t.Errorf("%+v", b)
	}
	if c.SBOMs == nil || c.Signs == nil {
		t.Error("nothing is signed, or there is no SBOM")
	}
	for _, hook := range c.Before.Hooks {
		if script := strings.Fields(hook)[0]; strings.Contains(script, "/") {
			if info, err := os.Stat(filepath.Join("..", "..", "..", script)); err != nil || info.Mode()&0o100 == 0 {
				t.Errorf("%s is no script: %v", script, err)
			}
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown key": "version: 2\nbuilds: [{gooss: [linux]}]\n", "an old version": "version: 1\n", "not YAML": "version: [\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "settings.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if c, err := load(file); err == nil {
				t.Errorf("%+v", c)
			}
		})
	}
	if s, err := example.fill("{{ .Unheard }}"); err == nil {
		t.Error(s)
	}
	if chosen, err := choose(loadSettings(t).Builds[0].targets(), []string{"plan9/386"}); err == nil {
		t.Error(chosen)
	}
}

// TestPack packs the same twice, and finds in it what was put there.
func TestPack(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 2, 5, 33, 20, 0, time.UTC)
	members := []member{
		{"LICENSE", []byte("free"), 0o644, at, "root", "root"}, {"man/holdfast.1", []byte(".TH"), 0o644, at, "root", "root"},
		{"holdfast", []byte("program"), 0o755, at, "root", "root"},
	}
	for _, format := range []string{"tar.gz", "zip"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			one, err := pack(format, members)
			if err != nil {
				t.Fatal(err)
			}
			two, err := pack(format, members)
			if err != nil || !bytes.Equal(one, two) {
				t.Errorf("the same members made another archive, %v", err)
			}
			back, err := unpack(format, one)
			if err != nil || len(back) != len(members) {
				t.Fatalf("%v, %v", back, err)
			}
			for i, m := range back {
				want := members[i]
				if m.name != want.name || !bytes.Equal(m.content, want.content) || m.mode.Perm() != want.mode || !m.mtime.Equal(at) {
					t.Errorf("%+v, not %+v", m, want)
				}
			}
		})
	}
	if _, err := pack("rar", members); err == nil {
		t.Error("there is an archive of an unknown format")
	}
}

// TestVerifyRefuses gives it archives with something wrong.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 2, 5, 33, 20, 0, time.UTC)
	err := verify(t.Context(), example, target{"linux", "amd64"}, []member{
		{"LICENSE", []byte("free"), 0o600, at, "", ""}, {"README.md", []byte("read"), 0o644, at.Add(time.Hour), "", ""},
		{"holdfast", []byte("no program"), 0o755, at, "", ""},
	})
	if err == nil {
		t.Fatal("it is as it should be")
	}
	for _, want := range []string{"LICENSE has mode 600", "README.md is of 2026-11-02T06:33:20Z", "it has no man/holdfast.1", "it is no program for linux/amd64"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyProgram(t.Context(), example, target{"windows", "arm64"}, content); err == nil {
		t.Error("a program of this machine is one for Windows")
	}
}

// HEAD has moved since the build: what there is is of another commit.
func TestVerifyNothing(t *testing.T) {
	t.Parallel()
	c := loadSettings(t)
	c.Dist = t.TempDir()
	err := verifyAll(t.Context(), c, example, c.Builds[0].targets())
	if err == nil || !strings.Contains(err.Error(), "no release of commit 0123456") {
		t.Errorf("%v", err)
	}
}
