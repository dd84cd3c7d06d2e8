package provider

import (
	"errors"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// everything is a type with all that a schema can imply.
var everything = cty.Object(map[string]cty.Type{
	"text": cty.String, "yes": cty.Bool, "number": cty.Number, "any": cty.DynamicPseudoType,
	"list": cty.List(cty.String), "set": cty.Set(cty.Object(map[string]cty.Type{"key": cty.String})),
	"map": cty.Map(cty.Number), "tuple": cty.Tuple([]cty.Type{cty.String, cty.DynamicPseudoType}),
})

func sampleValue() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"text": cty.StringVal("x"), "yes": cty.True, "number": cty.MustParseNumberVal("12345678901234567890.5"),
		"any": cty.ListVal([]cty.Value{cty.StringVal("y")}), "list": cty.ListValEmpty(cty.String),
		"set":   cty.SetVal([]cty.Value{cty.ObjectVal(map[string]cty.Value{"key": cty.NullVal(cty.String)})}),
		"map":   cty.MapVal(map[string]cty.Value{"a": cty.UnknownVal(cty.Number)}),
		"tuple": cty.TupleVal([]cty.Value{cty.StringVal("z"), cty.NullVal(cty.DynamicPseudoType)}),
	})
}

func TestDynamic(t *testing.T) {
	t.Parallel()
	d, err := Encode(sampleValue(), everything)
	check(t, err)
	v, err := d.Decode(everything)
	check(t, err)
	wantValue(t, "there and back", sampleValue(), v)
	if d.IsNil() || d.missing() || !d.Same(d) || d.wire() == nil {
		t.Errorf("a value counts as null %v, as missing %v, as different %v", d.IsNil(), d.missing(), !d.Same(d))
	}
	none := Dynamic{}
	if !none.IsNil() || !none.missing() || none.Same(none) || none.wire() != nil {
		t.Errorf("no value counts as null %v, as missing %v, as the same %v", none.IsNil(), none.missing(), none.Same(none))
	}
	if v, err := none.Decode(everything); err != nil || !v.RawEquals(cty.NullVal(everything)) {
		t.Errorf("no value decodes as %#v, %v", v, err)
	}
	null, err := Encode(cty.NullVal(cty.DynamicPseudoType), cty.DynamicPseudoType)
	check(t, err)
	if v, err := null.Decode(cty.DynamicPseudoType); err != nil || !v.IsNull() {
		t.Errorf("a null of any type decodes as %#v, %v", v, err)
	}
}

// FuzzDecode holds the decoder to its law: what decodes is encoded and decoded
// to the same, and what doesn't is nonsense, never a panic. A null is one before
// and after.
func FuzzDecode(f *testing.F) {
	seed, err := Encode(sampleValue(), everything)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed.msgpack, false)
	f.Add([]byte{0xc0}, false)
	f.Add([]byte{0xc0, 0xc0}, false)
	f.Add([]byte{0xd4, 0, 0}, false)
	f.Add([]byte(`{"text":"x","yes":null,"number":1,"any":{"type":"string","value":"y"},"list":[],"set":[],"map":{},"tuple":["z",null]}`), true)
	f.Add([]byte(" null"), true)
	f.Fuzz(func(t *testing.T, raw []byte, isJSON bool) {
		d := Dynamic{msgpack: raw}
		if isJSON {
			d = Dynamic{json: raw}
		}
		v, err := d.Decode(everything)
		if err != nil {
			if _, ok := errors.AsType[*NonsenseError](err); !ok {
				t.Error(err)
			}
			return
		}
		if v.IsNull() != d.IsNil() {
			t.Errorf("it is null %v when decoded, %v before", v.IsNull(), d.IsNil())
		}
		again, err := Encode(v, everything)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := again.Decode(everything); err != nil || !w.RawEquals(v) {
			t.Errorf("%v: %#v became %#v", err, v, w)
		}
	})
}
