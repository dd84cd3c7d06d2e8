package providertest

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// five is the provider as protocol 5 has it: the same engine, its messages
// turned over.
type five struct {
	tfprotov5.ProviderServer

	e *engine
}

func value5(v *tfprotov6.DynamicValue) *tfprotov5.DynamicValue { return (*tfprotov5.DynamicValue)(v) }

func value6(v *tfprotov5.DynamicValue) *tfprotov6.DynamicValue { return (*tfprotov6.DynamicValue)(v) }

func state6(s *tfprotov5.RawState) *tfprotov6.RawState { return (*tfprotov6.RawState)(s) }

func identity5(d *tfprotov6.ResourceIdentityData) *tfprotov5.ResourceIdentityData {
	if d == nil {
		return nil
	}
	return &tfprotov5.ResourceIdentityData{IdentityData: value5(d.IdentityData)}
}

func identity6(d *tfprotov5.ResourceIdentityData) *tfprotov6.ResourceIdentityData {
	if d == nil {
		return nil
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: value6(d.IdentityData)}
}

func diags5(in []*tfprotov6.Diagnostic) []*tfprotov5.Diagnostic {
	out := make([]*tfprotov5.Diagnostic, len(in))
	for i, d := range in {
		out[i] = &tfprotov5.Diagnostic{Severity: tfprotov5.DiagnosticSeverity(d.Severity), Summary: d.Summary, Detail: d.Detail, Attribute: d.Attribute}
	}
	return out
}

func deferred5(d *tfprotov6.Deferred) *tfprotov5.Deferred {
	if d == nil {
		return nil
	}
	return &tfprotov5.Deferred{Reason: tfprotov5.DeferredReason(d.Reason)}
}

func capabilities5(c *tfprotov6.ServerCapabilities) *tfprotov5.ServerCapabilities {
	return (*tfprotov5.ServerCapabilities)(c)
}

func schema5(s *tfprotov6.Schema) *tfprotov5.Schema {
	return &tfprotov5.Schema{Version: s.Version, Block: block5(s.Block)}
}

func schemas5(in map[string]*tfprotov6.Schema) map[string]*tfprotov5.Schema {
	out := map[string]*tfprotov5.Schema{}
	for name, s := range in {
		out[name] = schema5(s)
	}
	return out
}

func block5(b *tfprotov6.SchemaBlock) *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{Version: b.Version, Description: b.Description}
	for _, a := range b.Attributes {
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
			Name: a.Name, Type: a.Type, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
			Sensitive: a.Sensitive, WriteOnly: a.WriteOnly,
		})
	}
	for _, nested := range b.BlockTypes {
		out.BlockTypes = append(out.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: nested.TypeName, Block: block5(nested.Block), Nesting: tfprotov5.SchemaNestedBlockNestingMode(nested.Nesting),
		})
	}
	return out
}

func (f *five) GetMetadata(ctx context.Context, _ *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	resp, err := f.e.GetMetadata(ctx, nil)
	if err != nil {
		return nil, err
	}
	out := &tfprotov5.GetMetadataResponse{ServerCapabilities: capabilities5(resp.ServerCapabilities)}
	for _, r := range resp.Resources {
		out.Resources = append(out.Resources, tfprotov5.ResourceMetadata(r))
	}
	for _, d := range resp.DataSources {
		out.DataSources = append(out.DataSources, tfprotov5.DataSourceMetadata(d))
	}
	return out, nil
}

func (f *five) GetProviderSchema(ctx context.Context, _ *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	resp, err := f.e.GetProviderSchema(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &tfprotov5.GetProviderSchemaResponse{
		ServerCapabilities: capabilities5(resp.ServerCapabilities), Provider: schema5(resp.Provider), ProviderMeta: schema5(resp.ProviderMeta),
		ResourceSchemas: schemas5(resp.ResourceSchemas), DataSourceSchemas: schemas5(resp.DataSourceSchemas), Diagnostics: diags5(resp.Diagnostics),
	}, nil
}

func (f *five) GetResourceIdentitySchemas(ctx context.Context, _ *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	resp, err := f.e.GetResourceIdentitySchemas(ctx, nil)
	if err != nil {
		return nil, err
	}
	out := &tfprotov5.GetResourceIdentitySchemasResponse{IdentitySchemas: map[string]*tfprotov5.ResourceIdentitySchema{}, Diagnostics: diags5(resp.Diagnostics)}
	for name, s := range resp.IdentitySchemas {
		identity := &tfprotov5.ResourceIdentitySchema{Version: s.Version}
		for _, a := range s.IdentityAttributes {
			identity.IdentityAttributes = append(identity.IdentityAttributes, (*tfprotov5.ResourceIdentitySchemaAttribute)(a))
		}
		out.IdentitySchemas[name] = identity
	}
	return out, nil
}

func (f *five) PrepareProviderConfig(_ context.Context, req *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: req.Config}, nil
}

func (f *five) ConfigureProvider(ctx context.Context, req *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	resp, err := f.e.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: req.TerraformVersion, Config: value6(req.Config)})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.ConfigureProviderResponse{Diagnostics: diags5(resp.Diagnostics)}, nil
}

func (f *five) StopProvider(ctx context.Context, _ *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	resp, err := f.e.StopProvider(ctx, nil)
	return (*tfprotov5.StopProviderResponse)(resp), err
}

