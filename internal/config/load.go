package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
)

// Limits on what is read, far above what anybody writes. Reaching one is an
// error that says so.
const (
	maxFile    = 8 << 20 // bytes of a file
	maxModules = 20_000  // module calls of a tree
	maxDepth   = 64      // calls inside calls
)

// Tree is a root module with all modules that it calls.
type Tree struct {
	Root *Module
	// Missing are calls of modules that are not installed. What they hold is
	// not known.
	Missing []*Call
	unseen  bool
}

// Unseen is the tree of a root module whose source is not at hand: whatever is
// asked of it is unclear. Variable files and functions find their files in dir.
func Unseen(dir string) *Tree {
	m := newModule()
	m.Dir, m.Rel = dir, "."
	return &Tree{Root: m, unseen: true}
}

// ErrNoModule is found in the error of a folder without Terraform source.
var ErrNoModule = errors.New("no Terraform source")

// Load parses the root module in dir and the modules it calls: local ones from
// where they are, others from where `terraform init` put them, as
// DATADIR/modules/modules.json says.
func Load(dir, dataDir string) (*Tree, error) { return Overlay(nil).Load(dir, dataDir) }

// LoadTofu parses it as OpenTofu does: *.tofu files count too, and x.tofu takes
// the place of x.tf. Load does so only in a folder that has nothing else.
// https://opentofu.org/docs/language/files/
func LoadTofu(dir, dataDir string) (*Tree, error) { return Overlay(nil).LoadTofu(dir, dataDir) }

func (o Overlay) loadTree(dir, dataDir string, tofu bool) (*Tree, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// Terraform goes into the folder first, so that ../x is beside the folder
	// itself and not beside a link to it.
	physical, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the root module: %w", err)
	}
	installed, err := readManifest(filepath.Join(dataDir, "modules", "modules.json"))
	if err != nil {
		return nil, err
	}
	l := &loader{overlay: o, root: physical, tofu: tofu, installed: installed, tree: &Tree{}, parsed: map[string]*Module{}}
	l.tree.Root, err = l.load("", ".", nil)
	if err != nil {
		return nil, err
	}
	l.tree.Root.Dir = dir
	return l.tree, nil
}

// readManifest reads what modules terraform init installed, by path.
func readManifest(file string) (map[string]string, error) {
	src, err := readSource(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of installed modules: %w", err)
	}
	dirs, err := parseManifest(src)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; run terraform init", file, err)
	}
	return dirs, nil
}

func parseManifest(src []byte) (map[string]string, error) {
	var manifest struct {
		Modules []struct{ Key, Dir string }
	}
	if err := json.Unmarshal(src, &manifest); err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for _, m := range manifest.Modules {
		dirs[m.Key] = m.Dir
	}
	return dirs, nil
}

// readSource reads a file of no more than maxFile bytes.
func readSource(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", file)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than %d MiB, which no source file is", file, maxFile>>20)
	}
	return os.ReadFile(file)
}

type loader struct {
	overlay   Overlay
	root      string // no symbolic link in it
	tofu      bool
	installed map[string]string
	tree      *Tree
	parsed    map[string]*Module // by folder: a module may be called often
	calls     int
}

// load loads the module in rel, a folder relative to the root module, and what
// it calls. above are the folders of the modules on the way to it.
func (l *loader) load(name, rel string, above []string) (*Module, error) {
	dir := rel
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(l.root, filepath.FromSlash(rel))
	}
	l.calls++
	switch {
	case slices.Contains(above, dir):
		return nil, fmt.Errorf("%s: the module calls itself", dir)
	case len(above) >= maxDepth:
		return nil, fmt.Errorf("%s: modules are nested more than %d deep", dir, maxDepth)
	case l.calls > maxModules:
		return nil, fmt.Errorf("%s: there are more than %d module calls", dir, maxModules)
	}
	m, err := l.module(dir)
	if err != nil {
		return nil, err
	}
	m.Path, m.Dir, m.Rel = name, dir, rel
	for _, callName := range slices.Sorted(maps.Keys(m.Calls)) {
		call := m.Calls[callName]
		childName := strings.TrimPrefix(name+"."+callName, ".")
		childRel, err := l.find(childName, rel, call.Source)
		if err != nil {
			call.Err = err
			l.tree.Missing = append(l.tree.Missing, call)
			continue
		}
		call.Module, err = l.load(childName, childRel, append(slices.Clone(above), dir))
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", childName, err)
		}
	}
	return m, nil
}

// isLocal reports whether a module's source is a folder beside the caller's.
func isLocal(source string) bool {
	return strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../")
}

