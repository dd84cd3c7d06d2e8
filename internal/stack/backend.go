package stack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// backend is a type of backend and its settings, as JSON decodes them.
type backend struct {
	Type   string         `json:"type"`
	Config map[string]any `json:"config"`
}

// backendRecord is what terraform init leaves in DATADIR/terraform.tfstate.
type backendRecord struct {
	Backend *backend `json:"backend"`
}

// config is a setting of the backend, or what it is when it isn't set.
func (b *backend) config(name, otherwise string) string {
	s, _ := b.Config[name].(string)
	return cmp.Or(s, otherwise)
}

func (s *Stack) findState(o Options) error {
	s.Backend = "local"
	if s.StateNamed = o.State != ""; s.StateNamed {
		var err error
		s.StatePath, err = filepath.Abs(o.State)
		return err
	}
	b, err := s.findBackend(o)
	if err != nil {
		return err
	}
	s.Backend, s.BackendConfig, s.BackendKnown = b.Type, b.Config, true
	switch {
	case s.Backend != "local":
	case s.Workspace == "default":
		s.StatePath = s.abs(b.config("path", "terraform.tfstate"))
	default:
		s.StatePath = filepath.Join(s.localWorkspaces(), s.Workspace, "terraform.tfstate")
	}
	return nil
}

// findBackend is the backend that terraform init recorded. Where it has not run,
// and where the settings give a configuration of their own (several stacks may
// share a folder, and init records only one), it is what init would make of the
// source and those settings.
func (s *Stack) findBackend(o Options) (backend, error) {
	if len(o.BackendConfig) == 0 {
		record, err := s.readBackend()
		if err != nil {
			return backend{}, err
		}
		if record.Backend != nil {
			return *record.Backend, nil
		}
	}
	m, err := s.source(o)
	if err != nil {
		return backend{}, err
	}
	b := backend{Type: "local", Config: map[string]any{}}
	var open map[string]error
	if m.backend != nil {
		b.Type = m.backend.kind
		b.Config, open = literals(m.backend.body)
	} else if len(o.BackendConfig) > 0 && m.err == nil {
		return backend{}, fmt.Errorf("%s: it has a backend_config, but its source has no backend block", s.Path)
	}
	for _, setting := range o.BackendConfig {
		if err := b.merge(s.Dir, setting); err != nil {
			return backend{}, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(open)) {
		if _, given := b.Config[name]; !given {
			return backend{}, open[name]
		}
	}
	return b, nil
}

// source is what the root module's source says, as far as it matters here. A
// file that can't be parsed is an error when the stack is checked.
func (s *Stack) source(o Options) (*module, error) {
	if o.module != nil {
		return o.module, nil
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("reading the root module: %w", err)
	}
	m := readModule(s.Dir, entries)
	return &m, nil
}

// merge adds one -backend-config: NAME=VALUE, or a file of such lines. Values
// may be secrets and are in no message.
func (b *backend) merge(dir, setting string) error {
	name, value, pair := strings.Cut(setting, "=")
	if pair {
		v, err := pairValue(value)
		if err != nil {
			return fmt.Errorf("backend_config %s: %w", strings.TrimSpace(name), err)
		}
		b.Config[strings.TrimSpace(name)] = v
		return nil
	}
	file := setting
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	src, err := readLimited(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backend_config %s does not exist; its path is taken from the root module's folder", file)
	}
	if err != nil {
		return fmt.Errorf("reading a backend_config: %w", err)
	}
	body, err := parseFile(src, file)
	if err != nil {
		return fmt.Errorf("backend_config: %w", err)
	}
	values, open := literals(body)
	for _, name := range slices.Sorted(maps.Keys(open)) {
		return open[name]
	}
	maps.Copy(b.Config, values)
	return nil
}

// pairValue is the value of a -backend-config NAME=VALUE. Terraform goes by the
// argument's type, which is not known here: an object or a list is written as
// an expression, true and false are what they look like, the rest is text.
func pairValue(text string) (any, error) {
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "true", trimmed == "false":
		return trimmed == "true", nil
	case !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "["):
		return text, nil
	}
	if tooDeep([]byte(text), false) {
		return nil, fmt.Errorf("nested more than %d deep", maxNesting)
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "backend_config", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, errors.New("its value is no expression")
	}
	v, ok := plain(expr)
	if !ok {
		return nil, errors.New("its value is not a literal")
	}
	return v, nil
}

