package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
)

// value is a path with its two values, as JSON.
type value struct {
	path           string
	expected, live json.RawMessage
}

// documentDiff compares JSON documents inside strings, such as policies, part
// by part; nil when the change isn't one of two documents.
func documentDiff(c drift.Change) []value {
	before, ok := document(c.Expected)
	after, ok2 := document(c.Actual)
	if !ok || !ok2 {
		return nil
	}
	beforeType, err := ctyjson.ImpliedType(before)
	if err != nil {
		return nil
	}
	afterType, err := ctyjson.ImpliedType(after)
	if err != nil {
		return nil
	}
	a, err := ctyjson.Unmarshal(before, beforeType)
	if err != nil {
		return nil
	}
	b, err := ctyjson.Unmarshal(after, afterType)
	if err != nil {
		return nil
	}
	var parts []value
	for _, path := range drift.Diff(a, b) {
		from, to := drift.ValueAt(a, path), drift.ValueAt(b, path)
		fromJSON, _ := ctyjson.Marshal(from, from.Type())
		toJSON, _ := ctyjson.Marshal(to, to.Type())
		parts = append(parts, value{OneLine(drift.FormatPath(path)), fromJSON, toJSON})
	}
	return parts
}

// document is the JSON object or list that a JSON string holds.
func document(raw json.RawMessage) ([]byte, bool) {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return nil, false
	}
	s = strings.TrimSpace(s)
	return []byte(s), (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) && json.Valid([]byte(s))
}

// What is shown of a value, in characters and in lines.
const (
	oneLine   = 100   // the longest pair of values that is shown as FROM -> TO
	longLine  = 2_000 // what is shown of a line
	mostLines = 400   // what is shown of a value
	foldFrom  = 14    // lines from which a value is folded
	context   = 3     // lines around a changed one
)

// ChangeView is a change as the formats for people tell it.
type ChangeView struct {
	Path      string
	Sensitive bool
	Replaces  bool // putting it back would replace the resource
	Document  bool // the parts are those of a JSON document in a string
	Parts     []PartView
}

// PartView is one place of a change: on one line, or line by line.
type PartView struct {
	Path     string // within the document; "" for the whole value
	From, To string // of a short one
	Lines    []LineView
}

// LineView is a line of a longer value. Its sign is "-" for what was expected,
// "+" for what is there, " " for both, and "." for lines that are left out.
type LineView struct{ Sign, Text string }

// Long reports whether the part is told line by line.
func (p PartView) Long() bool { return len(p.Lines) > 0 }

// Folded reports whether the part is better kept out of the way.
func (p PartView) Folded() bool {
	chars := 0
	for _, l := range p.Lines {
		chars += len(l.Text)
	}
	return len(p.Lines) >= foldFrom || chars > 1_200
}

// Counted says how many lines a longer value lost and gained.
func (p PartView) Counted() string {
	minus, plus := 0, 0
	for _, l := range p.Lines {
		switch l.Sign {
		case "-":
			minus++
		case "+":
			plus++
		}
	}
	return fmt.Sprintf("%s, %d expected, %d actual", count(len(p.Lines), "line"), minus, plus)
}

// viewOf prepares a change for people.
func viewOf(c drift.Change) ChangeView {
	v := ChangeView{Path: OneLine(c.Path), Sensitive: c.Sensitive, Replaces: c.RequiresReplace}
	if c.Sensitive {
		return v
	}
	parts := documentDiff(c)
	v.Document = parts != nil
	if parts == nil {
		parts = []value{{"", c.Expected, c.Actual}}
	}
	for _, part := range parts {
		v.Parts = append(v.Parts, partOf(part))
	}
	return v
}

func partOf(v value) PartView {
	p := PartView{Path: v.path, From: show(v.expected), To: show(v.live)}
	if len(p.From)+len(p.To) <= oneLine && !isText(v.expected) && !isText(v.live) {
		return p
	}
	from, to := linesOf(v.expected), linesOf(v.live)
	if len(from) == 1 && len(to) == 1 {
		from[0], to[0] = apart(from[0], to[0])
	}
	p.Lines = diffLines(from, to)
	if len(p.Lines) > mostLines {
		left := len(p.Lines) - mostLines
		p.Lines = append(p.Lines[:mostLines:mostLines], LineView{".", count(left, "more line") + " in the JSON result"})
	}
	return p
}

