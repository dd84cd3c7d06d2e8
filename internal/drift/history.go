package drift

import (
	"strconv"
	"strings"
	"time"
)

// Life is what has become of a finding since it was first seen.
type Life string

// The lives of a finding. All but open are over: should the drift come back,
// the finding is open again, in an episode of its own.
const (
	LifeOpen     Life = "open"
	LifeResolved Life = "resolved" // gone by itself: nobody told Holdfast
	LifeAccepted Life = "accepted" // taken into the code and the state
	LifeReverted Life = "reverted" // put back to what the code says
	LifeWaived   Life = "waived"   // there, and justified
)

// Over reports whether the drift is gone.
func (l Life) Over() bool { return l == LifeResolved || l == LifeAccepted || l == LifeReverted }

// StackRef names a stack in the history.
type StackRef struct {
	ID        string `json:"id"`
	Path      string `json:"path"`
	Workspace string `json:"workspace"`
	Name      string `json:"name,omitempty"`
}

// Ref is how the history names the stack.
func (s Stack) Ref() StackRef {
	return StackRef{ID: s.ID, Path: s.Path, Workspace: s.Workspace, Name: s.Name}
}

// String is the stack as people are shown it: its path, and the workspace and
// the name where they say something.
func (r StackRef) String() string {
	s := r.Path
	if r.Workspace != "" && r.Workspace != "default" {
		s += " (" + r.Workspace + ")"
	}
	if r.Name != "" {
		s += " [" + r.Name + "]"
	}
	return s
}

// Matches reports whether what people call a stack is this one: its path, its
// name, its id or a start of that, or how String has it. "" is any.
func (r StackRef) Matches(s string) bool {
	return s == "" || s == r.Path || s == r.Name || s == r.String() || len(s) >= 4 && strings.HasPrefix(r.ID, s)
}

