package baseline

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// related are the facts that two resources make together.
var related = map[string]func(s *stack, r *Resource, out *drift.BaselineResource){
	"aws_api_gateway_method":      method,
	"aws_api_gateway_integration": integration,
	"aws_iam_role":                role,
	"aws_iam_role_policy":         rolePolicy,
	"aws_iam_policy": func(_ *stack, r *Resource, out *drift.BaselineResource) {
		permissions(out, services(r.document("policy")))
	},
	"aws_iam_role_policy_attachment": attachment,
}

func tell(out *drift.BaselineResource, label, value string) {
	if value != "" {
		out.Facts = append(out.Facts, drift.Fact{Label: label, Value: value})
	}
}

// find gives the resources of a type whose attributes have these values.
func (s *stack) find(typeName string, want map[string]string) []*Resource {
	var found []*Resource
	for i := range s.resources {
		r := &s.resources[i]
		if r.Type != typeName || r.Value == cty.NilVal {
			continue
		}
		same := true
		for attribute, value := range want {
			same = same && value != "" && r.text(attribute) == value
		}
		if same {
			found = append(found, r)
		}
	}
	return found
}

// A method of an API is at a path, which is another resource's, and does
// something through an integration, which is a third.
func method(s *stack, r *Resource, out *drift.BaselineResource) {
	path := s.routePath(r)
	tell(out, "Path", path)
	if path != "" {
		out.Name = r.text("http_method") + " " + path
	}
	made := "method"
	if len(s.find("aws_api_gateway_integration", sameRoute(r))) > 0 {
		made += " + integration"
	}
	tell(out, "Made of", made)
}

func integration(s *stack, r *Resource, out *drift.BaselineResource) {
	if path := s.routePath(r); path != "" {
		out.Name = r.text("http_method") + " " + path
	}
	if of := s.find("aws_api_gateway_method", sameRoute(r)); len(of) > 0 {
		tell(out, PartOf, of[0].Address)
	}
}

func sameRoute(r *Resource) map[string]string {
	return map[string]string{
		"rest_api_id": r.text("rest_api_id"), "resource_id": r.text("resource_id"), "http_method": r.text("http_method"),
	}
}

func (s *stack) routePath(r *Resource) string {
	for _, of := range s.find("aws_api_gateway_resource", map[string]string{"id": r.text("resource_id")}) {
		return of.text("path")
	}
	for range s.find("aws_api_gateway_rest_api", map[string]string{"root_resource_id": r.text("resource_id")}) {
		return "/"
	}
	return ""
}

// What a role may do is in its policies, which are resources of their own.
func role(s *stack, r *Resource, out *drift.BaselineResource) {
	tell(out, "Kind", roleKind(r.document("assume_role_policy")))
	name := r.text("name")
	var may []string
	for _, p := range s.find("aws_iam_role_policy", map[string]string{"role": name}) {
		may = append(may, services(p.document("policy"))...)
	}
	for _, a := range s.find("aws_iam_role_policy_attachment", map[string]string{"role": name}) {
		arn := a.text("policy_arn")
		policies := s.find("aws_iam_policy", map[string]string{"arn": arn})
		for _, p := range policies {
			may = append(may, services(p.document("policy"))...)
		}
		if len(policies) == 0 {
			may = append(may, arn[strings.LastIndex(arn, "/")+1:])
		}
	}
	permissions(out, may)
}

func rolePolicy(s *stack, r *Resource, out *drift.BaselineResource) {
	permissions(out, services(r.document("policy")))
	partOfRole(s, r, out)
}

func attachment(s *stack, r *Resource, out *drift.BaselineResource) { partOfRole(s, r, out) }

func partOfRole(s *stack, r *Resource, out *drift.BaselineResource) {
	if of := s.find("aws_iam_role", map[string]string{"name": r.text("role")}); len(of) > 0 {
		tell(out, PartOf, of[0].Address)
	}
}

func permissions(out *drift.BaselineResource, may []string) {
	slices.Sort(may)
	may = slices.Compact(may)
	switch n := len(may); {
	case n == 1:
		tell(out, "Permissions", may[0])
	case n > 1:
		tell(out, "Permissions", oneLine(strings.Join(may[:n-1], ", ")+" and "+may[n-1]))
	}
}

// policy is a policy document of IAM, as far as it is read here.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type policy struct {
	Statement oneOrMore[statement]
}

type statement struct {
	Effect    string
	Action    oneOrMore[string]
	NotAction oneOrMore[string]
	Principal json.RawMessage
}

// oneOrMore is a list that may be written without brackets where it has one
// element.
type oneOrMore[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *oneOrMore[T]) UnmarshalJSON(src []byte) error {
	if strings.HasPrefix(strings.TrimSpace(string(src)), "[") {
		return json.Unmarshal(src, (*[]T)(l))
	}
	var one T
	err := json.Unmarshal(src, &one)
	*l = oneOrMore[T]{one}
	return err
}

// document is an attribute that holds a policy; none where it can't be read or
// must not be shown.
func (r *Resource) document(attribute string) policy {
	path, v := r.at(attribute)
	if nothing(v) || r.Hidden(path, v) {
		return policy{}
	}
	var p policy
	if json.Unmarshal([]byte(textOf(v)), &p) != nil {
		return policy{}
	}
	return p
}

// services are those that a policy allows something of.
func services(p policy) []string {
	var out []string
	for _, s := range p.Statement {
		switch {
		case s.Effect != "Allow":
		case len(s.NotAction) > 0:
			out = append(out, "nearly all")
		default:
			for _, action := range s.Action {
				prefix, _, _ := strings.Cut(action, ":")
				out = append(out, serviceName(prefix))
			}
		}
	}
	return out
}

// serviceNames are services that aren't called by their prefix in capitals.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var serviceNames = map[string]string{
	"*": "all", "dynamodb": "DynamoDB", "logs": "CloudWatch Logs", "cloudwatch": "CloudWatch", "lambda": "Lambda",
	"secretsmanager": "Secrets Manager", "events": "EventBridge", "states": "Step Functions", "execute-api": "API Gateway",
	"apigateway": "API Gateway", "kinesis": "Kinesis", "firehose": "Firehose", "xray": "X-Ray", "ec2": "EC2",
	"elasticloadbalancing": "Load Balancing", "route53": "Route 53", "cognito-idp": "Cognito", "cloudfront": "CloudFront",
	"autoscaling": "Auto Scaling", "glue": "Glue", "athena": "Athena",
}

func serviceName(prefix string) string {
	if name, ok := serviceNames[strings.ToLower(prefix)]; ok {
		return name
	}
	return oneLine(strings.ToUpper(prefix))
}

// roleKind says whose role it is, by the services that may assume it.
func roleKind(p policy) string {
	var who []string
	for _, s := range p.Statement {
		var principals struct{ Service oneOrMore[string] }
		if json.Unmarshal(s.Principal, &principals) != nil {
			continue
		}
		for _, service := range principals.Service {
			name, _, _ := strings.Cut(service, ".")
			who = append(who, serviceName(name))
		}
	}
	slices.Sort(who)
	who = slices.Compact(who)
	switch {
	case len(who) == 1 && who[0] == "Lambda":
		return "Lambda execution role"
	case len(who) > 0:
		return oneLine("Role of " + strings.Join(who, ", "))
	}
	return "Role"
}
