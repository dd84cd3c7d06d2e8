package report

import (
	"strings"
)

// Markdown that holds text from the outside. Three places have rules of their
// own: running text, a code span, and a fenced block. In none of them can such
// text end the place that it is in, a cell of a table, or make a marker of the
// report or a comment.
// https://spec.commonmark.org/0.31.2/ and https://github.github.com/gfm/#tables-extension-

// mdSpecial are the characters that Markdown gives a meaning anywhere in a line.
// With them escaped, a name is not a link, a heading or a piece of HTML.
const mdSpecial = "\\`*_[]|~<>&#!$"

// mdText is text on one line of running text or of a table's cell.
func mdText(s string) string {
	var b strings.Builder
	for _, r := range singleLine(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune(mdSpecial, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '@': // no mention of somebody
			b.WriteString("&#64;")
		default:
			b.WriteRune(r)
		}
	}
	return noAutolink(b.String())
}

// noAutolink keeps URLs as text: what stands in a resource's name is nothing to
// click on.
func noAutolink(s string) string {
	return strings.NewReplacer("://", ":&#47;/", "www.", "www&#46;").Replace(s)
}

// mdCode is a code span outside tables.
func mdCode(s string) string {
	s = noComment(singleLine(s))
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longestTicks(s)+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.TrimSpace(s) == "" {
		s = " " + s + " "
	}
	return fence + s + fence
}

// codeCell is a code span in a table's cell, where a bar ends the cell even in
// code. Readers disagree about a bar after a backslash: it is written as its
// escape.
func codeCell(s string) string {
	return strings.NewReplacer(`\|`, `\u007c`, "|", `\|`).Replace(mdCode(s))
}

// mdFence is a fenced block of lines.
func mdFence(language string, lines []string) string {
	ticks := 2
	for i, line := range lines {
		lines[i] = noComment(singleLine(line))
		ticks = max(ticks, longestTicks(line))
	}
	fence := strings.Repeat("`", ticks+1)
	return fence + language + "\n" + strings.Join(lines, "\n") + "\n" + fence + "\n"
}

// noComment breaks what begins a comment. Values are JSON and addresses are
// quoted as in HCL; to both the escape is the same character.
func noComment(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "<!", `\u003c!`), "-->", `--\u003e`)
}

// singleLine is one line of text without spaces, or the end of a line, at its end.
func singleLine(s string) string {
	return strings.TrimRight(OneLine(strings.ReplaceAll(s, "\r", " ")), " ")
}
