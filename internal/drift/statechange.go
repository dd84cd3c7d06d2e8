package drift

import (
	"fmt"
	"time"
)

// shrunk is how many objects may go from a state between two checks without a
// word; and so may more, as long as a third stays.
const shrunk = 10

// StateMark is what is remembered of a stack's state: the last one that was no
// error beside the one before it. A stack that has none has an empty lineage.
type StateMark struct {
	At        time.Time `json:"at,omitzero"` // the end of the check that saw it first
	Lineage   string    `json:"lineage"`
	Serial    uint64    `json:"serial"`
	Instances int       `json:"instances"` // managed resource instances in it
}

// Mark is what is to be remembered of the state that a stack was checked against.
func (s Stack) Mark() StateMark {
	// A result of an earlier version has no count of its own.
	instances := max(s.State.Instances, s.Resources.total()+s.Resources.Skipped)
	return StateMark{Lineage: s.State.Lineage, Serial: s.State.Serial, Instances: instances}
}

// Follow lists what is unsound about a state as against the one that is
// remembered, and gives the one to remember from now on. After an error that is
// still the earlier one: the error is told until it is mended, or until somebody
// says that the state is right. A state that could not be read says nothing, nor
// does one of a check that began before the remembered one was seen.
func (m StateMark) Follow(now StateMark, began, ended time.Time) ([]Integrity, StateMark) {
	now.At = ended.UTC().Truncate(time.Millisecond)
	switch {
	case now.Lineage == "" || began.Before(m.At):
		return nil, m
	case m.Lineage == "":
		return nil, now
	}
	faults := m.compare(now)
	for _, f := range faults {
		if f.Severity == SeverityError {
			return faults, m
		}
	}
	if m.same(now) {
		now.At = m.At
	}
	return faults, now
}

// rightAfterAll is the way out where nothing is wrong.
const rightAfterAll = "or, if this one is right, say so with holdfast baseline --renew --reason"

func (m StateMark) same(other StateMark) bool {
	m.At, other.At = time.Time{}, time.Time{}
	return m == other
}

func (m StateMark) compare(now StateMark) []Integrity {
	if m.Lineage != now.Lineage {
		return []Integrity{Unsound(FaultLineage, "",
			"the state's lineage was %s %s and is %s: it is another state, made anew or restored from another stack; find out who replaced it, and restore the right one, %s",
			m.Lineage, m.when(), now.Lineage, rightAfterAll)}
	}
	var found []Integrity
	if now.Serial < m.Serial {
		found = append(found, Unsound(FaultSerial, "",
			"the state's serial was %d %s and is %d: an older state was put back, and what was applied since is not in it; restore the newest one, %s",
			m.Serial, m.when(), now.Serial, rightAfterAll))
	}
	switch {
	case m.Instances > 0 && now.Instances == 0:
		found = append(found, Unsound(FaultEmptied, "",
			"the state held %d resource instances %s and holds none; if they were not destroyed on purpose, restore the state from before, %s",
			m.Instances, m.when(), rightAfterAll))
	case m.Instances-now.Instances >= shrunk && now.Instances*3 < m.Instances:
		found = append(found, Unsound(FaultShrunk, "",
			"the state held %d resource instances %s and holds %d; if they were not taken out on purpose, restore the state from before",
			m.Instances, m.when(), now.Instances))
	}
	return found
}

func (m StateMark) when() string {
	if m.At.IsZero() {
		return "at an earlier check"
	}
	return fmt.Sprintf("at the check of %s", m.At.Format("2006-01-02 15:04 MST"))
}
