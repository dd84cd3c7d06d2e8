package provider

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
	"holdfast/internal/provider/providertest"
)

// TestAcquireShares lets many ask for the same provider at once: they share one
// process, configured once, whose schema was asked for once.
func TestAcquireShares(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		m := r.manager(Options{})
		var mu sync.Mutex
		pids := map[int]bool{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				lease, err := m.Acquire(t.Context(), r.request("here"))
				if err != nil {
					t.Error(err)
					return
				}
				defer lease.Release()
				mu.Lock()
				defer mu.Unlock()
				pids[lease.Client.PID()] = true
			})
		}
		wg.Wait()
		lease := r.acquire(m, r.request("here"))
		pids[lease.Client.PID()] = true
		if len(pids) != 1 {
			t.Errorf("they got the processes %v", slices.Collect(maps.Keys(pids)))
		}
		for method, want := range map[string]int{"Start": 1, "GetProviderSchema": 1, "ConfigureProvider": 1} {
			if n := r.world.Count(t, method); n != want {
				t.Errorf("%d times %s", n, method)
			}
		}
		is := r.process(lease.Client).AsValueMap()
		if is["region"].AsString() != "here" || is["terraform_version"].AsString() != "1.11.4" || !is["configured"].RawEquals(cty.NumberIntVal(1)) {
			t.Errorf("its configuration is %#v", is)
		}
		m.Close()
		if left := r.world.Running(); len(left) > 0 {
			t.Errorf("closed, and %v run on", left)
		}
		r.world.AssertReadOnly(t)
	})
}

// TestAcquireTellsApart asks for what must not share a process.
func TestAcquireTellsApart(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	m := r.manager(Options{MaxIdle: 10})
	pids := map[int]string{}
	add := func(what string, req Request) {
		lease := r.acquire(m, req)
		if other, ok := pids[lease.Client.PID()]; ok {
			t.Errorf("%s shares a process with %s", what, other)
		}
		pids[lease.Client.PID()] = what
	}
	add("the first", r.request("here"))
	add("another configuration", r.request("there"))
	env := r.request("here")
	env.Env = append(slices.Clone(env.Env), "ACCOUNT=1")
	add("another environment", env)
	env.Env = append(slices.Clone(env.Env), "ACCOUNT=2")
	add("a variable that is set twice", env)
	version := r.request("here")
	version.TerraformVersion = "1.5.0"
	add("another version of Terraform", version)
	dir := r.request("here")
	dir.Where.Dir = t.TempDir()
	add("another folder", dir)
}

func TestPoolKey(t *testing.T) {
	t.Parallel()
	base := func() Request {
		return Request{Source: "example.com/test/five", Where: Where{Dir: "dir"}, Env: []string{"A=1", "B=2"}, TerraformVersion: "1"}
	}
	pkg := Package{Binary: "b", Hash: "h1:x"}
	key := func(change func(*Package, *Request)) (pool, spare string) {
		p, r := pkg, base()
		change(&p, &r)
		return poolKey(p, r, cty.EmptyObjectVal, Dynamic{msgpack: []byte("c")}), spareKey(p, r)
	}
	wantPool, wantSpare := key(func(*Package, *Request) {})
	for _, c := range []struct {
		name        string
		change      func(*Package, *Request)
		pool, spare bool // stay the same
	}{
		{"the order of variables", func(_ *Package, r *Request) { r.Env = []string{"B=2", "A=1"} }, true, true},
		{"a variable that does not count", func(_ *Package, r *Request) { r.Env = []string{"A=3", "A=1", "B=2"} }, true, true},
		{"the one of two that counts", func(_ *Package, r *Request) { r.Env = []string{"A=1", "A=3", "B=2"} }, false, false},
		{"a variable that looks like two", func(_ *Package, r *Request) { r.Env = []string{"A=1|B=2"} }, false, false},
		{"the binary's path", func(p *Package, _ *Request) { p.Binary = "c" }, false, false},
		{"its content", func(p *Package, _ *Request) { p.Hash = "h1:y" }, false, false},
		{"an override's build", func(p *Package, _ *Request) { p.Hash, p.stamp = "", "later" }, false, false},
		{"Terraform's version", func(_ *Package, r *Request) { r.TerraformVersion = "2" }, false, true},
		{"the folder", func(_ *Package, r *Request) { r.Where.Dir = "other" }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pool, spare := key(c.change)
			if (pool == wantPool) != c.pool || (spare == wantSpare) != c.spare {
				t.Errorf("the key in the pool stays: %v; the spare's: %v", pool == wantPool, spare == wantSpare)
			}
		})
	}
}

