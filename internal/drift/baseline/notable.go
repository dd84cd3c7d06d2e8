package baseline

// Kind is how resources of a type are told.
type Kind struct {
	// Title is for people: "DynamoDB Table".
	Title string
	// Group is the heading under which resources of several types are told, each
	// on one line; "" where a resource has a heading of its own.
	Group string
	// Line is how one of a group is told. {name} stands for its name, {Label} for
	// a fact; what is in brackets is left out where a fact in it is missing.
	Line string

	name  string // the attribute that names the object, where it isn't "name"
	facts []fact
}

// fact is one thing to say: an attribute, and the words for it where it says
// something ("{}" is its value, {other} another attribute's) and where it is not
// set, false or empty. No words mean: nothing is said.
type fact struct{ label, path, say, otherwise string }

// KindOf says how resources of a type are told. A type that the table doesn't
// have has its own name as title.
func KindOf(typeName string) Kind {
	if k, ok := notable[typeName]; ok {
		return k
	}
	return Kind{Title: typeName}
}

// PartOf labels the fact that a resource is told with another one.
const PartOf = "Part of"

// The headings that types share.
const (
	routes     = "API Gateway Routes"
	cloudWatch = "CloudWatch"
	iam        = "IAM"
)

// notable is what a person would write down of common types.
var notable = map[string]Kind{
	"aws_dynamodb_table": {Title: "DynamoDB Table", facts: []fact{
		{"Hash key", "hash_key", "", ""},
		{"Range key", "range_key", "", ""},
		{"TTL", "ttl.enabled", "enabled on {ttl.attribute_name}", "disabled"},
		{"PITR", "point_in_time_recovery.enabled", "enabled", "disabled"},
		{"Encryption", "server_side_encryption.kms_key_arn", "KMS CMK {}", "AWS owned key"},
		{"Billing", "billing_mode", "", ""},
		{"Read capacity", "read_capacity", "", ""},
		{"Write capacity", "write_capacity", "", ""},
		{"Stream", "stream_enabled", "{stream_view_type}", ""},
		{"Deletion protection", "deletion_protection_enabled", "enabled", "disabled"},
	}},
	"aws_lambda_function": {Title: "Lambda Function", name: "function_name", facts: []fact{
		{"Runtime", "runtime", "", ""},
		{"Handler", "handler", "", ""},
		{"Image", "image_uri", "", ""},
		{"Memory", "memory_size", "{} MB", ""},
		{"Timeout", "timeout", "{} seconds", ""},
		{"Architecture", "architectures", "", ""},
		{"Role", "role", "", ""},
	}},
	"aws_lambda_permission": {Title: "Lambda Permission", name: "statement_id", Group: iam,
		Line: "Permission `{name}`: {Principal} may {Action} on `{Function}`", facts: []fact{
			{"Principal", "principal", "", ""},
			{"Action", "action", "", ""},
			{"Function", "function_name", "", ""},
			{"Source", "source_arn", "", ""},
		}},
	"aws_lambda_event_source_mapping": {Title: "Lambda Event Source", name: "uuid", facts: []fact{
		{"Function", "function_arn", "", ""},
		{"Source", "event_source_arn", "", ""},
		{"Batch size", "batch_size", "", ""},
		{"State", "enabled", "enabled", "disabled"},
	}},

	"aws_api_gateway_rest_api": {Title: "API Gateway REST API", facts: []fact{
		{"Endpoint", "endpoint_configuration.types", "", ""},
	}},
	"aws_api_gateway_resource": {Title: "API Gateway Resource", Group: routes, name: "path", Line: "`{name}` (resource)"},
	"aws_api_gateway_method": {Title: "API Gateway Method", Group: routes, name: "http_method",
		Line: "{Method} [`{Path}` ]({Made of}[; authorization {Authorization}])", facts: []fact{
			{"Method", "http_method", "", ""},
			{"Authorization", "authorization", "", ""},
		}},
	"aws_api_gateway_integration": {Title: "API Gateway Integration", Group: routes, name: "http_method",
		Line: "{Method} (integration {Type})", facts: []fact{
			{"Method", "http_method", "", ""},
			{"Type", "type", "", ""},
			{"To", "uri", "", ""},
		}},
	"aws_api_gateway_authorizer": {Title: "API Gateway Authorizer", facts: []fact{
		{"Type", "type", "", ""},
		{"Provider", "provider_arns", "", ""},
	}},
	"aws_api_gateway_deployment": {Title: "API Gateway Deployment", Group: routes, name: "id", Line: "Deployment `{name}`"},
	"aws_api_gateway_stage": {Title: "API Gateway Stage", Group: routes, name: "stage_name",
		Line: "Stage `{name}`[ of deployment `{Deployment}`]", facts: []fact{
			{"Deployment", "deployment_id", "", ""},
			{"Tracing", "xray_tracing_enabled", "enabled", "disabled"},
		}},
	"aws_apigatewayv2_api": {Title: "API Gateway HTTP API", facts: []fact{
		{"Protocol", "protocol_type", "", ""},
	}},
	"aws_apigatewayv2_route": {Title: "API Gateway Route", Group: routes, name: "route_key",
		Line: "`{name}` (route[; authorization {Authorization}])", facts: []fact{
			{"Authorization", "authorization_type", "", ""},
			{"Target", "target", "", ""},
		}},

	"aws_cloudwatch_log_group": {Title: "Log Group", Group: cloudWatch, Line: "Log group: `{name}`, kept {Retention}", facts: []fact{
		{"Retention", "retention_in_days", "{} days", "for ever"},
		{"Encryption", "kms_key_id", "KMS CMK {}", ""},
	}},
	"aws_cloudwatch_metric_alarm": {Title: "Alarm", Group: cloudWatch, name: "alarm_name", Line: "Alarm: `{name}`[ ({Metric})]", facts: []fact{
		{"Metric", "metric_name", "{namespace} {}", "{metric_query.label}"},
		{"Threshold", "comparison_operator", "{} {threshold}", ""},
	}},
	"aws_cloudwatch_event_rule": {Title: "Event Rule", Group: cloudWatch, Line: "Event rule: `{name}`[, {Schedule}]", facts: []fact{
		{"Schedule", "schedule_expression", "", ""},
		{"State", "state", "", ""},
	}},

	"aws_iam_role": {Title: "IAM Role", Group: iam, Line: "{Kind} `{name}`[ with {Permissions} permissions]"},
	"aws_iam_role_policy": {Title: "IAM Role Policy", Group: iam, Line: "Inline policy `{name}`[ with {Permissions} permissions]", facts: []fact{
		{"Role", "role", "", ""},
	}},
	"aws_iam_role_policy_attachment": {Title: "IAM Policy Attachment", Group: iam, name: "policy_arn",
		Line: "Policy `{name}` attached to `{Role}`", facts: []fact{
			{"Role", "role", "", ""},
			{"Policy", "policy_arn", "", ""},
		}},
	"aws_iam_policy":           {Title: "IAM Policy", Group: iam, Line: "Policy `{name}`[ with {Permissions} permissions]"},
	"aws_iam_user":             {Title: "IAM User", Group: iam, Line: "User `{name}`"},
	"aws_iam_instance_profile": {Title: "IAM Instance Profile", Group: iam, Line: "Instance profile `{name}`[ of `{Role}`]", facts: []fact{{"Role", "role", "", ""}}},

	"aws_kms_key": {Title: "KMS Key", name: "key_id", facts: []fact{
		{"Description", "description", "", ""},
		{"Rotation", "enable_key_rotation", "enabled", "disabled"},
		{"State", "is_enabled", "enabled", "disabled"},
		{"Deletion window", "deletion_window_in_days", "{} days", ""},
	}},
	"aws_kms_alias": {Title: "KMS Alias", facts: []fact{{"Key", "target_key_id", "", ""}}},
	"aws_secretsmanager_secret": {Title: "Secret", facts: []fact{
		{"Encryption", "kms_key_id", "KMS CMK {}", "AWS managed key"},
		{"Recovery window", "recovery_window_in_days", "{} days", ""},
	}},
	"aws_ssm_parameter": {Title: "SSM Parameter", facts: []fact{{"Type", "type", "", ""}, {"Tier", "tier", "", ""}}},

	"aws_s3_bucket":            {Title: "S3 Bucket", name: "bucket", facts: []fact{{"Object lock", "object_lock_enabled", "enabled", ""}}},
	"aws_s3_bucket_versioning": {Title: "S3 Bucket Versioning", name: "bucket", facts: []fact{{"Status", "versioning_configuration.status", "", ""}}},
	"aws_s3_bucket_public_access_block": {Title: "S3 Public Access Block", name: "bucket", facts: []fact{
		{"Public ACLs", "block_public_acls", "blocked", "allowed"},
		{"Public policies", "block_public_policy", "blocked", "allowed"},
	}},
	"aws_s3_bucket_server_side_encryption_configuration": {Title: "S3 Bucket Encryption", name: "bucket", facts: []fact{
		{"Algorithm", "rule.apply_server_side_encryption_by_default.sse_algorithm", "", ""},
		{"Key", "rule.apply_server_side_encryption_by_default.kms_master_key_id", "", ""},
	}},
	"aws_sqs_queue": {Title: "SQS Queue", facts: []fact{
		{"Type", "fifo_queue", "FIFO", "standard"},
		{"Visibility timeout", "visibility_timeout_seconds", "{} seconds", ""},
		{"Retention", "message_retention_seconds", "{} seconds", ""},
		{"Encryption", "kms_master_key_id", "KMS CMK {}", ""},
	}},
	"aws_sns_topic": {Title: "SNS Topic", facts: []fact{{"Type", "fifo_topic", "FIFO", "standard"}, {"Encryption", "kms_master_key_id", "KMS CMK {}", ""}}},
	"aws_sns_topic_subscription": {Title: "SNS Subscription", name: "arn", facts: []fact{
		{"Topic", "topic_arn", "", ""}, {"Protocol", "protocol", "", ""},
	}},

	"aws_vpc":    {Title: "VPC", name: "id", facts: []fact{{"Range", "cidr_block", "", ""}}},
	"aws_subnet": {Title: "Subnet", name: "id", facts: []fact{{"Range", "cidr_block", "", ""}, {"Zone", "availability_zone", "", ""}, {"Public addresses", "map_public_ip_on_launch", "yes", "no"}}},
	"aws_instance": {Title: "EC2 Instance", name: "id", facts: []fact{
		{"Type", "instance_type", "", ""}, {"Image", "ami", "", ""}, {"Subnet", "subnet_id", "", ""},
	}},
	"aws_autoscaling_group": {Title: "Auto Scaling Group", facts: []fact{{"Size", "max_size", "{min_size} to {}", ""}}},
	"aws_lb": {Title: "Load Balancer", facts: []fact{
		{"Type", "load_balancer_type", "", ""}, {"Scheme", "internal", "internal", "internet-facing"},
	}},
	"aws_lb_listener":  {Title: "Load Balancer Listener", name: "arn", facts: []fact{{"Port", "port", "{protocol} {}", ""}}},
	"aws_route53_zone": {Title: "DNS Zone"},
	"aws_route53_record": {Title: "DNS Record", facts: []fact{
		{"Type", "type", "", ""}, {"TTL", "ttl", "{} seconds", ""}, {"Records", "records", "", ""},
	}},
	"aws_db_instance": {Title: "Database Instance", name: "identifier", facts: []fact{
		{"Engine", "engine", "{} {engine_version}", ""},
		{"Class", "instance_class", "", ""},
		{"Storage", "allocated_storage", "{} GB", ""},
		{"Encryption", "storage_encrypted", "enabled", "disabled"},
		{"Multi-AZ", "multi_az", "yes", "no"},
		{"Public", "publicly_accessible", "yes", "no"},
		{"Backups", "backup_retention_period", "{} days", "none"},
		{"Deletion protection", "deletion_protection", "enabled", "disabled"},
	}},
	"aws_rds_cluster": {Title: "Database Cluster", name: "cluster_identifier", facts: []fact{
		{"Engine", "engine", "{} {engine_version}", ""},
		{"Encryption", "storage_encrypted", "enabled", "disabled"},
		{"Backups", "backup_retention_period", "{} days", "none"},
		{"Deletion protection", "deletion_protection", "enabled", "disabled"},
	}},
	"aws_ecs_service": {Title: "ECS Service", facts: []fact{{"Tasks", "desired_count", "", "0"}, {"Launch type", "launch_type", "", ""}}},
	"aws_ecr_repository": {Title: "ECR Repository", facts: []fact{
		{"Tags", "image_tag_mutability", "", ""}, {"Scan on push", "image_scanning_configuration.scan_on_push", "yes", "no"},
	}},
	"aws_eks_cluster": {Title: "EKS Cluster", facts: []fact{{"Version", "version", "", ""}}},
	"aws_elasticache_replication_group": {Title: "ElastiCache Group", name: "replication_group_id", facts: []fact{
		{"Engine", "engine", "{} {engine_version}", ""}, {"Node type", "node_type", "", ""},
	}},
	"aws_cognito_user_pool": {Title: "Cognito User Pool", facts: []fact{{"MFA", "mfa_configuration", "", ""}}},
	"aws_sfn_state_machine": {Title: "State Machine", facts: []fact{{"Type", "type", "", ""}, {"Role", "role_arn", "", ""}}},
}
