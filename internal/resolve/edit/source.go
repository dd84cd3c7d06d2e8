package edit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
)

// source is a module tree with the edits that were made so far.
type source struct {
	in       *Input
	repo     string // no symbolic link in it
	dir      string
	dataDir  string
	original map[string][]byte // of files that were read to be edited, by path
	tidy     map[string]bool   // whether they were formatted
	overlay  config.Overlay
	tree     *config.Tree
	vars     map[string]config.Assigned
	eval     *config.Evaluator
}

// noValues is a state that has nothing.
type noValues struct{}

func (noValues) Instances(drift.ModuleAddress, string, string, string) map[drift.Key]cty.Value {
	return nil
}

func newSource(in *Input) (*source, error) {
	s := &source{in: in, original: map[string][]byte{}, tidy: map[string]bool{}, overlay: config.Overlay{}}
	var err error
	if s.dir, err = physical(in.Dir); err != nil {
		return nil, err
	}
	s.repo = s.dir
	if in.Repository != "" {
		if s.repo, err = physical(in.Repository); err != nil {
			return nil, err
		}
	}
	s.dataDir = in.DataDir
	if there, err := physical(in.DataDir); err == nil && in.DataDir != "" {
		s.dataDir = there
	}
	err = s.load()
	return s, err
}

// physical is a path that is absolute and has no symbolic link in it.
func physical(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// load parses and prepares the source as the overlay has it.
func (s *source) load() (err error) {
	load := s.overlay.Load
	if s.in.Tofu {
		load = s.overlay.LoadTofu
	}
	if s.tree, err = load(s.in.Dir, s.in.DataDir); err != nil {
		return err
	}
	s.eval, s.vars, err = s.evaluator(s.in.Setting)
	return err
}

func (s *source) evaluator(set Setting) (*config.Evaluator, map[string]config.Assigned, error) {
	vars, err := s.overlay.RootVariables(s.in.Dir, set.Env, set.Options)
	if err != nil {
		return nil, nil, err
	}
	values := set.Values
	if values == nil {
		values = noValues{}
	}
	return config.NewEvaluator(s.tree, config.Inputs{Workspace: set.Workspace, Variables: vars, Values: values}), vars, nil
}

// text is what a file of the source says.
func (s *source) text(file string) (path string, content []byte, err error) {
	path, err = physical(file)
	if err != nil {
		return "", nil, err
	}
	if content, ok := s.overlay[path]; ok {
		return path, content, nil
	}
	content, err = os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	plain, _ := bytes.CutPrefix(content, bom)
	s.original[path], s.tidy[path] = content, bytes.Equal(hclwrite.Format(plain), plain)
	return path, content, nil
}

// editable refuses a file that is not the repository's own.
func (s *source) editable(path string) error {
	switch {
	case s.dataDir != "" && within(path, s.dataDir):
		return errors.New("it is written in a module that terraform init installed")
	case !within(path, s.repo):
		return errors.New("it is written outside the repository")
	}
	return nil
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// splice puts text in the place of some bytes of a file.
type splice struct {
	file       string // physical path
	start, end int
	text       string
}

// with is the source after splices.
func (s *source) with(splices []splice) (*source, error) {
	next := *s
	next.overlay = maps.Clone(s.overlay)
	byFile := map[string][]splice{}
	for _, sp := range splices {
		byFile[sp.file] = append(byFile[sp.file], sp)
	}
	for file, list := range byFile {
		_, content, err := s.text(file)
		if err != nil {
			return nil, err
		}
		edited, err := apply(content, list)
		if err != nil {
			return nil, err
		}
		if s.tidy[file] && !strings.HasSuffix(file, ".json") {
			edited = format(edited)
		}
		next.overlay[file] = edited
	}
	return &next, next.load()
}

func apply(content []byte, splices []splice) ([]byte, error) {
	slices.SortStableFunc(splices, func(a, b splice) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, sp := range splices {
		if sp.start < at || sp.end < sp.start || sp.end > len(content) {
			return nil, errors.New("edits overlap")
		}
		out = append(append(out, content[at:sp.start]...), sp.text...)
		at = sp.end
	}
	return append(out, content[at:]...), nil
}

var bom = []byte("\xef\xbb\xbf")

// format formats a file, and keeps its byte order mark.
func format(content []byte) []byte {
	plain, had := bytes.CutPrefix(content, bom)
	formatted := hclwrite.Format(plain)
	if had {
		return append(slices.Clone(bom), formatted...)
	}
	return formatted
}

// position is a place for messages, relative to the repository.
func (s *source) position(r hcl.Range) *drift.Position {
	if r.Filename == "" {
		return nil
	}
	return &drift.Position{File: s.name(r.Filename), Line: r.Start.Line}
}

func (s *source) name(file string) string {
	if path, err := physical(file); err == nil {
		file = path
	}
	if rel, err := filepath.Rel(s.repo, file); err == nil {
		file = rel
	}
	return filepath.ToSlash(file)
}

func (s *source) place(r hcl.Range) string {
	at := s.position(r)
	if at == nil {
		return "the source"
	}
	return fmt.Sprintf("%s:%d", at.File, at.Line)
}

// site is where an expression stands: what its references mean.
type site struct {
	config.Place
	module     *config.Module
	iterations map[string]iteration
}

// iteration is what the iterator of a dynamic block goes over.
type iteration struct {
	at      site
	forEach hcl.Expression
	step    step
}

// root is the site of what stands at the top of a module: nothing repeats there.
func (s *source) site(addr drift.ModuleAddress) (site, bool) {
	m := s.tree.Root
	for _, call := range addr {
		c := m.Calls[call.Name]
		if c == nil || c.Module == nil {
			return site{}, false
		}
		m = c.Module
	}
	return site{Place: config.Place{Module: addr}, module: m}, true
}

// repeated is a site in a block that count or for_each repeats.
func (at site) repeated(key drift.Key, count, forEach hcl.Expression) site {
	at.Key, at.Count, at.ForEach, at.Iterators, at.iterations = key, count, forEach, nil, nil
	return at
}

// top is the site of count and for_each themselves.
func (at site) top() site { return at.repeated(drift.NoKey, nil, nil) }

// caller is where the call of a module instance stands.
func (s *source) caller(at site) (site, *config.Call, bool) {
	n := len(at.Module) - 1
	if n < 0 {
		return site{}, nil, false
	}
	outer, ok := s.site(at.Module[:n])
	call := outer.module.Calls[at.Module[n].Name]
	return outer.repeated(at.Module[n].Key, call.Count, call.ForEach), call, ok
}

// value evaluates an expression without marks, and says whether it is sensitive.
func (s *source) value(at site, expr hcl.Expression) (v cty.Value, sensitive bool) {
	v, _ = s.eval.Value(at.Place, expr)
	v, marks := v.UnmarkDeep()
	return v, len(marks) > 0
}

// nativeBody is a body that things can be put into: one of the native syntax in
// one file. Those that an override file changes are not.
func nativeBody(body hcl.Body) *hclsyntax.Body {
	native, _ := body.(*hclsyntax.Body)
	return native
}
