package provider

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/provider/providertest"
)

// place is where a test looks for a provider: a root module, and the CLI
// configuration.
type place struct {
	*testing.T
	module, home string
	vars         map[string]string
}

func newPlace(t *testing.T) *place {
	home := t.TempDir()
	return &place{t, t.TempDir(), home, map[string]string{"HOME": home, "APPDATA": home}}
}

func (p *place) where() Where {
	return Where{Dir: p.module, DataDir: filepath.Join(p.module, ".terraform"), Lock: Lock{}, Env: func(name string) string { return p.vars[name] }}
}

// install makes a package whose executable is none, but looks like one.
func (p *place) install(root, source, version string) string {
	p.Helper()
	dir := filepath.Join(root, filepath.FromSlash(source), version, runtime.GOOS+"_"+runtime.GOARCH)
	check(p.T, os.MkdirAll(dir, 0o700))
	typeName := source[strings.LastIndex(source, "/")+1:]
	check(p.T, os.WriteFile(filepath.Join(dir, "terraform-provider-"+typeName+"_v"+version+"_x5"), []byte(root), 0o700))
	return dir
}

// rc writes the CLI configuration.
func (p *place) rc(content string) {
	p.Helper()
	path := filepath.Join(p.TempDir(), "rc")
	check(p.T, os.WriteFile(path, []byte(content), 0o600))
	p.vars["TF_CLI_CONFIG_FILE"] = path
}

func (p *place) find(w Where) (Package, error) {
	m := NewManager(Options{CacheDir: p.TempDir(), AllowUnlocked: true})
	defer m.Close()
	return m.Installed(w, providertest.Five)
}

