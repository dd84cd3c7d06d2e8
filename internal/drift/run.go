// Package drift holds the words of Holdfast and its pure logic: what a run
// found and how it is named, how values are compared, which exit code follows.
// It does no input or output and imports nothing of ours.
package drift

import (
	"encoding/json"
	"time"
)

// SchemaVersion is that of the JSON result; docs/result.schema.json describes it.
const SchemaVersion = 1

// Status is the outcome of a stack.
type Status string

// The four outcomes of a stack.
const (
	StatusClean      Status = "clean"
	StatusDrifted    Status = "drifted"    // at least one open finding, which no fault of the state explains
	StatusIncomplete Status = "incomplete" // no drift found, but something was not checked for certain
	StatusError      Status = "error"      // it could not be checked at all
)

// Kind says what became of a drifted resource instance.
type Kind string

// The kinds of findings.
const (
	Modified Kind = "modified"
	Deleted  Kind = "deleted"
)

// Certainty of a finding. One that is only possible makes its stack incomplete.
type Certainty string

// The certainties.
const (
	Certain  Certainty = "certain"
	Possible Certainty = "possible"
)

// FindingStatus says whether a finding counts.
type FindingStatus string

// Only open findings count; the others are shown.
const (
	Open    FindingStatus = "open"
	Waived  FindingStatus = "waived"
	Ignored FindingStatus = "ignored"
)

// Run is the result of one check: the value of `--format json`.
type Run struct {
	SchemaVersion int       `json:"schema_version"`
	Tool          Tool      `json:"tool"`
	StartedAt     time.Time `json:"started_at"`
	FinishedAt    time.Time `json:"finished_at"`
	Summary       Summary   `json:"summary"`
	Stacks        []Stack   `json:"stacks"`
}

// Tool says which program made the result.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Summary counts what the stacks say; Summarize computes it.
type Summary struct {
	Stacks     int `json:"stacks"`
	Clean      int `json:"clean"`
	Drifted    int `json:"drifted"`
	Incomplete int `json:"incomplete"`
	Errored    int `json:"errored"`
	Resources  int `json:"resources"` // resource instances that were to be checked
	Findings   int `json:"findings"`  // open ones
	Waived     int `json:"waived"`
	Pending    int `json:"pending"`
}

// Stack is the result for one root module, workspace and set of variables.
type Stack struct {
	ID        string `json:"id"`
	Path      string `json:"path"`
	Workspace string `json:"workspace"`
	Name      string `json:"name,omitempty"` // tells stacks of one root module and workspace apart
	Engine    string `json:"engine"`         // direct or plan
	// EngineReason is why the stack was not checked by the direct engine though
	// that was the first choice; empty otherwise.
	EngineReason string      `json:"engine_reason,omitempty"`
	Status       Status      `json:"status"`
	DurationMS   int64       `json:"duration_ms"`
	Resources    Counts      `json:"resources"`
	State        State       `json:"state"`
	Findings     []Finding   `json:"findings"`
	Observed     []Paths     `json:"observed"`
	Adopted      []Paths     `json:"adopted"`
	Pending      []Pending   `json:"pending"`
	Integrity    []Integrity `json:"integrity"`
	Errors       []Error     `json:"errors"`
}

// Counts of resource instances. Checked is how many were looked at with a
// verdict; the others are why a stack is not clean.
type Counts struct {
	Checked     int `json:"checked"`
	Clean       int `json:"clean"`
	Drifted     int `json:"drifted"`
	Unsupported int `json:"unsupported"`
	Errored     int `json:"errored"`
	Skipped     int `json:"skipped,omitempty"` // left out by --target or --exclude
}

// State says which state the stack was checked against.
type State struct {
	Source           string `json:"source"`
	Lineage          string `json:"lineage"`
	Serial           uint64 `json:"serial"`
	TerraformVersion string `json:"terraform_version"`
	Instances        int    `json:"instances,omitempty"` // managed resource instances in it
}

// Finding is one drifted resource instance.
type Finding struct {
	ID        string         `json:"id"`
	Revision  string         `json:"revision"`
	Address   string         `json:"address"`
	Type      string         `json:"type"`
	Provider  string         `json:"provider"`
	Kind      Kind           `json:"kind"`
	Severity  Severity       `json:"severity,omitempty"` // Grade gives it; empty in what older versions have saved
	Source    *Position      `json:"source,omitempty"`   // nil where the source has no such resource, or is not at hand
	Changes   []Change       `json:"changes"`
	Certainty Certainty      `json:"certainty"`
	Doubt     string         `json:"doubt,omitempty"` // why it is only possible
	Cause     *Cause         `json:"cause"`
	Waiver    *FindingWaiver `json:"waiver"` // that covers it, or did so until it ended
	Status    FindingStatus  `json:"status"`
	// IgnoreReason is that of the rule by which the finding is ignored.
	IgnoreReason string `json:"ignore_reason,omitempty"`
	// Object is what else its object is called, for whoever looks for it in a
	// cloud's audit log. It is in no output.
	Object Object `json:"-"`
}

