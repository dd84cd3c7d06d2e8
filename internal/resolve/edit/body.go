package edit

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift/schema"
)

// last are the arguments that stand at the end of a block by custom.
var last = []string{"depends_on", "provider", "providers"}

// addAttribute writes an argument into a block, after those that it has before
// its first nested block.
func (e *editor) addAttribute(body *hclsyntax.Body, name string, v cty.Value) error {
	src := e.contents(body.SrcRange)
	if src == nil {
		return refuse(body.SrcRange, "its place in the source can't be found")
	}
	eol := lineBreak(src)
	open, closing := brackets(body, src)
	outer, limit := indentAt(src, open), closing
	for _, block := range body.Blocks {
		limit = min(limit, block.TypeRange.Start.Byte)
	}
	at, indent := -1, outer+"  "
	for _, custom := range []bool{false, true} {
		for _, attr := range body.Attributes {
			r := attr.SrcRange
			if r.Start.Byte < limit && r.End.Byte > at && (custom || !slices.Contains(last, attr.Name)) {
				at, indent = r.End.Byte, indentAt(src, r.Start.Byte)
			}
		}
		if at >= 0 {
			break
		}
	}
	if at < 0 {
		return e.addFirst(body, src, name+" = "+literalText(v, indent, eol))
	}
	if bytes.IndexByte(src[at:limit], '\n') < 0 && limit == closing { // { a = 1 }
		text := string(bytes.TrimSpace(src[open+1 : closing]))
		text = eol + outer + "  " + text + eol + outer + "  " + name + " = " + literalText(v, outer+"  ", eol) + eol + outer
		return e.restructure(body.SrcRange, []change{{open + 1, closing, text}})
	}
	end := lineEnd(src, at)
	text := eol + indent + name + " = " + literalText(v, indent, eol)
	if strings.Contains(text[len(eol):], eol) {
		text = eol + text // several lines stand apart
	}
	return e.restructure(body.SrcRange, []change{{end, end, text}})
}

// brackets are those of a block. The range of a body that is written on one line
// is that of its argument alone.
func brackets(body *hclsyntax.Body, src []byte) (open, closing int) {
	open, closing = body.SrcRange.Start.Byte, body.SrcRange.End.Byte
	if src[open] == '{' {
		return open, closing - 1
	}
	return max(0, bytes.LastIndexByte(src[:open], '{')), closing + max(0, bytes.IndexByte(src[closing:], '}'))
}

// addFirst puts something at the top of a block.
func (e *editor) addFirst(body *hclsyntax.Body, src []byte, text string) error {
	open, closing := brackets(body, src)
	eol, outer := lineBreak(src), indentAt(src, open)
	open++
	if blank(src[open:closing]) {
		return e.restructure(body.SrcRange, []change{{open, closing, eol + outer + "  " + text + eol + outer}})
	}
	end := lineEnd(src, open)
	if end >= closing {
		return refuse(body.SrcRange, "the block is written on one line")
	}
	text = eol + outer + "  " + text
	if len(body.Blocks) > 0 {
		text += eol
	}
	return e.restructure(body.SrcRange, []change{{end, end, text}})
}

// removeLines takes something out with the lines that it has for itself.
func (e *editor) removeLines(r hcl.Range, comment bool) error {
	src := e.contents(r)
	start, end := lineStart(src, r.Start.Byte), lineEnd(src, r.End.Byte)
	rest := bytes.TrimSpace(src[r.End.Byte:end])
	ends := len(rest) == 0 || rest[0] == '#' || bytes.HasPrefix(rest, []byte("//"))
	if !blank(src[start:r.Start.Byte]) || !ends {
		return e.restructure(r, []change{{r.Start.Byte, r.End.Byte, ""}})
	}
	if comment {
		start = commentStart(src, start)
	}
	next := afterLine(src, r.End.Byte)
	return e.restructure(r, []change{closeGap(src, start, next)})
}

