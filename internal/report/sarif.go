package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"holdfast/internal/drift"
)

// What is used of SARIF 2.1.0.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
	Properties  sarifRunBag       `json:"properties"`
}

// sarifRunBag holds the numbers and the stacks, of which SARIF has no notion.
type sarifRunBag struct {
	Summary drift.Summary `json:"summary"`
	Stacks  []sarifStack  `json:"stacks"`
}

type sarifStack struct {
	drift.StackRef
	Status drift.Status `json:"status"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name          string      `json:"name"`
	Version       string      `json:"version"`
	Rules         []sarifRule `json:"rules"`
	Notifications []sarifRule `json:"notifications"`
}

type sarifRule struct {
	ID               string       `json:"id"`
	Name             string       `json:"name,omitempty"`
	ShortDescription sarifText    `json:"shortDescription"`
	FullDescription  *sarifText   `json:"fullDescription,omitempty"`
	Help             *sarifText   `json:"help,omitempty"`
	DefaultLevel     *sarifConfig `json:"defaultConfiguration,omitempty"`
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	StartTime           string              `json:"startTimeUtc"`
	EndTime             string              `json:"endTimeUtc"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications"`
}

type sarifNotification struct {
	Descriptor sarifReference  `json:"descriptor"`
	Level      string          `json:"level"`
	Message    sarifText       `json:"message"`
	Locations  []sarifLocation `json:"locations,omitempty"`
}

type sarifReference struct {
	ID string `json:"id"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   sarifResultBag     `json:"properties"`
}

type sarifResultBag struct {
	Stack     string               `json:"stack"` // id
	Finding   string               `json:"finding"`
	Status    drift.FindingStatus  `json:"status"`
	Severity  string               `json:"severity,omitempty"`
	Certainty drift.Certainty      `json:"certainty"`
	Cause     *drift.Cause         `json:"cause,omitempty"` // without the other events
	Waiver    *drift.FindingWaiver `json:"waiver,omitempty"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

// sarifRules are the rules, one for each kind of finding.
var sarifRules = []sarifRule{
	{
		ID: "drift/modified", Name: "DriftModified", ShortDescription: sarifText{"A resource was changed outside the code"},
		FullDescription: &sarifText{"The real object differs from what was last applied, and applying the code again would change it back."},
		Help:            &sarifText{"Put it back with terraform apply, or write what is live into the code."},
		DefaultLevel:    &sarifConfig{"error"},
	},
	{
		ID: "drift/deleted", Name: "DriftDeleted", ShortDescription: sarifText{"A resource was deleted outside the code"},
		FullDescription: &sarifText{"The state has the resource, and the real object is gone. Applying the code again would create it."},
		Help:            &sarifText{"Create it again with terraform apply, or take it out of the code."},
		DefaultLevel:    &sarifConfig{"error"},
	},
}

// sarifNotices are what is told beside the results.
var sarifNotices = []sarifRule{
	{ID: "not-checked", ShortDescription: sarifText{"Something could not be checked"}},
	{ID: "integrity", ShortDescription: sarifText{"Something about the state itself"}},
	{ID: "pending", ShortDescription: sarifText{"Code that is not applied yet"}},
}

// SARIF writes a run as SARIF 2.1.0. Findings are results, at the resource's
// block in the source; what is waived or ignored is a suppressed one. What could
// not be checked, and what is pending, are notifications, because no result is
// known there.
func SARIF(w io.Writer, run drift.Run) error {
	out := sarifRun{
		Tool:        sarifTool{sarifDriver{"Holdfast", OneLine(run.Tool.Version), sarifRules, sarifNotices}},
		Results:     []sarifResult{},
		ColumnKind:  "unicodeCodePoints",
		Properties:  sarifRunBag{Summary: drift.Summarize(run.Stacks), Stacks: []sarifStack{}},
		Invocations: []sarifInvocation{invocationOf(run)},
	}
	for _, s := range run.Stacks {
		out.Properties.Stacks = append(out.Properties.Stacks, sarifStack{drift.StackRef{ID: OneLine(s.ID), Path: OneLine(s.Path), Workspace: OneLine(s.Workspace), Name: OneLine(s.Name)}, s.Status})
		for _, f := range s.Findings {
			out.Results = append(out.Results, resultOf(s, f))
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{out},
	})
}

func invocationOf(run drift.Run) sarifInvocation {
	const utc = "2006-01-02T15:04:05.000Z"
	in := sarifInvocation{
		ExecutionSuccessful: true, StartTime: run.StartedAt.UTC().Format(utc), EndTime: run.FinishedAt.UTC().Format(utc), Notifications: []sarifNotification{},
	}
	add := func(s drift.Stack, id, level, address, text string) {
		if address != "" {
			text = address + ": " + text
		}
		in.Notifications = append(in.Notifications, sarifNotification{sarifReference{id}, level, messageOf(stackName(s) + ": " + text), []sarifLocation{locationOf(s, address, nil)}})
	}
	for _, s := range run.Stacks {
		in.ExecutionSuccessful = in.ExecutionSuccessful && s.Status != drift.StatusError
		for _, e := range s.Errors {
			add(s, "not-checked", "error", e.Address, e.Message)
		}
		for _, fault := range s.Integrity {
			level, ok := map[drift.Severity]string{drift.SeverityError: "error", drift.SeverityWarning: "warning"}[fault.Severity]
			if !ok {
				level = "note"
			}
			add(s, "integrity", level, fault.Address, fault.Message)
		}
		for _, p := range s.Pending {
			add(s, "pending", "note", p.Address, "code not applied yet: "+strings.Join(p.Actions, ", "))
		}
	}
	return in
}

func resultOf(s drift.Stack, f drift.Finding) sarifResult {
	r := sarifResult{
		Level: levelOf(f), Locations: []sarifLocation{locationOf(s, f.Address, f.Source)}, Message: messageOf(resultText(s, f)...),
		// GitHub recognises an alert again by primaryLocationLineHash alone, which
		// would otherwise change with the lines around the block.
		Fingerprints: map[string]string{"holdfastFinding/v1": OneLine(f.ID), "primaryLocationLineHash": OneLine(f.ID) + ":1"},
		Properties:   sarifResultBag{OneLine(s.ID), OneLine(f.ID), f.Status, severityName(f), f.Certainty, cleanCause(f.Cause), cleanWaiver(f.Waiver)},
	}
	if f.Kind == drift.Deleted {
		r.RuleIndex = 1
	}
	r.RuleID = sarifRules[r.RuleIndex].ID
	if !f.Counts() {
		r.Suppressions = []sarifSuppression{{Kind: "external", Justification: waiverText(f)}}
	}
	return r
}

// levelOf is how bad a finding is in SARIF's words. One that is only possible is no
// error, and one that doesn't count is a note.
//
// GitHub's security-severity is not set: it is a property of a rule, so it would be
// the same for all results of it.
// https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
func levelOf(f drift.Finding) string {
	switch {
	case !f.Counts() || f.Severity == drift.SeverityLow:
		return "note"
	case f.Certainty == drift.Possible || f.Severity == drift.SeverityMedium:
		return "warning"
	}
	return "error"
}

// resultText says what has drifted, and how, where that is short.
func resultText(s drift.Stack, f drift.Finding) []string {
	const most = 20
	lines := []string{fmt.Sprintf("%s in %s was changed outside the code:", OneLine(f.Address), stackName(s))}
	if f.Kind == drift.Deleted {
		lines = []string{fmt.Sprintf("%s in %s was deleted outside the code.", OneLine(f.Address), stackName(s))}
	}
	for i, c := range f.Changes {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %s more.", count(len(f.Changes)-most, "attribute")))
			break
		}
		v := viewOf(c)
		switch {
		case v.Sensitive:
			lines = append(lines, v.Path+" (sensitive)")
		case len(v.Parts) == 1 && !v.Document && !v.Parts[0].Long():
			lines = append(lines, fmt.Sprintf("%s is %s, expected %s", v.Path, v.Parts[0].To, v.Parts[0].From))
		default:
			lines = append(lines, v.Path)
		}
	}
	if text := causeText(f); text != "" {
		lines = append(lines, causeLabel(f)+": "+text)
	}
	if text := waiverText(f); text != "" {
		lines = append(lines, waiverLabel(f)+": "+text)
	}
	if f.Doubt != "" {
		lines = append(lines, "Possible only: "+f.Doubt)
	}
	return lines
}

