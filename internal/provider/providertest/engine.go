package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// engine is the provider, as protocol 6 has it. Calls that it does not
// implement are recorded like all others, and then crash it.
type engine struct {
	tfprotov6.ProviderServer

	rec         *recorder
	strict      bool
	exitAtFirst bool
	asking      atomic.Bool // it was asked for its schema

	mu         sync.Mutex
	dir        string
	region     string
	version    string // Terraform's
	behaviour  map[string]string
	configured int
}

func (e *engine) folder() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dir
}

func fault(err error) []*tfprotov6.Diagnostic {
	return []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: "the test provider failed", Detail: err.Error()}}
}

func (e *engine) types() map[string]*objectType { return resourceTypes(e.rec.protocol) }

// GetMetadata implements tfprotov6.ProviderServer. So do the other exported
// methods, one for each call.
func (e *engine) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	resp := &tfprotov6.GetMetadataResponse{ServerCapabilities: e.capabilities()}
	for name := range e.types() {
		resp.Resources = append(resp.Resources, tfprotov6.ResourceMetadata{TypeName: name})
	}
	for name := range dataSources() {
		resp.DataSources = append(resp.DataSources, tfprotov6.DataSourceMetadata{TypeName: name})
	}
	return resp, nil
}

func (e *engine) capabilities() *tfprotov6.ServerCapabilities {
	return &tfprotov6.ServerCapabilities{GetProviderSchemaOptional: !e.strict, PlanDestroy: true, MoveResourceState: true}
}

func (e *engine) GetProviderSchema(ctx context.Context, _ *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	r, err := e.act(ctx, "GetProviderSchema", "", nil)
	if err != nil {
		return nil, err
	}
	e.asking.Store(true)
	resp := &tfprotov6.GetProviderSchemaResponse{
		ServerCapabilities: e.capabilities(), Provider: providerSchema, ProviderMeta: metaSchema, Diagnostics: r.diags,
		ResourceSchemas: map[string]*tfprotov6.Schema{}, DataSourceSchemas: map[string]*tfprotov6.Schema{},
	}
	for name, t := range e.types() {
		resp.ResourceSchemas[name] = t.schema
	}
	for name, t := range dataSources() {
		resp.DataSourceSchemas[name] = t.schema
	}
	const megabyte = 1 << 20
	if r.pad > 0 {
		padded := managed(0, nil)
		padded.Block.Description = strings.Repeat("x", int(r.pad*megabyte))
		resp.ResourceSchemas["test_padded"] = padded
	}
	if r.shape == "garbage" {
		resp.ResourceSchemas["test_simple"] = managed(0, nil, nestedBlock("odd", 77, nil))
	}
	return resp, nil
}

func (e *engine) GetResourceIdentitySchemas(ctx context.Context, _ *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	r, err := e.act(ctx, "GetResourceIdentitySchemas", "", nil)
	if err != nil {
		return nil, err
	}
	resp := &tfprotov6.GetResourceIdentitySchemasResponse{IdentitySchemas: map[string]*tfprotov6.ResourceIdentitySchema{}, Diagnostics: r.diags}
	for name, t := range e.types() {
		if t.identity != nil {
			resp.IdentitySchemas[name] = t.identity
		}
	}
	return resp, nil
}

func (e *engine) ValidateProviderConfig(_ context.Context, req *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: req.Config}, nil
}

func (e *engine) ConfigureProvider(ctx context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	config, err := decode(providerSchema.ValueType(), req.Config)
	if err != nil {
		return &tfprotov6.ConfigureProviderResponse{Diagnostics: fault(err)}, nil
	}
	e.mu.Lock()
	if dir, _ := config["dir"].(string); dir != "" {
		e.dir = dir
	}
	e.region, _ = config["region"].(string)
	e.version = req.TerraformVersion
	e.configured++
	e.behaviour = map[string]string{}
	behave, _ := config["behave"].(map[string]any)
	for name, what := range behave {
		e.behaviour[name], _ = what.(string)
	}
	e.mu.Unlock()
	r, err := e.act(ctx, "ConfigureProvider", "", nil)
	if as, _ := config["assume"].(map[string]any); as != nil && as["role"] == "wrong" {
		r.diags = fault(errors.New("key " + as["key"].(string) + " was refused"))
	}
	if token, _ := config["token"].(string); strings.HasPrefix(token, "wrong") {
		r.diags = append(r.diags, &tfprotov6.Diagnostic{
			Severity: tfprotov6.DiagnosticSeverityError, Summary: "Invalid credentials", Detail: "the token " + token + " was refused",
			Attribute: tftypes.NewAttributePath().WithAttributeName("token"),
		})
	}
	return &tfprotov6.ConfigureProviderResponse{Diagnostics: r.diags}, err
}

