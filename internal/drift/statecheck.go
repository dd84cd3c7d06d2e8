package drift

import (
	"slices"
	"time"
)

// StateCheck is the result of `holdfast state check`.
type StateCheck struct {
	SchemaVersion int            `json:"schema_version"`
	Tool          Tool           `json:"tool"`
	StartedAt     time.Time      `json:"started_at"`
	FinishedAt    time.Time      `json:"finished_at"`
	Summary       StateSummary   `json:"summary"`
	Stacks        []CheckedState `json:"stacks"`
}

// StateSummary counts states by their status, and faults by their severity.
type StateSummary struct {
	Stacks   int `json:"stacks"`
	Sound    int `json:"sound"`
	Unsound  int `json:"unsound"`
	Errored  int `json:"errored"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Infos    int `json:"infos"`
}

// StateStatus is the outcome for one state.
type StateStatus string

// The outcomes for a state.
const (
	StateSound   StateStatus = "sound"   // no fault of severity error
	StateUnsound StateStatus = "unsound" // at least one
	StateErrored StateStatus = "error"   // it could not be looked at, or not whole
)

// CheckedState is the result for one stack's state.
type CheckedState struct {
	StackRef
	Status    StateStatus `json:"status"`
	State     State       `json:"state"`
	Integrity []Integrity `json:"integrity"`
	Errors    []Error     `json:"errors"`
}

// Fill makes the result of what was found out about each stack.
func (c *StateCheck) Fill(stacks []Stack) {
	c.Stacks = make([]CheckedState, len(stacks))
	c.Summary = StateSummary{Stacks: len(stacks)}
	for i, s := range stacks {
		s.fillLists()
		one := CheckedState{StackRef: s.Ref(), Status: StateSound, State: s.State, Integrity: s.Integrity, Errors: s.Errors}
		for _, f := range s.Integrity {
			switch f.Severity {
			case SeverityError:
				one.Status = StateUnsound
				c.Summary.Errors++
			case SeverityWarning:
				c.Summary.Warnings++
			case SeverityInfo:
				c.Summary.Infos++
			}
		}
		if one.Status == StateSound && len(s.Errors) > 0 {
			one.Status = StateErrored
		}
		switch one.Status {
		case StateSound:
			c.Summary.Sound++
		case StateUnsound:
			c.Summary.Unsound++
		case StateErrored:
			c.Summary.Errored++
		}
		c.Stacks[i] = one
	}
}

// ExitCode is 0 where every state was read and is sound, and 1 else.
func (c StateCheck) ExitCode() int {
	if slices.ContainsFunc(c.Stacks, func(s CheckedState) bool { return s.Status != StateSound }) {
		return ExitIncomplete
	}
	return ExitClean
}
