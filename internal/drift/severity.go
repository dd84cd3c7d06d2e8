package drift

import (
	"cmp"
	"slices"
	"strings"
)

// SeverityRule gives the findings that it matches a severity. All that it names must
// match.
type SeverityRule struct {
	Address Pattern // of resource instances; "" for all
	Type    string  // of resources, with * for any characters; "" for all
	Kind    Kind    // "" for both
	// Attributes cover what is below them too; one changed path is enough. Without
	// any, it matches whatever changed.
	Attributes []Pattern
	Severity   Severity
}

// severityGroup is what is of high severity for one reason. A finding is of it by
// its type, or by an attribute that has changed, in whatever block it stands.
type severityGroup struct {
	what       string
	types      []string
	attributes []Pattern
	except     []string // types of which the attributes mean something else
}

// severityGroups hold where no rule of the user's matches. docs/severity.md is held
// against them. A policy is one of access by what it is called, because others are
// called policies too: aws_autoscaling_policy, aws_lb_cookie_stickiness_policy.
var severityGroups = []severityGroup{
	{
		what: "who may do what",
		types: []string{
			"aws_iam_*", "aws_*permission*", "aws_organizations_policy*", "aws_ram_*", "aws_ssoadmin_*", "aws_identitystore_*", "aws_eks_access_*", "aws_*authorizer",
			"aws_s3_bucket_acl", "aws_s3_bucket_ownership_controls", "azuread_*", "azurerm_role_*", "azurerm_key_vault_access_policy",
			"google_*_iam_*", "google_service_account*", "google_organization_policy", "kubernetes_*role*",
		},
		attributes: words(
			"policy", "policy_document", "assume_role_policy", "inline_policy", "key_policy", "resource_policy", "access_policy", "access_policies",
			"access_control_policy", "password_policy", "managed_policy_arns", "permissions_boundary", "role", "role_arn", "execution_role*", "task_role*",
			"iam_*", "acl", "grant", "allowed_principals", "shared_accounts", "*authoriz*", "*authentication*", "*mfa*", "api_key_required", "http_tokens", "public_key",
		),
		except: []string{"aws_ecr_lifecycle_policy"},
	},
	{
		what: "who reaches what",
		types: []string{
			"*security_group*", "*firewall*", "*network_acl*", "*public_access*", "aws_route", "aws_route_table", "aws_waf*",
		},
		attributes: words("ingress", "egress", "*security_group*", "*public*", "*cidr*", "direct_internet_access", "source_ranges", "web_acl_*"),
	},
	{
		what: "what keeps data secret, and keeps it at all",
		types: []string{
			"*encryption*", "aws_kms_*", "aws_backup_*", "aws_s3_bucket_versioning", "aws_s3_bucket_object_lock*", "aws_lb_ssl_negotiation_policy",
		},
		attributes: words(
			"*encrypt*", "sse_*", "*_sse_*", "*kms_key*", "kms_master_key_id", "*key_rotation*", "rotation_enabled", "rotation_lambda_arn", "*tls*", "*ssl*",
			"minimum_protocol_version", "viewer_protocol_policy", "*deletion_protection*", "*termination*protection*", "disable_api_termination",
			"point_in_time_recovery", "versioning*", "object_lock*", "*backup_retention*",
		),
	},
	{
		what: "what would notice",
		types: []string{
			"aws_cloudtrail*", "aws_guardduty_*", "aws_securityhub_account", "aws_config_configuration_recorder*", "aws_config_delivery_channel",
			"aws_inspector2_enabler", "aws_macie2_account", "aws_accessanalyzer_analyzer", "aws_flow_log",
		},
		attributes: words("enable_logging"),
	},
}

func (g severityGroup) has(f *Finding) bool {
	if slices.ContainsFunc(g.types, func(typ string) bool { return matchStars(typ, f.Type) }) {
		return true
	}
	return !slices.Contains(g.except, f.Type) &&
		slices.ContainsFunc(f.Changes, func(c Change) bool { return coveredAnywhere(g.attributes, c.Path) })
}

// tagsAlone are what only tells of a resource.
var tagsAlone = words("tags", "tags_all", "labels", "terraform_labels", "effective_labels", "description", "comment")

func words(list ...string) []Pattern {
	var patterns []Pattern
	for _, w := range list {
		patterns = append(patterns, Pattern(w))
	}
	return patterns
}

// Grade gives a finding its severity: that of the first of the user's rules that
// matches, else by docs/severity.md.
func Grade(f *Finding, rules []SeverityRule) {
	for _, rule := range rules {
		if rule.matches(f) {
			f.Severity = rule.Severity
			return
		}
	}
	switch {
	case f.Kind == Deleted:
		f.Severity = SeverityHigh
	case len(f.Changes) > 0 && !slices.ContainsFunc(f.Changes, func(c Change) bool { return !coveredBy(tagsAlone, c.Path) }):
		f.Severity = SeverityLow
	case slices.ContainsFunc(severityGroups, func(g severityGroup) bool { return g.has(f) }):
		f.Severity = SeverityHigh
	default:
		f.Severity = SeverityMedium
	}
}

func (r SeverityRule) matches(f *Finding) bool {
	if r.Address != "" && !r.Address.Match(f.Address) || r.Type != "" && !matchStars(r.Type, f.Type) || r.Kind != "" && r.Kind != f.Kind {
		return false
	}
	return len(r.Attributes) == 0 || slices.ContainsFunc(f.Changes, func(c Change) bool { return coveredAnywhere(r.Attributes, c.Path) })
}

func coveredBy(patterns []Pattern, path string) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool { return p.Covers(path) })
}

// coveredAnywhere reports whether a pattern covers a path, or what is below some
// block: kms_key_id covers encryption[0].kms_key_id too. What stands in an index is
// a value, not a name: public does not cover tags["is.public"].
func coveredAnywhere(patterns []Pattern, path string) bool {
	parts, _ := partsOf(path)
	for i, part := range parts {
		if part[0] == '.' && coveredBy(patterns, strings.Join(parts[i:], "")[1:]) {
			return true
		}
	}
	return false
}

var severityRanks = map[Severity]int{
	SeverityHigh: 3, SeverityError: 3, SeverityMedium: 2, SeverityWarning: 2, SeverityLow: 1, SeverityInfo: 1,
}

// Rank orders severities, those of faults among them: the worst is the highest, and
// one that nobody knows is 0.
func (s Severity) Rank() int { return severityRanks[s] }

// Worse is the worse of two severities.
func Worse(a, b Severity) Severity {
	if a.Rank() >= b.Rank() {
		return a
	}
	return b
}

// OfFinding is the severity in the words of findings.
func (s Severity) OfFinding() Severity {
	return cmp.Or(map[Severity]Severity{SeverityError: SeverityHigh, SeverityWarning: SeverityMedium, SeverityInfo: SeverityLow}[s], s)
}

// WorstFirst orders findings as people want them: those that count before the
// others, then by severity. The order is otherwise kept.
func WorstFirst(findings []Finding) []Finding {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, func(a, b Finding) int {
		if a.Counts() != b.Counts() {
			if a.Counts() {
				return -1
			}
			return 1
		}
		return BySeverity(a, b)
	})
	return sorted
}

// BySeverity compares for an order in which the worst comes first, and what has no
// severity last.
func BySeverity(a, b Finding) int { return b.Severity.Rank() - a.Severity.Rank() }
