package alert

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// mostLine bounds a title where its maker didn't.
const mostLine = 200

// cut shortens a line to so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	if most < len("…") {
		return ""
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}

// shorten keeps as many whole lines of a text as have room in so many bytes, with a
// word on how many more there are and where.
func shorten(text string, most int, link string) string {
	if len(text) <= most {
		return text
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	more := func(n int) string {
		if link == "" {
			return fmt.Sprintf("and %d more lines", n)
		}
		return fmt.Sprintf("and %d more lines: %s", n, link)
	}
	room := most - len(more(len(lines)))
	var kept []string
	for _, line := range lines {
		if room -= len(line) + 1; room < 0 {
			break
		}
		kept = append(kept, line)
	}
	if len(kept) == 0 {
		return cut(text, most)
	}
	return strings.Join(append(kept, more(len(lines)-len(kept))), "\n")
}

// plain takes control characters out of a text, but for tabs and new lines.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// asciiMarks are the marks that people write otherwise in ASCII.
var asciiMarks = strings.NewReplacer("–", "-", "—", "-", "…", "...", "“", `"`, "”", `"`, "„", `"`, "‘", "'", "’", "'", "→", "->", "·", "-", "•", "-", "×", "x", "ß", "ss")

// ascii is a text as one line of ASCII, of at most so many characters.
func ascii(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1 // the accent of the letter before
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case r > unicode.MaxASCII:
			return '?'
		}
		return r
	}, norm.NFKD.String(asciiMarks.Replace(text)))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.TrimSpace(text[:most-3]) + "..."
	}
	return text
}
