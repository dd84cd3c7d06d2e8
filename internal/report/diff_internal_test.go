package report

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestDiffLines is the law of a diff: without what is new it is the old text,
// without what is old the new one, and lines that are left out are the same.
func TestDiffLines(t *testing.T) {
	t.Parallel()
	line := rapid.SampledFrom([]string{"a", "b", "c", "", "a b"})
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.SliceOfN(line, 0, 30).Draw(t, "from"), rapid.SliceOfN(line, 0, 30).Draw(t, "to")
		if rapid.Bool().Draw(t, "alike") {
			to = slices.Concat(from, to, from)
		}
		lines := middle(from, to)
		side := func(sign string) (texts []string) {
			for _, l := range lines {
				if l.Sign == " " || l.Sign == sign {
					texts = append(texts, l.Text)
				}
			}
			return texts
		}
		if got := side("-"); !slices.Equal(got, from) {
			t.Fatalf("old: %q", got)
		}
		if got := side("+"); !slices.Equal(got, to) {
			t.Fatalf("new: %q", got)
		}
		changed := func(lines []LineView) (out []LineView) {
			for _, l := range lines {
				if l.Sign == "-" || l.Sign == "+" {
					out = append(out, l)
				}
			}
			return out
		}
		short := withContext(lines)
		if !slices.Equal(changed(short), changed(lines)) {
			t.Fatalf("with context: %v, without: %v", short, lines)
		}
	})
}

func TestApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	a, b := apart(long+"1", long+"2")
	if a != "..."+strings.Repeat("x", 20)+"1" || b != "..."+strings.Repeat("x", 20)+"2" {
		t.Errorf("%q and %q", a, b)
	}
	if a, b := apart("ab", "ac"); a != "ab" || b != "ac" {
		t.Errorf("%q and %q", a, b)
	}
}
