package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"pgregory.net/rapid"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// numbers are what every format of a run has to tell, read back out of it.
type numbers struct {
	Stacks, Clean, Drifted, Incomplete, Errored int
	Findings, Waived, Ignored, Pending, Errors  int
}

func numbersOf(run drift.Run) numbers {
	s := run.Summary
	n := numbers{s.Stacks, s.Clean, s.Drifted, s.Incomplete, s.Errored, s.Findings, s.Waived, 0, s.Pending, 0}
	for _, stack := range run.Stacks {
		n.Errors += len(stack.Errors)
		for _, f := range stack.Findings {
			if f.Status == drift.Ignored {
				n.Ignored++
			}
		}
	}
	return n
}

var actorOf = regexp.MustCompile(`^actor[0-9]{6}`)

// searched is what a page has for its search alone.
var searched = regexp.MustCompile(` data-search="[^"]*"`)

// tellsCauses sees that a format tells the actor of each finding.
func tellsCauses(t *rapid.T, format, out string, run drift.Run) {
	out = searched.ReplaceAllString(out, "")
	for _, s := range run.Stacks {
		for _, f := range s.Findings {
			if f.Cause != nil && !strings.Contains(out, actorOf.FindString(f.Cause.Actor)) {
				t.Errorf("%s: nothing of %q, who changed %q", format, f.Cause.Actor, f.Address)
			}
		}
	}
}

// TestNumbers is the law of the formats: whatever a run holds, all of them tell
// the same numbers, and no string of it becomes more than text.
func TestNumbers(t *testing.T) {
	t.Parallel()
	schema := sarifSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		run, o := anyRun(t)
		want := numbersOf(run)
		for format, read := range readers {
			var out bytes.Buffer
			if err := report.Write(&out, format, run, o); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if format != "json" && !utf8.Valid(out.Bytes()) {
				t.Errorf("%s: it is not UTF-8", format)
			}
			if format != "json" { // which programs read
				harmless(t, format, out.String())
			}
			tellsCauses(t, format, out.String(), run)
			got, err := read(out.Bytes())
			if err != nil {
				t.Fatalf("%s: %v in\n%s", format, err, out.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s (-run +format):\n%s\n%s", format, diff, out.String())
			}
			if format == "sarif" {
				v := map[string]any{}
				if err := json.Unmarshal(out.Bytes(), &v); err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(any(v)); err != nil {
					t.Fatalf("sarif: %v", err)
				}
			}
		}
	})
}

// TestOneFindingHostile: what is shown of one finding, and its line in the history,
// name its actor, and hold nothing that a terminal would obey.
func TestOneFindingHostile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		run, _ := anyRun(t)
		for _, s := range run.Stacks {
			for _, f := range s.Findings {
				e := shown(f)
				one := drift.Run{Stacks: []drift.Stack{{Findings: []drift.Finding{f}}}}
				var show, history bytes.Buffer
				if err := errors.Join(
					report.Show(&show, e, nil, report.ShowOptions{Full: rapid.Bool().Draw(t, "full")}),
					report.HistoryTable(&history, drift.History{Episodes: []drift.Episode{e}}, report.TableOptions{}),
				); err != nil {
					t.Fatal(err)
				}
				harmless(t, "show", show.String())
				tellsCauses(t, "show", show.String(), one)
				harmless(t, "history", history.String())
				if f.Cause != nil && f.Cause.Automation == "" {
					tellsCauses(t, "history", history.String(), one)
				}
			}
		}
	})
}

// harmless looks for what no text format may hold: controls of terminals and of
// the direction of writing.
func harmless(t *rapid.T, format, out string) {
	for _, r := range out {
		control := r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0
		turns := r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		if control || turns {
			t.Fatalf("%s: U+%04X got through", format, r)
		}
	}
}

var readers = map[string]func([]byte) (numbers, error){
	"table": readTable, "json": readJSON, "markdown": readMarkdown, "html": readHTML, "sarif": readSARIF, "junit": readJUnit,
}

// readTable reads the closing line.
func readTable(out []byte) (n numbers, err error) {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := map[string]*int{
		"stack": &n.Stacks, "clean": &n.Clean, "drifted": &n.Drifted, "incomplete": &n.Incomplete, "not checked": &n.Errored,
		"finding": &n.Findings, "waived": &n.Waived, "ignored": &n.Ignored, "pending": &n.Pending, "error": &n.Errors,
	}
	for _, m := range regexp.MustCompile(`(\d+) (not checked|[a-z]+)`).FindAllStringSubmatch(lines[len(lines)-1], -1) {
		word := m[2]
		if fields[word] == nil {
			word = strings.TrimSuffix(word, "s")
		}
		if field := fields[word]; field != nil {
			*field, err = strconv.Atoi(m[1])
		} else if word != "resource" {
			return n, fmt.Errorf("what is %q?", word)
		}
	}
	return n, err
}

