// Package config reads Terraform source: it parses a tree of modules and
// evaluates expressions over values that it is given. It knows neither state
// nor provider, and it never guesses: what can't be evaluated is unknown, and
// said with the expression and its place.
package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
)

// Module is one module's source.
type Module struct {
	Path string // names of the calls from the root, joined by dots; "" is the root
	Dir  string // where it is, absolute
	Rel  string // Dir relative to the root module, as path.module says it; "." for the root

	Variables map[string]*Variable
	Locals    map[string]hcl.Expression
	Outputs   map[string]*Output
	Resources map[string]*Resource // by TYPE.NAME, and data.TYPE.NAME
	Calls     map[string]*Call
	Providers map[string]*ProviderBlock // by NAME, or NAME.ALIAS
	Required  map[string]string         // local provider name to source address
	// RequiredVersions are the constraints on Terraform's version; "" for one
	// that is no literal.
	RequiredVersions []string
	Meta             map[string]hcl.Body // provider_meta bodies by local provider name
	Moved            []Moved
	Removed          []Removed
	Imports          []Import
	Backend          *Backend

	sources map[string][]byte // file contents, for quoting expressions
	files   []File
}

// File is a source file of a module.
type File struct {
	Name   string // absolute path
	Source []byte
	Body   hcl.Body
}

// Files lists the files that a module was read from, in the order in which they
// count: those that override others last.
func (m *Module) Files() []File { return m.files }

// Variable is a variable block.
type Variable struct {
	Name      string
	Type      cty.Type // DynamicPseudoType where any value goes
	Defaults  *typeexpr.Defaults
	Default   hcl.Expression // nil when required
	Nullable  bool
	Sensitive bool
	Ephemeral bool
	Literal   bool // a value from the environment is a plain string, not an expression
	Range     hcl.Range
}

// Output is an output block.
type Output struct {
	Value     hcl.Expression
	Sensitive bool
	Ephemeral bool
	Range     hcl.Range
}

// Resource is a resource or data block.
type Resource struct {
	Mode, Type, Name string
	Count, ForEach   hcl.Expression
	Provider         string // NAME or NAME.ALIAS; "" for the type's own, or where it depends on a value
	IgnoreAll        bool
	Ignore           []cty.Path
	Body             hcl.Body
	Range            hcl.Range
}

// Call is a module block.
type Call struct {
	Name           string
	Source         string // "" when it is not a literal
	Count, ForEach hcl.Expression
	Providers      map[string]string // name inside to name outside, each NAME or NAME.ALIAS; "" where that depends on a value
	Body           hcl.Body
	Range          hcl.Range

	Module *Module // nil when it can't be seen
	Err    error   // why not, and what to do about it
}

// ProviderBlock is a provider block.
type ProviderBlock struct {
	Name, Alias string
	ForEach     hcl.Expression // OpenTofu
	Body        hcl.Body
	Range       hcl.Range
}

// Moved is a moved block.
type Moved struct {
	From, To hcl.Traversal
	Range    hcl.Range
}

// Removed is a removed block.
type Removed struct {
	From    hcl.Traversal
	Destroy bool // false: the object is only forgotten
	Range   hcl.Range
}

// Import is an import block of the root module.
type Import struct {
	To      hcl.Expression
	ForEach hcl.Expression
	Range   hcl.Range
}

// Backend is a backend or cloud block.
type Backend struct {
	Type  string // "cloud" for a cloud block
	Body  hcl.Body
	Range hcl.Range
}

// Path is the argument path of a local backend; "" where it is not written.
func (b *Backend) Path() string {
	content, _, _ := b.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "path"}}})
	attr := content.Attributes["path"]
	if b.Type != "local" || attr == nil {
		return ""
	}
	if v, diags := attr.Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	return "an expression"
}

// Quote gives the source text of a range, on one line and shortened.
func (m *Module) Quote(r hcl.Range) string {
	src := m.sources[r.Filename]
	if !r.CanSliceBytes(src) {
		return ""
	}
	const most = 60
	var out []rune
	space := false
	for _, c := range string(r.SliceBytes(src)) {
		if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			space = true
			continue
		}
		if space && len(out) > 0 {
			out = append(out, ' ')
		}
		space = false
		if out = append(out, c); len(out) >= most {
			return string(out) + "..."
		}
	}
	return string(out)
}