var placeholder = regexp.MustCompile(`\{(\d+)\}`)

// messageOf makes lines of text a SARIF message: it holds neither links nor
// placeholders (sections 3.11.5 and 3.11.6).
func messageOf(lines ...string) sarifText {
	text := strings.ReplaceAll(strings.Join(mapped(lines, OneLine), "\n"), "](", "] (")
	return sarifText{placeholder.ReplaceAllString(text, "{{$1}}")}
}

// locationOf is the resource's block, or the stack's folder where the source
// doesn't have it: a reader such as GitHub leaves out what is nowhere.
func locationOf(s drift.Stack, address string, at *drift.Position) sarifLocation {
	l := sarifLocation{Physical: &sarifPhysical{}}
	if at != nil && at.Line > 0 {
		l.Physical.Artifact.URI, l.Physical.Region = reference(at.File), &sarifRegion{at.Line}
	} else {
		l.Physical.Artifact.URI = folder(s.Path)
	}
	if address != "" {
		l.Logical = []sarifLogical{{OneLine(address), "resource"}}
	}
	return l
}

// reference is a file's path as a relative reference.
func reference(path string) string {
	u := url.URL{Path: strings.ReplaceAll(OneLine(path), `\`, "/")}
	return u.String()
}

// folder is a stack's path as the reference of a folder, or the URL that it is.
func folder(path string) string {
	if u, err := url.Parse(path); err == nil && len(u.Scheme) > 1 && u.Host != "" {
		return u.String()
	}
	return strings.TrimSuffix(reference(path), "/") + "/"
}
