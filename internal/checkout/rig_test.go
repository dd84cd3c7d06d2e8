package checkout_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/checkout"
)

// canary is a token that nobody may ever see, with what URLs write otherwise.
const canary = "CANARY-s3cr3t/+%40 x"

// upstream is a repository that is fetched from.
type upstream struct {
	dir  string // its work tree
	bare string
}

// env is a git of nobody's.
var env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
	"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{dir: t.TempDir(), bare: filepath.Join(t.TempDir(), "infra.git")}
	git(t, u.dir, "init", "--quiet", "--initial-branch=main")
	u.commit(t, "main.tf", "# one\n")
	git(t, u.dir, "clone", "--quiet", "--bare", ".", u.bare)
	git(t, u.bare, "config", "http.receivepack", "true")
	git(t, u.dir, "remote", "add", "origin", u.bare)
	return u
}

// commit commits a file, and gives the commit.
func (u *upstream) commit(t *testing.T, name, content string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(u.dir, name)), 0o755))
	must(t, os.WriteFile(filepath.Join(u.dir, name), []byte(content), 0o644))
	return u.commitAll(t)
}

func (u *upstream) commitAll(t *testing.T) string {
	t.Helper()
	git(t, u.dir, "add", "--all")
	git(t, u.dir, "commit", "--quiet", "--message", "change")
	return git(t, u.dir, "rev-parse", "HEAD")
}

func (u *upstream) push(t *testing.T, refs ...string) {
	t.Helper()
	git(t, u.dir, append([]string{"push", "--quiet", "--force", "origin"}, refs...)...)
}

func (u *upstream) file() checkout.Repo { return checkout.Repo{URL: "file://" + u.bare} }

// serve serves the repository over HTTP to whoever has the token.
func (u *upstream) serve(t *testing.T, token string) *httptest.Server {
	t.Helper()
	path := git(t, u.dir, "--exec-path")
	backend := &cgi.Handler{
		Path: filepath.Join(path, "git-http-backend"), Dir: u.bare, Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(u.bare), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=holdfast", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, ok := r.BasicAuth(); token != "" && (!ok || password != token || name == "") {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		if header := r.Header.Get("Git-Protocol"); header != "" {
			one := *backend
			one.Env = append([]string{"GIT_PROTOCOL=" + header}, backend.Env...)
			one.ServeHTTP(w, r)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// withToken is the repository with a token, in a file.
func withToken(t *testing.T, url, token string) checkout.Repo {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	return checkout.Repo{URL: url, Credentials: checkout.Credentials{TokenFile: file}}
}

func newCache(t *testing.T) (cache *checkout.Cache, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "cache")
	return checkout.New(dir, os.Environ(), checkout.Limits{}), dir
}

func fetch(t *testing.T, c *checkout.Cache, r checkout.Repo) string {
	t.Helper()
	commit, err := c.Fetch(t.Context(), r)
	must(t, err)
	return commit
}

func at(t *testing.T, c *checkout.Cache, r checkout.Repo, commit string) (dir string, release func()) {
	t.Helper()
	dir, release, err := c.At(t.Context(), r, commit)
	must(t, err)
	return dir, release
}

// refused wants an error that says something, and tells no secret.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
	if text := fmt.Sprintf("%+v", err); strings.Contains(text, "CANARY") || strings.Contains(text, "Q0FOQVJZ") {
		t.Errorf("a secret is told: %s", text)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(elements...))
	must(t, err)
	return string(src)
}
