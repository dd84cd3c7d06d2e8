package app

import (
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	noted := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-02T07:00:00+01:00"}, {Key: "vcs.modified", Value: "true"},
	}
	for name, test := range map[string]struct {
		info                  *debug.BuildInfo
		version, commit, date string
		want                  Build
	}{
		"a release": {
			&debug.BuildInfo{Main: debug.Module{Version: "v9.9.9"}, Settings: noted}, "1.2.3", "fedcba", "2026-11-01T00:00:00Z",
			Build{Version: "1.2.3", Commit: "fedcba", Date: "2026-11-01T00:00:00Z"},
		},
		"go install": {&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "", "", "", Build{Version: "v1.2.3"}},
		"go build in a repository": {
			&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: noted}, "", "", "",
			Build{Version: "dev", Commit: "0123456789abcdef", Date: "2026-11-02T06:00:00Z", Modified: true},
		},
		"nothing known": {nil, "", "", "", Build{Version: "dev"}},
		"an odd date":   {nil, "1", "", "yesterday", Build{Version: "1", Date: "yesterday"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := build(test.info, test.version, test.commit, test.date)
			if got.Name != "holdfast" || got.Go == "" || got.OS == "" || got.Arch == "" {
				t.Errorf("%+v", got)
			}
			got.Name, got.Go, got.OS, got.Arch = "", "", "", ""
			if got != test.want {
				t.Errorf("%+v, not %+v", got, test.want)
			}
		})
	}
}
