//go:build unix

package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"holdfast/internal/drift"
)

// nobody is a user with no rights at all.
const nobody = 65534

// unreadable are things that the user who runs the check must not read.
var unreadable = []struct {
	name, path string
	want       []oddStack
}{
	{"a folder", "odd", one(notChecked, "stack_unreadable", "ROOT/odd", "permission denied")},
	{"a folder that may be listed only", "odd", []oddStack{
		{path: "odd", status: notChecked, code: "stack_unreadable", says: []string{"ROOT/odd/", "permission denied"}},
		{path: "odd/docs", status: notChecked, code: "stack_unreadable", says: []string{"ROOT/odd/docs", "permission denied"}},
		{path: "odd/modules", status: notChecked, code: "stack_unreadable", says: []string{"ROOT/odd/modules", "permission denied"}},
	}},
	{"a source file", "odd/main.tf", one(notChecked, "source_unreadable", "ROOT/odd/main.tf", "permission denied")},
	{"a state", "odd/terraform.tfstate", one(notChecked, "state_unreadable", "ROOT/odd/terraform.tfstate", "permission denied")},
	{"a lock file", "odd/.terraform.lock.hcl", one(notChecked, "lock_file_unreadable", "ROOT/odd/.terraform.lock.hcl", "permission denied")},
	{"variables", "odd/terraform.tfvars", one(notChecked, "variables_unreadable", "terraform.tfvars", "permission denied")},
	{"a record of the backend", "odd/.terraform/terraform.tfstate", one(notChecked, "stack_unreadable", "ROOT/odd/.terraform/terraform.tfstate", "permission denied")},
	{"a folder of modules", "odd/modules", []oddStack{
		{path: "odd", status: incomplete, code: "module_missing", says: []string{"module m", "ROOT/odd/main.tf:12", "ROOT/odd/modules/m: permission denied"}},
		{path: "odd/modules", status: notChecked, code: "stack_unreadable", says: []string{"ROOT/odd/modules", "permission denied"}},
	}},
	{"a folder with nothing of Terraform", "odd/docs", []oddStack{
		{path: "odd", status: isClean},
		{path: "odd/docs", status: notChecked, code: "stack_unreadable", says: []string{"ROOT/odd/docs", "permission denied"}},
	}},
}

// TestUnreadable checks repositories in which something must not be read. To
// root everything is readable: then the program runs as nobody.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	rig := newOddRig(t)
	rig.mkdir(t, "tmp")
	if os.Geteuid() == 0 {
		rig.giveAway(t, rig.dir)
	}
	t.Run("group", func(t *testing.T) {
		for _, c := range unreadable {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				r := rig.repository(t)
				module := "module \"m\" {\n  source = \"./modules/m\"\n}\n"
				r.stack(t, "odd", simple+module, object("odd"))
				r.file(t, "odd/modules/m/main.tf", "locals {}\n")
				r.file(t, "odd/terraform.tfvars", "")
				r.file(t, "odd/docs/README", "")
				r.file(t, "odd/.terraform/terraform.tfstate", `{"version": 3}`)
				r.testUnreadable(t, c.path, c.name == "a folder that may be listed only", c.want)
			})
		}
	})
}

func (r *repository) testUnreadable(t *testing.T, path string, listed bool, want []oddStack) {
	t.Helper()
	var who *syscall.Credential
	if os.Geteuid() == 0 {
		r.giveAway(t, r.base)
		who = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
	}
	mode := fs.FileMode(0)
	if listed {
		mode = 0o444
	}
	must(t, os.Chmod(filepath.Join(r.dir, path), mode))
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(r.dir, path), 0o755) })
	r.expect(t, r.checkAs(t, who), want, drift.StatusClean)
	for _, name := range []string{before, after} {
		r.world.Edit(t, "test_simple", name, func(attrs map[string]any) { attrs["note"] = "by hand" })
	}
	if who != nil {
		r.giveAway(t, r.world.Dir)
	}
	r.expect(t, r.checkAs(t, who), want, drift.StatusDrifted)
}

// giveAway makes nobody the owner of a folder and all that is in it, but for
// programs, whose files are linked to from elsewhere.
func (r *oddRig) giveAway(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}))
}
