package providertest

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// fromJSON is the value of an object as its file or a state has it.
func fromJSON(t *objectType, attrs map[string]any) (tftypes.Value, error) {
	src, err := json.Marshal(complete(t.schema.Block, attrs, t.legacy))
	if err != nil {
		return tftypes.Value{}, err
	}
	return tfprotov6.RawState{JSON: src}.UnmarshalWithOpts(t.schema.ValueType(), tfprotov6.UnmarshalOpts{
		ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true},
	})
}

// toJSON is the way back. What is unknown becomes null.
func toJSON(v tftypes.Value, ty tftypes.Type) (any, error) {
	if !v.IsKnown() {
		return nil, nil
	}
	if ty.Is(tftypes.DynamicPseudoType) && !v.IsNull() {
		inner, err := toJSON(v, v.Type())
		if err != nil {
			return nil, err
		}
		kind, err := json.Marshal(v.Type())
		return map[string]any{"value": inner, "type": json.RawMessage(kind)}, err
	}
	switch {
	case v.IsNull():
		return nil, nil
	case ty.Is(tftypes.String):
		var s string
		err := v.As(&s)
		return s, err
	case ty.Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return b, err
	case ty.Is(tftypes.Number):
		n := new(big.Float)
		err := v.As(&n)
		return json.Number(n.Text('f', -1)), err
	}
	return collectionToJSON(v, ty)
}

func collectionToJSON(v tftypes.Value, ty tftypes.Type) (any, error) {
	switch ty := ty.(type) {
	case tftypes.List:
		return elementsToJSON(v, func(int) tftypes.Type { return ty.ElementType })
	case tftypes.Set:
		return elementsToJSON(v, func(int) tftypes.Type { return ty.ElementType })
	case tftypes.Tuple:
		return elementsToJSON(v, func(i int) tftypes.Type { return ty.ElementTypes[i] })
	case tftypes.Map:
		return fieldsToJSON(v, func(string) tftypes.Type { return ty.ElementType })
	case tftypes.Object:
		return fieldsToJSON(v, func(name string) tftypes.Type { return ty.AttributeTypes[name] })
	}
	return nil, fmt.Errorf("the test provider can't write a %s", ty)
}

func elementsToJSON(v tftypes.Value, typeOf func(int) tftypes.Type) (any, error) {
	var elems []tftypes.Value
	if err := v.As(&elems); err != nil {
		return nil, err
	}
	out := make([]any, len(elems))
	for i, elem := range elems {
		var err error
		if out[i], err = toJSON(elem, typeOf(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func fieldsToJSON(v tftypes.Value, typeOf func(string) tftypes.Type) (any, error) {
	var fields map[string]tftypes.Value
	if err := v.As(&fields); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(fields))
	for name, field := range fields {
		var err error
		if out[name], err = toJSON(field, typeOf(name)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// decode reads a value of the wire as an object's attributes; nil if it is
// null or not there.
func decode(ty tftypes.Type, dv *tfprotov6.DynamicValue) (map[string]any, error) {
	if dv == nil {
		return nil, nil
	}
	v, err := dv.Unmarshal(ty)
	if err != nil || v.IsNull() {
		return nil, err
	}
	out, err := toJSON(v, ty)
	if err != nil {
		return nil, err
	}
	attrs, _ := out.(map[string]any)
	return attrs, nil
}
