package checkout_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/checkout"
)

// TestToken: the token lets in, and is in no file, on no command line and in no
// error; a wrong one, and none, are told apart.
func TestToken(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	server := u.serve(t, canary)
	url := server.URL + "/infra.git"
	// A git that writes down how it was called.
	bin, path := t.TempDir(), git(t, u.dir, "--exec-path")
	calls := filepath.Join(bin, "calls")
	must(t, os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\necho \"$@\" >> "+calls+"\nexec "+filepath.Join(path, "git")+" \"$@\"\n"), 0o755))
	dir := t.TempDir()
	c := checkout.New(dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GIT_TRACE_CURL=1", "GIT_CURL_VERBOSE=1", "GIT_TRACE=1"), checkout.Limits{})
	r := withToken(t, url, canary)
	_, release := at(t, c, r, fetch(t, c, r))
	release()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			src, err := os.ReadFile(path)
			must(t, err)
			if strings.Contains(string(src), "CANARY") || strings.Contains(string(src), "Q0FOQVJZ") {
				t.Errorf("%s has the token", path)
			}
		}
		return err
	}))
	if src, err := os.ReadFile(calls); err == nil && strings.Contains(string(src), "CANARY") {
		t.Errorf("%s", src)
	}
	_, err := c.Fetch(t.Context(), withToken(t, url, canary+"wrong"))
	refused(t, err, "it does not accept the credentials")
	_, err = c.Fetch(t.Context(), checkout.Repo{URL: url})
	refused(t, err, "it lets nobody in without credentials")
	_, err = c.Fetch(t.Context(), withToken(t, server.URL+"/none.git", canary))
	refused(t, err, "there is no such repository")
	missing := r
	missing.Branch = "none"
	_, err = c.Fetch(t.Context(), missing)
	refused(t, err, "no such branch or tag")
	_, err = c.Fetch(t.Context(), checkout.Repo{URL: url, Credentials: checkout.Credentials{TokenEnv: "HOLDFAST_TEST_NO_SUCH_TOKEN"}})
	refused(t, err, "HOLDFAST_TEST_NO_SUCH_TOKEN")
	_, err = c.Fetch(t.Context(), withToken(t, "http://git.example.com/x.git", canary))
	refused(t, err, "use https://")
}

// TestEcho: a server that sends the credentials back gets them into no error.
func TestEcho(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"401": 401, "403": 403, "500": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, password, _ := r.BasicAuth()
				w.Header().Set("Content-Type", "text/plain")
				w.Header().Set("WWW-Authenticate", `Basic realm="`+password+`"`)
				w.WriteHeader(status)
				_, _ = w.Write([]byte(r.Header.Get("Authorization") + " " + password + "\n"))
			}))
			t.Cleanup(server.Close)
			c, _ := newCache(t)
			_, err := c.Fetch(t.Context(), withToken(t, server.URL+"/x.git", canary))
			refused(t, err, server.URL)
		})
	}
}

// TestRedirect: a server that sends us elsewhere gets our token nowhere else.
func TestRedirect(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went elsewhere")
		}
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path+"?"+r.URL.RawQuery, status)
		}))
		t.Cleanup(server.Close)
		c, _ := newCache(t)
		_, err := c.Fetch(t.Context(), withToken(t, server.URL+"/x.git", canary))
		refused(t, err, "URL")
	}
	if reached.Load() > 0 {
		t.Errorf("it was followed %d times", reached.Load())
	}
}

