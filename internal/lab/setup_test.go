//go:build unix

package lab

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// setup is a copy of scripts/setup in a repository of its own, with stand-ins
// for all that it looks for or downloads.
type setup struct {
	t    *testing.T
	root string
	bin  string // the only folder on PATH
	env  []string
}

// newSetup makes one where nothing is installed but the system's tools.
func newSetup(t *testing.T) *setup {
	t.Helper()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("scripts/setup knows no other processor")
	}
	s := &setup{t: t, root: t.TempDir(), bin: t.TempDir()}
	for _, name := range []string{"setup", "requirements.txt"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "scripts", name))
		if err != nil {
			t.Fatal(err)
		}
		// What this machine has in /opt must not be found.
		text := strings.ReplaceAll(string(data), "find /opt ", "find '"+s.root+"/opt' ")
		s.write(filepath.Join(s.root, "scripts", name), text)
	}
	for _, name := range []string{"bash", "sh", "awk", "cat", "chmod", "curl", "cut", "dirname", "find", "head",
		"mkdir", "mktemp", "mv", "rm", "sed", "sha256sum", "shasum", "sort", "tr", "uname", "cp"} {
		if path, err := exec.LookPath(name); err == nil {
			if err := os.Symlink(path, filepath.Join(s.bin, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.env = []string{"PATH=" + s.bin, "HOME=" + s.root}
	return s
}

func (s *setup) write(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	_ = os.Remove(path) // may be a link to the system's
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// program puts a stand-in on PATH.
func (s *setup) program(name, script string) string {
	s.t.Helper()
	path := filepath.Join(s.bin, name)
	s.write(path, "#!/bin/sh\n"+script+"\n")
	return path
}

// python puts the real one on PATH: unpacking needs it. It finds no packages.
func (s *setup) python() {
	s.t.Helper()
	path, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		s.t.Skip("python3:", err)
	}
	s.program("python3", `exec "`+strings.TrimSpace(string(path))+`" -S "$@"`)
}

// provider puts an unpacked AWS provider into a mirror.
func (s *setup) provider(mirror string) {
	s.t.Helper()
	s.write(filepath.Join(mirror, providerPath, "terraform-provider-aws"), "")
}

func (s *setup) run(args ...string) (output string, ok bool) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.root, "scripts", "setup"), args...)
	cmd.Env, cmd.Dir = s.env, s.root
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// recorded reads .tools/env as FindTools does.
func (s *setup) recorded() Tools {
	s.t.Helper()
	recorded := readRecord(filepath.Join(s.root, ".tools", "env"))
	return Tools{
		Terraform: recorded["HOLDFAST_LAB_TERRAFORM"],
		Mirror:    recorded["HOLDFAST_LAB_MIRROR"],
		Python:    recorded["HOLDFAST_LAB_PYTHON"],
	}
}

const (
	someTerraform = `echo "Terraform v1.11.4"`
	oldTerraform  = `echo "Terraform v1.4.7"`
	somePython    = `echo "$0"`
)

func TestSetupTakesWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	want := Tools{
		Terraform: s.program("terraform", someTerraform),
		Mirror:    filepath.Join(s.root, "opt", "it's", "b", "c"),
		Python:    s.program("python3", somePython),
	}
	s.provider(want.Mirror)

	out, ok := s.run()
	if !ok || s.recorded() != want {
		t.Fatalf("recorded %+v, want %+v, output:\n%s", s.recorded(), want, out)
	}
	if out, ok := s.run(); !ok || out != "" {
		t.Errorf("the second run said %q", out)
	}
	if left, _ := filepath.Glob(filepath.Join(s.root, ".tools", "*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}

	other := filepath.Join(s.root, "other")
	s.provider(other)
	s.env = append(s.env, "HOLDFAST_LAB_MIRROR="+other)
	if out, ok := s.run("-q"); !ok || out != "" || s.recorded().Mirror != other {
		t.Errorf("-q said %q, recorded %+v", out, s.recorded())
	}
}

func TestSetupLooksWhereTerraformDoes(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.program("terraform", someTerraform)
	s.program("python3", somePython)
	mirror := filepath.Join(s.root, ".terraform.d", "plugins")
	s.provider(mirror)
	if out, ok := s.run(); !ok || s.recorded().Mirror != mirror {
		t.Errorf("recorded %+v, output:\n%s", s.recorded(), out)
	}
}

// TestSetupDownloads has nothing installed but an old Terraform and a Python
// without moto.
func TestSetupDownloads(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.python()
	s.program("terraform", oldTerraform)
	s.servesTerraform("")
	s.env = append(s.env, "HOLDFAST_LAB_PYTHON="+s.program("python-with-moto", somePython))

	out, ok := s.run()
	tools := filepath.Join(s.root, ".tools")
	want := Tools{Terraform: tools + "/bin/terraform", Mirror: tools + "/mirror", Python: s.bin + "/python-with-moto"}
	if !ok || s.recorded() != want {
		t.Fatalf("recorded %+v, want %+v, output:\n%s", s.recorded(), want, out)
	}
	provider := filepath.Join(want.Mirror, providerPath, "terraform-provider-aws_v5.100.0_x5")
	if info, err := os.Stat(provider); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("provider: %v, %v", info, err)
	}
	for _, said := range []string{"downloading Terraform 1.11.4", "mirroring the AWS provider 5.100.0"} {
		if !strings.Contains(out, said) {
			t.Errorf("did not say %q:\n%s", said, out)
		}
	}
	if out, ok := s.run(); !ok || out != "" {
		t.Errorf("the second run said %q", out)
	}
}

func TestSetupRefusesATamperedDownload(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.python()
	s.servesTerraform("0000")
	out, ok := s.run()
	if ok || !strings.Contains(out, "checksum") || !strings.Contains(out, "not 0000") {
		t.Errorf("said:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(s.root, ".tools", "bin")); err == nil {
		t.Error("it was installed all the same")
	}
}

// servesTerraform makes curl serve a release of Terraform, with a checksum other
// than its own if one is given. That Terraform can mirror the AWS provider.
func (s *setup) servesTerraform(checksum string) {
	s.t.Helper()
	files := s.t.TempDir()
	provider := zipped(s.t, "terraform-provider-aws_v5.100.0_x5", "provider")
	s.write(filepath.Join(files, "provider.zip"), string(provider))
	release := zipped(s.t, "terraform", `#!/bin/sh
case $1 in
  version) echo "Terraform v1.11.4" ;;
  providers) for dir; do :; done
    mkdir -p "$dir/registry.terraform.io/hashicorp/aws"
    cp "`+files+`/provider.zip" "$dir/registry.terraform.io/hashicorp/aws/terraform-provider-aws_5.100.0_any.zip" ;;
esac
`)
	name := fmt.Sprintf("terraform_1.11.4_%s_%s.zip", runtime.GOOS, runtime.GOARCH)
	if checksum == "" {
		checksum = fmt.Sprintf("%x", sha256.Sum256(release))
	}
	s.write(filepath.Join(files, name), string(release))
	s.write(filepath.Join(files, "terraform_1.11.4_SHA256SUMS"), checksum+"  "+name+"\n")
	s.program("curl", `for url; do :; done
while [ $# -gt 0 ]; do [ "$1" != --output ] || out=$2; shift; done
cp "`+files+`/${url##*/}" "$out"`)
}

func zipped(t *testing.T, name, content string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	file, err := archive.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// TestSetupInstallsMoto has a Python that knows venv, and in it a pip that works.
func TestSetupInstallsMoto(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.program("terraform", someTerraform)
	s.provider(filepath.Join(s.root, "opt"))
	s.program("python3", `case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0.inside" "$3/bin/python3" ;;
  *) exit 1 ;;
esac`)
	s.program("python3.inside", `case "$1 $2" in
  "-m pip") : >"$0.installed" ;;
  *) [ -f "$0.installed" ] && echo "$0" ;;
esac`)
	out, ok := s.run()
	if want := filepath.Join(s.root, ".tools", "venv", "bin", "python3"); !ok || s.recorded().Python != want {
		t.Errorf("recorded %+v, output:\n%s", s.recorded(), out)
	}
}

func TestSetupSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		prepare func(s *setup)
		want    []string
	}{
		{"no python", func(*setup) {}, []string{"python3 is missing", "apt-get install python3"}},
		{"no venv", func(s *setup) { s.program("python3", "exit 1") }, []string{"python3 -m venv failed", "python3-venv"}},
		{"no network", func(s *setup) {
			_ = os.Remove(filepath.Join(s.bin, "terraform"))
			s.program("curl", "exit 6")
		}, []string{"could not download https://releases.hashicorp.com/terraform/1.11.4/", "check the network"}},
		{"no registry", func(s *setup) {
			s.program("terraform", someTerraform+`; [ "$1" = version ]`)
			_ = os.RemoveAll(filepath.Join(s.root, "opt"))
		}, []string{"could not get the AWS provider", "HOLDFAST_LAB_MIRROR"}},
		{"wrong mirror", func(s *setup) { s.env = append(s.env, "HOLDFAST_LAB_MIRROR=/none") },
			[]string{"HOLDFAST_LAB_MIRROR=/none does not hold", "unset it"}},
		{"wrong terraform", func(s *setup) { s.env = append(s.env, "HOLDFAST_LAB_TERRAFORM=/none") },
			[]string{"HOLDFAST_LAB_TERRAFORM=/none is no Terraform >= 1.5"}},
		{"wrong python", func(s *setup) { s.env = append(s.env, "HOLDFAST_LAB_PYTHON=/none") },
			[]string{"HOLDFAST_LAB_PYTHON=/none can't import"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			s.program("terraform", someTerraform)
			s.provider(filepath.Join(s.root, "opt"))
			test.prepare(s)
			out, ok := s.run()
			if ok || slices.ContainsFunc(test.want, func(w string) bool { return !strings.Contains(out, w) }) {
				t.Errorf("said, succeeded %v:\n%s", ok, out)
			}
			if left, _ := filepath.Glob(filepath.Join(s.root, ".tools", "*")); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}
