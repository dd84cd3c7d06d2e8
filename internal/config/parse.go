package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

func newModule() *Module {
	return &Module{
		Variables: map[string]*Variable{}, Locals: map[string]hcl.Expression{}, Outputs: map[string]*Output{},
		Resources: map[string]*Resource{}, Calls: map[string]*Call{}, Providers: map[string]*ProviderBlock{},
		Required: map[string]string{}, Meta: map[string]hcl.Body{}, sources: map[string][]byte{},
	}
}

// fileSchema lists the top-level blocks that matter to a check. Others (check,
// ephemeral, action, ...) are passed over.
var fileSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "terraform"},
	{Type: "variable", LabelNames: []string{"name"}},
	{Type: "locals"},
	{Type: "output", LabelNames: []string{"name"}},
	{Type: "provider", LabelNames: []string{"name"}},
	{Type: "resource", LabelNames: []string{"type", "name"}},
	{Type: "data", LabelNames: []string{"type", "name"}},
	{Type: "module", LabelNames: []string{"name"}},
	{Type: "moved"}, {Type: "removed"}, {Type: "import"},
}}

func (m *Module) addBody(body hcl.Body, override bool) error {
	content, _, diags := body.PartialContent(fileSchema)
	if diags.HasErrors() {
		return sourceError(diags)
	}
	for _, block := range content.Blocks {
		if diags := m.addBlock(block, override); diags.HasErrors() {
			return sourceError(diags)
		}
	}
	return nil
}

func (m *Module) addBlock(block *hcl.Block, override bool) hcl.Diagnostics {
	switch block.Type {
	case "terraform":
		return m.addTerraform(block)
	case "variable":
		return m.addVariable(block, override)
	case "locals":
		return m.addLocals(block, override)
	case "output":
		return m.addOutput(block, override)
	case "provider":
		return m.addProvider(block, override)
	case "resource", "data":
		return m.addResource(block, override)
	case "module":
		return m.addCall(block, override)
	case "moved":
		return m.addMoved(block)
	case "removed":
		return m.addRemoved(block)
	case "import":
		return m.addImport(block)
	}
	return nil
}

// twice complains of a second block of the same name.
func twice(kind, name string, first, second hcl.Range) hcl.Diagnostics {
	return hcl.Diagnostics{{
		Severity: hcl.DiagError, Summary: fmt.Sprintf("Duplicate %s", kind), Subject: &second,
		Detail: fmt.Sprintf("%s was declared at %s already", name, first),
	}}
}

func (m *Module) addTerraform(block *hcl.Block) hcl.Diagnostics {
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "required_version"}},
		Blocks: []hcl.BlockHeaderSchema{
			{Type: "required_providers"}, {Type: "backend", LabelNames: []string{"type"}}, {Type: "cloud"},
			{Type: "provider_meta", LabelNames: []string{"provider"}},
		},
	})
	if attr := content.Attributes["required_version"]; attr != nil {
		m.RequiredVersions = append(m.RequiredVersions, literal(attr.Expr))
	}
	for _, inner := range content.Blocks {
		switch inner.Type {
		case "backend":
			m.Backend = &Backend{Type: inner.Labels[0], Body: inner.Body, Range: inner.DefRange}
		case "cloud":
			m.Backend = &Backend{Type: "cloud", Body: inner.Body, Range: inner.DefRange}
		case "provider_meta":
			m.Meta[inner.Labels[0]] = inner.Body
		case "required_providers":
			diags = append(diags, m.addRequired(inner.Body)...)
		}
	}
	return diags
}

func (m *Module) addRequired(body hcl.Body) hcl.Diagnostics {
	attrs, diags := body.JustAttributes()
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		pairs, moreDiags := hcl.ExprMap(attrs[name].Expr)
		if moreDiags.HasErrors() {
			continue // a bare version constraint: the default source
		}
		for _, pair := range pairs {
			if hcl.ExprAsKeyword(pair.Key) != "source" && literal(pair.Key) != "source" {
				continue
			}
			source, err := drift.ProviderSource(literal(pair.Value))
			if err != nil {
				r := pair.Value.Range()
				diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Invalid provider source", Detail: err.Error(), Subject: &r})
				continue
			}
			m.Required[name] = source
		}
	}
	return diags
}

