package drift_test

import (
	"testing"

	"holdfast/internal/drift"
)

func TestSelection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		targets, excludes []string
		has, hasNot       []string
	}{
		{"all", nil, nil, []string{"a.b", "module.m.a.b"}, nil},
		{"a resource", []string{"a.b"}, nil, []string{"a.b", "a.b[0]", `a.b["k"]`}, []string{"a.bc", "module.m.a.b", "a.c"}},
		{"an instance", []string{`a.b["k"]`}, nil, []string{`a.b["k"]`}, []string{"a.b", `a.b["kk"]`, "a.b[0]"}},
		{"a module", []string{"module.m"}, nil, []string{"module.m.a.b", `module.m["x"].a.b`, "module.m.module.n.a.b"}, []string{"module.mm.a.b", "a.b"}},
		{"all but one", nil, []string{"a.b"}, []string{"a.c"}, []string{"a.b[1]"}},
		{"a module but for one", []string{"module.m"}, []string{"module.m.a.b"}, []string{"module.m.a.c"}, []string{"module.m.a.b", "a.c"}},
	} {
		s := drift.Selection{Targets: c.targets, Excludes: c.excludes}
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, address := range c.has {
			if !s.Has(address) {
				t.Errorf("%s: %s is not in it", c.name, address)
			}
		}
		for _, address := range c.hasNot {
			if s.Has(address) {
				t.Errorf("%s: %s is in it", c.name, address)
			}
		}
	}
	for _, address := range []string{"", "a", "a.", "module.", "a b"} {
		if err := (drift.Selection{Targets: []string{address}}).Check(); err == nil {
			t.Errorf("%q was taken for an address", address)
		}
	}
}
