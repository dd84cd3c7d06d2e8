package hcp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	tfe "github.com/hashicorp/go-tfe"

	"holdfast/internal/state"
	"holdfast/internal/state/statetest"
)

func deny(w http.ResponseWriter, r *http.Request) {
	fault(w, http.StatusUnauthorized, "unauthorized: "+r.Header.Get("Authorization"))
}

func connect(t *testing.T, server string, cloud bool, workspaces map[string]any) state.Backend {
	t.Helper()
	b, err := open(state.Settings{Config: map[string]any{
		"hostname": strings.TrimPrefix(server, "http://"), "organization": "acme", "token": canary, "workspaces": workspaces,
	}}, cloud, "http")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConformanceOfOne runs the suite over a backend with one workspace.
func TestConformanceOfOne(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		s := newStub(t)
		return statetest.Rig{
			Server: s.URL,
			Open: func(t *testing.T, server string) state.Backend {
				return connect(t, server, false, map[string]any{"name": "net-prod", "prefix": nil})
			},
			Put:      func(_ *testing.T, _ string, content []byte) { s.put("net-prod", content) },
			Clutter:  func(*testing.T) { s.put("none", []byte("{}")) },
			Locks:    s.locks(func(string) string { return "net-prod" }),
			Snapshot: s.snapshot, Deny: deny, Secrets: []string{canary},
		}
	})
}

func (s *stub) locks(remote func(string) string) *statetest.Locks {
	return &statetest.Locks{
		Put: func(_ *testing.T, workspace string, lock state.Lock) { s.lock(remote(workspace), lock) },
		Damage: func(_ *testing.T, workspace string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.workspaces[remote(workspace)].locked, s.workspaces[remote(workspace)].lockedBy = true, nil
		},
		Tells: tells,
	}
}

// withDefault lets the workspace "main" stand for the suite's "default": where
// there is a prefix, HCP Terraform has none of that name.
type withDefault struct{ state.Backend }

func (b withDefault) String() string { return fmt.Sprint(b.Backend) }

func (b withDefault) State(workspace string) state.Source {
	return b.Backend.State(strings.Replace(workspace, "default", "main", 1))
}

func (b withDefault) Workspaces(ctx context.Context) ([]string, error) {
	names, err := b.Backend.Workspaces(ctx)
	names = append(slices.DeleteFunc(names, func(name string) bool { return name == "main" }), "default")
	slices.Sort(names)
	return names, err
}

// TestConformanceOfSeveral runs the suite over a backend with a prefix.
func TestConformanceOfSeveral(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		s := newStub(t)
		remote := func(workspace string) string { return "net-" + strings.Replace(workspace, "default", "main", 1) }
		return statetest.Rig{
			Server: s.URL,
			Open: func(t *testing.T, server string) state.Backend {
				return withDefault{connect(t, server, false, map[string]any{"prefix": "net-"})}
			},
			Put:        func(_ *testing.T, workspace string, content []byte) { s.put(remote(workspace), content) },
			Workspaces: []string{"prod", "blue-green", "Upper_1"}, // letters, digits, - and _ are all that the service takes
			Page:       100,
			Clutter:    func(*testing.T) { s.put("none", []byte("{}")); s.put("other-net-clutter", []byte("{}")) },
			Locks:      s.locks(remote),
			Snapshot:   s.snapshot, Deny: deny, Secrets: []string{canary},
		}
	})
}

