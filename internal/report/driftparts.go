package report

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A drift report is a file that people write in too. What Holdfast writes stands
// between two lines that a reader doesn't see:
//
//	<!-- holdfast:begin status -->
//	<!-- holdfast:end status -->
//
// Such a stretch is a part. All that is outside the parts is people's own and is
// never changed.

// partNames are the parts of a drift report, in their order.
var partNames = []string{
	"header", "overview", "status", "baseline", "open", "method", "resolution", "history", "notes", "next",
}

func beginOf(part string) string { return "<!-- holdfast:begin " + part + " -->" }
func endOf(part string) string   { return "<!-- holdfast:end " + part + " -->" }

// BrokenReportError says where a drift report was broken by hand. Nothing is
// written over such a file.
type BrokenReportError struct {
	Line int // from 1; 0 for the file as a whole
	What string
}

func (e *BrokenReportError) Error() string {
	if e.Line == 0 {
		return e.What
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.What)
}

// piece is a stretch of the file: people's text, or what stands inside a part.
type piece struct {
	part string // "" for people's text
	text []byte // of people's: as it is, with the line's end after it
	line int    // where text starts, from 1
}

// marker is a line that begins or ends a part.
var marker = regexp.MustCompile(`^<!-- holdfast:(begin|end) ([a-z]+) -->$`)

// looksLike finds what was a marker before somebody edited it.
var looksLike = regexp.MustCompile(`(?i)<!-*\s*holdfast\s*:`)

// splitParts cuts a file at its markers. A file without any is people's text as a
// whole.
func splitParts(src []byte) ([]piece, error) {
	var pieces []piece
	inside, from := "", 1 // the part that is open, and the line after its marker
	next := 0             // of partNames
	start := 0
	line, at := 0, 0
	for at < len(src) {
		line++
		end := len(src)
		if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		text := bytes.TrimSpace(src[at:end])
		if at == 0 {
			text = bytes.TrimPrefix(text, []byte(byteOrderMark))
		}
		begins, name, is, err := readMarker(text, line)
		if err != nil {
			return nil, err
		}
		if is {
			if err := fits(begins, name, inside, next, line); err != nil {
				return nil, err
			}
			pieces = append(pieces, piece{inside, src[start:at], from})
			start, from, inside = end, line+1, ""
			if begins {
				inside = name
				next++
			}
			if at == 0 && bytes.HasPrefix(src, []byte(byteOrderMark)) {
				pieces[len(pieces)-1].text = []byte(byteOrderMark)
			}
		}
		at = end
	}
	if inside != "" {
		return nil, &BrokenReportError{from - 1, fmt.Sprintf("the part %q begins here and has no end; put the line %s back after it", inside, endOf(inside))}
	}
	if next > 0 && next < len(partNames) {
		return nil, missing(partNames[next], line)
	}
	return append(pieces, piece{"", src[start:], from}), nil
}

func readMarker(text []byte, line int) (begins bool, name string, is bool, err error) {
	if m := marker.FindSubmatch(text); m != nil {
		name = string(m[2])
		if !slices.Contains(partNames, name) {
			return false, "", false, &BrokenReportError{line, fmt.Sprintf("there is no part %q; the parts are %s", name, strings.Join(partNames, ", "))}
		}
		return string(m[1]) == "begin", name, true, nil
	}
	if looksLike.Match(text) {
		return false, "", false, &BrokenReportError{line, "this line is almost a marker of Holdfast's; write it as " + beginOf("PART") + " or " + endOf("PART") + ", alone on its line"}
	}
	return false, "", false, nil
}

// fits says what is wrong with a marker at its place.
func fits(begins bool, name, inside string, next, line int) error {
	broken := func(format string, args ...any) error {
		return &BrokenReportError{line, fmt.Sprintf(format, args...)}
	}
	switch place := slices.Index(partNames, name); {
	case begins && inside != "":
		return broken("the part %q begins inside the part %q, which has no end before it", name, inside)
	case begins && place < next:
		return broken("the part %q is there twice, or after one that it belongs before; the order is %s", name, strings.Join(partNames, ", "))
	case begins && place > next:
		return missing(partNames[next], line)
	case !begins && inside == "":
		return broken("the part %q ends here but has no beginning; put the line %s back before it", name, beginOf(name))
	case !begins && inside != name:
		return broken("the part %q ends inside the part %q", name, inside)
	}
	return nil
}

func missing(part string, line int) error {
	return &BrokenReportError{line, fmt.Sprintf("the part %q is missing before here; put back the lines %s and %s", part, beginOf(part), endOf(part))}
}

const byteOrderMark = "\ufeff"

// readable refuses files in which text of ours would be nonsense.
func readable(src []byte) error {
	if before, _, zero := bytes.Cut(src, []byte{0}); zero {
		return &BrokenReportError{1 + bytes.Count(before, []byte("\n")), "this is not text as Holdfast writes it (it has a zero byte; is it UTF-16?); save the file as UTF-8, or name another one"}
	}
	return nil
}

// lineEnd is how the file ends its lines: as the first of its markers does, or
// its first line.
func lineEnd(src []byte) string {
	if i := bytes.Index(src, []byte(beginOf(partNames[0]))); i >= 0 {
		src = src[i:]
	}
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// joinParts puts the file together: people's text as it was, and the parts anew.
func joinParts(pieces []piece, parts map[string]string, eol string) []byte {
	var out bytes.Buffer
	for _, p := range pieces {
		if p.part == "" {
			out.Write(p.text)
			continue
		}
		writePart(&out, p.part, parts[p.part], eol)
	}
	return out.Bytes()
}

func writePart(out *bytes.Buffer, part, text, eol string) {
	lines := beginOf(part) + "\n" + strings.TrimRight(text, "\n") + "\n" + endOf(part) + "\n"
	out.WriteString(strings.ReplaceAll(lines, "\n", eol))
}

// newFile is a report of parts alone, an empty line between them.
func newFile(parts map[string]string, eol string) []byte {
	var out bytes.Buffer
	for i, part := range partNames {
		if i > 0 {
			out.WriteString(eol)
		}
		writePart(&out, part, parts[part], eol)
	}
	return out.Bytes()
}
