package edit

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// secrets are the sensitive texts of the source, line by line: those of variables
// that are declared so, and of arguments that the schema calls so.
func (s *source) secrets(all snapshot) []string {
	found := map[string]bool{}
	add := func(v cty.Value) {
		for _, text := range texts(v) {
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); line != "" {
					found[line] = true
				}
			}
		}
	}
	root, _ := s.site(nil)
	s.sensitiveVariables(root, add)
	e := &editor{source: s}
	for id := range all {
		addr, err := drift.ParseAddress(id.name)
		if id.kind != "resource" || err != nil {
			continue
		}
		r, at, err := s.find(addr)
		if b := s.schema(addr); err == nil && b != nil {
			e.sensitiveArguments(at, r.Body, b, add)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func (s *source) sensitiveVariables(at site, add func(cty.Value)) {
	for _, name := range sortedKeys(at.module.Variables) {
		if v := at.module.Variables[name]; !v.Sensitive && !v.Ephemeral {
			continue
		}
		expr, diags := hclsyntax.ParseExpression([]byte("var."+name), "", hcl.InitialPos)
		if !diags.HasErrors() {
			v, _ := s.value(at, expr)
			add(v)
		}
	}
	for _, name := range sortedKeys(at.module.Calls) {
		call := at.module.Calls[name]
		keys, _ := s.eval.Keys(at.Module, call.Count, call.ForEach)
		for _, key := range keys {
			if inner, ok := s.site(at.Module.Child(name, key)); ok {
				s.sensitiveVariables(inner, add)
			}
		}
	}
}

func (e *editor) sensitiveArguments(at site, body hcl.Body, b *schema.Block, add func(cty.Value)) {
	for name, attr := range b.Attributes {
		if !attr.Sensitive && !attr.WriteOnly {
			continue
		}
		if written := attributeOf(body, name); written != nil {
			v, _ := e.value(at, written.Expr)
			add(v)
		}
	}
	for name, nested := range b.Blocks {
		blocks, _ := e.blocksOf(at, body, name)
		for _, one := range blocks {
			e.sensitiveArguments(one.at, one.body, &nested.Block, add)
		}
	}
}

// texts are the strings and numbers in a value.
func texts(v cty.Value) []string {
	switch {
	case v == absent || !v.IsKnown() || v.IsNull():
		return nil
	case v.Type().IsPrimitiveType():
		if v.Type() == cty.Bool {
			return nil
		}
		return []string{textName(v)}
	case !v.CanIterateElements():
		return nil
	}
	var out []string
	for it := v.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		out = append(out, texts(elem)...)
	}
	return out
}

func holdsSecret(line string, secrets []string) bool {
	return slices.ContainsFunc(secrets, func(secret string) bool {
		return strings.Contains(line, secret) || strings.Contains(line, quotedText(secret))
	})
}
