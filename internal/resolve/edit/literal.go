package edit

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// literalText writes a value as an expression, to stand at the end of a line that
// is indented so.
func literalText(v cty.Value, indent, eol string) string {
	if v == absent {
		return "null"
	}
	text := string(hclwrite.Format(hclwrite.TokensForValue(v).Bytes()))
	return indented(text, indent, eol)
}

// keyText writes the key of an object.
func keyText(name string, quoted bool) string {
	if quoted || !hclsyntax.ValidIdentifier(name) {
		return string(hclwrite.TokensForValue(cty.StringVal(name)).Bytes())
	}
	return name
}

// replaceText is what to write in the place of a literal, in the way that it is
// written; not ok where nothing says the value.
func replaceText(src []byte, expr hclsyntax.Expression, want cty.Value, old cty.Value) (string, bool) {
	r := expr.Range()
	indent, eol := indentAt(src, r.Start.Byte), lineBreak(src)
	if want == absent {
		return "null", true
	}
	want = inKindOf(old, want)
	raw := string(r.SliceBytes(src))
	if isText(want) && isText(old) {
		text := want.AsString()
		if doc, ok := document(text); ok {
			if edited, ok := editDocument(old.AsString(), doc); ok {
				text = edited
			}
		}
		want = cty.StringVal(text)
		if strings.HasPrefix(raw, "<<") {
			if heredoc, ok := heredocText(raw, old.AsString(), text); ok && says(heredoc+"\n", want) {
				return heredoc, true
			}
		}
	}
	text := literalText(want, indent, eol)
	return text, says(text, want)
}

// inKindOf keeps a number in quotes there, and a number in text a number.
func inKindOf(old, want cty.Value) cty.Value {
	if old == absent || old.IsNull() || !old.Type().IsPrimitiveType() || !want.Type().IsPrimitiveType() || old.Type() == want.Type() {
		return want
	}
	converted, err := convert.Convert(want, old.Type())
	if err != nil {
		return want
	}
	if back, err := convert.Convert(converted, want.Type()); err != nil || !back.RawEquals(want) {
		return want // 010 is not 10
	}
	return converted
}

func isText(v cty.Value) bool {
	return v != absent && v.Type() == cty.String && v.IsKnown() && !v.IsNull()
}

// says reports whether an expression without references is a value.
func says(text string, want cty.Value) bool {
	expr, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return false
	}
	v, diags := expr.Value(nil)
	return !diags.HasErrors() && same(v, want)
}

// heredoc is a heredoc taken apart.
type heredoc struct {
	opening, closing string   // lines, without their ends
	lines            []string // with their ends
	indent           string   // that Terraform takes off each line
	flush            bool     // <<-
	eol              string
}

func parseHeredoc(raw string) (heredoc, bool) {
	lines := strings.SplitAfter(raw, "\n")
	if len(lines) < 2 {
		return heredoc{}, false
	}
	last := len(lines) - 1
	h := heredoc{opening: strings.TrimRight(lines[0], "\r\n"), closing: lines[last], lines: lines[1:last], eol: "\n"}
	if strings.HasSuffix(lines[0], "\r\n") {
		h.eol = "\r\n"
	}
	h.flush = strings.HasPrefix(h.opening, "<<-")
	if !h.flush {
		return h, true
	}
	h.indent = h.closing[:len(h.closing)-len(strings.TrimLeft(h.closing, " \t"))] + "  "
	first := true
	for _, line := range h.lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		spaces := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if first || len(spaces) < len(h.indent) {
			h.indent, first = spaces, false
		}
	}
	return h, true
}

// heredocText is a heredoc with another content. Lines that stay are written as
// they were.
func heredocText(raw, old, content string) (string, bool) {
	h, ok := parseHeredoc(raw)
	if !ok || content != "" && !strings.HasSuffix(content, "\n") {
		return "", false
	}
	was := map[string]string{}
	if lines := strings.SplitAfter(old, "\n"); len(lines)-1 == len(h.lines) {
		for i, line := range h.lines {
			was[lines[i]] = line
		}
	}
	var b strings.Builder
	b.WriteString(h.opening + h.eol)
	for line := range strings.Lines(content) {
		b.WriteString(h.line(line, was))
	}
	b.WriteString(h.closing)
	return b.String(), true
}

