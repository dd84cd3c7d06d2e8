package app

import (
	"slices"
	"time"

	"holdfast/internal/attribution"
	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// known is what the history has of a stack for whoever asks who changed it.
type known struct {
	whole    time.Time // when all of it was last looked at; zero for never
	findings map[string]seen
	// differed are the addresses of what was not as the state has it then, and was
	// no finding either: adopted, observed or pending.
	differed map[string]bool
}

// seen is a finding as it was last seen, and since when it has been so; zero for
// not known.
type seen struct {
	drift.Finding
	revised time.Time
}

func newKnown(before store.Known) known {
	k := known{whole: before.Whole, findings: map[string]seen{}, differed: map[string]bool{}}
	for _, f := range before.Last.Findings {
		if f.Status == drift.Ignored { // which no episode tells of
			k.findings[f.ID] = seen{Finding: f}
		}
	}
	for _, e := range before.Episodes {
		if !e.Life.Over() {
			k.findings[e.Finding.ID] = seen{e.Finding, e.Revised}
		}
	}
	for _, p := range slices.Concat(before.Last.Adopted, before.Last.Observed) {
		k.differed[p.Address] = true
	}
	for _, p := range before.Last.Pending {
		k.differed[p.Address] = true
	}
	return k
}

// late is how long after a change its event comes at the latest, but for days on
// which CloudTrail itself is ill.
const late = time.Hour

// of says what is known of a finding from before: since when its object may have
// been changed, zero for not known, and the cause of just this change. That is
// settled, and not worth asking again, if an event sets the very value that is
// live, or if it was asked when all events were there; not where evidence was
// missing.
func (k known) of(f drift.Finding) (since time.Time, cause *drift.Cause, settled bool) {
	was, ok := k.findings[f.ID]
	switch {
	case !ok && k.differed[f.Address]:
		return time.Time{}, nil, false
	case !ok:
		return k.whole, nil, false
	case was.Cause == nil:
		return time.Time{}, nil, false
	case was.Revision != f.Revision || was.Cause.Class == drift.CauseState: // which says nothing where the state is sound by now
		return was.Cause.Since, nil, false
	}
	cause = was.Cause
	whole := !cause.Until.IsZero() && len(cause.Gaps) == 0
	exact := cause.Confidence == drift.Exact && len(cause.Unexplained) == 0
	complete := !was.revised.IsZero() && !cause.Until.Before(was.revised.Add(late))
	return cause.Since, cause, whole && (exact || complete)
}

// carry gives findings what is known of their causes, for a history that may hear
// no more of this run.
func (k known) carry(findings []drift.Finding) []drift.Finding {
	findings = slices.Clone(findings)
	for i := range findings {
		f := &findings[i]
		since, cause, _ := k.of(*f)
		switch {
		case f.Cause != nil:
			f.Cause = dated(f.Cause, since)
		case cause != nil:
			f.Cause = cause
		case !since.IsZero():
			f.Cause = unanswered(since)
		}
	}
	return findings
}

// dated is a cause with the time since when its object may have been changed,
// unless it has one.
func dated(c *drift.Cause, since time.Time) *drift.Cause {
	if !c.Since.IsZero() {
		return c
	}
	dated := *c // others may be reading it
	dated.Since = since
	return &dated
}

// better is what is known of a cause after it was asked for again: who was named
// before is not forgotten because the log can't be read now, or not as far back.
func better(before, now *drift.Cause) *drift.Cause {
	if before == nil || before.Event == "" || now.Event != "" {
		return now
	}
	if len(now.Gaps) > 0 || before.At.Before(now.Until.Add(-attribution.MaxWindow)) {
		return before
	}
	return now
}