// TestIndifferent lets two root modules share a provider that is known not to
// look where it works, until one of them names a file there.
func TestIndifferent(t *testing.T) {
	t.Parallel()
	r := newRig(t, "registry.terraform.io/hashicorp/null")
	m := r.manager(Options{MaxIdle: 10})
	other := t.TempDir()
	request := func(dir, file string, env ...string) Request {
		req := r.request("")
		req.Where.Dir = dir
		req.Env = append(slices.Clone(req.Env), env...)
		req.Configure = func(s *schema.Schema) (cty.Value, error) {
			return object(s.Block, map[string]cty.Value{"file": cty.StringVal(file)}), nil
		}
		return req
	}
	pid := func(req Request) int { return r.acquire(m, req).Client.PID() }
	if pid(request(r.module, "credentials")) != pid(request(other, "credentials")) {
		t.Error("they don't share a process")
	}
	r.write(filepath.Join(r.module, "credentials"), "")
	if pid(request(r.module, "credentials")) == pid(request(other, "credentials")) {
		t.Error("they share a process, and one names a file")
	}
	if pid(request(r.module, "none", "CONFIG=./credentials")) == pid(request(other, "none", "CONFIG=./credentials")) {
		t.Error("they share a process, and one's environment names a file")
	}
	stranger := r.request("")
	stranger.Source = "example.com/hashicorp/null"
	if dirThatCounts(stranger, cty.EmptyObjectVal) == "" {
		t.Error("a namesake from another registry is taken for a known provider")
	}
}

// TestDeadIsReplaced kills a provider in use and one that is idle.
func TestDeadIsReplaced(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		m := r.manager(Options{})
		first := r.acquire(m, r.request("here"))
		first.Client.process.kill()
		<-first.Client.process.exited
		second := r.acquire(m, r.request("here"))
		if err := second.Client.announce(t.Context()); err != nil {
			t.Errorf("in use: %v", err)
		}
		first.Release()
		second.Release()
		second.Client.process.kill()
		<-second.Client.process.exited
		third := r.acquire(m, r.request("here"))
		if err := third.Client.announce(t.Context()); err != nil {
			t.Errorf("idle: %v", err)
		}
		third.Release()
		if n := m.size(); n != 1 {
			t.Errorf("the manager holds %d processes", n)
		}
	})
}

// size is how many processes the manager holds.
func (m *Manager) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.clients)
}

func TestIdleEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Five)
	m := r.manager(Options{MaxIdle: 2})
	leases := map[string]*Lease{}
	for _, region := range []string{"a", "b", "c", "d"} {
		leases[region] = r.acquire(m, r.request(region))
	}
	for _, region := range []string{"c", "a", "d", "b"} { // the order of their last use
		leases[region].Release()
		leases[region].Release() // once is enough
	}
	for region, ended := range map[string]bool{"c": true, "a": true, "d": false, "b": false} {
		if leases[region].Client.process.isDead() != ended {
			t.Errorf("%s has ended: %v", region, !ended)
		}
	}
	if n := m.size(); n != 2 {
		t.Errorf("the manager holds %d processes", n)
	}
	if r.acquire(m, r.request("b")).Client != leases["b"].Client {
		t.Error("an idle one is not used again")
	}
}

func TestOldEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	m := r.manager(Options{MaxAge: time.Nanosecond})
	first := r.acquire(m, r.request("here"))
	second := r.acquire(m, r.request("here"))
	if first.Client == second.Client {
		t.Error("one that is too old was given out")
	}
	if first.Client.process.isDead() {
		t.Error("it was ended in use")
	}
	first.Release()
	if !first.Client.process.isDead() {
		t.Error("it was kept")
	}
	second.Release()
	if n := m.size(); n != 0 {
		t.Errorf("the manager holds %d processes", n)
	}
}

