//go:build linux

package cli_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestActionInstalls: of a release, what its checksums vouch for is installed, and
// nothing else.
func TestActionInstalls(t *testing.T) {
	t.Parallel()
	archive := packed(t, "holdfast", "#!/bin/sh\necho holdfast 1.2.3\n")
	sum := fmt.Sprintf("%x", sha256.Sum256(archive))
	for _, c := range []struct {
		name, version, ref, checksums, want string
	}{
		{"a version", "1.2.3", "", sum + "  holdfast_1.2.3_linux_amd64.tar.gz\n", ""},
		{"a version as its tag", "v1.2.3", "", "0000  other.zip\n" + sum + " *holdfast_1.2.3_linux_amd64.tar.gz\n", ""},
		{"the latest", "latest", "v9.9.9", sum + "  holdfast_1.2.3_linux_amd64.tar.gz\n", ""},
		{"the action's", "", "v1.2.3", sum + "  holdfast_1.2.3_linux_amd64.tar.gz\n", ""},
		{"the action's, at a branch", "", "main", sum + "  holdfast_1.2.3_linux_amd64.tar.gz\n", ""},
		{"another archive", "1.2.3", "", strings.Repeat("0", 64) + "  holdfast_1.2.3_linux_amd64.tar.gz\n", "has the checksum " + sum},
		{"an archive that is not listed", "1.2.3", "", sum + "  holdfast_1.2.3_darwin_arm64.tar.gz\n", "does not list"},
		{"a name that only ends like it", "1.2.3", "", sum + "  xholdfast_1.2.3_linux_amd64.tar.gz\n", "does not list"},
		{"no such version", "1.2.4", "", sum + "  holdfast_1.2.3_linux_amd64.tar.gz\n", "could not download the checksums"},
		{"no version", "../../x", "", "", "is none; write it as"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			releases := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/latest":
					http.Redirect(w, r, "/tag/v1.2.3", http.StatusFound)
				case "/tag/v1.2.3":
				case "/download/v1.2.3/holdfast_1.2.3_checksums.txt":
					fmt.Fprint(w, c.checksums)
				case "/download/v1.2.3/holdfast_1.2.3_linux_amd64.tar.gz":
					_, _ = w.Write(archive)
				default:
					http.NotFound(w, r)
				}
			}))
			t.Cleanup(releases.Close)
			r := newRunner(t, t.TempDir(), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, map[string]string{"version": c.version, "releases": releases.URL})
			r.action.Runs.Steps = r.action.Runs.Steps[:1]
			r.action.Runs.Steps[0].Env["ACTION_REF"] = c.ref
			out := r.run(t)
			folder := filepath.Join(r.temp, "holdfast", "bin")
			if c.want != "" {
				if _, err := os.Stat(filepath.Join(folder, "holdfast")); out.code != 1 || err == nil || !strings.Contains(out.log, c.want) || out.path != "" {
					t.Errorf("exit code %d, %v: %s", out.code, err, out.log)
				}
				return
			}
			if out.code != 0 || out.path != folder+"\n" || !strings.Contains(out.log, "holdfast 1.2.3\n") || !strings.Contains(out.log, sum) {
				t.Errorf("exit code %d, %q: %s", out.code, out.path, out.log)
			}
		})
	}
}

// packed is an archive with one program.
func packed(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	must(t, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
	_, err := archive.Write([]byte(content))
	must(t, err)
	must(t, archive.Close())
	must(t, zip.Close())
	return b.Bytes()
}
