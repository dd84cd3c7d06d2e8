package drift_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"holdfast/internal/drift"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	module := func(steps ...drift.ModuleStep) drift.ModuleAddress { return steps }
	for _, c := range []struct {
		in   string
		want drift.Address
	}{
		{"aws_sqs_queue.jobs", drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: "jobs"}},
		{"aws_sqs_queue.jobs[0]", drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: "jobs", Key: drift.IntKey(0)}},
		{`aws_sqs_queue.jobs["a.b/c"]`, drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: "jobs", Key: drift.StringKey("a.b/c")}},
		{`aws_sqs_queue.jobs["0"]`, drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: "jobs", Key: drift.StringKey("0")}},
		{`aws_sqs_queue.jobs[""]`, drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: "jobs", Key: drift.StringKey("")}},
		{"data.aws_region.here", drift.Address{Mode: drift.Data, Type: "aws_region", Name: "here"}},
		{`module.a["x"].module.b[2].data.aws_region.here["k"]`, drift.Address{
			Module: module(drift.ModuleStep{Name: "a", Key: drift.StringKey("x")}, drift.ModuleStep{Name: "b", Key: drift.IntKey(2)}),
			Mode:   drift.Data, Type: "aws_region", Name: "here", Key: drift.StringKey("k"),
		}},
		{"module.provider.data.data.x", drift.Address{
			Module: module(drift.ModuleStep{Name: "provider"}), Mode: drift.Data, Type: "data", Name: "x",
		}},
		{"my-type.with-dashes", drift.Address{Mode: drift.Managed, Type: "my-type", Name: "with-dashes"}},
		{`a.b["\"\\\n\t$${x}%%{y}é\u200b"]`, drift.Address{Mode: drift.Managed, Type: "a", Name: "b", Key: drift.StringKey("\"\\\n\t${x}%{y}é\u200b")}},
	} {
		got, err := drift.ParseAddress(c.in)
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.in, err)
		case got.String() != c.want.String() || got.Mode != c.want.Mode || got.Key != c.want.Key || !got.Module.Equal(c.want.Module):
			t.Errorf("%s: got %#v, want %#v", c.in, got, c.want)
		case got.String() != c.in:
			t.Errorf("%s prints as %s", c.in, got)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "aws_sqs_queue", "module.a", "data.aws_region", "module.a.aws_sqs_queue", "module", "module.module.module.x",
		"aws_sqs_queue.jobs.arn", "aws_sqs_queue.jobs[0].arn", "aws_sqs_queue.jobs[0][1]", "aws_sqs_queue[0].jobs",
		"aws_sqs_queue.jobs[-1]", "aws_sqs_queue.jobs[1.5]", "aws_sqs_queue.jobs[true]", "aws_sqs_queue.jobs[x]",
		"aws_sqs_queue.jobs[*]", "aws_sqs_queue.jobs[99999999999999999999]", `aws_sqs_queue.jobs["${x}"]`,
		`module.a[1.5].aws_sqs_queue.jobs`, "aws_sqs_queue.0jobs", "aws sqs.jobs", "*.jobs", "aws_sqs_queue.jobs\nx.y",
	} {
		if got, err := drift.ParseAddress(in); err == nil {
			t.Errorf("%q was read as %#v", in, got)
		} else if !strings.Contains(err.Error(), "address") {
			t.Errorf("%q: the error doesn't say what it is about: %v", in, err)
		}
	}
}

func TestParseModule(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "module.a", `module.a["x y"].module.b[0]`} {
		got, err := drift.ParseModule(in)
		if err != nil || got.String() != in {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"a.b", "module.a.b", "module", "module.a.module", "module.a[1.5]", "module[0]", "x"} {
		if got, err := drift.ParseModule(in); err == nil {
			t.Errorf("%q was read as %#v", in, got)
		}
	}
}

func TestModuleAddress(t *testing.T) {
	t.Parallel()
	root := drift.ModuleAddress(nil)
	a := root.Child("a", drift.StringKey("k"))
	ab, ac := a.Child("b", drift.NoKey), a.Child("c", drift.IntKey(1))
	if ab.String() != `module.a["k"].module.b` || ac.String() != `module.a["k"].module.c[1]` || len(a) != 1 {
		t.Errorf("children share memory: %s, %s, %s", a, ab, ac)
	}
	if ac.Path() != "a.c" || root.Path() != "" {
		t.Errorf("paths %q and %q", ac.Path(), root.Path())
	}
	for _, c := range []struct {
		m, o          drift.ModuleAddress
		equal, prefix bool
	}{
		{root, root, true, true},
		{ab, ab, true, true},
		{ab, a, false, true},
		{ab, root, false, true},
		{a, ab, false, false},
		{ab, ac, false, false},
		{a, root.Child("a", drift.NoKey), false, false},
		{root.Child("a", drift.StringKey("0")), root.Child("a", drift.IntKey(0)), false, false},
	} {
		if got := c.m.Equal(c.o); got != c.equal {
			t.Errorf("%q equal to %q: %v", c.m, c.o, got)
		}
		if got := c.m.HasPrefix(c.o); got != c.prefix {
			t.Errorf("%q at or below %q: %v", c.m, c.o, got)
		}
	}
}

