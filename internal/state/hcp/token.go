package hcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	hcl1 "github.com/hashicorp/hcl" // the CLI configuration is still HCL 1

	"holdfast/internal/state"
)

// findToken looks for a host's token where Terraform does: TF_TOKEN_HOST, the
// CLI configuration, and what terraform login wrote.
// https://developer.hashicorp.com/terraform/cli/config/config-file#credentials
func findToken(s state.Settings, host string) (string, error) {
	if token := tokenOfEnvironment(s.Env, host); token != "" {
		return token, nil
	}
	for _, file := range tokenFiles(s) {
		token, err := tokenOf(file, host)
		if err != nil || token != "" {
			return token, err
		}
	}
	return "", fmt.Errorf("there is no token for %s; run terraform login %s, or set %s", host, host, variable(host))
}

// variable is the name of the variable with a host's token.
func variable(host string) string {
	return "TF_TOKEN_" + strings.NewReplacer(".", "_", "-", "__").Replace(host)
}

// tokenOfEnvironment finds a host's variable: dots of the host are written as
// they are or as _, hyphens as they are or as __.
func tokenOfEnvironment(env []string, host string) string {
	token := ""
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		encoded, ok := strings.CutPrefix(name, "TF_TOKEN_")
		if ok && strings.EqualFold(strings.NewReplacer("__", "-", "_", ".").Replace(encoded), host) {
			token = value
		}
	}
	return token
}

// tokenFiles are the files that may hold a token, in the order in which they
// count.
func tokenFiles(s state.Settings) []string {
	home, name, folder := s.Getenv("HOME"), ".terraformrc", ".terraform.d"
	if runtime.GOOS == "windows" {
		home, name, folder = s.Getenv("APPDATA"), "terraform.rc", "terraform.d"
	}
	var files []string
	named := s.FirstEnv("TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG")
	if named != "" {
		files = append(files, named)
	}
	if home == "" {
		return files
	}
	folder = filepath.Join(home, folder)
	if named == "" {
		files = append(files, filepath.Join(home, name), filepath.Join(home, ".tofurc"))
		for _, pattern := range []string{"*.tfrc", "*.tfrc.json"} {
			more, _ := filepath.Glob(filepath.Join(folder, pattern)) // the pattern is a good one
			slices.Sort(more)
			files = append(files, more...)
		}
	}
	return append(files, filepath.Join(folder, "credentials.tfrc.json"))
}

// tokenOf finds a host's token in a file. One that does not exist has none. What
// the parser says of a broken one could have the token in it.
func tokenOf(file, host string) (string, error) {
	src, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for a token for %s: %w; make the file readable", host, err)
	}
	var content map[string]any
	if strings.HasSuffix(file, ".json") {
		err = json.Unmarshal(src, &content)
	} else {
		err = hcl1.Unmarshal(src, &content)
	}
	if err != nil {
		return "", fmt.Errorf("looking for a token for %s: %s can't be parsed; mend it", host, file)
	}
	for _, hosts := range blocks(content["credentials"]) {
		for name, body := range hosts {
			for _, settings := range blocks(body) {
				if token, ok := settings["token"].(string); ok && strings.EqualFold(name, host) {
					return token, nil
				}
			}
		}
	}
	return "", nil
}

// blocks gives the bodies of blocks as either parser leaves them.
func blocks(value any) []map[string]any {
	switch v := value.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []map[string]any:
		return v
	}
	return nil
}
