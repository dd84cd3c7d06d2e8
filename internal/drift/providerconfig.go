package drift

import (
	"fmt"
	"strings"
	"unicode"
)

// ProviderConfig is the address of a provider configuration, as the state
// records it for each resource: module.a.provider["HOST/NAMESPACE/TYPE"].alias.
// OpenTofu adds the key of a provider block with for_each.
type ProviderConfig struct {
	Module   string // the module instance whose block configures it; "" is the root
	Provider string // HOST/NAMESPACE/TYPE
	Alias    string
	Key      Key
}

// defaultRegistry and defaultNamespace are where Terraform looks for a
// provider that is named by its type alone.
const (
	defaultRegistry  = "registry.terraform.io"
	defaultNamespace = "hashicorp"
	opentofuRegistry = "registry.opentofu.org"
)

// BuiltinProvider is the provider inside Terraform itself, that of
// terraform_data.
const BuiltinProvider = "terraform.io/builtin/terraform"

// ParseProviderConfig reads such an address. The form of Terraform 0.12,
// provider.aws.alias, means the hashicorp namespace, as `terraform 0.13upgrade`
// took it to.
func ParseProviderConfig(s string) (ProviderConfig, error) {
	wrong := func() (ProviderConfig, error) {
		return ProviderConfig{}, fmt.Errorf("%q is not the address of a provider configuration", s)
	}
	traversal, err := parseTraversal(s)
	if err != nil {
		return wrong()
	}
	module, rest, err := modulePrefix(traversal)
	if err != nil || len(rest) < 2 || len(rest) > 4 || stepName(rest, 0) != "provider" {
		return wrong()
	}
	pc := ProviderConfig{Module: module.String()}
	source := stepName(rest, 1)
	if source == "" {
		key, err := keyOf(rest[1])
		if err != nil {
			return wrong()
		}
		source, _ = key.Str()
	}
	if pc.Provider, err = ProviderSource(source); err != nil {
		return wrong()
	}
	if len(rest) > 2 {
		if pc.Alias = stepName(rest, 2); pc.Alias == "" {
			return wrong()
		}
	}
	if len(rest) > 3 {
		if pc.Key, err = keyOf(rest[3]); err != nil {
			return wrong()
		}
	}
	return pc, nil
}

// legacyNamespace stands in states that `terraform 0.13upgrade` has not seen:
// REGISTRY/-/aws is what 0.12 called provider.aws.
const legacyNamespace = "-"

// ProviderSource completes a source address such as "aws", "hashicorp/aws" or
// "example.com/team/thing" to HOST/NAMESPACE/TYPE. Case doesn't count in one:
// "DataDog/datadog" and "datadog/datadog" are the same.
func ProviderSource(s string) (string, error) {
	parts := strings.Split(strings.ToLower(s), "/")
	for _, part := range parts {
		if !isSourcePart(part) {
			return "", fmt.Errorf("%q is not a provider source address", s)
		}
	}
	host, namespace, typeName := defaultRegistry, legacyNamespace, parts[len(parts)-1]
	switch len(parts) {
	case 1: // the type alone, as 0.12 knew it
	case 2:
		namespace = parts[0]
	case 3:
		host, namespace = parts[0], parts[1]
	default:
		return "", fmt.Errorf("%q is not a provider source address", s)
	}
	switch {
	case namespace == legacyNamespace && typeName == "terraform":
		return BuiltinProvider, nil
	case namespace == legacyNamespace:
		namespace = defaultNamespace
	}
	return host + "/" + namespace + "/" + typeName, nil
}

// SameProvider reports whether two complete source addresses may mean the same
// provider. OpenTofu takes an address without a host to be in its own registry:
// what its states call registry.opentofu.org/hashicorp/aws, ProviderSource calls
// registry.terraform.io/hashicorp/aws.
func SameProvider(a, b string) bool {
	return inDefaultRegistry(a) == inDefaultRegistry(b)
}

func inDefaultRegistry(source string) string {
	if rest, ok := strings.CutPrefix(source, opentofuRegistry+"/"); ok {
		return defaultRegistry + "/" + rest
	}
	return source
}

// isSourcePart keeps what can't be part of an address out of file names.
func isSourcePart(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		return r == '\\' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
}

// String renders the address as the state writes it.
func (p ProviderConfig) String() string {
	s := "provider[" + quote(p.Provider) + "]"
	if p.Module != "" {
		s = p.Module + "." + s
	}
	if p.Alias != "" {
		s += "." + p.Alias + p.Key.String()
	}
	return s
}