// want expects the provider to be found in a package's folder.
func (p *place) want(w Where, dir string) {
	p.Helper()
	pkg, err := p.find(w)
	if target, _ := filepath.EvalSymlinks(dir); err != nil || filepath.Dir(pkg.Binary) != target {
		p.Errorf("want it in %s: %+v, %v", dir, pkg, err)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	const source = providertest.Five
	for name, test := range map[string]func(*place){
		"data folder": func(p *place) {
			p.want(p.where(), p.install(filepath.Join(p.module, ".terraform", "providers"), source, "1.0.0"))
		},
		"another data folder": func(p *place) {
			data := p.TempDir()
			w := p.where()
			w.DataDir = data
			p.want(w, p.install(filepath.Join(data, "providers"), source, "1.0.0"))
		},
		"data folder relative to the module": func(p *place) {
			w := p.where()
			w.DataDir = "data"
			p.want(w, p.install(filepath.Join(p.module, "data", "providers"), source, "1.0.0"))
		},
		"link into the plugin cache": func(p *place) {
			dir := p.install(p.TempDir(), source, "1.0.0")
			link := filepath.Join(p.module, ".terraform", "providers", filepath.FromSlash(source), "1.0.0", filepath.Base(dir))
			check(p.T, os.MkdirAll(filepath.Dir(link), 0o700))
			check(p.T, os.Symlink(dir, link))
			p.want(p.where(), dir)
			check(p.T, os.RemoveAll(dir)) // the link dangles
			if _, err := p.find(p.where()); !errors.Is(err, ErrNotInstalled) {
				p.Error(err)
			}
		},
		"plugin cache from the environment": func(p *place) {
			p.vars["TF_PLUGIN_CACHE_DIR"] = p.TempDir()
			p.want(p.where(), p.install(p.vars["TF_PLUGIN_CACHE_DIR"], source, "1.0.0"))
		},
		"plugin cache from the file": func(p *place) {
			p.vars["BASE"] = p.TempDir()
			p.rc(`plugin_cache_dir = "$BASE/cache"`)
			p.want(p.where(), p.install(filepath.Join(p.vars["BASE"], "cache"), source, "1.0.0"))
		},
		"mirror": func(p *place) {
			mirror := p.TempDir()
			p.rc("provider_installation {\n  filesystem_mirror {\n    path = \"" + mirror + "\"\n  }\n  direct {}\n}\n")
			p.want(p.where(), p.install(mirror, source, "1.0.0"))
		},
		"mirror on one line": func(p *place) {
			mirror := p.TempDir()
			p.rc(`provider_installation { filesystem_mirror { path = "` + mirror + `" } }`)
			p.want(p.where(), p.install(mirror, source, "1.0.0"))
		},
		"second mirror, the first excludes it": func(p *place) {
			first, second := p.TempDir(), p.TempDir()
			p.install(first, source, "1.0.0")
			p.rc("provider_installation {\n filesystem_mirror {\n path = \"" + first + "\"\n exclude = [\"example.com/test/*\"]\n }\n filesystem_mirror {\n path = \"" + second + "\"\n include = [\"example.com/*/*\"]\n }\n}\n")
			p.want(p.where(), p.install(second, source, "1.0.0"))
		},
		"mirror that does not include it": func(p *place) {
			mirror := p.TempDir()
			p.install(mirror, source, "1.0.0")
			p.rc("provider_installation {\n filesystem_mirror {\n path = \"" + mirror + "\"\n include = [\"hashicorp/*\"]\n }\n}\n")
			if _, err := p.find(p.where()); !errors.Is(err, ErrNotInstalled) {
				p.Error(err)
			}
		},
		"mirror in the home folder": func(p *place) {
			p.want(p.where(), p.install(filepath.Join(p.home, ".terraform.d", "plugins"), source, "1.0.0"))
		},
		"mirror in the module": func(p *place) {
			p.want(p.where(), p.install(filepath.Join(p.module, "terraform.d", "plugins"), source, "1.0.0"))
		},
		"the data folder before a mirror": func(p *place) {
			p.install(filepath.Join(p.home, ".terraform.d", "plugins"), source, "2.0.0")
			p.want(p.where(), p.install(filepath.Join(p.module, ".terraform", "providers"), source, "1.0.0"))
		},
		"newest when unlocked": func(p *place) {
			root := filepath.Join(p.module, ".terraform", "providers")
			for _, version := range []string{"1.9.0", "1.2.0", "2.0.0-beta1", "not-a-version", "1.10.0-rc1"} {
				p.install(root, source, version)
			}
			p.want(p.where(), p.install(root, source, "1.10.0"))
		},
		"a pre-release when there is nothing else": func(p *place) {
			root := filepath.Join(p.module, ".terraform", "providers")
			p.install(root, source, "2.0.0-beta1")
			p.want(p.where(), p.install(root, source, "2.0.0-beta2"))
		},
		"newest for this system": func(p *place) {
			root := filepath.Join(p.module, ".terraform", "providers")
			check(p.T, os.MkdirAll(filepath.Join(root, filepath.FromSlash(source), "3.0.0", "plan9_mips"), 0o700))
			p.want(p.where(), p.install(root, source, "1.0.0"))
		},
		"development override": func(p *place) {
			dir := p.TempDir()
			check(p.T, os.WriteFile(filepath.Join(dir, "terraform-provider-five"), nil, 0o700))
			p.rc("provider_installation {\n dev_overrides {\n \"" + source + "\" = \"" + dir + "\"\n }\n}\n")
			p.want(p.where(), dir)
		},
		"no CLI configuration where it should be": func(p *place) {
			p.vars["TF_CLI_CONFIG_FILE"] = filepath.Join(p.home, "none")
			p.want(p.where(), p.install(filepath.Join(p.module, ".terraform", "providers"), source, "1.0.0"))
		},
		"OpenTofu's configuration": func(p *place) {
			mirror := p.TempDir()
			check(p.T, os.WriteFile(filepath.Join(p.home, ".tofurc"), []byte(`plugin_cache_dir = "`+mirror+`"`), 0o600))
			check(p.T, os.WriteFile(filepath.Join(p.home, "terraform.rc"), []byte(`plugin_cache_dir = "`+mirror+`"`), 0o600)) // Windows
			p.want(p.where(), p.install(mirror, source, "1.0.0"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newPlace(t))
		})
	}
}

func TestLocateFails(t *testing.T) {
	t.Parallel()
	const source = providertest.Five
	for name, c := range map[string]struct {
		set  func(*place)
		want string
	}{
		"nowhere": {func(*place) {}, "provider " + source + " for " + runtime.GOOS + "_" + runtime.GOARCH + ": it is not installed in "},
		"no executable": {func(p *place) {
			dir := p.install(filepath.Join(p.module, ".terraform", "providers"), source, "1.0.0")
			check(p.T, os.Remove(filepath.Join(dir, "terraform-provider-five_v1.0.0_x5")))
			check(p.T, os.WriteFile(filepath.Join(dir, "terraform-provider-fiver_v1.0.0"), nil, 0o700))
			check(p.T, os.Mkdir(filepath.Join(dir, "terraform-provider-five"), 0o700))
		}, "provider " + source + " 1.0.0: there is no executable terraform-provider-five* in "},
		"not executable": {func(p *place) {
			dir := p.install(filepath.Join(p.module, ".terraform", "providers"), source, "1.0.0")
			check(p.T, os.Chmod(filepath.Join(dir, "terraform-provider-five_v1.0.0_x5"), 0o600))
		}, "there is no executable terraform-provider-five* in "},
		"override without a folder": {func(p *place) {
			p.rc(`provider_installation { dev_overrides { "` + source + `" = "/does/not/exist" } }`)
		}, "provider " + source + ": development override of the CLI configuration: its package can't be read: "},
		"override of no provider": {func(p *place) {
			p.rc(`provider_installation { dev_overrides { "a/b/c/d" = "/x" } }`)
		}, "can't be read: dev_overrides: \"a/b/c/d\" is not a provider source address"},
		"mirror without a path":      {func(p *place) { p.rc("provider_installation {\n filesystem_mirror {}\n}\n") }, "can't be read: a filesystem_mirror names no path"},
		"CLI configuration damaged":  {func(p *place) { p.rc("provider_installation {") }, "the CLI configuration "},
		"CLI configuration a folder": {func(p *place) { p.vars["TF_CLI_CONFIG_FILE"] = p.TempDir() }, "the CLI configuration "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && name == "not executable" {
				t.Skip("every file is")
			}
			p := newPlace(t)
			c.set(p)
			if pkg, err := p.find(p.where()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q: %+v, %v", c.want, pkg, err)
			}
		})
	}
}