// module gives a copy of the module in a folder, which is parsed only once.
func (l *loader) module(dir string) (*Module, error) {
	parsed := l.parsed[dir]
	if parsed == nil {
		var err error
		if parsed, err = l.overlay.parseModule(dir, l.tofu); err != nil {
			return nil, err
		}
		l.parsed[dir] = parsed
	}
	m := *parsed
	m.Calls = make(map[string]*Call, len(parsed.Calls))
	for name, call := range parsed.Calls {
		own := *call
		m.Calls[name] = &own
	}
	return &m, nil
}

// errNotInstalled says what is to be done about a module that was never fetched.
var errNotInstalled = errors.New("it is not installed; run terraform init")

// find says where a called module is, as path.module has it: relative to the
// root module, or absolute where TF_DATA_DIR is. An error says why it can't be
// seen.
func (l *loader) find(name, parent, source string) (string, error) {
	rel, local := "", isLocal(source)
	switch {
	case local:
		rel = path.Join(parent, source)
	case l.installed[name] != "":
		rel = path.Clean(filepath.ToSlash(l.installed[name]))
	default:
		return "", errNotInstalled
	}
	dir := rel
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(l.root, filepath.FromSlash(rel))
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil && !local && errors.Is(err, fs.ErrNotExist):
		err = errNotInstalled
	case err == nil && !info.IsDir():
		err = fmt.Errorf("%s is no folder", dir)
	}
	return rel, err
}

// parseModule parses the files of one folder. Files named override.tf or
// *_override.tf change what the others say.
func (o Overlay) parseModule(dir string, tofu bool) (*Module, error) {
	names, err := sourceFiles(dir, tofu)
	if err != nil {
		return nil, err
	}
	m := newModule()
	for _, override := range []bool{false, true} {
		for _, name := range names {
			if isOverride(name) != override {
				continue
			}
			file := filepath.Join(dir, name)
			src, err := o.read(file)
			if err != nil {
				return nil, fmt.Errorf("reading the module: %w", err)
			}
			if err := m.addFile(file, src, override); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// sourceFiles lists the source files of a folder that Terraform reads, or
// OpenTofu.
func sourceFiles(dir string, tofu bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	var names, tofuNames []string
	for _, entry := range entries {
		name := entry.Name()
		ignored := strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
			(strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#"))
		_, ext := splitSource(name)
		if ignored || entry.IsDir() || ext == "" {
			continue
		}
		// A link may lead to a folder, which is no source. One that leads
		// nowhere is: it is reported when it is read.
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			continue
		}
		if strings.HasPrefix(ext, ".tofu") {
			tofuNames = append(tofuNames, name)
		} else {
			names = append(names, name)
		}
	}
	if tofu || len(names) == 0 {
		names = slices.DeleteFunc(names, func(name string) bool {
			base, ext := splitSource(name)
			return slices.Contains(tofuNames, base+strings.Replace(ext, ".tf", ".tofu", 1))
		})
		names = append(names, tofuNames...)
		slices.Sort(names)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: %w: no .tf file", dir, ErrNoModule)
	}
	return names, nil
}

// splitSource parts the name of a source file from its extension, which is ""
// where it is none.
func splitSource(name string) (base, ext string) {
	for _, ext := range []string{".tf", ".tf.json", ".tofu", ".tofu.json"} {
		if base, ok := strings.CutSuffix(name, ext); ok {
			return base, ext
		}
	}
	return name, ""
}

func isOverride(name string) bool {
	base, _ := splitSource(name)
	return base == "override" || strings.HasSuffix(base, "_override")
}

func (m *Module) addFile(file string, src []byte, override bool) error {
	parsed, err := parseFile(src, file)
	if err != nil {
		return err
	}
	m.sources[file] = src
	m.files = append(m.files, File{Name: file, Source: src, Body: parsed.Body})
	return m.addBody(parsed.Body, override)
}

// parseFile parses a file of either syntax.
func parseFile(src []byte, file string) (*hcl.File, error) {
	isJSON := strings.HasSuffix(file, ".json")
	if err := checkNesting(src, file, isJSON); err != nil {
		return nil, err
	}
	parse := func() (*hcl.File, hcl.Diagnostics) { return hclsyntax.ParseConfig(src, file, hcl.InitialPos) }
	if isJSON {
		parse = func() (*hcl.File, hcl.Diagnostics) { return hcljson.Parse(src, file) }
	}
	parsed, diags := parse()
	if diags.HasErrors() {
		return nil, sourceError(diags)
	}
	if body, ok := parsed.Body.(*hclsyntax.Body); ok {
		prepare(body)
	}
	return parsed, nil
}

// sourceError names the file and line of the first error.
func sourceError(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		msg := d.Summary
		if d.Detail != "" {
			msg += ": " + d.Detail
		}
		if d.Subject != nil {
			msg = fmt.Sprintf("%s:%d,%d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column, msg)
		}
		return errors.New(msg)
	}
	return nil
}
