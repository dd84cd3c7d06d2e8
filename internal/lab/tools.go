package lab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// ProviderVersion is the version of the AWS provider that the mirror must hold.
const ProviderVersion = "5.100.0"

// providerPath is where a filesystem mirror keeps the AWS provider, unpacked.
var providerPath = filepath.Join("registry.terraform.io", "hashicorp", "aws", ProviderVersion,
	runtime.GOOS+"_"+runtime.GOARCH)

// Tools says where the programs are that the lab runs.
type Tools struct {
	Terraform string // the terraform program
	Mirror    string // a Terraform filesystem mirror with the AWS provider, unpacked
	Python    string // a Python that can import moto.server and boto3
}

// FindTools finds the tools: each from its environment variable
// (HOLDFAST_LAB_TERRAFORM, HOLDFAST_LAB_MIRROR, HOLDFAST_LAB_PYTHON), else from
// the .tools/env that scripts/setup wrote in the repository around the working
// directory, else by looking in the usual places. The error names every tool
// that is missing and says how to get it. Takes microseconds with .tools/env,
// about 0.2 s without.
func FindTools() (Tools, error) {
	recorded := recordedTools()
	var tools Tools
	var missing []error
	for _, tool := range []struct {
		field    *string
		variable string
		check    func(string) error
		look     func() (string, error)
	}{
		{&tools.Terraform, "HOLDFAST_LAB_TERRAFORM", checkProgram, lookTerraform},
		{&tools.Mirror, "HOLDFAST_LAB_MIRROR", checkMirror, lookMirror},
		{&tools.Python, "HOLDFAST_LAB_PYTHON", checkProgram, lookPython},
	} {
		found, err := findTool(os.Getenv(tool.variable), recorded[tool.variable], tool.check, tool.look)
		if err != nil {
			missing = append(missing, fmt.Errorf("%s: %w", tool.variable, err))
		}
		*tool.field = found
	}
	if len(missing) > 0 {
		return Tools{}, fmt.Errorf("the lab's tools are incomplete, run scripts/setup: %w", errors.Join(missing...))
	}
	return tools, nil
}

// findTool takes what the environment says (and fails if that is wrong, rather
// than quietly use something else), else what was recorded, else looks.
func findTool(fromEnv, recorded string, check func(string) error, look func() (string, error)) (string, error) {
	if fromEnv != "" {
		return fromEnv, check(fromEnv)
	}
	if recorded != "" && check(recorded) == nil {
		return recorded, nil
	}
	return look()
}

func checkProgram(path string) error {
	_, err := exec.LookPath(path)
	return err
}

func checkMirror(path string) error {
	_, err := os.Stat(filepath.Join(path, providerPath))
	return err
}

func lookTerraform() (string, error) {
	return exec.LookPath("terraform")
}

// lookPython asks for the packages without importing them, which takes a
// twentieth of the time.
func lookPython() (string, error) {
	const ask = `import sys, importlib.util as u
sys.exit("no " + m) if (m := next((m for m in ("moto", "boto3", "flask") if not u.find_spec(m)), "")) else print(sys.executable)`
	out, err := exec.Command("python3", "-c", ask).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("python3 with moto: %w %s", err, text)
	}
	return text, nil
}

// lookMirror looks where Terraform itself does, and below /opt.
func lookMirror() (string, error) {
	candidates := impliedMirrors()
	for folder := "/opt"; strings.Count(folder, "*") <= 3; folder += "/*" {
		found, _ := filepath.Glob(filepath.Join(folder, providerPath))
		for _, path := range found {
			candidates = append(candidates, strings.TrimSuffix(path, providerPath))
		}
	}
	for _, candidate := range candidates {
		if checkMirror(candidate) == nil {
			return filepath.Clean(candidate), nil
		}
	}
	return "", fmt.Errorf("no filesystem mirror with the AWS provider %s", ProviderVersion)
}

// impliedMirrors lists the folders that Terraform uses as mirrors by itself.
// https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
func impliedMirrors() []string {
	mirrors := []string{"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"}
	if home, err := os.UserHomeDir(); err == nil {
		mirrors = append(mirrors,
			filepath.Join(home, ".terraform.d", "plugins"),
			filepath.Join(home, ".local", "share", "terraform", "plugins"),
			filepath.Join(home, "Library", "Application Support", "io.terraform", "plugins"))
	}
	if data := os.Getenv("XDG_DATA_HOME"); data != "" {
		mirrors = append(mirrors, filepath.Join(data, "terraform", "plugins"))
	}
	return mirrors
}

// recordedTools reads .tools/env of the repository around the working
// directory.
func recordedTools() map[string]string {
	root, err := repositoryRoot()
	if err != nil {
		return nil
	}
	return readRecord(filepath.Join(root, ".tools", "env"))
}

// readRecord reads lines of the form export NAME='VALUE'. Nil if there is no
// such file.
func readRecord(path string) map[string]string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	recorded := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line, ok := strings.CutPrefix(lines.Text(), "export ")
		name, value, found := strings.Cut(line, "=")
		if ok && found {
			recorded[name] = unquote(value)
		}
	}
	return recorded
}

// unquote undoes the shell's single quotes as scripts/setup writes them.
func unquote(value string) string {
	value = strings.TrimSuffix(strings.TrimPrefix(value, "'"), "'")
	return strings.ReplaceAll(value, `'\''`, `'`)
}

// repositoryRoot walks up from the working directory to the go.mod.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}

// TB is the part of testing.TB that Need uses, so that a program that uses the
// lab does not link the testing package.
type TB interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Need returns the tools, or skips the test when there are none. Where
// HOLDFAST_REQUIRE_LAB=1 is set, as in CI, it fails the test instead.
func Need(t TB) Tools {
	t.Helper()
	tools, err := FindTools()
	switch {
	case err == nil:
	case os.Getenv("HOLDFAST_REQUIRE_LAB") == "1":
		t.Fatal("HOLDFAST_REQUIRE_LAB=1: ", err)
	default:
		t.Skip(err)
	}
	return tools
}
