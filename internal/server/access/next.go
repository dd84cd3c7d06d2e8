package access

import (
	"net/url"
	"strings"
)

// longestNext bounds a page to come back to; none of ours is as long.
const longestNext = 2048

// safeNext is the path to go to after login if it is one of ours, with its query,
// and "/" otherwise: never another site, whatever a browser makes of backslashes,
// control characters or two slashes.
func safeNext(next string) string {
	if len(next) > longestNext || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, odd) {
		return "/"
	}
	u, err := url.ParseRequestURI(next)
	if err != nil || u.Host != "" || strings.ContainsFunc(u.Path, odd) || entrance(u.Path) {
		return "/"
	}
	// What a browser would make another site of, once dots are resolved.
	if strings.Contains(u.Path, "//") || strings.Contains(u.Path, "..") {
		return "/"
	}
	return next
}

// odd is what no path of ours has, and browsers make something else of.
func odd(c rune) bool { return c <= ' ' || c == '\\' || c >= 0x7f }

// entrance reports whether a path is one that nobody wants back to.
func entrance(path string) bool {
	return path == "/login" || strings.HasPrefix(path, "/login/") || path == "/logout"
}
