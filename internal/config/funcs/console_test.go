package funcs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// knownDifferences are the expressions where we don't do as Terraform 1.11.4
// does, and why. The test fails if one of them no longer differs.
var knownDifferences = map[string]string{
	`signum(0.5)`:                     "newer versions of cty take any number",
	`element(["a", "b", "c"], -1)`:    "newer versions of cty count from the end",
	`indent(-1, "a\nb")`:              "panics inside cty: we don't know rather than fail",
	`cidrsubnet("10.0.0.0/8", 8, -1)`: "newer versions of go-cidr refuse a negative subnet; the old ones leave the prefix",
	`contains([null], null)`:          "newer versions of cty look for null",
	`yamldecode("a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: [*a, *b]")`: "newer versions of go-cty-yaml merge lists",
	`templatefile("outer.tmpl", { name = "x" })`:                   "OpenTofu lets templates render each other",
	`templatestring("Hello, $${name}!", { name = "x" })`:           "OpenTofu takes any expression for the template",
	`templatestring(local.readsfile, {})`:                          "OpenTofu lets such a template read files",
	`fileset(".", "[!h]*.txt")`:                                    "isDisputed",
	`fileset(".", "{h,{c,e}}*.txt")`:                               "isDisputed",
	`fileset(".", "{}hello.txt")`:                                  "isDisputed",
	`fileset(".", "[a-]*.txt")`:                                    "malformed to Terraform, not to OpenTofu",
	`fileset(".", "{sub/inner,hello}.txt")`:                        "malformed to Terraform, not to OpenTofu",
	`fileset(".", "hello.txt}")`:                                   "malformed to OpenTofu, not to Terraform",
}

// TestConsole compares every line of testdata/expressions.txt with what
// "terraform console" makes of it: the value, whether it is sensitive, its type.
//
// The console prints only the last of its input's results, so the expressions
// are elements of local values, each guarded by try.
func TestConsole(t *testing.T) {
	t.Parallel()
	terraform := findTerraform(t)
	s := newStage(t)
	exprs := readExpressions(t)

	wrapped := make([]string, len(exprs))
	for i, e := range exprs {
		wrapped[i] = fmt.Sprintf(`nonsensitive(try(jsonencode({ v = %s, s = issensitive(%s) }), "failed"))`, e, e)
	}
	s.declare(t, "results", wrapped)
	var theirs []string
	must(t, json.Unmarshal(s.console(t, terraform, "nonsensitive(base64encode(jsonencode(local.results)))"), &theirs))

	var typed []string
	failed, differ := 0, 0
	for i, e := range exprs {
		ours := s.text(t, wrapped[i])
		reason, known := knownDifferences[e]
		switch {
		case ours != theirs[i]:
			differ++
			if !known {
				t.Errorf("%s\n ours:      %s\n terraform: %s", e, ours, theirs[i])
			}
		case known:
			t.Errorf("%s: no longer differs, though it is listed as %q", e, reason)
		case ours == "failed":
			failed++
		case !strings.Contains(e, "sensitive"):
			typed = append(typed, e)
		}
	}
	s.compareTypes(t, terraform, typed)
	t.Logf("%d expressions: %d give the same value, %d fail on both sides, %d differ as listed; %d types compared",
		len(exprs), len(exprs)-failed-differ, failed, differ, len(typed))
}

// compareTypes asks for the type of all expressions as one tuple.
func (s *stage) compareTypes(t *testing.T, terraform string, exprs []string) {
	t.Helper()
	s.declare(t, "typed", exprs)
	printed := strings.Join(strings.Fields(string(s.console(t, terraform, "type(local.typed)"))), "")
	inner, ok := strings.CutPrefix(printed, "tuple([")
	if !ok {
		t.Fatalf("terraform console printed %q", printed)
	}
	for _, e := range exprs {
		v, diags := s.eval(t, e, nil)
		if diags.HasErrors() {
			t.Fatalf("%s: %s", e, diags)
		}
		ours := typeAsConsole(v.Type()) + ","
		if inner, ok = strings.CutPrefix(inner, ours); !ok {
			t.Fatalf("type of %s\n ours:      %s\n terraform: %s ...", e, ours, inner[:min(200, len(inner))])
		}
	}
}