// literal is the string that an expression plainly is, or "".
func literal(expr hcl.Expression) string {
	if expr == nil {
		return ""
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

func (m *Module) addVariable(block *hcl.Block, override bool) hcl.Diagnostics {
	name := block.Labels[0]
	v := m.Variables[name]
	if v != nil && !override {
		return twice("variable", name, v.Range, block.DefRange)
	}
	if v == nil {
		v = &Variable{Name: name, Type: cty.DynamicPseudoType, Nullable: true, Literal: true, Range: block.DefRange}
		m.Variables[name] = v
	}
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "type"}, {Name: "default"}, {Name: "nullable"}, {Name: "sensitive"}, {Name: "ephemeral"},
	}})
	if attr := content.Attributes["default"]; attr != nil {
		v.Default = attr.Expr
	}
	if attr := content.Attributes["type"]; attr != nil {
		diags = append(diags, v.setType(attr.Expr, override)...)
	}
	return append(diags, setFlags(content, map[string]*bool{
		"nullable": &v.Nullable, "sensitive": &v.Sensitive, "ephemeral": &v.Ephemeral,
	})...)
}

// setFlags reads arguments that are plainly true or false.
func setFlags(content *hcl.BodyContent, flags map[string]*bool) (diags hcl.Diagnostics) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if attr := content.Attributes[name]; attr != nil {
			diags = append(diags, gohcl.DecodeExpression(attr.Expr, nil, flags[name])...)
		}
	}
	return diags
}

// setType reads a type constraint. The defaults of optional attributes stay
// those of the first declaration, as Terraform has it.
func (v *Variable) setType(expr hcl.Expression, override bool) (diags hcl.Diagnostics) {
	name := literal(expr) // the quoted types of Terraform 0.11
	if name == "" {
		name = hcl.ExprAsKeyword(expr) // short forms that Terraform still takes
	}
	var defaults *typeexpr.Defaults
	switch name {
	case "string":
		v.Type = cty.String
	case "list":
		v.Type = cty.List(cty.DynamicPseudoType)
	case "map":
		v.Type = cty.Map(cty.DynamicPseudoType)
	default:
		v.Type, defaults, diags = typeexpr.TypeConstraintWithDefaults(expr)
	}
	if !override {
		v.Defaults = defaults
	}
	v.Literal = v.Type.IsPrimitiveType()
	return diags
}

func (m *Module) addLocals(block *hcl.Block, override bool) hcl.Diagnostics {
	attrs, diags := block.Body.JustAttributes()
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		attr := attrs[name]
		if was := m.Locals[name]; was != nil && !override {
			diags = append(diags, twice("local value", name, was.Range(), attr.Range)...)
		}
		m.Locals[name] = attr.Expr
	}
	return diags
}

func (m *Module) addOutput(block *hcl.Block, override bool) hcl.Diagnostics {
	name := block.Labels[0]
	out := m.Outputs[name]
	if out != nil && !override {
		return twice("output", name, out.Range, block.DefRange)
	}
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "value"}, {Name: "sensitive"}, {Name: "ephemeral"},
	}})
	if out == nil {
		out = &Output{Range: block.DefRange}
		m.Outputs[name] = out
	}
	setExpr(content, "value", &out.Value)
	return append(diags, setFlags(content, map[string]*bool{"sensitive": &out.Sensitive, "ephemeral": &out.Ephemeral})...)
}

