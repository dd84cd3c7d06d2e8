package cases

import (
	"maps"

	"holdfast/internal/lab"
)

// putIntegration sends what one of the stack's API methods does to uri.
func putIntegration(method, uri string) lab.Call {
	return Call("apigateway", "put_integration", Params{
		"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}", "httpMethod": method,
		"type": "AWS_PROXY", "integrationHttpMethod": "POST", "timeoutInMillis": 29000, "uri": uri,
	})
}

// putErrorsAlarm writes the function's alarm as it is applied, but for changes.
func putErrorsAlarm(changes Params) lab.Call {
	alarm := Params{
		"AlarmName": "photoeditor-dev-device-token-errors", "AlarmDescription": "The function photoeditor-dev-device-token fails or times out.",
		"Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1,
		"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": "notBreaching",
		"Dimensions": List{Params{"Name": "FunctionName", "Value": "photoeditor-dev-device-token"}},
	}
	maps.Copy(alarm, changes)
	return Call("cloudwatch", "put_metric_alarm", alarm)
}

// deviceTokensCases are those of examples/device-tokens.
var deviceTokensCases = []Case{
	// Nothing changed, and ordinary use.
	{
		Name: "tokens-untouched", Class: "control", Stack: "device-tokens",
		RefreshOnly: 14,
		Note:        "Fresh from apply.",
	},
	{
		Name: "tokens-used", Class: "noise", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "put_item", Params{"TableName": "photoeditor-dev-device-tokens", "Item": Params{"userId": Params{"S": "u"}, "deviceId": Params{"S": "d"}}}),
			Call("logs", "create_log_stream", Params{"logGroupName": "/aws/lambda/photoeditor-dev-device-token", "logStreamName": "2026/11/01/[$LATEST]0"}),
			Call("apigateway", "create_deployment", Params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}"}),
		},
		Note: "An item, a log stream, a deployment that no stage uses.",
	},

	// The function.
	{
		Name: "function-memory", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 512}),
		},
		Want: []Verdict{modified("aws_lambda_function.device_token", "memory_size")},
		Note: "The seed's own example of a manual change.",
	},
	{
		Name: "function-timeout-and-handler", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "Timeout": 60, "Handler": "debug.handler"}),
		},
		Want: []Verdict{modified("aws_lambda_function.device_token", "handler", "timeout")},
		Note: "Two attributes.",
	},
	{
		Name: "function-environment-added", Class: "nested", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "Environment": Params{"Variables": Params{
				"TABLE_NAME": "photoeditor-dev-device-tokens", "TOKEN_LIFETIME_DAYS": "90", "DEBUG": "1",
			}}}),
		},
		Want: []Verdict{modified("aws_lambda_function.device_token", `environment[0].variables["DEBUG"]`)},
		Note: "A key of a map in a block.",
	},
	{
		Name: "function-environment-changed", Class: "nested", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "Environment": Params{"Variables": Params{
				"TABLE_NAME": "photoeditor-dev-device-tokens", "TOKEN_LIFETIME_DAYS": "1",
			}}}),
		},
		Want: []Verdict{modified("aws_lambda_function.device_token", `environment[0].variables["TOKEN_LIFETIME_DAYS"]`)},
		Note: "A number variable that becomes a string in a map of strings.",
	},
	{
		Name: "function-runtime", Class: "evaluation", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "Runtime": "nodejs22.x", "Description": "by hand"}),
		},
		Want: []Verdict{modified("aws_lambda_function.device_token", "description", "runtime")},
		Note: "A variable's default, and a literal.",
	},
	{
		Name: "function-code-replaced", Class: "computed", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_code", Params{"FunctionName": "photoeditor-dev-device-token", "ZipFile": "by hand"}),
		},
		Observed: []Observation{seen("aws_lambda_function.device_token", "code_sha256", "source_code_size")},
		Note:     "The recorded source_code_hash is the source's own and stays; the API's hash is only reported (on AWS also last_modified, which the emulator keeps). A plan can't see it.",
	},
	{
		Name: "function-concurrency-reserved", Class: "unset", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "put_function_concurrency", Params{"FunctionName": "photoeditor-dev-device-token", "ReservedConcurrentExecutions": 5}),
		},
		Want: []Verdict{modified("aws_lambda_function.device_token", "reserved_concurrent_executions")},
		Note: "The provider's default is -1. (0, which switches the function off, is lost in the emulator.)",
	},
	{
		Name: "function-deleted", Class: "deletion", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "delete_function", Params{"FunctionName": "photoeditor-dev-device-token"}),
		},
		Want: []Verdict{deleted("aws_lambda_function.device_token"), deleted("aws_lambda_permission.api_gateway")},
		Note: "The permission is part of the function. What refers to the function is as applied.",
	},
	{
		Name: "permission-redirected", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "remove_permission", Params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway"}),
			Call("lambda", "add_permission", Params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": "arn:aws:execute-api:us-east-1:123456789012:*"}),
		},
		Want: []Verdict{modified("aws_lambda_permission.api_gateway", "source_arn").replacing("source_arn")},
		Note: "A statement can't be changed, so a revert replaces it.",
	},
	{
		Name: "permission-without-condition", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "remove_permission", Params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway"}),
			Call("lambda", "add_permission", Params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}),
		},
		Note: "By hand: drift in source_arn, since any API may invoke the function now. A plan says otherwise: the provider doesn't reset source_arn when the statement has no condition, so it reads what it was given. Nothing that asks the provider can see this.",
	},
	{
		Name: "permission-removed", Class: "deletion", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "remove_permission", Params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway"}),
		},
		Want: []Verdict{deleted("aws_lambda_permission.api_gateway")},
		Note: "The function stays.",
	},

	// The table and its key.
	{
		Name: "table-ttl-off", Class: "nested", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "update_time_to_live", Params{"TableName": "photoeditor-dev-device-tokens", "TimeToLiveSpecification": Params{"Enabled": false, "AttributeName": "expiresAt"}}),
		},
		Want: []Verdict{modified("aws_dynamodb_table.device_tokens", "ttl[0].enabled")},
		Note: "By hand also ttl[0].attribute_name: DynamoDB names no attribute once TTL is off. The emulator still does.",
	},
	{
		Name: "table-recovery-off", Class: "nested", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "update_continuous_backups", Params{"TableName": "photoeditor-dev-device-tokens", "PointInTimeRecoverySpecification": Params{"PointInTimeRecoveryEnabled": false}}),
		},
		Want: []Verdict{modified("aws_dynamodb_table.device_tokens", "point_in_time_recovery[0].enabled")},
		Note: "A boolean in a block.",
	},
	{
		Name: "table-provisioned", Class: "computed", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "update_table", Params{"TableName": "photoeditor-dev-device-tokens", "BillingMode": "PROVISIONED", "ProvisionedThroughput": Params{"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}),
		},
		Want: []Verdict{modified("aws_dynamodb_table.device_tokens", "billing_mode")},
		Note: "The capacities change with it; they are computed and not set.",
	},
	{
		Name: "table-protected", Class: "evaluation", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "update_table", Params{"TableName": "photoeditor-dev-device-tokens", "DeletionProtectionEnabled": true}),
		},
		Want: []Verdict{modified("aws_dynamodb_table.device_tokens", "deletion_protection_enabled")},
		Note: "The source sets it by a comparison, to false outside of prod.",
	},
	{
		Name: "table-streaming", Class: "unset", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "update_table", Params{"TableName": "photoeditor-dev-device-tokens", "StreamSpecification": Params{"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}}),
		},
		Want: []Verdict{modified("aws_dynamodb_table.device_tokens", "stream_enabled")},
		Note: "Optional and not in the source; the stream's view type and names are computed.",
	},
	{
		Name: "table-tagged", Class: "tags", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "tag_resource", Params{"ResourceArn": "${aws_dynamodb_table.device_tokens.arn}", "Tags": List{Params{"Key": "Component", "Value": "mine"}, Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Want: []Verdict{modified("aws_dynamodb_table.device_tokens", `tags["Component"]`, `tags["rogue"]`, `tags_all["Component"]`, `tags_all["rogue"]`)},
		Note: "All tags of this stack are default tags: one overridden, one more.",
	},
	{
		Name: "table-default-tag-removed", Class: "tags", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "untag_resource", Params{"ResourceArn": "${aws_dynamodb_table.device_tokens.arn}", "TagKeys": List{"Project"}}),
		},
		Want: []Verdict{modified("aws_dynamodb_table.device_tokens", `tags_all["Project"]`)},
		Note: "Only tags_all shows it.",
	},
	{
		Name: "table-deleted", Class: "deletion", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("dynamodb", "delete_table", Params{"TableName": "photoeditor-dev-device-tokens"}),
		},
		Want: []Verdict{deleted("aws_dynamodb_table.device_tokens")},
		Note: "The role's policy still names its ARN, as applied.",
	},
	{
		Name: "key-rotation-off", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("kms", "disable_key_rotation", Params{"KeyId": "${aws_kms_key.device_tokens.key_id}"}),
		},
		Want: []Verdict{modified("aws_kms_key.device_tokens", "enable_key_rotation")},
		Note: "The rotation period is computed.",
	},
	{
		Name: "key-disabled", Class: "unset", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("kms", "disable_key", Params{"KeyId": "${aws_kms_key.device_tokens.key_id}"}),
		},
		Want: []Verdict{modified("aws_kms_key.device_tokens", "is_enabled")},
		Note: "A default of true.",
	},
	{
		Name: "key-policy-widened", Class: "json", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("kms", "put_key_policy", Params{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PolicyName": "default", "Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"AccountDecidesThroughIAM","Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}`}),
		},
		Want: []Verdict{modified("aws_kms_key.device_tokens", "policy")},
		Note: "Optional and computed, and the source sets it, from a data source.",
	},
	{
		Name: "key-policy-rewritten", Class: "json", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("kms", "put_key_policy", Params{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PolicyName": "default", "Policy": `{ "Statement": [ { "Resource": ["*"], "Action": ["kms:*"], "Principal": { "AWS": ["arn:aws:iam::123456789012:root"] }, "Effect": "Allow", "Sid": "AccountDecidesThroughIAM" } ], "Version": "2012-10-17" }`}),
		},
		Note: "The same policy in other words.",
	},
	{
		Name: "key-scheduled-for-deletion", Class: "deletion", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("kms", "schedule_key_deletion", Params{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PendingWindowInDays": 7}),
		},
		Want: []Verdict{deleted("aws_kms_key.device_tokens")},
		Note: "The provider takes a key that waits for its deletion for gone. Its alias is still there.",
	},
	{
		Name: "key-alias-deleted", Class: "deletion", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("kms", "delete_alias", Params{"AliasName": "alias/photoeditor-dev-device-tokens"}),
		},
		Want: []Verdict{deleted("aws_kms_alias.device_tokens")},
		Note: "The key stays.",
	},

	// The role.
	{
		Name: "role-policy-widened", Class: "json", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("iam", "put_role_policy", Params{"RoleName": "photoeditor-dev-device-token", "PolicyName": "photoeditor-dev-device-token", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}),
		},
		Want: []Verdict{modified("aws_iam_role_policy.device_token", "policy")},
		Note: "The role reports its inline policies too, and doesn't set them.",
	},
	{
		Name: "role-policy-rewritten", Class: "json", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("iam", "put_role_policy", Params{"RoleName": "photoeditor-dev-device-token", "PolicyName": "photoeditor-dev-device-token", "PolicyDocument": `{
  "Statement": [
    { "Resource": ["${aws_dynamodb_table.device_tokens.arn}"], "Action": ["dynamodb:UpdateItem", "dynamodb:DeleteItem"], "Effect": "Allow", "Sid": "WriteDeviceTokens" },
    { "Condition": { "StringEquals": { "kms:ViaService": ["dynamodb.us-east-1.amazonaws.com"] } }, "Resource": "${aws_kms_key.device_tokens.arn}", "Action": "kms:Decrypt", "Effect": "Allow", "Sid": "UseTableKeyThroughDynamoDB" },
    { "Resource": "${aws_cloudwatch_log_group.device_token.arn}:*", "Action": ["logs:PutLogEvents", "logs:CreateLogStream"], "Effect": "Allow", "Sid": "WriteOwnLog" }
  ],
  "Version": "2012-10-17"
}`}),
		},
		Note: "The same policy in other words, with references to three resources.",
	},
	{
		Name: "role-policy-attached", Class: "computed", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("iam", "create_policy", Params{"PolicyName": "by-hand", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`}),
			Call("iam", "attach_role_policy", Params{"RoleName": "photoeditor-dev-device-token", "PolicyArn": "arn:aws:iam::123456789012:policy/by-hand"}),
		},
		Observed: []Observation{seen("aws_iam_role.device_token", "inline_policy", "managed_policy_arns")},
		Note:     "Computed where the source doesn't claim the whole list. inline_policy differs without drift, because a sibling resource owns it.",
	},

	// Logs and alarms.
	{
		Name: "function-log-kept-for-ever", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("logs", "delete_retention_policy", Params{"logGroupName": "/aws/lambda/photoeditor-dev-device-token"}),
		},
		Want: []Verdict{modified("aws_cloudwatch_log_group.device_token", "retention_in_days")},
		Note: "Live is 0.",
	},
	{
		Name: "alarm-threshold", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			putErrorsAlarm(Params{"Threshold": 100}),
		},
		Want: []Verdict{modified("aws_cloudwatch_metric_alarm.lambda_errors", "threshold")},
		Note: "From 0, which is a value and not an absence.",
	},
	{
		Name: "alarm-silenced", Class: "unset", Stack: "device-tokens",
		Calls: []lab.Call{
			putErrorsAlarm(Params{"ActionsEnabled": false}),
		},
		Want: []Verdict{modified("aws_cloudwatch_metric_alarm.lambda_errors", "actions_enabled")},
		Note: "A default of true.",
	},
	{
		Name: "alarm-query-edited", Class: "dynamic", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("cloudwatch", "put_metric_alarm", Params{
				"AlarmName": "photoeditor-dev-device-tokens-throttling", "AlarmDescription": "DynamoDB throttles requests to the table photoeditor-dev-device-tokens.",
				"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": "notBreaching",
				"Metrics": List{
					Params{"Id": "throttled", "Label": "Throttled requests", "Expression": "MAX(FILL(METRICS(), 0))", "ReturnData": true},
					Params{"Id": "deleteitem", "ReturnData": false, "MetricStat": Params{"Stat": "Sum", "Period": 300, "Metric": Params{"Namespace": "AWS/DynamoDB", "MetricName": "ThrottledRequests", "Dimensions": List{Params{"Name": "TableName", "Value": "photoeditor-dev-device-tokens"}, Params{"Name": "Operation", "Value": "DeleteItem"}}}}},
					Params{"Id": "updateitem", "ReturnData": false, "MetricStat": Params{"Stat": "Sum", "Period": 300, "Metric": Params{"Namespace": "AWS/DynamoDB", "MetricName": "ThrottledRequests", "Dimensions": List{Params{"Name": "TableName", "Value": "photoeditor-dev-device-tokens"}, Params{"Name": "Operation", "Value": "UpdateItem"}}}}},
				},
			}),
		},
		Want: []Verdict{modified("aws_cloudwatch_metric_alarm.dynamodb_throttling", "metric_query")},
		Note: "A set of blocks, some of them from a dynamic block.",
	},
	{
		Name: "alarms-deleted", Class: "multiple", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("cloudwatch", "delete_alarms", Params{"AlarmNames": List{"photoeditor-dev-device-tokens-throttling", "photoeditor-dev-device-tokens-system-errors"}}),
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 1024}),
		},
		Want: []Verdict{
			deleted("aws_cloudwatch_metric_alarm.dynamodb_system_errors"),
			deleted("aws_cloudwatch_metric_alarm.dynamodb_throttling"),
			modified("aws_lambda_function.device_token", "memory_size"),
		},
		Note: "Three findings.",
	},

	// The API.
	{
		Name: "method-opened", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("apigateway", "delete_method", Params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}", "httpMethod": "POST"}),
			Call("apigateway", "put_method", Params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}", "httpMethod": "POST", "authorizationType": "NONE"}),
			putIntegration("POST", "${aws_lambda_function.device_token.invoke_arn}"),
		},
		Want: []Verdict{modified(`aws_api_gateway_method.device_tokens["POST"]`, "authorization")},
		Note: "Made anew, because the emulator can't update a method. The integration is as it was.",
	},
	{
		Name: "integration-redirected", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			putIntegration("DELETE", elsewhere),
		},
		Want: []Verdict{modified(`aws_api_gateway_integration.device_tokens["DELETE"]`, "uri")},
		Note: "One of two by for_each.",
	},
	{
		Name: "resource-deleted", Class: "deletion", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("apigateway", "delete_resource", Params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}"}),
		},
		Want: []Verdict{
			deleted("aws_api_gateway_resource.device_tokens"),
			deleted(`aws_api_gateway_method.device_tokens["DELETE"]`), deleted(`aws_api_gateway_method.device_tokens["POST"]`),
			deleted(`aws_api_gateway_integration.device_tokens["DELETE"]`), deleted(`aws_api_gateway_integration.device_tokens["POST"]`),
		},
		Note: "With its methods and integrations. The deployment and the permission are as applied, though a plan can't know their new values.",
	},
	{
		Name: "stage-variable", Class: "unset", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("apigateway", "update_stage", Params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "stageName": "dev", "patchOperations": List{Params{"op": "replace", "path": "/variables/mode", "value": "debug"}}}),
		},
		Want: []Verdict{modified("aws_api_gateway_stage.device_tokens", `variables["mode"]`)},
		Note: "An optional map that the source doesn't set.",
	},
	{
		Name: "api-described", Class: "plain", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("apigateway", "update_rest_api", Params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "patchOperations": List{Params{"op": "replace", "path": "/description", "value": "by hand"}}}),
		},
		Want: []Verdict{modified("aws_api_gateway_rest_api.device_tokens", "description")},
		Note: "Optional and computed, and the source sets it.",
	},

	// Code changed and not applied.
	{
		Name: "tokens-code-value-changed", Class: "pending", Stack: "device-tokens",
		Edits: []Edit{
			replaceIn("lambda.tf", "memory_size      = 128", "memory_size      = 256"),
		},
		Pending: []string{"aws_lambda_function.device_token"},
		Note:    "Nobody touched the function.",
	},
	{
		Name: "tokens-code-value-changed-and-drift", Class: "pending", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "Timeout": 60}),
		},
		Edits: []Edit{
			replaceIn("lambda.tf", "memory_size      = 128", "memory_size      = 256"),
		},
		Want:    []Verdict{modified("aws_lambda_function.device_token", "timeout")},
		Pending: []string{"aws_lambda_function.device_token"},
		Note:    "memory_size is planned, but live and applied agree on it.",
	},
	{
		Name: "tokens-default-tag-added-and-drift", Class: "pending", Stack: "device-tokens", Alone: true,
		Calls: []lab.Call{
			Call("dynamodb", "update_continuous_backups", Params{"TableName": "photoeditor-dev-device-tokens", "PointInTimeRecoverySpecification": Params{"PointInTimeRecoveryEnabled": false}}),
		},
		Edits: []Edit{
			replaceIn("main.tf", `Component   = "device-tokens"`, `Component = "device-tokens", CostCentre = "4711"`),
		},
		Want:    []Verdict{modified("aws_dynamodb_table.device_tokens", "point_in_time_recovery[0].enabled")},
		Pending: []string{"aws_dynamodb_table.device_tokens", "aws_kms_key.device_tokens"},
		Note:    "Not the default tags.",
	},
	{
		Name: "tokens-adopted", Class: "adopted", Stack: "device-tokens",
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 256, "Timeout": 60}),
		},
		Edits: []Edit{
			replaceIn("lambda.tf", "memory_size      = 128", "memory_size      = 256"),
		},
		Want:    []Verdict{modified("aws_lambda_function.device_token", "timeout")},
		Adopted: []Observation{seen("aws_lambda_function.device_token", "memory_size")},
		Note:    "One of two taken into the code.",
	},
	{
		Name: "tokens-orphan-by-for-each", Class: "orphan", Stack: "device-tokens",
		Calls: []lab.Call{
			putIntegration("DELETE", elsewhere),
			putIntegration("POST", elsewhere),
		},
		Edits: []Edit{
			replaceIn("apigateway.tf", `api_methods = toset(["DELETE", "POST"])`, `api_methods = toset(["POST"])`),
		},
		Want:    []Verdict{modified(`aws_api_gateway_integration.device_tokens["POST"]`, "uri")},
		Pending: []string{`aws_api_gateway_integration.device_tokens["DELETE"]`, `aws_api_gateway_method.device_tokens["DELETE"]`},
		Note:    "The same change on two instances: one is about to be destroyed.",
	},
	{
		Name: "tokens-moved-and-drift", Class: "moved", Stack: "device-tokens",
		Calls: []lab.Call{
			putErrorsAlarm(Params{"ActionsEnabled": false}),
		},
		Edits: []Edit{
			replaceIn("cloudwatch.tf", `resource "aws_cloudwatch_metric_alarm" "lambda_errors"`, `resource "aws_cloudwatch_metric_alarm" "function_errors"`),
			appendTo("moved.tf", "moved {\n  from = aws_cloudwatch_metric_alarm.lambda_errors\n  to   = aws_cloudwatch_metric_alarm.function_errors\n}\n"),
		},
		Want: []Verdict{modified("aws_cloudwatch_metric_alarm.function_errors", "actions_enabled")},
		Note: "By the source of its new name.",
	},
	{
		Name: "tokens-tainted-and-drift", Class: "tainted", Stack: "device-tokens",
		Terraform: []string{"taint", "aws_lambda_function.device_token"},
		Calls: []lab.Call{
			Call("lambda", "update_function_configuration", Params{"FunctionName": "photoeditor-dev-device-token", "Timeout": 60}),
		},
		Want:    []Verdict{modified("aws_lambda_function.device_token", "timeout")},
		Pending: []string{"aws_lambda_function.device_token"},
		Note:    "What depends on the function is planned anew as well, with unknown values: not drift.",
	},
}
