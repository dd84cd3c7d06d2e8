//go:build linux

package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/lab/cases"
	"holdfast/internal/lab/githubstub"
)

// TestAction runs the steps of the action as a runner would, on the example in a
// repository: drift opens an issue and proposes the report, the same drift changes
// neither, and after a revert the issue is closed.
func TestAction(t *testing.T) {
	t.Parallel()
	r := resolvable(t, filepath.Join("..", "..", "examples", "device-tokens"))
	write(t, filepath.Join(r.Dir, "holdfast.yaml"), "version: 1\nalerts:\n  - github: {token_env: HOLDFAST_GITHUB_TOKEN}\n")
	remote := withRemote(t, r.Dir)
	github := newGitHub(t)
	binary, err := exec.LookPath("holdfast")
	must(t, err)
	home := t.TempDir() // with the cache of schemas that tests share
	must(t, os.Mkdir(filepath.Join(home, ".cache"), 0o755))
	must(t, os.Symlink(theBed.Cache(), filepath.Join(home, ".cache", "holdfast")))
	env := append(slices.Clone(r.env), "HOME="+home, "GITHUB_API_URL="+github.URL, "GIT_CONFIG_NOSYSTEM=1")
	action := func(report string) ran {
		t.Helper()
		return newRunner(t, r.Dir, env, map[string]string{"binary": binary, "report": report, "upload-sarif": "true", "history": "branch"}).run(t)
	}

	r.do(t, cases.Call("lambda", "update_function_configuration", cases.Params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 512}))
	first := action("pull-request")
	first.ended(t, drift.ExitDrift, "drifted", "1")
	if !strings.Contains(first.summary, "aws_lambda_function.device_token") || !strings.Contains(first.log, "memory_size  128 -> 512") ||
		!strings.Contains(first.log, "::error title=Holdfast::drift was found: 1 finding(s)") || first.outputs["pull-request"] != "100" || first.outputs["report-changed"] != "true" {
		t.Errorf("%+v", first)
	}
	issues := github.Issues()
	if len(issues) != 1 || issues[0].State != "open" || !strings.Contains(issues[0].Body, "`aws_lambda_function.device_token`") || !strings.Contains(issues[0].Body, "`memory_size`: `128` → `512`") {
		t.Errorf("issues: %+v\n%s", issues, first.log)
	}
	if want := "actions/cache/restore@v4 actions/cache/save@v4 github/codeql-action/upload-sarif@v4"; strings.Join(first.used, " ") != want {
		t.Errorf("used %v", first.used)
	}
	proposed := git(t, remote, "show", "holdfast/drift-report:DRIFT.md")
	if !strings.Contains(proposed, "aws_lambda_function.device_token") || git(t, remote, "diff", "--name-only", "main", "holdfast/drift-report") != "DRIFT.md\n" {
		t.Errorf("what is proposed: %s", proposed)
	}
	if status := git(t, r.Dir, "status", "--porcelain"); status != "?? DRIFT.md\n" {
		t.Errorf("the work tree: %s", status)
	}

	written := len(github.Writes())
	must(t, os.RemoveAll(filepath.Join(r.Dir, ".holdfast"))) // as on another runner
	second := action("pull-request")
	second.ended(t, drift.ExitDrift, "drifted", "1")
	if len(github.pulls) != 1 || second.outputs["pull-request"] != "100" {
		t.Errorf("pull requests: %v; %+v", github.pulls, second)
	}
	if more := github.Writes()[written:]; len(more) > 0 {
		t.Errorf("the same drift writes %v to the issues", more)
	}
	if out, code := r.run(t, "history", "--events"); code != 0 || !strings.Contains(second.log, "the history is that of") || strings.Count(out, "found") != 1 {
		t.Errorf("the history: %s\n%s", out, second.log)
	}
	if kept := git(t, remote, "rev-list", "--count", "holdfast/history"); kept != "1\n" {
		t.Errorf("the branch of the history has %s commits", kept)
	}
	if behind := git(t, remote, "rev-list", "--count", "main..holdfast/drift-report"); behind != "1\n" {
		t.Errorf("the proposal has %s commits", behind)
	}

	if out, code := r.run(t, "revert", "aws_lambda_function.device_token", "--yes", "--reason", "by mistake"); code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	must(t, os.RemoveAll(filepath.Join(r.Dir, ".holdfast")))
	must(t, os.Remove(filepath.Join(r.Dir, "DRIFT.md")))
	before := git(t, remote, "rev-parse", "main")
	last := action("commit")
	last.ended(t, drift.ExitClean, "clean", "0")
	if issues := github.Issues(); len(issues) != 1 || issues[0].State != "closed" {
		t.Errorf("issues: %+v\n%s", issues, last.log)
	}
	for _, fault := range github.Faults() {
		t.Error(fault)
	}
	report := git(t, remote, "show", "main:DRIFT.md")
	if !strings.Contains(report, "in line with the code again") || last.outputs["report-changed"] != "true" || git(t, remote, "rev-parse", "main^") != before {
		t.Errorf("%+v\n%s", last, report)
	}
	if author := git(t, remote, "log", "-1", "--format=%an %s", "main"); author != "github-actions[bot] Bring the drift report up to date\n" {
		t.Error(author)
	}
}

