package attribution

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Options say what to look for.
type Options struct {
	Since      time.Time // of all targets that do not say so themselves; zero: not known
	Until      time.Time // when the findings were read: later events can't explain them
	Automation []drift.Automation
}

// MaxWindow is how far back is looked at the most: what LookupEvents keeps.
const MaxWindow = 90 * 24 * time.Hour

// Attribute finds the cause of each target, in their order. A cause is never nil:
// what is not known says so, and why. Only the end of ctx is an error; evidence
// that can't be read is a gap, and named in the causes.
func Attribute(ctx context.Context, sources []Source, targets []*Target, o Options) ([]*drift.Cause, error) {
	var gaps []Gap
	x := newIndex(targets, o)
	q := x.query(o)
	for at, source := range sources {
		more, err := source.Each(ctx, q, x.visit)
		if err != nil {
			return nil, fmt.Errorf("attribution: %w", err)
		}
		for _, g := range more {
			g.source = at
			gaps = append(gaps, g)
		}
	}
	gaps = append(gaps, x.gaps...)
	causes := make([]*drift.Cause, len(targets))
	for i, t := range targets {
		causes[i] = decide(t, &x.found[i], t.gaps(gaps, len(sources)), o)
	}
	return causes, nil
}

// query asks for the places of the targets, each once.
func (x *index) query(o Options) Query {
	since := map[Place]time.Time{}
	for _, t := range x.targets {
		at := Place{Account: t.Account, Region: t.recordedIn()}
		if before, ok := since[at]; !ok || t.since.Before(before) {
			since[at] = t.since
		}
	}
	q := Query{Until: o.Until}
	for at, begins := range since {
		at.Since = begins
		q.Places = append(q.Places, at)
	}
	slices.SortFunc(q.Places, func(a, b Place) int {
		return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region))
	})
	return q
}

// window is the one in which the target's events are looked for: from the second
// of Since on, because CloudTrail tells no more, and no longer than MaxWindow.
func (t *Target) window(o Options) {
	since := t.Since
	if since.IsZero() {
		since = o.Since
	}
	t.since = since.Truncate(time.Second)
	if oldest := o.Until.Add(-MaxWindow).Truncate(time.Second); t.since.Before(oldest) {
		t.since, t.cut = oldest, !since.IsZero()
	}
}

// recordedIn is the region in which the target's events are; "" where that is not
// known.
func (t *Target) recordedIn() string {
	if global[t.noun.source] {
		return globalRegion
	}
	return t.Region
}

// gaps are those of so many sources that concern the target.
func (t *Target) gaps(all []Gap, sources int) []Gap {
	region := t.recordedIn()
	var out, foreign []Gap
	without := map[int]bool{} // sources that don't have its account
	if t.cut {
		out = append(out, Gap{Where: "CloudTrail", Reason: "events before " + when(t.since) + " were not looked at", Until: t.since})
	}
	for _, g := range all {
		elsewhere := g.Region != "" && region != "" && g.Region != region || g.Account != "" && t.Account != "" && g.Account != t.Account
		switch {
		case elsewhere:
		case g.Foreign:
			foreign, without[g.source] = append(foreign, g), true
		default:
			out = append(out, g)
		}
	}
	if len(without) == sources || t.Account == "" { // it may be in one that is not there
		out = append(out, foreign...)
	}
	return out
}