func TestMatchesSource(t *testing.T) {
	t.Parallel()
	const aws, own = "registry.terraform.io/hashicorp/aws", "example.com/test/five"
	for pattern, want := range map[string][2]bool{ // aws, own
		aws: {true, false}, "hashicorp/aws": {true, false}, "hashicorp/*": {true, false}, "*/*": {true, false},
		"*/*/*": {true, true}, "example.com/*/*": {false, true}, "example.com/test/*": {false, true},
		"registry.terraform.io/*/*": {true, false}, "five": {false, false}, "": {false, false}, "*": {false, false}, "a/b/c/d": {false, false},
	} {
		if got := [2]bool{matchesSource(pattern, aws), matchesSource(pattern, own)}; got != want {
			t.Errorf("%q: %v", pattern, got)
		}
	}
}

// FuzzCLIConfig holds the reader to this: it ends, and every mirror and
// override that it found has a path that stands in the file.
func FuzzCLIConfig(f *testing.F) {
	for _, seed := range []string{
		`plugin_cache_dir = "$HOME/x"`,
		"provider_installation {\n filesystem_mirror {\n path = \"/m\"\n include = [\"a/b\"]\n }\n dev_overrides { \"a/b\" = \"/d\" }\n direct {}\n}\n",
		`{"provider_installation": [{"filesystem_mirror": {"path": "/m", "exclude": "x"}}]}`,
		`provider_installation = 1`, `provider_installation { filesystem_mirror = [1] }`, `credentials "x" { token = "y" }`, "a = <<E\nb\nE\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		cfg := cliConfig{overrides: map[string]string{}}
		if err := cfg.parse([]byte(src), func(string) string { return "" }); err != nil {
			return
		}
		for _, m := range cfg.mirrors {
			m.serves("example.com/test/five")
		}
		if !strings.Contains(src, "provider_installation") && !strings.Contains(src, `\`) && len(cfg.mirrors)+len(cfg.overrides) > 0 {
			t.Errorf("from nowhere: %+v", cfg)
		}
	})
}
