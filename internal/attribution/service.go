package attribution

import (
	"slices"
	"strings"
)

// noun is what a resource type is called by the service that it is of.
type noun struct {
	source string     // event source
	forms  [][]string // its words: without those of the service, and with them
}

// prefixes tell which service a resource type is of where its second word does
// not, and which words the service's own names leave out. The longest match
// counts; a type that matches none is of the service that its second word names.
var prefixes = []struct {
	prefix string // of the type, without aws_
	source string
	drop   int // words that only name the service
	as     string
}{
	{"cloudwatch_event", "events", 2, ""},
	{"cloudwatch_log", "logs", 1, ""},
	{"cloudwatch_log_metric", "logs", 2, ""},
	{"cloudwatch_log_subscription", "logs", 2, ""},
	{"cloudwatch_log_destination", "logs", 2, ""},
	{"cloudwatch_query", "logs", 1, ""},
	{"cloudwatch", "monitoring", 1, ""},
	{"scheduler", "scheduler", 1, ""},
	{"lb", "elasticloadbalancing", 1, ""},
	{"lb_", "elasticloadbalancing", 1, ""},
	{"alb", "elasticloadbalancing", 1, ""},
	{"elb", "elasticloadbalancing", 1, "load_balancer"},
	{"db", "rds", 0, ""},
	{"rds", "rds", 1, "db"},
	{"api_gateway", "apigateway", 2, ""},
	{"apigatewayv2", "apigateway", 1, ""},
	{"sfn", "states", 1, ""},
	{"kinesis_firehose", "firehose", 2, ""},
	{"msk", "kafka", 1, ""},
	{"efs", "elasticfilesystem", 1, ""},
	{"opensearch", "es", 1, ""},
	{"elasticsearch", "es", 1, ""},
	{"cognito_identity", "cognito-identity", 1, ""},
	{"cognito", "cognito-idp", 1, ""},
	{"ses", "ses", 1, ""},
	{"sesv2", "ses", 1, ""},
	{"emr", "elasticmapreduce", 1, ""},
	{"codedeploy", "codedeploy", 1, ""},
	{"config", "config", 1, ""},
	{"autoscaling", "autoscaling", 0, ""},
	{"launch_configuration", "autoscaling", 0, ""},
	{"appautoscaling", "application-autoscaling", 1, ""},
	{"wafv2", "wafv2", 1, ""},
	{"service_discovery", "servicediscovery", 2, ""},
	{"secretsmanager", "secretsmanager", 1, ""},
	{"dx", "directconnect", 1, ""},
	{"prometheus", "aps", 1, ""},
	{"instance", "ec2", 0, ""}, {"vpc", "ec2", 0, ""}, {"subnet", "ec2", 0, ""}, {"security_group", "ec2", 0, ""},
	{"route", "ec2", 0, ""}, {"main_route", "ec2", 0, ""}, {"eip", "ec2", 0, ""}, {"ebs", "ec2", 1, ""}, {"ami", "ec2", 0, ""},
	{"key_pair", "ec2", 0, ""}, {"nat_gateway", "ec2", 0, ""}, {"internet_gateway", "ec2", 0, ""}, {"egress_only", "ec2", 0, ""},
	{"network_acl", "ec2", 0, ""}, {"network_interface", "ec2", 0, ""}, {"default_", "ec2", 1, ""}, {"launch_template", "ec2", 0, ""},
	{"volume", "ec2", 0, ""}, {"flow_log", "ec2", 0, ""}, {"placement_group", "ec2", 0, ""}, {"customer_gateway", "ec2", 0, ""},
	{"vpn", "ec2", 0, ""}, {"ec2", "ec2", 1, ""}, {"spot", "ec2", 0, ""}, {"managed_prefix_list", "ec2", 0, ""},
	{"snapshot", "ec2", 0, ""},
}

