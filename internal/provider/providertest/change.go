package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// PlanResourceChange plans as providers do: what the configuration sets, what
// is there already where it sets nothing and the provider decides, and unknown
// where only an apply will tell.
func (e *engine) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	fail := func(err error) (*tfprotov6.PlanResourceChangeResponse, error) {
		return &tfprotov6.PlanResourceChangeResponse{Diagnostics: fault(err)}, nil
	}
	t, err := e.typed(req.TypeName)
	if err != nil {
		return fail(err)
	}
	p := &planning{objectType: t}
	ty := t.schema.ValueType()
	for _, in := range []struct {
		to   *tftypes.Value
		from *tfprotov6.DynamicValue
	}{{&p.prior, req.PriorState}, {&p.proposed, req.ProposedNewState}, {&p.config, req.Config}} {
		if *in.to, err = in.from.Unmarshal(ty); err != nil {
			return fail(err)
		}
	}
	attrs, err := toJSON(p.prior, ty)
	if err != nil {
		return fail(err)
	}
	prior, _ := attrs.(map[string]any)
	object, _, err := e.load(req.TypeName, prior)
	if err != nil {
		return fail(err)
	}
	r, err := e.act(ctx, "PlanResourceChange", req.TypeName, object)
	if err != nil {
		return nil, err
	}
	planned, err := p.plan()
	if err != nil {
		return fail(err)
	}
	resp := &tfprotov6.PlanResourceChangeResponse{
		RequiresReplace: p.replaced, PlannedPrivate: req.PriorPrivate, Diagnostics: r.diags,
		UnsafeToUseLegacyTypeSystem: t.legacy,
		Deferred:                    r.deferred(), PlannedIdentity: req.PriorIdentity,
	}
	resp.PlannedState, err = answer(r, t.schema, planned)
	return resp, err
}

// planning is one plan.
type planning struct {
	*objectType
	prior, proposed, config tftypes.Value
	replaced                []*tftypes.AttributePath
}

func (p *planning) plan() (tftypes.Value, error) {
	if p.proposed.IsNull() {
		return p.proposed, nil
	}
	proposed, err := copyTags(p.proposed)
	if err != nil {
		return proposed, err
	}
	planned, err := tftypes.Transform(proposed, p.attribute)
	if err != nil || p.prior.IsNull() {
		return planned, err
	}
	for _, name := range p.replace {
		path := tftypes.NewAttributePath().WithAttributeName(name)
		was, is := at(p.prior, path), at(planned, path)
		if !was.Equal(is) {
			p.replaced = append(p.replaced, path)
		}
	}
	return planned, nil
}

// attribute plans what is at a path of the proposed state.
func (p *planning) attribute(path *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
	if p.keeps(path, v) {
		return at(p.prior, path), nil
	}
	a := find(p.schema.Block, path)
	if a == nil {
		return v, nil
	}
	name := a.Name
	switch {
	case a.WriteOnly:
		return tftypes.NewValue(v.Type(), nil), nil
	case v.IsNull() && a.Computed && p.isNew(path):
		if value, ok := p.defaults[name]; ok && len(path.Steps()) == 1 {
			return tftypes.NewValue(a.Type, value), nil
		}
		return tftypes.NewValue(a.ValueType(), tftypes.UnknownValue), nil
	case slices.Contains(p.fold, name) && equalFold(at(p.prior, path), v):
		return at(p.prior, path), nil
	}
	return v, nil
}

// equalFold reports whether both are strings that differ in upper and lower
// case at most.
func equalFold(a, b tftypes.Value) bool {
	var was, is *string
	return a.IsKnown() && b.IsKnown() && a.As(&was) == nil && b.As(&is) == nil && was != nil && is != nil && strings.EqualFold(*was, *is)
}

// keeps reports whether a block at path is computed behind the schema's back.
func (p *planning) keeps(path *tftypes.AttributePath, v tftypes.Value) bool {
	if len(path.Steps()) != 1 || p.prior.IsNull() {
		return false
	}
	name, ok := path.LastStep().(tftypes.AttributeName)
	return ok && slices.Contains(p.keep, string(name)) && empty(v)
}