func (e *engine) StopProvider(ctx context.Context, _ *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	r, err := e.act(ctx, "StopProvider", "", nil)
	resp := &tfprotov6.StopProviderResponse{}
	if r.failed() {
		resp.Error = r.diags[0].Summary
	}
	return resp, err
}

func (e *engine) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (e *engine) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (e *engine) UpgradeResourceState(ctx context.Context, req *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	fail := func(err error) (*tfprotov6.UpgradeResourceStateResponse, error) {
		return &tfprotov6.UpgradeResourceStateResponse{Diagnostics: fault(err)}, nil
	}
	t, err := e.typed(req.TypeName)
	if err != nil {
		return fail(err)
	}
	attrs, err := stored(req.RawState)
	if err != nil {
		return fail(err)
	}
	object, _, err := e.load(req.TypeName, attrs)
	if err != nil {
		return fail(err)
	}
	r, err := e.act(ctx, "UpgradeResourceState", req.TypeName, object)
	if err != nil {
		return nil, err
	}
	if t.upgrade != nil {
		t.upgrade(req.Version, attrs)
	}
	v, err := fromJSON(t, attrs)
	if err != nil {
		return fail(err)
	}
	state, err := answer(r, t.schema, v)
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: state, Diagnostics: r.diags}, err
}

// stored reads what a state file has of an object: JSON, or a flat map.
func stored(raw *tfprotov6.RawState) (map[string]any, error) {
	attrs := map[string]any{}
	if raw.JSON != nil {
		err := json.Unmarshal(raw.JSON, &attrs)
		return attrs, err
	}
	for key, value := range raw.Flatmap {
		name, inner, isMap := strings.Cut(key, ".")
		switch {
		case !isMap:
			attrs[name] = value
		case inner != "%":
			if attrs[name] == nil {
				attrs[name] = map[string]any{}
			}
			attrs[name].(map[string]any)[inner] = value
		}
	}
	return attrs, nil
}

func (e *engine) UpgradeResourceIdentity(ctx context.Context, req *tfprotov6.UpgradeResourceIdentityRequest) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
	fail := func(err error) (*tfprotov6.UpgradeResourceIdentityResponse, error) {
		return &tfprotov6.UpgradeResourceIdentityResponse{Diagnostics: fault(err)}, nil
	}
	t, err := e.typed(req.TypeName)
	if err != nil {
		return fail(err)
	}
	if t.identity == nil {
		return fail(errors.New(req.TypeName + " has no identity"))
	}
	r, err := e.act(ctx, "UpgradeResourceIdentity", req.TypeName, nil)
	if err != nil {
		return nil, err
	}
	attrs := map[string]any{}
	if err := json.Unmarshal(req.RawIdentity.JSON, &attrs); err != nil {
		return fail(err)
	}
	if req.Version == 0 {
		attrs["bucket"], attrs["region"] = attrs["name"], "here"
	}
	identity, err := identityOf(t, attrs)
	if err != nil {
		return fail(err)
	}
	return &tfprotov6.UpgradeResourceIdentityResponse{UpgradedIdentity: identity, Diagnostics: r.diags}, nil
}

func identityOf(t *objectType, attrs map[string]any) (*tfprotov6.ResourceIdentityData, error) {
	if t.identity == nil || attrs == nil {
		return nil, nil
	}
	fields := map[string]tftypes.Value{}
	for _, a := range t.identity.IdentityAttributes {
		fields[a.Name] = tftypes.NewValue(tftypes.String, attrs[a.Name])
	}
	ty := t.identity.ValueType()
	dv, err := tfprotov6.NewDynamicValue(ty, tftypes.NewValue(ty, fields))
	return &tfprotov6.ResourceIdentityData{IdentityData: &dv}, err
}

func (e *engine) typed(name string) (*objectType, error) {
	t, ok := e.types()[name]
	if !ok {
		return nil, errors.New("there is no resource type " + name)
	}
	return t, nil
}