// otherNouns are types whose service calls them something else altogether.
var otherNouns = map[string]string{
	"aws_cloudwatch_metric_alarm":    "alarm",
	"aws_cloudwatch_composite_alarm": "alarm",
	"aws_lb":                         "load_balancer",
	"aws_alb":                        "load_balancer",
	"aws_eip":                        "address",
	"aws_s3_bucket_server_side_encryption_configuration": "bucket_encryption",
	"aws_s3_bucket_cors_configuration":                   "bucket_cors",
	"aws_s3_bucket_website_configuration":                "bucket_website",
	"aws_s3_bucket_accelerate_configuration":             "bucket_accelerate",
	"aws_s3_bucket_request_payment_configuration":        "bucket_request_payment",
	"aws_s3_bucket_object_lock_configuration":            "object_lock",
	"aws_ssm_parameter":                                  "parameter",
	"aws_sns_topic_subscription":                         "subscription",
	"aws_secretsmanager_secret_version":                  "secret_value",
	"aws_vpc_security_group_ingress_rule":                "security_group_rule",
	"aws_vpc_security_group_egress_rule":                 "security_group_rule",
	"aws_dynamodb_kinesis_streaming_destination":         "kinesis_streaming_destination",
	"aws_ecr_lifecycle_policy":                           "lifecycle_policy",
	"aws_iam_account_password_policy":                    "account_password_policy",
	"aws_apigatewayv2_api":                               "api",
	"aws_lambda_layer_version":                           "layer_version",
	"aws_cloudwatch_log_resource_policy":                 "resource_policy",
	"aws_cloudwatch_event_bus":                           "event_bus",
	"aws_route53_record":                                 "resource_record_set",
	"aws_route53_zone":                                   "hosted_zone",
	"aws_autoscaling_group":                              "auto_scaling_group",
	"aws_autoscaling_policy":                             "scaling_policy",
	"aws_autoscaling_schedule":                           "scheduled_action",
	"aws_apigatewayv2_stage":                             "stage",
	"aws_vpc_endpoint":                                   "vpc_endpoint",
	"aws_sqs_queue_policy":                               "queue",
	"aws_sqs_queue_redrive_policy":                       "queue",
	"aws_sqs_queue_redrive_allow_policy":                 "queue",
	"aws_sns_topic_policy":                               "topic",
}

// sourcesOfARN are services whose ARNs and event sources differ.
var sourcesOfARN = map[string]string{"cloudwatch": "monitoring", "opensearch": "es", "execute-api": "apigateway"}

// nounOf says which service a resource type is of, and what that calls it. The
// ARN of the object, where it has one, decides the service.
func nounOf(resourceType, arn string) noun {
	name := strings.TrimPrefix(resourceType, "aws_")
	parts := strings.Split(name, "_")
	source, drop, as := parts[0], 1, ""
	best := -1
	for _, p := range prefixes {
		whole := name == p.prefix || strings.HasPrefix(name, strings.TrimSuffix(p.prefix, "_")+"_")
		if whole && len(p.prefix) > best {
			best, source, drop, as = len(p.prefix), p.source, p.drop, p.as
		}
	}
	if service := arnPart(arn, 2); service != "" && best < 0 {
		source = first(sourcesOfARN[service], service)
	}
	n := noun{source: source + ".amazonaws.com"}
	if other, ok := otherNouns[resourceType]; ok {
		n.forms = append(n.forms, words(other))
	}
	if drop < len(parts) {
		short := strings.Join(parts[drop:], "_")
		if as != "" {
			short = as + "_" + short
		}
		n.forms = append(n.forms, words(short))
	}
	if full := words(name); len(n.forms) == 0 || !slices.Equal(full, n.forms[0]) {
		n.forms = append(n.forms, full)
	}
	return n
}

// arnPart is a field of arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, or "".
func arnPart(arn string, i int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[i]
}

// main is the noun's own form.
func (n noun) main() []string { return n.forms[0] }

// global are services whose events are recorded in us-east-1 wherever their
// objects are used.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events
var global = map[string]bool{
	"iam.amazonaws.com": true, "sts.amazonaws.com": true, "cloudfront.amazonaws.com": true, "route53.amazonaws.com": true,
	"organizations.amazonaws.com": true, "waf.amazonaws.com": true, "shield.amazonaws.com": true, "globalaccelerator.amazonaws.com": true,
}

// globalRegion is where their events are.
const globalRegion = "us-east-1"