func empty(v tftypes.Value) bool {
	var elems []tftypes.Value
	return v.IsKnown() && (v.IsNull() || v.As(&elems) == nil && len(elems) == 0)
}

// isNew reports whether nothing was at the path's parent before.
func (p *planning) isNew(path *tftypes.AttributePath) bool {
	return p.prior.IsNull() || at(p.prior, path.WithoutLastStep()).IsNull()
}

// at is the value at a path; a null one where there is none.
func at(v tftypes.Value, path *tftypes.AttributePath) tftypes.Value {
	found, _, err := tftypes.WalkAttributePath(v, path)
	if inner, ok := found.(tftypes.Value); err == nil && ok {
		return inner
	}
	return tftypes.NewValue(tftypes.DynamicPseudoType, nil)
}

// find is the attribute at a path of the schema; nil for a block, and for what
// is inside an attribute's value.
func find(b *tfprotov6.SchemaBlock, path *tftypes.AttributePath) *tfprotov6.SchemaAttribute {
	attrs, blocks := b.Attributes, b.BlockTypes
	var found *tfprotov6.SchemaAttribute
	for _, step := range path.Steps() {
		name, ok := step.(tftypes.AttributeName)
		if !ok {
			if found != nil && found.NestedType == nil {
				return nil
			}
			continue
		}
		if found != nil && found.NestedType == nil {
			return nil
		}
		found = nil
		var inBlocks []*tfprotov6.SchemaNestedBlock
		var inAttrs attributes
		for _, a := range attrs {
			if a.Name == string(name) {
				found = a
				if a.NestedType != nil {
					inAttrs = a.NestedType.Attributes
				}
			}
		}
		for _, nested := range blocks {
			if nested.TypeName == string(name) {
				inAttrs, inBlocks = nested.Block.Attributes, nested.Block.BlockTypes
			}
		}
		attrs, blocks = inAttrs, inBlocks
	}
	if _, ok := path.LastStep().(tftypes.AttributeName); !ok {
		return nil
	}
	return found
}

// ApplyResourceChange writes or removes the object's file.
func (e *engine) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	fail := func(err error) (*tfprotov6.ApplyResourceChangeResponse, error) {
		return &tfprotov6.ApplyResourceChangeResponse{Diagnostics: fault(err), NewState: req.PriorState}, nil
	}
	t, err := e.typed(req.TypeName)
	if err != nil {
		return fail(err)
	}
	prior, err := decode(t.schema.ValueType(), req.PriorState)
	if err != nil {
		return fail(err)
	}
	planned, err := decode(t.schema.ValueType(), req.PlannedState)
	if err != nil {
		return fail(err)
	}
	meta, err := decode(metaSchema.ValueType(), req.ProviderMeta)
	if err != nil {
		return fail(err)
	}
	r, err := e.act(ctx, "ApplyResourceChange", req.TypeName, prior)
	switch {
	case err != nil:
		return nil, err
	case r.failed():
		return &tfprotov6.ApplyResourceChangeResponse{Diagnostics: r.diags, NewState: req.PriorState}, nil
	}
	if planned == nil {
		id, _ := prior["id"].(string)
		if err := os.Remove(objectFile(e.folder(), req.TypeName, id)); err != nil {
			return fail(err)
		}
		return &tfprotov6.ApplyResourceChangeResponse{NewState: req.PlannedState}, nil
	}
	id, _ := planned["id"].(string)
	if id == "" {
		if id, err = e.unusedID(req.TypeName); err != nil {
			return fail(err)
		}
		planned["id"] = id
	}
	if err := writeObject(e.folder(), req.TypeName, id, planned); err != nil {
		return fail(err)
	}
	seenBy, _ := meta["module_name"].(string)
	attrs := today(t, planned, seenBy)
	v, err := fromJSON(t, attrs)
	if err != nil {
		return fail(err)
	}
	identity, err := identityOf(t, attrs)
	if err != nil {
		return fail(err)
	}
	state, err := answer(reply{}, t.schema, v)
	return &tfprotov6.ApplyResourceChangeResponse{
		NewState: state, NewIdentity: identity,
		UnsafeToUseLegacyTypeSystem: t.legacy,
	}, err
}