// literals are the arguments and nested blocks of a body. Those that are no
// literals come as errors with their place, because a backend can't use
// variables; null is not set.
func literals(body hcl.Body) (values map[string]any, open map[string]error) {
	values, open = map[string]any{}, map[string]error{}
	// The diagnostics are about nested blocks, which follow.
	attrs, _ := body.JustAttributes()
	for name, attr := range attrs {
		v, ok := plain(attr.Expr)
		switch {
		case !ok:
			open[name] = fmt.Errorf("%s:%d: the backend's argument %s is no literal; run terraform init, or give its value in backend_config of %s",
				attr.Range.Filename, attr.Range.Start.Line, name, SettingsFile)
		case v != nil:
			values[name] = v
		}
	}
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		return values, open
	}
	for _, b := range native.Blocks {
		inner, innerOpen := literals(b.Body)
		for name, err := range innerOpen {
			open[b.Type+"."+name] = err
		}
		values[b.Type] = addBlockValue(values[b.Type], inner)
	}
	return values, open
}

// addBlockValue makes an object of a block, and a list of several.
func addBlockValue(before any, inner map[string]any) any {
	switch v := before.(type) {
	case nil:
		return inner
	case []any:
		return append(v, inner)
	default:
		return []any{v, inner}
	}
}

// plain is the value of an expression that needs nothing to be evaluated, as
// JSON decodes it.
func plain(expr hcl.Expression) (any, bool) {
	v, diags := expr.Value(&hcl.EvalContext{})
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return nil, false
	}
	if v.IsNull() {
		return nil, true
	}
	v, _ = v.UnmarkDeep()
	src, err := ctyjson.Marshal(v, v.Type())
	if err != nil || v.Type() == cty.DynamicPseudoType {
		return nil, false
	}
	var out any
	err = json.Unmarshal(src, &out)
	return out, err == nil
}

func (s Stack) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.Dir, path)
}

// localWorkspaces is the folder in which the local backend keeps the states of
// workspaces other than the default one.
func (s Stack) localWorkspaces() string {
	b := backend{Config: s.BackendConfig}
	return s.abs(b.config("workspace_dir", "terraform.tfstate.d"))
}

// LocalWorkspaces lists the workspaces of the local backend that have a state.
func (s Stack) LocalWorkspaces() ([]string, error) {
	b := backend{Config: s.BackendConfig}
	var names []string
	if exists(s.abs(b.config("path", "terraform.tfstate"))) {
		names = append(names, "default")
	}
	entries, err := os.ReadDir(s.localWorkspaces())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the workspaces: %w", err)
	}
	for _, entry := range entries {
		if isWorkspace(entry.Name()) && exists(filepath.Join(s.localWorkspaces(), entry.Name(), "terraform.tfstate")) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

func (s Stack) readBackend() (backendRecord, error) {
	path := filepath.Join(s.DataDir, "terraform.tfstate")
	src, err := readLimited(path)
	if errors.Is(err, fs.ErrNotExist) {
		return backendRecord{}, nil
	}
	if err != nil {
		return backendRecord{}, fmt.Errorf("reading the backend's record: %w", err)
	}
	var record backendRecord
	err = json.Unmarshal(src, &record)
	if err == nil && record.Backend != nil && record.Backend.Type == "" {
		err = errors.New("it names no type of backend")
	}
	if err != nil {
		return backendRecord{}, fmt.Errorf("%s is damaged: %w; run terraform init", path, err)
	}
	return record, nil
}
