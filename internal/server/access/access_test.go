package access_test

import (
	"testing"

	"holdfast/internal/server/access"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin} {
		if got, err := access.ParseRole(role.String()); err != nil || got != role {
			t.Errorf("%s: %v, %v", role, got, err)
		}
	}
	for _, text := range []string{"", "none", "Admin", "root"} {
		if got, err := access.ParseRole(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
	if access.Viewer >= access.Operator || access.Operator >= access.Admin || access.None >= access.Viewer || access.Role(9).String() != "none" {
		t.Error("roles are not in order")
	}
}

func TestMaySee(t *testing.T) {
	t.Parallel()
	all, some, nobody := access.Identity{Role: access.Viewer}, access.Identity{Role: access.Admin, Scopes: []string{"network"}}, access.Identity{}
	if !all.MaySee("network") || !all.MaySee("") || !some.MaySee("network") || some.MaySee("apps") || some.MaySee("") || nobody.MaySee("network") {
		t.Error("a source is seen by the wrong people")
	}
}
