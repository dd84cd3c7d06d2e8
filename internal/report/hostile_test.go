package report_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// hostile are pieces of strings that break out where somebody forgot to escape.
var hostile = []string{
	"<script>alert(1)</script>", "</script>", "<b>", "<img src=x onerror=alert(1)>", "</code></summary></details>", "</td></tr></table>", "javascript:alert(1)",
	"|", `\|`, `\`, "`", "``", "```", "````", "~~~", "\n", "\r\n", "\n\n", "\t", "# x", "- x", "1. x", "> x", "---", "[x](https://evil.example)", "![x](y)", "<https://evil.example>",
	"@everyone", "*x*", "_x_", "&amp;", "&#60;", "&lt;b&gt;", "\x1b[31m", "\x1b]8;;https://evil.example\x07", "\x00", "\x7f", "\u0085", "]]>", "<![CDATA[", "-->", "<!--", "<?xml?>",
	"\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\xff", "\xc3\x28", "\xed\xa0\x80", "\ufffe", "{0}", "{{", "${x}", "%s", "%!d", `"`, "'", "=", ` onclick="x"`, "\U0001F600", "ä",
	"aws_x.y", "module.a", `["k"]`, " ", "",
}

func hostileText(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(hostile), 0, 5).Draw(t, label), "")
}

// hostileAddress is not empty: that would mean the whole stack.
func hostileAddress(t *rapid.T, label string) string { return "r" + hostileText(t, label) }

func asJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func anyValue(t *rapid.T) json.RawMessage {
	s := hostileText(t, "value")
	switch rapid.IntRange(0, 4).Draw(t, "shape") {
	case 0:
		return raw("null")
	case 1:
		return asJSON(map[string]any{s: []any{s, 1, true}})
	case 2:
		return asJSON(string(asJSON(map[string]any{s: s}))) // a document in a string
	case 3:
		return asJSON(strings.Repeat(s+"\n", rapid.IntRange(0, 30).Draw(t, "lines")))
	}
	return asJSON(s)
}

// anyEvent has something hostile in every text: a caller chooses the user agent,
// the session's name and, in part, all else.
func anyEvent(t *rapid.T) drift.CauseEvent {
	e := drift.CauseEvent{At: time.Date(2026, 10, 31, 9, 0, 0, 0, time.UTC)}
	for _, text := range []*string{
		&e.ActorARN, &e.Session, &e.SourceIdentity, &e.Automation, &e.How, &e.From, &e.Event, &e.EventID, &e.EventSource, &e.Region, &e.Account, &e.UserAgent, &e.Note,
	} {
		*text = hostileText(t, "of the event")
	}
	e.Actor = fmt.Sprintf("actor%d", rapid.IntRange(100_000, 999_999).Draw(t, "actor")) + hostileText(t, "actor's name")
	e.MFA = rapid.SampledFrom([]*bool{nil, new(bool)}).Draw(t, "mfa")
	for range rapid.IntRange(0, 2).Draw(t, "paths") {
		e.Paths = append(e.Paths, hostileText(t, "path"))
	}
	return e
}

// anyCause names its actor in its summary, as attribution does; nil: nobody looked.
func anyCause(t *rapid.T) *drift.Cause {
	c := &drift.Cause{
		Class: rapid.SampledFrom([]drift.CauseClass{
			drift.CauseConsole, drift.CauseCLI, drift.CauseAutomation, drift.CauseCode, drift.CauseService, drift.CauseState, drift.CauseUnknown,
		}).Draw(t, "class"),
		Confidence: rapid.SampledFrom([]drift.Confidence{drift.Exact, drift.Likely, drift.PossibleCause, ""}).Draw(t, "confidence"),
		Rule:       rapid.SampledFrom([]string{"value", "named", hostileText(t, "rule")}).Draw(t, "which rule"),
		CauseEvent: anyEvent(t), Omitted: rapid.IntRange(0, 2).Draw(t, "omitted"),
	}
	c.Summary = c.Actor + hostileText(t, "summary")
	for range rapid.IntRange(0, 2).Draw(t, "more") {
		c.Candidates, c.Gaps, c.Unexplained = append(c.Candidates, anyEvent(t)), append(c.Gaps, hostileText(t, "gap")), append(c.Unexplained, hostileText(t, "unexplained"))
	}
	return rapid.SampledFrom([]*drift.Cause{nil, c, c, c}).Draw(t, "cause")
}