// Object is what a cloud calls the object of a resource instance.
type Object struct {
	Identifiers []Identifier
	Region      string // "": not known
	Account     string // likewise
}

// Identifier is an attribute of an object that names it, or what it belongs to.
// It is never a sensitive one.
type Identifier struct {
	Name  string // function_name
	Value string
}

// Position is a place in the source: that of the resource's block, or, where
// terraform init installed the module that it is in, of the module's call, which
// is what the repository has.
type Position struct {
	File string `json:"file"` // as the stack's path is: relative to the same folder; slashes
	Line int    `json:"line"` // from 1
}

// drifts reports whether the finding is drift of the infrastructure for certain:
// it counts, and no fault of the state explains it.
func (f Finding) drifts() bool {
	return f.Counts() && f.Certainty != Possible && (f.Cause == nil || f.Cause.Class != CauseState)
}

// Counts reports whether the finding counts: unless it is waived or ignored, it
// does.
func (f Finding) Counts() bool { return f.Status != Waived && f.Status != Ignored }

// Change is one drifted attribute. Expected is what was last applied, actual
// what is live, both as JSON; neither is there for a sensitive value.
type Change struct {
	Path            string          `json:"path"`
	Expected        json.RawMessage `json:"expected,omitempty"`
	Actual          json.RawMessage `json:"actual,omitempty"`
	Sensitive       bool            `json:"sensitive"`
	RequiresReplace bool            `json:"requires_replace"`
}

// Paths names attributes of a resource instance.
type Paths struct {
	Address string   `json:"address"`
	Paths   []string `json:"paths"`
}

// Pending is code that has not been applied yet.
type Pending struct {
	Address string   `json:"address"`
	Actions []string `json:"actions"` // create, update, delete, forget, import, move
	Paths   []string `json:"paths"`
}

// Severity says how much something matters: a fault of the state, or a finding.
type Severity string

// The severities of findings, worst first; docs/alerts.md has the rules. No exit
// code depends on them.
const (
	SeverityHigh   Severity = "high"
	SeverityMedium Severity = "medium"
	SeverityLow    Severity = "low"
)

// The severities of integrity faults. One of severity error makes the exit code 1.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Integrity is something about the state itself.
type Integrity struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Address  string   `json:"address"`
	Related  string   `json:"related,omitempty"` // the other address, where the fault is about two
}

// Error is something that was not checked, and why. Address is empty when it
// concerns the whole stack.
type Error struct {
	Address string `json:"address"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Settle derives the status from the stack's content, and makes none of its
// lists null. fatal says that nothing could be checked at all. Who fills in a
// Stack calls it last.
func (s *Stack) Settle(fatal bool) {
	s.fillLists()
	certain, doubtful := 0, len(s.Errors)+s.Resources.Unsupported+s.Resources.Errored
	for _, f := range s.Findings {
		switch {
		case !f.Counts():
		case !f.drifts():
			doubtful++
		default:
			certain++
		}
	}
	switch {
	case certain > 0:
		s.Status = StatusDrifted
	case fatal:
		s.Status = StatusError
	case doubtful > 0:
		s.Status = StatusIncomplete
	default:
		s.Status = StatusClean
	}
}

// fillLists lets readers of the JSON result count on lists: an empty one is
// written [], not null.
func (s *Stack) fillLists() {
	fill(&s.Findings)
	fill(&s.Observed)
	fill(&s.Adopted)
	fill(&s.Pending)
	fill(&s.Integrity)
	fill(&s.Errors)
	for i := range s.Findings {
		fill(&s.Findings[i].Changes)
	}
	for i := range s.Observed {
		fill(&s.Observed[i].Paths)
	}
	for i := range s.Adopted {
		fill(&s.Adopted[i].Paths)
	}
	for i := range s.Pending {
		fill(&s.Pending[i].Actions)
		fill(&s.Pending[i].Paths)
	}
}

func fill[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// Summarize counts over the stacks.
func Summarize(stacks []Stack) Summary {
	sum := Summary{Stacks: len(stacks)}
	for _, s := range stacks {
		switch s.Status {
		case StatusClean:
			sum.Clean++
		case StatusDrifted:
			sum.Drifted++
		case StatusIncomplete:
			sum.Incomplete++
		case StatusError:
			sum.Errored++
		}
		sum.Resources += s.Resources.Checked + s.Resources.Unsupported + s.Resources.Errored
		sum.Pending += len(s.Pending)
		for _, f := range s.Findings {
			switch {
			case f.Counts():
				sum.Findings++
			case f.Status == Waived:
				sum.Waived++
			}
		}
	}
	return sum
}
