package attribution

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Options say what to look for.
type Options struct {
	Since      time.Time // the last clean check, or the last apply
	Until      time.Time // when the findings were read: later events can't explain them
	Automation []drift.Automation
}

// maxWindow is how far back is looked at the most: what LookupEvents keeps.
const maxWindow = 90 * 24 * time.Hour

// Attribute finds the cause of each target, in their order. A cause is never nil:
// what is not known says so, and why. Only the end of ctx is an error; evidence
// that can't be read is a gap, and named in the causes.
func Attribute(ctx context.Context, sources []Source, targets []*Target, o Options) ([]*drift.Cause, error) {
	var gaps []Gap
	if oldest := o.Until.Add(-maxWindow); o.Since.Before(oldest) {
		if !o.Since.IsZero() {
			gaps = append(gaps, Gap{Where: "CloudTrail", Reason: "events before " + when(oldest) + " were not looked at"})
		}
		o.Since = oldest
	}
	x := newIndex(targets, o)
	q := x.query(o)
	for _, source := range sources {
		more, err := source.Each(ctx, q, x.visit)
		if err != nil {
			return nil, fmt.Errorf("attribution: %w", err)
		}
		gaps = append(gaps, more...)
	}
	gaps = append(gaps, x.gaps...)
	causes := make([]*drift.Cause, len(targets))
	for i, t := range targets {
		causes[i] = decide(t, &x.found[i], t.gaps(gaps), o)
	}
	return causes, nil
}

// query asks for the regions and accounts of the targets, or for all where one
// target's are not known.
func (x *index) query(o Options) Query {
	q := Query{Since: o.Since, Until: o.Until}
	allRegions, allAccounts := false, false
	for _, t := range x.targets {
		region := t.Region
		if global[t.noun.source] {
			region = globalRegion
		}
		allRegions, allAccounts = allRegions || region == "", allAccounts || t.Account == ""
		q.Regions, q.Accounts = append(q.Regions, region), append(q.Accounts, t.Account)
	}
	slices.Sort(q.Regions)
	slices.Sort(q.Accounts)
	q.Regions, q.Accounts = slices.Compact(q.Regions), slices.Compact(q.Accounts)
	if allRegions {
		q.Regions = nil
	}
	if allAccounts {
		q.Accounts = nil
	}
	return q
}

