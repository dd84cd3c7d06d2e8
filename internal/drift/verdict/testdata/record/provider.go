package main

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"holdfast/internal/drift/schema"
	"holdfast/internal/provider/plugin"
)

const source = "registry.terraform.io/holdfast/recorder"

// recorder is a provider that plans what is proposed and notes what it is
// asked. It has only the calls that a plan without a refresh makes.
type recorder struct {
	goplugin.NetRPCUnsupportedPlugin
	schemas []byte // the answer to GetProviderSchema

	mu     sync.Mutex
	trials map[string]*trial
}

// serve starts the provider in this process and gives what Terraform needs to
// find it.
func serve(ctx context.Context, trials map[string]*trial) (reattach string, stop func(), err error) {
	r := &recorder{trials: trials}
	if r.schemas, err = wireSchemas(trials); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	configs, closed := make(chan *goplugin.ReattachConfig), make(chan struct{})
	go goplugin.Serve(&goplugin.ServeConfig{
		VersionedPlugins: map[int]goplugin.PluginSet{6: {"provider": r}},
		GRPCServer:       goplugin.DefaultGRPCServer,
		Logger:           hclog.NewNullLogger(),
		Test:             &goplugin.ServeTestConfig{Context: ctx, ReattachConfigCh: configs, CloseCh: closed},
	})
	config := <-configs
	described, err := json.Marshal(object{source: object{
		"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.Getpid(), "Test": true,
		"Addr": object{"Network": config.Addr.Network(), "String": config.Addr.String()},
	}})
	return string(described), func() { cancel(); <-closed }, err
}

// GRPCClient is go-plugin's other half, of no use here.
func (r *recorder) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return r, nil
}

// GRPCServer registers the calls.
func (r *recorder) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "tfplugin6.Provider", Methods: []grpc.MethodDesc{
		call("GetProviderSchema", func(*plugin.Empty) proto.Message {
			answer := &plugin.Empty{}
			answer.ProtoReflect().SetUnknown(r.schemas)
			return answer
		}),
		call("GetResourceIdentitySchemas", nothing),
		call("ValidateProviderConfig", nothing),
		call("ConfigureProvider", nothing),
		call("StopProvider", nothing),
		call("ValidateResourceConfig", r.validate),
		call("UpgradeResourceState", r.upgrade),
		call("PlanResourceChange", r.plan),
	}}, nil)
	return nil
}

func call[T any, P interface {
	*T
	proto.Message
}](name string, answer func(P) proto.Message) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		request := P(new(T))
		if err := decode(request); err != nil {
			return nil, err
		}
		return answer(request), nil
	}}
}

func nothing(*plugin.Empty) proto.Message { return &plugin.Empty{} }

// validate gets the configuration before ignore_changes. Its request has the
// shape of ReadDataSource's.
func (r *recorder) validate(req *plugin.ReadDataSourceRequest) proto.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trials[req.GetTypeName()].source = req.GetConfig().GetMsgpack()
	return &plugin.Empty{}
}

func (r *recorder) upgrade(req *plugin.UpgradeResourceStateRequest) proto.Message {
	return &plugin.UpgradeResourceStateResponse{UpgradedState: &plugin.DynamicValue{Json: req.GetRawState().GetJson()}}
}

func (r *recorder) plan(req *plugin.PlanResourceChangeRequest) proto.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.trials[req.GetTypeName()]
	t.seenPrior, t.seenConfig = req.GetPriorState().GetMsgpack(), req.GetConfig().GetMsgpack()
	t.proposed = req.GetProposedNewState().GetMsgpack()
	return &plugin.PlanResourceChangeResponse{PlannedState: req.GetProposedNewState(), LegacyTypeSystem: true}
}

// wireSchemas encodes the answer to GetProviderSchema: field 1 is the
// provider's own schema, field 2 a map of those of its resource types.
func wireSchemas(trials map[string]*trial) ([]byte, error) {
	var out []byte
	add := func(field protowire.Number, content []byte) {
		out = protowire.AppendBytes(protowire.AppendTag(out, field, protowire.BytesType), content)
	}
	own, err := proto.Marshal(&plugin.Schema{Block: &plugin.Schema_Block{}})
	if err != nil {
		return nil, err
	}
	add(1, own)
	for name, t := range trials {
		block, err := wireBlock(t.block)
		if err != nil {
			return nil, err
		}
		content, err := proto.Marshal(&plugin.Schema{Block: block})
		if err != nil {
			return nil, err
		}
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
		add(2, protowire.AppendBytes(protowire.AppendTag(entry, 2, protowire.BytesType), content))
	}
	return out, nil
}

func wireBlock(b *schema.Block) (*plugin.Schema_Block, error) {
	out := &plugin.Schema_Block{}
	var err error
	if out.Attributes, err = wireAttributes(b.Attributes); err != nil {
		return nil, err
	}
	for name, nested := range b.Blocks {
		inner, err := wireBlock(&nested.Block)
		if err != nil {
			return nil, err
		}
		out.BlockTypes = append(out.BlockTypes, &plugin.Schema_NestedBlock{TypeName: name, Block: inner, Nesting: int32(nested.Nesting)})
	}
	return out, nil
}

func wireAttributes(attrs map[string]*schema.Attribute) ([]*plugin.Schema_Attribute, error) {
	var out []*plugin.Schema_Attribute
	for name, attr := range attrs {
		wire := &plugin.Schema_Attribute{
			Name: name, Required: attr.Required, Optional: attr.Optional, Computed: attr.Computed, WriteOnly: attr.WriteOnly,
		}
		var err error
		if attr.Nested == nil {
			wire.Type, err = ctyjson.MarshalType(attr.Type)
		} else {
			wire.NestedType = &plugin.Schema_Object{Nesting: int32(attr.Nested.Nesting)}
			wire.NestedType.Attributes, err = wireAttributes(attr.Nested.Attributes)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, wire)
	}
	return out, nil
}
