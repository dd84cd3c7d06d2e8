package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"holdfast/internal/drift/schema"
	"holdfast/internal/provider/plugin"
)

// section says which of a provider's schemas a name belongs to. The numbers
// are the fields of GetProviderSchema's answer.
type section byte

const (
	providerSection section = 1
	resourceSection section = 2
	dataSection     section = 3
	metaSection     section = 5
	// identitySection holds the answer of GetResourceIdentitySchemas.
	identitySection section = 100
)

type schemaKey struct {
	section section
	name    string
}

// Schemas are the schemas of one provider. Each is decoded when it is first
// asked for: a stack uses a few of a large provider's thousand types. Safe for
// concurrent use.
type Schemas struct {
	protocol int
	// optional: the provider can be used without asking for its schema.
	optional bool
	encoded  map[schemaKey][]byte

	mu      sync.Mutex
	decoded map[schemaKey]*schema.Schema
}

func newSchemas(protocol int, optional bool, encoded map[schemaKey][]byte) *Schemas {
	return &Schemas{protocol: protocol, optional: optional, encoded: encoded, decoded: map[schemaKey]*schema.Schema{}}
}

// Provider is the schema of the provider's own configuration.
func (s *Schemas) Provider() (*schema.Schema, error) {
	sch, err := s.get(schemaKey{section: providerSection})
	if sch == nil && err == nil {
		sch = &schema.Schema{Block: &schema.Block{}}
	}
	return sch, err
}

// Resource is the schema of a managed resource type; nil when the provider has
// no such type.
func (s *Schemas) Resource(typeName string) (*schema.Schema, error) {
	return s.get(schemaKey{resourceSection, typeName})
}

// Data is the schema of a data source; nil when the provider has no such one.
func (s *Schemas) Data(typeName string) (*schema.Schema, error) {
	return s.get(schemaKey{dataSection, typeName})
}

// Meta is the schema of provider_meta blocks; nil when the provider takes none.
func (s *Schemas) Meta() (*schema.Schema, error) {
	return s.get(schemaKey{section: metaSection})
}

// Identity is the schema version and type of a resource type's identity;
// false when it has none.
func (s *Schemas) Identity(typeName string) (int64, cty.Type, bool, error) {
	raw, ok := s.encoded[schemaKey{identitySection, typeName}]
	if !ok {
		return 0, cty.NilType, false, nil
	}
	msg := &plugin.ResourceIdentitySchema{}
	if err := proto.Unmarshal(raw, msg); err != nil {
		return 0, cty.NilType, false, &NonsenseError{What: "an identity schema that can't be read", Err: err}
	}
	types := map[string]cty.Type{}
	for _, attr := range msg.GetIdentityAttributes() {
		ty, err := ctyjson.UnmarshalType(attr.GetType())
		if err != nil {
			return 0, cty.NilType, false, &NonsenseError{What: "an identity schema with an unknown type", Err: err}
		}
		types[attr.GetName()] = ty
	}
	return msg.GetVersion(), cty.Object(types), true, nil
}

func (s *Schemas) get(key schemaKey) (*schema.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sch, ok := s.decoded[key]; ok {
		return sch, nil
	}
	raw, ok := s.encoded[key]
	if !ok {
		return nil, nil
	}
	sch, err := decodeSchema(s.protocol, raw)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", key.name, err)
	}
	s.decoded[key] = sch
	return sch, nil
}

// fetchSchemas asks a running provider for all its schemas: seconds of work
// for a large one.
func (c *Client) fetchSchemas(ctx context.Context) (*Schemas, error) {
	var raw []byte
	if err := c.call(ctx, c.methods.schema, &plugin.Empty{}, &raw, grpc.ForceCodecV2(rawCodec{})); err != nil {
		return nil, err
	}
	encoded, rest, err := splitSchemas(raw)
	if err != nil {
		return nil, &NonsenseError{What: "a schema that can't be read", Err: err}
	}
	if err := diagnosticsError(rest.GetDiagnostics()); err != nil {
		return nil, fmt.Errorf("schema of provider %s: %w", c.name, err)
	}
	if err := c.fetchIdentities(ctx, encoded); err != nil {
		return nil, fmt.Errorf("identity schemas of provider %s: %w", c.name, err)
	}
	return newSchemas(c.protocol, rest.GetServerCapabilities().GetGetProviderSchemaOptional(), encoded), nil
}

// announce asks a provider for its schemas only because it wants to be asked
// before anything else.
func (c *Client) announce(ctx context.Context) error {
	var raw []byte
	return c.call(ctx, c.methods.schema, &plugin.Empty{}, &raw, grpc.ForceCodecV2(rawCodec{}))
}

// fetchIdentities adds the identity schemas, which older providers don't have.
func (c *Client) fetchIdentities(ctx context.Context, into map[schemaKey][]byte) error {
	resp := &plugin.ResourceIdentitySchemas{}
	err := c.call(ctx, c.methods.identities, &plugin.Empty{}, resp)
	if errors.Is(err, errUnimplemented) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := diagnosticsError(resp.GetDiagnostics()); err != nil {
		return err
	}
	for name, identity := range resp.GetIdentitySchemas() {
		raw, err := proto.Marshal(identity)
		if err != nil {
			return err
		}
		into[schemaKey{identitySection, name}] = raw
	}
	return nil
}

