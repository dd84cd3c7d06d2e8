package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Problem is an expression that could not be evaluated.
type Problem struct {
	Expr   string    // its source text, shortened; may be empty
	Range  hcl.Range // where it is
	Reason string
}

func (p Problem) String() string {
	if p.Expr == "" {
		return place(p.Range) + ": " + p.Reason
	}
	return fmt.Sprintf("%s: `%s`: %s", place(p.Range), p.Expr, p.Reason)
}

// place is where a range starts, for messages.
func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// maxProblems is how many problems one value can have: a reason or two is what
// anybody reads, and every reference to the value repeats them.
const maxProblems = 16

// addProblems appends the problems that are not in the list yet. It never
// writes to the memory of either list.
func addProblems(list []Problem, more ...Problem) []Problem {
	for _, p := range more {
		if len(list) < maxProblems && !slices.Contains(list, p) {
			list = append(slices.Clip(list), p)
		}
	}
	return list
}

func (s *scope) problem(expr hcl.Expression, reason string) Problem {
	return Problem{Expr: s.module.Quote(expr.Range()), Range: expr.Range(), Reason: reason}
}

// withheld stands for a reason that could repeat a secret.
const withheld = "why is not shown, for a sensitive value takes part"

// problems makes problems of what HCL complains of. Its details may quote
// values, so they are left out where one is secret.
func (s *scope) problems(expr hcl.Expression, diags hcl.Diagnostics, secret bool) []Problem {
	var out []Problem
	for _, d := range diags {
		if d.Severity != hcl.DiagError || len(out) == maxProblems {
			continue
		}
		p := s.problem(expr, reasonOf(d))
		if secret {
			p.Reason = d.Summary + "; " + withheld
		}
		if d.Subject != nil {
			p.Range = *d.Subject
		}
		out = addProblems(out, p)
	}
	return out
}

func reasonOf(d *hcl.Diagnostic) string {
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](d); ok {
		if namespace := call.CalledFunctionNamespace(); strings.HasPrefix(namespace, "provider::") {
			return "Holdfast does not call " + namespace + call.CalledFunctionName() + ", a function of a provider"
		}
	}
	if d.Detail == "" {
		return d.Summary
	}
	return d.Summary + ": " + d.Detail
}

// located gives problems that have no place that of the reference which met
// them.
func (s *scope) located(t hcl.Traversal, problems []Problem) []Problem {
	out := slices.Clone(problems)
	for i := range out {
		if out[i].Range.Filename == "" {
			out[i].Expr, out[i].Range = s.module.Quote(t.SourceRange()), t.SourceRange()
		}
	}
	return out
}
