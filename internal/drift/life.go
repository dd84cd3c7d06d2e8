package drift

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Look is what one run saw of one stack. Follow tells what that makes of what
// the history knows.
type Look struct {
	Run   string // its id
	At    time.Time
	Stack Stack
	// Covers reports whether the run was asked to check an address; nil means
	// that it was asked for all. What it was not asked for is not gone.
	Covers func(address string) bool
	// Whole is the latest time at which the history has a look at all of the
	// stack. A look from before it may come late, and then finds nothing new.
	Whole time.Time
}

// Turn is what a look makes of one finding: its episode as it is now, what has
// happened, and by how much the number of open findings has changed.
type Turn struct {
	Episode Episode
	Events  []Event // without ids
	Delta   int
}

// Follow gives the turns of a stack's findings, those of the look first, in its
// order. Known is the latest episode of each finding that the history has of the
// stack. A finding is over only on evidence: its resource was looked at, and it
// was not there. Looks may come in any order; one never undoes what a later one
// has seen.
func (l Look) Follow(known []Episode) []Turn {
	l.At = l.At.UTC().Truncate(time.Millisecond)
	latest := map[string]Episode{}
	for _, e := range known {
		latest[e.Finding.ID] = e
	}
	var turns []Turn
	add := func(before Episode, turn Turn) {
		seen := turn.Episode.LastRun != before.LastRun || !turn.Episode.LastSeen.Equal(before.LastSeen)
		if len(turn.Events) > 0 || seen || !reflect.DeepEqual(turn.Episode.Finding.Cause, before.Finding.Cause) {
			turn.Delta = opens(turn.Episode) - opens(before)
			turns = append(turns, turn)
		}
	}
	present := map[string]bool{}
	for _, f := range l.Stack.Findings {
		if before := latest[f.ID]; !present[f.ID] && !l.late(before) {
			add(before, l.seen(before, f))
		}
		present[f.ID] = true
	}
	for _, before := range known {
		if !present[before.Finding.ID] && !before.Life.Over() && !l.late(before) && l.gone(before.Finding.Address) {
			add(before, l.end(before, l.why(before.Finding)))
		}
	}
	return turns
}

// opens is 1 for an episode that counts as an open finding.
func opens(e Episode) int {
	if e.Life == LifeOpen {
		return 1
	}
	return 0
}

// WholeLook reports whether a look at the stack says something of every resource
// instance that it has.
func (s Stack) WholeLook() bool {
	return s.Status != StatusError && len(s.Errors) == 0 && s.Resources.Skipped == 0 && !s.OtherState()
}

// OtherState reports whether the state is not the one that was applied last, so
// that it says nothing of what is in that one.
func (s Stack) OtherState() bool {
	return slices.ContainsFunc(s.Integrity, func(f Integrity) bool {
		switch f.Code {
		case FaultUnreadable, FaultDigest, FaultLineage, FaultSerial, FaultEmptied:
			return true
		}
		return false
	})
}

// late reports whether the history knows more of a finding than the look does.
// The zero episode is that of a finding that it doesn't have.
func (l Look) late(e Episode) bool {
	if e.Life != LifeOpen && e.Life != LifeWaived && l.At.Before(l.Whole) {
		return true // a later look has seen that it isn't there
	}
	switch last := later(e.LastSeen, e.Ended); {
	case last.Equal(l.At):
		return e.Life.Over()
	default:
		return l.At.Before(last)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// seen is the turn of a finding that is there.
func (l Look) seen(before Episode, f Finding) Turn {
	if f.Status == Ignored {
		if before.Life != LifeOpen && before.Life != LifeWaived {
			return Turn{Episode: before}
		}
		return l.end(before, "ignored: "+f.IgnoreReason)
	}
	t := Turn{Episode: before}
	e := &t.Episode
	happened := func(kind EventKind) *Event {
		t.Events = append(t.Events, l.event(*e, kind, f.What()))
		return &t.Events[len(t.Events)-1]
	}
	began := before.Number == 0 || before.Life.Over()
	if began {
		*e = Episode{Number: before.Number + 1, Life: LifeOpen, FirstSeen: l.At, FirstRun: l.Run}
	}
	if e.LastRun != l.Run {
		e.Seen++
	}
	e.Revised = l.revised(before, f)
	e.Stack, e.LastSeen, e.LastRun, e.Finding = l.Stack.Ref(), l.At, l.Run, f
	switch {
	case began && e.Number > 1:
		happened(EventReopened)
	case began:
		happened(EventFound)
	case before.Finding.Revision != f.Revision:
		happened(EventChanged)
	}
	waived := f.Status == Waived
	switch {
	case waived && e.Life == LifeOpen:
		e.Life = LifeWaived
		event := happened(EventWaived)
		if w := f.Waiver; w != nil {
			event.Reason, event.Ticket, event.Actor = w.Reason, w.Ticket, w.Owner
		}
	case !waived && e.Life == LifeWaived:
		e.Life = LifeOpen
		happened(EventUnwaived)
	}
	return t
}

// revised is since when a finding has been as it is.
func (l Look) revised(before Episode, f Finding) time.Time {
	if before.Number == 0 || before.Life.Over() || before.Finding.Revision != f.Revision {
		return l.At
	}
	return before.Revised
}

// end is the turn of a finding that doesn't count any more, or isn't there.
func (l Look) end(e Episode, why string) Turn {
	e.Life, e.Ended, e.Reason, e.Stack = LifeResolved, l.At, why, l.Stack.Ref()
	event := l.event(e, EventResolved, e.Finding.What())
	event.Reason = why
	return Turn{Episode: e, Events: []Event{event}}
}

func (l Look) event(e Episode, kind EventKind, detail string) Event {
	return Event{
		At: l.At, Kind: kind, Run: l.Run, Stack: l.Stack.Ref(),
		Address: e.Finding.Address, Finding: e.Finding.ID, Episode: e.Number, Detail: detail,
	}
}

// gone reports whether the look proves that an address has no finding, if it
// shows none.
func (l Look) gone(address string) bool {
	if l.Stack.Status == StatusError || l.Stack.OtherState() || l.Covers != nil && !l.Covers(address) {
		return false
	}
	for _, e := range l.Stack.Errors {
		if e.Address == "" || Covers(e.Address, address) {
			return false
		}
	}
	return true
}

// why says what the look knows of a finding that is gone; "" for nothing.
func (l Look) why(gone Finding) string {
	for _, f := range l.Stack.Findings {
		if f.Address == gone.Address {
			return "now it is " + string(f.Kind)
		}
	}
	for _, a := range l.Stack.Adopted {
		if a.Address == gone.Address {
			return "the code says now what is live"
		}
	}
	for _, p := range l.Stack.Pending {
		if p.Address == gone.Address {
			return "its code has changed and is not applied yet"
		}
	}
	return ""
}

// mostPaths is how many paths a line for people names.
const mostPaths = 4

// What says in one line what has become of the resource, without any values.
func (f Finding) What() string {
	if len(f.Changes) == 0 {
		return string(f.Kind)
	}
	var paths []string
	for _, c := range f.Changes[:min(len(f.Changes), mostPaths)] {
		paths = append(paths, c.Path)
	}
	text := string(f.Kind) + ": " + strings.Join(paths, ", ")
	if more := len(f.Changes) - mostPaths; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
