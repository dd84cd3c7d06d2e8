package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"github.com/zclconf/go-cty/cty/msgpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"holdfast/internal/provider/plugin"
)

// methods are the remote procedures that Holdfast can call, for one major
// version of the plugin protocol. What is not here cannot be called: nothing
// that applies, imports or moves.
type methods struct {
	schema, identities, configure, upgradeState, upgradeIdentity, read, plan, readData, stop string
}

var protocols = map[int]methods{
	5: {
		schema:          "/tfplugin5.Provider/GetSchema",
		identities:      "/tfplugin5.Provider/GetResourceIdentitySchemas",
		configure:       "/tfplugin5.Provider/Configure",
		upgradeState:    "/tfplugin5.Provider/UpgradeResourceState",
		upgradeIdentity: "/tfplugin5.Provider/UpgradeResourceIdentity",
		read:            "/tfplugin5.Provider/ReadResource",
		plan:            "/tfplugin5.Provider/PlanResourceChange",
		readData:        "/tfplugin5.Provider/ReadDataSource",
		stop:            "/tfplugin5.Provider/Stop",
	},
	6: {
		schema:          "/tfplugin6.Provider/GetProviderSchema",
		identities:      "/tfplugin6.Provider/GetResourceIdentitySchemas",
		configure:       "/tfplugin6.Provider/ConfigureProvider",
		upgradeState:    "/tfplugin6.Provider/UpgradeResourceState",
		upgradeIdentity: "/tfplugin6.Provider/UpgradeResourceIdentity",
		read:            "/tfplugin6.Provider/ReadResource",
		plan:            "/tfplugin6.Provider/PlanResourceChange",
		readData:        "/tfplugin6.Provider/ReadDataSource",
		stop:            "/tfplugin6.Provider/StopProvider",
	},
}

// maxMessage bounds one gRPC message, in bytes: Terraform's own limit.
const maxMessage = 256 << 20

// Dynamic is a value as it travels: MessagePack, or JSON from providers that
// prefer it. The zero Dynamic is no value at all.
type Dynamic struct {
	msgpack []byte
	json    []byte
}

// Encode packs a value of type ty. The value carries no marks.
func Encode(v cty.Value, ty cty.Type) (Dynamic, error) {
	b, err := msgpack.Marshal(v, ty)
	if err != nil {
		return Dynamic{}, fmt.Errorf("encoding a value for the provider: %w", err)
	}
	return Dynamic{msgpack: b}, nil
}

// Decode unpacks a value of type ty. No value at all is a null.
func (d Dynamic) Decode(ty cty.Type) (cty.Value, error) {
	var v cty.Value
	var err error
	switch {
	case len(d.msgpack) > 0:
		v, err = msgpack.Unmarshal(d.msgpack, ty)
	case len(d.json) > 0:
		v, err = ctyjson.Unmarshal(d.json, ty)
	default:
		return cty.NullVal(ty), nil
	}
	if err == nil {
		err = d.fits(v, ty)
	}
	if err != nil {
		return cty.NilVal, &NonsenseError{What: "a value that does not fit its own schema", Err: err}
	}
	return v, nil
}

// fits finds what the decoder lets pass: an object that has one attribute twice
// and another not at all, and bytes after a null.
func (d Dynamic) fits(v cty.Value, ty cty.Type) error {
	if faults := v.Type().TestConformance(ty); len(faults) > 0 {
		return faults[0]
	}
	if v.IsNull() && !d.IsNil() && ty != cty.DynamicPseudoType {
		return errors.New("something follows a null")
	}
	return nil
}

// Same reports whether both are the same bytes, and so the same value. Values
// that differ in bytes may still be equal.
func (d Dynamic) Same(o Dynamic) bool {
	return len(d.msgpack) > 0 && bytes.Equal(d.msgpack, o.msgpack)
}

// IsNil reports whether the value is null, or no value at all, without decoding
// it.
func (d Dynamic) IsNil() bool {
	const nilByte = 0xc0
	switch {
	case len(d.msgpack) > 0:
		return len(d.msgpack) == 1 && d.msgpack[0] == nilByte
	case len(d.json) > 0:
		return string(bytes.TrimSpace(d.json)) == "null"
	}
	return true
}

// missing reports whether there is no value at all, not even a null.
func (d Dynamic) missing() bool { return len(d.msgpack) == 0 && len(d.json) == 0 }

func (d Dynamic) wire() *plugin.DynamicValue {
	if d.missing() {
		return nil
	}
	return &plugin.DynamicValue{Msgpack: d.msgpack, Json: d.json}
}