// gaps are those that concern the target.
func (t *Target) gaps(all []Gap) []string {
	var out []string
	for _, g := range all {
		elsewhere := g.Region != "" && t.Region != "" && g.Region != t.Region && !global[t.noun.source] || g.Account != "" && t.Account != "" && g.Account != t.Account
		if !elsewhere {
			out = append(out, g.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// winner is the event that explains attributes.
type winner struct {
	entry
	paths      []string
	confidence drift.Confidence
}

// decide makes the cause of a target out of its evidence.
func decide(t *Target, v *evidence, gaps []string, o Options) *drift.Cause {
	v.trim()
	c := &drift.Cause{Class: drift.CauseUnknown, Gaps: gaps, Omitted: v.omitted}
	for _, e := range v.candidates {
		c.Candidates = append(c.Candidates, e.event)
	}
	winners, reasons := t.winners(v, len(gaps) > 0)
	for at, reason := range reasons {
		if at >= 0 && reason != "" {
			c.Unexplained = append(c.Unexplained, t.attributes[at].path)
		}
	}
	slices.Sort(c.Unexplained)
	if len(winners) == 0 {
		c.Unexplained = nil
		c.Summary = unknownSummary(t, reasons, gaps, o)
		return c
	}
	best := winners[0]
	c.Class, c.CauseEvent, c.Rule, c.Confidence = best.verdict.class, best.event, best.rule, best.confidence
	c.Paths, c.Note = best.paths, ""
	c.Summary = summary(t, winners, c.Unexplained)
	return c
}

// winners are the events that explain something, newest first, each once.
func (t *Target) winners(v *evidence, gaps bool) ([]winner, map[int]string) {
	wanted := []int{-1}
	if t.Finding.Kind != drift.Deleted {
		wanted = wanted[:0]
		for at := range t.attributes {
			wanted = append(wanted, at)
		}
	}
	reasons := map[int]string{}
	var out []winner
	for _, at := range wanted {
		e, reason := pick(v.newest[at])
		reasons[at] = reason
		if reason != "" {
			continue
		}
		w := winner{entry: e, confidence: confidence(e, gaps)}
		if at >= 0 {
			w.paths = []string{t.attributes[at].path}
		}
		if i := slices.IndexFunc(out, func(o winner) bool { return o.event.EventID == e.event.EventID && o.who == e.who }); i >= 0 {
			out[i].paths = append(out[i].paths, w.paths...)
			if weaker(w.confidence, out[i].confidence) {
				out[i].confidence, out[i].rule = w.confidence, w.rule
			}
			continue
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b winner) int { return b.event.At.Compare(a.event.At) })
	return out, reasons
}

// noEvent is the reason where nothing was found at all.
const noEvent = "no matching event"

// pick decides among the newest writes of one attribute; reason says why none of
// them is taken.
func pick(list []entry) (e entry, reason string) {
	if len(list) == 0 {
		return entry{}, noEvent
	}
	left := slices.DeleteFunc(slices.Clone(list), func(e entry) bool { return e.outcome == differs })
	if len(left) == 0 {
		return entry{}, "the last recorded write (" + list[0].event.Event + ", " + when(list[0].event.At) + ") set something else than what is there now"
	}
	if certain := slices.DeleteFunc(slices.Clone(left), func(e entry) bool { return e.outcome != same }); len(certain) > 0 {
		left = certain
	}
	slices.SortFunc(left, func(a, b entry) int { return strings.Compare(a.event.EventID, b.event.EventID) })
	for _, other := range left {
		switch {
		case other.ours:
			return entry{}, "the last recorded write is Holdfast's own"
		case other.who != left[0].who:
			return entry{}, "two writes in the same second, by " + who(left[0]) + " and by " + who(other)
		}
	}
	return left[len(left)-1], ""
}

// confidence follows from the rule. Where evidence is missing, a later write may
// be among it.
func confidence(e entry, gaps bool) drift.Confidence {
	steps := []drift.Confidence{drift.Exact, drift.Likely, drift.PossibleCause}
	at := 0
	if e.outcome != same {
		at = 1
	}
	if gaps {
		at++
	}
	return steps[at]
}

func weaker(a, b drift.Confidence) bool {
	order := []drift.Confidence{drift.Exact, drift.Likely, drift.PossibleCause}
	return slices.Index(order, a) > slices.Index(order, b)
}

// summary is a cause on one line.
func summary(t *Target, winners []winner, unexplained []string) string {
	did := "changed by "
	if t.Finding.Kind == drift.Deleted {
		did = "deleted by "
	}
	w := winners[0]
	parts := []string{did + who(w.entry) + " on " + when(w.event.At) + ", " + w.event.Event}
	for _, w := range winners[1:] {
		parts = append(parts, strings.Join(w.paths, ", ")+" by "+who(w.entry)+" on "+when(w.event.At)+", "+w.event.Event)
	}
	if len(unexplained) > 0 {
		parts = append(parts, "unknown for "+strings.Join(unexplained, ", "))
	}
	return strings.Join(parts, "; ")
}

func when(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 MST") }

// who is the actor, and how, for people.
func who(e entry) string {
	name := e.event.Actor
	if name == "" {
		name = "somebody whom CloudTrail does not name"
	}
	if e.event.Session != "" && !strings.HasPrefix(name, "user "+e.event.Session) {
		name += ", session " + e.event.Session
	}
	if id := e.event.SourceIdentity; id != "" {
		name += ", source identity " + id
	}
	switch e.verdict.class {
	case drift.CauseConsole:
		if e.event.MFA != nil && *e.event.MFA {
			return name + " (console, MFA)"
		}
		return name + " (console)"
	case drift.CauseCLI:
		if e.event.MFA != nil && *e.event.MFA {
			return name + " (" + e.verdict.how + ", MFA)"
		}
		return name + " (" + e.verdict.how + ")"
	case drift.CauseService:
		if strings.HasSuffix(name, e.verdict.how) {
			return name
		}
		return e.verdict.how + " for " + name
	}
	if e.verdict.automation != "" {
		return e.verdict.automation + " (" + name + ") through " + first(e.verdict.how, "an unnamed program")
	}
	return name + " through " + first(e.verdict.how, "an unnamed program")
}

// unknownSummary says why nobody is named.
func unknownSummary(t *Target, reasons map[int]string, gaps []string, o Options) string {
	since := o.Since
	if t.Since.After(since) {
		since = t.Since
	}
	reason := noEvent
	for _, at := range sortedAttributes(reasons) {
		if reasons[at] != noEvent {
			reason = reasons[at]
			break
		}
	}
	s := "unknown: " + reason
	if reason == noEvent && !since.IsZero() {
		s += " since " + when(since)
	}
	if len(gaps) > 0 {
		s += fmt.Sprintf("; the evidence is incomplete (%s", gaps[0])
		if len(gaps) > 1 {
			s += fmt.Sprintf(", and %d more", len(gaps)-1)
		}
		s += ")"
	}
	return s
}

func sortedAttributes(reasons map[int]string) []int {
	out := make([]int, 0, len(reasons))
	for at := range reasons {
		out = append(out, at)
	}
	slices.Sort(out)
	return out
}