// TestTokensApart: of repositories that are fetched at once, each gets its own
// token.
func TestTokensApart(t *testing.T) {
	t.Parallel()
	// Few variables, so that a slice of them may have room behind it.
	c := checkout.New(t.TempDir(), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, checkout.Limits{})
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		u := newUpstream(t)
		server := u.serve(t, "token-of-"+name)
		r := withToken(t, server.URL+"/infra.git", "token-of-"+name)
		all.Go(func() {
			for range 3 {
				if _, err := c.Fetch(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestSSH: ssh is asked for the key and the hosts that are named, and for nothing
// else of the user's.
func TestSSH(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	said := filepath.Join(bin, "said")
	must(t, os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\nfor a in \"$@\"; do echo \"$a\"; done > "+said+"\necho 'Host key verification failed.' >&2\nexit 255\n"), 0o755))
	c := checkout.New(t.TempDir(), []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + bin, "GIT_SSH_COMMAND=evil", "GIT_SSH=evil", "SSH_ASKPASS=evil"}, checkout.Limits{})
	_, err := c.Fetch(t.Context(), checkout.Repo{
		URL: "git@git.example.com:acme/infra.git", Credentials: checkout.Credentials{SSHKeyFile: "/run/it's a %key", KnownHostsFile: "/run/known hosts"},
	})
	refused(t, err, "its host key is not known")
	args := read(t, said)
	for _, want := range []string{
		"BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "-F\n" + os.DevNull + "\n",
		"IdentityFile=\"/run/it's a %%key\"\n", "UserKnownHostsFile=\"/run/known hosts\"\n", "git@git.example.com\n",
	} {
		if !strings.Contains(args, want) {
			t.Errorf("ssh is not told %s:\n%s", want, args)
		}
	}
}

// TestHostile: no program of a repository's, of its server's or of the machine's
// settings runs, whatever a URL or a name says.
func TestHostile(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	bin := t.TempDir()
	ran := filepath.Join(bin, "ran")
	program := filepath.Join(bin, "evil")
	must(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$0 $@\" >> "+ran+"\n"), 0o755))
	// Hooks, filters and modules of the repository, and settings of the user's.
	u.commit(t, ".gitattributes", "* filter=evil diff=evil merge=evil\n")
	u.commit(t, ".gitmodules", "[submodule \"m\"]\n\tpath = m\n\turl = ext::"+program+"\n\tupdate = !"+program+"\n")
	u.commit(t, ".githooks/post-checkout", "#!/bin/sh\n"+program+"\n")
	git(t, u.dir, "update-index", "--add", "--cacheinfo", "160000,"+git(t, u.dir, "rev-parse", "HEAD")+",m")
	git(t, u.dir, "commit", "--quiet", "--message", "module")
	u.push(t, "main")
	home := t.TempDir()
	must(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[core]\n\thooksPath = "+bin+"\n\tfsmonitor = "+program+"\n\tsshCommand = "+program+
		"\n[filter \"evil\"]\n\tsmudge = "+program+"\n\tprocess = "+program+"\n\trequired = true\n[credential]\n\thelper = "+program+"\n[url \"ext::"+program+"\"]\n\tinsteadOf = file://\n"), 0o600))
	must(t, os.Symlink(program, filepath.Join(bin, "post-checkout")))
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_EXTERNAL_DIFF=" + program, "GIT_PROXY_COMMAND=" + program, "GIT_ASKPASS=" + program,
		"SSH_ASKPASS=" + program, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0=" + bin, "GIT_DIR=/nowhere", "GIT_CONFIG_PARAMETERS='core.fsmonitor=" + program + "'"}
	c := checkout.New(t.TempDir(), environ, checkout.Limits{})
	tree, release := at(t, c, u.file(), fetch(t, c, u.file()))
	defer release()
	if read(t, tree, "main.tf") != "# one\n" {
		t.Error(tree)
	}
	for _, url := range []string{"ext::" + program, "ext::sh -c " + program, "--upload-pack=" + program, "-u" + program, "fd::17", "ssh://-oProxyCommand=" + program + "/x", "file://" + u.bare + "/--upload-pack=" + program} {
		if _, err := c.Fetch(t.Context(), checkout.Repo{URL: url}); err == nil {
			t.Errorf("%s was fetched", url)
		}
	}
	for _, branch := range []string{"--upload-pack=" + program, "main:refs/heads/evil", "../../main", "x y"} {
		if _, err := c.Fetch(t.Context(), checkout.Repo{URL: u.file().URL, Branch: branch}); err == nil {
			t.Errorf("branch %s was fetched", branch)
		}
	}
	for _, commit := range []string{"", "HEAD", "--all", "../../x", strings.Repeat("z", 40)} {
		if _, _, err := c.At(t.Context(), u.file(), commit); err == nil {
			t.Errorf("commit %q was taken", commit)
		}
	}
	if src, err := os.ReadFile(ran); err == nil {
		t.Errorf("it ran:\n%s", src)
	}
}

// TestLarge: what is larger than it may be is given up, and leaves nothing that
// counts.
func TestLarge(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	dir := filepath.Join(t.TempDir(), "cache")
	for name, c := range map[string]struct {
		limits checkout.Limits
		change func()
	}{
		"more than 2 files":    {checkout.Limits{Files: 2}, func() { u.commit(t, "b.tf", "b"); u.commit(t, "c.tf", "c") }},
		"have more than 1 MiB": {checkout.Limits{Bytes: 1 << 20}, func() { u.commit(t, "zeros", strings.Repeat("0", 2<<20)) }},
	} {
		c.change()
		u.push(t, "main")
		cache := checkout.New(dir, os.Environ(), c.limits)
		commit := fetch(t, cache, u.file())
		_, _, err := cache.At(t.Context(), u.file(), commit)
		refused(t, err, name)
		if trees, _ := filepath.Glob(filepath.Join(dir, "*", "trees", "*")); len(trees) > 0 {
			t.Errorf("%v are left", trees)
		}
	}
}