func (m *Module) addProvider(block *hcl.Block, override bool) hcl.Diagnostics {
	content, body, diags := metaContent(block.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "alias"}, {Name: "version"}, {Name: "for_each"},
	}})
	p := &ProviderBlock{Name: block.Labels[0], Body: body, Range: block.DefRange}
	if attr := content.Attributes["alias"]; attr != nil {
		p.Alias = literal(attr.Expr)
	}
	if attr := content.Attributes["for_each"]; attr != nil {
		p.ForEach = attr.Expr
	}
	key := providerKey(p.Name, p.Alias)
	if was := m.Providers[key]; was != nil {
		if !override {
			return append(diags, twice("provider configuration", key, was.Range, block.DefRange)...)
		}
		was.Body = overridden{was.Body, body}
		return diags
	}
	m.Providers[key] = p
	return diags
}

func providerKey(name, alias string) string {
	return strings.TrimSuffix(name+"."+alias, ".")
}

// providerRef reads a reference such as aws or aws.west, quoted or not; "" for
// an instance of a provider block with for_each (OpenTofu).
func providerRef(expr hcl.Expression) string {
	if s := literal(expr); s != "" {
		return s
	}
	traversal, diags := hcl.AbsTraversalForExpr(expr)
	var names []string
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			names = append(names, step.Name)
		case hcl.TraverseAttr:
			names = append(names, step.Name)
		default:
			return ""
		}
	}
	if diags.HasErrors() {
		return ""
	}
	return strings.Join(names, ".")
}

func (m *Module) addMoved(block *hcl.Block) hcl.Diagnostics {
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "from", Required: true}, {Name: "to", Required: true},
	}})
	if diags.HasErrors() {
		return diags
	}
	moved := Moved{Range: block.DefRange}
	moved.From, diags = hcl.AbsTraversalForExpr(content.Attributes["from"].Expr)
	to, moreDiags := hcl.AbsTraversalForExpr(content.Attributes["to"].Expr)
	moved.To = to
	m.Moved = append(m.Moved, moved)
	return append(diags, moreDiags...)
}

func (m *Module) addRemoved(block *hcl.Block) hcl.Diagnostics {
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}},
	})
	if diags.HasErrors() {
		return diags
	}
	removed := Removed{Range: block.DefRange, Destroy: true}
	removed.From, diags = hcl.AbsTraversalForExpr(content.Attributes["from"].Expr)
	for _, lifecycle := range content.Blocks {
		inner, _, _ := lifecycle.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "destroy"}}})
		if attr := inner.Attributes["destroy"]; attr != nil {
			diags = append(diags, gohcl.DecodeExpression(attr.Expr, nil, &removed.Destroy)...)
		}
	}
	m.Removed = append(m.Removed, removed)
	return diags
}

func (m *Module) addImport(block *hcl.Block) hcl.Diagnostics {
	content, _, diags := block.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "to", Required: true}, {Name: "for_each"},
	}})
	if diags.HasErrors() {
		return diags
	}
	imp := Import{To: content.Attributes["to"].Expr, Range: block.DefRange}
	if attr := content.Attributes["for_each"]; attr != nil {
		imp.ForEach = attr.Expr
	}
	m.Imports = append(m.Imports, imp)
	return nil
}

func (m *Module) addCall(block *hcl.Block, override bool) hcl.Diagnostics {
	content, body, diags := metaContent(block.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "source"}, {Name: "version"}, {Name: "count"}, {Name: "for_each"}, {Name: "providers"}, {Name: "depends_on"},
	}})
	call := &Call{Name: block.Labels[0], Range: block.DefRange, Providers: map[string]string{}}
	if was := m.Calls[call.Name]; was != nil {
		if !override {
			return append(diags, twice("module call", call.Name, was.Range, block.DefRange)...)
		}
		call, body = was, overridden{was.Body, body}
	}
	call.Body = body
	m.Calls[call.Name] = call
	setExpr(content, "count", &call.Count)
	setExpr(content, "for_each", &call.ForEach)
	if attr := content.Attributes["source"]; attr != nil {
		call.Source = literal(attr.Expr)
	}
	if attr := content.Attributes["providers"]; attr != nil {
		call.Providers = map[string]string{}
		pairs, moreDiags := hcl.ExprMap(attr.Expr)
		diags = append(diags, moreDiags...)
		for _, pair := range pairs {
			call.Providers[providerRef(pair.Key)] = providerRef(pair.Value)
		}
	}
	return diags
}