// readJSON counts what is there, and holds it against the summary.
func readJSON(out []byte) (numbers, error) {
	var run drift.Run
	if err := json.Unmarshal(out, &run); err != nil {
		return numbers{}, err
	}
	if diff := cmp.Diff(drift.Summarize(run.Stacks), run.Summary); diff != "" {
		return numbers{}, fmt.Errorf("the summary is not that of the stacks: %s", diff)
	}
	return numbersOf(run), nil
}

func readSARIF(out []byte) (n numbers, err error) {
	var log struct {
		Runs []struct {
			Invocations []struct {
				Notifications []struct{ Descriptor struct{ ID string } } `json:"toolExecutionNotifications"`
			}
			Results []struct {
				Suppressions []any
				Properties   struct{ Status string }
			}
			Properties struct{ Stacks []struct{ Status string } }
		}
	}
	if err := json.Unmarshal(out, &log); err != nil {
		return n, err
	}
	run := log.Runs[0]
	for _, r := range run.Results {
		switch {
		case (len(r.Suppressions) > 0) != (r.Properties.Status != "open"):
			return n, fmt.Errorf("a result is %s and has %d suppressions", r.Properties.Status, len(r.Suppressions))
		case r.Properties.Status == "open":
			n.Findings++
		case r.Properties.Status == "waived":
			n.Waived++
		default:
			n.Ignored++
		}
	}
	for _, notice := range run.Invocations[0].Notifications {
		switch notice.Descriptor.ID {
		case "not-checked":
			n.Errors++
		case "pending":
			n.Pending++
		}
	}
	for _, s := range run.Properties.Stacks {
		n.add(s.Status)
	}
	return n, nil
}

func (n *numbers) add(status string) {
	n.Stacks++
	switch drift.Status(status) {
	case drift.StatusClean:
		n.Clean++
	case drift.StatusDrifted:
		n.Drifted++
	case drift.StatusIncomplete:
		n.Incomplete++
	case drift.StatusError:
		n.Errored++
	}
}

type readCase struct {
	Name    string `xml:"name,attr"`
	Failure *struct{}
	Error   *struct {
		Type string `xml:"type,attr"`
	}
	Skipped *struct {
		Message string `xml:"message,attr"`
	}
}

