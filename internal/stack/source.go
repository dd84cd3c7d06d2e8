package stack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
)

// maxSource is the size in bytes above which no file is taken for source. It is
// that of package config, so that both refuse the same files.
const maxSource = 8 << 20

// module is what discovery needs to know of a folder's source. It is far less
// than what package config knows, and much quicker to get.
type module struct {
	files    int // source files that Terraform or OpenTofu reads
	tofu     bool
	backend  *block
	calls    []string // local paths, as the source has them
	provider bool     // has a provider block
	content  bool     // has any block that a module has
	err      error    // of the first file that can't be read or parsed
}

// block is a backend or cloud block.
type block struct {
	kind string // the type of backend, or "cloud"
	body hcl.Body
	at   hcl.Range
}

// blocks are those at the top of a file that tell a module from any other file.
var blocks = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "terraform"},
	{Type: "provider", LabelNames: []string{"name"}},
	{Type: "module", LabelNames: []string{"name"}},
	{Type: "resource", LabelNames: []string{"type", "name"}},
	{Type: "data", LabelNames: []string{"type", "name"}},
	{Type: "locals"}, {Type: "import"}, {Type: "moved"}, {Type: "removed"},
	{Type: "variable", LabelNames: []string{"name"}},
	{Type: "output", LabelNames: []string{"name"}},
}}

var terraformBlocks = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "backend", LabelNames: []string{"type"}}, {Type: "cloud"},
}}

var callAttributes = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "source"}}}

// readModule looks at the source files among a folder's entries. A file that
// can't be parsed is the module's error; what the others say still counts.
func readModule(dir string, entries []fs.DirEntry) module {
	names, tofu := sourceNames(dir, entries)
	m := module{files: len(names), tofu: tofu}
	for _, override := range []bool{false, true} {
		for _, name := range names {
			if isOverride(name) == override {
				m.addFile(filepath.Join(dir, name), override)
			}
		}
	}
	return m
}

// sourceNames lists the source files among a folder's entries, and says whether
// they are meant for OpenTofu. For it a .tofu file goes before a .tf file of the
// same name; Terraform reads none. Which of the two it is, the lock file says by
// its registry; without one, .tofu files do.
func sourceNames(dir string, entries []fs.DirEntry) (names []string, tofu bool) {
	var all []string
	for _, entry := range entries {
		if isSource(entry.Name()) && !leadsToFolder(dir, entry) {
			all = append(all, entry.Name())
		}
	}
	tofu = usesTofu(dir, all)
	for _, name := range all {
		mine := tofu || !isTofuFile(name)
		replaced := tofu && !isTofuFile(name) && slices.Contains(all, twinOf(name))
		if mine && !replaced {
			names = append(names, name)
		}
	}
	return names, tofu
}

// twinOf is the name of the .tofu file that OpenTofu reads instead of a .tf file.
func twinOf(name string) string {
	if base, ok := strings.CutSuffix(name, ".tf.json"); ok {
		return base + ".tofu.json"
	}
	return strings.TrimSuffix(name, ".tf") + ".tofu"
}

func usesTofu(dir string, names []string) bool {
	lock, err := readLimited(filepath.Join(dir, lockFile))
	switch {
	case err == nil && bytes.Contains(lock, []byte(`"registry.opentofu.org/`)):
		return true
	case err == nil && bytes.Contains(lock, []byte(`"registry.terraform.io/`)):
		return false
	}
	return slices.ContainsFunc(names, isTofuFile)
}

func isTofuFile(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, ".json"), ".tofu")
}

// isSource goes by the name: editors' backups and hidden files are no source.
func isSource(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "#") || strings.HasSuffix(name, "~") {
		return false
	}
	base := strings.TrimSuffix(name, ".json")
	return strings.HasSuffix(base, ".tf") || strings.HasSuffix(base, ".tofu")
}

func isOverride(name string) bool {
	base := strings.TrimSuffix(name, ".json")
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".tofu"), ".tf")
	return base == "override" || strings.HasSuffix(base, "_override")
}

// leadsToFolder reports whether an entry is a folder, or a link to one.
func leadsToFolder(dir string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, entry.Name()))
	return err == nil && info.IsDir()
}

// readLimited reads a regular file of no more than maxSource bytes.
func readLimited(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", file)
	case info.Size() > maxSource:
		return nil, fmt.Errorf("%s is larger than %d MiB, which no source file is", file, maxSource>>20)
	}
	return os.ReadFile(file)
}

func (m *module) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *module) addFile(file string, override bool) {
	src, err := readLimited(file)
	if err != nil {
		m.fail(fmt.Errorf("reading the module: %w", err))
		return
	}
	body, err := parseFile(src, file)
	if err != nil {
		m.fail(err)
	}
	if body == nil {
		return
	}
	// Blocks with odd labels are complained of by the check; here they don't count.
	content, _, _ := body.PartialContent(blocks)
	for _, b := range content.Blocks {
		m.content = true
		m.addBlock(b, override)
	}
}

func (m *module) addBlock(b *hcl.Block, override bool) {
	switch b.Type {
	case "provider":
		m.provider = true
	case "module":
		content, _, _ := b.Body.PartialContent(callAttributes)
		if attr := content.Attributes["source"]; attr != nil {
			if source := literal(attr.Expr); isLocal(source) {
				m.calls = append(m.calls, source)
			}
		}
	case "terraform":
		content, _, _ := b.Body.PartialContent(terraformBlocks)
		for _, inner := range content.Blocks {
			kind := "cloud"
			if inner.Type == "backend" {
				kind = inner.Labels[0]
			}
			if m.backend == nil || override {
				m.backend = &block{kind: kind, body: inner.Body, at: inner.DefRange}
			}
		}
	}
}

// isLocal reports whether a module's source is a folder of the same tree.
func isLocal(source string) bool {
	return source == "." || source == ".." || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") ||
		strings.HasPrefix(source, `.\`) || strings.HasPrefix(source, `..\`)
}

// literal is the string that an expression plainly is, or "".
func literal(expr hcl.Expression) string {
	v, diags := expr.Value(&hcl.EvalContext{})
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// parseFile parses a file of either syntax. Where it is broken, what could be
// read of it comes with the error.
func parseFile(src []byte, file string) (hcl.Body, error) {
	if tooDeep(src, strings.HasSuffix(file, ".json")) {
		return nil, fmt.Errorf("%s: nested more than %d deep", file, maxNesting)
	}
	var parsed *hcl.File
	var diags hcl.Diagnostics
	if strings.HasSuffix(file, ".json") {
		parsed, diags = hcljson.Parse(src, file)
	} else {
		parsed, diags = hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	}
	var body hcl.Body
	if parsed != nil {
		body = parsed.Body
	}
	return body, sourceError(diags, src, file)
}

// sourceError names the place of the first error, and what it may come from.
func sourceError(diags hcl.Diagnostics, src []byte, file string) error {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at, text := file, d.Summary
		if d.Subject != nil {
			at = fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line)
		}
		if bytes.Contains(src, []byte("{{")) || bytes.Contains(src, []byte("{%")) {
			text += " (it looks like a template)"
		}
		return errors.New(at + ": " + text)
	}
	return nil
}
