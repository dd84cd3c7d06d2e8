package lab

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCopyTree(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	src, dst := filepath.Join(parent, "src"), filepath.Join(parent, "dst")
	for path, mode := range map[string]fs.FileMode{
		"main.tf": 0o644, "run.sh": 0o755, "secret": 0o600, "modules/a/main.tf": 0o644, ".terraform.lock.hcl": 0o644,
		".terraform/providers/x": 0o644, "terraform.tfstate": 0o644, "terraform.tfstate.backup": 0o644,
		".terraform.tfstate.lock.info": 0o644, "terraform.tfstate.d/blue/terraform.tfstate": 0o644, "p.tfplan": 0o644,
		"../outside.tf": 0o644,
	} {
		full := filepath.Join(src, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(full, []byte(path), mode), os.Chmod(full, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"inside.tf": "modules/a/main.tf", "modules/outside.tf": "../../outside.tf"} {
		if err := os.Symlink(to, filepath.Join(src, link)); err != nil {
			t.Fatal(err)
		}
	}

	if err := copyTree(src, dst, notSource); err != nil {
		t.Fatal(err)
	}
	want := []string{".terraform.lock.hcl -rw-r--r--", "inside.tf -> modules/a/main.tf", "main.tf -rw-r--r--",
		"modules/a/main.tf -rw-r--r--", "modules/outside.tf -> " + parent + "/outside.tf", "run.sh -rwxr-xr-x", "secret -rw-------"}
	if got := listed(t, dst); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if err := copyTree(src, dst, notSource); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a second copy: %v", err)
	}

	clone := filepath.Join(parent, "clone")
	if err := copyTree(src, clone, notLock); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, clone); len(got) != len(want)+5 {
		t.Errorf("a clone has all but the lock, got %q", got)
	}
}

// listed lists the files and links of a folder, with their modes or targets.
func listed(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if to, err := os.Readlink(path); err == nil {
			all = append(all, rel+" -> "+to)
			return nil
		}
		info, err := entry.Info()
		all = append(all, rel+" "+info.Mode().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
