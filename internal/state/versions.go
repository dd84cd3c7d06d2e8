package state

import (
	"strings"

	goversion "github.com/hashicorp/go-version"

	"holdfast/internal/drift"
)

// NewerTerraform is the fault of a state that a newer Terraform wrote than the one
// which the rest of the sentence tells of.
func NewerTerraform(wrote, than string) drift.Integrity {
	return drift.Unsound(drift.FaultTerraform, "",
		"Terraform %s wrote the state, and %s: an older one may not understand all that is in it; work with %s or newer", wrote, than, wrote)
}

// Newer reports whether version a is newer than b. One that can't be read is not.
func Newer(a, b string) bool {
	x, errX := goversion.NewVersion(a)
	y, errY := goversion.NewVersion(b)
	return errX == nil && errY == nil && x.GreaterThan(y)
}

// newerThan reports whether a version is newer than a constraint admits. One that
// is older than it admits is none of that: the next apply brings it up to date.
func newerThan(v, constraint string) bool {
	is, err := goversion.NewVersion(v)
	if err != nil {
		return false
	}
	constraints, err := goversion.NewConstraint(constraint)
	if err != nil {
		return false
	}
	is = is.Core() // to a constraint, a pre-release is the version it leads to
	for _, c := range constraints {
		text := strings.TrimSpace(c.String())
		bound, err := goversion.NewVersion(strings.TrimSpace(strings.TrimLeft(text, "=!<>~")))
		if err == nil && !strings.ContainsAny(text[:1], "!>") && !c.Check(is) && !is.LessThan(bound) {
			return true
		}
	}
	return false
}
