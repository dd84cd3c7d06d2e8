//go:build linux

package arch_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckScript runs deploy/terraform/check.sh as the task does, with a
// repository on this machine and a stand-in for holdfast.
func TestCheckScript(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"sh", "git", "flock", "timeout"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	repository := newRepository(t)
	for name, test := range map[string]struct {
		holdfast string // what it does
		env      []string
		code     int
		end      string // of the line that says how it ended
		seen     string // by holdfast
	}{
		"clean":           {`echo '{}' >"$result"; exit 0`, nil, 0, `"exit_code":0,"message":"clean"`, "check --log-format json --no-color"},
		"drift":           {`echo '{}' >"$result"; exit 2`, nil, 2, `"exit_code":2,"message":"drift"`, " --exclude-dir legacy"},
		"incomplete":      {`echo '{}' >"$result"; exit 1`, nil, 1, "something could not be checked", ""},
		"a crash":         {`exit 2`, nil, 1, "ended without a result", ""}, // as a panic of Go does
		"killed":          {`kill -9 $$`, nil, 1, "was killed", ""},
		"too long":        {`exec sleep 600`, []string{"CHECK_TIMEOUT=0.2s"}, 1, "took longer than 0.2s", ""},
		"a branch":        {`cat branch; echo '{}' >"$result"; exit 0`, []string{"REPOSITORY_BRANCH=other"}, 0, "clean", "this is other"},
		"a folder":        {`pwd; echo '{}' >"$result"; exit 0`, []string{"REPOSITORY_PATH=infra"}, 0, "clean", "/source/infra"},
		"no such folder":  {`exit 0`, []string{"REPOSITORY_PATH=none"}, 1, "has no folder none", ""},
		"no repository":   {`exit 0`, []string{"REPOSITORY_URL=file:///nowhere"}, 1, "could not be fetched", ""},
		"an option there": {`exit 0`, []string{"REPOSITORY_URL=--upload-pack=touch /tmp/x"}, 1, "could not be fetched", ""},
		"the token is not for the check": {
			`env; echo '{}' >"$result"; exit 0`, []string{"REPOSITORY_TOKEN=canary-4711"}, 0, "clean", "REPOSITORY_PATH=",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := runCheckScript(t, repository, test.holdfast, test.env)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			last := lines[len(lines)-1]
			if code != test.code || !strings.Contains(last, test.end) || !strings.HasPrefix(last, `{"event":"check_ended",`) {
				t.Errorf("exit code %d: %s", code, out)
			}
			if !strings.Contains(out, test.seen) {
				t.Errorf("holdfast did not see %q: %s", test.seen, out)
			}
			if strings.Contains(out, "canary") || strings.Contains(out, "GIT_CONFIG") {
				t.Errorf("the token, or what hands it over, has got to the check: %s", out)
			}
		})
	}
}

// TestCheckScriptToken wants git to get the token from the script when a server
// asks for it. Real git asks, in the place of a clone.
func TestCheckScriptToken(t *testing.T) {
	t.Parallel()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip(err)
	}
	stand := "#!/bin/sh\nprintf 'protocol=https\\nhost=example.com\\n\\n' | " + git + " credential fill\nexit 1\n"
	out, code := runCheckScript(t, "", "", []string{"REPOSITORY_TOKEN=canary-4711", "REPOSITORY_USERNAME=oauth2"}, stand)
	if code != 1 || !strings.Contains(out, "username=oauth2\npassword=canary-4711\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// newRepository makes one with a folder infra, and a branch.
func newRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script := `set -e
git init -q -b main .
mkdir infra && touch infra/main.tf
git add . && git commit -qm first
git checkout -q -b other && echo this is other >branch
git add . && git commit -qm second
git checkout -q main`
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// runCheckScript runs it with its folder moved to where a test may write, and
// perhaps another git.
func runCheckScript(t *testing.T, repository, holdfast string, env []string, git ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(root(t), "deploy", "terraform", "check.sh"))
	if err != nil {
		t.Fatal(err)
	}
	script := strings.Replace(string(text), "work=/var/lib/holdfast", "work='"+dir+"/w'", 1)
	program := "#!/bin/sh\nresult='" + dir + "/w/result.json'\necho \"$@\"\n" + holdfast + "\n"
	if err := os.WriteFile(filepath.Join(dir, "holdfast"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, stand := range git {
		if err := os.WriteFile(filepath.Join(dir, "git"), []byte(stand), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// The arguments are those of the container definition.
	cmd := exec.Command("/bin/sh", "-c", script, "check", "--exclude-dir", "legacy")
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "CHECK_TIMEOUT=5m", "REPOSITORY_BRANCH=", "REPOSITORY_PATH=.",
		"REPOSITORY_URL=file://" + repository, "HISTORY_LOCK=" + filepath.Join(dir, "lock"),
	}, env...)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok || ok && !exit.Exited() {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