// closeGap takes one of two blank lines away where something between them went,
// and the blank line that would be left at the end or the beginning.
func closeGap(src []byte, start, next int) change {
	blankBefore := start > 0 && blank(src[lineStart(src, start-1):start])
	opens := start == 0 || bytes.HasSuffix(bytes.TrimRight(src[:start], " \t\r\n"), []byte("{")) && !blankBefore
	blankAfter := next < len(src) && blank(src[next:afterLine(src, next)])
	closes := blank(src[next:]) || bytes.HasPrefix(bytes.TrimLeft(src[next:], " \t"), []byte("}"))
	switch {
	case blankAfter && (blankBefore || opens):
		next = afterLine(src, next)
	case blankBefore && closes:
		start = lineStart(src, start-1)
	}
	return change{start, next, ""}
}

// commentStart is where the comment begins that stands right above a line.
func commentStart(src []byte, start int) int {
	for start > 0 {
		above := lineStart(src, start-1)
		line := bytes.TrimSpace(src[above:start])
		switch {
		case bytes.HasPrefix(line, []byte("#")), bytes.HasPrefix(line, []byte("//")):
			start = above
		case bytes.HasSuffix(line, []byte("*/")):
			open := bytes.LastIndex(src[:start], []byte("/*"))
			if open < 0 || !blank(src[lineStart(src, open):open]) {
				return start
			}
			start = lineStart(src, open)
		default:
			return start
		}
	}
	return start
}

// addBlock writes a new nested block: after the last one of its type, or at the
// end of the block around it.
func (e *editor) addBlock(body *hclsyntax.Body, name string, n *schema.NestedBlock, v cty.Value) error {
	src := e.contents(body.SrcRange)
	eol := lineBreak(src)
	open, end := brackets(body, src)
	indent := indentAt(src, open) + "  "
	file := hclwrite.NewEmptyFile()
	writeBlock(file.Body().AppendNewBlock(name, nil).Body(), &n.Block, v)
	text := indented(strings.TrimSpace(string(hclwrite.Format(file.Bytes()))), indent, eol)
	at := -1
	for _, block := range body.Blocks {
		if block.Type == name || block.Type == "dynamic" && block.Labels[0] == name {
			at = max(at, block.Range().Start.Byte, block.CloseBraceRange.End.Byte)
		}
	}
	if at >= 0 {
		end := lineEnd(src, at)
		gap := eol
		if len(body.Blocks) < 2 || !strings.Contains(string(src[open:at]), eol+eol) {
			gap = ""
		}
		return e.restructure(body.SrcRange, []change{{end, end, eol + gap + indent + text}})
	}
	if len(body.Attributes) == 0 && len(body.Blocks) == 0 {
		return e.addFirst(body, src, text)
	}
	closing := lineStart(src, end)
	if !blank(src[closing:end]) {
		return refuse(body.SrcRange, "the block is written on one line")
	}
	return e.restructure(body.SrcRange, []change{{closing, closing, eol + indent + text + eol}})
}

// writeBlock writes what a live block has: not what the provider alone sets, and
// not what is as if it were not set.
func writeBlock(body *hclwrite.Body, b *schema.Block, v cty.Value) {
	members := v.AsValueMap()
	for _, name := range sortedKeys(b.Attributes) {
		attr, value := b.Attributes[name], members[name]
		if value == absent || attr.ReadOnly() || !attr.Required && unset(value) {
			continue
		}
		body.SetAttributeValue(name, value)
	}
	for _, name := range sortedKeys(b.Blocks) {
		nested, value := b.Blocks[name], members[name]
		if nothing(value) {
			continue
		}
		if nested.Nesting == schema.Single || nested.Nesting == schema.Group {
			writeBlock(body.AppendNewBlock(name, nil).Body(), &nested.Block, value)
			continue
		}
		for it := value.ElementIterator(); it.Next(); {
			key, elem := it.Element()
			var labels []string
			if nested.Nesting == schema.Map {
				labels = []string{key.AsString()}
			}
			writeBlock(body.AppendNewBlock(name, labels).Body(), &nested.Block, elem)
		}
	}
}

// unset reports whether a value is what an argument that nobody set reads as:
// providers can't tell the two apart.
func unset(v cty.Value) bool {
	if nothing(v) {
		return true
	}
	switch v.Type() {
	case cty.String:
		return v.AsString() == ""
	case cty.Bool:
		return v.False()
	case cty.Number:
		return v.AsBigFloat().Sign() == 0
	}
	return false
}