func anyFinding(t *rapid.T) drift.Finding {
	f := drift.Finding{
		ID: drift.FindingID("x", hostileText(t, "id"), drift.Modified), Revision: "0123456789ab", Address: hostileAddress(t, "address"), Type: "x", Provider: hostileText(t, "provider"),
		Kind:         rapid.SampledFrom([]drift.Kind{drift.Modified, drift.Deleted}).Draw(t, "kind"),
		Certainty:    rapid.SampledFrom([]drift.Certainty{drift.Certain, drift.Possible}).Draw(t, "certainty"),
		Status:       rapid.SampledFrom([]drift.FindingStatus{drift.Open, drift.Open, drift.Waived, drift.Ignored}).Draw(t, "status"),
		Doubt:        hostileText(t, "doubt"),
		IgnoreReason: hostileText(t, "reason"),
		Cause:        anyCause(t),
	}
	if rapid.Bool().Draw(t, "has a waiver") {
		f.Waiver = &drift.FindingWaiver{
			ID: hostileText(t, "waiver"), State: rapid.SampledFrom([]drift.WaiverState{drift.WaiverActive, drift.WaiverEnded}).Draw(t, "state"),
			Reason: hostileText(t, "reason"), Owner: hostileText(t, "owner"), Ticket: hostileText(t, "ticket"), Until: hostileText(t, "until"),
		}
	}
	if rapid.Bool().Draw(t, "placed") {
		f.Source = &drift.Position{File: hostileAddress(t, "file"), Line: rapid.IntRange(1, 999).Draw(t, "line")}
	}
	if f.Kind == drift.Modified {
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			c := drift.Change{Path: hostileAddress(t, "path"), Sensitive: rapid.Bool().Draw(t, "sensitive"), RequiresReplace: rapid.Bool().Draw(t, "replace")}
			if !c.Sensitive {
				c.Expected, c.Actual = anyValue(t), anyValue(t)
				if rapid.Bool().Draw(t, "alike") { // with lines that are on both sides
					lines := hostileText(t, "line") + "\n" + hostileText(t, "line") + "\n"
					c.Expected, c.Actual = asJSON(lines+"a"), asJSON(lines+"b")
				}
			}
			f.Changes = append(f.Changes, c)
		}
	}
	return f
}

func anyStack(t *rapid.T) drift.Stack {
	s := drift.Stack{
		ID: drift.StackID(hostileText(t, "id"), ""), Path: hostileAddress(t, "path"), Workspace: rapid.SampledFrom([]string{"default", hostileAddress(t, "workspace")}).Draw(t, "which"),
		Name: hostileText(t, "name"), Engine: "direct", EngineReason: hostileText(t, "reason"), DurationMS: 12,
	}
	for range rapid.IntRange(0, 3).Draw(t, "findings") {
		s.Findings = append(s.Findings, anyFinding(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "errors") {
		s.Errors = append(s.Errors, drift.Error{Address: hostileText(t, "address"), Code: hostileAddress(t, "code"), Message: hostileAddress(t, "message")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "pending") {
		s.Pending = append(s.Pending, drift.Pending{Address: hostileAddress(t, "address"), Actions: []string{"update"}, Paths: []string{hostileAddress(t, "path")}})
	}
	for range rapid.IntRange(0, 1).Draw(t, "others") {
		p := drift.Paths{Address: hostileAddress(t, "address"), Paths: []string{hostileAddress(t, "path")}}
		s.Observed, s.Adopted = append(s.Observed, p), append(s.Adopted, p)
		s.Integrity = append(s.Integrity, drift.Integrity{
			Code: "x", Severity: rapid.SampledFrom([]drift.Severity{drift.SeverityError, drift.SeverityWarning, drift.SeverityInfo}).Draw(t, "severity"), Message: hostileAddress(t, "message"), Address: hostileText(t, "address"),
		})
	}
	s.Resources = drift.Counts{Checked: 9, Clean: 9 - len(s.Findings), Drifted: len(s.Findings)}
	s.Settle(len(s.Errors) > 0 && rapid.Bool().Draw(t, "fatal"))
	return s
}

func anyRun(t *rapid.T) (drift.Run, report.Options) {
	at := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	run := drift.Run{SchemaVersion: 1, Tool: drift.Tool{Name: "holdfast", Version: hostileText(t, "version")}, StartedAt: at, FinishedAt: at.Add(time.Second), Stacks: []drift.Stack{}}
	// Many stacks change the layout of some formats; so that the run stays small,
	// all but a few are clean.
	for range rapid.SampledFrom([]int{0, 0, 40}).Draw(t, "clean ones") {
		s := drift.Stack{ID: "0123456789ab", Path: "clean", Workspace: "default", Engine: "direct"}
		s.Settle(false)
		run.Stacks = append(run.Stacks, s)
	}
	for range rapid.IntRange(0, 4).Draw(t, "stacks") {
		run.Stacks = append(run.Stacks, anyStack(t))
	}
	run.Summary = drift.Summarize(run.Stacks)
	o := report.Options{Environment: hostileText(t, "environment"), Table: report.TableOptions{Verbose: true}}
	o.Trend = []drift.TrendPoint{{At: at.Add(-time.Hour), Open: rapid.IntRange(0, 9999).Draw(t, "before")}, {At: at, Open: run.Summary.Findings}}
	return run, o
}