// TestSpare is about the process that was started for its schema.
func TestSpare(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	m := r.manager(Options{MaxIdle: 1})
	if _, err := m.Schemas(t.Context(), r.request("")); err != nil {
		t.Fatal(err)
	}
	lease := r.acquire(m, r.request("here"))
	if n := r.world.Count(t, "Start"); n != 1 {
		t.Errorf("%d processes, where one would do", n)
	}
	lease.Release()

	m = r.manager(Options{MaxIdle: 1, CacheDir: t.TempDir()})
	if _, err := m.Schemas(t.Context(), r.request("")); err != nil {
		t.Fatal(err)
	}
	elsewhere := r.request("")
	elsewhere.Where.Dir = t.TempDir()
	r.acquire(m, elsewhere).Release()
	if n := m.size(); n != 1 {
		t.Errorf("the manager holds %d processes: a spare that nobody wants must go, too", n)
	}

	m = r.manager(Options{CacheDir: t.TempDir()})
	if _, err := m.Schemas(t.Context(), r.request("")); err != nil {
		t.Fatal(err)
	}
	for _, spare := range m.spares {
		spare.client.process.kill()
		<-spare.client.process.exited
	}
	if err := r.acquire(m, r.request("here")).Client.announce(t.Context()); err != nil {
		t.Errorf("the spare had died: %v", err)
	}
}

// TestConfigureFails expects a provider that refuses its configuration to end,
// and to be tried again by the next who asks.
func TestConfigureFails(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		m := r.manager(Options{})
		req := r.request("")
		req.Configure = func(s *schema.Schema) (cty.Value, error) {
			return object(s.Block, map[string]cty.Value{"token": cty.StringVal("wrong")}), nil
		}
		for n := range 2 {
			_, err := m.Acquire(t.Context(), req)
			var diagnostics *DiagnosticsError
			if !errors.As(err, &diagnostics) || err.Error() != "configuring provider "+r.pkg.Source+": token: Invalid credentials: the token wrong was refused" {
				t.Error(err)
			}
			if got := r.world.Count(t, "ConfigureProvider"); got != n+1 {
				t.Errorf("it was configured %d times", got)
			}
		}
		if n := m.size(); n != 0 {
			t.Errorf("the manager holds %d processes", n)
		}
		r.world.Behave(t, "ConfigureProvider", "exit:bad luck")
		var crash *CrashError
		if _, err := m.Acquire(t.Context(), r.request("")); !errors.As(err, &crash) || !strings.Contains(err.Error(), "bad luck") {
			t.Error(err)
		}
		r.world.Behave(t, "ConfigureProvider", "")
		r.acquire(m, r.request(""))
	})
}

func TestConfigurationUnusable(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Five)
	m := r.manager(Options{})
	why := errors.New("a variable has no value")
	for name, c := range map[string]struct {
		value cty.Value
		err   error
		want  string
	}{
		"not evaluated":  {err: why, want: why.Error()},
		"unknown":        {value: cty.UnknownVal(cty.String), want: "configuration of provider example.com/test/five: a value in it is not known"},
		"marked":         {value: cty.StringVal("x").Mark("sensitive"), want: "configuration of provider example.com/test/five: encoding a value for the provider"},
		"of another typ": {value: cty.EmptyObjectVal, want: "configuration of provider example.com/test/five: encoding a value for the provider"},
	} {
		req := r.request("")
		req.Configure = func(s *schema.Schema) (cty.Value, error) {
			if c.err != nil {
				return cty.NilVal, c.err
			}
			return object(s.Block, map[string]cty.Value{"region": c.value}), nil
		}
		if _, err := m.Acquire(t.Context(), req); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.world.Count(t, "ConfigureProvider"); n > 0 {
		t.Errorf("it was configured %d times", n)
	}
}

// TestStarterGivesUp lets two wait for one process. That who starts it gives up
// must not end the other's wait.
func TestStarterGivesUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	m := r.manager(Options{})
	r.world.Behave(t, "ConfigureProvider", "hang")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	starter := make(chan error, 1)
	go func() {
		_, err := m.Acquire(ctx, r.request("here"))
		starter <- err
	}()
	r.world.AwaitCall(t, "ConfigureProvider", 1)

	impatient, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := m.Acquire(impatient, r.request("here")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait of its own length ended with %v", err)
	}
	waiter := make(chan error, 1)
	go func() {
		lease, err := m.Acquire(t.Context(), r.request("here"))
		if err == nil {
			lease.Release()
		}
		waiter <- err
	}()
	if !providertest.Await(soon, func() bool { return m.users() == 2 }) {
		t.Fatal("the other does not wait")
	}
	r.world.Behave(t, "ConfigureProvider", "")
	cancel()
	if err := <-starter; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who gave up got %v", err)
	}
	if err := <-waiter; err != nil {
		t.Errorf("the other got %v", err)
	}
}

// users is how many use or wait for processes of the pool.
func (m *Manager) users() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, e := range m.pool {
		n += e.users
	}
	return n
}