func fromWire(v *plugin.DynamicValue) Dynamic {
	return Dynamic{msgpack: v.GetMsgpack(), json: v.GetJson()}
}

// Client is a running provider process. It is safe for concurrent use. It has
// no method that changes infrastructure: see methods.
type Client struct {
	name     string
	protocol int
	methods  methods
	conn     *grpc.ClientConn
	process  *process
	sockets  sockets
	followed chan struct{} // closed when its output has been read

	closing sync.Once
	closed  atomic.Bool
	suspect atomic.Bool // it did not answer a call: whoever comes next gets another
}

// Name is the provider's address, for messages.
func (c *Client) Name() string { return c.name }

// Protocol is the major version of the plugin protocol in use: 5 or 6.
func (c *Client) Protocol() int { return c.protocol }

// PID is the operating system's id of the provider's process, for tests and
// logs.
func (c *Client) PID() int { return c.process.pid() }

// call makes one remote call and turns what goes wrong into our errors.
func (c *Client) call(ctx context.Context, method string, req, resp any, opts ...grpc.CallOption) error {
	if err := c.conn.Invoke(ctx, method, req, resp, opts...); err != nil {
		return c.callError(ctx, method, err)
	}
	return nil
}

// Configure hands the provider its configuration, once in its life.
// terraformVersion is what a provider may put into its user agent.
func (c *Client) Configure(ctx context.Context, terraformVersion string, config Dynamic) error {
	resp := &plugin.ConfigureResponse{}
	err := c.call(ctx, c.methods.configure, &plugin.ConfigureRequest{
		TerraformVersion:   terraformVersion,
		Config:             config.wire(),
		ClientCapabilities: capabilities(),
	}, resp)
	if err != nil {
		return err
	}
	return diagnosticsError(resp.GetDiagnostics())
}

func capabilities() *plugin.ClientCapabilities {
	return &plugin.ClientCapabilities{WriteOnlyAttributesAllowed: true}
}

// RawState is a resource instance's attributes as the state file has them:
// JSON, or the flat map of Terraform before 0.12.
type RawState struct {
	JSON []byte
	Flat map[string]string
}

func (r RawState) wire() *plugin.RawState {
	return &plugin.RawState{Json: r.JSON, Flatmap: r.Flat}
}

// UpgradeState turns stored attributes into a value of the current schema.
func (c *Client) UpgradeState(ctx context.Context, typeName string, version int64, raw RawState) (Dynamic, error) {
	resp := &plugin.UpgradeResourceStateResponse{}
	err := c.call(ctx, c.methods.upgradeState, &plugin.UpgradeResourceStateRequest{
		TypeName: typeName, Version: version, RawState: raw.wire(),
	}, resp)
	if err != nil {
		return Dynamic{}, err
	}
	if err := diagnosticsError(resp.GetDiagnostics()); err != nil {
		return Dynamic{}, err
	}
	return present("state upgrade", resp.GetUpgradedState(), nil)
}

// UpgradeIdentity does the same for a stored resource identity.
func (c *Client) UpgradeIdentity(ctx context.Context, typeName string, version int64, raw []byte) (Dynamic, error) {
	resp := &plugin.UpgradeResourceIdentityResponse{}
	err := c.call(ctx, c.methods.upgradeIdentity, &plugin.UpgradeResourceIdentityRequest{
		TypeName: typeName, Version: version, RawIdentity: &plugin.RawState{Json: raw},
	}, resp)
	if err != nil {
		return Dynamic{}, err
	}
	if err := diagnosticsError(resp.GetDiagnostics()); err != nil {
		return Dynamic{}, err
	}
	return fromWire(resp.GetUpgradedIdentity().GetIdentityData()), nil
}

// Object is a resource instance on its way to or from a provider.
type Object struct {
	State    Dynamic
	Private  []byte // the provider's own bytes, kept with the object
	Identity Dynamic
}

func (o Object) identity() *plugin.ResourceIdentityData {
	if o.Identity.wire() == nil {
		return nil
	}
	return &plugin.ResourceIdentityData{IdentityData: o.Identity.wire()}
}