// line writes a line of the content; was are the lines as they were written.
func (h heredoc) line(line string, was map[string]string) string {
	if written, ok := was[line]; ok {
		return written
	}
	written := escapeTemplate(line)
	if strings.TrimRight(line, "\r\n") != "" {
		written = h.indent + written
	}
	return written
}

// escapeTemplate writes what would begin a template sequence so that it doesn't.
func escapeTemplate(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}

// quotedText is the inside of a quoted string.
func quotedText(s string) string {
	text := string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
	return text[1 : len(text)-1]
}

// templateChanges changes the literal parts of a template with references, so
// that it says want where it says old. Not ok where what differs is not in
// literal parts alone. parts are what the parts of the template say.
func templateChanges(src []byte, expr *hclsyntax.TemplateExpr, parts []string, want string) ([]change, bool) {
	literals, ok := splitTemplate(expr, parts, want)
	if !ok {
		return nil, false
	}
	raw := string(expr.Range().SliceBytes(src))
	inHeredoc := strings.HasPrefix(raw, "<<")
	h, _ := parseHeredoc(raw)
	var changes []change
	for i, part := range expr.Parts {
		if literals[i] == parts[i] {
			continue
		}
		r := part.Range()
		text := quotedText(literals[i])
		if inHeredoc {
			text = h.part(string(r.SliceBytes(src)), parts[i], literals[i])
		}
		changes = append(changes, change{r.Start.Byte, r.End.Byte, text})
	}
	return changes, true
}

// part writes a literal part of a heredoc. Its first line goes on where a
// reference ends, or begins after the indentation.
func (h heredoc) part(raw, old, content string) string {
	rawLines, oldLines := strings.SplitAfter(raw, "\n"), strings.SplitAfter(old, "\n")
	was := map[string]string{}
	if len(rawLines) == len(oldLines) {
		for i, line := range oldLines[1:] {
			was[line] = rawLines[i+1]
		}
	}
	var b strings.Builder
	for i, line := range strings.SplitAfter(content, "\n") {
		switch {
		case i == 0 && len(oldLines) > 0 && line == oldLines[0] && len(rawLines) == len(oldLines):
			b.WriteString(rawLines[0])
		case i == 0:
			b.WriteString(escapeTemplate(line))
		case line == "" && !strings.HasSuffix(old, "\n"):
			b.WriteString(h.indent) // a reference follows
		case line != "":
			b.WriteString(h.line(line, was))
		}
	}
	return b.String()
}

// splitTemplate says what each part of a template has to be so that all of it is
// want: the literal ones differ, the others stay. Each difference must be inside
// one literal part.
func splitTemplate(expr *hclsyntax.TemplateExpr, parts []string, want string) ([]string, bool) {
	out := append([]string(nil), parts...)
	old := strings.Join(parts, "")
	for _, d := range differences(old, want) {
		at := 0
		done := false
		for i, part := range expr.Parts {
			end := at + len(parts[i])
			_, literal := part.(*hclsyntax.LiteralValueExpr)
			if literal && !done && d.start >= at && d.end <= end {
				shift := len(out[i]) - len(parts[i])
				out[i] = out[i][:d.start-at+shift] + d.text + out[i][d.end-at+shift:]
				done = true
			}
			at = end
		}
		if !done {
			return nil, false
		}
	}
	return out, strings.Join(out, "") == want
}

// differences are the places where two texts differ: line by line, and within
// lines the part between what they begin and end with.
func differences(old, want string) []change {
	a, b := strings.SplitAfter(old, "\n"), strings.SplitAfter(want, "\n")
	pairs := common(a, b, func(x, y string) bool { return x == y })
	var out []change
	i, j, at := 0, 0, 0
	for _, p := range append(pairs, [2]int{len(a), len(b)}) {
		from, to := strings.Join(a[i:p[0]], ""), strings.Join(b[j:p[1]], "")
		if from != to {
			head, tail := shared(from, to)
			out = append(out, change{at + head, at + len(from) - tail, to[head : len(to)-tail]})
		}
		at += len(from)
		if p[0] < len(a) {
			at += len(a[p[0]])
		}
		i, j = p[0]+1, p[1]+1
	}
	return out
}

// shared is how many bytes two texts begin and end with alike.
func shared(a, b string) (head, tail int) {
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head, tail
}