// splitSchemas takes GetProviderSchema's answer apart by its wire format. What
// is not a schema comes back as a message. Of several schemas under one name the
// last counts.
func splitSchemas(raw []byte) (map[schemaKey][]byte, *plugin.ProviderSchema, error) {
	encoded := map[schemaKey][]byte{}
	var rest []byte
	err := eachField(raw, func(num protowire.Number, field, body []byte) error {
		switch num {
		case protowire.Number(providerSection), protowire.Number(metaSection):
			encoded[schemaKey{section: section(num)}] = body
		case protowire.Number(resourceSection), protowire.Number(dataSection):
			name, value, err := mapEntry(body)
			encoded[schemaKey{section(num), name}] = value
			return err
		default:
			rest = append(rest, field...)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	msg := &plugin.ProviderSchema{}
	return encoded, msg, proto.Unmarshal(rest, msg)
}

// mapEntry reads one entry of a protobuf map: field 1 is the key, 2 the value.
func mapEntry(entry []byte) (name string, value []byte, err error) {
	err = eachField(entry, func(num protowire.Number, _, body []byte) error {
		switch num {
		case 1:
			name = string(body)
		case 2:
			value = body
		}
		return nil
	})
	return name, value, err
}

// eachField calls f for each field of a message: with its number, all of it,
// and, where the field is a message, a string or bytes, what is in it.
func eachField(raw []byte, f func(num protowire.Number, field, body []byte) error) error {
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return protowire.ParseError(n)
		}
		m := protowire.ConsumeFieldValue(num, typ, raw[n:])
		if m < 0 {
			return protowire.ParseError(m)
		}
		var body []byte
		if typ == protowire.BytesType {
			body, _ = protowire.ConsumeBytes(raw[n:])
		}
		if err := f(num, raw[:n+m], body); err != nil {
			return err
		}
		raw = raw[n+m:]
	}
	return nil
}

func decodeSchema(protocol int, raw []byte) (*schema.Schema, error) {
	msg := &plugin.Schema{}
	if err := proto.Unmarshal(raw, msg); err != nil {
		return nil, &NonsenseError{What: "a schema that can't be read", Err: err}
	}
	block, err := decodeBlock(protocol, msg.GetBlock())
	if err != nil {
		return nil, &NonsenseError{What: "a schema that can't be read", Err: err}
	}
	return &schema.Schema{Version: msg.GetVersion(), Block: block}, nil
}

func decodeBlock(protocol int, msg *plugin.Schema_Block) (*schema.Block, error) {
	attrs, err := decodeAttributes(protocol, msg.GetAttributes())
	if err != nil {
		return nil, err
	}
	block := &schema.Block{Attributes: attrs, Blocks: map[string]*schema.NestedBlock{}}
	for _, nested := range msg.GetBlockTypes() {
		inner, err := decodeBlock(protocol, nested.GetBlock())
		if err != nil {
			return nil, err
		}
		if n := schema.Nesting(nested.GetNesting()); n < schema.Single || n > schema.Group {
			return nil, fmt.Errorf("block %s: unknown nesting mode %d", nested.GetTypeName(), n)
		}
		block.Blocks[nested.GetTypeName()] = &schema.NestedBlock{
			Block:   schema.Block{Attributes: inner.Attributes, Blocks: inner.Blocks},
			Nesting: schema.Nesting(nested.GetNesting()),
		}
	}
	return block, nil
}

func decodeAttributes(protocol int, msgs []*plugin.Schema_Attribute) (map[string]*schema.Attribute, error) {
	attrs := make(map[string]*schema.Attribute, len(msgs))
	for _, msg := range msgs {
		attr, err := decodeAttribute(protocol, msg)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", msg.GetName(), err)
		}
		attrs[msg.GetName()] = attr
	}
	return attrs, nil
}

func decodeAttribute(protocol int, msg *plugin.Schema_Attribute) (*schema.Attribute, error) {
	attr := &schema.Attribute{
		Required: msg.GetRequired(), Optional: msg.GetOptional(), Computed: msg.GetComputed(),
		Sensitive: msg.GetSensitive(), WriteOnly: msg.GetWriteOnly(),
	}
	if protocol == 5 {
		attr.WriteOnly = writeOnlyOf5(msg)
	}
	if object := msg.GetNestedType(); object != nil {
		inner, err := decodeAttributes(protocol, object.GetAttributes())
		if n := schema.Nesting(object.GetNesting()); n < schema.Single || n > schema.Map {
			return nil, fmt.Errorf("unknown nesting mode %d", n)
		}
		attr.Nested = &schema.Object{Attributes: inner, Nesting: schema.Nesting(object.GetNesting())}
		return attr, err
	}
	var err error
	attr.Type, err = ctyjson.UnmarshalType(msg.GetType())
	return attr, err
}

// writeOnlyOf5 finds protocol 5's write_only, field 10, which in our message
// has protocol 6's meaning and so arrives as an unknown field.
func writeOnlyOf5(msg *plugin.Schema_Attribute) bool {
	const writeOnly = 10
	var found bool
	_ = eachField(msg.ProtoReflect().GetUnknown(), func(num protowire.Number, field, _ []byte) error {
		_, typ, n := protowire.ConsumeTag(field)
		if num == writeOnly && typ == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(field[n:])
			found = v != 0
		}
		return nil
	})
	return found
}