// TestStub sees that HashiCorp's own client understands the stub as we do: a
// stub proves only as much as it is like the service.
func TestStub(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	s.put("net-prod", []byte(`{"version":4}`))
	s.lock("net-prod", state.Lock{ID: "1", Operation: "OperationTypeApply", Created: time.Now()})
	client, err := tfe.NewClient(&tfe.Config{Address: s.URL, Token: canary})
	if err != nil {
		t.Fatal(err)
	}
	w, err := client.Workspaces.ReadWithOptions(t.Context(), "acme", "net-prod", &tfe.WorkspaceReadOptions{Include: []tfe.WSIncludeOpt{tfe.WSLockedBy}})
	if err != nil || w.Name != "net-prod" || !w.Locked || w.LockedBy == nil || w.LockedBy.Run == nil || w.LockedBy.Run.ID != "run-1" {
		t.Fatalf("the workspace is %+v, %v", w, err)
	}
	run, err := client.Runs.Read(t.Context(), w.LockedBy.Run.ID)
	if err != nil || run.Status != tfe.RunApplying {
		t.Errorf("the run is %+v, %v", run, err)
	}
	version, err := client.StateVersions.ReadCurrent(t.Context(), w.ID)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := client.StateVersions.Download(t.Context(), version.DownloadURL); err != nil || string(content) != `{"version":4}` {
		t.Errorf("the state is %s, %v", content, err)
	}
	found, err := client.Workspaces.List(t.Context(), "acme", &tfe.WorkspaceListOptions{Search: "net-", ListOptions: tfe.ListOptions{PageNumber: 1, PageSize: 100}})
	if err != nil || len(found.Items) != 1 || found.NextPage != 0 {
		t.Errorf("the list is %+v, %v", found, err)
	}
	if _, err := client.Workspaces.Read(t.Context(), "acme", "none"); !errors.Is(err, tfe.ErrResourceNotFound) {
		t.Errorf("a workspace that isn't there: %v", err)
	}
}

func TestCloud(t *testing.T) {
	t.Parallel()
	s := newStub(t)
	for _, name := range []string{"a", "b"} {
		s.put(name, []byte("of "+name))
	}
	s.workspaces["b"].project = "prj-1"
	for _, c := range []struct {
		name       string
		workspaces map[string]any
		env        []string
		want       []string
		query      string // in the list's
	}{
		{"name", map[string]any{"name": "a", "tags": nil, "project": nil}, nil, []string{"a"}, ""},
		{"TF_WORKSPACE", nil, []string{"TF_WORKSPACE=b"}, []string{"b"}, ""},
		{"tags", map[string]any{"tags": []any{"x", "y"}}, nil, []string{"a", "b"}, "search[tags]=x,y"},
		{"tags with values", map[string]any{"tags": map[string]any{"k": "v"}}, nil, []string{"a", "b"}, "filter[tagged][0][key]=k&filter[tagged][0][value]=v"},
		{"project", map[string]any{"tags": []any{"x"}, "project": "net"}, nil, []string{"b"}, "filter[project][id]=prj-1"},
		{"TF_CLOUD_PROJECT", map[string]any{"tags": []any{"x"}}, []string{"TF_CLOUD_PROJECT=net"}, []string{"b"}, "filter[project][id]=prj-1"},
	} {
		b, err := open(state.Settings{
			Config: map[string]any{"token": canary, "hostname": nil, "organization": nil, "workspaces": c.workspaces},
			Env:    append(c.env, "TF_CLOUD_ORGANIZATION=acme", "TF_CLOUD_HOSTNAME="+strings.TrimPrefix(s.URL, "http://")),
		}, true, "http")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Workspaces(t.Context()); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: workspaces %q, %v, want %q", c.name, got, err, c.want)
		}
		for _, name := range c.want {
			if got, err := b.State(name).Read(t.Context()); err != nil || string(got) != "of "+name {
				t.Errorf("%s: %s is %s, %v", c.name, name, got, err)
			}
		}
		if c.query == "" {
			continue
		}
		if last, _ := url.QueryUnescape(s.queries[len(s.queries)-1]); !strings.Contains(last, c.query) {
			t.Errorf("%s: the query was %s", c.name, last)
		}
		if _, err := b.State("default").Read(t.Context()); err == nil || !strings.Contains(err.Error(), "--workspace") {
			t.Errorf("%s: default: %v", c.name, err)
		}
	}
}

// The token is for the API's host. Where states are kept elsewhere, the address
// has all that is needed.
func TestTokenStaysWithItsHost(t *testing.T) {
	t.Parallel()
	var seen []string
	archive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, fmt.Sprint(r.Header))
		fmt.Fprint(w, "kept elsewhere")
	}))
	defer archive.Close()
	s := newStub(t)
	s.archive = archive.URL
	s.put("a", []byte("here"))
	got, err := connect(t, s.URL, true, map[string]any{"name": "a"}).State("a").Read(t.Context())
	if err != nil || string(got) != "kept elsewhere" {
		t.Fatalf("got %s, %v", got, err)
	}
	if len(seen) != 1 || strings.Contains(seen[0], canary) || strings.Contains(seen[0], "Authorization") {
		t.Errorf("the archive got %s", seen)
	}
}

