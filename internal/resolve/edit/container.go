package edit

import (
	"bytes"
	"strings"
)

// container is a list or an object between brackets in some text.
type container struct {
	src         []byte
	open, close int // of the brackets
	items       []span
	commas      bool // items must be parted by commas
	strict      bool // and none may follow the last (JSON)
}

type span struct{ start, end int }

// change is text to put in the place of some bytes.
type change struct {
	start, end int
	text       string
}

// lineBreak is how lines end in a text.
func lineBreak(src []byte) string {
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func lineStart(src []byte, at int) int { return bytes.LastIndexByte(src[:at], '\n') + 1 }

// lineEnd is where the line that at is in ends, before its line break.
func lineEnd(src []byte, at int) int {
	end := len(src)
	if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
		end = at + i
	}
	if end > at && src[end-1] == '\r' {
		end--
	}
	return end
}

// afterLine is where the next line begins.
func afterLine(src []byte, at int) int {
	if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(src)
}

// indentAt is the white space that the line begins with.
func indentAt(src []byte, at int) string {
	start := lineStart(src, at)
	end := start
	for end < len(src) && (src[end] == ' ' || src[end] == '\t') {
		end++
	}
	return string(src[start:end])
}

// indented indents the lines of a text but the first, and ends them as the file
// does.
func indented(text, indent, eol string) string {
	lines := strings.Split(text, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = indent + lines[i]
		}
	}
	return strings.Join(lines, eol)
}

func blank(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// comma is the place after the comma that follows an item on its line.
func (c container) comma(i int) (after int, ok bool) {
	at := c.items[i].end
	for at < c.close && (c.src[at] == ' ' || c.src[at] == '\t') {
		at++
	}
	if at < c.close && c.src[at] == ',' {
		return at + 1, true
	}
	return c.items[i].end, false
}

// insert puts an item after another; n is how many are before it. render is
// given the indentation of its line.
func (c container) insert(n int, render func(indent string) string) []change {
	switch {
	case n >= len(c.items):
		return c.append(render)
	case n == 0:
		start := c.items[0].start
		indent, text := indentAt(c.src, start), render(indentAt(c.src, start))+","
		if blank(c.src[lineStart(c.src, start):start]) {
			return []change{{start, start, text + lineBreak(c.src) + indent}}
		}
		return []change{{start, start, text + " "}}
	}
	after, _ := c.comma(n - 1)
	indent, end := indentAt(c.src, c.items[n-1].start), lineEnd(c.src, after)
	if c.items[n].start < end {
		return []change{{after, after, " " + render(indent) + ","}}
	}
	return []change{{end, end, lineBreak(c.src) + indent + render(indent) + ","}}
}

// append adds an item at the end.
func (c container) append(render func(indent string) string) []change {
	eol := lineBreak(c.src)
	if len(c.items) == 0 {
		return c.first(render, eol)
	}
	last := len(c.items) - 1
	indent := indentAt(c.src, c.items[last].start)
	after, hasComma := c.comma(last)
	if bytes.IndexByte(c.src[after:c.close], '\n') < 0 { // the bracket is on the same line
		if hasComma {
			return []change{{after, after, " " + render(indent)}}
		}
		return []change{{after, after, ", " + render(indent)}}
	}
	var changes []change
	_, commasUsed := c.comma(0)
	if !hasComma && (c.commas || len(c.items) > 1 && commasUsed) {
		changes = append(changes, change{after, after, ","})
	}
	text := eol + indent + render(indent)
	if hasComma && !c.strict {
		text += ","
	}
	end := lineEnd(c.src, after)
	return append(changes, change{end, end, text})
}

// first puts the first item between the brackets.
func (c container) first(render func(string) string, eol string) []change {
	indent := indentAt(c.src, c.open)
	switch {
	case !blank(c.src[c.open+1 : c.close]): // a comment
		if bytes.IndexByte(c.src[c.open+1:c.close], '\n') < 0 {
			return []change{{c.close, c.close, " " + render(indent) + " "}}
		}
		at := lineStart(c.src, c.close)
		text := indent + "  " + render(indent+"  ")
		if c.commas && !c.strict {
			text += ","
		}
		return []change{{at, at, text + eol}}
	case c.commas && c.src[c.open] == '[':
		return []change{{c.open + 1, c.close, render(indent)}}
	}
	return []change{{c.open + 1, c.close, eol + indent + "  " + render(indent+"  ") + eol + indent}}
}

// remove takes an item out: whole lines where it has them for itself, with the
// comment that ends the last of them.
func (c container) remove(i int) []change {
	item := c.items[i]
	if len(c.items) == 1 && !bytes.ContainsAny(c.src[c.open+1:item.start], "#/") && !bytes.ContainsAny(c.src[item.end:c.close], "#/") {
		return []change{{c.open + 1, c.close, ""}}
	}
	var changes []change
	last := i == len(c.items)-1
	if last && i > 0 && c.strict {
		after, _ := c.comma(i - 1)
		changes = append(changes, change{c.items[i-1].end, after, ""})
	}
	after, _ := c.comma(i)
	start, end := lineStart(c.src, item.start), lineEnd(c.src, after)
	nextInLine := !last && c.items[i+1].start < end || c.close < end
	if blank(c.src[start:item.start]) && !nextInLine {
		return append(changes, change{start, afterLine(c.src, after), ""})
	}
	switch {
	case !last:
		return append(changes, change{item.start, c.items[i+1].start, ""})
	case i > 0 && c.strict:
		return append(changes, change{max(item.start, changes[0].end), item.end, ""})
	case i > 0:
		return append(changes, change{c.items[i-1].end, item.end, ""})
	}
	return append(changes, change{item.start, after, ""})
}
