package alert

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a line of it\n", 10)
	for _, c := range []struct {
		most       int
		link, want string
	}{
		{130, "https://x", text},
		{55, "https://x", "a line of it\na line of it\nand 8 more lines: https://x"},
		{43, "", "a line of it\na line of it\nand 8 more lines"},
		{30, "https://x", "a line of it\na line of it\na…"},
		{10, "", "a line …"},
		{2, "", ""},
	} {
		got := shorten(text, c.most, c.link)
		if got != c.want || len(got) > c.most {
			t.Errorf("%d: %q, want %q", c.most, got, c.want)
		}
	}
}

// Whatever a text is, it fits where it is to go.
func TestTextLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab \n\r\t\x00\x1bé日…–\u0301\u202e\"\\<&"))).Draw(t, "text")
		most := rapid.IntRange(0, 60).Draw(t, "most")
		for name, got := range map[string]string{"cut": cut(text, most), "shorten": shorten(text, most, ""), "with a link": shorten(text, most, "https://x")} {
			if len(got) > most || !utf8.ValidString(got) {
				t.Errorf("%s: %q of %d bytes", name, got, most)
			}
		}
		if got := ascii(text, most+3); len(got) > most+3 || strings.TrimSpace(got) != got || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("ascii: %q", got)
		}
		if got := oneLine(text); strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("a line: %q", got)
		}
	})
}

func TestHideText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, secret, want string }{
		{"a s3cret b", "s3cret", "a *** b"},
		{"a%20s3cret%2Fx b", "a s3cret/x", "*** b"},
		{"a+s3cret%2Fx b", "a s3cret/x", "*** b"},
		{`{"k":"q\"s3cret"}`, `q"s3cret`, `{"k":"***"}`},
		{"auth czNjcmV0", "s3cret", "auth ***"},
		{"nothing", "", "nothing"},
	} {
		if got := hideText(c.text, []string{c.secret}); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if got := hideText("abcdef", []string{"abc", "abcdef"}); got != "***" {
		t.Errorf("a secret within a secret leaves %q", got)
	}
}