// load reads the file of the object with the id that attrs has; false if it is
// gone.
func (e *engine) load(typeName string, attrs map[string]any) (map[string]any, bool, error) {
	id, _ := attrs["id"].(string)
	if id == "" {
		return nil, false, nil
	}
	src, err := os.ReadFile(objectFile(e.folder(), typeName, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	object := map[string]any{}
	if err := json.Unmarshal(src, &object); err != nil {
		return nil, false, fmt.Errorf("%s.%s: %w", typeName, id, err)
	}
	object["id"] = id
	return object, true, nil
}

func objectFile(dir, typeName, id string) string { return filepath.Join(dir, typeName, id+".json") }

// today is an object as a read finds it.
func today(t *objectType, object map[string]any, meta string) map[string]any {
	out := maps.Clone(object)
	delete(out, behaveKey)
	id, _ := out["id"].(string)
	if t.live != nil {
		t.live(id, out, meta)
	}
	return out
}

func (e *engine) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	fail := func(err error) (*tfprotov6.ReadResourceResponse, error) {
		return &tfprotov6.ReadResourceResponse{Diagnostics: fault(err)}, nil
	}
	t, err := e.typed(req.TypeName)
	if err != nil {
		return fail(err)
	}
	current, err := decode(t.schema.ValueType(), req.CurrentState)
	if err != nil {
		return fail(err)
	}
	meta, err := decode(metaSchema.ValueType(), req.ProviderMeta)
	if err != nil {
		return fail(err)
	}
	object, found, err := e.load(req.TypeName, current)
	if err != nil {
		return fail(err)
	}
	r, err := e.act(ctx, "ReadResource", req.TypeName, object)
	if err != nil {
		return nil, err
	}
	resp := &tfprotov6.ReadResourceResponse{Diagnostics: r.diags, Private: req.Private, Deferred: r.deferred()}
	if r.failed() {
		return resp, nil
	}
	v := tftypes.NewValue(t.schema.ValueType(), nil)
	if found {
		seenBy, _ := meta["module_name"].(string)
		attrs := today(t, object, seenBy)
		if v, err = fromJSON(t, attrs); err != nil {
			return fail(err)
		}
		if resp.NewIdentity, err = identityOf(t, attrs); err != nil {
			return fail(err)
		}
	}
	resp.NewState, err = answer(r, t.schema, v)
	return resp, err
}

func (e *engine) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	fail := func(err error) (*tfprotov6.ReadDataSourceResponse, error) {
		return &tfprotov6.ReadDataSourceResponse{Diagnostics: fault(err)}, nil
	}
	t, ok := dataSources()[req.TypeName]
	if !ok {
		return fail(errors.New("there is no data source " + req.TypeName))
	}
	config, err := decode(t.schema.ValueType(), req.Config)
	if err != nil {
		return fail(err)
	}
	r, err := e.act(ctx, "ReadDataSource", req.TypeName, nil)
	if err != nil {
		return nil, err
	}
	attrs, err := e.data(req.TypeName, config)
	if err != nil {
		return fail(err)
	}
	v, err := fromJSON(t, attrs)
	if err != nil {
		return fail(err)
	}
	state, err := answer(r, t.schema, v)
	return &tfprotov6.ReadDataSourceResponse{State: state, Diagnostics: r.diags, Deferred: r.deferred()}, err
}

func (e *engine) data(typeName string, config map[string]any) (map[string]any, error) {
	switch typeName {
	case "test_process":
		return e.process()
	case "test_lookup":
		key, _ := config["key"].(string)
		found := map[string]any{}
		src, err := os.ReadFile(filepath.Join(e.folder(), "data", key+".json"))
		if err == nil {
			err = json.Unmarshal(src, &found)
		}
		return map[string]any{"key": key, "value": found["value"]}, err
	}
	account := "111111111111"
	if src, err := os.ReadFile(filepath.Join(e.folder(), "account.json")); err == nil {
		if err := json.Unmarshal(src, &account); err != nil {
			return nil, err
		}
	}
	if typeName == "test_identity" {
		return map[string]any{"account": account}, nil
	}
	return map[string]any{"account_id": account, "id": account, "user_id": "USER", "arn": "arn:aws:iam::" + account + ":user/reader"}, nil
}

func (e *engine) process() (map[string]any, error) {
	dir, err := os.Getwd()
	env := map[string]any{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return map[string]any{
		"pid": os.Getpid(), "dir": dir, "args": os.Args, "environment": env, "stdin": readable(),
		"terraform_version": e.version, "region": e.region, "configured": e.configured,
	}, err
}
