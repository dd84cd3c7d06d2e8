// Package provider runs Terraform providers for reading: it finds a provider's
// package, checks it against the lock file, starts it, and speaks the plugin
// protocol to it, versions 5 and 6. Nothing in it can change infrastructure.
package provider

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/internal/provider/plugin"
)

// handshake is what tells a provider that it was started by a client of the
// plugin protocol and not by a person; providers refuse to run without it.
var handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  4,
	MagicCookieKey:   "TF_PLUGIN_MAGIC_COOKIE",
	MagicCookieValue: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
}

// startTimeout is how long a provider may take to say where it listens.
const startTimeout = time.Minute

// Launch is how a provider process is started.
type Launch struct {
	Name   string   // the provider's address, for messages
	Binary string   // path of the executable
	Dir    string   // working directory; Terraform uses the root module's
	Env    []string // the whole environment but for the handshake's own variables

	keepSocket bool // of a test that knocks there a second time
}

// Start starts a provider and shakes hands with it; all further talk is over
// mutual TLS. ctx bounds the start, which takes a minute at most; the process
// ends with Close, or with our own process.
//
// Of go-plugin only the handshake is used. Its client would leave goroutines
// behind when a provider ends just after the handshake, and wait two seconds
// for a goodbye.
func Start(ctx context.Context, l Launch) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	proc := newProcess()
	var socketDir string
	config := &goplugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{5: {}, 6: {}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     2 * startTimeout, // ctx ends it first
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off}),
		Stderr:           &proc.stderr,
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, tmpDir string) (runner.Runner, error) {
			socketDir = tmpDir
			cmd.Path, cmd.Args, cmd.Dir = l.Binary, []string{l.Binary}, l.Dir
			cmd.Env = append(append([]string(nil), l.Env...), cmd.Env...)
			cmd.Stdin = nil // go-plugin would hand ours down
			return newRunner(proc, cmd)
		},
	}
	host := goplugin.NewClient(config)
	stop := context.AfterFunc(ctx, proc.kill)
	addr, err := host.Start()
	files := sockets{socketDir, addr}
	var conn *grpc.ClientConn
	if err == nil {
		conn, err = dial(config, files, l.keepSocket)
	}
	c := &Client{name: l.Name, conn: conn, process: proc, sockets: files, followed: make(chan struct{})}
	if !stop() || err != nil {
		c.Close()
		return nil, startError(ctx, l, proc, err)
	}
	c.protocol = host.NegotiatedVersion()
	c.methods = protocols[c.protocol]
	go c.follow() //nolint:gosec,contextcheck // it follows the process, which outlives the start's context
	return c, nil
}

// dial connects to a provider that has told its address and certificate. The
// connection is made with the first call, and only once: nobody needs the socket
// by its name any more then. Were it left there until the end, nobody would
// remove it if we were killed, and the provider with us.
func dial(config *goplugin.ClientConfig, files sockets, keep bool) (*grpc.ClientConn, error) {
	if config.TLSConfig.RootCAs == nil {
		return nil, errors.New("it offers no TLS, as every provider of the last years does")
	}
	return grpc.NewClient("passthrough:///provider",
		grpc.WithTransportCredentials(credentials.NewTLS(config.TLSConfig)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, files.addr.Network(), files.addr.String())
			if err == nil && !keep {
				files.remove()
			}
			return conn, err
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithIdleTimeout(0),
	)
}

// startError says why a provider, which has ended by now, could not be started.
// err is nil if nothing went wrong but that ctx is over.
func startError(ctx context.Context, l Launch, proc *process, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil:
		return &TimeoutError{Provider: l.Name, Call: "the handshake"}
	}
	if state, ok := proc.died(0); ok {
		return &CrashError{Provider: l.Name, Tail: proc.stderr.String(), Err: fmt.Errorf("%s before the handshake", state)}
	}
	if proc.pid() == 0 {
		return fmt.Errorf("starting provider %s: %w; run terraform init to install it anew", l.Name, err)
	}
	// Messages of go-plugin have several lines.
	return fmt.Errorf("starting provider %s: %s is no Terraform provider that this version can talk to: %s", l.Name, l.Binary, strings.Join(strings.Fields(err.Error()), " "))
}

// Close ends the provider's process, at once: a process that only read has
// nothing to finish. When it returns the process is gone. It may be called
// several times and at any time; calls under way fail.
func (c *Client) Close() {
	c.closing.Do(func() {
		c.closed.Store(true)
		c.process.kill()
		if c.conn != nil {
			_ = c.conn.Close()
		}
		c.process.wait()
		c.sockets.remove()
	})
}

// sockets are what a provider was told to listen in, and where it did.
type sockets struct {
	dir  string
	addr net.Addr
}

// remove deletes what a provider that is killed can't. One built with a go-plugin
// from before 2023 listens where it likes.
func (s sockets) remove() {
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	if unix, ok := s.addr.(*net.UnixAddr); ok {
		if info, err := os.Lstat(unix.Name); err == nil && info.Mode()&fs.ModeSocket != 0 {
			_ = os.Remove(unix.Name)
		}
	}
}

// follow keeps the last words of the provider's own code, whose standard output
// and error go-plugin's server sends over the connection. Were they not read,
// the provider would block.
func (c *Client) follow() {
	defer close(c.followed)
	desc := &grpc.StreamDesc{ServerStreams: true}
	stream, err := c.conn.NewStream(context.Background(), desc, "/plugin.GRPCStdio/StreamStdio", grpc.ForceCodecV2(rawCodec{}))
	if err != nil || stream.SendMsg(&plugin.Empty{}) != nil || stream.CloseSend() != nil {
		return
	}
	for {
		var chunk []byte
		if stream.RecvMsg(&chunk) != nil {
			return
		}
		if text, isStderr := stdioChunk(chunk); isStderr {
			_, _ = c.process.stderr.Write(text)
		}
	}
}

// stdioChunk reads go-plugin's StdioData: field 1 is the channel, 2 the text.
func stdioChunk(raw []byte) (text []byte, isStderr bool) {
	_ = eachField(raw, func(num protowire.Number, field, body []byte) error {
		switch num {
		case 1:
			_, _, n := protowire.ConsumeTag(field)
			channel, _ := protowire.ConsumeVarint(field[n:])
			isStderr = channel == 2
		case 2:
			text = body
		}
		return nil
	})
	return text, isStderr
}
