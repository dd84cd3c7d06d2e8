package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/stack"
)

func TestRepository(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"https://github.com/acme/infra.git":                        "github.com/acme/infra",
		"https://x-access-token:CANARY@github.com/acme/infra":      "github.com/acme/infra",
		"https://CANARY@dev.azure.com/acme/net/_git/infra":         "dev.azure.com/acme/net/_git/infra",
		"ssh://git@github.com:22/acme/infra.git":                   "github.com/acme/infra",
		"git@github.com:acme/infra.git":                            "github.com/acme/infra",
		"../infra.git":                                             "/../infra",
		"https://gitlab-ci-token:CANARY@gitlab.com/acme/infra.git": "gitlab.com/acme/infra",
	} {
		dir := filepath.Join(t.TempDir(), "folder")
		if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o700); err != nil {
			t.Fatal(err)
		}
		config := "[core]\n\tbare = false\n[remote \"fork\"]\n\turl = https://example.com/fork\n[remote \"origin\"]\n\turl = " + remote + "\n\tfetch = +refs\n"
		if err := os.WriteFile(filepath.Join(dir, ".git", "config"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := repository(dir); got != want || strings.Contains(got, "CANARY") {
			t.Errorf("%s is %q, want %q", remote, got, want)
		}
	}
	if got := repository(filepath.Join(t.TempDir(), "infra")); got != "infra" {
		t.Errorf("without git it is %q", got)
	}
}

// TestIdentify: the repository is part of a stack's id where a database may be
// shared, and another state is another stack.
func TestIdentify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	id := func(base, option, state string, s stack.Stack) string {
		t.Helper()
		candidates := []stack.Candidate{{Stack: s}}
		if err := identify(candidates, CheckOptions{Store: option, State: state}, &stack.Settings{Dir: base}); err != nil {
			t.Fatal(err)
		}
		return candidates[0].Stack.ID()
	}
	at := func(base string) stack.Stack { return stack.Stack{Dir: filepath.Join(base, "live", "eu"), Path: "."} }
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	same := id(one, "", "", at(one))
	for name, other := range map[string]string{
		"another path to it":   id(one, "", "", stack.Stack{Dir: filepath.Join(one, "live", "eu"), Path: "live/eu"}),
		"another file":         id(one, "file.db", "", at(one)),
		"the same elsewhere":   id(two, "", "", at(two)),
		"one not yet readable": id(one, "", "", stack.Stack{Path: filepath.Join(one, "live", "eu")}),
	} {
		if other != same {
			t.Errorf("%s has another id", name)
		}
	}
	for name, other := range map[string]string{
		"another folder":       id(one, "", "", stack.Stack{Dir: filepath.Join(one, "live", "us"), Path: "."}),
		"another workspace":    id(one, "", "", stack.Stack{Dir: filepath.Join(one, "live", "eu"), Workspace: "blue"}),
		"another state":        id(one, "", "s3://bucket/key", at(one)),
		"in a shared database": id(one, "postgres://db/x", "", at(one)),
		"a state alone":        id(one, "", "s3://bucket/key", stack.Stack{NoSource: true, StateURL: "s3://bucket/key", Dir: one}),
	} {
		if other == same {
			t.Errorf("%s has the same id", name)
		}
	}
	if id(one, "postgres://db/x", "", at(one)) == id(two, "postgres://db/x", "", at(two)) {
		t.Error("two repositories share an id in a database")
	}
}