// Read asks for the object as it really is. A null state: it is gone. meta is
// the provider_meta value of the module, or nothing.
func (c *Client) Read(ctx context.Context, typeName string, current Object, meta Dynamic) (Object, error) {
	resp := &plugin.ReadResourceResponse{}
	err := c.call(ctx, c.methods.read, &plugin.ReadResourceRequest{
		TypeName: typeName, CurrentState: current.State.wire(), Private: current.Private,
		ProviderMeta: meta.wire(), ClientCapabilities: capabilities(), CurrentIdentity: current.identity(),
	}, resp)
	if err != nil {
		return Object{}, err
	}
	if err := diagnosticsError(resp.GetDiagnostics()); err != nil {
		return Object{}, err
	}
	state, err := present("read", resp.GetNewState(), resp.GetDeferred())
	if err != nil {
		return Object{}, err
	}
	identity := fromWire(resp.GetNewIdentity().GetIdentityData())
	if identity.IsNil() {
		identity = current.Identity
	}
	return Object{State: state, Private: resp.GetPrivate(), Identity: identity}, nil
}

// present is a state that an answer must hold. A missing one is no null: taken
// for one, it would say that the object is gone.
func present(what string, v *plugin.DynamicValue, deferred *plugin.Deferred) (Dynamic, error) {
	state := fromWire(v)
	switch {
	case deferred != nil:
		return Dynamic{}, &NonsenseError{What: "a deferred " + what + ", which was not allowed"}
	case state.missing():
		return Dynamic{}, &NonsenseError{What: "a " + what + " without a state"}
	}
	return state, nil
}

// Planned is a provider's answer to a plan.
type Planned struct {
	State           Dynamic
	RequiresReplace []cty.Path
	Legacy          bool // the provider is on the legacy SDK's type system
}

// Plan asks what the provider would make of the proposed state. Nothing is
// changed by it.
func (c *Client) Plan(ctx context.Context, typeName string, prior Object, proposed, config, meta Dynamic) (Planned, error) {
	resp := &plugin.PlanResourceChangeResponse{}
	err := c.call(ctx, c.methods.plan, &plugin.PlanResourceChangeRequest{
		TypeName: typeName, PriorState: prior.State.wire(), ProposedNewState: proposed.wire(), Config: config.wire(),
		PriorPrivate: prior.Private, ProviderMeta: meta.wire(), ClientCapabilities: capabilities(), PriorIdentity: prior.identity(),
	}, resp)
	if err != nil {
		return Planned{}, err
	}
	if err := diagnosticsError(resp.GetDiagnostics()); err != nil {
		return Planned{}, err
	}
	state, err := present("plan", resp.GetPlannedState(), resp.GetDeferred())
	if err != nil {
		return Planned{}, err
	}
	planned := Planned{State: state, Legacy: resp.GetLegacyTypeSystem()}
	for _, path := range resp.GetRequiresReplace() {
		planned.RequiresReplace = append(planned.RequiresReplace, pathFromWire(path))
	}
	return planned, nil
}

// ReadData reads a data source, afresh.
func (c *Client) ReadData(ctx context.Context, typeName string, config, meta Dynamic) (Dynamic, error) {
	resp := &plugin.ReadDataSourceResponse{}
	err := c.call(ctx, c.methods.readData, &plugin.ReadDataSourceRequest{
		TypeName: typeName, Config: config.wire(), ProviderMeta: meta.wire(), ClientCapabilities: capabilities(),
	}, resp)
	if err != nil {
		return Dynamic{}, err
	}
	if err := diagnosticsError(resp.GetDiagnostics()); err != nil {
		return Dynamic{}, err
	}
	return present("read", resp.GetState(), resp.GetDeferred())
}

// Stop asks the provider to end what it is doing. Close ends it anyway.
func (c *Client) Stop(ctx context.Context) error {
	resp := &plugin.Stopped{}
	if err := c.call(ctx, c.methods.stop, &plugin.Empty{}, resp); err != nil {
		return err
	}
	if resp.GetError() != "" {
		return fmt.Errorf("stopping %s: %s", c.name, resp.GetError())
	}
	return nil
}

// pathFromWire ends at a step that says nothing: what it would lead to is
// inside the path so far.
func pathFromWire(p *plugin.AttributePath) cty.Path {
	var path cty.Path
	for _, step := range p.GetSteps() {
		switch s := step.GetSelector().(type) {
		case *plugin.AttributePath_Step_AttributeName:
			path = append(path, cty.GetAttrStep{Name: s.AttributeName})
		case *plugin.AttributePath_Step_ElementKeyString:
			path = append(path, cty.IndexStep{Key: cty.StringVal(s.ElementKeyString)})
		case *plugin.AttributePath_Step_ElementKeyInt:
			path = append(path, cty.IndexStep{Key: cty.NumberIntVal(s.ElementKeyInt)})
		default:
			return path
		}
	}
	return path
}

// rawCodec hands an answer over as it came: the schemas are split without
// being decoded.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, err := proto.Marshal(v.(proto.Message))
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
