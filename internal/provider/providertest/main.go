package providertest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The environment of a provider's process.
const (
	envDir    = "TESTPROVIDER_DIR"    // the world
	envRecord = "TESTPROVIDER_RECORD" // file that calls are recorded in
	envStrict = "TESTPROVIDER_STRICT" // set: the schema must be asked for first
	envChild  = "TESTPROVIDER_CHILD"  // set: this is no provider but its child
)

const (
	cookieKey   = "TF_PLUGIN_MAGIC_COOKIE"
	cookieValue = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"
)

// childLife is how long a spawned child lives, should no one end it.
const childLife = 2 * time.Minute

// Main is called first in TestMain. In a process that was started as a provider
// it serves, and does not return; in any other it does nothing.
func Main() {
	switch {
	case os.Getenv(envChild) != "":
		<-time.After(childLife)
		os.Exit(0)
	case os.Getenv(cookieKey) == cookieValue:
		serve()
		os.Exit(0)
	}
}

// console is the process's own standard error: go-plugin takes os.Stderr away.
var console = os.Stderr

func serve() {
	const address = "example.com/test/test" // for the log only
	name := filepath.Base(os.Args[0])
	e := &engine{
		dir: os.Getenv(envDir), strict: os.Getenv(envStrict) != "",
		rec: &recorder{path: os.Getenv(envRecord), protocol: 5},
	}
	if typeName, _, _ := strings.Cut(strings.TrimPrefix(name, "terraform-provider-"), "_"); strings.Contains(typeName, "six") {
		e.rec.protocol = 6
	}
	e.rec.write(Call{Method: "Start"})
	e.start()
	config := &goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: uint(e.rec.protocol), MagicCookieKey: cookieKey, MagicCookieValue: cookieValue,
		},
		Logger: hclog.New(&hclog.LoggerOptions{Output: console, JSONFormat: true}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(256<<20), grpc.MaxSendMsgSize(256<<20),
				grpc.UnaryInterceptor(e.unary), grpc.StreamInterceptor(e.stream))...)
		},
	}
	if e.rec.protocol == 5 {
		config.Plugins = goplugin.PluginSet{"provider": &tf5server.GRPCProviderPlugin{
			Name: address, GRPCProvider: func() tfprotov5.ProviderServer { return &five{e: e} },
		}}
	} else {
		config.Plugins = goplugin.PluginSet{"provider": &tf6server.GRPCProviderPlugin{
			Name: address, GRPCProvider: func() tfprotov6.ProviderServer { return e },
		}}
	}
	goplugin.Serve(config)
}

// start does what is asked of the process before it serves.
func (e *engine) start() {
	for what, argument := range steps(e.asked("Start", "", nil)) {
		switch what {
		case "garbage":
			fmt.Fprintln(os.Stdout, "this is no handshake")
			select {}
		case "protocol":
			fmt.Fprintf(os.Stdout, "1|%s|unix|/nowhere|grpc|\n", argument)
			select {}
		case "notls":
			fmt.Fprintf(os.Stdout, "1|%d|unix|/nowhere|grpc|\n", e.rec.protocol)
			select {}
		case "ownsocket":
			_ = os.Unsetenv("PLUGIN_UNIX_SOCKET_DIR")
		case "first":
			e.exitAtFirst = true
		default:
			_, _ = e.step(context.Background(), what, argument, &reply{})
		}
	}
}

// unary records every call of the plugin protocol, whatever it is.
func (e *engine) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	e.first()
	if method, ok := methodOf(info.FullMethod); ok {
		call := Call{Method: method}
		if typed, ok := req.(interface{ GetTypeName() string }); ok {
			call.Type = typed.GetTypeName()
		}
		e.rec.write(call)
	}
	resp, err := handler(ctx, req)
	if msg, ok := resp.(proto.Message); ok {
		mayDefer(msg.ProtoReflect())
	}
	return resp, err
}

// mayDefer takes out the error that terraform-plugin-go puts beside a deferral
// that the client did not allow.
func mayDefer(msg protoreflect.Message) {
	fields := msg.Descriptor().Fields()
	deferred, diags := fields.ByName("deferred"), fields.ByName("diagnostics")
	if deferred != nil && diags != nil && msg.Has(deferred) {
		msg.Clear(diags)
	}
}

func (e *engine) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	e.first()
	if method, ok := methodOf(info.FullMethod); ok {
		e.rec.write(Call{Method: method})
	}
	return handler(srv, stream)
}

func (e *engine) first() {
	if e.exitAtFirst {
		os.Exit(3)
	}
}

// spawn starts a child of the provider that holds its output open.
func (e *engine) spawn(detached bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self) // it is meant to outlive its call
	cmd.Env = append(os.Environ(), envChild+"=1")
	cmd.Stdout, cmd.Stderr = console, console
	if detached {
		detach(cmd)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	e.rec.write(Call{Method: "Spawn", Child: cmd.Process.Pid})
	return nil
}

// readable reports whether there is something to read from standard input.
func readable() bool {
	_, err := bufio.NewReader(os.Stdin).ReadByte()
	return err == nil
}
