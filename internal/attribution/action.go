package attribution

import (
	"slices"
	"strings"
)

// action is the name of an event, taken apart.
type action struct {
	verb string
	noun []string
}

// otherActions are events whose names do not follow the pattern of a verb and
// what it acts on.
var otherActions = map[string]action{
	"ScheduleKeyDeletion":           {"delete", []string{"key"}},
	"Unsubscribe":                   {"delete", []string{"subscription"}},
	"UpdateContinuousBackups":       {"update", []string{"table"}},
	"UpdateTimeToLive":              {"update", []string{"table", "time", "to", "live"}},
	"PutSecretValue":                {"put", []string{"secret", "value"}},
	"DeleteRetentionPolicy":         {"delete", []string{"retention"}},
	"PutRetentionPolicy":            {"put", []string{"retention"}},
	"AssociateKmsKey":               {"put", []string{"log", "group", "kms", "key"}},
	"DisassociateKmsKey":            {"remove", []string{"log", "group", "kms", "key"}},
	"PutPublicAccessBlock":          {"put", []string{"bucket", "public", "access", "block"}},
	"DeletePublicAccessBlock":       {"delete", []string{"bucket", "public", "access", "block"}},
	"PutFunctionConcurrency":        {"put", []string{"function", "reserved", "concurrent", "execution"}},
	"DeleteFunctionConcurrency":     {"delete", []string{"function", "reserved", "concurrent", "execution"}},
	"SuspendProcesses":              {"put", []string{"auto", "scaling", "group", "suspended", "process"}},
	"ResumeProcesses":               {"put", []string{"auto", "scaling", "group", "suspended", "process"}},
	"UpdateAssumeRolePolicy":        {"update", []string{"role", "assume", "policy"}},
	"PutImageTagMutability":         {"put", []string{"repository"}},
	"PutImageScanningConfiguration": {"put", []string{"repository"}},
}

func parseAction(event string) action {
	if a, ok := otherActions[event]; ok {
		return a
	}
	w := words(event)
	if len(w) == 0 {
		return action{}
	}
	return action{w[0], w[1:]}
}

// deleting are the verbs that end an object, removing those that take something
// away from one.
var (
	deleting = map[string]bool{"delete": true, "terminate": true, "remove": true, "release": true, "deregister": true, "destroy": true}
	parting  = map[string]bool{"detach": true, "disassociate": true, "deregister": true, "revoke": true, "remove": true}
	removing = map[string]bool{"delete": true, "remove": true, "untag": true, "revoke": true, "detach": true, "disassociate": true}
	making   = map[string]bool{"create": true, "run": true, "register": true, "put": true, "allocate": true, "attach": true, "associate": true, "authorize": true}
	// wholly are the verbs that replace all of what they set.
	wholly = map[string]bool{"put": true, "update": true, "modify": true, "set": true}
)

// isNoun reports whether an action is of the very thing that the type is.
func (t *Target) isNoun(a action) bool {
	for _, form := range t.noun.forms {
		if join(form) == join(a.noun) || join(telling(form)) == join(telling(a.noun)) {
			return true
		}
		if last := form[len(form)-1]; parting[a.verb] || making[a.verb] {
			if (last == "attachment" || last == "association" || last == "membership") && join(form[:len(form)-1]) == join(a.noun) {
				return true
			}
			if last == "rule" && len(a.noun) > 1 && slices.Equal(form[:len(form)-1], a.noun[:len(a.noun)-1]) && strings.HasSuffix(a.noun[len(a.noun)-1], "gress") {
				return true // Revoke and Authorize SecurityGroupIngress
			}
		}
	}
	return false
}
