package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"holdfast/internal/provider/plugin"
	"holdfast/internal/provider/providertest"
)

// soon is when something that happens at once has happened on a busy machine. What
// nothing may wait for lasts for two minutes.
const soon = 30 * time.Second

// read reads an object that is there.
func (r *rig) read(ctx context.Context, c *Client) error {
	r.Helper()
	_, err := c.Read(ctx, "test_simple", r.state(r.schemas(c), "test_simple", "a", nil), Dynamic{})
	return err
}

// process says of a running provider what its process is like.
func (r *rig) process(c *Client) cty.Value {
	r.Helper()
	sch, err := r.schemas(c).Data("test_process")
	if err != nil {
		r.Fatal(err)
	}
	ty := sch.Block.ImpliedType()
	answer, err := c.ReadData(r.Context(), "test_process", r.encode(sch.Block.Empty(), ty), Dynamic{})
	if err != nil {
		r.Fatal(err)
	}
	return r.decode(answer, ty)
}

func TestCrash(t *testing.T) {
	t.Parallel()
	for behaviour, want := range map[string]string{
		"exit:disk full": "exit status 3 during ReadResource; it last wrote: disk full",
		"stderr:one;stderr:two;stderr:{\"@message\":\"a secret\"};exit:three": "it last wrote: one | two | three",
		"panic:no such luck":                  "exit status 2 during ReadResource; it last wrote: panic: no such luck",
		"spawn;exit:with a child left behind": "it last wrote: with a child left behind",
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, r *rig) {
				c := r.start()
				r.world.Put(t, "test_simple", "a", nil)
				r.world.BehaveAt(t, "test_simple", "a", "ReadResource", behaviour)
				err := r.read(t.Context(), c)
				var crash *CrashError
				if !errors.As(err, &crash) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "provider "+r.pkg.Source+" crashed: ") {
					t.Fatalf("want %q in the error: %v", want, err)
				}
				if strings.Contains(err.Error(), "goroutine") {
					t.Errorf("a stack trace: %v", err)
				}
				if !c.process.isDead() {
					t.Error("the process is not known to be dead")
				}
				r.world.AwaitGone(t, soon) // what it left behind, too
				if err := r.readBlind(c); !errors.As(err, &crash) {
					t.Errorf("another call: %v", err)
				}
			})
		})
	}
}

// readBlind reads an object without asking for the schema.
func (r *rig) readBlind(c *Client) error {
	_, err := c.Read(r.Context(), "test_simple", Object{}, Dynamic{})
	return err
}

// TestLastWords expects what a provider prints as Go code does: go-plugin
// catches it and sends it over the connection.
func TestLastWords(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	c := r.start()
	r.world.Put(t, "test_simple", "a", nil)
	r.world.Behave(t, "ReadResource", "print:about to fail")
	if err := r.read(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if !providertest.Await(soon, func() bool { return strings.Contains(c.process.stderr.String(), "about to fail") }) {
		t.Errorf("what it printed was lost; there is %q", c.process.stderr.String())
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*lineLength)
	for _, c := range []struct {
		name, written, want string
	}{
		{"nothing", "", ""},
		{"without an end", "a\nb", "a | b"},
		{"the last ones", "1\n2\n3\n4\n5\n6\n7\n\n8\n", "3 | 4 | 5 | 6 | 7 | 8"},
		{"no log", "a\n" + `{"@message":"secret"}` + "\nb\n", "a | b"},
		{"no log of the old kind", "2026/11/23 00:58:06 [DEBUG] secret\n2026/11/23 [TRACE] x: secret\n2026/11/23 [ERROR] b", "2026/11/23 [ERROR] b"},
		{"no long log, in part", `{"@message":"` + long + `","secret":1}` + "\nb\n", "b"},
		{"a long line", long + "\nb\n", "(a line of more than 4096 bytes) | b"},
		{"a panic", "a\npanic: why\n\ngoroutine 1 [running]:\nmain.f()\n\t/f.go:1\n4\n5\n6\n7\n8\n", "panic: why"},
		{"a fatal error", "a\nfatal error: all asleep\n2\n", "fatal error: all asleep | 2"},
		{"not UTF-8", "a\xff\xfeb\n", "ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 7, 1 << 20} { // however it is cut up
				var kept tail
				for piece := range slices.Chunk([]byte(c.written), size) {
					if n, err := kept.Write(piece); n != len(piece) || err != nil {
						t.Fatal(n, err)
					}
				}
				if got := kept.String(); got != c.want {
					t.Errorf("in pieces of %d: want %q, got %q", size, c.want, got)
				}
			}
		})
	}
}

