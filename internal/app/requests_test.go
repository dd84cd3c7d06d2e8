package app_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/app"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/server"
	"holdfast/internal/store"
)

// office is a server's requests about an applied stack, in a repository that the
// sources folder, asking (a second person), git and pushing take it from. Where the
// tests run, there is nothing of it.
type office struct {
	*app.Desk
	world   *providertest.World
	dir     string // the repository
	bare    string // what git and pushing fetch
	options app.ServeOptions
}

const officeCode = `resource "test_simple" "a" {
  name = "a"
  note = "code"
}

resource "test_simple" "b" {
  name = "b"
  note = "code"
}
`

func newOffice(t *testing.T, sources string) *office {
	t.Helper()
	tools := lab.Need(t)
	root, err := os.MkdirTemp("", "hf") //nolint:usetesting // a provider's socket is in it, and its path must be short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	o := &office{world: providertest.NewWorld(t), dir: filepath.Join(root, "repo"), bare: filepath.Join(root, "infra.git")}
	stack, mirror := filepath.Join(o.dir, "live"), filepath.Join(root, "mirror")
	for _, dir := range []string{stack, mirror, filepath.Join(root, "server"), filepath.Join(root, "state")} {
		must(t, os.MkdirAll(dir, 0o755))
	}
	pkg := providertest.Install(t, mirror, providertest.Five, "1.0.0")
	put := func(name, content string) { must(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o600)) }
	put("rc", fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror))
	put("repo/live/versions.tf", fmt.Sprintf("terraform {\n  required_providers {\n    test = {\n      source = %q\n    }\n  }\n  backend \"local\" {\n    path = %q\n  }\n}\n", pkg.Source, filepath.Join(root, "state", "terraform.tfstate")))
	put("repo/live/main.tf", officeCode)
	put("repo/holdfast.yaml", "version: 1\n")
	put("repo/.gitignore", ".terraform/\n")
	put("server/holdfast.yaml", "version: 1\nsources:\n"+strings.NewReplacer("FOLDER", o.dir, "GIT", "file://"+o.bare, "TOKEN", filepath.Join(root, "rc")).Replace(sources))
	attributes := func(name string) map[string]any { return map[string]any{"name": name, "note": "code", "color": "blue"} }
	o.world.Provision(t, filepath.Join(root, "state"), pkg,
		providertest.Resource{Type: "test_simple", Name: "a", Attributes: attributes("a")},
		providertest.Resource{Type: "test_simple", Name: "b", Attributes: attributes("b")})
	env := append(o.world.Env(), "HOME="+root, "PATH="+os.Getenv("PATH"), "TF_CLI_CONFIG_FILE="+filepath.Join(root, "rc"), "CHECKPOINT_DISABLE=1")
	init := exec.CommandContext(t.Context(), tools.Terraform, "init", "-input=false", "-no-color")
	init.Dir, init.Env = stack, env
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o.git(t, "init", "--quiet", "--initial-branch=main")
	o.git(t, "add", ".")
	o.git(t, "commit", "--quiet", "-m", "first")
	o.git(t, "clone", "--quiet", "--bare", ".", o.bare)
	o.options = app.ServeOptions{CheckOptions: app.CheckOptions{
		Config: filepath.Join(root, "server", "holdfast.yaml"), Env: env, Terraform: tools.Terraform, CacheDir: filepath.Join(root, "cache"), NoAttribution: true,
	}}
	o.Desk = app.NewDesk(t, o.options)
	return o
}

func (o *office) git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", o.dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// byHand changes what is live of a.
func (o *office) byHand(t *testing.T, note string) {
	t.Helper()
	o.world.Edit(t, "test_simple", "a", func(a map[string]any) { a["note"] = note })
}

func (o *office) note(t *testing.T) any { return o.world.Get(t, "test_simple", "a")["note"] }

// found checks a source, and gives the only finding that is open.
func (o *office) found(t *testing.T, source string) drift.Episode {
	t.Helper()
	o.Round(t, source)
	var open []drift.Episode
	for e, err := range o.Store.Episodes(t.Context(), store.Filter{Lives: []drift.Life{drift.LifeOpen}}) {
		must(t, err)
		open = append(open, e)
	}
	if len(open) != 1 {
		t.Fatalf("%+v", open)
	}
	return open[0]
}

func asking(kind string, e drift.Episode) store.Request {
	return store.Request{Kind: kind, Findings: []string{e.ID()}, Reason: "by mistake", Ticket: "OPS-1", AskedBy: "kim"}
}