// TestSchemaWait lets a provider hang when asked for its schema. Others wait
// for the answer, each as long as it likes.
func TestSchemaWait(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Five)
	m := r.manager(Options{})
	r.world.Behave(t, "GetProviderSchema", "hang")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := make(chan error, 1)
	go func() {
		_, err := m.Schemas(ctx, r.request(""))
		first <- err
	}()
	r.world.AwaitCall(t, "GetProviderSchema", 1)
	impatient, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := m.Schemas(impatient, r.request("")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), r.pkg.Source) {
		t.Errorf("a wait of its own length ended with %v", err)
	}
	r.world.Behave(t, "GetProviderSchema", "")
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v", err)
	}
	if _, err := m.Schemas(t.Context(), r.request("")); err != nil {
		t.Errorf("the next got %v", err)
	}
}

// TestCloseWhileStarting closes a manager in the middle of everything.
func TestCloseWhileStarting(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Start", "GetProviderSchema", "ConfigureProvider"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, providertest.Six)
			m := r.manager(Options{})
			r.world.Behave(t, at, "hang")
			ended := make(chan error, 1)
			go func() {
				_, err := m.Acquire(t.Context(), r.request("here"))
				ended <- err
			}()
			r.world.AwaitCall(t, at, 1)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					m.Close()
					if left := r.world.Running(); len(left) > 0 {
						t.Errorf("closed, and %v run on", left)
					}
				})
			}
			wg.Wait()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("who was waiting got %v", err)
			}
			if _, err := m.Acquire(t.Context(), r.request("here")); !errors.Is(err, context.Canceled) {
				t.Errorf("who comes late gets %v", err)
			}
		})
	}
}

// TestCloseAmidUse has many acquire, use and release, with a pool too small for
// them, while the manager is closed. The race detector watches.
func TestCloseAmidUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Five)
	m := r.manager(Options{MaxIdle: 1})
	served := make(chan struct{}, 1000)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for {
				lease, err := m.Acquire(t.Context(), r.request(string(rune('a'+n%3))))
				if err == nil {
					err = lease.Client.announce(t.Context())
					lease.Release()
				}
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				served <- struct{}{}
			}
		})
	}
	for range 6 {
		<-served
	}
	m.Close()
	if left := r.world.Running(); len(left) > 0 {
		t.Errorf("closed, and %v run on", left)
	}
	wg.Wait()
}

// TestStrict is a provider that wants to be asked for its schema before
// anything else, in every process.
func TestStrict(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		for _, strict := range []bool{true, false} {
			w := providertest.NewWorld(t)
			w.Strict = strict
			cache := t.TempDir()
			for range 2 {
				m := r.manager(Options{CacheDir: cache})
				for _, region := range []string{"a", "b"} {
					req := r.request(region)
					req.Env = w.Env()
					r.acquire(m, req)
				}
				m.Close()
			}
			want := 1 // at all
			if strict {
				want = 4 // once a process
			}
			if n := w.Count(t, "GetProviderSchema"); n != want {
				t.Errorf("strict %v: %d processes were asked %d times", strict, w.Count(t, "Start"), n)
			}
		}
	})
}

// TestOverride runs a provider that the CLI configuration names for
// development: it is not in the lock file, and its schema is kept nowhere.
func TestOverride(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	if err := os.Remove(filepath.Join(r.module, LockFile)); err != nil {
		t.Fatal(err)
	}
	rc := filepath.Join(t.TempDir(), "rc")
	r.write(rc, `provider_installation { dev_overrides { "`+r.pkg.Source+`" = "`+filepath.Dir(r.pkg.Binary)+`" } }`)
	req := r.request("here")
	req.Where.Env = func(name string) string { return map[string]string{"TF_CLI_CONFIG_FILE": rc}[name] }
	m := r.manager(Options{})
	pkg, err := m.Installed(req.Where, r.pkg.Source)
	if err != nil || pkg.Hash != "" || pkg.Binary != r.pkg.Binary {
		t.Fatalf("%+v, %v", pkg, err)
	}
	first := r.acquire(m, req)
	now := time.Now().Add(time.Minute)
	if err := os.Chtimes(r.pkg.Binary, now, now); err != nil { // another build
		t.Fatal(err)
	}
	if r.acquire(m, req).Client == first.Client {
		t.Error("a new build shares the process of the old one")
	}
	if n := r.world.Count(t, "GetProviderSchema"); n != 2 {
		t.Errorf("two builds were asked for their schema %d times", n)
	}
	if kept, _ := filepath.Glob(filepath.Join(r.cache, "schemas", "*")); len(kept) > 0 {
		t.Errorf("kept on disk: %v", kept)
	}
}
