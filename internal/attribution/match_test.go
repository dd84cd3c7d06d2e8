package attribution

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
)

// change is a changed attribute, its values as JSON.
type change struct{ path, before, now string }

// matching is a finding and one event, and what must come of it.
type matching struct {
	name    string
	kind    string // type of the resource
	attrs   map[string]any
	changes []change // none: deleted
	source  string
	event   string
	request string
	answer  string
	want    string // rule; "": the event does not explain the finding; "differs"
}

var base = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func finding(m matching) *drift.Finding {
	f := &drift.Finding{Type: m.kind, Address: m.kind + ".this", Kind: drift.Modified}
	for _, c := range m.changes {
		f.Changes = append(f.Changes, drift.Change{Path: c.path, Expected: json.RawMessage(c.before), Actual: json.RawMessage(c.now), Sensitive: c.now == ""})
	}
	if len(m.changes) == 0 {
		f.Kind = drift.Deleted
	}
	return f
}

func recordOf(m matching) string {
	answer := m.answer
	if answer == "" {
		answer = "null"
	}
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/alice","accountId":"111111111111","userName":"alice"},
"eventTime":"2026-11-21T10:00:00Z","eventSource":"%s.amazonaws.com","eventName":%q,"awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"aws-cli/2.1",
"requestParameters":%s,"responseElements":%s,"eventID":"e1","readOnly":false,"eventType":"AwsApiCall","recipientAccountId":"111111111111"}`, m.source, m.event, m.request, answer)
}

const (
	uuid  = "12345678-1234-1234-1234-123456789012"
	queue = "https://sqs.us-east-1.amazonaws.com/111111111111/jobs"
)

func arn(service, resource string) string {
	return "arn:aws:" + service + ":us-east-1:111111111111:" + resource
}

var (
	lambda = map[string]any{"arn": arn("lambda", "function:app"), "function_name": "app", "id": "app", "role": "arn:aws:iam::111111111111:role/app"}
	table  = map[string]any{"arn": arn("dynamodb", "table/tokens"), "name": "tokens", "id": "tokens"}
	sqs    = map[string]any{"arn": arn("sqs", "jobs"), "name": "jobs", "id": queue, "url": queue}
	group  = map[string]any{"arn": arn("ec2", "security-group/sg-0123456789abcdef0"), "id": "sg-0123456789abcdef0", "name": "web", "vpc_id": "vpc-0123456789abcdef0", "owner_id": "111111111111"}
	role   = map[string]any{"arn": "arn:aws:iam::111111111111:role/app", "id": "app", "name": "app", "unique_id": "AROAEXAMPLE"}
	inline = map[string]any{"id": "app:access", "name": "access", "role": "app"}
	data   = map[string]any{"id": "data", "bucket": "data"}
)

var matchings = []matching{
	{"a value that is live", "aws_lambda_function", lambda, []change{{"memory_size", "128", "512"}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","memorySize":512}`, "", "value"},
	{"by ARN", "aws_lambda_function", lambda, []change{{"timeout", "3", "9"}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"` + arn("lambda", "function:app") + `","timeout":9}`, "", "value"},
	{"another value", "aws_lambda_function", lambda, []change{{"memory_size", "128", "512"}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","memorySize":1024}`, "", "differs"},
	{"another function", "aws_lambda_function", lambda, []change{{"memory_size", "128", "512"}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app2","memorySize":512}`, "", ""},
	{"another attribute", "aws_lambda_function", lambda, []change{{"memory_size", "128", "512"}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","timeout":512}`, `{"memorySize":512}`, ""},
	{"an alias of it", "aws_lambda_function", lambda, []change{{"description", `"a"`, `"b"`}}, "lambda", "UpdateAlias20150331", `{"functionName":"app","name":"live","description":"b"}`, "", ""},
	{"a setting inside", "aws_lambda_function", lambda, []change{{"tracing_config[0].mode", `"PassThrough"`, `"Active"`}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","tracingConfig":{"mode":"Active"}}`, "", "value"},
	{"a variable", "aws_lambda_function", lambda, []change{{`environment[0].variables["LOG"]`, `"info"`, `"debug"`}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","environment":{"variables":{"LOG":"debug"}}}`, "", "value"},
	{"variables withheld", "aws_lambda_function", lambda, []change{{`environment[0].variables["LOG"]`, `"info"`, `"debug"`}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","environment":{}}`, "", "named"},
	{"a sensitive one", "aws_lambda_function", lambda, []change{{`environment[0].variables["LOG"]`, ``, ``}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","environment":{"variables":{"LOG":"debug"}}}`, "", "named"},
	{"concurrency", "aws_lambda_function", lambda, []change{{"reserved_concurrent_executions", "-1", "5"}}, "lambda", "PutFunctionConcurrency20171031", `{"functionName":"app","reservedConcurrentExecutions":5}`, "", "value"},
	{"concurrency taken away", "aws_lambda_function", lambda, []change{{"reserved_concurrent_executions", "5", "-1"}}, "lambda", "DeleteFunctionConcurrency20171031", `{"functionName":"app"}`, "", "value"},
	{"a hash in the answer", "aws_lambda_function", lambda, []change{{"code_sha256", `"x"`, `"y="`}}, "lambda", "UpdateFunctionCode20150331v2", `{"functionName":"app","publish":false}`, `{"codeSha256":"y="}`, "value"},
	{"a hash in another answer", "aws_lambda_function", lambda, []change{{"code_sha256", `"x"`, `"y="`}}, "lambda", "UpdateFunctionConfiguration20150331v2", `{"functionName":"app","timeout":4}`, `{"codeSha256":"y="}`, ""},
	{"deleted", "aws_lambda_function", lambda, nil, "lambda", "DeleteFunction20150331", `{"functionName":"app"}`, "", "deleted"},
	{"its URL deleted", "aws_lambda_function", lambda, nil, "lambda", "DeleteFunctionUrlConfig", `{"functionName":"app"}`, "", ""},
	{"made again", "aws_lambda_function", lambda, nil, "lambda", "CreateFunction20150331", `{"functionName":"app"}`, "", "differs"},
	{"permission", "aws_lambda_permission", map[string]any{"id": "AllowApi", "statement_id": "AllowApi", "function_name": "app"}, nil, "lambda", "RemovePermission20150331v2", `{"functionName":"app","statementId":"AllowApi"}`, "", "deleted"},
	{"permission of another", "aws_lambda_permission", map[string]any{"id": "AllowApi", "statement_id": "AllowApi", "function_name": "app"}, nil, "lambda", "RemovePermission20150331v2", `{"functionName":"other","statementId":"AllowApi"}`, "", ""},
	{"permission with its function", "aws_lambda_permission", map[string]any{"id": "AllowApi", "statement_id": "AllowApi", "function_name": "app"}, nil, "lambda", "DeleteFunction20150331", `{"functionName":"app"}`, "", "parent"},

	{"tag set", "aws_dynamodb_table", table, []change{{`tags["owner"]`, `"a"`, `"b"`}}, "dynamodb", "TagResource", `{"resourceArn":"` + arn("dynamodb", "table/tokens") + `","tags":[{"key":"owner","value":"b"}]}`, "", "value"},
	{"another tag set", "aws_dynamodb_table", table, []change{{`tags["owner"]`, `"a"`, `"b"`}}, "dynamodb", "TagResource", `{"resourceArn":"` + arn("dynamodb", "table/tokens") + `","tags":[{"key":"team","value":"b"}]}`, "", ""},
	{"tag taken away", "aws_dynamodb_table", table, []change{{`tags["owner"]`, `"a"`, `null`}}, "dynamodb", "UntagResource", `{"resourceArn":"` + arn("dynamodb", "table/tokens") + `","tagKeys":["owner"]}`, "", "value"},
	{"time to live", "aws_dynamodb_table", table, []change{{"ttl[0].enabled", "true", "false"}}, "dynamodb", "UpdateTimeToLive", `{"tableName":"tokens","timeToLiveSpecification":{"enabled":false,"attributeName":"expires"}}`, "", "value"},
	{"enabled, of something else", "aws_dynamodb_table", table, []change{{"ttl[0].enabled", "true", "false"}}, "dynamodb", "UpdateTable", `{"tableName":"tokens","sSESpecification":{"enabled":false}}`, "", ""},
	{"backups", "aws_dynamodb_table", table, []change{{"point_in_time_recovery[0].enabled", "true", "false"}}, "dynamodb", "UpdateContinuousBackups", `{"tableName":"tokens","pointInTimeRecoverySpecification":{"pointInTimeRecoveryEnabled":false}}`, "", "value"},
	{"capacity", "aws_dynamodb_table", table, []change{{"read_capacity", "5", "9"}}, "dynamodb", "UpdateTable", `{"tableName":"tokens","provisionedThroughput":{"readCapacityUnits":9,"writeCapacityUnits":5}}`, "", "value"},
	{"capacity of an index", "aws_dynamodb_table", table, []change{{"read_capacity", "5", "9"}}, "dynamodb", "UpdateTable", `{"tableName":"tokens","globalSecondaryIndexUpdates":[{"update":{"indexName":"i","provisionedThroughput":{"readCapacityUnits":9}}}]}`, "", ""},
	{"an item of the table", "aws_dynamodb_table", table, []change{{"read_capacity", "5", "9"}}, "dynamodb", "PutItem", `{"tableName":"tokens","key":{"id":"x"}}`, "", ""},

	{"queue attributes", "aws_sqs_queue", sqs, []change{{"visibility_timeout_seconds", "30", "60"}}, "sqs", "SetQueueAttributes", `{"queueUrl":"` + queue + `","attributes":{"VisibilityTimeout":"60"}}`, "", "value"},
	{"queue wait", "aws_sqs_queue", sqs, []change{{"receive_wait_time_seconds", "0", "20"}}, "sqs", "SetQueueAttributes", `{"queueUrl":"` + queue + `","attributes":{"ReceiveMessageWaitTimeSeconds":"20"}}`, "", "value"},
	{"queue retention", "aws_sqs_queue", sqs, []change{{"message_retention_seconds", "345600", "60"}}, "sqs", "SetQueueAttributes", `{"queueUrl":"` + queue + `","attributes":{"MessageRetentionPeriod":"60"}}`, "", "value"},
	{"queue size", "aws_sqs_queue", sqs, []change{{"max_message_size", "262144", "2048"}}, "sqs", "SetQueueAttributes", `{"queueUrl":"` + queue + `","attributes":{"MaximumMessageSize":"2048"}}`, "", "value"},
	{"queue tags", "aws_sqs_queue", sqs, []change{{`tags["x"]`, `null`, `"1"`}}, "sqs", "TagQueue", `{"queueUrl":"` + queue + `","tags":{"x":"1"}}`, "", "value"},
	{"topic attribute", "aws_sns_topic", map[string]any{"arn": arn("sns", "news"), "name": "news", "id": arn("sns", "news")}, []change{{"display_name", `""`, `"x"`}}, "sns", "SetTopicAttributes", `{"topicArn":"` + arn("sns", "news") + `","attributeName":"DisplayName","attributeValue":"x"}`, "", "value"},

	{"rule added", "aws_security_group", group, []change{{"ingress", `[]`, `[{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"to_port":22,"protocol":"tcp","self":false}]`}}, "ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg-0123456789abcdef0","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`, "", "value"},
	{"another rule added", "aws_security_group", group, []change{{"ingress", `[]`, `[{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"to_port":22,"protocol":"tcp","self":false}]`}}, "ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg-0123456789abcdef0","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":80,"toPort":80,"groups":{},"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`, "", ""},
	{"rule of another group that names it", "aws_security_group", group, []change{{"ingress", `[]`, `[{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"to_port":22,"protocol":"tcp","self":false}]`}}, "ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg-9923456789abcdef0","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":22,"toPort":22,"groups":{"items":[{"groupId":"sg-0123456789abcdef0"}]}}]}}`, "", ""},
	{"rule taken away", "aws_security_group", group, []change{{"egress", `[{"cidr_blocks":["0.0.0.0/0"],"from_port":0,"to_port":0,"protocol":"-1"}]`, `[]`}}, "ec2", "RevokeSecurityGroupEgress", `{"groupId":"sg-0123456789abcdef0","ipPermissions":{"items":[{"ipProtocol":"-1","ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`, "", "value"},
	{"rule added, which one is left out", "aws_security_group", group, []change{{"ingress", `[]`, `[{"cidr_blocks":["0.0.0.0/0"],"from_port":22,"to_port":22,"protocol":"tcp"}]`}}, "ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg-0123456789abcdef0"}`, "", "action"},
	{"tags of EC2", "aws_security_group", group, []change{{`tags["x"]`, `null`, `"1"`}}, "ec2", "CreateTags", `{"resourcesSet":{"items":[{"resourceId":"sg-0123456789abcdef0"}]},"tagSet":{"items":[{"key":"x","value":"1"}]}}`, "", "value"},
	{"tags of EC2 taken away", "aws_security_group", group, []change{{`tags["x"]`, `"1"`, `null`}}, "ec2", "DeleteTags", `{"resourcesSet":{"items":[{"resourceId":"sg-0123456789abcdef0"}]},"tagSet":{"items":[{"key":"x"}]}}`, "", "value"},
	{"instance type", "aws_instance", map[string]any{"id": "i-0123456789abcdef0", "arn": arn("ec2", "instance/i-0123456789abcdef0")}, []change{{"instance_type", `"t3.micro"`, `"t3.large"`}}, "ec2", "ModifyInstanceAttribute", `{"instanceId":"i-0123456789abcdef0","instanceType":{"value":"t3.large"}}`, "", "value"},
	{"instance ended", "aws_instance", map[string]any{"id": "i-0123456789abcdef0"}, nil, "ec2", "TerminateInstances", `{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0"}]}}`, "", "deleted"},

	{"trust policy", "aws_iam_role", role, []change{{"assume_role_policy", `"{\"a\":1}"`, `"{\"Statement\":[{\"Effect\":\"Allow\"}]}"`}}, "iam", "UpdateAssumeRolePolicy", `{"roleName":"app","policyDocument":"{ \"Statement\": {\"Effect\": \"Allow\"} }"}`, "", "value"},
	{"session length", "aws_iam_role", role, []change{{"max_session_duration", "3600", "7200"}}, "iam", "UpdateRole", `{"roleName":"app","maxSessionDuration":7200}`, "", "value"},
	{"tag of a user of the name", "aws_iam_role", role, []change{{`tags["x"]`, `null`, `"1"`}}, "iam", "TagUser", `{"userName":"app","tags":[{"key":"x","value":"1"}]}`, "", ""},
	{"tag of the role", "aws_iam_role", role, []change{{`tags["x"]`, `null`, `"1"`}}, "iam", "TagRole", `{"roleName":"app","tags":[{"key":"x","value":"1"}]}`, "", "value"},
	{"inline policy", "aws_iam_role_policy", inline, []change{{"policy", `"{\"a\":1}"`, `"{\"a\":2}"`}}, "iam", "PutRolePolicy", `{"roleName":"app","policyName":"access","policyDocument":"{\"a\": 2}"}`, "", "value"},
	{"inline policy of another role", "aws_iam_role_policy", inline, []change{{"policy", `"{\"a\":1}"`, `"{\"a\":2}"`}}, "iam", "PutRolePolicy", `{"roleName":"other","policyName":"access","policyDocument":"{\"a\": 2}"}`, "", ""},
	{"inline policy deleted", "aws_iam_role_policy", inline, nil, "iam", "DeleteRolePolicy", `{"roleName":"app","policyName":"access"}`, "", "deleted"},
	{"managed policy of the name", "aws_iam_role_policy", inline, nil, "iam", "DeletePolicy", `{"policyArn":"arn:aws:iam::111111111111:policy/access"}`, "", ""},
	{"attachment", "aws_iam_role_policy_attachment", map[string]any{"id": "app-2025", "role": "app", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, nil, "iam", "DetachRolePolicy", `{"roleName":"app","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}`, "", "deleted"},
	{"attachment to another", "aws_iam_role_policy_attachment", map[string]any{"id": "app-2025", "role": "app", "policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, nil, "iam", "DetachRolePolicy", `{"roleName":"other","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}`, "", ""},
	{"policy attached to a role", "aws_iam_policy", map[string]any{"id": "arn:aws:iam::111111111111:policy/access", "arn": "arn:aws:iam::111111111111:policy/access", "name": "access"}, []change{{"policy", `"{}"`, `"{\"a\":1}"`}}, "iam", "AttachRolePolicy", `{"roleName":"app","policyArn":"arn:aws:iam::111111111111:policy/access"}`, "", ""},
	{"policy version", "aws_iam_policy", map[string]any{"id": "arn:aws:iam::111111111111:policy/access", "arn": "arn:aws:iam::111111111111:policy/access", "name": "access"}, []change{{"policy", `"{}"`, `"{\"a\":1}"`}}, "iam", "CreatePolicyVersion", `{"policyArn":"arn:aws:iam::111111111111:policy/access","policyDocument":"{\"a\":1}","setAsDefault":true}`, "", "value"},

	{"versioning", "aws_s3_bucket_versioning", data, []change{{"versioning_configuration[0].status", `"Enabled"`, `"Suspended"`}}, "s3", "PutBucketVersioning", `{"bucketName":"data","Host":"data.s3.amazonaws.com","versioning":"","VersioningConfiguration":{"Status":"Suspended"}}`, "", "value"},
	{"public access", "aws_s3_bucket_public_access_block", data, []change{{"block_public_acls", "true", "false"}}, "s3", "PutBucketPublicAccessBlock", `{"bucketName":"data","PublicAccessBlockConfiguration":{"BlockPublicAcls":false,"IgnorePublicAcls":true}}`, "", "value"},
	{"bucket tags", "aws_s3_bucket", map[string]any{"id": "data", "bucket": "data", "arn": "arn:aws:s3:::data"}, []change{{`tags["x"]`, `"1"`, `null`}}, "s3", "PutBucketTagging", `{"bucketName":"data","Tagging":{"TagSet":{"Tag":[{"Key":"y","Value":"1"}]}}}`, "", "named"},
	{"bucket policy", "aws_s3_bucket_policy", data, []change{{"policy", `"{}"`, `"{\"a\":1}"`}}, "s3", "PutBucketPolicy", `{"bucketName":"data","bucketPolicy":{"a":1}}`, "", "value"},
	{"bucket policy deleted", "aws_s3_bucket_policy", data, nil, "s3", "DeleteBucketPolicy", `{"bucketName":"data"}`, "", "deleted"},
	{"bucket deleted", "aws_s3_bucket_versioning", data, nil, "s3", "DeleteBucket", `{"bucketName":"data"}`, "", "parent"},

	{"key rotation", "aws_kms_key", map[string]any{"id": uuid, "key_id": uuid, "arn": arn("kms", "key/"+uuid)}, []change{{"enable_key_rotation", "true", "false"}}, "kms", "DisableKeyRotation", `{"keyId":"` + uuid + `"}`, "", "value"},
	{"key disabled", "aws_kms_key", map[string]any{"id": uuid, "key_id": uuid, "arn": arn("kms", "key/"+uuid)}, []change{{"is_enabled", "true", "false"}}, "kms", "DisableKey", `{"keyId":"` + uuid + `"}`, "", "value"},
	{"key disabled, not its rotation", "aws_kms_key", map[string]any{"id": uuid, "key_id": uuid, "arn": arn("kms", "key/"+uuid)}, []change{{"enable_key_rotation", "true", "false"}}, "kms", "DisableKey", `{"keyId":"` + uuid + `"}`, "", ""},
	{"key to be deleted", "aws_kms_key", map[string]any{"id": uuid, "key_id": uuid, "arn": arn("kms", "key/"+uuid)}, nil, "kms", "ScheduleKeyDeletion", `{"keyId":"` + uuid + `","pendingWindowInDays":7}`, "", "deleted"},

	{"log retention", "aws_cloudwatch_log_group", map[string]any{"id": "/aws/lambda/app", "name": "/aws/lambda/app", "arn": arn("logs", "log-group:/aws/lambda/app")}, []change{{"retention_in_days", "14", "30"}}, "logs", "PutRetentionPolicy", `{"logGroupName":"/aws/lambda/app","retentionInDays":30}`, "", "value"},
	{"log retention without end", "aws_cloudwatch_log_group", map[string]any{"id": "/aws/lambda/app", "name": "/aws/lambda/app", "arn": arn("logs", "log-group:/aws/lambda/app")}, []change{{"retention_in_days", "14", "0"}}, "logs", "DeleteRetentionPolicy", `{"logGroupName":"/aws/lambda/app"}`, "", "value"},
	{"alarm", "aws_cloudwatch_metric_alarm", map[string]any{"id": "cpu", "alarm_name": "cpu", "arn": arn("cloudwatch", "alarm:cpu"), "metric_name": "CPU"}, []change{{"threshold", "80", "95"}}, "monitoring", "PutMetricAlarm", `{"alarmName":"cpu","metricName":"CPU","threshold":95.0,"evaluationPeriods":2}`, "", "value"},
	{"alarms deleted", "aws_cloudwatch_metric_alarm", map[string]any{"id": "cpu", "alarm_name": "cpu", "arn": arn("cloudwatch", "alarm:cpu")}, nil, "monitoring", "DeleteAlarms", `{"alarmNames":["disk","cpu"]}`, "", "deleted"},
	{"parameter", "aws_ssm_parameter", map[string]any{"id": "/app/level", "name": "/app/level", "arn": arn("ssm", "parameter/app/level")}, []change{{"value", ``, ``}}, "ssm", "PutParameter", `{"name":"/app/level","type":"SecureString","value":"HIDDEN_DUE_TO_SECURITY_REASONS","overwrite":true}`, "", "named"},
	{"stage", "aws_api_gateway_stage", map[string]any{"id": "ags-abc123-prod", "rest_api_id": "abc123", "stage_name": "prod", "arn": "arn:aws:apigateway:us-east-1::/restapis/abc123/stages/prod"}, []change{{"description", `"a"`, `"b"`}}, "apigateway", "UpdateStage", `{"restApiId":"abc123","stageName":"prod","updateStageInput":{"patchOperations":[{"op":"replace","path":"/description","value":"b"}]}}`, "", "value"},
	{"stage of another API", "aws_api_gateway_stage", map[string]any{"id": "ags-abc123-prod", "rest_api_id": "abc123", "stage_name": "prod"}, []change{{"description", `"a"`, `"b"`}}, "apigateway", "UpdateStage", `{"restApiId":"zzz","stageName":"prod","patchOperations":[{"op":"replace","path":"/description","value":"b"}]}`, "", ""},
	{"rule disabled", "aws_cloudwatch_event_rule", map[string]any{"id": "nightly", "name": "nightly", "arn": arn("events", "rule/nightly"), "event_bus_name": "default"}, []change{{"state", `"ENABLED"`, `"DISABLED"`}}, "events", "PutRule", `{"name":"nightly","state":"DISABLED"}`, "", "value"},
	{"database", "aws_db_instance", map[string]any{"id": "db-ABC", "identifier": "main", "arn": arn("rds", "db:main")}, []change{{"backup_retention_period", "7", "1"}}, "rds", "ModifyDBInstance", `{"dBInstanceIdentifier":"main","backupRetentionPeriod":1,"applyImmediately":true}`, "", "value"},
	{"service", "aws_ecs_service", map[string]any{"id": arn("ecs", "service/main/web"), "name": "web", "cluster": arn("ecs", "cluster/main")}, []change{{"desired_count", "2", "4"}}, "ecs", "UpdateService", `{"cluster":"main","service":"web","desiredCount":4}`, "", "value"},
	{"another revision", "aws_ecs_task_definition", map[string]any{"id": "app", "family": "app", "arn": arn("ecs", "task-definition/app:1")}, nil, "ecs", "DeregisterTaskDefinition", `{"taskDefinition":"app:2"}`, "", ""},
	{"this revision", "aws_ecs_task_definition", map[string]any{"id": "app", "family": "app", "arn": arn("ecs", "task-definition/app:1")}, nil, "ecs", "DeregisterTaskDefinition", `{"taskDefinition":"app:1"}`, "", "deleted"},
	{"a version of it deleted", "aws_lambda_function", lambda, nil, "lambda", "DeleteFunction20150331", `{"functionName":"app:3"}`, "", ""},
	{"a version of it deleted, by a parameter", "aws_lambda_function", lambda, nil, "lambda", "DeleteFunction20150331", `{"functionName":"app","qualifier":"3"}`, "", ""},
	{"tag called Name", "aws_instance", map[string]any{"id": "i-0123456789abcdef0"}, []change{{`tags["Name"]`, `"a"`, `"b"`}}, "ec2", "CreateTags", `{"resourcesSet":{"items":[{"resourceId":"i-0123456789abcdef0"}]},"tagSet":{"items":[{"key":"Name","value":"b"}]}}`, "", "value"},
	{"volume of an instance", "aws_instance", map[string]any{"id": "i-0123456789abcdef0", "root_block_device": []any{map[string]any{"volume_id": "vol-0123456789abcdef0"}}}, []change{{"root_block_device[0].volume_type", `"gp3"`, `"io2"`}}, "ec2", "ModifyVolume", `{"volumeId":"vol-0123456789abcdef0","volumeType":"io2"}`, "", "value"},
	{"volume that did not change", "aws_instance", map[string]any{"id": "i-0123456789abcdef0", "root_block_device": []any{map[string]any{"volume_id": "vol-0123456789abcdef0"}}}, []change{{"instance_type", `"gp3"`, `"io2"`}}, "ec2", "ModifyVolume", `{"volumeId":"vol-0123456789abcdef0","volumeType":"io2"}`, "", ""},
	{"gateway detached", "aws_internet_gateway", map[string]any{"id": "igw-0123456789abcdef0", "vpc_id": "vpc-0123456789abcdef0"}, []change{{"vpc_id", `"vpc-0123456789abcdef0"`, `""`}}, "ec2", "DetachInternetGateway", `{"internetGatewayId":"igw-0123456789abcdef0","vpcId":"vpc-0123456789abcdef0"}`, "", "value"},
	{"route", "aws_route", map[string]any{"id": "r-rtb-0123456789abcdef01080289494", "route_table_id": "rtb-0123456789abcdef0", "destination_cidr_block": "0.0.0.0/0"}, nil, "ec2", "DeleteRoute", `{"routeTableId":"rtb-0123456789abcdef0","destinationCidrBlock":"0.0.0.0/0"}`, "", "deleted"},
	{"another route", "aws_route", map[string]any{"id": "r-rtb-0123456789abcdef01080289494", "route_table_id": "rtb-0123456789abcdef0", "destination_cidr_block": "0.0.0.0/0"}, nil, "ec2", "DeleteRoute", `{"routeTableId":"rtb-0123456789abcdef0","destinationCidrBlock":"10.0.0.0/8"}`, "", ""},
	{"DNS record", "aws_route53_record", map[string]any{"id": "Z1_app.example.com_A", "zone_id": "Z1", "name": "app.example.com", "type": "A"}, []change{{"ttl", "300", "60"}}, "route53", "ChangeResourceRecordSets", `{"hostedZoneId":"Z1","changeBatch":{"changes":[{"action":"UPSERT","resourceRecordSet":{"name":"app.example.com.","type":"A","tTL":60}}]}}`, "", "value"},
	{"DNS record in another zone", "aws_route53_record", map[string]any{"id": "Z1_app.example.com_A", "zone_id": "Z1", "name": "app.example.com", "type": "A"}, []change{{"ttl", "300", "60"}}, "route53", "ChangeResourceRecordSets", `{"hostedZoneId":"Z2","changeBatch":{"changes":[{"action":"UPSERT","resourceRecordSet":{"name":"app.example.com.","type":"A","tTL":60}}]}}`, "", ""},
	{"DNS record of another type", "aws_route53_record", map[string]any{"id": "Z1_app.example.com_A", "zone_id": "Z1", "name": "app.example.com", "type": "A"}, []change{{"ttl", "300", "60"}}, "route53", "ChangeResourceRecordSets", `{"hostedZoneId":"Z1","changeBatch":{"changes":[{"action":"UPSERT","resourceRecordSet":{"name":"app.example.com.","type":"TXT","tTL":60}}]}}`, "", ""},
	{"target of a rule", "aws_cloudwatch_event_target", map[string]any{"id": "nightly-mail", "rule": "nightly", "target_id": "mail", "arn": arn("sqs", "mail"), "event_bus_name": "default"}, nil, "events", "RemoveTargets", `{"rule":"nightly","ids":["mail"]}`, "", "deleted"},
	{"target in another account and region", "aws_cloudwatch_event_target", map[string]any{"id": "nightly-bus", "rule": "nightly", "target_id": "bus", "arn": "arn:aws:events:eu-west-1:222222222222:event-bus/central"}, nil, "events", "RemoveTargets", `{"rule":"nightly","ids":["bus"]}`, "", "deleted"},
	{"target of another rule", "aws_cloudwatch_event_target", map[string]any{"id": "nightly-mail", "rule": "nightly", "target_id": "mail", "arn": arn("sqs", "mail"), "event_bus_name": "default"}, nil, "events", "RemoveTargets", `{"rule":"hourly","ids":["mail"]}`, "", ""},
	{"tag of a scaling group", "aws_autoscaling_group", map[string]any{"id": "app", "name": "app"}, []change{{"tag", `[{"key":"owner","value":"a","propagate_at_launch":true}]`, `[{"key":"owner","value":"b","propagate_at_launch":true}]`}}, "autoscaling", "CreateOrUpdateTags", `{"tags":[{"resourceId":"app","resourceType":"auto-scaling-group","key":"owner","value":"b","propagateAtLaunch":true}]}`, "", "value"},
	{"another tag of a scaling group", "aws_autoscaling_group", map[string]any{"id": "app", "name": "app"}, []change{{"tag", `[{"key":"owner","value":"a","propagate_at_launch":true}]`, `[{"key":"owner","value":"b","propagate_at_launch":true}]`}}, "autoscaling", "CreateOrUpdateTags", `{"tags":[{"resourceId":"app","key":"team","value":"b"}]}`, "", ""},
	{"queue policy emptied", "aws_sqs_queue_policy", map[string]any{"id": queue, "queue_url": queue}, nil, "sqs", "SetQueueAttributes", `{"queueUrl":"` + queue + `","attributes":{"Policy":""}}`, "", "deleted"},
	{"other attribute emptied", "aws_sqs_queue_policy", map[string]any{"id": queue, "queue_url": queue}, nil, "sqs", "SetQueueAttributes", `{"queueUrl":"` + queue + `","attributes":{"RedrivePolicy":""}}`, "", ""},
	{"service in another cluster", "aws_ecs_service", map[string]any{"id": arn("ecs", "service/main/web"), "name": "web", "cluster": arn("ecs", "cluster/main")}, []change{{"desired_count", "2", "4"}}, "ecs", "UpdateService", `{"cluster":"test","service":"web","desiredCount":4}`, "", ""},
}

func TestMatching(t *testing.T) {
	t.Parallel()
	for _, m := range matchings {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if e, ok := explained(t, m); ok {
				got = e.rule
				if e.outcome == differs {
					got = "differs"
				}
			}
			if got != m.want {
				t.Errorf("got %q, want %q", got, m.want)
			}
		})
	}
}

// explained is what the event of a matching says of its finding.
func explained(t *testing.T, m matching) (e entry, ok bool) {
	t.Helper()
	target := &Target{Finding: finding(m), Identifiers: Identifiers(m.kind, m.attrs)}
	x := newIndex([]*Target{target}, Options{Since: base, Until: base.AddDate(0, 0, 5)})
	text := `{"Records":[` + recordOf(m) + `]}`
	if err := scanLog(strings.NewReader(text), func(r *Raw) error { x.visit(r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(x.gaps) > 0 {
		t.Errorf("gaps %v", x.gaps)
	}
	for _, list := range x.found[0].newest {
		return list[0], true
	}
	return entry{}, false
}

// TestRules: each rule of a confidence is in docs/attribution.md, with the
// confidence that it gives and the words that a user is told, and has an event
// above.
func TestRules(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| (.+) \\| `(exact|likely|possible)` \\|$").FindAllStringSubmatch(manual(t), -1) {
		rule, does, gives := row[1], row[2], row[3]
		documented[rule] = true
		told, ok := strings.CutPrefix((&drift.Cause{Rule: rule}).RuleMeaning(), "the event ")
		if !ok || !strings.HasPrefix(does, told) {
			t.Errorf("%s: a user is told %q", rule, told)
		}
		at := slices.IndexFunc(matchings, func(m matching) bool { return m.want == rule })
		if at < 0 {
			t.Errorf("%s has no event", rule)
			continue
		}
		if e, _ := explained(t, matchings[at]); string(confidence(e, false)) != gives {
			t.Errorf("%s gives %s, not %s", rule, confidence(e, false), gives)
		}
	}
	for _, m := range matchings {
		if m.want != "" && m.want != "differs" && !documented[m.want] {
			t.Errorf("%s is not documented", m.want)
		}
	}
}
