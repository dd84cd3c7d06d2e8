package app

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"time"

	"holdfast/internal/drift"
)

// What a release is built with: -ldflags "-X holdfast/internal/app.Version=...".
var (
	Version = "" // without a v
	Commit  = "" // of git, whole
	Date    = "" // of that commit, as RFC 3339
)

// Build says which program this is.
type Build struct {
	Name     string `json:"name"`
	Version  string `json:"version"`            // "dev" where nobody has said
	Commit   string `json:"commit,omitempty"`   // unknown where it is not there
	Date     string `json:"date,omitempty"`     // of the commit, as RFC 3339, in UTC
	Modified bool   `json:"modified,omitempty"` // the source had changes that were not committed
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// ThisBuild says which program this is: what a release was built with, else what
// Go noted by itself.
func ThisBuild() Build {
	info, _ := debug.ReadBuildInfo()
	return build(info, Version, Commit, Date)
}

func build(info *debug.BuildInfo, version, commit, date string) Build {
	b := Build{Name: "holdfast", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	noted := map[string]string{}
	var module string
	if info != nil {
		for _, s := range info.Settings {
			noted[s.Key] = s.Value
		}
		if module = info.Main.Version; module == "(devel)" {
			module = ""
		}
	}
	b.Version = cmp.Or(version, module, "dev")
	b.Commit = cmp.Or(commit, noted["vcs.revision"])
	b.Date = inUTC(cmp.Or(date, noted["vcs.time"]))
	b.Modified = commit == "" && noted["vcs.modified"] == "true"
	return b
}

// inUTC leaves alone what is no time.
func inUTC(date string) string {
	if t, err := time.Parse(time.RFC3339, date); err == nil {
		return t.UTC().Format(time.RFC3339)
	}
	return date
}

// Tool says which program made a result.
func Tool() drift.Tool {
	b := ThisBuild()
	return drift.Tool{Name: b.Name, Version: b.Version}
}