// missingOf are the gaps, for people, that take something from an answer: what is
// older than all events that explain the finding does not.
func missingOf(gaps []Gap, winners []winner, whole bool) []string {
	var out []string
	for _, g := range gaps {
		older := whole && !g.Until.IsZero() && !slices.ContainsFunc(winners, func(w winner) bool { return !w.event.At.After(g.Until) })
		if !older {
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
func decide(t *Target, v *evidence, all []Gap, o Options) *drift.Cause {
	v.trim()
	winners, reasons := t.winners(v)
	gaps := missingOf(all, winners, len(winners) > 0 && !unanswered(reasons))
	for i := range winners {
		winners[i].confidence = confidence(winners[i].entry, len(gaps) > 0 || t.ambiguous())
	}
	c := &drift.Cause{Class: drift.CauseUnknown, Since: t.Since, Until: o.Until.UTC().Truncate(time.Millisecond), Gaps: gaps, Omitted: v.omitted}
	for _, e := range v.candidates {
		e.event.Note = v.note(e, winners, reasons)
		c.Candidates = append(c.Candidates, e.event)
	}
	for at, reason := range reasons {
		if at >= 0 && reason != "" {
			c.Unexplained = append(c.Unexplained, t.attributes[at].path)
		}
	}
	slices.Sort(c.Unexplained)
	if len(winners) == 0 {
		c.Unexplained = nil
		c.Summary = unknownSummary(t, reasons, gaps)
		return c
	}
	best := winners[0]
	c.Class, c.CauseEvent, c.Rule, c.Confidence = best.verdict.class, best.event, best.rule, best.confidence
	c.Paths, c.Note = best.paths, ""
	c.Summary = summary(t, winners, c.Unexplained)
	return c
}

// unanswered reports whether something has no event that explains it.
func unanswered(reasons map[int]string) bool {
	for _, reason := range reasons {
		if reason != "" {
			return true
		}
	}
	return false
}

// note is why a candidate is not what explains the finding; "" for one that is.
func (v *evidence) note(e entry, winners []winner, reasons map[int]string) string {
	if e.event.Note != "" || slices.ContainsFunc(winners, func(w winner) bool { return w.is(e) }) {
		return e.event.Note
	}
	for _, at := range sortedAttributes(reasons) {
		if !slices.ContainsFunc(v.newest[at], e.is) {
			continue
		}
		return first(reasons[at], "another event of the same second explains it better")
	}
	return "a newer event did the same"
}

// winners are the events that explain something, newest first, each once.
func (t *Target) winners(v *evidence) ([]winner, map[int]string) {
	wanted := []int{-1}
	if t.Finding.Kind != drift.Deleted {
		wanted = wanted[:0]
		for at := range t.attributes {
			wanted = append(wanted, at)
		}
	}
	reasons := map[int]string{}
	var out []winner
	elsewhere := t.elsewhere(v)
	for _, at := range wanted {
		e, reason := pick(v.newest[at])
		if reason == "" {
			reason = elsewhere
		}
		reasons[at] = reason
		if reason != "" {
			continue
		}
		w := winner{entry: e}
		if at >= 0 {
			w.paths = []string{t.attributes[at].path}
		}
		if i := slices.IndexFunc(out, func(o winner) bool { return o.event.EventID == e.event.EventID && o.who == e.who }); i >= 0 {
			out[i].paths = append(out[i].paths, w.paths...)
			if w.outcome != same && out[i].outcome == same { // the weaker one counts
				out[i].outcome, out[i].rule = w.outcome, w.rule
			}
			continue
		}
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b winner) int { return b.event.At.Compare(a.event.At) })
	return out, reasons
}

// elsewhere is why nothing follows from events of objects that are called alike:
// whose account or region is not known may be any of them.
func (t *Target) elsewhere(v *evidence) string {
	switch {
	case t.Account == "" && len(v.accounts) > 1:
		return "objects of this name changed in several accounts, and in which it is is not known"
	case t.Region == "" && !global[t.noun.source] && len(v.regions) > 1:
		return "objects of this name changed in several regions, and in which it is is not known"
	}
	return ""
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

// ambiguous reports whether there may be another object that is called the same, in
// an account that nobody asks.
func (t *Target) ambiguous() bool {
	return t.Account == "" && !slices.ContainsFunc(t.identifiers, func(i identifier) bool { return i.unique })
}

// confidence follows from the rule. Where evidence is missing, a later write may
// be among it, or that of the right object.
func confidence(e entry, missing bool) drift.Confidence {
	steps := []drift.Confidence{drift.Exact, drift.Likely, drift.PossibleCause}
	at := 0
	if e.outcome != same {
		at = 1
	}
	if missing {
		at++
	}
	return steps[at]
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

// unknownSummary says why nobody is named. What could not be read is in the
// cause's gaps.
func unknownSummary(t *Target, reasons map[int]string, gaps []string) string {
	reason := noEvent
	for _, at := range sortedAttributes(reasons) {
		if reasons[at] != noEvent {
			reason = reasons[at]
			break
		}
	}
	s := "unknown: " + reason
	if reason == noEvent {
		s += " since " + when(t.since)
	}
	if len(gaps) > 0 {
		s += "; the evidence is incomplete"
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
