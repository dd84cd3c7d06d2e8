package config

import (
	"maps"

	"github.com/hashicorp/hcl/v2"
)

// overridden is a body as an override file changes it: an argument that the
// second body has replaces that of the first, and a block type that the second
// has replaces all blocks of that type.
type overridden struct{ base, over hcl.Body }

func (b overridden) Content(s *hcl.BodySchema) (*hcl.BodyContent, hcl.Diagnostics) {
	base, diags := b.base.Content(relaxed(s))
	over, moreDiags := b.over.Content(relaxed(s))
	return mergeContent(base, over), append(diags, moreDiags...)
}

func (b overridden) PartialContent(s *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	base, baseRest, diags := b.base.PartialContent(relaxed(s))
	over, overRest, moreDiags := b.over.PartialContent(relaxed(s))
	return mergeContent(base, over), overridden{baseRest, overRest}, append(diags, moreDiags...)
}

// relaxed is a schema without anything required: either body may have it.
func relaxed(s *hcl.BodySchema) *hcl.BodySchema {
	out := &hcl.BodySchema{Blocks: s.Blocks}
	for _, attr := range s.Attributes {
		out.Attributes = append(out.Attributes, hcl.AttributeSchema{Name: attr.Name})
	}
	return out
}

func mergeContent(base, over *hcl.BodyContent) *hcl.BodyContent {
	merged := &hcl.BodyContent{Attributes: hcl.Attributes{}, MissingItemRange: base.MissingItemRange}
	maps.Copy(merged.Attributes, base.Attributes)
	maps.Copy(merged.Attributes, over.Attributes)
	replaced := map[string]bool{}
	for _, block := range over.Blocks {
		replaced[blockName(block)] = true
	}
	for _, block := range base.Blocks {
		if !replaced[blockName(block)] {
			merged.Blocks = append(merged.Blocks, block)
		}
	}
	merged.Blocks = append(merged.Blocks, over.Blocks...)
	return merged
}

// blockName counts a dynamic block as one of the type it makes.
func blockName(b *hcl.Block) string {
	if b.Type == "dynamic" && len(b.Labels) == 1 {
		return b.Labels[0]
	}
	return b.Type
}

func (b overridden) JustAttributes() (hcl.Attributes, hcl.Diagnostics) {
	attrs, diags := b.base.JustAttributes()
	over, moreDiags := b.over.JustAttributes()
	merged := hcl.Attributes{}
	maps.Copy(merged, attrs)
	maps.Copy(merged, over)
	return merged, append(diags, moreDiags...)
}

func (b overridden) MissingItemRange() hcl.Range { return b.base.MissingItemRange() }