// TestHang lets a provider never answer: the call ends with its context, and
// the process with Close, children and all.
func TestHang(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		c := r.start()
		r.world.Put(t, "test_simple", "a", nil)
		r.world.Behave(t, "ReadResource", "spawn;hang")
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := r.read(short, c)
		before := r.world.Count(t, "ReadResource")
		var timeout *TimeoutError
		if !errors.As(err, &timeout) || !errors.Is(err, context.DeadlineExceeded) || err.Error() != "provider "+r.pkg.Source+" did not answer ReadResource in time" {
			t.Errorf("its time is over: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- r.read(ctx, c) }()
		r.world.AwaitCall(t, "ReadResource", before+1)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it was interrupted: %v", err)
		}
		c.Close()
		r.world.AwaitGone(t, soon)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		r.world.Behave(t, "ReadResource", "hang")
		r.world.Put(t, "test_simple", "a", nil)
		c := r.start()
		ended := make(chan error, 1)
		go func() { ended <- r.read(t.Context(), c) }()
		r.world.AwaitCall(t, "ReadResource", 1)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				c.Close()
				if left := r.world.Running(); len(left) > 0 {
					t.Errorf("closed, and %v still run", left)
				}
			})
		}
		wg.Wait()
		if err := <-ended; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "closed") {
			t.Errorf("a call under way: %v", err)
		}
		if err := r.readBlind(c); !errors.Is(err, context.Canceled) {
			t.Errorf("a call after that: %v", err)
		}
		if _, err := os.Stat(c.sockets.dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the folder of its socket is still there: %v", err)
		}
		c.process.mu.Lock()
		defer c.process.mu.Unlock()
		if !c.process.gone {
			t.Error("its id may be another's by now, and a kill would still hit it")
		}
	})
}

// TestSocketIsRemoved expects nothing of a running provider in the folder for
// temporary files, so that nothing is left when all of us are killed.
func TestSocketIsRemoved(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		c := r.start()
		for range 2 {
			if err := c.announce(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(c.sockets.dir); c.sockets.dir == "" || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder %q of its socket is still there: %v", c.sockets.dir, err)
			}
		}
	})
}

// TestOwnSocket is a provider built with a go-plugin that does not know where
// to put its socket. Killed, it can't remove it.
func TestOwnSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Five)
	r.world.Behave(t, "Start", "ownsocket")
	tmp, err := os.MkdirTemp("", "s") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	l := r.launch()
	l.Env = append(l.Env, "TMPDIR="+tmp)
	c, err := Start(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if at := c.sockets.addr.String(); filepath.Dir(at) != tmp {
		t.Errorf("its socket is %s", at)
	}
	c.Close()
	if entries, _ := os.ReadDir(tmp); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestDetachedChild is a child that left the group of its provider and holds
// the provider's output open: nothing may wait for it.
func TestDetachedChild(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	c := r.start()
	r.world.Put(t, "test_simple", "a", nil)
	r.world.Behave(t, "ReadResource", "spawn:detached;exit:gone")
	began := time.Now()
	err := r.read(t.Context(), c)
	var crash *CrashError
	if !errors.As(err, &crash) || !strings.Contains(err.Error(), "gone") || !c.process.isDead() {
		t.Errorf("the crash was not seen: %v", err)
	}
	c.Close()
	if took := time.Since(began); took > 2*soon {
		t.Errorf("closing took %s", took)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	file := func(mode fs.FileMode, content string) func(*rig, *Launch) {
		return func(r *rig, l *Launch) {
			l.Binary = filepath.Join(r.module, "terraform-provider-odd")
			if err := os.WriteFile(l.Binary, []byte(content), mode); err != nil {
				r.Fatal(err)
			}
		}
	}
	behaves := func(behaviour string) func(*rig, *Launch) {
		return func(r *rig, _ *Launch) { r.world.Behave(r, "Start", behaviour) }
	}
	for name, c := range map[string]struct {
		set  func(*rig, *Launch)
		want string
	}{
		"not there":         {func(_ *rig, l *Launch) { l.Binary += "-not" }, "no such file or directory; run terraform init to install it anew"},
		"not executable":    {file(0o600, "#!/bin/sh\n"), "permission denied; run terraform init"},
		"no program":        {file(0o700, "\x00\x01\x02"), "exec format error; run terraform init"},
		"no folder":         {func(_ *rig, l *Launch) { l.Dir += "/not" }, "no such file or directory"},
		"ends":              {file(0o700, "#!/bin/sh\necho this machine is too old >&2\nexit 7\n"), "crashed: exit status 7 before the handshake; it last wrote: this machine is too old"},
		"ends well":         {file(0o700, "#!/bin/sh\n"), "crashed: exit status 0 before the handshake"},
		"talks of another":  {behaves("garbage"), "no Terraform provider that this version can talk to: Unrecognized remote plugin message: this is no handshake"},
		"another protocol":  {behaves("protocol:4"), "incompatible API version with plugin. Plugin version: 4"},
		"without TLS":       {behaves("notls"), "it offers no TLS"},
		"crashes":           {behaves("exit:no license"), "crashed: exit status 3 before the handshake; it last wrote: no license"},
		"leaves a child":    {behaves("spawn;exit:no license"), "crashed: exit status 3 before the handshake; it last wrote: no license"},
		"leaves one behind": {behaves("spawn:detached;exit:no license"), "crashed: exit status 3 before the handshake; it last wrote: no license"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" {
				t.Skip("the messages are those of Unix")
			}
			r := newRig(t, providertest.Five)
			l := r.launch()
			c.set(r, &l)
			client, err := Start(t.Context(), l)
			if err == nil {
				client.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "provider "+r.pkg.Source) || strings.Contains(err.Error(), "\n") {
				t.Errorf("want %q: %v", c.want, err)
			}
			if name != "leaves one behind" {
				r.world.AwaitGone(t, soon)
			}
		})
	}
}