func (f *five) ValidateResourceTypeConfig(context.Context, *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{}, nil
}

func (f *five) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (f *five) UpgradeResourceState(ctx context.Context, req *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	resp, err := f.e.UpgradeResourceState(ctx, &tfprotov6.UpgradeResourceStateRequest{TypeName: req.TypeName, Version: req.Version, RawState: state6(req.RawState)})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: value5(resp.UpgradedState), Diagnostics: diags5(resp.Diagnostics)}, nil
}

func (f *five) UpgradeResourceIdentity(ctx context.Context, req *tfprotov5.UpgradeResourceIdentityRequest) (*tfprotov5.UpgradeResourceIdentityResponse, error) {
	resp, err := f.e.UpgradeResourceIdentity(ctx, &tfprotov6.UpgradeResourceIdentityRequest{TypeName: req.TypeName, Version: req.Version, RawIdentity: state6(req.RawIdentity)})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.UpgradeResourceIdentityResponse{UpgradedIdentity: identity5(resp.UpgradedIdentity), Diagnostics: diags5(resp.Diagnostics)}, nil
}

func (f *five) ReadResource(ctx context.Context, req *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	resp, err := f.e.ReadResource(ctx, &tfprotov6.ReadResourceRequest{
		TypeName: req.TypeName, CurrentState: value6(req.CurrentState), Private: req.Private,
		ProviderMeta: value6(req.ProviderMeta), CurrentIdentity: identity6(req.CurrentIdentity),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.ReadResourceResponse{
		NewState: value5(resp.NewState), Diagnostics: diags5(resp.Diagnostics), Private: resp.Private,
		Deferred: deferred5(resp.Deferred), NewIdentity: identity5(resp.NewIdentity),
	}, nil
}

func (f *five) ReadDataSource(ctx context.Context, req *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	resp, err := f.e.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: req.TypeName, Config: value6(req.Config), ProviderMeta: value6(req.ProviderMeta)})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.ReadDataSourceResponse{State: value5(resp.State), Diagnostics: diags5(resp.Diagnostics), Deferred: deferred5(resp.Deferred)}, nil
}

func (f *five) PlanResourceChange(ctx context.Context, req *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	resp, err := f.e.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
		TypeName: req.TypeName, PriorState: value6(req.PriorState), ProposedNewState: value6(req.ProposedNewState), Config: value6(req.Config),
		PriorPrivate: req.PriorPrivate, ProviderMeta: value6(req.ProviderMeta), PriorIdentity: identity6(req.PriorIdentity),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.PlanResourceChangeResponse{
		PlannedState: value5(resp.PlannedState), RequiresReplace: resp.RequiresReplace, PlannedPrivate: resp.PlannedPrivate,
		Diagnostics: diags5(resp.Diagnostics), UnsafeToUseLegacyTypeSystem: resp.UnsafeToUseLegacyTypeSystem,
		Deferred: deferred5(resp.Deferred), PlannedIdentity: identity5(resp.PlannedIdentity),
	}, nil
}

func (f *five) ApplyResourceChange(ctx context.Context, req *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	resp, err := f.e.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: req.TypeName, PriorState: value6(req.PriorState), PlannedState: value6(req.PlannedState), Config: value6(req.Config),
		PlannedPrivate: req.PlannedPrivate, ProviderMeta: value6(req.ProviderMeta), PlannedIdentity: identity6(req.PlannedIdentity),
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.ApplyResourceChangeResponse{
		NewState: value5(resp.NewState), Private: resp.Private, Diagnostics: diags5(resp.Diagnostics),
		UnsafeToUseLegacyTypeSystem: resp.UnsafeToUseLegacyTypeSystem, NewIdentity: identity5(resp.NewIdentity),
	}, nil
}

func (f *five) ImportResourceState(ctx context.Context, req *tfprotov5.ImportResourceStateRequest) (*tfprotov5.ImportResourceStateResponse, error) {
	resp, err := f.e.ImportResourceState(ctx, &tfprotov6.ImportResourceStateRequest{TypeName: req.TypeName, ID: req.ID, Identity: identity6(req.Identity)})
	if err != nil {
		return nil, err
	}
	out := &tfprotov5.ImportResourceStateResponse{Diagnostics: diags5(resp.Diagnostics)}
	for _, r := range resp.ImportedResources {
		out.ImportedResources = append(out.ImportedResources, &tfprotov5.ImportedResource{
			TypeName: r.TypeName, State: value5(r.State), Private: r.Private, Identity: identity5(r.Identity),
		})
	}
	return out, nil
}

func (f *five) MoveResourceState(ctx context.Context, req *tfprotov5.MoveResourceStateRequest) (*tfprotov5.MoveResourceStateResponse, error) {
	resp, err := f.e.MoveResourceState(ctx, &tfprotov6.MoveResourceStateRequest{
		SourcePrivate: req.SourcePrivate, SourceProviderAddress: req.SourceProviderAddress, SourceSchemaVersion: req.SourceSchemaVersion,
		SourceState: state6(req.SourceState), SourceTypeName: req.SourceTypeName, TargetTypeName: req.TargetTypeName,
	})
	if err != nil {
		return nil, err
	}
	return &tfprotov5.MoveResourceStateResponse{TargetPrivate: resp.TargetPrivate, TargetState: value5(resp.TargetState), Diagnostics: diags5(resp.Diagnostics)}, nil
}
