package drift

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

// Waiver is a justified manual change, documented in advance, with an owner and
// an end. A finding is waived when waivers cover all of its changes. Its text is
// that of waivers.yaml.
type Waiver struct {
	ID        string
	Addresses []Pattern // of resource instances; at least one
	Stacks    []string  // patterns of stacks' paths, as live/**/prod; none: any stack
	// Attributes are what may differ. None: the resource as a whole, its deletion
	// and what would replace it among that.
	Attributes []WaivedAttribute
	Reason     string
	Owner      string
	Ticket     string
	ApprovedBy string
	From       time.Time // the first day; zero: it holds already
	Until      time.Time // the last day
	Line       int       // where the file has it
}

// WaivedAttribute is what may differ, and to which value.
type WaivedAttribute struct {
	Path  Pattern         // covers what is below it too
	Value json.RawMessage // what may be live; nil: any
}

// WaiverState says whether a waiver holds.
type WaiverState string

// The states of a waiver on a day. Days are UTC's, as everything is here that
// several people have to agree on.
const (
	WaiverComing WaiverState = "coming" // its first day is ahead
	WaiverActive WaiverState = "active"
	WaiverEnded  WaiverState = "ended" // its last day is over
)

// State is the waiver's at a time. Its last day is part of it.
func (w Waiver) State(now time.Time) WaiverState {
	switch {
	case now.Before(w.From):
		return WaiverComing
	case !now.Before(w.Until.AddDate(0, 0, 1)):
		return WaiverEnded
	}
	return WaiverActive
}

// FindingWaiver is a waiver as a finding shows it.
type FindingWaiver struct {
	ID         string      `json:"id"`
	State      WaiverState `json:"state"` // active; ended: it was waived, and counts again
	Reason     string      `json:"reason"`
	Owner      string      `json:"owner"`
	Ticket     string      `json:"ticket,omitempty"`
	ApprovedBy string      `json:"approved_by,omitempty"`
	Until      string      `json:"until"` // the last day, as 2027-01-31
}

// ApplyWaivers marks the open findings of a stack that active waivers cover as
// waived, names on the others the waiver that has ended, and settles the stack
// anew. place is the stack's path in the repository, wherever it is checked from.
func ApplyWaivers(s *Stack, place string, waivers []Waiver, now time.Time) {
	waived := false
	for i := range s.Findings {
		f := &s.Findings[i]
		if f.Status != Open {
			continue
		}
		if w := covering(place, f, waivers, now, WaiverActive); w != nil {
			f.Status, f.Waiver, waived = Waived, w.on(WaiverActive), true
		} else if w := covering(place, f, waivers, now, WaiverEnded, WaiverActive); w != nil {
			f.Waiver = w.on(WaiverEnded)
		}
	}
	if waived {
		s.Settle(s.Status == StatusError)
	}
}

// covering is the waiver that covers a finding, among those in one of the states;
// of several that do it together, or each, the one that ends first.
func covering(place string, f *Finding, waivers []Waiver, now time.Time, states ...WaiverState) *Waiver {
	var first *Waiver
	covered := make([]bool, len(f.Changes))
	whole := false
	for i := range waivers {
		w := &waivers[i]
		if !slices.Contains(states, w.State(now)) || !w.concerns(place, f) {
			continue
		}
		part := len(w.Attributes) == 0
		whole = whole || part
		for n, c := range f.Changes {
			if w.covers(c) {
				covered[n], part = true, true
			}
		}
		if part && (first == nil || w.Until.Before(first.Until)) {
			first = w
		}
	}
	if whole || len(covered) > 0 && f.Kind != Deleted && !slices.Contains(covered, false) {
		return first
	}
	return nil
}

// Has reports whether a waiver is about a finding of a stack: covers it, or a part
// of it, whether or not it holds today.
func (w Waiver) Has(place string, f *Finding) bool {
	return w.concerns(place, f) && (len(w.Attributes) == 0 || slices.ContainsFunc(f.Changes, w.covers))
}

// concerns reports whether a waiver is about a finding's resource, whatever has
// changed on it.
func (w Waiver) concerns(place string, f *Finding) bool {
	here := len(w.Stacks) == 0
	for _, pattern := range w.Stacks {
		here = here || doublestar.MatchUnvalidated(pattern, place)
	}
	if !here {
		return false
	}
	for _, pattern := range w.Addresses {
		if pattern.Match(f.Address) {
			return true
		}
	}
	return false
}

// covers reports whether an attribute waiver lets a change be. One that would
// replace the resource it never does, nor a value that can't be seen where it
// names one.
func (w Waiver) covers(c Change) bool {
	if c.RequiresReplace {
		return false
	}
	for _, a := range w.Attributes {
		if a.Path.Covers(c.Path) && (a.Value == nil || !c.Sensitive && sameJSON(a.Value, c.Actual)) {
			return true
		}
	}
	return false
}

func (w *Waiver) on(state WaiverState) *FindingWaiver {
	return &FindingWaiver{
		ID: w.ID, State: state, Reason: w.Reason, Owner: w.Owner, Ticket: w.Ticket, ApprovedBy: w.ApprovedBy,
		Until: w.Until.Format(time.DateOnly),
	}
}
