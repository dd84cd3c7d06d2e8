// Package edit writes what is live into Terraform source. It works out the
// smallest change of the files that makes the code say what a finding says is
// live, and proves it: the edited source is evaluated again, and nothing but the
// accepted attributes may have changed, anywhere in the module tree. What it
// can't prove it refuses, with the reason, the place and what to do by hand.
//
// It runs no program and calls no API. Only Result.Write and Result.Restore
// write.
package edit

import (
	"errors"
	"slices"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
)

// Input is what an edit is worked out from. Everything is as the check had it
// that made the findings.
type Input struct {
	// Repository is the folder that the paths in a diff are relative to. Files
	// outside it are not edited; "" means the root module's folder.
	Repository string
	// Dir is the root module's folder, and DataDir where terraform init put the
	// modules it installed (.terraform); those are not edited.
	Dir, DataDir string
	// Tofu says that *.tofu files count too, as config.LoadTofu has it.
	Tofu bool
	// Setting is the stack that the findings are of.
	Setting Setting
	// Others are the other stacks of the same root module, by name. An edit that
	// would change one of them is refused.
	Others map[string]Setting
	// Schema gives the schema of a managed resource's type; nil where it isn't
	// known. Without it, whole nested blocks and sets can't be edited. A nil
	// function knows none.
	Schema func(addr drift.Address) *schema.Block
	// Findings are what is accepted. Only address, kind and changes count.
	Findings []drift.Finding
	// Forget has a removed block written for what was deleted, in the place of its
	// resource block (Terraform 1.7 and later); otherwise the block is taken out.
	Forget bool
}

// Setting is what a root module is evaluated with.
type Setting struct {
	Workspace string
	Env       []string           // NAME=VALUE, for TF_VAR_
	Options   []config.VarOption // all that count: config.EnvOptions, var files of the stack, --var and --var-file
	// Values are the objects of the state. What is missing is unknown, and what
	// depends on it must not depend on what is edited; nil has none.
	Values config.Values
}

// Result is an edit of some files, and what could not be edited.
type Result struct {
	Files []File // by path; none where nothing is to be edited
	// Edited are the addresses of the findings that the edit takes in whole, in
	// the order of the input. A finding of which any change is refused is not
	// edited at all. One that the code says already is among them.
	Edited   []string
	Refusals []Refusal

	secrets []string // must not appear in a diff
}

// File is one edited file.
type File struct {
	Path string // absolute
	Name string // relative to the repository, with slashes
	// Shared says that the file is outside the root module's folder, so that
	// other root modules may use it.
	Shared        bool
	Before, After []byte
}

// Refusal says why a change is not made in the source. No text of it holds a
// sensitive value.
type Refusal struct {
	Address string // of the finding
	Path    string // of the change; "" for all of the finding
	Reason  string
	// At is where the value is written or where the way to it ends, relative to
	// the repository; nil where there is no place.
	At *drift.Position
	// ByHand is what to change by hand.
	ByHand string
}

// ErrChanged is found in the error of Write and Restore where a file is not as
// it was when it was read.
var ErrChanged = errors.New("it has changed meanwhile")

// Plan works out the edit for all findings together. An error means that the
// source can't be read or evaluated at all; what is wrong with one finding is a
// refusal.
func Plan(in Input) (Result, error) {
	return plan(in)
}

// With is the edit together with another one, of other files.
func (r Result) With(other Result) Result {
	return Result{
		Files: slices.Concat(r.Files, other.Files), Edited: slices.Concat(r.Edited, other.Edited),
		Refusals: slices.Concat(r.Refusals, other.Refusals), secrets: slices.Concat(r.secrets, other.secrets),
	}
}