// metaContent splits the arguments that are Terraform's own from the rest of a
// block. What is in a block named "_" belongs to the rest, whatever its name.
func metaContent(body hcl.Body, meta *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	meta = &hcl.BodySchema{Attributes: meta.Attributes, Blocks: append(slices.Clone(meta.Blocks), hcl.BlockHeaderSchema{Type: "_"})}
	content, rest, diags := body.PartialContent(meta)
	for _, escaped := range content.Blocks.OfType("_") {
		rest = hcl.MergeBodies([]hcl.Body{rest, escaped.Body})
	}
	return content, rest, diags
}

func setExpr(content *hcl.BodyContent, name string, to *hcl.Expression) {
	if attr := content.Attributes[name]; attr != nil {
		*to = attr.Expr
	}
}

// resourceMeta are the arguments of a resource that are Terraform's own.
var resourceMeta = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "count"}, {Name: "for_each"}, {Name: "provider"}, {Name: "depends_on"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}, {Type: "connection"}, {Type: "provisioner", LabelNames: []string{"type"}}},
}

func (m *Module) addResource(block *hcl.Block, override bool) hcl.Diagnostics {
	content, body, diags := metaContent(block.Body, resourceMeta)
	r := &Resource{Mode: drift.Managed, Type: block.Labels[0], Name: block.Labels[1], Range: block.DefRange}
	key := r.Type + "." + r.Name
	if block.Type == "data" {
		r.Mode, key = drift.Data, "data."+key
	}
	if was := m.Resources[key]; was != nil {
		if !override {
			return append(diags, twice("resource", key, was.Range, block.DefRange)...)
		}
		r, body = was, overridden{was.Body, body}
	}
	r.Body = body
	m.Resources[key] = r
	setExpr(content, "count", &r.Count)
	setExpr(content, "for_each", &r.ForEach)
	if attr := content.Attributes["provider"]; attr != nil {
		r.Provider = providerRef(attr.Expr)
	}
	for _, inner := range content.Blocks.OfType("lifecycle") {
		diags = append(diags, r.addLifecycle(inner.Body)...)
	}
	return diags
}

func (r *Resource) addLifecycle(body hcl.Body) hcl.Diagnostics {
	content, _, diags := body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "ignore_changes"}}})
	attr := content.Attributes["ignore_changes"]
	if attr == nil {
		return diags
	}
	if hcl.ExprAsKeyword(attr.Expr) == "all" || literal(attr.Expr) == "all" {
		r.IgnoreAll = true
		return diags
	}
	exprs, moreDiags := hcl.ExprList(attr.Expr)
	diags = append(diags, moreDiags...)
	if len(exprs) > 0 { // an override with an empty list changes nothing
		r.Ignore = nil
	}
	for _, expr := range exprs {
		if s := literal(expr); s == "*" {
			r.IgnoreAll = true
			continue
		}
		path, moreDiags := ignorePath(expr)
		diags = append(diags, moreDiags...)
		if len(path) > 0 {
			r.Ignore = append(r.Ignore, path)
		}
	}
	return diags
}

// ignorePath reads an element of ignore_changes, which old source quotes.
func ignorePath(expr hcl.Expression) (cty.Path, hcl.Diagnostics) {
	traversal, diags := hcl.RelTraversalForExpr(expr)
	if s := literal(expr); s != "" {
		abs, moreDiags := hclsyntax.ParseTraversalAbs([]byte(s), expr.Range().Filename, expr.Range().Start)
		if moreDiags.HasErrors() {
			return nil, moreDiags
		}
		traversal, diags = abs, nil
	}
	if diags.HasErrors() {
		return nil, diags
	}
	var path cty.Path
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			path = append(path, cty.GetAttrStep{Name: step.Name})
		case hcl.TraverseAttr:
			path = append(path, cty.GetAttrStep{Name: step.Name})
		case hcl.TraverseIndex:
			path = append(path, cty.IndexStep{Key: step.Key})
		}
	}
	return path, nil
}