// unusedID is the first of id-1, id-2... that no object has.
func (e *engine) unusedID(typeName string) (string, error) {
	dir := filepath.Join(e.folder(), typeName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		id := "id-" + strconv.Itoa(n)
		file, err := os.OpenFile(objectFile(e.folder(), typeName, id), os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return id, file.Close()
		}
		if !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
}

// writeObject writes the file of an object, all at once.
func writeObject(dir, typeName, id string, attrs map[string]any) error {
	path := objectFile(dir, typeName, id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if attrs == nil {
		attrs = map[string]any{}
	}
	src, err := json.MarshalIndent(attrs, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, src)
}

func replaceFile(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return os.Rename(tmp.Name(), path)
}

// ImportResourceState takes an object in by its id, or by its identity's
// bucket.
func (e *engine) ImportResourceState(_ context.Context, req *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	fail := func(err error) (*tfprotov6.ImportResourceStateResponse, error) {
		return &tfprotov6.ImportResourceStateResponse{Diagnostics: fault(err)}, nil
	}
	t, err := e.typed(req.TypeName)
	if err != nil {
		return fail(err)
	}
	id := req.ID
	if req.Identity != nil && t.identity != nil {
		identity, err := decode(t.identity.ValueType(), req.Identity.IdentityData)
		if err != nil {
			return fail(err)
		}
		id, _ = identity["bucket"].(string)
	}
	object, found, err := e.load(req.TypeName, map[string]any{"id": id})
	if err != nil {
		return fail(err)
	}
	if !found {
		return fail(errors.New("there is no " + req.TypeName + " with the id " + id))
	}
	attrs := today(t, object, "")
	v, err := fromJSON(t, attrs)
	if err != nil {
		return fail(err)
	}
	identity, err := identityOf(t, attrs)
	if err != nil {
		return fail(err)
	}
	state, err := answer(reply{}, t.schema, v)
	return &tfprotov6.ImportResourceStateResponse{ImportedResources: []*tfprotov6.ImportedResource{
		{TypeName: req.TypeName, State: state, Identity: identity},
	}}, err
}

// MoveResourceState turns an object of any type into one of the target's, with
// the attributes that have the same names.
func (e *engine) MoveResourceState(_ context.Context, req *tfprotov6.MoveResourceStateRequest) (*tfprotov6.MoveResourceStateResponse, error) {
	fail := func(err error) (*tfprotov6.MoveResourceStateResponse, error) {
		return &tfprotov6.MoveResourceStateResponse{Diagnostics: fault(err)}, nil
	}
	t, err := e.typed(req.TargetTypeName)
	if err != nil {
		return fail(err)
	}
	attrs, err := stored(req.SourceState)
	if err != nil {
		return fail(err)
	}
	v, err := fromJSON(t, attrs)
	if err != nil {
		return fail(err)
	}
	state, err := answer(reply{}, t.schema, v)
	return &tfprotov6.MoveResourceStateResponse{TargetState: state}, err
}

// copyTags makes tags_all, where there is one, what tags is.
func copyTags(object tftypes.Value) (tftypes.Value, error) {
	all := tftypes.NewAttributePath().WithAttributeName("tags_all")
	if _, _, err := tftypes.WalkAttributePath(object, all); err != nil {
		return object, nil //nolint:nilerr // the type has none
	}
	tags, _, err := tftypes.WalkAttributePath(object, tftypes.NewAttributePath().WithAttributeName("tags"))
	if err != nil {
		return object, err
	}
	return tftypes.Transform(object, func(path *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if path.Equal(all) {
			return tags.(tftypes.Value), nil
		}
		return v, nil
	})
}
