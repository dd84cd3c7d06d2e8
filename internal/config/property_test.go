package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"
)

// expressions makes expressions over the variables a, b and c, and the names
// that are bound around them.
func expressions(depth int, names []string) *rapid.Generator[string] {
	if depth == 0 {
		leaves := []string{`1`, `0`, `2`, `"x"`, `""`, `true`, `false`, `null`, `[]`, `{}`, `["a", "b"]`, `{ k = "v", l = 2 }`, `var.a`, `var.b`, `var.c`}
		return rapid.SampledFrom(append(leaves, names...))
	}
	inner := func(names []string) *rapid.Generator[string] { return expressions(depth-1, names) }
	return rapid.Custom(func(t *rapid.T) string {
		e := func(label string) string { return inner(names).Draw(t, label) }
		switch rapid.IntRange(0, 22).Draw(t, "kind") {
		case 0:
			return fmt.Sprintf("[%s, %s]", e("x"), e("y"))
		case 1:
			return fmt.Sprintf("{ p = %s, q = %s }", e("x"), e("y"))
		case 2:
			return fmt.Sprintf("{ (%s) = %s }", e("x"), e("y"))
		case 3:
			// Text on both sides: see the comment on scope.value.
			return fmt.Sprintf("(%s ? \"${%s}\" : \"<${%s}>\")", e("x"), e("y"), e("z"))
		case 4:
			op := rapid.SampledFrom([]string{"+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"}).Draw(t, "op")
			return fmt.Sprintf("(%s %s %s)", e("x"), op, e("y"))
		case 5:
			return fmt.Sprintf("\"${%s}-${%s}\"", e("x"), e("y"))
		case 6:
			return fmt.Sprintf("\"%%{ if %s }y%%{ else }${%s}%%{ endif }\"", e("x"), e("y"))
		case 7:
			return fmt.Sprintf("[for v in %s : %s]", e("x"), inner(append([]string{"v"}, names...)).Draw(t, "y"))
		case 8:
			bound := append([]string{"k", "w"}, names...)
			return fmt.Sprintf("{ for k, w in %s : k => %s if %s }", e("x"), inner(bound).Draw(t, "y"), inner(bound).Draw(t, "z"))
		case 9: // what is tried is simple: a part that the result leaves out may fail, too
			return fmt.Sprintf("try(%s.k, %s)", expressions(0, names).Draw(t, "x"), e("y"))
		case 10:
			return fmt.Sprintf("can(%s.k[0])", expressions(0, names).Draw(t, "x"))
		case 11:
			return fmt.Sprintf("%s[*]", e("x"))
		case 12:
			return fmt.Sprintf("try(%s[0], [%s, %s])", expressions(0, names).Draw(t, "x"), e("y"), e("z"))
		case 13:
			return fmt.Sprintf("merge(%s, %s)", e("x"), e("y"))
		case 14:
			return fmt.Sprintf("concat(%s, %s)", e("x"), e("y"))
		case 15:
			return fmt.Sprintf("lookup(%s, \"k\", %s)", e("x"), e("y"))
		case 16:
			return fmt.Sprintf("coalesce(\"${%s}\", \"<${%s}>\")", e("x"), e("y"))
		case 17:
			name := rapid.SampledFrom([]string{"length", "keys", "values", "jsonencode", "tostring", "one", "compact", "upper", "!", "-"}).Draw(t, "f")
			return fmt.Sprintf("%s(%s)", name, e("x"))
		case 18:
			return fmt.Sprintf("%s[%s]", e("x"), e("y"))
		case 19:
			return fmt.Sprintf("contains(%s, %s)", e("x"), e("y"))
		case 21:
			name := rapid.SampledFrom([]string{"toset", "tolist"}).Draw(t, "f")
			return fmt.Sprintf("%s([\"${%s}\", \"<${%s}>\"])", name, e("x"), e("y")) // see scope.value again
		case 20:
			return fmt.Sprintf("element(%s, %s)", e("x"), e("y"))
		}
		return inner(names).Draw(t, "x")
	})
}

// What is known although something that it depends on is not stays the same
// whatever that turns out to be; and what is sensitive once it is known was
// hidden before.
func TestNeverGuesses(t *testing.T) {
	t.Parallel()
	values := []string{`null`, `0`, `2`, `"x"`, `"k"`, `""`, `true`, `[]`, `["a"]`, `["a", null]`, `{}`, `{ k = "v" }`, `{ k = null, l = [1] }`, `toset(["a"])`}
	tree := load(t, "variable \"a\" {}\nvariable \"b\" { sensitive = true }\nvariable \"c\" { default = [\"c\"] }")
	with := func(a, b string) *Evaluator {
		vars := map[string]Assigned{}
		for name, text := range map[string]string{"a": a, "b": b} {
			if text != "" {
				vars[name] = Assigned{expr: hcl.StaticExpr(object(t, text), hcl.Range{}), from: "test"}
			}
		}
		return NewEvaluator(tree, Inputs{Variables: vars, Values: objects{}})
	}
	var known []*Evaluator
	for i, a := range values {
		known = append(known, with(a, values[(i+5)%len(values)]), with(a, values[(i+8)%len(values)]))
	}
	rapid.Check(t, func(t *rapid.T) {
		text := expressions(3, nil).Draw(t, "expression")
		expr, diags := hclsyntax.ParseExpression([]byte(text), "expr", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		prepare(expr)
		before, problems := with("", "").root.value(expr, repetition{}, nil)
		if strings.Contains(texts(problems), "mistake of Holdfast's") {
			t.Fatalf("%s: %s", text, texts(problems))
		}
		for _, e := range known {
			after, problems := e.root.value(expr, repetition{}, nil)
			if len(problems) > 0 {
				continue // Terraform would have failed
			}
			compareKnown(t, text, before, after)
		}
	})
}

// compareKnown compares an evaluation with unknown values with one without.
func compareKnown(t *rapid.T, text string, before, after cty.Value) {
	hidden := before.HasMark(Sensitive)
	if !before.IsKnown() {
		if _, marks := after.UnmarkDeep(); len(marks) > 0 && !hidden {
			t.Fatalf("%s\n was  %s\n then %s: sensitive, and not hidden before", text, show(before), show(after))
		}
		return
	}
	before, _ = before.Unmark()
	after, _ = after.Unmark()
	if before.IsWhollyKnown() {
		before, _ = before.UnmarkDeep()
		after, _ = after.UnmarkDeep()
		if show(before) != show(after) {
			t.Fatalf("%s\n was  %s\n then %s", text, show(before), show(after))
		}
		return
	}
	if before.IsNull() != after.IsNull() || before.CanIterateElements() != after.CanIterateElements() {
		t.Fatalf("%s\n was  %s\n then %s", text, show(before), show(after))
	}
	if before.Type().IsSetType() || !before.CanIterateElements() {
		return
	}
	was, is := before.AsValueSlice(), after.AsValueSlice()
	if len(was) != len(is) {
		t.Fatalf("%s\n was  %s\n then %s", text, show(before), show(after))
	}
	for i := range was {
		compareKnown(t, text, was[i], is[i])
	}
}