func TestRunsThatOnlyPlan(t *testing.T) {
	t.Parallel()
	for status, changes := range map[string]bool{
		"pending": false, "planning": false, "planned": false, "policy_checked": false, "cost_estimated": false,
		"confirmed": true, "apply_queued": true, "applying": true, "pre_apply_running": true, "something_new": true,
	} {
		for _, planOnly := range []bool{false, true} {
			var run object
			run.Attributes.Status, run.Attributes.PlanOnly = status, planOnly
			lock := &state.Lock{Operation: operation(run)}
			if want := changes && !planOnly; lock.Changes() != want {
				t.Errorf("%s, only a plan %v: it changes something: %v", status, planOnly, lock.Changes())
			}
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(".terraformrc", "credentials \"a.example\" {\n  token = \"of-terraformrc\"\n}\nplugin_cache_dir = \"x\"\n")
	write(".terraform.d/credentials.tfrc.json", `{"credentials":{"b.example":{"token":"of-login"},"a.example":{"token":"later"}}}`)
	write(".terraform.d/more.tfrc", "credentials \"c.example\" {\n  token = \"of-tfrc\"\n}\n")
	named := write("named.tfrc", "credentials \"a.example\" {\n  token = \"of-named\"\n}\n")
	broken := write("broken.tfrc", "credentials \"a.example\" {\n  token = \"canary-in-a-broken-file\n")
	for _, c := range []struct {
		host string
		env  []string
		want string
	}{
		{"a.example", nil, "of-terraformrc"},
		{"b.example", nil, "of-login"},
		{"c.example", nil, "of-tfrc"},
		{"a.example", []string{"TF_CLI_CONFIG_FILE=" + named}, "of-named"},
		{"b.example", []string{"TF_CLI_CONFIG_FILE=" + named}, "of-login"},
		{"a.example", []string{"TF_TOKEN_a_example=of-env"}, "of-env"},
		{"my-tfe.example", []string{"TF_TOKEN_my__tfe_example=of-env"}, "of-env"},
		{"my-tfe.example", []string{"TF_TOKEN_my-tfe.example=of-env"}, "of-env"},
	} {
		got, err := findToken(state.Settings{Env: append(c.env, "HOME="+home)}, c.host)
		if err != nil || got != c.want {
			t.Errorf("%s with %q: %q, %v, want %q", c.host, c.env, got, err, c.want)
		}
	}
	_, err := NewRemote(state.Settings{
		Config: map[string]any{"organization": "acme", "workspaces": []any{map[string]any{"name": "x"}}}, Env: []string{"HOME=" + home},
	})
	if err == nil || !strings.Contains(err.Error(), "terraform login app.terraform.io") || !strings.Contains(err.Error(), "TF_TOKEN_app_terraform_io") {
		t.Errorf("no token: %v", err)
	}
	_, err = findToken(state.Settings{Env: []string{"TF_CLI_CONFIG_FILE=" + broken}}, "a.example")
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), broken) {
		t.Errorf("a broken file: %v", err)
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]map[string]any{
		"no organization": {"token": canary, "workspaces": map[string]any{"name": "x"}},
		"a URL":           {"token": canary, "organization": "acme", "hostname": "https://tfe.example", "workspaces": map[string]any{"name": "x"}},
		"a path":          {"token": canary, "organization": "acme", "hostname": "tfe.example/x", "workspaces": map[string]any{"name": "x"}},
		"neither":         {"token": canary, "organization": "acme", "workspaces": map[string]any{"name": nil}},
		"both":            {"token": canary, "organization": "acme", "workspaces": map[string]any{"name": "x", "prefix": "y"}},
		"a number":        {"token": canary, "organization": "acme", "workspaces": 7.0},
	} {
		_, err := NewRemote(state.Settings{Config: config})
		if err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "; ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
