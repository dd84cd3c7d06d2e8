package drift

import (
	"cmp"
	"strings"
	"time"
)

// CauseClass says what kind of thing made a finding; docs/attribution.md has the
// rules.
type CauseClass string

// The classes of causes.
const (
	CauseConsole    CauseClass = "manual-console"      // a person in the web console
	CauseCLI        CauseClass = "manual-cli"          // a person at a command line
	CauseAutomation CauseClass = "external-automation" // a program, or automation that holdfast.yaml declares
	CauseCode       CauseClass = "code-elsewhere"      // another Terraform, OpenTofu or Pulumi
	CauseService    CauseClass = "aws-service"         // AWS itself, or a service on somebody's behalf
	CauseState      CauseClass = "state-corruption"    // the state is unsound, not the infrastructure
	CauseUnknown    CauseClass = "unknown"
)

// CauseClasses are all classes of causes.
var CauseClasses = []CauseClass{CauseConsole, CauseCLI, CauseAutomation, CauseCode, CauseService, CauseState, CauseUnknown}

// Confidence in a cause.
type Confidence string

// How sure a cause is: the event sets the very value that is live, or deletes the
// object (exact); it names object and attribute, but its value can't be compared
// (likely); less than that (possible).
const (
	Exact         Confidence = "exact"
	Likely        Confidence = "likely"
	PossibleCause Confidence = "possible"
)

// NotAsked is the rule of a cause that nobody was asked for.
const NotAsked = "not_asked"

// Cause is who or what made a finding. Without an event that explains it, the
// class is unknown and the event's fields are empty.
type Cause struct {
	Class CauseClass `json:"class"`
	// Summary is all of it on one line, for people.
	Summary    string     `json:"summary"`
	Confidence Confidence `json:"confidence,omitempty"`
	Rule       string     `json:"rule,omitempty"` // the rule that gave the confidence, as docs/attribution.md calls it
	CauseEvent
	// Since is when the object was last known to be as it should; events from
	// before were not looked at. It is zero where nothing is known.
	Since time.Time `json:"since,omitzero"`
	// Until is when the events were asked for; later ones were not looked at. It is
	// zero where nobody was asked.
	Until time.Time `json:"until,omitzero"`
	// Unexplained are the changed paths that no event explains, where some are.
	Unexplained []string `json:"unexplained,omitempty"`
	// Gaps are what could not be read of the evidence: there may be more to it.
	Gaps []string `json:"gaps,omitempty"`
	// Candidates are all events that may have to do with it, newest first, those
	// that explain it among them; Omitted is how many older ones are left out.
	Candidates []CauseEvent `json:"candidates,omitempty"`
	Omitted    int          `json:"omitted,omitempty"`
}

// CauseEvent is a write that a cloud's audit log recorded.
type CauseEvent struct {
	Actor          string    `json:"actor,omitempty"`           // user alice; the role deploy-bot
	ActorARN       string    `json:"actor_arn,omitempty"`       // as the log has it
	Session        string    `json:"session,omitempty"`         // name of a role's session
	SourceIdentity string    `json:"source_identity,omitempty"` // who stands behind the session
	Automation     string    `json:"automation,omitempty"`      // name of the declared automation
	How            string    `json:"how,omitempty"`             // console, aws-cli, boto3, Terraform
	MFA            *bool     `json:"mfa,omitempty"`             // nil: the log does not say
	At             time.Time `json:"at,omitzero"`
	From           string    `json:"from,omitempty"`  // IP address, or an AWS service
	Event          string    `json:"event,omitempty"` // without the API version that some names end in
	EventID        string    `json:"event_id,omitempty"`
	EventSource    string    `json:"event_source,omitempty"`
	Region         string    `json:"region,omitempty"`
	Account        string    `json:"account,omitempty"`
	UserAgent      string    `json:"user_agent,omitempty"` // set by the caller: evidence, no proof
	Paths          []string  `json:"paths,omitempty"`      // changed paths that it explains
	Note           string    `json:"note,omitempty"`       // why a candidate does not explain the finding
}

// Known reports whether an event, or a fault of the state, explains the finding.
func (c *Cause) Known() bool {
	return c != nil && (c.Class != CauseUnknown || c.Event != "")
}

// By is who did it, and how, in short: user alice, console. It is empty where
// nobody is named.
func (e CauseEvent) By() string {
	by := cmp.Or(e.Automation, e.Actor)
	if by != "" && e.How != "" && !strings.HasSuffix(by, e.How) {
		by += ", " + e.How
	}
	return by
}

// RuleMeaning says what the event does by the rule that gave the confidence. It
// is empty for a rule that is not of docs/attribution.md.
func (c *Cause) RuleMeaning() string {
	switch c.Rule {
	case "value":
		return "the event sets the attribute to what is live"
	case "deleted":
		return "the event deletes the object"
	case "named":
		return "the event sets the attribute; its value is withheld, sensitive or of another form"
	case "action":
		return "the event tells the attribute by its name"
	case "parent":
		return "the event deletes what the object belongs to"
	}
	return ""
}

// Automation is a program that is known to change infrastructure, so that people
// see its name. All patterns may hold *, which stands for any text; one match is
// enough.
type Automation struct {
	Name       string   `json:"name"`
	Roles      []string `json:"roles"`       // names or ARNs of roles, or of users
	UserAgents []string `json:"user_agents"` // the whole user agent
}
