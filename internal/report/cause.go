package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// Limits of what is told of a cause; show --full and the JSON result have all.
const (
	maxGaps       = 3
	maxCandidates = 10
	maxSummary    = 400 // characters
)

// asked is a finding's cause, nil where nobody was asked for it.
func asked(f drift.Finding) *drift.Cause {
	if f.Cause == nil || f.Cause.Rule == drift.NotAsked {
		return nil
	}
	return f.Cause
}

// causeText says who or what changed a resource, "" where nobody was asked for it.
func causeText(f drift.Finding) string {
	if asked(f) == nil {
		return ""
	}
	return whoText(f)
}

// whoText is the same, and says also why nobody was asked.
func whoText(f drift.Finding) string {
	if f.Cause == nil {
		return ""
	}
	return shorten(OneLine(f.Cause.Summary), maxSummary)
}

// causeLine is causeText as a sentence of its own.
func causeLine(f drift.Finding) string {
	text := causeText(f)
	if text == "" || f.Cause.Known() {
		return text
	}
	return "who changed it is unknown: " + strings.TrimPrefix(text, "unknown: ")
}

// causeBy is who changed a resource, and how, in short; "" where nobody is named.
func causeBy(f drift.Finding) string {
	if f.Cause == nil {
		return ""
	}
	return OneLine(f.Cause.By())
}

// causeLabel names what causeText tells.
func causeLabel(f drift.Finding) string {
	if f.Cause != nil && f.Cause.Class == drift.CauseState {
		return "Cause"
	}
	return "Who"
}

// confidenceText says how sure a cause is, and by which rule; "" where nothing is
// known.
func confidenceText(c *drift.Cause) string {
	if c.Confidence == "" {
		return ""
	}
	text := string(c.Confidence)
	if c.Rule != "" {
		text += " by the rule " + c.Rule
	}
	if meaning := c.RuleMeaning(); meaning != "" {
		text += " (" + meaning + ")"
	}
	return text
}

// whereText is the account and region of an event.
func whereText(e drift.CauseEvent) string {
	var parts []string
	if e.Account != "" {
		parts = append(parts, "account "+e.Account)
	}
	if e.Region != "" {
		parts = append(parts, e.Region)
	}
	return strings.Join(parts, ", ")
}

// evidenceText is what makes a cause believable, on one line: its class, how sure
// it is, and the event. It is empty where nothing explains the finding.
func evidenceText(c *drift.Cause) string {
	if !c.Known() {
		return ""
	}
	parts := []string{string(c.Class)}
	add := func(before, text string) {
		if text != "" {
			parts = append(parts, before+text)
		}
	}
	add("", confidenceText(c))
	add("from ", c.From)
	add("", whereText(c.CauseEvent))
	add("event ", c.EventID)
	return OneLine(strings.Join(parts, ", "))
}

// gapTexts are what could not be read of the evidence, the first few of it.
func gapTexts(c *drift.Cause, most int) []string {
	gaps := mapped(c.Gaps, OneLine)
	if n := len(gaps) - most; n > 0 {
		gaps = append(gaps[:most:most], fmt.Sprintf("and %d more", n))
	}
	return gaps
}

// causeNotes are the lines below that of causeText: what makes it believable, and
// what is missing.
func causeNotes(c *drift.Cause) []Fact {
	if c == nil {
		return nil
	}
	notes := []Fact{{"Evidence", evidenceText(c)}, {"No event for", OneLine(strings.Join(c.Unexplained, ", "))}}
	for _, gap := range gapTexts(c, maxGaps) {
		notes = append(notes, Fact{"Evidence not read", gap})
	}
	return slices.DeleteFunc(notes, func(f Fact) bool { return f.Text == "" })
}

