package arch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// homePath is an absolute path into somebody's home or work folder: right on one
// machine only. The slash is escaped so that this line is none itself.
var homePath = regexp.MustCompile(`(?:^|[^\w./~-])(?:\x2f(?:home|Users|root|work)/[\w.-]|[A-Z]:\\Users\\)`)

// anybody are the names that examples use instead of a person's.
var anybody = regexp.MustCompile(`^.?/(?:home|Users)/(?:someone|you|user)\b`)

// registry is where lock files of npm may fetch from.
const registry = "https://registry.npmjs.org/"

// otherIndex are the options by which a pip or npm file names another registry
// than the usual one.
var otherIndex = regexp.MustCompile(`(?m)^\s*(?:--?(?:extra-)?index-url|-i|--find-links|-f|registry\s*=)[\s=]*(\S+)`)

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := root(t)
	for _, name := range tracked(t, dir) {
		info, err := os.Lstat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.Mode().IsRegular()) {
			continue // deleted and not yet committed, or a link
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range fileFaults(name, content) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// fileFaults says what a file must not contain and does.
func fileFaults(name string, content []byte) []string {
	if bytes.IndexByte(content, 0) >= 0 {
		return nil // not text
	}
	var faults []string
	for i, line := range strings.Split(string(content), "\n") {
		for _, at := range homePath.FindAllStringIndex(line, -1) {
			if !anybody.MatchString(line[at[0]:]) {
				faults = append(faults, "line "+strconv.Itoa(i+1)+" has a path of one machine: "+strings.TrimSpace(line))
			}
		}
	}
	switch base := filepath.Base(name); {
	case base == "package-lock.json":
		faults = append(faults, lockFaults(content)...)
	case base == ".npmrc", strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt"):
		for _, match := range otherIndex.FindAllSubmatch(content, -1) {
			faults = append(faults, "names a registry: "+string(match[1]))
		}
	}
	return faults
}

// lockFaults finds packages that npm would fetch from a mirror.
func lockFaults(content []byte) []string {
	var lock struct {
		Packages map[string]struct{ Resolved string }
	}
	if err := json.Unmarshal(content, &lock); err != nil {
		return []string{err.Error()}
	}
	var faults []string
	for name, p := range lock.Packages {
		if p.Resolved != "" && !strings.HasPrefix(p.Resolved, registry) {
			faults = append(faults, name+" comes from "+p.Resolved+", not from "+registry)
		}
	}
	return faults
}

func TestFileRulesBite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, content string
		faulty              bool
	}{
		{"a home", "a.md", "see \x2fhome/jane/notes", true},
		{"a home at the start", "a.md", "\x2froot/x", true},
		{"a home on macOS", "a.sh", `cd "` + "\x2fUsers/jane" + `"`, true},
		{"a home on Windows", "a.md", "C:" + `\Users\jane`, true},
		{"a work folder", "a.go", "`" + "\x2fwork/main`", true},
		{"anybody's home", "a.go", "\"\x2fhome/someone/x\"", false},
		{"anybody's home and another", "a.go", "\x2fhome/you/x \x2fhome/jane/x", true},
		{"a web page", "a.md", "https://example.com\x2fhome/index.html", false},
		{"a relative path", "a.md", "./w\x6frk/x and ~\x2fwork/x", false},
		{"not text", "a.zip", "\x00 \x2fhome/jane", false},
		{"npm's registry", "package-lock.json", `{"packages":{"a":{"resolved":"https://registry.npmjs.org/a/-/a-1.0.0.tgz"},"b":{}}}`, false},
		{"a mirror", "x/package-lock.json", `{"packages":{"a":{"resolved":"https://mirror.example/a-1.0.0.tgz"}}}`, true},
		{"a damaged lock file", "package-lock.json", `{`, true},
		{"an index", "requirements.txt", "--index-url https://mirror.example/simple\nmoto==5.2.1\n", true},
		{"an npm registry", ".npmrc", "registry=https://mirror.example/\n", true},
		{"requirements", "requirements-dev.txt", "moto[server]==5.2.1 # -i is not here\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if faults := fileFaults(c.file, []byte(c.content)); (len(faults) > 0) != c.faulty {
				t.Errorf("faults %q, want some: %v", faults, c.faulty)
			}
		})
	}
}

// tracked lists the files that git has, or would add. It also reads the folders
// they are in, so that go test notices new files and does not answer from its
// cache.
func tracked(t *testing.T, dir string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("git does not list the files of %s: %v", dir, err)
	}
	names := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if len(names) < 10 {
		t.Fatalf("git lists %d files", len(names))
	}
	folders := map[string]bool{}
	for _, name := range names {
		for folder := filepath.Dir(filepath.Join(dir, name)); !folders[folder] && len(folder) >= len(dir); folder = filepath.Dir(folder) {
			folders[folder] = true
			if _, err := os.ReadDir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	return names
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}
