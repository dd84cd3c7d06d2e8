package provider

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"holdfast/internal/provider/plugin"
	"holdfast/internal/provider/providertest"
)

func sampleSchemas() *Schemas {
	return newSchemas(6, true, map[schemaKey][]byte{
		{section: providerSection}:         {},
		{resourceSection, "test_simple"}:   []byte("a schema"),
		{resourceSection, "test_other"}:    bytes.Repeat([]byte("x"), 300),
		{identitySection, "test_simple"}:   {0},
		{dataSection, "test_with a space"}: []byte("\x00\xff"),
	})
}

func sameSchemas(a, b *Schemas) bool {
	return a.protocol == b.protocol && a.optional == b.optional && maps.EqualFunc(a.encoded, b.encoded, bytes.Equal)
}

func TestSchemaFile(t *testing.T) {
	t.Parallel()
	for _, s := range []*Schemas{sampleSchemas(), newSchemas(5, false, map[schemaKey][]byte{})} {
		file := s.schemaFile()
		again, err := parseSchemaFile(file)
		if err != nil || !sameSchemas(s, again) {
			t.Errorf("%v: %+v became %+v", err, s, again)
		}
		if !bytes.Equal(file, s.schemaFile()) {
			t.Error("the same schemas make two files")
		}
	}
}

// TestSchemaFileDamaged changes a schema file at will: it is never read as
// something else than it was.
func TestSchemaFileDamaged(t *testing.T) {
	t.Parallel()
	good := sampleSchemas().schemaFile()
	rapid.Check(t, func(rt *rapid.T) {
		file := slices.Clone(good)
		switch rapid.SampledFrom([]string{"cut", "flip", "zero", "insert", "swap"}).Draw(rt, "damage") {
		case "cut":
			file = file[:rapid.IntRange(0, len(file)-1).Draw(rt, "at")]
		case "flip":
			file[rapid.IntRange(0, len(file)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		case "zero":
			clear(file[rapid.IntRange(0, len(file)-1).Draw(rt, "from"):])
		case "insert":
			at := rapid.IntRange(0, len(file)).Draw(rt, "at")
			file = slices.Insert(file, at, rapid.Byte().Draw(rt, "byte"))
		case "swap":
			a, b := rapid.IntRange(0, len(file)-1).Draw(rt, "a"), rapid.IntRange(0, len(file)-1).Draw(rt, "b")
			file[a], file[b] = file[b], file[a]
		}
		if s, err := parseSchemaFile(file); err == nil && !bytes.Equal(file, good) {
			rt.Fatalf("it reads as %+v", s.encoded)
		}
	})
}

// FuzzSchemaFile holds the reader to its law: what it reads is written back the
// same. The hash is made to fit, or no input would get past it.
func FuzzSchemaFile(f *testing.F) {
	const head = len(schemaMagic) + sha256.Size
	f.Add(sampleSchemas().schemaFile()[head:])
	f.Add([]byte{5, 0})
	f.Add([]byte{6, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		s, err := parseSchemaFile(slices.Concat([]byte(schemaMagic), sum[:], body))
		if err != nil {
			return
		}
		again, err := parseSchemaFile(s.schemaFile())
		if err != nil || !sameSchemas(s, again) {
			t.Errorf("%v: %+v became %+v", err, s, again)
		}
		for key := range s.encoded { // whatever it holds, decoding only says no
			_, _ = s.get(key)
			_, _, _, _ = s.Identity(key.name)
		}
	})
}

// FuzzSplitSchemas holds the splitter to its law: put together again, and split
// again, it is the same. And what is not a schema is what protobuf finds there.
func FuzzSplitSchemas(f *testing.F) {
	f.Add(joinSchemas(sampleSchemas().encoded, &plugin.ProviderSchema{
		Diagnostics:        []*plugin.Diagnostic{{Severity: plugin.Diagnostic_ERROR, Summary: "s"}},
		ServerCapabilities: &plugin.ServerCapabilities{GetProviderSchemaOptional: true},
	}))
	f.Add([]byte{0x0a, 0x00, 0x12, 0x02, 0x0a, 0x00})
	f.Add([]byte{0x13, 0x14})
	f.Fuzz(func(t *testing.T, raw []byte) {
		encoded, rest, err := splitSchemas(raw)
		if err != nil {
			return
		}
		again, restAgain, err := splitSchemas(joinSchemas(encoded, rest))
		if err != nil || !maps.EqualFunc(encoded, again, bytes.Equal) || !proto.Equal(rest, restAgain) {
			t.Errorf("%v: %+v became %+v; %v became %v", err, encoded, again, rest, restAgain)
		}
	})
}

// joinSchemas makes the answer that splitSchemas takes apart.
func joinSchemas(encoded map[schemaKey][]byte, rest *plugin.ProviderSchema) []byte {
	raw, err := proto.Marshal(rest)
	if err != nil {
		panic(err)
	}
	field := func(to []byte, number int, body []byte) []byte {
		to = append(to, byte(number<<3|2))
		for length := len(body); ; length >>= 7 {
			if length < 0x80 {
				return append(append(to, byte(length)), body...)
			}
			to = append(to, byte(length)|0x80)
		}
	}
	for key, body := range encoded {
		switch key.section {
		case resourceSection, dataSection:
			raw = field(raw, int(key.section), field(field(nil, 1, []byte(key.name)), 2, body))
		case providerSection, metaSection:
			raw = field(raw, int(key.section), body)
		}
	}
	return raw
}

// TestSchemaCache spoils the file between one manager and the next: it is asked
// for again, written again, and nothing of the spoilt one is believed.
func TestSchemaCache(t *testing.T) {
	t.Parallel()
	r := newRig(t, providertest.Six)
	schemasWith := func(o Options) (*Schemas, int) {
		t.Helper()
		before := r.world.Count(t, "GetProviderSchema")
		m := r.manager(o)
		defer m.Close()
		s, err := m.Schemas(t.Context(), r.request(""))
		if err != nil {
			t.Fatal(err)
		}
		return s, r.world.Count(t, "GetProviderSchema") - before
	}
	want, asked := schemasWith(Options{})
	if asked != 1 {
		t.Fatalf("asked %d times at first", asked)
	}
	found, err := filepath.Glob(filepath.Join(r.cache, "schemas", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the cache holds %v, %v", found, err)
	}
	file := found[0]
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s, asked := schemasWith(Options{}); asked != 0 || !sameSchemas(s, want) {
		t.Errorf("asked %d times at the second", asked)
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)-10] ^= 1
	for name, content := range map[string][]byte{
		"flipped": flipped, "empty": {}, "foreign": []byte("{}"), "of the first version": []byte("holdfast schema 1\n\x06\x01\x00"),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, asked := schemasWith(Options{}); asked != 1 || !sameSchemas(s, want) {
			t.Errorf("%s: asked %d times, the same schemas: %v", name, asked, sameSchemas(s, want))
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, good) {
			t.Errorf("%s: it was not mended, %v", name, err)
		}
	}
	blocked := filepath.Join(t.TempDir(), "blocked") // a file where the folder should be
	r.write(blocked, "")
	for range 2 {
		if s, asked := schemasWith(Options{CacheDir: blocked}); asked != 1 || !sameSchemas(s, want) {
			t.Errorf("no cache: asked %d times", asked)
		}
	}
}

// TestSchemaFaults are answers about the schema that can't be used.
func TestSchemaFaults(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		c := r.start()
		for call, behaviours := range map[string]map[string]string{
			"GetProviderSchema": {
				"error:no license":    "schema of provider " + r.pkg.Source + ": note: It did not work: no license",
				"fail:out of service": "Schema of provider " + r.pkg.Source + ": out of service",
			},
			"GetResourceIdentitySchemas": {"error:no license": "identity schemas of provider " + r.pkg.Source + ": note: It did not work: no license"},
		} {
			for behaviour, want := range behaviours {
				r.world.Behave(t, call, behaviour)
				if _, err := c.fetchSchemas(t.Context()); err == nil || !bytes.HasSuffix([]byte(err.Error()), []byte(want)) {
					t.Errorf("%s, %s: %v", call, behaviour, err)
				}
				r.world.Behave(t, call, "")
			}
		}
		r.world.Behave(t, "GetProviderSchema", "garbage")
		s := r.schemas(c)
		if _, err := s.Resource("test_simple"); err == nil || err.Error() != "schema of test_simple: the provider answered with a schema that can't be read: block odd: unknown nesting mode 77" {
			t.Error(err)
		}
		if sch, err := s.Resource("test_blocks"); err != nil || sch == nil {
			t.Errorf("the schema of another type can't be read: %v", err)
		}
	})
}

