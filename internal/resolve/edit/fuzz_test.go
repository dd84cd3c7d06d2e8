package edit

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

var seeds = []string{
	"", "a", "${", "%{", "$${x}", "%%{if}", "\"", "\\", "\n", "a\nb\n", "\r\n", "EOT", "EOT\n", "  EOT\n", "é", "e\u0301", "\u2028", "\x00",
	"{\"a\":[1,2,{\"b\":null}]}", "[1, 2]\n", "${jsonencode(1)}", "  two\n    four\n", "\t\n", "#", "/*", "<<EOT",
}

// FuzzTexts writes any text in the place of any other, in every way that a text
// is written. Law: what is written says the text, or nothing is written.
func FuzzTexts(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+7)%len(seeds)])
	}
	f.Fuzz(func(t *testing.T, old, text string) {
		if !utf8.ValidString(old) || !utf8.ValidString(text) {
			return // state and source are UTF-8
		}
		want := cty.StringVal(text)
		for _, raw := range []string{
			literalText(cty.StringVal(old), "  ", "\n"),
			"<<EOT\n" + escapeTemplate(old) + "\nEOT",
			"<<-EOT\n    " + strings.ReplaceAll(escapeTemplate(old), "\n", "\n    ") + "\n  EOT",
		} {
			src := []byte("a = " + raw + "\n")
			expr, was, ok := attributeIn(src)
			if !ok {
				continue // the old text can't be written so
			}
			written, ok := replaceText(src, expr, want, was)
			if !ok {
				t.Errorf("%q can't be written in the place of %s", text, raw)
				continue
			}
			r := expr.Range()
			edited := append(append(append([]byte(nil), src[:r.Start.Byte]...), written...), src[r.End.Byte:]...)
			if _, now, ok := attributeIn(edited); !ok || !agree(now, want) {
				t.Errorf("%q in the place of %s is written\n%s", text, raw, edited)
			}
		}
	})
}

func attributeIn(src []byte) (hclsyntax.Expression, cty.Value, bool) {
	file, diags := hclsyntax.ParseConfig(src, "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, absent, false
	}
	attr := file.Body.(*hclsyntax.Body).Attributes["a"]
	if attr == nil {
		return nil, absent, false
	}
	v, diags := attr.Expr.Value(nil)
	return attr.Expr, v, !diags.HasErrors() && v.Type() == cty.String
}

// FuzzTemplates changes the text between references. Law: the template says what
// is wanted, or is left alone.
func FuzzTemplates(f *testing.F) {
	for i, s := range seeds {
		f.Add(s, seeds[(i+3)%len(seeds)], seeds[(i+5)%len(seeds)], i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, head, tail, want string, heredoc bool) {
		if !utf8.ValidString(head) || !utf8.ValidString(tail) || !utf8.ValidString(want) || strings.Contains(head+tail, "EOT") {
			return // not this law's
		}
		src := "a = \"" + quotedText(head) + "${x}" + quotedText(tail) + "\"\n"
		if heredoc {
			src = "a = <<-EOT\n    " + strings.ReplaceAll(escapeTemplate(head)+"${x}"+escapeTemplate(tail), "\n", "\n    ") + "\n  EOT\n"
		}
		ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"x": cty.StringVal("X")}}
		file, diags := hclsyntax.ParseConfig([]byte(src), "", hcl.InitialPos)
		if diags.HasErrors() {
			return // not this law's
		}
		expr, ok := file.Body.(*hclsyntax.Body).Attributes["a"].Expr.(*hclsyntax.TemplateExpr)
		if !ok {
			return
		}
		var parts []string
		for _, part := range expr.Parts {
			v, _ := part.Value(ctx)
			parts = append(parts, v.AsString())
		}
		for _, goal := range []string{want, strings.Join(parts, "") + want, want + strings.Join(parts, "")} {
			changes, ok := templateChanges([]byte(src), expr, parts, goal)
			if !ok {
				continue
			}
			edited := changed([]byte(src), changes)
			now, diags := hclsyntax.ParseConfig(edited, "", hcl.InitialPos)
			if diags.HasErrors() {
				continue // the edit is proven afterwards, and refused
			}
			if v, diags := now.Body.(*hclsyntax.Body).Attributes["a"].Expr.Value(ctx); !diags.HasErrors() && !heredoc && v.AsString() != cty.StringVal(goal).AsString() {
				t.Errorf("%s\nsays %q, want %q", edited, v.AsString(), goal)
			}
		}
	})
}

// FuzzDocuments changes one JSON document into another. Law: it is JSON that says
// the other, and a document that says so already is left as it is.
func FuzzDocuments(f *testing.F) {
	f.Add(`{"a": 1, "b": [1, {"c": null}]}`, `{"b":[{"c":2}],"d":"${x}"}`)
	f.Add("{\n  \"a\": [\n    1,\n    2\n  ]\n}\n", `{"a":[2,3,4]}`)
	f.Add(`[]`, `[[],{}]`)
	f.Add(`{"a":"\u00e9\"\\"}`, `{"a":"é\"\\","A":1e3}`)
	f.Fuzz(func(t *testing.T, text, other string) {
		want, ok := document(other)
		have, ok2 := document(text)
		if !ok || !ok2 || len(text)+len(other) > 2000 {
			return // no documents
		}
		if same(have, want) {
			if got, ok := editDocument(text, want); ok && got != text {
				t.Errorf("%s was changed to %s", text, got)
			}
			return
		}
		got, ok := editDocument(text, want)
		if !ok {
			return
		}
		if now, ok := document(got); !ok || !same(now, want) {
			t.Errorf("%s to %s gives %s", text, other, got)
		}
	})
}