// carried carries the last request out, and gives it as it is then.
func (o *office) carried(t *testing.T, id string) store.Request {
	t.Helper()
	must(t, o.Carry(t.Context(), id))
	r, ok, err := o.Store.Request(t.Context(), id)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// wantRefusal is an error of one of the kinds that the server tells people of.
func wantRefusal(t *testing.T, err error, want string) {
	t.Helper()
	wantError(t, err, want)
	for _, kind := range []error{server.ErrInvalid, server.ErrConflict, server.ErrNotThere, server.ErrForbidden} {
		if errors.Is(err, kind) {
			return
		}
	}
	t.Errorf("%v is of no kind that is told", err)
}

// TestRevertAsked: a revert that a second person has approved puts a folder's drift
// back, and the history tells of both.
func TestRevertAsked(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "  - {name: infra, folder: FOLDER, approval: true}\n")
	o.byHand(t, "by hand")
	e := o.found(t, "infra")
	if at := e.Finding.Source; at == nil || at.File != "live/main.tf" {
		t.Errorf("the code is at %+v", at)
	}
	ctx := t.Context()
	for want, change := range map[string]func(*store.Request){
		"a reason is required":        func(r *store.Request) { r.Reason = " " },
		"there is no finding":         func(r *store.Request) { r.Findings = []string{"ffffffff"} },
		"name from 1 to 100 findings": func(r *store.Request) { r.Findings = nil },
		"nothing to be asked for":     func(r *store.Request) { r.Kind = "destroy" },
		"nobody is known to ask":      func(r *store.Request) { r.AskedBy = "" },
		"is of the source infra":      func(r *store.Request) { r.Source = "other" },
		"may have 2000 characters":    func(r *store.Request) { r.Reason = strings.Repeat("x", 3000) },
	} {
		r := asking(store.RequestRevert, e)
		change(&r)
		_, err := o.Ask(ctx, r)
		wantRefusal(t, err, want)
	}
	forged := asking(store.RequestRevert, e)
	forged.State, forged.DecidedBy, forged.Outcome, forged.ID = store.RequestApproved, "ada", "done", "mine"
	r, err := o.Ask(ctx, forged)
	if err != nil || r.State != store.RequestWaiting || r.DecidedBy != "" || r.Outcome != "" || r.ID == "mine" || len(o.Queued) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	_, err = o.Ask(ctx, asking(store.RequestAccept, e))
	wantRefusal(t, err, "kim has asked for a revert of test_simple.a already, which is waiting")
	if got := o.carried(t, r.ID); got.State != store.RequestWaiting || o.note(t) != "by hand" {
		t.Fatalf("it was carried out without approval: %+v", got)
	}
	_, err = o.Decide(ctx, r.ID, true, " Kim")
	wantRefusal(t, err, "a second person has to approve")
	_, err = o.Decide(ctx, r.ID, true, "ada")
	must(t, err)
	_, err = o.Decide(ctx, r.ID, false, "bob")
	wantRefusal(t, err, "needs no decision any more")
	if len(o.Queued) != 1 {
		t.Fatalf("queued %v", o.Queued)
	}
	got := o.carried(t, r.ID)
	if got.State != store.RequestDone || !strings.Contains(got.Outcome, "test_simple.a: reverted") || o.note(t) != "code" || got.FinishedAt.IsZero() {
		t.Fatalf("%+v, %v", got, o.note(t))
	}
	must(t, o.Carry(ctx, r.ID)) // once more is nothing
	if len(o.Asked) != 1 || o.Asked[0].Source != "infra" || o.Asked[0].Actor != "kim" || len(o.Asked[0].Only) != 1 || o.Asked[0].Only[0] != e.Stack.ID {
		t.Errorf("the stack is to be checked as a whole: %+v", o.Asked)
	}
	runs, err := o.Store.RunsPage(ctx, store.RunFilter{})
	if must(t, err); runs.Items[0].Actor != "kim, approved by ada" {
		t.Errorf("%+v", runs.Items[0])
	}
	var told []string
	for event, err := range o.Store.Events(ctx, store.Filter{Finding: e.Finding.ID}) {
		must(t, err)
		told = append(told, string(event.Kind)+" "+event.Actor)
	}
	if want := "found , requested kim, approved ada, reverted kim, approved by ada"; strings.Join(told, ", ") != want {
		t.Errorf("%q", told)
	}
	if _, err := o.Ask(ctx, asking(store.RequestRevert, e)); err == nil {
		t.Error("what is gone can be reverted")
	}
}