// findTerraform skips the test where there is none, unless the laboratory is
// required.
func findTerraform(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("HOLDFAST_LAB_TERRAFORM"); path != "" {
		return path
	}
	path, err := exec.LookPath("terraform")
	if err != nil {
		if os.Getenv("HOLDFAST_REQUIRE_LAB") == "1" {
			t.Fatal("terraform is required (HOLDFAST_REQUIRE_LAB=1) and not found")
		}
		t.Skip("terraform not found")
	}
	return path
}

func readExpressions(t *testing.T) []string {
	t.Helper()
	src, err := os.ReadFile("testdata/expressions.txt")
	must(t, err)
	var out []string
	for line := range strings.Lines(string(src)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// declare writes a local value that is a tuple of expressions.
func (s *stage) declare(t *testing.T, name string, exprs []string) {
	t.Helper()
	src := "locals {\n" + name + " = [\n" + strings.Join(exprs, ",\n") + "\n]\n}\n"
	must(t, os.WriteFile(filepath.Join(s.root, name+".tf"), []byte(src), 0o644))
}

// console gives what the console prints for an expression, decoded if it is a
// string in base64.
func (s *stage) console(t *testing.T, terraform, expr string) []byte {
	t.Helper()
	rc := filepath.Join(s.home, "none.tfrc")
	must(t, os.WriteFile(rc, nil, 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, terraform, "-chdir="+s.root, "console", "-no-color")
	cmd.Dir = s.elsewhere
	cmd.Stdin = strings.NewReader(expr + "\n")
	cmd.Env = append(os.Environ(), "HOME="+s.home, "PWD="+s.elsewhere, "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("terraform console: %s\n%s", err, errs.String())
	}
	quoted, err := strconv.Unquote(string(bytes.TrimSpace(out)))
	if err != nil {
		return out
	}
	raw, err := base64.StdEncoding.DecodeString(quoted)
	must(t, err)
	return raw
}

// text is our answer to an expression that gives a string.
func (s *stage) text(t *testing.T, src string) string {
	t.Helper()
	v, diags := s.eval(t, src, nil)
	if diags.HasErrors() {
		t.Errorf("%s: %s", src, diags)
		return "an error"
	}
	if v, _ = v.Unmark(); !v.IsKnown() {
		return "unknown"
	}
	return v.AsString()
}

// typeAsConsole writes a type as the console's type() does, without white space.
func typeAsConsole(t cty.Type) string {
	switch {
	case t == cty.DynamicPseudoType:
		return "dynamic"
	case t.IsPrimitiveType():
		return t.FriendlyName()
	case t.IsCollectionType():
		element := typeAsConsole(t.ElementType())
		if e := t.ElementType(); e.IsTupleType() || e.IsObjectType() {
			element += ","
		}
		kind := "list"
		if t.IsSetType() {
			kind = "set"
		} else if t.IsMapType() {
			kind = "map"
		}
		return kind + "(" + element + ")"
	case t.IsTupleType():
		var out strings.Builder
		for _, e := range t.TupleElementTypes() {
			out.WriteString(typeAsConsole(e) + ",")
		}
		return "tuple([" + out.String() + "])"
	}
	var out strings.Builder
	for _, name := range sortedKeys(t.AttributeTypes()) {
		key := name
		if strings.ContainsAny(name, " \"") {
			key = strconv.Quote(name)
		}
		out.WriteString(key + ":" + typeAsConsole(t.AttributeType(name)) + ",")
	}
	return "object({" + out.String() + "})"
}
