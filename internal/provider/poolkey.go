package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// poolKey covers all that a configured process's answers may depend on.
func poolKey(pkg Package, r Request, value cty.Value, config Dynamic) string {
	return digest(pkg.Binary, pkg.key(), r.TerraformVersion, string(config.msgpack), dirThatCounts(r, value), digest(effective(r.Env)...))
}

// spareKey covers all that a process's answers may depend on before it is
// configured.
func spareKey(pkg Package, r Request) string {
	return digest(pkg.Binary, pkg.key(), r.Where.Dir, digest(effective(r.Env)...))
}

// digest is the same for the same parts only.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// effective is an environment in order: of several entries for a variable the
// last counts, as it does for the process.
func effective(env []string) []string {
	last := map[string]string{}
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		last[name] = entry
	}
	out := make([]string, 0, len(last))
	for _, entry := range last {
		out = append(out, entry)
	}
	slices.Sort(out)
	return out
}

// indifferent are providers known not to look at their working folder, unless
// their configuration or environment names a file in it.
var indifferent = map[string]bool{
	"hashicorp/aws": true, "hashicorp/google": true, "hashicorp/google-beta": true,
	"hashicorp/azurerm": true, "hashicorp/azuread": true, "hashicorp/random": true,
	"hashicorp/null": true, "hashicorp/time": true, "hashicorp/tls": true,
}

// dirThatCounts is the working folder, where the provider's answers may depend
// on it: "" for a known provider whose configuration and environment name no
// file relative to it.
func dirThatCounts(r Request, config cty.Value) string {
	host, name, _ := strings.Cut(r.Source, "/")
	if !indifferent[name] || (host != "registry.terraform.io" && host != "registry.opentofu.org") {
		return r.Where.Dir
	}
	relative := false
	_ = cty.Walk(config, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
			relative = relative || namesFile(r.Where.Dir, v.AsString())
		}
		return !relative, nil
	})
	for _, entry := range r.Env {
		if _, value, ok := strings.Cut(entry, "="); ok {
			relative = relative || namesFile(r.Where.Dir, value)
		}
	}
	if relative {
		return r.Where.Dir
	}
	return ""
}

// namesFile reports whether s is a path relative to dir at which something is.
func namesFile(dir, s string) bool {
	if s == "" || s == "." || filepath.IsAbs(s) || len(s) > 4096 {
		return false
	}
	_, err := os.Lstat(filepath.Join(dir, s))
	return err == nil
}
