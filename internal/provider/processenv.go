package provider

import (
	"slices"
	"strings"
)

// logVariables are what decides how much a provider logs. Without them it logs
// everything, each request with its body, for Terraform to choose from.
// https://developer.hashicorp.com/terraform/plugin/log/managing
var logVariables = []string{
	"TF_LOG", "TF_LOG_SDK", "TF_LOG_SDK_PROTO", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_SDK_HELPER_SCHEMA",
	"TF_LOG_SDK_HELPER_RESOURCE", "TF_LOG_SDK_MUX", "TF_LOG_PROVIDER",
}

// collectRarely lets a provider's heap grow to five times what is alive before
// it is collected. What is alive is mostly the schema, which stays, so that the
// default has a provider walk all of it for little: a fifth of its CPU time when
// it reads at full speed, for about 200 MB.
const collectRarely = "GOGC=400"

// frugal is a provider's environment with what saves CPU time: no log, which
// nobody reads, and fewer garbage collections, unless the user has a say in that.
func frugal(source string, env []string) []string {
	out := slices.Clone(env)
	if !slices.ContainsFunc(env, func(entry string) bool {
		return strings.HasPrefix(entry, "GOGC=") || strings.HasPrefix(entry, "GOMEMLIMIT=")
	}) {
		out = append(out, collectRarely)
	}
	name := source[strings.LastIndexByte(source, '/')+1:]
	own := "TF_LOG_PROVIDER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	for _, variable := range append([]string{own}, logVariables...) {
		out = append(out, variable+"=off")
	}
	return out
}