// Episode is a finding from when it was first seen until it was gone. The same
// drift seen a hundred times is one episode; drift that comes back is a further
// one of the same finding.
type Episode struct {
	Number    int       `json:"number"` // of the finding's episodes, from 1
	Stack     StackRef  `json:"stack"`
	Finding   Finding   `json:"finding"` // as it was last seen
	Life      Life      `json:"life"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Revised   time.Time `json:"revised,omitzero"` // when it was first seen with these changes; zero for not known
	FirstRun  string    `json:"first_run"`        // ids of runs
	LastRun   string    `json:"last_run"`
	Seen      int       `json:"seen"` // in how many runs
	// The rest says how it ended; all of it is empty while the drift is there.
	Ended  time.Time `json:"ended,omitzero"`
	Reason string    `json:"reason,omitempty"`
	Ticket string    `json:"ticket,omitempty"`
	Actor  string    `json:"actor,omitempty"` // who ended it through Holdfast
}

// ID names the episode for good: that of the finding, and from the second
// episode on its number.
func (e Episode) ID() string {
	if e.Number <= 1 {
		return e.Finding.ID
	}
	return e.Finding.ID + "-" + strconv.Itoa(e.Number)
}

// EventKind says what happened.
type EventKind string

// The kinds of events. Those of a finding follow its life; the others are a
// stack's.
const (
	EventBaseline  EventKind = "baseline"  // tracking began, or the baseline was renewed
	EventFound     EventKind = "found"     // an episode began
	EventChanged   EventKind = "changed"   // the finding's revision is another one
	EventResolved  EventKind = "resolved"  // gone by itself
	EventReopened  EventKind = "reopened"  // it is back: a further episode
	EventWaived    EventKind = "waived"    // there, and from now on justified
	EventUnwaived  EventKind = "unwaived"  // its waiver has ended
	EventAccepted  EventKind = "accepted"  // see LifeAccepted
	EventReverted  EventKind = "reverted"  // see LifeReverted
	EventProposed  EventKind = "proposed"  // an accept was committed on a branch
	EventAttempted EventKind = "attempted" // a revert or accept that was refused or failed
	EventRequested EventKind = "requested" // somebody has asked a server for a revert or an accept
	EventApproved  EventKind = "approved"  // a second person has approved of that
	EventRejected  EventKind = "rejected"  // somebody has decided against it
)

// Event is one line of the history. Nothing changes it once it is there.
type Event struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Kind    EventKind `json:"kind"`
	Run     string    `json:"run,omitempty"` // the run that noticed
	Stack   StackRef  `json:"stack"`
	Address string    `json:"address,omitempty"` // empty for an event of the stack
	Finding string    `json:"finding,omitempty"` // id
	Episode int       `json:"episode,omitempty"` // number
	Detail  string    `json:"detail,omitempty"`  // for people, one line, no values
	Reason  string    `json:"reason,omitempty"`
	Ticket  string    `json:"ticket,omitempty"`
	Actor   string    `json:"actor,omitempty"`
}

// Baseline is what a stack had when tracking began, or when somebody last said
// that it is as it should be.
type Baseline struct {
	Stack     StackRef           `json:"stack"`
	At        time.Time          `json:"at"`
	Run       string             `json:"run,omitempty"`
	Lineage   string             `json:"lineage"`
	Serial    uint64             `json:"serial"`
	Resources []BaselineResource `json:"resources"`
}

// BaselineResource is a managed resource instance as it was last applied: the
// facts that a person would write down. Sensitive values are not among them.
type BaselineResource struct {
	Address string `json:"address"`
	Type    string `json:"type"`
	Name    string `json:"name,omitempty"` // what the cloud calls it
	Facts   []Fact `json:"facts"`
}

// Fact is a notable attribute, or several told in one.
type Fact struct {
	Label string `json:"label"` // for people: "Hash key", or an attribute's path
	Value string `json:"value"` // for people, on one line
}

// RunRecord is a run as the history keeps it: without its stacks, which the
// history keeps as the latest result of each.
type RunRecord struct {
	ID         string    `json:"id"`
	Tool       Tool      `json:"tool"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"` // zero for one that was interrupted
	Summary    Summary   `json:"summary"`
	Trigger    string    `json:"trigger"` // command, schedule, person
}

// TrendPoint is how many findings were open at a time.
type TrendPoint struct {
	At   time.Time `json:"at"`
	Open int       `json:"open"`
}

// History is a part of the history, for people and programs: either episodes or
// events.
type History struct {
	SchemaVersion int       `json:"schema_version"`
	Tool          Tool      `json:"tool"`
	Episodes      []Episode `json:"episodes,omitzero"`
	Events        []Event   `json:"events,omitzero"`
}

// ChangeType is the history's column of that name: what became of the resource.
func (e Episode) ChangeType() string {
	text := e.Finding.What()
	if e.Finding.Certainty == Possible {
		text += " (possible)"
	}
	return text
}

// Resolution is the history's column of that name: what became of the drift, and
// by whom and why, as far as that is known.
func (e Episode) Resolution() string {
	text := map[Life]string{
		LifeOpen: "open", LifeWaived: "waived", LifeResolved: "resolved by itself",
		LifeAccepted: "accepted into the code", LifeReverted: "reverted to the code",
	}[e.Life]
	if e.Number > 1 && !e.Life.Over() {
		text += ", again"
	}
	switch w := e.Finding.Waiver; {
	case w == nil:
	case e.Life == LifeWaived:
		text += " by " + w.ID + " until " + w.Until + ": " + w.Reason
	case e.Life == LifeOpen && w.State == WaiverEnded:
		text += ", waiver " + w.ID + " ended on " + w.Until + ": " + w.Reason
	}
	if !e.Ended.IsZero() {
		text += " " + e.Ended.Format(time.DateOnly)
	}
	if e.Actor != "" {
		text += " by " + e.Actor
	}
	if e.Ticket != "" {
		text += " (" + e.Ticket + ")"
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}