// TestRejected: what was rejected is not done, and can be asked for again.
func TestRejected(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "  - {name: infra, folder: FOLDER, approval: true}\n")
	o.byHand(t, "by hand")
	r, err := o.Ask(t.Context(), asking(store.RequestRevert, o.found(t, "infra")))
	must(t, err)
	if r, err = o.Decide(t.Context(), r.ID, false, "kim"); err != nil || r.State != store.RequestRejected {
		t.Fatalf("%+v, %v", r, err)
	}
	if o.carried(t, r.ID).State != store.RequestRejected || o.note(t) != "by hand" {
		t.Error(o.note(t))
	}
	if _, err := o.Ask(t.Context(), asking(store.RequestRevert, o.found(t, "infra"))); err != nil {
		t.Error(err)
	}
}

// TestRevertOfGit: a stack of a repository, which nobody has initialised here.
func TestRevertOfGit(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "  - {name: infra, git: GIT}\n")
	o.byHand(t, "by hand")
	e := o.found(t, "infra")
	r, err := o.Ask(t.Context(), asking(store.RequestRevert, e))
	if err != nil || r.State != store.RequestApproved || len(o.Queued) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := o.carried(t, r.ID); got.State != store.RequestDone || o.note(t) != "code" {
		t.Fatalf("%+v, %v", got, o.note(t))
	}
	// What the worker was at when it died is told by a check, and not done again.
	o.byHand(t, "again")
	e = o.found(t, "infra")
	r, err = o.Ask(t.Context(), asking(store.RequestRevert, e))
	must(t, err)
	o.running(t, r)
	must(t, o.Store.Intend(t.Context(), []store.Outcome{{Kind: drift.EventReverted, Stack: e.Stack, Finding: e.Finding, At: time.Now(), Actor: "kim", Reason: "x"}}))
	got := o.carried(t, r.ID)
	if got.State != store.RequestFailed || !strings.Contains(got.Outcome, "cut off") || o.note(t) != "again" {
		t.Errorf("%+v, %v", got, o.note(t))
	}
	// Where nothing had begun, it is carried out.
	r, err = o.Ask(t.Context(), asking(store.RequestRevert, e))
	must(t, err)
	o.running(t, r)
	if got := o.carried(t, r.ID); got.State != store.RequestDone || o.note(t) != "code" {
		t.Errorf("%+v, %v", got, o.note(t))
	}
}

// running makes a request one that a worker is at.
func (o *office) running(t *testing.T, r store.Request) {
	t.Helper()
	r.State = store.RequestRunning
	must(t, o.Update(t.Context(), store.RequestApproved, r))
}

// TestAcceptAsked: an accept is a branch where the server may push, and else a
// patch that applies.
func TestAcceptAsked(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "  - {name: infra, git: GIT, push: {token_file: TOKEN}}\n")
	o.byHand(t, "by hand")
	r, err := o.Ask(t.Context(), asking(store.RequestAccept, o.found(t, "infra")))
	must(t, err)
	got := o.carried(t, r.ID)
	if got.State != store.RequestDone || got.Branch != "holdfast/accept-"+r.ID || got.Commit == "" {
		t.Fatalf("%+v", got)
	}
	code := o.git(t, "--git-dir", o.bare, "show", got.Branch+":live/main.tf")
	if !strings.Contains(code, `note = "by hand"`) || o.note(t) != "by hand" {
		t.Error(code)
	}
	if message := o.git(t, "--git-dir", o.bare, "log", "-1", "--format=%an %B", got.Branch); !strings.HasPrefix(message, "Holdfast Accept drift of test_simple.a") || !strings.Contains(message, "Accepted-by: kim") {
		t.Error(message)
	}
	// Cut off after the push: the branch is there, and that is all.
	r, err = o.Ask(t.Context(), asking(store.RequestAccept, o.found(t, "infra")))
	must(t, err)
	o.running(t, r)
	o.git(t, "--git-dir", o.bare, "branch", "holdfast/accept-"+r.ID, got.Commit)
	if again := o.carried(t, r.ID); again.State != store.RequestDone || again.Commit != got.Commit {
		t.Errorf("%+v", again)
	}
}