func TestStartTakesTooLong(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		r.world.Behave(t, "Start", "spawn;hang")
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := Start(short, r.launch())
		before := r.world.Count(t, "Spawn")
		var timeout *TimeoutError
		if !errors.As(err, &timeout) || err.Error() != "provider "+r.pkg.Source+" did not answer the handshake in time" {
			t.Errorf("its time is over: %v", err)
		}
		r.world.AwaitGone(t, soon)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := Start(ctx, r.launch())
			ended <- err
		}()
		r.world.AwaitCall(t, "Spawn", before+1)
		cancel()
		began := time.Now()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it was interrupted: %v", err)
		}
		if left := r.world.Running(); len(left) > 0 || time.Since(began) > soon {
			t.Errorf("after %s these run: %v", time.Since(began), left)
		}
		if _, err := Start(ctx, r.launch()); !errors.Is(err, context.Canceled) {
			t.Errorf("it was interrupted before: %v", err)
		}
	})
}

// TestEndsAfterHandshake is a provider that dies at the first call of any kind.
func TestEndsAfterHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	r.world.Behave(t, "Start", "first")
	for range 3 {
		c := r.start()
		_, err := c.fetchSchemas(t.Context())
		var crash *CrashError
		if !errors.As(err, &crash) || !strings.Contains(err.Error(), "exit status 3 during Get") {
			t.Error(err)
		}
		c.Close()
	}
}

// TestProcess looks at a provider's process from inside.
func TestProcess(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		l := r.launch()
		l.Env = append(l.Env, "GIVEN=twice", "GIVEN=it", "PLUGIN_MIN_PORT=not ours")
		c, err := Start(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		is := r.process(c).AsValueMap()
		if dir, _ := filepath.EvalSymlinks(r.module); is["dir"].AsString() != dir {
			t.Errorf("it works in %s, not in %s", is["dir"].AsString(), dir)
		}
		if args := is["args"].AsValueSlice(); len(args) != 1 || args[0].AsString() != r.pkg.Binary {
			t.Errorf("its arguments are %v", args)
		}
		if is["stdin"].True() {
			t.Error("it can read from our standard input")
		}
		env := map[string]string{}
		for name, value := range is["environment"].AsValueMap() {
			if v := value.AsString(); !strings.HasPrefix(name, "PLUGIN_") || name == "PLUGIN_MIN_PORT" {
				env[name] = v
			}
		}
		want := map[string]string{
			"TESTPROVIDER_DIR": r.world.Dir, "TESTPROVIDER_RECORD": r.world.Record, "GIVEN": "it",
			"PLUGIN_MIN_PORT": "10000", handshake.MagicCookieKey: handshake.MagicCookieValue,
		}
		if diff := cmp.Diff(want, env); diff != "" {
			t.Errorf("its environment differs from what was given (-):\n%s", diff)
		}
	})
}

// TestMutualTLS knocks at a provider's door without the key.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		l := r.launch()
		l.keepSocket = true
		c, err := Start(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, creds := range map[string]credentials.TransportCredentials{
			"plain":               insecure.NewCredentials(),
			"without certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
			"another certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{certificate(t)}}),
		} {
			stranger, err := grpc.NewClient("passthrough:///provider", grpc.WithTransportCredentials(creds),
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, c.sockets.addr.Network(), c.sockets.addr.String())
				}))
			if err != nil {
				t.Fatal(err)
			}
			err = stranger.Invoke(t.Context(), c.methods.stop, &plugin.Empty{}, &plugin.Stopped{})
			if status.Code(err) != codes.Unavailable {
				t.Errorf("%s: a stranger got %v", name, err)
			}
			stranger.Close()
		}
		if n := r.world.Count(t, "StopProvider"); n > 0 {
			t.Errorf("a stranger's call arrived %d times", n)
		}
	})
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestLargeSchema fetches a schema of some megabytes.
func TestLargeSchema(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		r.world.Behave(t, "GetProviderSchema", "pad:6")
		c := r.start()
		sch, err := r.schemas(c).Resource("test_simple")
		if err != nil || sch == nil {
			t.Errorf("%v, %v", sch, err)
		}
	})
}
