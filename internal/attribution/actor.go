package attribution

import (
	"strings"

	"holdfast/internal/drift"
)

// ours reports whether Holdfast itself made the request, as it does to revert.
func ours(r *Record) bool { return strings.Contains(strings.ToLower(r.UserAgent), "holdfast") }

// sessionName is the last part of arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION.
func sessionName(r *Record) string {
	if r.Identity.Type != "AssumedRole" {
		return ""
	}
	parts := strings.Split(r.Identity.ARN, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-1]
}

// ssoRole begins the names of the roles that IAM Identity Center makes; a
// person's sessions of them carry the person's name.
const ssoRole = "AWSReservedSSO_"

// actor is who made a request, for people.
func actor(r *Record) string {
	id := r.Identity
	switch {
	case id.Type == "Root":
		return "the root user of account " + first(id.AccountID, r.Account())
	case id.Type == "AssumedRole":
		return roleActor(r)
	case id.Type == "AWSService" || id.Type == "" && id.InvokedBy != "":
		return "the service " + first(id.InvokedBy, r.SourceIP, r.UserAgent, "that AWS does not name")
	case id.UserName != "":
		return "user " + id.UserName
	case id.Type == "AWSAccount":
		return "account " + id.AccountID
	case id.ARN != "":
		return id.ARN
	}
	return ""
}

func roleActor(r *Record) string {
	id := r.Identity
	role := id.Session.Issuer.UserName
	if parts := strings.Split(id.ARN, "/"); role == "" && len(parts) >= 3 {
		role = parts[len(parts)-2]
	}
	if set, ok := strings.CutPrefix(role, ssoRole); ok && sessionName(r) != "" {
		if i := strings.LastIndexByte(set, '_'); i > 0 {
			set = set[:i] // a random end
		}
		return "user " + sessionName(r) + " (single sign-on, " + set + ")"
	}
	return "the role " + role
}

// causeEvent is the record as a finding's cause shows it.
func causeEvent(r *Record, v verdict) drift.CauseEvent {
	return drift.CauseEvent{
		Actor: actor(r), ActorARN: r.Identity.ARN, Session: sessionName(r), SourceIdentity: r.Identity.Session.SourceIdentity,
		Automation: v.automation, How: v.how, MFA: r.Identity.Session.Attributes.MFA.Value(), At: r.Time.UTC(), From: r.SourceIP,
		Event: r.Event(), EventID: r.EventID, EventSource: r.Source, Region: r.Region, Account: r.Account(), UserAgent: r.UserAgent,
	}
}