func TestAcceptPatch(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "  - {name: infra, folder: FOLDER}\n")
	o.byHand(t, "by hand")
	r, err := o.Ask(t.Context(), asking(store.RequestAccept, o.found(t, "infra")))
	must(t, err)
	got := o.carried(t, r.ID)
	if got.State != store.RequestDone || got.Patch == "" || o.git(t, "status", "--porcelain") != "" {
		t.Fatalf("%+v", got)
	}
	patch := filepath.Join(t.TempDir(), "p")
	must(t, os.WriteFile(patch, []byte(got.Patch), 0o600))
	o.git(t, "apply", patch)
	if src, err := os.ReadFile(filepath.Join(o.dir, "live", "main.tf")); err != nil || !strings.Contains(string(src), `note = "by hand"`) {
		t.Errorf("%s, %v", src, err)
	}
}

func waiving(e drift.Episode) server.WaiveAsk {
	return server.WaiveAsk{Episode: e, Reason: "until the launch", Owner: "kim", Until: time.Now().AddDate(0, 1, 0), Actor: "ada"}
}

// TestWaiveAsked: waivers are written beside holdfast.yaml, with what is there kept,
// by several people at once; in a repository they are a branch or a patch.
func TestWaiveAsked(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "  - {name: infra, folder: FOLDER}\n")
	o.byHand(t, "by hand")
	e := o.found(t, "infra")
	const head = "# ours\nversion: 1\nwaivers: # none\n"
	file := filepath.Join(o.dir, "waivers.yaml")
	must(t, os.WriteFile(file, []byte(head), 0o644))
	var all sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]bool{}
	for range 4 {
		all.Go(func() {
			done, err := o.Waive(t.Context(), waiving(e))
			if err != nil || done.Run == "" {
				t.Error(done, err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[done.ID] = true
		})
	}
	all.Wait()
	src, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(src), head) || strings.Count(string(src), "- id:") != 4 || len(ids) != 4 {
		t.Errorf("%v, %v\n%s", ids, err, src)
	}
	o.Round(t, "infra")
	stack, _, err := o.Store.Stack(t.Context(), e.Stack.ID)
	if err != nil || len(stack.Findings) != 1 || stack.Findings[0].Status != drift.Waived {
		t.Errorf("%+v, %v", stack.Findings, err)
	}
	early := waiving(e)
	early.Until = time.Now().AddDate(0, 0, -2)
	_, err = o.Waive(t.Context(), early)
	wantRefusal(t, err, "its last day is over")
}

func TestWaiveOfGit(t *testing.T) {
	t.Parallel()
	for name, push := range map[string]string{"push": ", push: {token_file: TOKEN}", "patch": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, "  - {name: infra, git: GIT"+push+"}\n")
			o.byHand(t, "by hand")
			done, err := o.Waive(t.Context(), waiving(o.found(t, "infra")))
			must(t, err)
			page, err := o.Store.Requests(t.Context(), store.RequestFilter{})
			if err != nil || len(page.Items) != 1 {
				t.Fatal(page, err)
			}
			r, _, err := o.Store.Request(t.Context(), page.Items[0].ID)
			must(t, err)
			if push != "" {
				if src := o.git(t, "--git-dir", o.bare, "show", done.Branch+":waivers.yaml"); !strings.Contains(src, done.ID) || r.Branch != done.Branch {
					t.Errorf("%s\n%+v", src, r)
				}
				return
			}
			patch := filepath.Join(t.TempDir(), "p")
			must(t, os.WriteFile(patch, []byte(r.Patch), 0o600))
			o.git(t, "apply", patch)
			if src, err := os.ReadFile(filepath.Join(o.dir, "waivers.yaml")); err != nil || !strings.Contains(string(src), done.ID) {
				t.Errorf("%s, %v", src, err)
			}
		})
	}
}

// TestLinksOut: what a repository links to outside of it is neither read nor
// written.
func TestLinksOut(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]string{"holdfast.yaml": "path: ''", "waivers.yaml": "path: ''", "sub": "path: sub"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, "  - {name: infra, git: GIT, "+link+"}\n")
			_ = os.Remove(filepath.Join(o.dir, name))
			must(t, os.Symlink(filepath.Dir(o.options.Config), filepath.Join(o.dir, name)))
			o.git(t, "add", "--all")
			o.git(t, "commit", "--quiet", "-m", "link")
			o.git(t, "push", "--quiet", o.bare, "main")
			_, _, err := o.Find(t.Context(), "infra")
			wantError(t, err, "leads out of the repository")
		})
	}
}