// TestSchemaOddities are schemas that terraform-plugin-go would not send.
func TestSchemaOddities(t *testing.T) {
	t.Parallel()
	marshal := func(m proto.Message) []byte {
		raw, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	attribute := func(a *plugin.Schema_Attribute) []byte {
		return marshal(&plugin.Schema{Block: &plugin.Schema_Block{Attributes: []*plugin.Schema_Attribute{a}}})
	}
	s := newSchemas(6, true, map[schemaKey][]byte{
		{resourceSection, "no_type"}:   attribute(&plugin.Schema_Attribute{Name: "a"}),
		{resourceSection, "odd_type"}:  attribute(&plugin.Schema_Attribute{Name: "a", Type: []byte(`["list"]`)}),
		{resourceSection, "odd_mode"}:  attribute(&plugin.Schema_Attribute{Name: "a", NestedType: &plugin.Schema_Object{Nesting: 5}}),
		{resourceSection, "no_proto"}:  {0xff},
		{resourceSection, "empty"}:     {},
		{identitySection, "no_proto"}:  {0xff},
		{identitySection, "odd_type"}:  marshal(&plugin.ResourceIdentitySchema{IdentityAttributes: []*plugin.ResourceIdentitySchema_IdentityAttribute{{Name: "a"}}}),
		{identitySection, "no_fields"}: {},
	})
	for _, name := range []string{"no_type", "odd_type", "odd_mode", "no_proto"} {
		if sch, err := s.Resource(name); err == nil {
			t.Errorf("%s: %+v", name, sch)
		}
	}
	if sch, err := s.Resource("empty"); err != nil || sch.Block.ImpliedType().HasDynamicTypes() {
		t.Errorf("an empty schema: %v", err)
	}
	for name, ok := range map[string]bool{"no_proto": false, "odd_type": false, "no_fields": true} {
		if _, _, is, err := s.Identity(name); is != ok || (err == nil) != ok {
			t.Errorf("identity %s: %v, %v", name, is, err)
		}
	}
	own, err := s.Provider()
	if err != nil || len(own.Block.Attributes) != 0 {
		t.Errorf("a provider without a schema of its own: %+v, %v", own, err)
	}
	if meta, err := s.Meta(); meta != nil || err != nil {
		t.Errorf("a provider without provider_meta: %+v, %v", meta, err)
	}
}
