package drift_test

import (
	"testing"

	"holdfast/internal/drift"
)

const aws = "registry.terraform.io/hashicorp/aws"

func TestParseProviderConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in    string
		want  drift.ProviderConfig
		print string // where that isn't the input
	}{
		{in: `provider["registry.terraform.io/hashicorp/aws"]`, want: drift.ProviderConfig{Provider: aws}},
		{in: `provider["registry.terraform.io/hashicorp/aws"].west`, want: drift.ProviderConfig{Provider: aws, Alias: "west"}},
		{
			in:   `module.a["k"].module.b.provider["example.com/team/thing"].x`,
			want: drift.ProviderConfig{Module: `module.a["k"].module.b`, Provider: "example.com/team/thing", Alias: "x"},
		},
		{ // OpenTofu: provider blocks with for_each
			in:   `provider["registry.opentofu.org/hashicorp/aws"].by_region["eu-west-1"]`,
			want: drift.ProviderConfig{Provider: "registry.opentofu.org/hashicorp/aws", Alias: "by_region", Key: drift.StringKey("eu-west-1")},
		},
		{ // Terraform 0.12
			in: "provider.aws", want: drift.ProviderConfig{Provider: aws}, print: `provider["registry.terraform.io/hashicorp/aws"]`,
		},
		{
			in: "module.a.provider.aws.west", want: drift.ProviderConfig{Module: "module.a", Provider: aws, Alias: "west"},
			print: `module.a.provider["registry.terraform.io/hashicorp/aws"].west`,
		},
		{ // Terraform 0.13 and later, on a state of 0.12
			in: `provider["registry.terraform.io/-/aws"]`, want: drift.ProviderConfig{Provider: aws},
			print: `provider["registry.terraform.io/hashicorp/aws"]`,
		},
		{in: "provider.terraform", want: drift.ProviderConfig{Provider: drift.BuiltinProvider}, print: `provider["terraform.io/builtin/terraform"]`},
		{in: `provider["terraform.io/builtin/terraform"]`, want: drift.ProviderConfig{Provider: drift.BuiltinProvider}},
		{in: `module.provider.provider["registry.terraform.io/hashicorp/aws"]`, want: drift.ProviderConfig{Module: "module.provider", Provider: aws}},
	} {
		got, err := drift.ParseProviderConfig(c.in)
		if err != nil || got != c.want {
			t.Errorf("%s: got %#v, %v", c.in, got, err)
		}
		if c.print == "" {
			c.print = c.in
		}
		if got.String() != c.print {
			t.Errorf("%s prints as %s", c.in, got)
		}
	}
	for _, in := range []string{
		"", "aws", "provider", "module.a", `provider[0]`, `provider[""]`, `provider["a/b/c/d"]`, `provider["../b/c"]`, `provider["a/../c"]`,
		`provider["a b/c/d"]`, `provider["a//c"]`, "provider.aws.west.more", `provider["x/y/z"]["k"]`, `provider["x/y/z"].a["k"].b`,
		`provider["x/y/z"].a[1.5]`, `module.a[1.5].provider.aws`, `resource.aws`, "provider.aws[0]", `provider["x/\u0000/z"]`,
	} {
		if got, err := drift.ParseProviderConfig(in); err == nil {
			t.Errorf("%q was read as %#v", in, got)
		}
	}
}

func TestProviderSource(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"aws":                                  aws,
		"hashicorp/aws":                        aws,
		"HashiCorp/AWS":                        aws,
		"registry.terraform.io/hashicorp/aws":  aws,
		"registry.terraform.io/-/aws":          aws,
		"DataDog/datadog":                      "registry.terraform.io/datadog/datadog",
		"Example.com/Team/thing":               "example.com/team/thing",
		"terraform":                            drift.BuiltinProvider,
		"registry.terraform.io/-/terraform":    drift.BuiltinProvider,
		"terraform.io/builtin/terraform":       drift.BuiltinProvider,
		"registry.opentofu.org/opentofu/aws-x": "registry.opentofu.org/opentofu/aws-x",
	} {
		if got, err := drift.ProviderSource(in); err != nil || got != want {
			t.Errorf("%s: got %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "/", "a/", "/a", "a/b/c/d", "..", "../aws", `a\b`, "a b", "a/.", "x/y/\x00"} {
		if got, err := drift.ProviderSource(in); err == nil {
			t.Errorf("%q was read as %s", in, got)
		}
	}
}

func TestSameProvider(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{aws, aws, true},
		{aws, "registry.opentofu.org/hashicorp/aws", true},
		{"registry.opentofu.org/hashicorp/aws", "registry.opentofu.org/hashicorp/aws", true},
		{aws, "registry.opentofu.org/opentofu/aws", false},
		{aws, "example.com/hashicorp/aws", false},
		{aws, "registry.terraform.io/hashicorp/awscc", false},
	} {
		if drift.SameProvider(c.a, c.b) != c.want || drift.SameProvider(c.b, c.a) != c.want {
			t.Errorf("%s and %s: not %v", c.a, c.b, c.want)
		}
	}
}

// FuzzParseProviderConfig: what parses prints, and parses again to the same.
func FuzzParseProviderConfig(f *testing.F) {
	for _, seed := range []string{
		"provider.aws", "provider.aws.x", `provider["registry.terraform.io/hashicorp/aws"].x["k"]`, `module.a[0].provider["x/y/z"]`,
		`provider["registry.terraform.io/-/aws"]`, `provider["İ/y/z"]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pc, err := drift.ParseProviderConfig(s)
		if err != nil {
			return
		}
		if again, err := drift.ParseProviderConfig(pc.String()); err != nil || again != pc {
			t.Fatalf("%q is %#v, which prints as %q and parses to %#v, %v", s, pc, pc, again, err)
		}
	})
}
