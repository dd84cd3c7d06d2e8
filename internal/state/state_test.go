package state_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/state"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name+".tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func decode(t *testing.T, name string) *state.State {
	t.Helper()
	s, err := state.Decode(fixture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const registry = "registry.terraform.io/hashicorp/aws"
	subnet := drift.ModuleAddress{{Name: "net", Key: drift.StringKey("eu")}, {Name: "subnet", Key: drift.IntKey(2)}}
	jobs := func(key string) drift.Address {
		return drift.Address{Mode: drift.Managed, Type: "aws_sqs_queue", Name: "jobs", Key: drift.StringKey(key)}
	}
	west := drift.ProviderConfig{Provider: registry, Alias: "west"}
	want := &state.State{
		TerraformVersion: "1.12.0", Serial: 18446744073709551615, Lineage: "5d1a3b0e-8c1f-4f0e-9a57-0f6f6f3f1c11",
		Instances: []state.Instance{
			{
				Address:    drift.Address{Mode: drift.Data, Type: "aws_caller_identity", Name: "current"},
				Provider:   drift.ProviderConfig{Provider: registry},
				Attributes: json.RawMessage(`{"account_id": "123456789012"}`),
			},
			{
				Address: jobs(`a "quoted" ${key}`), Provider: west, SchemaVersion: 1,
				Attributes: json.RawMessage(`{"max_message_size": 9007199254740993, "ratio": 0.1234567890123456789012345, "tags": null}`),
				Sensitive: []cty.Path{
					cty.GetAttrPath("policy"), cty.GetAttrPath("tags").IndexString("token"), cty.GetAttrPath("rules").IndexInt(3).GetAttr("secret"),
				},
				Private:  []byte(`{"schema_version":"1"}`),
				Identity: json.RawMessage(`{"url": "https://sqs"}`), IdentityVersion: 2,
				Dependencies: []string{"aws_kms_key.this", "module.net.aws_vpc.this"},
			},
			{
				Address: jobs("b"), Provider: west, SchemaVersion: 1, Tainted: true, Attributes: json.RawMessage(`{}`),
				Sensitive: []cty.Path{cty.GetAttrPath("policy"), cty.GetAttrPath("kms_key")},
			},
			{Address: jobs("b"), Provider: west, SchemaVersion: 1, Deposed: "12345678", Attributes: json.RawMessage(`{"id": "old"}`)},
			{
				Address:    drift.Address{Module: subnet, Mode: drift.Managed, Type: "aws_subnet", Name: "this", Key: drift.IntKey(0)},
				Provider:   drift.ProviderConfig{Module: `module.net["eu"]`, Provider: "example.com/team/aws"},
				Attributes: json.RawMessage(`{"id": "subnet-0"}`),
			},
			{
				Address:    drift.Address{Module: subnet, Mode: drift.Managed, Type: "aws_subnet", Name: "this", Key: drift.IntKey(1)},
				Provider:   drift.ProviderConfig{Module: `module.net["eu"]`, Provider: "example.com/team/aws"},
				Attributes: json.RawMessage(`{}`),
			},
		},
	}
	for _, name := range []string{"good", "bom"} {
		equalStates(t, decode(t, name), want)
	}
}

func equalStates(t *testing.T, got, want *state.State) {
	t.Helper()
	if len(got.Instances) != len(want.Instances) {
		t.Fatalf("%d instances, want %d", len(got.Instances), len(want.Instances))
	}
	for i := range got.Instances {
		g, w := got.Instances[i], want.Instances[i]
		for j := range g.Sensitive {
			if j >= len(w.Sensitive) || !g.Sensitive[j].Equals(w.Sensitive[j]) {
				t.Errorf("instance %d: sensitive %v, want %v", i, g.Sensitive, w.Sensitive)
			}
		}
		if !bytes.Equal(g.Private, w.Private) || len(g.Sensitive) != len(w.Sensitive) {
			t.Errorf("instance %d: private %q, want %q", i, g.Private, w.Private)
		}
		g.Private, w.Private, g.Sensitive, w.Sensitive = nil, nil, nil, nil
		if !reflect.DeepEqual(g, w) {
			t.Errorf("instance %d:\ngot  %+v\nwant %+v", i, g, w)
		}
	}
	if got.TerraformVersion != want.TerraformVersion || got.Serial != want.Serial || got.Lineage != want.Lineage {
		t.Errorf("got %s %d %s", got.TerraformVersion, got.Serial, got.Lineage)
	}
}

func TestDecodeOpenTofu(t *testing.T) {
	t.Parallel()
	var got []string
	for _, inst := range decode(t, "opentofu").Instances {
		got = append(got, inst.Address.Key.String()+" "+inst.Provider.String())
	}
	want := []string{
		`["eu"] provider["registry.opentofu.org/hashicorp/aws"].by_region["eu-west-1"]`,
		`["us"] provider["registry.opentofu.org/hashicorp/aws"].by_region["us-east-1"]`,
		`["none"] provider["registry.opentofu.org/hashicorp/aws"].by_region`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestDecodeTerraform012(t *testing.T) {
	t.Parallel()
	insts := decode(t, "terraform-0.12").Instances
	for i, want := range []struct {
		address, provider string
		flat              map[string]string
		attributes        string
	}{
		{"aws_instance.web[0]", `provider["registry.terraform.io/hashicorp/aws"]`, map[string]string{"id": "i-1", "tags.%": "1", "tags.Name": "web"}, ""},
		{"aws_instance.web[1]", `provider["registry.terraform.io/hashicorp/aws"]`, nil, `{"id": "i-2"}`},
		{"module.a.aws_instance.db", `module.a.provider["registry.terraform.io/hashicorp/aws"].west`, map[string]string{"id": "i-3"}, ""},
		{"aws_instance.legacy", `provider["registry.terraform.io/hashicorp/aws"]`, map[string]string{}, ""},
	} {
		got := insts[i]
		if got.Address.String() != want.address || got.Provider.String() != want.provider ||
			!reflect.DeepEqual(got.Flat, want.flat) || string(got.Attributes) != want.attributes {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// A damaged state names the place and the way on.
func TestDecodeDamaged(t *testing.T) {
	t.Parallel()
	const mend = "; mend it, or restore a backup"
	for name, want := range map[string]string{
		"empty":               "it is empty; restore a backup",
		"blank":               "it is empty; restore a backup",
		"truncated":           "line 29: it ends in the middle, after 1272 bytes; it was truncated: restore a backup",
		"truncated-in-a-word": "line 56: it ends in the middle, after 2064 bytes; it was truncated: restore a backup",
		"trailing":            "line 74: something follows its end; remove it, or restore a backup",
		"two":                 "line 74: something follows its end; remove it, or restore a backup",
		"text":                "line 1: invalid character 'E' looking for beginning of value" + mend,
		"comma":               "line 5: invalid character '\"' after object key:value pair" + mend,
		"array":               "line 1: it is a JSON array and no object; is the file the right one?",
		"utf16":               "it is UTF-16 text, as PowerShell writes it with >; write it as UTF-8",
		"encrypted":           "it is encrypted by OpenTofu; decrypt it with `tofu state pull > FILE` and check with --state FILE",
		"no-version":          "it has no format version, so it is no state at all; is the file the right one?",
		"version-3":           "it has format version 3, of Terraform 0.11 or earlier; run terraform apply with Terraform 0.12 or later once to upgrade it",
		"version-5":           "it has format version 5, of a Terraform newer than this Holdfast; upgrade Holdfast",
		"wrong-version-type":  "line 2: version holds a JSON string" + mend,
		"negative-serial":     "line 4: serial holds a JSON number -1" + mend,
		"wrong-type":          "line 23: resources.instances.schema_version holds a JSON string" + mend,
		"negative-key":        "resource 3, module.net[\"eu\"].module.subnet[2].aws_subnet.this: instance 2: index_key -1 is no string and no whole number" + mend,
		"fraction-key":        "resource 3, module.net[\"eu\"].module.subnet[2].aws_subnet.this: instance 2: index_key 1.5 is no string and no whole number" + mend,
		"object-key":          "resource 3, module.net[\"eu\"].module.subnet[2].aws_subnet.this: instance 2: index_key map[k:1] is no string and no whole number" + mend,
		"status":              "resource 2, aws_sqs_queue.jobs: instance 2: unknown status \"broken\"" + mend,
		"negative-schema":     "resource 3, module.net[\"eu\"].module.subnet[2].aws_subnet.this: instance 1: schema_version -1 is negative" + mend,
		"attributes":          "resource 2, aws_sqs_queue.jobs: instance 3: attributes is no JSON object" + mend,
		"private":             "resource 2, aws_sqs_queue.jobs: instance 1: private: illegal base64 data at input byte 0" + mend,
		"sensitive":           "resource 2, aws_sqs_queue.jobs: instance 1: sensitive_attributes: {\"type\": \"get_attr\", \"value\": \"policy\"} is no path" + mend,
		"sensitive-step":      "resource 2, aws_sqs_queue.jobs: instance 1: sensitive_attributes: unknown step \"splat\"" + mend,
		"sensitive-nothing":   "resource 2, aws_sqs_queue.jobs: instance 1: sensitive_attributes: [] is no path" + mend,
		"sensitive-list":      "resource 2, aws_sqs_queue.jobs: instance 2: sensitive_attributes is no list" + mend,
		"provider":            "resource 3, module.net[\"eu\"].module.subnet[2].aws_subnet.this: instance 1: \"aws\" is not the address of a provider configuration" + mend,
		"module":              "resource 3, net.subnet.aws_subnet.this: \"net.subnet\" is not a module address" + mend,
		"mode":                "resource 1, aws_caller_identity.current: unknown mode \"list\"" + mend,
		"no-name":             "resource 3, module.net[\"eu\"].module.subnet[2].aws_subnet.: a resource needs a type and a name" + mend,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := state.Decode(fixture(t, name))
			if err == nil {
				t.Fatalf("decoded to %+v", s)
			}
			if !errors.Is(err, state.ErrFormat) {
				t.Errorf("not marked as a fault of the format: %v", err)
			}
			if want := state.ErrFormat.Error() + ": " + want; err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		})
	}
}
