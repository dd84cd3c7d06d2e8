package provider

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	hcl1 "github.com/hashicorp/hcl" // the CLI configuration is still HCL 1

	"holdfast/internal/drift"
)

// cliConfig is the part of Terraform's CLI configuration that says where
// provider packages are.
type cliConfig struct {
	cacheDir  string
	mirrors   []mirror
	overrides map[string]string // provider source address to a folder with its binary
}

// mirror is a filesystem mirror. Patterns are source addresses, with * for a
// whole part at the end.
type mirror struct {
	path             string
	include, exclude []string
}

// readCLIConfig reads the file that Terraform would: TF_CLI_CONFIG_FILE, or
// .terraformrc (.tofurc) in the home folder. A file that does not exist says
// nothing.
func readCLIConfig(env func(string) string) (cliConfig, error) {
	cfg := cliConfig{overrides: map[string]string{}}
	if path := cliConfigFile(env); path != "" {
		src, err := os.ReadFile(path)
		if err == nil {
			err = cfg.parse(src, env)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return cfg, fmt.Errorf("the CLI configuration %s can't be read: %w", path, err)
		}
	}
	if dir := env("TF_PLUGIN_CACHE_DIR"); dir != "" {
		cfg.cacheDir = dir
	}
	if len(cfg.mirrors) == 0 {
		cfg.mirrors = impliedMirrors(env)
	}
	return cfg, nil
}

func cliConfigFile(env func(string) string) string {
	for _, name := range []string{"TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"} {
		if path := env(name); path != "" {
			return path
		}
	}
	home, name := env("HOME"), ".terraformrc"
	if runtime.GOOS == "windows" {
		home, name = env("APPDATA"), "terraform.rc"
	}
	if home == "" {
		return ""
	}
	path := filepath.Join(home, name)
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(home, ".tofurc")
	}
	return path
}

// parse reads what the file says of providers. It is decoded without a Go type:
// HCL 1 leaves blocks inside blocks out of structs, without a word.
func (c *cliConfig) parse(src []byte, env func(string) string) error {
	var content map[string]any
	if err := hcl1.Unmarshal(src, &content); err != nil {
		return err
	}
	c.cacheDir = os.Expand(text(content["plugin_cache_dir"]), env)
	for _, installation := range blocks(content["provider_installation"]) {
		for _, m := range blocks(installation["filesystem_mirror"]) {
			if text(m["path"]) == "" {
				return errors.New("a filesystem_mirror names no path")
			}
			c.mirrors = append(c.mirrors, mirror{path: os.Expand(text(m["path"]), env), include: texts(m["include"]), exclude: texts(m["exclude"])})
		}
		for _, overrides := range blocks(installation["dev_overrides"]) {
			for name, dir := range overrides {
				source, err := drift.ProviderSource(name)
				if err != nil {
					return fmt.Errorf("dev_overrides: %w", err)
				}
				c.overrides[source] = os.Expand(text(dir), env)
			}
		}
	}
	return nil
}

// blocks, text and texts take what HCL 1 makes of a block, a string and a list
// of strings; anything else is as good as nothing.
func blocks(v any) []map[string]any {
	list, _ := v.([]map[string]any)
	return list
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func texts(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, elem := range list {
		out = append(out, text(elem))
	}
	return out
}

// impliedMirrors are the folders that Terraform looks into by itself.
func impliedMirrors(env func(string) string) []mirror {
	dirs := []string{"terraform.d/plugins"}
	if home := env("HOME"); home != "" {
		dirs = append(dirs, filepath.Join(home, ".terraform.d", "plugins"), filepath.Join(home, ".local", "share", "terraform", "plugins"))
	}
	if runtime.GOOS == "windows" {
		dirs = append(dirs, filepath.Join(env("APPDATA"), "terraform.d", "plugins"))
	} else {
		dirs = append(dirs, "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins")
	}
	mirrors := make([]mirror, len(dirs))
	for i, dir := range dirs {
		mirrors[i] = mirror{path: dir}
	}
	return mirrors
}

// serves reports whether the mirror may be asked for a provider.
func (m mirror) serves(source string) bool {
	for _, pattern := range m.exclude {
		if matchesSource(pattern, source) {
			return false
		}
	}
	for _, pattern := range m.include {
		if matchesSource(pattern, source) {
			return true
		}
	}
	return len(m.include) == 0
}

// matchesSource compares part by part; a part that is * stands for any.
func matchesSource(pattern, source string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(source, "/")
	if len(want) == 2 {
		want = append([]string{"registry.terraform.io"}, want...)
	}
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != "*" && want[i] != have[i] {
			return false
		}
	}
	return true
}
