package detect

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/stack"
)

// filesOf are the variable files that the settings give a stack. They go before
// what was said on the command line.
func filesOf(s stack.Stack) []config.VarOption {
	var list []config.VarOption
	for _, file := range s.VarFiles {
		list = append(list, config.VarOption{File: file})
	}
	return list
}

// override puts the arguments that the stack's settings give a provider into its
// evaluated configuration. Values may be secrets and are in no message.
func (p *pass) override(pc drift.ProviderConfig, b *schema.Block, v cty.Value) (cty.Value, error) {
	name := configName(pc)
	arguments := p.stack.ProviderOverrides[name]
	if len(arguments) == 0 {
		return v, nil
	}
	if v.IsNull() || !v.IsKnown() {
		return v, fmt.Errorf("%s: its configuration can't be overridden, for it is not known as a whole", pc)
	}
	values := v.AsValueMap()
	if err := setArguments(b, values, arguments); err != nil {
		return v, fmt.Errorf("%s: providers.%s of the settings: %w", pc, name, err)
	}
	return cty.ObjectVal(values), nil
}

// configName is how settings name a provider configuration: aws, or aws.east.
func configName(pc drift.ProviderConfig) string {
	name := path.Base(pc.Provider)
	if pc.Alias != "" {
		name += "." + pc.Alias
	}
	return name
}

// unsettled are the marks of what the settings don't replace.
func (p *pass) unsettled(pc drift.ProviderConfig, marks []cty.PathValueMarks) []cty.PathValueMarks {
	given := p.stack.ProviderOverrides[configName(pc)]
	return slices.DeleteFunc(slices.Clone(marks), func(at cty.PathValueMarks) bool {
		if len(at.Path) == 0 {
			return false
		}
		step, ok := at.Path[0].(cty.GetAttrStep)
		_, replaced := given[step.Name]
		return ok && replaced
	})
}

// setArguments puts arguments into the values of a block.
func setArguments(b *schema.Block, values map[string]cty.Value, arguments map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		var v cty.Value
		var err error
		switch attr, nested := b.Attributes[name], b.Blocks[name]; {
		case attr != nil && !attr.ReadOnly():
			v, err = argument(arguments[name], attr.ImpliedType())
		case nested != nil:
			v, err = blocksOf(nested, arguments[name])
		default:
			err = errors.New("the provider has no such argument")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		values[name] = v
	}
	return nil
}

func argument(value any, ty cty.Type) (cty.Value, error) {
	src, err := json.Marshal(value)
	if err != nil {
		return cty.NilVal, errors.New("its value is of no kind that can be given")
	}
	implied, err := ctyjson.ImpliedType(src)
	if err != nil {
		return cty.NilVal, errors.New("its value is of no kind that can be given")
	}
	v, err := ctyjson.Unmarshal(src, implied)
	if err == nil {
		v, err = convert.Convert(v, ty)
	}
	if err != nil {
		return cty.NilVal, fmt.Errorf("it must be %s", ty.FriendlyName())
	}
	return v, nil
}

// blocksOf makes nested blocks of an object, or of a list of them.
func blocksOf(n *schema.NestedBlock, value any) (cty.Value, error) {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var blocks []cty.Value
	for _, item := range list {
		arguments, ok := item.(map[string]any)
		if !ok {
			return cty.NilVal, errors.New("it is a block: write its arguments below it")
		}
		values := map[string]cty.Value{}
		for name, attr := range n.Attributes {
			values[name] = cty.NullVal(attr.ImpliedType())
		}
		for name, inner := range n.Blocks {
			values[name] = inner.None()
		}
		if err := setArguments(&n.Block, values, arguments); err != nil {
			return cty.NilVal, err
		}
		blocks = append(blocks, cty.ObjectVal(values))
	}
	switch {
	case n.Nesting == schema.Map:
		return cty.NilVal, errors.New("a block with a label can't be given here")
	case n.Nesting != schema.Single && n.Nesting != schema.Group:
		return cty.TupleVal(blocks), nil
	case len(blocks) != 1:
		return cty.NilVal, errors.New("there can be only one such block")
	}
	return blocks[0], nil
}

// planCan refuses a plan that would go another way than the settings say: they
// give providers arguments, and a plan knows only those of the source.
func (p *pass) planCan() error {
	if len(p.stack.ProviderOverrides) == 0 {
		return nil
	}
	return errors.New("the settings give it providers, which a plan can't be told; say the same by env, or check it with the direct engine")
}