// TestActionIncomplete: what could not be checked fails the action, unless it may
// not; what comes from outside is no command of the runner.
func TestActionIncomplete(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.tf"), "terraform {\n  backend \"s3\" {\n    bucket = \"::set-output name=status::clean\"\n")
	binary, err := exec.LookPath("holdfast")
	must(t, err)
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for fail, code := range map[string]int{"true": drift.ExitIncomplete, "false": 0} {
		out := newRunner(t, dir, env, map[string]string{"binary": binary, "fail": fail}).run(t)
		out.ended(t, code, "incomplete", "0")
		stop, command := strings.Index(out.log, "::stop-commands::"), strings.Index(out.log, "::set-output")
		if stop < 0 || command >= 0 && command < stop {
			t.Errorf("commands are not stopped: %s", out.log)
		}
	}
	for _, inputs := range []map[string]string{
		{"working-directory": "missing"}, {"args": "--no-such-flag"}, {"binary": "missing"}, {"report": "perhaps", "fail": "false"},
		{"paths": "$(touch " + filepath.Join(dir, "injected") + ")"},
	} {
		if _, ok := inputs["binary"]; !ok {
			inputs["binary"] = binary
		}
		if out := newRunner(t, dir, env, inputs).run(t); out.code == 0 || !strings.Contains(out.log, "::error title=Holdfast::") {
			t.Errorf("%v: exit code %d: %s", inputs, out.code, out.log)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "injected")); err == nil {
		t.Error("an input was run")
	}
}

// ended insists on how a run ended.
func (r ran) ended(t *testing.T, code int, status, findings string) {
	t.Helper()
	if r.code != code || r.outputs["status"] != status || r.outputs["findings"] != findings {
		t.Fatalf("exit code %d, outputs %v\n%s", r.code, r.outputs, r.log)
	}
	for _, name := range []string{"result", "sarif"} {
		src, err := os.ReadFile(r.outputs[name])
		if err != nil || !json.Valid(src) {
			t.Errorf("the output %s is %q: %v", name, r.outputs[name], err)
		}
	}
	if page, err := os.ReadFile(r.outputs["html"]); err != nil || len(page) == 0 {
		t.Errorf("no page: %v", err)
	}
	if summary, err := os.ReadFile(r.outputs["summary"]); err != nil || string(summary) != r.summary {
		t.Errorf("the summary is another one: %v", err)
	}
}

// withRemote makes a repository of a folder, as it is checked out, and gives the remote.
func withRemote(t *testing.T, dir string) string {
	t.Helper()
	remote := filepath.Join(t.TempDir(), "remote.git")
	git(t, t.TempDir(), "init", "-q", "--bare", "-b", "main", remote)
	write(t, filepath.Join(dir, ".gitignore"), ".holdfast/\n.terraform/\n*.tfstate*\n")
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "remote", "add", "origin", remote)
	git(t, dir, "add", "--all")
	git(t, dir, "commit", "-q", "-m", "As applied")
	git(t, dir, "push", "-q", "origin", "main")
	return remote
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=kim", "GIT_AUTHOR_EMAIL=kim@example.com", "GIT_COMMITTER_NAME=kim", "GIT_COMMITTER_EMAIL=kim@example.com")
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, errors.String())
	}
	return string(out)
}

// github is as much of GitHub's API as the action asks for.
type github struct {
	*githubstub.Server
	pulls []map[string]any
}

func newGitHub(t *testing.T) *github {
	t.Helper()
	g := &github{}
	g.Server = githubstub.Start(githubstub.Options{Repository: "acme/infrastructure", Token: "not-a-real-token", Fault: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/repos/acme/infrastructure/pulls" || r.Header.Get("Authorization") != "Bearer not-a-real-token" {
			return false // the stub's own
		}
		if r.Method == http.MethodPost {
			pull := map[string]any{}
			if err := json.NewDecoder(r.Body).Decode(&pull); err != nil {
				t.Error(err)
			}
			pull["number"] = 100 + len(g.pulls)
			g.pulls = append(g.pulls, pull)
			w.WriteHeader(http.StatusCreated)
			_ = json.NewEncoder(w).Encode(pull)
			return true
		}
		found := []map[string]any{}
		for _, p := range g.pulls {
			if q := r.URL.Query(); q.Get("head") == "acme:"+fmt.Sprint(p["head"]) && q.Get("base") == p["base"] && q.Get("state") == "open" {
				found = append(found, p)
			}
		}
		_ = json.NewEncoder(w).Encode(found)
		return true
	}})
	t.Cleanup(g.Close)
	return g
}
