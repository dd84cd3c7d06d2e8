// Package resolve puts drift right. It is the only part that can change anything:
// it runs terraform apply. What it does to one stack it does on the same rails,
// whatever is to be done: guards, a plan in a file, a gate that holds the plan
// against the findings, a last look, a backup of the state, a record that it
// begins, and the apply of that very file.
package resolve

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/resolve/edit"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// Job is what is to be done about findings of one stack.
type Job struct {
	Stack    stack.Stack
	Checked  drift.Stack     // the check that has just seen the findings
	Findings []drift.Finding // those to resolve, all of Checked

	Binary      string             // terraform or tofu
	Source      state.Source       // of the stack's state, to see its lock
	Options     []config.VarOption // all that the root variables are given
	LockTimeout time.Duration      // how long Terraform waits for a lock
	Backups     string             // a folder for the states of backends that keep no backup
	Never       []drift.Protection
	Allowed     Allowed
	// Own are files that Holdfast itself writes: to git they may be changed.
	Own []string

	// Code is the source to edit, where reality is taken in; without findings.
	Code edit.Input

	// Check looks at the resources of the findings again, and records nothing.
	Check func(context.Context) (drift.Stack, error)
	// Schema is that of a resource type; nil where the provider has none of it.
	Schema Schemas
	// Redact takes secrets out of what Terraform says.
	Redact func(string) string
}

// Schemas gives the schema of a provider's resource type.
type Schemas func(provider, typeName string) (*schema.Schema, error)

// Allowed is what is done though it would be refused, by name.
type Allowed struct {
	Addresses []string // beyond the drift: of resource instances and modules, and output.NAME
	Replace   []string // addresses that may be replaced
	Dirty     bool     // git may have changes that are not committed
}

func (a Allowed) allows(address string) bool {
	return covered(a.Addresses, address) || a.replaces(address)
}

func (a Allowed) replaces(address string) bool { return covered(a.Replace, address) }

func covered(list []string, address string) bool {
	return slices.ContainsFunc(list, func(of string) bool { return drift.Covers(of, address) })
}

// RefusedError says why something is not done, and that nothing was changed.
type RefusedError struct{ Refusals []drift.Refusal }

func (e *RefusedError) Error() string {
	var lines []string
	for _, r := range e.Refusals {
		lines = append(lines, r.String())
	}
	return strings.Join(lines, "\n")
}

func refused(why, next string) []drift.Refusal { return []drift.Refusal{{Why: why, Next: next}} }

// Look holds the findings against a look from just before the apply: what has
// changed since the plan was made must be planned anew.
func Look(findings []drift.Finding, now drift.Stack) []drift.Refusal {
	var out []drift.Refusal
	for _, f := range findings {
		i := slices.IndexFunc(now.Findings, func(n drift.Finding) bool { return n.ID == f.ID })
		fate := drift.Look{Stack: now}.Fate(f)
		switch {
		case !fate.Known:
			out = append(out, drift.Refusal{Address: f.Address, Why: fate.Left, Next: "run it again"})
		case i < 0:
			out = append(out, drift.Refusal{Address: f.Address, Why: cmp.Or(fate.Left, "the drift is not there any more"), Next: "run holdfast check"})
		case now.Findings[i].Revision != f.Revision:
			out = append(out, drift.Refusal{Address: f.Address, Why: "it has changed again since the plan was made", Next: "run it again, to see what is there now"})
		}
	}
	return out
}
