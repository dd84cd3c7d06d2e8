package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/cli"
)

// requests are the macros that a page uses.
var requests = regexp.MustCompile(`^\.(TH|SH|PP|TP|nf|fi)( "[^"]*")*$`)

// TestManPages writes them and holds each against what roff allows: a line that
// begins with a dot is a macro that we meant, and no backslash is a stray one.
func TestManPages(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man")
	var stdout, stderr bytes.Buffer
	if code := cli.Main([]string{"man", dir}, nil, &stdout, &stderr); code != 0 || stdout.Len()+stderr.Len() > 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	escape := regexp.MustCompile(`\\(.{0,3})`)
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, ".") && !requests.MatchString(line) || strings.HasPrefix(line, "'") {
				t.Errorf("%s:%d: no macro of ours: %s", filepath.Base(page), i+1, line)
			}
			for _, m := range escape.FindAllStringSubmatch(line, -1) {
				if !strings.HasPrefix(m[1], "-") && !strings.HasPrefix(m[1], "e") && !strings.HasPrefix(m[1], "&") &&
					!strings.HasPrefix(m[1], "fB") && !strings.HasPrefix(m[1], "fI") && !strings.HasPrefix(m[1], "fR") && m[1] != "(dq" {
					t.Errorf("%s:%d: a stray backslash: %s", filepath.Base(page), i+1, line)
				}
			}
		}
	}
	check, err := os.ReadFile(filepath.Join(dir, "holdfast-check.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n.SH \"NAME\"\nholdfast\\-check \\- Find drift; read\\-only\n", "\n.SH \"EXAMPLES\"\n.nf\n", "\\fB\\-\\-var\\-file\\fR \\fIFILE\\fR",
		"  2  drift\n", "HOLDFAST_CACHE_DIR",
	} {
		if !bytes.Contains(check, []byte(want)) {
			t.Errorf("holdfast-check.1 lacks %q:\n%s", want, check)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "holdfast-man.1")); err == nil {
		t.Error("there is a page for the hidden command")
	}
}