func readJUnit(out []byte) (n numbers, err error) {
	var all struct {
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Tests    int `xml:"tests,attr"`
		Suites   []struct {
			Properties []struct {
				Name  string `xml:"name,attr"`
				Value string `xml:"value,attr"`
			} `xml:"properties>property"`
			Cases []readCase `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(lowered(out), &all); err != nil {
		return n, err
	}
	tests, integrity := 0, 0
	for _, suite := range all.Suites {
		for _, p := range suite.Properties {
			if p.Name == "status" {
				n.add(p.Value)
			}
		}
		for _, c := range suite.Cases {
			tests++
			switch {
			case c.Failure != nil:
				n.Findings++
			case c.Error != nil && c.Error.Type == "integrity":
				integrity++
			case c.Error != nil:
				n.Errors++
			case c.Skipped != nil && strings.HasPrefix(c.Name, "pending: "):
				n.Pending++
			case c.Skipped != nil && strings.HasPrefix(c.Skipped.Message, "waived"):
				n.Waived++
			case c.Skipped != nil && strings.HasPrefix(c.Skipped.Message, "ignored"):
				n.Ignored++
			}
		}
	}
	if all.Failures != n.Findings || all.Errors != n.Errors+integrity || all.Tests != tests {
		return n, fmt.Errorf("the totals say %d failures, %d errors, %d tests", all.Failures, all.Errors, all.Tests)
	}
	return n, nil
}

// lowered is XML with the names of outcomes as readCase has them.
func lowered(out []byte) []byte {
	for _, name := range []string{"Failure", "Error", "Skipped"} {
		out = bytes.ReplaceAll(out, []byte("<"+strings.ToLower(name)+" "), []byte("<"+name+" "))
		out = bytes.ReplaceAll(out, []byte("</"+strings.ToLower(name)+">"), []byte("</"+name+">"))
	}
	return out
}

// readMarkdown reads the first table, and sees that nothing but ours is HTML, a
// link or a picture, and that every row has the cells of its head.
func readMarkdown(out []byte) (n numbers, err error) {
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	doc := md.Parser().Parse(text.NewReader(out))
	tables := 0
	err = ast.Walk(doc, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *extast.Table:
			tables++
			if err := sound(node); err != nil {
				return ast.WalkStop, err
			}
			if tables == 1 {
				return ast.WalkContinue, n.fromRow(node.LastChild(), out)
			}
		case *ast.HTMLBlock, *ast.RawHTML:
			if err := ours(node, out); err != nil {
				return ast.WalkStop, err
			}
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.Blockquote, *extast.Strikethrough, *ast.ThematicBreak:
			return ast.WalkStop, fmt.Errorf("a %s came out of a string: %s", node.Kind(), node.Parent().Text(out)) //nolint:staticcheck // good enough for a message
		}
		return ast.WalkContinue, nil
	})
	return n, err
}

// sound sees that no cell of a table broke it.
func sound(table *extast.Table) error {
	want := table.FirstChild().ChildCount()
	for row := table.FirstChild(); row != nil; row = row.NextSibling() {
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			want--
		}
		if want != 0 {
			return fmt.Errorf("a row of the table has other cells than its head")
		}
		want = table.FirstChild().ChildCount()
	}
	return nil
}

func (n *numbers) fromRow(row ast.Node, src []byte) (err error) {
	resources := 0
	fields := []*int{&n.Stacks, &n.Clean, &n.Drifted, &n.Incomplete, &n.Errored, &resources, &n.Findings, &n.Waived, &n.Ignored, &n.Pending, &n.Errors}
	cell := row.FirstChild()
	for _, field := range fields {
		if *field, err = strconv.Atoi(strings.Trim(string(cell.Text(src)), "*")); err != nil { //nolint:staticcheck // a number is all there is
			return err
		}
		cell = cell.NextSibling()
	}
	return nil
}

// ourHTML are the lines and tags of HTML that the Markdown consists of.
var ourHTML = regexp.MustCompile(`^(<details><summary><code>[^<>]*</code> [a-z, ]+</summary>|</details>|</?sub>|</?code>)$`)

func ours(node ast.Node, src []byte) error {
	var parts []string
	switch node := node.(type) {
	case *ast.RawHTML:
		for i := range node.Segments.Len() {
			at := node.Segments.At(i)
			parts = append(parts, string(at.Value(src)))
		}
	case *ast.HTMLBlock:
		for i := range node.Lines().Len() {
			at := node.Lines().At(i)
			parts = append(parts, string(at.Value(src)))
		}
	}
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" || strings.HasPrefix(part, "<sub>Checked by Holdfast") {
			continue
		}
		if !ourHTML.MatchString(part) {
			return fmt.Errorf("HTML that is not ours: %q", part)
		}
	}
	return nil
}

// readHTML reads the numbers out of the page, and sees that it has no element
// and no attribute but those of the template.
func readHTML(out []byte) (n numbers, err error) {
	doc, err := html.Parse(bytes.NewReader(out))
	if err != nil {
		return n, err
	}
	fields := map[string]*int{
		"stacks": &n.Stacks, "clean": &n.Clean, "drifted": &n.Drifted, "incomplete": &n.Incomplete, "error": &n.Errored,
		"findings": &n.Findings, "waived": &n.Waived, "ignored": &n.Ignored, "pending": &n.Pending, "errors": &n.Errors,
	}
	shown := map[string]int{}
	scripts := 0
	for node := range doc.Descendants() {
		if node.Type == html.CommentNode {
			return n, fmt.Errorf("a comment: %q", node.Data)
		}
		if node.Type != html.ElementNode {
			continue
		}
		if !templateHas(node.Data) {
			return n, fmt.Errorf("an element <%s> that the template doesn't have", node.Data)
		}
		if node.DataAtom == atom.Script {
			scripts++
		}
		for _, a := range node.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || !templateHas(a.Key):
				return n, fmt.Errorf("an attribute %s=%q", a.Key, a.Val)
			case a.Key == "href" && !strings.HasPrefix(a.Val, "#stack-") && a.Val != "data:,":
				return n, fmt.Errorf("a link to %q", a.Val)
			case a.Key == "data-total":
				if *fields[a.Val], err = strconv.Atoi(node.FirstChild.Data); err != nil {
					return n, err
				}
			case a.Key == "class" && a.Val == "finding":
				shown[attribute(node, "data-status")]++
			}
		}
	}
	if scripts > 1 {
		return n, fmt.Errorf("%d scripts", scripts)
	}
	if shown["open"] != n.Findings || shown["waived"] != n.Waived || shown["ignored"] != n.Ignored {
		return n, fmt.Errorf("findings shown: %v", shown)
	}
	return n, nil
}

func attribute(node *html.Node, key string) string {
	for _, a := range node.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// templateHas reports whether a page of no strings at all has an element or an
// attribute of that name.
func templateHas(name string) bool { return ourNames[strings.ToLower(name)] }

var ourNames = func() map[string]bool {
	names := map[string]bool{}
	run, o := rich()
	var out bytes.Buffer
	if err := report.HTML(&out, run, o); err != nil {
		panic(err)
	}
	doc, err := html.Parse(&out)
	if err != nil {
		panic(err)
	}
	for node := range doc.Descendants() {
		if node.Type != html.ElementNode {
			continue
		}
		names[strings.ToLower(node.Data)] = true
		for _, a := range node.Attr {
			names[strings.ToLower(a.Key)] = true
		}
	}
	return names
}()
