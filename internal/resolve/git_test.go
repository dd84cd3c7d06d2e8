package resolve

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUncommitted tells code that is not committed from what is kept beside it.
func TestUncommitted(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	top := t.TempDir()
	if target, err := filepath.EvalSymlinks(top); err == nil {
		top = target
	}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=kim", "-c", "user.email=kim@example.com"}, args...)...)
		cmd.Dir = top
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	changed := func(want ...string) {
		t.Helper()
		got, err := uncommitted(t.Context(), filepath.Join(top, "live", "app"), []string{filepath.Join(top, "live", "app", "DRIFT.md")})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	write("live/app/main.tf", "a")
	changed() // no repository
	git("init", "-q")
	changed("live/app/main.tf")
	write("live/app/old.tf", "a long enough file, so that git sees it renamed")
	git("add", ".")
	git("commit", "-qm", "Begin")
	changed()
	for _, name := range []string{".terraform/x", ".holdfast/history.db", "terraform.tfstate", "terraform.tfstate.backup", ".terraform.tfstate.lock.info", "terraform.tfstate.d/x/terraform.tfstate", "DRIFT.md"} {
		write("live/app/"+name, "x")
	}
	write("live/other/main.tf", "x")
	changed()
	write("live/app/main.tf", "b")
	git("mv", "live/app/old.tf", "live/app/new name.tf")
	write("live/app/läuft.tf", "x")
	changed("live/app/main.tf", "live/app/new name.tf", "live/app/läuft.tf")
	git("add", "-f", "live/app/terraform.tfstate")
	git("commit", "-qam", "Go on")
	write("live/app/terraform.tfstate", "a state that somebody keeps in git")
	changed("live/app/terraform.tfstate", "live/app/läuft.tf")
	write(".git/config", "[broken")
	if _, err := uncommitted(t.Context(), top, nil); err == nil {
		t.Error("what git can't tell is not clean")
	}
}
