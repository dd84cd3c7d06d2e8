package provider

import (
	"slices"
	"testing"
)

func TestFrugalEnvironment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		env  []string
		want string // GOGC's entry; empty: none of ours
	}{
		{"nothing said", []string{"HOME=/h"}, "GOGC=400"},
		{"the user's own", []string{"GOGC=50"}, "GOGC=50"},
		{"a limit of memory", []string{"GOMEMLIMIT=300MiB"}, ""},
	} {
		env := frugal("registry.terraform.io/hashicorp/google-beta", append(slices.Clone(test.env), "TF_LOG=trace"))
		var collect string
		last := map[string]string{}
		for _, entry := range env {
			if len(entry) > 5 && entry[:5] == "GOGC=" {
				collect = entry
			}
			if len(entry) > 6 && entry[:6] == "TF_LOG" {
				last[entry[:len(entry)-4]] = entry[len(entry)-4:]
			}
		}
		if collect != test.want {
			t.Errorf("%s: %q, want %q", test.name, collect, test.want)
		}
		if !slices.Contains(env, "TF_LOG_PROVIDER_GOOGLE_BETA=off") || last["TF_LOG"] != "=off" {
			t.Errorf("%s: it logs: %v", test.name, env)
		}
		if !slices.Contains(env, test.env[0]) {
			t.Errorf("%s: it lost %s", test.name, test.env[0])
		}
	}
}
