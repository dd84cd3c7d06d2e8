package alert

import (
	"net/url"
	"strings"
)

// Text from the outside stands in code spans alone: there it is no Markdown, no HTML
// and no mention of somebody. It can't end its span or its cell, and begins no comment,
// as which our markers are hidden.
// https://github.github.com/gfm/#code-spans and #tables-extension-

// codeSpan is a code span outside tables. Its fence is longer than what the text has
// of it.
func codeSpan(s string) string {
	s = strings.NewReplacer("<!", `\u003c!`, "-->", `--\u003e`).Replace(tidy(s))
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// codeCell is a code span in a cell of a table, which a bar would end. Readers disagree
// about a bar after a backslash.
func codeCell(s string) string {
	return strings.NewReplacer(`\|`, `\u007c`, "|", `\|`).Replace(codeSpan(s))
}

// mdLink is a link to one of our pages, "" where there is none.
func mdLink(text, link string) string {
	if link = webLink(link); link == "" {
		return ""
	}
	return "[" + text + "](<" + link + ">)"
}

// webLink is a link as it can stand in any markup; "" for what is none to the web.
func webLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", `"`, "%22", " ", "%20", "\\", "%5C", "`", "%60").Replace(u.String())
}
