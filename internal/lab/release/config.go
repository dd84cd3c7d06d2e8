package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// config is what .goreleaser.yaml says of what is built; the parts about signing
// and publishing are left to goreleaser.
type config struct {
	Version     int    `yaml:"version"`
	ProjectName string `yaml:"project_name"`
	Dist        string `yaml:"dist"`
	Before      struct {
		Hooks []string `yaml:"hooks"`
	} `yaml:"before"`
	Builds   []build   `yaml:"builds"`
	Archives []archive `yaml:"archives"`
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
		Algorithm    string `yaml:"algorithm"`
	} `yaml:"checksum"`
	SBOMs     any `yaml:"sboms"`
	Signs     any `yaml:"signs"`
	Changelog any `yaml:"changelog"`
	Release   any `yaml:"release"`
	Snapshot  struct {
		VersionTemplate string `yaml:"version_template"`
	} `yaml:"snapshot"`
}

type build struct {
	ID           string   `yaml:"id"`
	Main         string   `yaml:"main"`
	Binary       string   `yaml:"binary"`
	Env          []string `yaml:"env"`
	Flags        []string `yaml:"flags"`
	Ldflags      []string `yaml:"ldflags"`
	Goos         []string `yaml:"goos"`
	Goarch       []string `yaml:"goarch"`
	ModTimestamp string   `yaml:"mod_timestamp"`
}

type archive struct {
	ID              string   `yaml:"id"`
	IDs             []string `yaml:"ids"`
	NameTemplate    string   `yaml:"name_template"`
	Formats         []string `yaml:"formats"`
	FormatOverrides []struct {
		Goos    string   `yaml:"goos"`
		Formats []string `yaml:"formats"`
	} `yaml:"format_overrides"`
	BuildsInfo info   `yaml:"builds_info"`
	Files      []file `yaml:"files"`
}

type file struct {
	Src         string `yaml:"src"`
	Dst         string `yaml:"dst"`
	StripParent bool   `yaml:"strip_parent"`
	Info        info   `yaml:"info"`
}

type info struct {
	Owner string      `yaml:"owner"`
	Group string      `yaml:"group"`
	Mode  os.FileMode `yaml:"mode"`
	MTime string      `yaml:"mtime"`
}

// load reads the settings. A key that this program does not know is an error:
// what it does must stay what they say.
func load(name string) (config, error) {
	var c config
	data, err := os.ReadFile(name)
	if err != nil {
		return c, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	if c.Version != 2 || len(c.Builds) != 1 || len(c.Archives) != 1 || c.Checksum.Algorithm != "sha256" {
		return c, fmt.Errorf("%s: not version 2 with one build, one archive and sha256", name)
	}
	return c, nil
}

// target is a system and a processor.
type target struct{ os, arch string }

func (b build) targets() []target {
	var all []target
	for _, system := range b.Goos {
		for _, arch := range b.Goarch {
			all = append(all, target{system, arch})
		}
	}
	return all
}

// formatOf is the archive's format for a system.
func (a archive) formatOf(system string) string {
	for _, o := range a.FormatOverrides {
		if o.Goos == system {
			return o.Formats[0]
		}
	}
	return a.Formats[0]
}

// values are what the templates are filled with, by the names that goreleaser
// has for them.
type values map[string]string

func (v values) with(t target) values {
	all := values{"Os": t.os, "Arch": t.arch}
	maps.Copy(all, v)
	return all
}

func (v values) fill(text string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	all, env := map[string]any{}, map[string]string{}
	for name, value := range v {
		all[name] = value
	}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	all["Env"] = env
	var out strings.Builder
	if err := t.Execute(&out, all); err != nil {
		return "", err
	}
	return out.String(), nil
}

// fillAll fills several.
func (v values) fillAll(texts []string) ([]string, error) {
	var filled []string
	var errs []error
	for _, text := range texts {
		s, err := v.fill(text)
		filled, errs = append(filled, s), append(errs, err)
	}
	return filled, errors.Join(errs...)
}