func TestTraversals(t *testing.T) {
	t.Parallel()
	parse := func(s string) hcl.Traversal {
		traversal, diags := hclsyntax.ParseTraversalAbs([]byte(s), "", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return traversal
	}
	if addr, err := drift.AddressOf(parse("module.m.a.b[1]")); err != nil || addr.String() != "module.m.a.b[1]" {
		t.Errorf("got %s, %v", addr, err)
	}
	if module, ok := drift.ModuleOf(parse("module.m[0]")); !ok || module.String() != "module.m[0]" {
		t.Errorf("got %s, %v", module, ok)
	}
	for _, s := range []string{"a.b", "module.m.a.b", "module.m[1.5]"} {
		if module, ok := drift.ModuleOf(parse(s)); ok {
			t.Errorf("%s is no module, but %s", s, module)
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key   drift.Key
		print string
		value cty.Value
	}{
		{drift.NoKey, "", cty.NullVal(cty.DynamicPseudoType)},
		{drift.IntKey(0), "[0]", cty.NumberIntVal(0)},
		{drift.IntKey(12), "[12]", cty.NumberIntVal(12)},
		{drift.StringKey(""), `[""]`, cty.StringVal("")},
		{drift.StringKey("12"), `["12"]`, cty.StringVal("12")},
		{drift.StringKey(`a"b\c`), `["a\"b\\c"]`, cty.StringVal(`a"b\c`)},
		{drift.StringKey("a\nb\r\tc"), `["a\nb\r\tc"]`, cty.StringVal("a\nb\r\tc")},
		{drift.StringKey("${x} $x %{y} $${z}"), `["$${x} $x %%{y} $$${z}"]`, cty.StringVal("${x} $x %{y} $${z}")},
		{drift.StringKey("\x1b[31m\u202e\U000e0001"), `["\u001b[31m\u202e\U000e0001"]`, cty.StringVal("\x1b[31m\u202e\U000e0001")},
		{drift.StringKey("日本 é"), `["日本 é"]`, cty.StringVal("日本 é")},
	} {
		if got := c.key.String(); got != c.print {
			t.Errorf("%#v prints as %s, want %s", c.key, got, c.print)
		}
		if got := c.key.Value(); !got.RawEquals(c.value) {
			t.Errorf("%s has the value %#v", c.print, got)
		}
		if got, ok := drift.KeyFrom(c.value); c.key != drift.NoKey && (!ok || got != c.key) {
			t.Errorf("%#v gives the key %s, %v", c.value, got, ok)
		}
		n, isInt := c.key.Int()
		s, isStr := c.key.Str()
		if (isInt && drift.IntKey(n) != c.key) || (isStr && drift.StringKey(s) != c.key) || (isInt && isStr) {
			t.Errorf("%s is %d, %v and %q, %v", c.print, n, isInt, s, isStr)
		}
	}
}

func TestKeyFromRefuses(t *testing.T) {
	t.Parallel()
	for _, v := range []cty.Value{
		cty.NullVal(cty.String), cty.NullVal(cty.Number), cty.UnknownVal(cty.String), cty.DynamicVal, cty.True,
		cty.NumberIntVal(-1), cty.NumberFloatVal(0.5), cty.PositiveInfinity, cty.MustParseNumberVal("1e40"),
		cty.EmptyObjectVal, cty.ListValEmpty(cty.String),
	} {
		if key, ok := drift.KeyFrom(v); ok {
			t.Errorf("%#v is the key %s", v, key)
		}
	}
	if key, ok := drift.KeyFrom(cty.StringVal("k").Mark("sensitive")); !ok || key != drift.StringKey("k") {
		t.Errorf("a marked value gives %s, %v", key, ok)
	}
}

// keys draws instance keys, odd ones included.
func keys() *rapid.Generator[drift.Key] {
	str := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"$", "${", "$${", "$$${", "%{", "%%{}", `"`, `\`, "\n", "\u0000", "\ufeff"}))
	return rapid.OneOf(
		rapid.Just(drift.NoKey),
		rapid.Map(rapid.IntRange(0, 1<<53), drift.IntKey),
		rapid.Map(str, func(s string) drift.Key { return drift.StringKey(cty.StringVal(s).AsString()) }), // normalised, as for_each's keys are
	)
}

func addresses() *rapid.Generator[drift.Address] {
	name := rapid.StringMatching(`[a-z_][a-z0-9_-]{0,8}`)
	return rapid.Custom(func(t *rapid.T) drift.Address {
		addr := drift.Address{Mode: rapid.SampledFrom([]string{drift.Managed, drift.Data}).Draw(t, "mode")}
		for range rapid.IntRange(0, 3).Draw(t, "depth") {
			addr.Module = addr.Module.Child(name.Draw(t, "module"), keys().Draw(t, "module key"))
		}
		addr.Type = name.Filter(func(s string) bool { return s != "module" && s != "data" }).Draw(t, "type")
		addr.Name, addr.Key = name.Draw(t, "name"), keys().Draw(t, "key")
		return addr
	})
}

func TestAddressRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		addr := addresses().Draw(t, "address")
		got, err := drift.ParseAddress(addr.String())
		if err != nil {
			t.Fatal(err)
		}
		if !got.Module.Equal(addr.Module) || got.Mode != addr.Mode || got.Type != addr.Type || got.Name != addr.Name || got.Key != addr.Key {
			t.Fatalf("%#v prints as %s, which is %#v", addr, addr, got)
		}
	})
}

// FuzzParseAddress: what parses prints, and parses again to the same.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"a.b", "a.b[0]", `a.b["k"]`, "data.a.b", `module.m["x"].module.n[1].a.b`, `a.b["$${x}\u001b\U000e0001"]`, "a.b[1e3]", `a.b[ "x" ]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr, err := drift.ParseAddress(s)
		if err != nil {
			return
		}
		again, err := drift.ParseAddress(addr.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which does not parse: %v", s, addr, err)
		}
		if again.String() != addr.String() || again.Key != addr.Key || !again.Module.Equal(addr.Module) {
			t.Fatalf("%q is %#v, printed and parsed %#v", s, addr, again)
		}
	})
}