// causeFacts are what a cause says beside its summary, where it says something, in
// the order in which people ask.
func causeFacts(c *drift.Cause, most int) []Fact {
	mfa := ""
	if c.MFA != nil {
		mfa = map[bool]string{true: "yes", false: "no"}[*c.MFA]
	}
	second := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2 January 2006, 15:04:05 MST")
	}
	event := c.Event
	if c.EventSource != "" {
		event += " of " + c.EventSource
	}
	agent := c.UserAgent
	if agent != "" {
		agent += " (as the caller says)"
	}
	facts := []Fact{
		{"Class", string(c.Class)}, {"Confidence", confidenceText(c)}, {"Explains", strings.Join(c.Paths, ", ")}, {"No event for", strings.Join(c.Unexplained, ", ")},
		{"Actor", c.Actor}, {"ARN", c.ActorARN}, {"Session", c.Session}, {"Source identity", c.SourceIdentity}, {"Automation", c.Automation},
		{"How", c.How}, {"MFA", mfa}, {"At", second(c.At)}, {"From", c.From}, {"Event", event}, {"Event id", c.EventID}, {"Where", whereText(c.CauseEvent)}, {"User agent", agent},
	}
	facts = append(facts, Fact{"Looked since", second(c.Since)})
	for _, gap := range gapTexts(c, most) {
		facts = append(facts, Fact{"Not read", gap})
	}
	facts = slices.DeleteFunc(facts, func(f Fact) bool { return f.Text == "" })
	for i := range facts {
		facts[i].Text = OneLine(facts[i].Text)
	}
	return facts
}

// EventView is an event of a cause's timeline.
type EventView struct {
	At   string // in UTC
	Who  string
	What string
	Note string // why it does not explain the finding, or what it explains
	This bool   // it is the one that does
}

// timeline are the events on the object, newest first, and how many are left out.
// It is empty where there is none but the one that explains the finding.
func timeline(c *drift.Cause, most int) (list []EventView, left int) {
	if len(c.Candidates) < 2 && c.Omitted == 0 && (c.EventID != "" || len(c.Candidates) == 0) {
		return nil, 0
	}
	for i, e := range c.Candidates {
		if i == most {
			left = len(c.Candidates) - i
			break
		}
		v := EventView{At: e.At.UTC().Format("2006-01-02 15:04:05"), Who: OneLine(cmp.Or(e.By(), "somebody")), What: OneLine(e.Event), Note: OneLine(e.Note)}
		v.This = e.Note == "" && e.EventID == c.EventID && e.At.Equal(c.At)
		if v.Note == "" {
			v.Note = strings.TrimSuffix("explains "+OneLine(strings.Join(e.Paths, ", ")), " ")
			if len(e.Paths) == 0 {
				v.Note = "explains it"
			}
		}
		list = append(list, v)
	}
	return list, left + c.Omitted
}

// cleanCause is a cause whose texts can be shown, without the other events.
func cleanCause(c *drift.Cause) *drift.Cause {
	if c == nil {
		return nil
	}
	clean := *c
	e := &clean.CauseEvent
	for _, s := range []*string{
		&clean.Summary, &clean.Rule, &e.Actor, &e.ActorARN, &e.Session, &e.SourceIdentity, &e.Automation, &e.How, &e.From,
		&e.Event, &e.EventID, &e.EventSource, &e.Region, &e.Account, &e.UserAgent, &e.Note,
	} {
		*s = OneLine(*s)
	}
	clean.Paths, clean.Unexplained, clean.Gaps = mapped(c.Paths, OneLine), mapped(c.Unexplained, OneLine), mapped(c.Gaps, OneLine)
	clean.Candidates, clean.Omitted = nil, 0
	return &clean
}

// cleanWaiver is a waiver whose texts can be shown.
func cleanWaiver(w *drift.FindingWaiver) *drift.FindingWaiver {
	if w == nil {
		return nil
	}
	clean := *w
	for _, s := range []*string{&clean.ID, &clean.Reason, &clean.Owner, &clean.Ticket, &clean.ApprovedBy, &clean.Until} {
		*s = OneLine(*s)
	}
	return &clean
}
