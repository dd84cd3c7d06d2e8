package detect

import (
	"context"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// Opened is what is known of a stack without looking at its resources.
type Opened struct{ pass *pass }

// Open reads a stack's state and source, and the schemas of its providers.
func (c *Checker) Open(ctx context.Context, s stack.Stack) (*Opened, error) {
	p, err := c.open(ctx, s)
	if err != nil {
		return nil, err
	}
	p.loadSchemas() //nolint:contextcheck // schemas are shared by stacks and loaded once
	return &Opened{p}, nil
}

// Binary looks for the program that the stack is meant for: terraform or tofu.
func (o *Opened) Binary() (string, error) { return o.pass.binary() }

// State is where the stack's state is.
func (o *Opened) State() state.Source { return o.pass.source }

// Values are the objects of the stack's state, as expressions refer to them.
func (o *Opened) Values() config.Values { return o.pass.index }

// Options are what the root variables are given.
func (o *Opened) Options() []config.VarOption { return o.pass.options }

// Redact takes the stack's secrets out of a message.
func (o *Opened) Redact(message string) string { return o.pass.redact.clean(message) }

// Schema gives the schema of a resource type; nil where the provider has none of
// it.
func (o *Opened) Schema(provider, typeName string) (*schema.Schema, error) {
	if provider == drift.BuiltinProvider {
		return terraformData, nil
	}
	schemas, err := o.pass.schemas(provider)
	if err != nil {
		return nil, err
	}
	return schemas.Resource(typeName)
}

// ProviderOf is the provider of a resource instance of the state; "" where it has
// none of it.
func (o *Opened) ProviderOf(addr drift.Address) string {
	for _, s := range o.pass.subjects {
		if s.addr.Declaration() == addr.Declaration() {
			return s.inst.Provider.Provider
		}
	}
	return ""
}