// isText reports whether a value is a string of several lines.
func isText(raw json.RawMessage) bool {
	var text string
	return json.Unmarshal(raw, &text) == nil && strings.Contains(strings.TrimSuffix(text, "\n"), "\n")
}

// linesOf spreads a value over lines: a string by its own, anything else as
// indented JSON. That is without the commas at the end of lines, which would
// make a line differ because another one follows it.
func linesOf(raw json.RawMessage) []string {
	if isNothing(raw) {
		return []string{nothing}
	}
	var text string
	comma := ""
	switch {
	case isText(raw):
		_ = json.Unmarshal(raw, &text) // isText has seen that it can be
	default:
		text = string(plain(raw))
		var b bytes.Buffer
		if json.Indent(&b, plain(raw), "", "  ") == nil {
			text, comma = b.String(), ","
		}
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = OneLine(strings.TrimSuffix(line, comma))
	}
	return lines
}

// apart leaves out the beginning that two long lines share, so that what
// differs is seen.
func apart(a, b string) (restA, restB string) {
	const lead, worth = 20, 60
	ra, rb := []rune(a), []rune(b)
	same := 0
	for same < len(ra) && same < len(rb) && ra[same] == rb[same] {
		same++
	}
	if same < worth {
		return a, b
	}
	return "..." + string(ra[same-lead:]), "..." + string(rb[same-lead:])
}

// diffLines compares two texts line by line, with some context around what
// differs.
func diffLines(from, to []string) []LineView {
	head := 0
	for head < len(from) && head < len(to) && from[head] == to[head] {
		head++
	}
	tail := 0
	for tail < len(from)-head && tail < len(to)-head && from[len(from)-1-tail] == to[len(to)-1-tail] {
		tail++
	}
	var lines []LineView
	add := func(sign string, texts []string) {
		for _, text := range texts {
			lines = append(lines, LineView{sign, shorten(text, longLine)})
		}
	}
	add(" ", from[:head])
	lines = append(lines, middle(from[head:len(from)-tail], to[head:len(to)-tail])...)
	add(" ", from[len(from)-tail:])
	return withContext(lines)
}

// middle compares what is left between a common beginning and a common end, by
// the longest common subsequence unless that would take too long.
func middle(from, to []string) []LineView {
	const most = 250_000
	var lines []LineView
	add := func(sign, text string) { lines = append(lines, LineView{sign, shorten(text, longLine)}) }
	if len(from)*len(to) > most {
		for _, text := range from {
			add("-", text)
		}
		for _, text := range to {
			add("+", text)
		}
		return lines
	}
	common := commonLengths(from, to)
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		switch {
		case i < len(from) && j < len(to) && from[i] == to[j]:
			add(" ", from[i])
			i, j = i+1, j+1
		case j == len(to) || i < len(from) && common[i+1][j] >= common[i][j+1]:
			add("-", from[i])
			i++
		default:
			add("+", to[j])
			j++
		}
	}
	return lines
}

// commonLengths holds at [i][j] how many lines from[i:] and to[j:] share.
func commonLengths(from, to []string) [][]int {
	common := make([][]int, len(from)+1)
	for i := range common {
		common[i] = make([]int, len(to)+1)
	}
	for i, a := range slices.Backward(from) {
		for j, b := range slices.Backward(to) {
			if a == b {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}

// withContext leaves out lines that are the same and far from any that is not.
func withContext(lines []LineView) []LineView {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.Sign == " " {
			continue
		}
		for k := max(0, i-context); k <= min(len(lines)-1, i+context); k++ {
			near[k] = true
		}
	}
	var out []LineView
	for i := 0; i < len(lines); {
		if near[i] {
			out = append(out, lines[i])
			i++
			continue
		}
		end := i + max(1, slices.Index(append(slices.Clone(near[i:]), true), true))
		out = append(out, LineView{".", count(end-i, "line") + " the same"})
		i = end
	}
	return out
}

func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + fmt.Sprintf("... (%d more characters)", len(r)-most)
}
