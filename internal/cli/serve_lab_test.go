//go:build linux

package cli_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
	"holdfast/internal/store"
)

// serving is a server that runs as a process of its own.
type serving struct {
	url string
	cmd *exec.Cmd
	log *bytes.Buffer
}

// serve starts a server and waits until it can be reached. It ends with the test.
func serve(t *testing.T, dir string, env []string, args ...string) *serving {
	t.Helper()
	path, err := exec.LookPath("holdfast")
	must(t, err)
	s := &serving{cmd: exec.CommandContext(t.Context(), path, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...), log: &bytes.Buffer{}}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = dir, env, s.log
	stdout, err := s.cmd.StdoutPipe()
	must(t, err)
	must(t, s.cmd.Start())
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	})
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "Holdfast is at ")
	if !ok {
		_ = s.cmd.Wait()
		t.Fatalf("%q\n%s", line, s.log)
	}
	s.url = url
	return s
}

// stop tells the server to stop, and gives its exit code.
func (s *serving) stop(t *testing.T) int {
	t.Helper()
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	_ = s.cmd.Wait() // the exit code is what is asked for
	return s.cmd.ProcessState.ExitCode()
}

// overRuns waits until so many runs of a history are over.
func overRuns(t *testing.T, s *store.Store, n int) []drift.RunRecord {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for {
		runs, err := s.Runs(t.Context(), 100)
		must(t, err)
		over := 0
		for _, r := range runs {
			if !r.FinishedAt.IsZero() {
				over++
			}
		}
		if over >= n {
			return runs
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d runs are over", over, n)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestServe: a server checks the repository that it is started in at once, shows
// it, and keeps the history that commands have, too.
func TestServe(t *testing.T) {
	t.Parallel()
	r := resolvable(t, logGroup)
	if out, code := r.run(t, "check"); code != drift.ExitClean {
		t.Fatalf("%d: %s", code, out)
	}
	r.do(t, lab.Call{Service: "logs", Method: "put_retention_policy", Params: cases.Params{"logGroupName": "/holdfast/interrupt", "retentionInDays": 30}})
	var traces bytes.Buffer // as OpenTelemetry's protocol has them
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&traces, r.Body) // one request at a time
	}))
	t.Cleanup(collector.Close)
	s := serve(t, r.Dir, append(r.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_COMPRESSION=none"))
	history, err := store.Open(t.Context(), filepath.Join(r.Dir, ".holdfast", "history.db"))
	must(t, err)
	t.Cleanup(func() { must(t, history.Close()) })
	runs := overRuns(t, history, 2)
	if runs[0].Trigger != "schedule" || runs[0].Summary.Drifted != 1 || runs[0].Summary.Findings != 1 || runs[0].Summary.Resources != 1 {
		t.Errorf("%+v\n%s", runs[0], s.log)
	}
	response, err := http.Get(s.url + "/healthz")
	must(t, err)
	must(t, response.Body.Close())
	if code := s.stop(t); code != drift.ExitClean || !strings.Contains(s.log.String(), "checked") {
		t.Errorf("exit code %d\n%s", code, s.log)
	}
	collector.Close()
	for _, want := range []string{"holdfast.stack", "holdfast.run", "GET /healthz"} {
		if !strings.Contains(traces.String(), want) {
			t.Errorf("the traces have no %q", want)
		}
	}
	if out, code := r.run(t, "history"); code != 0 || !strings.Contains(out, "aws_cloudwatch_log_group.this") {
		t.Errorf("%d: %s", code, out)
	}
	fleet, err := history.Fleet(t.Context(), store.FleetFilter{})
	must(t, err)
	if len(fleet.Items) != 1 || fleet.Items[0].Source == "" || fleet.Items[0].Open != 1 || fleet.Items[0].Status != drift.StatusDrifted {
		t.Errorf("%+v", fleet.Items)
	}
}

// TestServeGit: stacks of a repository are checked at the commit that was fetched,
// and one that can't be fetched any more is an error on its stacks, never clean.
func TestServeGit(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	emulator, err := lab.Start(t.Context(), tools)
	must(t, err)
	t.Cleanup(func() { emulator.Close() })
	_, err = emulator.Call(t.Context(), lab.Call{Service: "s3", Method: "create_bucket", Params: cases.Params{"Bucket": "states"}})
	must(t, err)
	source := t.TempDir()
	must(t, os.CopyFS(source, os.DirFS(filepath.Join("testdata", "stack"))))
	write(t, filepath.Join(source, "backend.tf"), "terraform {\n  backend \"s3\" {\n    bucket         = \"states\"\n    key            = \"app.tfstate\"\n    region         = \"us-east-1\"\n    use_path_style = true\n  }\n}\n")
	stack, err := lab.NewStack(t.Context(), tools, emulator, source, filepath.Join(t.TempDir(), "repo", "app"))
	must(t, err)
	must(t, stack.Apply(t.Context()))
	r := bindResolving(t, stack, emulator)
	repo := filepath.Dir(stack.Dir)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write(t, filepath.Join(repo, ".gitignore"), ".terraform/\n*.lab/\n")
	write(t, filepath.Join(repo, "holdfast.yaml"), "version: 1\n")
	git("init", "--quiet", "--initial-branch=main")
	git("add", ".")
	git("commit", "--quiet", "-m", "first")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "holdfast.yaml"), "version: 1\nsources:\n  - {name: infra, git: 'file://"+repo+"', branch: main}\nschedule: '@every 1h'\n")
	s := serve(t, dir, r.env)
	history, err := store.Open(t.Context(), filepath.Join(dir, ".holdfast", "history.db"))
	must(t, err)
	t.Cleanup(func() { must(t, history.Close()) })
	if runs := overRuns(t, history, 1); runs[0].Summary.Clean != 1 || runs[0].Summary.Resources != 1 {
		t.Errorf("%+v\n%s", runs[0], s.log)
	}
	if code := s.stop(t); code != drift.ExitClean {
		t.Errorf("exit code %d\n%s", code, s.log)
	}
	must(t, os.Rename(repo, repo+".gone"))
	due, err := history.Schedules(t.Context())
	must(t, err)
	due[0].NextAt = time.Now()
	_, err = history.SaveSchedule(t.Context(), due[0])
	must(t, err)
	s = serve(t, dir, r.env)
	if runs := overRuns(t, history, 2); runs[0].Summary.Errored != 1 || runs[0].Summary.Clean != 0 {
		t.Errorf("%+v\n%s", runs[0], s.log)
	}
	fleet, err := history.Fleet(t.Context(), store.FleetFilter{})
	must(t, err)
	if len(fleet.Items) != 1 || fleet.Items[0].Status != drift.StatusError || fleet.Items[0].Source != "infra" {
		t.Errorf("%+v", fleet.Items)
	}
	if code := s.stop(t); code != drift.ExitClean {
		t.Errorf("exit code %d\n%s", code, s.log)
	}
}
